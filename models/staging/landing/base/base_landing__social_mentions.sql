with
    -- of several deliveries of an id a negative one counts, else the first; an id may stand for rows of
    -- several people
    {{
        numbered_rows(
            source("landing", "social_mentions"),
            [from_the_future("posted_at")],
            delivery_keys("social_mentions"),
            "case when judged.sentiment = 'negative' then 0 else 1 end, judged.posted_at nulls last, judged.sentiment nulls last, "
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
