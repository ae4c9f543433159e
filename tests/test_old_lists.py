"""Erased people leave the lists of older nights; every other byte, and whatever else is there, stays."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from deliveries import dispatch_id
from sendworthy.exports import DESTINATIONS, Destination, choose_destinations, export_night
from sendworthy.old_lists import SEARCHED, csv_rows, forget
from sendworthy.verify import verify

KEY = b"a long text that nobody else knows"
NIGHT, OLDER = "2026-06-01", "2026-05-31"
# one id is a part of another, one needs quotes in a CSV
USERS = ("ada", "ada2", 'bob "b", the 3rd', "cyd\nand a line", "dan")
PEOPLE = {"hello": USERS, "offer": ("ada", "dan"), "quiet": ()}


def entry(campaign: str) -> dict[str, Any]:
    people = len(PEOPLE[campaign])
    return {
        **{
            "campaign_id": campaign,
            "channel": "email",
            "status": "released",
            "candidates": people,
            "send": people,
        },
        **{"control": 0, "suppress": 0, "rows": people, "added": people, "removed": 0},
        "gate": {"passed": True, "messages": people, "failed": []},
    }


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two nights of the same lists."""
    out = tmp_path / "out"
    with duckdb.connect() as connection:
        connection.execute("create schema exports")
        for destination in DESTINATIONS.values():
            columns = {
                destination.message_column: "md5(campaign || ':' || person || ':2026-06-01')",
                destination.user_column: "person",
                destination.campaign_column: "campaign",
                destination.variant_column: "'default'",
                destination.send_at_column: "'2026-06-01T09:00:00Z'",
                destination.valid_until_column: "'2026-06-02T09:00:00Z'",
                "name": "'Åda \"the\" first,' || chr(10) || 'of ' || person",
            }
            select = ", ".join(f'{sql} as "{name}"' for name, sql in columns.items() if name)
            connection.execute("create or replace table sent (campaign varchar, person varchar)")
            for campaign, people in PEOPLE.items():
                for person in people:
                    connection.execute("insert into sent values (?, ?)", [campaign, person])
            connection.execute(f"create table {destination.model} as select {select} from sent")
        for night in (OLDER, NIGHT):
            run = {"run_id": f"{night.replace('-', '')}T000000Z-0a1b2c3d", "as_of": f"{night}T00:00:00Z"}
            export_night(connection, choose_destinations([]), out, run, [entry(name) for name in PEOPLE])
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def rows_without(content: bytes, column: str, users: set[str]) -> bytes:
    rows = list(csv_rows(content))
    place = rows[0][1].index(column)
    return b"".join(raw for raw, values in rows if values[place] not in users)


def holds(night: Path) -> list[str]:
    """Which checks of `verify` fail on the night's files (the ids of the older night are those of the other one)."""
    return [check.name for check in verify(night, datetime(2026, 6, 1, 4), timedelta(hours=36)).failed]


def test_the_rows_of_a_csv_are_its_bytes() -> None:
    content = '\ufeffa,b\r\n1,"x ""y"", z"\r\n"2\r\n\n3",\u2028\u0085é\n4,last'.encode()
    rows = list(csv_rows(content))
    assert b"".join(raw for raw, _ in rows) == content
    assert [values for _, values in rows] == [
        *(["a", "b"], ["1", 'x "y", z'], ["2\r\n\n3", "\u2028\u0085é"], ["4", "last"])
    ]


@pytest.mark.parametrize("key", [KEY, None], ids=["a key", "no key"])
def test_rows_go_and_the_rest_stays(out: Path, key: bytes | None) -> None:
    gone = {"ada", 'bob "b", the 3rd', "cyd\nand a line"}
    before = contents(out / NIGHT)
    done = forget(out, gone, key)
    # three of `hello` and one of `offer`, for each destination and night
    assert done.rows == 4 * len(DESTINATIONS) * 2 and done.nights == [OLDER, NIGHT] and not done.problems
    after = contents(out / NIGHT)
    assert after.keys() == before.keys()
    for destination in DESTINATIONS.values():
        assert destination.user_column
        for campaign in PEOPLE:
            name = f"{destination.name}/{campaign}.csv"
            assert after[name] == rows_without(before[name], destination.user_column, gone)
            assert len(list(csv_rows(after[name]))) == 1 + len(set(PEOPLE[campaign]) - gone)
    told = {item["campaign_id"]: item for item in json.loads(after["manifest.json"])["campaigns"]}
    assert {name: (item["rows"], item.get("erased"), item["send"]) for name, item in told.items()} == {
        **{"hello": (2, 3, 5), "offer": (1, 1, 2), "quiet": (0, None, 0)}
    }
    assert holds(out / NIGHT) == []
    # nothing is left to do, for anybody
    assert forget(out, gone, key).rows == 0 and contents(out / NIGHT) == after
    assert forget(out, {"nobody"}, key).rows == 0 and contents(out / NIGHT) == after
    # somebody else later: what was counted is added to
    forget(out, {*gone, "dan"}, key)
    told = {
        item["campaign_id"]: item
        for item in json.loads((out / NIGHT / "manifest.json").read_bytes())["campaigns"]
    }
    assert (told["hello"]["erased"], told["offer"]["erased"], told["hello"]["rows"]) == (4, 2, 1)
    assert holds(out / NIGHT) == []


