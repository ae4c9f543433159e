-- One row a campaign whose changes go out: how many were added, changed, removed, stayed as they are,
-- and could not be named.
with
    messages as (
        select
            campaign_id,
            count(*) filter (where change = 'added') as added,
            count(*) filter (where change = 'changed') as changed
        from change_messages
        group by all
    ),

    leavers as (
        select campaign_id, count(name) as removed, count(*) filter (where name is null) as unknown
        from change_leavers
        group by all
    ),

    listed as (select campaign_id, count(*) as listed from change_listed group by all)

select
    change_open.campaign_id,
    coalesce(added, 0) as added,
    coalesce(changed, 0) as changed,
    coalesce(removed, 0) as removed,
    coalesce(listed, 0) - coalesce(added, 0) - coalesce(changed, 0) as unchanged,
    coalesce(unknown, 0) as unknown
from change_open
left join messages using (campaign_id)
left join leavers using (campaign_id)
left join listed using (campaign_id)
