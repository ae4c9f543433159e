{#- Weeks begin on Monday, UTC. Who says something often counts once a week, so that the intervals are those of people. -#}
{%- set weeks = 26 %}

with
    said as (select * from {{ ref("int_measurement__feedback") }}),

    customers as (select user_id from {{ ref("int_users__current") }}),

    -- one that is called all would be counted twice in one row
    customer_segments as (select user_id, segment from {{ ref("customer_segments") }} where segment <> 'all'),

    -- the newest ones that have begun
    in_weeks as (
        select
            feedback,
            feedback_id,
            user_id,
            said_at,
            network,
            sentiment,
            date_trunc('week', said_at) as week_starts_at
        from said
        where
            said_at
            >= {{ days_before("date_trunc('week', " ~ add_microseconds(as_of(), -1) ~ ")", 7 * (weeks - 1)) }}
    ),

    -- a mention counts in the row of its network, too
    in_networks as (
        select feedback, feedback_id, user_id, said_at, sentiment, week_starts_at, 'all' as network
        from in_weeks
        union all
        select feedback, feedback_id, user_id, said_at, sentiment, week_starts_at, network
        from in_weeks
        where network <> 'all'
    ),

    numbered as (
        select
            *,
            {{
                newest_said(
                    "week_starts_at, feedback, network, user_id, case when user_id is null then feedback_id end"
                )
            }}
            as age_number,
            count(*) over (
                partition by
                    week_starts_at, feedback, network, user_id, case when user_id is null then feedback_id end
            ) as statements
        from in_networks
    ),

    -- of each person in a week; a mention that names no customer is one of a person of its own
    last_said as (
        select week_starts_at, feedback, network, user_id, sentiment, statements
        from numbered
        where age_number = 1
    ),

    in_segments as (
        select 'all' as segment, week_starts_at, feedback, network, sentiment, statements
        from last_said
        union all
        select
            customer_segments.segment,
            last_said.week_starts_at,
            last_said.feedback,
            last_said.network,
            last_said.sentiment,
            last_said.statements
        from last_said
        inner join customer_segments on last_said.user_id = customer_segments.user_id
    ),

    counted as (
        select
            segment,
            week_starts_at,
            feedback,
            network,
            count(case when sentiment <> 'unclear' then 1 end) as people,
            cast(sum(statements) as bigint) as statements,
            count(case when sentiment = 'positive' then 1 end) as positive,
            count(case when sentiment = 'neutral' then 1 end) as neutral,
            count(case when sentiment = 'negative' then 1 end) as negative,
            count(case when sentiment = 'unclear' then 1 end) as unclear
        from in_segments
        group by segment, week_starts_at, feedback, network
    ),

    sizes as (
        select 'all' as segment, count(*) as users
        from customers
        union all
        select segment, count(*) as users
        from customer_segments
        group by segment
    ),

    final as (
        select
            cast(counted.week_starts_at as date) as week,
            {{ add_seconds("counted.week_starts_at", 7 * 86400) }} <= {{ as_of() }} as is_whole,
            counted.segment,
            counted.feedback,
            counted.network,
            sizes.users,
            counted.people,
            counted.statements,
            counted.positive,
            counted.neutral,
            counted.negative,
            counted.unclear,
            -- who complains has nothing to choose from
            case
                when counted.feedback <> 'complaint'
                then {{ proportion("counted.positive", "counted.people") }}
            end as positive_share,
            case
                when counted.feedback <> 'complaint'
                then {{ wilson_bound("counted.positive", "counted.people", "-") }}
            end as positive_share_low,
            case
                when counted.feedback <> 'complaint'
                then {{ wilson_bound("counted.positive", "counted.people", "+") }}
            end as positive_share_high,
            case
                when counted.feedback = 'score'
                then
                    {{ proportion("counted.positive", "counted.people") }}
                    - {{ proportion("counted.negative", "counted.people") }}
            end as nps,
            case
                when counted.feedback = 'score'
                then {{ nps_bound("counted.positive", "counted.negative", "counted.people", "-") }}
            end as nps_low,
            case
                when counted.feedback = 'score'
                then {{ nps_bound("counted.positive", "counted.negative", "counted.people", "+") }}
            end as nps_high
        from counted
        inner join sizes on counted.segment = sizes.segment
        where counted.people >= {{ fewest_people() }}
    )

select *
from final
