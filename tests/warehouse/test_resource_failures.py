"""The disk fills up, the memory runs out, the clock is wrong: the night says so, leaves what is published, and can be run again."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sendworthy.warehouse.failure_causes import find_cause

from tests.support.projects import FIRST, SECOND, sendworthy
from tests.support.recorded_worlds import World

# whole nights, many of them: `make test-hard`
pytestmark = pytest.mark.hard


@contextmanager
def small_disk(place: Path, size: int) -> Iterator[None]:
    """A disk of so many bytes; skips where this process may not mount one."""
    place.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(place)], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be had here: {mounted.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def enlarge(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=500m", str(place)], check=True)


def state(world: World) -> dict[str, str]:
    """Everything that is published, and whatever else lies in `out`."""
    places = [world.place.database, *(world.place.root / "out").rglob("*")]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in places
        if path.is_file() and path.name != ".lock"
    }


def test_the_disk_of_the_lists_is_full(world: World) -> None:
    world.back_to_first()
    out = world.place.root / "out"
    earlier_lists = out.rename(out.with_name("out-before"))
    with small_disk(out, 100_000):
        before = state(world)
        ended = world.forks.run(SECOND)
        assert ended and ended["exit_code"] == 1, ended
        assert "No space left on device" in ended["words"] and "Nothing was published" in ended["words"]
        assert ended["words"].startswith("room left: 0.1 MB for --out") and "make room" in ended["words"]
        assert state(world) == before, "nothing counts as sent"
        assert world.dispatches() == world.ledger[FIRST]
        enlarge(out)
        ended = world.forks.run(SECOND)
        assert ended and ended["exit_code"] == 0, ended
        assert world.place.lists(SECOND) == world.lists[SECOND]
        assert world.dispatches() == world.ledger[SECOND]
    out.rmdir()
    earlier_lists.rename(out)


@pytest.mark.parametrize(
    ("setting", "size", "words"),
    [("docs", 40_000, "--docs"), ("TMPDIR", 12_288, "temporary files (TMPDIR)")],
)
def test_the_disk_of_the_gate_is_full(
    world: World, tmp_path: Path, setting: str, size: int, words: str
) -> None:
    world.back_to_first()
    before = state(world)
    full = tmp_path / "full"
    told: dict[str, Any] = {"docs": str(full)} if setting == "docs" else {"environment": {setting: str(full)}}
    with small_disk(full, size):
        ended = world.forks.run(SECOND, real_gate=True, **told)
    assert ended and ended["exit_code"] == 1, ended
    assert "No space left on device" in ended["words"] and f"room left: 0.0 MB for {words}" in ended["words"]
    assert state(world) == before
    ended = world.forks.run(SECOND)
    assert ended and ended["exit_code"] == 0, ended
    world.check_done()


@pytest.mark.parametrize("place", ["database", "target"])
def test_the_disk_of_the_build_is_full(world: World, tmp_path: Path, place: str) -> None:
    world.back_to_first()
    before = state(world)
    full = tmp_path / "full"
    environment = dict(os.environ)
    with small_disk(full, 2_000_000):
        if place == "target":
            environment |= {"DBT_TARGET_PATH": str(full / "target"), "DBT_LOG_PATH": str(full / "logs")}
            database = world.place.database
        else:
            database = full / "other.duckdb"
        ended = sendworthy(
            *("nightly", "--raw", world.raw, "--as-of", SECOND, "--db", database),
            cwd=world.place.root,
            environment=environment,
        )
        assert ended.returncode == 1, ended.stderr
        assert "No space left on device" in ended.stderr and "make room" in ended.stderr, ended.stderr
        assert "room left: 0.0 MB for " + ("DBT_TARGET_PATH" if place == "target" else "--db") in ended.stderr
        assert "Traceback" not in ended.stderr
        assert not (database.parent / ".sendworthy" / f"{database.name}.build").exists(), "it fills the disk"
        assert not (full / "other.duckdb").exists()
    assert state(world) == before


def test_memory_runs_out(world: World) -> None:
    world.back_to_first()
    before = state(world)
    for variable, limit, code, words in (
        ("SENDWORTHY_MEMORY", "45MB", 1, "Out of Memory Error"),
        ("SENDWORTHY_MEMORY", "a lot", 2, "'a lot', which is no amount of memory"),
        ("SENDWORTHY_THREADS", "all", 2, "'all', which is no number of threads"),
        ("SENDWORTHY_THREADS", "0", 2, "'0', which is no number of threads"),
    ):
        ended = sendworthy(
            *("nightly", "--raw", world.raw, "--as-of", SECOND),
            cwd=world.place.root,
            environment={**os.environ, variable: limit},
        )
        assert ended.returncode == code and words in ended.stderr, ended.stderr
        assert variable in ended.stderr and "Traceback" not in ended.stderr
        assert state(world) == before
    said = find_cause("Out of Memory Error: could not allocate (1 GiB used) Possible solutions: * Reducing")
    assert said.words == "Out of Memory Error: could not allocate (1 GiB used)"


def test_a_clock_that_is_behind_does_not_make_empty_lists_of_a_night_that_is_named(world: World) -> None:
    world.back_to_first()
    before = state(world)
    environment = {**os.environ, "SENDWORTHY_WALL_CLOCK": "2020-01-01 00:00:00"}
    command = ["nightly", "--raw", str(world.raw), "--docs", str(world.place.root / "other_docs")]
    named = sendworthy(*command, "--as-of", SECOND, cwd=world.place.root, environment=environment)
    assert named.returncode == 1 and "events are of a later time, from 20" in named.stderr, named.stderr
    assert "the clock of this machine shows 2020-01-01 00:00:00" in named.stderr
    assert "Nothing was published" in named.stderr
    assert state(world) == before
    watermark = sendworthy(*command, cwd=world.place.root, environment=environment)
    assert watermark.returncode == 1, watermark.stderr
    assert "The clock of this machine shows 2020-01-01 00:00:00 UTC: if it is behind" in watermark.stderr
    assert state(world) == before


def test_a_clock_that_has_jumped_ends_the_night_and_set_right_it_goes_on(world: World) -> None:
    world.back_to_first()
    before = state(world)
    ((finished,),) = world.place.query("select max(finished_at) from ops.runs")
    assert isinstance(finished, datetime)
    for now, words in (
        (finished - timedelta(days=3), "a night has already ended at"),
        (datetime(2040, 1, 1), "hours behind the clock"),
    ):
        # of no named night: by its own watermark
        ended = world.forks.run(SECOND, as_of=None, now=now.isoformat())
        assert ended and ended["exit_code"] == 1 and words in ended["words"], ended
        assert "clock" in ended["words"] and "Nothing was published" in ended["words"]
        assert state(world) == before
    ended = world.forks.run(SECOND, now=(finished + timedelta(minutes=1)).isoformat())
    assert ended and ended["exit_code"] == 0, ended
    world.check_done()
