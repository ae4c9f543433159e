"""The cache of old drops, so that a night need not read them again: what of it is valid tonight, and writing it.

A drop (`<table>/landed_on=YYYY-MM-DD/`) of events or message events that is older than the horizon is folded: of its rows stays
what can still matter, as Parquet files (`folding.py` writes them, and dbt reads them as the sources `history`). It is a cache and nothing else: it holds as long as the folded drops, and those of the days after them in which a
duplicate was looked for, are just as they were, and as the project reads them in the same way. Otherwise all drops are read.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

import duckdb
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from sendworthy.foundation.durable_files import flush_tree, make_folder, swap_in
from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import MAX_MANIFEST, read_file, remove_folder
from sendworthy.landing.compaction import PARTS, fold, holds, open_night, sources
from sendworthy.privacy.erasure import NOBODY, Erased
from sendworthy.settings.seed_files import SEEDS_DIR, read_seed
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import places_of_histories
from sendworthy.warehouse.statements import literal

TABLES = ("events", "message_events")

_WRITING = ".writing"
_FOLDER = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}|{re.escape(_WRITING)}")
_DROP = re.compile(r"landed_on=(\d{4}-\d{2}-\d{2})")
# an older one may still hold where the newest does not, because a drop of last week has landed again
_KEPT = 2
# so that a drop of these days may land again and nothing has to be read anew
_SLACK = timedelta(days=3)
# writing it costs as much as reading a few drops
_STEP = timedelta(days=7)
# what a row of history depends on, besides the files that it came from
_CODE = ("models/staging/landing", "macros/landing", "macros/engine", "macros/reading", "macros/rules")
# the seeds that say what the words of a source mean, and how it writes
_WORDS = ("event_names", "report_types", "report_channels", "source_formats")

Stat = tuple[int, int]
"""A file as it was: its size in bytes, and when it was last changed, in nanoseconds."""


class HistorySettings(BaseModel):
    """The variable `history` of dbt_project.yml."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    duplicates_days: NonNegativeInt
    # measurement looks back as far
    whole_days: Annotated[int, Field(ge=90)]
    thinned_events: list[str]
    from_megabytes: NonNegativeInt


class _Described(BaseModel):
    """What is known of a history: what it was made from, and for which nights it holds."""

    model_config = ConfigDict(strict=True, frozen=True)

    raw: str
    code: str
    horizon: date
    holds_from: datetime
    files: dict[str, Stat]


@dataclass(frozen=True)
class History:
    """A history that holds tonight."""

    folder: Path
    horizon: date


def read_history_settings(project: Project) -> HistorySettings:
    """The settings; SettingsError where they are none."""
    try:
        return HistorySettings.model_validate(project.variable("history"))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in ("vars", "history", *first["loc"]))
        raise SettingsError(
            f"dbt_project.yml: {place}: {first['msg']}.", "see docs/history.md for what stands there."
        ) from None


def check_history_settings(project: Project) -> list[Problem]:
    """The same as `read_history_settings`, as problems of the settings."""
    try:
        read_history_settings(project)
    except SettingsError as error:
        return [Problem("dbt_project.yml", "vars.history", error.what, error.fix)]
    return []


class Past:
    """The histories in one place, and the drops of a landing zone as they were when a night began.

    `packages`: those of the engine, for another version may read otherwise.
    """

    def __init__(self, project: Project, raw: Path, place: Path, packages: Sequence[str]) -> None:
        self.settings = read_history_settings(project)
        self._place = place
        self._raw = str(raw)
        self._drops = _drops(raw)
        self._code = _code_of(project, self.settings, packages)

    def forget(self) -> None:
        """Remove every history; whatever is needed of it is in the landing zone."""
        remove_folder(self._place)

    def find(self, as_of: datetime | None) -> History | None:
        """The newest history that holds for a night (None: that of the newest event). Those that never can again are removed."""
        found = []
        for folder in _folders(self._place):
            described = _read(folder)
            if described is None or not self._is_made_of_these(described):
                remove_folder(folder)
                continue
            if as_of is None or as_of >= described.holds_from:
                found.append(History(folder, described.horizon))
        return found[0] if found else None

    def forget_damaged(self, history: History) -> bool:
        """Read a history to its end, for a night that has failed; remove it and return True where that cannot be done."""
        with database_file.closing(duckdb.connect()) as connection:
            database_file.prepare(connection)
            try:
                for part in PARTS:
                    path = literal(history.folder / f"{part}.parquet")
                    connection.execute(f"select max(hash(columns(*))) from read_parquet({path})")
            except duckdb.Error:
                remove_folder(history.folder)
                return True
        return False

    def _is_made_of_these(self, described: _Described) -> bool:
        """Whether a history was made in this way, and of drops that are still as they were."""
        return (
            described.raw == self._raw
            and described.code == self._code
            and described.files == self._landed_before(described.horizon + self._window)
        )

    @property
    def _window(self) -> timedelta:
        """How long after a delivery another one of the same id is found."""
        return timedelta(days=self.settings.duplicates_days)

    def _landed_before(self, day: date) -> dict[str, Stat]:
        return {name: stat for name, (landed, stat) in self._drops.items() if landed < day}

    def next_horizon(self, tonight: History | None) -> date | None:
        """The day before which drops are to be folded now; None where that is not worth it yet."""
        newest = max((landed for landed, _ in self._drops.values()), default=None)
        if newest is None:
            return None
        horizon = newest - self._window - _SLACK
        if tonight is not None:
            return horizon if horizon >= tonight.horizon + _STEP else None
        size = sum(size for size, _ in self._landed_before(horizon).values())
        return horizon if size > self.settings.from_megabytes * 1_000_000 else None

    def write(
        self,
        published: Path,
        horizon: date,
        staged: Mapping[str, str] = MappingProxyType({}),
        erased: Erased = NOBODY,
    ) -> None:
        """Fold what a night holds of the drops before `horizon`; duckdb.Error or OSError where it cannot be done.

        `staged` and `erased`: see `open_night`.
        """
        files = self._landed_before(horizon + self._window)
        with open_night(published, staged, erased) as connection:
            as_of = database_file.read_night(connection)
            if not self._was_read(connection, files, horizon + self._window):
                # a drop came or went while the night was at work: the next one sees it
                return
            holds_from = min(as_of, datetime(horizon.year, horizon.month, horizon.day))
            described = _Described(
                raw=self._raw,
                code=self._code,
                horizon=horizon,
                holds_from=holds_from,
                files=files,
            )
            make_folder(self._place)
            staging = self._place / _WRITING
            remove_folder(staging, ignore_errors=True)
            staging.mkdir()
            try:
                fold(
                    connection,
                    staging,
                    {
                        "horizon": horizon,
                        "cutoff": holds_from - timedelta(days=self.settings.whole_days),
                        "thinned_events": self.settings.thinned_events,
                    },
                )
                (staging / "history.json").write_text(
                    described.model_dump_json(indent=2) + "\n", encoding="utf-8"
                )
                flush_tree(staging)
                place = self._place / horizon.isoformat()
                remove_folder(place, ignore_errors=True)
                swap_in(staging, place)
            finally:
                remove_folder(staging, ignore_errors=True)
        for folder in _folders(self._place)[_KEPT:]:
            remove_folder(folder)

    def _was_read(
        self, connection: duckdb.DuckDBPyConnection, files: Mapping[str, Stat], until: date
    ) -> bool:
        """Whether the night has read just these drops."""
        read = connection.execute(
            "select file from ops.source_counts where list_contains(?, table_name) and landed_on < ?",
            [list(TABLES), until],
        ).fetchall()
        return {name for (name,) in read} == set(files)


