"""What DuckDB leaves unsaid about the files of the landing zone: rows that it would lose, and which file is damaged."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import duckdb

from sendworthy.errors import BuildError
from sendworthy.settings import SOURCES

BUFFER = 32_000_000
LONGEST_ROW = 2_000_000
_STEP = 64_000


def check_files(raw: Path) -> None:
    """BuildError where DuckDB would pass over a file of the landing zone, or a row of it, without a word."""
    refuse_unread(raw)
    refuse_long_rows(raw)


def refuse_unread(raw: Path) -> None:
    """BuildError with all that is called like a table's data and that no engine reads: it is passed over, and nothing is said.

    Those are pipes and devices, links to nothing, links to folders within a table's folder, folders that cannot be opened. An
    opt-out or a request for erasure that stands there would not be known.
    """
    found = [
        f"landing zone, {path}: {what}, so nobody reads it."
        for place in sorted(raw.iterdir())
        if place.name.partition(".")[0] in SOURCES
        for path, what in _unread(place)
    ]
    if found:
        raise BuildError(
            "the landing zone holds what cannot be read. Nothing was published.",
            "put files and folders there in place of what is named above, or move it away.",
            details=found,
        )


def _unread(place: Path) -> Iterator[tuple[Path, str]]:
    """What is not read at a table's place, or in its folder, and why."""
    if not place.is_dir():
        if what := _no_file(place):
            yield place, what
        return
    errors: list[OSError] = []
    for folder, folders, files in os.walk(place, onerror=errors.append):
        paths = [Path(folder) / name for name in (*folders, *files) if not name.startswith(("_", "."))]
        for path in paths:
            if path.is_symlink() and path.is_dir():
                yield path, "it is a link to a folder"
            elif not path.is_dir() and (what := _no_file(path)):
                yield path, what
    for error in errors:
        yield Path(error.filename), f"it cannot be opened ({error.strerror})"


def _no_file(path: Path) -> str:
    """Why a path is no file; empty where it is one."""
    if path.is_file():
        return ""
    return "it is a link to nothing" if path.is_symlink() and not path.exists() else "it is no file"


def refuse_long_rows(raw: Path) -> None:
    """BuildError where a CSV file below the landing zone holds a row as long as a buffer.

    DuckDB reads a CSV file in buffers of 32 MB and refuses rows of more than 2 MB. A row that fills a whole buffer with a
    value without quotes escapes it: the row is dropped, and nothing is said (DuckDB 1.5). Such a row has no line end for
    32 MB, so looking into the file here and there is enough to find it.
    """
    for path in sorted(raw.rglob("*.csv")):
        if path.is_file() and path.stat().st_size >= BUFFER and holds_long_row(path):
            raise BuildError(
                f"landing zone, file {path}: it holds a row that is longer than 2 MB. Nothing was published.",
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
            pattern = "".join(f"[{c}]" if c in "[*?" else c for c in str(path))
            try:
                connection.execute(
                    "select max(hash(columns(*))) from read_parquet(?, hive_partitioning = false)", [pattern]
                ).fetchall()
            except duckdb.Error:
                found.append(path)
    return found
