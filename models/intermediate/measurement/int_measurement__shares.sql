with
    campaigns as (select * from {{ ref("campaigns") }}),

    campaign_arms as (select * from {{ ref("int_campaigns__arms") }}),

    outside_campaigns as (select * from {{ ref("outside_campaigns") }}),

    holdouts as (
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

    listed as (select campaign_id, control_arm, {{ split_list("arms") }} as arms from outside_campaigns),

    in_order as (
        {{
            unnest_with_position(
                "listed", ["campaign_id", "control_arm"], "arms", "arm_and_share", "arm_number"
            )
        }}
    ),

    outside_arms as (
        select
            campaign_id,
            control_arm,
            split_part(arm_and_share, ':', 1) as arm,
            cast(arm_number as integer) as arm_number,
            -- where shares are not given, nobody can check the split
            cast(nullif(split_part(arm_and_share, ':', 2), '') as double) as share
        from in_order
    ),

    outside as (
        select
            campaign_id,
            control_arm,
            max(case when arm = control_arm then share end) as control_share,
            sum(share) as all_shares
        from outside_arms
        group by campaign_id, control_arm
    ),

    final as (
        select
            campaign_id,
            cast(null as {{ text_type() }}) as campaign_arm,
            cast(null as integer) as arm_number,
            evaluation,
            expected_control_share
        from holdouts
        union all
        select
            holdouts.campaign_id,
            campaign_arms.arm as campaign_arm,
            campaign_arms.arm_number,
            holdouts.evaluation,
            holdouts.expected_control_share
        from holdouts
        inner join campaign_arms on holdouts.campaign_id = campaign_arms.campaign_id
        union all
        select
            campaign_id,
            cast(null as {{ text_type() }}) as campaign_arm,
            cast(null as integer) as arm_number,
            'outside' as evaluation,
            control_share / all_shares as expected_control_share
        from outside
        union all
        -- each arm beside the one control of them all
        select
            outside.campaign_id,
            outside_arms.arm as campaign_arm,
            outside_arms.arm_number,
            'outside' as evaluation,
            outside.control_share / (outside.control_share + outside_arms.share) as expected_control_share
        from outside
        inner join outside_arms on outside.campaign_id = outside_arms.campaign_id
        where outside_arms.arm <> outside.control_arm
    )

select *
from final
