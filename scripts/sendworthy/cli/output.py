"""What a command prints: tables, errors in words, JSON for machines. Everything fits 80 columns."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
import duckdb
import typer
from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from sendworthy.foundation.clock import iso
from sendworthy.foundation.console import Row, err, new_table, note, out, print_groups, say, styled, warning
from sendworthy.foundation.errors import BuildError, Interrupted, Problem, SendworthyError
from sendworthy.foundation.interrupts import is_interrupt
from sendworthy.warehouse.failure_causes import fix_of, redact_exception, words_of

if TYPE_CHECKING:
    from sendworthy.audit.alerts import AlertResult
    from sendworthy.delivery.verify import Check, Verified
    from sendworthy.inspect.coverage import Coverage
    from sendworthy.inspect.experiments import Calendar, ListedExperiment
    from sendworthy.inspect.explain import Explanation
    from sendworthy.inspect.power import Power, Question
    from sendworthy.inspect.report import Metric, Report, Result
    from sendworthy.night.cancellations import TakenBack
    from sendworthy.night.state import NightResult
    from sendworthy.privacy.retention import Removed

# how many lines a night has for each kind of problem of its data
MOST_PROBLEMS = 4

# from this width on, the reasons of each campaign stand behind its figures
WIDE = 110


@contextmanager
def failures(
    as_json: bool, alert: Callable[[SendworthyError], Sequence[AlertResult]] = lambda error: ()
) -> Iterator[None]:
    """Expected failures in words, with their exit code and without a stack trace; `alert` sends the alerts of one."""
    try:
        yield
    except (typer.Exit, typer.Abort, click.ClickException):
        raise
    except SendworthyError as error:
        show_alerts(alert(error))
        _show_error(error, as_json)
    except BaseException as failure:
        if isinstance(failure, SystemExit):
            raise
        unexpected = _as_error(failure)
        show_alerts(alert(unexpected))
        _show_error(unexpected, as_json)


def _as_error(failure: BaseException) -> SendworthyError:
    """An interrupt, an error of the system or an engine, or one that nobody expected, in words that quote nobody's data."""
    if is_interrupt(failure):
        return Interrupted(
            "interrupted; what was finished by then stays.", "run the command again: it does the rest."
        )
    if isinstance(failure, (OSError, MemoryError, duckdb.Error)):
        fix = fix_of(failure)
        return BuildError(f"{words_of(failure)}.", fix and f"{fix}. Then run it again.")
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
        err.print(str(problem))
    for detail in error.details:
        err.print(detail)
    show_error(error.what, error.fix)
    raise typer.Exit(error.exit_code) from None


def show_error(what: str, fix: str = "") -> None:
    """What went wrong, and what to do now."""
    say(err, styled("error", "bold red"), *filter(None, (what, fix)))


def print_json(value: object) -> None:
    """JSON on standard output; times in ISO-8601."""
    encode: Callable[[object], object] = lambda item: iso(item) if isinstance(item, datetime) else str(item)  # noqa: E731
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, default=encode) + "\n")


def show_warnings(warnings: Sequence[Problem]) -> None:
    """Print what does not keep a template from being used."""
    for item in warnings:
        out.print(styled("warning", "yellow"), str(item))


def show_night(result: NightResult, database: Path) -> None:
    """The end of a night: a line a campaign, what to look at, and where everything is."""
    show_campaigns(result.campaigns, f"night of {result.run['as_of']}")
    show_input_problems(result.input_problems)
    for words in result.warnings:
        note(words)
    out.print(f"lists and manifest: {result.manifest.parent}")
    out.print(f"published database: {database}")
    if result.docs:
        out.print(f"Data Docs: {result.docs}")
    for campaign in result.campaigns:
        if campaign["accepted"]:
            words = f"{campaign['campaign_id']}, by {campaign['accepted']['by']}: {campaign['accepted']['reason']}"
            say(err, styled("accepted", "yellow"), words)
    if result.held_back:
        show_held_back(result.campaigns)


