"""A small Spark cluster on this machine, to try out what a night does on one: a master and workers, all on 127.0.0.1.

.venv/bin/python dev/spark_cluster.py start | stop | status
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sendworthy.build.spark.setup import CONF, check_java, check_packages
from sendworthy.foundation.errors import BuildError, SendworthyError, SettingsError
from sendworthy.foundation.permissions import keep_to_owner

FOLDER = Path(__file__).parents[1] / ".sendworthy" / "cluster"
HOST = "127.0.0.1"
PORT = 7077
# how long the parts of a cluster may take, in seconds
START_TIMEOUT = 90.0
STOP_TIMEOUT = 20.0
ASK_TIMEOUT = 5.0

_MASTER = "org.apache.spark.deploy.master.Master"
_WORKER = "org.apache.spark.deploy.worker.Worker"


@dataclass(frozen=True)
class Part:
    """One process of the cluster: `master` or `worker-<n>`, its process id, and the port that it listens on."""

    name: str
    pid: int
    port: int


@dataclass(frozen=True)
class Cluster:
    """What was started: ports, what each worker offers, and the processes."""

    port: int
    pages_port: int
    cores: int
    memory: str
    parts: tuple[Part, ...]

    @property
    def master(self) -> str:
        """The address that a session asks for work."""
        return f"spark://{HOST}:{self.port}"


@dataclass(frozen=True)
class PartStatus:
    """How a part is: `up`, or `gone` (its process has ended), or `lost` (it runs, but the master does not know it)."""

    name: str
    pid: int
    address: str
    state: str
    cores: str = ""
    memory: str = ""


def start(folder: Path, workers: int, cores: int, memory: str, port: int = PORT) -> Cluster:
    """Start what is not up yet: after that there is a master with `workers` registered workers.

    `folder` is where the process ids, logs and scratch files go; `memory` is each worker's, as 2g or 512m. A cluster
    that is up with other settings is a SettingsError, as are a port that is taken and a missing Java; BuildError where
    a part does not come up in time.
    """
    check_packages()
    check_java(os.environ)
    memory = _checked_memory(memory)
    known = read(folder)
    alive = [part for part in known.parts if is_alive(part)] if known else []
    if known and any(part.name == "master" for part in alive):
        if (known.port, known.cores, known.memory) != (port, cores, memory):
            raise SettingsError(
                f"a cluster is up at {known.master} with {known.cores} cores and {known.memory} a worker, not with what is asked for.",
                "stop it first: dev/spark_cluster.py stop",
            )
        cluster = Cluster(known.port, known.pages_port, cores, memory, tuple(alive))
    else:
        # workers without a master are of no use to a new one
        _end(alive)
        _check_port(port)
        cluster = Cluster(port, _free_port(), cores, memory, ())
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if not cluster.parts:
            arguments = ["--webui-port", str(cluster.pages_port)]
            cluster = _launch(folder, cluster, "master", port, _MASTER, arguments)
            _wait(folder, cluster, "master", 0)
        for name in _missing(cluster, workers):
            arguments = ["--webui-port", "0", "--cores", str(cores), "--memory", memory]
            arguments += ["--work-dir", str(folder / "work" / name), cluster.master]
            cluster = _launch(folder, cluster, name, _free_port(), _WORKER, arguments)
        _wait(folder, cluster, "workers", sum(part.name != "master" for part in cluster.parts))
    except BaseException:
        if not alive:
            stop(folder)
        raise
    return cluster


def _missing(cluster: Cluster, workers: int) -> list[str]:
    up = {part.name for part in cluster.parts}
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    if extra := up - {"master", *names}:
        raise SettingsError(
            f"a cluster is up with more workers than {workers}: {', '.join(sorted(extra))}.",
            "stop it first: dev/spark_cluster.py stop",
        )
    return [name for name in names if name not in up]


def stop(folder: Path) -> int:
    """End the cluster and remove its scratch files; returns how many processes there were to end."""
    cluster = read(folder)
    if cluster is None:
        return 0
    alive = [part for part in cluster.parts if is_alive(part)]
    # the workers first: they end what they run for a session
    _end(sorted(alive, key=lambda part: part.name == "master"))
    (folder / "cluster.json").unlink(missing_ok=True)
    for scratch in ("work", "scratch"):
        shutil.rmtree(folder / scratch, ignore_errors=True)
    return len(alive)


def status(folder: Path) -> tuple[Cluster | None, list[PartStatus]]:
    """The cluster that was started, if there is one, and how each of its parts is."""
    cluster = read(folder)
    if cluster is None:
        return None, []
    told = ask_master(cluster.pages_port) or {}
    by_port = {int(worker["port"]): worker for worker in alive_workers(told)}
    found = []
    for part in cluster.parts:
        if not is_alive(part):
            found.append(PartStatus(part.name, part.pid, "", "gone"))
        elif part.name == "master":
            found.append(PartStatus(part.name, part.pid, cluster.master, "up" if told else "lost"))
        elif worker := by_port.get(part.port):
            found.append(
                PartStatus(
                    part.name,
                    part.pid,
                    f"{worker['host']}:{worker['port']}",
                    "up",
                    f"{worker['coresused']} of {worker['cores']}",
                    f"{worker['memoryused']} of {worker['memory']} MB",
                )
            )
        else:
            found.append(PartStatus(part.name, part.pid, "", "lost"))
    return cluster, found


def read(folder: Path) -> Cluster | None:
    """What was started here last and not stopped."""
    try:
        told = json.loads((folder / "cluster.json").read_text(encoding="utf-8"))
        parts = tuple(Part(part["name"], int(part["pid"]), int(part["port"])) for part in told["parts"])
        return Cluster(told["port"], told["pages_port"], told["cores"], told["memory"], parts)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def ask_master(pages_port: int) -> dict[str, Any] | None:
    """What the master says of itself and its workers; None where it does not answer."""
    # never through a proxy: it is on this machine
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://{HOST}:{pages_port}/json/", timeout=ASK_TIMEOUT) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
    except (OSError, ValueError, urllib.error.URLError):
        return None


def alive_workers(told: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The workers that the master counts on."""
    return [worker for worker in (told or {}).get("workers", []) if worker.get("state") == "ALIVE"]


