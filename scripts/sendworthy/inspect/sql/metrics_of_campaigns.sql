-- a row per campaign, segment, arm and metric: the whole campaign first, then its arms, then segments
select
    metrics.campaign_id,
    metrics.segment,
    nullif(metrics.arm, 'send') as arm,
    metrics.metric,
    metrics.is_guardrail,
    metrics.is_share,
    metrics.users,
    coalesce(metrics.compared_users, 0) as control_users,
    metrics.mean,
    metrics.compared_mean as control_mean,
    metrics.lift,
    metrics.lift_anytime_low as lift_low,
    metrics.lift_anytime_high as lift_high,
    metrics.adjusted_lift,
    metrics.adjusted_anytime_low as adjusted_low,
    metrics.adjusted_anytime_high as adjusted_high,
    metrics.variance_explained,
    metrics.tolerated_rise,
    metrics.is_harmed,
    metrics.compared_with
from marts.campaign_metrics as metrics
left join
    intermediate.int_measurement__shares as arms
    on metrics.campaign_id = arms.campaign_id
    and metrics.arm = arms.campaign_arm
order by
    metrics.campaign_id,
    metrics.segment <> 'all',
    metrics.segment,
    arms.arm_number nulls first,
    metrics.is_guardrail,
    metrics.metric <> 'success',
    metrics.metric
