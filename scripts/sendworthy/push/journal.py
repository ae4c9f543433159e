"""What was sent, written down before and after each request, so that a push that was ended goes on where it was.

A file of lines, one a record, each flushed to the disk before the push goes on. It holds places in files, hashes, counts,
message ids and a vendor's masked reasons: no address, no name, no value.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sendworthy.foundation.durable_files import flush, make_folder, swap_in
from sendworthy.foundation.errors import EXIT_BUILD_FAILED, SendworthyError
from sendworthy.foundation.safe_files import MAX_LIST, read_file
from sendworthy.push.batches import Batch, Span

FILE = "journal.jsonl"


class UnreadableJournal(SendworthyError):
    """The journal is torn elsewhere than at its end: nobody knows what was sent."""

    exit_code = EXIT_BUILD_FAILED


@dataclass(frozen=True)
class Refusal:
    """A row that was not taken, or as many as the vendor does not name: its message, the vendor's code and masked words."""

    dispatch_id: str | None
    code: str
    words: str
    rows: int = 1


@dataclass(frozen=True)
class Unconfirmed:
    """A row that was sent, and of which nobody knows whether it was taken: its message, and why."""

    dispatch_id: str
    words: str


@dataclass(frozen=True)
class Pushed:
    """The last list of a campaign that has gone out whole: of which night, which files, and how many rows did not arrive."""

    night: str
    files: list[str]
    refused: int
    expired: int


@dataclass(frozen=True)
class Counts:
    """What has become of a campaign's files so far."""

    rows: int = 0
    batches: int = 0
    expired: int = 0
    again: int = 0


# what says that a batch may have been taken, and what says that it was surely not, or is sent on in halves
_OPENING, _CLOSING = ("sending", "accepted", "unconfirmed"), ("returned", "divided")


