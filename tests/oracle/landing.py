"""Design §3: read a landing zone, check each row, keep what cannot be used in quarantine.

Every row that is read ends in exactly one place: `Landing.rows[table]` (staged) or `Landing.quarantine`.
All versions of a user or of a ticket are staged; which of them counts depends on `as_of` and is chosen later.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import duckdb

Row = dict[str, Any]

TEXT, TIME, BOOL, INT, JSON_OBJECT = (
    "text",
    "timestamp",
    "boolean",
    "integer",
    "json object",
)


@dataclass(frozen=True)
class Column:
    """One column of a landing table; `values` lists the only texts that are legal (empty: any)."""

    name: str
    kind: str = TEXT
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One landing table; `time` is the column that says when the row happened."""

    name: str
    columns: tuple[Column, ...]
    time: str
    optional: bool = False
    unique: tuple[str, ...] = ()  # what makes two rows the same one, for tables with at-least-once delivery
    first_by: tuple[str, ...] = ()  # which of the rows with the same id wins: the first by these


def _req(name: str, kind: str = TEXT, values: tuple[str, ...] = ()) -> Column:
    return Column(name, kind, True, values)


TABLES: tuple[Table, ...] = (
    Table(
        "users",
        (
            _req("user_id"),
            Column("email"),
            Column("phone"),
            Column("push_token"),
            Column("first_name"),
            Column("last_name"),
            Column("city"),
            Column("country"),
            Column("language"),
            Column("timezone"),
            Column("signed_up_at", TIME),
            Column("email_opt_in", BOOL),
            Column("sms_opt_in", BOOL),
            Column("push_opt_in", BOOL),
            Column("topics_opted_out"),
            Column("max_messages_per_week", INT),
            Column("attributes", JSON_OBJECT),
            _req("updated_at", TIME),
        ),
        time="updated_at",
    ),
    Table(
        "events",
        (
            _req("event_id"),
            _req("user_id"),
            _req("event_name"),
            _req("occurred_at", TIME),
            Column("received_at", TIME),
            Column("properties", JSON_OBJECT),
        ),
        time="occurred_at",
        unique=("event_id",),
        first_by=("received_at", "occurred_at"),
    ),
    Table(
        "support_tickets",
        (
            _req("ticket_id"),
            _req("user_id"),
            Column("category"),
            _req("status", values=("new", "open", "pending", "hold", "solved", "closed")),
            _req("created_at", TIME),
            _req("updated_at", TIME),
            Column("solved_at", TIME),
            Column("satisfaction", values=("good", "bad")),
        ),
        time="updated_at",
    ),
    Table(
        "message_events",
        (
            _req("message_event_id"),
            _req("user_id"),
            Column("campaign_id"),
            _req("channel"),
            Column("variant"),
            _req(
                "event_type",
                values=(
                    "sent",
                    "delivered",
                    "opened",
                    "clicked",
                    "bounced_hard",
                    "bounced_soft",
                    "complained",
                    "unsubscribed",
                ),
            ),
            _req("occurred_at", TIME),
            Column("dispatch_id"),
            Column("is_machine_open", BOOL),
        ),
        time="occurred_at",
        unique=("message_event_id",),
        first_by=("occurred_at",),
    ),
    Table(
        "social_mentions",
        (
            _req("mention_id"),
            Column("user_id"),
            _req("network"),
            Column("body"),
            _req("posted_at", TIME),
            Column("sentiment", values=("positive", "neutral", "negative")),
        ),
        time="posted_at",
        optional=True,
        unique=("mention_id",),
        first_by=("posted_at", "sentiment"),  # of two opinions at one time the worse one, which sorts first
    ),
    Table(
        "erasure_requests",
        (_req("user_id"), _req("requested_at", TIME)),
        time="requested_at",
        optional=True,
        unique=("user_id", "requested_at"),
    ),
)


@dataclass(frozen=True)
class Quarantined:
    """A row that cannot be used: whole, with the table, the file (relative to the landing zone) and why."""

    table: str
    file: str
    reason: str
    row: Row


