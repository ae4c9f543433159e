"""Watches a session on a cluster: without any worker left, Spark alone would wait for ever."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

# how long a night waits for a worker, in seconds; the variable says otherwise
PATIENCE = 120.0
PATIENCE_VARIABLE = "SENDWORTHY_SPARK_PATIENCE"
EVERY = 5.0


def spark_errors() -> tuple[type[Exception], ...]:
    """What Spark, or the loss of it, throws."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return (PySparkException, Py4JError, OSError)


def patience() -> float:
    """How many seconds a night waits for a worker."""
    try:
        return float(os.environ.get(PATIENCE_VARIABLE, PATIENCE))
    except ValueError:
        return PATIENCE


class Watchdog:
    """Calls `give_up` with words once no executor has been there for `limit` seconds on end.

    `executors` gives how many there are, or None while there is no session.
    """

    fix = (
        "see that the cluster's workers are up and have the memory and the cores that profiles.yml asks for, "
        "then run the night again."
    )

    def __init__(
        self,
        executors: Callable[[], int | None],
        give_up: Callable[[str], None],
        limit: float | None = None,
        every: float = EVERY,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._executors = executors
        self._give_up = give_up
        self._limit = patience() if limit is None else limit
        self._every = every
        self._clock = clock
        self._alone_since: float | None = None
        self._ended = threading.Event()
        self.gave_up = ""

    def start(self) -> Watchdog:
        """Look in the background until `stop`."""
        threading.Thread(target=self._run, name="sendworthy-watchdog", daemon=True).start()
        return self

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()

    def look(self) -> None:
        """Look once."""
        found = self._executors()
        if found is None or found > 0:
            self._alone_since = None
            return
        now = self._clock()
        self._alone_since = now if self._alone_since is None else self._alone_since
        if now - self._alone_since >= self._limit:
            self.gave_up = f"the Spark cluster has had no worker for this night for {self._limit:.0f} seconds; nothing was published."
            self._give_up(self.gave_up)

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            # a look that fails, whatever it is, is no reason to look no more
            with suppress(Exception):
                self.look()


def count_executors() -> int | None:
    """How many executors the session of this process has; None where there is no session, or it runs in one process."""
    context = _active_context()
    if context is None:
        return None
    try:
        scala_context = context._jsc.sc()
        if scala_context.isLocal() or scala_context.isStopped():
            return None
        # the driver is counted too
        return int(scala_context.getExecutorMemoryStatus().size()) - 1
    except spark_errors():
        return None


def cancel_jobs(reason: str) -> None:
    """Let what the session of this process is at fail; whoever waits for it gets an error."""
    context = _active_context()
    if context is not None:
        with suppress(*spark_errors()):
            context._jsc.sc().cancelAllJobs()


def _active_context() -> Any:
    """The context of this process; None where there is none. It is not imported: another thread may be about to do so."""
    module = sys.modules.get("pyspark.core.context")
    context = getattr(getattr(module, "SparkContext", None), "_active_spark_context", None)
    return context if context is not None and context._jsc is not None else None
