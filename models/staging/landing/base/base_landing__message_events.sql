{{
    config(
        materialized="typed_drops" if target.type == "duckdb" else "table", landing_table="message_events"
    )
}}

{%- set keys = delivery_keys("message_events") -%}

with
    -- of the kept files, what tonight's deliver again
    known as ({{ kept_deliveries("message_events") }}),

    -- delivery is at least once: the first report of an id and a type counts
    {{
        numbered_rows(
            source("landing", "message_events"),
            [from_the_future("occurred_at"), kept_delivery(keys)],
            keys,
            delivery_order("message_events", "judged")
            ~ ", "
            ~ contract_columns_as_text("message_events", "judged"),
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

    final as (select * from typed)

select *
from final
