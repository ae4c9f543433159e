-- One row a campaign with decisions to send: how many. DuckDB and Spark read it alike.
select coalesce(campaign_id, '') as campaign_id, count(*) as messages
from marts.campaign_decisions
where decision = 'send'
group by coalesce(campaign_id, '')
