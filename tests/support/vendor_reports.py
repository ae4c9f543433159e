"""Made-up reports of ESPs, a landing zone to ingest them into, and a published file to look them up in."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.foundation.project import Project
from sendworthy.ingest import Ingested, ingest

from tests.support.projects import ROOT

REPORTS = ROOT / "tests" / "fixtures" / "esp_reports"
NEWSLETTER = "newsletter__active__email"
EMAIL = "email"
DAY = date(2026, 6, 2)
NOW = datetime(2026, 6, 2, 5)
COLUMNS = (
    "message_event_id, user_id, campaign_id, channel, variant, event_type, occurred_at, dispatch_id, address,"
    " is_machine_open"
)

Row = dict[str, Any]


def landing_zone_in(folder: Path) -> Path:
    """An empty landing zone, in a folder whose name could be taken for a pattern."""
    raw = folder / "it's a [1] zone*"
    raw.mkdir()
    return raw


def settings_in(root: Path) -> Project:
    """The settings that ingesting looks at, to be changed."""
    (root / "seeds" / "compiled").mkdir(parents=True)
    shutil.copy(ROOT / "dbt_project.yml", root)
    shutil.copy(ROOT / "seeds" / "esp_campaigns.csv", root / "seeds")
    shutil.copy(ROOT / "seeds" / "compiled" / "campaigns.csv", root / "seeds" / "compiled")
    return Project(root)


def published(
    path: Path,
    dispatches: Sequence[tuple[object, ...]] = (),
    addresses: Sequence[tuple[str, str | None, str]] = (),
    went_to: Sequence[tuple[str, str | None]] | None = None,
) -> Path:
    """A published file with what is looked up.

    `dispatches`: (as_of, dispatch_id, user_id, campaign_id, channel, variant), valid for a day. `addresses`: (channel, address,
    user_id), None for a user without one. `went_to`: (dispatch_id, address), in a ledger that has the column.
    """
    with duckdb.connect(str(path)) as connection:
        connection.execute("create schema ledger; create schema intermediate")
        connection.execute(
            "create table ledger.dispatches (as_of timestamp, dispatch_id text, user_id text, campaign_id text, channel text,"
            " variant text, send_at timestamp, valid_until timestamp)"
        )
        connection.execute(
            "create table intermediate.int_users__channels (user_id text, channel text, address_key text)"
        )
        for row in dispatches:
            as_of = datetime.fromisoformat(str(row[0]))
            values = [as_of, *row[1:], as_of + timedelta(hours=6), as_of + timedelta(days=1)]
            connection.execute("insert into ledger.dispatches values (?, ?, ?, ?, ?, ?, ?, ?)", values)
        for channel, address, user in addresses:
            connection.execute(
                "insert into intermediate.int_users__channels values (?, ?, ?)", [user, channel, address]
            )
        if went_to is not None:
            connection.execute("alter table ledger.dispatches add column address_hash text")
            for dispatch, address in went_to:
                digest = hashlib.sha256(address.encode()).hexdigest() if address else None
                connection.execute(
                    "update ledger.dispatches set address_hash = ? where dispatch_id = ?", [digest, dispatch]
                )
    return path


def run(
    project: Project,
    source: str,
    files: Path | Sequence[Path],
    raw: Path,
    db: Path | None = None,
    **more: Any,
) -> Ingested:
    paths = [files] if isinstance(files, Path) else list(files)
    landed_on, now = more.pop("landed_on", DAY), more.pop("now", NOW)
    return ingest(project, source, paths, raw, db, landed_on, now, **more)


def rows(raw: Path) -> list[Row]:
    """Everything that has landed, by id."""
    found: list[Row] = []
    with duckdb.connect() as connection:
        for path in sorted((raw / "message_events").rglob("*.parquet")):
            # not by name: the folder's could be taken for a pattern
            copy = raw.parent / "copy.parquet"
            shutil.copyfile(path, copy)
            cursor = connection.execute(f"select {COLUMNS} from read_parquet(?)", [str(copy)])
            names = [column[0] for column in cursor.description or []]
            found += [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return sorted(found, key=lambda row: (str(row["message_event_id"]), str(row["event_type"])))


def kept(raw: Path) -> list[Row]:
    """Everything that is kept for the next run."""
    return list(_kept(raw))


def _kept(raw: Path) -> Iterator[Row]:
    with suppress(FileNotFoundError):
        for path in sorted((raw / "kept_reports").iterdir()):
            for line in path.read_text(encoding="utf-8").splitlines():
                yield json.loads(line)


def lines(path: Path, *reports: object) -> Path:
    path.write_text("".join(json.dumps(report) + "\n" for report in reports), encoding="utf-8")
    return path


def sendgrid(number: int = 1, event: str = "delivered", **more: object) -> Row:
    return {"sg_event_id": f"e{number}", "event": event, "timestamp": 1780300800 + number, **more}
