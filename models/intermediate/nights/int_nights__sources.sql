with
    counted as (
        {%- for table in landing_tables() %}
            {%- set time = newest_column(table) %}
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
