"""Contract §3: read a landing zone, check each row, keep what cannot be used in quarantine.

Every row that is read ends in exactly one place: `Landing.rows[table]` (staged) or `Landing.quarantine`.
All versions of a user or of a ticket are staged; which of them counts depends on `as_of` and is chosen later.
A staged row holds its typed values by column, and under names that begin with `_` what is known about the row itself.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb

from .reading import (
    EVERY_TOPIC,
    UNKNOWN_CHANNEL,
    Unreadable,
    has_no_value,
    plain_number,
    read_boolean,
    read_event_name,
    read_id,
    read_limit,
    read_object,
    read_text,
    read_time,
    read_topics,
    read_word,
)
from .settings import Settings
from .words import trim

Row = dict[str, Any]

TEXT, ID, NAME, WORD, TIME, BOOL, INT, JSON_OBJECT, TOPICS = (
    "text",
    "id",
    "event name",
    "word of a vocabulary",
    "timestamp",
    "boolean",
    "integer",
    "json object",
    "topics",
)
_TEXTS = (TEXT, ID, NAME, WORD, TOPICS)  # where `NULL` is a word like another
_NOTHING: Any = object()


@dataclass(frozen=True)
class Column:
    """One column of a landing table.

    `unreadable_means`: what a value that cannot be read counts as (default: null, or the row's end where it is required).
    """

    name: str
    kind: str = TEXT
    required: bool = False
    unreadable_means: Any = _NOTHING

    @property
    def ends_the_row(self) -> bool:
        """Whether a value that cannot be read sends the whole row to quarantine."""
        return self.required and self.unreadable_means is _NOTHING


@dataclass(frozen=True)
class Table:
    """One landing table; `time` is the column that says when the row happened."""

    name: str
    columns: tuple[Column, ...]
    time: str
    optional: bool = False
    unique: tuple[str, ...] = ()  # what makes two rows the same one, for tables with at-least-once delivery
    first_by: tuple[str, ...] = ()  # which of the rows with the same id wins: the first by these

    @property
    def row_id(self) -> str:
        """The column that names a row."""
        return self.columns[0].name


def _req(name: str, kind: str = TEXT, unreadable_means: Any = _NOTHING) -> Column:
    return Column(name, kind, True, unreadable_means)


TABLES: tuple[Table, ...] = (
    Table(
        "users",
        (
            _req("user_id", ID),
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
            Column("email_opt_in_at", TIME),
            Column("sms_opt_in_at", TIME),
            Column("push_opt_in_at", TIME),
            Column("topics_opted_out", TOPICS, unreadable_means=frozenset({EVERY_TOPIC})),
            Column("max_messages_per_week", INT, unreadable_means=0),
            Column("attributes", JSON_OBJECT),
            _req("updated_at", TIME),
        ),
        time="updated_at",
    ),
    Table(
        "events",
        (
            _req("event_id", ID),
            _req("user_id", ID),
            _req("event_name", NAME),
            _req("occurred_at", TIME),
            Column("received_at", TIME),
            Column("properties", JSON_OBJECT),
        ),
        time="occurred_at",
        unique=("event_id", "event_name", "user_id"),
        first_by=("received_at", "occurred_at"),
    ),
    Table(
        "support_tickets",
        (
            _req("ticket_id", ID),
            _req("user_id", ID),
            Column("category"),
            _req("status", WORD, unreadable_means="open"),
            _req("created_at", TIME),
            _req("updated_at", TIME),
            Column("solved_at", TIME),
            Column("satisfaction", WORD),
        ),
        time="updated_at",
    ),
    Table(
        "message_events",
        (
            _req("message_event_id", ID),
            _req("user_id", ID),
            Column("campaign_id", ID),
            _req("channel", WORD, unreadable_means=UNKNOWN_CHANNEL),
            Column("variant"),
            _req("event_type", WORD),
            _req("occurred_at", TIME),
            Column("dispatch_id", ID),
            Column("address"),
            Column("is_machine_open", BOOL),
        ),
        time="occurred_at",
        unique=("message_event_id", "event_type", "user_id", "channel"),
        first_by=("occurred_at",),
    ),
    Table(
        "social_mentions",
        (
            _req("mention_id", ID),
            Column("user_id", ID),
            _req("network"),
            Column("body"),
            _req("posted_at", TIME),
            Column("sentiment", WORD, unreadable_means="negative"),
        ),
        time="posted_at",
        optional=True,
        unique=("mention_id", "user_id"),
        first_by=("posted_at", "sentiment"),
    ),
    Table(
        "erasure_requests",
        (_req("user_id", ID), _req("requested_at", TIME)),
        time="requested_at",
        optional=True,
        unique=("user_id", "requested_at"),
    ),
    Table(
        "assignments",
        (_req("user_id", ID), _req("campaign_id", ID), _req("arm", ID), _req("assigned_at", TIME)),
        time="assigned_at",
        optional=True,
        unique=("user_id", "campaign_id"),
        first_by=("assigned_at", "arm"),
    ),
)
_TABLE = {table.name: table for table in TABLES}


@dataclass(frozen=True)
class Quarantined:
    """A row that cannot be used: whole, with the table, the file (relative to the landing zone) and why.

    `readable` has what can be read of it; `landed_on` is the day of the drop, where the file is in one.
    """

    table: str
    file: str
    reason: str
    row: Row
    readable: Row = field(default_factory=dict)
    landed_on: date | None = None

    @property
    def is_unreadable(self) -> bool:
        """Whether the row is here because something in it is missing or cannot be read."""
        return self.reason.startswith(("missing_", "bad_"))


@dataclass
class Landing:
    """A landing zone, typed: `rows[table]` the staged rows, `rows_in[table]` how many were read.

    `unreadable_values` counts (table, file, column, row id) of values that staged rows stay without.
    """

    rows: dict[str, list[Row]] = field(default_factory=lambda: {t.name: [] for t in TABLES})
    quarantine: list[Quarantined] = field(default_factory=list)
    rows_in: Counter[str] = field(default_factory=Counter)
    unreadable_values: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)

    def quarantined(self, table: str) -> int:
        """How many rows of `table` are in quarantine."""
        return sum(1 for q in self.quarantine if q.table == table)


def watermark(landing: Landing, wall_clock: datetime) -> datetime | None:
    """§1: the logical time when none is given.

    The first midnight after the newest valid event, or the last midnight that the clock has passed: the earlier one.
    """
    times = [row["occurred_at"] for row in landing.rows["events"]]
    if not times:
        return None
    newest: datetime = max(times)
    after_newest = datetime(newest.year, newest.month, newest.day) + timedelta(days=1)
    return min(after_newest, datetime(wall_clock.year, wall_clock.month, wall_clock.day))


def broken_tables(landing: Landing, settings: Settings) -> set[str]:
    """§3: the tables of which too large a share of the rows cannot be read; with one, every campaign is held back."""
    # assignments only measures
    bad = Counter(
        item.table for item in landing.quarantine if item.is_unreadable and item.table != "assignments"
    )
    return {
        table
        for table, rows in bad.items()
        if Decimal(rows) * 100
        > settings.max_quarantined_percent.get(table, Decimal(20)) * landing.rows_in[table]
    }


def unmatched_users(landing: Landing) -> dict[str, tuple[int, int, int, int]]:
    """§3: references to users whom no profile has: (rows, users), and of these those that differ in case only."""
    known = {row["user_id"] for row in landing.rows["users"]}
    known_in_lower_case = {user_id.lower() for user_id in known}
    found: dict[str, tuple[int, int, int, int]] = {}
    for table, rows in landing.rows.items():
        if table == "users":
            continue
        counts = Counter(row["user_id"] for row in rows if row["user_id"] and row["user_id"] not in known)
        by_case = {user_id: n for user_id, n in counts.items() if user_id.lower() in known_in_lower_case}
        found[table] = (counts.total(), len(counts), sum(by_case.values()), len(by_case))
    return found


# ---------------------------------------------------------------------------------------------------------
# Rows


def _read(column: Column, table: Table, value: object, settings: Settings) -> tuple[Any, bool]:
    """A value as its column holds it, and whether it is a date alone."""
    declared = settings.source_formats.get((table.name, column.name))
    if column.kind == TIME:
        return read_time(value, declared)
    if column.kind == BOOL:
        return read_boolean(value, declared), False
    if column.kind == INT:
        return read_limit(value, declared), False
    if column.kind == ID:
        return read_id(value), False
    if column.kind == NAME:
        return read_event_name(value, settings.event_names), False
    if column.kind == WORD:
        return read_word(value, settings.vocabulary(column.name)), False
    if column.kind == JSON_OBJECT:
        return _with_declared_numbers(table, column, read_object(value), settings), False
    return (read_topics if column.kind == TOPICS else read_text)(value), False


def _with_declared_numbers(
    table: Table, column: Column, properties: dict[str, Any], settings: Settings
) -> dict[str, Any]:
    """Properties whose texts are numbers as `source_formats.csv` says that the source writes them."""
    for (of_table, name), declared in settings.source_formats.items():
        of_column, _, key = name.partition(".")
        text = properties.get(key)
        if (of_table, of_column) == (table.name, column.name) and isinstance(text, str):
            plain = plain_number(trim(text), declared)
            properties = properties if plain is None else {**properties, key: Decimal(plain)}
    return properties


def check_row(
    table: Table, raw: Mapping[str, Any], settings: Settings, wall_clock: datetime
) -> tuple[Row, str | None]:
    """What can be read of a row, and why it must go to quarantine (None: it is good). One reason: the first that holds.

    The reasons in order: `missing_<column>`, `bad_<column>` (both in column order), `from_the_future`.
    """
    row: Row = {}
    missing: list[str] = []
    bad: list[str] = []
    unreadable: set[str] = set()
    days: set[str] = set()
    for column in table.columns:
        value = raw.get(column.name)
        row[column.name] = None
        is_text = column.kind in _TEXTS
        if has_no_value(value, is_text=is_text, may_be_white=column.kind == TEXT and not column.required):
            if column.required:
                missing.append(column.name)
            continue
        try:
            row[column.name], is_day = _read(column, table, value, settings)
            if column.kind == JSON_OBJECT and not isinstance(value, dict):
                row[f"_{column.name}"] = read_text(value)  # as it is written, for the last tie-break
            if is_day:
                days.add(column.name)
        except Unreadable:
            unreadable.add(column.name)
            if column.ends_the_row:
                bad.append(column.name)
            elif column.unreadable_means is not _NOTHING:
                row[column.name] = column.unreadable_means
    row["_unreadable"] = frozenset(unreadable)  # columns with a value that cannot be read
    row["_days"] = frozenset(days)  # times that are a date alone
    if missing:
        return row, f"missing_{missing[0]}"
    if bad:
        return row, f"bad_{bad[0]}"
    if row[table.time] > wall_clock + timedelta(hours=1):
        return row, "from_the_future"
    return row, None


def last_moment(row: Mapping[str, Any], column: str) -> datetime:
    """§3: a date alone counts as its last moment where it stops a message."""
    moment: datetime = row[column]
    is_day = column in row.get("_days", ())
    return moment + timedelta(days=1) - timedelta(microseconds=1) if is_day else moment


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
    names = [item[0].lower() for item in cursor.description or []]
    return names, [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def _read_csv(path: Path) -> tuple[list[str], Iterable[Row]]:
    with path.open(encoding="utf-8-sig", newline="") as handle:
        reader = csv.reader(handle)
        names = [name.lower() for name in next(reader, [])]
        rows: list[Row] = []
        for cells in reader:
            if not cells:
                continue  # an empty line
            row: Row = dict.fromkeys(names)
            # An empty cell is NULL: CSV has no other way to say it.
            row.update({name: cell if cell != "" else None for name, cell in zip(names, cells, strict=False)})
            rows.append(row)
    return names, rows


def _folder_values(path: Path) -> dict[str, str | None]:
    """What the folders' names say (`landed_on=2026-05-31/campaign_id=x/`)."""
    found: dict[str, str | None] = {}
    for part in path.parent.parts:
        name, sign, value = part.partition("=")
        if sign:
            found[name.lower()] = None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value)
    return found


