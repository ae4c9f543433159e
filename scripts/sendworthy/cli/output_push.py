"""What `sendworthy push` prints before, during and after a push."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from types import TracebackType
from typing import Any

from rich.progress import TaskID
from rich.text import Text

from sendworthy.cli.output import show_error
from sendworthy.foundation.console import Row, err, new_bar, note, out, print_groups, say, styled
from sendworthy.push.plan import Plan, Planned
from sendworthy.push.sender import Result

# a push that is over by then shows no bar
QUIET_SECONDS = 2.0


class Bar:
    """A bar of the rows of each campaign, once the push has lasted for two seconds."""

    def __init__(self, is_off: bool) -> None:
        self._progress = new_bar(is_off)
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
    title = f"{plan.destination.label}, night of {plan.night}: what would be sent"
    headings = ("rows", "to send", "requests", "expired", "sent before")
    _print_counts(
        title,
        headings,
        [
            (item.campaign_id, _kind(item), (item.rows, item.to_send, item.batches, item.expired, item.taken))
            for item in plan.campaigns
        ],
    )
    _show_campaigns(plan)
    if plan.example is not None:
        out.print("One row of it, masked:")
        out.print_json(data=plan.example)
    label = plan.destination.label
    if plan.destination.limits.rates:
        out.print(f"At the rates that {label} names: {plan.seconds:,.0f} seconds at the least.")
    else:
        out.print(f"{label} names no rate.")
    if sum(1 for item in plan.going if item.to_send) > 1:
        note(
            "an ESP keeps one value of each attribute for a person: push a campaign (--campaign), send it, then push the next."
        )
    out.print("Nothing was sent. Send it with --confirm.")


def _print_counts(
    title: str, headings: Sequence[str], lines: Sequence[tuple[str, Text, Sequence[int]]]
) -> None:
    """A line a campaign: its state, and its counts. Of those behind the second, a column of nothing but zeros is left out."""
    shown = [
        place for place in range(len(headings)) if place < 2 or any(counts[place] for _, _, counts in lines)
    ]
    groups: list[tuple[str, list[Row]]] = [
        (campaign, [(state, *(f"{counts[place]:,}" for place in shown))]) for campaign, state, counts in lines
    ]
    print_groups(out, ("campaign", *(headings[place] for place in shown)), groups, title)


def _kind(item: Planned) -> Text:
    if item.refused:
        return styled("refused", "bold red")
    if item.is_done:
        return styled("pushed before", "green")
    return Text("changes" if item.is_changes else "the whole list")


def _show_campaigns(plan: Plan) -> None:
    for item in plan.campaigns:
        if item.refused:
            say(err, styled("refused", "bold red"), f"{item.campaign_id}: {item.refused}.")
        if item.too_large:
            note(
                f"{item.campaign_id}: {item.too_large:,} rows are larger than {plan.destination.label} takes, and would be refused."
            )
        for words in item.notes:
            note(f"{item.campaign_id}: {words}.")


def show_result(result: Result) -> None:
    """What was sent, what was refused, and where the list of it lies."""
    plan = result.plan
    title = f"{plan.destination.label}, night of {plan.night}: what was sent"
    headings = ("taken", "requests", "refused", "not confirmed", "resent", "expired")
    _print_counts(
        title,
        headings,
        [
            (
                item.campaign_id,
                styled("whole", "green") if item.is_whole else styled("not whole", "yellow"),
                (item.rows, item.batches, item.refused, item.unconfirmed, item.again, item.expired),
            )
            for item in result.outcomes
        ],
    )
    _show_campaigns(plan)
    if result.refused_file:
        words = f"{result.refused:,} rows; the list, with the reasons, is {result.refused_file}"
        say(err, styled("refused:", "bold red"), words)
    if result.unconfirmed_file:
        say(
            err,
            styled("not confirmed:", "bold red"),
            f"{result.unconfirmed:,} rows were sent, and {plan.destination.label} has not said that it took them.",
            f"They are in {result.unconfirmed_file}. Run the same command again: it sends them once more.",
        )
    if result.stopped:
        show_error(result.stopped.what, result.stopped.fix)


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
