"""Retention: removing what is too old."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from sendworthy.cli.options import (
    AsJson,
    Database,
    Out,
    ProjectDir,
)
from sendworthy.cli.output import (
    failures,
    print_json,
    show_removed,
)
from sendworthy.foundation.clock import parse_time, utc_now
from sendworthy.foundation.project import find_project


def retention(
    project_dir: ProjectDir = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")
    ] = False,
    db: Database = None,
    out_dir: Out = None,
    docs: Annotated[
        Path | None,
        typer.Option("--docs", help="Where the Data Docs are. Default: data_docs/ in the project."),
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help="The time, UTC, that ages are counted from. Default: the newest night, and the clock for logs and previews.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Remove what is older than seeds/retention.csv allows: lists, Data Docs, ledger rows, logs, previews."""
    from sendworthy.privacy.retention import Places, retain

    with failures(as_json):
        project = find_project(project_dir)
        places = Places(
            project,
            project.resolve(db, "sendworthy.duckdb"),
            project.resolve(out_dir, "out"),
            project.resolve(docs, "data_docs"),
        )
        removed = retain(places, parse_time(now, "--now") if now else None, utc_now(), dry_run)
        if as_json:
            print_json({"dry_run": dry_run, "removed": [asdict(item) for item in removed]})
        else:
            show_removed(removed, dry_run)
