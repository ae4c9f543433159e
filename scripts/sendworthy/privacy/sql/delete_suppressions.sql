-- Of the suppression list, the lines that name an address of erased people go; those with their user_id go
-- as in all tables.
delete from settings.global_suppressions
where lower(trim(address)) in (select address from intermediate.int_users__erased_addresses)
