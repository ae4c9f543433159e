"""How a process ends: not later than the one that started it, and without freeing memory that the system frees anyway."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def end_with_parent() -> None:
    """From now on this process dies when its standard input ends: the parent holds the other end, and never writes.

    However the parent ends (SIGKILL, no memory), the system closes that end. Nothing else does: what a dead night has
    started must not write into the build, the logs or the lake of the next one.
    """
    threading.Thread(target=_die_at_the_end, name="end-with-parent", daemon=True).start()


def _die_at_the_end() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def skip_gc_at_exit() -> Iterator[None]:
    """For the last thing that a process does: garbage collection of all that was imported would take up to a second."""
    try:
        yield
    finally:
        gc.freeze()
