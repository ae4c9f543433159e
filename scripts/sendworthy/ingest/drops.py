"""Landing: a drop of message_events for each file of reports, and a file of what it could not land, each named after its content."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import duckdb

from sendworthy.foundation.durable_files import flush, swap_in
from sendworthy.foundation.errors import SettingsError
from sendworthy.warehouse.statements import literal

TABLE = "message_events"
# beside the tables of the landing zone, and none of them: no night reads it
KEPT = "kept_reports"

_DROP_OPTIONS = "format parquet, compression zstd, parquet_version v2, row_group_size 122880"
_KEPT_OPTIONS = "format json, compression uncompressed"


@dataclass(frozen=True)
class StagedFile:
    """A file that is written beside its place, whole and flushed, and promoted to it later."""

    path: Path
    # a name with a dot in front is nobody's data: the night passes over it
    staged: Path

    @property
    def is_there(self) -> bool:
        """Whether a file of this name has been promoted before."""
        return self.path.exists()

    def write(self, connection: duckdb.DuckDBPyConnection, rows_sql: str) -> None:
        """Write a query's rows beside the file's place."""
        self.staged.parent.mkdir(exist_ok=True)
        options = _DROP_OPTIONS if self.path.suffix == ".parquet" else _KEPT_OPTIONS
        connection.execute(f"copy ({rows_sql}) to {literal(self.staged)} ({options})")
        flush(self.staged)

    def promote(self) -> None:
        """Promote what was written, in one step."""
        self.path.parent.mkdir(exist_ok=True)
        swap_in(self.staged, self.path)

    def discard(self) -> None:
        """Remove what was written and not promoted."""
        self.staged.unlink(missing_ok=True)


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
    for folder in (raw / TABLE, raw / KEPT):
        if folder.exists() and not folder.is_dir():
            raise SettingsError(f"{folder} is no folder.", "move it away.")
        writable = folder if folder.is_dir() else raw
        # most runs keep nothing, and need no folder for it
        if not os.access(writable, os.W_OK) and (folder.is_dir() or folder.name == TABLE):
            raise SettingsError(
                f"{folder} cannot be written to.", "see whose it is, or name another with --raw."
            )


def digest_of(path: Path) -> str:
    """The sha256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def drop_of(raw: Path, source: str, digest: str, landed_on: date) -> StagedFile:
    """The drop of the file with this digest: where it landed first, or else in the folder of the date."""
    name = f"{source}-{digest[:16]}.parquet"
    folder = raw / TABLE
    landed = sorted(path for path in folder.rglob(name) if path.is_file()) if folder.is_dir() else []
    path = landed[0] if landed else folder / f"landed_on={landed_on.isoformat()}" / name
    return StagedFile(path, folder / f".{name}")


def date_of(drop: StagedFile, otherwise: date) -> date:
    """The date of the folder that a drop stands in."""
    try:
        return datetime.strptime(drop.path.parent.name, "landed_on=%Y-%m-%d").date()
    except ValueError:
        return otherwise


def kept_of(raw: Path, source: str, digest: str) -> StagedFile:
    """Where the reports are kept that the file with this digest could not land."""
    name = f"{source}-{digest[:16]}.jsonl"
    return StagedFile(raw / KEPT / name, raw / KEPT / f".{name}")


def kept_files(raw: Path, source: str) -> list[Path]:
    """What earlier runs have kept of a source, in order."""
    return sorted((raw / KEPT).glob(f"{source}-*.jsonl"))


def promote_all(files: Sequence[StagedFile]) -> None:
    """Promote files, one after the other; each outlives a power cut."""
    for file in files:
        file.promote()
    for folder in {file.path.parent.parent for file in files}:
        flush(folder)
