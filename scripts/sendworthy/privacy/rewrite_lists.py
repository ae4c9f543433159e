"""Takes erased people out of the lists of older nights; every other row stays as it is, byte for byte."""

from __future__ import annotations

import csv
import glob
import hashlib
import io
import json
import os
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.delivery.manifest import UnknownForm, read_manifest
from sendworthy.delivery.staging_folder import MANIFEST, cancellations_in, manifest_bytes
from sendworthy.foundation import night_folders
from sendworthy.foundation.durable_files import flush, flush_tree, swap_in
from sendworthy.foundation.safe_files import (
    MAX_LIST,
    MAX_MANIFEST,
    UnsafeFile,
    is_safe,
    read_file,
    remove_folder,
    special_files,
    write_file,
)
from sendworthy.settings.destinations import Envelope, Form
from sendworthy.warehouse.database_file import closing
from sendworthy.warehouse.statements import identifier, literal

# which nights were searched, see `Since`; it says nothing about anybody
SEARCHED = ".erasures.json"

# so many words are looked for one by one sooner than among all words of a file
_FEW = 40


@dataclass(frozen=True)
class Forgotten:
    """What was done: rows taken out of all files, nights that had any, and what could not be looked at, in words."""

    rows: int
    nights: Sequence[str]
    problems: Sequence[str]


@dataclass(frozen=True)
class Since:
    """What need not be searched again.

    Tonight's own lists (`run`) hold nobody. Where `run_before` has searched all lists, those that are as it left them hold nobody
    but people whom the ledgers named until tonight (`users`), if the ledgers know all of them: those of `runs`, as far back as the
    ledgers reach (`ledgers_from`, the oldest night of theirs).
    """

    run: str
    run_before: str | None
    runs: Collection[str]
    users: Collection[str]
    ledgers_from: date | None


def nights_in(out: Path) -> list[Path]:
    """The folders of nights, oldest first; what a crash left half done is finished or put back before."""
    _finish_swaps(out)
    return night_folders.nights(out)


def forget(out: Path, users: Collection[str], since: Since | None = None) -> Forgotten:
    """Take people out of every night's lists below `out`. Can be interrupted at any time and run again."""
    if not users:
        return Forgotten(0, [], [])
    problems = [f"{link}: it is a link" for link in night_folders.links(out)]
    problems += _remove_cancellations(out)
    searched = _read_searched(out, since.run_before) if since and since.run_before else {}
    still = {}
    rows, nights = 0, []
    for night in nights_in(out):
        try:
            left = _who_may_be_in(night, users, since, searched)
            if left and (taken := _forget_in_night(night, left)):
                rows += taken
                nights.append(night.name)
            unsearched = (
                [f"{night / name}: it is {kind}" for name, kind in special_files(night)] if left else []
            )
            if not unsearched:
                still[night.name] = _digest(night)
            problems += unsearched
        except UnknownForm:
            problems.append(f"{night / MANIFEST}: it is not one that this version writes")
        except _Unreadable as error:
            problems.append(f"{night / str(error)}: it cannot be read as the list that its manifest names")
        except UnsafeFile as error:
            problems.append(f"{error.filename}: {error.strerror}")
        except OSError as error:
            problems.append(f"{night}: {error.strerror or type(error).__name__}")
    if since:
        _write_searched(out, {"run": since.run, "nights": still})
    return Forgotten(rows, nights, problems)


def _remove_cancellations(out: Path) -> list[str]:
    """Remove what was taken back from nights: it names people, some under no dispatch id, and was for the hours after its night.

    Returns what could not be removed, in words. The ledger keeps what was taken back, and `sendworthy cancellations` writes the
    files of the published night again.
    """
    problems = []
    for folder in cancellations_in(out):
        try:
            remove_folder(folder)
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or type(error).__name__}")
    return problems


class _Unreadable(Exception):
    """A list that is no CSV of its destination; the words are its path in the manifest."""


def _who_may_be_in(
    night: Path, users: Collection[str], since: Since | None, searched: Mapping[str, str]
) -> Collection[str]:
    """Which of the people a night's lists have to be searched for."""
    if since is None:
        return users
    manifest = read_file(night / MANIFEST, night, MAX_MANIFEST)
    try:
        run = json.loads(manifest)["run_id"]
    except (ValueError, TypeError, KeyError):
        return users
    if run == since.run:
        return ()
    is_known = since.ledgers_from is not None and night.name >= since.ledgers_from.isoformat()
    is_as_it_was = searched.get(night.name) == hashlib.sha256(manifest).hexdigest()
    return since.users if is_known and is_as_it_was and run in since.runs else users


