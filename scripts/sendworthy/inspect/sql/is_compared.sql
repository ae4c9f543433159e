-- whether the settings compare anybody of a campaign with anybody. Given: the campaign.
select bool_or(expected_control_share > 0 and expected_control_share < 1)
from intermediate.int_measurement__comparisons
where campaign_id = ? and (campaign_arm is null or is_against_first)
