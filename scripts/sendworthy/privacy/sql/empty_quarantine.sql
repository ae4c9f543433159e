-- A quarantined row of erased people stays, so that the counts are right, and says nothing any more. Of a
-- row without a user, an address decides. Given: mentioning, a query of the numbers of those.
update ops.quarantine
set raw_row = '{}', user_id = null
where
    user_id in (select user_id from erased)
    or rowid in (select row_number from ({{ mentioning }}) as rows_mentioning_erased)
