-- ops.source_counts says how many staged rows are going to be missing. Given: table, a base model; $schema
-- and $model, what `erased_rows` calls it; $source, the landing table that it is made of.
update ops.source_counts
set rows_erased = source_counts.rows_erased + gone.rows_erased
from
    (
        select file, count(*) as rows_erased
        from {{ table | relation }}
        where
            quarantine_reason is null
            and rowid
            in (select row_number from erased_rows where schema_name = $schema and table_name = $model)
        group by file
    ) as gone
where source_counts.table_name = $source and source_counts.file = gone.file
