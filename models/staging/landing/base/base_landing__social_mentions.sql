with
    source as (select * from {{ source("landing", "social_mentions") }}),

    judged as (
        select *, coalesce(problem, {{ from_the_future("posted_at") }}) as quarantine_reason from source
    ),

    -- the first delivery of an id counts; of two opinions at one time the worse one (negative sorts first)
    {{
        numbered_rows(
            "judged",
            ["mention_id"],
            "judged.posted_at nulls last, judged.sentiment nulls last, "
            ~ contract_columns_as_text("social_mentions", "judged"),
        )
    }},

    final as (
        select mention_id, user_id, network, body, posted_at, sentiment, {{ quarantined("row_number") }}
        from numbered
    )

select *
from final
