"""Erased people leave the lists of older nights; every other byte, and whatever else is there, stays."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Collection
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.delivery.verify import verify
from sendworthy.privacy.rewrite_lists import SEARCHED, Since, csv_rows, forget
from sendworthy.settings.destinations import Destination, load_destinations

from tests.support.exported_nights import export_night
from tests.support.projects import ROOT

NIGHT, OLDER = "2026-06-01", "2026-05-31"
# one id is a part of another, one needs quotes in a CSV
USERS = ("ada", "ada2", 'bob "b", the 3rd', "cyd\nand a line", "dan")
DESTINATIONS = load_destinations(ROOT)
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


def dispatch_id(campaign: str, person: str, night: str) -> str:
    return hashlib.md5(f"{campaign}:{person}:{night}".encode()).hexdigest()


def row_of(destination: Destination, campaign: str, person: str, night: str) -> dict[str, Any]:
    """What an export model says of a message: every place that its description names, and a name that needs quotes."""
    said: dict[str, Any] = {"name": f'Åda "the" first,\nof {person}'}
    values = {
        **{"campaign": campaign, "message": dispatch_id(campaign, person, night), "user": person},
        **{"variant": "default", "send_at": f"{night}T09:00:00Z", "valid_until": f"{night}T23:00:00Z"},
    }
    for what, value in values.items():
        *outer, last = getattr(destination.says, what).split(".")
        place = said
        for name in outer:
            place = place.setdefault(name, {})
        place[last] = value
    if destination.format == "jsonl":
        said = {"payload": said}
    row = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for name, value in said.items()
    }
    if destination.file_columns is not None:
        row = {name: row.get(name, "") for name in destination.file_columns}
        row |= {"campaign_id": campaign, "dispatch_id": dispatch_id(campaign, person, night)}
    return row


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Two nights of the same lists, for every destination."""
    out = tmp_path / "out"
    with duckdb.connect() as connection:
        connection.execute("create schema exports")
        connection.execute("create schema marts")
        for night in (OLDER, NIGHT):
            connection.execute(
                "create or replace table marts.send_list (campaign_id varchar, address varchar)"
            )
            for campaign, people in PEOPLE.items():
                for person in people:
                    connection.execute("insert into marts.send_list values (?, ?)", [campaign, person])
            for destination in DESTINATIONS.values():
                rows = [
                    row_of(destination, campaign, person, night)
                    for campaign, people in PEOPLE.items()
                    for person in people
                ]
                columns = ", ".join(f'"{name}" varchar' for name in rows[0])
                connection.execute(f"create or replace table {destination.model} ({columns})")
                places = ", ".join("?" * len(rows[0]))
                connection.executemany(
                    f"insert into {destination.model} values ({places})", [list(row.values()) for row in rows]
                )
            run = {"run_id": f"{night.replace('-', '')}T000000Z-0a1b2c3d", "as_of": f"{night}T00:00:00Z"}
            export_night(connection, list(DESTINATIONS.values()), out, run, [entry(name) for name in PEOPLE])
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def messages(path: Path, destination: Destination) -> list[tuple[str, Any]]:
    """The messages of a file: whose each is, and the bytes, or the values, that say it."""
    names = destination.says.user.split(".") if destination.says.user else []

    def person(value: Any) -> str:
        for name in names[1:] if destination.format == "csv" else names:
            value = (json.loads(value) if isinstance(value, str) else value)[name]
        return str(value)

    if destination.format == "parquet":
        with duckdb.connect() as connection:
            found = connection.execute(f"from read_parquet('{path}')")
            columns = [column[0] for column in found.description or []]
            return [(row[columns.index(names[0])], row) for row in found.fetchall()]
    if destination.format == "csv":
        header, *rows = csv_rows(path.read_bytes())
        return [(person(values[header[1].index(names[0])]), raw) for raw, values in rows]
    if destination.envelope is None:
        return [(person(json.loads(line)), line) for line in path.read_bytes().splitlines()]
    items = [
        item
        for line in path.read_bytes().splitlines()
        for item in json.loads(line)[destination.envelope.items]
    ]
    return [(person(item), item) for item in items]


