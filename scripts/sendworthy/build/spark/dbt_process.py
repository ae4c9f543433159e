"""Dbt as a process of its own on Spark: watched while it runs, and ended together with its Java.

`python -m sendworthy.build.spark.dbt_process <arguments of dbt>`
"""

from __future__ import annotations

import json
import os
import sys
from typing import NoReturn

from sendworthy.build.spark.session import QUERY_LOGGERS, close_session
from sendworthy.build.spark.watchdog import Watchdog, count_executors
from sendworthy.foundation.errors import EXIT_BUILD_FAILED
from sendworthy.foundation.process_exit import end_with_parent


def main() -> NoReturn:
    """Run dbt; ends with dbt's exit code, or with 1 where the cluster had no worker for it."""
    end_with_parent()
    import logging

    from dbt.adapters.spark.connections import SparkConnectionManager
    from dbt.cli.main import cli

    from sendworthy.build.dbt_patches import redact_dbt

    redact_dbt(SparkConnectionManager)
    for name in QUERY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)

    watchdog = Watchdog(count_executors, _end).start()
    code: int | str | None = 0
    try:
        cli()
    except SystemExit as ended:
        code = ended.code
    finally:
        watchdog.stop()
        close_session()
    sys.exit(code)


def _end(words: str) -> None:
    """Say why in the way of dbt's own events, and end without waiting for anything."""
    event = {
        "info": {"name": "NoWorker", "level": "error", "msg": f"{words} Fix: {Watchdog.fix}"},
        "data": {},
    }
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()
    os._exit(EXIT_BUILD_FAILED)


if __name__ == "__main__":
    main()
