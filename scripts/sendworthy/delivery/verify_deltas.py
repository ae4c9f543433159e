"""What must hold of delivered files of changes: their counts, their campaigns, and that each message is one of the list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery.delta_sql import NOBODY
from sendworthy.delivery.manifest import ListedCampaign, ListedChanges, Manifest
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.statements import statements_in

# what stands in the place of a message, or of its campaign, in a row that takes somebody off
_NO_MESSAGES = ["", NOBODY]

_sql = statements_in(Path(__file__).with_name("sql"))


def without_files(changes: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the manifest says of changes, without the files that it names: so the run knows it."""
    return {
        name: {key: value for key, value in change.items() if key != "files"}
        for name, change in changes.items()
    }


def check_changes(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[tuple[str, str]]:
    """Where something does not hold, and what: of files that are loaded into `delivered_changes` and `delivered`."""
    counted = {
        (row["campaign_id"], row["destination"]): row
        for row in rows(connection, _sql("check_change_counts"), {"no_messages": _NO_MESSAGES})
    }
    loaded = {file for (file,) in connection.execute("select file from loaded_changes").fetchall()}
    for campaign in manifest.campaigns:
        for name, change in campaign.changes.items():
            where = f"{campaign.campaign_id} for {name}"
            for holds, what in _counts_of(campaign, name, change):
                if not holds:
                    yield where, what
            # what could not be read is said elsewhere
            if change.erased or any(file.file not in loaded for file in change.files):
                continue
            seen = counted.get((campaign.campaign_id, name), {"messages": 0, "removed": 0})
            if (seen["messages"], seen["removed"]) != (change.added + change.changed, change.removed):
                yield (
                    where,
                    (
                        f"its files hold {seen['messages']:,} messages and take off {seen['removed']:,}, and the manifest says "
                        f"{change.added + change.changed:,} and {change.removed:,}"
                    ),
                )
    yield from _rows_of(connection, manifest)


def _counts_of(campaign: ListedCampaign, name: str, change: ListedChanges) -> Iterator[tuple[bool, str]]:
    """What must hold of a destination's entry in the manifest, and what to say where it does not."""
    counted = change.added + change.changed + change.removed
    if change.held_back is not None:
        yield not change.files and not counted, "its changes are held back, and there are some"
        return
    yield campaign.is_released, f"it is {campaign.status}, and its changes are not"
    listed = sum(file.rows for file in change.files)
    yield (
        bool(change.files) and listed + change.erased == counted,
        f"its changes are {listed:,} rows, and should be {counted:,}",
    )
    messages, most = change.added + change.changed + change.unchanged, campaign.erased
    on_list = sum(file.rows for file in campaign.files if file.destination == name)
    yield (
        on_list <= messages <= on_list + most,
        f"{messages:,} messages were added, changed or stayed, and its list has {on_list:,}",
    )


def _whole_lists(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> list[str]:
    """The lists that could be read and have as many rows as they should: only these can say who is on them."""
    seen = dict(connection.execute("select file, count(*) from delivered group by all").fetchall())
    there = {file for (file,) in connection.execute("select file from loaded").fetchall()}
    return [
        f"{name} {campaign.campaign_id}"
        for campaign in manifest.campaigns
        for name in campaign.changes
        if all(
            file.file in there and seen.get(file.file, 0) == file.rows
            for file in campaign.files
            if file.destination == name
        )
    ]


def _rows_of(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[tuple[str, str]]:
    for row in rows(connection, _sql("check_change_columns")):
        form = manifest.forms[row["destination"]]
        change = [form.change] if form.change and form.format != "jsonl" else []
        if row["header"] != [*row["expected"], *change]:
            yield row["file"], "its columns are not those of the list"
    given = {"no_messages": _NO_MESSAGES, "whole_lists": _whole_lists(connection, manifest)}
    for row in rows(connection, _sql("check_change_rows"), given):
        for count, what in (
            (row["alien"], "of its rows say that they are of another campaign"),
            (row["unlisted"], "of its messages are not on the list"),
            (row["repeated"], "of its messages are there more than once"),
        ):
            if count:
                yield row["file"], f"{count:,} {what}"
