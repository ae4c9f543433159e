with
    events as (select * from {{ ref("int_events__with_messages") }}),

    named_events as (select * from {{ ref("int_campaigns__named_events") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    -- a message that our own ledger has dispatched counts as sent before its report has come
    happened as (
        select user_id, event_name, occurred_until
        from events
        union all
        select user_id, 'message_sent:' || campaign_id as event_name, sent_at as occurred_until
        from sent
        where campaign_id is not null
    ),

    -- what stops a message counts to the last moment that its time can mean
    final as (
        select happened.user_id, happened.event_name, max(happened.occurred_until) as newest_at
        from happened
        inner join named_events on happened.event_name = named_events.event_name
        group by happened.user_id, happened.event_name
    )

select *
from final
