"""Writes the lists of the published night again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.missing_fields import find_missing_fields
from sendworthy.delivery.deltas import record_changes, work_out_again
from sendworthy.delivery.export import stage_lists
from sendworthy.delivery.staging_folder import (
    night_folder,
    only_writer,
)
from sendworthy.foundation.clock import parse_time, utc_now
from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.night.preparation import refuse_stale
from sendworthy.night.publishing import deliver
from sendworthy.night.recording import read_sources
from sendworthy.settings.destinations import (
    Destination,
    load_destinations,
    refuse_foreign,
    refuse_to_lose,
    with_others,
)
from sendworthy.warehouse import database_file


def reexport(
    project: Project,
    database: Path,
    out: Path,
    chosen: Sequence[Destination],
    allow_stale: bool,
    resync: bool = False,
) -> Path:
    """Write the lists of the published night once more, for the chosen destinations and those that its folder has lists of.

    Returns the manifest's path. `resync`: with changes that take nothing for granted of what the chosen destinations hold, which
    is remembered.
    """
    database_file.open_published(database)
    # a night at work may just be taking somebody out of these lists
    with database_file.only_night(database):
        with database_file.connect(database, read_only=True) as connection:
            run, campaigns = _read_run(connection, database, allow_stale)
            known, folder = load_destinations(project.root), night_folder(out, run)
            refuse_foreign(folder, known)
            refuse_to_lose(folder, known)
            destinations = with_others(chosen, known, folder)
            _needs_models(connection, destinations)
            _needs_fields(connection, destinations)
        as_of = parse_time(run["as_of"], "as_of")
        build = database_file.copy_published(database) if resync else None
        with only_writer(out):
            with database_file.connect(build or database, read_only=build is None) as connection:
                if build:
                    record_changes(connection, chosen, campaigns, as_of, resync=True)
                    database_file.record_details(connection, run["run_id"], campaigns)
                again = destinations[len(chosen) :] if build else destinations
                work_out_again(connection, again, campaigns, as_of)
                staged = stage_lists(connection, destinations, out, run, campaigns)
            if build:
                database_file.publish(build, database)
            return deliver(staged)


def _read_run(
    connection: duckdb.DuckDBPyConnection, database: Path, allow_stale: bool
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The run of the published night, and its campaigns, as the manifest has them; an error where it must not be exported."""
    run_id = database_file.audited_run(connection)
    if run_id is None:
        raise SettingsError(
            f"{database} was built by dbt alone: its lists have not been audited.",
            "run `sendworthy nightly`; only audited lists are exported.",
        )
    recorded = database_file.rows(
        connection,
        "select as_of, as_of_source, run, details from ops.runs where run_id = ? order by campaign_id",
        [run_id],
    )
    if recorded[0]["as_of_source"] == "watermark" and not allow_stale:
        refuse_stale(recorded[0]["as_of"], utc_now())
    campaigns = [json.loads(row["details"]) for row in recorded]
    run = {**json.loads(recorded[0]["run"]), "sources": read_sources(connection)}
    return run, campaigns


def _needs_models(connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> None:
    """SettingsError where the published night does not have the lists of a destination: it is younger than the night."""
    built = {
        row["name"]
        for row in database_file.rows(
            connection,
            "select table_name as name from information_schema.tables where table_schema = 'exports'",
        )
    }
    for destination in destinations:
        if destination.model.partition(".")[2] not in built:
            raise SettingsError(
                f"the published night has no lists for {destination.name}: it was built before the destination was added.",
                "run `sendworthy nightly` once more, or leave it out with --destination.",
            )


def _needs_fields(connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> None:
    """SettingsError where a destination lacks a field that a message prints: one that no night has written lists for."""
    problems = [
        Problem(campaign, failed.expectation, f"this does not hold: {failed.words}.", f"{failed.fix}.")
        for campaign, found in sorted(find_missing_fields(connection, destinations).items())
        for failed in found
    ]
    if problems:
        raise SettingsError(
            "messages print fields that their destinations do not get; nothing was written.",
            "correct what is named above, and run the night again.",
            problems,
        )
