"""What is said of a model that failed: why and where, without stack traces, plans and anybody's data; and dbt's own words."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import BuildError, SendworthyError, SettingsError
from sendworthy.warehouse import database_file
from sendworthy.warehouse.failure_causes import FailedNode, describe, find_cause, find_fix, words_of
from sendworthy.warehouse.resource_failures import machine_failures

from tests.support.projects import ROOT

IN_MODEL = "Runtime Error in model customers (models/marts/customers.sql)\n"

MISSING_COLUMN = """[UNRESOLVED_COLUMN.WITH_SUGGESTION] A column with name `nope` cannot be resolved. Did you mean one of
the following? [`address`, `channel`]. SQLSTATE: 42703; line 3 pos 6;
'Project [*]
+- 'Filter ('nope = 1)
   +- Relation spark_catalog.marts.send_list[dispatch_id#630] parquet
"""
BAD_CAST = """org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] The value 'zaphod@example.com' of the type
"STRING" cannot be cast to "INT" because it is malformed. SQLSTATE: 22018
== SQL (line 2, position 3) ==
  cast(email as int) as x
  ^^^^^^^^^^^^^^^^^^
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.invalidInputInCastToNumberError(QueryExecutionErrors.scala:140)
"""
WRAPPED = """An error occurred while calling o45.sql.
: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/x. SQLSTATE: 58030
\tat org.apache.spark.sql.errors.QueryExecutionErrors$.taskFailedWhileWritingRowsError(QueryExecutionErrors.scala:1)
Caused by: org.apache.spark.SparkArithmeticException: [DIVIDE_BY_ZERO] Division by zero. SQLSTATE: 22012
"""
OUT_OF_MEMORY = (
    "Job aborted due to stage failure\njava.lang.OutOfMemoryError: Java heap space\n\tat java.base/java.util"
)


@pytest.mark.parametrize(
    ("said", "words", "line"),
    [
        (MISSING_COLUMN, "UNRESOLVED_COLUMN.WITH_SUGGESTION: A column with name `nope` cannot be", 3),
        (BAD_CAST, "CAST_INVALID_INPUT (what it says may", 2),
        (WRAPPED, "DIVIDE_BY_ZERO (what it says may", None),
        (OUT_OF_MEMORY, "Spark ran out of memory", None),
        ("java.net.ConnectException: Connection refused\n\tat java.base/x", "ConnectException", None),
        (
            'Binder Error: Referenced column "x" not found!\n\nLINE 16:  select x\n   ^',
            "Binder Error: Refer",
            16,
        ),
        (
            "Conversion Error: Could not convert string 'zaphod' to INT32\n\nLINE 4: x",
            "Conversion Error (what it says may",
            4,
        ),
    ],
)
def test_the_cause_is_what_the_engine_says_of_names_and_never_a_value(
    said: str, words: str, line: int | None
) -> None:
    # where dbt does not expect an error, it does not head it
    assert find_cause(said) == find_cause(IN_MODEL + said) == find_cause("Runtime Error\n" + IN_MODEL + said)
    cause = find_cause(said)
    assert cause.words.startswith(words) and cause.line == line
    for other in ("zaphod", "Project", "\tat ", "scala", "Relation"):
        assert other not in cause.words


def test_what_dbt_says_itself_is_passed_on() -> None:
    said = "Compilation Error in operation sendworthy-on-run-start-1 (./dbt_project.yml)\n  landing zone, table users: gone"
    assert find_cause(said).words == "landing zone, table users: gone"
    assert find_cause("Got 3 results, configured to fail if != 0").words.startswith("Got 3 results")
    assert (
        find_cause("Runtime Error\n  Could not find profile named 'x'").words
        == "Could not find profile named 'x'"
    )


@pytest.fixture
def built(tmp_path: Path) -> Path:
    """Dbt's folder of statements with one of twenty lines."""
    place = tmp_path / "target/run/sendworthy/models/marts/customers.sql"
    place.parent.mkdir(parents=True)
    place.write_text("\n".join(f"line {number}" for number in range(1, 21)), encoding="utf-8")
    return tmp_path


def test_a_failed_model_shows_its_sql_around_the_line_and_the_file(built: Path) -> None:
    # dbt sends a comment on a line of its own first: the engine's line 9 is line 8 of the file
    failed = FailedNode(
        "model",
        "customers",
        "models/marts/customers.sql",
        IN_MODEL + MISSING_COLUMN.replace("line 3", "line 9"),
    )
    shown = describe(failed, built / "target", built).splitlines()
    assert shown[0] == "model customers (models/marts/customers.sql)"
    assert [line.split("|")[1].strip() for line in shown if "|" in line] == [
        f"line {n}" for n in range(5, 12)
    ]
    assert [line for line in shown if line.strip().startswith(">")] == ["  >    8 | line 8"]
    assert shown[-1] == "  the whole statement: target/run/sendworthy/models/marts/customers.sql:8"


def test_duckdb_s_own_piece_of_the_line_finds_it(built: Path) -> None:
    said = "Binder Error: no\n\nLINE 8: line 8\n        ^"
    shown = describe(
        FailedNode("model", "customers", "models/marts/customers.sql", IN_MODEL + said),
        built / "target",
        built,
    )
    assert "  >    8 | line 8" in shown.splitlines()


