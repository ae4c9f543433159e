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
from sendworthy.warehouse.database import attach, cannot_open, other_version


def fill_lookups(
    connection: duckdb.DuckDBPyConnection,
    project: Project,
    source: str,
    event_types: Path,
    database: Path | None,
) -> None:
    """Make the tables event_types, campaigns, dispatches, users and addresses; without a published file, the last three are empty."""
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
        );
        create temp table users (user_id text);
        -- who has an address, and who had it when a message of ours went there; by its hash, for the ledger has no more
        create temp table addresses (address_channel text, address_hash text, user_id text, has_it_now boolean)
        """
    )
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
            "insert into users select distinct user_id from published.intermediate.int_users__channels"
        )
        connection.execute(
            f"""
            insert into addresses
            with
                known as (
                    select channel, sha256(address_key) as address_hash, user_id, true as has_it_now
                    from published.intermediate.int_users__channels
                    where address_key is not null
                    union all
                    {_DISPATCHED if _has_address_hash(connection) else _NOBODY}
                )
            select channel, address_hash, user_id, bool_or(has_it_now) as has_it_now
            from known
            group by channel, address_hash, user_id
            """
        )
    except duckdb.Error:
        raise other_version(database) from None
    finally:
        connection.execute("detach published")


# who was erased has a pseudonym in the ledger, which is nobody's id
_DISPATCHED = """
    select channel, address_hash, user_id, false as has_it_now
    from published.ledger.dispatches
    where address_hash is not null and user_id not like 'erased:%'
"""
_NOBODY = "select null, null, null, null where false"


def _has_address_hash(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the ledger says where its messages went; that of an older night does not."""
    found = connection.execute(
        """
        from duckdb_columns()
        where
            database_name = 'published'
            and schema_name = 'ledger'
            and table_name = 'dispatches'
            and column_name = 'address_hash'
        """
    ).fetchall()
    return bool(found)
