"""Landing: a drop of message_events for each file of reports, under a name that says which file it was."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from sendworthy.errors import SettingsError
from sendworthy.lasting import flush, swap_in
from sendworthy.warehouse import literal

TABLE = "message_events"


@dataclass
class Drop:
    """The drop of one file of reports: where it lies, or will; `is_there` if it has landed before."""

    path: Path
    is_there: bool
    # a name with a dot in front is nobody's data: the night passes over it
    aside: Path

    @property
    def name(self) -> str:
        """The file's name, the same for the same reports."""
        return self.path.name

    def write(self, connection: duckdb.DuckDBPyConnection, relation: str) -> None:
        """Write a relation's rows aside, whole and flushed; `commit` puts them in place."""
        self.aside.parent.mkdir(exist_ok=True)
        connection.execute(
            f"copy (select * from {relation} order by message_event_id) to {literal(self.aside)} "
            "(format parquet, compression zstd, parquet_version v2, row_group_size 122880)"
        )
        flush(self.aside)

    def discard(self) -> None:
        """Remove what was written aside and not put in place."""
        self.aside.unlink(missing_ok=True)


def check_landing_zone(raw: Path) -> None:
    """SettingsError where a folder of drops cannot stand in the landing zone."""
    if not raw.is_dir():
        raise SettingsError(f"the landing zone {raw} is no folder.", "name it with --raw.")
    for suffix in (".parquet", ".csv"):
        single = raw / f"{TABLE}{suffix}"
        if single.exists():
            raise SettingsError(
                f"{single} is the table's only file, and reports land in a folder {TABLE}/ beside it; "
                "the night refuses a table that is there twice.",
                f"move it into the folder: mkdir {raw / TABLE} && mv {single} {raw / TABLE}/earlier{suffix}",
            )
    folder = raw / TABLE
    if folder.exists() and not folder.is_dir():
        raise SettingsError(f"{folder} is no folder.", "move it away.")
    if not os.access(folder if folder.is_dir() else raw, os.W_OK):
        raise SettingsError(f"{folder} cannot be written to.", "see whose it is, or name another with --raw.")


def digest_of(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def drop_of(raw: Path, source: str, digest: str, landed_on: date) -> Drop:
    """The drop of the file with this digest: where it landed first, or else in the folder of the date."""
    name = f"{source}-{digest[:16]}.parquet"
    folder = raw / TABLE
    landed = sorted(path for path in folder.rglob(name) if path.is_file()) if folder.is_dir() else []
    path = landed[0] if landed else folder / f"landed_on={landed_on.isoformat()}" / name
    return Drop(path, bool(landed), folder / f".{name}")


def commit(drops: Sequence[Drop]) -> None:
    """Put what was written aside in place, each in one step."""
    for drop in drops:
        drop.path.parent.mkdir(exist_ok=True)
        swap_in(drop.aside, drop.path)
    for folder in {drop.path.parent.parent for drop in drops}:
        flush(folder)
