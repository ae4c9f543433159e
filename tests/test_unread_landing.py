"""What is called like a table's data and that no engine reads ends the night: an opt-out in it would not be known."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from nights import FIRST, ROOT, sendworthy
from sendworthy.errors import BuildError
from sendworthy.landing import check_files, refuse_unread
from sendworthy.settings import SOURCES

CONTENT = "user_id,requested_at\nu1,2026-05-01\n"


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "part.csv").write_text(CONTENT, encoding="utf-8")
    return tmp_path / "landing"


def linked_to(target: str) -> Callable[[Path], object]:
    return lambda path: path.symlink_to(target)


# a path below the landing zone, what stands there, what is said of it, and whether it is said at all
PLACES: list[tuple[str, Callable[[Path], object], str]] = [
    ("erasure_requests.csv", os.mkfifo, "it is no file"),
    ("erasure_requests/landed_on=2026-05-01/part.csv", os.mkfifo, "it is no file"),
    ("users.parquet", linked_to("/dev/null"), "it is no file"),
    ("users.csv", linked_to("nowhere.csv"), "it is a link to nothing"),
    ("message_events/part.csv", linked_to("nowhere.csv"), "it is a link to nothing"),
    ("message_events/landed_on=2026-05-01", linked_to("../../elsewhere"), "it is a link to a folder"),
    ("events/a/b", linked_to("/"), "it is a link to a folder"),
]


@pytest.mark.parametrize(("name", "make", "words"), PLACES)
def test_what_would_be_passed_over_ends_the_night(
    raw: Path, name: str, make: Callable[[Path], object], words: str
) -> None:
    path = raw / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    table = name.partition("/")[0].partition(".")[0]
    # this is why: DuckDB says nothing
    with duckdb.connect() as connection:
        pattern = f"{raw / table}/**/*" if "/" in name else f"{raw / table}.*"
        assert connection.execute("select count(*) from glob(?)", [pattern]).fetchall() == [(0,)]
    with pytest.raises(BuildError) as caught:
        check_files(raw)
    assert caught.value.details == [f"landing zone, {path}: {words}, so nobody reads it."]
    assert caught.value.fix and "Nothing was published" in caught.value.what


def test_all_of_it_comes_at_once(raw: Path) -> None:
    for table in SOURCES:
        os.mkfifo(raw / f"{table}.csv")
    with pytest.raises(BuildError) as caught:
        refuse_unread(raw)
    assert len(caught.value.details) == len(SOURCES)


def test_what_engines_read_or_nobody_wants_is_left_alone(raw: Path) -> None:
    (raw / "users.csv").symlink_to("../elsewhere/part.csv")
    (raw / "events").symlink_to("../elsewhere")
    (raw / "message_events").mkdir()
    (raw / "message_events" / "part.csv").symlink_to("../../elsewhere/part.csv")
    # the marks of tools, and what is no table's
    (raw / "message_events" / "_latest").symlink_to("gone")
    (raw / "message_events" / ".tmp").symlink_to("/")
    os.mkfifo(raw / "users_backup.csv")
    (raw / "orders.csv").symlink_to("gone")
    refuse_unread(raw)
    with duckdb.connect() as connection:
        for pattern in ("users.*", "events/**/*", "message_events/**/part.csv"):
            assert connection.execute("select count(*) from glob(?)", [f"{raw}/{pattern}"]).fetchall() == [
                (1,)
            ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_opened_ends_the_night(raw: Path) -> None:
    (raw / "events").mkdir(mode=0)
    with pytest.raises(BuildError) as caught:
        refuse_unread(raw)
    assert "Permission denied" in caught.value.details[0]


@pytest.mark.parametrize("command", ["nightly", "cancellations"])
def test_the_commands_say_it(raw: Path, tmp_path: Path, command: str) -> None:
    os.mkfifo(raw / "erasure_requests.csv")
    options = ["--as-of", FIRST, "--docs", tmp_path / "docs"] if command == "nightly" else []
    done = sendworthy(
        command, "--raw", raw, "--db", tmp_path / "s.duckdb", "--out", tmp_path / "out", *options, cwd=ROOT
    )
    assert done.returncode == 1 and str(raw / "erasure_requests.csv") in done.stderr, done.stderr
    assert "Traceback" not in done.stderr
