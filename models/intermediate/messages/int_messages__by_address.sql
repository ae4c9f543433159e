with
    reports as (select * from {{ ref("int_messages__addressed") }}),

    unsubscriptions as (select * from {{ ref("int_messages__unsubscriptions") }}),

    undeliverable as (
        select
            channel,
            address_hash,
            count(case when event_type = 'bounced_hard' then 1 end) > 0 as has_hard_bounced,
            count(case when event_type = 'complained' then 1 end) > 0 as has_complained
        from reports
        where address_hash is not null and event_type in ('bounced_hard', 'complained')
        group by channel, address_hash
    ),

    unsubscribed as (
        select channel, address_hash, max(unsubscribed_at) as last_unsubscribed_at
        from unsubscriptions
        where address_hash is not null
        group by channel, address_hash
    ),

    final as (
        select
            coalesce(undeliverable.channel, unsubscribed.channel) as channel,
            coalesce(undeliverable.address_hash, unsubscribed.address_hash) as address_hash,
            coalesce(undeliverable.has_hard_bounced, false) as has_hard_bounced,
            coalesce(undeliverable.has_complained, false) as has_complained,
            unsubscribed.last_unsubscribed_at
        from undeliverable
        full outer join
            unsubscribed
            on undeliverable.channel = unsubscribed.channel
            and undeliverable.address_hash = unsubscribed.address_hash
    )

select *
from final
