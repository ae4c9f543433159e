with
    source as (select * from {{ source("ledger", "cancellations") }}),

    final as (select as_of, dispatch_id, campaign_id, user_id, cancelled_at, reasons from source)

select *
from final