def holds(night: Path) -> list[str]:
    """Which checks of `verify` fail on the night's files."""
    return [check.name for check in verify(night, datetime(2026, 6, 1, 4), timedelta(hours=36)).failed]


def test_the_rows_of_a_csv_are_its_bytes() -> None:
    content = '\ufeffa,b\r\n1,"x ""y"", z"\r\n"2\r\n\n3",\u2028\u0085é\n4,last'.encode()
    rows = list(csv_rows(content))
    assert b"".join(raw for raw, _ in rows) == content
    assert [values for _, values in rows] == [
        *(["a", "b"], ["1", 'x "y", z'], ["2\r\n\n3", "\u2028\u0085é"], ["4", "last"])
    ]


def test_rows_go_and_the_rest_stays(out: Path) -> None:
    gone = {"ada", 'bob "b", the 3rd', "cyd\nand a line"}
    files = {
        path: destination
        for destination in DESTINATIONS.values()
        for path in (out / NIGHT / destination.name).iterdir()
    }
    assert len(files) == len(DESTINATIONS) * len(PEOPLE)
    before = {path: messages(path, destination) for path, destination in files.items()}
    untouched = (out / NIGHT / "generic" / "quiet.csv").read_bytes()
    done = forget(out, gone)
    # three of `hello` and one of `offer`, for each destination and night
    assert done.rows == 4 * len(DESTINATIONS) * 2 and done.nights == [OLDER, NIGHT] and not done.problems
    for path, destination in files.items():
        kept = [message for message in before[path] if message[0] not in gone]
        assert messages(path, destination) == kept, path.name
    assert (out / NIGHT / "generic" / "quiet.csv").read_bytes() == untouched
    after = contents(out / NIGHT)
    everything = b"".join(after.values())
    assert not [
        person
        for person in gone
        for campaign in PEOPLE
        if dispatch_id(campaign, person, NIGHT).encode() in everything
    ]
    told = {item["campaign_id"]: item for item in json.loads(after["manifest.json"])["campaigns"]}
    assert {name: (item["rows"], item.get("erased"), item["send"]) for name, item in told.items()} == {
        **{"hello": (2, 3, 5), "offer": (1, 1, 2), "quiet": (0, None, 0)}
    }
    assert holds(out / NIGHT) == []
    # nothing is left to do, for anybody
    assert forget(out, gone).rows == 0 and contents(out / NIGHT) == after
    assert forget(out, {"nobody"}).rows == 0 and contents(out / NIGHT) == after
    # somebody else later: what was counted is added to
    forget(out, {*gone, "dan"})
    told = {
        item["campaign_id"]: item
        for item in json.loads((out / NIGHT / "manifest.json").read_bytes())["campaigns"]
    }
    assert (told["hello"]["erased"], told["offer"]["erased"], told["hello"]["rows"]) == (4, 2, 1)
    assert holds(out / NIGHT) == []


