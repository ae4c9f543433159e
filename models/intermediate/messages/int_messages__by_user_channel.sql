with
    reports as (select * from {{ ref("int_messages__reports") }}),

    addressed as (select * from {{ ref("int_messages__addressed") }}),

    seen as (
        select
            user_id,
            channel,
            max(case when event_type = 'opened' then occurred_at end) as last_opened_at,
            max(case when event_type in ('opened', 'clicked') then occurred_at end) as last_engaged_at
        from reports
        where event_type in ('opened', 'clicked')
        group by user_id, channel
    ),

    stopped as (
        select
            user_id,
            channel,
            count(case when event_type = 'complained' then 1 end) > 0 as has_complained,
            max(case when event_type = 'unsubscribed' then occurred_until end) as last_unsubscribed_at,
            max(case when event_type = 'resubscribed' then occurred_at end) as last_resubscribed_at
        from addressed
        where event_type <> 'sent'
        group by user_id, channel
    ),

    final as (
        select
            coalesce(stopped.user_id, seen.user_id) as user_id,
            coalesce(stopped.channel, seen.channel) as channel,
            coalesce(stopped.has_complained, false) as has_complained,
            stopped.last_unsubscribed_at,
            stopped.last_resubscribed_at,
            seen.last_opened_at,
            seen.last_engaged_at
        from stopped
        full outer join seen on stopped.user_id = seen.user_id and stopped.channel = seen.channel
    )

select *
from final
