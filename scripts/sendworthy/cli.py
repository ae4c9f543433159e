"""The command line: what people type."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from sendworthy.child import leave_no_garbage
from sendworthy.console import err, new_bar, new_table, out, styled, working
from sendworthy.errors import EXIT_HELD_BACK, EXIT_INTERRUPTED, EXIT_OK, EXIT_USAGE, SettingsError
from sendworthy.foundation import interrupts
from sendworthy.private import keep_to_owner
from sendworthy.project import Project, find_project
from sendworthy.show import (
    failures,
    print_json,
    show_alerts,
    show_coverage,
    show_explained,
    show_night,
    show_preview,
    show_removed,
    show_verified,
    show_warnings,
)
from sendworthy.times import iso, parse_time, utc_now

app = typer.Typer(
    help="Decides, every night, who should get which message and who must not and why, and hands an ESP lists in which no merge field is blank.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 all campaigns released; 1 the build failed, nothing published; 2 bad usage or settings; 3 campaigns were held back, or lists must not be sent; 4 reports that stop messages could not be landed, or a vendor has not confirmed rows; 130 interrupted.",
)
cluster_app = typer.Typer(
    help="A small Spark cluster on this machine, to try out what a night does on one (`nightly --target spark_cluster`).",
    no_args_is_help=True,
)
app.add_typer(cluster_app, name="cluster")

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


# what these write is the project's sources, which a team shares, or made-up data
FOR_EVERYBODY = {"compile", "new-campaign", "sample"}


@app.callback()
def begin(context: typer.Context) -> None:
    """Before any command: see that what it writes about people is readable by its owner only."""
    if context.invoked_subcommand not in FOR_EVERYBODY:
        keep_to_owner()


@app.command()
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
            "--docs", help="Where the Data Docs go, a folder a night. Default: data_docs/ in the project."
        ),
    ] = None,
    allow_stale: AllowStale = False,
    full_refresh: Annotated[
        bool,
        typer.Option(
            "--full-refresh",
            help="Read every drop anew, and forget what earlier nights have kept of old ones.",
        ),
    ] = False,
    accept: Annotated[
        list[str] | None,
        typer.Option(
            "--accept",
            help="A campaign to release although limits hold it back; may be repeated. Needs --reason, and is recorded.",
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="With --accept: why it may go out.")] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="With --accept: who says so. Default: your account's name.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run the whole night: build, audit, export, publish."""
    from sendworthy.acceptance import read_acceptance
    from sendworthy.destinations import choose_destinations
    from sendworthy.night import NightOptions, run_night
    from sendworthy.stages import Stages

    with failures(as_json):
        project = find_project(project_dir)
        options = NightOptions(
            raw=project.resolve(raw, "data/sample"),
            database=project.resolve(db, "sendworthy.duckdb"),
            out=project.resolve(out_dir, "out"),
            docs=project.resolve(docs, "data_docs"),
            as_of=parse_time(as_of, "--as-of") if as_of else None,
            target=target,
            destinations=choose_destinations(project, destination or []),
            allow_stale=allow_stale,
            acceptance=read_acceptance(project, accept or [], reason, by),
            full_refresh=full_refresh,
        )
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
                    "alerts": [asdict(told) for told in result.alerts],
                    "data_docs": str(result.docs) if result.docs else None,
                }
            )
        else:
            show_night(result, options.database)
        show_alerts(result.alerts)
        raise typer.Exit(result.exit_code)


@app.command()
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
    """Make raw data of any size: a believable world with the mess that real data has."""
    from sendworthy.sample import make_sample

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


