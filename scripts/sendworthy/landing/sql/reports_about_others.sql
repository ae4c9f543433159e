-- One row a report of an erased person on an address that somebody else has now: what it says of the address
-- holds for them. The table `erased` has a pseudonym of each.
create or replace temp table reports_about_others as
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
    addresses_of_others as addresses
    on reports.channel = addresses.channel
    and reports.address_hash = addresses.address_hash
group by all
