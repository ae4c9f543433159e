"""Takes erased people out of the lists of older nights; every other row stays as it is, byte for byte."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sendworthy.exports import DESTINATIONS, MANIFEST, Destination, replace_folder, write_through
from sendworthy.manifest import ListedCampaign, Manifest, UnknownForm, read_manifest

# which people each night's lists were searched for; only with a key, see `_mark`
SEARCHED = ".erasures.json"

_NIGHT = re.compile(r"\d{4}-\d{2}-\d{2}")
_ASIDE = re.compile(r"\.(\d{4}-\d{2}-\d{2})\.(writing|retired)")


@dataclass(frozen=True)
class Forgotten:
    """What was done: rows taken out of all files, nights that had any, and what could not be looked at, in words."""

    rows: int
    nights: Sequence[str]
    problems: Sequence[str]


def nights_in(out: Path) -> list[Path]:
    """The folders of nights, oldest first; what a crash left half done is finished or put back before."""
    if not out.is_dir():
        return []
    _mend(out)
    return sorted(path for path in out.iterdir() if _NIGHT.fullmatch(path.name) and path.is_dir())


def forget(out: Path, users: Collection[str], key: bytes | None) -> Forgotten:
    """Take people out of every night's lists below `out`. Can be interrupted at any time and run again."""
    if not users:
        return Forgotten(0, [], [])
    mark = _mark(users, key)
    searched = _read_searched(out) if mark else {}
    still = {}
    rows, nights, problems = 0, [], []
    for night in nights_in(out):
        try:
            if mark is None or searched.get(night.name) != [mark, _digest(night / MANIFEST)]:
                taken = _forget_in_night(night, users)
                rows += taken
                nights += [night.name] if taken else []
            if mark:
                still[night.name] = [mark, _digest(night / MANIFEST)]
        except UnknownForm:
            problems.append(f"{night / MANIFEST}: it is not one that this version writes")
        except _Unreadable as error:
            problems.append(f"{night / str(error)}: it cannot be read as the list that its manifest names")
        except OSError as error:
            problems.append(f"{night}: {error.strerror or type(error).__name__}")
    if mark and still != searched:
        _write_searched(out, still)
    return Forgotten(rows, nights, problems)


class _Unreadable(Exception):
    """A list that is no CSV of its destination; the words are its path in the manifest."""


def _mark(users: Collection[str], key: bytes | None) -> str | None:
    """What says that a folder was searched for just these people; without a key it could be undone by trying."""
    if key is None:
        return None
    return hmac.digest(key, json.dumps(sorted(users)).encode(), hashlib.sha256).hex()


def _digest(manifest: Path) -> str:
    return hashlib.sha256(manifest.read_bytes()).hexdigest()


