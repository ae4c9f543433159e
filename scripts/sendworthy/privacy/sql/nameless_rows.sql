-- One row a row of a table that names nobody: its number, and all its texts as one. Given: table, columns
-- (of text).
select
    rowid as row_number,
    concat_ws(' ' {% for column in columns %}, {{ column | identifier }} {% endfor %}) as text
from {{ table | relation }}
where coalesce(trim(user_id), '') = ''
