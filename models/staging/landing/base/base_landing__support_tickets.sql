with
    -- versions are no duplicates: all are kept, numbered from the oldest; of two of one moment the open one
    -- is newer, then the one that sorts last
    {{
        numbered_rows(
            source("landing", "support_tickets"),
            [from_the_future("updated_at")],
            ["ticket_id"],
            "judged.updated_at nulls last, case when judged.status in ('solved', 'closed') then 0 else 1 end, "
            ~ contract_columns_as_text("support_tickets", "judged")
            ~ ", judged.file",
        )
    }},

    final as (
        select
            ticket_id,
            user_id,
            category,
            status,
            created_at,
            updated_at,
            solved_at,
            satisfaction,
            row_number as version_number,
            {{ quarantined("1") }}
        from numbered
    )

select *
from final