def show_input_problems(problems: Sequence[Mapping[str, Any]]) -> None:
    """What could not be read, matched or known, and what follows from it, most harmful first."""
    if not problems:
        return
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for item in problems:
        groups.setdefault(f"{item['problem']}: {item['effect']}", []).append(item)
    shown = [(words, _problem_rows(items)) for words, items in groups.items()]
    print_groups(out, ("what the data lack", "rows", "people"), shown)
    if any(len(items) > MOST_PROBLEMS for items in groups.values()):
        out.print("ops.input_problems has all of it.")
    out.print()


def _problem_rows(items: Sequence[Mapping[str, Any]]) -> list[Row]:
    lines: list[Row] = []
    for item in items[:MOST_PROBLEMS]:
        where = item["table_name"] if item["detail"] is None else f"{item['table_name']}: {item['detail']}"
        counts = (
            "" if item[name] is None else f"{item[name]:,}" for name in ("problem_rows", "problem_users")
        )
        lines.append((where, *counts))
    if len(items) > MOST_PROBLEMS:
        rest = sum(item["problem_rows"] for item in items[MOST_PROBLEMS:])
        lines.append((f"and {len(items) - MOST_PROBLEMS:,} more", f"{rest:,}", ""))
    return lines


def show_campaigns(campaigns: Sequence[Mapping[str, Any]], title: str) -> None:
    """A line a campaign, and one for all of them; and why, where nobody gets anything."""
    reasons = {
        campaign["campaign_id"]: ", ".join(f"{reason} {users:,}" for reason, users in campaign["top_reasons"])
        for campaign in campaigns
    }
    is_wide = out.width >= WIDE
    table = new_table("campaign", numbers=("candidates", "send", "control"), title=title)
    if is_wide:
        table.expand = True
        table.add_column("top reasons not to send", ratio=1, no_wrap=True, overflow="ellipsis")
    for campaign in campaigns:
        is_held = campaign["status"] == "held_back"
        send = styled("held back", "bold red") if is_held else f"{campaign['rows']:,}"
        figures = (f"{campaign['candidates']:,}", send, f"{campaign['control']:,}")
        table.add_row(
            campaign["campaign_id"], *figures, *([reasons[campaign["campaign_id"]]] if is_wide else [])
        )
    table.add_section()
    totals = (sum(campaign[name] for campaign in campaigns) for name in ("candidates", "rows", "control"))
    table.add_row(f"{len(campaigns)} campaigns", *(f"{total:,}" for total in totals), style="bold")
    out.print(table)
    out.print()
    nobody = [
        campaign["campaign_id"]
        for campaign in campaigns
        if campaign["status"] != "held_back" and not campaign["rows"] and campaign["top_reasons"]
    ]
    if nobody and not is_wide:
        table = new_table("nobody gets", "why")
        for name in nobody:
            table.add_row(name, reasons[name])
        out.print(table)
        out.print()


def show_held_back(campaigns: Sequence[Mapping[str, Any]]) -> None:
    """What stays behind, and why. One cause often holds many back: it is said once."""
    held = [campaign["campaign_id"] for campaign in campaigns if campaign["status"] == "held_back"]
    by_words: dict[str, list[str]] = {}
    for campaign in campaigns:
        for failed in campaign["gate"]["failed"]:
            by_words.setdefault(f"{failed['expectation']}: {failed['words']}", []).append(
                campaign["campaign_id"]
            )
    for words, names in by_words.items():
        whom = names[0] if len(names) == 1 else f"{len(names)} campaigns"
        say(err, styled(whom, "red"), words)
    is_all = len(held) == len(campaigns)
    whom = f"all {len(held)} campaigns" if is_all else ", ".join(held)
    others = "None was" if is_all else "The other campaigns were"
    say(
        err,
        styled("held back:", "bold red"),
        f"{whom}. {others} released; the manifest says what failed, and the Data Docs what the audit found.",
    )


