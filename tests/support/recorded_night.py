"""Nights whose expensive parts are recorded once, so that hundreds can be run, killed and watched.

`record` runs a whole night and keeps what dbt built and what the gate said. `serve` imports everything once and forks a
process for each line of JSON on its standard input: in it `run_night` runs as it is, but dbt's build and the gate's
verdict are those that were recorded, with the ledgers of the file that is published; the typed drops that dbt wrote are
written again, for this night. It may kill itself before any statement, be killed after a while, or look at what is
flushed when something is renamed.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import sendworthy
from rich.console import Console
from sendworthy.audit.gate import judge_lists
from sendworthy.delivery.deltas import create_deliveries
from sendworthy.foundation import interrupts
from sendworthy.foundation.errors import SendworthyError
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.night import building, preparation, publishing, recording, run
from sendworthy.night.state import NightOptions
from sendworthy.settings.destinations import choose_destinations
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import drops_beside

# whose statements are counted
STAGES = (run, preparation, building, recording, publishing)
# those that write
TRACED = {
    *(
        "night/run.py",
        "night/preparation.py",
        "night/building.py",
        "night/recording.py",
        "night/publishing.py",
    ),
    *("warehouse/database_file.py", "delivery/export.py", "delivery/staging_folder.py"),
    *("foundation/durable_files.py", "foundation/file_lock.py", "foundation/safe_files.py"),
    "landing/typed_drops.py",
}
assert all((Path(sendworthy.__file__).parent / name).is_file() for name in TRACED)


def change(**names: Any) -> None:
    """Put other functions in the place of those that the stages of a night call."""
    for name, value in names.items():
        places = [vars(module) for module in STAGES if name in vars(module)]
        assert places, name
        for place in places:
            place[name] = value


def options_of(request: dict[str, Any]) -> NightOptions:
    root = Path(request["root"])
    return NightOptions(
        raw=Path(request["raw"]),
        database=Path(request.get("db") or root / "sendworthy.duckdb"),
        out=Path(request.get("out") or root / "out"),
        docs=Path(request.get("docs") or root / "data_docs"),
        as_of=datetime.fromisoformat(request["as_of"]) if request.get("as_of") else None,
        destinations=choose_destinations(Project(root), []),
    )


def record(request: dict[str, Any]) -> None:
    """A whole night; its expensive parts go to the folder `recording`."""
    folder = Path(request["recording"])
    folder.mkdir(parents=True)
    build_warehouse = building.build_warehouse

    def build(night: Any) -> list[str]:
        warnings = build_warehouse(night)
        shutil.copyfile(night.build, folder / "build.duckdb")
        tonight = max(path for path in night.engine.drops.iterdir() if path.is_dir())
        shutil.copytree(tonight, folder / "typed")
        (folder / "typed_in.txt").write_text(str(tonight), encoding="utf-8")
        return warnings

    def judge(*arguments: Any) -> Any:
        verdict = judge_lists(*arguments)
        (folder / "gate.pickle").write_bytes(pickle.dumps(verdict))
        return verdict

    change(build_warehouse=build, judge_lists=judge)
    stages = Stages(Console(stderr=True))
    run.run_night(Project(Path(request["root"])), options_of(request), stages)
    seconds = {stage.name: stage.seconds for stage in stages.done}
    (folder / "stages.json").write_text(json.dumps(seconds), encoding="utf-8")


def replay(request: dict[str, Any]) -> dict[str, Any]:
    """The same night with what was recorded; says how it ended."""
    folder = Path(request["recording"])

    def build(night: Any) -> list[str]:
        fresh = night.build.with_name("fresh.duckdb")
        night.build.rename(fresh)
        shutil.copyfile(folder / "build.duckdb", night.build)
        with database_file.connect(night.build) as connection:
            connection.execute(f"attach '{fresh}' as fresh (read_only)")
            for table in database_file.CARRIED_TABLES:
                connection.execute(f"drop table if exists {table}")
            database_file.create_ledgers(connection, night.project.root)
            create_deliveries(connection)
            carried = connection.execute(
                "select schema_name || '.' || table_name from duckdb_tables() where database_name = 'fresh'"
            ).fetchall()
            for (table,) in carried:
                connection.execute(f"insert into {table} by name select * from fresh.{table}")
            read_typed(connection, (folder / "typed_in.txt").read_text(encoding="utf-8"), typed_again(night))
        return []

    def typed_again(night: Any) -> Path:
        """Where the drops that dbt typed are now; a night that keeps none (an older one) leaves them in the recording."""
        typed = folder / "typed"
        if (tonight := building._drops_to_read(night).get("drops")) is None:
            return typed
        for table in (path for path in typed.iterdir() if path.is_dir()):
            shutil.copytree(table, Path(tonight) / table.name)
        return Path(tonight)

    change(build_warehouse=build, check_settings=lambda project: None)
    if not request.get("real_gate"):
        verdict = pickle.loads((folder / "gate.pickle").read_bytes())
        change(
            load_suites=lambda root: None,
            load_messages=lambda project: None,
            judge_lists=lambda *arguments: verdict,
        )
    if request.get("now"):
        change(utc_now=lambda: datetime.fromisoformat(request["now"]))
    try:
        with open(os.devnull, "w") as nowhere:
            result = run.run_night(
                Project(Path(request["root"])), options_of(request), Stages(Console(file=nowhere))
            )
    except SendworthyError as error:
        return {"exit_code": error.exit_code, "words": "\n".join([*error.details, error.what, error.fix])}
    except KeyboardInterrupt:
        # before the night has begun; the command line says it
        return {"exit_code": 130, "words": "nothing was published"}
    return {"exit_code": result.exit_code, "words": "\n".join(result.warnings)}


def read_typed(connection: duckdb.DuckDBPyConnection, recorded: str, there: Path) -> None:
    """Let the views of a recorded build read what dbt typed where it is now."""
    found = connection.execute(
        "select schema_name, view_name, sql from duckdb_views() where database_name = current_database() and contains(sql, ?)",
        [f"{recorded}/"],
    ).fetchall()
    assert found, "it reads no typed drop"
    for schema, view, text in found:
        connection.execute(f"drop view {schema}.{view}")
        connection.execute(text.replace(f"{recorded}/", f"{there}/"))


def trace(at_statement: Callable[[str, int], None]) -> None:
    """Call `at_statement` with the file and the line before each statement of the modules that write."""

    def tracer(frame: Any, event: str, argument: Any) -> Any:
        _, _, name = frame.f_code.co_filename.rpartition("/sendworthy/")
        if name not in TRACED:
            return None
        if event == "line":
            at_statement(name, frame.f_lineno)
        return tracer

    sys.settrace(tracer)


def kill_in(function: str) -> None:
    """Die before the first statement of a function."""

    def look(file: str, line: int) -> None:
        if sys._getframe(2).f_code.co_name == function:
            os.kill(os.getpid(), signal.SIGKILL)

    trace(look)


def kill_before(number: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Die, or be interrupted, before the statement with this number, counted from 0."""
    left = number

    def count(file: str, line: int) -> None:
        nonlocal left
        left -= 1
        if left == -1:
            os.kill(os.getpid(), how)

    trace(count)


