with
    source as (select * from {{ source("landing", "message_events") }}),

    judged as (
        select *, coalesce(problem, {{ from_the_future("occurred_at") }}) as quarantine_reason, from source
    ),

    -- delivery is at least once: the first report of an id counts
    {{
        numbered_rows(
            "judged",
            ["message_event_id"],
            "judged.occurred_at, " ~ contract_columns_as_text("message_events", "judged"),
        )
    }},

    final as (
        select
            message_event_id,
            user_id,
            campaign_id,
            lower(trim(channel)) as channel,
            variant,
            event_type,
            occurred_at,
            dispatch_id,
            {{ quarantined("row_number") }}
        from numbered
    )

select *
from final
