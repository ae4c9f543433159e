-- One row a reason why events do not land: how many, without duplicates and what stops messages.
select fate, count(*) as events
from outcomes
where fate <> 'duplicate' and not stops_messages(event_type)
group by fate
order by fate
