-- One row a campaign and candidate of the night, as ledger.decisions has it.
select
    as_of,
    user_id,
    campaign_id,
    channel,
    decision,
    primary_reason,
    reasons,
    variant,
    trigger_at,
    priority,
    lost_to,
    send_at,
    arm
from marts.campaign_decisions
order by campaign_id, user_id
