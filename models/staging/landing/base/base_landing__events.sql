{{ config(materialized="typed_drops" if target.type == "duckdb" else "table", landing_table="events") }}

{%- set keys = delivery_keys("events") -%}

with
    -- of the kept files, what tonight's deliver again
    known as ({{ kept_deliveries("events") }}),

    -- delivery is at least once: the first delivery of an id and a name counts
    {{
        numbered_rows(
            source("landing", "events"),
            [from_the_future("occurred_at"), kept_delivery(keys)],
            keys,
            delivery_order("events", "judged") ~ ", " ~ contract_columns_as_text("events", "judged"),
        )
    }},

    -- the well-known properties; each is looked for only where it is known to be
    found as (
        select
            *,
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
                then {{ amount_of_property("events", "dwell_seconds") }}
            end as dwell_seconds,
            case
                when event_name in ('order_completed', 'order_refunded', 'return_requested')
                then {{ json_identifier("properties", "order_id") }}
            end as order_id,
            case
                when event_name = 'order_completed' then {{ amount_of_property("events", "total") }}
            end as order_total,
            case
                when event_name = 'feedback_submitted' then {{ json_is_given("properties", "score") }}
            end as has_score,
            case
                when event_name = 'feedback_submitted' then {{ json_scalar("properties", "score") }}
            end as score_text,
            case
                when event_name = 'location_ping' then {{ amount_of_property("events", "latitude") }}
            end as latitude,
            case
                when event_name = 'location_ping' then {{ amount_of_property("events", "longitude") }}
            end as longitude
        from numbered
    ),

    scored as (
        select
            *,
            {{ score_of_feedback("score_text") }} as readable_score,
            has_score
            or (
                event_name = 'feedback_submitted' and {{ list_has("unreadable_columns", "'properties'") }}
            ) as is_score_given
        from found
    ),

    typed as (
        select
            event_id,
            user_id,
            event_name,
            occurred_at,
            occurred_until,
            received_at,
            product_name,
            {{ identifier("product_id") }} as product_id,
            dwell_seconds,
            {{ identifier("order_id") }} as order_id,
            order_total,
            -- a score that is there and cannot be read is the worst
            case when is_score_given then coalesce(readable_score, 0) end as feedback_score,
            coalesce(is_score_given and readable_score is null, false) as is_feedback_score_unreadable,
            latitude,
            longitude,
            {{ quarantined("row_number") }}
        from scored
    ),

    final as (select * from typed)

select *
from final
