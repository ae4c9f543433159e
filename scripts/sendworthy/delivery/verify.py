"""The unit of trust: whether a delivered night may be sent, from its files alone, or compared with the published file too.

It says once more, on purpose, what the models and the export say already (how a dispatch id is made, who is suppressed, what the
caps leave): it looks at what was delivered, and must not go wrong where they do. Its statements are `sql/check_*.sql`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import duckdb

from sendworthy.delivery.export import sha256
from sendworthy.delivery.manifest import ListedCampaign, Manifest, UnknownForm, find_night, read_manifest
from sendworthy.delivery.staging_folder import MANIFEST, cancellations_of
from sendworthy.delivery.verify_deltas import check_changes, without_files
from sendworthy.delivery.verify_load import contents, load_lists
from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import EXIT_HELD_BACK, EXIT_OK
from sendworthy.foundation.safe_files import files_below
from sendworthy.settings.destinations import Form, model_of
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

State = Literal["ok", "failed", "not checked"]

# a watermark is a midnight after an event, and an event may be an hour ahead of the clock
AHEAD = timedelta(hours=25)

_AGAIN = "do not send it; write the night again with `sendworthy export`, and find out what has changed it."
_NEVER = "do not send any list of this night; find out who can write to the folder, and write it again with `sendworthy export`."


@dataclass(frozen=True)
class Finding:
    """One thing that does not hold, and of which file or campaign; a note is no fault. Nothing personal is in it."""

    where: str
    what: str
    is_note: bool = False


@dataclass(frozen=True)
class Check:
    """What was looked at: its name, what must hold, whether it does, and what to do where it does not."""

    name: str
    words: str
    state: State
    findings: list[Finding] = field(default_factory=list)
    fix: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Verified:
    """What came of a night: `as_of` and `run_id` are None where the manifest cannot be read."""

    folder: Path
    as_of: datetime | None
    run_id: str | None
    checks: list[Check]

    @property
    def failed(self) -> list[Check]:
        """What does not hold."""
        return [check for check in self.checks if check.state == "failed"]

    @property
    def exit_code(self) -> int:
        """How the command ends: 0, or 3 where something does not hold."""
        return EXIT_HELD_BACK if self.failed else EXIT_OK


class _NotChecked(Exception):
    """Why something could not be looked at."""


@dataclass(frozen=True)
class _Night:
    """A night as it lies there: the manifest, the paths of all files, and the connection with the rows of the lists."""

    folder: Path
    manifest: Manifest
    plain: dict[str, Any]
    now: datetime
    max_age: timedelta
    connection: duckdb.DuckDBPyConnection
    there: frozenset[str]
    rows: dict[str, int]
    unreadable: dict[str, str]

    def ask(self, sql: str, parameters: Sequence[object] | Mapping[str, object] = ()) -> list[dict[str, Any]]:
        """A query's rows."""
        return database_file.rows(self.connection, sql, parameters)


@dataclass(frozen=True)
class _Rule:
    """One check: how it is called, what must hold, what to do, and how it is looked at."""

    name: str
    words: str
    fix: str
    look: Callable[[_Night], Iterator[Finding]]
    needs_database: bool = False


def verify(folder: Path, now: datetime, max_age: timedelta, database: Path | None = None) -> Verified:
    """Check a night's folder, or the newest night of a folder of nights, against itself, the clock and a published file.

    `now` is naive UTC. SettingsError where there is no folder, no manifest, or no published file of this version.
    """
    night = find_night(folder)
    if database is not None:
        database_file.open_published(database)
    try:
        manifest, plain = read_manifest(night / MANIFEST)
    except UnknownForm as error:
        return Verified(night, None, None, list(_without_manifest(error.faults)))
    with database_file.connect(database or Path(":memory:"), read_only=database is not None) as connection:
        rows, unreadable = load_lists(connection, night, manifest)
        lying = _Night(
            night,
            manifest,
            plain,
            now,
            max_age,
            connection,
            frozenset(files_below(night)),
            rows,
            unreadable,
        )
        try:
            checks = [_judge(rule, lying, database is not None) for rule in RULES]
        except (duckdb.BinderException, duckdb.CatalogException):
            raise database_file.other_version(database or night) from None
    return Verified(night, manifest.night, manifest.run_id, [_FORM_HOLDS, *checks])


