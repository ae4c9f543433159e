-- What the run of a recorded night had read, where a later night is recorded too; no row for the newest
-- one, or for none. Given: $as_of.
select started_at, run ->> 'landed_until', try_cast(run ->> 'cancelled_until' as timestamp)
from ops.runs
where
    as_of = $as_of
    -- what a replay has read is what the run before it had
    and (run ->> 'is_replay') is null
    and exists (select 1 from ops.runs where as_of > $as_of)
order by finished_at desc, run_id desc
limit 1
