-- One row a message: the number of its campaign, and a column for each check. Given: judged, a query;
-- numbers, the table of the campaigns' numbers.
select cast(numbers.campaign_number as bigint) as campaign_number, judged.* exclude (campaign_id)
from ({{ judged }}) as judged
inner join {{ numbers }} as numbers on judged.campaign_id = numbers.campaign_id
order by campaign_number
