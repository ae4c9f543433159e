-- One row: how many events there are, how many are quarantined as from the future, and the first date of
-- those. In words that every engine knows.
select
    count(*),
    count(case when quarantine_reason = 'from_the_future' then 1 end),
    min(
        case
            when quarantine_reason = 'from_the_future' then substring(cast(occurred_at as varchar(30)), 1, 10)
        end
    )
from staging.base_landing__events
