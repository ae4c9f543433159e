{%- set factors = [
    "payment_failed",
    "billing_ticket",
    "complaint_ticket",
    "bad_satisfaction",
    "low_feedback_score",
    "negative_mention",
    "return_requested",
    "slow_onboarding",
    "no_onboarding",
    "inactivity",
    "many_messages",
    "unsubscribed",
] %}

with
    people as (select * from {{ ref("int_measurement__churn_cohorts") }}),

    found as (select * from {{ ref("int_measurement__churn_factors") }}),

    -- a factor that nobody has still has its row
    factors as (
        {%- for factor in factors %}
            select '{{ factor }}' as factor {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    cohorts as (
        select
            count(case when has_cancelled then 1 end) as cancelled_users,
            count(case when not has_cancelled then 1 end) as stayed_users
        from people
    ),

    with_factor as (
        select
            found.factor,
            count(case when people.has_cancelled then 1 end) as cancelled_users_with,
            count(case when not people.has_cancelled then 1 end) as stayed_users_with
        from found
        inner join people on found.user_id = people.user_id
        group by found.factor
    ),

    counted as (
        select
            factors.factor,
            cohorts.cancelled_users,
            coalesce(with_factor.cancelled_users_with, 0) as cancelled_users_with,
            cohorts.stayed_users,
            coalesce(with_factor.stayed_users_with, 0) as stayed_users_with
        from factors
        cross join cohorts
        left join with_factor on factors.factor = with_factor.factor
    ),

    final as (
        select
            factor,
            cancelled_users,
            cancelled_users_with,
            {{ proportion("cancelled_users_with", "cancelled_users") }} as cancelled_share,
            stayed_users,
            stayed_users_with,
            {{ proportion("stayed_users_with", "stayed_users") }} as stayed_share,
            {{ proportion("cancelled_users_with", "cancelled_users") }}
            / nullif({{ proportion("stayed_users_with", "stayed_users") }}, 0) as lift,
            {{
                risk_ratio_bound(
                    "cancelled_users_with", "cancelled_users", "stayed_users_with", "stayed_users", "-"
                )
            }} as lift_low,
            {{
                risk_ratio_bound(
                    "cancelled_users_with", "cancelled_users", "stayed_users_with", "stayed_users", "+"
                )
            }} as lift_high
        from counted
    )

select *
from final
