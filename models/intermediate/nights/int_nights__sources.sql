with
    source_counts as (select * from {{ ref("source_counts") }}),

    -- of old drops, staging may hold no more than what can still matter, but its counts are whole
    counted as (select table_name, sum(rows_staged) as rows_staged from source_counts group by table_name),

    newest as (
        {%- for table in tables_of_decisions() %}
            {%- set time = newest_column(table) %}
            select
                '{{ table }}' as table_name,
                max(case when {{ time }} < {{ as_of() }} then {{ time }} end) as newest_at
            from {{ ref("stg_landing__" ~ table) }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (
        select
            newest.table_name,
            cast(coalesce(counted.rows_staged, 0) as bigint) as rows_staged,
            newest.newest_at
        from newest
        left join counted on newest.table_name = counted.table_name
    )

select *
from final
