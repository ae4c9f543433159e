"""Failures of the machine, in words: no room, no memory, a disk that cannot be written, a wrong clock."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.project import WHERE_DBT_WRITES
from sendworthy.warehouse import database_file
from sendworthy.warehouse.failure_causes import NO_MEMORY, NO_ROOM, find_fix, fix_of, words_of
from sendworthy.warehouse.list_reader import Lists
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

_UNKNOWN = "nothing more is known of it: if it ends in the same way once more, report these words"

# clocks are set right by a little all the time
JUMP = timedelta(hours=1)


@contextmanager
def machine_failures(places: Mapping[str, Path], give_back: Callable[[], object]) -> Iterator[None]:
    """Say in words what the machine fails at; `places` are the folders that a night writes to, by what people call them.

    Where room is what is missing, `give_back` is called: what has been built so far is of no use, and others need the disk too.
    """
    try:
        yield
    except BuildError as error:
        said = "\n".join([error.what, *error.details])
        is_of_machine = _is_of(said, NO_ROOM) or _is_of(said, NO_MEMORY)
        if _is_of(said, NO_ROOM):
            error.details += room_left(places)
            give_back()
        if is_of_machine:
            error.fix = f"{find_fix(said)}. Then run the night again."
        raise
    except (OSError, MemoryError, duckdb.Error) as error:
        words = words_of(error)
        no_room = _is_of(f"{words}\n{error}", NO_ROOM)
        left = room_left(places) if no_room else []
        if no_room:
            give_back()
        raise BuildError(
            f"the night could not be finished: {words}. Nothing was published.",
            f"{fix_of(error) or _UNKNOWN}. Then run the night again.",
            details=left,
        ) from None


def _is_of(said: str, signs: tuple[str, ...]) -> bool:
    return any(sign in said for sign in signs)


def cause_of_machine(error: BaseException) -> BaseException | None:
    """The error of the machine that another one is about: no room, no memory."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, (OSError, MemoryError, duckdb.IOException, duckdb.OutOfMemoryException)):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None


def places_of(database: Path, out: Path, docs: Path, project: Path) -> dict[str, Path]:
    """Where a night writes."""
    try:
        temporary = Path(tempfile.gettempdir())
    except OSError:
        temporary = Path("/tmp")
    return {
        "--db": database.parent,
        "--out": out,
        "--docs": docs,
        "temporary files (TMPDIR)": temporary,
        **{
            name if os.environ.get(name) else f"dbt's {folder}/": project / os.environ.get(name, folder)
            for name, folder in WHERE_DBT_WRITES.items()
        },
    }


def room_left(places: Mapping[str, Path]) -> list[str]:
    """One line for each disk that a night writes to, the fullest first."""
    disks: dict[int, tuple[int, list[str]]] = {}
    for name, folder in places.items():
        try:
            nearest = next(place for place in (folder, *folder.absolute().parents) if place.exists())
            disk = nearest.stat().st_dev
            free = shutil.disk_usage(nearest).free
        except (OSError, StopIteration):
            continue
        disks.setdefault(disk, (free, []))[1].append(f"{name} {folder}")
    return [
        f"room left: {free / 1e6:,.1f} MB for {', '.join(names)}" for free, names in sorted(disks.values())
    ]


def refuse_earlier_clock(build: Path, now: datetime) -> None:
    """BuildError where the clock shows a time before the end of an earlier run, which the published file remembers."""
    with database_file.connect(build, read_only=True) as connection:
        last = database_file.last_finished(connection)
    if last is not None and now < last - JUMP:
        raise BuildError(
            f"the clock of this machine shows {iso(now.replace(microsecond=0))}, and a night has already ended at "
            f"{iso(last.replace(microsecond=0))} by it: one of the two is wrong. By a clock that is behind, the newest rows are from "
            "the future, and an old night is decided once more. Nothing was published.",
            "set the clock; if it was that earlier night whose clock was wrong, say --allow-stale.",
        )


def refuse_future(lists: Lists, now: datetime) -> None:
    """BuildError where most events lie after the clock: then it is the clock that is wrong."""
    ((count, future, first),) = lists.rows(_sql("events_of_the_future"))
    if 2 * future > count:
        shown = os.environ.get("SENDWORTHY_WALL_CLOCK") or iso(now.replace(microsecond=0))
        raise BuildError(
            f"the clock of this machine shows {shown}, and {future:,} of {count:,} events are of a later time, "
            f"from {first} on: they would all be quarantined as from the future. Nothing was published.",
            "set the clock of this machine (or wall_clock, if it is set); if it is right, see what delivers such events.",
        )
