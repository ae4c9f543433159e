with
    events as (select * from {{ ref("int_events__with_messages") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    triggers as (
        select distinct trigger_event, min_age_seconds from campaigns where trigger_event is not null
    ),

    newest as (
        select
            triggers.trigger_event,
            triggers.min_age_seconds,
            events.user_id,
            max(
                case
                    when events.occurred_at <= {{ add_seconds(as_of(), "-1 * triggers.min_age_seconds") }}
                    then events.occurred_at
                end
            ) as newest_old_enough_at,
            max(events.occurred_at) as newest_at
        from events
        inner join triggers on events.event_name = triggers.trigger_event
        where {{ within_days("events.occurred_at", 90) }}
        group by triggers.trigger_event, triggers.min_age_seconds, events.user_id
    ),

    -- where none is old enough, the newest says that it is too soon
    final as (
        select
            trigger_event, min_age_seconds, user_id, coalesce(newest_old_enough_at, newest_at) as trigger_at
        from newest
    )

select *
from final
