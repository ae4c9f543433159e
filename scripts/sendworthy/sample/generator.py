"""Make a believable raw world of any size: the landing zone that a night reads.

The world is written in SQL (`sample/*.sql`, beside this file) and made by DuckDB, slab of people by slab, so
that memory stays bounded however many there are. All chance comes from md5(seed, salt, key): the same
arguments give the same bytes, whatever the number of threads.
"""

from __future__ import annotations

import csv
import io
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb

from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.safe_files import MAX_SEED, read_file

SQL_DIR = Path(__file__).resolve().parent
DEFAULT_UNTIL = datetime(2026, 6, 1)

# People per slab: bounds the memory of one pass (about 5 million events).
SLAB = 100_000
# Drops of single days before `until`; everything older lies in one drop, landed on the day before them.
EVENT_DROP_DAYS = 21
MESSAGE_DROP_DAYS = 7

COLUMNS = {
    "users": (
        "user_id, email, phone, push_token, first_name, last_name, city, country, language, timezone, "
        "signed_up_at, email_opt_in, sms_opt_in, push_opt_in, topics_opted_out, max_messages_per_week, "
        "attributes, updated_at"
    ),
    "events": "event_id, user_id, event_name, occurred_at, received_at, properties",
    "support_tickets": (
        "ticket_id, user_id, category, status, created_at, updated_at, solved_at, satisfaction"
    ),
    "message_events": (
        "message_event_id, user_id, campaign_id, channel, variant, event_type, occurred_at, dispatch_id"
    ),
    "social_mentions": "mention_id, user_id, network, body, posted_at, sentiment",
    "erasure_requests": "user_id, requested_at",
}
TABLES = tuple(COLUMNS)
PARQUET = (
    "format parquet, compression zstd, compression_level {level}, parquet_version v2, row_group_size 122880"
)
CSV = "format csv, header true"


@dataclass(frozen=True)
class SampleArguments:
    """The arguments a committed sample was made with; `until` is UTC, exclusive."""

    users: int
    days: int
    seed: int
    until: datetime


# data/sample is make_sample(data/sample, **these); a test makes it again and compares every byte.
COMMITTED_SAMPLE = SampleArguments(users=2500, days=90, seed=7, until=DEFAULT_UNTIL)


@dataclass(frozen=True)
class _Drop:
    """One drop of a table: the day it landed, its columns as SQL, its COPY options and the file's ending."""

    day: int
    select: str
    options: str
    suffix: str


def make_sample(
    out: Path,
    users: int,
    days: int,
    seed: int,
    until: datetime,
    campaigns_csv: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
    *,
    places_csv: Path | None = None,
    threads: int | None = None,
) -> dict[str, int]:
    """Write the landing zone of a made-up world into `out` and return the number of rows of each table.

    `users` people are followed for `days` days that end just before `until` (UTC when it has no zone).
    `campaigns_csv` (columns campaign_id, channel, kind; optional topic, trigger_event, valid_to) says what
    was mailed, `places_csv` (place_id, name, latitude, longitude, radius_m) where the shops are; without them
    the lists beside this module are taken. `progress` gets a line per step. The files appear at once at the
    end: a run that stops leaves nothing.

    Raises SettingsError when a number is out of range, `out` is not empty, or a list cannot be read.
    """
    until_s = _check(out, users, days, seed, until)
    begin = datetime.fromtimestamp(until_s, timezone.utc) - timedelta(days=days)
    campaigns = _read_campaigns(campaigns_csv or SQL_DIR / "campaigns.csv", f"{begin:%Y-%m-%d}")
    places = places_csv or SQL_DIR / "places.csv"
    if not places.is_file():
        raise SettingsError(
            f"there is no list of places at {places}",
            "name a file with place_id, name, latitude, longitude, radius_m",
        )

    out.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        zone = work / "zone"
        zone.mkdir()
        with duckdb.connect(":memory:") as con:
            _prepare(con, work, seed, days, until_s, campaigns, places, threads)
            rows = _write(con, zone, users, until_s, progress)
        if out.exists():
            out.rmdir()
        os.replace(zone, out)
        out.chmod(0o755)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return rows


