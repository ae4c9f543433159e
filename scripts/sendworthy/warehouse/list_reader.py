"""Where the audit finds tonight's lists: what it needs from an engine, and DuckDB's part."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import duckdb

from sendworthy.foundation.errors import BuildError
from sendworthy.warehouse import database_file
from sendworthy.warehouse.failure_causes import find_fix, words_of
from sendworthy.warehouse.statements import Sql, identifier, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


class Lists(Protocol):
    """A build's lists and audit models, for the audit; queries are SQL that all engines read alike.

    Used in this order: `rows`, `keep` and `bring` as often as need be, then `hand_over` once, then `batch`. What cannot
    be read is a BuildError.
    """

    @property
    def as_of(self) -> datetime:
        """The night's logical time, naive UTC."""

    def name(self, column: str) -> Sql:
        """A quoted column name."""

    def text(self, value: str) -> Sql:
        """A quoted text."""

    def model(self, name: str) -> Sql:
        """What to select from in order to read a model; asked for once, it is evaluated once."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows."""

    def keep(self, name: str, query: Sql) -> Sql:
        """Evaluate the query once and for all; returns the table that holds its rows, for later queries."""

    def bring(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sql:
        """Make a table of texts; returns what to select from."""

    def hand_over(self, context: Any, campaigns: Sequence[str], query: Sql) -> None:
        """Make a query's rows, and nothing else, known to Great Expectations; `campaigns` are all that there are.

        Its column `campaign_id` is never null, and every other one is a number.
        """

    def batch(self, name: str, campaign: str | None) -> tuple[Any, Mapping[str, Any] | None]:
        """A batch definition, and its parameters: the rows of one campaign, or of all, without the campaign's id."""

    def close(self) -> None:
        """Let go of what is open; nothing can be asked any more."""


def read_values(text: str | None) -> dict[str, str | None] | None:
    """A message's merge values from their JSON text: a text or null each; None where they cannot be read."""
    try:
        found = json.loads(text or "")
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    return {str(name): None if value is None else str(value) for name, value in found.items()}


def table_of_texts(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> tuple[str, list[list[str]]]:
    """A query of DuckDB's that gives these rows, and its parameters."""
    texts = ", ".join(f"unnest(cast(? as varchar[])) as {column}" for column in columns)
    return f"select {texts}", [[row[place] for row in rows] for place in range(len(columns))]


def unreadable(name: str, why: str) -> BuildError:
    """The error where the audit finds no list to judge."""
    fix = find_fix(why) or (
        "it needs marts.send_list, marts.campaign_decisions, audit.audit_messages and audit.audit_merge_values: see that their "
        "models are as this version has them"
    )
    return BuildError(
        f"{name}: the gate cannot read tonight's list, so nothing goes out: {why}",
        f"{fix}. Then run the night again.",
    )


class DuckdbLists:
    """The lists of a build file, which is only read. Great Expectations sees a file of its own with the rows of 0 and 1."""

    def __init__(self, database: Path) -> None:
        if not database.is_file():
            raise BuildError(f"{database.name}: there is no such build file", "build the night first")
        self._database = database
        self._opened = ExitStack()
        folder = self._opened.enter_context(tempfile.TemporaryDirectory(prefix="sendworthy-gate-"))
        self._snapshot = Path(folder) / "snapshot.duckdb"
        self._source: Any = None
        self._numbers: dict[str, int] = {}
        try:
            self._connection = duckdb.connect(str(self._snapshot))
            self._opened.enter_context(database_file.closing(self._connection))
            database_file.prepare(self._connection)
            self._connection.execute("set preserve_insertion_order = false")
            database_file.attach(self._connection, database, "build")
            self._connection.execute("use build")
        except duckdb.Error as error:
            self.close()
            raise unreadable(database.name, words_of(error)) from None

    def __enter__(self) -> DuckdbLists:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.__exit__(kind, error, trace)

    @property
    def as_of(self) -> datetime:
        """The night's logical time, naive UTC."""
        ((as_of,),) = self.rows("select as_of from intermediate.int_nights__as_of")
        assert isinstance(as_of, datetime)
        return as_of

    def name(self, column: str) -> Sql:
        """A quoted column name."""
        return identifier(column)

    def text(self, value: str) -> Sql:
        """A quoted text."""
        return literal(value)

    def model(self, name: str) -> Sql:
        """The model itself."""
        return Sql(name)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows."""
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise unreadable(self._database.name, words_of(error)) from None

    def chunks(self, query: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """A query's rows, `size` at a time."""
        try:
            found = self._connection.execute(query)
            while rows := found.fetchmany(size):
                yield rows
        except duckdb.Error as error:
            raise unreadable(self._database.name, words_of(error)) from None

    def keep(self, name: str, query: Sql) -> Sql:
        """Evaluate the query once and for all, in memory: what it holds may be personal."""
        self.rows(f"create temp table {name} as {query}")
        return Sql(name)

    def bring(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Sql:
        """Make a table of texts."""
        query, values = table_of_texts(columns, rows)
        try:
            self._connection.execute(f"create temp table {name} as {query}", values)
        except duckdb.Error as error:
            raise unreadable(self._database.name, words_of(error)) from None
        return Sql(name)

    def hand_over(self, context: Any, campaigns: Sequence[str], query: Sql) -> None:
        """Write the table `messages` (campaign_number, one column per check) and close the build file."""
        self._numbers = {campaign: number for number, campaign in enumerate(campaigns, start=1)}
        connection = self._connection
        numbers = self.bring(
            "numbers",
            ("campaign_id", "campaign_number"),
            [(name, str(number)) for name, number in self._numbers.items()],
        )
        try:
            messages = _sql("numbered_messages", judged=query, numbers=numbers)
            connection.execute(f"create table snapshot.messages as {messages}")
            connection.execute("use snapshot")
            connection.execute("detach build")
        except duckdb.Error as error:
            raise unreadable(self._database.name, words_of(error)) from None
        connection.close()
        self._source = context.data_sources.add_sql(
            "send_list", connection_string=f"duckdb:///{self._snapshot}"
        )
        engine = self._source.get_execution_engine().engine
        self._opened.callback(engine.dispose)
        _buffer_results(engine)

    def batch(self, name: str, campaign: str | None) -> tuple[Any, Mapping[str, Any] | None]:
        """A batch definition: the kept rows of one campaign, or of all."""
        query = "select * from messages"
        if campaign is not None:
            query += f" where campaign_number = {self._numbers[campaign]}"
        asset = self._source.add_query_asset(name, query=query)
        return asset.add_batch_definition_whole_table("tonight"), None

    def close(self) -> None:
        """Close what is open and remove the snapshot."""
        self._opened.close()


def _buffer_results(engine: Any) -> None:
    """Keep the rows of each query: Great Expectations reads them after it has given the connection back."""
    from sqlalchemy import event
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    @event.listens_for(engine, "after_cursor_execute")
    def buffer(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if cursor.description:
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                cursor, initial_buffer=cursor.fetchall()
            )
