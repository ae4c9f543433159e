-- One row a row of a file. A column that the destination does not have is null; an empty cell is ''.
-- `contents` is a hash of all that the row says. Given: the table's name.
create temp table {{ table | identifier }} (
    destination varchar,
    campaign_id varchar,
    file varchar,
    row_campaign_id varchar,
    dispatch_id varchar,
    user_id varchar,
    variant varchar,
    send_at varchar,
    valid_until varchar,
    contents varchar
)
