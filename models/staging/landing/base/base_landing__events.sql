with
    history as (select * from {{ source("history", "events") }}),

    settled_ids as (select * from {{ source("history", "settled_ids") }}),

    known as ({{ known_ids("events", "event_id") }}),

    -- delivery is at least once: the first delivery of an id counts
    {{
        numbered_rows(
            source("landing", "events"),
            [from_the_future("occurred_at"), settled_duplicate("event_id")],
            ["event_id"],
            "judged.received_at nulls last, judged.occurred_at nulls last, "
            ~ contract_columns_as_text("events", "judged"),
        )
    }},

    typed as (
        select
            event_id,
            user_id,
            event_name,
            occurred_at,
            received_at,
            properties,

            -- the well-known properties, typed; each is looked for only where it is known to be
            case
                when event_name in ('product_viewed', 'cart_item_added', 'order_completed')
                then {{ json_string("properties", "product_name") }}
            end as product_name,
            case
                when event_name in ('product_viewed', 'cart_item_added')
                then {{ json_identifier("properties", "product_id") }}
            end as product_id,
            case
                when event_name in ('product_viewed', 'page_viewed')
                then {{ json_number("properties", "dwell_seconds") }}
            end as dwell_seconds,
            case
                when event_name in ('order_completed', 'order_refunded', 'return_requested')
                then {{ json_identifier("properties", "order_id") }}
            end as order_id,
            case
                when event_name = 'order_completed' then {{ json_number("properties", "total") }}
            end as order_total,
            case
                when event_name = 'feedback_submitted' then {{ json_number("properties", "score", 0, 10) }}
            end as feedback_score,
            case
                when event_name = 'location_ping' then {{ json_number("properties", "latitude") }}
            end as latitude,
            case
                when event_name = 'location_ping' then {{ json_number("properties", "longitude") }}
            end as longitude,

            {{ quarantined("row_number") }}
        from numbered
    ),

    kept as (
        {{
            judged_again(
                [
                    "event_id",
                    "user_id",
                    "event_name",
                    "occurred_at",
                    "received_at",
                    "properties",
                    "product_name",
                    "product_id",
                    "dwell_seconds",
                    "order_id",
                    "order_total",
                    "feedback_score",
                    "latitude",
                    "longitude",
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
