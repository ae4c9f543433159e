-- One row a message that is taken back now, as ledger.cancellations has it.
select as_of, dispatch_id, campaign_id, user_id, cancelled_at, reasons
from found.marts.cancellations
order by campaign_id, user_id
