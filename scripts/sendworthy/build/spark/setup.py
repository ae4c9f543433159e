"""What Spark needs of this machine: its packages, Java, a master that answers, and an environment in which it is quiet."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.settings.dbt_targets import Target

JAVA_AT_LEAST = 17
CONF = Path(__file__).parent / "conf"
# how long a master may take to answer, in seconds
MASTER_TIMEOUT = 5.0

_EXTRA = 'install them: pip install "sendworthy[spark]".'
_GET_JAVA = (
    f"install Java {JAVA_AT_LEAST} or newer (a JRE is enough), and set JAVA_HOME if it is not on the PATH."
)


def check_packages() -> None:
    """SettingsError where the packages of the extra `spark` are not installed."""
    for package, module in (("dbt-spark", "dbt.adapters.spark"), ("pyspark", "pyspark")):
        if importlib.util.find_spec(module) is None:
            raise SettingsError(f"the package {package}, which a night on Spark needs, is not there.", _EXTRA)


def check_java(environment: Mapping[str, str]) -> int:
    """The version of the Java that Spark is going to take; SettingsError where there is none, or it is too old."""
    home = environment.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else shutil.which("java", path=environment.get("PATH"))
    if java is None:
        raise SettingsError("Spark needs Java, and there is none on the PATH.", _GET_JAVA)
    try:
        answer = subprocess.run(
            [java, "-version"], capture_output=True, text=True, errors="replace", timeout=60, env=environment
        )
    except (OSError, subprocess.TimeoutExpired):
        where = f"JAVA_HOME is {home}, but" if home else "the Java on the PATH is no use:"
        raise SettingsError(f"{where} {java} does not run.", _GET_JAVA) from None
    version = java_version(answer.stderr + answer.stdout)
    if version is None:
        raise SettingsError(f"{java} does not say which version of Java it is.", _GET_JAVA)
    if version < JAVA_AT_LEAST:
        raise SettingsError(
            f"{java} is Java {version}, and Spark needs {JAVA_AT_LEAST} or newer.",
            _GET_JAVA,
        )
    return version


def java_version(printed: str) -> int | None:
    """The major version in what `java -version` prints: 17 of `openjdk version "17.0.15"`, 8 of `version "1.8.0_292"`."""
    found = re.search(r'\bversion "(\d+)(?:\.(\d+))?', printed)
    if not found:
        return None
    major = int(found[1])
    return int(found[2]) if major == 1 and found[2] else major


def masters(master: str) -> list[tuple[str, int]]:
    """The addresses in `spark://host:port,host:port`; none for any other kind of master."""
    if not master.startswith("spark://"):
        return []
    addresses = []
    for address in master.removeprefix("spark://").split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit():
            raise SettingsError(
                f"the Spark master {master!r} is no address.",
                "write it as spark://host:7077 in profiles.yml.",
            )
        addresses.append((host.strip("[]"), int(port)))
    return addresses


def is_local(master: str) -> bool:
    """Whether all of Spark runs in one process on this machine."""
    return master.startswith("local")


def is_on_this_machine(master: str) -> bool:
    """Whether all of Spark runs on this machine, in one process or as a cluster on the loopback address."""
    hosts = [host for host, _ in masters(master)]
    return is_local(master) or (
        bool(hosts) and all(host in ("localhost", "::1") or host.startswith("127.") for host in hosts)
    )


def check_master(target: Target) -> None:
    """SettingsError where no standalone master answers; Spark itself would try for minutes, and say it with a stack trace."""
    master = target.settings.get("spark.master", "local[*]")
    addresses = masters(master)
    for address in addresses:
        try:
            socket.create_connection(address, timeout=MASTER_TIMEOUT).close()
        except OSError:
            continue
        return
    if addresses:
        raise SettingsError(
            f"--target {target.name}: no Spark master answers at {master}.",
            "start the cluster (one to try it out: docs/spark.md), or name another with SENDWORTHY_SPARK_MASTER.",
        )


def check_landing(raw: Path) -> None:
    """BuildError for a file without a byte: Spark would pass it over, and an empty list of erasures is no list."""
    for path in sorted(raw.rglob("*")):
        marks = any(part.startswith(("_", ".")) for part in path.relative_to(raw).parts)
        if path.suffix in (".parquet", ".csv") and not marks and path.is_file() and path.stat().st_size == 0:
            raise BuildError(
                f"landing zone, file {path}: it is empty: not even a header. Nothing was published.",
                "deliver it again; a header without rows is legal.",
            )


def quiet_environment(lake: Path, master: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What is added to the environment of every process that starts Spark: its logs and its scratch go into the lake.

    A SPARK_CONF_DIR that is set already is somebody's own, and stays; but how Spark logs is ours: a row must not get into a log.
    """
    logging = CONF / "log4j2.properties"
    added = {
        "SENDWORTHY_LAKE": str(lake),
        "SENDWORTHY_SPARK_LOG": str(lake / "spark.log"),
        "SPARK_CONF_DIR": environment.get("SPARK_CONF_DIR") or str(CONF),
        # Derby, the catalogue, would write its log to where the person stands
        "SPARK_SUBMIT_OPTS": " ".join(
            filter(
                None,
                (
                    environment.get("SPARK_SUBMIT_OPTS"),
                    f'"-Dlog4j2.configurationFile={logging.as_uri()}"',
                    f'"-Dderby.stream.error.file={lake / "derby.log"}"',
                ),
            )
        ),
    }
    if is_on_this_machine(master):
        # no port is open to others, and rows that are spilled to disk lie where nobody else reads
        added["SPARK_LOCAL_IP"] = environment.get("SPARK_LOCAL_IP") or "127.0.0.1"
        added["SPARK_LOCAL_DIRS"] = environment.get("SPARK_LOCAL_DIRS") or str(lake / "scratch")
    return added
