"""The night's DuckDB files: the one that is being built, and the published one that people query."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import yaml

from sendworthy.foundation.durable_files import flush, make_folder, swap_in
from sendworthy.foundation.errors import BuildError, SettingsError, did_you_mean
from sendworthy.foundation.file_lock import hold
from sendworthy.foundation.safe_files import remove_folder
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.warehouse.failure_causes import find_cause, find_fix
from sendworthy.warehouse.statements import literal, relation, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# What lives longer than a night, and is carried from the published file into the next build.
CARRIED_TABLES = (
    "ledger.decisions",
    "ledger.dispatches",
    "ledger.cancellations",
    "ledger.deliveries",
    "ledger.files_read",
    "ops.runs",
)


# What is appended night by night: its tables and their columns are the sources of dbt.
LEDGER_CONTRACT = "models/staging/ledger/_ledger__sources.yml"

# older DuckDB cannot read it; it packs texts that repeat into a fifth less, in less time
_STORAGE = "storage_version 'v1.3.0'"


# what every file is called in a connection of ours. DuckDB would call it after the file, and `marts.send_list` is ambiguous
# in a file that is called marts.duckdb
CATALOG = "night"


@contextmanager
def connect(path: Path, read_only: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection in UTC, closed at the end (closing a writer folds its log into the file)."""
    connection = duckdb.connect()
    try:
        prepare(connection)
        attach(connection, path, CATALOG, read_only)
        connection.execute(f"use {CATALOG}")
    except duckdb.Error as error:
        connection.close()
        raise cannot_open(path, error) from None
    try:
        with closing(connection):
            yield connection
    except (duckdb.BinderException, duckdb.CatalogException) as error:
        if read_only:
            raise other_version(path, error) from None
        raise


@contextmanager
def closing(connection: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """Close a connection at the end. Where an error ends it, an interrupt say, a statement that is at work is not waited for."""
    try:
        yield connection
    except BaseException:
        with suppress(duckdb.Error):
            connection.interrupt()
        raise
    finally:
        connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path, name: str, read_only: bool = True) -> None:
    """Open a DuckDB file under a name; of a file of another kind, DuckDB would download what reads it."""
    options = "type duckdb, read_only" if read_only else "type duckdb"
    connection.execute(f"attach {literal(path)} as {name} ({options})")


# what DuckDB may take, by the environment variable that says it: its own setting, and how it is written
_LIMITS = {
    "SENDWORTHY_MEMORY": ("memory_limit", "amount of memory", "4GB or 500MB"),
    "SENDWORTHY_THREADS": ("threads", "number of threads", "2"),
}


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """What holds for each connection: times are UTC, and it takes no more of the machine than SENDWORTHY_MEMORY and SENDWORTHY_THREADS say."""
    connection.execute("set TimeZone = 'UTC'")
    # standard output is for what a command says, JSON above all
    connection.execute("set enable_progress_bar = false")
    for variable in _LIMITS:
        _limit(connection, variable)


def _limit(connection: duckdb.DuckDBPyConnection, variable: str) -> None:
    if limit := os.environ.get(variable):
        connection.execute(f"set {_LIMITS[variable][0]} = {literal(limit)}")


def check_limits() -> None:
    """SettingsError where SENDWORTHY_MEMORY or SENDWORTHY_THREADS says nothing that DuckDB understands."""
    with duckdb.connect() as connection:
        for variable, (_, what, example) in _LIMITS.items():
            try:
                _limit(connection, variable)
            except duckdb.Error:
                raise SettingsError(
                    f"{variable} is {os.environ[variable]!r}, which is no {what}.",
                    f"write it as {example}, or leave it out.",
                ) from None


def cannot_open(path: Path, error: duckdb.Error) -> BuildError:
    """The error where DuckDB cannot open a file."""
    words = str(error).splitlines()[0]
    fix = find_fix(words)
    return BuildError(
        f"{path} cannot be opened: {words}",
        f"{fix or 'see that it is the DuckDB file of a night'}. Then run it again.",
    )


def open_published(path: Path) -> Path:
    """The published file; SettingsError where no night has been published yet."""
    if path.is_dir():
        raise SettingsError(f"{path} is a folder.", "name the DuckDB file of a night with --db.")
    if not path.is_file():
        raise SettingsError(
            f"there is no published file {path}.", "run `sendworthy nightly` first, or name it with --db."
        )
    return path


