"""Writes the lists that ESPs take, and the manifest that vouches for them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery import MANIFEST, begin_aside, only_writer, put_in_place
from sendworthy.errors import SettingsError
from sendworthy.lasting import flush_tree
from sendworthy.warehouse import literal, rows


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
    """Write the lists and the manifest of a night that is published, and put them in their place; returns the manifest's path."""
    with only_writer(out):
        return put_in_place(write_aside(connection, destinations, out, run, campaigns)) / MANIFEST


def write_aside(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    out: Path,
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> Path:
    """Write `<destination>/<campaign_id>.<ext>` for the released campaigns, and the manifest, into a folder aside; returns it.

    Nobody sees it before `put_in_place`, and by then it outlives a power cut. `campaigns`: one mapping each with
    `campaign_id`, `status` (released, held_back) and what else the manifest shall say of it.
    """
    aside = begin_aside(out, str(run["as_of"])[:10])
    try:
        _fill(aside, connection, destinations, run, campaigns)
        flush_tree(aside)
    except BaseException:
        # half a night is of no use to anybody, and the disk may be full of it
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return aside


def _fill(
    aside: Path,
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> None:
    """All lists, and the manifest last."""
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
    (aside / MANIFEST).write_bytes(text.encode())


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
    return {
        "bytes": path.stat().st_size,
        "destination": destination.name,
        "file": list_path(destination, campaign_id),
        "rows": int(result[0][0]),
        "sha256": sha256(path),
    }


def sha256(path: Path) -> str:
    """A file's sha256 in hexadecimal digits; OSError where it cannot be read."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


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
