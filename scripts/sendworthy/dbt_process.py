"""Dbt as a process of its own, which ends with the night that started it.

`python -m sendworthy.dbt_process <arguments of dbt>`
"""

from __future__ import annotations

import os
from pathlib import Path

from sendworthy.child import end_with_parent


def main() -> None:
    """Run dbt; ends with dbt's exit code."""
    end_with_parent()
    keep_parsed(Path.cwd(), Path(os.environ.get("DBT_TARGET_PATH", "target")))
    from dbt.cli.main import cli

    cli()


def keep_parsed(root: Path, target: Path) -> None:
    """Let dbt use what it has parsed of the project in `root` before, whichever file it builds.

    Parsing anew takes longer than a small night, and dbt does it whenever the path of the database is another one, though
    nothing that it parses depends on that. What does is where the project lies: dbt keeps the path of every seed. So what
    was parsed elsewhere is removed.
    """
    from dbt.adapters.duckdb.credentials import DuckDBCredentials

    told = DuckDBCredentials._connection_keys

    def without_path(credentials: DuckDBCredentials) -> tuple[str, ...]:
        return tuple(key for key in told(credentials) if key != "path")  # type: ignore[no-untyped-call]

    DuckDBCredentials._connection_keys = without_path  # type: ignore[method-assign]

    mark = target / "parsed_in.txt"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != str(root):
        (target / "partial_parse.msgpack").unlink(missing_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        mark.write_text(str(root), encoding="utf-8")


if __name__ == "__main__":
    main()
