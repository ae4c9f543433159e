"""Before the build: checks the settings and the folders that are written to, and cleans up after a killed night."""

from __future__ import annotations

import os
from datetime import datetime, timedelta

from sendworthy.audit.alerts import (
    check_channels,
    read_channels,
)
from sendworthy.build.engines import choose_engine
from sendworthy.campaigns.compiler import check_fresh
from sendworthy.delivery.staging_folder import (
    only_writer,
    promote,
    unfinished,
)
from sendworthy.foundation import night_folders
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.errors import BuildError, SettingsError, StaleData
from sendworthy.foundation.project import Project
from sendworthy.landing.replay import find_replay
from sendworthy.landing.typed_drops import TypedDrops
from sendworthy.night.state import Night, NightOptions
from sendworthy.privacy.erasure import read_key
from sendworthy.settings.destinations import (
    load_destinations,
    refuse_foreign,
)
from sendworthy.settings.variables import check_variables
from sendworthy.warehouse import database_file
from sendworthy.warehouse.resource_failures import (
    places_of,
)

STALE_AFTER = timedelta(hours=36)


def prepare(night: Night) -> None:
    """Look at all that can be known to be wrong before anything is built, and finish the delivery of a night that was killed."""
    project, options = night.project, night.options
    with night.stages.step("settings", "checking the settings"):
        check_settings(project)
        night.channels = read_channels(project, os.environ)
        night.known = load_destinations(project.root)
        night.key = read_key(os.environ)
        check_places(project, options)
        if not options.raw.is_dir():
            raise SettingsError(f"the landing zone {options.raw} is no folder.", "name it with --raw.")
        night.engine = choose_engine(project, options.target, options.database)
        night.engine.check(options.raw)
        database_file.check_limits()
        night.notes += finish_delivery(options, night.started_at)
        night.replay = find_replay(options.database, options.as_of)
        if night.replay is not None:
            night.replay.refuse(options.acceptance)
            night.notes.append(night.replay.words)
        night.drops = None
        if night.replay is None and night.engine.drops is not None:
            night.drops = TypedDrops(project, options.raw, night.engine.drops, night.engine.packages)
            if options.full_refresh:
                night.drops.forget()


def check_settings(project: Project) -> None:
    """SettingsError with everything that is wrong with the seeds, or where the compiled seeds are older than the campaigns."""
    problems = [
        # the seeds are among it: no campaign compiles without them
        *check_fresh(project.root),
        *check_variables(project),
        *check_channels(project),
    ]
    if problems:
        raise SettingsError(
            "the settings are not in order; nothing was built.", "fix what is named above.", problems
        )


def check_places(project: Project, options: NightOptions) -> None:
    """SettingsError where the night could not write what it is going to write."""
    if options.database.is_dir():
        raise SettingsError(f"--db: {options.database} is a folder.", "name a file.")
    if options.as_of:
        # of a night without a name, it is seen when its lists are written
        refuse_foreign(options.out / f"{options.as_of:%Y-%m-%d}", load_destinations(project.root))
    places = places_of(options.database, options.out, options.docs, project.root)
    for option, folder in places.items():
        nearest = next(place for place in (folder, *folder.parents) if place.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK):
            why = "is no folder" if not nearest.is_dir() else "cannot be written to"
            fixes = {"--": "name another place.", "DB": "name another place, or unset the variable."}
            raise SettingsError(
                f"{option}: the folder {folder} cannot be used, because {nearest} {why}.",
                fixes.get(option[:2], f"see what {nearest} is, and move it away."),
            )
    tonight = options.as_of.date().isoformat() if options.as_of else ""
    for link in (path for folder in (options.out, options.docs) for path in night_folders.links(folder)):
        # of a night without a name, it is seen when its lists are written
        if link.name == tonight:
            raise SettingsError(
                f"{link} is a link, and the folder of a night has to be a folder.",
                "move what the link leads to there, or remove the link.",
            )


def finish_delivery(options: NightOptions, now: datetime) -> list[str]:
    """Deliver the lists of a night that was killed when it was published and they were not promoted yet; says so."""
    if not options.database.is_file() or not options.out.is_dir():
        return []
    with only_writer(options.out):
        try:
            with database_file.connect(options.database, read_only=True) as connection:
                left = unfinished(options.out, database_file.audited_run(connection))
        except BuildError:
            # it is said where the file is needed
            return []
        if left is None:
            return []
        staged, manifest = left
        night = str(manifest["as_of"])
        if manifest["as_of_source"] == "watermark" and not options.allow_stale:
            try:
                refuse_stale(parse_time(night, "as_of"), now)
            except BuildError:
                return [
                    f"the night of {night} was killed before its lists were in their place, and they are too old now: "
                    "its messages count as sent, and were not."
                ]
        folder = promote(staged)
    return [
        f"the night of {night} was killed before its lists were in their place: they are now, in {folder}."
    ]


def refuse_stale(as_of: datetime, now: datetime) -> None:
    """BuildError where the data's own watermark lies too far behind the wall clock."""
    behind = now - as_of
    if behind > STALE_AFTER:
        raise StaleData(
            f"the newest event is of the day before {as_of:%Y-%m-%d}, {behind.total_seconds() / 3600:,.0f} hours behind the clock; "
            "lists made from stale data greet people who left and miss those who bought. Nothing was published.",
            "see why the landing zone has nothing newer; if old data is meant, say --allow-stale, or name the night with --as-of.",
        )