def show_alerts(alerts: Sequence[AlertResult]) -> None:
    """What became of the alerts: only what did not arrive, on standard error."""
    for result in alerts:
        if not result.sent:
            about = result.campaign_id or "the night"
            warning(f"{about}: nobody was alerted by the {result.channel}: {result.why_not}")


def show_explained(user: str, as_of: datetime, explained: Sequence[Explanation]) -> None:
    """A user's campaigns, each with its decision and the reasons in words beneath it."""
    table = new_table(title=f"user {user}, night of {iso(as_of)}")
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column()
    for item in explained:
        words = Padding("\n".join(item.words), (0, 0, 1, 2))
        arm = f", arm {item.arm}" if item.arm else ""
        table.add_row(coloured(item.decision), Group(Text.assemble((item.campaign_id, "bold"), arm), words))
    out.print(table)


def show_preview(shown: Any, page: Path) -> None:
    """Which variant a user gets, what is wrong with any, and where the page is."""
    for variant in shown.variants:
        out.print(Text.assemble((variant.name, "bold"), f": {variant.words}"))
        for rendering in variant.shown:
            for fault in rendering.faults if not variant.missing else ():
                out.print(styled("  fault", "red"), str(fault))
            if rendering.aborted is not None:
                out.print(styled(f"  {rendering.heading}: the message ends itself", "yellow"))
        show_warnings(variant.warnings)
    for words in shown.notes:
        note(words)
    out.print(f"The page: {page}")
    if shown.person is not None:
        note(
            "it holds personal values of a user: only your own account can read it; remove it when you have looked."
        )


def show_coverage(as_of: datetime, campaigns: Sequence[Coverage]) -> None:
    """Of each campaign what is blank in each field of each variant, and then what filling fields would do."""
    blanks, lifts = [], []
    for campaign in campaigns:
        blank_rows: list[Row] = [
            (
                f"{item.variant}: {item.merge_field}{' *' if item.is_required else ''}",
                f"{item.users:,}",
                f"{item.blank_users:,}",
                "" if item.blank_share is None else f"{item.blank_share:.1%}",
                f"{item.unsafe_users:,}",
                f"{item.placeholder_users:,}",
            )
            for item in campaign.fields
        ]
        lift_rows: list[Row] = [
            (
                " + ".join(lift.fields),
                f"{lift.users:,}",
                f"{lift.users / campaign.users:.1%}",
                f"{lift.users_without_variant:,}",
            )
            for lift in campaign.lifts
        ]
        blanks += [(campaign.campaign_id, blank_rows)] if blank_rows else []
        lifts += [(campaign.campaign_id, lift_rows)] if lift_rows else []
    if blanks:
        of_fields = ("field (* is required)", "people", "blank", "share", "unsafe", "place-\nholder")
        print_groups(out, of_fields, blanks, f"what is blank, night of {iso(as_of)}")
    else:
        out.print("no variant prints a merge field.")
    out.print()
    if lifts:
        of_lifts = ("fields", "people", "share", "without\nany now")
        print_groups(out, of_lifts, lifts, "who would get a better variant if it were filled for everybody")
    else:
        out.print("nobody gets a lesser variant, or none, for want of a merge field.")


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.1f}"


def _lift_is_within(item: Result) -> str:
    return "" if item.lift is None else f"{_points(item.lift_low)} to {_points(item.lift_high)}"


def _verdict(verdict: str | None) -> Text:
    return styled((verdict or "").replace("_", " "), VERDICT_COLOURS.get(verdict or "", ""))


VERDICT_COLOURS = {"ship": "green", "keep_going": "yellow", "stop": "red"}


