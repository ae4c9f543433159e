"""No value of a row reaches a log, a record, an error or the screen, at any level, whatever is broken.

Every row here holds a canary. Whole nights and dbt alone are run on inputs that are broken in every way at once, with dbt's
debug messages on; then all that was written and said is searched for it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendworthy.build.dbt_runner import run_dbt
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.project import Project
from sendworthy.warehouse.failure_causes import find_cause, redact, redact_exception

from tests.support.projects import FIRST, Place, copy_project, sendworthy

CANARY = "zaphod"
# words of engines, of dbt and of ours that a row may hold, each followed by what must not be seen
DISGUISES = [
    CANARY,
    f"Binder Error: {CANARY}",
    f"Catalog Error: {CANARY}\nLINE 3: {CANARY}",
    f"IO Error: {CANARY}",
    f"LINE 1: {CANARY}",
    f"file = {CANARY}.csv\n  Expected Number of Columns: 3 Found: 4",
    f"CSV Error on Line: 3\n  file = {CANARY}",
    f"Invalid Input Error: No magic bytes found at end of file '{CANARY}'",
    f"landing zone, file {CANARY}: x",
    f"the landing zone holds no valid event {CANARY}",
    f"Compilation Error in model x\n{CANARY}",
    f"Runtime Error in model {CANARY}",
    f"Got 3 results {CANARY}",
    f"[TABLE_OR_VIEW_NOT_FOUND] {CANARY} SQLSTATE: 42P01",
    f"[USER_RAISED_EXCEPTION] the landing zone holds no valid event {CANARY} SQLSTATE: P0001",
    f"Caused by: {CANARY}",
    f"Possible solutions: {CANARY}",
    f"Traceback (most recent call last)\nValueError: {CANARY}",
]


def of_a_cast(text: str, _: Path) -> str:
    return f"select cast({literal(text)} as integer)"


def of_a_time(text: str, _: Path) -> str:
    return f"select strptime({literal(text)}, '%Y')"


def of_json(text: str, _: Path) -> str:
    return f"select json_extract({literal('{' + text)}, '$.a')"


def of_an_enum(text: str, _: Path) -> str:
    return f"select cast({literal(text)} as enum ('a'))"


def of_a_key(text: str, _: Path) -> str:
    return (
        f"create temp table t (a text primary key); insert into t values ({literal(text)}), ({literal(text)})"
    )


def of_a_row(text: str, folder: Path) -> str:
    return _csv(folder, f'1,"{doubled(text)}"\n2,"{doubled(text)}",3\n')


def of_a_torn_row(text: str, folder: Path) -> str:
    return _csv(folder, f'1,"{doubled(text)}"\n2,"{doubled(text)}\n')


def of_a_typed_row(text: str, folder: Path) -> str:
    return _csv(folder, f'"{doubled(text)}",x\n')


def of_a_row_in_latin_1(text: str, folder: Path) -> str:
    return _csv(folder, f'1,"{doubled(text)}\xe9"\n'.encode("latin-1"))


def _csv(folder: Path, rows: str | bytes) -> str:
    path = folder / "rows.csv"
    path.write_bytes(b"a,b\n" + (rows if isinstance(rows, bytes) else rows.encode()))
    return (
        f"select * from read_csv('{path}', auto_detect = false, header = true, columns = {{'a': 'integer', 'b': 'varchar'}}, "
        "delim = ',', quote = '\"', escape = '\"')"
    )


def doubled(text: str) -> str:
    return text.replace('"', '""')


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


BREAKS: list[Callable[[str, Path], str]] = [
    *(of_a_cast, of_a_time, of_json, of_an_enum, of_a_key),
    *(of_a_row, of_a_torn_row, of_a_typed_row, of_a_row_in_latin_1),
]


def what_duckdb_says(sql: str) -> str | None:
    with duckdb.connect() as connection:
        try:
            connection.execute(sql).fetchall()
        except duckdb.Error as error:
            return str(error)
    return None


@pytest.mark.parametrize("breaks", BREAKS)
def test_what_duckdb_says_of_a_value_is_shown_without_the_value(
    tmp_path: Path, breaks: Callable[[str, Path], str]
) -> None:
    quoting = 0
    for text in DISGUISES:
        said = what_duckdb_says(breaks(text, tmp_path))
        assert said is not None
        quoting += CANARY in said
        told = redact(said)
        assert CANARY not in told and told.strip(), (said, told)
        # dbt heads it; what a person reads is the same
        for head in ("", "Database Error in model x (models/x.sql)\n  ", "Runtime Error\n  "):
            assert find_cause(head + told, is_redacted=True) == find_cause(said)
            assert CANARY not in find_cause(head + said).words
    assert quoting, "DuckDB quotes nothing: this proves nothing any more"


def test_what_is_of_names_is_passed_on_with_its_line() -> None:
    said = what_duckdb_says("select 1,\n  nope\nfrom (select 2 as x)")
    assert said is not None
    told = redact(said)
    assert 'Referenced column "nope" not found' in told
    cause = find_cause(told, is_redacted=True)
    assert (cause.line, cause.piece) == (2, "nope") and cause == find_cause(said)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.sampled_from(DISGUISES), st.text(max_size=40))
def test_no_text_around_a_canary_lets_it_through(before: str, canary: str, after: str) -> None:
    text = f"{before}{canary}{after}"
    said = what_duckdb_says(of_a_cast(text.replace("\0", ""), Path()))
    assert said is None or CANARY not in redact(said)


@pytest.mark.parametrize("text", DISGUISES)
def test_exceptions_of_python_and_spark_are_shown_without_their_words(text: str) -> None:
    for error in (
        ValueError(text),
        KeyError(text),
        RuntimeError(text),
        UnicodeDecodeError("utf-8", text.encode(), 0, 1, text),
    ):
        assert CANARY not in redact_exception(error) and type(error).__name__ in redact_exception(error)
    assert redact_exception(FileNotFoundError(2, "No such file", "/x/y")) == "No such file: /x/y"
    for said in (
        f"org.apache.spark.SparkException: [MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION] Malformed records are detected in record parsing: [{text}].\n SQLSTATE: 22023",
        f'An error occurred while calling o1.sql.\n: org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to file:/x. SQLSTATE: 58030\nCaused by: java.lang.NumberFormatException: For input string: "{text}"',
        f"Job aborted due to stage failure: Task 0 in stage 1.0 failed 1 times: java.lang.RuntimeException: the value {text}\n\tat x.y(Z.scala:1)",
        f"something else: {text}",
    ):
        assert CANARY not in redact(said), redact(said)


# --- whole runs -----------------------------------------------------------------------------------------

SUPPRESSIONS = "channel,user_id,address,reason,added_at\n"
USERS = "user_id,updated_at,email,signed_up_at"
GOOD_LANDING: dict[str, bytes] = {
    "users/good.csv": f"{USERS}\n{CANARY}-1,2026-05-01,{CANARY}@example.com,2026-05-01\n".encode(),
    "events.csv": f"event_id,user_id,event_name,occurred_at\ne1,{CANARY}-1,signed_up,2026-05-01\n".encode(),
    "support_tickets.csv": b"ticket_id,user_id,status,created_at,updated_at\n",
    "message_events.csv": b"message_event_id,user_id,channel,event_type,occurred_at\n",
}
# each is said of with its file; the first ones while models read them, all at once, the others when dbt looks at the files
BROKEN_LANDING: dict[str, dict[str, bytes]] = {
    "rows": {
        "users/dropped.csv": f"{USERS}\n{CANARY}-2,2026-05-01,{CANARY}@example.com\n".encode(),
        "events.csv": f'event_id,user_id,event_name,occurred_at\ne1,{CANARY}-1,signed_up,2026-05-01\ne2,"{CANARY},x,2026-05-01\n'.encode(),
        "support_tickets.csv": f"ticket_id,user_id,status,created_at,updated_at\nt1,{CANARY}-1,open,2026-05-01,2026-05-01,{CANARY},6\n".encode(),
        "erasure_requests.csv": f"user_id,requested_at\n{CANARY}-3\n".encode(),
    },
    "Latin-1": {"message_events.csv": f"message_event_id,user_id,channel,event_type,occurred_at\nm2,{CANARY}\xe9,email,sent,2026-05-01\n".encode("latin-1")},
    "a long row": {"social_mentions.csv": b"mention_id,user_id,network,body,posted_at\nx,u,forum," + CANARY.encode() * 400_000 + b",2026-05-01\n"},
    "no header": {"message_events.csv": f"m1,{CANARY},email,sent,2026-05-01\n".encode()},
    "a header and a row in one": {"events.csv": f"event_id,user_id,event_name,occurred_ate1,{CANARY}@x,signed_up,2026-05-01\n".encode()},
    "a piece of Parquet": {"social_mentions.parquet": b"PAR1" + CANARY.encode() * 100},
}  # fmt: skip

# values that fail within models: in a statement, while rows are fetched, and in dbt itself
BROKEN_MODELS = {
    "int_broken__cast": "select cast(name as integer) as number from {{ ref('stg_canaries') }}",
    "int_broken__fetched": "{% if execute %}{% do run_query('select cast(name as integer) from ' ~ ref('stg_canaries')) %}{% endif %}"
    "select 1 as number, name from {{ ref('stg_canaries') }}",
    "int_broken__in_dbt": "{% if execute %}{% set name = run_query('select name from ' ~ ref('stg_canaries')).columns[0].values()[0] %}"
    "{% do modules.datetime.datetime.strptime(name, '%Y') %}{% endif %}select name from {{ ref('stg_canaries') }}",
    "stg_canaries": f"select chr({ord(CANARY[0])}) || '{CANARY[1:]}' as name",
}


# the same of files below a folder that is called after somebody
_FOLDER = f"landed_on=2026-05-01/user_id={CANARY}@example.com"
BROKEN_FOLDERS: dict[str, dict[str, bytes]] = {
    "files": {
        f"erasure_requests/{_FOLDER}/empty.csv": b"",
        f"erasure_requests/{_FOLDER}/_hidden.csv": b"x",
        f"erasure_requests/{_FOLDER}/piece.parquet": b"PAR1x",
        f"social_mentions/{_FOLDER}/no_column.csv": b"mention_id,network\nx,forum\n",
    },
    "rows": {f"social_mentions/{_FOLDER}/torn.csv": b"mention_id,network,posted_at\nx,forum,2026-05-01,9\n"},
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A project with models that fail on a value."""
    place = Place(copy_project(tmp_path_factory.mktemp("broken")))
    for name, sql in BROKEN_MODELS.items():
        kind = "view" if name == "stg_canaries" else "table"
        path = place.root / "models" / "broken" / f"{name}.sql"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"{{{{ config(materialized='{kind}', schema='broken') }}}}\n{sql}\n", encoding="utf-8"
        )
    yield place


