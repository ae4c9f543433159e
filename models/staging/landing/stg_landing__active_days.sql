with
    base as (select * from {{ ref("base_landing__active_days") }}),

    final as (select user_id, active_on from base)

select *
from final
