-- One row a campaign: how many people are on tonight's list and were not on the campaign's last one,
-- and the reverse.
with
    tonight as (select campaign_id, user_id from marts.send_list),

    night as (select as_of from intermediate.int_nights__as_of),

    -- a list without a message is a list too; a list that was held back is none
    last_nights as (
        select campaign_id, max(as_of) as as_of
        from ops.runs
        where as_of < (select as_of from night) and status = 'released'
        group by campaign_id
    ),

    last_lists as (
        select dispatches.campaign_id, dispatches.user_id
        from ledger.dispatches as dispatches
        inner join last_nights using (campaign_id, as_of)
    )

select
    campaign_id,
    count(*) filter (where last_lists.user_id is null) as added,
    count(*) filter (where tonight.user_id is null) as removed
from tonight
full outer join last_lists using (campaign_id, user_id)
group by campaign_id
