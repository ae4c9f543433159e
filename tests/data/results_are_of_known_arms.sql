with
    results as (select distinct campaign_id, variant, arm from {{ ref("campaign_results") }}),

    campaign_arms as (
        select campaign_id, campaign_arm as arm
        from {{ ref("int_measurement__shares") }}
        where campaign_arm is not null
    ),

    final as (
        select results.campaign_id, results.variant, results.arm
        from results
        left join
            campaign_arms
            on results.campaign_id = campaign_arms.campaign_id
            and results.arm in (campaign_arms.arm, 'control:' || campaign_arms.arm)
        where
            results.arm not in ('send', 'control') and (campaign_arms.arm is null or results.variant <> 'all')
    )

select *
from final
