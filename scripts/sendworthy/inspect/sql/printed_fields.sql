-- One row a variant and merge field that it prints; the best variant of each campaign first, its blankest
-- field first.
select
    campaign_id,
    variant,
    arm,
    merge_field,
    is_required,
    users,
    blank_users,
    unsafe_users,
    placeholder_users,
    blank_share
from marts.personalization_completeness
inner join intermediate.int_campaigns__variants using (campaign_id, variant)
order by campaign_id, variant_rank, blank_users desc, merge_field
