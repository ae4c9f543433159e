"""Takes the people who asked to be forgotten out of a build before it is published; the ledgers keep a pseudonym."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import duckdb

from sendworthy.delivery.delta_sql import hash_of_address
from sendworthy.delivery.deltas import LEDGER, create_deliveries
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.permissions import PSEUDONYM_KEY
from sendworthy.privacy.residual_search import create_addresses, rows_mentioning_erased
from sendworthy.warehouse.database import identifier, literal

# the macro is_pseudonym knows it too
_PSEUDONYM = "erased:"

# a key that can be guessed makes pseudonyms that can be undone
_SHORTEST_KEY = 16


@dataclass(frozen=True)
class Erased:
    """Who is not to be found any more, and how many rows of the build were deleted or changed for it."""

    users: frozenset[str] = frozenset()
    # those that only they have, or had
    addresses: frozenset[str] = frozenset()
    rows: int = 0
    # destinations that were told of them, and of how many
    told: tuple[tuple[str, int], ...] = ()
    # of whom the ledgers have said something by name until now, and since which night they say anything
    named: frozenset[str] = frozenset()
    ledgers_from: date | None = None


NOBODY = Erased()


def read_key(environment: Mapping[str, str]) -> bytes | None:
    """The key of the pseudonyms, or None where there is none; SettingsError for one that is too short."""
    key = environment.get(PSEUDONYM_KEY, "").encode()
    if key and len(key) < _SHORTEST_KEY:
        raise SettingsError(
            f"{PSEUDONYM_KEY} is shorter than {_SHORTEST_KEY} characters: pseudonyms made with it could be undone by trying.",
            "set it to a long random text (for instance of `openssl rand -hex 32`), or do not set it.",
        )
    return key or None


def pseudonym(user_id: str, key: bytes) -> str:
    """What the ledgers call an erased person."""
    return _PSEUDONYM + hmac.digest(key, user_id.encode(), hashlib.sha256).hex()


def erase(connection: duckdb.DuckDBPyConnection, key: bytes | None) -> Erased:
    """Take the erased people of a build (intermediate.int_users__erased) out of all of its tables.

    Without a key, one is made up for this build and forgotten: then nobody can say whose pseudonym it is.
    The bytes of deleted rows stay in the file until it is written anew.
    """
    found = connection.execute(
        "select user_id from intermediate.int_users__erased order by user_id"
    ).fetchall()
    users = [user_id for (user_id,) in found]
    if not users:
        return Erased()
    key = key or secrets.token_bytes(32)
    connection.execute("begin")
    connection.execute("create or replace temp table erased (user_id varchar, pseudonym varchar)")
    connection.execute(
        "insert into erased select unnest(?), unnest(?)",
        [users, [pseudonym(user_id, key) for user_id in users]],
    )
    addresses = connection.execute("select address from intermediate.int_users__erased_addresses").fetchall()
    create_addresses(connection, [address for (address,) in addresses])
    named = _tables_with(connection, "user_id")
    _find_rows(connection, named)
    told = _count_told(connection)
    in_ledgers, ledgers_from = _named_in_ledgers(connection)
    changed = _rename_in_ledgers(connection)
    changed += _forget_deliveries(connection)
    # before the rows are deleted that it counts
    _count_staged(connection)
    changed += _empty_quarantine(connection)
    changed += _delete_suppressions(connection)
    # the last one: what goes before reads the tables that it empties
    for schema, table in named:
        changed += _delete_rows(connection, schema, table)
    connection.execute("delete from intermediate.int_users__erased_addresses")
    connection.execute("commit")
    for table in ("erased", "erased_addresses", "erased_rows"):
        connection.execute(f"drop table {table}")
    return Erased(
        frozenset(users),
        frozenset(address for (address,) in addresses),
        changed,
        told,
        in_ledgers,
        ledgers_from,
    )


def _count(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """Run a statement that changes rows; returns how many."""
    ((changed,),) = connection.execute(sql).fetchall()
    return int(changed)


def _tables_with(connection: duckdb.DuckDBPyConnection, column: str) -> list[tuple[str, str]]:
    """Every table of the build with a column, but the ledgers and the quarantine: looked for, so that no model can be forgotten."""
    return connection.execute(
        """
        select columns.schema_name, columns.table_name
        from duckdb_columns() as columns
        inner join duckdb_tables() as tables using (database_name, schema_name, table_name)
        where
            columns.database_name = current_database()
            and columns.column_name = ?
            and columns.schema_name <> 'ledger'
            and columns.table_name <> 'quarantine'
            and not tables.temporary
        order by all
        """,
        [column],
    ).fetchall()


def _named_in_ledgers(connection: duckdb.DuckDBPyConnection) -> tuple[frozenset[str], date | None]:
    """Who of the erased people is in a ledger by name, and the oldest night of which the messages are known."""
    ledgers = ("ledger.decisions", "ledger.dispatches", "ledger.cancellations", LEDGER)
    anywhere = " union ".join(
        f"select user_id from {ledger} where user_id in (select user_id from erased)" for ledger in ledgers
    )
    named = connection.execute(anywhere).fetchall()
    ((first,),) = connection.execute("select min(as_of)::date from ledger.dispatches").fetchall()
    return frozenset(user_id for (user_id,) in named), first


def _rename_in_ledgers(connection: duckdb.DuckDBPyConnection) -> int:
    """The user_id becomes the pseudonym, and a dispatch_id one that is made of it: the old one was made of the user_id."""
    decided = _count(
        connection,
        """
        update ledger.decisions
        set user_id = erased.pseudonym
        from erased
        where decisions.user_id = erased.user_id
        """,
    )
    return decided + sum(
        _count(
            connection,
            f"""
            update ledger.{ledger} as messages
            set
                user_id = erased.pseudonym,
                dispatch_id = md5(campaign_id || ':' || erased.pseudonym || ':' || strftime(as_of, '%Y-%m-%d'))
                {", address_hash = null" if ledger == "dispatches" else ""}
            from erased
            where messages.user_id = erased.user_id
            """,
        )
        for ledger in ("dispatches", "cancellations")
    )


def _count_told(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    """How many of the erased people each destination was told of."""
    create_deliveries(connection)
    return tuple(
        connection.execute(
            f"""
            select destination, count(distinct user_id)
            from {LEDGER}
            where user_id in (select user_id from erased)
            group by all
            order by all
            """
        ).fetchall()
    )


def _forget_deliveries(connection: duckdb.DuckDBPyConnection) -> int:
    """What destinations were told of them is not remembered; where somebody else has the address now, it is theirs."""
    shared = _count(
        connection,
        f"""
        update {LEDGER}
        set user_id = null
        where
            user_id in (select user_id from erased)
            and person in (
                select {hash_of_address("address_key")} from intermediate.int_users__channels where address_key is not null
            )
        """,
    )
    return shared + _count(
        connection,
        f"""
        delete from {LEDGER}
        where
            user_id in (select user_id from erased)
            or person in (select {hash_of_address("address")} from erased_addresses)
        """,
    )


def _find_rows(connection: duckdb.DuckDBPyConnection, tables: Sequence[tuple[str, str]]) -> None:
    """Make the temporary table of the rows, by number, that are of erased people in tables with a user_id.

    Those that name them, and those that name nobody and hold an address of theirs in any text.
    """
    connection.execute(
        "create or replace temp table erased_rows (schema_name varchar, table_name varchar, row_number bigint)"
    )
    for schema, table in tables:
        texts = connection.execute(
            """
            select column_name
            from duckdb_columns()
            where database_name = current_database() and schema_name = ? and table_name = ? and data_type in ('VARCHAR', 'JSON')
            order by column_index
            """,
            [schema, table],
        ).fetchall()
        whole = f"concat_ws(' ', {', '.join(identifier(name) for (name,) in texts)})"
        relation = f"{identifier(schema)}.{identifier(table)}"
        nameless = f"""
            select rowid as row_number, {whole} as text from {relation} where coalesce(trim(user_id), '') = ''
        """
        # one by one: joined by an `or`, every row would be searched for every address
        connection.execute(
            f"""
            insert into erased_rows
            select ?, ?, row_number
            from (
                select rowid as row_number from {relation} where user_id in (select user_id from erased)
                union all
                select row_number from ({rows_mentioning_erased(nameless)}) as rows_mentioning_erased
            )
            """,
            [schema, table],
        )


def _rows_of(schema: str, table: str) -> str:
    """SQL for the row numbers of a table that are of erased people."""
    return f"select row_number from erased_rows where schema_name = {literal(schema)} and table_name = {literal(table)}"


def _delete_rows(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> int:
    relation = f"{identifier(schema)}.{identifier(table)}"
    return _count(connection, f"delete from {relation} where rowid in ({_rows_of(schema, table)})")


def _count_staged(connection: duckdb.DuckDBPyConnection) -> None:
    """Write into ops.source_counts how many staged rows are going to be missing, where staging is published."""
    for schema, table in _tables_with(connection, "quarantine_reason"):
        relation = f"{identifier(schema)}.{identifier(table)}"
        connection.execute(
            f"""
            update ops.source_counts
            set rows_erased = source_counts.rows_erased + gone.rows_erased
            from (
                select file, count(*) as rows_erased
                from {relation}
                where quarantine_reason is null and rowid in ({_rows_of(schema, table)})
                group by file
            ) as gone
            where source_counts.table_name = ? and source_counts.file = gone.file
            """,
            [table.removeprefix("base_landing__")],
        )


def _empty_quarantine(connection: duckdb.DuckDBPyConnection) -> int:
    """A quarantined row stays, so that the counts are right, and says nothing any more. Of a row without a user, an address decides."""
    nameless = "select rowid as row_number, raw_row as text from ops.quarantine where user_id is null"
    return _count(
        connection,
        f"""
        update ops.quarantine
        set raw_row = '{{}}', user_id = null
        where
            user_id in (select user_id from erased)
            or rowid in (select row_number from ({rows_mentioning_erased(nameless)}) as rows_mentioning_erased)
        """,
    )


def _delete_suppressions(connection: duckdb.DuckDBPyConnection) -> int:
    """Of the suppression list, the lines that name an address of theirs; those with their user_id go with all tables."""
    return _count(
        connection,
        """
        delete from settings.global_suppressions
        where lower(trim(address)) in (select address from intermediate.int_users__erased_addresses)
        """,
    )
