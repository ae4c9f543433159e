-- One row a destination to which people of `erased` were delivered: how many.
select destination, count(distinct user_id) as people
from ledger.deliveries
where user_id in (select user_id from erased)
group by all
order by all