@app.command()
def compile(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Check every campaign and its templates, and write them to seeds/compiled/."""
    from sendworthy.compiler import compile_project

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


@app.command()
def validate(
    project_dir: ProjectDir = None,
    render: Annotated[
        Render | None,
        typer.Option(
            "--render",
            help="Render the messages of the published lists too: one of each kind, as the gate does, or every one.",
        ),
    ] = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """Check the settings (campaigns, templates, seeds) and that seeds/compiled/ is fresh. Writes nothing."""
    from sendworthy.compiler import campaign_warnings
    from sendworthy.night import check_settings

    with failures(as_json):
        project = find_project(project_dir)
        check_settings(project)
        warnings = campaign_warnings(project.root)
        told: dict[str, Any] = {"problems": [], "warnings": [asdict(warning) for warning in warnings]}
        if not as_json:
            show_warnings(warnings)
            out.print("The settings are in order.")
        faults: Mapping[str, Any] = {}
        if render:
            faults = show_rendering(project, project.resolve(db, "sendworthy.duckdb"), render, told, as_json)
        if as_json:
            print_json(told)
    if faults:
        raise typer.Exit(EXIT_HELD_BACK)


def show_rendering(
    project: Project, database: Path, render: Render, told: dict[str, Any], as_json: bool
) -> Mapping[str, Any]:
    """Render the published messages, print what came of it (or put it into `told`), and return the faults by campaign."""
    from sendworthy import warehouse
    from sendworthy.every import render_every
    from sendworthy.kinds import prove_lists
    from sendworthy.lists import DuckdbLists
    from sendworthy.proof import load_messages
    from sendworthy.proof import told as in_words

    warehouse.open_published(database)
    if render is Render.KINDS:
        with DuckdbLists(database) as lists:
            proof = prove_lists(lists, load_messages(project))
        faults: Mapping[str, Any] = proof.faults
        told["rendered"] = {"kinds": proof.patterns, "messages": None}
    else:
        with new_bar(as_json) as bar:
            task = bar.add_task("rendering every message", total=None)
            rendered, proof = render_every(
                database, project, lambda done, count: bar.update(task, completed=done, total=count)
            )
        faults = rendered.faults
        told["rendered"] = {"kinds": proof.patterns, "messages": rendered.messages}
    told["faults"] = {campaign: in_words(found, len(found)) for campaign, found in sorted(faults.items())}
    if not as_json:
        many = (
            ""
            if told["rendered"]["messages"] is None
            else f" All {told['rendered']['messages']:,} were rendered."
        )
        out.print(f"The published messages are of {proof.patterns:,} kinds.{many}")
        for lines in told["faults"].values():
            for line in lines:
                out.print(styled("fault", "red"), line)
        if not faults:
            out.print("None shows a blank, a tag that is not filled in, or an empty or too long subject.")
    return faults


@app.command()
def export(
    project_dir: ProjectDir = None,
    db: Database = None,
    out_dir: Out = None,
    destination: Destinations = None,
    resync: Annotated[
        bool,
        typer.Option(
            "--resync",
            help="Write changes that take nothing for granted of what a destination holds: full rows, and everybody removed who is not on a list.",
        ),
    ] = False,
    allow_stale: AllowStale = False,
    as_json: AsJson = False,
) -> None:
    """Write the lists of the published night once more."""
    from sendworthy.destinations import choose_destinations
    from sendworthy.night import reexport

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


@app.command()
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
    """Why a user gets, or does not get, each message: the decision and every reason in words."""
    from sendworthy.explain import explain as explain_user

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


@app.command()
def coverage(
    campaign: Annotated[
        str | None, typer.Argument(help="One campaign's id. Default: every campaign.")
    ] = None,
    project_dir: ProjectDir = None,
    db: Database = None,
    as_json: AsJson = False,
) -> None:
    """What keeps people from the personalized variant: how often each merge field is blank, and what filling it would do."""
    from sendworthy.coverage import coverage as coverage_of

    with failures(as_json):
        as_of, campaigns = coverage_of(find_project(project_dir).resolve(db, "sendworthy.duckdb"), campaign)
        if as_json:
            print_json({"as_of": iso(as_of), "campaigns": [asdict(item) for item in campaigns]})
        else:
            show_coverage(as_of, campaigns)


@app.command()
def preview(
    campaign: Annotated[str, typer.Argument(help="The campaign's id.")],
    user: Annotated[
        str | None,
        typer.Option(
            "--user", help="A user of the published file. Default: a made-up one, nothing personal."
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
    from sendworthy import warehouse
    from sendworthy.preview import preview as preview_campaign
    from sendworthy.preview import verdicts
    from sendworthy.preview_page import write_page

    with failures(as_json):
        project = find_project(project_dir)
        database = project.resolve(db, "sendworthy.duckdb")
        # a made-up user needs no night
        if user is not None or db is not None or database.is_file():
            warehouse.open_published(database)
        shown = preview_campaign(project, campaign, user, database if database.is_file() else None)
        page = project.resolve(output, f"target/preview/{campaign}.html")
        write_page(shown, page)
        if as_json:
            print_json({"page": str(page), **verdicts(shown)})
        else:
            show_preview(shown, page)
        if open_it and typer.launch(page.as_uri()) != 0:
            err.print("no browser could be opened; open the page yourself.")


@app.command()
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
            help="The published DuckDB file, to hold the lists against: the run, the ledger, the suppressions and the caps too.",
        ),
    ] = None,
    max_age_hours: MaxAgeHours = 36,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """Check delivered lists before they are sent: whole, unchanged, of one night, and not out of date. 3: do not send them."""
    from sendworthy.verify import as_dict
    from sendworthy.verify import verify as verify_night

    with failures(as_json):
        verified = verify_night(
            folder.expanduser().resolve(),
            _clock(now),
            timedelta(hours=max_age_hours),
            db.expanduser().resolve() if db else None,
        )
        if as_json:
            print_json(as_dict(verified))
        else:
            show_verified(verified)
        raise typer.Exit(verified.exit_code)


@app.command()
def push(
    destination: Annotated[
        str,
        typer.Option("--destination", help="Where to: a destination that takes requests, as braze_track."),
    ],
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Send it. Without it, nothing is sent: the counts are shown.")
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
        typer.Option("--resync", help="Push whole lists, also where the night has only what has changed."),
    ] = False,
    db: Annotated[
        Path | None, typer.Option("--db", help="The published DuckDB file, to verify the lists against.")
    ] = None,
    max_age_hours: MaxAgeHours = 36,
    now: Now = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Hand a night's verified lists to an ESP's API, batch by batch. Ended midway, a rerun goes on where it was."""
    import os

    from sendworthy.destinations import choose_destinations
    from sendworthy.push import show
    from sendworthy.push.plan import Options, make_plan
    from sendworthy.push.work import push as push_night

    with failures(as_json):
        project = find_project(project_dir)
        (chosen,) = choose_destinations(project, [destination])
        options = Options(
            project.resolve(out_dir, "out"),
            _clock(now),
            timedelta(hours=max_age_hours),
            db.expanduser().resolve() if db else None,
            campaign or [],
            resync,
        )
        if not confirm:
            plan = make_plan(chosen, options)
            print_json(show.plan_as_dict(plan)) if as_json else show.show_plan(plan)
            raise typer.Exit(EXIT_HELD_BACK if plan.refused else EXIT_OK)
        with show.Bar(as_json) as bar:
            result = push_night(chosen, options, os.environ, bar)
        print_json(show.result_as_dict(result)) if as_json else show.show_result(result)
        raise typer.Exit(result.exit_code)


@app.command()
def cancellations(
    project_dir: ProjectDir = None,
    raw: Annotated[
        Path | None, typer.Option("--raw", help="The landing zone. Default: data/sample in the project.")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            "--now",
            help="The time, UTC, at which a message must be due to be taken back, and before which something must have happened to count. Default: the clock.",
        ),
    ] = None,
    db: Database = None,
    out_dir: Out = None,
    destination: Destinations = None,
    max_age_hours: MaxAgeHours = 36,
    as_json: AsJson = False,
) -> None:
    """Take back what must not go out any more: read what has landed since the night, and name its messages that are not due yet."""
    from sendworthy.cancellations import Wanted, as_dict, take_back
    from sendworthy.destinations import choose_destinations
    from sendworthy.show import show_taken_back
    from sendworthy.stages import Stages

    with failures(as_json):
        project = find_project(project_dir)
        wanted = Wanted(
            raw=project.resolve(raw, "data/sample"),
            database=project.resolve(db, "sendworthy.duckdb"),
            out=project.resolve(out_dir, "out"),
            now=_clock(now),
            max_age=timedelta(hours=max_age_hours),
            destinations=choose_destinations(project, destination or []),
        )
        taken = take_back(project, wanted, Stages(err))
        if as_json:
            print_json(as_dict(taken))
        else:
            show_taken_back(taken)


