-- One row a destination and campaign with messages to people who get more tonight than the room that
-- the audit has counted for them, on the channel or in all, or for whom it has counted none.
with
    tonight as (
        select
            delivered.destination,
            delivered.campaign_id,
            delivered.user_id,
            campaigns.channel,
            coalesce(campaigns.is_transactional, false) as is_transactional,
            count(*) over (partition by destination, user_id, campaigns.channel) as in_channel,
            count(*) over (partition by destination, user_id) as in_all
        from delivered
        left join settings.campaigns as campaigns using (campaign_id)
    ),

    room as (
        select user_id, channel, min(channel_room) as messages
        from audit.audit_messages
        group by user_id, channel
    ),

    room_in_all as (select user_id, min(total_room) as messages from audit.audit_messages group by user_id)

select
    tonight.destination,
    tonight.campaign_id,
    count(*) filter (where tonight.in_channel > room.messages) as over_channel,
    count(*) filter (where tonight.in_all > room_in_all.messages) as over_all,
    count(*) filter (where room.user_id is null) as unknown
from tonight
left join room on tonight.user_id = room.user_id and tonight.channel = room.channel
left join room_in_all on tonight.user_id = room_in_all.user_id
-- a transactional message takes room, and needs none
where not tonight.is_transactional
group by tonight.destination, tonight.campaign_id
having over_channel + over_all + unknown > 0
order by tonight.destination, tonight.campaign_id
