{#-
    Who keeps a place among those that passed every gate. Each step sees only what the step before left, and within a step the
    order is the same: priority from high to low, then campaign_id. Transactional messages stand outside and never lose, but
    they count as sent: they come first in every order, take up room under the caps, and hold their content group.

    One row flows down a single path and nobody leaves it: who has lost a step stands in partitions of their own in the steps
    after it, so that places are counted among those who are still in.
-#}
{%- set by_priority = "priority desc, campaign_id" -%}

with
    gates as (select * from {{ ref("int_campaigns__gates") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    caps as (
        -- a cap that is written twice counts once
        select distinct channel, window_days, max_messages from frequency_caps
    ),

    passed as (
        select
            user_id,
            campaign_id,
            channel,
            priority,
            content_key,
            address_key,
            address_hash,
            last_active_at,
            max_messages_per_week,
            is_transactional,
            send_at
        from gates
        where has_passed
    ),

    -- windows are counted in whole days from the day on which the message would go out
    send_days as (
        select cast(send_at as date) as send_day, min(send_at) as send_at
        from passed
        group by cast(send_at as date)
    ),

    sent_in_windows as (
        select
            sent.user_id,
            sent.channel as sent_on,
            sent.address_hash,
            caps.channel,
            caps.window_days,
            caps.max_messages,
            send_days.send_day
        from sent
        -- a channel that nobody knows can be any of them
        inner join caps on caps.channel in (sent.channel, 'all') or sent.channel = 'unknown'
        inner join
            send_days on {{ within_days_of_sending("sent.sent_at", "caps.window_days", "send_days.send_at") }}
    ),

    -- the room that a cap leaves to whom nothing was sent in its window; all channels together are 'all'
    free_room as (select channel, min(max_messages) as room from caps group by channel),

    left_of_user as (
        select user_id, channel, send_day, max_messages - count(*) as room
        from sent_in_windows
        group by user_id, channel, send_day, window_days, max_messages
    ),

    left_of_address as (
        select address_hash, channel, send_day, max_messages - count(*) as room
        from sent_in_windows
        where channel <> 'all' and address_hash is not null
        group by address_hash, channel, send_day, window_days, max_messages
    ),

    room_of_user as (
        select user_id, channel, send_day, min(room) as room
        from left_of_user
        group by user_id, channel, send_day
    ),

    room_of_address as (
        select address_hash, channel, send_day, min(room) as room
        from left_of_address
        group by address_hash, channel, send_day
    ),

    had_this_week as (
        select sent.user_id, send_days.send_day, count(*) as messages
        from sent
        inner join send_days on {{ within_days_of_sending("sent.sent_at", 7, "send_days.send_at") }}
        group by sent.user_id, send_days.send_day
    ),

    with_room as (
        select
            passed.*,
            -- without a cap there is no end of room: null
            least(free_in_channel.room, of_user.room, of_address.room) as channel_room,
            least(
                free_in_all.room,
                of_user_in_all.room,
                passed.max_messages_per_week - coalesce(had_this_week.messages, 0)
            ) as user_room
        from passed
        left join free_room as free_in_channel on passed.channel = free_in_channel.channel
        left join free_room as free_in_all on free_in_all.channel = 'all'
        left join
            room_of_user as of_user
            on passed.user_id = of_user.user_id
            and passed.channel = of_user.channel
            and cast(passed.send_at as date) = of_user.send_day
        left join
            room_of_address as of_address
            on passed.address_hash = of_address.address_hash
            and passed.channel = of_address.channel
            and cast(passed.send_at as date) = of_address.send_day
        left join
            room_of_user as of_user_in_all
            on passed.user_id = of_user_in_all.user_id
            and of_user_in_all.channel = 'all'
            and cast(passed.send_at as date) = of_user_in_all.send_day
        left join
            had_this_week
            on passed.user_id = had_this_week.user_id
            and cast(passed.send_at as date) = had_this_week.send_day
    ),

    -- 0. one message of a campaign to an address, however many users share it
    by_address as (
        select
            *,
            is_transactional
            or row_number() over (
                partition by campaign_id, address_key order by last_active_at desc nulls last, user_id
            )
            = 1 as has_address
        from with_room
    ),

    -- 1. one message of a content group to a user
    in_group as (
        select
            *,
            {{
                ordered_list_in_partition(
                    "campaign_id", "is_transactional", by_priority, "user_id, content_key"
                )
            }} as held_by
        from by_address
    ),

    by_content as (
        select
            *,
            first_value(campaign_id) over (
                partition by user_id, content_key, is_transactional, has_address order by {{ by_priority }}
            ) as content_winner
        from in_group
    ),

    in_content as (
        select
            *,
            is_transactional
            or (
                has_address and {{ list_size("held_by") }} = 0 and content_winner = campaign_id
            ) as has_content
        from by_content
    ),

    -- 2. as many messages of a channel to an address as its caps leave room for: the smallest room of those
    -- who are still in
    by_channel as (
        select
            *,
            row_number() over (
                partition by address_key, channel, has_content
                order by is_transactional desc, {{ by_priority }}, user_id
            ) as channel_place,
            min(case when not is_transactional then channel_room end) over (
                partition by address_key, channel, has_content
            ) as address_room
        from in_content
    ),

    in_channel as (
        select
            *,
            is_transactional
            or (has_content and channel_place <= coalesce(address_room, channel_place)) as has_channel
        from by_channel
    ),

    -- 3. as many messages to a user as the caps over all channels and the user's own limit leave room for
    by_user as (
        select
            *,
            row_number() over (
                partition by user_id, has_channel order by is_transactional desc, {{ by_priority }}
            ) as user_place,
            min(case when not is_transactional then user_room end) over (
                partition by user_id, has_channel
            ) as total_room
        from in_channel
    ),

    in_user as (
        select
            *,
            is_transactional or (has_channel and user_place <= coalesce(total_room, user_place)) as has_place
        from by_user
    ),

    -- whom a loser lost to: those who stayed; two users of one address can have a transactional message of
    -- one campaign
    by_winner as (
        select
            *,
            row_number() over (
                partition by address_key, channel, campaign_id, has_channel order by user_id
            ) as winner_number
        from in_user
    ),

    with_channel_winners as (
        select
            *,
            {{
                ordered_list_in_partition(
                    "campaign_id",
                    "has_channel and winner_number = 1",
                    by_priority,
                    "address_key, channel",
                )
            }} as channel_winners
        from by_winner
    ),

    with_winners as (
        select
            *,
            {{ ordered_list_in_partition("campaign_id", "has_place", by_priority, "user_id") }}
            as user_winners
        from with_channel_winners
    ),

    judged as (
        select
            *,
            case
                when not has_address
                then 'duplicate_address'
                when not has_content
                then 'same_content'
                when not has_channel
                then 'channel_cap'
                when not has_place
                then 'total_cap'
            end as lost_by
        from with_winners
        where not is_transactional
    ),

    final as (
        select
            user_id,
            campaign_id,
            lost_by,
            case
                when lost_by = 'same_content' and {{ list_size("held_by") }} > 0
                then held_by
                when lost_by = 'same_content'
                then {{ list_of(["content_winner"]) }}
                -- nobody of this night, where earlier nights had left no room at all
                when lost_by = 'channel_cap' and address_room > 0
                then channel_winners
                when lost_by = 'total_cap' and total_room > 0
                then user_winners
                else {{ empty_list() }}
            end as lost_to
        from judged
    )

select *
from final
