"""Files that survive a power cut: they are flushed before they are renamed, and their folders after it."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def flush(path: Path) -> None:
    """Make a file's content, or which names a folder holds, last through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_tree(folder: Path) -> None:
    """The same for a folder and everything below it; a folder comes after what is in it. Only files have a content of their own."""
    for place, _, files in os.walk(folder, topdown=False):
        for path in (Path(place) / name for name in files):
            if stat.S_ISREG(path.lstat().st_mode):
                flush(path)
        flush(Path(place))


def make_folder(folder: Path) -> None:
    """Make a folder, with those above it that are not there, and make it last."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        flush(folder.parent)


def swap_in(staged: Path, place: Path) -> None:
    """Rename what is flushed and lies beside its place into it, and make that last."""
    os.replace(staged, place)
    flush(place.parent)
