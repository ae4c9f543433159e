"""A Spark session of our own: with the settings of the target, without output, and gone when it is closed."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sendworthy.build.spark.watchdog import Watchdog, spark_errors
from sendworthy.foundation.errors import BuildError
from sendworthy.warehouse.failure_causes import Cause, find_cause, find_fix

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# how long Spark may take to end, in seconds
STOP_TIMEOUT = 30.0
# of pyspark: they print every error, with its stack trace and the values that it quotes
QUERY_LOGGERS = ("SQLQueryContextLogger", "DataFrameQueryContextLogger")


def open_session(
    settings: Mapping[str, str], environment: Mapping[str, str], log: Path
) -> tuple[SparkSession, int]:
    """A session with Hive's catalogue, as dbt-spark opens it, and the process id of its Java.

    What Java and Spark's scripts print goes to `log`. BuildError where Spark does not start.
    """
    from pyspark import SparkConf, SparkContext
    from pyspark.java_gateway import launch_gateway
    from pyspark.sql import SparkSession

    for name in QUERY_LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    conf = SparkConf(loadDefaults=False)
    for key, value in {**settings, "spark.sql.catalogImplementation": "hive"}.items():
        conf.set(key, value)
    try:
        with _added_environment(environment), log.open("ab") as output:
            gateway = launch_gateway(conf, {"stdout": output, "stderr": output})
            SparkContext(conf=conf, gateway=gateway)
            session = SparkSession.builder.enableHiveSupport().config(map=dict(settings)).getOrCreate()
            # the first query opens the catalogue
            session.sql("show databases").collect()
    except spark_errors() as error:
        # before the end of Java: it holds the words
        failure = spark_failed("Spark did not start", error, log)
        close_session()
        raise failure from None
    return session, gateway.proc.pid


def close_session() -> None:
    """End the session, if there is one, and wait for its Java: the catalogue is free for the next one only then."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    gateway = SparkContext._gateway
    # Java may be gone already
    with suppress(*spark_errors()):
        if session := SparkSession._instantiatedSession:
            session.stop()
        elif context := SparkContext._active_spark_context:
            context.stop()
    if gateway is None:
        return
    SparkContext._gateway = SparkContext._jvm = None
    process: subprocess.Popen[bytes] | None = getattr(gateway, "proc", None)
    with suppress(*spark_errors()):
        gateway.shutdown()
    if process is None:
        return
    if process.stdin:
        # Java ends when its input ends
        process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def in_words(what: str, log: Path, watchdog: Watchdog | None = None) -> Iterator[None]:
    """Turn what Spark throws inside into a BuildError: `what` was being done."""
    try:
        yield
    except spark_errors() as error:
        if watchdog and watchdog.gave_up:
            raise BuildError(watchdog.gave_up, watchdog.fix) from None
        raise spark_failed(what, error, log) from None


def spark_failed(what: str, error: Exception, log: Path) -> BuildError:
    """A BuildError that says why, and nothing that could be somebody's."""
    cause = words_of(error)
    return BuildError(
        f"{what}: {cause.words}; nothing was published.",
        f"{find_fix(cause.words) or 'fix it'}. Then run the night again; what Spark logged is in {log} until then.",
    )


def words_of(error: Exception) -> Cause:
    """The cause of what Spark threw."""
    try:
        said = str(error)
    except spark_errors():
        said = "Spark has gone without a word"
    return find_cause(f"Runtime Error in Spark\n{type(error).__module__}.{type(error).__name__}: {said}")


@contextmanager
def _added_environment(added: Mapping[str, str]) -> Iterator[None]:
    before: dict[str, Any] = {name: os.environ.get(name) for name in added}
    os.environ.update(added)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