def forget_erased(database: Path, erased: Erased) -> list[str]:
    """Remove what was kept of old drops where somebody who was erased is in it; returns what could not be removed."""
    problems = []
    for folder in (folder for place in places_of_histories(database) for folder in _folders(place)):
        if holds(folder, erased):
            try:
                remove_folder(folder)
            except OSError as error:
                problems.append(f"{error.filename}: {error.strerror}")
    return problems


def forget_other_engines(database: Path, place: Path) -> None:
    """Remove what nights of another engine have kept: nobody would see that its drops are not there any more."""
    for other in places_of_histories(database):
        if other != place:
            for folder in _folders(other):
                remove_folder(folder, ignore_errors=True)


def _folders(place: Path) -> list[Path]:
    """The histories in a place, the newest first; one that is still being written, too."""
    if not place.is_dir():
        return []
    return sorted(
        (path for path in place.iterdir() if path.is_dir() and _FOLDER.fullmatch(path.name)), reverse=True
    )


def _landed_on(file: str) -> date | None:
    """The day of the drop that a file, relative to the landing zone, came with; None where it came with none."""
    parts = file.split("/")
    found = _DROP.fullmatch(parts[1]) if len(parts) > 2 else None
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None


def _drops(raw: Path) -> dict[str, tuple[date, Stat]]:
    """The files of all drops: by their path, the day on which each landed, and what it is known by."""
    found = {}
    for table in TABLES:
        for path in sorted((raw / table).glob("landed_on=*/**/*")):
            if path.is_file() and not path.name.startswith(("_", ".")):
                name = path.relative_to(raw).as_posix()
                if (landed := _landed_on(name)) is not None:
                    stat = path.stat()
                    found[name] = (landed, (stat.st_size, stat.st_mtime_ns))
    return found


def _code_of(project: Project, settings: HistorySettings, packages: Sequence[str]) -> str:
    """What stands for all that a row of history depends on besides the files: how they are read, and what is kept of them."""
    digest = hashlib.sha256()
    digest.update(settings.model_dump_json().encode())
    for package in packages:
        digest.update(f"{package} {version(package)}\n".encode())
    paths = [path for place in _CODE for path in (project.root / place).rglob("*") if path.is_file()]
    seeds = [path for name in _WORDS if (path := project.root / SEEDS_DIR / f"{name}.csv").is_file()]
    for path in [*sorted(paths), *seeds, *sources()]:
        digest.update(path.name.encode() + path.read_bytes())
    digest.update(json.dumps(_measured(project)).encode())
    return digest.hexdigest()


def _measured(project: Project) -> list[tuple[str, ...]]:
    """By what, and for how long, each campaign's success is measured."""
    columns = ("campaign_id", "success_event", "success_window_days")
    return sorted(
        tuple(row[column] or "" for column in columns)
        for row in read_seed(project.root, "compiled/campaigns")
    )


def _read(folder: Path) -> _Described | None:
    """What a history says of itself; None where it is none, or not whole."""
    try:
        described = _Described.model_validate_json(read_file(folder / "history.json", folder, MAX_MANIFEST))
    except (OSError, ValueError):
        return None
    return described if all((folder / f"{part}.parquet").is_file() for part in PARTS) else None
