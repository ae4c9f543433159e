-- One row a variant: the merge fields that it requires; the best variant of each campaign first.
select campaign_id, required_fields
from intermediate.int_campaigns__variants
order by campaign_id, variant_rank
