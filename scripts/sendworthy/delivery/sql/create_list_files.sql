-- One row a file that could be read, also where it has no rows. Given: the table's name.
create temp table {{ table | identifier }} (
    destination varchar, campaign_id varchar, file varchar, header varchar[], left_out bigint
)
