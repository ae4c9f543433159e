-- One row a file of the landing zone in whose typed rows erased people are. Given: rows; mentioning, a query
-- of the numbers of rows that name nobody and hold an address of theirs.
create or replace temp table typed_rows_of_erased as
with
    found as (
        select file
        from {{ rows }}
        where user_id in (select user_id from erased)
        union all
        select rows.file
        from {{ rows }} as rows
        semi join
            ({{ mentioning }}) as mentioning
            on {parquet: rows.filename, number: rows.file_row_number} = mentioning.row_number
    )

select distinct file
from found
