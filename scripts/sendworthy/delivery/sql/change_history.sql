-- One row: the last night before $as_of with changes for the destination $name, the newest night of
-- all that had some, and whether the night of $as_of was a resync. $path is the place in a run's details
-- that says it.
with
    recorded as (
        select as_of, json_extract(details, $path) as changes
        from ops.runs
        where json_extract(details, $path) is not null
    ),

    nights as (
        select as_of, coalesce((changes ->> 'resync') = 'true', false) as is_resync
        from recorded
        where coalesce((changes ->> 'out_of_order') <> 'true', true)
        union all
        select distinct as_of, false as is_resync
        from ledger.deliveries
        where destination = $name
    )

select
    max(as_of) filter (where as_of < $as_of) as since,
    max(as_of) as newest,
    coalesce(bool_or(is_resync) filter (where as_of = $as_of), false) as was_resync
from nights
