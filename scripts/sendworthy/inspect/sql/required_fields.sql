-- One row a variant: its arm, and the merge fields that it requires; the best variant of each campaign first.
select campaign_id, arm, required_fields
from intermediate.int_campaigns__variants
order by campaign_id, variant_rank
