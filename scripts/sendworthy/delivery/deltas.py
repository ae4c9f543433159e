"""What each destination must be told tonight, worked out in SQL against what it was told before (`ledger.deliveries`).

A destination holds one record of a person (or, where `record.is_per_campaign`, one in each campaign's list). The ledger
remembers of each field a hash of what the record may hold: one hash, or several, where a night was run more than once and
nobody can say which run was loaded. A field is told unless all that the record may hold is what it must hold; so a file may
also be loaded twice. Nothing here depends on what the same night has written but for that doubt, and a rerun gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import duckdb

from sendworthy.delivery.delta_sql import RecordSql, hash_of_address
from sendworthy.foundation.clock import iso
from sendworthy.settings.destinations import Destination
from sendworthy.warehouse.database import identifier, literal, rows

LEDGER = "ledger.deliveries"

# so many fields of records are gathered at a time
_SLAB = 2_000_000

Change = dict[str, Any]


def changes_table(destination: Destination) -> str:
    """The temporary table of what a destination must be told tonight: campaign, place, and the columns of its files."""
    return identifier(f"changes_{destination.name}")


def create_deliveries(connection: duckdb.DuckDBPyConnection) -> None:
    """The ledger of what destinations were told, if it is not there yet.

    One row per destination, record and night that told it something: `campaigns` whose message it may hold ('' is none),
    and of each field the hashes of what it may hold ('' is nothing), that of the last run last. `scope` is the campaign
    where each has a list of its own, else ''. `person` is the destination's own key: the user, or the hash of an address.
    """
    connection.execute("create schema if not exists ledger")
    connection.execute(
        f"""
        create table if not exists {LEDGER} (
            as_of timestamp, destination varchar, scope varchar, person varchar, user_id varchar,
            campaigns varchar[], fields map(varchar, varchar[])
        )
        """
    )


def tell(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    campaigns: Sequence[dict[str, Any]],
    as_of: datetime,
    resync: bool = False,
) -> list[str]:
    """Work out tonight's changes and remember them; each campaign says under `changes` what of it is told. Returns warnings.

    `resync`: nothing is taken for granted of what a destination holds.
    """
    create_deliveries(connection)
    warnings = []
    for destination in destinations:
        told = work_out(connection, destination, campaigns, as_of, resync)
        for campaign in campaigns:
            change = told.get(campaign["campaign_id"])
            if change is None:
                continue
            campaign.setdefault("changes", {})[destination.name] = change
            if campaign["status"] == "released" and "held_back" in change:
                warnings.append(
                    f"{campaign['campaign_id']}: its changes for {destination.name} are held back: {change['held_back']}"
                )
        if told and not any("out_of_order" in change for change in told.values()):
            _remember(connection, destination, as_of)
    return warnings


def work_out_again(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    campaigns: Sequence[dict[str, Any]],
    as_of: datetime,
) -> None:
    """Work out once more what a night has told, so that it can be written again; nothing is remembered."""
    for destination in destinations:
        if any(destination.name in campaign.get("changes", {}) for campaign in campaigns):
            work_out(connection, destination, campaigns, as_of)


def work_out(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaigns: Sequence[Mapping[str, Any]],
    as_of: datetime,
    resync: bool = False,
) -> dict[str, Change]:
    """Leave in `changes_table` what the destination must be told, and return per campaign what the manifest says of it.

    A night that was told as a resync once, stays one.
    """
    record = destination.record
    taken = [campaign for campaign in campaigns if destination.takes(campaign["channel"])]
    if record is None or not taken:
        return {}
    since, newest, was_resync = _history(connection, destination.name, as_of)
    begin: Change = {"since": iso(since) if since else None, "added": 0, "changed": 0, "removed": 0}
    begin |= {"unchanged": 0, "files": []}
    if newest and newest > as_of:
        why = (
            f"the night of {iso(newest)} has told {destination.name} newer things. To send this night all the same, load its "
            "full lists, and `sendworthy export --resync` after the next newer night"
        )
        return {
            campaign["campaign_id"]: {**begin, "since": None, "held_back": why, "out_of_order": True}
            for campaign in taken
        }
    if resync := resync or was_resync:
        begin |= {"since": None, "resync": True}
    sql = RecordSql(connection, destination, record)
    connection.execute(f"create or replace temp table change_listed as {sql.listed()}")
    connection.execute(
        f"create or replace temp table change_before as {_before(resync)}", _of(destination, as_of)
    )
    connection.execute(
        f"create or replace temp table change_same_night as {_same_night(resync)}", _of(destination, as_of)
    )
    connection.execute(f"create or replace temp table change_fields as {_fields(destination, resync)}")
    held = _held_back(connection, destination)
    open_campaigns = [
        campaign["campaign_id"]
        for campaign in taken
        if campaign["status"] == "released" and campaign["campaign_id"] not in held
    ]
    connection.execute(
        "create or replace temp table change_open as select unnest(?::varchar[]) as campaign_id",
        [open_campaigns],
    )
    connection.execute(f"create or replace temp table change_told as {_told(resync)}")
    connection.execute(f"create or replace temp table change_leavers as {_leavers(destination)}")
    connection.execute(f"create or replace temp table {changes_table(destination)} as {sql.changes()}")
    counts = _counts(connection)
    found = {}
    for campaign in taken:
        campaign_id = campaign["campaign_id"]
        found[campaign_id] = {**begin, "files": [], **counts.get(campaign_id, {})}
        if campaign["status"] != "released":
            found[campaign_id]["held_back"] = "the campaign is held back, so nothing is told of it"
        elif campaign_id in held:
            found[campaign_id]["held_back"] = held[campaign_id]
    _work_out_memory(connection, sql, resync, _of(destination, as_of))
    return found


def _of(destination: Destination, as_of: datetime) -> dict[str, Any]:
    return {"destination": destination.name, "as_of": as_of}


def _history(
    connection: duckdb.DuckDBPyConnection, name: str, as_of: datetime
) -> tuple[datetime | None, datetime | None, bool]:
    """The last night before this one that told the destination something, the newest of all, and whether this one was a resync."""
    ((since, newest, was_resync),) = connection.execute(
        f"""
        with
            recorded as (
                select as_of, json_extract(details, $path) as told
                from ops.runs
                where json_extract(details, $path) is not null
            ),
            nights as (
                select as_of, coalesce((told ->> 'resync') = 'true', false) as is_resync
                from recorded
                where coalesce((told ->> 'out_of_order') <> 'true', true)
                union all
                select distinct as_of, false as is_resync
                from {LEDGER}
                where destination = $name
            )
        select
            max(as_of) filter (where as_of < $as_of),
            max(as_of),
            coalesce(bool_or(is_resync) filter (where as_of = $as_of), false)
        from nights
        """,
        {"name": name, "path": f'$.changes."{name}"', "as_of": as_of},
    ).fetchall()
    return since, newest, bool(was_resync)


def _before(resync: bool) -> str:
    """What each record may hold before the night; for a resync whatever it was ever told, or nothing."""
    lines = (
        f"select * from {LEDGER} where destination = $destination and as_of {'<=' if resync else '<'} $as_of"
    )
    if not resync:
        return f"{lines} qualify row_number() over (partition by scope, person order by as_of desc) = 1"
    return f"""
        with
            lines as ({lines}),
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
                select scope, person, map_from_entries(list({{'k': field, 'v': hashes}} order by field)) as fields
                from hashes
                group by all
            )
        select people.*, fields.fields
        from people
        left join fields using (scope, person)
    """


def _same_night(resync: bool) -> str:
    """What records may hold since earlier runs of the same night; a resync has it with all the rest."""
    none = "and false" if resync else ""
    return f"select * from {LEDGER} where destination = $destination and as_of = $as_of {none}"


def _fields(destination: Destination, resync: bool) -> str:
    """One row a message and field that it prints: the hash of the value ('' is blank), and whether the record may hold another."""
    # a resync clears whatever may be there; what cannot clear anything is asked only for what was ever told
    always = "true" if destination.blank.can_remove else "wanted.hash <> ''"
    return f"""
        with
            wanted as (
                select campaign_id, message, scope, person, field, hash from change_listed_fields
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
            -- tonight's other campaigns too: who loads the files a second time begins with what the last of them has left
            possible as (
                select scope, person, field, hash from wanted
                union all
                select scope, person, entry.key, unnest(entry.value) from known
                union all
                select scope, person, entry.key, unnest(entry.value) from same_night
                union all
                select scope, person, field, '' as hash
                from records
                anti join (select scope, person, entry.key as field from known) as known using (scope, person, field)
            ),
            spread as (
                select scope, person, field, min(hash) <> max(hash) as is_open from possible group by all
            )
        select wanted.*, spread.is_open {f"or {always}" if resync else ""} as is_told
        from wanted
        inner join spread using (scope, person, field)
    """.replace("change_listed_fields", f"({_LISTED_FIELDS})")


_LISTED_FIELDS = """
    select
        campaign_id, message, scope, person, entry.key as field,
        case
            when entry.value is null then ''
            -- of the person too: nobody can tell who else is called alike
            else left(sha256(concat_ws(chr(31), person, entry.key, entry.value)), 20)
        end as hash
    from (select campaign_id, message, scope, person, unnest(map_entries(attributes)) as entry from change_listed)
"""


def _held_back(connection: duckdb.DuckDBPyConnection, destination: Destination) -> dict[str, str]:
    """The campaigns that print a field that the destination would have to forget and cannot, and why, in words."""
    if destination.blank.can_remove:
        return {}
    found = rows(
        connection,
        """
        select campaign_id, count(distinct person) as people, list_sort(list(distinct field)) as fields
        from change_fields
        where hash = '' and is_told
        group by campaign_id
        """,
    )
    return {
        row["campaign_id"]: (
            f"{row['people']:,} of its people have nothing tonight in {', '.join(row['fields'])}, {destination.name} still holds what "
            "it was told before, and its files cannot take a value away. Guard these fields in the template by the names of the "
            "blank ones, load the full list, and `sendworthy export --resync` before the next changes; or use a destination "
            "that can clear"
        )
        for row in found
    }


def _told(resync: bool) -> str:
    """One row a message of which something must be told: which fields, and what became of it on the campaign's list."""
    # after an earlier campaign of the night a record holds what that one says, whatever it held before
    is_told = "is_told" if resync else "case when earlier is null then is_told else earlier <> hash end"
    was_there = "false" if resync else "coalesce(list_contains(before.campaigns, listed.campaign_id), false)"
    return f"""
        with
            placed as (
                select
                    change_fields.*,
                    lag(hash) over (partition by scope, person, field order by campaign_id) as earlier
                from change_fields
                semi join change_open using (campaign_id)
            ),
            told as (
                select campaign_id, message, list(field) as fields
                from placed
                where {is_told}
                group by all
            )
        select
            listed.*,
            told.fields as told_fields,
            case when {was_there} then 'changed' else 'added' end as change
        from change_listed as listed
        inner join told using (campaign_id, message)
        left join change_before as before on listed.scope = before.scope and listed.person = before.person
    """


def _leavers(destination: Destination) -> str:
    """One row a campaign and record that may hold its message and is not on its list.

    Not who gets a message of a campaign that is loaded before: that is what the record holds then. Where people are known
    by their address, the ledger has its hash, and the address is that of whoever has it tonight: `name` is null for nobody.
    """
    channels = ", ".join(literal(channel) for channel in destination.channels)
    names = f"""
        select {hash_of_address("address_key")} as person, min(address) as name
        from intermediate.int_users__channels
        where address is not null and channel in ({channels})
        group by all
    """
    return f"""
        with
            held as (
                select scope, person, user_id, unnest(campaigns) as campaign_id
                from change_before
                union
                select scope, person, user_id, unnest(campaigns) as campaign_id
                from change_same_night
            ),
            tonight as (
                select scope, person, arg_max(user_id, campaign_id) as user_id
                from change_listed
                semi join change_open using (campaign_id)
                group by all
            ),
            left_over as (
                select
                    held.scope,
                    held.person,
                    held.campaign_id,
                    -- of an address that people share: who is on a list tonight, which a rerun finds again
                    coalesce(max(tonight.user_id), max(held.user_id)) as user_id
                from held
                semi join change_open using (campaign_id)
                left join tonight on held.scope = tonight.scope and held.person = tonight.person
                anti join change_listed as listed
                    on held.scope = listed.scope
                    and held.person = listed.person
                    and listed.campaign_id <= held.campaign_id
                    and listed.campaign_id in (select campaign_id from change_open)
                group by all
            )
        {
        f'''
        , names as ({names})
        select left_over.*, names.name
        from left_over
        left join names using (person)
        '''
        if destination.one_per_address
        else "select *, person as name from left_over"
    }
    """


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Per campaign that is told: how many were added, changed, removed, stayed as they are, and could not be named."""
    found = rows(
        connection,
        """
        with
            told as (
                select
                    campaign_id,
                    count(*) filter (where change = 'added') as added,
                    count(*) filter (where change = 'changed') as changed
                from change_told
                group by all
            ),
            leavers as (
                select
                    campaign_id,
                    count(name) as removed,
                    count(*) filter (where name is null) as unknown
                from change_leavers
                group by all
            ),
            listed as (select campaign_id, count(*) as listed from change_listed group by all)
        select
            change_open.campaign_id,
            coalesce(added, 0) as added,
            coalesce(changed, 0) as changed,
            coalesce(removed, 0) as removed,
            coalesce(listed, 0) - coalesce(added, 0) - coalesce(changed, 0) as unchanged,
            coalesce(unknown, 0) as unknown
        from change_open
        left join told using (campaign_id)
        left join leavers using (campaign_id)
        left join listed using (campaign_id)
        """,
    )
    return {
        row.pop("campaign_id"): {name: count for name, count in row.items() if count or name != "unknown"}
        for row in found
    }


def _work_out_memory(
    connection: duckdb.DuckDBPyConnection, sql: RecordSql, resync: bool, of: Mapping[str, Any]
) -> None:
    """Leave in `change_memory` the night's rows of the ledger: of each record that was told something, all that it may hold now."""
    connection.execute(f"create or replace temp table change_records as {_records(resync)}")
    connection.execute(f"create or replace temp table change_last as {_LAST}")
    connection.execute(f"create or replace temp table change_held as {_held(sql)}")
    connection.execute(
        "create or replace temp table change_maps (scope varchar, person varchar, fields map(varchar, varchar[]))"
    )
    # DuckDB keeps what it gathers in lists in memory, whatever else it can put on disk: so it gathers some people at a time
    ((held,),) = connection.execute("select count(*) from change_held").fetchall()
    slabs = held // _SLAB + 1
    for slab in range(slabs):
        connection.execute(
            """
            insert into change_maps
            select scope, person, map_from_entries(list_sort(list({'k': field, 'v': hashes}))) as fields
            from change_held
            where hash(person) % $slabs = $slab
            group by all
            """,
            {"slabs": slabs, "slab": slab},
        )
    connection.execute(f"create or replace temp table change_memory as {_memory()}", of)


# the last message of each record, of the campaigns that are told
_LAST = """
    select scope, person, max(campaign_id) as campaign_id, arg_max(user_id, campaign_id) as user_id
    from change_listed
    semi join change_open using (campaign_id)
    group by all
"""


def _records(resync: bool) -> str:
    """The records that the ledger has a row of for this night."""
    # after a resync nothing older counts any more, so it says all that there is to say
    everybody = "union select scope, person from change_before" if resync else ""
    return f"""
        select scope, person from change_told
        union
        select scope, person from change_leavers where name is not null
        union
        select scope, person from change_same_night
        {everybody}
    """


def _held(sql: RecordSql) -> str:
    """One row a record and field: the hashes of what it may hold now."""
    return f"""
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
                cross join (select unnest({sql.emptied()}) as field) as named
                anti join change_last using (scope, person)
            ),
            now as (
                select * from wanted
                union all
                select * from emptied
            ),
            before as (
                select scope, person, unnest(map_entries(fields)) as entry
                from change_before
                semi join change_records using (scope, person)
            ),
            same_night as (
                select scope, person, unnest(map_entries(fields)) as entry from change_same_night
            ),
            -- what holds after this run: one row a field, for what tonight says nothing of stays as it was
            after as (
                select scope, person, field, [hash] as hashes from now semi join change_records using (scope, person)
                union all
                select scope, person, entry.key as field, entry.value as hashes
                from before
                anti join now on before.scope = now.scope and before.person = now.person and before.entry.key = now.field
                union all
                select scope, person, entry.key as field, [''] as hashes
                from same_night
                anti join now
                    on same_night.scope = now.scope
                    and same_night.person = now.person
                    and same_night.entry.key = now.field
                anti join before
                    on same_night.scope = before.scope
                    and same_night.person = before.person
                    and same_night.entry.key = before.entry.key
            )
        -- behind what earlier runs of the night have told; joined and not gathered in lists, which DuckDB keeps in memory
        select
            after.scope,
            after.person,
            after.field,
            list_distinct(list_concat(coalesce(same_night.entry.value, []), after.hashes)) as hashes
        from after
        left join same_night
            on after.scope = same_night.scope
            and after.person = same_night.person
            and after.field = same_night.entry.key
    """


def _memory() -> str:
    """The rows of the ledger, made of the records, whose messages they may hold, and what is held of each field."""
    return """
        with
            leavers as (select distinct scope, person from change_leavers where name is not null)
        select
            cast($as_of as timestamp) as as_of,
            $destination as destination,
            records.scope,
            records.person,
            coalesce(listed.user_id, same_night.user_id, before.user_id) as user_id,
            list_distinct(
                list_concat(
                    coalesce(same_night.campaigns, []),
                    case
                        when listed.campaign_id is not null then [listed.campaign_id]
                        when leavers.person is not null then ['']
                        else coalesce(before.campaigns, [''])
                    end
                )
            ) as campaigns,
            coalesce(maps.fields, map([]::varchar[], []::varchar[][])) as fields
        from change_records as records
        left join change_last as listed using (scope, person)
        left join leavers using (scope, person)
        left join change_before as before using (scope, person)
        left join change_same_night as same_night using (scope, person)
        left join change_maps as maps using (scope, person)
    """


def _remember(connection: duckdb.DuckDBPyConnection, destination: Destination, as_of: datetime) -> None:
    """Put what was worked out last into the ledger; what the same night wrote before is replaced, and part of it."""
    connection.execute("begin")
    connection.execute(
        f"delete from {LEDGER} where destination = $destination and as_of = $as_of", _of(destination, as_of)
    )
    connection.execute(f"insert into {LEDGER} by name select * from change_memory order by scope, person")
    connection.execute("commit")
