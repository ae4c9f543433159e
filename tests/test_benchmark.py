"""The benchmark: what it counts, and above all that it finds a list that is not the night's before it measures anything."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb
import pytest
from sendworthy.sample.generator import make_sample

from benchmarks import floor
from benchmarks.children import run
from benchmarks.compare import Difference, Results, check_same, compare, compare_lists
from benchmarks.errors import BenchmarkError
from benchmarks.figures import Spread, ratio, spread
from benchmarks.projects import more_campaigns
from benchmarks.recording import of_node
from benchmarks.report import growth_rows, keep_night, promises, slowest
from benchmarks.rivals.settings import send_times
from benchmarks.worlds import NIGHT, World, land, make_world
from tests.oracle.decisions import send_time
from tests.support.projects import ROOT


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("create table night (campaign_id varchar, user_id varchar, reasons varchar[])")
        opened.execute(
            "insert into night values ('a', 'u1', ['x', 'y']), ('a', 'u2', []), ('a', 'u2', []), ('b', 'secret', null)"
        )
        yield opened


def test_the_median_and_the_ends_of_a_spread() -> None:
    assert spread([4.0, 1.0, 2.0]) == Spread(2.0, 1.0, 4.0, 3)
    assert spread([1.0, 2.0]).median == 1.5
    assert ratio(3.0, 2.0) == 1.5
    assert ratio(3.0, 0.0) is None


def test_the_order_of_rows_is_no_difference(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table mine as select * from night order by user_id desc, campaign_id")
    assert compare(connection, "send_list", "mine", "night", "campaign_id") == (4, [])


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("update mine set reasons = ['y', 'x'] where user_id = 'u1'", Difference("send_list", "a", 3, 3)),
        ("update mine set reasons = [] where user_id = 'secret'", Difference("send_list", "b", 1, 1)),
        (
            "update mine set user_id = 'u1', reasons = ['x', 'y'] where rowid = 1",
            Difference("send_list", "a", 3, 3),
        ),
        ("delete from mine where user_id = 'secret'", Difference("send_list", "b", 0, 1)),
        ("insert into mine values ('c', 'u3', null)", Difference("send_list", "c", 1, 0)),
    ],
)
def test_a_changed_list_is_found(
    connection: duckdb.DuckDBPyConnection, change: str, found: Difference
) -> None:
    connection.execute("create table mine as select * from night")
    connection.execute(change)
    assert compare(connection, "send_list", "mine", "night", "campaign_id")[1] == [found]


def test_a_column_that_is_not_there_is_a_difference(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table mine as select campaign_id, user_id from night")
    (difference,) = compare(connection, "send_list", "mine", "night", "campaign_id")[1]
    assert "no column reasons" in str(difference)


def test_a_difference_stops_it_and_names_nobody(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table mine as select * replace ('another' as user_id) from night")
    with pytest.raises(BenchmarkError) as raised:
        check_same(
            "polars", connection, Results({"send_list": "mine"}), Results({"send_list": "night"}), ["a", "b"]
        )
    assert "send_list: b: 1 rows each" in str(raised.value)
    assert "secret" not in str(raised.value)
    assert "another" not in str(raised.value)


def test_lists_that_the_night_has_held_back_are_not_compared(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("create table mine as select * from night")
    connection.execute("delete from night where campaign_id = 'b'")
    sides = Results({"send_list": "mine"}), Results({"send_list": "night"})
    assert check_same("floor", connection, *sides, released=["a"]) == {"send_list": 3}
    with pytest.raises(BenchmarkError):
        check_same("floor", connection, *sides, released=["a", "b"])


def test_files_are_compared_byte_by_byte(tmp_path: Path) -> None:
    for side in ("mine", "night"):
        (tmp_path / side / "generic").mkdir(parents=True)
        (tmp_path / side / "generic" / "b.csv").write_text("id\n3\n")
    (tmp_path / "mine" / "generic" / "a.csv").write_text("id\n1\n2\n")
    # the night has cut it in two, each with its header
    (tmp_path / "night" / "generic" / "a.csv").write_text("id\n1\n")
    (tmp_path / "night" / "generic" / "a.part-2.csv").write_text("id\n2\n")
    sides = tmp_path / "mine", tmp_path / "night"
    assert compare_lists(*sides, ["a", "b"]) == (3, [])
    (tmp_path / "mine" / "generic" / "a.csv").write_text("id\n2\n1\n")
    assert compare_lists(*sides, ["a", "b"])[1] == [Difference("files of generic", "a", 2, 2)]
    assert compare_lists(*sides, ["b"]) == (1, [])
    (tmp_path / "mine" / "generic" / "b.csv").unlink()
    assert compare_lists(*sides, ["b"])[1] == [Difference("files of generic", "b", 0, 1)]


def test_the_floor_is_what_changes_something(tmp_path: Path) -> None:
    recording = tmp_path / "recording.jsonl"
    place = tmp_path / "place"
    told = [
        ("settings", "set TimeZone = 'UTC'"),
        ("", "BEGIN"),
        ("", "select * from glob('x')"),
        ("", f"create view landing.users as select * from '{place}/zone/users.csv'"),
        ("seed.sendworthy.places", 'create table "build"."settings"."places" (a text)'),
        ("", 'COPY "build"."settings"."places" FROM \'places.csv\''),
        ("model.sendworthy.base", "create or replace table base as (select 1)"),
        ("test.sendworthy.keyed", "create table failures as select 1"),
        ("model.sendworthy.send_list", "create or replace table send_list as (select * from base)"),
        ("model.sendworthy.customers", "create or replace table customers as (select 2)"),
    ]
    recording.write_text(
        "\n".join(json.dumps({"node": node, "sql": sql, "parameters": None}) for node, sql in told)
    )
    recorded = floor.Recorded.read(recording, place)
    assert [statement["node"] for statement in recorded.statements] == [
        *("settings", "", "seed.sendworthy.places", "seed.sendworthy.places"),
        *("model.sendworthy.base", "model.sendworthy.send_list", "model.sendworthy.customers"),
    ]
    parents = {
        "model.sendworthy.send_list": ["model.sendworthy.base"],
        "model.sendworthy.base": ["source.sendworthy.landing.users"],
        "model.sendworthy.customers": ["seed.sendworthy.places"],
    }
    wanted = floor.needed_for(["send_list"], {"parent_map": parents})
    assert [statement["node"] for statement in recorded.of(wanted)] == [
        *("settings", "", "model.sendworthy.base", "model.sendworthy.send_list"),
    ]
    floor.write_script(recorded.statements, Path("/elsewhere"), tmp_path / "script.json")
    assert "/elsewhere/zone/users.csv" in (tmp_path / "script.json").read_text()


def test_a_statement_is_of_the_node_that_dbt_names() -> None:
    comment = '/* {"app": "dbt", "node_id": "model.sendworthy.users"} */'
    assert of_node(f"{comment}\n  create table users (a int)") == (
        "model.sendworthy.users",
        "create table users (a int)",
    )
    assert of_node(" begin ") == ("", "begin")
    assert of_node("/* a note */ select 1") == ("", "/* a note */ select 1")


def test_deciding_is_the_models_that_decide() -> None:
    times = [
        ("model.sendworthy.int_campaigns__gates", 1.0),
        ("model.sendworthy.campaign_decisions", 2.0),
        ("model.sendworthy.send_list", 4.0),
        ("model.sendworthy.int_customers__features", 8.0),
        ("list.generic", 16.0),
        ("list.generic", 32.0),
        ("", 64.0),
    ]
    assert floor.seconds_of_deciding(times) == 7.0
    assert list(floor.by_node(times).items())[:2] == [
        ("landing views, ledgers, settings", 64.0),
        ("lists of generic", 48.0),
    ]
    assert slowest([floor.by_node(times)])[1] == ("lists of generic", "48.00", "38%")


def test_a_promise_is_compared_with_what_was_measured(tmp_path: Path) -> None:
    def runs(**seconds: float) -> dict[str, Any]:
        costs = {name: [{"wall_s": wall, "cpu_s": wall, "peak_mb": 1.0}] for name, wall in seconds.items()}
        return {"runs": costs, "world": {"users": 1000, "days": 30}}

    night = runs(night=13.0, floor=10.0, second=2.0, lists=5.0, polars=4.0)
    held = promises([night])
    assert {world for _, _, world, _ in held} == {"1,000 people, 30 days"}
    assert [(measured.partition(" ")[0], verdict) for _, measured, _, verdict in held] == [
        ("1.30", "holds"),
        ("0.15", "holds"),
        ("1.25", "**does not hold**"),
    ]
    # a night in full is the second one built anew, where it was measured
    (second,) = promises([runs(night=13.0, second=2.0, second_full=10.0)])
    assert second[1::2] == ("0.20 times (`second` / `second_full`)", "**does not hold**")
    # of two worlds, the same promises stand together
    assert [words for words, *_ in promises([night, night])] == [
        words for words, *_ in held for _ in range(2)
    ]
    steps = {"history x1": runs(second=10.0), "history x2": runs(second=11.5)}
    assert promises([], {"steps": steps})[0][1::2] == ("1.15 times", "**does not hold**")


def test_growth_is_shown_beside_the_first_step_of_its_kind() -> None:
    def step(users: int, **seconds: float) -> dict[str, Any]:
        costs = {
            name: [{"wall_s": wall, "cpu_s": wall, "peak_mb": 10.0 * users}] for name, wall in seconds.items()
        }
        return {"runs": costs, "world": {"users": users, "days": 30}, "campaigns": 27}

    steps = {
        "users x1": step(10, night=4.0, floor=2.0),
        "users x2": step(20, night=9.0, floor=3.0),
        "history x1": step(10, night=4.0, floor=2.0),
    }
    rows = growth_rows({"steps": steps})
    assert [row[0] for row in rows] == [name for name in steps for _ in range(2)]
    # seconds, spread, beside the first step, peak, beside the first step, beside the floor of this step
    assert rows[2][5:] == ("9.00", "9.00 to 9.00", "2.25", "200 MB", "2.00", "3.00")


def test_what_was_measured_before_stays_beside_it(tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text('{"another": {"kept": true}}')
    about = {
        "machine": {"processor": "p", "cores": "2", "memory": "1 GiB", "system": "s"},
        "versions": {"duckdb": "1"},
        "repeat": 1,
        "measured_on": "2026-01-01",
        "load_before": 0.1,
        "world": {"users": 10, "days": 2, "seed": 7},
        "rows": {"users": 10},
        "campaigns": 1,
        "decisions": 4,
        "messages": 1,
        "compared": {"floor": {"send_list": 1}},
        "titles": {"floor": "the floor"},
        "runs": {"floor": [{"wall_s": 2.0, "cpu_s": 3.0, "peak_mb": 100.0}]},
        "deciding": [1.0],
        "statements": [{"send_list": 1.0, "base": 1.0}],
        "stages": {},
        "held_back": {"first": 0, "second": 2},
    }
    keep_night(tmp_path, {**about, "world": {"users": 2000, "days": 2, "seed": 7}})
    keep_night(tmp_path, {**about, "repeat": 3})
    page = keep_night(tmp_path, about).read_text()
    headings = [line for line in page.splitlines() if line.startswith("## One night")]
    assert headings == ["## One night of 2,000 people, 2 days", "## One night of 10 people, 2 days"]
    assert "Medians of 3" not in page
    assert "| `floor`: the floor | 2.00 | 2.00 to 2.00 | 3.00 | 100 MB | 1.00 |" in page
    assert "held back: 0 in the first night, 2 in the second night." in " ".join(page.split())
    assert json.loads((tmp_path / "results.json").read_text())["another"] == {"kept": True}


def test_a_process_is_measured_by_itself(tmp_path: Path) -> None:
    ballast = bytearray(300_000_000)
    small = run([sys.executable, "-c", "pass"], tmp_path, os.environ, tmp_path / "small.log")
    large = run(
        [sys.executable, "-c", "bytearray(b'x') * 200_000_000"],
        tmp_path,
        os.environ,
        tmp_path / "large.log",
    )
    assert small.peak_mb < 100 < large.peak_mb < 300
    assert len(ballast) == 300_000_000
    # what its own children use is its own
    child = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', \"bytearray(b'x') * 200_000_000\"])"
    )
    assert run([sys.executable, "-c", child], tmp_path, os.environ, tmp_path / "child.log").peak_mb > 100


def test_a_contender_that_fails_ends_it_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(BenchmarkError, match="no lists today"):
        run([sys.executable, "-c", "exit('no lists today')"], tmp_path, os.environ, tmp_path / "log")


def test_the_rivals_know_when_a_message_is_due() -> None:
    chance = random.Random(7)
    zones = ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo"]
    nights = [datetime(2026, 3, 28), datetime(2026, 3, 8), datetime(2026, 10, 25), datetime(2026, 4, 4)]
    nights += [datetime(2026, 1, 1) + timedelta(hours=chance.randrange(24 * 365)) for _ in range(4)]
    for as_of in nights:
        found = send_times(as_of, zones, [0, 2, 9, 23])
        assert len(found) == len(zones) * 4
        for zone, hour, send_at in found:
            assert send_at == send_time(as_of, hour, ZoneInfo(zone)), (as_of, zone, hour)


def test_a_world_is_cut_in_two_at_the_night(tmp_path: Path) -> None:
    world = World(users=60, days=20)
    zones = make_world(world, tmp_path)
    whole = tmp_path / "whole"
    make_sample(whole, 60, 21, world.seed, NIGHT + timedelta(days=1))
    place = tmp_path / "place"
    land(zones.first, place)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")

        def rows(folder: Path, table: str, ending: str, what: str = "count(*)") -> Any:
            found = f"read_{ending}('{folder / table}*/**/*.{ending}', union_by_name = true)"
            if (folder / f"{table}.{ending}").exists():
                found = f"read_{ending}('{folder / table}.{ending}')"
            return connection.execute(f"select {what} from {found}").fetchall()[0][0]

        for table, ending in (("users", "parquet"), ("events", "parquet"), ("support_tickets", "csv")):
            first, later = (rows(zone, table, ending) for zone in (zones.first, zones.next_day))
            assert first > 0 and later > 0
            assert first + later == rows(whole, table, ending)
        newest = "max(updated_at) filter (where updated_at < timestamp '2090-01-01')"
        assert (
            rows(place, "users", "parquet", newest)
            < NIGHT
            <= rows(zones.next_day, "users", "parquet", newest)
        )
        newest = "max(occurred_at) filter (where occurred_at < timestamp '2090-01-01')"
        assert (
            rows(place, "events", "parquet", newest)
            < NIGHT
            <= rows(zones.next_day, "events", "parquet", newest)
        )
        before = rows(place, "events", "parquet")
        land(zones.next_day, place)
        assert rows(place, "events", "parquet") > before
    # made once
    assert make_world(world, tmp_path) == zones


def test_campaigns_are_multiplied_under_ids_of_their_own(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    assert more_campaigns(ROOT, 1, tmp_path, environment) == ROOT
    copy = more_campaigns(ROOT, 2, tmp_path, environment)
    counts = [
        len((project / "seeds" / "compiled" / "campaigns.csv").read_text().splitlines()) - 1
        for project in (ROOT, copy)
    ]
    assert counts[1] == 2 * counts[0]


@pytest.mark.hard
def test_a_benchmark_from_end_to_end(tmp_path: Path) -> None:
    rivals = [
        name
        for name, package in (("polars", "polars_hash"), ("pandas", "pyarrow"))
        if importlib.util.find_spec(package)
    ]
    names = ["floor", "night", "second", "lists", *rivals]
    command = [sys.executable, "-m", "benchmarks", "--users", "200", "--days", "30", "--repeat", "1"]
    command += ["--only", ",".join(names), "--work", str(tmp_path / "work"), "--results", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr[-3000:]
    measured = json.loads((tmp_path / "results.json").read_text())["nights"]["200 people, 30 days"]
    assert list(measured["titles"]) == names
    assert all(len(runs) == 1 and runs[0]["wall_s"] > 0 for runs in measured["runs"].values())
    compared = measured["compared"]
    assert set(compared) == {"floor", "night", "lists", *rivals}
    assert all(sizes["campaign_decisions"] == measured["decisions"] > 0 for sizes in compared.values())
    assert all(sizes["send_list"] == measured["messages"] > 0 for sizes in compared.values())
    # the lists that the floor writes are the night's, byte for byte: a line less would be found
    assert all(sizes["files"] == 2 * measured["messages"] for sizes in compared.values())
    assert measured["deciding"][0] > 0
    assert "One night of 200 people" in (tmp_path / "RESULTS.md").read_text()
