-- a row per arm that is compared, and number of nights or share of control: the smallest effect on those who
-- get the message that can be detected. Whoever lost their place counts as if sent, and dilutes what is seen.
-- Given: $campaign_id, $rate (a share of 1, or null: the rate that was seen).
select
    arm,
    is_as_set,
    compared_share,
    nights,
    users_so_far,
    users_per_night,
    listed_share,
    coalesce($rate, base_rate) as rate,
    case when $rate is null then smallest_effect else deviations * sqrt($rate * (1 - $rate)) end
    / nullif(coalesce(listed_share, 1), 0) as smallest_effect
from marts.campaign_power
where campaign_id = $campaign_id
order by arm, is_as_set desc, nights, compared_share
