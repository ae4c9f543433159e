{#- Counted from the list that goes out and from what was sent, not from what the arbitration thought of them. -#}
{{ config(tags=["gate"]) }}

with
    send_list as (select * from {{ ref("send_list") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    customers as (select * from {{ ref("customers") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    tonight as (
        select
            send_list.dispatch_id,
            send_list.user_id,
            send_list.channel,
            send_list.address_hash,
            send_list.send_at,
            campaigns.is_transactional,
            count(*) over (partition by send_list.channel, send_list.address_hash) as tonight_to_address,
            count(*) over (partition by send_list.user_id) as tonight_to_user
        from send_list
        inner join campaigns on send_list.campaign_id = campaigns.campaign_id
    ),

    -- a message that is owed may go beyond a cap
    limits as (
        select tonight.*, caps.channel as cap_channel, caps.window_days, caps.max_messages
        from tonight
        inner join frequency_caps as caps on caps.channel in (tonight.channel, 'all')
        where not tonight.is_transactional
        union all
        select
            tonight.*, 'all' as cap_channel, 7 as window_days, customers.max_messages_per_week as max_messages
        from tonight
        inner join customers on tonight.user_id = customers.user_id
        where not tonight.is_transactional and customers.max_messages_per_week is not null
    ),

    sent_to_user as (
        select limits.dispatch_id, limits.cap_channel, limits.window_days, count(*) as messages
        from limits
        inner join
            sent
            on limits.user_id = sent.user_id
            and limits.cap_channel in (sent.channel, 'all')
            and {{ within_days_of_sending("sent.sent_at", "limits.window_days", "limits.send_at") }}
        group by limits.dispatch_id, limits.cap_channel, limits.window_days, limits.max_messages
    ),

    sent_to_address as (
        select limits.dispatch_id, limits.cap_channel, limits.window_days, count(*) as messages
        from limits
        inner join
            sent
            on limits.address_hash = sent.address_hash
            and limits.cap_channel = sent.channel
            and {{ within_days_of_sending("sent.sent_at", "limits.window_days", "limits.send_at") }}
        group by limits.dispatch_id, limits.cap_channel, limits.window_days, limits.max_messages
    ),

    final as (
        select
            limits.user_id,
            limits.cap_channel,
            limits.window_days,
            limits.max_messages,
            greatest(
                coalesce(sent_to_user.messages, 0), coalesce(sent_to_address.messages, 0)
            ) as messages_before
        from limits
        left join
            sent_to_user
            on limits.dispatch_id = sent_to_user.dispatch_id
            and limits.cap_channel = sent_to_user.cap_channel
            and limits.window_days = sent_to_user.window_days
        left join
            sent_to_address
            on limits.dispatch_id = sent_to_address.dispatch_id
            and limits.cap_channel = sent_to_address.cap_channel
            and limits.window_days = sent_to_address.window_days
        where
            greatest(coalesce(sent_to_user.messages, 0), coalesce(sent_to_address.messages, 0)) + case
                when limits.cap_channel = 'all' then limits.tonight_to_user else limits.tonight_to_address
            end
            > limits.max_messages
    )

select *
from final
