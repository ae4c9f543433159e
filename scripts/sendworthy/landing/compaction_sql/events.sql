select * exclude (is_kept)
from judged_events
where is_kept
union all by name
select *
from staging.base_landing__events
where quarantine_reason is not null and file in (select file from folded_files)
union all by name
select file, quarantine_reason, raw_row
from emptied_rows
where table_name = 'events'