def show_report(as_of: datetime, campaigns: Sequence[Report], reasons: Mapping[str, str]) -> None:
    """Of each campaign what it brought about against its control, and below it what to do and why."""
    if not any(campaign.results for campaign in campaigns):
        out.print(f"no campaign has results yet, night of {iso(as_of)}: they come when")
        out.print("the first messages are as old as their success window.")
        return

    def percent(share: float | None) -> str:
        return "" if share is None else f"{share:.1%}"

    groups: list[tuple[str, Sequence[Row]]] = []
    for campaign in campaigns:
        rows: list[Row] = []
        for item in campaign.results:
            rows.append(
                (
                    item.variant if item.arm is None else f"arm {item.arm}",
                    f"{item.users:,}",
                    percent(item.rate),
                    f"{item.control_users:,}",
                    percent(item.control_rate),
                    _points(item.lift),
                    _lift_is_within(item),
                    _verdict(item.verdict),
                )
            )
        groups.append((campaign.campaign_id, rows))
    headings = ("variant", "send", "rate", "con-\ntrol", "rate", "lift", "is within", "verdict")
    print_groups(out, headings, groups, f"results, night of {iso(as_of)}; lift in points")
    out.print()
    for reason, words in reasons.items():
        named = [
            campaign.campaign_id if item.arm is None else f"{campaign.campaign_id}: arm {item.arm}"
            for campaign in campaigns
            for item in campaign.results
            if item.variant == "all" and item.reason == reason
        ]
        if named:
            out.print(f"{words}:", *(f"\n    {name}" for name in named), sep="")
    # of one that was asked for
    if len(campaigns) == 1:
        _show_metrics(campaigns[0].metrics)


def _show_metrics(metrics: Sequence[Metric]) -> None:
    """What people did, an arm a group, and then how the success is in each segment."""

    def amount(item: Metric, number: float | None) -> str:
        return "" if number is None else f"{number:.1%}" if item.is_share else f"{number:,.2f}"

    def change(item: Metric, number: float | None) -> str:
        return "" if number is None else f"{100 * number:+.1f}" if item.is_share else f"{number:+,.2f}"

    def within(item: Metric, low: float | None, high: float | None) -> str:
        return "" if low is None else f"{change(item, low)} to {change(item, high)}"

    groups: dict[str, list[Row]] = {}
    segments: list[Row] = []
    for item in metrics:
        figures = (amount(item, item.mean), amount(item, item.control_mean), change(item, item.lift))
        holds = within(item, item.lift_low, item.lift_high)
        if item.segment != "all":
            segments.append((item.segment, f"{item.users:,}", f"{item.control_users:,}", *figures, holds))
            continue
        name = styled(item.metric, "red") if item.is_harmed else item.metric
        adjusted = within(item, item.adjusted_low, item.adjusted_high)
        of_arm = groups.setdefault(f"arm {item.arm}" if item.arm else "the whole campaign", [])
        of_arm.append((name, *figures, holds, adjusted))
    if groups:
        headings = ("", "send", "control", "lift", "is within", "less their past")
        print_groups(out, headings, list(groups.items()), "what people did; of shares, the lift in points")
        if harmed := sorted({item.metric for item in metrics if item.is_harmed}):
            out.print("more than is put up with:", ", ".join(harmed))
    if segments:
        columns = ("", "send", "con-\ntrol", "rate", "rate", "lift", "is within")
        print_groups(out, columns, [("success", segments)], "by segment: for questions, not for answers")


def show_power(as_of: datetime, power: Power) -> None:
    """Whom a campaign can be judged by, what can be detected by when, and the answer to what was asked."""
    out.print(styled(power.campaign_id, "bold"), f"night of {iso(as_of)}")
    out.print(f"  people who pass every gate: {power.users_so_far:,}")
    if power.users_per_night is None:
        out.print("  tonight is its first night: nobody can say how many more come")
    else:
        out.print(f"  {power.users_per_night:,.1f} more come a night")
    if power.listed_share is not None:
        out.print(f"  of those who compete for a place, {power.listed_share:.1%} get it")
    out.print(f"  rate of {power.success_event} within {power.success_window_days} days: {power.rate:.1%}")
    for question in power.questions:
        _show_question(power, question)


