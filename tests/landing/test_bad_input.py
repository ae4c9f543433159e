"""Bad input, one case after the other: each row is staged or quarantined with its reason, or the night ends in clear words.

Three matrices: rows and files that a night takes (`TAKEN`: what is staged, what is quarantined and why), files that end it
(`REFUSED`: the words), and settings that end it before anything is built (`SETTINGS`). What is said must name the file, the
line where it can be known, and what to do, and must never quote a row.
"""

from __future__ import annotations

import gzip
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from csv import reader
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import BuildError
from sendworthy.landing.file_checks import BUFFER, find_damaged, holds_long_row, refuse_long_rows
from sendworthy.settings.seed_files import validate_settings
from sendworthy.warehouse.failure_causes import UNNAMED_FILE, FailedNode, describe

from tests.oracle import Settings
from tests.support.model_harness import Warehouse
from tests.support.projects import FIRST, ROOT, copy_clone, sendworthy

NIGHT = datetime(2026, 6, 1)
HEADERS = {
    "users": "user_id,updated_at",
    "events": "event_id,user_id,event_name,occurred_at",
    "support_tickets": "ticket_id,user_id,status,created_at,updated_at",
    "message_events": "message_event_id,user_id,channel,event_type,occurred_at",
}
TABLES = (*HEADERS, "social_mentions", "erasure_requests", "assignments")

# What no error may quote: it stands in every row of every file here.
SECRET = "zaphod"

Content = bytes | Callable[[Path], None]


def csv(
    *lines: str, header: str = "event_id,user_id,event_name,occurred_at,properties", end: str = "\n"
) -> bytes:
    """A CSV file of events."""
    return (end.join([header, *lines]) + end).encode()


def row(name: str, rest: str = "", when: str = "2026-05-01 10:00:00") -> str:
    """A good event."""
    return f"{name},{SECRET},page_viewed,{when},{rest}"


def parquet(query: str) -> Callable[[Path], None]:
    """What writes a query's rows."""

    def write(path: Path) -> None:
        with duckdb.connect() as connection:
            connection.execute("set TimeZone = 'UTC'")
            connection.execute(f"copy ({query}) to '{path}' (format parquet)")

    return write


