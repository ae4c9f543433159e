{{ config(materialized="view") }}

with
    events as (select * from {{ ref("int_events__visible") }}),

    earlier as (select * from {{ ref("stg_landing__active_days") }}),

    -- being somewhere is not being active
    final as (
        select user_id, cast(occurred_at as date) as active_on
        from events
        where event_name <> 'location_ping'
        union all
        -- of events that are not staged any more
        select user_id, active_on
        from earlier
    )

select *
from final
