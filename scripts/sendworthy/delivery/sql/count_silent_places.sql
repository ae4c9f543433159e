-- One row: in how many rows of a destination's lists a place does not say what the destination's
-- description promises; `pair` where message, campaign and user are there and do not belong together.
-- Given: $destination, and $night, the date of the night.
select
    count(*) filter (where row_campaign_id <> campaign_id) as campaign,
    count(*) filter (where dispatch_id = '') as message,
    count(*) filter (where user_id = '') as user,
    count(*) filter (where variant = '') as variant,
    count(*) filter (where try_cast(send_at as timestamp) is null and send_at is not null) as send_at,
    count(*) filter (
        where try_cast(valid_until as timestamp) is null and valid_until is not null
    ) as valid_until,
    count(*) filter (
        where
            dispatch_id <> ''
            and user_id <> ''
            and row_campaign_id = campaign_id
            and dispatch_id <> md5(campaign_id || ':' || user_id || ':' || $night)
    ) as pair
from delivered
where destination = $destination
