{{ config(materialized="view") }}

with
    erasure_requests as (select * from {{ ref("stg_landing__erasure_requests") }}),

    final as (
        select user_id, min(requested_at) as requested_at
        from erasure_requests
        where requested_at < {{ as_of() }}
        group by user_id
    )

select *
from final
