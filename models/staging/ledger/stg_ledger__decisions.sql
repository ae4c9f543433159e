with
    source as (select * from {{ source("ledger", "decisions") }}),

    final as (
        select
            as_of,
            user_id,
            campaign_id,
            channel,
            decision,
            primary_reason,
            reasons,
            variant,
            trigger_at,
            priority,
            lost_to,
            send_at,
            arm,
            segments
        from source
    )

select *
from final
