with
    -- the first delivery of an id counts; of two opinions at one time the worse one (negative sorts first)
    {{
        numbered_rows(
            source("landing", "social_mentions"),
            [from_the_future("posted_at")],
            ["mention_id"],
            "judged.posted_at nulls last, judged.sentiment nulls last, "
            ~ contract_columns_as_text("social_mentions", "judged")
            ~ ", judged.file",
        )
    }},

    final as (
        select mention_id, user_id, network, body, posted_at, sentiment, {{ quarantined("row_number") }}
        from numbered
    )

select *
from final
