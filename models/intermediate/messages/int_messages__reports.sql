{{ config(materialized="view") }}

with
    message_events as (select * from {{ ref("stg_landing__message_events") }}),

    final as (select * from message_events where occurred_at < {{ as_of() }})

select *
from final
