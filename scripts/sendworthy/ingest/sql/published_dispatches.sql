-- One row a message of the published ledger. Two nights of one date have the same ids: the later one counts.
select as_of, dispatch_id, user_id, campaign_id, channel, variant, valid_until
from published.ledger.dispatches
qualify row_number() over (partition by dispatch_id order by as_of desc, user_id, campaign_id) = 1
