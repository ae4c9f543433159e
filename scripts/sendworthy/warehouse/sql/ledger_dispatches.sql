-- One row a message of the night, as ledger.dispatches has it. Given: $as_of.
select
    $as_of as as_of,
    dispatch_id,
    user_id,
    campaign_id,
    channel,
    variant,
    send_at,
    valid_until,
    journey_started_at,
    address_hash,
    arm
from marts.send_list
order by campaign_id, user_id
