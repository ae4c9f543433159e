with
    decisions as (select * from {{ ref("campaign_decisions") }}),

    send_list as (select * from {{ ref("send_list") }}),

    sends as (select * from decisions where decision = 'send'),

    final as (
        select
            sends.campaign_id as decided_campaign,
            sends.user_id as decided_user,
            send_list.campaign_id as listed_campaign,
            send_list.user_id as listed_user
        from sends
        full outer join
            send_list
            on sends.campaign_id = send_list.campaign_id
            and sends.user_id = send_list.user_id
            and sends.channel = send_list.channel
            and sends.variant = send_list.variant
            and sends.arm is not distinct from send_list.arm
            and sends.send_at = send_list.send_at
        where sends.user_id is null or send_list.user_id is null
    )

select *
from final
