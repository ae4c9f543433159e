"""The manifest of a night as a reader sees it: its form, and where it lies."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, StringConstraints, ValidationError

from sendworthy.delivery.staging_folder import MANIFEST, is_cancellations
from sendworthy.foundation import night_folders
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.safe_files import MAX_MANIFEST, read_file
from sendworthy.settings.destinations import CHANGES, Folder, Form, Places, list_path

Released = Literal["released", "held_back"]
# what a campaign's folder may be called, and so a file: no way out of the night's folder
_FILE_STEM = re.compile(r"[a-z0-9_]+")
_RUN_ID = re.compile(r"[A-Za-z0-9-]+")


class UnknownForm(Exception):
    """The manifest is not one that this version writes; `faults` say where and what, without its values."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class _Strict(BaseModel):
    """No value is taken for another type; keys of later versions are let through."""

    model_config = ConfigDict(strict=True, frozen=True)


class ListedForm(Form):
    """How the files of a destination are named and read; keys of later versions are let through."""

    model_config = ConfigDict(extra="ignore")


def _older_form(prefix: str, user: str) -> ListedForm:
    names = ("variant", "send_at", "valid_until")
    says = Places(
        campaign=f"{prefix}campaign_id",
        message=f"{prefix}dispatch_id",
        user=user,
        **{name: f"{prefix}{name}" for name in names},
    )
    return ListedForm(format="csv", channels=["email", "sms", "push"], says=says)


# what a manifest means that does not describe its destinations: there were these two, and they were so
_OLDER_FORMS = {
    "generic": _older_form("", "user_id"),
    "braze": _older_form("sendworthy_", "external_id"),
}


class ListedFile(_Strict):
    """One list, or a part of one: its path below the night's folder, and what its content must be.

    An older manifest does not say `bytes`. `left_out`: messages that the destination does not get, on the first part.
    """

    destination: str
    file: str
    rows: NonNegativeInt
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    bytes: NonNegativeInt | None = None
    left_out: NonNegativeInt = 0


class ListedChanges(_Strict):
    """A campaign's changes for a destination, built on what it has from the night `since`; None: on nothing.

    `held_back` says why there are none, `resync` that nothing is taken for granted. `unknown`: people who left, and
    whose address nobody knows any more. `erased`: rows taken out since, because people asked to be forgotten.
    """

    since: str | None
    added: NonNegativeInt
    changed: NonNegativeInt
    removed: NonNegativeInt
    unchanged: NonNegativeInt
    held_back: str | None = None
    resync: bool = False
    unknown: NonNegativeInt = 0
    erased: NonNegativeInt = 0
    files: list[ListedFile]


class Gate(_Strict):
    """What the gate said of a campaign's list."""

    passed: bool
    messages: NonNegativeInt
    failed: list[Any]


class ListedCampaign(_Strict):
    """What became of one campaign: its counts, its status, its lists."""

    campaign_id: Annotated[str, StringConstraints(min_length=1)]
    channel: str | None = None
    status: Released
    candidates: NonNegativeInt
    send: NonNegativeInt
    control: NonNegativeInt
    suppress: NonNegativeInt
    rows: NonNegativeInt
    added: NonNegativeInt
    removed: NonNegativeInt
    # taken out of the lists since, because they asked to be forgotten
    erased: NonNegativeInt = 0
    gate: Gate
    files: list[ListedFile]
    # by destination; an older manifest has none
    changes: dict[str, ListedChanges] = Field(default_factory=dict)

    @property
    def everything(self) -> Iterator[ListedFile]:
        """Its lists, and its files of changes."""
        yield from self.files
        for change in self.changes.values():
            yield from change.files

    @property
    def is_released(self) -> bool:
        """Whether its lists may go out."""
        return self.status == "released"


class Manifest(_Strict):
    """A night: its run, its logical time, its campaigns."""

    run_id: str
    as_of: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?Z$")]
    campaigns: list[ListedCampaign]
    destinations: dict[str, ListedForm] | None = None

    @property
    def forms(self) -> dict[str, ListedForm]:
        """The destinations whose files the manifest may name, by name."""
        return _OLDER_FORMS if self.destinations is None else self.destinations

    @property
    def used(self) -> list[str]:
        """The destinations that have a file."""
        return sorted({file.destination for _, file in self.files})

    @property
    def night(self) -> datetime:
        """The logical time, naive UTC."""
        return parse_time(self.as_of, "as_of")

    @property
    def files(self) -> Iterator[tuple[ListedCampaign, ListedFile]]:
        """Every list with its campaign."""
        return ((campaign, file) for campaign in self.campaigns for file in campaign.files)

    @property
    def everything(self) -> Iterator[tuple[ListedCampaign, ListedFile]]:
        """Every list, and every file of changes, with its campaign."""
        return ((campaign, file) for campaign in self.campaigns for file in campaign.everything)

    @property
    def changes(self) -> Iterator[tuple[ListedCampaign, ListedFile]]:
        """Every file of changes with its campaign."""
        return (
            (campaign, file)
            for campaign in self.campaigns
            for change in campaign.changes.values()
            for file in change.files
        )


