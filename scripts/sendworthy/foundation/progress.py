"""The steps of a long command: shown while they run, timed for those who ask."""

from __future__ import annotations

import re
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sendworthy.foundation import interrupts
from sendworthy.foundation.console import working

# ru_maxrss counts kibibytes on Linux and bytes on macOS
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass
class Stage:
    """One step: `seconds` of wall time; `peak_mb`, the most memory that one process had had by its end, in MB.

    The processes are this one, those that it and its children waited for, and the one that is watched. What runs on
    other machines, or as a service of its own (the workers of a cluster), is not among them.
    """

    name: str
    seconds: float = 0.0
    peak_mb: int = 0


@dataclass
class Stages:
    """Runs steps one after the other and shows the one at work on `console` (standard error)."""

    console: Console
    done: list[Stage] = field(default_factory=list)
    _update: Callable[[str], None] | None = None
    _watched: int | None = None

    @contextmanager
    def step(self, name: str, words: str) -> Iterator[Stages]:
        """Time what happens inside; `words` say it to the person who waits."""
        stage = Stage(name)
        started = time.perf_counter()
        with working(f"{words} …", self.console) as update:
            self._update = update
            try:
                yield self
            finally:
                self._update = None
                stage.seconds = round(time.perf_counter() - started, 2)
                peak = max(
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _RSS_UNIT,
                    resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _RSS_UNIT,
                    _peak_of(self._watched),
                )
                stage.peak_mb = round(peak / 1e6)
                self.done.append(stage)
        # whatever was interrupted may have taken it for a failure that it can do without
        interrupts.check()
        self.console.print(Text.assemble(("✓", "green"), f" {words}  ", (f"{stage.seconds:.1f} s", "dim")))

    def say(self, words: str) -> None:
        """What the current step is busy with."""
        if self._update is not None:
            self._update(words)

    def watch(self, process: int) -> None:
        """Count the memory of a child process that outlives the current step."""
        self._watched = process


def _peak_of(process: int | None) -> int:
    """The most memory that a running process has had, in bytes; 0 where the system does not say."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(found[1]) * 1024 if found else 0
