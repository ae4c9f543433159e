"""The steps of a long command: shown while they run, timed for those who ask."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console

# ru_maxrss counts kibibytes on Linux and bytes on macOS
_RSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass
class Stage:
    """One step: `seconds` of wall time; `peak_mb`, the most memory that one process had had by its end, in MB."""

    name: str
    seconds: float = 0.0
    peak_mb: int = 0


@dataclass
class Stages:
    """Runs steps one after the other and shows the one at work on `console` (standard error)."""

    console: Console
    done: list[Stage] = field(default_factory=list)
    _status: object | None = None

    @contextmanager
    def step(self, name: str, words: str) -> Iterator[Stages]:
        """Time what happens inside; `words` say it to the person who waits."""
        stage = Stage(name)
        started = time.perf_counter()
        with self.console.status(f"{words} …") as status:
            self._status = status
            try:
                yield self
            finally:
                self._status = None
                stage.seconds = round(time.perf_counter() - started, 2)
                peak = max(
                    resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                    resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss,
                )
                stage.peak_mb = round(peak * _RSS_UNIT / 1e6)
                self.done.append(stage)
        self.console.print(f"[green]✓[/] {words}  [dim]{stage.seconds:.1f} s[/]", highlight=False)

    def say(self, words: str) -> None:
        """What the current step is busy with."""
        if self._status is not None:
            self._status.update(words)  # type: ignore[attr-defined]
