-- One row a campaign whose message to a user was taken back, of the nights of one date. Given: $user_id,
-- $as_of.
select campaign_id, cancelled_at, reasons
from ledger.cancellations
where user_id = $user_id and as_of::date = $as_of::date
