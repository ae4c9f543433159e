"""A folder below --out, a night's or its cancellations': written aside, put in its place in one step, and what a killed night has left there."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sendworthy.lasting import flush_tree, make_folder, swap_in
from sendworthy.lock import hold

MANIFEST = "manifest.json"
_CANCELLATIONS = re.compile(r"(\d{4}-\d{2}-\d{2})\.cancellations")
_LEFT_BEHIND = re.compile(r"\.(\d{4}-\d{2}-\d{2}(?:\.cancellations)?)\.(writing|retired)")


def manifest_bytes(manifest: Mapping[str, Any]) -> bytes:
    """What the file of a manifest holds: the same bytes for the same values."""
    return (json.dumps(manifest, indent=2, ensure_ascii=False, sort_keys=True) + "\n").encode()


def night_folder(out: Path, run: Mapping[str, Any]) -> Path:
    """Where the lists of a run (with its `as_of`) are, or are going to be."""
    return out / str(run["as_of"])[:10]


def cancellations_of(date: str) -> str:
    """The name of the folder, beside a night's, of what was taken back from it."""
    return f"{date}.cancellations"


def is_cancellations(folder: Path) -> bool:
    """Whether a folder is called like one of what was taken back."""
    return _CANCELLATIONS.fullmatch(folder.name) is not None


def cancellations_in(out: Path) -> dict[Path, str]:
    """The folders of what was taken back, each with the date of its night."""
    found = {path: _CANCELLATIONS.fullmatch(path.name) for path in out.iterdir()} if out.is_dir() else {}
    return {path: match[1] for path, match in sorted(found.items()) if match and path.is_dir()}


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Write below `out` alone: whoever writes there for another database is waited for."""
    make_folder(out)
    with hold(out / ".lock", str(out), wait=True):
        yield


@contextmanager
def writing_aside(out: Path, name: str) -> Iterator[Path]:
    """Fill a folder for what is going to be `name`, which no reader looks at: the date of a night, or its cancellations.

    It is empty, outlives a power cut once it is filled, and is gone where filling it fails. What killed nights have left
    is removed; beside a night's cancellations it stays, for the night may still be delivered.
    """
    for path in out.iterdir():
        left = _LEFT_BEHIND.fullmatch(path.name)
        if left and (left[1] == name or not _CANCELLATIONS.fullmatch(name)):
            shutil.rmtree(path)
    aside = out / f".{name}.writing"
    aside.mkdir()
    try:
        yield aside
        flush_tree(aside)
    except BaseException:
        # half a night is of no use to anybody, and the disk may be full of it
        shutil.rmtree(aside, ignore_errors=True)
        raise


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
        left = _LEFT_BEHIND.fullmatch(path.name)
        if left and not _CANCELLATIONS.fullmatch(left[1]) and manifest.get("run_id") == run_id:
            return path, manifest
    return None
