"""Nights that are killed, at any instant and several times in a row, and people who read all the while.

`SENDWORTHY_KILLS` says how many whole nights are killed (default 2; `make test-kills`: 60); twice as many are killed
before one of the statements that write, three times as many while they publish, in nights whose build is recorded.
"""

from __future__ import annotations

import ast
import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from sendworthy.foundation.file_lock import hold
from sendworthy.privacy.rewrite_lists import SEARCHED
from sendworthy.warehouse import database_file

from tests.support.projects import FIRST, ROOT, SECOND, sendworthy
from tests.support.recorded_worlds import Readers, World, first_and_last

# whole nights, many of them: `make test-hard`
pytestmark = pytest.mark.hard

KILLS = int(os.environ.get("SENDWORTHY_KILLS", "2"))


def test_eight_readers_and_one_who_never_lets_go_see_five_nights_come_one_whole_and_four_with_recorded_builds(
    world: World,
) -> None:
    assert len(set(world.watched)) == 5
    world.readers.check()
    by_loop = [said["seen"] for said in world.readers.said if said["how"] == "loop"]
    (by_hold,) = [said["seen"] for said in world.readers.said if said["how"] == "hold"]
    assert len(by_loop) == 8 and all(len(seen) >= 3 for seen in by_loop), "they saw no night come"
    assert len(by_hold) == 1, "what is open does not change"


def test_nights_killed_before_any_statement_that_writes_leave_nothing_torn(world: World) -> None:
    world.back_to_first()
    counted = world.forks.run(SECOND, count=True)
    assert counted and counted["exit_code"] == 0
    first, last = first_and_last(counted["statements"])
    points = sorted({*first.values(), *last.values()})
    assert len(points) > 150
    # around each rename: what is staged, what is published, and what is promoted
    renaming = {
        *_lines("delivery/staging_folder.py", "promote"),
        *_lines("foundation/durable_files.py", "swap_in"),
    }
    short = sorted({n for found in (first, last) for place, n in found.items() if place in renaming})
    others = [point for point in points if point not in short]
    chosen = sorted({*random.Random(5).sample(others, min(2 * KILLS, len(others))), *short})
    assert len(short) > 8
    for row, number in enumerate(chosen):
        # what an earlier kill has left may take statements of its own: not around a rename, where each one counts
        if row % 4 == 0 or number in short:
            world.back_to_first()
        assert world.forks.run(SECOND, kill_before=number) is None, "it was not killed"
        world.check()
        if row % 4 == 3:
            ended = world.forks.run(SECOND)
            assert ended and ended["exit_code"] == 0, ended
            world.check_done()
    print(
        f"\nkilled before a statement: {len(chosen)} of {len(points)}, {len(short)} of them at a rename; all survived"
    )


def _lines(file: str, function: str) -> set[tuple[str, int]]:
    """The lines of a function or a method."""
    source = (ROOT / "scripts" / "sendworthy" / file).read_text(encoding="utf-8")
    functions = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef))
    (found,) = (node for node in functions if node.name == function)
    assert found.end_lineno
    return {(file, line) for line in range(found.lineno, found.end_lineno + 1)}


def test_nights_killed_around_their_typed_drops_leave_them_whole_for_the_next_night(
    world: World, tmp_path: Path
) -> None:
    """The next night is a whole one, which reads what the killed one has left of typed drops and of their catalogue."""
    world.back_to_first()
    counted = world.forks.run(SECOND, count=True)
    assert counted and counted["exit_code"] == 0
    in_commit = _lines("landing/typed_drops.py", "commit")
    removing = [n for n, place in enumerate(counted["statements"]) if tuple(place) in in_commit]
    for where, more in (
        ("dbt writes a typed drop", None),
        ("the new catalogue is written and not in its place", {"kill_in": "swap_in"}),
        ("the catalogue is in its place, and nothing is published", {"kill_in": "refuse_earlier"}),
        ("erased people are out of typed drops, and nothing is published", {"kill_in": "publish"}),
        ("the night is published, and its catalogue is not", {"kill_in": "commit"}),
        ("typed drops that are not needed any more are removed", {"kill_before": removing[-8]}),
    ):
        world.back_to_first()
        before = (world.drops / "catalogue.json").read_bytes()
        if more is None:
            _kill_when_a_drop_is_typed(world, tmp_path / "said")
        else:
            assert world.forks.run(SECOND, **more) is None, where
        is_known = (world.drops / "catalogue.json").read_bytes() != before
        assert is_known != (more is None or more.get("kill_in") == "swap_in"), where
        world.check()
        night = world.place.night(SECOND, "--raw", world.raw)
        assert night.returncode == 0, (where, night.stderr)
        world.check_done()