def test_where_nobody_is_erased_nothing_is_written(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert forget(out, set(), KEY).rows == 0 and forget(out / "not there", {"ada"}, KEY).rows == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_destination_without_a_user_is_searched_by_its_dispatch_ids(
    out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, destination in list(DESTINATIONS.items()):
        nameless: Destination = dataclasses.replace(destination, user_column=None)
        monkeypatch.setitem(DESTINATIONS, name, nameless)
    assert forget(out, {"ada"}, None).nights == [NIGHT], "the ids of the older night are not its own here"
    for content in contents(out / NIGHT).values():
        assert dispatch_id("hello", "ada").encode() not in content
        assert b'of ada"' not in content
    assert b'of ada2"' in contents(out / NIGHT)["generic/hello.csv"]


def test_what_a_folder_lets_in_stays(out: Path) -> None:
    os.chmod(out / NIGHT, 0o750)
    os.chmod(out / NIGHT / "generic" / "hello.csv", 0o640)
    forget(out, {"ada"}, None)
    assert (out / NIGHT).stat().st_mode & 0o777 == 0o750
    assert (out / NIGHT / "generic" / "hello.csv").stat().st_mode & 0o777 == 0o640


def test_with_a_key_a_night_is_searched_once_and_again_when_it_is_another(out: Path) -> None:
    backup = out.parent / "backup"
    shutil.copytree(out / NIGHT, backup)
    forget(out, {"ada"}, KEY)
    searched = (out / SEARCHED).read_bytes()
    # whoever reads it learns nothing of her
    assert b"ada" not in searched and set(json.loads(searched)) == {OLDER, NIGHT}
    shutil.rmtree(out / NIGHT)
    shutil.copytree(backup, out / NIGHT)
    assert forget(out, {"ada"}, KEY).nights == [NIGHT]
    # lists of another place, which come into reach: a person who was erased long ago is found there
    shutil.copytree(backup, out / "2026-05-01")
    assert forget(out, {"ada"}, KEY).nights == ["2026-05-01"]


def test_without_a_key_nothing_is_remembered(out: Path) -> None:
    forget(out, {"ada"}, None)
    assert not (out / SEARCHED).exists()


@pytest.mark.parametrize(
    "crashed", ["before the manifest", "before the swap", "between the renames", "after them"]
)
def test_a_crash_loses_nothing_and_leaves_nothing(out: Path, tmp_path: Path, crashed: str) -> None:
    night, aside, retired = out / NIGHT, out / f".{NIGHT}.writing", out / f".{NIGHT}.retired"
    finished = tmp_path / "finished" / "out"
    shutil.copytree(out, finished)
    forget(finished, {"ada"}, None)
    shutil.copytree(finished / NIGHT, aside)
    if crashed == "before the manifest":
        (aside / "manifest.json").unlink()
    elif crashed == "between the renames":
        night.rename(retired)
    elif crashed == "after them":
        night.rename(retired)
        aside.rename(night)
    forget(out, {"ada"}, None)
    assert contents(out) == contents(finished)


def test_a_folder_that_was_taken_away_before_anything_was_written_comes_back(out: Path) -> None:
    before = contents(out / NIGHT)
    (out / NIGHT).rename(out / f".{NIGHT}.retired")
    (out / f".{NIGHT}.writing").mkdir()
    forget(out, {"nobody"}, None)
    assert contents(out / NIGHT) == before and not list(out.glob(".2026*"))


def test_what_cannot_be_read_is_named_and_quotes_nothing(out: Path) -> None:
    torn = out / NIGHT / "generic" / "hello.csv"
    torn.write_bytes(torn.read_bytes().replace(b"user_id", b"who"))
    (out / OLDER / "manifest.json").write_text("ada", encoding="utf-8")
    done = forget(out, {"ada"}, KEY)
    assert done.rows == 0 and len(done.problems) == 2
    assert str(torn) in done.problems[1] and OLDER in done.problems[0]
    assert "ada" not in "".join(done.problems).replace(str(out), "")
    # and is looked at again the next time
    torn.write_bytes(torn.read_bytes().replace(b"who", b"user_id"))
    assert forget(out, {"ada"}, KEY).nights == [NIGHT]