def _show_question(power: Power, question: Question) -> None:
    """Of one arm: a table by nights, one by shares, and the answer."""

    def points(share: float) -> str:
        return f"{100 * share:.2f}" if share <= 1 else "more than 100"

    headings = ("smallest effect, in points",)
    compared = "control" if question.arm == "send" else f"the first arm, and not in {question.arm}"
    out.print(f"with {question.compared_share:.1%} in {compared}, detected in 80 of 100 cases:")
    # where nobody knows how many come, all nights are as tonight
    shown = {0, 7, 14, 28, 56, 91, 182, 357, question.nights or 0}
    by_nights = [one for one in question.by_nights if one.nights in shown]
    if power.users_per_night is None:
        by_nights = by_nights[:1]
    table = new_table(numbers=("nights from now", *headings))
    for one in by_nights:
        table.add_row(str(one.nights), points(one.smallest_effect))
    out.print(table)
    if question.by_share:
        out.print("with other shares in control, 14 nights from now:")
        table = new_table(numbers=("control", *headings))
        for one in question.by_share:
            table.add_row(f"{one.compared_share:.1%}", points(one.smallest_effect))
        out.print(table)
    if power.effect is None:
        return
    asked = f"an effect of {100 * power.effect:g} points"
    if question.nights is None:
        out.print(f"{asked} cannot be detected within a year.")
    else:
        wait = f"and the {power.success_window_days} days of the window"
        out.print(f"{asked} can be detected in {question.nights} nights\n    {wait}.")
    if question.by_share:
        if question.share is None:
            out.print(f"{asked} cannot be detected in 14 nights with any share of control.")
        else:
            out.print(f"{asked} would be detected in 14 nights with {question.share:.1%} in control.")


def show_experiments(calendar: Calendar) -> None:
    """Of each experiment where it stands, and what the published night says of it; what is due stands first."""
    if not calendar.experiments:
        out.print("no campaign compares anything: none has a holdout or arms.")
        return
    groups: list[tuple[str, Sequence[Row]]] = []
    open_ended: list[str] = []
    for item in calendar.experiments:
        name = f"{item.experiment.campaign_id}, {item.experiment.owner}"
        if item.state == "no_planned_end" and not item.results and item.experiment.decision is None:
            open_ended.append(name)
            continue
        end = item.experiment.planned_end
        whole = next((result for result in item.results if result.arm is None), None)
        figures = (_verdict(whole.verdict), _lift_is_within(whole)) if whole else ("", "")
        rows: list[Row] = [(_standing(item), str(end or ""), *figures)]
        rows += [
            (f"arm {result.arm}", "", _verdict(result.verdict), _lift_is_within(result))
            for result in item.results
            if result.arm is not None
        ]
        groups.append((name, rows))
    when = (
        f"night of {iso(calendar.as_of)}" if calendar.as_of else f"no night yet, {calendar.day} by the clock"
    )
    headings = ("experiment", "planned end", "verdict", "lift is within")
    print_groups(out, headings, groups, f"experiments, {when}; lift in points")
    if open_ended:
        head = "no planned end, and no results yet:"
        out.print(*([""] if groups else []), head, *(f"    {name}" for name in open_ended), sep="\n")


def _standing(item: ListedExperiment) -> Text:
    """Where an experiment stands, in words; and what was learned."""
    plan = item.experiment
    if item.days_over is not None:
        words = styled(f"due for a decision, {_days(item.days_over)} over", "bold red")
    elif item.days_left is not None:
        words = styled(f"runs, {_days(item.days_left)} left", "green")
    elif item.state == "not_started":
        words = styled(f"starts on {plan.starts}", "dim")
    elif item.state == "no_planned_end":
        words = styled("no planned end", "dim")
    else:
        words = styled("learned", "cyan")
    if plan.decision is None:
        return words
    decided = f"{plan.decision.replace('_', ' ')} on {plan.decided}"
    interval = " to ".join(
        f"{end:,.6f}".rstrip("0").rstrip(".")
        for end in (plan.observed_low, plan.observed_high)
        if end is not None
    )
    return Text.assemble(words, f"\n{decided}: {plan.observed} ({interval})")


