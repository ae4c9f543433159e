"""Writes the lists that ESPs take, and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.errors import SettingsError
from sendworthy.warehouse import fsync_folder, literal, rows

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Destination:
    """Where lists go: the export model with its exact columns, and which of them say what `sendworthy verify` looks at.

    A destination may have no column for the user, the variant or one of the times; then that is not looked at.
    """

    name: str
    model: str
    campaign_column: str
    message_column: str
    extension: str = "csv"
    user_column: str | None = None
    variant_column: str | None = None
    send_at_column: str | None = None
    valid_until_column: str | None = None


DESTINATIONS = {
    destination.name: destination
    for destination in (
        Destination(
            "generic",
            "exports.export_generic",
            campaign_column="campaign_id",
            message_column="dispatch_id",
            user_column="user_id",
            variant_column="variant",
            send_at_column="send_at",
            valid_until_column="valid_until",
        ),
        Destination(
            "braze",
            "exports.export_braze",
            campaign_column="sendworthy_campaign_id",
            message_column="sendworthy_dispatch_id",
            user_column="external_id",
            variant_column="sendworthy_variant",
            send_at_column="sendworthy_send_at",
            valid_until_column="sendworthy_valid_until",
        ),
    )
}


def list_path(destination: Destination, campaign_id: str) -> str:
    """Where a campaign's list lies below the night's folder."""
    return f"{destination.name}/{campaign_id}.{destination.extension}"


def choose_destinations(names: Sequence[str]) -> list[Destination]:
    """The named destinations, or all; SettingsError for one that is not there."""
    unknown = [name for name in names if name not in DESTINATIONS]
    if unknown:
        raise SettingsError(
            f"there is no destination {unknown[0]!r}.",
            f"choose among {', '.join(sorted(DESTINATIONS))} with --destination.",
        )
    return [DESTINATIONS[name] for name in dict.fromkeys(names)] if names else list(DESTINATIONS.values())


def export_night(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    out: Path,
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> Path:
    """Write `<out>/<YYYY-MM-DD>/<destination>/<campaign_id>.<ext>` for the released campaigns, and the manifest.

    The night's folder is written aside and put in the place of an older one of the same date, so that it is never half
    of one and half of the other. Returns the manifest's path. `campaigns`: one mapping each with `campaign_id`,
    `status` (released, held_back) and what else the manifest shall say of it.
    """
    date = str(run["as_of"])[:10]
    folder, aside = out / date, out / f".{date}.writing"
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    listed = []
    for campaign in campaigns:
        files = []
        if campaign["status"] == "released":
            files = [
                _write_list(connection, destination, campaign["campaign_id"], aside)
                for destination in destinations
            ]
        listed.append({**campaign, "files": files})
    manifest = {**run, "campaigns": listed}
    text = json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    write_through(aside / MANIFEST, text.encode())
    replace_folder(aside, folder)
    return folder / MANIFEST


def _write_list(
    connection: duckdb.DuckDBPyConnection, destination: Destination, campaign_id: str, folder: Path
) -> dict[str, Any]:
    """One campaign's file for one destination: its path below the night's folder, rows, bytes and sha256."""
    path = folder / list_path(destination, campaign_id)
    path.parent.mkdir(exist_ok=True)
    result = connection.execute(
        f"""
        copy (
            select * from {destination.model}
            where {destination.campaign_column} = '{campaign_id}'
            order by {destination.message_column}
        ) to {literal(path)} (format csv, header true, delimiter ',')
        """
    ).fetchall()
    digest = sha256(path)
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return {
        "bytes": path.stat().st_size,
        "destination": destination.name,
        "file": list_path(destination, campaign_id),
        "rows": int(result[0][0]),
        "sha256": digest,
    }


def sha256(path: Path) -> str:
    """A file's sha256 in hexadecimal digits; OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def write_through(path: Path, content: bytes) -> None:
    """Write a file so that it lasts through a power cut."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_folder(aside: Path, folder: Path) -> None:
    """Put the folder that was written aside in the place of the one that may be there."""
    retired = folder.with_name(f".{folder.name}.retired")
    shutil.rmtree(retired, ignore_errors=True)
    if folder.exists():
        folder.rename(retired)
    aside.rename(folder)
    fsync_folder(folder.parent)
    shutil.rmtree(retired, ignore_errors=True)


def list_changes(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str, int]]:
    """Per campaign, who is on tonight's list and was not on the campaign's last one (`added`), and the reverse (`removed`)."""
    found = rows(
        connection,
        """
        with tonight as (select campaign_id, user_id from marts.send_list),
        night as (select as_of from intermediate.int_nights__as_of),
        -- a list without a message is a list too; a list that was held back is none
        last_nights as (
            select campaign_id, max(as_of) as as_of
            from ops.runs
            where as_of < (select as_of from night) and status = 'released'
            group by campaign_id
        ),
        last_lists as (
            select dispatches.campaign_id, dispatches.user_id
            from ledger.dispatches as dispatches
            inner join last_nights using (campaign_id, as_of)
        )
        select
            campaign_id,
            count(*) filter (where last_lists.user_id is null) as added,
            count(*) filter (where tonight.user_id is null) as removed
        from tonight
        full outer join last_lists using (campaign_id, user_id)
        group by campaign_id
        """,
    )
    return {row["campaign_id"]: {"added": row["added"], "removed": row["removed"]} for row in found}