def find_night(folder: Path) -> Path:
    """The night's folder: `folder` itself where a manifest lies in it, else its newest night. SettingsError without a manifest."""
    if not folder.is_dir():
        raise SettingsError(
            f"there is no folder {folder}.", "name the folder of a night, or the one that --out named."
        )
    if is_cancellations(folder):
        raise SettingsError(
            f"{folder} holds what was taken back, and no night.",
            "name the folder of its night; `sendworthy cancellations` writes this one again.",
        )
    if not (folder / MANIFEST).exists():
        night = _newest_night(folder)
        if not (night / MANIFEST).exists():
            raise SettingsError(
                f"{night} holds no {MANIFEST}: nothing says which of its files count. Do not send them.",
                "name the folder of a night; if it is one, write it again with `sendworthy export`.",
            )
        return night
    return folder


def _newest_night(folder: Path) -> Path:
    """The newest night, or the folder itself without any. SettingsError for a link: an older night must not take its place."""
    nights = [found for found in night_folders.walk(folder) if found.is_night]
    if not nights:
        return folder
    if nights[-1].is_link:
        raise SettingsError(
            f"{nights[-1].path}, the newest night, is a link, and links are not followed.",
            "name the folder that it leads to, or remove the link.",
        )
    return nights[-1].path


def read_manifest(path: Path) -> tuple[Manifest, dict[str, Any]]:
    """The manifest, and the same as plain JSON values. UnknownForm where it is none; OSError where it cannot be read."""
    try:
        content = read_file(path, path.parent, MAX_MANIFEST).decode("utf-8")
        plain = json.loads(content, object_pairs_hook=_each_key_once)
        manifest = Manifest.model_validate(plain)
    except ValidationError as error:
        raise UnknownForm([f"{_place(item['loc'])}: {item['msg']}" for item in error.errors()]) from None
    except (ValueError, RecursionError) as error:
        # of a text that is no JSON, only where it ends to be one
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else type(error).__name__
        raise UnknownForm([f"it is no JSON ({where})"]) from None
    faults = list(_structural_faults(manifest))
    if faults:
        raise UnknownForm(faults)
    return manifest, plain


def _each_key_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could take two different values for a key that is there twice."""
    if len({key for key, _ in pairs}) < len(pairs):
        raise UnknownForm(["a key is there twice in one object"])
    return dict(pairs)


def _place(location: tuple[int | str, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).lstrip(".")


def _structural_faults(manifest: Manifest) -> Iterator[str]:
    """What the types cannot say: a campaign twice, a night that is no time, a file that is not where it belongs."""
    try:
        manifest.night  # noqa: B018 - a date such as 2026-02-31
    except SettingsError as error:
        yield f"as_of: {error.what}"
    for campaign_id, times in Counter(campaign.campaign_id for campaign in manifest.campaigns).items():
        if times > 1:
            yield f"the campaign {campaign_id} is there {times} times"
    for name, form in manifest.forms.items():
        if not _FILE_STEM.fullmatch(name):
            yield "a destination has a name that no folder could have"
        if form.is_named_by_run and not _RUN_ID.fullmatch(manifest.run_id):
            yield "the run has an id that no file could be named after"
        if form.format == "jsonl" and len(form.file_columns or ()) != 1:
            yield f"the destination {name} has lines, and not one column that they come from"
    for campaign in manifest.campaigns:
        named = campaign.files or any(change.files for change in campaign.changes.values())
        if named and not _FILE_STEM.fullmatch(campaign.campaign_id):
            yield f"the campaign {campaign.campaign_id} has files and no id that a file could be named after"
            continue
        yield from _misplaced(manifest, campaign, campaign.files, "")
        for name, change in campaign.changes.items():
            if any(file.destination != name for file in change.files):
                yield f"the campaign {campaign.campaign_id} has changes for {name} that are of another destination"
            yield from _misplaced(manifest, campaign, change.files, CHANGES)


def _misplaced(
    manifest: Manifest, campaign: ListedCampaign, files: Sequence[ListedFile], folder: Folder
) -> Iterator[str]:
    """Files of a campaign that are not where they belong."""
    parts: Counter[str] = Counter()
    for file in files:
        listed = manifest.forms.get(file.destination)
        if listed is None:
            yield f"the campaign {campaign.campaign_id} has a file for a destination that the manifest does not describe"
            continue
        parts[file.destination] += 1
        path = list_path(
            file.destination,
            listed,
            campaign.campaign_id,
            manifest.run_id,
            parts[file.destination],
            folder,
        )
        if file.file != path:
            yield f"the campaign {campaign.campaign_id} has a file that is not {path}"
        if file.left_out and (parts[file.destination] > 1 or not listed.one_per_address):
            yield f"the campaign {campaign.campaign_id} leaves out messages where {file.destination} gets all of them"
