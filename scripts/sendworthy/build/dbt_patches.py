"""All that is replaced of dbt from outside, because no setting of dbt does it: what, why, and as what it was seen.

`PATCHES` is the list. tests/build/test_dbt_patches.py compares each with what dbt has today, and sees that each is reached: where
dbt moves, it fails, and says which reason to look at. Macros of ours that take the place of dbt's are in the list too.

Three of them keep the values of rows out of everything that dbt writes: its logs at every level, its records, what it prints. An
engine that cannot read a row quotes it, and dbt copies what the engine says into logs/dbt.log, target/run_results.json and its
events. So the engine's words are replaced where they reach dbt, before anything can copy them: the node, the kind of error, the
file and the line stay. dbt-duckdb takes this as a plugin, which profiles.yml names: so `dbt build` alone is covered too.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Patch:
    """One thing of dbt's that is replaced.

    `place`: the object (`module:name`) or the file of macros (`dbt.include.x/path`); `seen`: the first digits of its sha256,
    white space apart, in `TRIED`.
    """

    place: str
    seen: str
    why: str


TRIED = "dbt-core 1.11.16, dbt-adapters 1.24.5, dbt-common 1.39.0, dbt-duckdb 1.11.1, dbt-spark 1.11.0"

_ROWS = "it copies what an engine says, and an engine quotes rows"
PATCHES = (
    Patch("dbt.adapters.duckdb.connections:DuckDBConnectionManager.exception_handler", "ed7f01d32f91", _ROWS),
    Patch("dbt.adapters.spark.connections:SparkConnectionManager.exception_handler", "0766b6e21efe", _ROWS),
    Patch("dbt.adapters.sql.connections:SQLConnectionManager.get_result_from_cursor", "ea6f5f9065f3", _ROWS),
    Patch(
        "dbt.adapters.base.connections:BaseConnectionManager.rollback_if_open",
        "00d18e6f4d3b",
        "our exception_handler calls it",
    ),
    Patch("dbt.task.base:BaseRunner._handle_generic_exception", "a1913ba0dd21", _ROWS),
    Patch(
        "dbt.task.base:BaseRunner._node_build_path", "53f0a6a199c9", "our _handle_generic_exception calls it"
    ),
    Patch("dbt_common.clients.jinja:catch_jinja", "d758e8c4512f", _ROWS),
    Patch(
        "dbt_common.events.logger:_Logger.write_line",
        "671bafb15f55",
        "it makes the line of each event before the level is looked at: nine of ten lines, a second of each night",
    ),
    Patch(
        "dbt.adapters.duckdb.credentials:DuckDBCredentials._connection_keys",
        "837b6f775dbd",
        "each night builds another file, and dbt parses everything anew where the path is another one",
    ),
    Patch(
        "dbt.include.duckdb/macros/materializations/table.sql",
        "f216a2faed3f",
        "writing a staging table, renaming and dropping costs more than most models: macros/engine/materializations.sql",
    ),
    Patch(
        "dbt.include.global_project/macros/materializations/models/view.sql",
        "a68e1c6ed94a",
        "the same for views: macros/engine/materializations.sql",
    ),
    Patch(
        "dbt.include.global_project/macros/get_custom_name/get_custom_schema.sql",
        "6d5a007adc5c",
        "it puts the developer's schema before ours: macros/naming.sql (a way that dbt documents)",
    ),
    Patch(
        "dbt.context.providers:RuntimeRefResolver.resolve",
        "bb5bc8e2ce88",
        "it names the file, which is renamed when it is published: ref in macros/naming.sql (a way that dbt documents)",
    ),
    Patch(
        "dbt.context.providers:RuntimeSourceResolver.resolve",
        "d72b8cb2f888",
        "it names the file, which is renamed when it is published: source in macros/naming.sql",
    ),
    Patch(
        "dbt.include.spark/macros/materializations/seed.sql",
        "4bd1f546105b",
        "it loads a seed with literals that it does not escape: macros/seeds/spark_seeds.sql",
    ),
)


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


def log_what_is_kept() -> None:
    """Let dbt make the lines of its logs only for what it then writes."""
    try:
        from dbt_common.events.base_types import EventLevel, EventMsg
        from dbt_common.events.logger import _log_level_map, _Logger
    except ImportError:
        # another version has other names for it, and takes a second longer
        return
    write = _Logger.write_line

    def write_line(logger: _Logger, message: EventMsg) -> None:
        if _log_level_map[EventLevel(message.info.level)] >= _log_level_map[logger.level]:
            write(logger, message)

    _Logger.write_line = write_line  # type: ignore[assignment]


def parse_once_for_all_files() -> None:
    """Let dbt use what it has parsed before, whichever file it builds: nothing that it parses depends on the file's path."""
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    keys_of = DuckDBCredentials._connection_keys

    def without_path(credentials: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(key for key in keys_of(credentials) if key != "path")  # type: ignore[no-untyped-call]

    DuckDBCredentials._connection_keys = without_path  # type: ignore[method-assign]
