-- One row an arm of a campaign of the settings, in their order: its share, and what was decided about its
-- people.
select
    arms.campaign_id,
    arms.arm,
    arms.share_percent as percent,
    count(decisions.user_id) as candidates,
    count(*) filter (where decisions.decision = 'send') as send,
    count(*) filter (where decisions.decision = 'control') as control,
    count(*) filter (where decisions.decision = 'suppress') as suppress
from intermediate.int_campaigns__arms as arms
left join marts.campaign_decisions as decisions using (campaign_id, arm)
group by arms.campaign_id, arms.arm, arms.share_percent, arms.arm_number
order by arms.campaign_id, arms.arm_number
