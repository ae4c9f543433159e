with
    reports as (select * from {{ ref("int_messages__reports") }}),

    addressed as (select * from {{ ref("int_messages__addressed") }}),

    unsubscriptions as (select * from {{ ref("int_messages__unsubscriptions") }}),

    users as (
        select user_id, channel
        from reports
        union
        select user_id, channel
        from addressed
    ),

    seen as (
        select
            user_id,
            channel,
            max(case when event_type = 'opened' then occurred_at end) as last_opened_at,
            max(occurred_at) as last_engaged_at
        from reports
        where event_type in ('opened', 'clicked')
        group by user_id, channel
    ),

    -- a bounce of an address that nobody knows is taken for the person's
    undeliverable as (
        select
            user_id,
            channel,
            count(case when event_type = 'complained' then 1 end) > 0 as has_complained,
            count(case when event_type = 'bounced_hard' and address_hash is null then 1 end)
            > 0 as has_hard_bounced_somewhere
        from addressed
        where event_type in ('bounced_hard', 'complained')
        group by user_id, channel
    ),

    unsubscribed as (
        select user_id, channel, max(unsubscribed_at) as last_unsubscribed_at
        from unsubscriptions
        group by user_id, channel
    ),

    final as (
        select
            users.user_id,
            users.channel,
            coalesce(undeliverable.has_complained, false) as has_complained,
            coalesce(undeliverable.has_hard_bounced_somewhere, false) as has_hard_bounced_somewhere,
            unsubscribed.last_unsubscribed_at,
            seen.last_opened_at,
            seen.last_engaged_at
        from users
        left join seen on users.user_id = seen.user_id and users.channel = seen.channel
        left join
            undeliverable on users.user_id = undeliverable.user_id and users.channel = undeliverable.channel
        left join
            unsubscribed on users.user_id = unsubscribed.user_id and users.channel = unsubscribed.channel
    )

select *
from final
