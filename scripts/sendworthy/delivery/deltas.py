"""Tonight's changes for each destination, worked out against what it may hold already (`ledger.deliveries`).

The rules are the statements `sql/change_*.sql`, each of which makes the temporary table of its name from those before.

A destination holds one record of a person (or, where `record.is_per_campaign`, one in each campaign's list). The ledger
remembers of each field a hash of what the record may hold: one hash, or several, where a night was run more than once and
nobody can say which run was loaded. A field is written unless all that the record may hold is what it must hold; so a file may
also be loaded twice. Nothing here depends on what the same night has written but for that doubt, and a rerun gives the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery.delta_sql import RecordSql, hash_of_address
from sendworthy.foundation.clock import iso
from sendworthy.settings.destinations import Destination
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.statements import identifier, statements_in

LEDGER = "ledger.deliveries"

_sql = statements_in(Path(__file__).with_name("sql"))

# so many fields of records are gathered at a time
_SLAB = 2_000_000

Change = dict[str, Any]


def changes_table(destination: Destination) -> str:
    """The temporary table of a destination's changes tonight: campaign, place, and the columns of its files."""
    return identifier(f"changes_{destination.name}")


def create_deliveries(connection: duckdb.DuckDBPyConnection) -> None:
    """The ledger of what was delivered to destinations, if it is not there yet."""
    connection.execute("create schema if not exists ledger")
    connection.execute(_sql("create_deliveries"))


def record_changes(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    campaigns: Sequence[dict[str, Any]],
    as_of: datetime,
    resync: bool = False,
) -> list[str]:
    """Work out tonight's changes and record them in the ledger; each campaign gets its own under `changes`. Returns warnings.

    `resync`: nothing is taken for granted of what a destination holds.
    """
    create_deliveries(connection)
    warnings = []
    for destination in destinations:
        changes = work_out(connection, destination, campaigns, as_of, resync)
        for campaign in campaigns:
            change = changes.get(campaign["campaign_id"])
            if change is None:
                continue
            campaign.setdefault("changes", {})[destination.name] = change
            if campaign["status"] == "released" and "held_back" in change:
                warnings.append(
                    f"{campaign['campaign_id']}: its changes for {destination.name} are held back: {change['held_back']}"
                )
        if changes and not any("out_of_order" in change for change in changes.values()):
            _record(connection, destination, as_of)
    return warnings


def work_out_again(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    campaigns: Sequence[dict[str, Any]],
    as_of: datetime,
) -> None:
    """Work out a night's changes once more, so that they can be written again; nothing is recorded."""
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
    """Leave a destination's changes in `changes_table`, and return per campaign what the manifest says of them.

    A night that was a resync once stays one.
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
    of = {"destination": destination.name, "as_of": as_of}
    resyncs = {"is_resync": resync}
    _make(connection, "change_listed", sql.listed())
    _make(connection, "change_before", _sql("change_before_resync" if resync else "change_before"), of)
    _make(connection, "change_same_night", _sql("change_same_night"), of | resyncs)
    _make(
        connection,
        "change_fields",
        _sql("change_fields"),
        resyncs | {"can_remove": destination.blank.can_remove},
    )
    held = _held_back(connection, destination)
    open_campaigns = [
        campaign["campaign_id"]
        for campaign in taken
        if campaign["status"] == "released" and campaign["campaign_id"] not in held
    ]
    _make(
        connection,
        "change_open",
        "select unnest($campaigns::varchar[]) as campaign_id",
        {"campaigns": open_campaigns},
    )
    _make(connection, "change_messages", _sql("change_messages"), resyncs)
    by_address = destination.one_per_address
    leavers = _sql("change_leavers", is_by_address=by_address, hash_of_address=hash_of_address)
    _make(
        connection, "change_leavers", leavers, {"channels": list(destination.channels)} if by_address else {}
    )
    _make(connection, changes_table(destination), *sql.changes())
    counts = _counts(connection)
    found = {}
    for campaign in taken:
        campaign_id = campaign["campaign_id"]
        found[campaign_id] = {**begin, "files": [], **counts.get(campaign_id, {})}
        if campaign["status"] != "released":
            found[campaign_id]["held_back"] = "the campaign is held back, so nothing is told of it"
        elif campaign_id in held:
            found[campaign_id]["held_back"] = held[campaign_id]
    _work_out_memory(connection, sql.emptied, of, resyncs)
    return found


def _make(
    connection: duckdb.DuckDBPyConnection, table: str, sql: str, given: Mapping[str, Any] | None = None
) -> None:
    """Make a temporary table of a query; `given` are its parameters."""
    connection.execute(f"create or replace temp table {table} as {sql}", dict(given or {}))


def _history(
    connection: duckdb.DuckDBPyConnection, name: str, as_of: datetime
) -> tuple[datetime | None, datetime | None, bool]:
    """The last night before this one with changes for the destination, the newest of all, and whether this one was a resync."""
    ((since, newest, was_resync),) = connection.execute(
        _sql("change_history"), {"name": name, "path": f'$.changes."{name}"', "as_of": as_of}
    ).fetchall()
    return since, newest, bool(was_resync)


def _held_back(connection: duckdb.DuckDBPyConnection, destination: Destination) -> dict[str, str]:
    """The campaigns that print a field that the destination would have to forget and cannot, and why, in words."""
    if destination.blank.can_remove:
        return {}
    found = rows(connection, _sql("change_held_back"))
    return {
        row["campaign_id"]: (
            f"{row['people']:,} of its people have nothing tonight in {', '.join(row['fields'])}, {destination.name} still holds what "
            "it was told before, and its files cannot take a value away. Guard these fields in the template by the names of the "
            "blank ones, load the full list, and `sendworthy export --resync` before the next changes; or use a destination "
            "that can clear"
        )
        for row in found
    }


def _counts(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Per campaign whose changes go out: how many were added, changed, removed, stayed as they are, and could not be named."""
    found = rows(connection, _sql("change_counts"))
    return {
        row.pop("campaign_id"): {name: count for name, count in row.items() if count or name != "unknown"}
        for row in found
    }


def _work_out_memory(
    connection: duckdb.DuckDBPyConnection,
    emptied: Sequence[str],
    of: Mapping[str, Any],
    resyncs: Mapping[str, Any],
) -> None:
    """Leave in `change_memory` the night's rows of the ledger: of each record that changes were written for, all that it may hold now."""
    _make(connection, "change_records", _sql("change_records"), resyncs)
    _make(connection, "change_last", _sql("change_last"))
    _make(connection, "change_held", _sql("change_held"), {"emptied": list(emptied)})
    # DuckDB keeps what it gathers in lists in memory, whatever else it can put on disk: so it gathers some people at a time
    ((held,),) = connection.execute("select count(*) from change_held").fetchall()
    slabs = held // _SLAB + 1
    for slab in range(slabs):
        given = {"slabs": slabs, "slab": slab}
        if slab == 0:
            _make(connection, "change_maps", _sql("change_maps"), given)
        else:
            connection.execute(f"insert into change_maps {_sql('change_maps')}", given)
    _make(connection, "change_memory", _sql("change_memory"), of)


def _record(connection: duckdb.DuckDBPyConnection, destination: Destination, as_of: datetime) -> None:
    """Put what was worked out last into the ledger; what the same night wrote before is replaced, and part of it."""
    connection.execute("begin")
    connection.execute(
        f"delete from {LEDGER} where destination = $destination and as_of = $as_of",
        {"destination": destination.name, "as_of": as_of},
    )
    connection.execute(f"insert into {LEDGER} by name select * from change_memory order by scope, person")
    connection.execute("commit")
