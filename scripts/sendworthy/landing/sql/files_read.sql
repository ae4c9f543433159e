-- One row a file of the landing zone that a build has read, or kept, in the words of the catalogue; those
-- that it has read have a drop_number. Given: $tables. What has no time may have changed unseen: it is of no
-- size that a file has, and so it is read anew.
select
    landing_files.table_name,
    landing_files.file,
    case when landing_files.written_at_us is null then -1 else landing_files.file_bytes end as file_bytes,
    coalesce(landing_files.written_at_us, -1) as written_at_us,
    strftime(landing_files.judged_at, '%Y-%m-%d %H:%M:%S.%f') as judged_at,
    landing_files.drop_number,
    source_counts.rows_in,
    source_counts.rows_erased,
    landing_files.unknown_columns
from landing.landing_files as landing_files
inner join ops.source_counts as source_counts using (table_name, file)
where list_contains($tables, landing_files.table_name)
order by landing_files.table_name, landing_files.file
