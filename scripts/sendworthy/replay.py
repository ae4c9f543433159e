"""A night that was before: run again as its data were known then, so that an old decision can be explained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sendworthy import warehouse
from sendworthy.errors import BuildError


@dataclass(frozen=True)
class Replay:
    """A recorded night: when it began, by the clock, and the newest drop of each table that it had read."""

    as_of: datetime
    started_at: datetime
    landed_until: dict[str, str]

    @property
    def settings(self) -> dict[str, str]:
        """What dbt is told, so that it reads what that night read."""
        return {
            "landed_until": json.dumps(self.landed_until),
            "wall_clock": f"{self.started_at:%Y-%m-%d %H:%M:%S}",
        }

    @property
    def words(self) -> str:
        """What a person should know of it."""
        return (
            f"the night of {self.as_of:%Y-%m-%d %H:%M} is run as its data were known then: drops that landed after it are not "
            "read. The settings are those of today."
        )


def find_replay(database: Path, as_of: datetime | None) -> Replay | None:
    """The recorded night to be run again; None where it is none, or the newest, which takes what has come since."""
    if as_of is None or not database.is_file():
        return None
    try:
        with warehouse.connect(database, read_only=True) as connection:
            if not warehouse.has_table(connection, "ops", "runs"):
                return None
            found = connection.execute(
                """
                select started_at, run ->> 'landed_until'
                from ops.runs
                where
                    as_of = $as_of
                    -- what a replay has read is what the run before it had
                    and (run ->> 'is_replay') is null
                    and exists (select 1 from ops.runs where as_of > $as_of)
                order by finished_at desc, run_id desc
                limit 1
                """,
                {"as_of": as_of},
            ).fetchall()
    except BuildError:
        # it is said where the file is needed
        return None
    # a run of an older version has not recorded it
    if not found or found[0][1] is None:
        return None
    return Replay(as_of, found[0][0], json.loads(found[0][1]))


def read_landed_until(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By table that arrives in drops, the date of the newest drop that a build has read."""
    found = connection.execute(
        """
        select table_name, strftime(max(landed_on), '%Y-%m-%d')
        from ops.source_counts
        where landed_on is not null
        group by all
        order by all
        """
    ).fetchall()
    return dict(found)
