-- The ledger of what was delivered to destinations. One row per destination, record and night with
-- changes for it: `campaigns` whose message the record may hold ('' is none), and of each field the hashes
-- of what it may hold ('' is nothing), that of the last run last. `scope` is the campaign where each
-- has a list of its own, else ''. `person` is the destination's own key: the user, or the hash of an
-- address.
create table if not exists ledger.deliveries (
    as_of timestamp,
    destination varchar,
    scope varchar,
    person varchar,
    user_id varchar,
    campaigns varchar[],
    fields map(varchar, varchar[])
)
