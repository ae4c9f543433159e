"""Whether the lists of a night say what the descriptions of their destinations promise, before any of it is published.

One list of each destination is read as `sendworthy verify` will read it: a night whose lists that could only refuse must not
end well.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from sendworthy.delivery.manifest import ListedFile, Manifest, UnknownForm, read_manifest
from sendworthy.delivery.staging_folder import MANIFEST
from sendworthy.delivery.verify_load import load_lists
from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.settings.destinations import FOLDER, Form, model_of
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


def check_described(folder: Path) -> None:
    """SettingsError with each destination and key of which the lists in `folder`, a night's, do not say what is described."""
    try:
        manifest, _ = read_manifest(folder / MANIFEST)
    except UnknownForm as error:
        raise SettingsError(
            "the descriptions of the destinations make a manifest that nobody can verify; nothing was published.",
            "docs/add-a-destination.md has every key.",
            details=error.faults,
        ) from None
    with database_file.connect(Path(":memory:")) as connection:
        _, unreadable = load_lists(connection, folder, _one_list_each(manifest))
        problems = [
            _problem(file.partition("/")[0], "says", what.rstrip("."), "correct what is named here")
            for file, what in sorted(unreadable.items())
        ]
        for name, form in sorted(manifest.forms.items()):
            problems += _lost_messages(manifest, name, form)
            problems += _silent_places(connection, name, form, manifest.as_of[:10])
    if problems:
        raise SettingsError(
            "lists do not say what the descriptions of their destinations promise, so that `sendworthy verify` would refuse them; "
            "nothing was published.",
            "correct what is named above; docs/add-a-destination.md has every key.",
            problems,
        )


def _one_list_each(manifest: Manifest) -> Manifest:
    """The same with the smallest list of each destination that has rows, and no changes: it is as long as a look takes."""
    chosen: dict[str, ListedFile] = {}
    for _, file in sorted(manifest.files, key=lambda listed: (listed[1].rows == 0, listed[1].rows)):
        chosen.setdefault(file.destination, file)
    campaigns = [
        campaign.model_copy(
            update={"files": [file for file in campaign.files if file in chosen.values()], "changes": {}}
        )
        for campaign in manifest.campaigns
    ]
    return manifest.model_copy(update={"campaigns": campaigns})


def _lost_messages(manifest: Manifest, name: str, form: Form) -> Iterator[Problem]:
    """Where a destination does not get every message of a campaign, and does not say which it leaves out."""
    for campaign in manifest.campaigns:
        if not campaign.is_released or not form.takes(campaign.channel):
            continue
        files = [file for file in campaign.files if file.destination == name]
        listed = sum(file.rows + file.left_out for file in files)
        if listed != campaign.rows:
            yield _problem(
                name,
                "says.campaign",
                f"of the {campaign.rows:,} messages of {campaign.campaign_id}, its lists have {listed:,}",
                "see says.campaign, channels and one_per_address",
            )
            return


def _silent_places(
    connection: duckdb.DuckDBPyConnection, name: str, form: Form, night: str
) -> Iterator[Problem]:
    """The places where the rows of a destination do not say what its description promises."""
    (counts,) = database_file.rows(
        connection, _sql("count_silent_places"), {"destination": name, "night": night}
    )
    pair = counts.pop("pair")
    for key, rows in counts.items():
        if rows:
            yield _problem(
                name,
                f"says.{key}",
                f"{rows:,} rows of its list do not have {_WANTED[key]} in {getattr(form.says, key)}",
                "name the column, or the member, that has it",
            )
    if pair:
        yield _problem(
            name,
            "says.message",
            f"{pair:,} messages in {form.says.message} are not of their campaign and of the user in {form.says.user}",
            "name the columns, or the members, of the dispatch id and of the user",
        )


_WANTED = {
    "campaign": "their campaign",
    "message": "a message",
    "user": "a user",
    "variant": "a variant",
    "send_at": "a time",
    "valid_until": "a time",
}


def _problem(name: str, key: str, what: str, fix: str) -> Problem:
    model = model_of(name).partition(".")[2]
    return Problem((FOLDER / f"{model}.yml").as_posix(), f"{model}.{key}", f"{what}.", f"{fix}.")
