"""What reports are compared with: the meaning of events, the ledger of dispatches, who has or had an address, whose campaign it is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import MAX_SEED, read_file
from sendworthy.settings.seed_files import read_seed, validate_seed
from sendworthy.warehouse.database_file import attach, cannot_open, other_version
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


def fill_lookups(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    source: str,
    event_types: Path,
    database: Path | None,
) -> None:
    """Make the tables event_types, campaigns, dispatches, users and addresses; without a published file, the last three are empty."""
    connection.execute(
        f"create temp table event_types as {_sql('event_types')}",
        {"file": str(event_types), "source": source},
    )
    connection.execute("create temp table campaigns (esp_campaign_id text, own_name text, campaign_id text)")
    campaigns = _campaigns(project, source)
    if campaigns:
        connection.executemany("insert into campaigns values (?, ?, ?)", campaigns)
    connection.execute(_sql("create_dispatches"))
    connection.execute("create temp table users (user_id text)")
    connection.execute(_sql("create_addresses"))
    if database is not None:
        _read_published(connection, database)


def _campaigns(project: Project, source: str) -> list[tuple[str | None, str | None, str]]:
    """(the provider's id, none, ours) as seeds/esp_campaigns.csv has it, and (none, ours, ours) for every campaign."""
    problems = validate_seed(project.root, "esp_campaigns")
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing has landed.", "correct what is named above.", problems
        )
    found: list[tuple[str | None, str | None, str]] = []
    found += [
        (row["esp_campaign_id"], None, row["campaign_id"] or "")
        for row in read_seed(project.root, "esp_campaigns")
        if row["esp"] == source
    ]
    try:
        text = read_file(project.compiled_campaigns, project.root, MAX_SEED).decode("utf-8")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        found += [(None, row["campaign_id"], row["campaign_id"]) for row in rows]
    except (OSError, UnicodeDecodeError, KeyError):
        raise SettingsError(
            f"{project.compiled_campaigns} cannot be read.", "run `sendworthy compile`."
        ) from None
    return found


def _read_published(connection: duckdb.DuckDBPyConnection, database: Path) -> None:
    try:
        attach(connection, database, "published")
    except duckdb.Error as error:
        failed = cannot_open(database, error)
        raise SettingsError(failed.what, failed.fix) from None
    try:
        connection.execute(f"insert into dispatches {_sql('published_dispatches')}")
        connection.execute(
            "insert into users select distinct user_id from published.intermediate.int_users__channels"
        )
        addresses = _sql("published_addresses", has_address_hash=_has_address_hash(connection))
        connection.execute(f"insert into addresses {addresses}")
    except duckdb.Error:
        raise other_version(database) from None
    finally:
        connection.execute("detach published")


def _has_address_hash(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the ledger says where its messages went; that of an older night does not."""
    columns = connection.execute("select * from published.ledger.dispatches limit 0").description or []
    return "address_hash" in [column[0] for column in columns]
