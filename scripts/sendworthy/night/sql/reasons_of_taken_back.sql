-- One row a campaign and reason: of how many messages that were taken back.
select campaign_id, reason, count(*) as messages
from (select campaign_id, unnest(string_split(reasons, ';')) as reason from taken_back)
group by all
order by campaign_id, reason
