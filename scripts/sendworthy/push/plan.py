"""What a push would send: the lists of a night that may go out, compared with the journal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt

from sendworthy.delivery.manifest import (
    ListedCampaign,
    ListedChanges,
    ListedFile,
    ListedForm,
    Manifest,
    UnknownForm,
    find_night,
    read_manifest,
)
from sendworthy.delivery.staging_folder import MANIFEST, cancellations_of, is_cancellations
from sendworthy.delivery.verify import Check, verify
from sendworthy.foundation import night_folders
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.errors import EXIT_HELD_BACK, SendworthyError, SettingsError, did_you_mean
from sendworthy.foundation.safe_files import MAX_MANIFEST, read_file
from sendworthy.push.batches import Row, Source, batches, look_up
from sendworthy.push.journal import Journal, Pushed
from sendworthy.push.redact import masked
from sendworthy.push.retry import seconds_for
from sendworthy.push.vendors import VENDORS, Vendor
from sendworthy.settings.destinations import Destination

# beside the nights, and not in one: a night's folder holds what its manifest names, and is replaced whole
FOLDER = "push"

# how the lists of the other destinations travel
BY_FILE = {
    "generic": "your own job reads the file and the manifest",
    "generic_jsonl": "your own job reads the file and the manifest",
    "generic_parquet": "your own job reads the file and the manifest",
    "braze": "somebody uploads the file under Audience, Import Users; `braze_track` can be pushed",
    "braze_cdi": "a job copies the file into the bucket that Cloud Data Ingestion reads; `braze_track` can be pushed",
}


class MayNotGo(SendworthyError):
    """The lists do not hold: nothing was sent."""

    exit_code = EXIT_HELD_BACK


@dataclass(frozen=True)
class Options:
    """What a push is asked for: where the lists are, which campaigns, and by which time."""

    out: Path
    now: datetime
    max_age: timedelta
    database: Path | None = None
    campaigns: Sequence[str] = ()
    resync: bool = False


@dataclass(frozen=True)
class Planned:
    """A campaign's list, and what of it is still to be sent. `refused`: why none of it may go."""

    campaign_id: str
    sources: list[Source] = field(default_factory=list)
    is_changes: bool = False
    is_done: bool = False
    rows: int = 0
    to_send: int = 0
    expired: int = 0
    taken: int = 0
    batches: int = 0
    too_large: int = 0
    refused: str = ""
    notes: list[str] = field(default_factory=list)

    @property
    def files(self) -> list[str]:
        """What the list is known by in the journal."""
        return [source.sha256 for source in self.sources]


@dataclass(frozen=True)
class Plan:
    """What would be sent to one destination."""

    destination: Destination
    vendor: Vendor
    form: ListedForm
    night: str
    folder: Path
    journal: Journal
    now: datetime
    campaigns: list[Planned]
    columns: list[str]
    example: Any

    @property
    def refused(self) -> list[Planned]:
        """The campaigns that may not go."""
        return [campaign for campaign in self.campaigns if campaign.refused]

    @property
    def going(self) -> list[Planned]:
        """The campaigns of which something is to be sent, or to be written down as sent."""
        return [campaign for campaign in self.campaigns if not campaign.refused and not campaign.is_done]

    @property
    def seconds(self) -> float:
        """How long it takes at the least."""
        return seconds_for(sum(item.batches for item in self.going), self.destination.limits.rates)


def journal_folder(out: Path, destination: str) -> Path:
    """Where the journal of a destination lies, beside the nights; what was taken back has one of its own."""
    if is_cancellations(out):
        return out.resolve().parent / FOLDER / destination / "taken_back"
    return find_night(out).resolve().parent / FOLDER / destination


def vendor_of(destination: Destination) -> Vendor:
    """The adapter of a destination; SettingsError where its lists travel as files."""
    found = VENDORS.get(destination.name)
    if found is None:
        how = BY_FILE.get(destination.name, "nobody has written how to push it (docs/push.md)")
        raise SettingsError(
            f"{destination.name} is not pushed: its lists are files, and {how}.",
            f"these can be pushed: {', '.join(sorted(VENDORS))}.",
        )
    return found(destination)


