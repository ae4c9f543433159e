"""An older night, run again as its data were known then, so that an old decision can be explained."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sendworthy.audit.overrides import Acceptance
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

_TIME = "%Y-%m-%d %H:%M:%S.%f"


@dataclass(frozen=True)
class Replay:
    """A recorded night, and what it knew.

    When it began, by the clock; the newest drop of each table that it had read; whether the ledger says which files those
    were; and the newest cancellation that it knew of.
    """

    as_of: datetime
    started_at: datetime
    landed_until: dict[str, str]
    knows_files: bool = False
    cancelled_until: datetime | None = None

    @property
    def settings(self) -> dict[str, str]:
        """What dbt gets, so that it reads what that night read."""
        # nothing of a night can have been cancelled before it was
        settings = {
            "landed_until": json.dumps(self.landed_until),
            "cancelled_until": f"{self.cancelled_until or self.as_of:{_TIME}}",
            "wall_clock": f"{self.started_at:%Y-%m-%d %H:%M:%S}",
        }
        return settings | ({"files_read_until": f"{self.started_at:{_TIME}}"} if self.knows_files else {})

    @property
    def words(self) -> str:
        """What a person should know of it."""
        return (
            f"the night of {self.as_of:%Y-%m-%d %H:%M} is run as its data were known then: drops, cancellations and acceptances that "
            "came after it do not count. The settings are those of today. Its lists are there to be looked at, and not to be sent: "
            "what was taken back since is on them."
        )

    def refuse(self, acceptance: Acceptance | None) -> None:
        """SettingsError where something is to be accepted of it."""
        if acceptance is not None:
            raise SettingsError(
                f"--accept: the night of {self.as_of:%Y-%m-%d %H:%M} is not the newest one. Run again it is as it was, and nothing can be "
                "accepted of it any more.",
                "leave --accept out, or accept it in the newest night.",
            )


def find_replay(database: Path, as_of: datetime | None) -> Replay | None:
    """The recorded night to be run again; None where it is none, or the newest, which takes what has come since."""
    if as_of is None or not database.is_file():
        return None
    try:
        with database_file.connect(database, read_only=True) as connection:
            if not database_file.has_table(connection, "ops", "runs"):
                return None
            found = connection.execute(_sql("recorded_night"), {"as_of": as_of}).fetchall()
            # a run of an older version has not recorded what it had read
            if not found or found[0][1] is None:
                return None
            started_at, landed_until, cancelled_until = found[0]
            knows_files = database_file.has_table(connection, "ledger", "files_read") and bool(
                connection.execute(
                    "select 1 from ledger.files_read where first_read_at <= ? limit 1", [started_at]
                ).fetchall()
            )
    except BuildError:
        # it is said where the file is needed
        return None
    return Replay(as_of, started_at, json.loads(landed_until), knows_files, cancelled_until)


def read_cancelled_until(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The newest cancellation that a build knows of; None where it knows of none."""
    ((newest,),) = connection.execute("select max(cancelled_at) from ledger.cancellations").fetchall()
    return f"{newest:{_TIME}}" if newest else None


def read_landed_until(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By table that arrives in drops, the date of the newest drop that a build has read."""
    found = connection.execute(_sql("landed_until")).fetchall()
    return dict(found)
