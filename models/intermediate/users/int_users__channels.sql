{%- set channels = ["email", "sms", "push"] -%}

with
    users as (select * from {{ ref("int_users__current") }}),

    versions as (select * from {{ ref("int_users__versions") }}),

    addresses as (select * from {{ ref("int_users__addresses") }}),

    of_user as (select * from {{ ref("int_messages__by_user_channel") }}),

    of_address as (select * from {{ ref("int_messages__by_address") }}),

    suppressions as (select * from {{ ref("global_suppressions") }}),

    -- consent was given anew where a version says yes and the one before it did not; a flag that cannot be
    -- read is
    -- no step from one to the other
    consents as (
        {%- for channel in channels %}
            select
                user_id,
                '{{ channel }}' as channel,
                updated_at,
                {{ channel }}_opt_in as is_opted_in,
                row_number() over (partition by user_id order by updated_at) as version_number,
                lag({{ channel }}_opt_in) over (partition by user_id order by updated_at) as was_opted_in
            from versions
            where
                {{ has_column(channel ~ "_opt_in") }}
                and (
                    {{ channel }}_opt_in is not null
                    or not {{ list_has("unreadable_columns", "'" ~ channel ~ "_opt_in'") }}
                )
                {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    given_anew as (
        select user_id, channel, max(updated_at) as given_at
        from consents
        where version_number > 1 and is_opted_in and not coalesce(was_opted_in, false)
        group by user_id, channel
    ),

    profiles as (
        {%- for channel in channels %}
            select
                user_id,
                '{{ channel }}' as channel,
                {{ channel }}_opt_in as is_opted_in,
                {{ channel }}_opt_in_at as opted_in_at,
                topics_opted_out
            from users {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    facts as (
        select
            profiles.user_id,
            profiles.channel,
            addresses.address,
            {{ lowered("addresses.address") }} as address_key,
            addresses.address_hash,
            coalesce(addresses.is_reachable, false) as is_reachable,
            -- a bounce stays with the address, a complaint with the person too
            coalesce(of_address.has_hard_bounced, false)
            or coalesce(of_user.has_hard_bounced_somewhere, false) as has_hard_bounced,
            coalesce(of_address.has_complained, false)
            or coalesce(of_user.has_complained, false) as has_complained,
            profiles.is_opted_in,
            profiles.topics_opted_out,
            of_user.last_unsubscribed_at as user_unsubscribed_at,
            of_address.last_unsubscribed_at as address_unsubscribed_at,
            greatest(
                case when profiles.opted_in_at < {{ as_of() }} then profiles.opted_in_at end,
                given_anew.given_at
            ) as consented_at
        from profiles
        left join
            addresses
            on profiles.user_id = addresses.user_id
            and profiles.channel = addresses.channel
            and addresses.is_current
        left join of_user on profiles.user_id = of_user.user_id and profiles.channel = of_user.channel
        left join
            of_address
            on addresses.address_hash = of_address.address_hash
            and addresses.channel = of_address.channel
        left join
            given_anew on profiles.user_id = given_anew.user_id and profiles.channel = given_anew.channel
    ),

    -- an unsubscription ends by consent that was given after it, and by nothing else
    judged as (
        select
            *,
            coalesce(not is_opted_in, false)
            or {{ has_not_ended("user_unsubscribed_at", "consented_at") }} as has_opted_out,
            {{ has_not_ended("address_unsubscribed_at", "consented_at") }} as has_address_opted_out
        from facts
    ),

    shared_addresses as (
        select
            channel,
            address_hash,
            max(case when has_opted_out then 1 else 0 end) = 1 as has_opted_out,
            {{ union_of_lists("topics_opted_out", "true") }} as topics_opted_out
        from judged
        where address_hash is not null
        group by channel, address_hash
        having count(*) > 1
    ),

    -- a line of the suppression list may name a user, an address or both; either is enough, and an address
    -- stands for the user who has it, in whichever channel
    suppressed as (
        select users.user_id, suppressions.channel
        from users
        inner join suppressions on users.user_id = {{ identifier("suppressions.user_id") }}
        union
        select facts.user_id, suppressions.channel
        from facts
        inner join
            suppressions on facts.address_key = nullif({{ lowered(trimmed("suppressions.address")) }}, '')
    ),

    suppressed_channels as (
        select distinct facts.user_id, facts.channel
        from facts
        inner join
            suppressed on facts.user_id = suppressed.user_id and suppressed.channel in (facts.channel, 'all')
    ),

    final as (
        select
            judged.user_id,
            judged.channel,
            case when judged.is_reachable then judged.address end as address,
            case when judged.is_reachable then judged.address_key end as address_key,
            judged.address_hash,
            judged.is_reachable,
            judged.has_hard_bounced,
            judged.has_complained,
            -- consent as it stands for this person at this address; null is unknown
            case
                when
                    judged.has_opted_out
                    or judged.has_address_opted_out
                    or coalesce(shared_addresses.has_opted_out, false)
                then false
                else judged.is_opted_in
            end as is_opted_in,
            coalesce(shared_addresses.topics_opted_out, judged.topics_opted_out) as topics_opted_out,
            suppressed_channels.user_id is not null as is_suppressed
        from judged
        left join
            shared_addresses
            on judged.channel = shared_addresses.channel
            and judged.address_hash = shared_addresses.address_hash
        left join
            suppressed_channels
            on judged.user_id = suppressed_channels.user_id
            and judged.channel = suppressed_channels.channel
    )

select *
from final
