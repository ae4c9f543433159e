"""Dbt as a process of its own, which ends with the night that started it.

`python -m sendworthy.build.dbt_main <arguments of dbt>`
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

from sendworthy.foundation.process_exit import end_with_parent, skip_gc_at_exit
from sendworthy.foundation.safe_files import write_file


def main() -> None:
    """Run dbt; ends with dbt's exit code."""
    end_with_parent()
    # what dbt has parsed lives as long as it does: collecting garbage in it is a tenth of a small night
    gc.set_threshold(100_000, 50, 1000)
    keep_parsed(Path.cwd(), Path(os.environ.get("DBT_TARGET_PATH", "target")))
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import cli

    from sendworthy.build.dbt_patches import log_what_is_kept, redact_dbt

    log_what_is_kept()
    # profiles.yml names it too; somebody's own may not
    redact_dbt(DuckDBConnectionManager)
    with skip_gc_at_exit():
        cli()


def keep_parsed(root: Path, target: Path) -> None:
    """Let dbt use what it has parsed of the project in `root` before, whichever file it builds.

    Parsing anew takes longer than a small night, and dbt does it whenever the path of the database is another one, though
    nothing that it parses depends on that. What does is where the project lies: dbt keeps the path of every seed. So what
    was parsed elsewhere is removed.
    """
    from sendworthy.build.dbt_patches import parse_once_for_all_files

    parse_once_for_all_files()
    mark = target / "parsed_in.txt"
    if not mark.is_file() or mark.read_text(encoding="utf-8") != str(root):
        (target / "partial_parse.msgpack").unlink(missing_ok=True)
        target.mkdir(parents=True, exist_ok=True)
        write_file(mark, str(root).encode())


if __name__ == "__main__":
    main()
