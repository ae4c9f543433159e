-- One row a report of an erased person on an address that somebody else has now: what it says of the address
-- holds for them. The table `erased` has a pseudonym of each. Given: hash_of_address.
create or replace temp table reports_about_others as
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

select
    reports.message_event_id,
    reports.event_type,
    reports.user_id,
    reports.channel,
    erased.pseudonym,
    min(addresses.address) as address
from intermediate.int_messages__addressed as reports
inner join erased on reports.user_id = erased.user_id
inner join
    addresses
    on reports.channel = addresses.channel
    and reports.address_hash = {{ hash_of_address('addresses.address') }}
group by all
