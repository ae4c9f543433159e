"""What is called like a table's data and that no engine reads ends the night: an opt-out in it would not be known."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pytest
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.names import shown_path
from sendworthy.landing.file_checks import MOST_FAULTS, as_setting, check_files, find_faults
from sendworthy.settings.seed_files import SOURCES

from tests.support.macro_engines import Macros
from tests.support.projects import FIRST, ROOT, sendworthy

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
    fix = "put a file or a folder there in its place, or move it away."
    assert caught.value.details == [f"landing zone, file {path}: {words}, so nobody reads it. Fix: {fix}"]
    assert caught.value.fix and "Nothing was published" in caught.value.what


def test_all_of_it_comes_at_once(raw: Path) -> None:
    for table in SOURCES:
        os.mkfifo(raw / f"{table}.csv")
    with pytest.raises(BuildError) as caught:
        check_files(raw)
    assert len(caught.value.details) == len(SOURCES)


def test_of_very_many_the_number_is_said(raw: Path) -> None:
    (raw / "events").mkdir()
    for number in range(MOST_FAULTS + 3):
        os.mkfifo(raw / "events" / f"{number:04}.csv")
    told = json.loads(as_setting(find_faults(raw)))
    assert len(told) == MOST_FAULTS and [what for what, _ in told.values()][-1].endswith("So are 3 more.")
    assert as_setting([]) == ""


@pytest.mark.parametrize(
    ("spoil", "is_fault"),
    [
        (lambda content: content, False),
        (lambda content: content[:-1], True),
        (lambda content: content[: len(content) // 2], True),
        (lambda content: content[:4], True),
        (lambda content: b"user_id,updated_at\n", True),
        # an engine says what is wrong with these
        (lambda content: b"", False),
        (lambda content: content[:-4] + b"PARE", False),
    ],
)
def test_a_parquet_file_that_is_cut(raw: Path, spoil: Callable[[bytes], bytes], is_fault: bool) -> None:
    path = raw / "users.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select 'u1' as user_id) to '{path}' (format parquet)")
    path.write_bytes(spoil(path.read_bytes()))
    assert [fault.path for fault in find_faults(raw)] == (["users.parquet"] if is_fault else [])
    # an engine says so itself where it reads the file; where it does not, an old drop may be as it is
    check_files(raw)


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
    assert find_faults(raw) == []
    with duckdb.connect() as connection:
        for pattern in ("users.*", "events/**/*", "message_events/**/part.csv"):
            assert connection.execute("select count(*) from glob(?)", [f"{raw}/{pattern}"]).fetchall() == [
                (1,)
            ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may open every folder")
def test_a_folder_that_cannot_be_opened_ends_the_night(raw: Path) -> None:
    (raw / "events").mkdir(mode=0)
    assert "Permission denied" in find_faults(raw)[0].what


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Erasure_Requests.csv", "erasure_requests"),
        ("erasure-requests", "erasure_requests"),
        ("erasure_request.csv", "erasure_requests"),
        ("Message Events.parquet", "message_events"),
        ("USERS.csv", "users"),
        ("message_events_2026-05-30.csv", "message_events"),
        ("message_events-20260530T020000Z.parquet", "message_events"),
        ("message_events (1).csv", "message_events"),
        ("message_events_part-0.csv.gz", "message_events"),
        ("Copy of users.csv", "users"),
        ("users - Copy (2).csv", "users"),
        ("users_v2.csv", "users"),
        ("2026-05-30 events.csv", "events"),
        ("event2", "events"),
        # something else, and the marks of tools
        ("users_of_app.csv", None),
        ("2026-05-30.csv", None),
        ("copy.csv", None),
        ("users_backup.csv", None),
        ("orders.csv", None),
        ("_users.csv", None),
        (".users.csv.swp", None),
    ],
)
def test_what_is_called_almost_like_a_table(raw: Path, name: str, meant: str | None) -> None:
    (raw / name).write_text(CONTENT, encoding="utf-8")
    assert [fault.path for fault in find_faults(raw)] == ([name] if meant else [])
    if meant:
        assert f"almost like the table {meant}" in find_faults(raw)[0].what


@pytest.mark.parametrize("folder", ["message_events", "message_events/landed_on=2026-05-30"])
@pytest.mark.parametrize("name", ["_opt.csv", ".opt.csv", "_part-0.parquet", ".OPT.CSV", "__a.b.csv"])
def test_data_with_the_name_of_a_mark_is_a_fault(raw: Path, folder: str, name: str) -> None:
    (raw / folder).mkdir(parents=True)
    (raw / folder / name).write_text(CONTENT, encoding="utf-8")
    (fault,) = find_faults(raw)
    assert fault.path == f"{folder}/{name}" and fault.is_passed_over
    assert f"begins with {name[0]}" in fault.what and "another name" in fault.fix


@pytest.mark.parametrize(
    "name",
    [
        "_SUCCESS",
        ".crc",
        "._SUCCESS.crc",
        ".part-0.parquet.crc",
        ".name.csv.Ab12Cd",
        "_committed_1",
        ".DS_Store",
    ],
)
def test_marks_of_tools_are_left_alone(raw: Path, name: str) -> None:
    (raw / "message_events").mkdir()
    (raw / "message_events" / name).write_text("x", encoding="utf-8")
    assert find_faults(raw) == []


def test_a_night_says_at_once_all_that_is_wrong_with_all_tables(tmp_path: Path) -> None:
    raw = tmp_path / "landing"
    shutil.copytree(ROOT / "data/sample", raw)
    (raw / "users.parquet").unlink()
    tickets = (raw / "support_tickets.csv").read_text(encoding="utf-8")
    (raw / "support_tickets.csv").write_text(tickets.replace("status", "state", 1), encoding="utf-8")
    (raw / "social_mentions.csv").write_bytes(b"")
    (raw / "erasure_requests.csv").unlink()
    os.mkfifo(raw / "erasure_requests.csv")
    cut, *_ = sorted((raw / "events").rglob("*.parquet"))
    cut.write_bytes(cut.read_bytes()[:-100])
    (raw / "Events.csv").write_text(CONTENT, encoding="utf-8")
    (raw / "message_events_2026-05-30.csv").write_text(CONTENT, encoding="utf-8")
    (raw / "message_events" / "_opt.csv").write_text(CONTENT, encoding="utf-8")
    (raw / "message_events" / "_SUCCESS").write_text("", encoding="utf-8")
    (raw / "message_events" / "torn.csv").write_text('message_event_id,"user_id,channel\n', encoding="utf-8")
    done = sendworthy(
        *("nightly", "--raw", raw, "--as-of", FIRST, "--docs", tmp_path / "docs"),
        *("--db", tmp_path / "s.duckdb", "--out", tmp_path / "out"),
        cwd=ROOT,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert (
        f"landing zone, file {raw / 'Events.csv'}: it is called almost like the table events" in done.stderr
    )
    assert f"file {raw / 'message_events_2026-05-30.csv'}: it is called almost like" in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("landing zone, table ")]
    hidden = [line for line in said if "_opt.csv" in line]
    assert len(hidden) == 1 and "its name begins with _, like the marks of tools" in hidden[0], said
    said.remove(hidden[0])
    wrong = {
        "erasure_requests": "it is no file",
        "events": "only a piece of one",
        "message_events": "a quote in it is never closed",
        "social_mentions": "it is empty",
        "support_tickets": "the required column status is missing",
        "users": "found neither",
    }
    assert len(said) == len(wrong), said
    for line, (table, words) in zip(said, wrong.items(), strict=True):
        assert line.startswith(f"landing zone, table {table}, ") and words in line and "Fix: " in line
    # before anything is built
    assert not (tmp_path / "out").exists() and "model " not in done.stderr


@pytest.mark.parametrize("command", ["nightly", "cancellations"])
def test_the_commands_say_it(raw: Path, tmp_path: Path, command: str) -> None:
    os.mkfifo(raw / "erasure_requests.csv")
    options = ["--as-of", FIRST, "--docs", tmp_path / "docs"] if command == "nightly" else []
    done = sendworthy(
        command, "--raw", raw, "--db", tmp_path / "s.duckdb", "--out", tmp_path / "out", *options, cwd=ROOT
    )
    assert done.returncode == 1 and str(raw / "erasure_requests.csv") in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("events/user_id=ann@example.com/a.csv", "events/user_id=…/a.csv"),
        (
            "events/landed_on=2026-05-01/USER_ID=Ann B/x=1/a.b.csv",
            "events/landed_on=2026-05-01/USER_ID=…/x=…/a.b.csv",
        ),
        ("events/year=2026/month=05/day=01/a.csv", "events/year=2026/month=05/day=01/a.csv"),
        ("events/user_id=ann@example.com.csv", "events/user_id=….csv"),
        ("events/user_id=ann.parquet", "events/user_id=….parquet"),
        ("events/a=b", "events/a=b"),
        ("users.csv", "users.csv"),
    ],
)
def test_values_in_the_names_of_folders_are_not_shown(path: str, shown: str) -> None:
    root = "/data/it's=a/landing/"
    assert shown_path(f"/{path}") == f"/{shown}"
    macros = Macros("duckdb")
    macros._context |= {"landing_folder": lambda: root.rstrip("/"), "modules": SimpleNamespace(re=re)}
    for words in (path, f"{root}{path}", f"file {root}{path}"):
        assert macros.render("shown_path", words) == words.replace(path, shown)


def test_a_fault_is_shown_without_the_value(raw: Path) -> None:
    folder = raw / "events" / "user_id=ann@example.com"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "a.csv")
    with pytest.raises(BuildError) as caught:
        check_files(raw)
    (told,) = caught.value.details
    assert "ann" not in told and f"file {raw}/events/user_id=…/a.csv: it is no file" in told
