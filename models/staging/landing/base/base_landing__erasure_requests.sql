with
    -- the same request delivered twice is one
    {{
        numbered_rows(
            source("landing", "erasure_requests"),
            [from_the_future("requested_at")],
            ["user_id", "requested_at"],
            "judged.file",
        )
    }},

    final as (select user_id, requested_at, {{ quarantined("row_number") }} from numbered)

select *
from final
