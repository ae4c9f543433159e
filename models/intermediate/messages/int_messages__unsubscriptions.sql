{#- A resubscription of the same person, or of the same address, ends an unsubscription that was before it. -#}
with
    reports as (select * from {{ ref("int_messages__addressed") }}),

    users as (select user_id from {{ ref("int_users__current") }}),

    -- an id that no profile has may stand for two people
    resubscribed_users as (
        select reports.user_id, reports.channel, max(reports.occurred_at) as resubscribed_at
        from reports
        inner join users on reports.user_id = users.user_id
        where reports.event_type = 'resubscribed'
        group by reports.user_id, reports.channel
    ),

    resubscribed_addresses as (
        select address_hash, channel, max(occurred_at) as resubscribed_at
        from reports
        where event_type = 'resubscribed' and address_hash is not null
        group by address_hash, channel
    ),

    final as (
        select
            reports.message_event_id,
            reports.channel,
            reports.user_id,
            reports.address_hash,
            reports.occurred_until as unsubscribed_at
        from reports
        left join
            resubscribed_users
            on reports.user_id = resubscribed_users.user_id
            and reports.channel = resubscribed_users.channel
        left join
            resubscribed_addresses
            on reports.address_hash = resubscribed_addresses.address_hash
            and reports.channel = resubscribed_addresses.channel
        where
            reports.event_type = 'unsubscribed' and not
            {{
                has(
                    "greatest(resubscribed_users.resubscribed_at, resubscribed_addresses.resubscribed_at) > reports.occurred_until"
                )
            }}
    )

select *
from final
