"""The rows of delivered lists, as temporary tables that can be asked."""

from __future__ import annotations

import csv
import glob
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from sendworthy.exports import DESTINATIONS, Destination
from sendworthy.manifest import ListedCampaign, ListedFile, Manifest
from sendworthy.warehouse import identifier, literal

# `delivered`: one row a row of a list. A column that the destination does not have is null; an empty cell is ''.
# `loaded`: one row a list that could be read, also where it has no rows.
_TABLES = """
    create temp table loaded (destination varchar, campaign_id varchar, file varchar, header varchar[]);
    create temp table delivered (
        destination varchar, campaign_id varchar, file varchar,
        row_campaign_id varchar, dispatch_id varchar, user_id varchar, variant varchar, send_at varchar, valid_until varchar,
        contents varchar
    );
"""


class UnreadableList(Exception):
    """A file that is no list of its destination; the words quote nothing of it."""


def load_lists(
    connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest
) -> tuple[dict[str, int], dict[str, str]]:
    """Bring every list that the manifest names and that is there into `delivered` and `loaded`.

    Returns the rows of each file that could be read, and what is wrong with each other one, by its path in the manifest.
    """
    connection.execute(_TABLES)
    counts: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    for campaign, file in manifest.files:
        if not (folder / file.file).is_file():
            continue
        try:
            counts[file.file] = _load(connection, folder / file.file, campaign, file)
        except UnreadableList as error:
            unreadable[file.file] = str(error)
    return counts, unreadable


def _load(
    connection: duckdb.DuckDBPyConnection, path: Path, campaign: ListedCampaign, file: ListedFile
) -> int:
    destination = DESTINATIONS[file.destination]
    header = _header(path)
    columns = _columns_of(destination)
    missing = [name for name in columns.values() if name and name not in header]
    if missing:
        raise UnreadableList(
            f"the column {missing[0]} of the destination {destination.name} is not in its first line"
        )
    chosen = ", ".join(
        f"coalesce({identifier(name)}, '') as {column}" if name else f"null as {column}"
        for column, name in columns.items()
    )
    place = [destination.name, campaign.campaign_id, file.file]
    types = ", ".join(f"{literal(name)}: 'varchar'" for name in header)
    try:
        ((rows,),) = connection.execute(
            f"""
            insert into delivered by name
            select ? as destination, ? as campaign_id, ? as file, {chosen}, {contents(header)} as contents
            from read_csv(
                {literal(glob.escape(str(path)))},
                columns = {{{types}}}, header = true, auto_detect = false, delim = ',', quote = '"', escape = '"'
            )
            """,
            place,
        ).fetchall()
    except duckdb.Error as error:
        raise UnreadableList(_in_words(error)) from None
    connection.execute("insert into loaded values (?, ?, ?, ?)", [*place, header])
    return int(rows)


def contents(header: Sequence[str]) -> str:
    """SQL for all that a row says, in the order of the columns; an empty cell and none are the same, as they are in a CSV."""
    cells = ", ".join(f"coalesce({identifier(name)}::varchar, '')" for name in header)
    return f"md5(to_json([{cells}])::varchar)"


def _columns_of(destination: Destination) -> Mapping[str, str | None]:
    """The columns of `delivered`, and what the destination calls them."""
    return {
        "row_campaign_id": destination.campaign_column,
        "dispatch_id": destination.message_column,
        "user_id": destination.user_column,
        "variant": destination.variant_column,
        "send_at": destination.send_at_column,
        "valid_until": destination.valid_until_column,
    }


def _header(path: Path) -> list[str]:
    """The columns that the first line names."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file, strict=True), [])
    except (OSError, ValueError, csv.Error) as error:
        raise UnreadableList(f"its first line cannot be read ({type(error).__name__})") from None
    if not header:
        raise UnreadableList("it is empty: not even the names of the columns are there")
    if len({name.lower() for name in header}) < len(header):
        raise UnreadableList("its first line names a column twice")
    return header


def _in_words(error: duckdb.Error) -> str:
    """Where a list breaks off; DuckDB's own words quote the line."""
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    where = f"from line {line[1]} on" if line else f"({type(error).__name__})"
    return f"it is torn: it cannot be read as a CSV of these columns {where}"
