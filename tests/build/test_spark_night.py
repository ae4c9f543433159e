"""What a night does on Spark once dbt has built it, on a small lake of its own: the audit, the gathering, and the quiet."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import duckdb
import pytest
from rich.console import Console
from sendworthy.audit.gate import judge_lists, load_suites, run_gate
from sendworthy.audit.render_check import Messages
from sendworthy.build.spark.engine import SparkEngine, SparkNight
from sendworthy.build.spark.gather import gather
from sendworthy.build.spark.session import close_session, in_words, open_session
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import read_target
from sendworthy.templates.parser import analyse_template
from sendworthy.warehouse import database_file

from tests.support.projects import ROOT

pytestmark = pytest.mark.spark

# campaign, message facts that differ from what they must be (column, SQL), decided to send, listed
CAMPAIGNS: tuple[tuple[str, dict[str, str], int, int], ...] = (
    ("good", {}, 2, 2),
    # what is unknown is not as it must be
    ("unknown", {"has_consent": "cast(null as boolean)"}, 1, 1),
    ("false", {"has_valid_address": "false"}, 1, 1),
    ("short", {}, 2, 1),
    ("never_listed", {}, 1, 0),
    ("it's \\ `odd`", {"is_suppressed": "true"}, 1, 1),
)
SECRET = "zaphod@example.com"
MESSAGES = Messages(
    {
        (name, "default"): analyse_template("Hello {{ first_name }}", "default.liquid")
        for name, *_ in CAMPAIGNS
    },
    150,
)


@dataclass
class Lake:
    """A night that stands on Spark as dbt would have left it, what was printed so far, and the build file beside it."""

    night: SparkNight
    build: Path
    root: Path


def sql_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def statements() -> Iterator[str]:
    """A night in a few tables: the audit models have just the columns that the suites look at."""
    suites = load_suites(ROOT)
    for schema in ("settings", "intermediate", "marts", "exports", "audit", "ops"):
        yield f"create database {schema}"
    yield "create table intermediate.int_nights__as_of using parquet as select timestamp '2026-06-01 00:00:00' as as_of"
    yield "create view intermediate.int_never_gathered as select * from intermediate.int_nights__as_of"
    fields = "array('first_name')"
    variants = ", ".join(f"({sql_text(name)}, 'default', {fields}, {fields})" for name, *_ in CAMPAIGNS)
    yield f"create table intermediate.int_campaigns__variants using parquet as select * from values {variants} as v (campaign_id, variant, printed_fields, required_fields)"
    decided = ", ".join(f"({sql_text(name)})" for name, _, count, _ in CAMPAIGNS for _ in range(count))
    yield f"create table marts.campaign_decisions using parquet as select campaign_id, 'send' as decision from values {decided} as v (campaign_id)"
    messages, values = [], []
    for name, faults, _, count in CAMPAIGNS:
        for number in range(count):
            key = f"'d{number}' as dispatch_id, 'u{number}' as user_id, {sql_text(name)} as campaign_id, 'default' as variant"
            facts = [fact for check in suites.MESSAGE_CHECKS for fact in check.facts]
            told = ", ".join(f"{faults.get(f.column, str(f.must_be).lower())} as {f.column}" for f in facts)
            messages.append(f"select {key}, {told}")
            facts = [fact for check in suites.VALUE_CHECKS for fact in check.facts]
            # the second message of the good campaign has a required value that is blank
            blank = "true" if (name, number) == ("good", 1) else "false"
            told = ", ".join(f"{str(f.must_be).lower()} as {f.column}" for f in facts)
            values.append(
                f"select {key}, 'first_name' as merge_field, {blank} as is_required_and_blank, true as is_expected, if({blank}, '-', '+') as render_key, {told}"
            )
    for name, selects in (("audit_messages", messages), ("audit_merge_values", values)):
        yield f"create table default.{name} using parquet as {' union all '.join(selects)}"
        yield f"create view audit.{name} as select * from default.{name}"
    yield """
        create table marts.send_list using parquet as
        select campaign_id, variant, dispatch_id, '{"first_name": "Ann"}' as merge_values from audit.audit_messages
    """
    yield "create view exports.export_esp as select campaign_id as esp_campaign_id from marts.send_list"
    yield "create table ops.in_another_format using orc as select 1 as n, timestamp '2026-06-01 12:00:00.123456' as moment"
    yield "create table settings.empty (name string, days int, shares array<double>) using parquet"
    kinds = "cast(1 as bigint) as b, cast(1.5 as decimal(38, 4)) as d, array('a', null) as l, date '2026-06-01' as day"
    yield f"create table settings.kinds using parquet as select {kinds}, timestamp '2026-01-01 00:00:00' as moment, true as t, 0.1d as f"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake that one session made and another reads; the clock of this process is not UTC's, and nobody shall notice."""
    root = tmp_path_factory.mktemp("spark")
    before, where = dict(os.environ), Path.cwd()
    os.environ.update(SENDWORTHY_SPARK_MEMORY="1g", SENDWORTHY_SPARK_PARTITIONS="2", TZ="America/New_York")
    os.environ.pop("SENDWORTHY_LAKE", None)
    time.tzset()
    os.chdir(root)
    project = Project(ROOT)
    engine = SparkEngine(project, read_target(project, "spark", os.environ), root / "s.duckdb")
    engine.check(ROOT / "data" / "sample")
    build = database_file.new_build(root / "s.duckdb", ROOT)
    environment = engine.prepare(build)
    settings = read_target(project, "spark", {**os.environ, **environment}).settings
    try:
        session, _ = open_session(settings, environment, engine.lake / "spark.log")
        for statement in statements():
            session.sql(statement)
        close_session()
        with engine.open(build, Stages(Console(file=StringIO()))) as night:
            yield Lake(night, build, root)
    finally:
        close_session()
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)
        time.tzset()