@app.command()
def ingest(
    source: Annotated[
        str,
        typer.Option(
            "--from", help="Who reports: braze, customerio, klaviyo, listmonk, mailchimp or sendgrid."
        ),
    ],
    raw: Annotated[Path, typer.Option("--raw", help="The landing zone to land the reports in.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Files of reports, or folders of them. gzip is fine. Without any, what earlier runs have kept is read again."
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
            "--again", help="Read files that have landed before once more, and replace what they landed."
        ),
    ] = False,
    now: Now = None,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Land what an ESP reports (sent, opened, bounced, ...) as rows of message_events in the landing zone.

    4: some that stop messages could not be landed, and are kept for the next run.
    """
    from sendworthy import warehouse
    from sendworthy.ingest import ingest as ingest_files
    from sendworthy.ingest.show import as_dict, show_ingested

    with failures(as_json):
        project = find_project(project_dir)
        database, clock = project.resolve(db, "sendworthy.duckdb"), _clock(now)
        with working("reading the reports …"):
            ingested = ingest_files(
                project,
                source,
                [path.expanduser().resolve() for path in files or []],
                raw.expanduser().resolve(),
                warehouse.open_published(database) if db or database.is_file() else None,
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


@app.command()
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
    from sendworthy.retention import Places, retain

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


@app.command(name="new-campaign")
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
        str | None, typer.Option("--escalation-contact", help="Who is told when it is held back.")
    ] = None,
    segment: Annotated[str | None, typer.Option("--segment", help="The audience. Default: everyone.")] = None,
    trigger_event: Annotated[
        str | None, typer.Option("--trigger-event", help="The event that starts it.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.")] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--suffix", help="Tells it from another campaign of the same kind, audience and channel."
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
    from sendworthy.new_campaign import new_campaign

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
            **_given(
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


@cluster_app.command("start")
def cluster_start(
    workers: Annotated[int, typer.Option("--workers", help="How many workers.", min=1)] = 2,
    cores: Annotated[int, typer.Option("--cores", help="How many cores each worker offers.", min=1)] = 1,
    memory: Annotated[
        str, typer.Option("--memory", help="How much memory each worker offers, as 2g or 512m.")
    ] = "2g",
    port: Annotated[int, typer.Option("--port", help="The master's port.", min=1, max=65535)] = 7077,
    project_dir: ProjectDir = None,
    as_json: AsJson = False,
) -> None:
    """Start a master and workers, and wait until they are ready. What is up already stays as it is."""
    from sendworthy import cluster

    with failures(as_json):
        folder = find_project(project_dir).root / ".sendworthy" / "cluster"
        with working("starting the cluster …"):
            started = cluster.start(folder, workers, cores, memory, port)
        if as_json:
            print_json({"master": started.master, "parts": [asdict(part) for part in started.parts]})
        else:
            out.print(f"the cluster is up at {started.master}, with {len(started.parts) - 1} workers.")
            where = "" if port == cluster.PORT else f"SENDWORTHY_SPARK_MASTER={started.master} "
            out.print(f"Run a night on it: {where}sendworthy nightly --target spark_cluster")


@cluster_app.command("stop")
def cluster_stop(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Stop the master and the workers."""
    from sendworthy import cluster

    with failures(as_json):
        folder = find_project(project_dir).root / ".sendworthy" / "cluster"
        with working("stopping the cluster …"):
            ended = cluster.stop(folder)
        if as_json:
            print_json({"ended": ended})
        else:
            out.print(f"the cluster is down: {ended} processes were ended." if ended else "no cluster is up.")


@cluster_app.command("status")
def cluster_status(project_dir: ProjectDir = None, as_json: AsJson = False) -> None:
    """Show the master and the workers: whether they are up, and how much of them is in use."""
    from sendworthy import cluster

    with failures(as_json):
        started, parts = cluster.status(find_project(project_dir).root / ".sendworthy" / "cluster")
        if as_json:
            print_json(
                {"master": started.master if started else None, "parts": [asdict(part) for part in parts]}
            )
            return
        if started is None:
            out.print("no cluster is up. Start one: sendworthy cluster start")
            return
        table = new_table(
            *("part", "state", "process", "address", "cores in use", "memory in use"), title=started.master
        )
        for part in parts:
            state = styled(part.state, "green" if part.state == "up" else "red")
            table.add_row(part.name, state, str(part.pid), part.address, part.cores, part.memory)
        out.print(table)


def _clock(now: str | None) -> datetime:
    """What the clock shows, or what --now says that it does."""
    return parse_time(now, "--now") if now else utc_now()


def _given(**options: str | None) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def main() -> NoReturn:
    """The entry point of the command `sendworthy`."""
    interrupts.install()
    with leave_no_garbage():
        try:
            app()
        except SystemExit as ended:
            # where no command was at work yet, its framework ends with 1
            raise SystemExit(EXIT_INTERRUPTED if interrupts.was_requested() else ended.code) from None
    raise SystemExit(EXIT_USAGE)


__all__ = ["app", "main"]