@dataclass
class Landing:
    """A landing zone, typed: `rows[table]` the staged rows, `rows_in[table]` how many were read."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {t.name: [] for t in TABLES})
    quarantine: list[Quarantined] = field(default_factory=list)
    rows_in: Counter[str] = field(default_factory=Counter)

    def quarantined(self, table: str) -> int:
        """How many rows of `table` are in quarantine."""
        return sum(1 for q in self.quarantine if q.table == table)


def watermark(landing: Landing) -> datetime | None:
    """The first midnight after the newest valid event: the logical time when none is given."""
    times = [row["occurred_at"] for row in landing.rows["events"]]
    if not times:
        return None
    newest: datetime = max(times)
    return datetime(newest.year, newest.month, newest.day) + timedelta(days=1)


# ---------------------------------------------------------------------------------------------------------
# Values: each `_as_*` gives the typed value or raises ValueError or TypeError when the value does not fit the type.

_TIMESTAMP = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?\s?(Z|[+-]\d{2}(?::?\d{2})?)?",
    re.ASCII,
)


def _as_time(value: object) -> datetime:
    if isinstance(value, datetime):
        return value.astimezone(timezone.utc).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day)
    if not isinstance(value, str):
        raise TypeError("not a timestamp")
    match = _TIMESTAMP.fullmatch(value.strip())
    if not match:
        raise ValueError("not a timestamp")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    moment = datetime(
        int(year),
        int(month),
        int(day),
        int(hour or 0),
        int(minute or 0),
        int(second or 0),
        int(((fraction or "") + "000000")[:6]),
    )
    if zone and zone != "Z":
        digits = zone[1:].replace(":", "").ljust(4, "0")
        offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
        moment = moment - offset if zone[0] == "+" else moment + offset
    return moment


# What producers write for a boolean where the file has no such type.
_BOOLEANS = {text: True for text in ("true", "t", "yes", "y", "1")} | {
    text: False for text in ("false", "f", "no", "n", "0")
}


def _as_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in _BOOLEANS:
        return _BOOLEANS[value.strip().lower()]
    if isinstance(value, int) and value in (0, 1):
        return value == 1
    raise ValueError("not a boolean")


def _as_int(value: object) -> int:
    number: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, float):
        number = int(value) if value.is_integer() else None
    elif isinstance(value, str) and re.fullmatch(r"[+-]?\d+", value.strip(), re.ASCII):
        number = int(value)
    if number is None or not -(2**31) <= number < 2**31:
        raise ValueError("not an integer")
    return number


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.setdefault(key, value)
    return result


def _as_object(value: object) -> dict[str, Any]:
    if not isinstance(value, str):
        raise TypeError("not a JSON object")
    parsed = json.loads(value, parse_constant=_no_constant, object_pairs_hook=_first_wins)
    if not isinstance(parsed, dict):
        raise TypeError("not a JSON object")
    return parsed


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


_AS = {
    TEXT: _as_text,
    TIME: _as_time,
    BOOL: _as_bool,
    INT: _as_int,
    JSON_OBJECT: _as_object,
}


def _is_no_value(column: Column, value: object) -> bool:
    if value is None:
        return True
    if isinstance(value, float) and math.isnan(value) and column.kind == TEXT:
        return True
    may_be_white = column.kind == TEXT and not column.required and not column.values
    return isinstance(value, str) and not may_be_white and not value.strip()


def check_row(table: Table, raw: Row, wall_clock: datetime) -> tuple[Row, str | None]:
    """The typed row, and why it must go to quarantine (None: it is good). One reason: the first that holds.

    The reasons in order: `missing_<column>`, `bad_<column>` (both in column order), `from_the_future`.
    White space is no value, except in a text that may be missing: there it is for the word blank to judge.
    """
    raw = {
        column.name: None if _is_no_value(column, raw.get(column.name)) else raw[column.name]
        for column in table.columns
    }
    for column in table.columns:
        if column.required and raw.get(column.name) is None:
            return {}, f"missing_{column.name}"
    typed: Row = {}
    for column in table.columns:
        value = raw.get(column.name)
        if value is None:
            typed[column.name] = None
            continue
        try:
            typed[column.name] = _AS[column.kind](value)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return {}, f"bad_{column.name}"
        if column.values:
            typed[column.name] = typed[column.name].strip().lower()
            if typed[column.name] not in column.values:
                return {}, f"bad_{column.name}"
    if typed[table.time] > wall_clock + timedelta(hours=1):
        return {}, "from_the_future"
    return typed, None


# ---------------------------------------------------------------------------------------------------------
# Files


def _files(raw: Path, table: str) -> list[Path]:
    """Every file of a table: `<table>.parquet`, `<table>.csv`, and those anywhere below `<table>/`."""
    found = [path for path in (raw / f"{table}.parquet", raw / f"{table}.csv") if path.is_file()]
    folder = raw / table
    if folder.is_dir():
        found += [
            path for path in folder.rglob("*") if path.suffix in (".parquet", ".csv") and path.is_file()
        ]
    return sorted(found)


@cache
def file_engine() -> duckdb.DuckDBPyConnection:
    """The one connection that reads and writes Parquet files: opening one takes longer than reading a small file."""
    connection = duckdb.connect(config={"threads": 1})
    connection.execute("set timezone = 'UTC'")
    return connection


def _read_parquet(path: Path) -> tuple[list[str], Iterable[Row]]:
    cursor = file_engine().execute("select * from read_parquet(?, hive_partitioning = false)", [str(path)])
    names = [item[0] for item in cursor.description or []]
    return names, [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _read_csv(path: Path) -> tuple[list[str], Iterable[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle)
        names = next(reader, [])
        rows: list[Row] = []
        for cells in reader:
            if not cells:
                continue  # an empty line
            row: Row = dict.fromkeys(names)
            # An empty cell is NULL: CSV has no other way to say it.
            row.update({name: cell if cell != "" else None for name, cell in zip(names, cells, strict=False)})
            rows.append(row)
    return names, rows


def _read_table(raw: Path, table: Table) -> Iterator[tuple[str, Row]]:
    files = _files(raw, table.name)
    if not files and not table.optional:
        raise FileNotFoundError(f"{raw}: no {table.name}.parquet, {table.name}.csv or {table.name}/")
    for path in files:
        names, rows = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
        for column in table.columns:
            if column.required and column.name not in names:
                raise ValueError(f"{path}: table {table.name} has no column {column.name}")
        for row in rows:
            yield str(path.relative_to(raw)), row


def as_text(value: object) -> str:
    """A typed value as text, for the last tie-break ("sorts last on all its columns as text")."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _as_text(value)


