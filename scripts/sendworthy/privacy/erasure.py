"""Takes the people who asked to be forgotten out of a build before it is published; the ledgers keep a pseudonym."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from sendworthy.delivery.delta_sql import hash_of_address
from sendworthy.delivery.deltas import LEDGER, create_deliveries
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.permissions import PSEUDONYM_KEY
from sendworthy.privacy.residual_search import create_addresses, rows_mentioning_erased
from sendworthy.warehouse.statements import relation, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

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
    # destinations that hold some of them from earlier nights, and how many
    delivered_to: tuple[tuple[str, int], ...] = ()
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
    delivered_to = _count_delivered(connection)
    ledgers = _tables_with(connection, "user_id", in_ledgers=True)
    in_ledgers, ledgers_from = _named_in_ledgers(connection, ledgers)
    changed = _rename_in_ledgers(connection, ledgers)
    changed += _forget_deliveries(connection)
    # before the rows are deleted that it counts
    _count_staged(connection)
    changed += _empty_quarantine(connection)
    changed += _delete_suppressions(connection)
    # the last one: what goes before reads the tables that it empties
    for place in named:
        changed += _delete_rows(connection, place)
    connection.execute("delete from intermediate.int_users__erased_addresses")
    connection.execute("commit")
    for table in ("erased", "erased_addresses", "erased_rows"):
        connection.execute(f"drop table {table}")
    return Erased(
        frozenset(users),
        frozenset(address for (address,) in addresses),
        changed,
        delivered_to,
        in_ledgers,
        ledgers_from,
    )


def _count(connection: duckdb.DuckDBPyConnection, sql: str, given: Mapping[str, object] | None = None) -> int:
    """Run a statement that changes rows; returns how many."""
    ((changed,),) = connection.execute(sql, dict(given or {})).fetchall()
    return int(changed)


def _tables_with(
    connection: duckdb.DuckDBPyConnection, column: str, in_ledgers: bool = False
) -> list[tuple[str, str]]:
    """The schema and name of every ledger, or of every other table of the build, that has a column."""
    given = {"column": column, "in_ledgers": in_ledgers}
    return connection.execute(_sql("tables_with_column"), given).fetchall()


def _named_in_ledgers(
    connection: duckdb.DuckDBPyConnection, ledgers: Sequence[tuple[str, str]]
) -> tuple[frozenset[str], date | None]:
    """Who of the erased people is in a ledger by name, and the oldest night of which the messages are known."""
    named = connection.execute(_sql("named_in_ledgers", ledgers=[_name(*ledger) for ledger in ledgers]))
    users = frozenset(user_id for (user_id,) in named.fetchall())
    ((first,),) = connection.execute("select min(as_of)::date from ledger.dispatches").fetchall()
    return users, first


def _rename_in_ledgers(connection: duckdb.DuckDBPyConnection, ledgers: Sequence[tuple[str, str]]) -> int:
    """Put the pseudonyms into every ledger but that of deliveries, which forgets."""
    columns = ("dispatch_id", "address_hash", "segments")
    having = {column: _tables_with(connection, column, in_ledgers=True) for column in columns}
    renamed = 0
    for ledger in ledgers:
        if _name(*ledger) != LEDGER:
            has = {f"has_{column}": ledger in having[column] for column in columns}
            renamed += _count(connection, _sql("rename_in_ledger", ledger=_name(*ledger), **has))
    return renamed


def _name(schema: str, table: str) -> str:
    return f"{schema}.{table}"


def _count_delivered(connection: duckdb.DuckDBPyConnection) -> tuple[tuple[str, int], ...]:
    """How many of the erased people were delivered to each destination."""
    create_deliveries(connection)
    return tuple(connection.execute(_sql("count_delivered")).fetchall())


def _forget_deliveries(connection: duckdb.DuckDBPyConnection) -> int:
    """Forget what was delivered of them; where somebody else has the address now, it is theirs."""
    return sum(
        _count(connection, _sql(statement, hash_of_address=hash_of_address))
        for statement in ("leave_deliveries_to_others", "forget_deliveries")
    )


def _find_rows(connection: duckdb.DuckDBPyConnection, tables: Sequence[tuple[str, str]]) -> None:
    """Make the temporary table of the rows, by number, that are of erased people in tables with a user_id.

    Those that name them, and those that name nobody and hold an address of theirs in any text.
    """
    connection.execute(
        "create or replace temp table erased_rows (schema_name varchar, table_name varchar, row_number bigint)"
    )
    for schema, table in tables:
        given, name = {"schema": schema, "table": table}, _name(schema, table)
        texts = [column for (column,) in connection.execute(_sql("text_columns"), given).fetchall()]
        nameless = _sql("nameless_rows", table=name, columns=texts)
        rows = _sql("rows_of_erased", table=name, mentioning=rows_mentioning_erased(nameless))
        connection.execute(f"insert into erased_rows {rows}", given)


def _delete_rows(connection: duckdb.DuckDBPyConnection, table: tuple[str, str]) -> int:
    """Delete the rows of a table that are of erased people."""
    theirs = "select row_number from erased_rows where schema_name = $schema and table_name = $table"
    return _count(
        connection,
        f"delete from {relation(_name(*table))} where rowid in ({theirs})",
        {"schema": table[0], "table": table[1]},
    )


def _count_staged(connection: duckdb.DuckDBPyConnection) -> None:
    """Write into ops.source_counts how many staged rows are going to be missing, where staging is published."""
    for schema, table in _tables_with(connection, "quarantine_reason"):
        connection.execute(
            _sql("count_erased_rows", table=_name(schema, table)),
            {"schema": schema, "model": table, "source": table.removeprefix("base_landing__")},
        )


def _empty_quarantine(connection: duckdb.DuckDBPyConnection) -> int:
    """What a quarantined row of theirs says is taken out of it."""
    nameless = "select rowid as row_number, raw_row as text from ops.quarantine where user_id is null"
    return _count(connection, _sql("empty_quarantine", mentioning=rows_mentioning_erased(nameless)))


def _delete_suppressions(connection: duckdb.DuckDBPyConnection) -> int:
    """Of the suppression list, the lines that name an address of theirs go."""
    return _count(connection, _sql("delete_suppressions"))
