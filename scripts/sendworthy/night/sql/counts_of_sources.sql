-- One row a landing table: its rows, and those that were quarantined.
select table_name as "table", sum(rows_in)::bigint as rows, sum(rows_quarantined)::bigint as quarantined
from ops.source_counts
group by all
order by all
