-- One row a record: what it may hold before the night, which is what was last written to it. Given:
-- $destination, $as_of.
select *
from ledger.deliveries
where destination = $destination and as_of < $as_of
qualify row_number() over (partition by scope, person order by as_of desc) = 1
