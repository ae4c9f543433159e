"""Data that comes in: made up, or reported by vendors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sendworthy.cli.options import (
    AsJson,
    Now,
    ProjectDir,
    read_clock,
)
from sendworthy.cli.output import (
    failures,
    print_json,
)
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.console import new_table, out, working
from sendworthy.foundation.project import find_project


def sample(
    users: Annotated[int, typer.Option("--users", help="How many people.", min=1)] = 1500,
    days: Annotated[int, typer.Option("--days", help="How many days of history.", min=1)] = 90,
    seed: Annotated[
        int, typer.Option("--seed", help="The same seed gives the same files, byte for byte.")
    ] = 7,
    out_dir: Annotated[
        Path, typer.Option("--out", help="An empty or new folder for the landing zone.")
    ] = Path("landing"),
    until: Annotated[
        str, typer.Option("--until", help="The data ends just before this time (UTC).")
    ] = "2026-06-01",
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Make raw data of any size, with the mess that real data has."""
    from sendworthy.sample.generator import make_sample

    with failures(as_json):
        project = find_project(project_dir)
        places = project.root / "seeds" / "places.csv"
        with working("making the sample …") as update:
            rows = make_sample(
                out_dir.expanduser().resolve(),
                users,
                days,
                seed,
                parse_time(until, "--until"),
                project.compiled_campaigns,
                update,
                places_csv=places if places.is_file() else None,
            )
        if as_json:
            print_json({"out": str(out_dir), "rows": rows})
        else:
            table = new_table("table", numbers=("rows",), title=f"landing zone {out_dir}")
            for name, count in rows.items():
                table.add_row(name, f"{count:,}")
            out.print(table)
            out.print(f"Run it: sendworthy nightly --raw {out_dir} --as-of {until}")


def ingest(
    source: Annotated[
        str,
        typer.Option(
            "--from", help="The source: braze, customerio, klaviyo, listmonk, mailchimp or sendgrid."
        ),
    ],
    raw: Annotated[Path, typer.Option("--raw", help="The landing zone to land the reports in.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of reports, or folders of them. gzip is fine. Without any, what earlier runs kept is read again."
        ),
    ] = None,
    db: Annotated[
        Path | None,
        typer.Option(
            "--db",
            help="The published DuckDB file, to look up dispatches and addresses. Default: sendworthy.duckdb in the project, if it is there.",
        ),
    ] = None,
    landed_on: Annotated[
        str | None, typer.Option("--landed-on", help="The date of the drop. Default: today (UTC).")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count only; write nothing.")] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again", help="Read files that have landed before again, and replace what they landed."
        ),
    ] = False,
    now: Now = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Land what an ESP reports (sent, opened, bounced, ...) as rows of message_events in the landing zone.

    Exit code 4: reports that stop messages could not be landed, and are kept for the next run.
    """
    from sendworthy.cli.output_ingest import as_dict, show_ingested
    from sendworthy.ingest import ingest as ingest_files
    from sendworthy.warehouse import database_file

    with failures(as_json):
        project = find_project(project_dir)
        database, clock = project.resolve(db, "sendworthy.duckdb"), read_clock(now)
        with working("reading the reports …"):
            ingested = ingest_files(
                project,
                source,
                [path.expanduser().resolve() for path in files or []],
                raw.expanduser().resolve(),
                database_file.open_published(database) if db or database.is_file() else None,
                parse_time(landed_on, "--landed-on").date() if landed_on else clock.date(),
                clock,
                dry_run=dry_run,
                again=again,
            )
        if as_json:
            print_json(as_dict(ingested))
        else:
            show_ingested(ingested)
        raise typer.Exit(ingested.exit_code)