def _landed_on(folders: Mapping[str, str | None]) -> date | None:
    try:
        return date.fromisoformat(folders.get("landed_on") or "")
    except ValueError:
        return None


def _read_table(raw: Path, table: Table) -> Iterator[tuple[Row, Row]]:
    """The rows of a table, each with what is known about it: its file, its drop, the columns that the file has."""
    files = _files(raw, table.name)
    if not files and not table.optional:
        raise FileNotFoundError(f"{raw}: no {table.name}.parquet, {table.name}.csv or {table.name}/")
    for path in files:
        names, rows = _read_parquet(path) if path.suffix == ".parquet" else _read_csv(path)
        folders = _folder_values(path.relative_to(raw))
        # A column of the contract that stands in the folder's name only is read from there.
        from_folder = {
            column.name: folders[column.name]
            for column in table.columns
            if column.name not in names and column.name in folders
        }
        has = frozenset(c.name for c in table.columns if c.name in names or c.name in from_folder)
        for column in table.columns:
            if column.required and column.name not in has:
                raise ValueError(f"{path}: table {table.name} has no column {column.name}")
        about = {
            "_file": str(path.relative_to(raw)),
            "_landed_on": _landed_on(folders),
            "_columns": has,
        }
        for row in rows:
            yield about, {**row, **from_folder}


