"""Runs a contender as a process of its own, and measures it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

_LAUNCH = Path(__file__).with_name("launch.py")


@dataclass(frozen=True)
class Cost:
    """What one run cost: seconds by the clock, seconds of all processors, and the peak of its largest process in MB."""

    wall_s: float
    cpu_s: float
    peak_mb: float

    def as_dict(self) -> dict[str, float]:
        """The cost as it is kept in results.json."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def run(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    log: Path,
    allowed: Sequence[int] = (0,),
) -> Cost:
    """Run a command to its end in `folder`; what it says goes to `log`. BenchmarkError where it ends with a code not `allowed`.

    The kernel counts: the time of every process that the command started, and the largest resident set of any one of them.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    cost = log.with_suffix(".cost.json")
    cost.unlink(missing_ok=True)
    subprocess.run(
        [sys.executable, "-S", "-E", str(_LAUNCH), str(cost), str(log), *command],
        cwd=folder,
        env=dict(environment),
        check=True,
    )
    found = json.loads(cost.read_text(encoding="utf-8"))
    if found["code"] not in allowed:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-15:]
        raise BenchmarkError(
            f"{' '.join(command[:6])} ... ended with {found['code']}. Its log is {log}; it ends so:\n"
            + "\n".join(said)
        )
    return Cost(found["wall_s"], found["cpu_s"], found["peak_kb"] / 1024)
