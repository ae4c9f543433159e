-- One row a table of the build with a column: looked for, so that no model and no ledger can be forgotten.
-- Given: $column, $in_ledgers (the ledgers, or all other tables). The quarantine has rules of its own.
select columns.schema_name, columns.table_name
from duckdb_columns() as columns
inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
where
    columns.database_name = current_database()
    and columns.column_name = $column
    and (columns.schema_name = 'ledger') = $in_ledgers
    and columns.table_name <> 'quarantine'
    and not tables.temporary
order by all
