with
    history as (select * from {{ source("history", "active_days") }}),

    final as (select user_id, active_on from history)

select *
from final