def _digest(night: Path) -> str:
    return hashlib.sha256(read_file(night / MANIFEST, night, MAX_MANIFEST)).hexdigest()


def _read_searched(out: Path, run: str) -> dict[str, str]:
    """By night, the digest of its manifest when a run had searched it; empty where another run was the last to search."""
    try:
        read = json.loads(read_file(out / SEARCHED, out, MAX_MANIFEST))
        return dict(read["nights"]) if read["run"] == run else {}
    except (OSError, ValueError, TypeError, KeyError):
        return {}


def _write_searched(out: Path, searched: Mapping[str, Any]) -> None:
    staged = out / f"{SEARCHED}.writing"
    with suppress(OSError):  # then the next night searches once more
        write_file(staged, (json.dumps(searched, indent=2, sort_keys=True) + "\n").encode())
        flush(staged)
        swap_in(staged, out / SEARCHED)


def _finish_swaps(out: Path) -> None:
    """A night's folder is swapped in two renames: finish or undo what a crash has left between them.

    What is left of a night that is being delivered is not touched: `delivery` takes that away.
    """
    left = [found for found in night_folders.walk(out) if found.state in ("erasing", "replaced")]
    for found in left:
        if found.is_link:
            remove_folder(found.path)
    for name in sorted({found.date for found in left if not found.is_link}):
        folder, staged, replaced = out / name, out / f".{name}.erasing", out / f".{name}.replaced"
        whole = staged if (staged / MANIFEST).is_file() else replaced
        if not folder.exists() and whole.exists():
            swap_in(whole, folder)
        remove_folder(staged, ignore_errors=True)
        remove_folder(replaced, ignore_errors=True)


def _forget_in_night(night: Path, users: Collection[str]) -> int:
    """Rewrite one night's folder without these people; returns the rows that went. UnknownForm, _Unreadable, OSError."""
    manifest, plain = read_manifest(night / MANIFEST)
    changed = {}
    for campaign, file in manifest.everything:
        path = night / file.file
        ids = {
            hashlib.md5(f"{campaign.campaign_id}:{user}:{manifest.as_of[:10]}".encode()).hexdigest()
            for user in users
        }
        # a file that is not there holds nobody; that it should be there is for `verify` to say
        if is_safe(path, night, MAX_LIST):
            try:
                form = manifest.forms[file.destination]
                if file in campaign.files:
                    kept, taken = without(path, form, ids)
                else:
                    kept, taken = without(path, by_user(form), set(users))
            except (csv.Error, ValueError, KeyError, duckdb.Error):
                raise _Unreadable(file.file) from None
            if taken:
                changed[file.file] = (kept, taken)
    if not changed:
        return 0
    staged = night.with_name(f".{night.name}.erasing")
    remove_folder(staged)
    written = {*changed, MANIFEST}
    shutil.copytree(
        night,
        staged,
        symlinks=True,
        copy_function=_link,
        ignore=lambda place, names: [
            name for name in names if (Path(place) / name).relative_to(night).as_posix() in written
        ],
    )
    for name, (kept, _) in changed.items():
        _write_like(night / name, staged / name, kept)
    for entry in plain["campaigns"]:
        _recount(entry, changed)
    _write_like(night / MANIFEST, staged / MANIFEST, manifest_bytes(plain))
    flush_tree(staged)
    replaced = night.with_name(f".{night.name}.replaced")
    night.rename(replaced)
    swap_in(staged, night)
    remove_folder(replaced, ignore_errors=True)
    return sum(taken for _, taken in changed.values())


def _link(source: str, target: str) -> None:
    """The same file once more: nothing is copied, and it cannot be half there after a power cut."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def _write_like(old: Path, new: Path, content: bytes) -> None:
    """Write a file that whoever may read the old one may read."""
    new.write_bytes(content)
    shutil.copystat(old, new)
    with suppress(OSError):
        os.chown(new, -1, old.stat().st_gid)


def _recount(entry: dict[str, Any], changed: dict[str, tuple[bytes, int]]) -> None:
    """Bring a campaign's entry in the manifest in line with its files."""
    taken_of: Counter[str] = Counter()
    for file in entry["files"]:
        if file["file"] in changed:
            taken_of[file["destination"]] += _recount_file(file, *changed[file["file"]])
    most = max(taken_of.values(), default=0)
    for file in entry["files"]:
        # who was left out there because somebody else has the address, was nowhere in its files
        if missing := min(most - taken_of[file["destination"]], file.get("left_out", 0)):
            file["left_out"] -= missing
    for change in entry.get("changes", {}).values():
        for file in change["files"]:
            if file["file"] in changed:
                change["erased"] = change.get("erased", 0) + _recount_file(file, *changed[file["file"]])
    if most:
        entry["rows"] -= most
        entry["erased"] = entry.get("erased", 0) + most


