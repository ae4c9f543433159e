{#-
    Those who left are looked at on the day they did. Those who stayed have no such day, so each borrows one, drawn from the
    cancellations by the hash of the user id: the seasons, and how much data there was by then, are then the same for both.
-#}
with
    users as (select * from {{ ref("int_users__current") }}),

    features as (select * from {{ ref("int_customers__features") }}),

    events as (select * from {{ ref("int_events__visible") }}),

    active_days as (select * from {{ ref("int_events__active_days") }}),

    -- whoever left more than once is looked at before the newest time
    cancellations as (
        select events.user_id, max(events.occurred_at) as cancelled_at
        from events
        inner join users on events.user_id = users.user_id
        where events.event_name = 'subscription_cancelled'
        group by events.user_id
    ),

    subscriptions as (
        select user_id, min(occurred_at) as subscribed_at
        from events
        where event_name = 'subscription_started'
        group by user_id
    ),

    leavers as (
        select
            cancellations.user_id,
            cancellations.cancelled_at,
            coalesce(subscriptions.subscribed_at < cancellations.cancelled_at, false) as is_start_recorded,
            row_number() over (order by cancellations.cancelled_at, cancellations.user_id) as leaver_number
        from cancellations
        left join subscriptions on cancellations.user_id = subscriptions.user_id
    ),

    totals as (
        select count(*) as leavers, count(case when is_start_recorded then 1 end) > 0 as are_starts_recorded
        from leavers
    ),

    others as (
        select
            users.user_id,
            features.first_seen_at,
            subscriptions.subscribed_at,
            totals.are_starts_recorded,
            1
            + {{ hash_number("'breadcrumbs:' || users.user_id") }}
            % nullif(totals.leavers, 0) as leaver_number
        from users
        cross join totals
        inner join features on users.user_id = features.user_id
        left join cancellations on users.user_id = cancellations.user_id
        left join subscriptions on users.user_id = subscriptions.user_id
        where cancellations.user_id is null
    ),

    dated as (
        select
            others.user_id,
            others.subscribed_at,
            others.are_starts_recorded,
            leavers.cancelled_at as reference_at
        from others
        inner join leavers on others.leaver_number = leavers.leaver_number
        where others.first_seen_at < leavers.cancelled_at
    ),

    active as (
        select distinct dated.user_id
        from dated
        inner join active_days on dated.user_id = active_days.user_id
        where not dated.are_starts_recorded and {{ active_within("dated.reference_at", 90) }}
    ),

    -- where subscriptions are on record, only a subscriber could have left; else whoever was active is the
    -- best guess
    stayers as (
        select dated.user_id, dated.reference_at
        from dated
        left join active on dated.user_id = active.user_id
        where
            (dated.are_starts_recorded and dated.subscribed_at < dated.reference_at)
            or (not dated.are_starts_recorded and active.user_id is not null)
    ),

    final as (
        select user_id, true as has_cancelled, cancelled_at as reference_at
        from leavers
        union all
        select user_id, false as has_cancelled, reference_at
        from stayers
    )

select *
from final
