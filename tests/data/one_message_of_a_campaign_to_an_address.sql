{{ config(tags=["gate"]) }}

with
    send_list as (select * from {{ ref("send_list") }}),

    campaigns as (select * from {{ ref("campaigns") }}),

    -- the address itself stays out of what a failing test shows
    final as (
        select send_list.campaign_id, min(send_list.user_id) as a_user, count(*) as messages
        from send_list
        inner join campaigns on send_list.campaign_id = campaigns.campaign_id
        where not campaigns.is_transactional
        group by send_list.campaign_id, {{ lowered("send_list.address") }}
        having count(*) > 1
    )

select *
from final
