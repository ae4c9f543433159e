{{ config(materialized="table", schema="ops") }}

with
    landing_files as (select * from {{ source("landing", "landing_files") }}),

    -- counted anew from the files, so that a row that staging lost would show
    delivered as (
        {%- for table in landing_tables() %}
            select '{{ table }}' as table_name, file, count(*) as rows_in
            from {{ source("landing", table) }}
            group by file {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    judged as (
        {%- for table in landing_tables() %}
            select
                '{{ table }}' as table_name,
                file,
                count(case when quarantine_reason is null then 1 end) as rows_staged,
                count(case when quarantine_reason is not null then 1 end) as rows_quarantined
            from {{ ref("base_landing__" ~ table) }}
            group by file {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (
        select
            landing_files.table_name,
            landing_files.file,
            coalesce(delivered.rows_in, 0) as rows_in,
            coalesce(judged.rows_staged, 0) as rows_staged,
            coalesce(judged.rows_quarantined, 0) as rows_quarantined,
            -- a whole night says it, when it takes them out of the file that it publishes
            cast(0 as bigint) as rows_erased,
            landing_files.unknown_columns
        from landing_files
        left join
            delivered
            on landing_files.table_name = delivered.table_name
            and landing_files.file = delivered.file
        left join judged on landing_files.table_name = judged.table_name and landing_files.file = judged.file
    )

select *
from final
