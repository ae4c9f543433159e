{{ config(materialized="view") }}

with
    events as (select * from {{ ref("int_events__visible") }}),

    -- being somewhere is not being active
    final as (
        select user_id, cast(occurred_at as date) as active_on from events where event_name <> 'location_ping'
    )

select *
from final
