"""Two nights on DuckDB and the same two on Spark: not one row of what people use may differ, and not one byte of a list.

The sample by the command line, with all that belongs to a night; real data (`../shared/real`, or where it is not there an extract)
and a few random worlds by the compiled models, all in one session of Spark. What was compared is printed at the end, as a table.

SENDWORTHY_TEST_SPARK_WORLDS sets how many worlds (2 unless told).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.foundation.clock import iso
from sendworthy.settings.destinations import load_destinations

from tests.oracle import Settings, random_settings, write_settings, write_world
from tests.support.engine_parity import compare, compare_files
from tests.support.exported_nights import export_night
from tests.support.model_harness import PROJECT, Warehouse
from tests.support.projects import ROOT, copy_project
from tests.support.pushed_nights import entry
from tests.support.spark_harness import SparkWarehouse, spark_warehouse

pytestmark = pytest.mark.spark

REAL, EXTRACTS = ROOT.parent / "shared" / "real", ROOT / "tests" / "fixtures" / "real"
WORLDS = int(os.environ.get("SENDWORTHY_TEST_SPARK_WORLDS", "2"))
ENGINES = ("duckdb", "spark")
LAST = "landed_on=2026-05-31"
PERSON = "u002242"


def test_two_whole_nights_of_the_sample(tmp_path: Path) -> None:
    """Both read all that has landed, and in the second one somebody has asked to be erased."""
    raw, waiting = tmp_path / "raw", tmp_path / "waiting"
    shutil.copytree(ROOT / "data" / "sample", raw)
    for table in ("events", "message_events"):
        (waiting / table).mkdir(parents=True)
        shutil.move(raw / table / LAST, waiting / table)
    project = copy_project(tmp_path / "project")
    on_duckdb, on_spark = (tmp_path / engine for engine in ENGINES)
    wrong: list[str] = []
    for number in (1, 2):
        as_of = datetime(2026, 6, number)
        if number == 2:
            for table in ("events", "message_events"):
                shutil.move(waiting / table / LAST, raw / table)
            with (raw / "erasure_requests.csv").open("a", encoding="utf-8") as file:
                file.write(f"{PERSON},2026-06-01 08:00:00\n")
        # each engine keeps its own files, so the two can be at work at once
        with ThreadPoolExecutor(2) as pool:
            nights = [
                pool.submit(run_night, engine, root, raw, as_of, tmp_path / engine)
                for engine, root in zip(ENGINES, (ROOT, project), strict=True)
            ]
        for night in nights:
            assert night.result().returncode == 0, night.result().stderr[-3000:]
        with (
            duckdb.connect(str(on_duckdb / "published.duckdb"), read_only=True) as left,
            duckdb.connect(str(on_spark / "published.duckdb"), read_only=True) as right,
        ):
            wrong += compare(f"sample, night {number}", left, right)
        folders = [folder / "out" / f"{as_of:%Y-%m-%d}" for folder in (on_duckdb, on_spark)]
        wrong += compare_files(f"sample, night {number}", *folders)
    assert not wrong, "\n".join(wrong)
    # the tables in which the person still was are gone
    assert not (on_spark / ".sendworthy" / "published.duckdb.lake" / "warehouse").exists()


def run_night(
    engine: str, root: Path, raw: Path, as_of: datetime, folder: Path
) -> subprocess.CompletedProcess[str]:
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", "from sendworthy.cli.main import main; main()", "nightly"]
    command += ["--target", engine, "--raw", str(raw), "--as-of", as_of.isoformat(), "--json"]
    command += ["--db", str(folder / "published.duckdb"), "--out", str(folder / "out")]
    command += ["--docs", str(folder / "docs"), "--full-refresh"]
    environment = {
        **os.environ,
        "DBT_TARGET_PATH": str(folder / "target"),
        "DBT_LOG_PATH": str(folder / "logs"),
    }
    environment.pop("SENDWORTHY_LAKE", None)
    return subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=1200, check=False
    )


@pytest.fixture(scope="module")
def on_spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkWarehouse]:
    with spark_warehouse(tmp_path_factory.mktemp("spark")) as warehouse:
        yield warehouse


@pytest.mark.parametrize(
    ("name", "first"), [("cdnow", datetime(1998, 7, 1)), ("completejourney", datetime(2018, 1, 1))]
)
def test_two_nights_on_real_data(
    warehouse: Warehouse, on_spark: SparkWarehouse, tmp_path: Path, name: str, first: datetime
) -> None:
    raw = REAL / name if (REAL / name).is_dir() else EXTRACTS / name
    world = World(raw, first, datetime(2026, 1, 1), Settings.load(PROJECT))
    wrong, _ = two_nights(name, world, warehouse, on_spark, tmp_path)
    assert not wrong, "\n".join(wrong)


def test_two_nights_in_random_worlds(warehouse: Warehouse, on_spark: SparkWarehouse, tmp_path: Path) -> None:
    wrong: list[str] = []
    decided: set[str] = set()
    for seed in range(WORLDS):
        made = write_world(tmp_path / str(seed) / "raw", seed)
        settings = random_settings(seed)
        seeds = tmp_path / str(seed) / "seeds"
        write_settings(settings, seeds)
        world = World(made.raw, made.as_of, made.wall_clock, settings, seeds, made.ledger)
        differences, decisions = two_nights(f"world {seed}", world, warehouse, on_spark, tmp_path / str(seed))
        wrong += differences
        decided |= decisions
    assert not wrong, "\n".join(wrong)
    # worlds in which nothing is decided would prove nothing
    assert decided == {"send", "control", "suppress"}


@dataclass
class World:
    """A landing zone, the first of its nights, and the settings for them."""

    raw: Path
    first: datetime
    wall_clock: datetime
    settings: Settings
    seeds: Path | None = None
    ledger: Sequence[Mapping[str, Any]] = ()


def two_nights(
    name: str, world: World, on_duckdb: Warehouse, on_spark: SparkWarehouse, folder: Path
) -> tuple[list[str], set[str]]:
    """Run two nights on both engines; what differs, and which decisions there were."""
    wrong: list[str] = []
    decided: set[str] = set()
    ledger = list(world.ledger)
    for number in (1, 2):
        as_of = world.first + timedelta(days=number - 1)
        left, right = (
            where.night(
                world.raw,
                as_of=as_of,
                wall_clock=world.wall_clock,
                settings=world.settings,
                seeds=world.seeds,
                ledger=ledger,
            )
            for where in (on_duckdb, on_spark)
        )
        what = f"{name}, night {number}"
        wrong += compare(what, left, right)
        lists = []
        for engine, connection in zip(ENGINES, (left, right), strict=True):
            write_lists(connection, folder / engine, as_of)
            lists.append(folder / engine / f"{as_of:%Y-%m-%d}")
        wrong += compare_files(what, *lists)
        found = left.execute("select distinct decision from marts.campaign_decisions").fetchall()
        decided |= {row[0] for row in found}
        # what was sent tonight is in the ledger tomorrow
        sent = left.execute("select * from marts.send_list")
        names = [column[0] for column in sent.description or []]
        ledger += [{"as_of": as_of, **dict(zip(names, row, strict=True))} for row in sent.fetchall()]
        left.close()
        right.close()
    return wrong, decided


def write_lists(connection: duckdb.DuckDBPyConnection, out: Path, as_of: datetime) -> None:
    campaigns = connection.execute(
        """
        select campaign_id, min(channel), count(*) filter (where decision = 'send')
        from marts.campaign_decisions
        group by all
        order by 1
        """
    )
    listed = [
        {**entry(campaign_id, messages), "channel": channel}
        for campaign_id, channel, messages in campaigns.fetchall()
    ]
    run = {"as_of": iso(as_of), "run_id": f"{as_of:%Y%m%dT%H%M%SZ}-parity"}
    export_night(connection, list(load_destinations(ROOT).values()), out, run, listed)
