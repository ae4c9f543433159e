{{ config(tags=["gate"]) }}

with
    send_list as (select * from {{ ref("send_list") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    final as (
        select send_list.user_id, campaigns.content_group, count(*) as messages
        from send_list
        inner join campaigns on send_list.campaign_id = campaigns.campaign_id
        where campaigns.content_group is not null and not campaigns.is_transactional
        group by send_list.user_id, campaigns.content_group
        having count(*) > 1
    )

select *
from final
