{#-
    What must hold of each message, worked out again from the facts: profiles, reports, ledgers and settings, never from the
    decision that put the message on the list. A fact that is unknown counts as one that does not hold. audit_recipients and
    audit_timing say what there is to say of one message; here are those that compete.

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

    variants as (select campaign_id, variant, arm from {{ ref("int_campaigns__variants") }}),

    shares as (select campaign_id, arm, arm_number, share_percent from {{ ref("int_campaigns__arms") }}),

    users as (select * from {{ ref("int_users__current") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    recipients as (select * from {{ ref("audit_recipients") }}),

    timing as (select * from {{ ref("audit_timing") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    sent_before as (select distinct message_id from sent),

    -- in which arm somebody is: the first whose share, with those before it, is more than their bucket
    shares_so_far as (
        select shares.campaign_id, shares.arm, shares.arm_number, sum(earlier.share_percent) as percent_so_far
        from shares
        inner join
            shares as earlier
            on shares.campaign_id = earlier.campaign_id
            and shares.arm_number >= earlier.arm_number
        group by shares.campaign_id, shares.arm, shares.arm_number
    ),

    arms_beyond as (
        select
            listed.campaign_id,
            listed.user_id,
            shares_so_far.arm,
            row_number() over (
                partition by listed.campaign_id, listed.user_id order by shares_so_far.arm_number
            ) as place
        from (select distinct campaign_id, user_id from send_list) as listed
        inner join shares_so_far on listed.campaign_id = shares_so_far.campaign_id
        where
            shares_so_far.percent_so_far * 100
            > {{ bucket("'arm:' || listed.campaign_id", "listed.user_id") }}
    ),

    recipient_arms as (select campaign_id, user_id, arm from arms_beyond where place = 1),

    arm_campaigns as (select distinct campaign_id from shares),

    facts as (
        select
            send_list.dispatch_id,
            send_list.campaign_id,
            send_list.user_id,
            send_list.channel,
            send_list.variant,
            send_list.send_at,
            campaign_groups.content_group,
            campaigns.content_key,
            {{ lowered("send_list.address") }} as address_key,
            recipients.address_hash,
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
            -- theirs, and the text is for it; in a campaign without arms nobody is in one
            send_list.arm is not distinct from recipient_arms.arm
            and (arm_campaigns.campaign_id is null or recipient_arms.arm is not null) as has_own_arm,
            variants.arm is not distinct from recipient_arms.arm as has_text_of_arm,
            recipients.is_erased,
            recipients.is_readable,
            recipients.is_in_audience,
            recipients.has_valid_address,
            recipients.has_own_address,
            recipients.is_deliverable,
            recipients.is_suppressed,
            recipients.has_consent,
            recipients.has_topic_consent,
            timing.is_in_cooldown,
            timing.is_due,
            timing.is_unexpired,
            timing.is_old_enough,
            timing.is_not_overtaken,
            {{ json_text_map("send_list.merge_values") }} is not null as has_readable_values
        from send_list
        cross join night
        left join campaigns on send_list.campaign_id = campaigns.campaign_id
        left join campaign_groups on send_list.campaign_id = campaign_groups.campaign_id
        left join
            variants on send_list.campaign_id = variants.campaign_id and send_list.variant = variants.variant
        left join arm_campaigns on send_list.campaign_id = arm_campaigns.campaign_id
        left join
            recipient_arms
            on send_list.campaign_id = recipient_arms.campaign_id
            and send_list.user_id = recipient_arms.user_id
        left join users on send_list.user_id = users.user_id
        left join sent_before on 'dispatch:' || send_list.dispatch_id = sent_before.message_id
        left join
            recipients
            on send_list.user_id is not distinct from recipients.user_id
            and send_list.campaign_id is not distinct from recipients.campaign_id
            and send_list.channel is not distinct from recipients.channel
            and send_list.address is not distinct from recipients.address
        left join
            timing
            on send_list.user_id is not distinct from timing.user_id
            and send_list.campaign_id is not distinct from timing.campaign_id
            and send_list.send_at is not distinct from timing.send_at
            and send_list.valid_until is not distinct from timing.valid_until
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

    -- the room that each message finds under the caps before tonight, the tightest of them: of its channel
    -- what was
    -- sent to its address or to its user, whichever is more; of all channels together ('all') what was sent
    -- to
    -- its user. Days are counted from its own day
    caps as (
        select
            facts.dispatch_id,
            facts.user_id,
            facts.campaign_id,
            facts.address_hash,
            facts.send_at,
            frequency_caps.channel as cap_channel,
            frequency_caps.window_days,
            frequency_caps.max_messages
        from facts
        inner join frequency_caps on frequency_caps.channel in (facts.channel, 'all')
        union
        select
            dispatch_id,
            user_id,
            campaign_id,
            address_hash,
            send_at,
            'all' as cap_channel,
            7 as window_days,
            max_messages_per_week as max_messages
        from facts
        where max_messages_per_week is not null
    ),

    {%- for recipient, condition in {
        "user": "caps.user_id = sent.user_id",
        "address": "caps.address_hash = sent.address_hash and caps.cap_channel <> 'all'",
    }.items() %}
        sent_to_{{ recipient }} as (
            select
                caps.dispatch_id,
                caps.user_id,
                caps.campaign_id,
                caps.cap_channel,
                caps.window_days,
                caps.max_messages,
                count(sent.message_id) as messages
            from caps
            left join
                sent
                on {{ condition }}
                and caps.cap_channel in (sent.channel, 'all')
                and {{ within_days_of_sending("sent.sent_at", "caps.window_days", "caps.send_at") }}
            group by
                caps.dispatch_id,
                caps.user_id,
                caps.campaign_id,
                caps.cap_channel,
                caps.window_days,
                caps.max_messages
        ),
    {%- endfor %}

    room as (
        select
            dispatch_id,
            user_id,
            campaign_id,
            min(case when cap_channel <> 'all' then max_messages - messages end) as channel_room,
            min(case when cap_channel = 'all' then max_messages - messages end) as total_room
        from
            (
                select *
                from sent_to_user
                union all
                select *
                from sent_to_address
            ) as counted
        group by dispatch_id, user_id, campaign_id
    ),

    with_room as (
        select
            by_content.*,
            dispatch_place = 1 and address_place = 1 and content_place = 1 as has_place,
            room.channel_room,
            room.total_room
        from by_content
        left join
            room
            on by_content.dispatch_id = room.dispatch_id
            and by_content.user_id = room.user_id
            and by_content.campaign_id = room.campaign_id
    ),

    by_channel as (
        select
            *,
            sum(case when has_place then 1 else 0 end) over (
                partition by channel, address_key order by {{ by_priority }} {{ so_far }}
            ) as channel_place
        from with_room
    ),

    within_channel as (
        select *, not is_transactional and {{ has("channel_place > channel_room") }} as is_over_channel_cap
        from by_channel
    ),

    by_user as (
        select
            *,
            sum(case when has_place and not is_over_channel_cap then 1 else 0 end) over (
                partition by user_id order by {{ by_priority }} {{ so_far }}
            ) as total_place
        from within_channel
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
            has_own_arm,
            has_text_of_arm,
            has_own_dispatch_id,
            is_new_dispatch,
            dispatch_place = 1 as is_first_of_dispatch,
            is_erased,
            is_readable,
            is_in_audience,
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
            is_old_enough,
            is_not_overtaken,
            has_readable_values
        from by_user
    )

select *
from final
