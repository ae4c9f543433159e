"""Runs dbt as a process of its own, and says in words what it failed at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sendworthy.errors import BuildError
from sendworthy.project import Project

# dbt's own names of the events that end a node
_RESULT_EVENTS = {"LogModelResult", "LogSeedResult", "LogTestResult", "LogSnapshotResult", "LogHookEndLine"}

Progress = Callable[[str, int, int], None]


@dataclass
class DbtRun:
    """How a dbt run ended: nodes that ran, and the messages of those that failed."""

    nodes: int = 0
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def run_dbt(
    project: Project,
    command: Sequence[str],
    database: Path,
    settings: Mapping[str, str],
    progress: Progress | None = None,
    target: str | None = None,
) -> DbtRun:
    """Run one dbt command on `database`; BuildError with dbt's own words where it fails.

    `settings` (raw, as_of, ...) go to the macro night_setting through the environment: as variables they would make dbt
    parse the whole project anew every night.

    A process of its own, because dbt in process keeps the database open. `progress` is called with
    (node, index, total) when a node has ended.
    """
    arguments = [
        sys.executable,
        "-c",
        "from dbt.cli.main import cli; cli()",
        "--log-format",
        "json",
        "--log-format-file",
        "text",
        "--log-level",
        "info",
        *command,
        "--project-dir",
        str(project.root),
        "--profiles-dir",
        str(project.root),
        *(["--target", target] if target else []),
    ]
    environment = os.environ | {"SENDWORTHY_BUILD_DB": str(database), "DO_NOT_TRACK": "1"}
    environment |= {f"SENDWORTHY_{name.upper()}": value for name, value in settings.items()}
    run = DbtRun()
    other_output: list[str] = []
    with subprocess.Popen(
        arguments,
        cwd=project.root,
        env=environment,
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
            if info["level"] == "error":
                run.errors.append(info["msg"].strip())
            elif info["level"] == "warn":
                run.warnings.append(info["msg"].strip())
            elif info["name"] in _RESULT_EVENTS:
                run.nodes += 1
                if progress:
                    name = (data.get("node_info") or {}).get("node_name", "")
                    progress(name, int(data.get("index", 0)), int(data.get("total", 0)))
            elif "landing zone:" in info["msg"]:
                run.warnings.append(info["msg"].strip())
    if process.returncode != 0:
        raise BuildError(
            f"dbt {command[0]} failed; nothing was published.",
            "mend the cause named above and run the night again; the whole log is logs/dbt.log.",
            details=_causes(run.errors) or other_output[-15:],
        )
    return run


def _causes(errors: Sequence[str]) -> list[str]:
    """Dbt says the same thing several times over: each cause once, without its table of contents."""
    causes: list[str] = []
    for error in errors:
        text = "\n".join(
            part.rstrip()
            for part in error.splitlines()
            if part.strip() and not part.lstrip().startswith("> ")
        ).removeprefix("Encountered an error:\n")
        noise = ("Completed with", "Done. PASS", "Failure in")
        if (
            text
            and not text.startswith(noise)
            and " ERROR " not in text
            and " FAIL " not in text
            and text not in causes
        ):
            causes.append(text)
    return causes
