"""Removes what is older than `seeds/retention.csv` allows: old nights of lists, Data Docs and ledgers, logs, previews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb

from sendworthy.delivery.deltas import LEDGER
from sendworthy.delivery.staging_folder import cancellations_in
from sendworthy.foundation import night_folders
from sendworthy.foundation.durable_files import flush
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import remove_folder
from sendworthy.privacy.rewrite_lists import nights_in
from sendworthy.settings.seed_files import read_retention, validate_settings
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import PREVIEWS

# each with a row a night in the published file; what was delivered to destinations, and what was taken back, is kept as long as what was dispatched
TABLES = (
    ("decisions", "ledger.decisions"),
    ("dispatches", "ledger.dispatches"),
    ("dispatches", "ledger.cancellations"),
    ("dispatches", LEDGER),
    ("runs", "ops.runs"),
)


@dataclass(frozen=True)
class Removed:
    """What was removed of one kind, or would be: `count` of `unit` (nights, rows, files) from before `before`."""

    what: str
    keep_days: int
    before: datetime
    count: int
    unit: str


@dataclass(frozen=True)
class Places:
    """Where the things of a project lie."""

    project: Project
    database: Path
    out: Path
    docs: Path


def retain(places: Places, now: datetime | None, clock: datetime, dry_run: bool = False) -> list[Removed]:
    """Apply the retention, or say what it would remove; one entry a kind. Can be interrupted and run again.

    What belongs to a night is as old as the night is behind the newest one of the published file, or behind `now`; a
    file without a night (logs, previews) as its last change is behind `clock`. All times naive UTC. The newest night,
    and the one that is published, stay. SettingsError where the settings are wrong or nothing was published yet.
    """
    problems = validate_settings(places.project.root)
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing was removed.", "fix what is named above.", problems
        )
    _refuse_links(places.out, places.docs)
    keep = read_retention(places.project.root)
    database_file.open_published(places.database)
    with database_file.only_night(places.database):
        nights = _nights_to_stay(places.database)
        newest = max(nights)
        before = {
            what: (now or (clock if what in ("logs", "previews") else newest)) - timedelta(days=days)
            for what, days in keep.items()
        }
        rows = _remove_rows(places.database, before, nights, dry_run)
        stay = {night.date().isoformat() for night in nights}
        counts = {
            **{what: (count, "rows") for what, count in rows.items()},
            "lists": (_remove_nights(places.out, before["lists"], stay, dry_run), "nights"),
            "data_docs": (_remove_nights(places.docs, before["data_docs"], stay, dry_run), "nights"),
            "logs": (_remove_files(_logs(places.project), before["logs"], dry_run), "files"),
            "previews": (
                _remove_files((places.project.root / PREVIEWS).rglob("*"), before["previews"], dry_run),
                "files",
            ),
        }
        return [Removed(what, days, before[what], *counts[what]) for what, days in keep.items()]


def _refuse_links(*folders: Path) -> None:
    """SettingsError for nights that are links: without the link, nobody would remove what it leads to."""
    found = [link for folder in folders for link in night_folders.links(folder)]
    if found:
        raise SettingsError(
            "these nights are links, which are not followed; nothing was removed.",
            "move what they lead to there, or remove the links, and what they lead to when it is time.",
            details=[str(link) for link in found],
        )


def _nights_to_stay(database: Path) -> set[datetime]:
    """The newest night and the published one; SettingsError where no whole night is in the file."""
    with database_file.connect(database, read_only=True) as connection:
        try:
            nights = connection.execute(
                "select max(as_of) from ops.runs union select as_of from intermediate.int_nights__as_of"
            ).fetchall()
        except duckdb.CatalogException:
            raise database_file.other_version(database) from None
    return {night for (night,) in nights if night is not None}


def _remove_rows(
    database: Path, before: dict[str, datetime], stay: set[datetime], dry_run: bool
) -> dict[str, int]:
    """Delete old rows from a copy of the published file, write it anew without their bytes, and publish that."""
    old = "as_of < ? and not list_contains(?, as_of)"

    counts: Counter[str] = Counter()
    with database_file.connect(database, read_only=True) as connection:
        # an older version has written fewer of them
        tables = [
            (what, table) for what, table in TABLES if database_file.has_table(connection, *table.split("."))
        ]
        for what, table in tables:
            ((rows,),) = connection.execute(
                f"select count(*) from {table} where {old}", [before[what], sorted(stay)]
            ).fetchall()
            counts[what] += int(rows)
    if dry_run or not any(counts.values()):
        return counts
    build = database_file.copy_published(database)
    with database_file.connect(build) as connection:
        for what, table in tables:
            connection.execute(f"delete from {table} where {old}", [before[what], sorted(stay)])
    database_file.publish(build, database, anew=True)
    return counts


def _remove_nights(folder: Path, before: datetime, stay: set[str], dry_run: bool) -> int:
    """Remove the folders of old nights; a folder that is renamed is not a night any more, whatever happens then."""
    if not folder.is_dir():
        return 0
    if not dry_run:
        for half in [found for found in night_folders.walk(folder) if found.state == "removing"]:
            remove_folder(half.path)
    dates = night_folders.nights(folder) if dry_run else nights_in(folder)
    # the newest one of this folder too: it may be of another database
    newest = dates[-1].name if dates else ""
    old = [
        night for night in dates if night.name < f"{before:%Y-%m-%d}" and night.name not in {*stay, newest}
    ]
    if not dry_run:
        for night in old:
            retired = night.with_name(f".{night.name}.removing")
            night.rename(retired)
            remove_folder(retired)
        _remove_cancellations(folder)
        flush(folder)
    return len(old)


def _remove_cancellations(folder: Path) -> None:
    """What was taken back goes with the lists of its night."""
    for path, date in cancellations_in(folder).items():
        if not (folder / date).exists():
            remove_folder(path)


def _logs(project: Project) -> Iterator[Path]:
    return (project.root / "logs").rglob("*")


def _remove_files(paths: Iterator[Path], before: datetime, dry_run: bool) -> int:
    """Remove files that were last changed before a time."""
    old = [
        path
        for path in paths
        if (path.is_symlink() or path.is_file())
        and datetime.fromtimestamp(path.lstat().st_mtime, timezone.utc).replace(tzinfo=None) < before
    ]
    if not dry_run:
        for path in old:
            path.unlink()
    return len(old)
