-- One row a file of the landing zone that this run is the first one to have read, as ledger.files_read has
-- it. Given: $started_at of the run.
select distinct table_name, file, cast($started_at as timestamp) as first_read_at
from ops.source_counts
anti join ledger.files_read using (table_name, file)
order by table_name, file