def test_where_nobody_is_erased_nothing_is_written(out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    assert forget(out, set()).rows == 0 and forget(out / "not there", {"ada"}).rows == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_what_a_folder_lets_in_stays(out: Path) -> None:
    os.chmod(out / NIGHT, 0o750)
    os.chmod(out / NIGHT / "generic" / "hello.csv", 0o640)
    forget(out, {"ada"})
    assert (out / NIGHT).stat().st_mode & 0o777 == 0o750
    assert (out / NIGHT / "generic" / "hello.csv").stat().st_mode & 0o777 == 0o640


def since(
    run: str, run_before: str, runs: Collection[str], users: Collection[str] = (), reach: str = OLDER
) -> Since:
    return Since(run, run_before, runs, users, date.fromisoformat(reach))


def runs(out: Path) -> list[str]:
    return [json.loads((out / night / "manifest.json").read_bytes())["run_id"] for night in (OLDER, NIGHT)]


def test_what_a_run_has_searched_is_searched_for_those_only_whom_the_ledgers_named(out: Path) -> None:
    backup = out.parent / "backup"
    shutil.copytree(out / NIGHT, backup)
    made = runs(out)
    # nobody knows what was searched before
    assert forget(out, {"ada"}, since("first", "none", made)).nights == [OLDER, NIGHT]
    searched = (out / SEARCHED).read_bytes()
    # whoever reads it learns nothing of her
    assert b"ada" not in searched and set(json.loads(searched)["nights"]) == {OLDER, NIGHT}
    # that somebody is in no ledger by name says that they were taken out before, so nobody looks for dan
    assert forget(out, {"ada", "dan"}, since("second", "first", made)).nights == []
    told = since("third", "second", made, users={"dan"})
    assert forget(out, {"ada", "dan"}, told).nights == [OLDER, NIGHT]
    # a night that is not as it was left: a person who was erased long ago is found there
    shutil.rmtree(out / NIGHT)
    shutil.copytree(backup, out / NIGHT)
    assert forget(out, {"ada"}, since("fourth", "third", made)).nights == [NIGHT]
    # lists of another place, which come into reach
    shutil.copytree(backup, out / "2026-05-01")
    assert forget(out, {"ada"}, since("fifth", "fourth", made)).nights == ["2026-05-01"]


@pytest.mark.parametrize(
    "why",
    [
        "another run was the last",
        "the ledgers do not reach as far",
        "runs that the ledgers do not know",
        "it was killed",
    ],
)
def test_where_that_is_not_certain_everybody_is_searched_for(out: Path, why: str) -> None:
    made = runs(out)
    forget(out, {"ada"}, since("first", "none", made))
    if why == "another run was the last":
        # whose lists are elsewhere
        told = since("third", "second", made)
    elif why == "the ledgers do not reach as far":
        told = since("second", "first", made, reach="2026-12-31")
    elif why == "runs that the ledgers do not know":
        told = since("second", "first", ())
    else:
        (out / SEARCHED).unlink()
        told = since("second", "first", made)
    assert forget(out, {"ada", "dan"}, told).nights == [OLDER, NIGHT]


def test_tonight_s_lists_are_not_searched(out: Path) -> None:
    before = contents(out / NIGHT)
    assert forget(out, {"ada"}, since(runs(out)[1], "none", ())).nights == [OLDER]
    assert contents(out / NIGHT) == before


def test_a_name_is_found_whether_few_are_looked_for_or_many(out: Path) -> None:
    many = {f"somebody {number}" for number in range(200)}
    assert forget(out, many).rows == 0
    assert forget(out, {*many, "ada"}).nights == [OLDER, NIGHT]


@pytest.mark.parametrize(
    "crashed", ["before the manifest", "before the swap", "between the renames", "after them"]
)
def test_a_crash_loses_nothing_and_leaves_nothing(out: Path, tmp_path: Path, crashed: str) -> None:
    night, staged, retired = out / NIGHT, out / f".{NIGHT}.erasing", out / f".{NIGHT}.replaced"
    finished = tmp_path / "finished" / "out"
    shutil.copytree(out, finished)
    forget(finished, {"ada"})
    shutil.copytree(finished / NIGHT, staged)
    if crashed == "before the manifest":
        (staged / "manifest.json").unlink()
    elif crashed == "between the renames":
        night.rename(retired)
    elif crashed == "after them":
        night.rename(retired)
        staged.rename(night)
    forget(out, {"ada"})
    assert contents(out) == contents(finished)


def test_a_folder_that_was_taken_away_before_anything_was_written_comes_back(out: Path) -> None:
    before = contents(out / NIGHT)
    (out / NIGHT).rename(out / f".{NIGHT}.replaced")
    (out / f".{NIGHT}.erasing").mkdir()
    forget(out, {"nobody"})
    assert contents(out / NIGHT) == before and not list(out.glob(".2026*"))


def test_what_cannot_be_read_is_named_and_quotes_nothing(out: Path) -> None:
    torn = out / NIGHT / "generic" / "hello.csv"
    torn.write_bytes(torn.read_bytes().replace(b"dispatch_id", b"who"))
    (out / OLDER / "manifest.json").write_text("ada", encoding="utf-8")
    done = forget(out, {"ada"})
    assert done.rows == 0 and len(done.problems) == 2
    assert str(torn) in done.problems[1] and OLDER in done.problems[0]
    assert "ada" not in "".join(done.problems).replace(str(out), "")
    # and is looked at again the next time
    torn.write_bytes(torn.read_bytes().replace(b"who", b"dispatch_id"))
    assert forget(out, {"ada"}).nights == [NIGHT]
