"""What reports are held against: the meaning of events, the ledger of dispatches, who has an address, whose campaign it is."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import duckdb

from sendworthy.errors import SettingsError
from sendworthy.foundation.safe_files import MAX_SEED, read_file
from sendworthy.project import Project
from sendworthy.settings import validate_seed
from sendworthy.warehouse import literal, other_version


def fill_lookups(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    source: str,
    event_types: Path,
    database: Path | None,
) -> None:
    """Make the tables event_types, campaigns, dispatches and addresses; the last two are empty without a published file."""
    connection.execute(
        """
        create temp table event_types as
        select
            lower(event) as event,
            lower(coalesce(qualifier, '')) as qualifier,
            event_type,
            channel,
            is_machine
        from read_csv(
            ?,
            header = true,
            columns = {
                'esp': 'varchar',
                'event': 'varchar',
                'qualifier': 'varchar',
                'event_type': 'varchar',
                'channel': 'varchar',
                'is_machine': 'boolean'
            },
            auto_detect = false
        )
        where esp = ?
        """,
        [str(event_types), source],
    )
    connection.execute("create temp table campaigns (esp_campaign_id text, own_name text, campaign_id text)")
    campaigns = _campaigns(project, source)
    if campaigns:
        connection.executemany("insert into campaigns values (?, ?, ?)", campaigns)
    connection.execute(
        """
        create temp table dispatches (
            as_of timestamp, dispatch_id text, user_id text, campaign_id text, channel text, variant text, valid_until timestamp
        )
        """
    )
    connection.execute("create temp table addresses (channel text, address_key text, user_id text)")
    if database is not None:
        _read_published(connection, database)


def _campaigns(project: Project, source: str) -> list[tuple[str | None, str | None, str]]:
    """(the provider's id, none, ours) as seeds/esp_campaigns.csv has it, and (none, ours, ours) for every campaign."""
    problems = validate_seed(project.root, "esp_campaigns")
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing has landed.", "mend what is named above.", problems
        )
    found: list[tuple[str | None, str | None, str]] = []
    with (project.root / "seeds" / "esp_campaigns.csv").open(encoding="utf-8-sig", newline="") as file:
        found += [
            (row["esp_campaign_id"], None, row["campaign_id"])
            for row in csv.DictReader(file)
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
        connection.execute(f"attach {literal(database)} as published (read_only)")
    except duckdb.Error:
        raise SettingsError(
            f"{database} cannot be opened.",
            "is another process writing it, or is it not a DuckDB file of this version?",
        ) from None
    try:
        # two nights of one date have the same ids: the later one counts
        connection.execute(
            """
            insert into dispatches
            select as_of, dispatch_id, user_id, campaign_id, channel, variant, valid_until
            from published.ledger.dispatches
            qualify row_number() over (partition by dispatch_id order by as_of desc, user_id, campaign_id) = 1
            """
        )
        connection.execute(
            """
            insert into addresses
            select distinct channel, address_key, user_id
            from published.intermediate.int_users__channels
            where address_key is not null
            """
        )
    except duckdb.Error:
        raise other_version(database) from None
    finally:
        connection.execute("detach published")
