-- One row a record: its last message, of the campaigns whose changes go out.
select scope, person, max(campaign_id) as campaign_id, arg_max(user_id, campaign_id) as user_id
from change_listed
semi join change_open using (campaign_id)
group by all