def _days(count: int) -> str:
    return f"{count:,} day{'' if count == 1 else 's'}"


def show_removed(removed: Sequence[Removed], dry_run: bool) -> None:
    """One line for each thing that is kept for a time: how much of it was too old."""
    table = new_table(
        *("what", "older than"),
        numbers=("kept for days", "removed"),
        title="what would be removed" if dry_run else "what was removed",
    )
    for item in removed:
        table.add_row(item.what, iso(item.before), f"{item.keep_days:,}", f"{item.count:,} {item.unit}")
    out.print(table)


def show_verified(verified: Verified) -> None:
    """What was checked of a night, one line a check; then whether its lists may be sent."""
    night = iso(verified.as_of) if verified.as_of else "unknown time"
    table = new_table("check", "state", "what must hold, and what was found", title=f"night of {night}")
    for check in verified.checks:
        table.add_row(check.name, styled(check.state, STATE_COLOURS[check.state]), _words_of(check))
    out.print(table)
    out.print(f"lists: {verified.folder}")
    if verified.failed:
        names = ", ".join(check.name for check in verified.failed)
        say(err, styled("do not send these lists:", "bold red"), names)
    elif any(check.state == "not checked" for check in verified.checks):
        out.print(styled("All that was checked holds.", "green"), "See above what was not.")
    else:
        out.print(styled("These lists may be sent.", "green"))


STATE_COLOURS = {"ok": "green", "failed": "bold red", "not checked": "yellow"}


# how many files or campaigns a table names for one check; --json names all
MOST_FINDINGS = 12


def _words_of(check: Check) -> Text:
    return Text("\n").join(_lines_of(check))


def _lines_of(check: Check) -> Iterator[Text]:
    yield Text(check.words)
    if check.why_not:
        yield Text.assemble(("not checked:", "yellow"), f" {check.why_not}")
    for finding in check.findings[:MOST_FINDINGS]:
        yield Text.assemble((finding.where, "dim" if finding.is_note else "red"), f": {finding.what}")
    if len(check.findings) > MOST_FINDINGS:
        yield Text(f"and {len(check.findings) - MOST_FINDINGS:,} more; --json names them all")
    if check.fix:
        yield Text.assemble(("what to do:", "bold"), f" {check.fix}")


def coloured(decision: str) -> Text:
    """A decision in the colour that people know it by."""
    return styled(decision, {"send": "green", "control": "cyan", "suppress": "red"}.get(decision, "dim"))


def show_taken_back(taken: TakenBack) -> None:
    """What was taken back, campaign by campaign, and where the files are."""
    for words in taken.warnings:
        note(words)
    for item in taken.unreadable:
        say(
            err,
            styled("unreadable", "yellow"),
            f"{item['table_name']}: {item['detail']}, {item['unreadable_rows']:,} rows",
        )
    if not taken.people:
        out.print(
            f"nothing new has landed about anybody with a message that is not due yet, since the night of {iso(taken.as_of)}."
        )
    if taken.campaigns:
        groups: list[tuple[str, list[Row]]] = [
            (
                f"{campaign['campaign_id']}: {campaign['cancelled']:,}",
                [(reason, f"{count:,}") for reason, count in campaign["reasons"].items()],
            )
            for campaign in taken.campaigns
        ]
        title = f"taken back from the night of {iso(taken.as_of)}, until {iso(taken.now)}"
        print_groups(out, ("campaign, and why", "messages"), groups, title)
        out.print()
    before = f", after {taken.before:,} before" if taken.before else ""
    out.print(f"{taken.cancelled:,} messages are taken back now{before}; the manifest is {taken.manifest}")
