{{ config(materialized="view") }}

with
    events as (select * from {{ ref("stg_landing__events") }}),

    final as (select * from events where occurred_at < {{ as_of() }})

select *
from final