def _judge(rule: _Rule, night: _Night, has_database: bool) -> Check:
    if rule.needs_database and not has_database:
        return Check(rule.name, rule.words, "not checked", why_not="needs --db, the published file")
    try:
        findings = list(rule.look(night))
    except _NotChecked as reason:
        return Check(rule.name, rule.words, "not checked", why_not=str(reason))
    is_failed = any(not finding.is_note for finding in findings)
    return Check(
        rule.name, rule.words, "failed" if is_failed else "ok", findings, rule.fix if is_failed else ""
    )


_FORM = ("manifest", "the manifest is JSON of the form that this version writes")
_FORM_HOLDS = Check(*_FORM, "ok")


def _without_manifest(faults: Sequence[str]) -> Iterator[Check]:
    """Nothing can be compared with a manifest that cannot be read."""
    yield Check(*_FORM, "failed", [Finding(MANIFEST, fault) for fault in faults], _NEVER)
    for rule in RULES:
        yield Check(rule.name, rule.words, "not checked", why_not="the manifest does not say what must hold")


def _check_night(night: _Night) -> Iterator[Finding]:
    as_of, name = night.manifest.night, night.folder.name
    if _is_date(name) and name != night.manifest.as_of[:10]:
        yield Finding(MANIFEST, f"it is of the night of {iso(as_of)}, and lies in the folder {name}")
    if not night.manifest.run_id.startswith(f"{as_of:%Y%m%dT%H%M%SZ}-"):
        yield Finding(MANIFEST, f"the run that it names is not one of the night of {iso(as_of)}")


def _is_date(text: str) -> bool:
    try:
        datetime.strptime(text, "%Y-%m-%d")
    except ValueError:
        return False
    return True


def _check_age(night: _Night) -> Iterator[Finding]:
    as_of = night.manifest.night
    age = night.now - as_of
    if age > night.max_age:
        hours, most = age.total_seconds() / 3600, night.max_age.total_seconds() / 3600
        yield Finding(
            MANIFEST,
            f"the night of {iso(as_of)} is {hours:,.0f} hours old, and {most:g} are allowed (--max-age-hours)",
        )
    if age < -AHEAD:
        yield Finding(MANIFEST, f"the night of {iso(as_of)} lies in the future")


def _check_replay(night: _Night) -> Iterator[Finding]:
    if night.plain.get("is_replay"):
        yield Finding(
            MANIFEST,
            f"it is the night of {iso(night.manifest.night)} run again after a later one: its messages were sent then, and what was "
            "taken back since is on its lists",
        )


def _check_counts(night: _Night) -> Iterator[Finding]:
    used = {name: night.manifest.forms[name] for name in night.manifest.used}
    for campaign in night.manifest.campaigns:
        for holds, what in _counts_of(campaign, used):
            if not holds:
                yield Finding(campaign.campaign_id, what)


def _counts_of(campaign: ListedCampaign, used: Mapping[str, Form]) -> Iterator[tuple[bool, str]]:
    """What must hold of a campaign's entry in the manifest, and what to say where it does not."""
    decided = campaign.send + campaign.control + campaign.suppress
    yield campaign.candidates == decided, f"{campaign.candidates:,} candidates, but {decided:,} decisions"
    going = campaign.send if campaign.is_released else 0
    # who was erased since had a message when the night was decided
    listed = campaign.rows + campaign.erased
    yield (
        listed == going,
        f"{listed:,} rows, but {going:,} messages of a {campaign.status} campaign",
    )
    yield campaign.added <= listed, f"{campaign.added:,} people were added to {listed:,} rows"
    verdict = campaign.gate.passed and not campaign.gate.failed
    yield verdict == campaign.is_released, f"its status is {campaign.status}, and the gate says otherwise"
    if not campaign.is_released:
        return
    seen = campaign.gate.messages
    yield seen == listed, f"the gate has seen {seen:,} messages, and {listed:,} are listed"
    for name, form in used.items():
        files = [file for file in campaign.files if file.destination == name]
        if form.takes(campaign.channel) != bool(files):
            yield False, f"it is released and has {'a' if files else 'no'} file for {name}"
        elif files:
            rows, left_out = (sum(getattr(file, count) for file in files) for count in ("rows", "left_out"))
            without = f", and leave out {left_out:,}" if left_out else ""
            yield (
                rows + left_out == campaign.rows,
                f"its files for {name} should have {rows:,} rows{without}, the campaign {campaign.rows:,}",
            )


def _check_held_back(night: _Night) -> Iterator[Finding]:
    for campaign in night.manifest.campaigns:
        if campaign.is_released:
            continue
        for file in campaign.everything:
            yield Finding(campaign.campaign_id, f"it is held back, and the manifest names {file.file}")
        for path in sorted(night.there):
            if Path(path).name.partition(".")[0] == campaign.campaign_id:
                yield Finding(campaign.campaign_id, f"it is held back, and there is {path}")


