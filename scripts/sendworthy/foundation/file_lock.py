"""A lock that says which process holds it, and that the operating system frees when the process dies."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sendworthy.foundation.clock import iso, utc_now
from sendworthy.foundation.errors import BuildError

# what a dead process has started ends with it, but not in the same instant (seconds)
GRACE = 30.0


@contextmanager
def hold(path: Path, what: str, wait: bool = False) -> Iterator[int]:
    """Hold the lock `path`; BuildError where a living process holds it, which is at work on `what`. With `wait`, wait for it.

    Yields the lock's descriptor. A process that gets it too (`pass_fds`) keeps the lock until it ends, whatever becomes of
    this one: so nobody begins while something that a killed process has started is still at work.
    """
    descriptor = _open(path)
    try:
        if wait:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            _take(descriptor, path, what)
        # the lock holds without these words, also where the disk has no room for them
        with suppress(OSError):
            _sign(descriptor)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    """The lock's own file, made if need be; BuildError where something else has its name, for it is going to be written."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            raise
    else:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return descriptor
        os.close(descriptor)
    raise BuildError(
        f"the lock {path} is a link, or no file at all: what it leads to would be overwritten. Nothing was changed.",
        f"remove it: rm {path}",
    )


def _sign(descriptor: int) -> None:
    """Say in the lock who holds it, unless the file has another name too: that may be somebody's."""
    if os.fstat(descriptor).st_nlink == 1:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()} {iso(utc_now().replace(microsecond=0))}\n".encode(), 0)


def _take(descriptor: int, path: Path, what: str) -> None:
    waited_until = time.monotonic() + GRACE
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid, since = _holder(descriptor)
        if pid is None or _lives(pid):
            who = f" (process {pid}, since {since})" if pid else ""
            raise BuildError(
                f"another night is at work on {what}{who}; this one ends and has changed nothing.",
                "wait for the other, or name another file with --db.",
            )
        if time.monotonic() > waited_until:
            raise BuildError(
                f"the night that was at work on {what} (process {pid}, since {since}) is dead, but something that it has started "
                "is not; this one ends and has changed nothing.",
                f"`fuser -v {path}` names it: wait for its end, or end it.",
            )
        time.sleep(0.1)


def _holder(descriptor: int) -> tuple[int | None, str]:
    """The process that holds the lock, and since when; None where it has not said so yet."""
    pid, _, since = os.pread(descriptor, 100, 0).decode("ascii", "replace").strip().partition(" ")
    return (int(pid), since) if pid.isdigit() else (None, "")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
