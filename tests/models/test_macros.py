"""Macros mean the same on every engine, and texts are read alike: one table of cases, run on DuckDB, and on Spark where it is installed."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any
from zoneinfo import ZoneInfo, reset_tzpath

import pytest
from sendworthy.build.spark.session import close_session

from tests.support.macro_cases import GROUPS, QUERIES, READING, TABLES, WINDOWS, Groups, Query, Table, Window
from tests.support.macro_engines import PROJECT, DuckDB, Engine, Macros, Spark, macro_sources

Case = Table | Groups | Window | Query
CASES: list[Case] = [*TABLES, *READING, *GROUPS, *WINDOWS, *QUERIES]
MACROS = sorted({case.macro for case in CASES})
Results = dict[int, list[Any]]
# macros of macros/reading that are no reading themselves: patterns, limits, parts of others that have cases
NOT_READ = {
    *("amount_of_property", "edge_pattern", "year_pattern", "local_time_pattern", "zoned_time_pattern"),
    *("first_time", "last_time", "offset_seconds", "microseconds_of_digits", "tidy_topics", "every_topic"),
}
# where engines may spell a macro in their own way
SHARED = ("macros/engine", "macros/reading", "macros/rules")
ENGINES = ["duckdb", pytest.param("spark", marks=pytest.mark.spark)]


@pytest.fixture(scope="module")
def duckdb_engine() -> DuckDB:
    return DuckDB()


@pytest.fixture(scope="module")
def spark_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spark]:
    """Spark in this process, two threads and little memory."""
    sql = pytest.importorskip("pyspark.sql", reason="the extra sendworthy[spark] is not installed")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java 17, and there is no java on the PATH")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "2g")
        .config("spark.sql.shuffle.partitions", 2)
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.warehouse.dir", str(tmp_path_factory.mktemp("spark")))
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield Spark(session)
    # with its Java: the next session shall have one of its own, in its own time zone
    close_session()


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Engine:
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found


@pytest.fixture(scope="module")
def results(engine: Engine) -> Results:
    """What the engine gives for every case."""
    return results_of(engine)


def dispatched() -> set[str]:
    """The macros of SHARED that engines spell differently."""
    texts = set(macro_sources(*SHARED).values())
    return {name for text in texts for name in re.findall(r'adapter\.dispatch\("(\w+)"', text)}


def arguments_of(case: Case, macros: Macros) -> list[Any]:
    """A case's arguments, with {macro} for what another macro gives (of the column `text`, if it takes one)."""
    inner = {
        "{json_text_map}": lambda: macros.render("json_text_map", "text"),
        "{white_space}": lambda: macros.render("white_space"),
    }
    return [
        inner[argument]() if isinstance(argument, str) and argument in inner else argument
        for argument in case.arguments
    ]


def results_of(engine: Engine) -> Results:
    """What an engine gives for every case: a list for each table of cases, by its place among `CASES`.

    Spark needs a second for a query, however small: so tables with the same columns go into one.
    """
    engine.tables({"small": ({"word": "text"}, [("a",), ("b",), ("b",)])})
    found: Results = {}
    alike: dict[str, list[int]] = {}
    for number, case in enumerate(CASES):
        sql = engine.macros.render(case.macro, *arguments_of(case, engine.macros))
        if isinstance(case, Table):
            alike.setdefault(repr(case.columns), []).append(number)
        elif isinstance(case, (Groups, Window)):
            rows = [(place, *row) for place, (group, _) in enumerate(case.cases) for row in group]
            engine.tables({"given": ({"case_number": "integer", **case.columns}, rows)})
            grouped = "group by case_number" if isinstance(case, Groups) else ""
            groups: dict[int, list[Any]] = {}
            for place, result in engine.query(f"select case_number, {sql} as result from given {grouped}"):
                groups.setdefault(place, []).append(result)
            assert all(result == results[0] for results in groups.values() for result in results)
            found[number] = [groups[place][0] for place in range(len(case.cases))]
        else:
            engine.tables({"given": (case.columns, case.rows)})
            found[number] = engine.query(sql)
    for numbers in alike.values():
        found |= _results_of_tables(engine, numbers)
    return found


