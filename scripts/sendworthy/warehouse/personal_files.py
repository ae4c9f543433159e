"""Temporary files about people, beside the published file and the lists: the lake, previews, left-over builds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from sendworthy.foundation.safe_files import remove_folder

# says that a folder is a lake of ours, so that wiping it takes nothing away from anybody
LAKE_MARK = ".sendworthy-lake"

PREVIEWS = "target/preview"

# in a lake, the typed drops of nights on Spark: they outlive the lake's tables
_DROPS = "drops"


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


def drops_in(lake: Path) -> Path:
    """Where nights on Spark keep the same: where all of a cluster sees it."""
    return lake / _DROPS


def places_of_drops(database: Path) -> list[Path]:
    """Where nights of any engine may have kept typed drops; a lake that no night has made is somebody's own."""
    lake = lake_of(database)
    return [drops_beside(database), *([drops_in(lake)] if (lake / LAKE_MARK).is_file() else [])]


def wipe_lake(lake: Path) -> None:
    """Empty a lake of its tables; the folder itself stays, for it may belong to a cluster, and so do its typed drops."""
    for old in lake.iterdir():
        if old == drops_in(lake):
            continue
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
