{{ config(materialized="table", schema="ops") }}

with
    landing_files as (select * from {{ source("landing", "landing_files") }}),

    -- of files that are not read any more
    history as (select * from {{ source("history", "files") }}),

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

    -- so late that on history nobody looks for another delivery of it
    late as (
        {%- for table in ["events", "message_events"] %}
            select '{{ table }}' as table_name, base.file, count(*) as rows_late
            from {{ ref("base_landing__" ~ table) }} as base
            inner join
                landing_files on landing_files.table_name = '{{ table }}' and base.file = landing_files.file
            where
                base.quarantine_reason is null
                and base.occurred_at
                < {{
                    days_before(
                        "cast(landing_files.landed_on as timestamp)", var("history")["duplicates_days"]
                    )
                }}
            group by base.file {{ "union all" if not loop.last }}
        {%- endfor %}
    ),

    final as (
        select
            landing_files.table_name,
            landing_files.file,
            landing_files.landed_on,
            coalesce(history.rows_in, delivered.rows_in, 0) as rows_in,
            coalesce(judged.rows_staged, 0)
            + coalesce(history.rows_folded + history.rows_erased, 0) as rows_staged,
            coalesce(judged.rows_quarantined, 0) as rows_quarantined,
            coalesce(history.rows_folded, 0) as rows_folded,
            coalesce(history.rows_late, late.rows_late, 0) as rows_late,
            -- a whole night adds to it, when it takes them out of the file that it publishes
            coalesce(history.rows_erased, cast(0 as bigint)) as rows_erased,
            landing_files.unknown_columns
        from landing_files
        left join
            delivered
            on landing_files.table_name = delivered.table_name
            and landing_files.file = delivered.file
        left join
            history on landing_files.table_name = history.table_name and landing_files.file = history.file
        left join late on landing_files.table_name = late.table_name and landing_files.file = late.file
        left join judged on landing_files.table_name = judged.table_name and landing_files.file = judged.file
    )

select *
from final
