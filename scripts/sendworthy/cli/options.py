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
    typer.Option("--out", help="Where the lists go, one folder per night. Default: out/ in the project."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output.")]
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
        "--max-age-hours", help="How many hours the night may be behind the clock, or behind --now.", min=0
    ),
]
Now = Annotated[
    str | None,
    typer.Option(
        "--now", help="What the clock shows, UTC: for tests and replays. Default: the machine's clock."
    ),
]
AllowStale = Annotated[
    bool,
    typer.Option(
        "--allow-stale", help="Accept old data, even if the watermark is more than 36 hours behind the clock."
    ),
]


def read_clock(now: str | None) -> datetime:
    """What the clock shows, or what --now says that it does."""
    return parse_time(now, "--now") if now else utc_now()


def given_options(**options: str | None) -> dict[str, Any]:
    """The options that were given."""
    return {key: value for key, value in options.items() if value is not None}
