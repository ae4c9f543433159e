with
    erasure_requests as (select * from {{ ref("base_landing__erasure_requests") }}),

    decisions as (select * from {{ ref("stg_ledger__decisions") }}),

    -- an older night that is run again does not bring back who asked since
    newest_night as (select max(as_of) as as_of from decisions),

    -- a request without a readable time holds from the night on that reads it
    requests as (
        select user_id, requested_at
        from erasure_requests
        where quarantine_reason is null
        union all
        select user_id, {{ add_microseconds(as_of(), -1) }} as requested_at
        from erasure_requests
        where quarantine_reason in ('missing_requested_at', 'bad_requested_at') and user_id is not null
    ),

    final as (
        select user_id, min(requested_at) as requested_at
        from requests
        where requested_at < {{ as_of() }} or requested_at < (select as_of from newest_night)
        group by user_id
    )

select *
from final
