"""One bare DuckDB process that runs a list of statements: no dbt, no tests, no audit.

    python -m benchmarks.replay STATEMENTS DATABASE TIMES

STATEMENTS is a JSON list of {node, sql, parameters}; TIMES gets [[node, seconds], ...]. It imports nothing but DuckDB.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import duckdb


def main() -> None:
    """Run the statements one after the other."""
    statements, database, times = (Path(argument) for argument in sys.argv[1:4])
    taken: list[tuple[str, float]] = []
    with duckdb.connect(str(database)) as connection:
        for statement in json.loads(statements.read_text(encoding="utf-8")):
            start = time.perf_counter()
            if statement["parameters"] is None:
                connection.execute(statement["sql"])
            else:
                connection.execute(statement["sql"], statement["parameters"])
            taken.append((statement["node"], time.perf_counter() - start))
    times.write_text(json.dumps(taken), encoding="utf-8")


if __name__ == "__main__":
    main()
