-- One row an event that event_types.csv lacks: its name, and how many reports. Given: $pattern, which a name
-- matches that may be shown; $other, what stands for every other name.
select case when regexp_full_match(event, $pattern) then event else $other end as name, count(*) as reports
from understood
where not is_known and why_it_may_stop is null
group by name
order by name
