"""Campaign folders: begin one, compile them, check them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from sendworthy.cli.options import (
    AsJson,
    Database,
    ProjectDir,
    given_options,
)
from sendworthy.cli.output import (
    failures,
    print_json,
    show_warnings,
)
from sendworthy.foundation.console import new_bar, out, styled
from sendworthy.foundation.errors import EXIT_HELD_BACK, SettingsError
from sendworthy.foundation.project import Project, find_project


def new_campaign_command(
    kind: Annotated[
        str | None,
        typer.Option(
            "--kind",
            help="What it is for: win_back, newsletter, abandoned_cart, or another line of seeds/kinds.csv.",
        ),
    ] = None,
    channel: Annotated[str | None, typer.Option("--channel", help="email, sms or push.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="The team that answers for it.")] = None,
    escalation_contact: Annotated[
        str | None, typer.Option("--escalation-contact", help="Who gets the alert when it is held back.")
    ] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="The audience. Default: everyone.")] = None,
    trigger_event: Annotated[
        str | None, typer.Option("--trigger-event", help="The event that starts it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="The name that people read in reports.")] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--suffix", help="Sets it apart from another campaign of the same kind, audience and channel."
        ),
    ] = None,
    topic: Annotated[str | None, typer.Option("--topic", help="What a user can opt out of.")] = None,
    goal: Annotated[str | None, typer.Option("--goal", help="What it is for.")] = None,
    success_event: Annotated[
        str | None, typer.Option("--success-event", help="The event that shows that it worked.")
    ] = None,
    drawbacks: Annotated[str | None, typer.Option("--drawbacks", help="What it costs or risks.")] = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Start a campaign: a folder with the rules of its kind, and two templates to write. Asks for what is not given."""
    from sendworthy.campaigns.scaffold import new_campaign

    with failures(as_json):
        project = find_project(project_dir)
        answers = {"kind": kind, "channel": channel, "owner": owner, "escalation_contact": escalation_contact}
        for key, value in answers.items():
            if value is None:
                if not sys.stdin.isatty():
                    raise SettingsError(
                        f"--{key.replace('_', '-')} is missing.",
                        "give it, or run the command in a terminal, where it asks.",
                    )
                answers[key] = typer.prompt(key.replace("_", " "))
        folder = new_campaign(
            project.root,
            kind=str(answers["kind"]),
            channel=str(answers["channel"]),
            owner=str(answers["owner"]),
            escalation_contact=str(answers["escalation_contact"]),
            **given_options(
                name=name,
                segment=segment,
                trigger_event=trigger_event,
                suffix=suffix,
                topic=topic,
                goal=goal,
                drawbacks=drawbacks,
                success_event=success_event,
            ),
        )
        if as_json:
            print_json({"campaign_id": folder.name, "folder": str(folder)})
        else:
            out.print(f"{folder} is there. Replace each TODO in it, then: sendworthy compile")


def compile(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Check every campaign and its templates, and write them to seeds/compiled/."""
    from sendworthy.campaigns.compiler import compile_project

    with failures(as_json):
        result = compile_project(find_project(project_dir).root)
        if as_json:
            print_json(asdict(result))
        else:
            out.print(f"{result.campaigns} campaigns with {result.variants} variants are in order.")
            show_warnings(result.warnings)
            for name in result.changed:
                out.print(f"  wrote {name}")
            if not result.changed:
                out.print("  nothing has changed.")


class Render(str, Enum):
    """Which messages `validate` renders."""

    KINDS = "kinds"
    EVERY = "every"


def validate(
    project_dir: ProjectDir = None,
    render: Annotated[
        Render | None,
        typer.Option(
            "--render",
            help="Also render the messages of the published lists: one of each kind, as the audit does, or every one.",
        ),
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Check the settings (campaigns, templates, seeds) and that seeds/compiled/ is fresh. Writes nothing."""
    from sendworthy.campaigns.compiler import campaign_warnings
    from sendworthy.night.preparation import check_settings

    with failures(as_json):
        project = find_project(project_dir)
        check_settings(project)
        warnings = campaign_warnings(project.root)
        result: dict[str, Any] = {"problems": [], "warnings": [asdict(warning) for warning in warnings]}
        if not as_json:
            show_warnings(warnings)
            out.print("The settings are in order.")
        faults: Mapping[str, Any] = {}
        if render:
            faults = show_rendering(
                project, project.resolve(db, "sendworthy.duckdb"), render, result, as_json
            )
        if as_json:
            print_json(result)
    if faults:
        raise typer.Exit(EXIT_HELD_BACK)


def show_rendering(
    project: Project, database: Path, render: Render, result: dict[str, Any], as_json: bool
) -> Mapping[str, Any]:
    """Render the published messages, print what came of it (or put it into `result`), and return the faults by campaign."""
    from sendworthy.audit.render_all import render_every
    from sendworthy.audit.render_check import describe_faults, load_messages
    from sendworthy.audit.render_patterns import prove_lists
    from sendworthy.warehouse import database_file
    from sendworthy.warehouse.list_reader import DuckdbLists

    database_file.open_published(database)
    if render is Render.KINDS:
        with DuckdbLists(database) as lists:
            proof = prove_lists(lists, load_messages(project))
        faults: Mapping[str, Any] = proof.faults
        result["rendered"] = {"kinds": proof.patterns, "messages": None}
    else:
        with new_bar(as_json) as bar:
            task = bar.add_task("rendering every message", total=None)
            rendered, proof = render_every(
                database, project, lambda done, count: bar.update(task, completed=done, total=count)
            )
        faults = rendered.faults
        result["rendered"] = {"kinds": proof.patterns, "messages": rendered.messages}
    result["faults"] = {
        campaign: describe_faults(found, len(found)) for campaign, found in sorted(faults.items())
    }
    if not as_json:
        many = (
            ""
            if result["rendered"]["messages"] is None
            else f" All {result['rendered']['messages']:,} were rendered."
        )
        out.print(f"The published messages are of {proof.patterns:,} kinds.{many}")
        for lines in result["faults"].values():
            for line in lines:
                out.print(styled("fault", "red"), line)
        if not faults:
            out.print("None shows a blank, a tag that is not filled in, or an empty or too long subject.")
    return faults