def row_text(row: Row, table: Table) -> tuple[str, ...]:
    """A row as the texts of its columns, in the order of the table."""
    return tuple(as_text(row[column.name]) for column in table.columns)


def load_landing(raw: Path, wall_clock: datetime) -> Landing:
    """Read, check and deduplicate a landing zone.

    `wall_clock` is naive UTC. Raises FileNotFoundError for a missing required table, ValueError for a missing
    required column.
    """
    landing = Landing()
    for table in TABLES:
        good: list[tuple[str, Row, Row]] = []
        for file, raw_row in _read_table(raw, table):
            landing.rows_in[table.name] += 1
            typed, reason = check_row(table, raw_row, wall_clock)
            if reason:
                landing.quarantine.append(Quarantined(table.name, file, reason, raw_row))
            else:
                good.append((file, raw_row, typed))

        by_id: dict[object, list[tuple[str, Row, Row]]] = defaultdict(list)
        for number, item in enumerate(good):
            by_id[tuple(item[2][name] for name in table.unique) if table.unique else number].append(item)
        for same in by_id.values():

            def order(item: tuple[str, Row, Row], table: Table = table) -> tuple[Any, ...]:
                # Earliest first; what is not known comes last; then the row as text.
                first = [
                    (item[2][name] is None, "" if item[2][name] is None else item[2][name])
                    for name in table.first_by
                ]
                return (*first, row_text(item[2], table), item[0])

            same = sorted(same, key=order) if len(same) > 1 else same
            landing.rows[table.name].append(same[0][2])
            for file, raw_row, _ in same[1:]:
                landing.quarantine.append(Quarantined(table.name, file, "duplicate", raw_row))
    return landing
