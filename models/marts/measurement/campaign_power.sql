{#- How often chance alone may ever show an effect, and how far beyond that an effect lies that is detected in 80 of 100 cases. -#}
{%- set chance_of_effect = "0.05e0" -%}
{%- set power_quantile = "0.8416212335729143e0" -%}
{%- set nights_ahead = range(0, 15) | list + range(21, 365, 7) | list -%}
{%- set shares = [1, 2, 3, 5, 7.5, 10, 15, 20, 25, 30, 35, 40, 45, 50] -%}
{%- set nights_of_shares = 14 -%}

with
    assigned as (select * from {{ ref("int_measurement__eligible_users") }}),

    past as (select * from {{ ref("int_measurement__recent_decisions") }}),

    tonight as (select * from {{ ref("campaign_decisions") }}),

    reasons as (select * from {{ ref("reasons") }}),

    comparisons as (select * from {{ ref("int_measurement__comparisons") }}),

    campaign_arms as (select * from {{ ref("int_campaigns__arms") }}),

    results as (select * from {{ ref("campaign_results") }} where variant = 'all'),

    decided as (
        select as_of, campaign_id, user_id, decision, primary_reason
        from past
        union all
        select as_of, campaign_id, user_id, decision, primary_reason
        from tonight
    ),

    -- who passed every gate but the experiment: before a campaign starts, its pilot keeps them all out
    eligible as (
        select
            decided.as_of,
            decided.campaign_id,
            decided.user_id,
            decided.decision = 'send' as is_listed,
            decided.decision = 'send' or reasons.step = 'arbitration' as competed
        from decided
        left join reasons on decided.primary_reason = reasons.reason
        where decided.decision in ('send', 'control') or reasons.step in ('arbitration', 'experiment')
    ),

    first_nights as (
        select campaign_id, user_id, min(as_of) as first_at
        from
            (
                select campaign_id, user_id, as_of
                from eligible
                union all
                select campaign_id, user_id, assigned_at as as_of
                from assigned
            ) as nights_of_users
        group by campaign_id, user_id
    ),

    begun as (select campaign_id, min(first_at) as begun_at from first_nights group by campaign_id),

    looked_at as (select min(as_of) as since from decided),

    nights as (
        select decided.campaign_id, count(distinct decided.as_of) as nights
        from decided
        inner join begun on decided.campaign_id = begun.campaign_id
        where decided.as_of > begun.begun_at
        group by decided.campaign_id
    ),

    -- those of the campaign's first night were there already; the others have come since
    audiences as (
        select
            first_nights.campaign_id,
            count(*) as users_so_far,
            count(
                case
                    when first_nights.first_at > begun.begun_at and first_nights.first_at >= looked_at.since
                    then 1
                end
            ) as new_users
        from first_nights
        inner join begun on first_nights.campaign_id = begun.campaign_id
        cross join looked_at
        group by first_nights.campaign_id
    ),

    places as (
        select
            campaign_id,
            cast(count(case when is_listed then 1 end) as double)
            / nullif(count(case when competed then 1 end), 0) as listed_share
        from eligible
        group by campaign_id
    ),

    rates as (
        select campaign_id, cast(sum(converted) + 1 as double) / (sum(users) + 2) as base_rate
        from results
        where arm in ('send', 'control')
        group by campaign_id
        having sum(users) > 0
    ),

    wholes as (select * from comparisons where campaign_arm is null),

    -- the question that the campaign asks: against control, or of each arm against the first one
    questions as (
        select campaign_id, arm, expected_control_share as compared_share, cast(1 as double) as pair_share
        from wholes
        where
            evaluation not in ('arms', 'outside')
            and expected_control_share > 0
            and expected_control_share < 1
        union all
        select
            comparisons.campaign_id,
            comparisons.arm,
            comparisons.expected_control_share as compared_share,
            (1 - wholes.expected_control_share)
            * (campaign_arms.share_percent + first_arms.share_percent)
            / 100 as pair_share
        from comparisons
        inner join wholes on comparisons.campaign_id = wholes.campaign_id
        inner join
            campaign_arms
            on comparisons.campaign_id = campaign_arms.campaign_id
            and comparisons.campaign_arm = campaign_arms.arm
        inner join
            campaign_arms as first_arms
            on comparisons.campaign_id = first_arms.campaign_id
            and comparisons.compared_arm = first_arms.arm
        where comparisons.is_against_first
    ),

    nights_ahead as (
        {%- for number in nights_ahead %}
            select {{ number }} as nights {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    shares as (
        {%- for share in shares %}
            select cast({{ share / 100 }} as double) as share {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    asked as (
        select
            questions.campaign_id,
            questions.arm,
            true as is_as_set,
            questions.compared_share,
            questions.pair_share,
            nights_ahead.nights
        from questions
        cross join nights_ahead
        union all
        -- arms that share people evenly tell soonest; of a holdout, the price is those who do not get the
        -- message
        select
            questions.campaign_id,
            questions.arm,
            false as is_as_set,
            shares.share as compared_share,
            questions.pair_share,
            {{ nights_of_shares }} as nights
        from questions
        cross join shares
        where questions.arm = 'send'
    ),

    expected as (
        select
            asked.*,
            audiences.users_so_far,
            cast(audiences.new_users as double) / nullif(nights.nights, 0) as users_per_night,
            places.listed_share,
            rates.base_rate,
            asked.pair_share * (
                audiences.users_so_far
                + coalesce(cast(audiences.new_users as double) / nullif(nights.nights, 0), 0) * asked.nights
            ) as users
        from asked
        inner join audiences on asked.campaign_id = audiences.campaign_id
        left join nights on asked.campaign_id = nights.campaign_id
        left join places on asked.campaign_id = places.campaign_id
        left join rates on asked.campaign_id = rates.campaign_id
    ),

    variances as (
        select
            *,
            1e0 / nullif(users * compared_share, 0)
            + 1e0 / nullif(users * (1 - compared_share), 0) as unit_variance
        from expected
    ),

    distances as (
        select
            *,
            ({{ anytime_quantile("unit_variance", chance_of_effect) }} + {{ power_quantile }})
            * sqrt(unit_variance) as deviations
        from variances
    ),

    final as (
        select
            campaign_id,
            arm,
            is_as_set,
            compared_share,
            nights,
            users_so_far,
            users_per_night,
            users,
            listed_share,
            base_rate,
            deviations,
            deviations * sqrt(base_rate * (1 - base_rate)) as smallest_effect
        from distances
    )

select *
from final
