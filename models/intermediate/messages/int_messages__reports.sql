{{ config(materialized="view") }}

with
    message_events as (select * from {{ ref("stg_landing__message_events") }}),

    -- what a provider reports of its own work says nothing of a person
    final as (
        select *
        from message_events
        where occurred_at < {{ as_of() }} and event_type <> 'ignored' and channel <> 'ignored'
    )

select *
from final
