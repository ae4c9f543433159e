-- ids of deliveries in drops that are still read, where the one that counts is in a drop that is not
with
    later_events as (
        select event_id as id, quarantine_reason
        from staging.base_landing__events
        where file not in (select file from folded_files where table_name = 'events')
    ),

    later_reports as (
        select message_event_id as id, quarantine_reason
        from staging.base_landing__message_events
        where file not in (select file from folded_files where table_name = 'message_events')
    )

select distinct 'events' as table_name, id
from later_events
where quarantine_reason = 'duplicate' and id not in (select id from later_events where quarantine_reason is null)
union all
select distinct 'message_events' as table_name, id
from later_reports
where quarantine_reason = 'duplicate' and id not in (select id from later_reports where quarantine_reason is null)
