"""What lies about a person beside the published file and the lists, and is not needed any more."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# says that a folder is a lake of ours, so that wiping it takes nothing away from anybody
LAKE_MARK = ".sendworthy-lake"

PREVIEWS = "target/preview"


def lake_of(database: Path, environment: Mapping[str, str] = os.environ) -> Path:
    """Where a night on Spark keeps its tables: SENDWORTHY_LAKE, or beside the published file."""
    given = environment.get("SENDWORTHY_LAKE")
    return (
        Path(given).expanduser().resolve()
        if given
        else database.parent / ".sendworthy" / f"{database.name}.lake"
    )


def wipe_lake(lake: Path) -> None:
    """Empty a lake; the folder itself stays, for it may belong to a cluster."""
    for old in lake.iterdir():
        if old.is_dir() and not old.is_symlink():
            shutil.rmtree(old)
        else:
            old.unlink()


def clear_away(project_root: Path, database: Path) -> None:
    """Remove the pages of `preview` and what a night on Spark left: both show people as they were. OSError where it cannot."""
    previews = project_root / PREVIEWS
    if previews.is_dir():
        shutil.rmtree(previews)
    lake = lake_of(database)
    if (lake / LAKE_MARK).is_file():
        wipe_lake(lake)
        (lake / LAKE_MARK).touch()
