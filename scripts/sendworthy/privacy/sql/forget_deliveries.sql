-- Forgets what was delivered of the people of `erased`, or of an address that only they have.
delete from ledger.deliveries
where
    user_id in (select user_id from erased)
    or person in (select {{ hash_of_address("address") }} from erased_addresses)
