-- One row a campaign of which something was accepted in an earlier run of the same night: the last time.
-- Given: $as_of.
select campaign_id, details -> 'accepted' as accepted
from ops.runs
where
    as_of = $as_of
    and json_type(details -> 'accepted') = 'OBJECT'
    -- of an older version, which took an acceptance of a night that was over
    and (run ->> 'is_replay') is null
qualify row_number() over (partition by campaign_id order by finished_at desc, run_id desc) = 1
