"""The rows of delivered lists, as temporary tables that can be asked."""

from __future__ import annotations

import csv
import glob
import json
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from sendworthy.delivery.manifest import ListedCampaign, ListedFile, Manifest
from sendworthy.foundation.safe_files import MAX_LIST, is_safe
from sendworthy.settings.destinations import Form
from sendworthy.warehouse.statements import Sql, identifier, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# the tables of rows and of files (sql/create_list_rows.sql, sql/create_list_files.sql): of lists, and of files of changes
_LISTS, _CHANGES = ("delivered", "loaded"), ("delivered_changes", "loaded_changes")


class UnreadableList(Exception):
    """A file that is no list of its destination; the words quote nothing of it."""


def load_lists(
    connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest
) -> tuple[dict[str, int], dict[str, str]]:
    """Bring every list, and every file of changes, that the manifest names and that is there into the tables.

    Returns the rows of each file that could be read, and what is wrong with each other one, by its path in the manifest.
    """
    counts: dict[str, int] = {}
    unreadable: dict[str, str] = {}
    for tables, listed in ((_LISTS, manifest.files), (_CHANGES, manifest.changes)):
        for statement, table in zip(("create_list_rows", "create_list_files"), tables, strict=True):
            connection.execute(_sql(statement, table=table))
        for campaign, file in listed:
            if not is_safe(folder / file.file, folder, MAX_LIST):
                continue
            try:
                form = manifest.forms[file.destination]
                counts[file.file] = _load(connection, folder / file.file, form, campaign, file, tables)
            except UnreadableList as error:
                unreadable[file.file] = str(error)
    return counts, unreadable


def _load(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    form: Form,
    campaign: ListedCampaign,
    file: ListedFile,
    tables: tuple[str, str],
) -> int:
    place = {"destination": file.destination, "campaign_id": campaign.campaign_id, "file": file.file}
    try:
        header, source = _source(connection, path, form)
        missing = [name for name in _columns_of(form) if name not in header]
        if missing:
            raise UnreadableList(
                f"the column {missing[0]} of the destination {file.destination} is not in its first line"
            )
        listed = _sql(
            "list_rows",
            values={
                column: _value(said, form) if said else None for column, said in _places_of(form).items()
            },
            contents=contents(header, form),
            rows=source,
        )
        ((rows,),) = connection.execute(f"insert into {tables[0]} by name {listed}", place).fetchall()
    except duckdb.Error as error:
        raise UnreadableList(_in_words(error, form)) from None
    connection.execute(
        f"insert into {tables[1]} values (?, ?, ?, ?, ?)", [*place.values(), header, file.left_out]
    )
    return int(rows)


def _source(connection: duckdb.DuckDBPyConnection, path: Path, form: Form) -> tuple[list[str], Sql]:
    """The columns of a file, and a query of its rows in which all of them are text."""
    if form.format == "jsonl":
        return list(form.file_columns or ()), _lines(connection, path, form)
    name = literal(glob.escape(str(path)))
    if form.format == "parquet":
        described = connection.execute(f"describe select * from read_parquet({name})").fetchall()
        columns = ", ".join(_parquet_text(row[0], row[1]) for row in described)
        return [row[0] for row in described], Sql(f"select {columns} from read_parquet({name})")
    header = _header(path)
    types = ", ".join(f"{literal(column)}: 'varchar'" for column in header)
    options = "header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"'"
    return header, Sql(f"from read_csv({name}, columns = {{{types}}}, {options})")


def _parquet_text(column: str, kind: str) -> str:
    """A column as text, and once more as the other files have it, which matters for a time."""
    quoted = identifier(column)
    as_text = f"strftime({quoted}, '%Y-%m-%dT%H:%M:%SZ')" if kind.startswith("TIMESTAMP") else quoted
    return f"{quoted}::varchar as {quoted}, {as_text}::varchar as {identifier(_text_column(column))}"


def _text_column(column: str) -> str:
    return f"{column} as text"


def _lines(connection: duckdb.DuckDBPyConnection, path: Path, form: Form) -> Sql:
    """A query of the JSON objects of a file of lines; UnreadableList where a line is no request of the destination."""
    (column,) = form.file_columns or ("payload",)
    name = glob.escape(str(path))
    lines = f"select json as line from read_ndjson_objects({literal(name)})"
    if form.envelope is None:
        return Sql(f"select line::varchar as {identifier(column)} from ({lines})")
    items = f"$.{identifier(form.envelope.items)}"
    ((other,),) = connection.execute(
        _sql("count_other_lines"),
        {
            "file": name,
            "items": items,
            "without_items": json.dumps({form.envelope.items: None}),
            "rest": json.dumps(form.envelope.rest, separators=(",", ":"), ensure_ascii=False),
        },
    ).fetchall()
    if other:
        raise UnreadableList(f"{other:,} of its lines are no requests of the destination")
    every_item = f"unnest(json_extract(line, {literal(items)})::json[])::varchar"
    return Sql(f"select {every_item} as {identifier(column)} from ({lines})")


def contents(header: Sequence[str], form: Form) -> Sql:
    """SQL for all that a row says, in the order of the columns; an empty cell and none are the same, as they are in a CSV."""
    if form.format == "jsonl":
        return Sql(f"md5(json({identifier(header[0])})::varchar)")
    cells = ", ".join(f"coalesce({identifier(name)}::varchar, '')" for name in header)
    return Sql(f"md5(to_json([{cells}])::varchar)")


def _places_of(form: Form) -> dict[str, str | None]:
    """The columns of `delivered`, and where a row of the file says them."""
    return {
        "row_campaign_id": form.says.campaign,
        "dispatch_id": form.says.message,
        "user_id": form.says.user,
        "variant": form.says.variant,
        "send_at": form.says.send_at,
        "valid_until": form.says.valid_until,
    }


def _columns_of(form: Form) -> list[str]:
    """The columns that a row must have."""
    if form.format == "jsonl":
        return list(form.file_columns or ())
    return [said.partition(".")[0] for said in _places_of(form).values() if said]


def _value(said: str, form: Form) -> Sql:
    """SQL for what a row says in a place: a column, or a member of the JSON in it; JSON may be a text in JSON."""
    names = said.split(".")
    if form.format == "jsonl":
        names = [*(form.file_columns or ()), *names]
    value = identifier(_text_column(names[0]) if form.format == "parquet" else names[0])
    for name in names[1:]:
        value = Sql(f"json_extract_string({value}, {literal(f'$.{identifier(name)}')})")
    return value


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


def _in_words(error: duckdb.Error, form: Form) -> str:
    """Where a list breaks off; DuckDB's own words quote the line."""
    if form.format != "csv":
        return f"it is torn, or no {form.format} of its destination ({type(error).__name__})"
    line = re.search(r"CSV Error on Line: (\d+)", str(error))
    where = f"from line {line[1]} on" if line else f"({type(error).__name__})"
    return f"it is torn: it cannot be read as a CSV of these columns {where}"
