{#-
    What the facts say of those on the list and of their addresses, worked out again from profiles, reports and rows that could not
    be read, never from the decision. A fact that is unknown counts as one that does not hold.
-#}
{#- Hive keeps no view whose text is as long as this one -#}
{{ config(schema="audit", materialized="table" if target.type == "spark" else "view") }}

{%- set columns = {"email": "email", "sms": "phone", "push": "push_token"} %}

with
    recipients as (select distinct user_id, campaign_id, channel, address from {{ ref("send_list") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    users as (select * from {{ ref("int_users__current") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    versions as (select * from {{ ref("int_users__versions") }}),

    segments as (select * from {{ ref("int_customers__segments") }}),

    reports as (select * from {{ ref("int_messages__addressed") }}),

    quarantined_rows as (select * from {{ ref("int_users__quarantined_rows") }}),

    suppressions as (select * from {{ ref("global_suppressions") }}),

    profiles as (
        {%- for channel, column in columns.items() %}
            select
                user_id,
                '{{ channel }}' as channel,
                {{ lowered(trimmed(column)) }} as address_key,
                {{ channel }}_opt_in as has_opted_in,
                {{ channel }}_opt_in_at as opted_in_at,
                topics_opted_out
            from users {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    addressed as (
        select *, {{ address_hash("address_key") }} as address_hash
        from profiles
        where {{ is_valid_address("channel", "address_key") }}
    ),

    -- every moment at which somebody consented, by a channel
    versions_by_channel as (
        {%- for channel in columns %}
            select
                user_id,
                '{{ channel }}' as channel,
                updated_at,
                {{ channel }}_opt_in as has_opted_in,
                lag(coalesce(cast({{ channel }}_opt_in as {{ text_type() }}), 'unknown')) over (
                    partition by user_id order by updated_at
                ) as opted_in_before
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

    consents as (
        select user_id, channel, updated_at as consented_at
        from versions_by_channel
        where has_opted_in and opted_in_before in ('false', 'unknown')
        union all
        select user_id, channel, opted_in_at as consented_at
        from profiles
        where opted_in_at < {{ as_of() }}
    ),

    last_consents as (
        select user_id, channel, max(consented_at) as consented_at from consents group by user_id, channel
    ),

    -- a resubscription of the same person, or of the same address, has ended those before it
    unsubscriptions as (
        select user_id, channel, address_hash, occurred_until as unsubscribed_at
        from reports
        where
            event_type = 'unsubscribed'
            and not exists (
                select 1
                from reports as resubscriptions
                where
                    resubscriptions.event_type = 'resubscribed'
                    and resubscriptions.channel = reports.channel
                    and resubscriptions.user_id = reports.user_id
                    and resubscriptions.occurred_at > reports.occurred_until
            )
            and not exists (
                select 1
                from reports as resubscriptions
                where
                    resubscriptions.event_type = 'resubscribed'
                    and resubscriptions.channel = reports.channel
                    and resubscriptions.address_hash = reports.address_hash
                    and resubscriptions.occurred_at > reports.occurred_until
            )
    ),

    -- profiles that say no, and people whose unsubscription nothing has ended
    opted_out as (
        select user_id, channel
        from profiles
        where not has_opted_in
        union
        select unsubscriptions.user_id, unsubscriptions.channel
        from unsubscriptions
        left join
            last_consents
            on unsubscriptions.user_id = last_consents.user_id
            and unsubscriptions.channel = last_consents.channel
        where not {{ has("last_consents.consented_at > unsubscriptions.unsubscribed_at") }}
    ),

    opted_out_addresses as (
        select distinct addressed.channel, addressed.address_hash
        from addressed
        inner join
            opted_out on addressed.user_id = opted_out.user_id and addressed.channel = opted_out.channel
    ),

    topics_of_addresses as (
        select channel, address_hash, {{ union_of_lists("topics_opted_out", "true") }} as topics_opted_out
        from addressed
        group by channel, address_hash
    ),

    unreadable_users as (
        select distinct user_id
        from quarantined_rows
        where
            {{ var("unreadable_days") }} > 0
            and not {{ has("own_at >= " ~ as_of()) }}
            and not {{ has("newest_at < " ~ days_before(as_of(), var("unreadable_days"))) }}
    ),

    hashed as (
        select
            recipients.*,
            {{ address_hash(trimmed("recipients.address")) }} as address_hash,
            coalesce(campaigns.is_transactional, false) as is_transactional,
            {{ lowered("campaigns.topic") }} as topic_key,
            campaigns.audience_segment,
            campaigns.also_segments,
            campaigns.excluded_segments
        from recipients
        left join campaigns on recipients.campaign_id = campaigns.campaign_id
    ),

    final as (
        select
            hashed.user_id,
            hashed.campaign_id,
            hashed.channel,
            hashed.address,
            hashed.address_hash,
            users.user_id is null or erased.user_id is not null as is_erased,
            hashed.is_transactional or unreadable_users.user_id is null as is_readable,
            (
                hashed.audience_segment is null
                or {{ list_has("segments.segments", "hashed.audience_segment") }}
            )
            and {{ list_has_all("segments.segments", "hashed.also_segments") }}
            and not {{ lists_overlap("segments.segments", "hashed.excluded_segments") }} as is_in_audience,
            {{ has("hashed.address = " ~ trimmed("hashed.address")) }}
            and {{ is_valid_address("hashed.channel", "hashed.address") }} as has_valid_address,
            {{ has(lowered("hashed.address") ~ " = profiles.address_key") }} as has_own_address,
            not exists (
                select 1
                from reports
                where
                    reports.channel = hashed.channel
                    and reports.address_hash = hashed.address_hash
                    and reports.event_type in ('bounced_hard', 'complained')
            )
            and not exists (
                select 1
                from reports
                where
                    reports.channel = hashed.channel
                    and reports.user_id = hashed.user_id
                    and (
                        reports.event_type = 'complained'
                        or reports.event_type = 'bounced_hard'
                        and reports.address_hash is null
                    )
            ) as is_deliverable,
            exists (
                select 1
                from suppressions
                where
                    {{ identifier("suppressions.user_id") }} = hashed.user_id
                    and suppressions.channel in (hashed.channel, 'all')
            )
            or exists (
                select 1
                from suppressions
                where
                    {{ lowered(trimmed("suppressions.address")) }} = {{ lowered(trimmed("hashed.address")) }}
                    and suppressions.channel in (hashed.channel, 'all')
            ) as is_suppressed,
            hashed.is_transactional
            or (
                {{ has("profiles.has_opted_in") }}
                and opted_out.user_id is null
                and opted_out_addresses.address_hash is null
                and not exists (
                    select 1
                    from unsubscriptions
                    where
                        unsubscriptions.channel = hashed.channel
                        and unsubscriptions.address_hash = hashed.address_hash
                        and not {{ has("last_consents.consented_at > unsubscriptions.unsubscribed_at") }}
                )
            ) as has_consent,
            hashed.is_transactional
            or hashed.topic_key is null
            or not (
                {{ list_has("topics_of_addresses.topics_opted_out", "hashed.topic_key") }}
                or {{ list_has("topics_of_addresses.topics_opted_out", "'all'") }}
            ) as has_topic_consent
        from hashed
        left join users on hashed.user_id = users.user_id
        left join erased on hashed.user_id = erased.user_id
        left join segments on hashed.user_id = segments.user_id
        left join profiles on hashed.user_id = profiles.user_id and hashed.channel = profiles.channel
        left join unreadable_users on hashed.user_id = unreadable_users.user_id
        left join
            last_consents on hashed.user_id = last_consents.user_id and hashed.channel = last_consents.channel
        left join opted_out on hashed.user_id = opted_out.user_id and hashed.channel = opted_out.channel
        left join
            opted_out_addresses
            on hashed.channel = opted_out_addresses.channel
            and hashed.address_hash = opted_out_addresses.address_hash
        left join
            topics_of_addresses
            on hashed.channel = topics_of_addresses.channel
            and hashed.address_hash = topics_of_addresses.address_hash
    )

select *
from final
