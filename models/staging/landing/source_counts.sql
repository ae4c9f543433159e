{{ config(materialized="table", schema="ops") }}

with
    landing_files as (select * from {{ source("landing", "landing_files") }}),

    -- of files that are not read tonight
    kept as (select * from {{ source("drops", "files") }}),

    -- counted anew in the files, so that a row that was lost in reading or in staging would show
    delivered as (select * from {{ source("landing", "row_counts") }}),

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
            landing_files.landed_on,
            coalesce(kept.rows_in, delivered.rows_in, 0) as rows_in,
            coalesce(judged.rows_staged, 0) + coalesce(kept.rows_erased, 0) as rows_staged,
            coalesce(judged.rows_quarantined, 0) as rows_quarantined,
            -- a whole night adds to it, when it takes them out of what it publishes
            coalesce(kept.rows_erased, cast(0 as bigint)) as rows_erased,
            landing_files.unknown_columns
        from landing_files
        left join
            delivered
            on landing_files.table_name = delivered.table_name
            and landing_files.file = delivered.file
        left join kept on landing_files.table_name = kept.table_name and landing_files.file = kept.file
        left join judged on landing_files.table_name = judged.table_name and landing_files.file = judged.file
    )

select *
from final
