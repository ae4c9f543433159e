with
    source as (select * from {{ source("landing", "erasure_requests") }}),

    judged as (
        select *, coalesce(problem, {{ from_the_future("requested_at") }}) as quarantine_reason from source
    ),

    -- the same request delivered twice is one
    {{ numbered_rows("judged", ["user_id", "requested_at"], "judged.file") }},

    final as (select user_id, requested_at, {{ quarantined("row_number") }} from numbered)

select *
from final
