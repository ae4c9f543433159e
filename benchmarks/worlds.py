"""The made-up data of the benchmark: a landing zone, and what lands one day later."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
from sendworthy.sample.generator import make_sample
from sendworthy.warehouse.statements import literal

# the night of the first part; the second part is of this day
NIGHT = datetime(2026, 6, 1)

# when a row of a table that comes as one file was delivered: its own time is the best guess
_TIMES = {
    "users": "updated_at",
    "support_tickets": "updated_at",
    "social_mentions": "posted_at",
    "erasure_requests": "requested_at",
}


@dataclass(frozen=True)
class World:
    """A made-up world: `users` people, `days` days before NIGHT, and one more."""

    users: int
    days: int
    seed: int = 7

    @property
    def name(self) -> str:
        """What its folder is called."""
        return f"users-{self.users}-days-{self.days}-seed-{self.seed}"


@dataclass(frozen=True)
class Zones:
    """Where a world lies: what had landed before the first night, and what lands before the second."""

    first: Path
    next_day: Path


def make_world(world: World, folder: Path) -> Zones:
    """Make a world below `folder`, or take the one that is there.

    It is one made-up world of a day more, cut in two at NIGHT: drops as they are, single files by the time of their rows.
    """
    place = folder / world.name
    zones = Zones(place / "first", place / "next_day")
    if (place / "made").exists():
        return zones
    shutil.rmtree(place, ignore_errors=True)
    whole = place / "whole"
    make_sample(whole, world.users, world.days + 1, world.seed, NIGHT + timedelta(days=1))
    for path in sorted(whole.rglob("*.*")):
        if path.is_dir():
            continue
        name = path.relative_to(whole)
        table = name.parts[0].partition(".")[0]
        if table in _TIMES:
            _cut(path, table, zones)
        else:
            is_next_day = name.parts[1] >= f"landed_on={NIGHT:%Y-%m-%d}"
            _link(path, (zones.next_day if is_next_day else zones.first) / name)
    for table in ("events", "message_events"):
        # what is older than the daily drops is one drop; in a landing zone that is in use, it landed long ago
        oldest = min((zones.first / table).iterdir())
        oldest.rename(oldest.with_name(f"landed_on={NIGHT - timedelta(days=60):%Y-%m-%d}"))
    shutil.rmtree(whole)
    (place / "made").touch()
    return zones


def land(zone: Path, place: Path) -> None:
    """Put the files of a zone into the landing zone `place`, beside those that are there."""
    for path in sorted(zone.rglob("*")):
        if path.is_file():
            _link(path, place / path.relative_to(zone))


def _cut(path: Path, table: str, zones: Zones) -> None:
    """Cut a file of a table in two drops; a row that says no time that can be read is of the first."""
    is_parquet = path.suffix == ".parquet"
    rows = (
        f"read_parquet({literal(path)})"
        if is_parquet
        else f"read_csv({literal(path)}, all_varchar = true, header = true, delim = ',', quote = '\"', escape = '\"')"
    )
    late = f"coalesce(try_cast(cast({_TIMES[table]} as varchar) as timestamp) >= timestamp '{NIGHT}', false)"
    # a time from the far future is delivered like any other row
    late += f" and coalesce(try_cast(cast({_TIMES[table]} as varchar) as timestamp) < timestamp '{NIGHT + timedelta(days=2)}', false)"
    options = "format parquet, compression zstd" if is_parquet else "format csv, header true"
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        for zone, day, condition in (
            (zones.first, NIGHT - timedelta(days=1), f"not ({late})"),
            (zones.next_day, NIGHT, late),
        ):
            file = zone / table / f"landed_on={day:%Y-%m-%d}" / f"part-0000{path.suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f"copy (select * from {rows} where {condition}) to {literal(file)} ({options})"
            )


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    os.link(source, target)
