-- One row a campaign that was held back in the last run of a night. Given: $as_of.
select campaign_id
from ops.runs
where as_of = $as_of
qualify finished_at = max(finished_at) over () and status = 'held_back'
