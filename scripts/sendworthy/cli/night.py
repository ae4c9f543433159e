"""A night, and what is taken back after it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from sendworthy.cli.options import (
    AllowStale,
    AsJson,
    Database,
    Destinations,
    MaxAgeHours,
    Out,
    ProjectDir,
    read_clock,
)
from sendworthy.cli.output import (
    failures,
    print_json,
    show_alerts,
    show_night,
)
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.console import err
from sendworthy.foundation.project import find_project


def nightly(
    project_dir: ProjectDir = None,
    raw: Annotated[
        Path | None, typer.Option("--raw", help="The landing zone. Default: data/sample in the project.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            help="The night's logical time, UTC. Default: the first midnight after the newest valid event, or the last midnight where that is earlier.",
        ),
    ] = None,
    db: Database = None,
    out_dir: Out = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="The dbt target of profiles.yml. Default: the profile's own."),
    ] = None,
    destination: Destinations = None,
    docs: Annotated[
        Path | None,
        typer.Option(
            "--docs", help="Where the Data Docs go, one folder per night. Default: data_docs/ in the project."
        ),
    ] = None,
    allow_stale: AllowStale = False,
    full_refresh: Annotated[
        bool,
        typer.Option(
            "--full-refresh",
            help="Read every file again, also those of which an earlier night has kept the rows.",
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            help="A campaign to release although limits hold it back; may be repeated. Needs --reason. It is recorded.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="With --accept: why it may go out.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="With --accept: who says so. Default: your account's name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole night: build, audit, export, publish."""
    from sendworthy.audit.overrides import read_acceptance
    from sendworthy.foundation.progress import Stages
    from sendworthy.night.failure_alert import FailureAlert
    from sendworthy.night.run import run_night
    from sendworthy.night.state import NightOptions
    from sendworthy.settings.destinations import choose_destinations

    alert = FailureAlert()
    with failures(as_json, alert.send):
        project = alert.project = find_project(project_dir)
        alert.database = project.resolve(db, "sendworthy.duckdb")
        options = NightOptions(
            raw=project.resolve(raw, "data/sample"),
            database=alert.database,
            out=project.resolve(out_dir, "out"),
            docs=project.resolve(docs, "data_docs"),
            as_of=parse_time(as_of, "--as-of") if as_of else None,
            target=target,
            destinations=choose_destinations(project, destination or []),
            allow_stale=allow_stale,
            acceptance=read_acceptance(project, accept or [], reason, by),
            full_refresh=full_refresh,
        )
        alert.as_of = options.as_of
        result = run_night(project, options, Stages(err))
        if as_json:
            print_json(
                {
                    **result.run,
                    "campaigns": result.campaigns,
                    "manifest": str(result.manifest),
                    "stages": result.stages,
                    "sources": result.sources,
                    "input_problems": result.input_problems,
                    "warnings": result.warnings,
                    "alerts": [asdict(alert) for alert in result.alerts],
                    "data_docs": str(result.docs) if result.docs else None,
                }
            )
        else:
            show_night(result, options.database)
        show_alerts(result.alerts)
        raise typer.Exit(result.exit_code)


def cancellations(
    project_dir: ProjectDir = None,
    raw: Annotated[
        Path | None, typer.Option("--raw", help="The landing zone. Default: data/sample in the project.")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help="The time, UTC. Messages due at or after it can be taken back; only what happened before it counts. Default: the clock.",
        ),
    ] = None,
    db: Database = None,
    out_dir: Out = None,
    destination: Destinations = None,
    max_age_hours: MaxAgeHours = 36,
    as_json: AsJson = False,
) -> None:
    """Take back messages that must not go out any more: read what has landed since the night, and list those that are not due yet."""
    from sendworthy.cli.output import show_taken_back
    from sendworthy.foundation.progress import Stages
    from sendworthy.night.cancellations import Wanted, as_dict, take_back
    from sendworthy.settings.destinations import choose_destinations

    with failures(as_json):
        project = find_project(project_dir)
        wanted = Wanted(
            raw=project.resolve(raw, "data/sample"),
            database=project.resolve(db, "sendworthy.duckdb"),
            out=project.resolve(out_dir, "out"),
            now=read_clock(now),
            max_age=timedelta(hours=max_age_hours),
            destinations=choose_destinations(project, destination or []),
        )
        taken = take_back(project, wanted, Stages(err))
        if as_json:
            print_json(as_dict(taken))
        else:
            show_taken_back(taken)