def make_committed_sample(out: Path, progress: Callable[[str], None] = lambda _: None) -> dict[str, int]:
    """Make `data/sample` again, into `out`."""
    args = COMMITTED_SAMPLE
    return make_sample(out, args.users, args.days, args.seed, args.until, None, progress)


def _check(out: Path, users: int, days: int, seed: int, until: datetime) -> int:
    """Refuse what cannot be made; return `until` as epoch seconds."""
    if not 1 <= users <= 9_999_999:
        raise SettingsError(f"--users is {users}", "give a number from 1 to 9999999")
    if not 1 <= days <= 3650:
        raise SettingsError(f"--days is {days}", "give a number from 1 to 3650")
    if not 0 <= seed < 2**63:
        raise SettingsError(f"--seed is {seed}", "give a whole number that is not negative")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise SettingsError(
            f"{out} is there already and is not an empty directory",
            "choose another --out, or remove it first: a sample must not mix with other raw data",
        )
    until = until if until.tzinfo else until.replace(tzinfo=timezone.utc)
    return int(until.timestamp())


def _read_campaigns(path: Path, begin: str) -> list[tuple[str, str, str, str, str]]:
    """The campaigns that were mailed, without those that were over before `begin` (YYYY-MM-DD).

    Each is (campaign_id, channel, kind, topic, trigger_event).
    """
    try:
        text = read_file(path, path.parent, MAX_SEED).decode("utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read: {error.strerror}", "run `sendworthy compile`, or name another list"
        ) from error
    missing = [name for name in ("campaign_id", "channel", "kind") if rows and name not in rows[0]]
    if not rows or missing:
        raise SettingsError(
            f"{path} has {'no column ' + ', '.join(missing) if missing else 'no campaign'}",
            "run `sendworthy compile`",
        )
    return [
        (
            row["campaign_id"],
            row["channel"],
            row["kind"],
            row.get("topic") or "",
            row.get("trigger_event") or "",
        )
        for row in rows
        if not row.get("valid_to") or row["valid_to"] >= begin
    ]


