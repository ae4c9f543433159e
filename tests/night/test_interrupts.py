"""A night that somebody interrupts (Ctrl-C) says what has happened by then, and ends with 130; run again, it does the rest."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console
from sendworthy.foundation import interrupts
from sendworthy.foundation.errors import BuildError, Interrupted
from sendworthy.foundation.interrupts import is_interrupt
from sendworthy.foundation.progress import Stages
from sendworthy.night.run import interruptions
from sendworthy.night.state import NightOptions
from sendworthy.warehouse import database_file

from tests.support.projects import FIRST, ROOT, SECOND
from tests.support.recorded_worlds import World, first_and_last

RUN = {"run_id": "20260601T000000Z-0a1b2c3d", "as_of": "2026-06-01T00:00:00Z"}
NOTHING, NOT_YET, ALL = "nothing was published", "not in", "they may be sent"


@pytest.fixture(autouse=True)
def handler_as_before() -> Any:
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
    interrupts._requested = False


def test_what_duckdb_makes_of_an_interrupt_is_one() -> None:
    interrupts.install()
    threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT]).start()
    began = time.monotonic()
    with pytest.raises(Exception) as caught, database_file.closing(duckdb.connect()) as connection:
        connection.execute(
            "select count(*) from range(1000000) a, range(1000000) b where hash(a.range + b.range) % 7 = 1"
        ).fetchall()
    assert time.monotonic() - began < 30, "the statement was waited for"
    assert not isinstance(caught.value, KeyboardInterrupt), "then nothing of this is needed any more"
    assert is_interrupt(caught.value) and interrupts.was_requested()
    assert not is_interrupt(ValueError())


def test_a_step_that_has_swallowed_an_interrupt_ends_with_it() -> None:
    interrupts.install()
    with pytest.raises(KeyboardInterrupt), Stages(Console(quiet=True)).step("audit", "auditing"):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except BaseException:
            pass


def options(tmp_path: Path) -> NightOptions:
    return NightOptions(tmp_path / "raw", tmp_path / "s.duckdb", tmp_path / "out", tmp_path / "docs")


def published(tmp_path: Path, run_id: str) -> None:
    with duckdb.connect(str(tmp_path / "s.duckdb")) as connection:
        connection.execute("create schema ops")
        connection.execute("create table ops.audited as select ? as run_id", [run_id])


def delivered(tmp_path: Path, run_id: str) -> None:
    folder = tmp_path / "out" / "2026-06-01"
    folder.mkdir(parents=True)
    manifest = {**RUN, "run_id": run_id, "campaigns": []}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


OTHER = "20260601T000000Z-ffffffff"


@pytest.mark.parametrize(
    ("run", "in_database", "in_folder", "words"),
    [
        ({}, None, None, NOTHING),
        (RUN, None, None, NOTHING),
        # an earlier run of the same night
        (RUN, OTHER, OTHER, NOTHING),
        (RUN, OTHER, None, NOTHING),
        (RUN, RUN["run_id"], None, NOT_YET),
        (RUN, RUN["run_id"], OTHER, NOT_YET),
        (RUN, RUN["run_id"], RUN["run_id"], ALL),
    ],
)
def test_the_words_are_those_of_the_files(
    tmp_path: Path, run: dict[str, str], in_database: str | None, in_folder: str | None, words: str
) -> None:
    if in_database:
        published(tmp_path, in_database)
    if in_folder:
        delivered(tmp_path, in_folder)
    with pytest.raises(Interrupted) as caught, interruptions(options(tmp_path), run):
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()
    assert caught.value.exit_code == 130 and caught.value.fix
    assert [other in caught.value.what for other in (NOTHING, NOT_YET, ALL)].count(True) == 1
    assert words in caught.value.what


def test_other_failures_are_left_alone(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="torn"), interruptions(options(tmp_path), RUN):
        raise BuildError("torn")


def test_a_night_that_is_interrupted_while_it_builds_says_so_and_ends_with_130(tmp_path: Path) -> None:
    places = ("--db", tmp_path / "s.duckdb", "--out", tmp_path / "out", "--docs", tmp_path / "docs")
    command = [sys.executable, "-c", "from sendworthy.cli.main import main; main()", "nightly", "--json"]
    with subprocess.Popen(
        [*command, "--as-of", FIRST, *map(str, places)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # as in a terminal, what it has started is interrupted too
        start_new_session=True,
    ) as night:
        build = tmp_path / ".sendworthy" / "s.duckdb.build" / "build.duckdb"
        until = time.monotonic() + 120
        while not build.exists() and time.monotonic() < until:
            time.sleep(0.2)
        time.sleep(2)
        os.killpg(night.pid, signal.SIGINT)
        said, errors = night.communicate(timeout=60)
    assert night.returncode == 130, errors
    assert "Traceback" not in errors and "interrupted: nothing was published" in " ".join(errors.split()), (
        errors
    )
    assert json.loads(said)["exit_code"] == 130
    assert not (tmp_path / "s.duckdb").exists() and not (tmp_path / "out" / FIRST).exists()


def test_before_a_command_is_at_work_it_ends_with_130_too(tmp_path: Path) -> None:
    script = (
        "import os, signal, sendworthy.cli.main as cli\n"
        "cli.keep_to_owner = lambda: os.kill(os.getpid(), signal.SIGINT)\n"
        "cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 130 and "Traceback" not in done.stderr, done.stderr


@pytest.mark.parametrize("module", ["typer", "duckdb", "sendworthy.cli.privacy"])
def test_while_the_program_is_imported_it_ends_with_130_too(tmp_path: Path, module: str) -> None:
    script = (
        "import os, signal, sys\n"
        "class Interrupting:\n"
        "    def find_spec(self, name, *more):\n"
        f"        if name == {module!r}:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Interrupting())\n"
        "from sendworthy.cli.main import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, "verify", "--out", str(tmp_path)], capture_output=True, text=True
    )
    assert done.returncode == 130 and done.stderr == "interrupted; nothing was done.\n", done.stderr


def test_importing_the_program_leaves_interrupts_as_they_were() -> None:
    script = (
        "import signal; before = signal.getsignal(signal.SIGINT); import sendworthy.cli.main;"
        "assert signal.getsignal(signal.SIGINT) is before"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


@pytest.mark.hard
def test_nights_interrupted_at_any_instant_say_what_is_published(world: World) -> None:
    world.back_to_first()
    counted = world.forks.run(SECOND, count=True)
    assert counted and counted["exit_code"] == 0
    # of the statements of a loop two: most of all are in loops over files, before anything is published
    first, last = first_and_last(counted["statements"])
    numbers = sorted(random.Random(3).sample(sorted({*first.values(), *last.values()}), 24))
    # and while statements of DuckDB are at work
    instants: list[dict[str, Any]] = [
        {"interrupt_after": random.Random(seed).uniform(0.0, 2.0)} for seed in range(12)
    ]
    seen: Counter[str] = Counter()
    for row, more in enumerate([*({"interrupt_before": number} for number in numbers), *instants]):
        world.back_to_first()
        ended = world.forks.run(SECOND, **more)
        assert ended, "it was not killed"
        run_id = world.check()
        is_second = run_id.startswith(SECOND.replace("-", ""))
        is_there = (world.place.root / "out" / SECOND / "manifest.json").is_file()
        if ended["exit_code"] == 0:
            seen["it was over already"] += 1
            continue
        assert ended["exit_code"] == 130, ended
        words = NOTHING if not is_second else ALL if is_there else NOT_YET
        assert words in ended["words"], (ended["words"], run_id, is_there)
        seen[words] += 1
        if row % 3 == 0:
            again = world.forks.run(SECOND)
            assert again and again["exit_code"] == 0
            world.check_done()
    print(f"\ninterrupted: {dict(seen)}")
    assert seen[NOTHING] and seen[ALL]
