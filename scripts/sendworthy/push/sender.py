"""Sends what a plan holds, batch by batch, and writes down each before and after."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sendworthy.foundation.durable_files import flush, make_folder, swap_in
from sendworthy.foundation.errors import EXIT_HELD_BACK, EXIT_OK, EXIT_UNRESOLVED, SettingsError
from sendworthy.foundation.file_lock import hold
from sendworthy.foundation.retry import Clock
from sendworthy.push.batches import Batch, batches
from sendworthy.push.journal import TOO_LARGE, Refusal
from sendworthy.push.plan import Options, Plan, Planned, journal_folder, make_plan, vendor_of
from sendworthy.push.redact import clean
from sendworthy.push.retry import POLICY, RESUME_HINT, Caller, Stopped
from sendworthy.push.vendors.base import (
    Account,
    BatchRefused,
    JobLost,
    NotConfirmed,
    Refused,
    Sent,
    read_account,
)
from sendworthy.settings.destinations import Destination

REFUSED_FILE, UNCONFIRMED_FILE = "refused.csv", "unconfirmed.csv"
LOCK = ".lock"
# a batch that is refused whole, or taken in part, is halved to find the rows, so many requests in one push
MOST_HALVINGS = 64
# a job is asked after so many seconds, then after twice as many, up to the second number; and given up after the third
JOB_PAUSES = (1.0, 15.0, 900.0)
# the numbers of a job that has ended may come later than its end
SETTLE_SECONDS = 60.0

# a campaign, how many of its rows have gone, and how many are to go
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a campaign's list, all pushes of the night together."""

    campaign_id: str
    rows: int
    batches: int
    expired: int
    refused: int
    unconfirmed: int
    again: int
    is_whole: bool