def other_version(path: Path, error: duckdb.Error | None = None) -> SettingsError:
    """The error where a published file lacks a table or a column."""
    words = f" ({find_cause(str(error)).words})" if error else ""
    return SettingsError(
        f"{path} lacks a table or a column that this needs{words}: another version of the project wrote it.",
        "run `sendworthy nightly` once more, or name another file with --db.",
    )


def rows(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    parameters: Sequence[object] | Mapping[str, object] = (),
) -> list[dict[str, Any]]:
    """A query's rows as dictionaries; parameters by place, or by name."""
    cursor = connection.execute(
        sql, dict(parameters) if isinstance(parameters, Mapping) else list(parameters)
    )
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def new_build(published: Path, project_dir: Path) -> Path:
    """An empty build file beside the published one (the same file system, so that the swap is atomic), ledgers carried over."""
    folder = forget_build(published)
    make_folder(folder)
    build = folder / "build.duckdb"
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(build)} as build ({_STORAGE})")
    with connect(build) as connection:
        if not published.is_file():
            return build
        try:
            attach(connection, published, "published")
        except duckdb.Error as error:
            failed = cannot_open(published, error)
            raise BuildError(
                f"the published file cannot be read: {failed.what} Nothing was changed.", failed.fix
            ) from None
        known = {
            f"{schema}.{table}"
            for schema, table in connection.execute(
                "select schema_name, table_name from duckdb_tables() where database_name = 'published'"
            ).fetchall()
        }
        if known and not known & {*CARRIED_TABLES, "marts.send_list"}:
            raise SettingsError(
                f"{published} is the database of something else: it has tables, and no night. A night would replace it.",
                "name another file with --db.",
            )
        ledgers = read_ledgers(project_dir)
        for table in CARRIED_TABLES:
            if table in known:
                connection.execute(f"create schema if not exists {table.split('.')[0]}")
                connection.execute(f"create table {table} as select * from published.{table}")
                # an older version has written fewer columns
                for name, kind in ledgers.get(table, ()):
                    connection.execute(f"alter table {table} add column if not exists {name} {kind}")
        connection.execute("detach published")
    return build


def copy_published(published: Path) -> Path:
    """A copy of the published file as a build file, to be changed and published."""
    folder = forget_build(published)
    make_folder(folder)
    build = folder / "build.duckdb"
    shutil.copyfile(published, build)
    return build


def forget_build(published: Path) -> Path:
    """Remove what an earlier night has left of its build, all of it: DuckDB would replay a log that outlived its file. Returns the folder."""
    folder = published.parent / ".sendworthy" / f"{published.name}.build"
    remove_folder(folder)
    return folder


def read_night(connection: duckdb.DuckDBPyConnection) -> datetime:
    """The logical time (UTC) that a build decided for."""
    (night,) = rows(connection, "select as_of from intermediate.int_nights__as_of")
    as_of: datetime = night["as_of"]
    return as_of


def read_campaigns(
    connection: duckdb.DuckDBPyConnection, campaign_id: str | None = None, table: str = "settings.campaigns"
) -> list[dict[str, Any]]:
    """The campaigns' rows of a table, by id: all of them, or the one that is named; SettingsError where it is not there."""
    campaigns = rows(connection, f"select * from {relation(table)} order by campaign_id")
    if campaign_id is None:
        return campaigns
    named = [campaign for campaign in campaigns if campaign["campaign_id"] == campaign_id]
    if not named:
        known = [campaign["campaign_id"] for campaign in campaigns]
        raise SettingsError(
            f"there is no campaign {campaign_id!r}.",
            did_you_mean(campaign_id, known, "see the folders below campaigns/."),
        )
    return named


def read_ledgers(project_dir: Path) -> dict[str, list[tuple[str, str]]]:
    """The ledgers and ops.runs with their columns and types; SettingsError where a project does not say which they are."""
    try:
        found = read_dbt_yaml(project_dir / LEDGER_CONTRACT, project_dir)
        return {
            f"{source['name']}.{table['name']}": [
                (column["name"], _TYPES.get(column["data_type"], column["data_type"]))
                for column in table["columns"]
            ]
            for source in found["sources"]
            for table in source["tables"]
        }
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
        raise SettingsError(
            f"{LEDGER_CONTRACT} does not say what the ledgers hold ({type(error).__name__}).",
            "restore it from version control, or give the right --project-dir.",
        ) from None


