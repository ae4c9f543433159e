"""Finds what engines do not report about files of the landing zone: files that they skip, rows that they would lose, damaged files."""

from __future__ import annotations

import glob
import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.names import shown_path
from sendworthy.settings.seed_files import SOURCES

BUFFER = 32_000_000
LONGEST_ROW = 2_000_000
_STEP = 64_000

# a Parquet file begins and ends with these bytes; before the last ones stands how long its footer is, in 4 bytes
_PARQUET_MARK = b"PAR1"
_FOOTER_END = 8

# more than so many files are named by their number: the environment of a process holds no more than 128 kB in one variable
MOST_FAULTS = 200

_REPLACE = "put a file or a folder there in its place, or move it away."
_RENAME = "give it another name if its rows count, or move it away."
_AGAIN = "deliver it again, or remove the file from the landing zone."


@dataclass(frozen=True)
class FileFault:
    """Why nobody can read what stands at a path below the landing zone. `is_passed_over`: an engine would not even say so."""

    path: str
    what: str
    fix: str
    is_passed_over: bool = True


def _word_of(name: str) -> str:
    """A name without what people write in different ways: small and capital letters, hyphens and spaces, the plural."""
    return re.sub(r"[\W_]+", "_", name.lower()).removesuffix("s")


_MEANT = {_word_of(table): table for table in SOURCES}

# what people and programs add to a name: a date, a number, `v2`, `(1)`, `part-0`, `Copy of`
_ADDED = re.compile(r"(?i)(?<![a-z])(?:copy|of|part|v(?=\d)|\d{8}t\d+z?)(?![a-z])|\d+")
_HIDDEN = ("_", ".")
# a mark of a tool (_SUCCESS, .part-0.parquet.crc, .part.csv.Ab12Cd) ends otherwise
_DATA = (".csv", ".parquet")


def _table_of(name: str) -> str | None:
    """The table that a name means which is no table's: written in another way, or with a date or a number."""
    if name.startswith(_HIDDEN):
        return None
    return _MEANT.get(_word_of(name)) or _MEANT.get(_word_of(_ADDED.sub("", name).strip(" _.()-")))


def find_faults(raw: Path) -> list[FileFault]:
    """All that is called like a table's data and that no engine reads, by path; nothing is read but the ends of files.

    Some of it would be passed over without a word (pipes and devices, links to nothing, links to folders within a table's folder,
    folders that cannot be opened), and some would hide what is wrong with the files after it (a Parquet file that is cut).
    """
    found = []
    for place in sorted(raw.iterdir()):
        name = place.name.partition(".")[0]
        if (meant := _table_of(name)) and name != meant:
            what = f"it is called almost like the table {meant}, so nobody reads it."
            fix = (
                f"call it {meant}{place.suffix}, move it into {meant}/, or call it something else altogether."
            )
            found.append(FileFault(place.name, what, fix))
        if name in SOURCES:
            for path, why in _looked_through(place):
                shown = path.relative_to(raw).as_posix()
                if why:
                    fix = _RENAME if path.name.startswith(_HIDDEN) else _REPLACE
                    found.append(FileFault(shown, f"{why}, so nobody reads it.", fix))
                elif path.suffix == ".parquet" and _is_no_parquet(path):
                    what = "it is no Parquet file, or only a piece of one."
                    found.append(FileFault(shown, what, _AGAIN, is_passed_over=False))
    return found


def as_setting(faults: Sequence[FileFault]) -> str:
    """The faults as `land` reads them: a JSON object of what is wrong and how to fix it, by path."""
    shown = {fault.path: [fault.what, fault.fix] for fault in faults[:MOST_FAULTS]}
    if len(faults) > MOST_FAULTS:
        last = shown[faults[MOST_FAULTS - 1].path]
        last[0] += f" So are {len(faults) - MOST_FAULTS:,} more."
    return json.dumps(shown) if shown else ""


def check_files(raw: Path) -> None:
    """BuildError with all that an engine would pass over without a word: files of the landing zone, and rows of them.

    Of what an engine refuses, only what it reads counts: see `as_setting`.
    """
    found = [
        f"landing zone, file {raw}{shown_path(f'/{fault.path}')}: {fault.what} Fix: {fault.fix}"
        for fault in find_faults(raw)
        if fault.is_passed_over
    ]
    if found:
        raise BuildError(
            "the landing zone holds what cannot be read. Nothing was published.",
            "fix what is named above.",
            details=found,
        )
    refuse_long_rows(raw)


