-- One row an arm and pattern of blank merge fields: how many candidates of a campaign have it. Given:
-- $campaign_id.
select gates.arm, any_value(merge_fields.blank_fields) as blank_fields, count(*) as users
from intermediate.int_campaigns__gates as gates
inner join intermediate.int_customers__merge_fields as merge_fields using (user_id)
where gates.campaign_id = $campaign_id
group by gates.arm, merge_fields.blank_pattern