def make_plan(destination: Destination, options: Options) -> Plan:
    """Look at the newest night, or the named one, as `sendworthy verify` does, and at the journal. Nothing is sent."""
    vendor = vendor_of(destination)
    if is_cancellations(options.out):
        return _plan_taking_back(destination, vendor, options)
    verified = verify(options.out, options.now, options.max_age, options.database)
    manifest: Manifest | None = None
    if verified.run_id is not None:
        manifest, _ = read_manifest(verified.folder / MANIFEST)
    failed = verified.failed
    if failed or manifest is None:
        raise MayNotGo(
            f"the lists in {verified.folder} must not be sent; nothing was sent.",
            "`sendworthy verify` says the same, and what to do.",
            details=[line for check in failed for line in _lines_of(check)],
        )
    form = manifest.forms.get(destination.name)
    if form is None:
        raise SettingsError(
            f"{verified.folder} holds no lists for {destination.name}; nothing was sent.",
            f"write them: sendworthy export --destination {destination.name}",
        )
    journal = Journal(journal_folder(options.out, destination.name), manifest.as_of)
    planner = _Planner(vendor, form, verified.folder, journal, options)
    campaigns = [planner.plan(campaign) for campaign in _chosen(manifest, destination, options.campaigns)]
    _say_what_was_taken_back(campaigns, verified.folder)
    return planner.plan_of(campaigns)


class _Read(BaseModel):
    """No value is taken for another type; keys of later versions are let through."""

    model_config = ConfigDict(strict=True, frozen=True)


class _TakenOff(_Read):
    """The files that take a campaign's messages off at a destination, and how many these are."""

    removed: NonNegativeInt
    files: list[ListedFile]


class _TakenBackOf(_Read):
    """A campaign of which `cancelled` messages were taken back; changes by destination."""

    campaign_id: str
    cancelled: NonNegativeInt
    changes: dict[str, _TakenOff] = Field(default_factory=dict)


class _TakenBack(_Read):
    """What the manifest of a folder of cancellations says."""

    as_of: str
    taken_back_at: str
    destinations: dict[str, ListedForm]
    campaigns: list[_TakenBackOf]


def _read_taken_back(folder: Path) -> _TakenBack:
    """The manifest of a folder of cancellations; OSError or ValueError where it is none."""
    return _TakenBack.model_validate(json.loads(read_file(folder / MANIFEST, folder, MAX_MANIFEST)))


def _plan_taking_back(destination: Destination, vendor: Vendor, options: Options) -> Plan:
    """The same for a folder of cancellations: everybody whose message was taken back loses it at the destination.

    Nothing builds on another night here, and no message is too old to be taken off.
    """
    folder = options.out
    try:
        manifest = _read_taken_back(folder)
        as_of = parse_time(manifest.as_of, "as_of")
    except (OSError, ValueError, SettingsError):
        raise SettingsError(
            f"{folder} has no {MANIFEST} that can be read; nothing was sent.",
            "`sendworthy cancellations` writes the folder again.",
        ) from None
    taken = {
        campaign.campaign_id: campaign.changes[destination.name]
        for campaign in manifest.campaigns
        if destination.name in campaign.changes
    }
    faults = [
        f"{name}: it has changes that do not lie in {destination.name}/"
        for name, changes in taken.items()
        if not all(_lies_in(file.file, destination.name) for file in changes.files)
    ]
    if options.now - as_of > options.max_age:
        faults.append(f"{folder.name}: its night lies further behind the clock than --max-age-hours allows")
    if faults:
        raise MayNotGo(
            f"what is in {folder} must not be sent; nothing was sent.",
            "run `sendworthy cancellations` again, for a younger night.",
            details=faults,
        )
    form = manifest.destinations.get(destination.name)
    if form is None:
        raise SettingsError(
            f"{folder} takes nothing back at {destination.name}; nothing was sent.",
            f"where that is not so: sendworthy cancellations --destination {destination.name}",
        )
    form = form.model_copy(update={"says": form.says.model_copy(update={"valid_until": None})})
    journal = Journal(journal_folder(folder, destination.name), manifest.as_of)
    planner = _Planner(vendor, form, folder, journal, options)
    names = _known(options.campaigns, taken, destination)
    return planner.plan_of([planner.plan_taking_back(name, taken[name]) for name in names])


def _say_what_was_taken_back(campaigns: Sequence[Planned], night: Path) -> None:
    """Note at each campaign how many of its messages were taken back since: a push of the night brings them up again."""
    folder = night.resolve().parent / cancellations_of(night.resolve().name)
    try:
        manifest = _read_taken_back(folder)
    except (OSError, ValueError):
        return
    taken = {campaign.campaign_id: campaign.cancelled for campaign in manifest.campaigns}
    for campaign in campaigns:
        if count := taken.get(campaign.campaign_id, 0):
            campaign.notes.append(
                f"{count:,} of its messages were taken back since the night: push {folder} after it, each time"
            )


