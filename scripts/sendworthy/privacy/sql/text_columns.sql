-- One row a column of a table that holds text, in their order. Given: $schema, $table.
select column_name
from duckdb_columns()
where
    database_name = current_database()
    and schema_name = $schema
    and table_name = $table
    and data_type in ('VARCHAR', 'JSON')
order by column_index
