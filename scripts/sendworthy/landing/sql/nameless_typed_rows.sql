-- One row a typed row that names nobody: its number, and all its texts as one. Given: rows. Such a row is
-- quarantined: asking for that first, Parquet files need not be read whole.
select
    {parquet:filename, number:file_row_number} as row_number,
    concat_ws(' ', *columns(* exclude (filename, file_row_number))) as text
from {{ rows }}
where quarantine_reason is not null and coalesce(trim(user_id), '') = ''
