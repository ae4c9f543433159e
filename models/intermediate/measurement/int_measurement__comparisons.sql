{{ config(materialized="view") }}

{#-
    Arms that are judged by one another are compared with the first one, which is compared with nobody. All others are compared
    with those of their own whom the holdout kept it from.
-#}
with
    campaigns as (select * from {{ ref("campaigns") }}),

    campaign_arms as (select * from {{ ref("int_campaigns__arms") }}),

    shares as (
        select
            campaign_id,
            evaluation,
            -- out of the campaign's holdout and out of the global one: the two are drawn independently
            case
                when is_transactional
                then 0
                else
                    1
                    - (1 - cast(holdout_percent as double) / 100)
                    * (1 - cast({{ var("global_holdout_percent") }} as double) / 100)
            end as expected_control_share
        from campaigns
    ),

    whole as (
        select
            campaign_id,
            cast(null as {{ text_type() }}) as campaign_arm,
            'send' as arm,
            cast(null as {{ text_type() }}) as compared_arm,
            'control' as compared_group,
            'control' as compared_with,
            evaluation,
            expected_control_share,
            false as is_against_first
        from shares
    ),

    of_arms as (
        select
            campaign_arms.campaign_id,
            campaign_arms.arm as campaign_arm,
            campaign_arms.arm,
            case
                when shares.evaluation <> 'arms'
                then campaign_arms.arm
                when campaign_arms.arm_number > 1
                then first_arms.arm
            end as compared_arm,
            case
                when shares.evaluation <> 'arms' then 'control' when campaign_arms.arm_number > 1 then 'send'
            end as compared_group,
            case
                when shares.evaluation = 'arms' then first_arms.arm else 'control:' || campaign_arms.arm
            end as compared_with,
            shares.evaluation,
            case
                when shares.evaluation <> 'arms'
                then shares.expected_control_share
                when campaign_arms.arm_number > 1
                then
                    cast(first_arms.share_percent as double)
                    / (first_arms.share_percent + campaign_arms.share_percent)
                else 0
            end as expected_control_share,
            shares.evaluation = 'arms' as is_against_first
        from campaign_arms
        inner join shares on campaign_arms.campaign_id = shares.campaign_id
        inner join
            campaign_arms as first_arms
            on campaign_arms.campaign_id = first_arms.campaign_id
            and first_arms.arm_number = 1
    ),

    final as (
        select *
        from whole
        union all
        select *
        from of_arms
    )

select *
from final
