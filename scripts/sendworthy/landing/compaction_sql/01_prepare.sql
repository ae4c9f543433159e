-- What is folded, and what of it is old, frequent and superseded. Runs on a published file, with the
-- variables horizon (a date), cutoff (a time) and thinned_events (a list of their names).
create or replace temp table folded_files as
select
    table_name,
    file,
    landed_on,
    rows_in,
    rows_staged,
    rows_late,
    rows_erased,
    unknown_columns
from ops.source_counts
where table_name in ('events', 'message_events') and landed_on < getvariable('horizon');

create or replace temp table thinned_names as
select unnest(getvariable('thinned_events')::varchar[]) as event_name;

-- what measures the success of a campaign matters for as long as it was looked for after the message,
-- however long ago
create or replace temp table success_windows as
select eligible.user_id, campaigns.success_event as event_name, eligible.starts_at, eligible.ends_at
from intermediate.int_measurement__eligible_users as eligible
inner join settings.campaigns as campaigns using (campaign_id)
where eligible.starts_at < getvariable('cutoff');

create or replace temp table measured_events as
select distinct events.event_id
from staging.base_landing__events as events
inner join success_windows
    on events.user_id = success_windows.user_id
    and events.event_name = success_windows.event_name
    and events.occurred_at >= success_windows.starts_at
    and events.occurred_at < success_windows.ends_at
where events.quarantine_reason is null and events.occurred_at < getvariable('cutoff');

create or replace temp table measured_reports as
select distinct reports.message_event_id
from staging.base_landing__message_events as reports
inner join success_windows
    on reports.user_id = success_windows.user_id
    and 'message_' || reports.event_type || ':' || reports.campaign_id = success_windows.event_name
    and reports.occurred_at >= success_windows.starts_at
    and reports.occurred_at < success_windows.ends_at
where reports.quarantine_reason is null and reports.occurred_at < getvariable('cutoff');

-- a readable row of one of these takes the place of the one that nobody can read, and so it stops
-- nobody, however old it is
create or replace temp table unreadable_ids as
select 'events' as table_name, event_id as id
from staging.base_landing__events
where quarantine_reason like 'missing!_%' escape '!' or quarantine_reason like 'bad!_%' escape '!'
union
select 'message_events' as table_name, message_event_id as id
from staging.base_landing__message_events
where quarantine_reason like 'missing!_%' escape '!' or quarantine_reason like 'bad!_%' escape '!';

-- who did what first and last, before the cutoff
create or replace temp table event_edges as
select user_id, event_name, min(occurred_at) as first_at, max(occurred_at) as newest_at
from staging.base_landing__events
where
    quarantine_reason is null
    and occurred_at < getvariable('cutoff')
    and event_name in (select event_name from thinned_names)
    and file in (select file from folded_files)
group by all;

create or replace temp view judged_events as
select
    events.*,
    event_edges.user_id is null
    or events.occurred_at >= getvariable('cutoff')
    or events.occurred_at in (event_edges.first_at, event_edges.newest_at)
    or events.event_id in (select event_id from measured_events)
    or events.event_id in (select id from unreadable_ids where table_name = 'events') as is_kept
from staging.base_landing__events as events
left join event_edges using (user_id, event_name)
where events.quarantine_reason is null and events.file in (select file from folded_files);

-- the same of reports: how often a message was seen does not matter, only when it was seen last
create or replace temp table report_edges as
select user_id, channel, campaign_id, event_type, max(occurred_at) as newest_at
from staging.base_landing__message_events
where
    quarantine_reason is null
    and occurred_at < getvariable('cutoff')
    and event_type in ('delivered', 'opened', 'clicked')
    and file in (select file from folded_files)
group by all;

create or replace temp view judged_reports as
select
    reports.*,
    report_edges.user_id is null
    or reports.occurred_at >= getvariable('cutoff')
    or reports.occurred_at = report_edges.newest_at
    or reports.message_event_id in (select message_event_id from measured_reports)
    or reports.message_event_id in (select id from unreadable_ids where table_name = 'message_events') as is_kept
from staging.base_landing__message_events as reports
left join report_edges
    on reports.user_id = report_edges.user_id
    and reports.channel = report_edges.channel
    and reports.event_type = report_edges.event_type
    and reports.campaign_id is not distinct from report_edges.campaign_id
where reports.quarantine_reason is null and reports.file in (select file from folded_files);

-- quarantined rows stay as they are. Those of erased people are not there any more; in their place
-- stands one that says nothing, as in ops.quarantine, so that the counts are right
create or replace temp view emptied_rows as
select counted.table_name, counted.file, counted.quarantine_reason, '{}' as raw_row
from (
    select table_name, file, reason as quarantine_reason, count(*) as rows_counted
    from ops.quarantine
    where (table_name, file) in (select (table_name, file) from folded_files)
    group by all
) as counted
left join (
    select 'events' as table_name, file, quarantine_reason, count(*) as rows_there
    from staging.base_landing__events
    where quarantine_reason is not null
    group by all
    union all
    select 'message_events' as table_name, file, quarantine_reason, count(*) as rows_there
    from staging.base_landing__message_events
    where quarantine_reason is not null
    group by all
) as whole using (table_name, file, quarantine_reason)
cross join lateral (select unnest(range(counted.rows_counted - coalesce(whole.rows_there, 0)))) as missing;