def as_text(value: object) -> str:
    """A typed value as text, for the last tie-break ("sorts last on all its columns as text")."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    if isinstance(value, frozenset):
        return ";".join(sorted(value))
    return read_text(value)


def row_text(row: Row, table: str) -> tuple[str, ...]:
    """A row as the texts of its columns, in the order of the table."""
    return tuple(
        as_text(row.get(f"_{column.name}", row.get(column.name))) for column in _TABLE[table].columns
    )


def load_landing(raw: Path, wall_clock: datetime, settings: Settings | None = None) -> Landing:
    """Read, check and deduplicate a landing zone.

    `wall_clock` is naive UTC; the settings' vocabularies say what words mean. Raises FileNotFoundError for a missing
    required table, ValueError for a missing required column.
    """
    settings = settings or Settings()
    landing = Landing()
    for table in TABLES:
        good: list[tuple[Row, Row]] = []
        for about, raw_row in _read_table(raw, table):
            landing.rows_in[table.name] += 1
            row, reason = check_row(table, raw_row, settings, wall_clock)
            row.update(about)
            if reason:
                landing.quarantine.append(
                    Quarantined(table.name, about["_file"], reason, raw_row, row, about["_landed_on"])
                )
            else:
                good.append((raw_row, row))

        by_id: dict[object, list[tuple[Row, Row]]] = defaultdict(list)
        for number, item in enumerate(good):
            by_id[tuple(item[1][name] for name in table.unique) if table.unique else number].append(item)
        for same in by_id.values():

            def order(item: tuple[Row, Row], table: Table = table) -> tuple[Any, ...]:
                # A negative opinion first, then the earliest; what is not known comes last; then the row as text.
                row = item[1]
                first = [(row[name] is None, row[name] or "") for name in table.first_by]
                text = row_text(row, table.name)
                # of events and reports on messages that came in one moment, the one of the first file by its name
                rest = (text, row["_file"]) if table.name == "social_mentions" else (row["_file"], text)
                return (row.get("sentiment") != "negative", *first, *rest)

            same = sorted(same, key=order) if len(same) > 1 else same
            landing.rows[table.name].append(same[0][1])
            for raw_row, row in same[1:]:
                landing.quarantine.append(
                    Quarantined(table.name, row["_file"], "duplicate", raw_row, row, row["_landed_on"])
                )
        for row in landing.rows[table.name]:
            for column in row["_unreadable"]:
                landing.unreadable_values[table.name, row["_file"], column, row[table.row_id]] += 1
    return landing
