"""A folder below --out, a night's or its cancellations': staged, promoted in one step, and what a killed night has left there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sendworthy.foundation import night_folders
from sendworthy.foundation.durable_files import flush_tree, make_folder, swap_in
from sendworthy.foundation.file_lock import hold
from sendworthy.foundation.night_folders import NightFolder
from sendworthy.foundation.safe_files import MAX_MANIFEST, read_file, remove_folder

MANIFEST = "manifest.json"


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
    parsed = night_folders.parse_name(folder)
    return parsed is not None and parsed[1:] == (True, "")


def cancellations_in(out: Path) -> dict[Path, str]:
    """The folders of what was taken back, each with the date of its night."""
    return {
        found.path: found.date
        for found in night_folders.walk(out)
        if found.is_cancellations and not found.state and not found.is_link
    }


@contextmanager
def only_writer(out: Path) -> Iterator[None]:
    """Write below `out` alone: whoever writes there for another database is waited for."""
    make_folder(out)
    with hold(out / ".lock", str(out), wait=True):
        yield


@contextmanager
def staged_folder(out: Path, name: str) -> Iterator[Path]:
    """Fill a folder for what is going to be `name`, which no reader looks at: the date of a night, or its cancellations.

    It is empty, outlives a power cut once it is filled, and is gone where filling it fails. What killed nights have left
    is removed; beside a night's cancellations it stays, for the night may still be delivered.
    """
    night_folders.refuse_link(out / name)
    for left in _left_behind(out):
        if left.name == name or not is_cancellations(out / name):
            remove_folder(left.path)
    staged = out / f".{name}.writing"
    staged.mkdir()
    try:
        yield staged
        flush_tree(staged)
    except BaseException:
        # half a night is of no use to anybody, and the disk may be full of it
        remove_folder(staged, ignore_errors=True)
        raise


def _left_behind(out: Path) -> list[NightFolder]:
    """What killed nights have left of staging a folder, or of promoting it."""
    return [found for found in night_folders.walk(out) if found.state in ("writing", "retired")]


def promote(staged: Path) -> Path:
    """Promote a night that is written and flushed, replacing an older one of its date; returns the folder.

    It is never half of one and half of the other. Killed between the two renames, neither is there, and the night can
    be finished (`unfinished`).
    """
    name = staged.name.removeprefix(".").removesuffix(".writing")
    folder, retired = staged.with_name(name), staged.with_name(f".{name}.retired")
    night_folders.refuse_link(folder)
    remove_folder(retired)
    if folder.exists():
        folder.rename(retired)
    swap_in(staged, folder)
    remove_folder(retired, ignore_errors=True)
    return folder


def unfinished(out: Path, run_id: str | None) -> tuple[Path, dict[str, Any]] | None:
    """The lists of a run that was ended between publishing and delivering: the staging folder, and the manifest.

    They are whole: a manifest is written last, and all of it is flushed before the run is published.
    """
    for left in _left_behind(out) if run_id else ():
        if left.state != "writing" or left.is_cancellations or left.is_link:
            continue
        try:
            manifest = json.loads(read_file(left.path / MANIFEST, left.path, MAX_MANIFEST))
            if manifest["run_id"] == run_id:
                return left.path, manifest
        except (OSError, ValueError, TypeError, KeyError):
            continue
    return None