@dataclass(frozen=True)
class Result:
    """What a push has done. `stopped`: why it ended before its end."""

    plan: Plan
    outcomes: list[Outcome]
    requests: int
    refused_file: Path | None
    unconfirmed_file: Path | None
    stopped: Stopped | None

    @property
    def refused(self) -> int:
        """Rows that the vendor did not take."""
        return sum(outcome.refused for outcome in self.outcomes)

    @property
    def unconfirmed(self) -> int:
        """Rows that were sent, and of which nobody knows whether they were taken."""
        return sum(outcome.unconfirmed for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """How the command ends: 4 where the vendor has answered, and not said what it took."""
        if self.stopped and not (self.stopped.is_unclear and self.unconfirmed):
            return self.stopped.exit_code
        if self.unconfirmed:
            return EXIT_UNRESOLVED
        return EXIT_HELD_BACK if self.refused or self.plan.refused else EXIT_OK


def push(
    destination: Destination,
    options: Options,
    environment: Mapping[str, str],
    progress: Progress = lambda campaign, gone, rows: None,
    clock: Clock | None = None,
) -> Result:
    """Plan and push, alone: another push to the destination is waited for, and what it has sent is not sent again.

    SettingsError where the account is not there or not right, MayNotGo where the lists do not hold.
    """
    vendor = vendor_of(destination)
    account = read_account(type(vendor), destination.label, environment)
    vendor.connect(account)
    folder = journal_folder(options.out, destination.name)
    make_folder(folder)
    with hold(folder / LOCK, str(folder), wait=True):
        plan = make_plan(destination, options)
        plan.vendor.connect(account)
        return _push(plan, account, progress, clock or Clock())


def _push(plan: Plan, account: Account, progress: Progress, clock: Clock) -> Result:
    plan.journal.begin()
    caller = Caller(plan.destination.label, plan.destination.limits.rates, clock)
    worker = _Worker(plan, caller, account.secrets, progress)
    stopped: Stopped | None = None
    try:
        if plan.columns:
            plan.vendor.prepare(plan.columns, caller.ask)
        for campaign in plan.going:
            worker.send_campaign(campaign)
    except Stopped as error:
        stopped = error
    finally:
        refused_file, unconfirmed_file = _write_refused(plan), _write_unconfirmed(plan)
    outcomes = [_outcome(plan, campaign) for campaign in plan.campaigns if not campaign.refused]
    return Result(plan, outcomes, caller.requests, refused_file, unconfirmed_file, stopped)


def _outcome(plan: Plan, campaign: Planned) -> Outcome:
    name = campaign.campaign_id
    counts, last = plan.journal.counts(name), plan.journal.last(name)
    is_whole = last is not None and last.night == plan.night and last.files == campaign.files
    refused = sum(refusal.rows for refusal in plan.journal.refusals(name))
    unconfirmed = len(plan.journal.unconfirmed(name, campaign.files))
    return Outcome(
        name, counts.rows, counts.batches, counts.expired, refused, unconfirmed, counts.again, is_whole
    )


class _Worker:
    """Sends batches; knows the campaign that it is at."""

    def __init__(self, plan: Plan, caller: Caller, secrets: Collection[str], progress: Progress) -> None:
        self._plan, self._journal, self._vendor = plan, plan.journal, plan.vendor
        self._caller, self._secrets, self._progress = caller, secrets, progress
        self._label, self._now = plan.destination.label, plan.now
        self._halvings = 0

    def send_campaign(self, campaign: Planned) -> None:
        """Send all batches of a campaign that are not done with."""
        name, journal = campaign.campaign_id, self._journal
        last = journal.last(name)
        if last is not None and last.night == self._plan.night and last.files == campaign.files:
            journal.anew(name)
        gone = 0
        self._progress(name, gone, campaign.to_send)
        for source in campaign.sources:
            done = journal.done(name, source.sha256)
            limits = self._vendor.destination.limits
            for batch in batches(source, self._vendor.shape, limits, self._now, done):
                self._send(name, batch)
                gone += len(batch.rows)
                self._progress(name, gone, campaign.to_send)
        if not journal.unconfirmed(name, campaign.files):
            journal.pushed(name, campaign.files)

    def _send(self, name: str, batch: Batch) -> None:
        """See one batch to its end: taken, refused, or in halves."""
        large = [Refusal(row.dispatch_id, TOO_LARGE, why) for row, why in batch.too_large]
        if not batch.rows:
            self._journal.ended(name, batch, large)
            return
        try:
            sent = self._submit(name, batch)
        except BatchRefused as refused:
            self._find_rows(name, batch, refused)
            return
        except NotConfirmed as error:
            self._divide(name, batch, error)
            return
        except Stopped as error:
            if self._journal.is_unknown(name, batch):
                self._journal.unconfirm(name, batch, error.what, self._journal.job(name, batch))
            raise
        self._journal.ended(name, batch, [*large, *self._refusals(batch, sent.refused)])

    def _submit(self, name: str, batch: Batch) -> Sent:
        """Send a batch, or ask after the job that has it already."""
        job = self._journal.job(name, batch)
        for _ in range(POLICY.tries):
            if job is None:
                sent = self._send_once(name, batch)
                if sent.job is None:
                    return sent
                job = sent.job
                self._journal.accepted(name, batch, job)
            try:
                return self._wait_for(job, batch)
            except JobLost:
                job = None
        raise Stopped(f"{self._label} forgets the jobs that it has begun.", RESUME_HINT)

    def _send_once(self, name: str, batch: Batch) -> Sent:
        """Send a batch, with a record before it is sent, and before it is sent again."""
        is_again = self._journal.is_unknown(name, batch)
        batch = replace(batch, is_again=is_again)
        self._journal.sending(name, batch, is_again and not self._vendor.looks_up)

        def again() -> None:
            self._journal.sending(name, batch, True)

        try:
            return self._vendor.send(batch, self._caller.ask, again)
        except (BatchRefused, SettingsError, Stopped) as error:
            if not is_again and not getattr(error, "is_unknown", False):
                self._journal.returned(name, batch)
            raise

    def _wait_for(self, job: str, batch: Batch) -> Sent:
        """Ask after a job until it is done."""
        clock = self._caller.clock
        began = clock.now()
        pause, longest, most = JOB_PAUSES
        ended_at: float | None = None
        while True:
            try:
                ended = self._vendor.finish(job, batch, self._caller.ask)
                if ended is not None:
                    return ended
            except NotConfirmed:
                ended_at = clock.now() if ended_at is None else ended_at
                if clock.now() - ended_at > SETTLE_SECONDS:
                    raise
            if clock.now() - began > most:
                raise Stopped(
                    f"{self._label} is still at work on a job after {most / 60:.0f} minutes.", RESUME_HINT
                )
            clock.sleep(pause)
            pause = min(longest, pause * 2)

    def _divide(self, name: str, batch: Batch, error: NotConfirmed) -> None:
        """A batch was taken in part, nobody knows which: send it in halves until that is known, or write it down as not confirmed."""
        words = f"{self._label}: {error.words}"
        if error.may_divide and len(batch.rows) > 1 and self._halvings < MOST_HALVINGS:
            self._halvings += 2
            halves = batch.halves()
            for half in halves:
                self._journal.unconfirm(name, half, words, None)
            self._journal.divided(name, batch)
            for half in halves:
                self._send(name, half)
        else:
            # if it had a job, that has ended: the next push sends the rows again
            self._journal.unconfirm(name, batch, words, None)

    def _find_rows(self, name: str, batch: Batch, refused: BatchRefused) -> None:
        """A batch was refused whole: leave out the rows that the vendor names, or halve it until the row is found."""
        self._journal.returned(name, batch)
        named = [item for item in refused.named if item.index is not None and item.index < len(batch.rows)]
        if named and len({item.index for item in named}) < len(batch.rows):
            for refusal, item in zip(self._refusals(batch, named), named, strict=True):
                row = batch.rows[item.index or 0]
                one = Batch(batch.sha256, (row.place, row.place + 1), [row])
                self._journal.ended(name, one, [refusal])
            without = {item.index for item in named}
            rest = [row for index, row in enumerate(batch.rows) if index not in without]
            self._send(name, replace(batch, rows=rest))
        elif len(batch.rows) > 1 and self._halvings < MOST_HALVINGS:
            self._halvings += 2
            for half in batch.halves():
                self._send(name, half)
        else:
            whole = [Refused(index, refused.code, refused.words) for index in range(len(batch.rows))]
            large = [Refusal(row.dispatch_id, TOO_LARGE, why) for row, why in batch.too_large]
            self._journal.ended(name, batch, [*large, *self._refusals(batch, whole)])

    def _refusals(self, batch: Batch, refused: list[Refused]) -> list[Refusal]:
        """The same with the message instead of the place, and with words that show nobody."""
        refusals = []
        for item in refused:
            is_named = item.index is not None and 0 <= item.index < len(batch.rows)
            row = batch.rows[item.index] if is_named and item.index is not None else None
            code = clean(item.code, self._secrets)
            words = clean(item.words, self._secrets, row.values if row else None)
            refusals.append(Refusal(row.dispatch_id if row else None, code, words, item.rows))
        return refusals


def _write_refused(plan: Plan) -> Path | None:
    """The night's refused rows as a file, anew each time; None where there are none."""
    lines = [
        (
            plan.night,
            campaign.campaign_id,
            refusal.dispatch_id or "",
            refusal.rows,
            refusal.code,
            refusal.words,
        )
        for campaign in plan.campaigns
        for refusal in plan.journal.refusals(campaign.campaign_id)
    ]
    header = ("as_of", "campaign_id", "dispatch_id", "rows", "code", "reason")
    return _write_rows(plan.folder / REFUSED_FILE, header, lines)


def _write_unconfirmed(plan: Plan) -> Path | None:
    """The night's rows that are not confirmed, in the same way."""
    lines = [
        (plan.night, campaign.campaign_id, row.dispatch_id, row.words)
        for campaign in plan.campaigns
        for row in plan.journal.unconfirmed(campaign.campaign_id, campaign.files)
    ]
    return _write_rows(
        plan.folder / UNCONFIRMED_FILE, ("as_of", "campaign_id", "dispatch_id", "reason"), lines
    )


def _write_rows(path: Path, header: Sequence[str], lines: Sequence[tuple[object, ...]]) -> Path | None:
    """Write a list of rows that is readable by its owner only, or remove it where there are none."""
    if not lines:
        path.unlink(missing_ok=True)
        return None
    staged = path.with_suffix(".writing")
    staged.unlink(missing_ok=True)
    with staged.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([[_no_formula(cell) for cell in line] for line in lines])
    os.chmod(staged, 0o600)
    flush(staged)
    swap_in(staged, path)
    return path


def _no_formula(cell: object) -> object:
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@")) else cell
