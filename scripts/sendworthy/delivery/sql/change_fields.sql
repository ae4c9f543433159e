-- One row a message and field that it prints: the hash of the value ('' is blank), and whether the
-- field must be written, because the record may hold another value. Given: $is_resync, and $can_remove:
-- the destination can clear.
with
    entries as (
        select campaign_id, message, scope, person, unnest(map_entries(attributes)) as entry
        from change_listed
    ),

    wanted as (
        select
            campaign_id,
            message,
            scope,
            person,
            entry.key as field,
            case
                when entry.value is null
                then ''
                -- of the person too: nobody knows who else is called alike
                else left(sha256(concat_ws(chr(31), person, entry.key, entry.value)), 20)
            end as hash
        from entries
    ),

    records as (select distinct scope, person, field from wanted),

    known as (
        select scope, person, unnest(map_entries(fields)) as entry
        from change_before
        semi join records using (scope, person)
    ),

    same_night as (
        select scope, person, unnest(map_entries(fields)) as entry
        from change_same_night
        semi join records using (scope, person)
    ),

    -- tonight's other campaigns too: who loads the files a second time begins with what the last of
    -- them has left
    possible as (
        select scope, person, field, hash
        from wanted
        union all
        select scope, person, entry.key, unnest(entry.value)
        from known
        union all
        select scope, person, entry.key, unnest(entry.value)
        from same_night
        union all
        select scope, person, field, '' as hash
        from records
        anti join (select scope, person, entry.key as field from known) as known using (scope, person, field)
    ),

    spread as (select scope, person, field, min(hash) <> max(hash) as is_open from possible group by all)

select
    wanted.*,
    -- a resync clears whatever may be there; where nothing can be cleared, a blank matters only if a
    -- value was ever written
    spread.is_open or ($is_resync and ($can_remove or wanted.hash <> '')) as is_written
from wanted
inner join spread using (scope, person, field)
