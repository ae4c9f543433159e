"""Temporary files about people, beside the published file and the lists: the lake, previews, left-over builds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sendworthy.foundation.safe_files import remove_folder

# says that a folder is a lake of ours, so that wiping it takes nothing away from anybody
LAKE_MARK = ".sendworthy-lake"

PREVIEWS = "target/preview"


def remove_drops(database: Path) -> None:
    """Remove the typed drops, for a night that keeps none: nobody would see that files are gone, or who is in them. OSError where it cannot."""
    remove_folder(drops_beside(database))


def remove_folded_drops(database: Path) -> None:
    """Remove what nights of version 0.1 kept of old drops in its place. OSError where it cannot."""
    remove_folder(database.parent / ".sendworthy" / f"{database.name}.history")


def lake_of(database: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a night on Spark keeps its tables: SENDWORTHY_LAKE, or beside the published file."""
    given = environment.get("SENDWORTHY_LAKE")
    return (
        Path(given).expanduser().resolve()
        if given
        else database.parent / ".sendworthy" / f"{database.name}.lake"
    )


def drops_beside(database: Path) -> Path:
    """Where nights on DuckDB keep typed drops."""
    return database.parent / ".sendworthy" / f"{database.name}.drops"


def wipe_lake(lake: Path) -> None:
    """Empty a lake of its tables; the folder itself stays, for it may belong to a cluster."""
    for old in lake.iterdir():
        if old.is_dir():
            remove_folder(old)
        else:
            old.unlink()


def remove_previews(project_root: Path) -> None:
    """Remove the pages of `preview`, which show people as they were. OSError where it cannot."""
    remove_folder(project_root / PREVIEWS)


def empty_lake(database: Path) -> None:
    """Remove the tables that a night on Spark left, which have people as they were. OSError where it cannot."""
    lake = lake_of(database)
    if (lake / LAKE_MARK).is_file():
        wipe_lake(lake)
        (lake / LAKE_MARK).touch()
