-- One row a campaign of the settings: its candidates, and what was decided about them.
select
    campaigns.campaign_id,
    campaigns.channel,
    count(decisions.user_id) as candidates,
    count(*) filter (where decisions.decision = 'send') as send,
    count(*) filter (where decisions.decision = 'control') as control,
    count(*) filter (where decisions.decision = 'suppress') as suppress
from settings.campaigns as campaigns
left join marts.campaign_decisions as decisions using (campaign_id)
group by all
order by campaigns.campaign_id
