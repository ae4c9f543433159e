with
    base as (select * from {{ ref("base_landing__erasure_requests") }}),

    final as (select user_id, requested_at from base where quarantine_reason is null)

select *
from final
