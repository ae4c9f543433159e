-- One row a record: what it may hold before a resync, which is whatever was ever written to it, or nothing.
-- Given: $destination, $as_of.
with
    lines as (select * from ledger.deliveries where destination = $destination and as_of <= $as_of),

    people as (
        select
            scope,
            person,
            arg_max(user_id, as_of) as user_id,
            list_distinct(list_append(flatten(list(campaigns order by as_of)), '')) as campaigns
        from lines
        group by all
    ),

    entries as (select scope, person, as_of, unnest(map_entries(fields)) as entry from lines),

    hashes as (
        select
            scope,
            person,
            entry.key as field,
            list_sort(list_distinct(list_append(flatten(list(entry.value)), ''))) as hashes
        from entries
        group by all
    ),

    fields as (
        select scope, person, map_from_entries(list({'k':field, 'v':hashes} order by field)) as fields
        from hashes
        group by all
    )

select people.*, fields.fields
from people
left join fields using (scope, person)
