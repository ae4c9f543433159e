"""What a night on Spark asks for before it starts, and what it does with files: everything that needs no Spark."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from sendworthy.build.engines import DuckdbEngine, choose_engine
from sendworthy.build.spark import setup
from sendworthy.build.spark.engine import SparkEngine
from sendworthy.build.spark.gather import read_description, read_parquet
from sendworthy.build.spark.watchdog import Watchdog
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import Target, read_target
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import LAKE_MARK

from tests.support.projects import ROOT

SAMPLE = ROOT / "data" / "sample"
PROFILE = """
sendworthy:
  target: "{{ env_var('WHICH', 'local') }}"
  outputs:
    local: {type: duckdb, path: "{{ env_var('NEVER_SET') }}"}
    here:
      type: spark
      method: session
      server_side_parameters: &settings
        spark.master: "{{ env_var('MASTER', 'local[*]') }}"
        spark.sql.shuffle.partitions: 8
    there:
      type: spark
      method: session
      server_side_parameters: {<<: *settings, spark.master: "spark://a.example:7077,b.example:7078"}
    thrift: {type: spark, method: thrift}
    other: {type: postgres}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    ledgers = tmp_path / database_file.LEDGER_CONTRACT
    ledgers.parent.mkdir(parents=True)
    ledgers.write_bytes((ROOT / database_file.LEDGER_CONTRACT).read_bytes())
    return Project(tmp_path)


def test_a_target_is_read_as_dbt_reads_it(project: Project) -> None:
    assert read_target(project, None, {}).name == "local"
    assert read_target(project, None, {"WHICH": "here"}).name == "here"
    here = read_target(project, "here", {"MASTER": "local[1]"})
    assert here.settings == {"spark.master": "local[1]", "spark.sql.shuffle.partitions": "8"}
    assert read_target(project, "there", {}).settings["spark.sql.shuffle.partitions"] == "8"
    with pytest.raises(SettingsError, match="nowhere"):
        read_target(project, "nowhere", {})


