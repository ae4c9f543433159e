with
    events as (select * from {{ ref("int_events__visible") }}),

    users as (select * from {{ ref("int_users__current") }}),

    starts as (
        select events.user_id, min(events.occurred_at) as started_at
        from events
        inner join users on events.user_id = users.user_id
        where events.event_name = 'onboarding_started'
        group by events.user_id
    ),

    completions as (
        select starts.user_id, min(events.occurred_at) as completed_at
        from starts
        inner join
            events
            on starts.user_id = events.user_id
            and events.event_name = 'onboarding_completed'
            and events.occurred_at > starts.started_at
        group by starts.user_id
    ),

    durations as (
        select
            starts.user_id,
            starts.started_at,
            completions.completed_at,
            {{ seconds_between("starts.started_at", "coalesce(completions.completed_at, " ~ as_of() ~ ")") }}
            as onboarding_seconds
        from starts
        left join completions on starts.user_id = completions.user_id
    ),

    typical as (
        select {{ median("onboarding_seconds") }} as median_seconds
        from durations
        where completed_at is not null
    ),

    -- nobody is slow any more whose start is long ago
    final as (
        select
            durations.user_id,
            durations.started_at,
            durations.completed_at,
            durations.onboarding_seconds,
            typical.median_seconds,
            coalesce(
                {{ is_slow("durations.onboarding_seconds", "typical.median_seconds") }}
                and {{ within_days("durations.started_at", 90) }},
                false
            ) as is_slow
        from durations
        cross join typical
    )

select *
from final
