{%- set tables = [
    "users",
    "events",
    "support_tickets",
    "message_events",
    "social_mentions",
    "erasure_requests",
    "assignments",
] -%}

with
    source_counts as (select * from {{ ref("source_counts") }}),

    quarantine as (select * from {{ ref("quarantine") }}),

    by_file as (
        select table_name, file, rows_in, rows_staged, rows_quarantined
        from source_counts
        where rows_in <> rows_staged + rows_quarantined
    ),

    quarantined as (
        select table_name, file, count(*) as rows_quarantined from quarantine group by table_name, file
    ),

    -- a file that the landing zone does not know of would be missing on the left
    by_quarantined_file as (
        select
            coalesce(source_counts.table_name, quarantined.table_name) as table_name,
            coalesce(source_counts.file, quarantined.file) as file,
            source_counts.rows_in,
            source_counts.rows_quarantined as rows_counted,
            quarantined.rows_quarantined
        from source_counts
        full outer join
            quarantined
            on source_counts.table_name = quarantined.table_name
            and source_counts.file = quarantined.file
        where coalesce(source_counts.rows_quarantined, -1) <> coalesce(quarantined.rows_quarantined, 0)
    ),

    staged as (
        {%- for table in tables %}
            select '{{ table }}' as table_name, count(*) as rows_staged
            from {{ ref("stg_landing__" ~ table) }} {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    counted as (
        -- in a published file, the rows of erased people are gone
        select table_name, sum(rows_in) as rows_in, sum(rows_staged - rows_erased) as rows_staged
        from source_counts
        group by table_name
    ),

    by_table as (
        select staged.table_name, counted.rows_in, counted.rows_staged as rows_counted, staged.rows_staged
        from staged
        left join counted on staged.table_name = counted.table_name
        where staged.rows_staged <> coalesce(counted.rows_staged, 0)
    ),

    final as (
        select table_name, file, rows_in, rows_staged as rows_counted, rows_quarantined as rows_found
        from by_file
        union all
        select table_name, file, rows_in, rows_counted, rows_quarantined as rows_found
        from by_quarantined_file
        union all
        select
            table_name,
            cast(null as {{ text_type() }}) as file,
            rows_in,
            rows_counted,
            rows_staged as rows_found
        from by_table
    )

select *
from final
