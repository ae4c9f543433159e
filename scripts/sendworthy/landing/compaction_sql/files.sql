with
    kept as (
        select 'events' as table_name, file, count(*) as rows_kept
        from judged_events
        where is_kept
        group by all
        union all
        select 'message_events' as table_name, file, count(*) as rows_kept
        from judged_reports
        where is_kept
        group by all
    )

select
    table_name,
    file,
    landed_on,
    rows_in,
    rows_staged - rows_erased - coalesce(rows_kept, 0) as rows_folded,
    rows_late,
    rows_erased,
    unknown_columns
from folded_files
left join kept using (table_name, file)
