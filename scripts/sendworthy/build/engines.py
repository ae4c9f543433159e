"""What a night asks of the engine that builds it, and DuckDB's answer; Spark's is in `sendworthy.build.spark`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Protocol

from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.landing.file_checks import refuse_long_rows
from sendworthy.settings.dbt_targets import Target, dbt_environment, read_target
from sendworthy.warehouse import database_file
from sendworthy.warehouse.list_reader import DuckdbLists, Lists
from sendworthy.warehouse.personal_files import drops_beside


class BuiltNight(Protocol):
    """What dbt has built, open for reading until its context ends."""

    @property
    def as_of(self) -> datetime:
        """The logical time (naive UTC) that the build decided for."""

    def lists(self) -> AbstractContextManager[Lists]:
        """The lists, for the audit."""

    def gather(self, stages: Stages) -> None:
        """Bring everything that is published into the build file, where it is not there anyway."""


class Engine(Protocol):
    """Where the models of a night run. Whatever it is, the night ends up in the DuckDB file that was named as the build."""

    @property
    def target(self) -> str:
        """The target that dbt is asked for."""

    @property
    def packages(self) -> Sequence[str]:
        """The packages whose versions the manifest names."""

    @property
    def drops(self) -> Path | None:
        """The folder of its typed drops; None where its nights read everything."""

    @property
    def program(self) -> Sequence[str]:
        """How dbt is started; its own arguments follow."""

    def check(self, raw: Path) -> None:
        """SettingsError where something that the engine needs is not there, BuildError where it cannot read the landing zone."""

    def prepare(self, build: Path) -> Mapping[str, str]:
        """Make room for the night, with the ledgers of the build file; returns the environment that dbt needs."""

    def open(self, build: Path, stages: Stages) -> AbstractContextManager[BuiltNight]:
        """What dbt has built."""


class DuckdbEngine:
    """The build file is the warehouse."""

    packages = ("dbt-duckdb", "duckdb")
    program = (sys.executable, "-m", "sendworthy.build.dbt_main")

    def __init__(self, target: Target, database: Path) -> None:
        self.target = target.name
        self.drops = drops_beside(database)

    def check(self, raw: Path) -> None:
        """Nothing is needed that is not always there; dbt looks at the files, all but the rows that DuckDB would lose."""
        refuse_long_rows(raw)

    def prepare(self, build: Path) -> Mapping[str, str]:
        """The path of the build file: the ledgers are in it."""
        return {"SENDWORTHY_BUILD_DB": str(build)}

    def open(self, build: Path, stages: Stages) -> DuckdbNight:
        """The build file."""
        return DuckdbNight(build)


class DuckdbNight:
    """A build file after dbt; nothing stays open between two questions."""

    def __init__(self, build: Path) -> None:
        self._build = build
        with database_file.connect(build, read_only=True) as connection:
            self.as_of = database_file.read_night(connection)

    def __enter__(self) -> DuckdbNight:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def lists(self) -> DuckdbLists:
        """The lists, for the audit."""
        return DuckdbLists(self._build)

    def gather(self, stages: Stages) -> None:
        """Everything is in the file."""


def choose_engine(project: Project, target: str | None, database: Path) -> Engine:
    """The engine of a target of profiles.yml, for nights published as `database`; SettingsError where there is none."""
    chosen = read_target(project, target, dbt_environment(project, os.environ))
    if chosen.type == "duckdb":
        return DuckdbEngine(chosen, database)
    if chosen.type == "spark":
        # here and not above: a night on DuckDB needs nothing of it
        from sendworthy.build.spark.engine import SparkEngine

        return SparkEngine(project, chosen, database)
    raise SettingsError(
        f"--target {chosen.name}: a whole night runs on duckdb or spark, and this target is {chosen.type}.",
        "choose another target; `dbt build` alone may still run on this one.",
    )
