"""The engine Spark: a lake beside the published file, dbt on it, and a session for the audit and for gathering."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sendworthy.build.spark.gather import gather
from sendworthy.build.spark.lists import SparkLists
from sendworthy.build.spark.session import close_session, in_words, open_session
from sendworthy.build.spark.setup import (
    check_java,
    check_landing,
    check_master,
    check_packages,
    is_on_this_machine,
    quiet_environment,
)
from sendworthy.build.spark.watchdog import Watchdog, cancel_jobs, count_executors
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import Target, dbt_environment, read_target
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import LAKE_MARK, lake_of, wipe_lake


class SparkEngine:
    """Spark does the work, in a lake that is made anew for every night and stays until the next one."""

    packages = ("dbt-spark", "pyspark", "duckdb")
    program = (sys.executable, "-m", "sendworthy.build.spark.dbt_process")

    def __init__(self, project: Project, target: Target, database: Path) -> None:
        self.target = target.name
        self._project = project
        self._master = target.settings.get("spark.master", "local[*]")
        self._read = target
        given = os.environ.get("SENDWORTHY_LAKE")
        self._is_given = bool(given)
        if given and "://" in given:
            raise SettingsError(
                f"SENDWORTHY_LAKE is {given}, and the lake must be a folder.",
                "name a folder that every worker sees under the same path.",
            )
        self.lake = lake_of(database)
        # its nights read all drops
        self.drops = None

    def check(self, raw: Path) -> None:
        """SettingsError where the packages, Java, the cluster or a lake that all of it sees are missing; BuildError for empty files."""
        if self._read.method != "session":
            raise SettingsError(
                f"--target {self.target}: a whole night runs on Spark by the method session, and this target has {self._read.method!r}.",
                "run the night by a target with `method: session`; `dbt build` alone may run on this one.",
            )
        check_packages()
        check_java(os.environ)
        check_master(self._read)
        check_landing(raw)
        if not self._is_given and not is_on_this_machine(self._master):
            raise SettingsError(
                f"--target {self.target}: the master {self._master} is not on this machine, and nothing says where its workers find the tables.",
                "set SENDWORTHY_LAKE to a folder that this machine and every worker see under the same path.",
            )
        if self.lake.exists() and any(self.lake.iterdir()) and not (self.lake / LAKE_MARK).is_file():
            raise SettingsError(
                f"the lake {self.lake} is not empty and no night has made it; it would be wiped.",
                "name an empty or a new folder with SENDWORTHY_LAKE.",
            )

    def prepare(self, build: Path) -> Mapping[str, str]:
        """Wipe the lake and put the ledgers into it."""
        if self.lake.exists():
            wipe_lake(self.lake)
        else:
            self.lake.mkdir(parents=True, mode=0o700)
        (self.lake / LAKE_MARK).touch()
        with database_file.connect(build) as connection:
            database_file.create_ledgers(connection, self._project.root)
            database_file.copy_ledgers(connection, self._project.root, self.lake / "ledger")
        return {
            **quiet_environment(self.lake, self._master),
            "SENDWORTHY_LEDGER": str(self.lake / "ledger"),
        }

    def open(self, build: Path, stages: Stages) -> SparkNight:
        """A session on the lake."""
        environment = quiet_environment(self.lake, self._master)
        target = read_target(
            self._project, self.target, dbt_environment(self._project, {**os.environ, **environment})
        )
        night = SparkNight(build, self.lake, target.settings, environment)
        stages.watch(night.java)
        return night


class SparkNight:
    """The lake after dbt, with a session on it."""

    def __init__(
        self, build: Path, lake: Path, settings: Mapping[str, str], environment: Mapping[str, str]
    ) -> None:
        self._build = build
        self._lake = lake
        self._log = lake / "spark.log"
        self._session, self.java = open_session(settings, environment, self._log)
        self._watchdog = Watchdog(count_executors, cancel_jobs).start()
        try:
            with in_words("the night cannot be read", self._log, self._watchdog):
                # as text: Python would print a time in the zone of this machine
                ((as_of,),) = self._session.sql(
                    "select cast(as_of as string) from intermediate.int_nights__as_of"
                ).collect()
        except BaseException:
            self.close()
            raise
        self.as_of = datetime.fromisoformat(as_of)

    def __enter__(self) -> SparkNight:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session and its Java."""
        self._watchdog.stop()
        close_session()

    def lists(self) -> SparkLists:
        """The lists, for the audit."""
        return SparkLists(self._session, self.as_of, self._lake, self._watchdog)

    def gather(self, stages: Stages) -> None:
        """Bring everything that is published into the build file."""
        with (
            stages.step("gather", "gathering the tables"),
            in_words("the tables could not be gathered", self._log, self._watchdog),
            database_file.connect(self._build) as connection,
        ):
            gather(self._session, connection, self._lake / "copies", stages.say)
