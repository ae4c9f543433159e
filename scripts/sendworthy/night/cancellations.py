"""Takes back what must not go out any more: reads what has landed since the night, names the messages, records them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.build.dbt_runner import run_dbt
from sendworthy.build.engines import DuckdbEngine
from sendworthy.delivery.staging_folder import MANIFEST, cancellations_of, only_writer, promote
from sendworthy.foundation.clock import iso
from sendworthy.foundation.durable_files import make_folder
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.landing.file_checks import as_setting, check_files, find_faults
from sendworthy.landing.typed_drops import TABLES
from sendworthy.night.removal_files import write_taken_off
from sendworthy.settings.dbt_targets import read_target
from sendworthy.settings.destinations import Destination, load_destinations, with_others
from sendworthy.settings.seed_files import validate_settings
from sendworthy.settings.variables import check_variables
from sendworthy.warehouse import database_file
from sendworthy.warehouse.resource_failures import machine_failures, places_of
from sendworthy.warehouse.statements import identifier, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# the suppression list is the project's, for a line that was added since counts; so are the reasons, which belong to the
# models. All other settings are the night's
_SUPPRESSIONS = Path("seeds") / "global_suppressions.csv"
_REASONS = Path("seeds") / "reasons.csv"


@dataclass(frozen=True)
class Wanted:
    """What a person may choose for a taking back; paths are absolute, times naive UTC."""

    raw: Path
    database: Path
    out: Path
    now: datetime
    max_age: timedelta
    destinations: Sequence[Destination]


@dataclass(frozen=True)
class TakenBack:
    """What came of it.

    `new_files` of the landing zone that the night has not read; `people` with a message that is not due, of whom or of whose
    address something is new; `unreadable`: of the files that were read, per table and reason or column, how many rows could not be
    read; messages `cancelled` this time, and `before` of the same night; one mapping a campaign as in the manifest.
    """

    as_of: datetime
    now: datetime
    run_id: str
    new_files: int
    people: int
    unreadable: list[dict[str, Any]]
    cancelled: int
    before: int
    campaigns: list[dict[str, Any]]
    manifest: Path
    warnings: list[str]


@dataclass(frozen=True)
class _Night:
    """The published night."""

    as_of: datetime
    run_id: str


def take_back(project: Project, wanted: Wanted, stages: Stages) -> TakenBack:
    """Find, record and write down what must not go out any more, alone.

    SettingsError or BuildError leave what was published as it was. Killed at any instant and run again, it does the rest.
    """
    with (
        database_file.only_night(wanted.database) as lock,
        machine_failures(
            places_of(wanted.database, wanted.out, wanted.out, project.root),
            lambda: database_file.forget_build(wanted.database),
        ),
    ):
        with stages.step("settings", "checking the settings"):
            _check_settings(project, wanted)
            night = _read_night(wanted)
        with stages.step("look", "reading what has landed since"):
            build = _begin(project, wanted)
            warnings = _judge(project, wanted, build, lock, stages)
        with only_writer(wanted.out):
            folder = wanted.out / cancellations_of(iso(night.as_of)[:10])
            destinations = with_others(wanted.destinations, load_destinations(project.root), folder)
            return _record(replace(wanted, destinations=destinations), night, build, warnings, stages)


def _check_settings(project: Project, wanted: Wanted) -> None:
    problems = [*validate_settings(project.root), *check_variables(project)]
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing was taken back.", "fix what is named above.", problems
        )
    if not wanted.raw.is_dir():
        raise SettingsError(f"the landing zone {wanted.raw} is no folder.", "name it with --raw.")
    check_files(wanted.raw)
    database_file.check_limits()


def _read_night(wanted: Wanted) -> _Night:
    """The published night; SettingsError where there is none to take anything back from, BuildError where it is too old."""
    database = database_file.open_published(wanted.database)
    with database_file.connect(database, read_only=True) as connection:
        run_id = database_file.audited_run(connection)
        if run_id is None:
            raise SettingsError(
                f"{database} was built by dbt alone: nothing of it was sent.",
                "run `sendworthy nightly`; only what a whole night has dispatched can be taken back.",
            )
        if not database_file.has_table(connection, "ledger", "cancellations"):
            raise database_file.other_version(database)
        as_of = database_file.read_night(connection)
    if wanted.now < as_of:
        raise SettingsError(
            f"--now {iso(wanted.now)} lies before the published night of {iso(as_of)}.",
            "leave --now out, or name a time after the night.",
        )
    age = wanted.now - as_of
    if age > wanted.max_age:
        raise BuildError(
            f"the published night of {iso(as_of)} is {age.total_seconds() / 3600:,.0f} hours old, and "
            f"{wanted.max_age.total_seconds() / 3600:g} are allowed: its messages are due already, and nothing was taken back.",
            "see why there is no younger night; for an old one on purpose, give --max-age-hours.",
        )
    return _Night(as_of, run_id)


def _begin(project: Project, wanted: Wanted) -> Path:
    """A build file for the models, with the settings of the night and the project's list of suppressions; returns its path."""
    folder = database_file.forget_build(wanted.database)
    make_folder(folder)
    # where a night builds: another path would make dbt parse the whole project anew, each time
    build = folder / "build.duckdb"
    with database_file.connect(build) as connection:
        database_file.attach(connection, wanted.database, "published")
        connection.execute("create schema settings")
        tables = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'published' and schema_name = 'settings'"
        ).fetchall()
        reasons = literal(project.root / _REASONS)
        connection.execute(
            f"create table settings.reasons as select * from read_csv({reasons}, header = true)"
        )
        for (table,) in tables:
            if table == _REASONS.stem:
                continue
            empty = " limit 0" if table == _SUPPRESSIONS.stem else ""
            name = identifier(table)
            connection.execute(
                f"create table settings.{name} as select * from published.settings.{name}{empty}"
            )
        suppressions = literal(project.root / _SUPPRESSIONS)
        connection.execute(
            f"insert into settings.global_suppressions by name select * from read_csv({suppressions}, header = true, all_varchar = true)"
        )
    return build