def _results_of_tables(engine: Engine, numbers: list[int]) -> Results:
    """The results of tables whose columns are the same, from one query."""
    tables = {number: case for number in numbers if isinstance(case := CASES[number], Table)}
    columns = next(iter(tables.values())).columns
    rows, selected = [], []
    for number, table in tables.items():
        sql = engine.macros.render(table.macro, *arguments_of(table, engine.macros))
        selected.append(
            f"case when table_number = {number} then {table.around.format(sql)} end as result_{number}"
        )
        rows += [(number, place, *values[:-1]) for place, values in enumerate(table.cases)]
    engine.tables({"given": ({"table_number": "integer", "case_number": "integer", **columns}, rows)})
    answers = {}
    query = f"select table_number, case_number, {', '.join(selected)} from given"
    for number, place, *results in engine.query(query):
        answers[number, place] = results[numbers.index(number)]
    return {n: [answers[n, place] for place in range(len(table.cases))] for n, table in tables.items()}


def differences(number: int, results: list[Any]) -> list[str]:
    """Where the results of a table of cases are not what it demands."""
    case = CASES[number]
    if isinstance(case, Query):
        inputs, expected, results = (
            [case.rows],
            [sorted(case.expected, key=repr)],
            [sorted(results, key=repr)],
        )
    elif isinstance(case, (Groups, Window)):
        inputs, expected = [group for group, _ in case.cases], [result for _, result in case.cases]
    else:
        inputs, expected = [row[:-1] for row in case.cases], [row[-1] for row in case.cases]
        if case.is_set:
            results = [result if result is None else sorted(result) for result in results]
    called = f"{case.macro}({', '.join(map(str, case.arguments))})"
    return [
        f"{called} of {given!r}: {result!r} and not {wanted!r}"
        for given, result, wanted in zip(inputs, results, expected, strict=True)
        if result != wanted or isinstance(result, bool) != isinstance(wanted, bool)
    ]


def test_every_dispatched_macro_has_cases_and_a_spelling_for_each_engine() -> None:
    known = macro_sources(*SHARED)
    # without_html_references calls the first, and has the cases; the second says how a query runs and gives no value
    for name in sorted(dispatched() - {"replace_html_references", "computed_once"}):
        assert name in MACROS, f"{name} has no cases in tests/support/macro_cases.py"
        for engine in ("duckdb", "spark"):
            assert f"{engine}__{name}" in known, f"{name} has no spelling for {engine}"


@pytest.mark.parametrize("macro", MACROS)
def test_a_macro_means_what_its_cases_say(results: Results, macro: str) -> None:
    wrong = [
        line
        for number, case in enumerate(CASES)
        if case.macro == macro
        for line in differences(number, results[number])
    ]
    assert not wrong, "\n".join(wrong)


# what Unicode got after version 15: DuckDB does not know that these are letters, and Spark makes small ones of them
YOUNGEST_CAPITALS = {0x1C89, *range(0xA7CB, 0xA7DD), *range(0x10D50, 0x10D66)}


def test_every_character_is_the_same_to_all_engines(engine: Engine, duckdb_engine: DuckDB) -> None:
    def facts(of: DuckDB | Engine) -> tuple[dict[int, int], dict[int, str], dict[int, str]]:
        """For each code point: which classes it is in; what it is in lower case; how JSON writes it. Only the unusual."""
        words = of.macros.render
        classes = (
            "[\\p{L}" + words("later_letters") + "]",
            "[\\p{Nd}" + words("later_letters") + "]",
            "[" + words("invisible_characters") + words("later_format_characters") + "]",
            "[\\p{Cc}\\x{2028}\\x{2029}]",
        )
        bits = " + ".join(
            f"case when {words('matches', 'letter', each)} then {2**place} else 0 end"
            for place, each in enumerate(classes)
        )
        query = f"""
            select code, {bits}, {words("lowered", "letter")}, {words("json_text_literal", "letter")}, letter
            from ({of.all_characters()}) as letters
        """
        rows = of.query(
            f"select * from ({query}) as facts (code, bits, small, json, letter)"
            + """
            where bits <> 0 or small <> letter or json <> '"' || letter || '"'
        """
        )
        return (
            {code: bits for code, bits, *_ in rows if bits},
            {code: small for code, _, small, _, letter in rows if small != letter},
            {code: json for code, _, _, json, letter in rows if json != f'"{letter}"'},
        )

    classes, small, json = facts(engine)
    assert len(classes) > 130_000
    assert len(small) > 1_300
    assert len(json) == 31 + 2  # control characters, quote and backslash
    wanted_classes, wanted_small, wanted_json = facts(duckdb_engine)
    assert {hex(code) for code, _ in classes.items() ^ wanted_classes.items()} == set()
    assert {code for code, _ in small.items() ^ wanted_small.items()} <= YOUNGEST_CAPITALS
    assert json == wanted_json


