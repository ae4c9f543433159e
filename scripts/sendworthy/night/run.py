"""One night, from the landing zone to the lists: its stages, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.alerts import (
    SentAlerts,
    send_alerts,
)
from sendworthy.delivery.export import stage_lists
from sendworthy.delivery.manifest import UnknownForm, read_manifest
from sendworthy.delivery.staging_folder import (
    MANIFEST,
    night_folder,
    only_writer,
)
from sendworthy.foundation import interrupts
from sendworthy.foundation.clock import utc_now
from sendworthy.foundation.errors import BuildError, Interrupted
from sendworthy.foundation.interrupts import is_interrupt
from sendworthy.foundation.progress import Stages
from sendworthy.foundation.project import Project
from sendworthy.night.building import build
from sendworthy.night.preparation import prepare
from sendworthy.night.publishing import erase_elsewhere, publish, remove_unused
from sendworthy.night.recording import record, release
from sendworthy.night.state import Night, NightOptions, NightResult
from sendworthy.settings.destinations import (
    refuse_foreign,
    with_others,
)
from sendworthy.warehouse import database_file
from sendworthy.warehouse.resource_failures import (
    machine_failures,
    places_of,
)


def run_night(project: Project, options: NightOptions, stages: Stages) -> NightResult:
    """Run the whole night, alone. SettingsError or BuildError leave what was published as it was."""
    run: dict[str, Any] = {}
    with interruptions(options, run):
        places = places_of(options.database, options.out, options.docs, project.root)
        with (
            database_file.only_night(options.database) as lock,
            machine_failures(places, lambda: database_file.forget_build(options.database)),
        ):
            night = Night(project, options, stages, lock, run, utc_now())
            result = _run(night)
        # the next night need not wait for it
        if night.alerts and night.channels:
            with stages.step("alert", "sending alerts"):
                result.alerts = send_alerts(night.alerts, night.channels, SentAlerts(options.database))
            result.stages = [asdict(stage) for stage in stages.done]
        return result


def _run(night: Night) -> NightResult:
    """The stages, one after the other."""
    prepare(night)
    build(night)
    with only_writer(night.options.out):
        # the folder of an earlier run of the night is replaced as a whole
        folder = night_folder(night.options.out, night.run)
        refuse_foreign(folder, night.known)
        destinations = with_others(night.options.destinations, night.known, folder)
        with (
            night.stages.step("export", "writing the lists"),
            database_file.connect(night.build) as connection,
        ):
            release(night, connection, destinations)
            record(night, connection, destinations)
            # in full, into the staging folder, before anything counts as sent: a full disk ends the night here
            run = {**night.run, "sources": night.sources}
            night.staged_lists = stage_lists(
                connection, destinations, night.options.out, run, night.campaigns
            )
        publish(night)
        erase_elsewhere(night)
    remove_unused(night)
    return _result(night)


def _result(night: Night) -> NightResult:
    if night.channels.lacks:
        night.warnings.append(
            f"alerts: {night.channels.lacks} is not set in the environment, so nobody is alerted there."
        )
    return NightResult(
        night.run,
        night.campaigns,
        night.manifest,
        [asdict(stage) for stage in night.stages.done],
        night.sources,
        night.input_problems,
        night.notes + night.warnings,
        docs=night.gate.docs_index,
    )


@contextmanager
def interruptions(options: NightOptions, run: Mapping[str, Any]) -> Iterator[None]:
    """Interrupted, where somebody interrupts the night: with what has happened, which the files say; `run` is filled meanwhile."""
    try:
        yield
    except BaseException as error:
        if not is_interrupt(error):
            raise
        interrupts.ignore()
        raise _interrupted(options, run) from None


def _interrupted(options: NightOptions, run: Mapping[str, Any]) -> Interrupted:
    if not run or not _is_published(options.database, run["run_id"]):
        return Interrupted(
            "interrupted: nothing was published, and what was published before is as it was.",
            "run the night again.",
        )
    folder = options.out / str(run["as_of"])[:10]
    if not _is_delivered(folder, run["run_id"]):
        return Interrupted(
            f"interrupted: the night is published and its messages count as sent, but its lists are not in {folder} yet.",
            "run `sendworthy export`, or the next night: either puts them there.",
        )
    return Interrupted(
        f"interrupted: the night is published and its lists are in {folder}; they may be sent. Erasing people from older lists "
        "and alerts may not have been done.",
        "the next night does what is missing, but for alerts: the manifest says which campaigns are held back.",
    )


def _is_published(database: Path, run_id: str) -> bool:
    try:
        with database_file.connect(database, read_only=True) as connection:
            return database_file.audited_run(connection) == run_id
    except (BuildError, duckdb.Error):
        return False


def _is_delivered(folder: Path, run_id: str) -> bool:
    try:
        return read_manifest(folder / MANIFEST)[0].run_id == run_id
    except (OSError, UnknownForm):
        return False
