{%- set newest = {
    "users": "updated_at",
    "events": "occurred_at",
    "support_tickets": "updated_at",
    "message_events": "occurred_at",
    "social_mentions": "posted_at",
    "erasure_requests": "requested_at",
} -%}

with
    counted as (
        {%- for table, time in newest.items() %}
            select
                '{{ table }}' as table_name,
                count(*) as rows_staged,
                max(case when {{ time }} < {{ as_of() }} then {{ time }} end) as newest_at
            from {{ ref("stg_landing__" ~ table) }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (select table_name, rows_staged, newest_at from counted)

select *
from final