def search(place: Place, *said: str) -> list[str]:
    """Where the canary is: in what was said, and in every file that no data belongs into."""
    found = [f"said: {line[:200]}" for text in said for line in text.splitlines() if CANARY in line.lower()]
    patterns = ("logs/**/*", "target/**/*", "data_docs/**/*", ".sendworthy/**/*.log")
    for path in sorted(path for pattern in patterns for path in place.root.glob(pattern)):
        if path.is_file() and CANARY.encode() in path.read_bytes().lower():
            found.append(str(path.relative_to(place.root)))
    return found


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "DBT_DEBUG": "1", "DBT_LOG_LEVEL_FILE": "debug", "DBT_PRINTER_WIDTH": "80", **more}


def land(place: Place, case: str, cases: dict[str, dict[str, bytes]] = BROKEN_LANDING) -> Path:
    """A landing zone with broken files."""
    raw = place.root / "landing"
    for old in (raw, place.root / "logs"):
        shutil.rmtree(old, ignore_errors=True)
    (place.root / "target" / "run_results.json").unlink(missing_ok=True)
    for name, content in {**GOOD_LANDING, **cases[case]}.items():
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(content)
    return raw


@pytest.mark.parametrize("case", ["rows", "Latin-1"])
def test_a_night_on_broken_input_shows_nobody_s_values(broken: Place, case: str) -> None:
    raw = land(broken, case)
    done = sendworthy(
        "nightly", "--as-of", FIRST, "--raw", raw, "--json", cwd=broken.root, environment=environment()
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    # it got as far as every one of them
    said = " ".join(done.stderr.split())
    assert [name for name in BROKEN_LANDING[case] if f"file {raw / name}" not in said] == [], said
    if case == "rows":
        assert [name for name in BROKEN_MODELS if f"model {name} " not in said] == ["stg_canaries"], said
        assert (broken.root / "target" / "run_results.json").stat().st_size
    assert (broken.root / "logs" / "dbt.log").stat().st_size
    assert search(broken, done.stdout, done.stderr) == []


@pytest.mark.parametrize("case", BROKEN_FOLDERS)
def test_a_night_on_broken_files_shows_nobody_in_the_names_of_folders(broken: Place, case: str) -> None:
    raw = land(broken, case, BROKEN_FOLDERS)
    done = sendworthy("nightly", "--as-of", FIRST, "--raw", raw, "--json", cwd=broken.root)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    said = " ".join(done.stderr.split())
    shown = [name.replace(f"{CANARY}@example.com", "…") for name in BROKEN_FOLDERS[case]]
    assert [name for name in shown if f"file {raw / name}" not in said] == [], said
    assert search(broken, done.stdout, done.stderr) == []


def dbt(place: Place, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "--debug", *arguments],
        cwd=place.root,
        env=environment(
            SENDWORTHY_RAW=str(place.root / "landing"),
            SENDWORTHY_AS_OF=FIRST,
            SENDWORTHY_BUILD_DB="alone.duckdb",
        ),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.parametrize("case", BROKEN_LANDING)
def test_dbt_alone_shows_nobody_s_values_either(broken: Place, case: str) -> None:
    raw = land(broken, case)
    done = dbt(
        broken,
        "build",
        "--select",
        "path:models/staging",
        "path:models/broken",
        "--exclude-resource-type",
        "unit_test",
    )
    assert done.returncode != 0
    assert [name for name in BROKEN_LANDING[case] if f"file {raw / name}" not in done.stdout] == [], (
        done.stdout[-3000:]
    )
    assert search(broken, done.stdout, done.stderr) == []


@pytest.mark.spark
def test_a_night_on_spark_shows_nobody_s_values(broken: Place) -> None:
    raw = land(broken, "rows")
    seed = broken.root / "seeds" / "global_suppressions.csv"
    before = seed.read_bytes()
    seed.write_text(
        f"{SUPPRESSIONS}email,,{CANARY}@example.com,it's 100% {CANARY},2026-01-01\n", encoding="utf-8"
    )
    try:
        done = sendworthy(
            *("nightly", "--target", "spark", "--as-of", FIRST, "--raw", raw),
            cwd=broken.root,
            environment=environment(),
        )
    finally:
        seed.write_bytes(before)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    for words in ("MALFORMED_RECORD_IN_PARSING", "CAST_INVALID_INPUT", "ValueError"):
        assert words in done.stderr, done.stderr
    (log,) = broken.root.glob(".sendworthy/*.lake/spark.log")
    # it still says what failed, and where
    assert "ERROR Executor: org.apache.spark" in log.read_text(encoding="utf-8")
    (suppressions,) = (broken.root / ".sendworthy").rglob("settings.db/global_suppressions/*.parquet")
    with duckdb.connect() as connection:
        loaded = connection.execute(f"select address, reason from read_parquet('{suppressions}')").fetchall()
    assert loaded == [(f"{CANARY}@example.com", f"it's 100% {CANARY}")]
    assert search(broken, done.stdout, done.stderr) == []


def test_what_dbt_prints_beside_its_events_is_not_passed_on(tmp_path: Path) -> None:
    printed = [
        f'Traceback (most recent call last):\\n  File "x.py", line 1\\nValueError: {CANARY}',
        f'{{\\"msg\\": \\"{CANARY}\\"}}',
        CANARY,
        "Usage: dbt [OPTIONS] COMMAND",
        "Error: No such option: --nope",
    ]
    program = [
        sys.executable,
        "-c",
        "; ".join(f'print("""{text}""")' for text in printed) + "; raise SystemExit(2)",
    ]
    with pytest.raises(BuildError) as caught:
        run_dbt(Project(tmp_path), program, ["build"], "duckdb", {}, {})
    assert caught.value.details == ["Usage: dbt [OPTIONS] COMMAND", "Error: No such option: --nope"]


def test_an_error_that_nobody_expected_is_shown_without_its_words(broken: Place) -> None:
    script = (
        "import sendworthy.delivery.verify as v\n"
        f"def verify(*_): raise ValueError('{CANARY}')\n"
        "v.verify = verify\n"
        "from sendworthy.cli.main import main; main()"
    )
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-c", script, "verify", str(broken.root), *more], capture_output=True, text=True
        )
        said = done.stdout + done.stderr
        assert done.returncode == 1 and "Traceback" not in said and CANARY not in said, said
        assert "ValueError" in said and "deliver.py:" in said


