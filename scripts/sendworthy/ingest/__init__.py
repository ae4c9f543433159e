"""The way back: what ESPs report becomes rows of message_events in the landing zone (`sendworthy ingest`).

A source is `sources/<esp>.sql`, which makes common columns of its documents, and its rows in `event_types.csv`. The rest is the
same for all: `documents.py` reads the files, `lookups.py` fills what reports are held against, `resolve.sql` finds out whose
they are, `drops.py` lands them.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import duckdb

from sendworthy.errors import SettingsError, did_you_mean
from sendworthy.ingest.documents import read_documents, report_files, unreadable
from sendworthy.ingest.drops import Drop, check_landing_zone, commit, digest_of, drop_of
from sendworthy.ingest.lookups import fill_lookups
from sendworthy.project import Project
from sendworthy.warehouse import literal

HERE = Path(__file__).resolve().parent
SOURCES = tuple(sorted(path.stem for path in (HERE / "sources").glob("*.sql")))
EVENT_TYPES = HERE / "event_types.csv"

# an event's name is the provider's word; what does not look like one may be anything, a person's address too
_NAME = r"[A-Za-z][A-Za-z0-9_. -]{0,59}"
OTHER_NAMES = "(not shown)"


@dataclass
class FileReport:
    """What became of one file of reports. Counts only: nothing in here is personal.

    `state` is landed, replaced, already_landed, nothing_to_land or dry_run; `drop` the file in the landing zone, if there is one.
    `reports` are all that were read: each was ignored, unknown, refused, or is understood; what is understood stands for the rows
    in `landed` (by event type), `unmatched` (by reason) and `duplicates`.
    """

    file: str
    state: str
    drop: str | None = None
    reports: int = 0
    landed: Counter[str] = field(default_factory=Counter)
    machine_opens: int = 0
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
            total.duplicates += report.duplicates
            for name in ("landed", "ignored", "unknown", "refused", "unmatched"):
                getattr(total, name).update(getattr(report, name))
        return total


def ingest(
    project: Project,
    source: str,
    files: Sequence[Path],
    raw: Path,
    database: Path | None,
    landed_on: date,
    *,
    dry_run: bool = False,
    again: bool = False,
) -> Ingested:
    """Land what an ESP reports in `files` (or folders of such) in the landing zone `raw`.

    `database` is the published file to look dispatches and addresses up in. A file that has landed before is passed over, or, with
    `again`, read anew and replaced where it lies. SettingsError for bad usage; SendworthyError where a file cannot be read: then
    nothing has landed, of no file.
    """
    if source not in SOURCES:
        raise SettingsError(
            f"--from {source!r} is no source.",
            did_you_mean(source, SOURCES, f"write one of {', '.join(SOURCES)}."),
        )
    check_landing_zone(raw)
    reports: list[FileReport] = []
    drops: list[Drop] = []
    seen: set[str] = set()
    with tempfile.TemporaryDirectory(prefix="sendworthy-ingest-") as work, duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'; set enable_progress_bar = false")
        connection.execute(f"set temp_directory = {literal(Path(work) / 'spill')}")
        fill_lookups(connection, project, source, EVENT_TYPES, database)
        try:
            for path in report_files(files):
                digest = digest_of(path)
                drop = drop_of(raw, source, digest, landed_on)
                if drop.name in seen or (drop.is_there and not again):
                    reports.append(FileReport(str(path), "already_landed", _below(raw, drop)))
                    continue
                seen.add(drop.name)
                report = read_reports(connection, source, path, Path(work))
                reports.append(report)
                if dry_run:
                    report.state = "dry_run"
                elif not report.rows and not drop.is_there:
                    report.state = "nothing_to_land"
                else:
                    report.state = "replaced" if drop.is_there else "landed"
                    report.drop = _below(raw, drop)
                    drop.write(connection, "landed")
                    drops.append(drop)
            commit(drops)
        finally:
            for drop in drops:
                drop.discard()
    return Ingested(source, reports, database is not None)


def read_reports(connection: duckdb.DuckDBPyConnection, source: str, path: Path, work: Path) -> FileReport:
    """Read one file; leaves the view `landed` behind and returns what was counted."""
    not_objects = read_documents(connection, source, path, work)
    try:
        connection.execute((HERE / "sources" / f"{source}.sql").read_text(encoding="utf-8"))
        connection.execute((HERE / "resolve.sql").read_text(encoding="utf-8").replace("{esp}", source))
    except (duckdb.DataError, duckdb.InvalidInputException) as error:
        # its words may quote a report
        raise unreadable(
            path,
            f"its JSON has not the form of {source}'s reports ({type(error).__name__}).",
            "see docs/ingest-reports.md for what to ask the provider for.",
        ) from None

    def counted(sql: str) -> Counter[str]:
        return Counter({str(name): int(rows) for name, rows in connection.execute(sql).fetchall()})

    name = f"case when regexp_full_match(event, '{_NAME}') then event else '{OTHER_NAMES}' end"
    report = FileReport(str(path), "landed")
    report.refused = counted(
        """
        select
            case
                when event is null then 'no_event'
                when occurred_at is null then 'no_time'
                else 'no_channel'
            end as reason,
            count(*)
        from understood
        where
            event is null
            or (event_types is not null and (occurred_at is null or channels is null))
        group by reason
        order by reason
        """
    )
    if not_objects:
        report.refused["no_object"] = not_objects
    report.unknown = counted(
        f"select {name} as name, count(*) from understood where event is not null and not is_known group by name order by name"
    )
    report.ignored = counted(
        f"select {name} as name, count(*) from understood where is_known and event_types is null group by name order by name"
    )
    report.unmatched = counted(
        "select fate, count(*) from outcomes where fate is not null and fate <> 'duplicate' group by fate order by fate"
    )
    report.landed = counted("select event_type, count(*) from landed group by event_type order by event_type")
    ((reports, duplicates, machine_opens),) = connection.execute(
        """
        select
            (select count(*) from understood),
            (select count(*) from outcomes where fate = 'duplicate'),
            (select count(*) from landed where is_machine_open)
        """
    ).fetchall()
    report.reports, report.duplicates, report.machine_opens = reports + not_objects, duplicates, machine_opens
    return report


def _below(raw: Path, drop: Drop) -> str:
    return str(drop.path.relative_to(raw))
