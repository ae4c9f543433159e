"""Nights up to staging: what has landed is typed by dbt in a process of its own, with and without what the nights before have kept."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from sendworthy.build.engines import DuckdbEngine
from sendworthy.foundation.project import Project
from sendworthy.landing.typed_drops import TABLES, TypedDrops
from sendworthy.privacy.erasure import Erased
from sendworthy.warehouse import database_file

from tests.oracle.world import AS_OF
from tests.support.model_harness import PROJECT, write_empty_world

_MODELS = ("+quarantine", "+source_counts", "stg_landing__events", "stg_landing__message_events")
# of a row that is not staged, the columns of files that are read together share an order, and nothing else depends on it
_SPELLED = {"raw_row": "list_sort(list_transform(json_keys(raw_row), name -> [name, raw_row ->> name]))"}

Rows = Mapping[str, Sequence[str]]


@dataclass
class TypedNights:
    """Nights on one landing zone, beside `root`; `read` names the files that the last one has read."""

    root: Path
    # what dbt has parsed of the project, for all nights of a session
    target: Path
    read: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        write_empty_world(self.raw)
        for table in TABLES:
            (self.raw / f"{table}.csv").unlink()

    @property
    def raw(self) -> Path:
        """The landing zone."""
        return self.root / "raw"

    @property
    def place(self) -> Path:
        """Where typed drops are kept."""
        return self.root / "drops"

    def drops(self) -> TypedDrops:
        """What is kept."""
        return TypedDrops(Project(PROJECT), self.raw, self.place, DuckdbEngine.packages)

    def night(self, clock: str, erased: Mapping[str, str] | None = None) -> Rows:
        """Type what is new, keep it, and give all staged and quarantined rows and the counts of all files.

        `erased`: who is erased when it is published, and an address that nobody else has.
        """
        drops = self.drops()
        build = self.build("kept", clock, drops.begin())
        drops.keep(build)
        if erased:
            with database_file.connect(build) as connection:
                drops.erase(connection, Erased(frozenset(erased), frozenset(erased.values())))
        drops.commit(AS_OF)
        with duckdb.connect(str(build), read_only=True) as connection:
            self.read = {
                file
                for (file,) in connection.execute(
                    "select file from landing.landing_files where drop_number is not null and list_contains(?, table_name)",
                    [list(TABLES)],
                ).fetchall()
            }
        return rows_of(build)

    def night_that_reads_everything(self, clock: str) -> Rows:
        """The same of a night that knows nothing."""
        return rows_of(self.build("all", clock))

    def build(self, name: str, clock: str, drops: Path | None = None) -> Path:
        """Let dbt build staging, as by a clock (UTC)."""
        build = self.root / f"{name}.duckdb"
        build.unlink(missing_ok=True)
        environment = {
            **os.environ,
            "SENDWORTHY_BUILD_DB": str(build),
            "SENDWORTHY_RAW": str(self.raw),
            "SENDWORTHY_AS_OF": "2026-06-01",
            "SENDWORTHY_WALL_CLOCK": clock,
            "SENDWORTHY_DROPS": str(drops or ""),
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(self.root / "logs"),
        }
        arguments = ("run", "--quiet", "--select", *_MODELS, "--profiles-dir", str(PROJECT))
        with (self.root / "dbt.txt").open("w+") as said:
            # it lives as long as its standard input
            dbt = subprocess.Popen(
                [sys.executable, "-m", "sendworthy.build.dbt_main", *arguments],
                cwd=PROJECT,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
            )
            assert dbt.wait() == 0, (self.root / "dbt.txt").read_text(encoding="utf-8")
        return build


def rows_of(build: Path) -> Rows:
    """By relation, its rows as text, in order."""
    relations = (
        *(f"staging.base_landing__{table}" for table in TABLES),
        "ops.quarantine",
        "ops.source_counts",
    )
    found = {}
    with duckdb.connect(str(build), read_only=True) as connection:
        for relation in relations:
            names = [row[0] for row in connection.execute(f"describe {relation}").fetchall()]
            columns = ", ".join(_SPELLED.get(name, name) for name in names)
            found[relation] = sorted(
                repr(row) for row in connection.execute(f"select {columns} from {relation}").fetchall()
            )
    return found
