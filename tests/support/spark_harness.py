"""The harness on Spark: the same models, compiled for it, on the same landing zones; a night ends up in DuckDB to be compared.

One session for all nights, with a catalogue in memory: what a night of dbt costs on Spark is mostly starting it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sendworthy.build.spark.gather import rows_in_lake
from sendworthy.build.spark.session import close_session
from sendworthy.build.spark.setup import check_java, check_packages, quiet_environment
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import read_target
from sendworthy.warehouse.database_file import prepare

from tests.oracle import Settings
from tests.support.model_harness import LIMITS, MARTS, PROJECT, SCHEMAS, Warehouse, load_ledger

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# A small world costs what starting, planning and compiling cost: one part, one plan, no compiler. The whole nights of
# test_spark_parity.py run as everybody's do.
SMALL = {
    "spark.sql.catalogImplementation": "in-memory",
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.driver.memory": "3g",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:ReservedCodeCacheSize=240m",
}

# Spark's word for a type of DuckDB, where it has another
TYPES = {"TIMESTAMP": "timestamp", "VARCHAR": "string", "VARCHAR[]": "array<string>"}


class SparkWarehouse(Warehouse):
    """The project, compiled for Spark. `night` runs it and brings what is compared into DuckDB."""

    session: SparkSession

    def night(
        self,
        raw: Path,
        *,
        as_of: datetime,
        wall_clock: datetime,
        settings: Settings,
        seeds: Path | None = None,
        ledger: Sequence[Mapping[str, Any]] = (),
    ) -> duckdb.DuckDBPyConnection:
        """Run every model on the landing zone `raw`; the caller closes the connection."""
        spark = self.session
        for schema in SCHEMAS:
            spark.sql(f"drop schema if exists {schema} cascade")
            spark.sql(f"create schema {schema}")
        own = {"seeds": str(seeds)} if seeds and (seeds / "event_names.csv").is_file() else {}
        self._dbt(["run-operation", "land", "--args", json.dumps(own)], raw)
        # as in a night: dbt-spark turns it off
        spark.conf.set("spark.sql.ansi.enabled", "true")
        self._bring_settings(seeds, ledger)
        for model in self.models.values():
            if model.name in LIMITS:
                continue
            sql = self.sql_of(
                model,
                as_of=as_of,
                wall_clock=wall_clock,
                global_holdout_percent=settings.global_holdout_percent,
                default_timezone=settings.default_timezone,
            )
            kind = f"view {model.relation}" if model.is_view else f"table {model.relation} using parquet"
            spark.sql(f"create {kind} as {sql}")
        return self._gathered()

    def _bring_settings(self, seeds: Path | None, ledger: Sequence[Mapping[str, Any]]) -> None:
        """The seeds and the ledger, read by DuckDB as for its own nights."""
        folder = self.folder / "brought"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        with self.open() as connection:
            self.load_seeds(connection, seeds)
            load_ledger(connection, ledger)
            for relation in [
                *(seed.relation for seed in self.seeds),
                "ledger.decisions",
                "ledger.dispatches",
                "ledger.cancellations",
            ]:
                file = folder / f"{relation}.parquet"
                connection.execute(f"copy {relation} to '{file}' (format parquet)")
                columns = [
                    f"cast({name} as {TYPES.get(kind, kind)}) as {name}"
                    for name, kind, *_ in connection.execute(f"describe {relation}").fetchall()
                ]
                self.session.sql(
                    f"create table {relation} using parquet as select {', '.join(columns)} from parquet.`{file}`"
                )

    def _gathered(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(config={"threads": 1})
        prepare(connection)
        copies = self.folder / "gathered"
        shutil.rmtree(copies, ignore_errors=True)
        for relation in {self.models[name].relation for name in MARTS}:
            connection.execute(f"create schema if not exists {relation.split('.')[0]}")
            connection.execute(f"create table {relation} as {rows_in_lake(self.session, relation, copies)}")
        return connection


@contextmanager
def spark_warehouse(folder: Path) -> Iterator[SparkWarehouse]:
    """The project on Spark, in a session of its own that ends with the context."""
    from pyspark.sql import SparkSession

    check_packages()
    check_java(os.environ)
    lake = folder / "lake"
    lake.mkdir(parents=True)
    before = dict(os.environ)
    os.environ.update(quiet_environment(lake, "local[*]"))
    # by the environment, because dbt sets it anew with every query
    os.environ["SENDWORTHY_SPARK_PARTITIONS"] = "1"
    try:
        settings = read_target(Project(PROJECT), "spark", os.environ).settings
        session = SparkSession.builder.config(map={**settings, **SMALL}).getOrCreate()
        warehouse = SparkWarehouse.build(folder / "project", "spark")
        warehouse.session = session
        yield warehouse
    finally:
        close_session()
        os.environ.clear()
        os.environ.update(before)