def _recount_file(file: dict[str, Any], kept: bytes, taken: int) -> int:
    """Bring a file's entry in line with what is left of it; returns the rows that went."""
    file["rows"] -= taken
    file["sha256"] = hashlib.sha256(kept).hexdigest()
    if file.get("bytes") is not None:
        file["bytes"] = len(kept)
    return taken


def by_user(form: Form) -> Form:
    """The form of the same files, in which a row is found by its user: one that takes somebody off a list has no message."""
    return form.model_copy(update={"says": form.says.model_copy(update={"message": form.says.user})})


def without(path: Path, form: Form, ids: Collection[str]) -> tuple[bytes, int]:
    """A file's bytes without the messages of these dispatch ids, and how many there were; every other row keeps its bytes.

    ValueError, KeyError, csv.Error or duckdb.Error where it is no list of its destination.
    """
    if form.format == "parquet":
        return _parquet_without(path, form, ids)
    content = path.read_bytes()
    if not _may_hold(content.decode("utf-8"), ids):
        return content, 0
    names = form.says.message.split(".")
    if form.format == "csv":
        return _csv_without(content, names, ids)
    kept, taken = [], 0
    for line in content.splitlines(keepends=True):
        if form.envelope is not None:
            left, gone = _request_without(line.decode("utf-8"), form.envelope, names, ids)
        else:
            gone = _said(json.loads(line), names) in ids
            left = b"" if gone else line
        kept.append(left)
        taken += int(gone)
    return b"".join(kept), taken


def _may_hold(text: str, ids: Collection[str]) -> bool:
    """Whether a file has to be read row by row: most hold none of these people, and a look at its words is quick.

    An id stands there as a whole value, so that its first word does not go on to the left or right of it.
    """
    first = [re.search(r"\w+", name) for name in ids]
    # an id may be written otherwise in JSON
    if any(word is None for word in first) or any(mark in name for name in ids for mark in '"\\'):
        return True
    words = {word[0] for word in first if word}
    if len(words) <= _FEW:
        return any(word in text for word in words)
    return not words.isdisjoint(re.findall(r"\w+", text))


def _said(value: Any, names: Sequence[str]) -> Any:
    """What a row says in a place: JSON may be a text in JSON."""
    for name in names:
        if isinstance(value, str):
            value = json.loads(value)
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _csv_without(content: bytes, names: Sequence[str], ids: Collection[str]) -> tuple[bytes, int]:
    rows = csv_rows(content)
    header, cells = next(rows, (b"", []))
    place = cells.index(names[0])
    kept, taken = [header], 0
    for raw, values in rows:
        if len(values) > place and _said(values[place], names[1:]) in ids:
            taken += 1
        else:
            kept.append(raw)
    return b"".join(kept), taken


def _request_without(
    line: str, envelope: Envelope, names: Sequence[str], ids: Collection[str]
) -> tuple[bytes, int]:
    """A request without these messages, as `list_files` writes it; nothing, where none is left."""
    begin = f"{{{json.dumps(envelope.items)}: ["
    if not line.startswith(begin):
        raise ValueError(line[:0])
    decoder = json.JSONDecoder()
    place, kept, taken = len(begin), [], 0
    while line[place : place + 1] != "]":
        item, end = decoder.raw_decode(line, place)
        if _said(item, names) in ids:
            taken += 1
        else:
            kept.append(line[place:end])
        place = end + (2 if line.startswith(", ", end) else 0)
    return (begin + ", ".join(kept) + line[place:]).encode() if kept else b"", taken


def _parquet_without(path: Path, form: Form, ids: Collection[str]) -> tuple[bytes, int]:
    column, *inner = form.says.message.split(".")
    value: str = identifier(column)
    for name in inner:
        value = f"json_extract_string({value}, {literal(f'$.{identifier(name)}')})"
    theirs = f"coalesce(list_contains(?, {value}::varchar), false)"
    source = f"read_parquet({literal(glob.escape(str(path)))})"
    with (
        closing(duckdb.connect()) as connection,
        tempfile.TemporaryDirectory(prefix="sendworthy-erase-") as folder,
    ):
        ((taken,),) = connection.execute(
            f"select count(*) from {source} where {theirs}", [sorted(ids)]
        ).fetchall()
        if not taken:
            return b"", 0
        staged = Path(folder) / "list.parquet"
        connection.execute(
            f"copy (select * from {source} where not {theirs}) to {literal(staged)} (format parquet)",
            [sorted(ids)],
        )
        return staged.read_bytes(), int(taken)


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