@dataclass
class Flushes:
    """Looks at what is renamed: whether it had been flushed, and whether its folder is flushed before anything else is renamed.

    What the views of a published file read had been flushed, too: the typed drops of this night.
    """

    drops: Path
    renamed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    _flushed: dict[int, tuple[int, int]] = field(default_factory=dict)
    _folders: set[str] = field(default_factory=set)

    def watch(self) -> None:
        fsync, replace = os.fsync, os.replace

        def watched_fsync(descriptor: int) -> None:
            fsync(descriptor)
            state = os.fstat(descriptor)
            self._flushed[state.st_ino] = (state.st_mtime_ns, state.st_size)
            self._folders.discard(os.readlink(f"/proc/self/fd/{descriptor}"))

        def watched_replace(source: Any, target: Any) -> None:
            self.end()
            top = Path(source)
            tonight = max(path for path in self.drops.iterdir() if path.is_dir())
            for path in (top, *top.rglob("*"), *tonight.rglob("*.parquet")):
                state = path.stat()
                if self._flushed.get(state.st_ino) != (state.st_mtime_ns, state.st_size):
                    self.faults.append(f"{path} was not flushed before it was renamed")
            replace(source, target)
            self.renamed.append(str(target))
            self._folders.add(str(Path(target).parent))

        os.fsync, os.replace = watched_fsync, watched_replace  # type: ignore[assignment]

    def end(self) -> None:
        self.faults += [f"{folder} was not flushed after a rename" for folder in sorted(self._folders)]


def child(request: dict[str, Any]) -> None:
    """What a forked process does; its answer is a file, which is not there where it was killed."""
    answer: dict[str, Any] = {}
    for name, value in request.get("environment", {}).items():
        os.environ[name] = value
    # whoever has asked for it before the fork has been told of another place
    tempfile.tempdir = None
    statements: list[tuple[str, int]] = []
    flushes = Flushes(drops_beside(options_of(request).database))
    if request.get("count"):
        trace(lambda file, line: statements.append((file, line)))
    if request.get("kill_before") is not None:
        kill_before(request["kill_before"])
    interrupts.install()
    if request.get("interrupt_before") is not None:
        kill_before(request["interrupt_before"], signal.SIGINT)
    if request.get("kill_in"):
        kill_in(request["kill_in"])
    if request.get("watch_flushes"):
        flushes.watch()
    answer |= replay(request)
    sys.settrace(None)
    flushes.end()
    answer |= {"statements": statements, "renamed": flushes.renamed, "faults": flushes.faults}
    Path(request["answer"]).write_text(json.dumps(answer))


def serve() -> None:
    for line in sys.stdin:
        request = json.loads(line)
        Path(request["answer"]).unlink(missing_ok=True)
        process = os.fork()
        if process == 0:
            code = 1
            try:
                child(request)
                code = 0
            finally:
                os._exit(code)
        for what, how in (("kill_after", signal.SIGKILL), ("interrupt_after", signal.SIGINT)):
            if request.get(what) is not None:
                time.sleep(request[what])
                os.kill(process, how)
        os.waitpid(process, 0)
        print("ended", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve()
    else:
        record(json.loads(sys.argv[2]))
