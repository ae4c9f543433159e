"""A night's folder below --out: written aside, put in its place in one step, and what a killed night has left there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sendworthy.lasting import make_folder, swap_in
from sendworthy.lock import hold

MANIFEST = "manifest.json"
_LEFT_BEHIND = re.compile(r"\.(\d{4}-\d{2}-\d{2})\.(writing|retired)")


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Write below `out` alone: whoever writes there for another database is waited for."""
    make_folder(out)
    with hold(out / ".lock", str(out), wait=True):
        yield


def begin_aside(out: Path, date: str) -> Path:
    """An empty folder for the night of `date`, which no reader looks at. What killed nights have left is removed."""
    for path in out.iterdir():
        if _LEFT_BEHIND.fullmatch(path.name):
            shutil.rmtree(path)
    aside = out / f".{date}.writing"
    aside.mkdir()
    return aside


def put_in_place(aside: Path) -> Path:
    """Put a night that is written and flushed in the place of an older one of its date; returns the folder.

    It is never half of one and half of the other. Killed between the two renames, neither is there, and the night can
    be finished (`unfinished`).
    """
    found = _LEFT_BEHIND.fullmatch(aside.name)
    assert found is not None
    folder, retired = aside.with_name(found[1]), aside.with_name(f".{found[1]}.retired")
    if retired.exists():
        shutil.rmtree(retired)
    if folder.exists():
        folder.rename(retired)
    swap_in(aside, folder)
    shutil.rmtree(retired, ignore_errors=True)
    return folder


def unfinished(out: Path, run_id: str | None) -> tuple[Path, dict[str, Any]] | None:
    """The lists of a run that was ended between publishing and delivering: the folder aside, and the manifest.

    They are whole: a manifest is written last, and all of it is flushed before the run is published.
    """
    for path in sorted(out.glob(".*.writing")) if run_id and out.is_dir() else ():
        try:
            manifest = json.loads((path / MANIFEST).read_bytes())
        except (OSError, ValueError):
            continue
        if _LEFT_BEHIND.fullmatch(path.name) and manifest.get("run_id") == run_id:
            return path, manifest
    return None
