"""What people see of a push: before it, while it is at work, and after it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.markup import escape
from rich.progress import Progress, TaskID
from rich.table import Table

from sendworthy.push.plan import Plan, Planned
from sendworthy.push.work import Result
from sendworthy.show import err, out

# a push that is over by then shows no bar
QUIET_SECONDS = 2.0


class Bar:
    """A bar of the rows of each campaign, once the push has lasted for two seconds."""

    def __init__(self, is_off: bool) -> None:
        self._progress = Progress(console=err, transient=True, disable=is_off)
        self._tasks: dict[str, TaskID] = {}
        self._began = time.monotonic()
        self._is_shown = False

    def __enter__(self) -> Bar:
        return self

    def __call__(self, campaign: str, gone: int, rows: int) -> None:
        """So many rows of a campaign have gone."""
        if campaign not in self._tasks:
            self._tasks[campaign] = self._progress.add_task(campaign, total=rows)
        self._progress.update(self._tasks[campaign], completed=gone)
        if not self._is_shown and time.monotonic() - self._began > QUIET_SECONDS:
            self._is_shown = True
            self._progress.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_shown:
            self._progress.stop()


def show_plan(plan: Plan) -> None:
    """What would be sent, and one masked example of it."""
    table = _table(
        f"{plan.destination.label}, night of {plan.night}: what would be sent",
        "of it",
        ("rows", "to send", "requests", "expired", "sent before"),
        [
            (item.campaign_id, _kind(item), (item.rows, item.to_send, item.batches, item.expired, item.taken))
            for item in plan.campaigns
        ],
    )
    out.print(table)
    _show_campaigns(plan)
    if plan.example is not None:
        out.print("One row of it, masked:")
        out.print_json(data=plan.example)
    label = escape(plan.destination.label)
    if plan.destination.limits.rates:
        out.print(f"At the rates that {label} names: {plan.seconds:,.0f} seconds at the least.")
    else:
        out.print(f"{label} names no rate.")
    if sum(1 for item in plan.going if item.to_send) > 1:
        err.print(
            "[yellow]note[/] an ESP keeps one value of each attribute for a person: push a campaign (--campaign), send it, then push the next.",
            highlight=False,
        )
    out.print("Nothing was sent. Send it with --confirm.")


def _table(
    title: str, state: str, headings: Sequence[str], lines: Sequence[tuple[str, str, Sequence[int]]]
) -> Table:
    """A line a campaign: its state, and its counts. Of those behind the second, a column of nothing but zeros is left out."""
    shown = [
        place for place in range(len(headings)) if place < 2 or any(counts[place] for _, _, counts in lines)
    ]
    table = Table(title=title)
    table.add_column("campaign", overflow="fold")
    table.add_column(state)
    for place in shown:
        table.add_column(headings[place], justify="right")
    for campaign, words, counts in lines:
        table.add_row(escape(campaign), words, *(f"{counts[place]:,}" for place in shown))
    return table


def _kind(item: Planned) -> str:
    if item.refused:
        return "[bold red]refused[/]"
    if item.is_done:
        return "[green]pushed before[/]"
    return "changes" if item.is_changes else "the whole list"


def _show_campaigns(plan: Plan) -> None:
    for item in plan.campaigns:
        if item.refused:
            err.print(
                f"[bold red]refused[/] {escape(f'{item.campaign_id}: {item.refused}.')}", highlight=False
            )
        if item.too_large:
            words = f"{item.campaign_id}: {item.too_large:,} rows are larger than {plan.destination.label} takes, and would be refused."
            err.print(f"[yellow]note[/] {escape(words)}", highlight=False)
        for note in item.notes:
            err.print(f"[yellow]note[/] {escape(f'{item.campaign_id}: {note}.')}", highlight=False)


def show_result(result: Result) -> None:
    """What was sent, what was refused, and where the list of it lies."""
    plan = result.plan
    table = _table(
        f"{plan.destination.label}, night of {plan.night}: what was sent",
        "state",
        ("taken", "requests", "refused", "not confirmed", "resent", "expired"),
        [
            (
                item.campaign_id,
                "[green]whole[/]" if item.is_whole else "[yellow]not whole[/]",
                (item.rows, item.batches, item.refused, item.unconfirmed, item.again, item.expired),
            )
            for item in result.outcomes
        ],
    )
    out.print(table)
    _show_campaigns(plan)
    if result.refused_file:
        err.print(
            f"[bold red]refused:[/] {result.refused:,} rows; the list, with the reasons, is {escape(str(result.refused_file))}",
            highlight=False,
            soft_wrap=True,
        )
    if result.unconfirmed_file:
        err.print(
            f"[bold red]not confirmed:[/] {result.unconfirmed:,} rows were sent, and {escape(plan.destination.label)} has not said that "
            f"it took them.\n      They are in {escape(str(result.unconfirmed_file))}. "
            "Run the same command again: it sends them once more.",
            highlight=False,
            soft_wrap=True,
        )
    if result.stopped:
        err.print(f"[bold red]error[/] {escape(result.stopped.what)}", highlight=False)
        err.print(f"      {escape(result.stopped.fix)}", highlight=False)


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """The same as plain JSON values."""
    hidden = ("sources",)
    return {
        "destination": plan.destination.name,
        "as_of": plan.night,
        "folder": str(plan.folder),
        "seconds": plan.seconds,
        "example": plan.example,
        "sent": False,
        "campaigns": [
            {key: value for key, value in vars(item).items() if key not in hidden} for item in plan.campaigns
        ],
    }


def result_as_dict(result: Result) -> dict[str, Any]:
    """The same as plain JSON values."""
    return {
        "destination": result.plan.destination.name,
        "as_of": result.plan.night,
        "sent": True,
        "requests": result.requests,
        "campaigns": [asdict(item) for item in result.outcomes],
        "not_pushed": {item.campaign_id: item.refused for item in result.plan.refused},
        "refused": result.refused,
        "refused_file": str(result.refused_file) if result.refused_file else None,
        "unconfirmed": result.unconfirmed,
        "unconfirmed_file": str(result.unconfirmed_file) if result.unconfirmed_file else None,
        "stopped": result.stopped.what if result.stopped else None,
        "exit_code": result.exit_code,
    }
