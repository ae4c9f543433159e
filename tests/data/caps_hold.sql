{#- Counted from the list that goes out and from what was sent, not from what arbitration thought of them. -#}
{{ config(tags=["gate"]) }}

with
    send_list as (select * from {{ ref("send_list") }}),

    sent as (select * from {{ ref("int_messages__sent") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    customers as (select * from {{ ref("customers") }}),

    frequency_caps as (select * from {{ ref("frequency_caps") }}),

    tonight as (
        select send_list.user_id, send_list.channel, campaigns.is_transactional
        from send_list
        inner join campaigns on send_list.campaign_id = campaigns.campaign_id
    ),

    -- a message that is owed may go beyond a cap; whoever gets nothing else cannot break one
    users as (select distinct user_id from tonight where not is_transactional),

    messages as (
        select user_id, channel, {{ as_of() }} as sent_at, not is_transactional as is_chosen
        from tonight
        union all
        select user_id, channel, sent_at, false as is_chosen
        from sent
    ),

    limits as (
        select users.user_id, caps.channel, caps.window_days, caps.max_messages
        from users
        cross join frequency_caps as caps
        union all
        select
            users.user_id, 'all' as channel, 7 as window_days, customers.max_messages_per_week as max_messages
        from users
        inner join customers on users.user_id = customers.user_id
        where customers.max_messages_per_week is not null
    ),

    final as (
        select limits.user_id, limits.channel, limits.window_days, limits.max_messages, count(*) as messages
        from limits
        inner join
            messages
            on limits.user_id = messages.user_id
            and limits.channel in (messages.channel, 'all')
            and messages.sent_at >= {{ days_before(as_of(), "limits.window_days") }}
        group by limits.user_id, limits.channel, limits.window_days, limits.max_messages
        having count(*) > limits.max_messages and count(case when messages.is_chosen then 1 end) > 0
    )

select *
from final