def test_the_gate_says_on_spark_what_it_says_on_duckdb_and_what_is_published_is_gathered(
    lake: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    with lake.night.lists() as lists:
        on_spark = judge_lists(lists, load_suites(ROOT), MESSAGES, lake.root / "docs", said.append)
    assert {
        name: [f.expectation for f in verdict.failed] for name, verdict in on_spark.campaigns.items()
    } == {
        "good": ["blank_first_name", "unproven_rendering"],
        "unknown": ["no_consent"],
        "false": ["invalid_address"],
        "short": ["message_count"],
        "never_listed": ["message_count"],
        "it's \\ `odd`": ["suppressed_user"],
    }
    assert len(said) == len(CAMPAIGNS) + 2 and (lake.root / "docs" / "index.html").is_file()

    shown = StringIO()
    stages = Stages(Console(file=shown))
    lake.night.gather(stages)
    (stage,) = stages.done
    assert stage.name == "gather" and "gathering the tables" in shown.getvalue()
    with duckdb.connect(str(lake.build), read_only=True) as connection:
        found = connection.execute(
            "select schema_name || '.' || table_name, estimated_size from duckdb_tables() where schema_name <> 'ledger'"
        ).fetchall()
        assert dict(found) == {
            "audit.audit_merge_values": 6,
            "audit.audit_messages": 6,
            "exports.export_esp": 6,
            "intermediate.int_campaigns__variants": 6,
            "intermediate.int_nights__as_of": 1,
            "marts.campaign_decisions": 8,
            "marts.send_list": 6,
            "ops.in_another_format": 1,
            "settings.empty": 0,
            "settings.kinds": 1,
        }
        kinds = connection.execute(
            "select string_agg(data_type, ' ' order by column_index) from duckdb_columns() where schema_name = 'settings' group by table_name order by table_name"
        ).fetchall()
        assert kinds == [
            ("VARCHAR INTEGER DOUBLE[]",),
            ("BIGINT DECIMAL(38,4) VARCHAR[] DATE TIMESTAMP BOOLEAN DOUBLE",),
        ]
        assert connection.execute("select l, moment::varchar from settings.kinds").fetchall() == [
            (["a", None], "2026-01-01 00:00:00")
        ]
        assert connection.execute("select moment::varchar from ops.in_another_format").fetchall() == [
            ("2026-06-01 12:00:00.123456",)
        ]
    assert run_gate(lake.build, ROOT, messages=MESSAGES).as_dict() == on_spark.as_dict()
    assert capfd.readouterr() == ("", "") and not (lake.root / "derby.log").exists()


def test_what_spark_throws_is_reported_without_a_trace_and_without_anybody_s_data(
    lake: Lake, capfd: pytest.CaptureFixture[str]
) -> None:
    session = lake.night._session
    session.sql("set spark.sql.ansi.enabled = true")
    session.sql(
        f"create or replace view exports.broken as select cast(name as int) as n from values ('{SECRET}'), ('1') as v (name)"
    )
    with (
        database_file.connect(lake.build) as connection,
        pytest.raises(BuildError) as told,
        in_words("the tables could not be gathered", lake.root / "spark.log"),
    ):
        gather(session, connection, lake.root / "copies", lambda _: None)
    session.sql("drop view exports.broken")
    assert "CAST_INVALID_INPUT" in told.value.what and "nothing was published" in told.value.what
    assert SECRET not in told.value.what + told.value.fix and "\n" not in told.value.what
    assert told.value.__suppress_context__

    session.sql("alter table marts.send_list rename to marts.gone")
    try:
        with (
            pytest.raises(BuildError, match=r"nothing goes out: .*TABLE_OR_VIEW_NOT_FOUND"),
            lake.night.lists() as lists,
        ):
            judge_lists(lists, load_suites(ROOT), MESSAGES)
    finally:
        session.sql("alter table marts.gone rename to marts.send_list")
    assert capfd.readouterr() == ("", "")
