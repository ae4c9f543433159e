"""What people see of a command: tables, errors in words, JSON for machines."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import duckdb
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sendworthy.causes import redact_exception
from sendworthy.errors import BuildError, Interrupted, Problem, SendworthyError
from sendworthy.foundation.interrupts import is_interrupt
from sendworthy.foundation.safe_files import UnsafeFile
from sendworthy.hardship import in_words
from sendworthy.times import iso

if TYPE_CHECKING:
    from sendworthy.alerts import Told
    from sendworthy.cancellations import TakenBack
    from sendworthy.coverage import Coverage
    from sendworthy.retention import Removed
    from sendworthy.verify import Check, Verified

# a log file has no width of its own: give its tables room
WIDTH = None if sys.stdout.isatty() else 180
out = Console(width=WIDTH)
err = Console(stderr=True, soft_wrap=True)


# a table that loses more than this share of its rows is shown in red
LOUD_SHARE = 0.05


@contextmanager
def failures(as_json: bool) -> Iterator[None]:
    """Expected failures in words, with their exit code and without a stack trace."""
    try:
        yield
    except (typer.Exit, typer.Abort, click.ClickException):
        raise
    except SendworthyError as error:
        _show_error(error, as_json)
    except BaseException as failure:
        if isinstance(failure, SystemExit):
            raise
        _show_error(_as_error(failure), as_json)


def _as_error(failure: BaseException) -> SendworthyError:
    """An interrupt, an error of the system or an engine, or one that nobody expected, in words that quote nobody's data."""
    if is_interrupt(failure):
        return Interrupted(
            "interrupted; what was finished by then stays.", "run the command again: it does the rest."
        )
    if isinstance(failure, (OSError, MemoryError, duckdb.Error)):
        return BuildError(str(failure), failure.fix if isinstance(failure, UnsafeFile) else "")
    frames = [
        frame for frame in traceback.extract_tb(failure.__traceback__) if "sendworthy" in frame.filename
    ]
    places = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames[-4:])
    return SendworthyError(
        f"an error that should not happen: {redact_exception(failure)}, at {places}.",
        "please report it with this line, in which nothing is anybody's data.",
    )


def _show_error(error: SendworthyError, as_json: bool) -> NoReturn:
    if as_json:
        print_json(
            {
                "error": error.what,
                "fix": error.fix,
                "exit_code": error.exit_code,
                "problems": [asdict(problem) for problem in error.problems],
                "details": error.details,
            }
        )
    for problem in error.problems:
        err.print(escape(str(problem)), highlight=False)
    for detail in error.details:
        err.print(escape(detail), highlight=False)
    err.print(f"[bold red]error[/] {escape(error.what)}", highlight=False)
    if error.fix:
        err.print(f"      {escape(error.fix)}", highlight=False)
    raise typer.Exit(error.exit_code) from None


def print_json(value: object) -> None:
    """JSON on standard output; times in ISO-8601."""
    encode: Callable[[object], object] = lambda item: iso(item) if isinstance(item, datetime) else str(item)  # noqa: E731
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=encode) + "\n")


def show_warnings(warnings: Sequence[Problem]) -> None:
    """Print what does not keep a template from being used."""
    for warning in warnings:
        out.print(f"[yellow]warning[/yellow] {escape(str(warning))}")


