with
    events as (select * from {{ ref("int_events__visible") }}),

    declared as (select event_name from {{ ref("events") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    exceptions as (select event_name from {{ ref("int_campaigns__named_events") }}),

    counted as (select event_name, count(*) as events from events group by event_name),

    needed as (
        select trigger_event as event_name
        from campaigns
        where trigger_event is not null and previous_campaign_id is null
        union
        select event_name
        from exceptions
        where event_name not like 'message!_%:%' escape '!'
    ),

    final as (
        select
            coalesce(counted.event_name, needed.event_name) as event_name,
            coalesce(counted.events, 0) as events,
            declared.event_name is not null as is_declared,
            needed.event_name is not null as is_needed
        from counted
        full outer join needed on counted.event_name = needed.event_name
        left join declared on coalesce(counted.event_name, needed.event_name) = declared.event_name
    )

select *
from final