def _check_unnamed(night: _Night) -> Iterator[Finding]:
    named = {file.file for _, file in night.manifest.everything}
    for path in sorted(night.there - named - {MANIFEST}):
        yield Finding(path, "the manifest does not name it")


def _check_files(night: _Night) -> Iterator[Finding]:
    for _, file in night.manifest.everything:
        path = night.folder / file.file
        if not path.is_file():
            yield Finding(file.file, "it is not there")
        elif path.resolve() != night.folder.resolve() / file.file:
            yield Finding(file.file, "it is a link to another place")
        elif file.bytes is not None and path.stat().st_size != file.bytes:
            yield Finding(file.file, f"it has {path.stat().st_size:,} bytes instead of {file.bytes:,}")
        elif _sha256(path, night.folder) != file.sha256:
            yield Finding(file.file, "its content has changed: it has another sha256")


def _sha256(path: Path, night: Path) -> str | None:
    try:
        return sha256(path, night)
    except OSError:
        return None


def _check_rows(night: _Night) -> Iterator[Finding]:
    for _, file in night.manifest.everything:
        if file.file in night.unreadable:
            yield Finding(file.file, night.unreadable[file.file])
        elif night.rows.get(file.file, file.rows) != file.rows:
            yield Finding(file.file, f"it has {night.rows[file.file]:,} rows instead of {file.rows:,}")


def _check_campaigns(night: _Night) -> Iterator[Finding]:
    for row in night.ask(
        "select file, count(*) as messages from delivered where row_campaign_id <> campaign_id group by file order by file"
    ):
        yield Finding(row["file"], f"{row['messages']:,} of its rows say that they are of another campaign")


def _check_dispatch_ids(night: _Night) -> Iterator[Finding]:
    for row in night.ask(_sql("check_dispatch_ids"), {"night": night.manifest.as_of[:10]}):
        if row["repeated"]:
            yield Finding(
                row["file"], f"{row['repeated']:,} messages have a dispatch id that is there more than once"
            )
        if row["alien"]:
            yield Finding(
                row["file"], f"{row['alien']:,} dispatch ids are not of their campaign, user and night"
            )


def _check_destinations(night: _Night) -> Iterator[Finding]:
    used = [night.manifest.forms[name].says for name in night.manifest.used]
    # what each of them says of a message
    shared = [
        column
        for column in ("user", "variant", "send_at", "valid_until")
        if all(getattr(says, column) for says in used)
    ]
    columns = ["dispatch_id", *({"user": "user_id"}.get(column, column) for column in shared)]
    for row in night.ask(_sql("check_destinations", columns=columns)):
        yield Finding(
            row["campaign_id"], f"{row['messages']:,} messages are not the same for every destination"
        )


def _check_times(night: _Night) -> Iterator[Finding]:
    # files have whole seconds
    as_of = night.manifest.night.replace(microsecond=0)
    for row in night.ask(_sql("check_times"), {"as_of": as_of}):
        for count, what in (
            (row["timeless"], "messages have no time that can be read"),
            (row["early"], "messages are due before the night"),
            (row["expired"], "messages had expired before the night"),
        ):
            if count:
                yield Finding(row["file"], f"{count:,} {what}")
    ((past,),) = night.connection.execute(
        "select count(distinct dispatch_id) from delivered where try_cast(valid_until as timestamp) < ?",
        [night.now],
    ).fetchall()
    if past:
        yield Finding(
            "all files", f"{past:,} messages have expired by now: drop those, as every night", is_note=True
        )


