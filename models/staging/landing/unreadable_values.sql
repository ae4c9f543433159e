{{ config(materialized="table", schema="ops") }}

{%- set ids = {
    "users": "user_id",
    "events": "event_id",
    "support_tickets": "ticket_id",
    "message_events": "message_event_id",
    "social_mentions": "mention_id",
    "erasure_requests": "user_id",
    "assignments": "user_id",
} %}

with
    staged as (
        {%- for table in landing_tables() %}
            select '{{ table }}' as table_name, file, user_id, {{ ids[table] }} as row_id, unreadable_columns
            from {{ ref("base_landing__" ~ table) }}
            where
                quarantine_reason is null and unreadable_columns is not null
                {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    listed as (
        {{
            unnest_with_position(
                "staged",
                ["table_name", "file", "user_id", "row_id"],
                "unreadable_columns",
                "column_name",
                "position",
            )
        }}
    ),

    final as (
        select table_name, file, column_name, row_id, user_id, count(*) as unreadable_rows
        from listed
        group by table_name, file, column_name, row_id, user_id
    )

select *
from final
