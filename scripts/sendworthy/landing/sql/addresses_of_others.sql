-- One row an address that somebody who is not erased has now. Given: hash_of_address.
create or replace temp table addresses_of_others as
with
    people as (
        select user_id, email, phone, push_token
        from intermediate.int_users__current
        where user_id not in (select user_id from erased)
    ),

    addresses as (
        select 'email' as channel, email as address
        from people
        union
        select 'sms' as channel, phone as address
        from people
        union
        select 'push' as channel, push_token as address
        from people
    )

select channel, address, {{ hash_of_address('address') }} as address_hash
from addresses
where address is not null
