"""Writes the rows of old drops that can still matter as Parquet files, and finds erased people in such files.

The SQL is in `compaction_sql/`. It reads the published file; where staged rows are not in it (an engine other than DuckDB has them in its
lake), it reads them there, less those of erased people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

import duckdb

from sendworthy.privacy.erasure import Erased
from sendworthy.privacy.residual_search import create_addresses, rows_mentioning_erased
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import Sql, literal, statements_in

# by name, each a query of compaction_sql/ and a source of dbt
PARTS = ("events", "message_events", "active_days", "settled_ids", "files")

# those that name people, and the staged rows that they are made of
STAGED = {
    "events": "staging.base_landing__events",
    "message_events": "staging.base_landing__message_events",
    "active_days": "staging.base_landing__active_days",
}

# what the queries read besides
PUBLISHED = (
    "ops.source_counts",
    "ops.quarantine",
    "settings.campaigns",
    "intermediate.int_nights__as_of",
    "intermediate.int_measurement__eligible_users",
)

_SQL = Path(__file__).with_name("compaction_sql")
_statement = statements_in(Path(__file__).with_name("sql"))


@contextmanager
def open_night(
    published: Path, staged: Mapping[str, str], erased: Erased
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that finds all that folding reads under the names of the published file.

    `staged`: by name of a relation of `STAGED`, a query for its rows, where they are not in the file. Those of erased people are
    left out.
    """
    if not staged:
        with database_file.connect(published, read_only=True) as connection:
            yield connection
        return
    with database_file.closing(duckdb.connect()) as connection:
        database_file.prepare(connection)
        database_file.attach(connection, published, "published")
        for schema in ("staging", "ops", "settings", "intermediate"):
            connection.execute(f"create schema {schema}")
        for relation in PUBLISHED:
            connection.execute(f"create view {relation} as select * from published.{relation}")
        _know(connection, erased)
        for part, relation in STAGED.items():
            connection.execute(f"create view {relation} as {_without(connection, part, staged[relation])}")
        yield connection


def fold(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    given: Mapping[str, date | datetime | Collection[str]],
) -> None:
    """Write every part into the folder; `given` are the variables that the SQL names."""
    for name, value in given.items():
        connection.execute(f"set variable {name} = ?", [value])
    connection.execute((_SQL / "01_prepare.sql").read_text(encoding="utf-8"))
    for part in PARTS:
        query = (_SQL / f"{part}.sql").read_text(encoding="utf-8")
        connection.execute(
            f"copy ({query}) to {literal(folder / f'{part}.parquet')} (format parquet, compression zstd)"
        )


def sources() -> list[Path]:
    """The files of SQL, for whoever wants to know whether they are as they were."""
    return sorted(_SQL.iterdir())


def holds(folder: Path, erased: Erased) -> bool:
    """Whether somebody who was erased is in what was folded; True also where it cannot be read."""
    with duckdb.connect() as connection:
        database_file.prepare(connection)
        _know(connection, erased)
        try:
            return any(
                _is_in(connection, part, f"from read_parquet({literal(folder / f'{part}.parquet')})")
                for part in (*STAGED, "settled_ids")
            )
        except duckdb.Error:
            return True


def _know(connection: duckdb.DuckDBPyConnection, erased: Erased) -> None:
    """Make the tables by which erased people are found."""
    connection.execute(
        "create table erased as select unnest($users::varchar[]) as user_id",
        {"users": sorted(erased.users)},
    )
    create_addresses(connection, erased.addresses)


def _is_in(connection: duckdb.DuckDBPyConnection, part: str, rows: str) -> bool:
    """Whether a row of a query names an erased person, or names nobody and holds an address of theirs."""
    named = f"select 1 from ({rows}) where user_id in (select user_id from erased) limit 1"
    return bool(connection.execute(named).fetchall()) or bool(
        connection.execute(f"{_nameless_of_erased(connection, part, rows)} limit 1").fetchall()
    )


def _without(connection: duckdb.DuckDBPyConnection, part: str, rows: str) -> Sql:
    """A query for the other rows of a query."""
    of_erased = _nameless_of_erased(connection, part, rows)
    connection.execute(f"delete from nameless_{part} where row_number in ({of_erased})")
    return _statement("rows_of_others", rows=Sql(rows), nameless=f"nameless_{part}")


def _nameless_of_erased(connection: duckdb.DuckDBPyConnection, part: str, rows: str) -> str:
    """Keep those rows of a query that name nobody, as nameless_<part>; a query for which of them, by number, are of erased people."""
    # such a row is quarantined, and has a reason; asking for that first, Parquet files need not be read whole
    is_nameless = "coalesce(trim(user_id), '') = ''"
    if part not in ("active_days", "settled_ids"):
        is_nameless += " and quarantine_reason is not null"
    connection.execute(
        f"create table nameless_{part} as select row_number() over () as row_number, * from ({rows}) where {is_nameless}"
    )
    texts = (
        f"select row_number, concat_ws(' ', *columns(* exclude (row_number))) as text from nameless_{part}"
    )
    return f"select row_number from ({rows_mentioning_erased(texts)}) as rows_mentioning_erased"
