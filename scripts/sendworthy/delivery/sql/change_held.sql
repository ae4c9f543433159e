-- One row a record and field: the hashes of what it may hold now. Given: $emptied, the fields that are
-- gone from a record whose message was taken off.
with
    leavers as (select distinct scope, person from change_leavers where name is not null),

    -- what the record holds of a field when all files are loaded: the last campaign that says it counts
    wanted as (
        select scope, person, field, arg_max(hash, campaign_id) as hash
        from change_fields
        semi join change_open using (campaign_id)
        group by all
    ),

    emptied as (
        select leavers.scope, leavers.person, named.field, '' as hash
        from leavers
        cross join (select unnest($emptied::varchar[]) as field) as named
        anti join change_last using (scope, person)
    ),

    now as (
        select *
        from wanted
        union all
        select *
        from emptied
    ),

    before as (
        select scope, person, unnest(map_entries(fields)) as entry
        from change_before
        semi join change_records using (scope, person)
    ),

    same_night as (select scope, person, unnest(map_entries(fields)) as entry from change_same_night),

    -- what holds after this run: one row a field, for what tonight says nothing of stays as it was
    after as (
        select scope, person, field, [hash] as hashes
        from now
        semi join change_records using (scope, person)
        union all
        select scope, person, entry.key as field, entry.value as hashes
        from before
        anti join
            now on before.scope = now.scope and before.person = now.person and before.entry.key = now.field
        union all
        select scope, person, entry.key as field, [''] as hashes
        from same_night
        anti join
            now
            on same_night.scope = now.scope
            and same_night.person = now.person
            and same_night.entry.key = now.field
        anti join
            before
            on same_night.scope = before.scope
            and same_night.person = before.person
            and same_night.entry.key = before.entry.key
    )

-- behind what earlier runs of the night have written; joined and not gathered in lists, which DuckDB keeps
-- in memory
select
    after.scope,
    after.person,
    after.field,
    list_distinct(list_concat(coalesce(same_night.entry.value, []), after.hashes)) as hashes
from after
left join
    same_night
    on after.scope = same_night.scope
    and after.person = same_night.person
    and after.field = same_night.entry.key
