-- the days of all events that are left out; being somewhere is not being active
select distinct user_id, occurred_at::date as active_on
from judged_events
where not is_kept and event_name <> 'location_ping'
union
select user_id, active_on
from staging.base_landing__active_days