def _read_searched(out: Path) -> dict[str, list[str]]:
    try:
        read = json.loads((out / SEARCHED).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return read if isinstance(read, dict) else {}


def _write_searched(out: Path, searched: dict[str, list[str]]) -> None:
    aside = out / f"{SEARCHED}.writing"
    with suppress(OSError):  # then the next night searches once more
        write_through(aside, (json.dumps(searched, indent=2, sort_keys=True) + "\n").encode())
        os.replace(aside, out / SEARCHED)


def _mend(out: Path) -> None:
    """A night's folder is swapped in two renames: finish or undo what a crash has left between them."""
    found = [(match[1], match[2]) for path in out.iterdir() if (match := _ASIDE.fullmatch(path.name))]
    for date in sorted({date for date, _ in found}):
        folder, aside, retired = out / date, out / f".{date}.writing", out / f".{date}.retired"
        if not folder.exists():
            # the manifest is written last
            whole = aside if (aside / MANIFEST).is_file() else retired
            if whole.exists():
                whole.rename(folder)
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(retired, ignore_errors=True)


def _forget_in_night(night: Path, users: Collection[str]) -> int:
    """Rewrite one night's folder without these people; returns the rows that went. UnknownForm, _Unreadable, OSError."""
    manifest, plain = read_manifest(night / MANIFEST)
    changed = {}
    for campaign, file in manifest.files:
        path = night / file.file
        # a file that is not there holds nobody; that it should be there is for `verify` to say
        if path.is_file():
            kept, taken = _without(path, DESTINATIONS[file.destination], campaign, manifest, users, file.file)
            if taken:
                changed[file.file] = (kept, taken)
    if not changed:
        return 0
    aside = night.with_name(f".{night.name}.writing")
    shutil.rmtree(aside, ignore_errors=True)
    written = {*changed, MANIFEST}
    shutil.copytree(
        night,
        aside,
        symlinks=True,
        copy_function=_link,
        ignore=lambda place, names: [
            name for name in names if (Path(place) / name).relative_to(night).as_posix() in written
        ],
    )
    for name, (kept, _) in changed.items():
        _write_like(night / name, aside / name, kept)
    for entry in plain["campaigns"]:
        _recount(entry, changed)
    text = json.dumps(plain, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    # the last one: `_mend` takes a folder with a manifest for a whole one
    unfinished = aside / f".{MANIFEST}"
    _write_like(night / MANIFEST, unfinished, text.encode())
    unfinished.rename(aside / MANIFEST)
    replace_folder(aside, night)
    return sum(taken for _, taken in changed.values())


def _link(source: str, target: str) -> None:
    """The same file once more: nothing is copied, and it cannot be half there after a power cut."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _write_like(old: Path, new: Path, content: bytes) -> None:
    """Write a file that whoever may read the old one may read."""
    write_through(new, content)
    shutil.copystat(old, new)
    with suppress(OSError):
        os.chown(new, -1, old.stat().st_gid)


def _recount(entry: dict[str, Any], changed: dict[str, tuple[bytes, int]]) -> None:
    """Bring a campaign's entry in the manifest in line with its files."""
    most = 0
    for file in entry["files"]:
        if file["file"] in changed:
            kept, taken = changed[file["file"]]
            file["rows"] -= taken
            file["sha256"] = hashlib.sha256(kept).hexdigest()
            if file.get("bytes") is not None:
                file["bytes"] = len(kept)
            most = max(most, taken)
    if most:
        entry["rows"] -= most
        entry["erased"] = entry.get("erased", 0) + most


def _without(
    path: Path,
    destination: Destination,
    campaign: ListedCampaign,
    manifest: Manifest,
    users: Collection[str],
    name: str,
) -> tuple[bytes, int]:
    """A file's bytes without the rows of these people, and how many there were."""
    if destination.user_column:
        column, theirs = destination.user_column, frozenset(users)
    else:
        column = destination.message_column
        theirs = frozenset(
            hashlib.md5(f"{campaign.campaign_id}:{user}:{manifest.as_of[:10]}".encode()).hexdigest()
            for user in users
        )
    try:
        rows = csv_rows(path.read_bytes())
        header, cells = next(rows, (b"", []))
        place = cells.index(column)
        kept, taken = [header], 0
        for raw, values in rows:
            if len(values) > place and values[place] in theirs:
                taken += 1
            else:
                kept.append(raw)
    except (csv.Error, ValueError):
        raise _Unreadable(name) from None
    return b"".join(kept), taken


def csv_rows(content: bytes) -> Iterator[tuple[bytes, list[str]]]:
    """Each row of a CSV file, the header too: its bytes with the line end, and its values. csv.Error, UnicodeDecodeError."""
    csv.field_size_limit(sys.maxsize)
    read: list[str] = []

    def lines() -> Iterator[str]:
        for line in io.StringIO(content.decode("utf-8"), newline=""):
            read.append(line)
            yield line

    for number, values in enumerate(csv.reader(lines(), strict=True)):
        raw = "".join(read)
        read.clear()
        if number == 0 and values:
            values[0] = values[0].removeprefix("\ufeff")
        yield raw.encode("utf-8"), values
