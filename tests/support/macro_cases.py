"""What each macro of macros/engine means, and how macros/reading reads a text, as tables of cases: one for all engines.

A `Table` is a macro, what it is called with, and rows of values with what it must give for them. Every string among the
arguments is SQL (a column of the rows, mostly) unless the macro takes plain text there. Times are UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import md5, sha256
from typing import Any

TEXT = {"text": "text"}
LIST = {"list": "text list"}
TWO_LISTS = {"first": "text list", "second": "text list"}
TIME = {"time": "timestamp"}


@dataclass(frozen=True)
class Table:
    """Cases of one macro that is a SQL expression.

    Attributes:
        macro: Its name.
        arguments: What it is called with.
        columns: Name and type (text, text list, bigint, double, decimal(18, 4), timestamp) of each column of a case.
        cases: The values of the columns, and behind them what the macro must give.
        around: SQL around the expression, which stands where {} is.
        is_set: The order of the list that it gives is open.

    """

    macro: str
    arguments: Sequence[Any]
    columns: Mapping[str, str]
    cases: Sequence[tuple[Any, ...]]
    around: str = "{}"
    is_set: bool = False


@dataclass(frozen=True)
class Groups:
    """Cases of one macro that is a SQL aggregate: for each case the rows of one group, and what it must give for them."""

    macro: str
    arguments: Sequence[Any]
    columns: Mapping[str, str]
    cases: Sequence[tuple[Sequence[tuple[Any, ...]], Any]]


@dataclass(frozen=True)
class Window:
    """Cases of one macro that is a SQL window over all rows of a case; it must give the same for each of them.

    The partition, `case_number`, is among the arguments.
    """

    macro: str
    arguments: Sequence[Any]
    columns: Mapping[str, str]
    cases: Sequence[tuple[Sequence[tuple[Any, ...]], Any]]


@dataclass(frozen=True)
class Query:
    """One case of a macro that is a whole query on the relation `given`: the rows that it must give, in any order."""

    macro: str
    arguments: Sequence[Any]
    columns: Mapping[str, str]
    rows: Sequence[tuple[Any, ...]]
    expected: Sequence[tuple[Any, ...]]


NIGHT = datetime(2026, 6, 1)
MICROSECOND = timedelta(microseconds=1)

# JSON objects, and what the key "a" is in them: its text as a string, as an id and as a scalar, and its number
DEEP = '{"a": 1, "b": ' + '{"b": ' * 300 + "1" + "}" * 301
VALUES: list[tuple[str, str | None, str | None, str | None, float | None]] = [
    ('{"a": "x"}', "x", "x", "x", None),
    ('{"a": ""}', "", "", "", None),
    ('{"a": "12"}', "12", "12", "12", None),
    ('{"a": "null"}', "null", "null", "null", None),
    ('{"a": "NaN"}', "NaN", "NaN", "NaN", None),
    ('{"a": "Infinity"}', "Infinity", "Infinity", "Infinity", None),
    ('{"a": "q\\"\\\\\\/\\n\\u0041"}', 'q"\\/\nA', 'q"\\/\nA', 'q"\\/\nA', None),
    ('{"a": "\\ud83d\\ude00 \U0001f600"}', "\U0001f600 \U0001f600", "\U0001f600 \U0001f600", "\U0001f600 \U0001f600", None),
    ('{"a": "x\\u0000y"}', "x\0y", "x\0y", "x\0y", None),
    ('{"a": "\ufeffé\u2028"}', "\ufeffé\u2028", "\ufeffé\u2028", "\ufeffé\u2028", None),
    ('{"a": true}', None, None, None, None),
    ('{"a": false}', None, None, None, None),
    ('{"a": null}', None, None, None, None),
    ('{"a": {}}', None, None, None, None),
    ('{"a": {"a": 1}}', None, None, None, None),
    ('{"a": []}', None, None, None, None),
    ('{"a": [1]}', None, None, None, None),
    ("{}", None, None, None, None),
    ('{"A": 1, "ab": 2, "a.b": 3, "": 4}', None, None, None, None),
    ('{"b": {"a": "x"}, "c": ["a", {"a": 1}]}', None, None, None, None),
    # whole numbers are ids, up to 64 bits
    ('{"a": 1}', None, "1", "1", 1.0),
    ('{"a": 0}', None, "0", "0", 0.0),
    ('{"a": -0}', None, "0", "0", 0.0),
    ('{"a": -7}', None, "-7", "-7", -7.0),
    ('{"a": 9007199254740993}', None, "9007199254740993", "9007199254740993", 9007199254740992.0),
    ('{"a": 9223372036854775807}', None, "9223372036854775807", "9223372036854775807", 2.0**63),
    ('{"a": 9223372036854775808}', None, "9223372036854775808", "9223372036854775808", 2.0**63),
    ('{"a": -9223372036854775808}', None, "-9223372036854775808", "-9223372036854775808", -(2.0**63)),
    ('{"a": 18446744073709551615}', None, "18446744073709551615", "18446744073709551615", 2.0**64),
    ('{"a": 18446744073709551616}', None, None, "18446744073709551616", 2.0**64),
    ('{"a": -9223372036854775809}', None, None, "-9223372036854775809", -(2.0**63)),
    (f'{{"a": {"123" * 14}}}', None, None, "123" * 14, float("123" * 14)),
    # with a zero fraction they are too, which macros/reading takes away; other numbers are not; as text they have few digits
    ('{"a": 1.0}', None, "1.0", "1.0", 1.0),
    ('{"a": 1.50}', None, None, "1.5", 1.5),
    ('{"a": -0.0}', None, "-0.0", "-0.0", 0.0),
    ('{"a": 1e3}', None, "1000.0", "1000.0", 1000.0),
    ('{"a": 1E+2}', None, "100.0", "100.0", 100.0),
    ('{"a": 9223372036854775808.0}', None, "9223372036854776000.0", "9223372036854776000.0", 2.0**63),
    ('{"a": 12345678.0}', None, "12345678.0", "12345678.0", 12345678.0),
    ('{"a": 123456789.125}', None, None, "123456789.125", 123456789.125),
    ('{"a": 0.1234567890123456789}', None, None, "0.12345678901234568", 0.12345678901234568),
    ('{"a": 0.00012345678901234567}', None, None, "0.00012345678901234567", 0.00012345678901234567),
    ('{"a": 1e-6}', None, None, "0.000001", 1e-6),
    ('{"a": 9.9e-7}', None, None, "9.9e-7", 9.9e-7),
    ('{"a": 9.99e20}', None, "999000000000000000000.0", "999000000000000000000.0", 9.99e20),
    ('{"a": 1e21}', None, None, "1e21", 1e21),
    ('{"a": -2e23}', None, None, "-2e23", -2e23),
    ('{"a": 1.5e-300}', None, None, "1.5e-300", 1.5e-300),
    ('{"a": 1e-400}', None, "0.0", "0.0", 0.0),
    # what no double holds is no number
    ('{"a": 1e400}', None, None, None, None),
    ('{"a": -1e400}', None, None, None, None),
    (f'{{"a": {"9" * 400}}}', None, None, None, None),
    ('{"é": "\\u00e9", "a": 1e400}', None, None, None, None),
    # of a key that is there twice, the first counts
    ('{"a": "x", "a": 1}', "x", "x", "x", None),
    ('{"a": 1, "a": "x"}', None, "1", "1", 1.0),
    ('{"a": null, "a": "x"}', None, None, None, None),
    ('{"a": "x", "a": null}', "x", "x", "x", None),
    ('{"a": "x", "b": {"c": 1, "c": 2}, "a": "y"}', "x", "x", "x", None),
    ('{"\\u0061": "x"}', "x", "x", "x", None),
    ('{"\\u0061": "x", "a": "y"}', "x", "x", "x", None),
    ('{"a": "x", "\\u0061": "y"}', "x", "x", "x", None),
    # what only looks like it
    ('{"b": "\\"a\\": 5, \\"a\\": 6", "a": "x"}', "x", "x", "x", None),
    ('{"b": ["a", "a"], "a": "x"}', "x", "x", "x", None),
    (' \t\r\n{ "b" : 1 , "a" : "x" } \n', "x", "x", "x", None),
    (DEEP, None, "1", "1", 1.0),
]  # fmt: skip

# those in which the value of "a" is null, and those that have no "a"
NULL_A = ('{"a": null}', '{"a": null, "a": "x"}')
NO_A = ("{}", '{"A": 1, "ab": 2, "a.b": 3, "": 4}', '{"b": {"a": "x"}, "c": ["a", {"a": 1}]}')

OBJECTS = [
    *(text for text, *_ in VALUES),
    '{"a": "nan, inf, NaN, Infinity ,]"}',
    '{"nan": [1, 2, {"inf": 3}], "b": ",}"}',
    '{"a": "it\'s"}',
    '{"a": [{"b": 1}, {"c": [{}]} ] }',
    '{"a": "}]"}',
    '{"a": "\\\\ud83d"}',
    '{"a": "\\ud83d\\ude00\\ud83d\\ude00"}',
]
NO_OBJECTS = [
    *(None, "", " ", "null", "true", "1", '"x"', "[]", "[1]", '[{"a": 1}]', "x", "{", "}", '{"a"', '{"a": 1', "{]"),
    # more than one value
    *('{"a": 1} x', '{"a": 1}{"b": 2}', '{"a": 1},{"b": 2}', '{"a": 1}\n{"b": 2}', '{"a": 1},', ',{"a": 1}', '{"a": 1}#'),
    *('{"a": 1}]', '{"a": 1}],[{"b": 1}', '{"a": 1}}', '{"a": 1}},{"o": {"b": 1}', '{"a": 1}}]', '{"a": 1}]}', '{"a": 1}\0'),
    # what other readers take
    *('{a: 1}', "{'a': 1}", "{\"a\": 'x'}", '{"a": 1,}', '{"a": [1, ]}', "{,}", '{"a": 1 /* x */}', '// x\n{"a": 1}'),
    *('{"a": NaN}', '{"a": nan}', '{"a": inf}', '{"a": -Infinity}', '{"b": "x, y", "a": NaN}', '{"a": True}', '{"a": None}'),
    *('{"a": 01}', '{"a": +1}', '{"a": .5}', '{"a": 1.}', '{"a": 0x1}', '{"a": 1_000}', '{"a": 1e}', '{"a": -}', '{"a": tru}'),
    *('{"a": "x\ty"}', '{"a": "x\ny"}', '{"a": "\x01"}', '{"a": "\\x"}', '{"a": "\\u12"}', "{\"a\": \"\\'\"}", '{"a": "x}'),
    *('\ufeff{"a": 1}', '\x0b{"a": 1}', '\u00a0{"a": 1}', '{"a": 1}\x0c', '{"a": 1}\u0085', '{"a": 1 "b": 2}', '{"a": }', '{"a"}'),
    # half of a pair of surrogates
    *('{"a": "\\ud83d"}', '{"a": "\\uD83Dx"}', '{"a": "\\ude00"}', '{"a": "\\ude00\\ud83d"}', '{"a": "\\\\\\ud83d"}', '{"\\udbff": 1}'),
    '{"a": "\\ud83d\\ude00\\ude00"}',
]  # fmt: skip

INVISIBLE = " \t\n\u00a0\u200b\ufeff"

TABLES: list[Table] = [
    # -- JSON
    Table("is_json_object", ["text"], TEXT, [(x, True) for x in OBJECTS] + [(x, False) for x in NO_OBJECTS]),
    Table("json_string", ["text", "a"], TEXT, [(None, None)] + [(text, x) for text, x, _, _, _ in VALUES]),
    Table("json_identifier", ["text", "a"], TEXT, [(None, None)] + [(text, x) for text, _, x, _, _ in VALUES]),
    Table("json_scalar", ["text", "a"], TEXT, [(None, None)] + [(text, x) for text, _, _, x, _ in VALUES]),
    Table("json_number", ["text", "a"], TEXT, [(None, None)] + [(text, x) for text, _, _, _, x in VALUES]),
    Table(
        "json_number",
        ["text", "a", 0, 10],
        TEXT,
        [(text, None if x is None or not 0 <= x <= 10 else x) for text, _, _, _, x in VALUES]
        + [('{"a": 10}', 10.0), ('{"a": 10.0000001}', None), ('{"a": -0.1}', None), ('{"a": 7}', 7.0)],
    ),
    Table(
        "json_has_null",
        ["text", "a"],
        TEXT,
        [(None, False)] + [(text, text in NULL_A) for text, *_ in VALUES],
    ),
    Table(
        "json_is_given",
        ["text", "a"],
        TEXT,
        [(None, False), ('{"a": "null"}', True), ('{"b": {"a": 1}}', False), ('{"A": 1}', False)]
        + [(text, text not in (*NO_A, *NULL_A)) for text, *_ in VALUES],
    ),
    Table(
        "json_is_true",
        ["text", "a"],
        TEXT,
        [
            *(('{"a": true}', True), ('{"b": 1, "a": true}', True), ('{"a": false}', False), ('{"a": "true"}', False)),
            *(('{"a": 1}', False), ('{"a": null}', False), ('{"b": true}', False), ("{}", False), (None, False)),
        ],
    ),
    Table(
        "json_keys",
        ["text"],
        TEXT,
        [
            (None, None),
            ("{}", []),
            ('{"b": 1, "a": {"c": 1}, "": null}', ["b", "a", ""]),
            ('{"a": 1, "\\u0061": 2}', ["a", "a"]),
            ('{"it\'s \\"so\\"": 1, "é": 2}', ['it\'s "so"', "é"]),
        ],
    ),
    Table(
        "json_text_map",
        ["text"],
        TEXT,
        [
            ("{}", {}),
            ('{"a": "x", "b": null, "": ""}', {"a": "x", "b": None, "": ""}),
            ('{"a": "it\'s \\"so\\" \\\\ \\u00e9 😀"}', {"a": 'it\'s "so" \\ é 😀'}),
            ('{"a": 1, "b": 1.5, "c": true}', {"a": "1", "b": "1.5", "c": "true"}),
            ('{"a": "x", "a": "x"}', None),
            ('{"a": "x", "\\u0061": "y"}', None),
            *((text, None) for text in NO_OBJECTS),
        ],
    ),
    Table(
        "json_text_literal",
        ["text"],
        TEXT,
        [
            (None, "null"),
            ("", '""'),
            ("null", '"null"'),
            ("a/b é 😀 \u2028\x7f", '"a/b é 😀 \u2028\x7f"'),
            ('"\\\b\f\n\r\t', '"\\"\\\\\\b\\f\\n\\r\\t"'),
            ("\x01\x1f", '"\\u0001\\u001F"'),
        ],
    ),
    Table(
        "text_within_bytes",
        ["text", 4],
        TEXT,
        [
            (None, None),
            ("", ""),
            ("abcd", "abcd"),
            ("abcde", "abcd"),
            ("abcé", "abc"),
            ("éé", "éé"),
            ("éaé", "éa"),
            ("😀", "😀"),
            ("a😀", "a"),
            ("😀😀", "😀"),
        ],
    ),
    Table("map_names", ["{json_text_map}"], TEXT, [(None, []), ("{}", []), ('{"b": "x", "a": null}', ["a", "b"])], is_set=True),
    Table(
        "map_text",
        ["{json_text_map}", "name"],
        {"text": "text", "name": "text"},
        [
            ('{"a": "x", "b": null}', "a", "x"),
            ('{"a": "x", "b": null}', "b", None),
            ('{"a": "x"}', "A", None),
            ('{"a": "x"}', None, None),
            ("{}", "a", None),
            (None, "a", None),
        ],
    ),
    # -- lists
    Table(
        "list_union",
        ["first", "second"],
        TWO_LISTS,
        [
            (["a", "b"], ["b", "c"], ["a", "b", "c"]),
            (["a", "a"], [], ["a"]),
            (["a", None], [None], ["a"]),
            (["a"], None, ["a"]),
            (None, ["b"], ["b"]),
            (None, None, []),
            ([], [], []),
        ],
        is_set=True,
    ),
    Table("list_of", [["first", "second"]], {"first": "text", "second": "text"},
          [("a", "b", ["a", "b"]), ("b", None, ["b"]), (None, "a", ["a"]), (None, None, []), ("", "", ["", ""])]),
    Table("list_of", [["text"]], TEXT, [("a", ["a"]), (None, [])]),
    Table("list_of", [["case when text = 'a' then 'is:a' end", "case when text < 'b' then 'low' end"]], TEXT,
          [("a", ["is:a", "low"]), ("A", ["low"]), ("c", []), (None, [])]),
    Table("list_has", ["list", "item"], {"list": "text list", "item": "text"},
          [(["a", "b"], "b", True), (["a"], "A", False), (["ab"], "a", False), ([], "a", False), (None, "a", False),
           (["a"], None, False), ([None], "a", False), (["a", None], "a", True), ([None], None, False)]),
    Table("list_has_all", ["first", "second"], TWO_LISTS,
          [(["a", "b"], ["b", "a"], True), (["a", "b"], ["a"], True), (["a"], ["a", "b"], False), (["a"], ["A"], False), (["ab"], ["a"], False),
           (["a"], ["a", "a"], True), (["a", "a"], ["a"], True), (["a"], [], True), ([], [], True), ([], ["a"], False),
           (None, ["a"], False), (["a"], None, False), (None, [], False), (["a", None], ["a"], True), ([None], ["a"], False)]),
    Table("lists_overlap", ["first", "second"], TWO_LISTS,
          [(["a", "b"], ["c", "b"], True), (["a"], ["b"], False), ([], ["a"], False), ([], [], False), (None, ["a"], False),
           (["a"], None, False), ([None], [None], False), (["a", None], [None, "a"], True), (["a", None], ["b"], False)]),
    Table("list_intersection", ["first", "second", "excluded:"], TWO_LISTS,
          [(["b", "a", "c"], ["a", "b"], ["excluded:b", "excluded:a"]), (["a"], ["b"], []), ([], ["a"], []), (["a"], [], []),
           (["a", "a"], ["a"], ["excluded:a", "excluded:a"]), (None, ["a"], None), (["a"], None, []), ([None], [None], [])]),
    Table("list_intersection", ["first", "second", "it's \\ "], TWO_LISTS, [(["a"], ["a"], ["it's \\ a"])]),
    Table("list_without", ["list", ["a", "it's \\ "]], LIST,
          [(["b", "a", "c", "b"], ["b", "c", "b"]), (["it's \\ "], []), (["A"], ["A"]), ([], []), (None, None)]),
    Table("map_list", ["list", "item || '!'"], LIST, [(["b", "a", "b"], ["b!", "a!", "b!"]), ([], []), (["a", None], ["a!", None]), (None, None)]),
    Table("filter_list", ["list", "item <> 'a'"], LIST, [(["b", "a", "c", "b"], ["b", "c", "b"]), (["a"], []), ([], []), (["b", None], ["b"]), (None, None)]),
    Table("filter_list", ["list", "item is not null"], LIST, [([None, "a", None], ["a"]), ([None], [])]),
    Table("joined_lists", [["first", "second", "first"]], TWO_LISTS,
          [(["a"], ["b", "c"], ["a", "b", "c", "a"]), ([], ["b"], ["b"]), ([], [], [])]),
    Table("joined_lists", [["list"]], LIST, [(["a"], ["a"]), ([], [])]),
    Table("empty_list", [], TEXT, [("a", [])]),
    Table("empty_list", [], LIST, [(["a"], ["a"]), (None, [])], around="coalesce(list, {})"),
    Table("list_size", ["list"], LIST, [(["a", "b"], 2), ([], 0), ([None], 1), (None, None)]),
    Table("first_of_list", ["list"], LIST, [(["b", "a"], "b"), ([], None), ([None, "a"], None), (None, None)]),
    Table("split_list", ["text"], TEXT,
          [("a;b", ["a", "b"]), (" a ;;\tb\r\n; ", ["a", "b"]), ("", []), (None, []), (";", []), ("a", ["a"]),
           ("b;a;b", ["b", "a", "b"]), ("a b,c|d.e", ["a b,c|d.e"]), ("\u00a0", ["\u00a0"])]),
    Table("list_text", ["list"], LIST,
          [(["a", "b"], "a;b"), (["a"], "a"), ([], ""), ([""], ""), (["a", None, "b"], "a;b"), (None, None)]),
    # -- text
    Table("matches", ["text", "^[a-c]+$"], TEXT, [("abc", True), ("abcd", False), ("", False), (None, None), ("ABC", False)]),
    Table("matches", ["text", "^[a-c]+\\z"], TEXT, [("abc", True), ("abc\n", False), ("abc\r", False), ("abc\u2028", False)]),
    Table("matches", ["text", "it's|\\\\|\\$\\{x\\}|%_"], TEXT,
          [("it's", True), ("its", False), ("\\", True), ("${x}", True), ("x", False), ("%_", True), ("a_", False)]),
    Table("matches", ["text", "[^\\P{L}\\x{3164}]|\\p{Nd}"], TEXT,
          [("-", False), ("é", True), ("٣", True), ("\u3164", False), ("漢", True), ("😀", False), ("½", False), ("𝒜", True)]),
    Table("matches", ["text", "\\{\\{|\\}\\}|\\{%|\\*\\||%%|\\[\\["], TEXT,
          [("{{ x", True), ("}}", True), ("{%", True), ("*|", True), ("%%", True), ("[[", True), ("{ {", False), ("[x[", False)]),
    Table("matches", ["text", "<[\\p{L}/!]|[\\p{Cc}\\x{2028}\\x{2029}]|://"], TEXT,
          [("<b", True), ("</", True), ("< b", False), ("a\u0085b", True), ("a\u2028", True), ("://", True), (": //", False)]),
    Table("replace_all", ["text", "[ab]+"], TEXT, [("xaby\nba", "xy\n"), ("x", "x"), ("", ""), (None, None), ("ab", "")]),
    Table("replace_all", ["text", "^\\p{Z}+|\\p{Z}+\\z"], TEXT,
          [("  a  b \u00a0", "a  b"), (" \n ", "\n"), ("   ", ""), ("a \n", "a \n")]),
    Table("replace_each", ["text", "[ab]+", "_"], TEXT, [("xaby\nba", "x_y\n_"), ("x", "x"), ("", ""), (None, None), ("ab", "_"), ("axa", "_x_")]),
    Table("replace_each", ["text", "b", "it's $0 ${x}"], TEXT, [("abc", "ait's $0 ${x}c"), ("a", "a")]),
    Table("first_match", ["text", "[0-9]+"], TEXT, [("a12b3", "12"), ("ab", ""), ("", ""), (None, None), ("٣", "")]),
    Table("first_match", ["text", "^([a-z]+)(:([0-9]+))?\\z", 3], TEXT, [("ab:12", "12"), ("ab", ""), ("12", ""), (None, None), ("ab:12\n", "")]),
    Table("all_matches", ["text", "[0-9]+|x"], TEXT, [("a12bx3", ["12", "x", "3"]), ("ab", []), ("", []), (None, None)]),
    Table("all_matches", ["text", '"[^"]*"'], TEXT, [('"a", "b;c" "', ['"a"', '"b;c"'])]),
    Table("split_text", ["text", "[;,|]"], TEXT,
          [("a;b,c|d", ["a", "b", "c", "d"]), ("a;;b", ["a", "", "b"]), (";a;", ["", "a", ""]), ("", [""]), ("a b", ["a b"]), (None, None)]),
    Table("split_text", ["text", "&(?:lt|#[0-9]{1,7});"], TEXT, [("a&lt;b&#39;&lt;", ["a", "b", "", ""]), ("&amp;", ["&amp;"])]),
    Table("address_hash", ["text"], TEXT,
          [("A@Example.com", sha256(b"a@example.com").hexdigest()), ("+15550100", sha256(b"+15550100").hexdigest()), ("", sha256(b"").hexdigest()),
           ("jÖrg@example.com", sha256("jörg@example.com".encode()).hexdigest()), ("İ", sha256(b"i").hexdigest()), (None, None)]),
    Table("character_of_code", ["number"], {"number": "bigint"},
          [(65, "A"), (160, "\u00a0"), (0xE9, "é"), (0x2028, "\u2028"), (0xD7FF, "\ud7ff"), (0xE000, "\ue000"), (0xFEFF, "\ufeff"), (0xFFFE, "\ufffe"),
           (0x1F642, "🙂"), (0x10FFFF, "\U0010ffff"), (1, "\x01"), (None, None)]),
    Table("number_of_hex", ["text"], TEXT, [("0", 0), ("ff", 255), ("D800", 0xD800), ("10FFFF", 0x10FFFF), ("00A0", 160), ("ffffff", 0xFFFFFF), (None, None)]),
    Table("is_in_column", ["text", "small", "word"], TEXT, [("a", True), ("A", False), ("x", False), ("", False), (None, False)]),
    # inside of a case, and several times in one query
    Table("is_in_column", ["text", "small", "word"], TEXT, [("a", 1), ("x", 2), (None, 0)],
          around="case when text is null then 0 when not {0} then 2 when {0} then 1 end"),
    Table("hash_number", ["text"], TEXT,
          [("", 0xD41D8CD9), ("a", 0x0CC175B9), (None, None)]
          + [(text, int(md5(text.encode()).hexdigest()[:8], 16)) for text in ("pilot:x:u1", "é😀", *map(str, range(50)))]),
    Table("lowered", ["text"], TEXT,
          [("ABC-é", "abc-é"), ("ÀÉÎ ÖẞЖ", "àéî ößж"), ("İSTANBUL", "istanbul"), ("ıI", "ıi"), ("ΟΔΥΣΣΕΥΣ", "οδυσσευσ"),
           ("ς Σ", "ς σ"), ("ǅ", "ǆ"), ("Ⅷ", "ⅷ"), ("𐐀", "𐐨"), ("", ""), (None, None)]),
    Table("trim_of", ["text", "' ;'"], TEXT, [("; a;b ;", "a;b"), (" ; ", ""), ("", ""), (None, None), ("\ta", "\ta")]),
    Table("trim_of", ["text", "{white_space}"], TEXT,
          [(" \t\n\x0b\x0c\ra b\r ", "a b"), ("\u00a0a", "\u00a0a"), ("\\n", "\\n"), (" ", "")]),
    Table("is_white_space", ["text"], TEXT,
          [("", 1), (" ", 1), (" \t\n\x0b\x0c\r", 1), ("a", 2), (" a", 2), ("a ", 2), ("\u00a0", 2), ("\x01", 2), ("\u200b", 2), ("é", 2), ("😀", 2),
           (None, 0)],
          around="case when text is null then 0 when not {0} then 2 when {0} then 1 end"),
    Table("date_text", ["time"], TIME,
          [(NIGHT, "2026-06-01"), (NIGHT - MICROSECOND, "2026-05-31"), (datetime(1970, 1, 1), "1970-01-01"),
           (datetime(1905, 2, 3, 4), "1905-02-03"), (datetime(9999, 12, 31, 23, 59, 59), "9999-12-31"), (None, None)]),
    Table("iso_text", ["time"], TIME,
          [(NIGHT, "2026-06-01T00:00:00Z"), (NIGHT - MICROSECOND, "2026-05-31T23:59:59Z"),
           (datetime(2026, 3, 29, 1, 30, 5), "2026-03-29T01:30:05Z"), (None, None)]),
    Table("fail_with", ["concat(text, ' is wrong')"], TEXT, [("a", "a"), (None, None)], around="case when text = 'never' then {} else text end"),
    # -- time
    Table("add_seconds", ["time", "seconds"], {"time": "timestamp", "seconds": "bigint"},
          [(NIGHT, 1, NIGHT + timedelta(seconds=1)), (NIGHT, -86400 * 365, NIGHT - timedelta(days=365)), (NIGHT, 0, NIGHT),
           (NIGHT - MICROSECOND, 7776000, NIGHT - MICROSECOND + timedelta(days=90)), (None, 1, None), (NIGHT, None, None),
           # the clocks of no zone change anything
           (datetime(2026, 3, 29), 7200, datetime(2026, 3, 29, 2)), (datetime(2026, 10, 25), 7200, datetime(2026, 10, 25, 2))]),
    Table("add_seconds", ["time", "seconds"], {"time": "timestamp", "seconds": "double"},
          [(NIGHT, 0.5, NIGHT + timedelta(seconds=0.5)), (NIGHT, -1.000001, NIGHT - timedelta(seconds=1) - MICROSECOND), (NIGHT, None, None)]),
    Table("add_seconds", ["time", "-seconds"], {"time": "timestamp", "seconds": "integer"}, [(NIGHT, 60, NIGHT - timedelta(minutes=1))]),
    Table("add_seconds", ["time", -900], TIME, [(NIGHT, NIGHT - timedelta(minutes=15)), (None, None)]),
    Table("hour_of_day", ["time", "hour"], {"time": "timestamp", "hour": "bigint"},
          [(NIGHT - MICROSECOND, 9, datetime(2026, 5, 31, 9)), (NIGHT, 0, NIGHT), (NIGHT, 23, datetime(2026, 6, 1, 23)), (NIGHT, None, None)]),
    Table("days_before", ["time", "days"], {"time": "timestamp", "days": "bigint"},
          [(NIGHT, 90, datetime(2026, 3, 3)), (NIGHT, 0, NIGHT), (NIGHT, None, None), (None, 1, None)]),
    Table("within_days", ["time", 14, "night"], {"time": "timestamp", "night": "timestamp"},
          [(NIGHT, NIGHT, False), (NIGHT - MICROSECOND, NIGHT, True), (NIGHT - timedelta(days=14), NIGHT, True),
           (NIGHT - timedelta(days=14) - MICROSECOND, NIGHT, False), (None, NIGHT, None), (NIGHT, None, None)]),
    Table("seconds_between", ["start", "finish"], {"start": "timestamp", "finish": "timestamp"},
          [(NIGHT, NIGHT + MICROSECOND, 0.000001), (NIGHT + MICROSECOND, NIGHT, -0.000001), (NIGHT, NIGHT, 0.0),
           (datetime(1970, 1, 1), datetime(2026, 6, 1, 0, 0, 0, 123457), 1780272000.123457), (None, NIGHT, None), (NIGHT, None, None)]),
    Table("add_microseconds", ["time", 86399999999], TIME,
          [(NIGHT, datetime(2026, 6, 1, 23, 59, 59, 999999)), (datetime(2026, 3, 29), datetime(2026, 3, 29, 23, 59, 59, 999999)),
           (datetime(9999, 12, 31), datetime(9999, 12, 31, 23, 59, 59, 999999)), (None, None)]),
    Table("add_microseconds", ["time", -1], TIME, [(NIGHT, NIGHT - MICROSECOND), (datetime(1970, 1, 1), datetime(1969, 12, 31, 23, 59, 59, 999999))]),
    Table("time_of_microseconds", ["number"], {"number": "bigint"},
          [(0, datetime(1970, 1, 1)), (1780272000000000, NIGHT), (1780272000000001, NIGHT + MICROSECOND), (-1, datetime(1970, 1, 1) - MICROSECOND),
           (9999999999999999, datetime(2286, 11, 20, 17, 46, 39, 999999)), (None, None)]),
    Table("utc_time", ["2026-06-01"], TEXT, [("a", NIGHT)]),
    Table("utc_time", ["2026-06-01 00:00:00"], TEXT, [("a", NIGHT)]),
    Table("utc_time", ["2026-06-01T00:00:00Z"], TEXT, [("a", NIGHT)]),
    Table("utc_time", ["2026-06-01T02:00:00+02:00"], TEXT, [("a", NIGHT)]),
    Table("utc_time", ["2026-05-31T17:00:00.123456-07:00"], TEXT, [("a", NIGHT + 123456 * MICROSECOND)]),
    # -- types and literals
    Table("text_type", [], {"number": "bigint"}, [(12, "12"), (None, None)], around="cast(number as {})"),
    Table("json_text_type", [], TEXT, [('{"a": [1]}', '{"a": [1]}'), (None, None)], around="cast(text as {})"),
    Table("text_list_type", [], LIST, [(["a", None], ["a", None]), (None, None)], around="cast(list as {})"),
    Table("engine_type", ["text"], {"number": "bigint"}, [(12, "12")], around="cast(number as {})"),
    Table("engine_type", ["integer"], TEXT, [("12", 12)], around="cast(text as {})"),
    Table("engine_type", ["boolean"], TEXT, [("true", True)], around="cast(text as {})"),
    Table("engine_type", ["timestamp"], TEXT, [("2026-06-01 00:00:00", NIGHT)], around="cast(text as {})"),
    *(
        Table("sql_text", [value], TEXT, [("a", value)])
        for value in ("", "it's", "\\", "\\n\\'", "a\nb\tc", '"', "${env:HOME} ${x}", "\\%_\\_", "'; --", "😀 \\u0041", "''", "{{ x }}")
    ),
]  # fmt: skip

# -- how a text is read (macros/reading): for each macro, texts and what they are; None: it cannot be read
# fmt: off
READABLE_TIMES: dict[str, datetime] = {
    "2026-06-01": NIGHT, "2026-06-01 00:00": NIGHT, "2026-06-01T00:00": NIGHT, "2026-06-01t00:00:00": NIGHT, "2026-06-01 00:00:00": NIGHT,
    "2026-06-01T09:05:07": datetime(2026, 6, 1, 9, 5, 7), "2026-06-01 9:05:07": datetime(2026, 6, 1, 9, 5, 7), "2026-06-01 23:59:59.5": datetime(2026, 6, 1, 23, 59, 59, 500000),
    "2026-06-01T00:00:00.123456": NIGHT + 123456 * MICROSECOND, "2026-06-01T00:00:00,123": NIGHT + 123000 * MICROSECOND, "2026-06-01T00:00:00.1234561": NIGHT + 123456 * MICROSECOND,
    # offsets, Z and UTC
    "2026-06-01T00:00:00Z": NIGHT, "2026-06-01T00:00:00z": NIGHT, "2026-06-01 00:00 UTC": NIGHT, "2026-06-01 00:00:00utc": NIGHT, "2026-06-01T00:00:00 Z": NIGHT,
    "2026-06-01T02:00:00+02:00": NIGHT, "2026-06-01T02:00:00+0200": NIGHT, "2026-06-01T02:00:00+02": NIGHT, "2026-06-01 02:00 +02:00": NIGHT, "2026-06-01T02:00+02": NIGHT,
    "2026-05-31T17:00:00-07:00": NIGHT, "2026-05-31T23:30:00-00:30": NIGHT, "2026-06-01T05:45:00.000001+05:45": NIGHT + MICROSECOND, "2026-06-01T14:00:00,5+14:00": NIGHT + timedelta(seconds=0.5),
    "2026-05-31T14:30:00-0930": NIGHT,
    # the ends of what can be held, and days that there are only sometimes
    "0001-01-01": datetime(1, 1, 1), "9999-12-31 23:59:59.999999": datetime(9999, 12, 31, 23, 59, 59, 999999), "2024-02-29": datetime(2024, 2, 29), "1969-12-31T23:59:59Z": datetime(1969, 12, 31, 23, 59, 59),
    # Unix time, by its digits
    "1780272000": NIGHT, "1780272000000": NIGHT, "1780272000000000": NIGHT, "1780272000001": NIGHT + timedelta(milliseconds=1), "1780272000000001": NIGHT + MICROSECOND,
    "1780272000.0": NIGHT, "1780272000000.000": NIGHT, "1780272000.": NIGHT, "0000000000": datetime(1970, 1, 1), "9999999999": datetime(2286, 11, 20, 17, 46, 39),
}
UNREADABLE_TIMES = [
    *("", "x", "NULL", "null", "None", "\\N", "NaN", "now", "0", "-1", "2026", "2026-06", "2026-6-1", "20260601", "20260601T000000", "2026-W23-1", "2026-152"),
    *("2026-06-31", "2026-02-29", "2026-13-01", "2026-00-10", "2026-06-00", "0000-01-01", "10000-01-01", "-2026-06-01", "+2026-06-01"),
    *("2026-06-01T24:00:00", "2026-06-01T23:60:00", "2026-06-01T23:59:61", "2026-06-01T12", "2026-06-01 ", " 2026-06-01", "2026-06-01\n", "2026-06-01T", "2026-06-01T00:00:00 "),
    *("2026-06-01Z", "2026-06-01+02:00", "2026-06-01T00:00:00+2", "2026-06-01T00:00:00+2:00", "2026-06-01T00:00:00  +02:00", "2026-06-01T00:00:00Europe/Berlin", "2026-06-01 00:00:00 CET", "2026-06-01 00:00 GMT"),
    # no place on Earth is so far from Greenwich
    *("2026-06-01T00:00:00+99:99", "2026-06-01T00:00:00+24:00", "2026-06-01T00:00:00+02:60"),
    *("2026/06/01", "2026.06.01", "28/11/2026", "11/28/2026", "28.11.2026", "1 June 2026", "Jun 1, 2026", "Mon, 01 Jun 2026 00:00:00 GMT", "2026-06-01 12:00 PM", "２０２６-06-01", "infinity", "epoch"),
    *("1780272000.5", "178027200", "17802720000", "178027200000", "17802720000000", "17802720000000000", "-1780272000", "+1780272000", "1.780272e9", "1780272000s", "1,780,272,000"),
]
TOPICS: dict[str, list[str] | None] = {
    "": [], " ": [], ";": [], "; ,|": [], "offers": ["offers"], " Offers ; NEWS": ["offers", "news"], "a,b|c;d": ["a", "b", "c", "d"], "all": ["all"], "offers;offers": ["offers", "offers"],
    "two words, ÄRGER": ["two words", "ärger"], "a\u00a0;\u200bb": ["a", "b"], "NULL": ["null"],
    # JSON lists
    "[]": [], "[ ]": [], '["offers"]': ["offers"], '["Offers" , "news"]': ["offers", "news"], '[" offers "]': ["offers"], '[""]': [], '["a,b"]': ["a,b"], '["a\\"b"]': ['a"b'], '["a\\\\b"]': ["a\\b"],
    '["a\\/b"]': ["a/b"], '["é"]': ["é"], '["caf\\u00e9", "\\ud83d\\ude00"]': ["café", "😀"], '["a]b"]': ["a]b"],
    "[": None, '["offers"': None, '["offers",]': None, "[offers]": None, "['offers']": None, "[1]": None, "[true]": None, "[null]": None, '["a", null]': None, '[["a"]]': None, '[{"a": 1}]': None, '["a"] x': None,
    '["a""b"]': None, '["a\\x"]': None, "[,]": None,
    # arrays as PostgreSQL writes them
    "{}": [], "{offers}": ["offers"], "{Offers,news}": ["offers", "news"], '{"two words",c}': ["two words", "c"], "{ offers , news }": ["offers", "news"], '{"a,b"}': ["a,b"], '{"a\\"b"}': ['a"b'], '{"null"}': ["null"],
    "{nullable}": ["nullable"], '{""}': [],
    "{": None, "{offers": None, "{NULL}": None, "{offers,null}": None, "{a,NULL,b}": None, "{a,,b}": None, "{a,}": None, "{a{b}}": None, "{{a},{b}}": None, '{"a": true}': None, '{"a"}x': None, "{a=1}": None,
}
WORDS_AND_BOOLEANS: dict[bool | None, list[str]] = {
    True: ["true", "TRUE", "True", "t", "T", "yes", "YES", "y", "Y", "1", "1.0", "on", "On", "subscribed", "Subscribed"],
    False: ["false", "FALSE", "False", "f", "F", "no", "NO", "n", "N", "0", "0.0", "off", "Off", "unsubscribed", "UNSUBSCRIBED"],
    None: ["", "x", "2", "-1", "1.00", "01", "null", "NULL", "ja", "tr", "truee", "yes.", "ｙ", "1 ", "opted_in"],
}
OFFSETS: dict[str, str | None] = {
    "+02:00": "+02:00", "+0200": "+02:00", "+02": "+02:00", "+2": "+02:00", "+2:00": "+02:00", "+530": "+05:30", "UTC+2": "+02:00", "utc+02:00": "+02:00", "GMT+5:45": "+05:45", "gmt-0530": "-05:30",
    "-05:30": "-05:30", "-11": "-11:00", "UTC-03:30": "-03:30", "Z": "+00:00", "z": "+00:00", "+00:00": "+00:00", "-00:00": "+00:00", "+14:00": "+14:00", "-14:00": "-14:00", "+0": "+00:00", "-5": "-05:00", "UTC-5": "-05:00", "-5:30": "-05:30", "GMT-330": "-03:30", "+002": "+00:02",
    **dict.fromkeys(["+14:01", "+15", "+24:00", "-14:30", "+02:60", "02:00", "2", "+", "UTC", "GMT", "UTC+", "+00002", "+02:0", "+02:00:00", "CET+1", "+2h", "Europe/Berlin", "", "Z+1", "+02:00\n"]),
}
# references of HTML, decoded once
REFERENCES = {
    "": "", "Anna": "Anna", "A & B": "A & B", "Tom &amp; Jerry": "Tom & Jerry", "&lt;b&gt;": "<b>", "&quot;&apos;": "\"'", "a&nbsp;b": "a\u00a0b", "&#65;&#x42;&#X43;": "ABC", "O&#39;Brien": "O'Brien",
    "&#128578;": "🙂", "&#x1F642;": "🙂", "&amp;lt;": "&lt;", "&amp;amp;": "&amp;", "&#38;#65;": "&#65;", "&#xFEFF;x": "\ufeffx", "x&#65279;y": "x\ufeffy", "&#1114111;": "\U0010ffff", "&#55295;": "\ud7ff", "&#57344;": "\ue000",
    "&lt;&lt;": "<<", "&amp;": "&", "a&amp;": "a&", "&amp;a": "&a", "&;&amp;": "&;&", "&#10;": "\n",
    # what is no character, or no reference of these, stays
    **{text: text for text in ["&#0;", "&#xD800;", "&#55296;", "&#57343;", "&#xdfff;", "&#1114112;", "&#x110000;", "&#xFFFFFF;", "&#00000065;", "&eacute;", "&AMP;", "&amp", "&#65", "&#;", "&#x;", "&#xG;", "& amp;", "&Lt;"]},
}
UNSAFE: dict[bool, list[str | None]] = {
    True: ["<b", "</", "<!", "<я", "a\nb", "a\rb", "\t", "\x07", "\x7f", "\x85", "\u2028", "\u2029", "://", "http://x", "a" * 256, "é" * 256, "&eacute;", "&amp;", "&a1;", "&#65;", "&#6", "&#x4", "&#X", "x &lt;"],
    False: [None, "", "Anna", "<3", "< b", "a<", "<-", ":/", "//", "a" * 255, "😀" * 255, "&", "A & B", "AT&T", "&;", "& b;", "&1;", "&é;", "&#", "&#;", "&#g", "\u200b", "{{x}}"],
}
BLANK: dict[bool, list[str | None]] = {
    True: [None, "", " ", "\u00a0", "\u200b\ufeff", "\u3164", "\u2800", "\t\n", ".", "-", "***", "🙂", "$€", "¿?", "{{ x }}", "{{", "}}", "Anna {% x", "*|FNAME|*", "*|", "%%x%%", "[[x]]", "${x}", "Anna ${", "<% x %>", "<%", "%>",
           "#" + "{x}", "%FNAME%", "A %LAST_NAME2% B", "{first_name}", " {x}\u00a0", "[FNAME]", "%fname%", "$name", "@FNAME", "{user.name}", "{user-name}", "{_x}", "{имя}", "{x1}", "{7up}", "{a,b}", "{ x}", "[ FNAME ]", "%\u00a0name %", "{\u3000x\u00a0}",
           "{1}", "$100", "$5.00", "$name!", "@5", "@a@b", "$$x", "%lower% A", "10%off% Anna", "Hi %name_2%"],
    False: ["Anna", "O'Brien", "J.", "7", "0", "١٢", "王", "می\u200cخواهم", "<3 Anna", "{Anna Maria}", "{Anna} B", "{}a", "{a b}", "{\u00a0a\u3000b }", "$ 1", "Ke$ha", "a@b", "100% Anna", "10% off% Anna", "%A", "%1x% B", "[x", "x]", "{x", "$name B", "# {x",
            "< % 7", "A|B", "* |B", "{x}y", "@a b"],
}
READING: list[Table] = [
    Table("trimmed", ["text"], TEXT,
          [("a", "a"), (" a ", "a"), ("\t a b\r\n", "a b"), ("\ufeffa\u200b", "a"), ("\u00a0\u3000a\u2028", "a"), ("\u3164\u2800a\uffa0", "a"), ("a\u00ad", "a"), ("\x00a\x7f", "a"), ("é", "é"), (" é", "é"), ("a\u200bb", "a\u200bb"),
           ("\U000e0001a", "a"), ("", ""), (" ", ""), ("\u200b", ""), ("~", "~"), ("!", "!"), (None, None)]),
    Table("identifier", ["text"], TEXT,
          [("3018", "3018"), ("3018.0", "3018"), ("3018.00", "3018"), (" 3018.0\u200b", "3018"), ("-5.0", "-5"), ("007.0", "007"), ("12345678901234567890.0", "12345678901234567890"), ("0.0", "0"),
           ("3018.5", "3018.5"), ("3018.", "3018."), (".0", ".0"), ("3018.0.0", "3018.0.0"), ("x.0", "x.0"), ("1e3", "1e3"), ("١٢.0", "١٢.0"), ("3018,0", "3018,0"), ("3018.0a", "3018.0a"),
           ("A7 ", "A7"), ("a7", "a7"), ("\ufeffA 7", "A 7"), ("", None), (" ", None), ("\u200b", None), (None, None)]),
    Table("dispatch_identifier", ["text"], TEXT,
          [(text, "0123456789abcdef0123456789abcdef") for text in ("0123456789abcdef0123456789abcdef", "0123456789ABCDEF0123456789abcdef", "01234567-89ab-cdef-0123-456789abcdef", " 01234567-89AB-CDEF-0123-456789ABCDEF\u200b")]
          + [(text, text) for text in ("0123456789ABCDEF0123456789ABCDE", "0123456789ABCDEF0123456789ABCDEF0", "0123456789ABCDEF0123456789ABCDEG", "01234567-89AB-CDEF-0123456789ABCDEF", "{01234567-89AB-CDEF-0123-456789ABCDEF}", "DOC-1", "A7")]
          + [("0123456789ABCDEF0123456789ABCDEF\nx", "0123456789ABCDEF0123456789ABCDEF\nx"), ("3018.0", "3018"), ("", None), (None, None)]),
    Table("normalized_name", ["text"], TEXT,
          [("Order Completed", "order_completed"), (" order.completed ", "order_completed"), ("order-completed", "order_completed"), ("Order - Completed", "order_completed"), ("order..completed", "order_completed"),
           ("order_completed", "order_completed"), ("ORDER__X", "order__x"), ("orders/paid", "orders/paid"), ("A\u00a0B\u3000C", "a_b_c"), ("A\tB\nC\r\nD", "a_b_c_d"), ("\u200bA\ufeff", "a"), ("a\u200bb", "a\u200bb"),
           (".x.", "_x_"), ("a\x0bb\x0cc\x85d", "a_b_c_d"), ("message_sent:Welcome.New", "message_sent:welcome_new"), ("ÜBER Σ", "über_σ"), ("", ""), (" ", ""), (None, None)]),
    Table("boolean_of_text", ["text"], TEXT, [(None, None)] + [(text, value) for value, texts in WORDS_AND_BOOLEANS.items() for text in texts]),
    Table("boolean_of_text", ["text", ["Ja", "it's no"]], TEXT, [("ja", True), ("JA", True), ("IT'S NO", False), ("yes", True), ("0", False), ("nein", None), (None, None)]),
    Table("integer_of_text", ["text"], TEXT,
          [("3", 3), ("3.0", 3), ("3.", 3), ("3.000", 3), ("+3", 3), ("-1", -1), ("-1.0", -1), ("007", 7), ("0", 0), ("2147483647", 2147483647), ("2147483648", None), ("3.7", None), ("2.5", None), ("3e0", None), (".0", None),
           ("1 000", None), ("1,000", None), ("１", None), ("NaN", None), ("inf", None), ("three", None), ("", None), (" 3", None), ("3\n", None), (None, None)]),
    Table("number_of_text", ["text"], TEXT,
          [("2", 2.0), ("2.5", 2.5), ("2.", 2.0), ("+2", 2.0), ("-2.25", -2.25), ("1e1", 10.0), ("1E-2", 0.01), ("1.5e+3", 1500.0), ("0", 0.0), ("00.50", 0.5), (".5", None), ("1e400", None), ("1,5", None), ("NaN", None), ("nan", None),
           ("Infinity", None), ("-inf", None), ("0x1", None), ("1_000", None), ("1d", None), ("2f", None), (" 2", None), ("2\n", None), ("２", None), ("", None), ("e1", None), (None, None)]),
    Table("plain_number", ["text", "1.234,56"], TEXT,
          [("1.234,56", "1234.56"), ("1234,5", "1234.5"), ("-1.234.567", "-1234567"), ("+12", "+12"), ("12,", "12."), ("0,5", "0.5"), ("12.5", None), ("1.23", None), ("1234.567", None), (".234", None), (",5", None),
           ("1,234.5", None), ("1.234,5,6", None), (" 1", None), ("1\n", None), ("x", None), ("", None), (None, None)]),
    Table("plain_number", ["text", "1 234.56"], TEXT, [("1 234.56", "1234.56"), ("12 34", None), ("1,5", None), ("1.5", "1.5"), (None, None)]),
    Table("plain_number", ["text", "1'234.56"], TEXT, [("1'234.56", "1234.56"), ("1.234", "1.234")]),
    Table("score_of_feedback", ["text"], TEXT,
          [("0", 0.0), ("10", 10.0), ("6.5", 6.5), (" 7\u00a0", 7.0), ("9.0", 9.0), ("1e1", 10.0), ("10.001", None), ("11", None), ("-1", None), ("-0", 0.0), ("8,5", None), ("9/10", None), ("good", None), ("NaN", None), ("", None), (None, None)]),
    Table("time_of_text", ["text"], TEXT, [(None, None), *READABLE_TIMES.items(), *((text, None) for text in UNREADABLE_TIMES)]),
    Table("is_date_alone", ["text"], TEXT,
          [("2026-06-01", True), ("0001-01-01", True), ("2026-06-01 00:00", False), ("2026-06-01T00:00:00Z", False), ("1780272000", False), ("2026-6-1", False), ("2026-06-01Z", False), ("0000-01-01", False), ("2026-06-01\n", False),
           ("x", False), ("", False), (None, False)]),
    Table("last_moment_of_day", ["time"], TIME,
          [(NIGHT, datetime(2026, 6, 1, 23, 59, 59, 999999)), (NIGHT - MICROSECOND, NIGHT - MICROSECOND), (datetime(2026, 6, 1, 12), datetime(2026, 6, 1, 23, 59, 59, 999999)), (datetime(2024, 2, 29), datetime(2024, 2, 29, 23, 59, 59, 999999)), (None, None)]),
    Table("json_texts", ["text"], TEXT,
          [('["news", "two words"]', ["news", "two words"]), ('["caf\\u00e9", "a\\"b"]', ["café", 'a"b']), ("[]", []), ('["news"', None), ("news", None), ("", None), (None, None)]),
    Table("topics_of_text", ["text"], TEXT, [(None, None), *TOPICS.items()]),
    Table("topics_of_list", ["list"], LIST,
          [([" Offers ", "NEWS"], ["offers", "news"]), ([], []), ([""], []), (["a;b"], ["a;b"]), (["all"], ["all"]), ([None], None), (["a", None], None), (None, None)]),
    Table("zone_of_offset", ["text"], TEXT, [(None, None), *OFFSETS.items()]),
    Table("offset_text", ["number"], {"number": "bigint"}, [(0, "+00:00"), (7200, "+02:00"), (20700, "+05:45"), (-12600, "-03:30"), (-1800, "-00:30"), (50400, "+14:00"), (-50400, "-14:00"), (None, None)]),
    Table("without_html_references", ["text"], TEXT, [(None, None), *REFERENCES.items()]),
    Table("is_unsafe", ["text"], TEXT, [(text, value) for value, texts in UNSAFE.items() for text in texts]),
    Table("is_blank", ["text", "false"], TEXT, [(text, value) for value, texts in BLANK.items() for text in texts]),
    Table("is_blank", ["text", "text = 'n/a'"], TEXT, [("n/a", True), ("N/A", False), (None, True), ("Anna", False)]),
]
# fmt: on

GROUPS: list[Groups] = [
    Groups("ordered_list", ["item", "priority desc, item"], {"item": "text", "priority": "bigint"},
           [([("b", 1), ("c", 9), ("a", 1), ("B", 1)], ["c", "B", "a", "b"]), ([("a", -1), ("b", None), ("c", -10)], ["a", "c", "b"]),
            ([("é", 1), ("z", 1), ("😀", 1), ("\uff5e", 1)], ["z", "é", "\uff5e", "😀"])]),
    Groups("ordered_list", ["'x:' || item", "position"], {"item": "text", "position": "bigint"},
           [([("b", 10), ("c", 9), ("a", 100)], ["x:c", "x:b", "x:a"]), ([("b", 1), (None, 2)], ["x:b", None])]),
    Groups("newest", ["value", "time", "id", "value is not null"], {"value": "text", "time": "timestamp", "id": "text"},
           [([("x", NIGHT, "1"), ("y", NIGHT, "2"), ("z", NIGHT - MICROSECOND, "3")], "y"),
            ([("x", NIGHT, "9"), ("y", NIGHT, "10")], "x"), ([("x", NIGHT, "a"), ("y", NIGHT, "B")], "x"),
            ([("x", NIGHT, "\uff5e"), ("y", NIGHT, "😀")], "y"),
            ([("x", NIGHT, "1"), (None, NIGHT + MICROSECOND, "2")], "x"), ([(None, NIGHT, "1")], None)]),
    Groups("newest", ["value", "time", "id", "kind = 'a'"], {"value": "double", "time": "timestamp", "id": "text", "kind": "text"},
           [([(1.0, NIGHT, "1", "a"), (None, NIGHT, "2", "a"), (3.0, NIGHT, "3", "b"), (4.0, NIGHT, "4", None)], None),
            ([(1.0, NIGHT, "1", "a"), (None, NIGHT, "0", "a")], 1.0), ([(3.0, NIGHT, "3", "b")], None)]),
    Groups("union_of_lists", ["list", "kind = 'a'"], {"list": "text list", "kind": "text"},
           [([(["b", "a"], "a"), (["c", "a"], "a"), (["d"], "b"), (["e"], None)], ["a", "b", "c"]), ([([], "a")], []), ([(["a"], "b")], []),
            ([(None, "a"), (["a"], "a")], ["a"]), ([(None, "a")], []), ([(["b", None], "a")], ["b"]), ([(["b", "B", "é", "a"], "a")], ["B", "a", "b", "é"])]),
    Groups("median", ["number"], {"number": "double"},
           [([(1.0,), (2.0,)], 1.5), ([(3.0,), (1.0,), (2.0,)], 2.0), ([(None,), (5.0,)], 5.0), ([(None,)], None),
            ([(1.0,), (1.0,), (2.5,), (9.0,)], 1.75), ([(0.1,), (0.2,)], 0.15000000000000002), ([(0.3,), (1780272000.123457,)], 890136000.2117285)]),
]  # fmt: skip

WINDOWS: list[Window] = [
    Window(
        "ordered_list_in_partition",
        ["item", "priority > 0", "priority desc, item", "case_number"],
        {"item": "text", "priority": "bigint"},
        [
            ([("b", 1), ("c", 9), ("a", 1), ("B", 1), ("d", 0), ("e", None)], ["c", "B", "a", "b"]),
            ([("d", 0)], []),
            ([(None, 1), ("x", 2)], ["x", None]),
        ],
    ),
]

QUERIES: list[Query] = [
    Query(
        "unnest_with_position",
        ["given", ["id"], "list", "item", "position"],
        {"id": "text", "list": "text list", "position": "bigint"},
        [("u1", ["b", "a", "b"], 7), ("u2", [], 7), ("u3", None, 7), ("u4", [None], 7)],
        [("u1", "b", 1), ("u1", "a", 2), ("u1", "b", 3), ("u4", None, 1)],
    ),
    Query(
        "unnest_with_position",
        ["given", ["id", "list"], "list", "item", "place"],
        {"id": "text", "list": "text list"},
        [("u1", ["b"])],
        [("u1", ["b"], "b", 1)],
    ),
    Query(
        "rows_of_json_list",
        [
            *("given", ["id"], "text", "list"),
            [["table", "text", "name"], ["rows", "bigint", "number"], ["at", "timestamp", "time"]],
        ],
        {"id": "text", "text": "text"},
        [
            (
                "u1",
                '{"list": [{"table": "a", "rows": 3, "at": "2026-06-01T00:00:00Z"}, {"table": "b"}], "other": [1]}',
            ),
            ("u2", '{"list": [{"rows": null, "at": null, "more": {"table": 1}, "table": "c"}]}'),
            ("u3", '{"list": []}'),
            ("u4", '{"list": null}'),
            ("u5", "{}"),
            ("u6", None),
        ],
        [("u1", "a", 3, datetime(2026, 6, 1)), ("u1", "b", None, None), ("u2", "c", None, None)],
    ),
    Query(
        "times_in_steps",
        ["(select time from given)", 3, 900],
        TIME,
        [(NIGHT,)],
        [(NIGHT,), (NIGHT + timedelta(minutes=15),), (NIGHT + timedelta(minutes=30),)],
    ),
]
