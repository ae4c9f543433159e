"""Runs a contender as a process of its own, and measures it."""

from __future__ import annotations

import ctypes
import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError

_PR_SET_CHILD_SUBREAPER = 36
# how long processes that a contender has left behind may take to go
_LEFT_SECONDS = 20.0


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
    A process that outlives its parent (Spark's) is taken in, so that it is counted too.
    """
    adopt_orphans()
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    code = os.waitstatus_to_exitcode(status)
    # Popen must not wait for it once more
    process.returncode = code
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    for left_cpu, left_peak in _left_behind():
        cpu, peak = cpu + left_cpu, max(peak, left_peak)
    if code not in allowed:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-15:]
        raise BenchmarkError(
            f"{' '.join(command[:6])} ... ended with {code}. Its log is {log}; it ends so:\n"
            + "\n".join(said)
        )
    return Cost(wall, cpu, peak / 1024)


def adopt_orphans() -> None:
    """Become the parent of processes whose own parent ends first, where the system can do that."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _left_behind() -> list[tuple[float, int]]:
    """Wait for what a contender has left; returns (seconds of processors, peak in KB) of each."""
    found = []
    until = time.monotonic() + _LEFT_SECONDS
    while time.monotonic() < until:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            found.append((usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
        else:
            time.sleep(0.05)
    return found
