{{ config(materialized="view") }}

{#-
    Arms that are judged by one another are compared with the first one, which is compared with nobody. All others are compared
    with those of their own whom the holdout kept it from, or with the one control of an outside campaign.
-#}
with
    shares as (select * from {{ ref("int_measurement__shares") }}),

    campaign_arms as (select * from {{ ref("int_campaigns__arms") }}),

    whole as (
        select
            campaign_id,
            campaign_arm,
            'send' as arm,
            cast(null as {{ text_type() }}) as compared_arm,
            'control' as compared_group,
            'control' as compared_with,
            evaluation,
            expected_control_share,
            false as is_against_first
        from shares
        where campaign_arm is null
    ),

    against_control as (
        select
            campaign_id,
            campaign_arm,
            campaign_arm as arm,
            campaign_arm as compared_arm,
            'control' as compared_group,
            case
                when evaluation = 'outside' then 'control' else 'control:' || campaign_arm
            end as compared_with,
            evaluation,
            expected_control_share,
            false as is_against_first
        from shares
        where campaign_arm is not null and evaluation <> 'arms'
    ),

    against_first as (
        select
            shares.campaign_id,
            shares.campaign_arm,
            shares.campaign_arm as arm,
            case when campaign_arms.arm_number > 1 then first_arms.arm end as compared_arm,
            case when campaign_arms.arm_number > 1 then 'send' end as compared_group,
            first_arms.arm as compared_with,
            shares.evaluation,
            case
                when campaign_arms.arm_number > 1
                then
                    cast(first_arms.share_percent as double)
                    / (first_arms.share_percent + campaign_arms.share_percent)
                else 0
            end as expected_control_share,
            true as is_against_first
        from shares
        inner join
            campaign_arms
            on shares.campaign_id = campaign_arms.campaign_id
            and shares.campaign_arm = campaign_arms.arm
        inner join
            campaign_arms as first_arms
            on shares.campaign_id = first_arms.campaign_id
            and first_arms.arm_number = 1
        where shares.evaluation = 'arms'
    ),

    final as (
        select *
        from whole
        union all
        select *
        from against_control
        union all
        select *
        from against_first
    )

select *
from final
