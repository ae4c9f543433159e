"""A night whose statements are written down: what dbt sends to DuckDB, in the order in which it sends it.

    python -m benchmarks.recording FILE nightly <options of sendworthy nightly>

runs the command `sendworthy nightly` as it is, but for dbt's process, which is started through this module too.
"""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any

FILE = "SENDWORTHY_BENCH_RECORDING"

# dbt says in a comment before each statement which node it is of
_COMMENT = re.compile(r"\s*/\*(.*?)\*/\s*", re.DOTALL)


def main() -> None:
    """Run a night, or, where the recording has been begun, its dbt."""
    if FILE in os.environ:
        record_dbt(Path(os.environ[FILE]))
        return
    os.environ[FILE] = sys.argv.pop(1)
    from sendworthy.build.engines import DuckdbEngine
    from sendworthy.cli.main import main as cli

    DuckdbEngine.program = (sys.executable, "-m", "benchmarks.recording")
    cli()


def record_dbt(file: Path) -> None:
    """Run dbt and write each statement into `file`, a line each: {node, sql, parameters}."""
    from dbt.adapters.duckdb.environments import Environment
    from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper
    from sendworthy.build import dbt_main

    lock = threading.Lock()
    wrapper_class: Any = DuckDBCursorWrapper
    environment: Any = Environment
    execute, prepare = wrapper_class.execute, environment.initialize_cursor
    told: set[str] = set()

    def write(node: str, sql: str, parameters: Any = None) -> None:
        with lock, file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"node": node, "sql": sql, "parameters": parameters}) + "\n")

    def recorded(wrapper: Any, sql: str, bindings: Any = None) -> Any:
        node, statement = of_node(sql)
        write(node, statement, list(bindings) if bindings is not None else None)
        return execute(wrapper, sql, bindings)

    def prepared(creds: Any, cursor: Any, *rest: Any) -> Any:
        for name, value in (creds.settings or {}).items():
            if name not in told:
                told.add(name)
                write("settings", f"set {name} = '{value}'")
        return prepare(creds, cursor, *rest)

    wrapper_class.execute = recorded
    environment.initialize_cursor = staticmethod(prepared)
    dbt_main.main()


def of_node(sql: str) -> tuple[str, str]:
    """The node that a statement is of (empty where dbt does not say), and the statement without dbt's comment."""
    comment = _COMMENT.match(sql)
    if not comment:
        return "", sql.strip()
    try:
        node = json.loads(comment[1]).get("node_id", "")
    except ValueError:
        return "", sql.strip()
    return str(node or ""), sql[comment.end() :].strip()


if __name__ == "__main__":
    main()
