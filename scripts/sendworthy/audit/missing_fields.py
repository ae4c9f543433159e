"""Whether a destination carries what its messages print: at one that lacks a field, a message would show what was there before."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.gate import FailedExpectation
from sendworthy.audit.limits import Found
from sendworthy.settings.destinations import FOLDER, Destination
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.list_reader import read_values
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


def find_missing_fields(connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> Found:
    """The campaigns that print a field of which the rows of a destination have neither a column nor a member.

    One message of each variant is looked at: all print the same fields, and a row says a blank one too.
    """
    tags = _tags(connection)
    found: Found = {}
    for destination in destinations:
        lacking: dict[str, tuple[set[str], int]] = {}
        for message in _messages(connection, destination):
            lacks = _lacks(destination, message, tags)
            if lacks:
                fields, messages = lacking.get(message["campaign_id"], (set(), 0))
                lacking[message["campaign_id"]] = fields | lacks, messages + message["messages"]
        for campaign, (fields, messages) in lacking.items():
            found.setdefault(campaign, []).append(_in_words(destination, fields, messages))
    return found


def _tags(connection: duckdb.DuckDBPyConnection) -> Mapping[str, set[str]]:
    """The names that other dialects have for a merge field."""
    tags: dict[str, set[str]] = {}
    for row in rows(connection, "select merge_field, merge_tag from marts.merge_field_tags"):
        tags.setdefault(row["merge_field"], set()).add(row["merge_tag"])
    return tags


def _messages(connection: duckdb.DuckDBPyConnection, destination: Destination) -> list[dict[str, Any]]:
    """One message of each campaign and variant that the destination gets: its merge values, and its row of the list."""
    names = {"model": destination.model, "message": destination.message_column}
    chosen = rows(connection, _sql("message_of_each_variant", **names))
    described = connection.execute(f"select * from {destination.model} limit 0").description or []
    columns = destination.columns([column[0] for column in described])
    listed = rows(
        connection,
        _sql("listed_rows", **names, columns=columns),
        {"messages": [message["dispatch_id"] for message in chosen]},
    )
    by_message = {row.pop("list_message"): row for row in listed}
    return [{**message, "row": by_message[message["dispatch_id"]]} for message in chosen]


def _lacks(
    destination: Destination, message: Mapping[str, Any], tags: Mapping[str, Collection[str]]
) -> set[str]:
    """The fields that a message prints, and that its row does not have under any of their names."""
    row = message["row"]
    # the one column of a line is the line, and no name in it
    there = {*_names_in(list(row.values()) if destination.format == "jsonl" else row)}
    # of values that cannot be read, the audit has said so
    return {
        field
        for field in read_values(message["merge_values"]) or ()
        if there.isdisjoint({field, destination.fields.get(field, field), *tags.get(field, ())})
    }


def _names_in(value: object) -> Iterator[str]:
    """The columns and members of a row, however deep, also within JSON that is a text."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _names_in(inner)


def _in_words(destination: Destination, fields: Collection[str], messages: int) -> FailedExpectation:
    name, listed = destination.name, ", ".join(sorted(fields))
    return FailedExpectation(
        f"missing_field_{name}",
        f"{name} gets every field that the messages print, and not what was there before: {listed} "
        f"{'is' if len(fields) == 1 else 'are'} missing",
        f"let {(FOLDER / destination.model.partition('.')[2]).as_posix()}.sql carry {listed} "
        f"(docs/add-a-destination.md), or take {name} out of the night's destinations",
        messages,
    )
