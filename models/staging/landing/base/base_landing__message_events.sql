{#- What one source row is known by: an id may stand for rows of several people, because sources number their rows anew. -#}
{%- set keys = ["message_event_id", "event_type", "user_id", "channel"] -%}

with
    history as (select * from {{ source("history", "message_events") }}),

    settled_ids as (select * from {{ source("history", "settled_ids") }}),

    known as ({{ known_ids("message_events", keys) }}),

    -- delivery is at least once: the first report of an id and a type counts
    {{
        numbered_rows(
            source("landing", "message_events"),
            [from_the_future("occurred_at"), settled_duplicate(keys)],
            keys,
            "judged.occurred_at nulls last, "
            ~ contract_columns_as_text("message_events", "judged")
            ~ ", judged.file",
        )
    }},

    typed as (
        select
            message_event_id,
            user_id,
            campaign_id,
            channel,
            nullif(trim(variant), '') as variant,
            event_type,
            occurred_at,
            occurred_until,
            dispatch_id,
            nullif({{ trimmed("address") }}, '') as address,
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
                    "occurred_until",
                    "dispatch_id",
                    "address",
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
