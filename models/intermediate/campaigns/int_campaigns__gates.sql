{#-
    The gates of contract §6: each is one condition, and one column stopped_by_<reason>. A gate whose input is unknown stops
    with a reason of its own, so a condition that is null does not hold. The order and the words stand in seeds/reasons.csv.
-#}
{%- set gates = {
    "unreadable": list_size("unreadable_reasons") ~ " > 0 and not is_transactional",
    "unreachable": "not coalesce(is_reachable, false)",
    "hard_bounced": "has_hard_bounced",
    "complained": "has_complained",
    "channel_opt_out": "not is_transactional and not is_opted_in",
    "consent_unknown": "not is_transactional and is_opted_in is null",
    "topic_opt_out": "not is_transactional and "
    ~ lists_overlap(
        "topics_opted_out",
        list_of(["topic_key", "case when topic_key is not null then 'all' end"]),
    ),
    "globally_suppressed": "is_suppressed",
    "excluded": list_size("excluded_reasons") ~ " > 0",
    "exception": list_size("exceptions") ~ " > 0",
    "signup_unknown": "is_aged_from_signup and signed_up_at is null",
    "too_soon": "age_from > " ~ add_seconds("as_of", "-min_age_seconds"),
    "too_late": "age_from < " ~ add_seconds("send_at", "-max_age_seconds"),
    "cooldown": within_days_of_sending("last_sent_at", "cooldown_days", "send_at")
    ~ " or cast(last_dispatched_as_of as date) = cast(as_of as date)",
    "incomplete_personalization": "variant is null",
    "outside_pilot": bucket("'pilot:' || campaign_id", "user_id") ~ " >= pilot_percent * 100",
    "holdout": "not is_transactional and ("
    ~ bucket("'holdout:' || campaign_id", "user_id")
    ~ " < holdout_percent * 100 or "
    ~ bucket("'holdout:global'", "user_id")
    ~ " < "
    ~ var("global_holdout_percent")
    ~ " * 100)",
} -%}
{#- what a gate adds to its reason, once for each table, segment or event that stops -#}
{%- set reason_in_detail -%}
    case
        item
        when 'unreadable'
        then unreadable_reasons
        when 'excluded'
        then excluded_reasons
        when 'exception'
        then exceptions
        else {{ list_of(["item"]) }}
    end
{%- endset -%}

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

    reason_order as (select reason, reason_number from {{ ref("reasons") }}),

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
            {{ list_intersection("campaigns.excluded_segments", "segments.segments", "excluded:") }}
            as excluded_reasons,
            channels.topics_opted_out,
            unreadable_tables.reasons as unreadable_reasons,
            features.signed_up_at,
            features.last_active_at,
            features.max_messages_per_week,
            channels.address_key,
            channels.address_hash,
            channels.is_reachable,
            channels.has_hard_bounced,
            channels.has_complained,
            channels.is_opted_in,
            channels.is_suppressed,
            exceptions.exceptions,
            sent.last_sent_at,
            sent.last_dispatched_as_of,
            candidates.arm,
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
            -- a text without an arm is for campaigns without arms. As one equation: for any other condition,
            -- DuckDB compares every row with every other
            and coalesce(variants.arm, '')
            = coalesce(candidates.arm, case when campaigns.has_arms then 'none of these' else '' end)
        left join
            send_times
            on users.timezone = send_times.timezone
            and campaigns.send_hour_local = send_times.send_hour_local
    ),

    judged as (
        select
            {%- for reason, condition in gates.items() %}
                {{ has(condition) }} as stopped_by_{{ reason }},
            {%- endfor %}
            *
        from facts
    ),

    -- few combinations of gates stand for many candidates: each is written as a list once
    combined as {{ computed_once() }} (
        select
            *,
            {% for reason in gates %}
                case when stopped_by_{{ reason }} then {{ 2**loop.index0 }} else 0 end
                {{- " +" if not loop.last }}
            {% endfor %} as combination
        from judged
    ),

    combinations as (
        select distinct combination {%- for reason in gates %}, stopped_by_{{ reason }} {%- endfor %}
        from combined
    ),

    stops as (
        {%- for reason in gates %}
            select combination, '{{ reason }}' as reason
            from combinations
            where stopped_by_{{ reason }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    listed as (
        select
            stops.combination,
            {{ ordered_list("stops.reason", "reason_order.reason_number, stops.reason") }} as reasons
        from stops
        left join reason_order on stops.reason = reason_order.reason
        group by stops.combination
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
            arm,
            variant,
            send_at,
            journey_started_at,
            {%- for reason in gates %} stopped_by_{{ reason }}, {%- endfor %}
            case
                when stopped_by_unreadable or stopped_by_excluded or stopped_by_exception
                then flatten({{ map_list("listed.reasons", reason_in_detail) }})
                else coalesce(listed.reasons, {{ empty_list() }})
            end as reasons,
            combined.combination = 0 as has_passed
        from combined
        left join listed on combined.combination = listed.combination
    )

select *
from final