def test_without_a_line_the_statement_begins_to_show_and_a_test_that_found_rows_shows_none(
    built: Path,
) -> None:
    path = "models/marts/customers.sql"
    shown = describe(
        FailedNode("model", "customers", path, IN_MODEL + OUT_OF_MEMORY), built / "target", built
    )
    assert shown.count(" | line ") == 12 and "   1 | line 1\n" in shown
    found_rows = describe(
        FailedNode("model", "customers", path, "Got 3 results, configured to fail"), built / "target", built
    )
    assert found_rows.splitlines() == [
        f"model customers ({path})",
        "  Got 3 results, configured to fail",
        f"  the whole statement: target/run/sendworthy/{path}",
    ]
    nowhere = describe(
        FailedNode("model", "other", "models/other.sql", IN_MODEL + OUT_OF_MEMORY), built / "target", built
    )
    assert "|" not in nowhere


# -- the advice fits what went wrong: each failure is a real one


def published(folder: Path) -> Path:
    path = folder / "s.duckdb"
    with database_file.connect(path) as connection:
        connection.execute("create schema ops; create table ops.runs as select 'r' as run_id")
    return path


def of_another_kind(folder: Path) -> None:
    (folder / "s.duckdb").write_text("hello")
    with database_file.connect(folder / "s.duckdb"):
        pass


def open_in_another_program(folder: Path) -> None:
    path = published(folder)
    command = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", command, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with database_file.connect(path, read_only=True):
            pass


def without_a_column(folder: Path) -> None:
    with database_file.connect(published(folder), read_only=True) as connection:
        connection.execute("select status from ops.runs")


def without_a_table(folder: Path) -> None:
    with database_file.connect(published(folder), read_only=True) as connection:
        connection.execute("select * from marts.send_list")


def build_without_a_column(folder: Path) -> None:
    with database_file.connect(published(folder)) as connection:
        connection.execute("select status from ops.runs")


def no_folder(folder: Path) -> None:
    (folder / "out").write_text("x")
    (folder / "out" / "night").mkdir()


def a_folder(folder: Path) -> None:
    (folder / "list.csv").mkdir()
    (folder / "list.csv").write_text("x")


def long_name(folder: Path) -> None:
    (folder / ("x" * 300)).touch()


def not_there(folder: Path) -> None:
    (folder / "gone" / "list.csv").read_text()


def full(folder: Path) -> None:
    with open("/dev/full", "w") as file:
        file.write("x" * 100_000)


def read_only(folder: Path) -> None:
    # what root may not do either
    Path("/proc/sys/kernel/osrelease").write_text("x")


def of_no_known_kind(folder: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute("select cast('zaphod' as int)")


PLACE = "move it away"
VERSION = "CHANGELOG.md has what an upgrade needs"


@pytest.mark.parametrize(
    ("fail", "where", "advice"),
    [
        (of_another_kind, "s.duckdb", "a file of another kind"),
        (open_in_another_program, "s.duckdb", "end that program"),
        (without_a_column, "s.duckdb", "run `sendworthy nightly` once more"),
        (without_a_table, "s.duckdb", "run `sendworthy nightly` once more"),
        (build_without_a_column, "status", VERSION),
        (no_folder, "out/night", PLACE),
        (a_folder, "list.csv", PLACE),
        (long_name, "xxx", "shorter path"),
        (not_there, "gone/list.csv", "it was removed, or its disk is not mounted"),
        (full, "No space left", "make room"),
        (read_only, "", "whose it is"),
        (of_no_known_kind, "Conversion Error", "report these words"),
    ],
)
def test_the_advice_fits_what_went_wrong(
    tmp_path: Path, fail: Callable[[Path], None], where: str, advice: str
) -> None:
    given_back: list[bool] = []
    with (
        pytest.raises(SendworthyError) as raised,
        machine_failures({"--out": tmp_path}, lambda: given_back.append(True)),
    ):
        fail(tmp_path)
    error = raised.value
    assert where in error.what and advice in error.fix, (error.what, error.fix)
    assert "zaphod" not in error.what
    others = {"make room", "end that program", "another kind", PLACE, VERSION, "shorter path", "removed, or"}
    assert not [other for other in others - {advice} if other in error.fix and other not in advice]
    assert isinstance(error, SettingsError if "sendworthy nightly" in advice else BuildError)
    assert bool(given_back) == (advice == "make room") == bool(error.details)


def test_what_a_command_fails_at_has_its_advice_too(tmp_path: Path) -> None:
    with pytest.raises(OSError) as raised:
        long_name(tmp_path)
    assert words_of(raised.value).startswith(f"File name too long: {tmp_path}")
    assert find_fix(words_of(raised.value)) == "name a shorter path"
    assert find_fix("nobody knows this") is None
    # of a copy of the published file, whose views read what lies beside the file itself
    assert "name the published file itself" in str(
        find_fix('IO Error: No files found that match the pattern "a"')
    )


@pytest.mark.parametrize("table", ["ledger.dispatches", "ledger.cancellations", "ops.runs"])
def test_a_file_of_an_older_version_is_carried_on(tmp_path: Path, table: str) -> None:
    """A column that a version has added is empty for what was written before."""
    schema = table.partition(".")[0]
    *older, (newest, _) = database_file.read_ledgers(ROOT)[table]
    with database_file.connect(tmp_path / "s.duckdb") as connection:
        listed = ", ".join(f"{column} {kind}" for column, kind in older)
        connection.execute(f"create schema {schema}; create table {table} ({listed})")
        connection.execute(f"insert into {table} (as_of) values (timestamp '2026-06-01')")
    with database_file.connect(
        database_file.new_build(tmp_path / "s.duckdb", ROOT), read_only=True
    ) as connection:
        found = connection.execute(f"select as_of::date::varchar, {newest} from {table}").fetchall()
    assert found == [("2026-06-01", None)]