def _lines_of(check: Check) -> Iterator[str]:
    for finding in check.findings:
        if not finding.is_note:
            yield f"{check.name}: {finding.where}: {finding.what}"


def _lies_in(file: str, folder: str) -> bool:
    within, _, name = file.rpartition("/")
    return within == folder and name not in ("", ".", "..")


def _chosen(manifest: Manifest, destination: Destination, names: Sequence[str]) -> list[ListedCampaign]:
    """The released campaigns that have a list for the destination, of those that are named, if any are."""
    there = {
        campaign.campaign_id: campaign
        for campaign in manifest.campaigns
        if any(file.destination == destination.name for file in campaign.files)
    }
    return [there[name] for name in _known(names, there, destination)]


def _known(names: Sequence[str], there: Mapping[str, object], destination: Destination) -> list[str]:
    """The campaigns that are named, or all that are there; SettingsError for one that is not."""
    for name in names:
        if name not in there:
            raise SettingsError(
                f"there is nothing of the campaign {name!r} for {destination.name}; nothing was sent.",
                did_you_mean(name, there, "name one that was released; the manifest has them."),
            )
    return list(dict.fromkeys(names or there))


class _Planner:
    """Goes through the lists once, to count them; keeps one row as the example."""

    def __init__(
        self,
        vendor: Vendor,
        form: ListedForm,
        folder: Path,
        journal: Journal,
        options: Options,
    ) -> None:
        self._vendor, self._form, self._folder = vendor, form, folder
        self._journal, self._options = journal, options
        self._columns: list[str] = []
        self._example: Any = None

    @property
    def _destination(self) -> str:
        return self._vendor.destination.name

    def plan_of(self, campaigns: list[Planned]) -> Plan:
        """The plan of these campaigns, which this has gone through."""
        return Plan(
            self._vendor.destination,
            self._vendor,
            self._form,
            self._journal.night,
            self._journal.path.parent,
            self._journal,
            self._options.now,
            campaigns,
            self._columns,
            self._example,
        )

    def plan(self, campaign: ListedCampaign) -> Planned:
        """What of a campaign is to be sent."""
        name, last = campaign.campaign_id, self._journal.last(campaign.campaign_id)
        changes = campaign.changes.get(self._destination)
        whole = [self._source(file) for file in campaign.files if file.destination == self._destination]
        notes = []
        if changes is None or not self._go_as_changes(changes):
            sources, is_changes = whole, False
        else:
            sources, is_changes = [self._source(file) for file in changes.files], True
            if changes.held_back is not None:
                return self._refused(name, f"its changes are held back: {changes.held_back}")
            is_out = self._is_out(last, sources) or self._is_out(last, whole)
            if not is_out and not changes.resync and (why := self._lacks(name, last, str(changes.since))):
                return self._refused(name, f"{why}. Push that night first, or the whole list with --resync")
            if last is not None and not is_out and not changes.resync and (last.refused or last.expired):
                notes.append(
                    f"{last.refused + last.expired:,} rows of the night before did not arrive, and are in the changes only if they have changed; --resync sends all"
                )
        # whoever has the whole list has its changes
        out = next((listed for listed in (sources, whole) if self._is_out(last, listed)), None)
        if out is not None and not self._options.resync:
            rows = sum(source.rows for source in out)
            return Planned(name, out, is_changes, True, rows=rows, taken=rows, notes=notes)
        is_anew = self._is_out(last, sources)
        return self._counted(Planned(name, sources, is_changes, notes=notes), is_anew)

    def _go_as_changes(self, changes: ListedChanges) -> bool:
        """Whether the changes go, and not the whole list: those of a resync do, and those that build on a night."""
        # the changes since no night are the whole list, which also clears what the vendor may have from elsewhere
        return changes.resync or (changes.since is not None and not self._options.resync)

    def _lacks(self, campaign: str, last: Pushed | None, since: str) -> str:
        """Which night has to be pushed before changes that build on `since`; empty where none has.

        A campaign may have had no changes for some nights: it was held back, or it is new.
        """
        pushed_until = last.night if last else self._journal.oldest
        if pushed_until is None:
            return f"its changes build on the night of {since}, and no night of it was pushed"
        if pushed_until >= since:
            return ""
        missed = [
            night
            for night, campaigns in self._nights
            if campaign in campaigns and pushed_until < night <= since
        ]
        if missed:
            return (
                f"its changes build on the night of {since}, and its changes of {missed[0]} were not pushed"
            )
        if since not in [night for night, _ in self._nights]:
            return f"its changes build on the night of {since}, which is not there to be looked at, and the last night pushed is {pushed_until}"
        return ""

    @cached_property
    def _nights(self) -> list[tuple[str, set[str]]]:
        """The nights beside this one, each with the campaigns that had changes for the destination."""
        nights = []
        for folder in night_folders.nights(self._folder.resolve().parent):
            with suppress(UnknownForm, OSError):
                manifest, _ = read_manifest(folder / MANIFEST)
                campaigns = {
                    campaign.campaign_id for campaign in manifest.campaigns if self._had_anything(campaign)
                }
                nights.append((manifest.as_of, campaigns))
        return nights

    def _had_anything(self, campaign: ListedCampaign) -> bool:
        """Whether a campaign had changes for the destination; without changes, a list is to be pushed whole."""
        changes = campaign.changes.get(self._destination)
        files = changes.files if changes else campaign.files
        return any(file.rows for file in files if file.destination == self._destination)

    def plan_taking_back(self, name: str, changes: _TakenOff) -> Planned:
        """What of a campaign's cancellations is to be sent."""
        sources = [self._source(file) for file in changes.files]
        is_out = self._is_out(self._journal.last(name), sources)
        if is_out and not self._options.resync:
            return Planned(name, sources, True, True, rows=changes.removed, taken=changes.removed)
        return self._counted(Planned(name, sources, True), is_out)

    def _is_out(self, last: Pushed | None, sources: Sequence[Source]) -> bool:
        """Whether these files have gone out whole, this night."""
        files = [source.sha256 for source in sources]
        return last is not None and last.night == self._journal.night and last.files == files

    def _source(self, file: ListedFile) -> Source:
        return Source(self._folder / file.file, file.file, file.sha256, file.rows, self._form)

    def _refused(self, name: str, why: str) -> Planned:
        return Planned(name, refused=why)

    def _counted(self, planned: Planned, is_anew: bool) -> Planned:
        """The same with its rows and batches. Reading to the end proves that the files are those of the manifest."""
        rows = to_send = expired = count = too_large = taken = 0
        limits = self._vendor.destination.limits
        for source in planned.sources:
            done = [] if is_anew else self._journal.done(planned.campaign_id, source.sha256)
            rows += source.rows
            taken += sum(end - begin for begin, end in done)
            for batch in batches(source, self._vendor.shape, limits, self._options.now, done):
                expired += batch.expired
                too_large += len(batch.too_large)
                to_send += len(batch.rows)
                count += 1 if batch.rows else 0
                for row in batch.rows[:1]:
                    self._keep_example(row)
        unconfirmed = len(self._journal.unconfirmed(planned.campaign_id, planned.files))
        again = (
            [f"{unconfirmed:,} rows of an earlier push were not confirmed: they are sent once more"]
            if unconfirmed
            else []
        )
        return Planned(
            planned.campaign_id,
            planned.sources,
            planned.is_changes,
            rows=rows,
            to_send=to_send,
            expired=expired,
            taken=taken,
            batches=count,
            too_large=too_large,
            notes=[*planned.notes, *again],
        )

    def _keep_example(self, row: Row) -> None:
        if not self._columns:
            self._columns = list(row.values)
            self._example = self._masked(row)

    def _masked(self, row: Row) -> Any:
        """A row as it would be sent, with every value masked but for what is the same for many."""
        says = self._form.says
        shown = {
            look_up(row.values, place)
            for place in (says.campaign, says.variant, says.send_at, says.valid_until)
        }
        return _but_for(self._vendor.shape.item(row), {text for text in shown if text})


def _but_for(value: Any, shown: set[str]) -> Any:
    if isinstance(value, Mapping):
        return {key: _but_for(held, shown) for key, held in value.items()}
    if isinstance(value, list):
        return [_but_for(held, shown) for held in value]
    if isinstance(value, str) and value.startswith("{"):
        # a cell with JSON
        with suppress(ValueError):
            return _but_for(json.loads(value), shown)
    return value if value in shown or value in _WORDS else masked(value)


# of the protocols, and no person's
_WORDS = ("person", "identify", "profile", "subscribed", "none")
