{#-
    Who keeps a place among those that passed every gate. Each step sees only what the step before left, and within a step the
    order is the same: priority from high to low, then campaign_id. Transactional messages stand outside and never lose, but
    they count as sent: they take up room under the caps, and they hold their content group.
-#}
{%- set by_priority = "priority desc, campaign_id" -%}

with
    gates as (select * from {{ ref("int_campaigns__gates") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    caps as (select *, {{ days_before(as_of(), "window_days") }} as counts_from from frequency_caps),

    contenders as (
        select
            user_id,
            campaign_id,
            channel,
            priority,
            content_key,
            address_key,
            last_active_at,
            max_messages_per_week,
        from gates
        where has_passed and not is_transactional
    ),

    -- 0. one message of a campaign to an address, however many users share it
    by_address as (
        select
            *,
            row_number() over (
                partition by campaign_id, address_key order by last_active_at desc nulls last, user_id
            ) as place,
        from contenders
    ),

    transactional as (
        select user_id, campaign_id, channel, priority, content_key,
        from gates
        where has_passed and is_transactional
    ),

    held_content as (
        select user_id, content_key, {{ ordered_list("campaign_id", by_priority) }} as campaigns
        from transactional
        group by user_id, content_key
    ),

    -- 1. one message of a content group to a user
    by_content as (
        select
            by_address.*,
            held_content.campaigns as held_by,
            row_number() over (
                partition by by_address.user_id, by_address.content_key order by {{ by_priority }}
            ) as content_place,
            first_value(by_address.campaign_id) over (
                partition by by_address.user_id, by_address.content_key order by {{ by_priority }}
            ) as content_winner,
        from by_address
        left join
            held_content
            on by_address.user_id = held_content.user_id
            and by_address.content_key = held_content.content_key
        where by_address.place = 1
    ),

    -- the places that tonight's transactional messages take
    taken_by_channel as (
        select user_id, channel, count(*) as messages from transactional group by user_id, channel
    ),

    taken_by_user as (select user_id, count(*) as messages from transactional group by user_id),

    users as (select distinct user_id from by_content),

    -- two caps may share a window: what was sent in it counts once
    windows as (select distinct channel, window_days, counts_from from caps),

    counted as (
        select sent.user_id, windows.channel, windows.window_days, count(*) as messages,
        from sent
        cross join windows
        where
            sent.sent_at >= windows.counts_from
            and (windows.channel = 'all' or windows.channel = sent.channel)
        group by sent.user_id, windows.channel, windows.window_days
    ),

    -- the room that earlier nights left under each cap: channels by their name, all together as 'all'
    room as (
        select users.user_id, caps.channel, min(caps.max_messages - coalesce(counted.messages, 0)) as room,
        from users
        cross join caps
        left join
            counted
            on users.user_id = counted.user_id
            and caps.channel = counted.channel
            and caps.window_days = counted.window_days
        group by users.user_id, caps.channel
    ),

    had_this_week as (
        select user_id, count(*) as messages
        from sent
        where sent_at >= {{ days_before(as_of(), 7) }}
        group by user_id
    ),

    -- 2. as many messages of a channel to a user as its caps leave room for
    by_channel as (
        select
            by_content.*,
            coalesce(taken_by_channel.messages, 0) + row_number() over (
                partition by by_content.user_id, by_content.channel order by {{ by_priority }}
            ) as channel_place,
            room.room as channel_room,
        from by_content
        left join room on by_content.user_id = room.user_id and by_content.channel = room.channel
        left join
            taken_by_channel
            on by_content.user_id = taken_by_channel.user_id
            and by_content.channel = taken_by_channel.channel
        where by_content.content_place = 1 and by_content.held_by is null
    ),

    -- 3. as many messages to a user as the caps over all channels and the user's own limit leave room for
    by_user as (
        select
            by_channel.*,
            coalesce(taken_by_user.messages, 0)
            + row_number() over (partition by by_channel.user_id order by {{ by_priority }}) as user_place,
            least(
                room.room, by_channel.max_messages_per_week - coalesce(had_this_week.messages, 0)
            ) as user_room,
        from by_channel
        left join room on by_channel.user_id = room.user_id and room.channel = 'all'
        left join had_this_week on by_channel.user_id = had_this_week.user_id
        left join taken_by_user on by_channel.user_id = taken_by_user.user_id
        where by_channel.channel_place <= coalesce(by_channel.channel_room, by_channel.channel_place)
    ),

    -- whom a loser lost to: those who stayed, and tonight's transactional messages; but nobody of this
    -- night where earlier
    -- nights had left no room at all
    channel_winners as (
        select user_id, channel, {{ ordered_list("campaign_id", by_priority) }} as campaigns
        from
            (
                select user_id, channel, campaign_id, priority
                from by_user
                union all
                select user_id, channel, campaign_id, priority
                from transactional
            ) as places
        group by user_id, channel
    ),

    user_winners as (
        select user_id, {{ ordered_list("campaign_id", by_priority) }} as campaigns
        from
            (
                select user_id, campaign_id, priority
                from by_user
                where user_place <= coalesce(user_room, user_place)
                union all
                select user_id, campaign_id, priority
                from transactional
            ) as places
        group by user_id
    ),

    final as (
        select user_id, campaign_id, 'duplicate_address' as lost_by, {{ empty_list() }} as lost_to
        from by_address
        where place > 1
        union all
        select
            user_id,
            campaign_id,
            'same_content' as lost_by,
            coalesce(held_by, {{ list_of(["content_winner"]) }}) as lost_to,
        from by_content
        where content_place > 1 or held_by is not null
        union all
        select
            by_channel.user_id,
            by_channel.campaign_id,
            'channel_cap' as lost_by,
            case
                when by_channel.channel_room > 0
                then coalesce(channel_winners.campaigns, {{ empty_list() }})
                else {{ empty_list() }}
            end as lost_to,
        from by_channel
        left join
            channel_winners
            on by_channel.user_id = channel_winners.user_id
            and by_channel.channel = channel_winners.channel
        where by_channel.channel_place > by_channel.channel_room
        union all
        select
            by_user.user_id,
            by_user.campaign_id,
            case when by_user.user_place > by_user.user_room then 'total_cap' end as lost_by,
            case
                when by_user.user_place > by_user.user_room and by_user.user_room > 0
                then coalesce(user_winners.campaigns, {{ empty_list() }})
                else {{ empty_list() }}
            end as lost_to,
        from by_user
        left join user_winners on by_user.user_id = user_winners.user_id
    )

select *
from final
