-- One row a typed row of erased people, with its file and its number. Given: rows; mentioning, a query of the
-- numbers of rows that name nobody and hold an address of theirs.
create or replace temp table typed_rows_of_erased as
with
    numbered as (select *, {parquet: filename, number: file_row_number} as row_number from {{ rows }})

select file, row_number
from numbered
where user_id in (select user_id from erased)
union
select numbered.file, numbered.row_number
from numbered
semi join ({{ mentioning }}) as mentioning on numbered.row_number = mentioning.row_number