def is_alive(part: Part) -> bool:
    """Whether the process is there and is one of Spark's: a process id may have gone to somebody else."""
    told = subprocess.run(
        ["ps", "-ww", "-o", "stat=,command=", "-p", str(part.pid)],
        capture_output=True,
        text=True,
        errors="replace",
    )
    state, _, command = told.stdout.strip().partition(" ")
    # a zombie has ended
    return not state.startswith("Z") and (_MASTER if part.name == "master" else _WORKER) in command


def _launch(
    folder: Path, cluster: Cluster, name: str, port: int, main_class: str, arguments: Sequence[str]
) -> Cluster:
    """Start one part and write down that it is there."""
    import pyspark

    home = Path(pyspark.__file__).parent
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(CONF),
        "SENDWORTHY_SPARK_LOG": str(logs / f"{name}.log"),
        # nobody else on the network sees it
        "SPARK_LOCAL_IP": HOST,
        "SPARK_PUBLIC_DNS": HOST,
        "SPARK_DAEMON_MEMORY": "512m",
        # a night hands in its work by itself; a door less
        "SPARK_MASTER_OPTS": "-Dspark.master.rest.enabled=false",
        "SPARK_LOCAL_DIRS": str(folder / "scratch" / name),
    }
    with (logs / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(str(home / "bin" / "spark-class"), main_class, "--host", HOST, "--port", str(port)),
                *arguments,
            ],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # it outlives this command, and the interrupts of its terminal
            start_new_session=True,
        )
    started = Cluster(
        cluster.port,
        cluster.pages_port,
        cluster.cores,
        cluster.memory,
        (*cluster.parts, Part(name, process.pid, port)),
    )
    aside = folder / "cluster.json.writing"
    aside.write_text(json.dumps(asdict(started), indent=2), encoding="utf-8")
    os.replace(aside, folder / "cluster.json")
    return started