def show_night(result: Any, database: Path) -> None:
    """The end of a night: a table of the campaigns, and where everything is."""
    table = Table(title=f"night of {result.run['as_of']}")
    table.add_column("campaign", no_wrap=True)
    for heading in ("candidates", "send", "control", "held back"):
        table.add_column(heading, justify="right")
    table.add_column("top reasons not to send", ratio=1)
    table.add_column("files", overflow="fold")
    for campaign in result.campaigns:
        held = campaign["status"] == "held_back"
        failed = ", ".join(failure["expectation"] for failure in campaign["gate"]["failed"])
        table.add_row(
            campaign["campaign_id"],
            f"{campaign['candidates']:,}",
            f"{campaign['rows']:,}",
            f"{campaign['control']:,}",
            f"[bold red]{campaign['send']:,}[/]" if held else "0",
            escape(f"held back: {failed}")
            if held
            else escape(", ".join(f"{reason} {users:,}" for reason, users in campaign["top_reasons"])),
            "" if held else f"*/{campaign['campaign_id']}.*",
        )
    out.print(table)
    for warning in result.warnings:
        err.print(f"[yellow]note[/] {escape(warning)}", highlight=False)
    for source in result.sources:
        if source["quarantined"]:
            share = source["quarantined"] / source["rows"]
            why = ", ".join(f"{reason} {rows:,}" for reason, rows in list(source["reasons"].items())[:4])
            colour = "bold red" if share > LOUD_SHARE else "yellow"
            counts = f"{source['quarantined']:,} of {source['rows']:,} rows ({share:.1%})"
            err.print(f"[{colour}]quarantined[/] {source['table']}: {counts}: {escape(why)}", highlight=False)
    out.print(f"lists and manifest: {result.manifest.parent}")
    out.print(f"published database: {database}")
    for campaign in result.campaigns:
        if campaign["accepted"]:
            words = f"{campaign['campaign_id']}, by {campaign['accepted']['by']}: {campaign['accepted']['reason']}"
            err.print(f"[yellow]accepted[/] {escape(words)}", highlight=False)
    if result.held_back:
        is_all = len(result.held_back) == len(result.campaigns)
        others = "No campaign was" if is_all else "The other campaigns were"
        err.print(
            f"[bold red]held back:[/] {', '.join(result.held_back)}. {others} released; the manifest says what failed, and the Data Docs what the audit found."
        )
    # one cause often holds many back: it is said once
    by_words: dict[str, list[str]] = {}
    for campaign in result.campaigns:
        for failed in campaign["gate"]["failed"]:
            if failed["expectation"].startswith("limit_"):
                by_words.setdefault(f"{failed['expectation']}: {failed['words']}", []).append(
                    campaign["campaign_id"]
                )
    for words, names in by_words.items():
        whom = names[0] if len(names) == 1 else f"{len(names)} campaigns"
        err.print(f"[red]{escape(whom)}[/] {escape(words)}", highlight=False)


def show_alerts(alerts: Sequence[Told]) -> None:
    """What became of the alerts: only what did not arrive, on standard error."""
    for told in alerts:
        if not told.sent:
            words = f"{told.campaign_id}: nobody was told by the {told.channel}: {told.why_not}"
            err.print(f"[bold yellow]warning[/] {escape(words)}", highlight=False)


def show_preview(shown: Any, page: Path) -> None:
    """Which variant a user gets, what is wrong with any, and where the page is."""
    for variant in shown.variants:
        out.print(f"[bold]{escape(variant.name)}[/]: {escape(variant.words)}", highlight=False)
        for rendering in variant.shown:
            for fault in rendering.faults if not variant.missing else ():
                out.print(f"  [red]fault[/] {escape(str(fault))}", highlight=False)
            if rendering.aborted is not None:
                out.print(
                    f"  [yellow]{escape(rendering.heading)}: the message ends itself[/]", highlight=False
                )
        show_warnings(variant.warnings)
    for note in shown.notes:
        err.print(f"[yellow]note[/] {escape(note)}", highlight=False)
    out.print(f"The page: {escape(str(page))}", highlight=False, soft_wrap=True)
    if shown.person is not None:
        err.print(
            "[yellow]note[/] it holds personal values of a user: only your own account can read it; remove it when you have looked.",
            highlight=False,
        )


def show_coverage(as_of: datetime, campaigns: Sequence[Coverage]) -> None:
    """Two tables: what is blank in each field of each variant, and what filling fields would do."""
    blanks = _counting_table(
        f"what is blank, night of {iso(as_of)}",
        ("campaign", "variant", "merge field", "required"),
        ("candidates", "blank", "unsafe", "placeholder", "share"),
    )
    lifts = _counting_table(
        "who would get a better variant if it were filled for everybody",
        ("campaign", "merge fields"),
        ("people", "of them without any now", "share"),
    )
    for campaign in campaigns:
        name = escape(campaign.campaign_id)
        for item in campaign.fields:
            counts = (item.users, item.blank_users, item.unsafe_users, item.placeholder_users)
            blanks.add_row(
                *(name, escape(item.variant), escape(item.merge_field), "yes" if item.is_required else "no"),
                *(f"{count:,}" for count in counts),
                "" if item.blank_share is None else f"{item.blank_share:.1%}",
            )
        for lift in campaign.lifts:
            lifts.add_row(
                *(name, escape(" + ".join(lift.fields)), f"{lift.users:,}"),
                *(f"{lift.users_without_variant:,}", f"{lift.users / campaign.users:.1%}"),
            )
        blanks.add_section()
        lifts.add_section()
    if blanks.row_count:
        out.print(blanks)
    else:
        out.print("no variant prints a merge field.")
    if lifts.row_count:
        out.print(lifts)
    else:
        out.print("nobody gets a lesser variant, or none, for want of a merge field.")