@pytest.mark.parametrize("command", ["explain", "verify", "export"])
def test_what_the_engine_says_to_a_command_is_shown_without_values(tmp_path: Path, command: str) -> None:
    script = (
        "import duckdb, sendworthy.foundation.project as p\n"
        f"def find_project(*_): raise duckdb.ConversionException(\"Conversion Error: Could not convert string '{CANARY}' to INT32\")\n"
        "p.find_project = find_project\n"
        "import sendworthy.delivery.verify as v; v.verify = find_project\n"
        "from sendworthy.cli.main import main; main()"
    )
    arguments = {"explain": ["u1"], "verify": [str(tmp_path)], "export": []}[command]
    done = subprocess.run([sys.executable, "-c", script, command, *arguments], capture_output=True, text=True)
    assert done.returncode == 1 and CANARY not in done.stderr and "Conversion Error" in done.stderr, (
        done.stderr
    )


BROKEN_SEEDS = {
    "a time that is none": f"{SUPPRESSIONS}email,,{CANARY}@example.com,asked,{CANARY}\n",
    "a value too many": f"{SUPPRESSIONS}email,,{CANARY}@example.com,asked,2026-01-01,{CANARY}\n",
    "a value too few": f"{SUPPRESSIONS}email,,{CANARY}@example.com\n",
    "a torn quote": f'{SUPPRESSIONS}email,,"{CANARY}@example.com,asked,2026-01-01\n',
    "no header": f"email,,{CANARY}@example.com,asked,2026-01-01\n",
    "an unknown channel": f"{SUPPRESSIONS}{CANARY},,{CANARY}@example.com,asked,2026-01-01\n",
    "twice": f"{SUPPRESSIONS}email,,{CANARY}@example.com,asked,2026-01-01\n" * 2,
    "a line break": f'{SUPPRESSIONS}email,,{CANARY}@example.com,"asked\nby {CANARY}",2026-01-01\n',
    "white space": f"{SUPPRESSIONS}email,, {CANARY}@example.com ,asked,2026-01-01\n",
}


@pytest.mark.parametrize("case", BROKEN_SEEDS)
def test_a_broken_list_of_suppressions_names_nobody(broken: Place, case: str) -> None:
    path = broken.root / "seeds" / "global_suppressions.csv"
    before = path.read_bytes()
    path.write_text(BROKEN_SEEDS[case], encoding="utf-8")
    try:
        said = sendworthy("validate", cwd=broken.root)
        assert said.returncode == 2 and "seeds/global_suppressions.csv" in said.stderr, said.stderr
        loaded = dbt(broken, "seed", "--select", "global_suppressions")
    finally:
        path.write_bytes(before)
    assert search(broken, said.stdout, said.stderr, loaded.stdout, loaded.stderr) == []
