{#- How often chance alone may ever show an effect of a metric; of all segments, or of all guardrails, of a campaign together. -#}
{%- set chance_of_effect = "0.05e0" -%}
{%- set own = ("total", "users") -%}
{%- set other = ("compared_total", "compared_users") -%}
{%- set everyone = "(users + compared_users)" -%}

with
    sums as (select * from {{ ref("int_measurement__metrics") }}),

    comparisons as (select * from {{ ref("int_measurement__comparisons") }}),

    metrics as (select * from {{ ref("metrics") }}),

    guardrails as (select count(*) as looks from metrics where is_guardrail),

    pairs as (
        select
            sums.campaign_id,
            sums.segment,
            comparisons.arm,
            comparisons.compared_with,
            sums.metric,
            -- of the success there is no line among the settings: it is the share of people who had it
            metrics.amount is null and coalesce(metrics.most_per_user, 1) = 1 as is_share,
            coalesce(metrics.is_guardrail, false) as is_guardrail,
            metrics.tolerated_rise,
            sums.users,
            sums.total,
            sums.squares,
            sums.total_before,
            sums.squares_before,
            sums.products,
            others.users as compared_users,
            others.total as compared_total,
            others.squares as compared_squares,
            others.total_before as compared_total_before,
            others.squares_before as compared_squares_before,
            others.products as compared_products
        from sums
        inner join
            comparisons
            on sums.campaign_id = comparisons.campaign_id
            and sums.campaign_arm is not distinct from comparisons.campaign_arm
        left join
            sums as others
            on sums.campaign_id = others.campaign_id
            and sums.segment = others.segment
            and sums.metric = others.metric
            and comparisons.compared_group = others.arm
            and comparisons.compared_arm is not distinct from others.campaign_arm
        left join metrics on sums.metric = metrics.metric
        where sums.arm = 'send'
    ),

    segments as (
        select campaign_id, count(*) as looks
        from pairs
        where segment <> 'all' and compared_users > 0
        group by campaign_id
    ),

    looked_at as (
        select
            pairs.*,
            {{ chance_of_effect }} / case
                when pairs.segment <> 'all'
                then segments.looks
                when pairs.is_guardrail
                then guardrails.looks
                else 1
            end as chance
        from pairs
        cross join guardrails
        left join segments on pairs.campaign_id = segments.campaign_id
    ),

    moments as (
        select
            *,
            {{ proportion("total", "users") }} as mean,
            {{ proportion("compared_total", "compared_users") }} as compared_mean,
            {{ proportion("total_before", "users") }}
            - {{ proportion("compared_total_before", "compared_users") }} as difference_before,
            {{ sample_covariance("users", "total", "total", "squares") }} as variance,
            {{ sample_covariance("users", "total_before", "total_before", "squares_before") }}
            as variance_before,
            {{ sample_covariance("users", "total", "total_before", "products") }} as covariance,
            {{ sample_covariance("compared_users", "compared_total", "compared_total", "compared_squares") }}
            as compared_variance,
            {{
                sample_covariance(
                    "compared_users",
                    "compared_total_before",
                    "compared_total_before",
                    "compared_squares_before",
                )
            }} as compared_variance_before,
            {{
                sample_covariance(
                    "compared_users", "compared_total", "compared_total_before", "compared_products"
                )
            }} as compared_covariance,
            {{
                sample_covariance(
                    everyone,
                    "(total + compared_total)",
                    "(total + compared_total)",
                    "(squares + compared_squares)",
                )
            }} as variance_of_all,
            {{
                sample_covariance(
                    everyone,
                    "(total_before + compared_total_before)",
                    "(total_before + compared_total_before)",
                    "(squares_before + compared_squares_before)",
                )
            }} as variance_before_of_all,
            {{
                sample_covariance(
                    everyone,
                    "(total + compared_total)",
                    "(total_before + compared_total_before)",
                    "(products + compared_products)",
                )
            }} as covariance_of_all,
            1e0 / nullif(users, 0) + 1e0 / nullif(compared_users, 0) as unit_variance
        from looked_at
    ),

    -- what people did before says what they would have done without a message (CUPED)
    slopes as (select *, covariance_of_all / nullif(variance_before_of_all, 0) as slope from moments),

    adjusted as (
        select
            *,
            mean - compared_mean as lift,
            mean - compared_mean - slope * difference_before as adjusted_lift,
            variance + slope * slope * variance_before - 2 * slope * covariance as adjusted_variance,
            compared_variance
            + slope * slope * compared_variance_before
            - 2 * slope * compared_covariance as compared_adjusted_variance,
            variance_of_all - slope * covariance_of_all as adjusted_variance_of_all
        from slopes
    ),

    errors as (
        select
            *,
            {{ anytime_quantile("unit_variance", "chance") }} as anytime_quantile,
            -- where nobody differs from anybody, but by the rounding of sums, there is no error to tell
            case
                when variance_of_all > 1e-12 * (squares + compared_squares) / {{ everyone }}
                then {{ standard_error("variance", "users", "compared_variance", "compared_users") }}
            end as lift_error,
            case
                when adjusted_variance_of_all > 1e-12 * (squares + compared_squares) / {{ everyone }}
                then
                    {{
                        standard_error(
                            "adjusted_variance", "users", "compared_adjusted_variance", "compared_users"
                        )
                    }}
            end as adjusted_error
        from adjusted
    ),

    -- for the interval that holds on every night: the error of both arms as one, where that is larger, so
    -- that
    -- it holds early too, when hardly anybody of an arm has done anything
    bounds as (
        select
            *,
            case
                when lift_error is not null
                then anytime_quantile * greatest(lift_error, sqrt(variance_of_all * unit_variance))
            end as anytime_distance,
            case
                when adjusted_error is not null
                then
                    anytime_quantile
                    * greatest(adjusted_error, sqrt(adjusted_variance_of_all * unit_variance))
            end as adjusted_anytime_distance
        from errors
    ),

    intervals as (
        select
            *,
            case
                when is_share
                then {{ newcombe_bound(own, other, "-") }}
                else lift - {{ normal_quantile_95() }} * lift_error
            end as lift_low,
            case
                when is_share
                then {{ newcombe_bound(own, other, "+") }}
                else lift + {{ normal_quantile_95() }} * lift_error
            end as lift_high,
            case
                when is_share
                then {{ newcombe_bound(own, other, "-", "anytime_quantile") }}
                else lift - anytime_distance
            end as lift_anytime_low,
            case
                when is_share
                then {{ newcombe_bound(own, other, "+", "anytime_quantile") }}
                else lift + anytime_distance
            end as lift_anytime_high
        from bounds
    ),

    final as (
        select
            campaign_id,
            segment,
            arm,
            metric,
            case when lift is not null then compared_with end as compared_with,
            is_guardrail,
            is_share,
            users,
            compared_users,
            total,
            mean,
            compared_mean,
            lift,
            -- of many segments one is looked at that stands out: the interval for one look says nothing there
            case when segment = 'all' then lift_low end as lift_low,
            case when segment = 'all' then lift_high end as lift_high,
            lift_anytime_low,
            lift_anytime_high,
            case when adjusted_error is not null then adjusted_lift end as adjusted_lift,
            case
                when segment = 'all' then adjusted_lift - {{ normal_quantile_95() }} * adjusted_error
            end as adjusted_low,
            case
                when segment = 'all' then adjusted_lift + {{ normal_quantile_95() }} * adjusted_error
            end as adjusted_high,
            adjusted_lift - adjusted_anytime_distance as adjusted_anytime_low,
            adjusted_lift + adjusted_anytime_distance as adjusted_anytime_high,
            slope * covariance_of_all / nullif(variance_of_all, 0) as variance_explained,
            tolerated_rise,
            is_guardrail and coalesce(lift_anytime_low > tolerated_rise, false) as is_harmed
        from intervals
    )

select *
from final
