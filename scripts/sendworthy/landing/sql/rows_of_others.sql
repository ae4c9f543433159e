-- The rows of a query that are not of erased people. Given: rows, the query; nameless, the table of those
-- of its rows that name nobody, less those with an address of erased people, each with a row_number.
select *
from ({{ rows }})
where trim(user_id) <> '' and user_id not in (select user_id from erased)
union all
select * exclude (row_number)
from {{ nameless | identifier }}