def _prepare(
    con: duckdb.DuckDBPyConnection,
    work: Path,
    seed: int,
    days: int,
    until_s: int,
    campaigns: list[tuple[str, str, str, str, str]],
    places: Path,
    threads: int | None,
) -> None:
    """Settings, variables and the tables that all slabs share."""
    last_day = (until_s - 1) // 86400
    settings = {"temp_directory": str(work / "spill"), "TimeZone": "UTC", "preserve_insertion_order": True}
    if threads:
        settings["threads"] = threads
    variables: dict[str, object] = {
        "seed": str(seed),
        "days": days,
        "until_s": until_s,
        "places_csv": str(places),
        # short worlds keep most of their days in the first drop as well
        "bulk_day": last_day - min(EVENT_DROP_DAYS, max(1, days // 3)),
        "message_bulk_day": last_day - min(MESSAGE_DROP_DAYS, max(1, days // 3)),
    }
    for name, value in settings.items():
        con.execute(f"set {name} = {_literal(value)}")
    for name, value in variables.items():
        con.execute(f"set variable {name} = {_literal(value)}")
    # Small row groups, so that 100,000 people are work for many threads; on disk, so that memory is bounded.
    con.execute(f"attach {_literal(str(work / 'world.duckdb'))} as world (row_group_size 8192)")
    con.execute("use world")
    con.execute(
        "create table campaign_list "
        "(campaign_id varchar, channel varchar, kind varchar, topic varchar, trigger_event varchar)"
    )
    con.executemany("insert into campaign_list values (?, ?, ?, ?, ?)", campaigns)
    con.execute((SQL_DIR / "01_reference.sql").read_text(encoding="utf-8"))


def _write(
    con: duckdb.DuckDBPyConnection, zone: Path, users: int, until_s: int, progress: Callable[[str], None]
) -> dict[str, int]:
    """Make the people slab by slab and write every table; return its rows."""
    rows = dict.fromkeys(TABLES, 0)
    end_day = (until_s - 1) // 86400 + 1
    level = 3 if users > 20_000 else 15
    slabs = range(0, users, SLAB)
    for number, start in enumerate(slabs):
        end = min(start + SLAB, users)
        con.execute(f"set variable lo = {start + 1}; set variable hi = {end}")
        for step in ("02_people", "03_events", "04_messages", "05_voices"):
            con.execute((SQL_DIR / f"{step}.sql").read_text(encoding="utf-8"))
        for table, source, order in (
            ("events", "delivered_event", "i, s"),
            ("message_events", "message_event", "i, at_s"),
        ):
            _write_drops(con, zone / table, table, source, order, number, end_day, level)
            rows[table] += _count(con, source)
        progress(f"people {start + 1:,} to {end:,} of {users:,}: {rows['events']:,} events so far")
    for table, name, options in (
        ("users", "users.parquet", PARQUET.format(level=level)),
        ("support_tickets", "support_tickets.csv", CSV),
        ("social_mentions", "social_mentions.csv", CSV),
        ("erasure_requests", "erasure_requests.csv", CSV),
    ):
        first = "i, version, " if table == "users" else ""
        con.execute(
            f"copy (select {COLUMNS[table]} from out_{table} order by {first}{COLUMNS[table]}) "
            f"to {_literal(str(zone / name))} ({options})"
        )
        rows[table] = _count(con, f"out_{table}")
        progress(f"{table}: {rows[table]:,} rows")
    return rows


def _write_drops(
    con: duckdb.DuckDBPyConnection,
    folder: Path,
    table: str,
    source: str,
    order: str,
    number: int,
    end_day: int,
    level: int,
) -> None:
    """Write one slab's rows of a table that comes in drops: a file per day on which some of them landed."""
    found = con.execute(f"select distinct landed_day from {source} order by landed_day").fetchall()
    # a world in which nothing happened has an empty file, not no table
    days = [day for (day,) in found] or [end_day - 1]
    # the days after the bulk, apart: or each of their drops would read the bulk once more
    con.execute(f"create or replace temp table recent as select * from {source} where landed_day > {days[0]}")
    for drop in _drops(table, days, end_day, level):
        file = folder / f"landed_on={_date(drop.day)}" / f"part-{number:04d}.{drop.suffix}"
        file.parent.mkdir(parents=True, exist_ok=True)
        con.execute(
            f"copy (select {drop.select} from {'recent' if drop.day > days[0] else source} "
            f"where landed_day = {drop.day} order by {order}, delivery, {COLUMNS[table]}) "
            f"to {_literal(str(file))} ({drop.options})"
        )


def _drops(table: str, days: list[int], end_day: int, level: int) -> Iterator[_Drop]:
    """How each day's drop is written: one came as CSV, one in another order, one with columns more."""
    columns = COLUMNS[table]
    for day in days:
        age = end_day - day
        select, options, suffix = columns, PARQUET.format(level=level), "parquet"
        if table == "events" and age == 6:
            # text, so a timestamp can be anything at all
            bad = (
                "case when u_mess between 0.02 and 0.023 then 'yesterday' "
                "when u_mess between 0.03 and 0.033 then '2026-13-45 25:61:00' "
                "when u_mess between 0.04 and 0.043 then '1.7e9 s' "
                "else strftime(occurred_at, '%Y-%m-%d %H:%M:%S') end"
            )
            select, options, suffix = columns.replace("occurred_at", f"{bad} as occurred_at"), CSV, "csv"
        elif table == "events" and age == 5:
            select = ", ".join(reversed(columns.split(", ")))
        elif table == "events" and age == 3:
            select = f"{columns}, '4.' || (i % 7) as app_version, i % 3 = 0 as is_beta"
        elif table == "message_events" and age == 2:
            bad = (
                "case when u_mess between 0.02 and 0.03 then 'n/a' "
                "else strftime(occurred_at, '%Y-%m-%dT%H:%M:%SZ') end"
            )
            select, options, suffix = columns.replace("occurred_at", f"{bad} as occurred_at"), CSV, "csv"
        yield _Drop(day, select, options, suffix)


def _date(day: int) -> str:
    return (datetime(1970, 1, 1) + timedelta(days=day)).strftime("%Y-%m-%d")


def _literal(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str):
        return str(value).lower()
    return "'" + value.replace("'", "''") + "'"


def _count(con: duckdb.DuckDBPyConnection, table: str) -> int:
    row = con.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0
