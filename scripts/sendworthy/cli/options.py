"""Options that several commands have, and how they are read."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from sendworthy.foundation.clock import parse_time, utc_now

ProjectDir = Annotated[
    Path | None, typer.Option("--project-dir", help="The project's folder. Default: the current directory.")
]
Database = Annotated[
    Path | None,
    typer.Option("--db", help="The published DuckDB file. Default: sendworthy.duckdb in the project."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Where the lists go, a folder a night. Default: out/ in the project."),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on standard output, for machines.")
]
Destinations = Annotated[
    list[str] | None,
    typer.Option(
        "--destination",
        help="A destination to write lists for; may be repeated. Default: the variable destinations of dbt_project.yml.",
    ),
]
MaxAgeHours = Annotated[
    float,
    typer.Option(
        "--max-age-hours", help="How far the night may lie behind the clock, or behind --now.", min=0
    ),
]
Now = Annotated[
    str | None,
    typer.Option("--now", help="What the clock shows, UTC: for tests and replays. Default: it is looked at."),
]
AllowStale = Annotated[
    bool,
    typer.Option(
        "--allow-stale", help="Old data is meant: do not refuse a watermark over 36 hours behind the clock."
    ),
]


def read_clock(now: str | None) -> datetime:
    """What the clock shows, or what --now says that it does."""
    return parse_time(now, "--now") if now else utc_now()


def given_options(**options: str | None) -> dict[str, Any]:
    """The options that were given."""
    return {key: value for key, value in options.items() if value is not None}
