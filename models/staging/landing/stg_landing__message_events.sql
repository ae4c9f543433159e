with
    base as (select * from {{ ref("base_landing__message_events") }}),

    final as (
        select
            message_event_id,
            user_id,
            campaign_id,
            channel,
            variant,
            event_type,
            occurred_at,
            occurred_until,
            dispatch_id,
            address,
            is_machine_open
        from base
        where quarantine_reason is null
    )

select *
from final
