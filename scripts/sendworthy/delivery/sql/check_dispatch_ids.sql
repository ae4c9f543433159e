-- One row a file with dispatch ids that are there more than once in a destination, or that are not of
-- their campaign, user and night. Given: $night, the date of the night.
with
    judged as (
        select
            file,
            count(*) over (partition by destination, dispatch_id) > 1 as is_repeated,
            dispatch_id <> md5(campaign_id || ':' || user_id || ':' || $night) as is_foreign
        from delivered
    )

select file, count(*) filter (where is_repeated) as repeated, count(*) filter (where is_foreign) as alien
from judged
group by file
having repeated + alien > 0
order by file
