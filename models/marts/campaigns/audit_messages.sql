{#-
    What must hold of each message, worked out again from the facts: profiles, reports, ledgers and settings, never from the
    decision that put the message on the list. A fact that is unknown counts as one that does not hold.

    Where several messages compete for one place (a dispatch id, an address, a content group, room under a cap), the first in
    the order of the arbitration keeps it and the others are at fault. A message at fault takes no place from those after it:
    its whole campaign is held back, and one fault must not hold back its neighbours.
-#}
{{ config(schema="audit", materialized="view") }}

{%- set by_priority = "is_transactional desc, priority desc, campaign_id, dispatch_id" -%}
{%- set so_far = "rows between unbounded preceding and current row" %}

with
    send_list as (select * from {{ ref("send_list") }}),

    night as (select * from {{ ref("int_nights__as_of") }}),

    campaigns as (select * from {{ ref("int_campaigns__settings") }}),

    campaign_groups as (select campaign_id, content_group from {{ ref("campaigns") }}),

    variants as (select campaign_id, variant from {{ ref("int_campaigns__variants") }}),

    users as (select * from {{ ref("int_users__current") }}),

    erased as (select * from {{ ref("int_users__erased") }}),

    reports as (select * from {{ ref("int_messages__reports") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    newest_events as (select * from {{ ref("int_events__newest_by_name") }}),

    suppressions as (select * from {{ ref("global_suppressions") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    profiles as (
        select
            user_id,
            'email' as channel,
            {{ trimmed("email") }} as address,
            email_opt_in as has_opted_in,
            updated_at
        from users
        union all
        select
            user_id,
            'sms' as channel,
            {{ trimmed("phone") }} as address,
            sms_opt_in as has_opted_in,
            updated_at
        from users
        union all
        select
            user_id,
            'push' as channel,
            {{ trimmed("push_token") }} as address,
            push_opt_in as has_opted_in,
            updated_at
        from users
    ),

    reported as (
        select
            user_id,
            channel,
            max(case when event_type = 'unsubscribed' then occurred_at end) as unsubscribed_at,
            max(
                case when event_type in ('bounced_hard', 'complained') then occurred_at end
            ) as undeliverable_at
        from reports
        group by user_id, channel
    ),

    -- '*' stands for every channel
    suppressed_users as (
        select distinct user_id, case when channel = 'all' then '*' else channel end as channel
        from suppressions
        where user_id is not null
    ),

    suppressed_addresses as (
        select distinct
            {{ lowered(trimmed("address")) }} as address_key,
            case when channel = 'all' then '*' else channel end as channel
        from suppressions
        where address is not null
    ),

    sent_before as (select distinct message_id from sent),

    sent_by_campaign as (
        select user_id, campaign_id, max(sent_at) as sent_at
        from sent
        where campaign_id is not null
        group by user_id, campaign_id
    ),

    facts as (
        select
            send_list.dispatch_id,
            send_list.campaign_id,
            send_list.user_id,
            send_list.channel,
            send_list.variant,
            campaign_groups.content_group,
            campaigns.content_key,
            {{ lowered("send_list.address") }} as address_key,
            coalesce(campaigns.is_transactional, false) as is_transactional,
            coalesce(campaigns.priority, 0) as priority,
            users.max_messages_per_week,
            coalesce(
                send_list.dispatch_id = md5(
                    send_list.campaign_id || ':' || send_list.user_id || ':' || {{ date_text("night.as_of") }}
                ),
                false
            ) as has_own_dispatch_id,
            sent_before.message_id is null as is_new_dispatch,
            campaigns.campaign_id is not null
            and variants.variant is not null
            and {{ has("send_list.channel = campaigns.channel") }} as has_known_variant,
            users.user_id is null or erased.user_id is not null as is_erased,
            {{ has("send_list.address = " ~ trimmed("send_list.address")) }}
            and {{ is_valid_address("send_list.channel", "send_list.address") }} as has_valid_address,
            {{ has(lowered("send_list.address") ~ " = " ~ lowered("profiles.address")) }} as has_own_address,
            reported.undeliverable_at is null as is_deliverable,
            exists (
                select 1
                from suppressed_users
                where
                    suppressed_users.user_id = send_list.user_id
                    and suppressed_users.channel in (send_list.channel, '*')
            )
            or exists (
                select 1
                from suppressed_addresses
                where
                    suppressed_addresses.address_key = {{ lowered(trimmed("send_list.address")) }}
                    and suppressed_addresses.channel in (send_list.channel, '*')
            ) as is_suppressed,
            coalesce(campaigns.is_transactional, false)
            or (
                {{ has("profiles.has_opted_in") }}
                and not {{ has("reported.unsubscribed_at > profiles.updated_at") }}
            ) as has_consent,
            coalesce(campaigns.is_transactional, false)
            or not {{ list_has(split_list(lowered("users.topics_opted_out")), lowered("campaigns.topic")) }}
            as has_topic_consent,
            {{ has("sent_by_campaign.sent_at >= " ~ days_before("night.as_of", "campaigns.cooldown_days")) }}
            as is_in_cooldown,
            {{
                has(
                    "send_list.send_at >= night.as_of and send_list.send_at < "
                    ~ add_seconds("night.as_of", 2 * 86400)
                )
            }} as is_due,
            -- not yet expired, and no longer valid than its trigger and its day allow
            {{ has("send_list.valid_until >= night.as_of") }}
            and {{ has("send_list.valid_until <= " ~ add_seconds("send_list.send_at", 86400)) }}
            and (
                campaigns.trigger_event is null
                or campaigns.max_age_seconds is null
                or {{
                    has(
                        "send_list.valid_until <= "
                        ~ add_seconds("newest_events.newest_at", "campaigns.max_age_seconds")
                    )
                }}
            ) as is_unexpired,
            {{ json_text_map("send_list.merge_values") }} is not null as has_readable_values
        from send_list
        cross join night
        left join campaigns on send_list.campaign_id = campaigns.campaign_id
        left join campaign_groups on send_list.campaign_id = campaign_groups.campaign_id
        left join
            variants on send_list.campaign_id = variants.campaign_id and send_list.variant = variants.variant
        left join users on send_list.user_id = users.user_id
        left join erased on send_list.user_id = erased.user_id
        left join profiles on send_list.user_id = profiles.user_id and send_list.channel = profiles.channel
        left join reported on send_list.user_id = reported.user_id and send_list.channel = reported.channel
        left join sent_before on 'dispatch:' || send_list.dispatch_id = sent_before.message_id
        left join
            sent_by_campaign
            on send_list.user_id = sent_by_campaign.user_id
            and send_list.campaign_id = sent_by_campaign.campaign_id
        left join
            newest_events
            on send_list.user_id = newest_events.user_id
            and campaigns.trigger_event = newest_events.event_name
    ),

    by_dispatch as (
        select
            *,
            row_number() over (
                partition by dispatch_id order by has_own_dispatch_id desc, campaign_id, user_id
            ) as dispatch_place
        from facts
    ),

    by_address as (
        select
            *,
            case
                when is_transactional
                then 1
                else
                    row_number() over (
                        partition by campaign_id, channel, address_key
                        order by dispatch_place, user_id, dispatch_id
                    )
            end as address_place
        from by_dispatch
    ),

    by_content as (
        select
            *,
            case
                when is_transactional
                then 1
                else
                    row_number() over (
                        partition by is_transactional, user_id, content_key
                        order by dispatch_place, address_place, {{ by_priority }}
                    )
            end as content_place
        from by_address
    ),

    -- the room that is left under each cap before tonight, the tightest of them; 'all' for the channels
    -- together
    recipients as (select distinct user_id from send_list),

    used as (
        select sent.user_id, frequency_caps.channel, frequency_caps.window_days, count(*) as messages
        from sent
        cross join night
        inner join
            frequency_caps
            on (frequency_caps.channel = 'all' or frequency_caps.channel = sent.channel)
            and sent.sent_at >= {{ days_before("night.as_of", "frequency_caps.window_days") }}
        group by sent.user_id, frequency_caps.channel, frequency_caps.window_days
    ),

    room as (
        select
            recipients.user_id,
            frequency_caps.channel,
            min(frequency_caps.max_messages - coalesce(used.messages, 0)) as messages
        from recipients
        cross join frequency_caps
        left join
            used
            on recipients.user_id = used.user_id
            and frequency_caps.channel = used.channel
            and frequency_caps.window_days = used.window_days
        group by recipients.user_id, frequency_caps.channel
    ),

    used_this_week as (
        select sent.user_id, count(*) as messages
        from sent
        cross join night
        where sent.sent_at >= {{ days_before("night.as_of", 7) }}
        group by sent.user_id
    ),

    by_channel as (
        select
            by_content.*,
            sum(
                case when dispatch_place = 1 and address_place = 1 and content_place = 1 then 1 else 0 end
            ) over (
                partition by by_content.user_id, by_content.channel order by {{ by_priority }} {{ so_far }}
            ) as channel_place,
            room.messages as channel_room
        from by_content
        left join room on by_content.user_id = room.user_id and by_content.channel = room.channel
    ),

    within_channel as (
        select *, not is_transactional and {{ has("channel_place > channel_room") }} as is_over_channel_cap
        from by_channel
    ),

    by_user as (
        select
            within_channel.*,
            sum(
                case
                    when
                        dispatch_place = 1
                        and address_place = 1
                        and content_place = 1
                        and not is_over_channel_cap
                    then 1
                    else 0
                end
            ) over (partition by within_channel.user_id order by {{ by_priority }} {{ so_far }})
            as total_place,
            least(
                room.messages, within_channel.max_messages_per_week - coalesce(used_this_week.messages, 0)
            ) as total_room
        from within_channel
        left join room on within_channel.user_id = room.user_id and room.channel = 'all'
        left join used_this_week on within_channel.user_id = used_this_week.user_id
    ),

    final as (
        select
            dispatch_id,
            campaign_id,
            user_id,
            channel,
            variant,
            content_group,
            is_transactional,
            has_known_variant,
            has_own_dispatch_id,
            is_new_dispatch,
            dispatch_place = 1 as is_first_of_dispatch,
            is_erased,
            has_valid_address,
            has_own_address,
            address_place = 1 as is_first_of_address,
            is_deliverable,
            is_suppressed,
            has_consent,
            has_topic_consent,
            is_in_cooldown,
            content_place = 1 as is_first_of_content,
            channel_place,
            channel_room,
            is_over_channel_cap,
            total_place,
            total_room,
            not is_transactional
            and not is_over_channel_cap
            and {{ has("total_place > total_room") }} as is_over_total_cap,
            is_due,
            is_unexpired,
            has_readable_values
        from by_user
    )

select *
from final
