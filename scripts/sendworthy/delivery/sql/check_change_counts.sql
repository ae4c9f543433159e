-- One row a campaign and destination with files of changes: how many messages they hold, and how
-- many people they take off. Given: $no_messages, what stands in the place of the message of who is
-- taken off.
select
    campaign_id,
    destination,
    count(*) filter (where not list_contains($no_messages, dispatch_id)) as messages,
    count(*) filter (where list_contains($no_messages, dispatch_id)) as removed
from delivered_changes
group by all