def _check_run(night: _Night) -> Iterator[Finding]:
    audited = database_file.audited_run(night.connection)
    if audited is None:
        yield Finding("database", "dbt alone has built it since: no audited run is in it")
        return
    if audited != night.manifest.run_id:
        yield Finding(
            "database", f"it holds the run {audited}, and these lists are of the run {night.manifest.run_id}"
        )
        return
    recorded = night.ask(
        "select campaign_id, run, details from ops.runs where run_id = ? order by campaign_id", [audited]
    )
    run = json.loads(recorded[0]["run"]) if recorded else {}
    known_forms, listed_forms = run.pop("destinations", None), night.plain.get("destinations") or {}
    for name in sorted(listed_forms):
        # an older run has not recorded them
        if known_forms is not None and known_forms.get(name) != listed_forms[name]:
            yield Finding(MANIFEST, f"its destination {name} is not that of the run")
    for key in sorted(run):
        if night.plain.get(key) != run[key]:
            yield Finding(MANIFEST, f"its {key} is not that of the run")
    known = {row["campaign_id"]: json.loads(row["details"]) for row in recorded}
    listed = {item["campaign_id"]: {**item} for item in night.plain["campaigns"]}
    for campaign_id in sorted(known.keys() | listed.keys()):
        entry = listed.get(campaign_id, {})
        entry.pop("files", None)
        recorded_changes = without_files(known.get(campaign_id, {}).pop("changes", {}))
        listed_changes = without_files(entry.pop("changes", {}))
        for name in sorted(listed_changes.keys() | recorded_changes.keys() & set(night.manifest.used)):
            if listed_changes.get(name) != recorded_changes.get(name):
                yield Finding(campaign_id, f"the manifest and the run differ in its changes for {name}")
        wrong = sorted(
            key
            for key in entry.keys() | known.get(campaign_id, {}).keys()
            if entry.get(key) != known.get(campaign_id, {}).get(key)
        )
        if wrong:
            yield Finding(campaign_id, f"the manifest and the run differ in {', '.join(wrong)}")


def _needs_its_run(night: _Night) -> None:
    if database_file.audited_run(night.connection) != night.manifest.run_id:
        raise _NotChecked("the database does not hold the run of these lists")


def _check_lists(night: _Night) -> Iterator[Finding]:
    _needs_its_run(night)
    for name in night.manifest.used:
        form, model = night.manifest.forms[name], model_of(name)
        described = [row["column_name"] for row in night.ask(f"describe {model}")]
        columns = form.columns(described)
        lists = night.ask(
            "select campaign_id, list(file order by file) as files, list(distinct header) as headers from loaded"
            " where destination = ? group by campaign_id order by campaign_id",
            [name],
        )
        for listed in lists:
            # a list in parts is named after its first one
            file = min(listed["files"], key=len)
            if listed["headers"] != [columns]:
                yield Finding(file, "its columns are not those of the published list")
                continue
            yield from _differences(night, name, model, listed["campaign_id"], file, columns)


def _differences(
    night: _Night, name: str, model: str, campaign_id: str, file: str, columns: Sequence[str]
) -> Iterator[Finding]:
    """What differs between a campaign's list, whole, and what was published for the destination."""
    form = night.manifest.forms[name]
    sql = _sql(
        "check_lists",
        model=model,
        campaign_column=form.campaign_column,
        message_column=form.message_column,
        contents=contents(columns, form),
    )
    (differ,) = night.ask(sql, {"campaign_id": campaign_id, "destination": name})
    for kind, what in (
        ("missing", "published messages are not in it"),
        ("added", "messages were never published"),
        ("changed", "messages are not as they were published"),
    ):
        if differ[kind]:
            yield Finding(file, f"{differ[kind]:,} {what}")


def _check_ledger(night: _Night) -> Iterator[Finding]:
    _needs_its_run(night)
    for name in night.manifest.used:
        form = night.manifest.forms[name]
        places = {
            "user_id": form.says.user,
            **form.says.model_dump(include={"variant", "send_at", "valid_until"}),
        }
        columns = ["campaign_id", "dispatch_id", *(key for key in places if places[key])]
        for row in night.ask(
            _sql("check_ledger", columns=columns),
            {"as_of": night.manifest.night, "destination": name, "channels": list(form.channels)},
        ):
            where = f"{row['campaign_id']} for {name}"
            if row["added"]:
                yield Finding(where, f"{row['added']:,} messages are not so in the ledger of dispatches")
            if row["missing"] > 0:
                yield Finding(where, f"{row['missing']:,} messages of the ledger are not so in the list")
    if not database_file.has_table(night.connection, "ledger", "cancellations"):
        return
    ((taken_back,),) = night.connection.execute(
        "select count(*) from ledger.cancellations where dispatch_id in (select dispatch_id from delivered)"
    ).fetchall()
    if taken_back:
        yield Finding(
            "all files",
            f"{taken_back:,} messages were taken back since: drop those that the folder {cancellations_of(night.manifest.as_of[:10])} names",
            is_note=True,
        )


def _check_suppression(night: _Night) -> Iterator[Finding]:
    _needs_its_run(night)
    _needs_user_columns(night)
    for row in night.ask(_sql("check_suppression")):
        if row["suppressed"]:
            yield Finding(row["file"], f"{row['suppressed']:,} messages to people on the suppression list")
        if row["gone"]:
            yield Finding(
                row["file"],
                f"{row['gone']:,} messages to people who asked to be erased, or whom nobody knows",
            )


