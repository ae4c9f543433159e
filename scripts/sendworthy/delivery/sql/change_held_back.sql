-- One row a campaign that prints a field that a destination would have to forget and cannot: of how
-- many people, and which fields.
select campaign_id, count(distinct person) as people, list_sort(list(distinct field)) as fields
from change_fields
where hash = '' and is_written
group by campaign_id