class _State:
    """What the records of a campaign come to: batches that are done with, and those of which that is not known."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []
        self.open: dict[str, dict[str, Any]] = {}
        self.again = 0

    def take(self, record: dict[str, Any]) -> None:
        """Take in the next record."""
        self.records.append(record)
        if record["event"] in _OPENING:
            self.again += record.get("again", False)
            self.open[record["batch"]] = record
            return
        self.open.pop(record["batch"], None)
        if record["event"] not in _CLOSING:
            self.ended.append(record)


class Journal:
    """The journal of one destination."""

    def __init__(self, folder: Path, night: str) -> None:
        self.path = folder / FILE
        self.night = night
        self._pushed: dict[str, Pushed] = {}
        # by campaign and night
        self._states: dict[tuple[str, str], _State] = {}
        for record in _read(self.path):
            self._take(record)

    def _take(self, record: dict[str, Any]) -> None:
        event, campaign = record["event"], record["campaign"]
        if event == "pushed":
            values = {key: record[key] for key in ("night", "files", "refused", "expired")}
            self._pushed[campaign] = Pushed(**values)
        elif event == "anew":
            self._pushed.pop(campaign, None)
            self._states.pop((campaign, record["night"]), None)
        else:
            self._states.setdefault((campaign, record["night"]), _State()).take(record)

    def _of(self, campaign: str) -> _State:
        return self._states.setdefault((campaign, self.night), _State())

    def begin(self) -> None:
        """Make the file, without what a campaign's later list has made useless."""
        make_folder(self.path.parent)
        staged = self.path.with_suffix(".writing")
        staged.unlink(missing_ok=True)
        with staged.open("w", encoding="utf-8") as file:
            for campaign, pushed in sorted(self._pushed.items()):
                file.write(_line({"event": "pushed", "campaign": campaign, **asdict(pushed)}))
            for (campaign, night), state in self._states.items():
                last = self._pushed.get(campaign)
                for record in state.records if last is None or last.night <= night else ():
                    file.write(_line(record))
        flush(staged)
        swap_in(staged, self.path)

    # what is known

    def last(self, campaign: str) -> Pushed | None:
        """The last list of a campaign that has gone out whole."""
        return self._pushed.get(campaign)

    @property
    def oldest(self) -> str | None:
        """The night up to which the lists of all campaigns that were pushed have gone out; None where none has."""
        return min((pushed.night for pushed in self._pushed.values()), default=None)

    def done(self, campaign: str, sha256: str) -> list[Span]:
        """Which rows of a file need not be sent any more, in order; no two spans touch each other."""
        spans: list[Span] = []
        ended = (record for record in self._of(campaign).ended if record["file"] == sha256)
        for begin, end in sorted((record["span"][0], record["span"][1]) for record in ended):
            if spans and begin <= spans[-1][1]:
                spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
            else:
                spans.append((begin, end))
        return spans

    def job(self, campaign: str, batch: Batch) -> str | None:
        """The vendor's job that has taken a batch of which nothing more is known."""
        return self._of(campaign).open.get(batch.id, {}).get("job")

    def is_unknown(self, campaign: str, batch: Batch) -> bool:
        """Whether a row of a batch was about to be sent before, and nobody knows whether it was taken."""
        begin, end = batch.span
        return any(
            record["file"] == batch.sha256 and record["span"][0] < end and begin < record["span"][1]
            for record in self._of(campaign).open.values()
        )

    def unconfirmed(self, campaign: str, files: Collection[str]) -> list[Unconfirmed]:
        """Every row of these files that was sent, and of which nobody knows whether it was taken."""
        found: dict[tuple[str, int], Unconfirmed] = {}
        for record in self._of(campaign).open.values():
            sha256 = record["file"]
            if record["event"] != "unconfirmed" or sha256 not in files:
                continue
            done = self.done(campaign, sha256)
            for place, message in record["rows"]:
                if not any(begin <= place < end for begin, end in done):
                    found[(sha256, place)] = Unconfirmed(message, record["words"])
        return [found[key] for key in sorted(found)]

    def refusals(self, campaign: str) -> list[Refusal]:
        """Every row of a campaign's list that was refused tonight."""
        ended = self._of(campaign).ended
        return [Refusal(**refusal) for record in ended for refusal in record["refused"]]

    def counts(self, campaign: str) -> Counts:
        """What has become of a campaign's list so far."""
        state = self._of(campaign)
        return Counts(
            sum(record["rows"] for record in state.ended),
            sum(1 for record in state.ended if record["rows"]),
            sum(record["expired"] for record in state.ended),
            state.again,
        )

    # what happens

    def sending(self, campaign: str, batch: Batch, again: bool) -> None:
        """A batch is about to be sent; `again`: after an outcome that is not known."""
        self._write("sending", campaign, batch, rows=len(batch.rows), again=again)

    def accepted(self, campaign: str, batch: Batch, job: str) -> None:
        """A batch was taken by a job of the vendor, which is at work on it."""
        self._write("accepted", campaign, batch, job=job)

    def unconfirm(self, campaign: str, batch: Batch, words: str, job: str | None) -> None:
        """A batch was sent, and nobody knows whether it was taken; `job`: what to ask after before it is sent again."""
        rows = [[row.place, row.dispatch_id] for row in batch.rows]
        self._write("unconfirmed", campaign, batch, rows=rows, words=words, job=job)

    def divided(self, campaign: str, batch: Batch) -> None:
        """A batch was taken in part, and is sent on in halves."""
        self._write("divided", campaign, batch)

    def returned(self, campaign: str, batch: Batch) -> None:
        """A batch that was about to be sent was surely not taken."""
        self._write("returned", campaign, batch)

    def ended(self, campaign: str, batch: Batch, refused: list[Refusal]) -> None:
        """A batch is done with: taken, but for the refused rows, or refused whole, or it had expired."""
        rows = len(batch.rows) - sum(refusal.rows for refusal in refused if refusal.code != TOO_LARGE)
        event = "taken" if rows > 0 else "refused" if refused else "expired"
        self._write(
            event,
            campaign,
            batch,
            rows=max(rows, 0),
            expired=batch.expired,
            refused=[asdict(refusal) for refusal in refused],
        )

    def pushed(self, campaign: str, files: list[str]) -> None:
        """All files of a campaign are done with."""
        refused = sum(refusal.rows for refusal in self.refusals(campaign))
        expired = self.counts(campaign).expired
        pushed = Pushed(self.night, files, refused, expired)
        self._append({"event": "pushed", "campaign": campaign, **asdict(pushed)})

    def anew(self, campaign: str) -> None:
        """A list that has gone out whole shall go out once more."""
        self._append({"event": "anew", "campaign": campaign, "night": self.night})

    def _write(self, event: str, campaign: str, batch: Batch, **more: Any) -> None:
        place = {"night": self.night, "file": batch.sha256, "span": list(batch.span), "batch": batch.id}
        self._append({"event": event, "campaign": campaign, **place, **more})

    def _append(self, record: dict[str, Any]) -> None:
        with self.path.open("ab") as file:
            file.write(_line(record).encode())
            file.flush()
            os.fsync(file.fileno())
        self._take(record)


# a code of our own: the row was not sent
TOO_LARGE = "too_large"


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")) + "\n"


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Every record. The last line may be torn: what it was about to say has not happened yet, or is found out again."""
    try:
        lines = read_file(path, path.parent, MAX_LIST).split(b"\n")
    except FileNotFoundError:
        return
    for number, line in enumerate(lines, start=1):
        try:
            if line:
                yield json.loads(line)
        except ValueError:
            if number == len(lines):
                return
            raise UnreadableJournal(
                f"{path}, line {number}: the journal of what was pushed cannot be read; nothing was sent.",
                "put back a copy of it. Without one, remove it: the next push then sends the whole list again, over what is there.",
            ) from None
