{{ config(materialized="table", schema="ops") }}

with
    final as (
        {%- for table in landing_tables() %}
            select '{{ table }}' as table_name, file, quarantine_reason as reason, user_id, raw_row
            from {{ ref("base_landing__" ~ table) }}
            where quarantine_reason is not null {{ "union all" if not loop.last }}
        {%- endfor %}
    )

select *
from final
