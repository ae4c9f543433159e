-- One row a table that arrives in drops: the date of the newest drop that a build has read.
select table_name, strftime(max(landed_on), '%Y-%m-%d') as landed_until
from ops.source_counts
where landed_on is not null
group by all
order by all
