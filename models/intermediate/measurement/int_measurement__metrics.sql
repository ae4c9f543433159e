with
    eligible_users as (select * from {{ ref("int_measurement__eligible_users") }} where is_matured),

    metrics as (select * from {{ ref("metrics") }}),

    users_of_arms as (select * from {{ ref("int_measurement__users_of_arms") }} where is_matured),

    campaigns as (select distinct campaign_id, success_event from eligible_users),

    -- what is measured of each campaign: its own success, and what the settings measure of all
    measured as (
        select
            campaign_id,
            'success' as metric,
            success_event as event_name,
            cast(null as {{ text_type() }}) as amount,
            false as only_repeats,
            cast(1 as decimal(18, 4)) as most_per_user
        from campaigns
        union all
        select
            campaigns.campaign_id,
            metrics.metric,
            metrics.event_name,
            metrics.amount,
            metrics.only_repeats,
            metrics.most_per_user
        from campaigns
        cross join metrics
    ),

    events as (
        select user_id, event_name, occurred_at, order_total, dwell_seconds
        from {{ ref("int_events__visible") }}
        union all
        -- a success may be a report on one campaign's message; a metric is one on anybody's
        select
            user_id,
            event_name,
            occurred_at,
            cast(null as double) as order_total,
            cast(null as double) as dwell_seconds
        from {{ ref("int_events__with_messages") }}
        where event_name like 'message%:%'
        union all
        select
            user_id,
            'message_' || event_type as event_name,
            occurred_at,
            cast(null as double) as order_total,
            cast(null as double) as dwell_seconds
        from {{ ref("int_messages__reports") }}
        union all
        select
            user_id,
            'ticket_created' as event_name,
            min(created_at) as occurred_at,
            cast(null as double) as order_total,
            cast(null as double) as dwell_seconds
        from {{ ref("stg_landing__support_tickets") }}
        where created_at < {{ as_of() }} and updated_at < {{ as_of() }}
        group by user_id, ticket_id
    ),

    people as (select distinct user_id from eligible_users),

    names as (select distinct event_name from measured),

    -- most events are of no metric, and on most nights most people of nobody's window
    happened as (
        select events.*
        from events
        inner join names on events.event_name = names.event_name
        inner join people on events.user_id = people.user_id
    ),

    firsts as (
        select events.user_id, events.event_name, min(events.occurred_at) as first_at
        from happened as events
        inner join metrics on events.event_name = metrics.event_name
        where metrics.only_repeats
        group by events.user_id, events.event_name
    ),

    -- what each person did, in the window and in one as long before it
    found as (
        select
            eligible_users.campaign_id,
            eligible_users.user_id,
            measured.metric,
            measured.most_per_user,
            events.occurred_at >= eligible_users.starts_at as is_after,
            case
                measured.amount
                when 'order_total'
                then coalesce({{ as_money("events.order_total") }}, 0)
                when 'dwell_seconds'
                then coalesce({{ as_money("events.dwell_seconds") }}, 0)
                else 1
            end as amount
        from eligible_users
        inner join measured on eligible_users.campaign_id = measured.campaign_id
        inner join
            happened as events
            on eligible_users.user_id = events.user_id
            and measured.event_name = events.event_name
            and events.occurred_at >= eligible_users.before_at
            and events.occurred_at < eligible_users.ends_at
        left join firsts on events.user_id = firsts.user_id and events.event_name = firsts.event_name
        where not measured.only_repeats or events.occurred_at > firsts.first_at
    ),

    summed as (
        select
            campaign_id,
            user_id,
            metric,
            most_per_user,
            sum(case when is_after then amount else 0 end) as amount,
            sum(case when is_after then 0 else amount end) as amount_before
        from found
        group by campaign_id, user_id, metric, most_per_user
    ),

    per_user as (
        select
            campaign_id,
            user_id,
            metric,
            cast(least(most_per_user, greatest(0, amount)) as decimal(18, 4)) as amount,
            cast(least(most_per_user, greatest(0, amount_before)) as decimal(18, 4)) as amount_before
        from summed
    ),

    of_segments as (
        {{
            unnest_with_position(
                "eligible_users", ["campaign_id", "user_id", "arm"], "segments", "segment", "position"
            )
        }}
    ),

    -- each user in the group of the whole campaign, of their arm of it, and of each of their segments
    grouped as (
        select campaign_id, 'all' as segment, cast(null as {{ text_type() }}) as campaign_arm, arm, user_id
        from eligible_users
        union all
        select campaign_id, 'all' as segment, campaign_arm, arm, user_id
        from users_of_arms
        union all
        select campaign_id, segment, cast(null as {{ text_type() }}) as campaign_arm, arm, user_id
        from of_segments
    ),

    counted as (
        select campaign_id, segment, campaign_arm, arm, count(*) as users
        from grouped
        group by campaign_id, segment, campaign_arm, arm
    ),

    -- whoever did nothing adds nothing to any sum
    sums as (
        select
            grouped.campaign_id,
            grouped.segment,
            grouped.campaign_arm,
            grouped.arm,
            per_user.metric,
            sum(per_user.amount) as total,
            sum(per_user.amount_before) as total_before,
            sum(per_user.amount * per_user.amount) as squares,
            sum(per_user.amount_before * per_user.amount_before) as squares_before,
            sum(per_user.amount * per_user.amount_before) as products
        from grouped
        inner join
            per_user on grouped.campaign_id = per_user.campaign_id and grouped.user_id = per_user.user_id
        -- segments are looked through for the success alone
        where grouped.segment = 'all' or per_user.metric = 'success'
        group by grouped.campaign_id, grouped.segment, grouped.campaign_arm, grouped.arm, per_user.metric
    ),

    final as (
        select
            counted.campaign_id,
            counted.segment,
            counted.campaign_arm,
            counted.arm,
            measured.metric,
            counted.users,
            cast(coalesce(sums.total, 0) as double) as total,
            cast(coalesce(sums.total_before, 0) as double) as total_before,
            cast(coalesce(sums.squares, 0) as double) as squares,
            cast(coalesce(sums.squares_before, 0) as double) as squares_before,
            cast(coalesce(sums.products, 0) as double) as products
        from counted
        inner join measured on counted.campaign_id = measured.campaign_id
        left join
            sums
            on counted.campaign_id = sums.campaign_id
            and counted.segment = sums.segment
            and counted.campaign_arm is not distinct from sums.campaign_arm
            and counted.arm = sums.arm
            and measured.metric = sums.metric
        where counted.segment = 'all' or measured.metric = 'success'
    )

select *
from final
