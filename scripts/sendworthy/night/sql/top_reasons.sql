-- One row a campaign and reason: the three reasons that keep most people from its message, the most
-- frequent first.
select campaign_id, reason, users
from marts.suppression_funnel
where step not in ('candidates', 'send', 'control')
qualify row_number() over (partition by campaign_id order by users desc, reason) <= 3
order by campaign_id, users desc, reason
