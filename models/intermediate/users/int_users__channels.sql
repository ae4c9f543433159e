with
    users as (select * from {{ ref("int_users__current") }}),

    reports as (select * from {{ ref("int_messages__by_user_channel") }}),

    suppressions as (select * from {{ ref("global_suppressions") }}),

    addresses as (
        select
            user_id,
            'email' as channel,
            {{ trimmed("email") }} as address,
            email_opt_in as is_opted_in,
            updated_at
        from users
        union all
        select
            user_id,
            'sms' as channel,
            {{ trimmed("phone") }} as address,
            sms_opt_in as is_opted_in,
            updated_at
        from users
        union all
        select
            user_id,
            'push' as channel,
            {{ trimmed("push_token") }} as address,
            push_opt_in as is_opted_in,
            updated_at
        from users
    ),

    checked as (select *, {{ is_valid_address("channel", "address") }} as is_reachable from addresses),

    -- a line of the suppression list may name a user, an address or both; either is enough, and an address
    -- stands for the
    -- user who has it, in whichever channel
    suppressed as (
        select users.user_id, suppressions.channel
        from users
        inner join suppressions on users.user_id = suppressions.user_id
        union
        select addresses.user_id, suppressions.channel
        from addresses
        inner join
            suppressions
            on {{ lowered("addresses.address") }} = {{ lowered(trimmed("suppressions.address")) }}
    ),

    suppressed_channels as (
        select distinct checked.user_id, checked.channel
        from checked
        inner join
            suppressed
            on checked.user_id = suppressed.user_id
            and suppressed.channel in (checked.channel, 'all')
    ),

    final as (
        select
            checked.user_id,
            checked.channel,
            case when checked.is_reachable then checked.address end as address,
            case when checked.is_reachable then {{ lowered("checked.address") }} end as address_key,
            checked.is_reachable,
            coalesce(reports.has_hard_bounced, false) as has_hard_bounced,
            coalesce(reports.has_complained, false) as has_complained,
            -- consent as it stands: an unsubscription counts until the profile is updated after it; null is
            -- unknown
            case
                when reports.last_unsubscribed_at > checked.updated_at then false else checked.is_opted_in
            end as is_opted_in,
            suppressed_channels.user_id is not null as is_suppressed
        from checked
        left join reports on checked.user_id = reports.user_id and checked.channel = reports.channel
        left join
            suppressed_channels
            on checked.user_id = suppressed_channels.user_id
            and checked.channel = suppressed_channels.channel
    )

select *
from final
