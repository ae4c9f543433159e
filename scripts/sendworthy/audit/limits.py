"""Limits: what holds a campaign back because tonight is too far from the last night, whatever the gate says of its list.

The rules are the models int_limits__*; here is what they found, in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb

from sendworthy.audit.gate import FailedExpectation
from sendworthy.foundation.clock import iso
from sendworthy.warehouse.database_file import rows

Found = dict[str, list[FailedExpectation]]
"""What went over a limit, by campaign."""


def read_landed(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What the next night compares its sources with: [{table, rows, newest_at}], as the run keeps it."""
    # quoted, because `table` is a word of SQL
    columns = 'table_name as "table", rows_staged as rows, newest_at'
    found = rows(connection, f"select {columns} from intermediate.int_nights__sources order by table_name")
    return [{**row, "newest_at": row["newest_at"] and iso(row["newest_at"])} for row in found]


def judge_limits(connection: duckdb.DuckDBPyConnection, campaigns: Sequence[dict[str, Any]]) -> Found:
    """What went over a limit tonight, by campaign: what the models int_limits__* have found, in words.

    Each campaign gets `in_force`, `compared_with` (its last night: run_id and as_of, or None) and `coverage` (per merge
    field that it prints, how many people were looked at and had it blank): what the next night compares itself with.
    """
    _describe(connection, campaigns)
    broken = rows(connection, "from intermediate.int_limits__quarantined_tables order by table_name")
    changed = rows(
        connection, "from intermediate.int_limits__stale_and_shrunk_tables order by campaign_id, table_name"
    )
    swings = rows(connection, "from intermediate.int_limits__swings order by campaign_id")
    falls = rows(connection, "from intermediate.int_limits__coverage_falls order by campaign_id, merge_field")
    found: Found = {}
    for table in broken:
        for campaign in campaigns:
            found.setdefault(campaign["campaign_id"], []).append(_unreadable(table))
    for row in changed:
        failed = [_stale(row)] * row["is_stale"] + [_shrank(row)] * row["has_shrunk"]
        found.setdefault(row["campaign_id"], []).extend(failed)
    for words, over in ((_swung, swings), (_fell, falls)):
        for row in over:
            found.setdefault(row["campaign_id"], []).append(words(row))
    return found


def _describe(connection: duckdb.DuckDBPyConnection, campaigns: Sequence[dict[str, Any]]) -> None:
    settings = rows(connection, "select campaign_id, is_in_force from intermediate.int_campaigns__settings")
    in_force = {row["campaign_id"] for row in settings if row["is_in_force"]}
    last = {
        row["campaign_id"]: {"run_id": row["run_id"], "as_of": iso(row["as_of"])}
        for row in rows(connection, "from intermediate.int_limits__last_nights")
    }
    coverage: dict[str, list[dict[str, Any]]] = {}
    for row in rows(connection, "from intermediate.int_limits__coverage order by campaign_id, merge_field"):
        coverage.setdefault(row.pop("campaign_id"), []).append(row)
    for campaign in campaigns:
        name = campaign["campaign_id"]
        campaign["in_force"] = name in in_force
        campaign["compared_with"] = last.get(name)
        campaign["coverage"] = coverage.get(name, [])


# --- in words -----------------------------------------------------------------------------------------

_MEANT = "if it is meant, run the night again with --accept and --reason"


def _unreadable(row: Mapping[str, Any]) -> FailedExpectation:
    table, unreadable, rows_in = row["table_name"], row["rows_unreadable"], row["rows_in"]
    return FailedExpectation(
        f"limit_source_unreadable_{table}",
        f"of the rows of {table} no more than {_plain(row['max_quarantined_percent'])} percent may be unreadable: "
        f"{unreadable:,} of {rows_in:,} were quarantined, {_percent(unreadable, rows_in)}",
        f"see why in ops.input_problems and ops.quarantine, and deliver {table} again, or add its words to the seeds "
        f"(docs/your-own-data.md); {_MEANT}",
        None,
    )


def _stale(row: Mapping[str, Any]) -> FailedExpectation:
    table, newest = row["table_name"], row["newest_tonight"]
    return FailedExpectation(
        f"limit_source_stale_{table}",
        f"{table} has rows newer than {row['max_age_hours']} hours, or newer ones than on {iso(row['last_night'])}: "
        + (f"the newest is of {iso(newest)}" if newest else "it has none from before this night"),
        f"see why nothing new has landed in {table}, and run the night again when it has; {_MEANT}",
        None,
    )


def _shrank(row: Mapping[str, Any]) -> FailedExpectation:
    table, before, tonight = row["table_name"], row["rows_before"], row["rows_tonight"]
    return FailedExpectation(
        f"limit_source_shrank_{table}",
        f"{table} has lost at most {_plain(row['max_shrink_percent'])} percent of its rows since {iso(row['last_night'])}: "
        f"{before:,} then, {tonight:,} now, {_percent(before - tonight, before)} fewer",
        f"see what is missing (ops.source_counts, ops.quarantine), and run the night again when it has landed; {_MEANT}",
        None,
    )


def _swung(row: Mapping[str, Any]) -> FailedExpectation:
    before, tonight = row["people_before"], row["people_tonight"]
    way = "more" if tonight > before else "fewer"
    return FailedExpectation(
        "limit_audience_swing",
        f"the audience differs by at most {_plain(row['max_swing_percent'])} percent of the larger from that of {iso(row['last_night'])}: "
        f"{before:,} people then, {tonight:,} now, {_percent(abs(tonight - before), max(before, tonight))} {way}",
        f"see what has changed: the segment, the trigger event, the sources; {_MEANT}",
        None,
    )


def _fell(row: Mapping[str, Any]) -> FailedExpectation:
    field = row["merge_field"]
    return FailedExpectation(
        f"limit_coverage_fall_{field}",
        f"{field} is blank for at most {_plain(row['max_coverage_fall_points'])} percentage points more of the audience than on {iso(row['last_night'])}: "
        f"{_percent(row['blank_before'], row['users_before'])} then, {_percent(row['blank_tonight'], row['users_tonight'])} now",
        f"see where {field} comes from (seeds/merge_fields.csv) and why it is missing; {_MEANT}",
        None,
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} percent"


def _plain(number: Any) -> str:
    return f"{number.normalize():f}"