def _wait(folder: Path, cluster: Cluster, what: str, workers: int) -> None:
    """Until the master answers and so many workers are registered; BuildError where that takes too long, or a part ends."""
    deadline = time.monotonic() + START_TIMEOUT
    began = time.monotonic()
    while time.monotonic() < deadline:
        told = ask_master(cluster.pages_port)
        if told is not None and len(alive_workers(told)) >= workers:
            return
        # in its first moments a process is still the script that starts it
        if time.monotonic() - began > 10:
            for part in cluster.parts:
                if not is_alive(part):
                    raise BuildError(
                        f"the {part.name} of the cluster has ended as soon as it was started.",
                        f"see {folder / 'logs' / part.name}.log.",
                    )
        time.sleep(0.3)
    raise BuildError(
        f"the {what} of the cluster did not come up within {START_TIMEOUT:.0f} seconds.",
        f"see the logs in {folder / 'logs'}; is there memory enough?",
    )


def _end(parts: Sequence[Part]) -> None:
    """Ask the processes to end, and make them end where they do not in time."""
    for part in parts:
        _signal(part, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while time.monotonic() < deadline and any(is_alive(part) for part in parts):
        time.sleep(0.2)
    for part in parts:
        if is_alive(part):
            _signal(part, signal.SIGKILL)


def _signal(part: Part, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(part.pid, number)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise SettingsError(
                f"the port {port} of {HOST} is taken: another cluster, or another program.",
                "stop that one, or name another port with --port.",
            ) from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _checked_memory(memory: str) -> str:
    text = memory.strip().lower()
    if not text[:-1].isdigit() or text[-1:] not in ("m", "g") or int(text[:-1]) == 0:
        raise SettingsError(f"--memory {memory!r} is no size.", "write it as 2g or 512m.")
    return text


def main(arguments: Sequence[str] | None = None) -> int:
    """Start, stop or show the cluster; the exit code."""
    parser = argparse.ArgumentParser(
        description="A small Spark cluster on this machine, to try out nights on one."
    )
    parser.add_argument("command", choices=["start", "stop", "status"])
    parser.add_argument("--workers", type=int, default=2, help="how many workers (2)")
    parser.add_argument("--cores", type=int, default=1, help="how many cores each worker offers (1)")
    parser.add_argument(
        "--memory", default="2g", help="how much memory each worker offers, as 2g or 512m (2g)"
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"the master's port ({PORT})")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where its logs and process ids go")
    asked = parser.parse_args(arguments)
    # sessions on it write about people
    keep_to_owner()
    try:
        _obey(asked)
    except SendworthyError as error:
        print(f"{error.what}\n{error.fix}", file=sys.stderr)
        return error.exit_code
    return 0


def _obey(asked: argparse.Namespace) -> None:
    if asked.command == "start":
        cluster = start(asked.folder, asked.workers, asked.cores, asked.memory, asked.port)
        where = "" if asked.port == PORT else f"SENDWORTHY_SPARK_MASTER={cluster.master} "
        print(f"the cluster is up at {cluster.master}, with {len(cluster.parts) - 1} workers.")
        print(f"Run a night on it: {where}sendworthy nightly --target spark_cluster")
    elif asked.command == "stop":
        ended = stop(asked.folder)
        print(f"the cluster is down: {ended} processes were ended." if ended else "no cluster is up.")
    else:
        known, parts = status(asked.folder)
        print(known.master if known else "no cluster is up. Start one: dev/spark_cluster.py start")
        for part in parts:
            print(
                f"{part.name:10} {part.state:5} {part.pid:8} {part.address:22} {part.cores:8} {part.memory}"
            )


if __name__ == "__main__":
    sys.exit(main())
