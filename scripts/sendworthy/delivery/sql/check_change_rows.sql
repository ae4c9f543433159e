-- One row a file of changes with rows of another campaign, of messages that are not on the list, or
-- that are there more than once. Given: $no_messages, what stands in the place of the message, and of
-- the campaign, of who is taken off; $whole_lists, as '<destination> <campaign_id>', which alone can
-- say who is on them.
with
    changes as (select *, list_contains($no_messages, dispatch_id) as is_removal from delivered_changes),

    judged as (
        select
            file,
            row_campaign_id <> campaign_id
            and not (is_removal and list_contains($no_messages, row_campaign_id)) as is_foreign,
            not is_removal
            and list_contains($whole_lists, destination || ' ' || campaign_id)
            and (destination, campaign_id, dispatch_id)
            not in (select (destination, campaign_id, dispatch_id) from delivered) as is_unlisted,
            not is_removal and count(*) over (partition by destination, dispatch_id) > 1 as is_repeated
        from changes
    )

select
    file,
    count(*) filter (where is_foreign) as alien,
    count(*) filter (where is_unlisted) as unlisted,
    count(*) filter (where is_repeated) as repeated
from judged
group by file
having alien + unlisted + repeated > 0
order by file