def _kill_when_a_drop_is_typed(world: World, said: Path) -> None:
    """Kill a whole night as soon as dbt has begun to write; what it was writing is torn, as a power cut may leave it."""
    known = set(world.drops.rglob("*.parquet"))
    night = _start_night(world, said)
    while not (typed := set(world.drops.rglob("*.parquet")) - known):
        assert night.poll() is None, said.read_text(encoding="utf-8")
        time.sleep(0.001)
    os.killpg(night.pid, signal.SIGKILL)
    assert night.wait() == -signal.SIGKILL
    torn = min(typed)
    torn.write_bytes(torn.read_bytes()[: torn.stat().st_size // 2])


def test_nights_killed_while_they_write_and_publish_leave_nothing_torn(world: World) -> None:
    world.back_to_first()
    started = time.perf_counter()
    assert world.forks.run(SECOND)
    lasts = time.perf_counter() - started
    world.back_to_first()
    instants, killed = random.Random(7), 0
    for number in range(3 * KILLS):
        ended = world.forks.run(SECOND, kill_after=instants.uniform(0.0, lasts))
        killed += ended is None
        world.check()
        if number % 3 == 2:
            assert world.forks.run(SECOND)
            world.check_done()
            world.back_to_first()
    print(f"\nkilled while writing and publishing: {killed} of {3 * KILLS}, all survived")
    assert killed > KILLS


# which stages are killed in, over and over
STAGES = ("settings", "build", "audit", "export", "publish")
TURNS = ("build", "audit", "export", "build", "publish", "build", "audit", "settings")


def test_whole_nights_are_killed_in_every_stage_again_and_again(world: World, tmp_path: Path) -> None:
    world.back_to_first()
    readers, chosen, killed = Readers(), random.Random(11), Counter[str]()
    with readers.at_work(world.place.database, tmp_path / "stop", 2):
        for number in range(KILLS):
            stage = TURNS[number % len(TURNS)]
            # every third time only the night itself, and what it has started is left alone
            reached = _kill_night(
                world, stage, chosen.uniform(0.0, world.seconds[stage]), number % 3 == 2, tmp_path / "said"
            )
            killed[reached] += 1
            world.check()
            print(f"whole night {number + 1}: killed in {reached}", flush=True)
            if number % 10 == 9 or number == KILLS - 1:
                rerun = world.place.night(SECOND, "--raw", world.raw)
                assert rerun.returncode == 0, rerun.stderr
                world.check_done()
    readers.check()
    print(f"whole nights killed: {dict(killed)}; all survived")
    assert sum(killed[stage] for stage in STAGES) > KILLS / 2, "too few were still at work"


def _kill_night(world: World, stage: str, delay: float, is_alone: bool, said: Path) -> str:
    """Start the second night, kill it so many seconds after a stage has begun; returns the stage that it was in."""
    night = _start_night(world, said)

    def done() -> int:
        return said.read_text(encoding="utf-8").count("✓")

    while done() < STAGES.index(stage) and night.poll() is None:
        time.sleep(0.02)
    time.sleep(delay)
    if night.returncode is None:
        (os.kill if is_alone else os.killpg)(night.pid, signal.SIGKILL)
    night.wait()
    assert night.returncode == -signal.SIGKILL or done() == len(STAGES), said.read_text(encoding="utf-8")
    return (*STAGES, "the end")[done()] if night.returncode < 0 else "the end, which it had reached"


def _start_night(world: World, said: Path) -> subprocess.Popen[bytes]:
    """The second night, in processes of a group of their own; `said` gets its words."""
    command = [sys.executable, "-c", "from sendworthy.cli.main import main; main()", "nightly"]
    command += ["--raw", str(world.raw), "--as-of", SECOND]
    with said.open("w") as errors:
        return subprocess.Popen(
            command,
            cwd=world.place.root,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def test_lists_delivered_late_are_those_of_the_night_that_was_killed(world: World) -> None:
    """Killed when the first night is published and its lists are staged: the second night delivers them before anything else."""
    for rerun in ("the second night", "export"):
        world.back_to_nothing()
        assert world.forks.run(FIRST, kill_in="promote") is None
        assert world.dispatches() == world.ledger[FIRST], "it is published"
        assert not (world.place.root / "out" / FIRST).exists(), "and its lists are not in their place"
        if rerun == "export":
            assert sendworthy("export", cwd=world.place.root).returncode == 0
        else:
            ended = world.place.night(SECOND, "--raw", world.raw)
            assert ended.returncode == 0, ended.stderr
            assert "killed before its lists were in their place: they are now" in " ".join(
                ended.stderr.split()
            )
            world.check_done()
        assert world.place.lists(FIRST) == world.lists[FIRST]
        assert not list((world.place.root / "out").glob(".*.writing"))


def test_everything_is_flushed_before_it_is_renamed_and_its_folder_after_it(world: World) -> None:
    world.back_to_first()
    ended = world.forks.run(SECOND, watch_flushes=True)
    assert ended and ended["exit_code"] == 0
    out, catalogue = world.place.root / "out", world.drops / "catalogue.json"
    renamed = (catalogue, world.place.database, out / SECOND, out / SEARCHED, catalogue)
    assert ended["renamed"] == [*map(str, renamed)]
    assert ended["faults"] == []


def test_what_a_killed_writer_in_place_has_logged_does_not_reach_the_next_published_file(
    world: World,
) -> None:
    world.back_to_first()
    write = (
        "import duckdb, os, sys; c = duckdb.connect(sys.argv[1]); "
        "c.execute('insert into marts.send_list select * from marts.send_list limit 5'); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", write, str(world.place.database)], check=False)
    assert database_file.log_of(world.place.database).exists()
    ended = world.forks.run(SECOND)
    assert ended and ended["exit_code"] == 0
    world.check_done()


def test_dbt_dies_with_its_night_and_nobody_begins_before_it_is_dead(world: World) -> None:
    world.back_to_first()
    command = [sys.executable, "-c", "from sendworthy.cli.main import main; main()", "nightly"]
    command += ["--raw", str(world.raw), "--as-of", SECOND]
    for victim in ("the night", "dbt"):
        night = subprocess.Popen(
            command, cwd=world.place.root, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        dbt = _dbt_of(night.pid)
        lock = world.place.root / ".sendworthy" / "sendworthy.duckdb.lock"
        if victim == "the night":
            # as if it hung: it does not hear of the other's end
            os.kill(dbt, signal.SIGSTOP)
            night.kill()
            night.wait()
            with pytest.raises(BlockingIOError), lock.open() as other:
                fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.kill(dbt, signal.SIGCONT)
            with hold(lock, "the test"):
                assert not Path(f"/proc/{dbt}").exists() or _is_zombie(dbt)
        else:
            os.kill(dbt, signal.SIGKILL)
            said = night.communicate()[1]
            assert night.returncode == 1 and "dbt was killed (SIGKILL)" in said, said
            assert "SENDWORTHY_MEMORY" in said and "Traceback" not in said
        world.check()


def _dbt_of(night: int) -> int:
    """The process of dbt that a night has started, when it is at work."""
    while True:
        for path in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(path.read_text().rpartition(")")[2].split()[1])
                words = (path.parent / "cmdline").read_bytes()
            except OSError:
                continue
            # with a second thread: the one that waits for the end of its input
            threads = len(list((path.parent / "task").glob("*")))
            if parent == night and b"sendworthy.build.dbt_main" in words and threads > 1:
                return int(path.parent.name)
        time.sleep(0.05)


def _is_zombie(process: int) -> bool:
    return ") Z " in Path(f"/proc/{process}/stat").read_text()


def test_a_second_night_and_an_export_end_at_once_and_a_dead_one_s_lock_is_none(world: World) -> None:
    world.back_to_first()
    lock = world.place.root / ".sendworthy" / "sendworthy.duckdb.lock"
    with database_file.only_night(world.place.database):
        for command in ("nightly", "export"):
            ended = sendworthy(command, cwd=world.place.root)
            assert ended.returncode == 1 and "another night is at work" in ended.stderr, ended.stderr
            assert f"(process {os.getpid()}, since 20" in ended.stderr
        world.check()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    lock.write_text(f"{dead.pid} 2026-06-01T00:00:00Z\n", encoding="ascii")
    assert sendworthy("export", cwd=world.place.root).returncode == 0
    world.check()
