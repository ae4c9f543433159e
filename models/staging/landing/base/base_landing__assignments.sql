with
    -- whoever was put into several arms of one campaign is measured in the first one
    {{
        numbered_rows(
            source("landing", "assignments"),
            [from_the_future("assigned_at")],
            delivery_keys("assignments"),
            "judged.assigned_at, judged.arm, judged.file",
        )
    }},

    final as (select user_id, campaign_id, arm, assigned_at, {{ quarantined("row_number") }} from numbered)

select *
from final