def _check_caps(night: _Night) -> Iterator[Finding]:
    """The room under each cap is that of the audit; a person whom it has not seen on a channel has none that is known."""
    _needs_its_run(night)
    _needs_user_columns(night)
    for row in night.ask(_sql("check_caps")):
        for count, what in (
            (row["over_channel"], "messages to people who get more on the channel than its caps allow"),
            (
                row["over_all"],
                "messages to people who get more than the caps over all channels, or their own, allow",
            ),
            (row["unknown"], "messages to people for whom the audit has counted no room on the channel"),
        ):
            if count:
                yield Finding(f"{row['campaign_id']} for {row['destination']}", f"{count:,} {what}")


def _needs_user_columns(night: _Night) -> None:
    for name in night.manifest.used:
        if night.manifest.forms[name].says.user is None:
            raise _NotChecked(f"the destination {name} does not say who the user is")


RULES = (
    _Rule("night", "folder, manifest and run are of one night", _NEVER, _check_night),
    _Rule(
        "age",
        "the night is young enough to be sent, and not of the future",
        "do not send it: it greets people who have left. Run the night again. Where old data is meant, as with the sample, "
        "allow more hours: --max-age-hours.",
        _check_age,
    ),
    _Rule(
        "replay",
        "the lists are those of the night itself, and not of an old one that was run again",
        "do not send it: it is there to be looked at. Send the newest night.",
        _check_replay,
    ),
    _Rule("counts", "the manifest's counts of each campaign agree", _NEVER, _check_counts),
    _Rule(
        "held_back",
        "a campaign that is held back has no file",
        "do not send the campaign; see docs/when-a-campaign-is-held-back.md, and find out who put the file there.",
        _check_held_back,
    ),
    _Rule(
        "unnamed",
        "no file lies there that the manifest does not name",
        "do not send it; see who put it there, and take it out of the night's folder.",
        _check_unnamed,
    ),
    _Rule("files", "every list is there, with its size and sha256", _AGAIN, _check_files),
    _Rule("rows", "every list can be read and has its columns and its number of rows", _AGAIN, _check_rows),
    _Rule("campaigns", "every row is of the campaign of its file", _AGAIN, _check_campaigns),
    _Rule(
        "dispatch_ids",
        "every dispatch id is there once in each destination, and is of its campaign, user and night",
        _AGAIN,
        _check_dispatch_ids,
    ),
    _Rule(
        "changes",
        "the changes for each destination agree with their counts and with its list",
        _AGAIN,
        lambda night: (
            Finding(where, what) for where, what in check_changes(night.connection, night.manifest)
        ),
    ),
    _Rule("destinations", "every destination gets the same messages", _AGAIN, _check_destinations),
    _Rule("times", "no message is due, or has expired, before the night", _AGAIN, _check_times),
    _Rule(
        "run",
        "the database holds this run, and its record says what the manifest says",
        "do not send it: another night was published since, or the manifest was changed. Use the lists of the published night (`sendworthy export`).",
        _check_run,
        needs_database=True,
    ),
    _Rule(
        "lists",
        "every list has the rows that were published, and no other",
        _AGAIN,
        _check_lists,
        needs_database=True,
    ),
    _Rule(
        "ledger",
        "every message is in the ledger of dispatches, and none is missing",
        _AGAIN,
        _check_ledger,
        needs_database=True,
    ),
    _Rule(
        "suppression",
        "nobody is on the suppression list, and nobody asked to be erased",
        _NEVER,
        _check_suppression,
        needs_database=True,
    ),
    _Rule(
        "caps",
        "tonight's messages and those sent before stay within the caps",
        _NEVER,
        _check_caps,
        needs_database=True,
    ),
)


def as_dict(verified: Verified) -> dict[str, Any]:
    """The same as plain JSON values."""
    return {
        "folder": str(verified.folder),
        "as_of": iso(verified.as_of) if verified.as_of else None,
        "run_id": verified.run_id,
        "holds": not verified.failed,
        "checks": [
            {
                "name": check.name,
                "words": check.words,
                "state": check.state,
                "findings": [
                    {"where": finding.where, "what": finding.what, "note": finding.is_note}
                    for finding in check.findings
                ],
                "fix": check.fix,
                "why_not": check.why_not,
            }
            for check in verified.checks
        ],
    }
