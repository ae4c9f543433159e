with
    history as (select * from {{ source("history", "message_events") }}),

    settled_ids as (select * from {{ source("history", "settled_ids") }}),

    known as ({{ known_ids("message_events", "message_event_id") }}),

    -- delivery is at least once: the first report of an id counts
    {{
        numbered_rows(
            source("landing", "message_events"),
            [from_the_future("occurred_at"), settled_duplicate("message_event_id")],
            ["message_event_id"],
            "judged.occurred_at nulls last, " ~ contract_columns_as_text("message_events", "judged"),
        )
    }},

    typed as (
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
    ),

    kept as (
        {{
            judged_again(
                [
                    "message_event_id",
                    "user_id",
                    "campaign_id",
                    "channel",
                    "variant",
                    "event_type",
                    "occurred_at",
                    "dispatch_id",
                    "is_machine_open",
                ],
                "occurred_at",
            )
        }}
    ),

    final as (
        select *
        from typed
        union all
        select *
        from kept
    )

select *
from final
