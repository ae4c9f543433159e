-- What was delivered of an address that somebody else has now is theirs: it names nobody of `erased`.
update ledger.deliveries
set user_id = null
where
    user_id in (select user_id from erased)
    and person in (
        select {{ hash_of_address("address_key") }}
        from intermediate.int_users__channels
        where address_key is not null
    )
