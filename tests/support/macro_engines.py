"""The project's macros for one engine, and that engine: to see that both say the same.

The macros are rendered by dbt's own Jinja, without a project around them: that takes milliseconds, and dbt itself needs half
a minute. What they may ask of dbt is little: `adapter.dispatch`, `return` and `ref` (a relation's bare name here).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timezone
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NoReturn, Protocol

import duckdb
from dbt_common.clients.jinja import BaseMacroGenerator, get_environment
from dbt_common.exceptions.macros import MacroReturn

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("macros/engine", "macros/reading", "macros/rules", "macros/landing")

Row = tuple[Any, ...]


@cache
def macro_sources(*folders: str) -> Mapping[str, str]:
    """The file that each macro stands in, as text, by the macro's name; without folders, of all that engines share."""
    found: dict[str, str] = {}
    for folder in folders or FOLDERS:
        for path in sorted((PROJECT / folder).glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            found |= dict.fromkeys(re.findall(r"{%-?\s*macro\s+(\w+)\(", text), text)
    return found


class Macros:
    """The macros as one engine has them: `Macros("spark").render("list_has", "segments", "'new'")`."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._context: dict[str, Any] = {
            "adapter": self,
            "return": self._return,
            "ref": lambda name: name,
            "execute": True,
        }
        environment = get_environment()
        templates = {text: environment.from_string(text) for text in set(macro_sources().values())}
        for name, text in macro_sources().items():
            self._context[name] = _Macro(name, templates[text], self._context)
        # what a source writes in its own way stands in a seed, and there is no project around
        self._context["source_formats"] = dict

    def render(self, name: str, *arguments: Any) -> str:
        """The SQL that a macro gives for these arguments."""
        return str(self._context[name](*arguments)).strip()

    def dispatch(self, name: str, _package: str) -> Callable[..., Any]:
        """What dbt's adapter does: the engine's own spelling of a macro."""
        macro: Callable[..., Any] = self._context[f"{self._engine}__{name}"]
        return macro

    @staticmethod
    def _return(value: Any) -> NoReturn:
        raise MacroReturn(value)


class _Macro(BaseMacroGenerator):
    def __init__(self, name: str, template: Any, context: dict[str, Any]) -> None:
        super().__init__(context)
        self._name = name
        self._template = template

    def get_template(self) -> Any:
        return self._template

    def get_name(self) -> str:
        return self._name

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self.call_macro(*arguments, **named)


class Engine(Protocol):
    """An engine that runs SQL on rows that a test gives it. Times are UTC, without a zone."""

    name: str
    macros: Macros

    def tables(self, tables: Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]) -> None:
        """Make tables: for each its columns (name and type: text, bigint, double, timestamp, text list) and its rows."""

    def query(self, sql: str) -> list[Row]:
        """The rows of a query; lists as lists, maps as dicts, decimals as floats."""

    def all_characters(self) -> str:
        """A query: all characters of Unicode but the null character (code, letter)."""


class DuckDB:
    """DuckDB in memory, as the profile sets it."""

    name = "duckdb"
    _types: Mapping[str, str] = {"text": "varchar", "text list": "varchar[]"}

    def __init__(self) -> None:
        self.macros = Macros(self.name)
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute("set TimeZone = 'UTC'")

    def tables(self, tables: Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]) -> None:
        for name, (columns, rows) in tables.items():
            typed = ", ".join(f"{column} {self._types.get(kind, kind)}" for column, kind in columns.items())
            self._connection.execute(f"create or replace table {name} ({typed})")
            if rows:
                marks = ", ".join("?" * len(columns))
                self._connection.executemany(f"insert into {name} values ({marks})", rows)

    def query(self, sql: str) -> list[Row]:
        return [tuple(map(_plain, row)) for row in self._connection.execute(sql).fetchall()]

    def all_characters(self) -> str:
        return f"select code, chr(code) as letter from (select unnest(range(1, 1114112))::integer as code) where {_IS_CHARACTER}"


class Spark:
    """Spark in this process, as the profile sets it."""

    name = "spark"
    _types: Mapping[str, str] = {"text": "string", "text list": "array<string>"}

    def __init__(self, session: Any) -> None:
        self.macros = Macros(self.name)
        self._session = session

    def tables(self, tables: Mapping[str, tuple[Mapping[str, str], Sequence[Row]]]) -> None:
        for name, (columns, rows) in tables.items():
            typed = ", ".join(f"{column} {self._types.get(kind, kind)}" for column, kind in columns.items())
            zoned = [tuple(_zoned(value) for value in row) for row in rows]
            self._session.createDataFrame(zoned, typed).createOrReplaceTempView(name)

    def query(self, sql: str) -> list[Row]:
        frame = self._session.sql(sql)
        # PySpark would give a time as the machine's clock shows it
        for name, kind in frame.dtypes:
            if kind == "timestamp":
                frame = frame.withColumn(name, frame[name].cast("timestamp_ntz"))
        return [tuple(map(_plain, row)) for row in frame.collect()]

    def all_characters(self) -> str:
        # behind another letter: at the beginning, U+FEFF would say how the bytes are to be read
        letter = "substr(decode(unhex('00000078' || lpad(hex(id), 8, '0')), 'UTF-32'), 2)"
        return f"select code, letter from (select cast(id as int) as code, {letter} as letter from range(1, 1114112)) where {_IS_CHARACTER}"


# halves of surrogate pairs are none
_IS_CHARACTER = "code not between 55296 and 57343"


def _zoned(value: Any) -> Any:
    """A time that names its zone: PySpark reads one that does not as the machine's."""
    return value.replace(tzinfo=timezone.utc) if isinstance(value, datetime) else value


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else value
