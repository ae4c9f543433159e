"""Lists after a night: written again, verified, pushed to a vendor."""

from __future__ import annotations

import json
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
    Now,
    Out,
    ProjectDir,
    read_clock,
)
from sendworthy.cli.output import (
    failures,
    print_json,
    show_verified,
)
from sendworthy.foundation.console import out
from sendworthy.foundation.errors import EXIT_HELD_BACK, EXIT_OK
from sendworthy.foundation.project import find_project


def export(
    project_dir: ProjectDir = None,
    db: Database = None,
    out_dir: Out = None,
    destination: Destinations = None,
    resync: Annotated[
        bool,
        typer.Option(
            "--resync",
            help="Write changes that assume nothing about what a destination holds: complete rows, and everybody removed who is not on a list.",
        ),
    ] = False,
    allow_stale: AllowStale = False,
    as_json: AsJson = False,
) -> None:
    """Write the lists of the published night again."""
    from sendworthy.night.reexport import reexport
    from sendworthy.settings.destinations import choose_destinations

    with failures(as_json):
        project = find_project(project_dir)
        manifest = reexport(
            project,
            project.resolve(db, "sendworthy.duckdb"),
            project.resolve(out_dir, "out"),
            choose_destinations(project, destination or []),
            allow_stale,
            resync,
        )
        if as_json:
            print_json(json.loads(manifest.read_text(encoding="utf-8")))
        else:
            files = [
                file
                for campaign in json.loads(manifest.read_text(encoding="utf-8"))["campaigns"]
                for file in campaign["files"]
            ]
            out.print(
                f"{len(files)} lists with {sum(file['rows'] for file in files):,} rows; the manifest is {manifest}"
            )


def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            help="A night's folder, with its manifest.json; or the folder of --out: its newest night."
        ),
    ],
    db: Annotated[
        Path | None,
        typer.Option(
            "--db",
            help="The published DuckDB file. The lists are compared with it: run, ledger, suppressions and caps.",
        ),
    ] = None,
    max_age_hours: MaxAgeHours = 36,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Check delivered lists before they are sent: whole, unchanged, of one night, and not out of date. Exit code 3: do not send them."""
    from sendworthy.delivery.verify import as_dict
    from sendworthy.delivery.verify import verify as verify_night

    with failures(as_json):
        verified = verify_night(
            folder.expanduser().resolve(),
            read_clock(now),
            timedelta(hours=max_age_hours),
            db.expanduser().resolve() if db else None,
        )
        if as_json:
            print_json(as_dict(verified))
        else:
            show_verified(verified)
        raise typer.Exit(verified.exit_code)


def push(
    destination: Annotated[
        str,
        typer.Option("--destination", help="A destination that takes requests, such as braze_track."),
    ],
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Send. Without it, nothing is sent; the counts are shown.")
    ] = False,
    out_dir: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A night's folder, one of its cancellations, or the folder of nights: its newest one. Default: out/ in the project.",
        ),
    ] = None,
    campaign: Annotated[
        list[str] | None,
        typer.Option(
            "--campaign", help="A campaign to push; may be repeated. Default: all that were released."
        ),
    ] = None,
    resync: Annotated[
        bool,
        typer.Option("--resync", help="Push whole lists, even if the night has files of changes."),
    ] = False,
    db: Annotated[
        Path | None,
        typer.Option("--db", help="The published DuckDB file. The lists are compared with it first."),
    ] = None,
    max_age_hours: MaxAgeHours = 36,
    now: Now = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Send a night's verified lists to an ESP's API, batch by batch. After an interruption, a rerun continues where it stopped."""
    import os

    from sendworthy.cli import output_push
    from sendworthy.push.plan import Options, make_plan
    from sendworthy.push.sender import push as push_night
    from sendworthy.settings.destinations import choose_destinations

    with failures(as_json):
        project = find_project(project_dir)
        (chosen,) = choose_destinations(project, [destination])
        options = Options(
            project.resolve(out_dir, "out"),
            read_clock(now),
            timedelta(hours=max_age_hours),
            db.expanduser().resolve() if db else None,
            campaign or [],
            resync,
        )
        if not confirm:
            plan = make_plan(chosen, options)
            print_json(output_push.plan_as_dict(plan)) if as_json else output_push.show_plan(plan)
            raise typer.Exit(EXIT_HELD_BACK if plan.refused else EXIT_OK)
        with output_push.Bar(as_json) as bar:
            result = push_night(chosen, options, os.environ, bar)
        print_json(output_push.result_as_dict(result)) if as_json else output_push.show_result(result)
        raise typer.Exit(result.exit_code)
