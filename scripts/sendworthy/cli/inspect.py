"""Questions about a published night."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sendworthy.cli.options import (
    AsJson,
    Database,
    Now,
    ProjectDir,
    read_clock,
)
from sendworthy.cli.output import (
    failures,
    print_json,
    show_coverage,
    show_experiments,
    show_explained,
    show_power,
    show_preview,
    show_report,
)
from sendworthy.foundation.clock import iso, parse_time
from sendworthy.foundation.console import err, warning
from sendworthy.foundation.project import find_project

if TYPE_CHECKING:
    from sendworthy.inspect.coverage import Coverage
    from sendworthy.inspect.report import Report

Facts = TypeVar("Facts", "Coverage", "Report")


def explain(
    user: Annotated[str, typer.Argument(help="The user's id.")],
    campaign: Annotated[
        str | None, typer.Argument(help="One campaign's id. Default: every campaign.")
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    night: Annotated[
        str | None,
        typer.Option("--night", help="An older night, from the ledger. Default: the published one."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Explain why a user gets, or does not get, each message: the decision, and every reason in words."""
    from sendworthy.inspect.explain import explain as explain_user

    with failures(as_json):
        project = find_project(project_dir)
        as_of, explained = explain_user(
            project.resolve(db, "sendworthy.duckdb"),
            user,
            campaign,
            parse_time(night, "--night") if night else None,
        )
        if as_json:
            print_json(
                {"user_id": user, "as_of": iso(as_of), "campaigns": [asdict(item) for item in explained]}
            )
        else:
            show_explained(user, as_of, explained)


def coverage(
    campaign: Annotated[
        str | None, typer.Argument(help="One campaign's id. Default: every campaign.")
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show what keeps people from the personalized variant: how often each merge field is blank, and what filling it would do."""
    from sendworthy.inspect.coverage import coverage as coverage_of

    _show_campaigns(coverage_of, show_coverage, campaign, project_dir, db, as_json)


def report(
    campaign: Annotated[
        str | None, typer.Argument(help="One campaign's id. Default: every campaign that has results.")
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """What campaigns have brought about: conversions against control, and whether to ship, keep going or stop."""
    from sendworthy.inspect.report import REASONS
    from sendworthy.inspect.report import report as report_of

    _show_campaigns(report_of, partial(show_report, reasons=REASONS), campaign, project_dir, db, as_json)


def power(
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    effect: Annotated[
        float | None,
        typer.Option(
            "--effect",
            min=0.01,
            max=100,
            help="An effect on those who get the message, in percentage points: 2 is two more in a hundred.",
        ),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--rate",
            min=0.01,
            max=99.99,
            help="The success rate without the message, in percent. Default: the one that was seen.",
        ),
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """How small an effect of a campaign can be detected by when, and what share of control would do it in 14 nights."""
    from sendworthy.inspect.power import power as power_of

    with failures(as_json):
        as_of, found = power_of(
            find_project(project_dir).resolve(db, "sendworthy.duckdb"),
            campaign,
            effect=effect and effect / 100,
            rate=rate and rate / 100,
        )
        if as_json:
            print_json({"as_of": iso(as_of), **asdict(found)})
        else:
            show_power(as_of, found)


def experiments(
    project_dir: ProjectDir = None,
    db: Database = None,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """List the experiments: which are due for a decision, which run and how long, and what was learned. The day is that of the published night, or the clock's where there is no night yet."""
    from sendworthy.campaigns.compiler import check_fresh
    from sendworthy.inspect.experiments import as_dict, list_experiments
    from sendworthy.warehouse import database_file

    with failures(as_json):
        project = find_project(project_dir)
        database = project.resolve(db, "sendworthy.duckdb")
        # what is planned can be listed before the first night
        if db is not None or database.is_file():
            database_file.open_published(database)
        calendar = list_experiments(project, database if database.is_file() else None, read_clock(now))
        if check_fresh(project.root):
            warning(
                "campaigns/ has changed since it was compiled, and this is what it was: run sendworthy compile"
            )
        if as_json:
            print_json(as_dict(calendar))
        else:
            show_experiments(calendar)


def _show_campaigns(
    read: Callable[[Path, str | None], tuple[datetime, list[Facts]]],
    show: Callable[[datetime, list[Facts]], None],
    campaign: str | None,
    project_dir: Path | None,
    db: Path | None,
    as_json: bool,
) -> None:
    """Read what the published file says of one campaign, or of all, and print it."""
    with failures(as_json):
        as_of, campaigns = read(find_project(project_dir).resolve(db, "sendworthy.duckdb"), campaign)
        if as_json:
            print_json({"as_of": iso(as_of), "campaigns": [asdict(item) for item in campaigns]})
        else:
            show(as_of, campaigns)


def preview(
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    user: Annotated[
        str | None,
        typer.Option(
            "--user", help="A user of the published file. Default: a made-up user, with nothing personal."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", help="The page to write. Default: target/preview/<campaign>.html in the project."
        ),
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    open_it: Annotated[bool, typer.Option("--open", help="Show the page in the browser.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what would go out: a page with each variant of a campaign, rendered for a user."""
    from sendworthy.inspect.preview import preview as preview_campaign
    from sendworthy.inspect.preview import verdicts
    from sendworthy.inspect.preview_page import write_page
    from sendworthy.warehouse import database_file

    with failures(as_json):
        project = find_project(project_dir)
        database = project.resolve(db, "sendworthy.duckdb")
        # a made-up user needs no night
        if user is not None or db is not None or database.is_file():
            database_file.open_published(database)
        shown = preview_campaign(project, campaign, user, database if database.is_file() else None)
        page = project.resolve(output, f"target/preview/{campaign}.html")
        write_page(shown, page)
        if as_json:
            print_json({"page": str(page), **verdicts(shown)})
        else:
            show_preview(shown, page)
        if open_it and typer.launch(page.as_uri()) != 0:
            err.print("no browser could be opened; open the page yourself.")
