"""Runs dbt as a process of its own, and says in words why it failed."""

from __future__ import annotations

import builtins
import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.permissions import without_secrets
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import dbt_environment
from sendworthy.warehouse.failure_causes import SHOWN, FailedNode, describe, ended_from_outside, find_cause

# dbt's own names of the events that end a node; an exposure is one of its total, and nothing is done for it
_RESULT_EVENTS = {
    *("LogModelResult", "LogSeedResult", "LogTestResult", "LogSnapshotResult", "LogNodeResult"),
    *("LogNodeNoOpResult", "SkippingDetails"),
}

# these report a failed node before the event that names its cause, and in the engine's own words
_EARLY_ERROR_EVENTS = {"CatchableExceptionOnRun", "InternalErrorOnRun", "GenericExceptionOnRun"}

# dbt colours what it says even where nobody sees it
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# how the lines begin that dbt's command line says of how it was called, and Python of a package that is not there
_OF_USAGE = ("Usage: ", "Error: ", "Try ", "ModuleNotFoundError: ")

# how a stack begins
_STACK = "Traceback (most recent call last):"

Progress = Callable[[str, int, int], None]


@dataclass
class DbtRun:
    """How a dbt run ended: nodes that ran, of how many, and the messages of those that failed."""

    nodes: int = 0
    total: int = 0
    failed: list[FailedNode] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def run_dbt(
    project: Project,
    program: Sequence[str],
    command: Sequence[str],
    target: str,
    environment: Mapping[str, str],
    settings: Mapping[str, str],
    progress: Progress | None = None,
    held: Sequence[int] = (),
) -> DbtRun:
    """Run one dbt command on a target; BuildError with the causes where it fails.

    `program` starts dbt, and `environment` says where it builds; both are the engine's. `settings` (raw, as_of, ...) go
    to the macro night_setting through the environment: as variables they would make dbt parse the whole project anew
    every night.

    A process of its own, because dbt in process keeps the database open. `progress` is called with
    (node, how many have ended, how many there are) when a node has ended. It dies with this one, and `held` are descriptors of locks that it keeps until then.
    """
    arguments = [
        *program,
        "--log-format",
        "json",
        "--log-format-file",
        "text",
        "--log-level",
        "info",
        # each statement again, as a record of its own, would be a fifth of the night
        "--log-level-file",
        "info",
        *command,
        "--project-dir",
        str(project.root),
        "--profiles-dir",
        str(project.root),
        "--target",
        target,
    ]
    whole_environment = {
        **dbt_environment(project, without_secrets(os.environ)),
        **environment,
        "DO_NOT_TRACK": "1",
    }
    whole_environment |= {f"SENDWORTHY_{name.upper()}": value for name, value in settings.items()}
    run = DbtRun()
    other_output: list[str] = []
    with subprocess.Popen(
        arguments,
        cwd=project.root,
        env=whole_environment,
        stdin=subprocess.PIPE,
        pass_fds=held,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                event = json.loads(line)
                info, data = event["info"], event.get("data", {})
            except (ValueError, KeyError, TypeError):
                other_output.append(line.rstrip())
                continue
            if info["name"] in _RESULT_EVENTS:
                run.nodes += 1
                # a test does not say of how many it is one
                run.total = int(data.get("total") or run.total)
                if progress:
                    # dbt's own number is the one that the node began with: several are at work at once
                    name = (data.get("node_info") or {}).get("node_name", "")
                    progress(name, run.nodes, run.total)
            if info["name"] == "RunResultError" and data.get("node_info"):
                run.failed.append(_failed_node(data))
            elif info["name"] in _EARLY_ERROR_EVENTS:
                continue
            elif info["level"] == "error":
                run.errors.append(_COLOUR.sub("", info["msg"]).strip())
            elif info["level"] == "warn" or "landing zone:" in info["msg"]:
                run.warnings.append(info["msg"].strip())
        # its standard input stays open until it is gone: it dies when that ends
        process.wait()
    if process.returncode != 0:
        if process.returncode < 0:
            run.errors.append(ended_from_outside(process.returncode))
        raise BuildError(
            f"dbt {command[0]} failed; nothing was published.",
            f"fix the cause named above and run it again; the whole log is {_log(project)}.",
            details=[
                *_causes(run.errors, run.failed),
                *(
                    describe(failed, _target_path(project), project.root, with_sql=number < SHOWN)
                    for number, failed in enumerate(run.failed)
                ),
            ]
            or _words_of_usage(other_output)
            or ["dbt could not begin, and has not said why."],
        )
    return run


def _words_of_usage(output: Sequence[str]) -> list[str]:
    """What dbt's command line says of how it was called, and what it ended with where it could not begin.

    Whatever else stands there may be of a library that quotes a row.
    """
    said = [line for line in output if line.startswith(_OF_USAGE)]
    ended = _ended_with(output)
    return said + ([f"dbt could not begin: {ended}"] if ended and not said else [])


def _ended_with(output: Sequence[str]) -> str:
    """The exception that a stack ends with: what the system says of files and the like in its words, of any other the type alone."""
    begin = max((number for number, line in enumerate(output) if line.startswith(_STACK)), default=None)
    if begin is None:
        return ""
    # the stack itself is indented; behind the line that ends it, there is only more of that one's text
    last = next((line for line in output[begin + 1 :] if line and not line[0].isspace()), "")
    name, _, text = last.partition(": ")
    kind = getattr(builtins, name, None)
    is_builtin = isinstance(kind, type) and issubclass(kind, BaseException)
    # a line that only looks like the end of a stack may begin with somebody's name
    if not is_builtin and not re.fullmatch(r"(?:\w+\.)*[A-Z]\w*(?:Error|Exception)", name):
        return ""
    # a number is the system's; libraries raise these kinds with texts of their own, too
    is_of_system = isinstance(kind, type) and issubclass(kind, OSError) and text.startswith("[Errno ")
    return last if is_of_system else name


def _failed_node(data: Mapping[str, Any]) -> FailedNode:
    """The node of dbt's event of a failure."""
    node, message = data["node_info"], str(data.get("msg", "")).strip()
    # the event names a model from the folder of models on, its words from the project's folder on, as the statements are filed
    in_words = re.match(r".* Error in .*\((.+)\)$", message.splitlines()[0]) if message else None
    return FailedNode(
        kind=str(node.get("resource_type", "")),
        name=str(node.get("node_name", "")),
        path=in_words[1] if in_words else str(node.get("node_path", "")),
        message=message,
    )


def _target_path(project: Project) -> Path:
    """Where dbt writes the statements."""
    return project.root / os.environ.get("DBT_TARGET_PATH", "target")


def _log(project: Project) -> str:
    """Where dbt writes its log, as people type it."""
    return str(Path(os.environ.get("DBT_LOG_PATH", "logs")) / "dbt.log")


def _of_the_landing_zone(text: str) -> str:
    """What is wrong with delivered files, without the line above it: that dbt was at an operation of its own helps nobody."""
    _, *lines = (line.strip() for line in text.splitlines())
    return "\n".join(lines) if lines and all(line.startswith("landing zone") for line in lines) else ""


def _causes(errors: Sequence[str], failed: Sequence[FailedNode]) -> list[str]:
    """What dbt says beside its failed nodes, which it says several times over: each cause once, without its table of contents."""
    causes: list[str] = []
    of_nodes = {" ".join(node.message.split()) for node in failed}
    for error in errors:
        text = "\n".join(
            part.rstrip()
            for part in error.splitlines()
            if part.strip() and not part.lstrip().startswith("> ")
        ).removeprefix("Encountered an error:\n")
        if "Traceback (most recent call last)" in text:
            # dbt itself has failed, and its stack helps nobody at night
            text = find_cause(re.sub(r"^[\w.]+: ", "", text.strip().splitlines()[-1])).words
        noise = ("Completed with", "Done. PASS", "Failure in")
        if (
            text
            and not text.startswith(noise)
            and " ERROR " not in text
            and " FAIL " not in text
            and " ".join(text.split()) not in of_nodes
            and text not in causes
        ):
            if text.startswith(("Runtime Error", "Database Error")):
                text = find_cause(text).words
            causes.append(_of_the_landing_zone(text) or text)
    return causes