def show_removed(removed: Sequence[Removed], dry_run: bool) -> None:
    """One line for each thing that is kept for a time: how much of it was too old."""
    table = Table(title="what would be removed" if dry_run else "what was removed")
    for heading in ("what", "kept for days", "older than", "removed"):
        table.add_column(heading, justify="right" if heading in ("kept for days", "removed") else "left")
    for item in removed:
        table.add_row(item.what, f"{item.keep_days:,}", iso(item.before), f"{item.count:,} {item.unit}")
    out.print(table)


def show_verified(verified: Verified) -> None:
    """What was checked of a night, one line a check; then whether its lists may be sent."""
    night = iso(verified.as_of) if verified.as_of else "unknown time"
    table = Table("check", "state", "what must hold, and what was found", title=f"night of {night}")
    for check in verified.checks:
        table.add_row(check.name, STATE_COLOURS[check.state], "\n".join(_words_of(check)))
    out.print(table)
    out.print(f"lists: {escape(str(verified.folder))}", highlight=False)
    if verified.failed:
        names = ", ".join(check.name for check in verified.failed)
        err.print(f"[bold red]do not send these lists:[/] {names}", highlight=False)
    elif any(check.state == "not checked" for check in verified.checks):
        out.print("[green]All that was checked holds.[/] See above what was not.")
    else:
        out.print("[green]These lists may be sent.[/]")


STATE_COLOURS = {
    "ok": "[green]ok[/]",
    "failed": "[bold red]failed[/]",
    "not checked": "[yellow]not checked[/]",
}


# how many files or campaigns a table names for one check; --json names all
MOST_FINDINGS = 12


def _words_of(check: Check) -> Iterator[str]:
    yield check.words
    if check.why_not:
        yield f"[yellow]not checked:[/] {escape(check.why_not)}"
    for finding in check.findings[:MOST_FINDINGS]:
        yield f"[{'dim' if finding.is_note else 'red'}]{escape(finding.where)}[/]: {escape(finding.what)}"
    if len(check.findings) > MOST_FINDINGS:
        yield f"and {len(check.findings) - MOST_FINDINGS:,} more; --json names them all"
    if check.fix:
        yield f"[bold]what to do:[/] {escape(check.fix)}"


def _counting_table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    table = Table(title=title)
    for heading in words:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right")
    return table


def coloured(decision: str) -> str:
    """A decision in the colour that people know it by."""
    return {"send": "[green]send[/]", "control": "[cyan]control[/]", "suppress": "[red]suppress[/]"}.get(
        decision, f"[dim]{decision}[/]"
    )


def show_taken_back(taken: TakenBack) -> None:
    """What was taken back, campaign by campaign, and where the files are."""
    for warning in taken.warnings:
        err.print(f"[yellow]note[/] {escape(warning)}", highlight=False)
    if not taken.people:
        out.print(
            f"nothing new has landed about anybody with a message that is not due yet, since the night of {iso(taken.as_of)}."
        )
    if taken.campaigns:
        table = Table(title=f"taken back from the night of {iso(taken.as_of)}, until {iso(taken.now)}")
        table.add_column("campaign", no_wrap=True)
        table.add_column("messages", justify="right")
        table.add_column("reasons", ratio=1)
        for campaign in taken.campaigns:
            why = ", ".join(f"{reason} {count:,}" for reason, count in campaign["reasons"].items())
            table.add_row(campaign["campaign_id"], f"{campaign['cancelled']:,}", escape(why))
        out.print(table)
    before = f", after {taken.before:,} before" if taken.before else ""
    out.print(f"{taken.cancelled:,} messages are taken back now{before}; the manifest is {taken.manifest}")