def spoiled(query: str, spoil: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    """What writes a query's rows and changes the bytes of the file."""

    def write(path: Path) -> None:
        parquet(query)(path)
        path.write_bytes(spoil(path.read_bytes()))

    return write


def event(name: str, **columns: str) -> str:
    """A query for one good event, with some columns as other SQL expressions."""
    values = {
        "event_id": f"'{name}'",
        "user_id": f"'{SECRET}'",
        "event_name": "'page_viewed'",
        "occurred_at": "timestamp '2026-05-01 10:00:00'",
    } | columns
    return "select " + ", ".join(f"{value} as {column}" for column, value in values.items())


GOOD = [row("GOOD-1"), row("GOOD-2"), row("GOOD-3")]


def good(case: str) -> list[str]:
    """Three good rows, with ids of their own."""
    return [line.replace("GOOD", case) for line in GOOD]


@dataclass(frozen=True)
class Taken:
    """A file that the night takes: how many of its rows are staged, and how many are quarantined, by reason."""

    name: str
    content: Content
    staged: int
    quarantined: Mapping[str, int] = field(default_factory=dict)
    table: str = "events"
    ending: str = "csv"
    unreadable: Mapping[str, int] = field(default_factory=dict)
    """Values that nobody can read, of rows that are staged, by their columns."""

    @property
    def file(self) -> str:
        return f"{self.table}/{re.sub('[^a-z0-9]+', '_', self.name.lower())}/part.{self.ending}"


def many(prefix: str, values: Iterable[str], column: str = "properties") -> bytes:
    """A CSV file with one event for each value of a column."""
    lines = []
    for i, value in enumerate(values):
        quoted = '"' + value.replace('"', '""') + '"'
        cells = {"properties": "", "occurred_at": "2026-05-01", "user_id": SECRET} | {column: quoted}
        lines.append(
            f"{prefix}-{i},{cells['user_id']},page_viewed,{cells['occurred_at']},{cells['properties']}"
        )
    return csv(*lines)


DEEP = '{"a":' + "[" * 20_000 + "]" * 20_000 + "}"
WIDE = "{" + ",".join(f'"key{i}":{i}' for i in range(50_000)) + "}"
SQL_IDS = [
    "'; drop table events; --",
    'a";b',
    "a;b;c",
    "' or 1=1 --",
    "$1 {{ ref('users') }} {% raw %}",
    "\\' \\",
]

TAKEN = [
    # how text is written
    Taken("BOM", b"\xef\xbb\xbf" + csv(*good("bom")), 3),
    Taken("Windows line ends", csv(*good("crlf"), end="\r\n"), 3),
    Taken("old Mac line ends", csv(*good("cr"), end="\r"), 3),
    Taken("no line end at the end", csv(*good("noend")).rstrip(), 3),
    Taken("empty lines", csv("", *good("empty"), "", ""), 3),
    Taken("values over several lines", csv(row("lines", '"{""a"":\n\n1}"')), 1),
    Taken("a quote inside a bare value", csv(row('q"uote')), 1),
    Taken("rows that begin like a comment", csv(*(row(f"#comment-{i}") for i in range(50))), 50),
    Taken("NUL in an id", csv(row("n\0ul")), 1),
    Taken("NUL in JSON", csv(row("nuljson", '"{""a"": ""\0""}"'), row("nuljson2")), 2, unreadable={"properties": 1}),
    # headers
    Taken("header only", csv(), 0),
    Taken("header without a line end", csv().rstrip(), 0),
    Taken("upper-case names", csv(*good("upper"), header="EVENT_ID,USER_ID,Event_Name,OCCURRED_AT,Properties"), 3),
    Taken(
        "spaces around names", csv(*good("spaces"), header="event_id, user_id , event_name, occurred_at , properties"), 3
    ),
    Taken(
        "quoted names",
        csv(*good("quoted"), header='"event_id","user_id","event_name","occurred_at","properties"'),
        3,
    ),
    Taken("an optional column is missing", csv("opt,u,x,2026-05-01", header=HEADERS["events"]), 1),
    Taken(
        "columns in another order",
        csv("2026-05-01,x,u,order", header="occurred_at,event_name,user_id,event_id"),
        1,
    ),
    Taken(
        "unknown columns with names of our own",
        csv(
            *(line + ",1,2,3,4,5" for line in good("own")),
            header="event_id,user_id,event_name,occurred_at,properties,filename,delivered,raw_row,problem,file",
        ),
        3,
    ),
    Taken(
        "unknown columns that come twice",
        csv("twice,u,x,2026-05-01,1,2,3", header=HEADERS["events"] + ",extra,EXTRA,extra_1"),
        1,
    ),
    Taken("a name is empty", csv(*(line + "," for line in good("noname")), header=HEADERS["events"] + ",properties,"), 3),
    Taken(
        "quoted quotes and commas in names",
        csv(
            *(line + ',1,2,3,4' for line in good("qq")), "qq-4,,x,2026-05-01,,1,2,3,4",
            header=HEADERS["events"] + ',properties,"a ""b"" c","d, e","""f""",g"h',
        ),
        3,
        {"missing_user_id": 1},
    ),
    # values
    Taken("ids that are SQL", many("sql", SQL_IDS, "user_id"), len(SQL_IDS)),
    Taken("a value is missing", csv(f",{SECRET},x,2026-05-01,", "mv,,x,2026-05-01,", "mv2,u,,2026-05-01,"), 0,
          {"missing_event_id": 1, "missing_user_id": 1, "missing_event_name": 1}),
    Taken("an id of white space", many("white", ["  ", "\t", "\x0b\r\n"], "user_id"), 0, {"missing_user_id": 3}),
    Taken("a duplicate id", csv(*good("dup"), *good("dup")), 3, {"duplicate": 3}),
    Taken(
        "impossible times",
        many("time", ["0000-01-01", "2026-02-30", "294247-01-10", "2026-05-01 25:00", "17000000", "x"], "occurred_at"),
        0,
        {"bad_occurred_at": 6},
    ),
    Taken("a time in year 1", many("year1", ["0001-01-01"], "occurred_at"), 1),
    Taken("a time in year 9999", many("year9999", ["9999-12-31"], "occurred_at"), 0, {"from_the_future": 1}),
    Taken(
        "time zones",
        many("zone", ["2026-05-01T10:00:00Z", "2026-05-01 10:00:00+05:30", "2026-05-01 10:00:00 CET"], "occurred_at"),
        2,
        {"bad_occurred_at": 1},
    ),
    Taken(
        "no JSON object",
        many("json", ["[1]", '"text"', "1", "null", '{"a":1', "{'a':1}", '{"a":1}}', "{a:1}", '{"a":NaN}', '{"a":Infinity}', '{"a":1,}']),
        11,
        unreadable={"properties": 11},
    ),
    Taken("deeply nested JSON", many("deep", [DEEP]), 1),
    Taken("a JSON object with very many keys", many("wide", [WIDE]), 1),
    Taken("a JSON object with a key twice", many("keys", ['{"product_id":"a","product_id":"b"}']), 1),
    Taken("an id of 100 kB", csv(row("i" * 100_000)), 1),
    # Parquet
    Taken("Parquet without rows", parquet(event("x") + " where false"), 0, ending="parquet"),
    Taken(
        "a field of 50 MB",
        parquet(event("huge", properties="""'{"a": "' || repeat('x', 50000000) || '"}'""")),
        1,
        ending="parquet",
    ),
    Taken(
        "times beyond every calendar in Parquet",
        parquet(
            event("late", occurred_at="make_timestamp(9223372036854775806)")
            + " union all " + event("infinite", occurred_at="timestamp 'infinity'")
            + " union all " + event("early", occurred_at="timestamp '4000-01-01 (BC) 00:00:00'")
        ),
        0,
        {"bad_occurred_at": 3},
        ending="parquet",
    ),
    Taken(
        "times as whole numbers in Parquet", parquet(event("epoch", occurred_at="1777629600::bigint") + " union all " + event("small", occurred_at="17")), 1,
        {"bad_occurred_at": 1}, ending="parquet",
    ),
    Taken(
        "ids as fractions and not-a-number in Parquet",
        parquet(event("f1", user_id="17::double") + " union all " + event("f2", user_id="'nan'::double")),
        1,
        {"missing_user_id": 1},
        ending="parquet",
    ),
    Taken("ids as whole numbers in Parquet", parquet(event("whole", user_id="17")), 1, ending="parquet"),
    Taken(
        "structs instead of text in Parquet", parquet(event("struct", properties="{'a': 1}")), 1, ending="parquet",
    ),
    Taken("times as text in Parquet", parquet(event("text", occurred_at="'2026-05-01 10:00:00'")), 1, ending="parquet"),
    Taken("times as dates in Parquet", parquet(event("date", occurred_at="date '2026-05-01'")), 1, ending="parquet"),
    Taken(
        "unknown columns with names of our own in Parquet",
        parquet(event("ownp", filename="'f'", delivered="{'user_id': 1}", raw_row="1")),
        1,
        ending="parquet",
    ),
    # users: what a profile may hold
    Taken(
        "flags and numbers as other texts",
        csv(
            *(f"flag{i},2026-05-01,{flag},{number}" for i, (flag, number) in enumerate(
                [("yes", ""), ("maybe", ""), ("TRUE", "3"), ("1", "three"), ("", "3.7"), ("0", "99999999999"), ("f", "-1")]
            )),
            header="user_id,updated_at,email_opt_in,max_messages_per_week",
        ),
        7,
        table="users",
        unreadable={"email_opt_in": 1, "max_messages_per_week": 3},
    ),
    Taken(
        "not-a-number and infinity in Parquet",
        parquet(
            "select 'n' || i as user_id, timestamp '2026-05-01' as updated_at, x as max_messages_per_week"
            " from (values (1, 'nan'::double), (2, 'inf'), (3, '-inf'), (4, 1e300), (5, 2)) as t(i, x)"
        ),
        5,
        table="users",
        ending="parquet",
        unreadable={"max_messages_per_week": 4},
    ),
    Taken(
        "a hundred thousand versions of one user",
        parquet(
            "select 'v' as user_id, timestamp '2026-01-01' + to_seconds(i % 90000) as updated_at, 'c' || i as city"
            " from range(100000) as r(i)"
        ),
        100_000,
        table="users",
        ending="parquet",
    ),
    Taken(
        "a listed value that is not listed",
        csv(
            *(f"t{i},u,{status},2026-05-01,2026-05-01" for i, status in enumerate(["open", " REOPENED ", "sort of", ""])),
            header=HEADERS["support_tickets"],
        ),
        3,
        {"missing_status": 1},
        table="support_tickets",
        unreadable={"status": 1},
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def taken(
    warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> Iterable[duckdb.DuckDBPyConnection]:
    """One landing zone with every file that a night takes, landed and staged."""
    raw = tmp_path_factory.mktemp("taken")
    write_taken(raw)
    connection = warehouse.night(raw, as_of=NIGHT, wall_clock=NIGHT, settings=Settings.load(ROOT))
    yield connection
    connection.close()


def write_taken(raw: Path) -> None:
    """Write a landing zone with every file that a night takes."""
    for case in TAKEN:
        path = raw / case.file
        path.parent.mkdir(parents=True)
        write(path, case.content)
    for mark in ("_SUCCESS", ".part.csv.crc"):
        (raw / TAKEN[0].file).with_name(mark).write_bytes(b"not data")
    (raw / "message_events.csv").write_bytes(csv(header=HEADERS["message_events"]))
    (raw / "erasure_requests").mkdir()


def write(path: Path, content: Content) -> None:
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_each_row_is_staged_or_quarantined_with_its_reason(
    taken: duckdb.DuckDBPyConnection, case: Taken
) -> None:
    counts = taken.execute(
        "select rows_in, rows_staged, rows_quarantined from ops.source_counts where file = ?", [case.file]
    ).fetchall()
    quarantined = sum(case.quarantined.values())
    assert counts == [(case.staged + quarantined, case.staged, quarantined)]
    reasons = taken.execute(
        "select reason, count(*) from ops.quarantine where file = ? group by all", [case.file]
    ).fetchall()
    assert dict(reasons) == dict(case.quarantined)
    values = taken.execute(
        "select column_name, sum(unreadable_rows)::int from ops.unreadable_values where file = ? group by all",
        [case.file],
    ).fetchall()
    assert dict(values) == dict(case.unreadable)


def test_no_row_of_a_whole_landing_zone_is_lost(taken: duckdb.DuckDBPyConnection) -> None:
    for table in TABLES:
        rows_in, staged = taken.execute(
            "select coalesce(sum(rows_in), 0), coalesce(sum(rows_staged), 0) from ops.source_counts where table_name = ?",
            [table],
        ).fetchall()[0]
        quarantined = taken.execute(
            "select count(*) from ops.quarantine where table_name = ?", [table]
        ).fetchall()
        assert quarantined == [(rows_in - staged,)], table
        assert taken.execute(f"select count(*) from staging.stg_landing__{table}").fetchall() == [(staged,)]


def test_what_is_quarantined_is_kept_whole(taken: duckdb.DuckDBPyConnection) -> None:
    """Every row is a JSON object with the columns of its own file, whatever the files beside it hold."""
    rows = taken.execute(
        "select file, json_valid(raw_row), json_keys(raw_row) from ops.quarantine"
    ).fetchall()
    assert all(valid and "sendworthy_file" not in keys for _, valid, keys in rows)
    keys = {file: set(keys) for file, _, keys in rows}
    zones = next(case.file for case in TAKEN if case.name == "time zones")
    assert keys[zones] == {"event_id", "user_id", "event_name", "occurred_at", "properties"}
    numbers = next(case.file for case in TAKEN if case.name == "times as whole numbers in Parquet")
    assert taken.execute(
        "select raw_row ->> 'occurred_at' from ops.quarantine where file = ?", [numbers]
    ).fetchall() == [("17",)]


def test_ids_are_the_same_whatever_type_a_drop_gives_them(taken: duckdb.DuckDBPyConnection) -> None:
    seventeen = taken.execute(
        "select event_id from staging.stg_landing__events where user_id = '17' order by 1"
    )
    assert seventeen.fetchall() == [("f1",), ("whole",)]
    sql = taken.execute(
        "select user_id from staging.stg_landing__events where event_id like 'sql-%' order by event_id"
    )
    assert [user for (user,) in sql.fetchall()] == SQL_IDS


def test_unknown_columns_are_reported_as_they_are_called(taken: duckdb.DuckDBPyConnection) -> None:
    reported = dict(
        taken.execute(
            "select file, unknown_columns from ops.source_counts where unknown_columns <> ''"
        ).fetchall()
    )
    by_name = {case.name: reported.get(case.file) for case in TAKEN}
    assert {name: columns for name, columns in by_name.items() if columns} == {
        "a name is empty": "column5",
        "quoted quotes and commas in names": 'a "b" c,d, e,"f",g"h',
        "unknown columns that come twice": "extra,EXTRA,extra_1",
        "unknown columns with names of our own": "filename,delivered,raw_row,problem,file",
        "unknown columns with names of our own in Parquet": "filename,delivered,raw_row",
    }


@dataclass(frozen=True)
class Refused:
    """A file that ends the night: what is said of it; `line` where it is known."""

    name: str
    content: Content
    words: tuple[str, ...]
    file: str = "events.csv"
    line: int | None = None


NOT_UTF8 = ("not UTF-8", "save the file as UTF-8")
FIX = "fix the row"
AGAIN = "deliver it again"
DAMAGED = event("pq") + ", md5(i::varchar) as filler from range(2000) as r(i)"


def latin(text: bytes) -> bytes:
    return text.decode().replace("page_viewed", "cafe\u0301".replace("e\u0301", "\u00e9")).encode("latin-1")


REFUSED = [
    # rows that do not fit the header
    Refused("a torn quote", csv(*GOOD, row("torn", '"{torn'), *GOOD), ("a quote opens there", FIX), line=5),
    Refused("a torn quote at the end", csv(*GOOD, row("torn", '"{torn')).rstrip(), ("a quote opens there", FIX), line=5),
    Refused("a torn quote in the first row", csv('"torn,u,x,2026-05-01,', *GOOD), ("a quote opens there", FIX), line=2),
    Refused("JSON without doubled quotes", csv(*GOOD, row("json", '"{"a":1}"')), ("a quote opens there", FIX), line=5),
    Refused("JSON with backslashes", csv(*GOOD, row("json", r'"{\"a\":1}"')), ("a quote opens there", FIX), line=5),
    Refused("too many columns", csv(*GOOD, row("many", "{},more")), ("has 6 values", "names 5", FIX), line=5),
    Refused("too many columns in every row", csv(*(line + ",a,b" for line in GOOD)), ("names 5", FIX), line=2),
    Refused("too few columns", csv(*GOOD, f"few,{SECRET}"), ("has 2 values", "names 5", FIX), line=5),
    Refused("cut off in the middle of a row", csv(*GOOD)[:-40], ("names 5", FIX), line=4),
    Refused("a comment between rows", csv(*GOOD, "# a comment", *GOOD), ("has 1 value", FIX), line=5),
    Refused("a row after many good ones", csv(*(row(f"e{i}") for i in range(30_000)), "few"), ("names 5",), line=30_002),
    Refused("a field of 50 MB in CSV", csv(row("huge", '"' + "x" * 50_000_000 + '"')), ("longer than 2 MB",)),
    Refused("a bare field of 50 MB in CSV", csv(*GOOD, row("huge", "x" * 50_000_000), *GOOD), ("longer than 2 MB", "Parquet")),
    Refused("a field of 3 MB in CSV", csv(*GOOD, row("big", "x" * 3_000_000)), ("longer than 2 MB", "Parquet"), line=5),
    Refused("line ends of two kinds", csv(*GOOD, end="\r\n") + csv(*GOOD), ("line ends", AGAIN)),
    # encodings
    Refused("Latin-1", latin(csv(*GOOD)), NOT_UTF8, line=2),
    Refused("Latin-1 in the header", csv(*GOOD, header=HEADERS["events"] + ",caf").replace(b"caf", b"caf\xe9"), NOT_UTF8, line=1),
    Refused("UTF-16", csv(*GOOD).decode().encode("utf-16"), NOT_UTF8, line=1),
    Refused("UTF-16 without a mark", csv(*GOOD).decode().encode("utf-16-le"), ("NUL bytes in its header", "UTF-8")),
    # headers
    Refused("semicolons", csv(*GOOD).replace(b",", b";"), ("no comma", AGAIN)),
    Refused("tabs", csv(*GOOD).replace(b",", b"\t"), ("no comma", AGAIN)),
    Refused("no header", csv(*GOOD[1:], header=GOOD[0]), ("event_id is missing", "is there a header?")),
    Refused("a comment before the header", b"# from the CRM\n" + csv(*GOOD), ("event_id is missing", "is there a header?")),
    Refused("a title before the header", b"Events of May\n" + csv(*GOOD), ("event_id is missing", "is there a header?")),
    Refused("an empty line before the header", b"\n" + csv(*GOOD), ("first line is empty", AGAIN)),
    Refused("a torn quote in the header", csv(*GOOD, header=HEADERS["events"] + ',"properties'), ("a quote in it",)),
    Refused("a torn quote in the middle of the header", csv(*GOOD, header='event_id,"user_id" x,event_name,occurred_at,properties'), ("a quote in it",)),
    Refused("three quotes in the header", csv(*GOOD, header=HEADERS["events"] + ',"""'), ("a quote in it",)),
    Refused("a header over two lines", csv(*GOOD, header=HEADERS["events"] + ',"pro\nperties"'), ("a quote in it", "in one line")),
    Refused("a row in the line of the header", csv(*GOOD[1:], header=HEADERS["events"] + f",properties{GOOD[0]}"), ("a time stands among the names", "line break after the header")),
    Refused("a Unix time in the line of the header", csv(*GOOD[1:], header=HEADERS["events"] + ",1777629600000"), ("a time stands among the names",)),
    Refused("an address among the names", csv(*GOOD, header=f"event_id,{SECRET}@example.com,event_name,occurred_at,properties"), ("column user_id is missing", "found: 5 that look like values")),
    Refused("a required column is missing", csv("e,u,2026-05-01", header="event_id,user_id,occurred_at"), ("column event_name is missing", "found: event_id")),
    Refused("a required column is renamed", csv(*GOOD, header="event_id,uid,event_name,occurred_at,properties"), ("column user_id is missing", "uid")),
    Refused("a column is there twice", csv(*GOOD, header="event_id,user_id,event_name,occurred_at,user_id"), ("column user_id is there 2 times",)),
    Refused("two columns that differ in case", csv(*GOOD, header="event_id,user_id,event_name,occurred_at,User_ID"), ("column user_id is there 2 times",)),
    Refused(
        "two columns of Parquet that differ in case",
        spoiled(event("case", user_ix="'other'"), lambda content: content.replace(b"user_ix", b"USER_ID")),
        ("column user_id is there 2 times",),
        "events.parquet",
    ),
    # files
    Refused("an empty file", b"", ("not even a header",)),
    Refused("only a BOM", b"\xef\xbb\xbf", ("first line is empty",)),
    Refused("only line ends", b"\n\n", ("first line is empty",)),
    Refused("an empty folder", lambda path: path.mkdir(), ("found neither events.parquet nor events.csv",), "events"),
    Refused("a folder with a mark of a tool only", b"", ("found neither",), "events/_SUCCESS"),
    Refused("a folder with a hidden file only", csv(*GOOD), ("its name begins with .",), "events/.part.csv"),
    Refused("a file that is named like a mark", csv(*GOOD), ("its name begins with _",), "events/_part.csv"),
    Refused("a file that is a directory", csv(*GOOD), ("folder that is called like a file", "call the folder events"), "events.csv/part.csv"),
    Refused("an optional file that is a directory", csv("u,2026-05-01", header="user_id,requested_at"), ("folder that is called like a file", "call the folder erasure_requests"), "erasure_requests.parquet/part.csv"),
    Refused("an ending in upper case", csv(*GOOD), ("nobody reads it",), "events/PART.CSV"),
    Refused("Parquet that is called CSV", parquet(event("pq")), NOT_UTF8, line=1),
    Refused("CSV that is called Parquet", csv(*GOOD), ("no Parquet file", AGAIN), "events.parquet"),
    Refused("gzip that is called CSV", gzip.compress(csv(*GOOD), mtime=0), ("Fix: ",)),
    Refused("truncated Parquet", spoiled(DAMAGED, lambda content: content[: len(content) // 2]), ("only a piece",), "events.parquet"),
    Refused("Parquet without its last byte", spoiled(DAMAGED, lambda content: content[:-1]), ("only a piece",), "events.parquet"),
    Refused("Parquet of four bytes", b"PAR1", ("only a piece",), "events.parquet"),
    Refused("Parquet with a wrong footer", spoiled(DAMAGED, lambda content: content[:-8] + b"\xff\xff\xff\x7fPAR1"), ("damaged", AGAIN), "events.parquet"),
    Refused("Parquet with a spoiled page", spoiled(DAMAGED, lambda content: content[:200] + b"\xff" * 400 + content[600:]), ("damaged",), "events/landed_on=2026-05-01/part.parquet"),
    Refused("encrypted Parquet", spoiled(DAMAGED, lambda content: content[:-4] + b"PARE"), ("encrypted",), "events.parquet"),
]  # fmt: skip


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A landing zone with nothing but headers, and no events."""
    folder = tmp_path / "landing"
    folder.mkdir()
    for table, header in HEADERS.items():
        if table != "events":
            (folder / f"{table}.csv").write_text(header + "\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_a_file_that_cannot_be_taken_ends_the_night_in_clear_words(
    warehouse: Warehouse, raw: Path, capfd: pytest.CaptureFixture[str], case: Refused
) -> None:
    path = raw / case.file
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, case.content)
    if not case.file.startswith("events"):
        (raw / "events.csv").write_bytes(csv())
    said = words_of(warehouse, raw, capfd)
    assert "landing zone, " in said and "Fix: " in said, said
    assert all(word in said for word in case.words), said
    named = str(raw) if path.is_dir() or path.name == "_SUCCESS" else str(path)
    assert named in said, said
    assert (f"line {case.line} " in said) if case.line else (", line " not in said), said
    assert SECRET not in said and "withheld" not in said and len(said) < 1000, said[:2000]


def words_of(warehouse: Warehouse, raw: Path, capfd: pytest.CaptureFixture[str]) -> str:
    """What a night says of the error that must come, from looking at the files to staging every table."""
    try:
        refuse_long_rows(raw)
    except BuildError as error:
        return f"{error.what} Fix: {error.fix}"
    with warehouse.open() as connection:
        try:
            warehouse.land(connection, raw)
        except AssertionError:
            # dbt heads what it says with the time
            said = "\n".join(line for line in capfd.readouterr().out.splitlines() if line.strip())
            found = re.search(r"landing zone, .*? Fix: [^\n]*", said)
            assert found, said
            return found[0]
        with pytest.raises(duckdb.Error) as caught:
            for table in TABLES:
                warehouse.run_model(connection, f"base_landing__{table}", as_of=NIGHT)
    node = FailedNode("model", "base", "models/base.sql", f"Runtime Error in model base\n  {caught.value}")
    said = describe(node, raw, raw)
    if UNNAMED_FILE in said:
        said += "".join(f"\nlanding zone, file {path}: it is damaged. Fix: ..." for path in find_damaged(raw))
    return said


@pytest.mark.parametrize("before", [0, 20_000_000, 31_999_000, 100_000_000])
@pytest.mark.parametrize("after", [0, 3])
def test_a_row_that_duckdb_would_lose_is_found(tmp_path: Path, before: int, after: int) -> None:
    path = tmp_path / "events" / "part.csv"
    path.parent.mkdir()
    line = row("x" * 1000).encode() + b"\n"
    with path.open("wb") as file:
        file.write(csv())
        file.write(line * (before // len(line)))
        assert not holds_long_row(path)
        file.write(row("huge", "x" * BUFFER).encode() + b"\n" + line * after)
    with pytest.raises(BuildError, match=r"events/part\.csv: it holds a row that is longer than 2 MB"):
        refuse_long_rows(tmp_path)


@dataclass(frozen=True)
class Setting:
    """A settings seed that is not in order: what is said of it, with its line where there is one."""

    name: str
    spoil: Callable[[bytes], bytes]
    words: tuple[str, ...]
    seed: str = "frequency_caps"
    line: int | None = None


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """What replaces the first of a text, which must be there."""

    def spoil(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return spoil


CAPS = b"channel,window_days,max_messages\nemail,7,3\nall,1,2\n"
SETTINGS = [
    Setting("semicolons", lambda _: CAPS.replace(b",", b";"), ("the header is channel;window", "write channel,window_days"), line=1),
    Setting("a missing column", lambda _: b"channel,window_days\nemail,7\n", ("the header is", "write channel,"), line=1),
    Setting("an unknown column", lambda _: CAPS.replace(b"messages\n", b"messages,note\n"), ("the header is",), line=1),
    Setting("no header", lambda _: CAPS.split(b"\n", 1)[1], ("the header is", "write channel,"), line=1),
    Setting("an empty file", lambda _: b"", ("the header is missing", "write channel,"), line=1),
    Setting("a number as text", lambda _: CAPS.replace(b"7", b"seven"), ("'seven' is not a whole number", "from 1 to 365"), line=2),
    Setting("a fraction", lambda _: CAPS.replace(b"7", b"7.5"), ("'7.5' is not a whole number",), line=2),
    Setting("not-a-number", lambda _: CAPS.replace(b"7", b"NaN"), ("not a whole number",), line=2),
    Setting("out of range", lambda _: CAPS.replace(b"7", b"9999"), ("out of range",), line=2),
    Setting("a duplicate key", lambda _: CAPS + b"email,7,9\n", ("the same channel, window_days as on line 2", "remove one"), line=4),
    Setting("too many values", lambda _: CAPS.replace(b"7,3", b"7,3,1"), ("4 values, but 3 columns",), line=2),
    Setting("too few values", lambda _: CAPS + b"sms\n", ("1 value", "3 columns"), line=4),
    Setting("a torn quote", lambda _: CAPS + b'"sms,7,1\n', ("not CSV", "double the quotes"), line=4),
    Setting("a NUL byte", lambda _: CAPS.replace(b"all", b"a\0l"), ("", "fix:"), line=3),
    Setting("Latin-1", replaced(b"place_id", b"place_id"), ("not UTF-8", "save the file as UTF-8"), seed="places"),
    Setting("UTF-16", lambda _: CAPS.decode().encode("utf-16"), ("not UTF-8",)),
    Setting("UTF-16 without a mark", lambda _: CAPS.decode().encode("utf-16-le"), ("the header is",), line=1),
    Setting("white space around a value", lambda _: CAPS.replace(b"email", b" email"), ("white space", "remove it"), line=2),
    Setting("no rows where some must be", lambda content: content.split(b"\n", 1)[0] + b"\n", ("no rows",), seed="placeholder_values"),
    Setting("a placeholder in capitals", lambda content: content + b"NONE\n", ("has capitals",), seed="placeholder_values", line=-1),
    Setting("a place at no latitude", lambda _: b"place_id,name,latitude,longitude,radius_m\np,P,91,0,50\n", ("out of range",), seed="places", line=2),
    Setting("a limit of a table that is not there", lambda content: content + b"orders,,20,all,\n", ("not allowed", "erasure_requests"), seed="source_limits", line=-1),
    Setting("a limit of no number", lambda content: content.replace(b"events,168,", b"events,soon,", 1), ("not a whole number", "leave it empty"), seed="source_limits", line=3),
    Setting("a table that loses more than all", lambda content: content.replace(b"events,168,20,", b"events,168,120,", 1), ("out of range", "0 to 100"), seed="source_limits", line=3),
    Setting("a limit that holds back nobody knows whom", lambda content: content.replace(b"20,all", b"20,some", 1), ("not allowed", "with_segments"), seed="source_limits", line=2),
    Setting("more than all quarantined", lambda content: content.replace(b"20,all,20", b"20,all,101", 1), ("out of range", "then it is 20"), seed="source_limits", line=2),
    Setting("a suppression of nobody", lambda _: b"channel,user_id,address,reason,added_at\nall,,,asked,2026-01-01\n", ("nobody is suppressed",), seed="global_suppressions", line=2),
]  # fmt: skip


@pytest.fixture(scope="module")
def settings_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    shutil.copytree(ROOT / "seeds", folder / "seeds")
    assert validate_settings(folder) == []
    return folder


@pytest.mark.parametrize("case", SETTINGS, ids=lambda case: case.name)
def test_settings_that_are_not_in_order_are_named_with_file_line_and_fix(
    settings_folder: Path, case: Setting
) -> None:
    path = settings_folder / "seeds" / f"{case.seed}.csv"
    before = path.read_bytes()
    after = case.spoil(before)
    path.write_bytes(after.replace(b"place_id,", b"place_id,\xe9,") if case.name == "Latin-1" else after)
    try:
        problems = validate_settings(settings_folder)
    finally:
        path.write_bytes(before)
    assert problems
    line = after.count(b"\n") if case.line == -1 else case.line
    where = f"seeds/{case.seed}.csv" + (f":{line}" if line else "")
    found = [str(problem) for problem in problems if problem.where == where]
    assert found and all(word in found[0] for word in case.words), [str(problem) for problem in problems]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.rstrip(b"\n"),
    ],
    ids=["a BOM", "Windows line ends", "no line end at the end"],
)
def test_settings_as_spreadsheets_write_them_are_in_order(
    settings_folder: Path, spoil: Callable[[bytes], bytes]
) -> None:
    before = {path: path.read_bytes() for path in (settings_folder / "seeds").glob("*.csv")}
    try:
        for path, content in before.items():
            path.write_bytes(spoil(content))
        assert validate_settings(settings_folder) == []
    finally:
        for path, content in before.items():
            path.write_bytes(content)


# Whole nights, as they are called.


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nights") / "landing"
    shutil.copytree(ROOT / "data/sample", folder)
    return folder


def night(raw: Path, place: Path, *options: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    places = ("--db", place / "s.duckdb", "--out", place / "out", "--docs", place / "docs")
    return sendworthy("nightly", "--raw", raw, "--as-of", FIRST, *places, *options, cwd=cwd)


def nothing_was_published(place: Path) -> bool:
    return not (place / "s.duckdb").exists() and not (place / "out").exists()


@pytest.mark.hard
def test_a_night_with_torn_files_ends_in_clear_words_for_each_of_them(sample: Path, tmp_path: Path) -> None:
    """Several files at once: each is named, and the rows are not."""
    tickets, mentions = sample / "support_tickets.csv", sample / "social_mentions.csv"
    before = {path: path.read_bytes() for path in (tickets, mentions)}
    rows = {
        path: len(list(reader(content.decode().splitlines(keepends=True))))
        for path, content in before.items()
    }
    tickets.write_bytes(before[tickets] + f't,{SECRET},complaint,"open\n'.encode())
    mentions.write_bytes(before[mentions] + f"m,{SECRET},forum\n".encode())
    try:
        result = night(sample, tmp_path)
    finally:
        for path, content in before.items():
            path.write_bytes(content)
    assert result.returncode == 1, result.stdout + result.stderr
    said = " ".join(result.stderr.split())
    assert f"file {tickets}, line {rows[tickets] + 1} " in said and "a quote opens there" in said, said
    assert (
        f"file {mentions}, line {rows[mentions] + 1} " in said
        and "has 3 values, and the header names 6" in said
    ), said
    assert "Traceback" not in said and SECRET not in said and "select" not in said
    assert nothing_was_published(tmp_path)


@pytest.mark.parametrize(
    ("file", "content", "words"),
    [
        (
            "users.parquet",
            lambda content: content[: len(content) // 2],
            "only a piece of one. Fix: deliver it again",
        ),
        (
            "social_mentions.csv",
            lambda content: content + b"x" * 40_000_000,
            "a row that is longer than 2 MB",
        ),
    ],
    ids=["truncated Parquet", "a row that DuckDB would lose"],
)
def test_a_night_with_a_file_that_cannot_be_read_publishes_nothing(
    sample: Path, tmp_path: Path, file: str, content: Callable[[bytes], bytes], words: str
) -> None:
    path = sample / file
    before = path.read_bytes()
    path.write_bytes(content(before))
    try:
        result = night(sample, tmp_path)
    finally:
        path.write_bytes(before)
    assert result.returncode == 1, result.stdout + result.stderr
    said = " ".join(result.stderr.split())
    assert f"file {path}: " in said and words in said and "Traceback" not in said, said
    assert nothing_was_published(tmp_path)


def test_a_night_with_settings_that_are_not_in_order_builds_nothing(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_clone(project)
    (project / "seeds/frequency_caps.csv").write_bytes(CAPS.replace(b",", b";"))
    result = night(project / "data/sample", tmp_path, cwd=project)
    assert result.returncode == 2, result.stdout + result.stderr
    assert "seeds/frequency_caps.csv:1" in result.stderr and "fix:" in result.stderr
    assert "Traceback" not in result.stderr and nothing_was_published(tmp_path)
    assert not (project / "target").exists()
