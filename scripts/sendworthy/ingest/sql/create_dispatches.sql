-- One row a message that was dispatched.
create temp table dispatches (
    as_of timestamp,
    dispatch_id text,
    user_id text,
    campaign_id text,
    channel text,
    variant text,
    valid_until timestamp
)
