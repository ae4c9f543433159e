with
    reports as (select * from {{ ref("int_messages__reports") }}),

    final as (
        select
            user_id,
            channel,
            count(case when event_type = 'bounced_hard' then 1 end) > 0 as has_hard_bounced,
            count(case when event_type = 'complained' then 1 end) > 0 as has_complained,
            max(case when event_type = 'unsubscribed' then occurred_at end) as last_unsubscribed_at,
            max(case when event_type = 'opened' then occurred_at end) as last_opened_at,
            max(case when event_type in ('opened', 'clicked') then occurred_at end) as last_engaged_at
        from reports
        group by user_id, channel
    )

select *
from final
