with
    source as (select * from {{ source("ledger", "cancellations") }}),

    final as (
        select as_of, dispatch_id, campaign_id, user_id, cancelled_at, reasons
        from source
        where {{ was_known_then("cancelled_at", "cancelled_until") }}
    )

select *
from final
