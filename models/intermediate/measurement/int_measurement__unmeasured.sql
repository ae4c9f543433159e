with
    assignments as (select * from {{ ref("stg_landing__assignments") }}),

    campaigns as (select * from {{ ref("int_measurement__campaigns") }}),

    outside_campaigns as (select campaign_id, control_arm from {{ ref("outside_campaigns") }}),

    shares as (select * from {{ ref("int_measurement__shares") }}),

    counted as (select campaign_id, arm, count(*) as users from assignments group by campaign_id, arm),

    judged as (
        select
            counted.campaign_id,
            counted.arm,
            counted.users,
            case
                when campaigns.campaign_id is null
                then 'unknown_campaign'
                when campaigns.evaluation <> 'outside'
                then 'has_a_folder'
                when shares.campaign_arm is null and counted.arm <> outside_campaigns.control_arm
                then 'unknown_arm'
            end as reason
        from counted
        left join campaigns on counted.campaign_id = campaigns.campaign_id
        left join outside_campaigns on counted.campaign_id = outside_campaigns.campaign_id
        left join shares on counted.campaign_id = shares.campaign_id and counted.arm = shares.campaign_arm
    ),

    final as (
        select campaign_id, arm, reason, users
        from judged
        where reason = 'unknown_arm'
        union all
        select
            campaign_id, cast(null as {{ text_type() }}) as arm, reason, cast(sum(users) as bigint) as users
        from judged
        where reason in ('unknown_campaign', 'has_a_folder')
        group by campaign_id, reason
        union all
        select
            outside_campaigns.campaign_id,
            outside_campaigns.control_arm as arm,
            'nobody_in_control' as reason,
            cast(0 as bigint) as users
        from outside_campaigns
        left join
            counted
            on outside_campaigns.campaign_id = counted.campaign_id
            and outside_campaigns.control_arm = counted.arm
        where counted.arm is null
    )

select *
from final
