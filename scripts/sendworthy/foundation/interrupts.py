"""An interrupt (SIGINT, Ctrl-C) is remembered, because the code that it ends may turn it into another error."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from sendworthy.foundation.errors import EXIT_INTERRUPTED

_requested = False


@contextmanager
def nothing_begun() -> Iterator[None]:
    """While modules are imported: an interrupt ends the process at once, without a traceback."""
    try:
        before = signal.signal(signal.SIGINT, _end)
    except ValueError:
        # another thread than the first gets no signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end(number: int, frame: FrameType | None) -> None:
    os.write(2, b"interrupted; nothing was done.\n")
    os._exit(EXIT_INTERRUPTED)


def install() -> None:
    """From now on, remember an interrupt, and raise KeyboardInterrupt as Python does."""
    signal.signal(signal.SIGINT, _remember)


def _remember(number: int, frame: FrameType | None) -> None:
    global _requested
    _requested = True
    raise KeyboardInterrupt


def was_requested() -> bool:
    """Whether this process was interrupted."""
    return _requested


def check() -> None:
    """KeyboardInterrupt where this process was interrupted and something has taken that for a failure of its own."""
    if _requested:
        raise KeyboardInterrupt


def is_interrupt(error: BaseException) -> bool:
    """Whether an interrupt is what an error comes from: DuckDB makes a RuntimeError of it."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, KeyboardInterrupt):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def ignore() -> None:
    """From now on, let interrupts pass: it takes a moment to say what has happened."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