# the types of the contract that DuckDB calls otherwise
_TYPES = {"text": "varchar", "list(text)": "varchar[]"}


def create_ledgers(connection: duckdb.DuckDBPyConnection, project_dir: Path) -> None:
    """The ledgers and the record of runs, if they are not there yet; as `dbt` makes them in a file of its own."""
    for table, columns in read_ledgers(project_dir).items():
        connection.execute(f"create schema if not exists {table.partition('.')[0]}")
        columns_sql = ", ".join(f"{name} {kind}" for name, kind in columns)
        connection.execute(f"create table if not exists {table} ({columns_sql})")


def copy_ledgers(connection: duckdb.DuckDBPyConnection, project_dir: Path, folder: Path) -> None:
    """Write the ledgers as `<folder>/<ledger>/part-0.parquet`, for an engine that cannot read this file; times in UTC."""
    for table, columns in read_ledgers(project_dir).items():
        place = folder / table.partition(".")[2]
        place.mkdir(parents=True)
        # a time of Parquet that says that it is UTC is the same instant for whoever reads it
        as_stored = {"timestamp": "timestamptz", "json": "varchar"}
        select = ", ".join(
            f"{name}::{as_stored[kind]} as {name}" if kind in as_stored else name for name, kind in columns
        )
        connection.execute(
            f"copy (select {select} from {table}) to {literal(place / 'part-0.parquet')} (format parquet)"
        )


def hold_back(connection: duckdb.DuckDBPyConnection, released: Sequence[str]) -> None:
    """Take every message that is not of a released campaign off the send list; the decisions stay as they are.

    Exports and audits that are views follow by themselves. Where they are tables, their rows of those campaigns go too,
    or all of their rows where no column says of which campaign they are.
    """
    held_back = _keep_released(connection, "marts.send_list", "campaign_id", released)
    tables = connection.execute(_sql("tables_to_hold_back")).fetchall()
    for table, column in tables:
        if column:
            _keep_released(connection, table, column, released)
        elif held_back:
            connection.execute(f"delete from {table}")


def _keep_released(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, released: Sequence[str]
) -> int:
    """Delete the rows of all other campaigns; returns how many there were."""
    ((deleted,),) = connection.execute(
        f"delete from {table} where {column} is null or not list_contains(?, {column})", [list(released)]
    ).fetchall()
    return int(deleted)


def write_ledgers(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> None:
    """Append the night to the ledgers of decisions and dispatches; what the same night wrote before is replaced, nothing else is touched."""
    connection.execute("begin")
    for table in ("decisions", "dispatches"):
        # who was erased since is not decided about again, and still was on that night's lists
        connection.execute(
            f"delete from ledger.{table} where as_of = ? and user_id not like 'erased:%'", [as_of]
        )
    connection.execute(f"insert into ledger.decisions by name {_sql('ledger_decisions')}")
    connection.execute(f"insert into ledger.dispatches by name {_sql('ledger_dispatches')}", {"as_of": as_of})
    connection.execute("commit")


def write_files_read(connection: duckdb.DuckDBPyConnection, started_at: datetime) -> None:
    """Remember the files of the landing zone that this run is the first one to have read, and how all that it has read were."""
    connection.execute(
        f"insert into ledger.files_read by name {_sql('ledger_files_read')}", {"started_at": started_at}
    )
    # a night on Spark has found its files elsewhere
    if has_table(connection, "landing", "landing_files"):
        connection.execute(_sql("update_files_read"))


def record_run(
    connection: duckdb.DuckDBPyConnection,
    run: Mapping[str, object],
    campaigns: Sequence[Mapping[str, object]],
) -> None:
    """Write what this run did with each campaign into ops.runs."""
    for campaign in campaigns:
        row = {**run, **campaign}
        connection.execute(
            f"insert into ops.runs ({', '.join(row)}) values ({', '.join('?' for _ in row)})",
            list(row.values()),
        )


def record_details(
    connection: duckdb.DuckDBPyConnection, run_id: str, campaigns: Sequence[Mapping[str, object]]
) -> None:
    """Replace what is recorded of a run's campaigns."""
    for campaign in campaigns:
        connection.execute(
            "update ops.runs set details = ? where run_id = ? and campaign_id = ?",
            [json.dumps(campaign), run_id, campaign["campaign_id"]],
        )


def last_finished(connection: duckdb.DuckDBPyConnection) -> datetime | None:
    """When, by the clock of its machine, the last of all recorded runs had finished; None before the first."""
    known = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'ops' and table_name = 'runs'"
    ).fetchall()
    if not known[0][0]:
        return None
    ((last,),) = connection.execute("select max(finished_at) from ops.runs").fetchall()
    return last if isinstance(last, datetime) else None


