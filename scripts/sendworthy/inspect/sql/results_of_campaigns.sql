-- a row per campaign and variant that has results: the send arm beside the control arm, the whole campaign
-- first
select
    campaign_id,
    variant,
    coalesce(send.users, 0) as users,
    coalesce(control.users, 0) as control_users,
    coalesce(send.waiting_users, 0) + coalesce(control.waiting_users, 0) as waiting_users,
    send.rate,
    control.rate as control_rate,
    send.lift,
    send.lift_anytime_low as lift_low,
    send.lift_anytime_high as lift_high,
    send.verdict,
    send.verdict_reason as reason
from (from marts.campaign_results where arm = 'send') as send
full join (from marts.campaign_results where arm = 'control') as control using (campaign_id, variant)
order by campaign_id, variant <> 'all', variant
