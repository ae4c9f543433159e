"""Two nights whose builds are recorded (recorded_night.py), what must hold of them at every instant, and people who read them."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sendworthy.landing.typed_drops import TABLES
from sendworthy.privacy.rewrite_lists import SEARCHED
from sendworthy.warehouse.personal_files import drops_beside

from tests.support.file_reader import read_run_in
from tests.support.projects import FIRST, SECOND, Place, copy_project, sendworthy

HERE = Path(__file__).parent


@dataclass
class Forks:
    """The process that runs recorded nights (tests/support/recorded_night.py)."""

    place: Place
    raw: Path
    recordings: Path
    process: subprocess.Popen[str]

    def request(self, night: str, **more: object) -> dict[str, Any]:
        return {
            "root": str(self.place.root),
            "raw": str(self.raw),
            "as_of": night,
            "recording": str(self.recordings / night),
            "answer": str(self.recordings / "answer.json"),
            **more,
        }

    def run(self, night: str, **more: object) -> dict[str, Any] | None:
        """What came of it, or None where it was killed."""
        request = self.request(night, **more)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "ended\n"
        answer = Path(request["answer"])
        return json.loads(answer.read_text(encoding="utf-8")) if answer.is_file() else None


@dataclass
class Readers:
    """People who query a published file in a loop, each in a process of their own, and one who never lets go of it."""

    said: list[dict[str, Any]] = field(default_factory=list)

    @contextmanager
    def at_work(self, database: Path, stop: Path, count: int) -> Iterator[None]:
        command = [sys.executable, str(HERE / "file_reader.py"), str(database), str(stop)]
        ways = ["loop"] * count + ["hold"]
        processes = [
            subprocess.Popen([*command, way, str(number)], stdout=subprocess.PIPE, text=True)
            for number, way in enumerate(ways)
        ]
        try:
            while not all(Path(f"{stop}.{number}").exists() for number in range(len(ways))):
                assert all(process.poll() is None for process in processes)
                time.sleep(0.05)
            yield
        finally:
            stop.touch()
            self.said += [json.loads(process.communicate()[0]) for process in processes]

    def check(self) -> None:
        assert [error for said in self.said for error in said["errors"]] == []
        assert all(sum(said["seen"].values()) > 10 for said in self.said), self.said


@dataclass
class World:
    """A project with two nights, whole and undisturbed, and what they gave."""

    place: Place
    raw: Path
    forks: Forks
    after_first: Path
    lists: dict[str, dict[str, bytes]]
    ledger: dict[str, list[tuple[Any, ...]]]
    staged: dict[str, list[tuple[Any, ...]]]
    readers: Readers
    watched: list[str]
    # how long each stage of a whole night takes here
    seconds: dict[str, float]

    def dispatches(self) -> list[tuple[Any, ...]]:
        return self.place.query("select * from ledger.dispatches order by all")

    @property
    def drops(self) -> Path:
        """Where its typed drops are."""
        return drops_beside(self.place.database)

    def back_to_first(self) -> None:
        """As it was after the first night."""
        self.back_to_nothing()
        shutil.copytree(self.after_first / "out", self.place.root / "out")
        shutil.copytree(self.after_first / "drops", self.drops)
        shutil.copyfile(self.after_first / "sendworthy.duckdb", self.place.database)

    def back_to_nothing(self) -> None:
        """As it was before any night."""
        for name in ("out", ".sendworthy"):
            shutil.rmtree(self.place.root / name, ignore_errors=True)
        self.place.database.unlink(missing_ok=True)

    def check(self) -> str:
        """What must hold at every instant; returns the run that is published."""
        run_id = read_run_in(self.place.database)
        ledger = self.dispatches()
        assert len({(row[0], row[1]) for row in ledger}) == len(ledger), "a dispatch is recorded twice"
        second = run_id.startswith(SECOND.replace("-", ""))
        assert ledger == self.ledger[SECOND if second else FIRST], "a dispatch is lost or made up"
        assert read_staged(self.place) == self.staged[SECOND if second else FIRST], "a row is lost or made up"
        runs = {name for (name,) in self.place.query("select distinct run_id from ops.runs")}
        nights = [path for path in (self.place.root / "out").iterdir() if not path.name.startswith(".")]
        for night in nights:
            manifest = json.loads((night / "manifest.json").read_text(encoding="utf-8"))
            assert manifest["run_id"] in runs, f"{night}: delivered, and its messages do not count as sent"
            named = {
                file["file"]: file["sha256"]
                for campaign in manifest["campaigns"]
                for files in (
                    campaign["files"],
                    *(changes["files"] for changes in campaign["changes"].values()),
                )
                for file in files
            }
            there = {
                str(path.relative_to(night)): hashlib.sha256(path.read_bytes()).hexdigest()
                for path in night.rglob("*.*")
                if path.name != "manifest.json"
            }
            assert there == named, f"{night}: a list and its manifest do not agree"
            assert self.place.lists(night.name) == self.lists[night.name]
        assert FIRST in {night.name for night in nights}, "what was delivered is gone"
        return run_id

    def check_done(self) -> None:
        """After an undisturbed rerun of the second night."""
        assert self.check().startswith(SECOND.replace("-", ""))
        assert self.place.lists(SECOND) == self.lists[SECOND]
        run = self.place.query("select run_id from ops.audited")[0][0]
        assert self.place.manifest(SECOND)["run_id"] == run
        left = [path.name for path in (self.place.root / "out").iterdir() if path.name.startswith(".")]
        assert set(left) <= {".lock", SEARCHED}, f"something half-written is left: {left}"
        assert not (self.place.root / ".sendworthy" / "sendworthy.duckdb.build").exists()
        catalogue = json.loads((self.drops / "catalogue.json").read_text(encoding="utf-8"))
        kept = {file["path"] for file in catalogue["files"] if file["path"]}
        assert kept == {str(path.parent) for path in self.drops.rglob("*.parquet")}, "kept and not known"


def first_and_last(
    statements: Sequence[tuple[str, int]],
) -> tuple[dict[tuple[str, int], int], dict[tuple[str, int], int]]:
    """When each statement was reached first, and last, by its file and line."""
    first: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], int] = {}
    for number, (file, line) in enumerate(statements):
        first.setdefault((file, line), number)
        last[file, line] = number
    return first, last


def read_staged(place: Place) -> list[tuple[Any, ...]]:
    """What the views of the typed drops say, in a few figures."""
    return [
        place.query(
            f"select count(*), bit_xor(hash(staged)) from (from staging.stg_landing__{table}) as staged"
        )[0]
        for table in TABLES
    ]


@contextmanager
def make_world(base: Path) -> Iterator[World]:
    """Two nights, one after the other; eight people read while the second comes, and four more after it."""
    place, raw = Place(copy_project(base / "project")), base / "landing"
    made = sendworthy("sample", "--users", 60, "--days", 20, "--until", SECOND, "--out", raw, cwd=place.root)
    assert made.returncode == 0, made.stderr
    process = subprocess.Popen(
        [sys.executable, str(HERE / "recorded_night.py"), "serve"],
        cwd=place.root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    forks = Forks(place, raw, base / "recordings", process)
    lists, ledger, staged, watched = {}, {}, {}, []

    def whole_night(night: str) -> None:
        command = [
            sys.executable,
            str(HERE / "recorded_night.py"),
            "record",
            json.dumps(forks.request(night)),
        ]
        subprocess.run(command, cwd=place.root, check=True)
        lists[night] = place.lists(night)
        ledger[night] = place.query("select * from ledger.dispatches order by all")
        staged[night] = read_staged(place)

    whole_night(FIRST)
    shutil.copytree(place.root / "out", base / "first" / "out")
    shutil.copytree(drops_beside(place.database), base / "first" / "drops")
    shutil.copyfile(place.database, base / "first" / "sendworthy.duckdb")
    crowd = Readers()
    with crowd.at_work(place.database, base / "stop", 8):
        whole_night(SECOND)
        watched.append(read_run_in(place.database))
        for night in (FIRST, SECOND, FIRST, SECOND):
            ended = forks.run(night)
            assert ended and ended["exit_code"] == 0, ended
            watched.append(read_run_in(place.database))
            time.sleep(0.5)
    # without the readers, so that they are not too long
    seconds = json.loads((forks.recordings / FIRST / "stages.json").read_text(encoding="utf-8"))
    assert all(lists[SECOND].values()) and len(ledger[SECOND]) > len(ledger[FIRST]) > 0
    try:
        yield World(place, raw, forks, base / "first", lists, ledger, staged, crowd, watched, seconds)
    finally:
        assert process.stdin
        process.stdin.close()
        process.wait()
