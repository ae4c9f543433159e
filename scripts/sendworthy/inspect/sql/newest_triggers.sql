-- One row a trigger event that a user has: the newest. Given: $user_id.
select trigger_event, max(trigger_at) as trigger_at
from intermediate.int_events__triggers
where user_id = $user_id
group by trigger_event
