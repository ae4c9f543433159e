"""A small Spark cluster on this machine, to try out what a night does on one."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from sendworthy.cli.options import (
    AsJson,
    ProjectDir,
)
from sendworthy.cli.output import (
    failures,
    print_json,
)
from sendworthy.foundation.console import new_table, out, styled, working
from sendworthy.foundation.project import find_project


def cluster_start(
    workers: Annotated[int, typer.Option("--workers", help="How many workers.", min=1)] = 2,
    cores: Annotated[int, typer.Option("--cores", help="How many cores each worker offers.", min=1)] = 1,
    memory: Annotated[
        str, typer.Option("--memory", help="How much memory each worker offers, as 2g or 512m.")
    ] = "2g",
    port: Annotated[int, typer.Option("--port", help="The master's port.", min=1, max=65535)] = 7077,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Start a master and workers, and wait until they are ready. What is up already stays as it is."""
    from sendworthy.build.spark import cluster

    with failures(as_json):
        folder = find_project(project_dir).root / ".sendworthy" / "cluster"
        with working("starting the cluster …"):
            started = cluster.start(folder, workers, cores, memory, port)
        if as_json:
            print_json({"master": started.master, "parts": [asdict(part) for part in started.parts]})
        else:
            out.print(f"the cluster is up at {started.master}, with {len(started.parts) - 1} workers.")
            where = "" if port == cluster.PORT else f"SENDWORTHY_SPARK_MASTER={started.master} "
            out.print(f"Run a night on it: {where}sendworthy nightly --target spark_cluster")


def cluster_stop(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Stop the master and the workers."""
    from sendworthy.build.spark import cluster

    with failures(as_json):
        folder = find_project(project_dir).root / ".sendworthy" / "cluster"
        with working("stopping the cluster …"):
            ended = cluster.stop(folder)
        if as_json:
            print_json({"ended": ended})
        else:
            out.print(f"the cluster is down: {ended} processes were ended." if ended else "no cluster is up.")


def cluster_status(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show the master and the workers: whether they are up, and how much of them is in use."""
    from sendworthy.build.spark import cluster

    with failures(as_json):
        started, parts = cluster.status(find_project(project_dir).root / ".sendworthy" / "cluster")
        if as_json:
            print_json(
                {"master": started.master if started else None, "parts": [asdict(part) for part in parts]}
            )
            return
        if started is None:
            out.print("no cluster is up. Start one: sendworthy cluster start")
            return
        table = new_table(
            *("part", "state", "process", "address", "cores in use", "memory in use"), title=started.master
        )
        for part in parts:
            state = styled(part.state, "green" if part.state == "up" else "red")
            table.add_row(part.name, state, str(part.pid), part.address, part.cores, part.memory)
        out.print(table)