def test_reading_has_cases() -> None:
    reading = macro_sources("macros/reading")
    assert {"time_of_text", "integer_of_text", "identifier"} <= set(reading)
    for name in reading:
        assert name in {*MACROS, *NOT_READ} or "__" in name, (
            f"{name} has no cases in tests/support/macro_cases.py"
        )


@pytest.fixture
def locked_zones() -> Iterator[None]:
    """Zones of the package tzdata: the machine's own may be older."""
    reset_tzpath(to=[])
    yield
    reset_tzpath()


@pytest.mark.usefixtures("locked_zones")
def test_every_zone_has_the_clocks_of_the_locked_zone_data() -> None:
    zones = dict(_seed("timezones"))
    offsets: dict[str, list[tuple[datetime, int]]] = {}
    for clock, since, seconds in _seed("timezone_offsets"):
        offsets.setdefault(clock, []).append((datetime.fromisoformat(since), int(seconds)))
    assert len(zones) > 500
    for name, clock in zones.items():
        zone, changes = ZoneInfo.no_cache(name), sorted(offsets[clock])
        moments = [since + timedelta(seconds=later) for since, _ in changes for later in (0, 86400)]
        moments += [since - timedelta(seconds=1) for since, _ in changes[1:]]
        # between two changes that the seed has there is none that it lacks
        moments += [datetime(2024, 1, 1) + timedelta(hours=hours) for hours in range(0, 4 * 366 * 24, 173)]
        for moment in moments:
            shown = [seconds for since, seconds in changes if since <= moment][-1]
            assert _offset(zone, moment) == shown, (name, moment)


def _seed(name: str) -> list[list[str]]:
    """The rows of a seed without its header."""
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))[1:]