def last_run(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The id of the run that was recorded last."""
    found = connection.execute("select max_by(run_id, (finished_at, run_id)) from ops.runs").fetchall()
    last: str | None = found[0][0]
    return last


def runs_in_ledgers(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> frozenset[str]:
    """The runs whose messages the ledgers have, once there is another one of the night `as_of`: of each night, that is its last one."""
    found = connection.execute(
        "select max_by(run_id, (finished_at, run_id)) from ops.runs where as_of <> ? group by as_of", [as_of]
    ).fetchall()
    return frozenset(run_id for (run_id,) in found)


def mark_audited(connection: duckdb.DuckDBPyConnection, run_id: str) -> None:
    """Say that what stands in the marts has passed the audit as this run; a later `dbt build` in place takes it back."""
    connection.execute("create or replace table ops.audited as select ? as run_id", [run_id])


def ambiguous_name(connection: duckdb.DuckDBPyConnection, published: Path) -> str | None:
    """What those who query should know of a file that is called like a schema in it; None where it is not."""
    schemas = connection.execute(
        "select schema_name from duckdb_schemas() where database_name = current_database() and not internal"
    ).fetchall()
    if (published.stem.lower(),) not in schemas:
        return None
    return (
        f"{published.name} is called like a schema in it, so DuckDB takes `{published.stem}.<table>` for ambiguous. Attach it under "
        "another name to query it (`attach '<file>' as night; use night`), or name another file with --db."
    )


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the file has a table; an older version of the project may not have written it."""
    known = connection.execute(
        "select count(*) from duckdb_tables() where database_name = current_database() and schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return bool(known[0][0])


def audited_run(connection: duckdb.DuckDBPyConnection) -> str | None:
    """The run whose audited lists the file holds, or None where dbt alone built it."""
    known = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = 'ops' and table_name = 'audited'"
    ).fetchall()
    return str(connection.execute("select run_id from ops.audited").fetchall()[0][0]) if known[0][0] else None


@contextmanager
def only_night(published: Path) -> Iterator[int]:
    """Hold the database's lock for a night, and yield its descriptor; BuildError where another night holds it. A dead process holds nothing."""
    folder = published.parent / ".sendworthy"
    make_folder(folder)
    with hold(folder / f"{published.name}.lock", str(published)) as lock:
        yield lock


def publish(build: Path, published: Path, anew: bool = False) -> None:
    """Replace the published file with the build in one step; readers keep what they have open.

    `anew` writes the file once more before: what was deleted is in the bytes of a DuckDB file until then.
    """
    with connect(build) as connection:
        # views on files that need not be there for those who query
        connection.execute("drop schema if exists landing cascade")
        connection.execute("drop schema if exists drops cascade")
        connection.execute("checkpoint")
        if anew:
            fresh = build.with_name("fresh.duckdb")
            fresh.unlink(missing_ok=True)
            # two runs that differ only in the order of their rows are the same to everybody; keeping it costs memory
            connection.execute("set preserve_insertion_order = false")
            connection.execute(f"attach {literal(fresh)} as fresh ({_STORAGE})")
            connection.execute(f"copy from database {CATALOG} to fresh")
            connection.execute("detach fresh")
            build = fresh
    if log_of(build).exists():
        raise BuildError(
            f"{build} was not written whole: DuckDB has left a log beside it. Nothing was published.",
            "run the night again.",
        )
    flush(build)
    make_folder(published.parent)
    if published.is_file():
        # whoever writes it in place would go on into the log of the new file
        with connect(published, read_only=True):
            pass
    if log_of(published).exists():
        # of a `dbt build` that was killed: DuckDB would replay it into the new file
        log_of(published).unlink()
        flush(published.parent)
    swap_in(build, published)
    remove_folder(build.parent, ignore_errors=True)


def log_of(database: Path) -> Path:
    """Where DuckDB keeps what it has not folded into the file yet."""
    return database.with_name(f"{database.name}.wal")
