-- One row a row of a table that is of erased people: those that name them, and those that name nobody and
-- hold an address of theirs in any text. Given: $schema, $table, and the table; mentioning, a query of the
-- numbers of the latter.
with
    -- one by one: joined by an `or`, every row would be searched for every address
    found as (
        select rowid as row_number
        from {{ table | relation }}
        where user_id in (select user_id from erased)
        union all
        select row_number
        from ({{ mentioning }}) as rows_mentioning_erased
    )

select $schema as schema_name, $table as table_name, row_number
from found
