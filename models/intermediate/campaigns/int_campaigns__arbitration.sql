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
        select distinct
            channel, window_days, max_messages, {{ days_before(as_of(), "window_days") }} as counts_from
        from frequency_caps
    ),

    passed as (
        select
            user_id,
            campaign_id,
            channel,
            priority,
            content_key,
            address_key,
            last_active_at,
            max_messages_per_week,
            is_transactional
        from gates
        where has_passed
    ),

    -- the room that a cap leaves to whom nothing was sent in its window; all channels together are 'all'
    free_room as (select channel, min(max_messages) as room from caps group by channel),

    sent_in_windows as (
        select sent.user_id, caps.channel, caps.window_days, caps.max_messages, count(*) as messages
        from sent
        inner join caps on sent.sent_at >= caps.counts_from and caps.channel in (sent.channel, 'all')
        group by sent.user_id, caps.channel, caps.window_days, caps.max_messages
    ),

    room_left as (
        select user_id, channel, min(max_messages - messages) as room
        from sent_in_windows
        group by user_id, channel
    ),

    had_this_week as (
        select user_id, count(*) as messages
        from sent
        where sent_at >= {{ days_before(as_of(), 7) }}
        group by user_id
    ),

    with_room as (
        select
            passed.*,
            -- without a cap there is no end of room: null
            least(free_in_channel.room, left_in_channel.room) as channel_room,
            least(
                free_in_all.room,
                left_in_all.room,
                passed.max_messages_per_week - coalesce(had_this_week.messages, 0)
            ) as user_room
        from passed
        left join free_room as free_in_channel on passed.channel = free_in_channel.channel
        left join free_room as free_in_all on free_in_all.channel = 'all'
        left join
            room_left as left_in_channel
            on passed.user_id = left_in_channel.user_id
            and passed.channel = left_in_channel.channel
        left join
            room_left as left_in_all on passed.user_id = left_in_all.user_id and left_in_all.channel = 'all'
        left join had_this_week on passed.user_id = had_this_week.user_id
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

    -- 2. as many messages of a channel to a user as its caps leave room for
    by_channel as (
        select
            *,
            row_number() over (
                partition by user_id, channel, has_content order by is_transactional desc, {{ by_priority }}
            ) as channel_place
        from in_content
    ),

    in_channel as (
        select
            *,
            is_transactional
            or (has_content and channel_place <= coalesce(channel_room, channel_place)) as has_channel
        from by_channel
    ),

    -- 3. as many messages to a user as the caps over all channels and the user's own limit leave room for
    by_user as (
        select
            *,
            row_number() over (
                partition by user_id, has_channel order by is_transactional desc, {{ by_priority }}
            ) as user_place
        from in_channel
    ),

    in_user as (
        select
            *,
            is_transactional or (has_channel and user_place <= coalesce(user_room, user_place)) as has_place
        from by_user
    ),

    -- whom a loser lost to: those who stayed
    with_channel_winners as (
        select
            *,
            {{ ordered_list_in_partition("campaign_id", "has_channel", by_priority, "user_id, channel") }}
            as channel_winners
        from in_user
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
                when lost_by = 'channel_cap' and channel_room > 0
                then channel_winners
                when lost_by = 'total_cap' and user_room > 0
                then user_winners
                else {{ empty_list() }}
            end as lost_to
        from judged
    )

select *
from final
