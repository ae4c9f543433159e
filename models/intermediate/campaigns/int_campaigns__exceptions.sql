with
    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    candidates as (select * from {{ ref("int_campaigns__candidates") }}),

    journeys as (select * from {{ ref("int_campaigns__journeys") }}),

    newest_events as (select * from {{ ref("int_events__newest_by_name") }}),

    exception_events as (
        {{
            unnest_with_position(
                "campaigns", ["campaign_id", "cooldown_days"], "cancel_on", "event_name", "position"
            )
        }}
    ),

    -- at or after the trigger, of a later step at or after the start of its journey; without a trigger,
    -- within
    -- the cooldown
    occurred as (
        select
            candidates.campaign_id, candidates.user_id, exception_events.event_name, exception_events.position
        from exception_events
        inner join newest_events on exception_events.event_name = newest_events.event_name
        inner join
            candidates
            on exception_events.campaign_id = candidates.campaign_id
            and newest_events.user_id = candidates.user_id
        left join
            journeys
            on candidates.campaign_id = journeys.campaign_id
            and candidates.user_id = journeys.user_id
        where
            newest_events.newest_at >= coalesce(
                least(journeys.journey_started_at, candidates.trigger_at),
                {{ days_before(as_of(), "exception_events.cooldown_days") }}
            )
    ),

    final as (
        select
            campaign_id, user_id, {{ ordered_list("'exception:' || event_name", "position") }} as exceptions
        from occurred
        group by campaign_id, user_id
    )

select *
from final
