"""Which texts hold an erased person: an address that only they have, or their id. It costs by the texts, however many people there are."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import duckdb

from sendworthy.warehouse.statements import Sql, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# shorter texts stand in many rows by chance
_SHORTEST_ADDRESS = 6

# how much of a word is looked for at first: of many words the first letters are the same
_BEGINNINGS = (_SHORTEST_ADDRESS, 10, 16)

# a pattern: what stands between words, in texts and in JSON
_BETWEEN_WORDS = r"[\s\",:;{}\[\]\\]+"


def create_addresses(connection: duckdb.DuckDBPyConnection, addresses: Collection[str]) -> None:
    """Make the temporary table of the addresses that are looked for in texts."""
    beginnings = _sql("erased_addresses", between_words=_BETWEEN_WORDS)
    connection.execute(
        f"create or replace temp table erased_addresses as {beginnings}",
        {
            "addresses": sorted(addresses),
            "shortest": _SHORTEST_ADDRESS,
            "beginnings": list(_BEGINNINGS),
        },
    )


def rows_mentioning_erased(rows: str) -> Sql:
    """SQL for the numbers of those rows of a query, of row_number and a text, that hold an erased person."""
    return _sql("rows_mentioning_erased", rows=Sql(rows), between_words=_BETWEEN_WORDS)