def _looked_through(place: Path) -> Iterator[tuple[Path, str]]:
    """What stands at a table's place, or in its folder, and is no mark of a tool; with why it is not read, or nothing."""
    if not place.is_dir():
        yield place, _no_file(place)
        return
    errors: list[OSError] = []
    for folder, folders, files in os.walk(place, onerror=errors.append):
        paths = [Path(folder) / name for name in (*folders, *files) if not _is_mark(name)]
        for path in sorted(paths):
            if path.name.startswith(_HIDDEN) and not path.is_dir():
                yield path, f"its name begins with {path.name[0]}, like the marks of tools"
            elif path.is_symlink() and path.is_dir():
                yield path, "it is a link to a folder"
            elif not path.is_dir():
                yield path, _no_file(path)
    for error in errors:
        yield Path(error.filename), f"it cannot be opened ({error.strerror})"


def _is_mark(name: str) -> bool:
    return name.startswith(_HIDDEN) and not name.lower().endswith(_DATA)


def _no_file(path: Path) -> str:
    """Why a path is no file; empty where it is one."""
    if path.is_file():
        return ""
    return "it is a link to nothing" if path.is_symlink() and not path.exists() else "it is no file"


def _is_no_parquet(path: Path) -> bool:
    """Whether a file that holds something does not begin and end as Parquet files do; one that nobody may open is left to the engine."""
    try:
        with path.open("rb") as file:
            begin = file.read(len(_PARQUET_MARK))
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _FOOTER_END))
            end = file.read()
    except OSError:
        return False
    if size == 0:
        return False
    footer = int.from_bytes(end[:4], "little")
    is_whole = size >= len(_PARQUET_MARK) + _FOOTER_END and footer + _FOOTER_END <= size
    # an encrypted one ends otherwise, and the engine says so
    return begin[:3] != _PARQUET_MARK[:3] or end[4:7] != _PARQUET_MARK[:3] or not is_whole


def refuse_long_rows(raw: Path) -> None:
    """BuildError where a CSV file below the landing zone holds a row as long as a buffer.

    DuckDB reads a CSV file in buffers of 32 MB and refuses rows of more than 2 MB. A row that fills a whole buffer with a
    value without quotes escapes it: the row is dropped, and nothing is said (DuckDB 1.5). Such a row has no line end for
    32 MB, so looking into the file here and there is enough to find it.
    """
    for path in sorted(raw.rglob("*.csv")):
        if path.is_file() and path.stat().st_size >= BUFFER and holds_long_row(path):
            raise BuildError(
                f"landing zone, file {shown_path(str(path))}: it holds a row that is longer than 2 MB. Nothing was published.",
                "shorten the row, deliver the file as Parquet, or remove it from the landing zone.",
            )


def holds_long_row(path: Path) -> bool:
    """Whether some row of more than 2 MB is there; one of 32 MB is always found."""
    size = path.stat().st_size
    with path.open("rb") as file:
        # a row of 32 MB covers one of these places, and the 2 MB behind it
        for place in range(0, size - LONGEST_ROW, BUFFER // 2):
            file.seek(place)
            if not _ends_soon(file.read(_STEP)):
                rest = file.read(LONGEST_ROW - _STEP)
                if len(rest) == LONGEST_ROW - _STEP and not _ends_soon(rest):
                    return True
    return False


def _ends_soon(content: bytes) -> bool:
    return b"\n" in content or b"\r" in content


def find_damaged(raw: Path) -> list[Path]:
    """The Parquet files below the landing zone that cannot be read to their end.

    They are read for it, all of them: only for a night that has failed, when DuckDB does not say which file it was.
    """
    found: list[Path] = []
    with duckdb.connect(config={"threads": 1}) as connection:
        for path in sorted(raw.rglob("*.parquet")):
            try:
                connection.execute(
                    "select max(hash(columns(*))) from read_parquet(?, hive_partitioning = false)",
                    [glob.escape(str(path))],
                ).fetchall()
            except duckdb.Error:
                found.append(path)
    return found
