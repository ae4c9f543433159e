-- ids of deliveries in drops that are still read, where the one that counts is in a drop that is not
with
    later as (
        select
            'events' as table_name,
            event_id as id,
            event_name,
            user_id,
            null as channel,
            quarantine_reason,
            file
        from staging.base_landing__events
        union all
        select
            'message_events' as table_name,
            message_event_id as id,
            event_type as event_name,
            user_id,
            channel,
            quarantine_reason,
            file
        from staging.base_landing__message_events
    ),

    still_read as (
        select table_name, id, event_name, user_id, channel, quarantine_reason
        from later
        where (table_name, file) not in (select (table_name, file) from folded_files)
    )

select table_name, id, event_name, user_id, channel
from still_read
where quarantine_reason = 'duplicate'
except
select table_name, id, event_name, user_id, channel
from still_read
where quarantine_reason is null
