{{ config(materialized="view") }}

{#- Wherever a setting names an event, it may name a report on a message too: that is how a journey is written. -#}
with
    events as (select * from {{ ref("int_events__visible") }}),

    reports as (select * from {{ ref("int_messages__reports") }}),

    final as (
        select user_id, event_name, occurred_at, occurred_until
        from events
        union all
        select
            user_id, 'message_' || event_type || ':' || campaign_id as event_name, occurred_at, occurred_until
        from reports
        where campaign_id is not null
    )

select *
from final
