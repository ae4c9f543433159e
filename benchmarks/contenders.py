"""Who takes part: how each is prepared and run in an empty place, and where it leaves its results."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sendworthy.foundation.project import Project
from sendworthy.settings.destinations import choose_destinations

from benchmarks import floor
from benchmarks.case import Case, Stage
from benchmarks.children import Cost, run
from benchmarks.compare import Results

# a night that holds campaigns back has still run to its end
NIGHT_CODES = (0, 3)

PROGRAM = (sys.executable, "-c", "from sendworthy.cli.main import main; main()")

# how a contender calls its own database, and that of the recorded night, while they are compared
OWN, NIGHT_DATABASE = "own", "night"


@dataclass(frozen=True)
class Contender:
    """One way to the lists: what it runs in the place, after which stage, and where its results are then.

    `prepare` is not measured. `lacks` says what must be installed for it, None where nothing is missing.
    """

    name: str
    title: str
    stage: Stage
    command: Callable[[Case], Sequence[str]]
    results: Callable[[Case], Results]
    prepare: Callable[[Case], None] = lambda case: None
    lacks: Callable[[], str | None] = lambda: None
    environment: tuple[tuple[str, str], ...] = ()
    # an engine of its own: what dbt has parsed for one is of no use for another
    engine: str = ""

    def run(self, case: Case, log: Path) -> Cost:
        """Run it once in a place that is made anew for it."""
        case.clear(self.stage)
        self.prepare(case)
        environment = case.environment(self.engine) | dict(self.environment)
        return run(self.command(case), case.project, environment, log, NIGHT_CODES)


def tables_of(database: str) -> dict[str, str]:
    """The compared tables of a database that is attached under a name."""
    return {
        "send_list": f"{database}.marts.send_list",
        "campaign_decisions": f"{database}.marts.campaign_decisions",
        "quarantine": f"{database}.ops.quarantine",
    }


def night_results(place: Path, database: str) -> Results:
    """What a night has left in a place."""
    nights = [path for path in (place / "out").iterdir() if path.is_dir() and path.name[:1].isdigit()]
    return Results(tables_of(database), max(nights))


def _night(
    name: str,
    title: str,
    stage: Stage,
    *options: str,
    lacks: Callable[[], str | None] = lambda: None,
    environment: tuple[tuple[str, str], ...] = (),
    engine: str = "",
) -> Contender:
    return Contender(
        name,
        title,
        stage,
        lambda case: [*PROGRAM, *case.nightly(*options)],
        lambda case: night_results(case.place, OWN),
        lacks=lacks,
        environment=environment,
        engine=engine,
    )


def _floor(name: str, title: str, models: Sequence[str] = ()) -> Contender:
    """The recorded statements without anything around them: all of them, or those that some models need."""

    def prepare(case: Case) -> None:
        destinations = choose_destinations(Project(case.project), [])
        recorded = floor.Recorded.read(case.recording, case.place)
        statements = list(recorded.statements)
        if models:
            wanted = [*models, *(f"export_{destination.name}" for destination in destinations)]
            statements = recorded.of(floor.needed_for(wanted, case.manifest()))
        statements += json.loads(case.copies.read_text(encoding="utf-8"))
        floor.write_script(statements, case.place, case.place / "statements.json")
        for destination in destinations:
            (case.place / "lists" / destination.name).mkdir(parents=True)

    def command(case: Case) -> list[str]:
        files = [str(case.place / file) for file in ("statements.json", "build.duckdb", "times.json")]
        return [sys.executable, "-m", "benchmarks.replay", *files]

    return Contender(
        name, title, "first", command, lambda case: Results(tables_of(OWN), case.place / "lists"), prepare
    )


def _program(name: str, title: str, package: str) -> Contender:
    """A program of benchmarks.rivals, which leaves a Parquet file a table."""

    def lacks() -> str | None:
        missing = importlib.util.find_spec(package) is None
        return f"the package {package}: make setup-bench" if missing else None

    def results(case: Case) -> Results:
        made = case.place / "made"
        return Results(
            {table: f"read_parquet('{made / table}.parquet')" for table in tables_of("")},
            made / "lists",
        )

    return Contender(
        name,
        title,
        "first",
        lambda case: [
            *(sys.executable, "-m", f"benchmarks.rivals.{name}_night"),
            *(str(case.project), str(case.zone), str(case.place / "made")),
        ],
        results,
        lacks=lacks,
    )


def _lacks_spark() -> str | None:
    if importlib.util.find_spec("pyspark") is None:
        return "the extra sendworthy[spark]: make setup-spark"
    return None if shutil.which("java") else "Java 17"


def contenders() -> dict[str, Contender]:
    """Everybody who can take part, in the order in which the results name them."""
    known = [
        _floor("floor", "the floor: the same SQL in one bare DuckDB process"),
        _night("night", "a whole night, the first one", "first"),
        _night("second", "the next night, with a day more of data", "second"),
        _night("second_full", "the next night, everything built anew", "second", "--full-refresh"),
        _floor("lists", "of the floor, what the lists need", floor.LISTS),
        _program("polars", "the lists as a Polars program", "polars_hash"),
        _program("pandas", "the lists as a pandas program", "pyarrow"),
        _night(
            "spark",
            "a whole night on Spark, local[2]",
            "first",
            *("--target", "spark"),
            lacks=_lacks_spark,
            environment=(("SENDWORTHY_SPARK_MASTER", "local[2]"), ("SENDWORTHY_SPARK_MEMORY", "8g")),
            engine="spark",
        ),
    ]
    return {contender.name: contender for contender in known}


def record_night(case: Case) -> None:
    """Run the first night once and keep what it leaves: the results that all others are compared with, and its statements.

    What an earlier benchmark has kept is taken away: the project may be another one now.
    """
    case.forget()
    case.clear("first")
    program = [sys.executable, "-m", "benchmarks.recording", str(case.recording)]
    run([*program, *case.nightly()], case.project, case.environment(), case.log("recorded"), NIGHT_CODES)
    shutil.copytree(case.place, case.after_first, ignore=shutil.ignore_patterns("zone"))
    with duckdb.connect(str(case.place / "build.duckdb"), read_only=True) as connection:
        channels = dict(connection.execute("select campaign_id, channel from settings.campaigns").fetchall())
        copies = [
            floor.copies(connection, destination, campaign)
            for destination in choose_destinations(Project(case.project), [])
            for campaign, channel in sorted(channels.items())
            if destination.takes(channel)
        ]
    case.copies.write_text(json.dumps(copies), encoding="utf-8")