def _offset(zone: ZoneInfo, moment: datetime) -> int:
    """By how many seconds a zone is ahead of UTC."""
    offset = moment.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def test_random_values_are_the_same_to_all_engines(engine: Engine, duckdb_engine: DuckDB) -> None:
    draw = Random(20260601)
    texts = ["", "a", "İΣ;", " b ;", "\\", '"', "é😀", "\n", "it's", "\u00a0", "null", "12"]

    def number() -> str:
        return draw.choice(
            [
                str(draw.randint(-(10 ** draw.randint(1, 22)), 10 ** draw.randint(1, 22))),
                f"{draw.randint(-99999, 99999)}.{draw.randint(0, 99999)}",
                f"{draw.randint(1, 10 ** draw.randint(1, 15))}e{draw.randint(-25, 12)}",
                repr(draw.uniform(-1, 1) * 10 ** draw.randint(-8, 15)),
            ]
        )

    def value(depth: int) -> str:
        plain = [
            number(),
            json.dumps(draw.choice(texts), ensure_ascii=draw.random() < 0.5),
            draw.choice(["null", "true"]),
        ]
        if depth:
            plain += [record(depth - 1), f"[{value(depth - 1)}, {value(depth - 1)}]"]
        return draw.choice(plain)

    def written() -> str:
        pieces = [
            "2026-06-01",
            "T",
            " ",
            "12:30",
            "9:5",
            ":15",
            ".5",
            ",25",
            "Z",
            "+02:00",
            "-0530",
            "+2",
            "UTC",
            "1780272000",
        ]
        pieces += [
            ".0",
            "000",
            "[",
            "]",
            '"a"',
            '"b',
            ";",
            "{",
            "}",
            "null",
            "yes",
            "on",
            "&lt;",
            "&#65;",
            "&#x4A",
            "\u200b",
            "é",
        ]
        return "".join(draw.choices(pieces, k=draw.choice([1, 2, 2, 3, 3, 4, 5, 6])))

    def record(depth: int) -> str:
        keys = draw.choices(["a", "b", "ab", '\\"a', "\\u0061", "é"], k=draw.randint(0, 4))
        return "{" + ", ".join(f'"{key}": {value(depth)}' for key in keys) + "}"

    def damaged(text: str) -> str:
        place = draw.randint(0, len(text))
        return (
            text[:place]
            + draw.choice(["", "}", "]", ",", '"', "x", "\\", "'"])
            + text[place + draw.randint(0, 1) :]
        )

    def time() -> datetime:
        return datetime(1990, 1, 1) + timedelta(microseconds=draw.randint(0, 50 * 366 * 86400 * 10**6))

    def maybe(drawn: Any) -> Any:
        return None if draw.random() < 0.1 else drawn

    rows = []
    for place in range(3000):
        items = [[maybe(draw.choice(texts)) for _ in range(draw.randint(0, 3))] for _ in range(2)]
        good, start = record(2), time()
        rows.append(
            (
                place,
                place // draw.randint(3, 9),
                good,
                damaged(good),
                *map(maybe, items),
                ";".join(draw.choices(texts, k=3)),
                start,
                draw.choice([start, time()]),
                draw.randint(-(10**8), 10**8),
                draw.uniform(0, 1e8),
                str(draw.randint(0, 99)),
                written(),
            )
        )
    columns = {"place": "integer", "part": "integer", "good": "text", "damaged": "text", "first": "text list"}
    columns |= {"second": "text list", "text": "text", "start": "timestamp", "finish": "timestamp"}
    columns |= {"seconds": "bigint", "number": "double", "id": "text", "written": "text"}

    def answers(
        of: Engine, relation: str, key: str, calls: Sequence[tuple[Any, ...]]
    ) -> dict[Any, list[Any]]:
        selected = ", ".join(f"{of.macros.render(*call)} as result_{n}" for n, call in enumerate(calls))
        found = of.query(f"select {key}, {selected} from {relation}")
        assert found
        return {
            row[0]: [
                sorted(x) if name == "list_union" else x for (name, *_), x in zip(calls, row[1:], strict=True)
            ]
            for row in found
        }

    expressions = [
        *(
            (name, "good", "a")
            for name in (
                "json_string",
                "json_number",
                "json_identifier",
                "json_scalar",
                "json_has_null",
                "json_is_given",
            )
        ),
        *(
            (name, "written")
            for name in (
                *(
                    "trimmed",
                    "identifier",
                    "dispatch_identifier",
                    "normalized_name",
                    "boolean_of_text",
                    "integer_of_text",
                    "number_of_text",
                ),
                *(
                    "time_of_text",
                    "is_date_alone",
                    "topics_of_text",
                    "zone_of_offset",
                    "without_html_references",
                    "is_unsafe",
                ),
            )
        ),
        *(
            ("topics_of_list", "first"),
            ("map_list", "first", "item || text"),
            ("filter_list", "second", "item > text"),
        ),
        *(("is_json_object", "good"), ("is_json_object", "damaged"), ("json_keys", "good")),
        *(
            ("list_union", "first", "second"),
            ("lists_overlap", "first", "second"),
            ("list_has", "first", "text"),
        ),
        *(
            ("list_intersection", "first", "second", "x:"),
            ("first_of_list", "second"),
            ("list_size", "first"),
        ),
        *(
            ("split_list", "text"),
            ("lowered", "text"),
            ("json_text_literal", "text"),
            ("hash_number", "text"),
        ),
        *(
            ("add_seconds", "start", "seconds"),
            ("seconds_between", "start", "finish"),
            ("date_text", "start"),
        ),
        *(("iso_text", "finish"), ("within_days", "start", 9000, "finish"), ("trimmed", "text")),
    ]
    aggregates = [
        ("median", "number"),
        ("median", "seconds / 7e0"),
        ("newest", "text", "start", "id", "number > 1e7"),
        ("newest", "second", "date_trunc('year', start)", "id || place", "true"),
        ("ordered_list", "text", "seconds desc, place"),
        ("union_of_lists", "first", "number > 1e7"),
    ]
    seen: list[tuple[Any, ...]] = []
    for each in (duckdb_engine, engine):
        each.tables({"drawn": (columns, rows)})
        seen.append(
            (
                answers(each, "drawn", "place", expressions),
                answers(each, "drawn group by part", "part", aggregates),
            )
        )
    for calls, wanted, found in zip((expressions, aggregates), *seen, strict=True):
        wrong = [
            f"{call} of {rows[key] if calls is expressions else key}: {other!r} and not {one!r}"
            for key in wanted
            for call, one, other in zip(calls, wanted[key], found[key], strict=True)
            if one != other
        ]
        assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong[:10])


def test_a_failure_says_its_message(engine: Engine) -> None:
    message = "it's \\ ${wrong}: 100 %"
    with pytest.raises(Exception, match=re.escape(message)):
        engine.query("select " + engine.macros.render("fail_with", engine.macros.render("sql_text", message)))
