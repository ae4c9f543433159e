"""Keeps the values of rows out of everything that dbt writes: its logs at every level, its records, what it prints.

An engine that cannot read a row quotes it, and dbt copies what the engine says into logs/dbt.log, target/run_results.json and
its events. So the engine's words are replaced where they reach dbt, before anything can copy them: the node, the kind of error,
the file and the line stay.

dbt has no setting for this. What is replaced, in dbt 1.11, dbt-duckdb 1.11 and dbt-spark 1.11: `exception_handler` (around each
statement) and `get_result_from_cursor` (rows that are computed while they are fetched) of the connection managers, and
`_handle_generic_exception` of the runner and `catch_jinja` (errors that dbt does not expect, in a node and in a macro). tests/privacy/test_canaries.py fails where one of them moves.

dbt-duckdb takes this as a plugin, which profiles.yml names: so `dbt build` alone is covered too.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dbt.adapters.duckdb.connections import DuckDBConnectionManager
from dbt.adapters.duckdb.plugins import BasePlugin
from dbt.events.types import GenericExceptionOnRun, LogDebugStackTrace
from dbt.task.base import BaseRunner, ExecutionContext
from dbt_common.clients import jinja
from dbt_common.events.contextvars import get_node_info
from dbt_common.events.functions import fire_event
from dbt_common.exceptions import CompilationError, DbtRuntimeError
from jinja2 import TemplateError

from sendworthy.warehouse.failure_causes import redact, redact_exception


class Plugin(BasePlugin):
    """The plugin of dbt-duckdb: it is made before the first connection is opened."""

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Replace what could quote a row."""
        redact_dbt(DuckDBConnectionManager)


def redact_dbt(manager: Any) -> None:
    """Let nothing that dbt writes quote a row of an engine, of which this is the class of connections. Twice is as good as once."""

    @contextmanager
    def exception_handler(self: Any, sql: str, *_: object, **__: object) -> Iterator[None]:
        try:
            yield
        except CompilationError:
            # a macro that is run by itself ends in here; what it says is dbt's or ours: an engine's words were replaced before
            self.rollback_if_open()
            raise
        except Exception as error:
            words = redact(_said(error))
            self.rollback_if_open()
            # from None: a log of what came before would quote the row
            raise DbtRuntimeError(words) from None

    def get_result_from_cursor(cls: Any, cursor: Any, limit: int | None) -> Any:
        try:
            return super(manager, cls).get_result_from_cursor(cursor, limit)
        except Exception as error:
            raise DbtRuntimeError(redact(_said(error))) from None

    manager.exception_handler = exception_handler
    manager.get_result_from_cursor = classmethod(get_result_from_cursor)
    runner: Any = BaseRunner
    runner._handle_generic_exception = _handle_generic_exception
    jinja.catch_jinja = _catch_jinja


# as dbt has it, however often it is replaced
_DBTS_CATCH_JINJA = jinja.catch_jinja


@contextmanager
def _catch_jinja(node: Any = None) -> Iterator[None]:
    """As dbt's own, without what an error of Python's says: a macro reads rows too."""
    with _DBTS_CATCH_JINJA(node):
        try:
            yield
        except (TemplateError, DbtRuntimeError):
            raise
        except Exception as error:
            raise CompilationError(redact_exception(error), node) from None


def _said(error: Exception) -> str:
    """What the engine says; dbt's cursors may have put their own words before it."""
    return str(error.msg if isinstance(error, DbtRuntimeError) else error)


def _handle_generic_exception(self: BaseRunner, error: Exception, _: ExecutionContext) -> str:
    """As dbt's own, without what the error says."""
    words = redact_exception(error)
    node = get_node_info()
    fire_event(
        GenericExceptionOnRun(
            build_path=self._node_build_path(), unique_id=self.node.unique_id, exc=words, node_info=node
        )
    )
    stack = "".join(traceback.format_tb(error.__traceback__))
    fire_event(LogDebugStackTrace(exc_info=f"{stack}{words}"))
    return words