def _judge(project: Project, wanted: Wanted, build: Path, lock: int, stages: Stages) -> list[str]:
    """Let dbt run the night's models on what is new, into the build file; returns its warnings."""
    engine = DuckdbEngine(read_target(project, "duckdb", {}), wanted.database)
    run = run_dbt(
        project,
        engine.program,
        # what dbt would write about itself is for people who look at a night
        ["run", "--no-write-json", "--select", "+cancellations"],
        engine.target,
        {**engine.prepare(build), "SENDWORTHY_PUBLISHED": str(wanted.database)},
        {
            "raw": str(wanted.raw),
            "as_of": wanted.now.isoformat(sep=" "),
            "wall_clock": wanted.now.isoformat(sep=" "),
            "file_faults": as_setting(find_faults(wanted.raw)),
            "read_all": "" if _has_typed_rows(wanted.database) else "yes",
        },
        lambda node, done, total: stages.say(f"reading what has landed since … {done}/{total} {node}"),
        held=[lock],
    )
    return run.warnings


def _has_typed_rows(database: Path) -> bool:
    """Whether the files are there that the views of a published file read: it may be a copy, far from them."""
    with database_file.connect(database, read_only=True) as connection:
        try:
            for table in TABLES:
                connection.execute(f"select 1 from staging.base_landing__{table} limit 0")
        except duckdb.Error:
            return False
    return True


def _record(wanted: Wanted, night: _Night, build: Path, warnings: list[str], stages: Stages) -> TakenBack:
    """Write the ledger and the files; the ledger counts first, and the files follow from it."""
    with database_file.connect(build, read_only=True) as connection:
        database_file.attach(connection, wanted.database, "published")
        (counted,) = database_file.rows(connection, _sql("counts_of_news"))
        unreadable = database_file.rows(
            connection,
            "from landing.unreadable_news order by unreadable_rows desc, table_name, detail",
        )
    run = {
        "run_id": night.run_id,
        "as_of": iso(night.as_of),
        "taken_back_at": iso(wanted.now),
    }
    if counted["cancelled"]:
        next_build = build.with_name("next.duckdb")
        with stages.step("ledger", "recording what is taken back"):
            shutil.copyfile(wanted.database, next_build)
            with database_file.connect(next_build) as connection:
                _append(connection, build)
                written = write_taken_off(connection, wanted.destinations, wanted.out, run)
        with stages.step("publish", "publishing"):
            database_file.publish(next_build, wanted.database)
    else:
        with database_file.connect(wanted.database, read_only=True) as connection:
            written = write_taken_off(connection, wanted.destinations, wanted.out, run)
        database_file.forget_build(wanted.database)
    campaigns = json.loads((written / MANIFEST).read_bytes())["campaigns"]
    manifest = promote(written) / MANIFEST
    total = sum(campaign["cancelled"] for campaign in campaigns)
    return TakenBack(
        night.as_of,
        wanted.now,
        night.run_id,
        counted["new_files"],
        counted["people"],
        unreadable,
        counted["cancelled"],
        total - counted["cancelled"],
        campaigns,
        manifest,
        warnings,
    )


def _append(connection: duckdb.DuckDBPyConnection, build: Path) -> None:
    """Append what was found to the ledger."""
    database_file.attach(connection, build, "found")
    connection.execute(f"insert into ledger.cancellations by name {_sql('found_cancellations')}")
    connection.execute("detach found")


def as_dict(taken: TakenBack) -> dict[str, Any]:
    """The same as plain JSON values."""
    return {
        "as_of": iso(taken.as_of),
        "now": iso(taken.now),
        "run_id": taken.run_id,
        "new_files": taken.new_files,
        "people": taken.people,
        "unreadable": taken.unreadable,
        "cancelled": taken.cancelled,
        "cancelled_before": taken.before,
        "campaigns": taken.campaigns,
        "manifest": str(taken.manifest),
        "warnings": taken.warnings,
    }
