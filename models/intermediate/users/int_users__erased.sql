with
    erasure_requests as (select * from {{ ref("stg_landing__erasure_requests") }}),

    decisions as (select * from {{ ref("stg_ledger__decisions") }}),

    -- an older night that is run again does not bring back who asked since
    newest_night as (select max(as_of) as as_of from decisions),

    final as (
        select user_id, min(requested_at) as requested_at
        from erasure_requests
        where requested_at < {{ as_of() }} or requested_at < (select as_of from newest_night)
        group by user_id
    )

select *
from final
