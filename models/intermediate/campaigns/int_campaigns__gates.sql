{#- The gates in the order of contract §6; each writes its own reason, and one whose input is unknown fails with its own. -#}
{%- set global_holdout = var("global_holdout_percent") -%}
{%- set address_to_suppression = [
    "case when not coalesce(is_reachable, false) then 'unreachable' end",
    "case when has_hard_bounced then 'hard_bounced' end",
    "case when has_complained then 'complained' end",
    "case when not is_transactional and not is_opted_in then 'channel_opt_out' end",
    "case when not is_transactional and is_opted_in is null then 'consent_unknown' end",
    "case when not is_transactional and "
    ~ lists_overlap(
        "topics_opted_out",
        list_of(["topic_key", "case when topic_key is not null then 'all' end"]),
    )
    ~ " then 'topic_opt_out' end",
    "case when is_suppressed then 'globally_suppressed' end",
] -%}
{%- set timing_to_experiment = [
    "case when is_aged_from_signup and signed_up_at is null then 'signup_unknown' end",
    "case when age_from > " ~ add_seconds("as_of", "-min_age_seconds") ~ " then 'too_soon' end",
    "case when age_from < " ~ add_seconds("send_at", "-max_age_seconds") ~ " then 'too_late' end",
    "case when "
    ~ within_days_of_sending("last_sent_at", "cooldown_days", "send_at")
    ~ " or cast(last_dispatched_as_of as date) = cast(as_of as date) then 'cooldown' end",
    "case when variant is null then 'incomplete_personalization' end",
    "case when "
    ~ bucket("'pilot:' || campaign_id", "user_id")
    ~ " >= pilot_percent * 100 then 'outside_pilot' end",
    "case when not is_transactional and ("
    ~ bucket("'holdout:' || campaign_id", "user_id")
    ~ " < holdout_percent * 100 or "
    ~ bucket("'holdout:global'", "user_id")
    ~ " < "
    ~ global_holdout
    ~ " * 100) then 'holdout' end",
] -%}

with
    candidates as (select * from {{ ref("int_campaigns__candidates") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    users as (select * from {{ ref("int_users__current") }}),

    features as (select * from {{ ref("int_customers__features") }}),

    segments as (select * from {{ ref("int_customers__segments") }}),

    channels as (select * from {{ ref("int_users__channels") }}),

    unreadable as (select * from {{ ref("int_users__unreadable") }}),

    exceptions as (select * from {{ ref("int_campaigns__exceptions") }}),

    journeys as (select * from {{ ref("int_campaigns__journeys") }}),

    sent as (select * from {{ ref("int_messages__sent_by_campaign") }}),

    merge_fields as (select * from {{ ref("int_customers__merge_fields") }}),

    variants as (select * from {{ ref("int_campaigns__variant_by_pattern") }}),

    send_times as (select * from {{ ref("int_nights__send_times") }}),

    night as (select * from {{ ref("int_nights__as_of") }}),

    unreadable_tables as (
        select user_id, {{ ordered_list("'unreadable:' || table_name", "table_position") }} as reasons
        from unreadable
        group by user_id
    ),

    facts as (
        select
            night.as_of,
            candidates.campaign_id,
            candidates.user_id,
            candidates.trigger_at,
            case
                when campaigns.is_aged_from_signup then features.signed_up_at else candidates.trigger_at
            end as age_from,
            campaigns.channel,
            campaigns.content_key,
            campaigns.priority,
            campaigns.cooldown_days,
            campaigns.min_age_seconds,
            campaigns.max_age_seconds,
            campaigns.pilot_percent,
            campaigns.holdout_percent,
            campaigns.is_transactional,
            campaigns.is_aged_from_signup,
            {{ lowered("campaigns.topic") }} as topic_key,
            campaigns.excluded_segments,
            channels.topics_opted_out,
            case
                when not campaigns.is_transactional
                then coalesce(unreadable_tables.reasons, {{ empty_list() }})
                else {{ empty_list() }}
            end as unreadable_reasons,
            features.signed_up_at,
            features.last_active_at,
            features.max_messages_per_week,
            segments.segments,
            channels.address_key,
            channels.address_hash,
            channels.is_reachable,
            channels.has_hard_bounced,
            channels.has_complained,
            channels.is_opted_in,
            channels.is_suppressed,
            coalesce(exceptions.exceptions, {{ empty_list() }}) as exceptions,
            sent.last_sent_at,
            sent.last_dispatched_as_of,
            variants.variant,
            case
                when campaigns.send_hour_local is not null
                then send_times.send_at
                -- what nobody waits until morning for is due as soon as lists can arrive
                else {{ add_seconds("night.as_of", 3600 * var("delivery_hours")) }}
            end as send_at,
            coalesce(journeys.journey_started_at, candidates.trigger_at, night.as_of) as journey_started_at
        from candidates
        cross join night
        inner join campaigns on candidates.campaign_id = campaigns.campaign_id
        inner join users on candidates.user_id = users.user_id
        inner join features on candidates.user_id = features.user_id
        inner join segments on candidates.user_id = segments.user_id
        inner join merge_fields on candidates.user_id = merge_fields.user_id
        left join unreadable_tables on candidates.user_id = unreadable_tables.user_id
        left join channels on candidates.user_id = channels.user_id and campaigns.channel = channels.channel
        left join
            exceptions
            on candidates.campaign_id = exceptions.campaign_id
            and candidates.user_id = exceptions.user_id
        left join
            journeys
            on candidates.campaign_id = journeys.campaign_id
            and candidates.user_id = journeys.user_id
        left join sent on candidates.user_id = sent.user_id and candidates.campaign_id = sent.campaign_id
        left join
            variants
            on candidates.campaign_id = variants.campaign_id
            and merge_fields.blank_pattern = variants.blank_pattern
        left join
            send_times
            on users.timezone = send_times.timezone
            and campaigns.send_hour_local = send_times.send_hour_local
    ),

    judged as (
        select
            *,
            {{
                joined_lists(
                    [
                        "unreadable_reasons",
                        list_of(address_to_suppression),
                        list_intersection("excluded_segments", "segments", "excluded:"),
                        "exceptions",
                        list_of(timing_to_experiment),
                    ]
                )
            }} as reasons
        from facts
    ),

    final as (
        select
            as_of,
            campaign_id,
            user_id,
            channel,
            trigger_at,
            age_from,
            {{ add_seconds("age_from", "max_age_seconds") }} as expires_at,
            priority,
            content_key,
            is_transactional,
            address_key,
            address_hash,
            last_active_at,
            max_messages_per_week,
            variant,
            send_at,
            journey_started_at,
            reasons,
            {{ list_size("reasons") }} = 0 as has_passed
        from judged
    )

select *
from final
