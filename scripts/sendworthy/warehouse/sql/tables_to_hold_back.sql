-- One row a table that exports or audits are kept in, and its column that says of which campaign a row is,
-- null where none does. Views follow by themselves.
select
    columns.schema_name || '.' || columns.table_name as name,
    min(columns.column_name) filter (
        where columns.column_name similar to '(.*_)?campaign_id'
    ) as campaign_column
from duckdb_columns() as columns
inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
where columns.schema_name in ('exports', 'audit') and columns.database_name = current_database()
group by all
