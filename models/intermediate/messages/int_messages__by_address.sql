with
    reports as (select * from {{ ref("int_messages__addressed") }}),

    final as (
        select
            channel,
            address_hash,
            count(case when event_type = 'bounced_hard' then 1 end) > 0 as has_hard_bounced,
            count(case when event_type = 'complained' then 1 end) > 0 as has_complained,
            max(case when event_type = 'unsubscribed' then occurred_until end) as last_unsubscribed_at,
            max(case when event_type = 'resubscribed' then occurred_at end) as last_resubscribed_at
        from reports
        where address_hash is not null and event_type <> 'sent'
        group by channel, address_hash
    )

select *
from final
