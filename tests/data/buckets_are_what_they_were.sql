{#-
    Known buckets, worked out elsewhere (Python's hashlib): an engine that hashes otherwise would move people between the arms of
    running experiments. And tonight's pilots, holdouts and arms, worked out anew.
-#}
{%- set known = [
    ("pilot:welcome__new__email", "u000001", 4417),
    ("holdout:global", "u000001", 4073),
    ("holdout:win_back__lapsed__email", "42", 5676),
    ("holdout:global", "Zoë", 7406),
    ("pilot:x", "", 965),
    ("arm:split", "u27254", 999),
    ("arm:split", "u1270", 1000),
] %}

with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    campaign_arms as (select * from {{ ref("int_campaigns__arms") }}),

    cases as (
        {%- for salt, user_id, bucket_number in known %}
            select
                {{ sql_text(salt) }} as salt,
                {{ sql_text(user_id) }} as user_id,
                {{ bucket_number }} as known_bucket
                {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    moved as (
        select salt, user_id, known_bucket, {{ bucket("salt", "user_id") }} as found_bucket
        from cases
        where {{ bucket("salt", "user_id") }} <> known_bucket
    ),

    in_the_wrong_group as (
        select
            decisions.campaign_id as salt,
            decisions.user_id,
            cast(null as integer) as known_bucket,
            {{ bucket("'holdout:' || decisions.campaign_id", "decisions.user_id") }} as found_bucket
        from decisions
        inner join campaigns on decisions.campaign_id = campaigns.campaign_id
        where
            (
                {{ bucket("'pilot:' || decisions.campaign_id", "decisions.user_id") }}
                >= campaigns.pilot_percent * 100
            )
            <> {{ list_has("decisions.reasons", "'outside_pilot'") }}
            and decisions.decision <> 'suppress'
            or (
                not campaigns.is_transactional
                and (
                    {{ bucket("'holdout:' || decisions.campaign_id", "decisions.user_id") }}
                    < campaigns.holdout_percent * 100
                    or {{ bucket("'holdout:global'", "decisions.user_id") }}
                    < {{ var("global_holdout_percent") }} * 100
                )
            )
            <> {{ list_has("decisions.reasons", "'holdout'") }}
    ),

    in_another_arm as (
        select
            decisions.campaign_id as salt,
            decisions.user_id,
            cast(null as integer) as known_bucket,
            {{ bucket("'arm:' || decisions.campaign_id", "decisions.user_id") }} as found_bucket
        from decisions
        inner join campaigns on decisions.campaign_id = campaigns.campaign_id
        left join
            campaign_arms
            on decisions.campaign_id = campaign_arms.campaign_id
            and decisions.arm = campaign_arms.arm
        where
            case
                when campaigns.arms is null
                then decisions.arm is not null
                else
                    campaign_arms.arm is null
                    or {{ bucket("'arm:' || decisions.campaign_id", "decisions.user_id") }}
                    < campaign_arms.first_bucket
                    or {{ bucket("'arm:' || decisions.campaign_id", "decisions.user_id") }}
                    >= campaign_arms.end_bucket
            end
    ),

    final as (
        select salt, user_id, known_bucket, found_bucket
        from moved
        union all
        select salt, user_id, known_bucket, found_bucket
        from in_the_wrong_group
        union all
        select salt, user_id, known_bucket, found_bucket
        from in_another_arm
    )

select *
from final
