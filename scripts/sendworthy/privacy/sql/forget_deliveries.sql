-- What destinations were told of the people of `erased`, or of an address that only they have, is not
-- remembered.
delete from ledger.deliveries
where
    user_id in (select user_id from erased)
    or person in (select {{ hash_of_address("address") }} from erased_addresses)