def test_the_engine_is_that_of_the_target(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    # another project's
    monkeypatch.setenv("DBT_TARGET", "prod")
    database = project.root / "s.duckdb"
    assert isinstance(choose_engine(project, None, database), DuckdbEngine)
    assert isinstance(choose_engine(project, "here", database), SparkEngine)
    with pytest.raises(SettingsError, match="postgres"):
        choose_engine(project, "other", database)
    with pytest.raises(SettingsError, match="by the method session"):
        choose_engine(project, "thrift", database).check(SAMPLE)


def test_the_project_s_own_targets_can_be_read() -> None:
    assert read_target(Project(ROOT), None, {}).type == "duckdb"
    for name in ("spark", "spark_cluster"):
        settings = read_target(Project(ROOT), name, {"SENDWORTHY_LAKE": "/lake"}).settings
        assert settings["spark.sql.warehouse.dir"].startswith("/lake/")


@pytest.mark.parametrize(
    ("told", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_292"', 8),
        ('Picked up JAVA_TOOL_OPTIONS: -Dx="1"\nopenjdk version "21" 2023-09-19', 21),
        ("bash: java: no", None),
    ],
)
def test_the_version_of_java_is_read(told: str, version: int | None) -> None:
    assert setup.java_version(told) == version


def fake_java(folder: Path, version: str) -> Path:
    java = folder / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    return folder


def test_a_java_that_is_missing_or_old_is_reported(tmp_path: Path) -> None:
    new, old = fake_java(tmp_path / "new", "17.0.1"), fake_java(tmp_path / "old", "11.0.2")
    assert setup.check_java({"JAVA_HOME": str(new), "PATH": os.environ["PATH"]}) == 17
    assert setup.check_java({"PATH": f"{new / 'bin'}:{os.environ['PATH']}"}) == 17
    with pytest.raises(SettingsError, match="Java 11, and Spark needs 17"):
        setup.check_java({"JAVA_HOME": str(old), "PATH": f"{new / 'bin'}:{os.environ['PATH']}"})
    with pytest.raises(SettingsError, match="none on the PATH"):
        setup.check_java({"PATH": str(tmp_path)})
    with pytest.raises(SettingsError, match="does not run") as told:
        setup.check_java({"JAVA_HOME": str(tmp_path / "gone")})
    assert "JAVA_HOME" in told.value.fix


def test_a_master_that_does_not_answer_is_reported_at_once() -> None:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        up = f"spark://127.0.0.1:1,127.0.0.1:{port}"
        setup.check_master(Target("c", "spark", settings={"spark.master": up}))
    down = f"spark://127.0.0.1:{port}"
    with pytest.raises(SettingsError, match=down) as told:
        setup.check_master(Target("c", "spark", settings={"spark.master": down}))
    assert "start the cluster" in told.value.fix and "docs/spark.md" in told.value.fix
    with pytest.raises(SettingsError, match="no address"):
        setup.check_master(Target("c", "spark", settings={"spark.master": "spark://host"}))
    # nobody is asked
    for master in ("local[*]", "yarn"):
        setup.check_master(Target("c", "spark", settings={"spark.master": master}))


def test_spark_is_quiet_and_closed_on_this_machine_and_somebody_s_own_settings_stay(tmp_path: Path) -> None:
    added = setup.quiet_environment(tmp_path, "local[*]", {"SPARK_SUBMIT_OPTS": "-Dx=1"})
    assert (Path(added["SPARK_CONF_DIR"]) / "log4j2.properties").is_file()
    assert added["SPARK_LOCAL_IP"] == "127.0.0.1" and added["SPARK_SUBMIT_OPTS"].startswith("-Dx=1 ")
    assert Path(added["SPARK_LOCAL_DIRS"]).parent == tmp_path
    elsewhere = setup.quiet_environment(tmp_path, "spark://a.example:7077", {"SPARK_CONF_DIR": "/etc/spark"})
    assert elsewhere["SPARK_CONF_DIR"] == "/etc/spark" and "SPARK_LOCAL_IP" not in elsewhere
    # but how it logs: a row must not get into a log
    for environment in (added, elsewhere):
        assert (
            f"-Dlog4j2.configurationFile={(setup.CONF / 'log4j2.properties').as_uri()}"
            in environment["SPARK_SUBMIT_OPTS"]
        )


def a_night_checks(
    project: Project, monkeypatch: pytest.MonkeyPatch, target: str, lake: Path | str | None = None
) -> SparkEngine:
    """The engine with everything in order but what is about the lake."""
    for check in ("check_packages", "check_java", "check_master"):
        monkeypatch.setattr(f"sendworthy.build.spark.engine.{check}", lambda *_: None)
    if lake:
        monkeypatch.setenv("SENDWORTHY_LAKE", str(lake))
    else:
        monkeypatch.delenv("SENDWORTHY_LAKE", raising=False)
    engine = choose_engine(project, target, project.root / "data" / "s.duckdb")
    assert isinstance(engine, SparkEngine)
    engine.check(SAMPLE)
    return engine


def test_a_cluster_elsewhere_needs_a_lake_that_its_workers_see(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert a_night_checks(project, monkeypatch, "here").lake.name == "s.duckdb.lake"
    with pytest.raises(SettingsError, match="not on this machine") as told:
        a_night_checks(project, monkeypatch, "there")
    assert "SENDWORTHY_LAKE" in told.value.fix
    a_night_checks(project, monkeypatch, "there", project.root / "shared")
    with pytest.raises(SettingsError, match="must be a folder"):
        a_night_checks(project, monkeypatch, "there", "s3a://bucket/lake")


def test_a_lake_is_wiped_when_it_is_one_and_never_when_it_is_not(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = project.root / "mine"
    folder.mkdir()
    (folder / "letters.txt").touch()
    with pytest.raises(SettingsError, match="would be wiped"):
        a_night_checks(project, monkeypatch, "here", folder)
    assert (folder / "letters.txt").is_file()

    engine = a_night_checks(project, monkeypatch, "here")
    published = project.root / "data" / "s.duckdb"
    published.parent.mkdir()
    with database_file.connect(published) as connection:
        database_file.create_ledgers(connection, ROOT)
        connection.execute(
            "insert into ledger.dispatches (as_of, user_id) values (timestamp '2026-06-01 00:00:00', 'u')"
        )
    build = database_file.new_build(published, ROOT)
    environment = engine.prepare(build)
    assert (engine.lake / LAKE_MARK).is_file() and engine.lake.stat().st_mode & 0o777 == 0o700
    (engine.lake / "warehouse").mkdir()
    engine.check(SAMPLE)
    assert engine.prepare(build) == environment and not (engine.lake / "warehouse").exists()
    assert environment["SENDWORTHY_LAKE"] == str(engine.lake)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        files = f"{environment['SENDWORTHY_LEDGER']}/dispatches/*.parquet"
        assert connection.execute(f"select as_of::varchar, user_id from '{files}'").fetchall() == [
            ("2026-06-01 00:00:00+00", "u")
        ]
        # an empty ledger has its columns, and the record of runs lies beside the ledgers
        assert connection.execute(
            f"select count(*) from '{environment['SENDWORTHY_LEDGER']}/runs/*.parquet'"
        ).fetchall() == [(0,)]
        files = f"{environment['SENDWORTHY_LEDGER']}/decisions/*.parquet"
        assert len(connection.execute(f"describe select * from '{files}'").fetchall()) == 12


def described(kind: str, provider: str, location: str, *more: tuple[str, str]) -> list[tuple[str, str]]:
    return [
        *(("as_of", "timestamp"), ("Type", "string"), *more, ("", "")),
        *(
            ("# Detailed Table Information", ""),
            ("Type", kind),
            ("Provider", provider),
            ("Location", location),
        ),
    ]


def test_a_table_is_read_where_it_lies_and_everything_else_is_copied() -> None:
    def files(*description: object) -> Path | None:
        return read_description("marts", "x", described(*description)).files  # type: ignore[arg-type]

    assert files("MANAGED", "parquet", "file:/the%20lake/marts.db/x") == Path("/the lake/marts.db/x")
    assert files("EXTERNAL", "PARQUET", "/lake/x") == Path("/lake/x")
    assert files("MANAGED", "delta", "file:/lake/x") is None
    assert files("MANAGED", "parquet", "s3a://bucket/x") is None
    assert files("MANAGED", "parquet", "file:/lake/x", ("# Partition Information", "")) is None
    view = read_description("marts", "x", described("VIEW", "", ""))
    assert view.is_view and view.files is None


def test_files_become_a_table_in_the_types_that_are_asked_for(tmp_path: Path) -> None:
    columns = {"at": "timestamp", "names": "varchar[]", "n": "bigint"}
    with duckdb.connect() as connection:
        database_file.prepare(connection)
        connection.execute(f"create table x as {read_parquet(tmp_path, columns)}")
        assert connection.execute("select count(n), count(*) from x").fetchall() == [(0, 0)]
        connection.execute(
            f"""
            copy (select 1::integer as n, timestamptz '2026-06-01 12:00:00+02' as at, ['a', null] as names)
            to '{tmp_path}/part-0.parquet'
            """
        )
        connection.execute(f"copy (select 2 as n) to '{tmp_path}/_old.parquet'")
        connection.execute(f"create or replace table x as {read_parquet(tmp_path, columns)}")
        assert connection.execute("select * from x").fetchall() == [
            (datetime(2026, 6, 1, 10), ["a", None], 1)
        ]
        kinds = connection.execute("select data_type from duckdb_columns() where table_name = 'x'").fetchall()
    assert [kind for (kind,) in kinds] == ["TIMESTAMP", "VARCHAR[]", "BIGINT"]


def test_held_back_campaigns_leave_exports_and_audits_that_are_tables(tmp_path: Path) -> None:
    rows = "select unnest(['good', 'bad', null]) as {}"
    with database_file.connect(tmp_path / "b.duckdb") as connection:
        for schema in ("marts", "exports", "audit"):
            connection.execute(f"create schema {schema}")
        connection.execute(f"create table marts.send_list as {rows.format('campaign_id')}")
        connection.execute(f"create table exports.esp as {rows.format('esp_campaign_id')}")
        connection.execute("create view exports.view as select * from marts.send_list")
        connection.execute("create table exports.nameless as select 1 as n")
        connection.execute(f"create table audit.audit_messages as {rows.format('campaign_id')}")

        def left() -> list[int]:
            relations = (
                "marts.send_list",
                "exports.esp",
                "exports.view",
                "exports.nameless",
                "audit.audit_messages",
            )
            return [connection.execute(f"select count(*) from {name}").fetchall()[0][0] for name in relations]

        connection.execute("delete from marts.send_list where campaign_id is null")
        database_file.hold_back(connection, ["good", "bad"])
        assert left() == [2, 2, 2, 1, 2], "nothing is held back but what is of no campaign"
        database_file.hold_back(connection, ["good"])
        assert left() == [1, 1, 1, 0, 1]


def test_the_watchdog_gives_up_after_a_while_without_a_worker_and_not_before() -> None:
    now = 0.0
    executors: int | None = None
    said: list[str] = []
    watchdog = Watchdog(lambda: executors, said.append, limit=60, clock=lambda: now)
    for now, executors in ((0, None), (100, 0), (150, 0), (159, 2), (161, 0), (220, 0)):  # noqa: B007
        watchdog.look()
        assert not said
    now = 221
    watchdog.look()
    assert said and "60 seconds" in said[0] and watchdog.gave_up == said[0]


def test_a_file_without_a_byte_ends_the_night(tmp_path: Path) -> None:
    (tmp_path / "events" / "2026-06-01").mkdir(parents=True)
    (tmp_path / "events" / "2026-06-01" / "_SUCCESS.csv").touch()
    (tmp_path / "users.csv").write_text("user_id,updated_at\n")
    setup.check_landing(tmp_path)
    (tmp_path / "events" / "2026-06-01" / "part-0.parquet").touch()
    with pytest.raises(BuildError, match=r"part-0\.parquet: it is empty"):
        setup.check_landing(tmp_path)


def test_a_night_on_duckdb_loads_nothing_of_spark() -> None:
    script = """
import sys
from pathlib import Path
from sendworthy.cli import main as cli
from sendworthy.night import run as night
from sendworthy.build.engines import choose_engine
from sendworthy.foundation.project import Project
choose_engine(Project(Path(sys.argv[1])), "duckdb", Path("s.duckdb")).check(Path("."))
print([name for name in sys.modules if name.startswith(("pyspark", "py4j", "sendworthy.build.spark"))])
"""
    told = subprocess.run(
        [sys.executable, "-c", script, str(ROOT)], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"
