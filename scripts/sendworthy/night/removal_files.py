"""Writes, for each destination, the files that take messages back, and their manifest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery.delta_sql import NOBODY
from sendworthy.delivery.export import describe_file
from sendworthy.delivery.list_writer import write_rows
from sendworthy.delivery.staging_folder import MANIFEST, cancellations_of, manifest_bytes, staged_folder
from sendworthy.settings.destinations import Destination, Form, Places, as_form
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.statements import Sql, identifier, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# what a message leaves at a destination that keeps people; who they are stays
_TEXTS = ("campaign", "message", "variant")
# a word in the place of a time may be refused, with the row; without a campaign, a time says nothing
_TIMES = ("send_at", "valid_until")

# a list of messages, where a row is no person
_PLAIN = ("dispatch_id", "user_id", "campaign_id", "channel", "send_at", "cancelled_at", "reasons")


def write_taken_off(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    out: Path,
    run: Mapping[str, Any],
) -> Path:
    """Write all that was taken back since the night of `connection`, and the manifest, into a staging folder; returns it.

    It follows from the ledger alone, so that whoever missed a file before has it in the next ones. `run` has `run_id` (of
    the night), `as_of` and `taken_back_at`. Nothing personal is in the manifest.
    """
    with staged_folder(out, cancellations_of(str(run["as_of"])[:10])) as staged:
        _fill(staged, connection, destinations, run)
    return staged


def _fill(
    staged: Path,
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    run: Mapping[str, Any],
) -> None:
    connection.execute(f"create or replace temp table taken_back as {_sql('taken_back')}")
    campaigns = _counted(connection, str(run["as_of"]))
    forms: dict[str, Any] = {}
    for destination in destinations:
        form, columns = _make_rows(connection, destination)
        for campaign in campaigns:
            files = _write(connection, destination, columns, campaign["campaign_id"], run, staged)
            if files:
                forms[destination.name] = as_form(form)
                removed = sum(file["rows"] for file in files)
                campaign["changes"][destination.name] = {
                    **{"since": run["as_of"], "added": 0, "changed": 0},
                    **{"removed": removed, "files": files},
                }
    manifest = {**run, "destinations": forms, "campaigns": campaigns}
    (staged / MANIFEST).write_bytes(manifest_bytes(manifest))


def _counted(connection: duckdb.DuckDBPyConnection, since: str) -> list[dict[str, Any]]:
    """The campaigns of which something was taken back, as the manifest has them, without files yet."""
    counted = rows(
        connection,
        "select campaign_id, channel, count(*) as cancelled from taken_back group by all order by campaign_id",
    )
    why = rows(connection, _sql("reasons_of_taken_back"))
    return [
        {
            **campaign,
            "reasons": {
                row["reason"]: row["messages"] for row in why if row["campaign_id"] == campaign["campaign_id"]
            },
            "changes": {},
        }
        for campaign in counted
    ]


def _make_rows(connection: duckdb.DuckDBPyConnection, destination: Destination) -> tuple[Form, list[str]]:
    """Make `taken_off` (the columns of the files, row_campaign, row_key) for a destination; returns their form and columns."""
    if not destination.keeps_people:
        return _make_plain_rows(connection, destination)
    described = connection.execute(f"select * from {destination.model} limit 0").description or []
    columns = destination.columns([column[0] for column in described])
    taken_off = _sql(
        "taken_off",
        model=destination.model,
        campaign_column=destination.campaign_column,
        message_column=destination.message_column,
        cells={name: _without_message(connection, destination, name) for name in columns},
    )
    connection.execute(f"create or replace temp table taken_off as {taken_off}")
    return destination.form, columns


def _without_message(connection: duckdb.DuckDBPyConnection, destination: Destination, column: str) -> Sql:
    """SQL for a cell of somebody who has no message any more: what names the message is taken out, all else stays as it was delivered."""
    nothing = None if destination.blank.says == "json_null" else NOBODY
    said = [getattr(destination.says, name) for name in (_TEXTS if nothing else (*_TEXTS, *_TIMES))]
    if destination.format == "jsonl":
        # the one column is the object that the places are in
        places = [place.split(".") for place in said if place]
    elif column in said:
        return literal(NOBODY)
    else:
        places = [place.split(".")[1:] for place in said if place and place.startswith(f"{column}.")]
    if not places:
        return identifier(column)
    function = f"{destination.name}_without_message_{column}"
    connection.create_function(
        function,
        lambda text: json.dumps(_emptied(json.loads(text), places, nothing), ensure_ascii=False),
        ["varchar"],
        "varchar",
    )
    return Sql(f"{identifier(function)}({identifier(column)})")


def _emptied(value: Any, places: Sequence[Sequence[str]], nothing: str | None) -> Any:
    """A row's JSON with nothing in these places; JSON may be a text in JSON."""
    for names in places:
        value = _put(value, names, nothing)
    return value


def _put(value: Any, names: Sequence[str], nothing: str | None) -> Any:
    if not names:
        return nothing
    if isinstance(value, str):
        return json.dumps(_put(json.loads(value), names, nothing), ensure_ascii=False)
    return {**value, names[0]: _put(value.get(names[0]), names[1:], nothing)}


def _make_plain_rows(
    connection: duckdb.DuckDBPyConnection, destination: Destination
) -> tuple[Form, list[str]]:
    """The messages by their ids, with the reasons, in the destination's format."""
    says = Places(campaign="campaign_id", message="dispatch_id", user="user_id", send_at="send_at")
    lines = destination.format == "jsonl"
    form = Form(
        format=destination.format,
        channels=destination.channels,
        says=says,
        file_columns=["payload"] if lines else None,
    )
    taken_off = _sql("taken_off_plain", columns=_PLAIN, is_json=lines)
    connection.execute(
        f"create or replace temp table taken_off as {taken_off}", {"channels": list(destination.channels)}
    )
    return form, ["payload"] if lines else list(_PLAIN)


def _write(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    columns: Sequence[str],
    campaign_id: str,
    run: Mapping[str, Any],
    folder: Path,
) -> list[dict[str, Any]]:
    """One campaign's files for one destination, none where it has no rows."""
    source = f"from taken_off where row_campaign = {literal(campaign_id)}"
    ((there,),) = connection.execute(f"select count(*) {source}").fetchall()
    if not there:
        return []
    # where a name that was there before is passed over, the same run has a file at each time
    moment = str(run["taken_back_at"]).replace(":", "").replace("-", "").replace(".", "")
    parts = write_rows(
        connection, destination, campaign_id, f"{run['run_id']}-{moment}", folder, columns, source, "row_key"
    )
    return [describe_file(folder, destination.name, part) for part in parts]
