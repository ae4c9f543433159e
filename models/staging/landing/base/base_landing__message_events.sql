with
    source as (select * from {{ source("landing", "message_events") }}),

    judged as (
        select *, coalesce(problem, {{ from_the_future("occurred_at") }}) as quarantine_reason from source
    ),

    -- delivery is at least once: the first report of an id counts
    {{
        numbered_rows(
            "judged",
            ["message_event_id"],
            "judged.occurred_at nulls last, " ~ contract_columns_as_text("message_events", "judged"),
        )
    }},

    final as (
        select
            message_event_id,
            user_id,
            -- an empty id is none: as a value it would make one message of many
            nullif(trim(campaign_id), '') as campaign_id,
            {{ lowered("trim(channel)") }} as channel,
            nullif(trim(variant), '') as variant,
            event_type,
            occurred_at,
            nullif(trim(dispatch_id), '') as dispatch_id,
            is_machine_open,
            {{ quarantined("row_number") }}
        from numbered
    )

select *
from final
