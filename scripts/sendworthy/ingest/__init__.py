"""The way back: what ESPs report becomes rows of message_events in the landing zone (`sendworthy ingest`).

A source is `sources/<esp>.sql`, which makes common columns of its documents, and its rows in `event_types.csv`. The rest is the
same for all: `documents.py` reads the files, `lookups.py` fills what reports are compared with, `resolve.sql` finds out whose
they are, `drops.py` lands them, and keeps for the next run what stops messages and cannot be landed.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path

import duckdb

from sendworthy.foundation.errors import EXIT_OK, EXIT_UNRESOLVED, SettingsError, did_you_mean
from sendworthy.foundation.project import Project
from sendworthy.ingest.documents import (
    keep_not_objects,
    read_documents,
    read_kept,
    report_files,
    unreadable,
)
from sendworthy.ingest.drops import (
    StagedFile,
    check_landing_zone,
    date_of,
    digest_of,
    drop_of,
    kept_files,
    kept_of,
    promote_all,
)
from sendworthy.ingest.lookups import fill_lookups
from sendworthy.warehouse.statements import literal, statements_in

HERE = Path(__file__).resolve().parent
SOURCES = tuple(sorted(path.stem for path in (HERE / "sources").glob("*.sql")))
EVENT_TYPES = HERE / "event_types.csv"

_sql = statements_in(HERE / "sql")

# an event's name is the provider's word; what does not look like one may be anything, a person's address too
_NAME = r"[A-Za-z][A-Za-z0-9_. -]{0,59}"
OTHER_NAMES = "(not shown)"

# of a kept report: why, and of an event that event_types.csv lacks its name
UNKNOWN_EVENT = "unknown_event: "


@dataclass
class FileReport:
    """What became of one file of reports. Counts only: nothing in here is personal.

    `state` is landed, replaced, already_landed, nothing_to_land, kept or dry_run; `drop` and `kept_file` what was written in the
    landing zone, if anything. `reports` are all that were read: each was ignored, unknown, refused, kept, or is understood; what is
    understood stands for the rows in `landed` (by event type), `unmatched` (by reason) and `duplicates`. `untimed` reports have no
    time that can be read, and count from when they were read.
    """

    file: str
    state: str
    drop: str | None = None
    kept_file: str | None = None
    reports: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    machine_opens: int = 0
    untimed: int = 0
    kept: Counter[str] = field(default_factory=Counter)
    ignored: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unmatched: Counter[str] = field(default_factory=Counter)
    duplicates: int = 0

    @property
    def rows(self) -> int:
        """How many rows it landed, or would land."""
        return self.landed.total()


@dataclass
class Ingested:
    """What became of all files; `has_lookups`: whether there was a published file to look reports up in."""

    source: str
    files: list[FileReport]
    has_lookups: bool

    @property
    def total(self) -> FileReport:
        """All files together."""
        total = FileReport("all files", "")
        for report in self.files:
            total.reports += report.reports
            total.machine_opens += report.machine_opens
            total.untimed += report.untimed
            total.duplicates += report.duplicates
            for name in ("landed", "kept", "ignored", "unknown", "refused", "unmatched"):
                getattr(total, name).update(getattr(report, name))
        return total

    @property
    def exit_code(self) -> int:
        """How the command ends: 4 where something that stops messages, or may, has not landed."""
        return EXIT_UNRESOLVED if self.total.kept else EXIT_OK


def ingest(
    project: Project,
    source: str,
    files: Sequence[Path],
    raw: Path,
    database: Path | None,
    landed_on: date,
    now: datetime,
    *,
    dry_run: bool = False,
    again: bool = False,
) -> Ingested:
    """Land what an ESP reports in `files` (or folders of such), and what earlier runs have kept, in the landing zone `raw`.

    `database` is the published file to look dispatches and addresses up in; `now` the clock. A file that has landed before is passed
    over, or, with `again`, read anew and replaced where it lies. SettingsError for bad usage; SendworthyError where a file cannot be
    read: then nothing has landed, of no file.
    """
    if source not in SOURCES:
        raise SettingsError(
            f"--from {source!r} is no source.",
            did_you_mean(source, SOURCES, f"write one of {', '.join(SOURCES)}."),
        )
    check_landing_zone(raw)
    if not files and not kept_files(raw, source):
        raise SettingsError(
            f"no file of reports is named, and nothing of {source} is kept in {raw}.",
            "name files of reports, or folders of them.",
        )
    with tempfile.TemporaryDirectory(prefix="sendworthy-ingest-") as work, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        connection.execute(f"set temp_directory = {literal(Path(work) / 'spill')}")
        connection.execute("set variable now = ?::timestamp", [now])
        fill_lookups(connection, project, source, EVENT_TYPES, database)
        run = _Run(connection, source, raw, landed_on, now, Path(work), dry_run, again)
        try:
            run.read(report_files(files))
            run.promote()
        finally:
            run.discard()
    return Ingested(source, run.reports, database is not None)


class _Run:
    """One run: the files that it has read, and what it has written beside its place."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        source: str,
        raw: Path,
        landed_on: date,
        now: datetime,
        work: Path,
        dry_run: bool,
        again: bool,
    ) -> None:
        self._connection, self._source, self._raw = connection, source, raw
        self._landed_on, self._now, self._work = landed_on, now, work
        self._dry_run, self._again = dry_run, again
        self.reports: list[FileReport] = []
        self._drops: list[StagedFile] = []
        self._kept_now: list[StagedFile] = []
        self._kept_before: list[StagedFile] = []
        # landed, all of it: not needed any more
        self._settled: list[Path] = []

    def read(self, files: Sequence[Path]) -> None:
        """Read the files that are named, and then what earlier runs have kept of others."""
        read: set[str] = set()
        for path in files:
            digest = digest_of(path)
            drop, kept = drop_of(self._raw, self._source, digest, self._landed_on), self._kept(digest)
            if kept.path.name in read or (drop.is_there and not self._again):
                self.reports.append(FileReport(str(path), "already_landed", self._below(drop)))
                continue
            read.add(kept.path.name)
            nulls = read_documents(self._connection, self._source, path, self._work)
            self._understand(path, (HERE / "sources" / f"{self._source}.sql").read_text(encoding="utf-8"))
            keep_not_objects(self._connection)
            self._connection.execute(
                "alter table reports add column read_at timestamp; update reports set read_at = ?",
                [self._read_at(date_of(drop, self._landed_on))],
            )
            self._land(path, drop, kept, nulls)
        for path in kept_files(self._raw, self._source):
            if path.name not in read:
                read_kept(self._connection, path)
                drop = drop_of(self._raw, self._source, digest_of(path), self._landed_on)
                self._land(path, drop, StagedFile(path, path.with_name(f".{path.name}")), 0)

    def promote(self) -> None:
        """Promote all files. Nothing is lost, whenever it ends: what is kept is there before its file counts as landed."""
        promote_all(self._kept_now)
        promote_all(self._drops)
        promote_all(self._kept_before)
        for path in self._settled:
            path.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what was written and not promoted."""
        for file in (*self._drops, *self._kept_now, *self._kept_before):
            file.discard()

    def _kept(self, digest: str) -> StagedFile:
        return kept_of(self._raw, self._source, digest)

    def _read_at(self, landed_on: date) -> datetime:
        """When a report counts as read: now, or, of an older drop, at its day's end."""
        return min(self._now, datetime.combine(landed_on, time.max))

    def _below(self, file: StagedFile) -> str:
        return str(file.path.relative_to(self._raw))

    def _understand(self, path: Path, sql: str) -> None:
        """Run the SQL of a source or of all; SendworthyError where the file has not the form that it expects."""
        try:
            self._connection.execute(sql)
        except (duckdb.DataError, duckdb.InvalidInputException) as error:
            # its words may quote a report
            raise unreadable(
                path,
                f"its JSON has not the form of {self._source}'s reports ({type(error).__name__}).",
                "see docs/ingest-reports.md for what to ask the provider for.",
            ) from None

    def _land(self, path: Path, drop: StagedFile, kept: StagedFile, nulls: int) -> None:
        """Find out whose the table `reports` is, count it, and write what is to be promoted."""
        resolve = (HERE / "resolve.sql").read_text(encoding="utf-8").replace("{esp}", self._source)
        self._understand(path, resolve)
        report = count_reports(self._connection, path, nulls)
        self.reports.append(report)
        if self._dry_run:
            report.state = "dry_run"
            return
        if report.rows or drop.is_there:
            report.state = "replaced" if drop.is_there else "landed"
            report.drop = self._below(drop)
            drop.write(self._connection, "select * from landed order by message_event_id, event_type")
            self._drops.append(drop)
        else:
            report.state = "kept" if report.kept else "nothing_to_land"
        if report.kept:
            report.kept_file = self._below(kept)
            kept.write(self._connection, _sql("kept_reports"))
            (self._kept_before if kept.path == path else self._kept_now).append(kept)
        elif kept.is_there:
            self._settled.append(kept.path)


def count_reports(connection: duckdb.DuckDBPyConnection, path: Path, nulls: int) -> FileReport:
    """What became of the reports that resolve.sql has read."""

    def counted(sql: str, **given: str) -> Counter[str]:
        found = connection.execute(sql, given).fetchall()
        return Counter({str(name): int(rows) for name, rows in found})

    names = {"pattern": _NAME, "other": OTHER_NAMES}
    report = FileReport(str(path), "landed")
    report.refused = counted(_sql("count_refused"))
    if nulls:
        report.refused["no_object"] = nulls
    report.unknown = counted(_sql("count_unknown"), **names)
    report.ignored = counted(_sql("count_ignored"), **names)
    report.kept = counted(_sql("count_kept"), unknown_event=UNKNOWN_EVENT, **names)
    report.unmatched = counted(_sql("count_unmatched"))
    report.landed = counted("select event_type, count(*) from landed group by event_type order by event_type")
    ((reports, duplicates, machine_opens, untimed),) = connection.execute(_sql("count_reports")).fetchall()
    report.reports, report.duplicates = reports + nulls, duplicates
    report.machine_opens, report.untimed = machine_opens, untimed
    return report
