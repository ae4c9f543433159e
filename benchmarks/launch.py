"""Starts one command, waits for it and for all that it leaves behind, and writes what it cost. The standard library only.

    python launch.py COST LOG <command>

A process of its own, and a small one: Linux counts the memory of the process that starts another one as the other's.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import time
from contextlib import suppress

_PR_SET_CHILD_SUBREAPER = 36
# how long processes that the command has left behind may take to go
_LEFT_SECONDS = 20.0


def main() -> None:
    """Run the command; COST gets {code, wall_s, cpu_s, peak_kb}."""
    cost, log, *command = sys.argv[1:]
    # what outlives its parent (Spark's Java) becomes a child of this process, and is counted too
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with open(log, "wb") as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    cpu, peak = usage.ru_utime + usage.ru_stime, usage.ru_maxrss
    until = time.monotonic() + _LEFT_SECONDS
    while time.monotonic() < until:
        try:
            pid, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid:
            cpu, peak = cpu + usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss)
        else:
            time.sleep(0.05)
    with open(cost, "w", encoding="utf-8") as file:
        json.dump({"code": process.returncode, "wall_s": wall, "cpu_s": cpu, "peak_kb": peak}, file)


if __name__ == "__main__":
    main()
