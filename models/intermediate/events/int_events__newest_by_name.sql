with
    events as (select * from {{ ref("int_events__with_messages") }}),

    named_events as (select * from {{ ref("int_campaigns__named_events") }}),

    -- what stops a message counts to the last moment that its time can mean
    final as (
        select events.user_id, events.event_name, max(events.occurred_until) as newest_at
        from events
        inner join named_events on events.event_name = named_events.event_name
        group by events.user_id, events.event_name
    )

select *
from final
