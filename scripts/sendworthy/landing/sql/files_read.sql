-- One row a file of the landing zone that a build has read, or kept, in the words of the catalogue; those
-- that it has read have a drop_number. Given: $tables. What has no time may have changed unseen.
select
    landing_files.table_name,
    landing_files.file,
    landing_files.file_bytes,
    landing_files.written_at_us,
    strftime(landing_files.judged_at, '%Y-%m-%d %H:%M:%S.%f') as judged_at,
    landing_files.drop_number,
    source_counts.rows_in,
    source_counts.rows_erased,
    landing_files.unknown_columns
from landing.landing_files as landing_files
inner join ops.source_counts as source_counts using (table_name, file)
where list_contains($tables, landing_files.table_name) and landing_files.written_at_us is not null
order by landing_files.table_name, landing_files.file
