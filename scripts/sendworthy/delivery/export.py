"""Writes the lists that ESPs take, and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery.destination_check import check_described
from sendworthy.delivery.list_writer import Part, write_changes, write_parts
from sendworthy.delivery.staging_folder import (
    MANIFEST,
    manifest_bytes,
    night_folder,
    staged_folder,
)
from sendworthy.foundation.safe_files import MAX_LIST, open_file
from sendworthy.settings.destinations import Destination, as_form
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


def stage_lists(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    out: Path,
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> Path:
    """Write `<destination>/<campaign_id>.<format>` for the released campaigns, and the manifest, into a staging folder; returns it.

    A destination gets the campaigns of the channels that it takes. Nobody sees the folder before `promote`, and by
    then it outlives a power cut. `campaigns`: one mapping each with `campaign_id`, `channel`, `status` (released,
    held_back) and what else the manifest shall say of it. ListError where a list cannot be written as its destination
    takes it; SettingsError where it does not say what the destination's description promises.
    """
    with staged_folder(out, night_folder(out, run).name) as staged:
        _fill(staged, connection, destinations, run, campaigns)
        check_described(staged)
    return staged


def _fill(
    staged: Path,
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> None:
    """All lists, and the manifest last."""
    listed = []
    for campaign in campaigns:
        files = []
        entry = dict(campaign)
        if campaign["status"] == "released":
            files = [
                file
                for destination in destinations
                if destination.takes(campaign["channel"])
                for file in _write_list(
                    connection, destination, campaign["campaign_id"], str(run["run_id"]), staged
                )
            ]
        if "changes" in campaign:
            entry["changes"] = {
                destination.name: _write_changes(
                    connection, destination, campaign, str(run["run_id"]), staged
                )
                for destination in destinations
                if destination.name in campaign["changes"]
            }
        listed.append({**entry, "files": files})
    forms = {destination.name: as_form(destination.form) for destination in destinations}
    manifest = {**run, "destinations": forms, "campaigns": listed}
    (staged / MANIFEST).write_bytes(manifest_bytes(manifest))


def _write_list(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaign_id: str,
    run_id: str,
    folder: Path,
) -> list[dict[str, Any]]:
    """One campaign's files for one destination: of each its path below the night's folder, rows, bytes and sha256."""
    parts = write_parts(connection, destination, campaign_id, run_id, folder)
    listed = [describe_file(folder, destination.name, part) for part in parts]
    if left_out := _left_out(connection, destination, campaign_id):
        listed[0]["left_out"] = left_out
    return listed


def describe_file(folder: Path, destination: str, part: Part) -> dict[str, Any]:
    """A file as the manifest of its `folder` names it."""
    path = folder / part.file
    return {
        "bytes": path.stat().st_size,
        "destination": destination,
        "file": part.file,
        "rows": part.rows,
        "sha256": sha256(path, folder),
    }


def _write_changes(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaign: Mapping[str, Any],
    run_id: str,
    folder: Path,
) -> dict[str, Any]:
    """One campaign's changes for one destination: its counts, and its files where they are not held back."""
    changes: dict[str, Any] = campaign["changes"][destination.name]
    if "held_back" in changes:
        return {**changes, "files": []}
    parts = write_changes(connection, destination, campaign["campaign_id"], run_id, folder)
    return {**changes, "files": [describe_file(folder, destination.name, part) for part in parts]}


def _left_out(connection: duckdb.DuckDBPyConnection, destination: Destination, campaign_id: str) -> int:
    """The messages of the send list that the destination does not get, because their address gets another one of the campaign."""
    if not destination.one_per_address:
        return 0
    ((left_out,),) = connection.execute(
        "select count(*) - count(distinct lower(address)) from marts.send_list where campaign_id = ?",
        [campaign_id],
    ).fetchall()
    return int(left_out)


def sha256(path: Path, night: Path) -> str:
    """The sha256, in hexadecimal digits, of a file in a night's folder; OSError where it cannot be read."""
    digest = hashlib.sha256()
    with open_file(path, night, MAX_LIST) as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def list_changes(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Per campaign, who is on tonight's list and was not on the campaign's last one (`added`), and the reverse (`removed`)."""
    found = rows(connection, _sql("list_changes"))
    return {row["campaign_id"]: {"added": row["added"], "removed": row["removed"]} for row in found}
