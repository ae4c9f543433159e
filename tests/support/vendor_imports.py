"""ESPs as their vendors describe them: what an import of a file sets, clears and keeps. Written from those pages alone.

Braze CSV: a blank cell is passed over. Braze users/track and Cloud Data Ingestion: JSON null removes an attribute, one that is
not there stays. Customer.io: the import is set to pass over empty values. Klaviyo, SendGrid, Iterable: what is not there
stays. Mailchimp: an empty text empties a merge field; somebody new needs a status. listmonk: the attributes are
overwritten as a whole, null stays null. The generic files are kept as a table of each campaign's list.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb

from tests.support.vendor_rules import BRAZE, FIELDS, ITERABLE, KLAVIYO, MAILCHIMP


@dataclass
class Esp:
    """What an ESP holds: of each person, or of each line of a list, the values by their names there; none is blank."""

    name: str
    records: dict[Any, dict[str, str]] = field(default_factory=dict)
    # the night that was loaded last, and the one before it
    loaded: str | None = None
    before: str | None = None
    # how many merge fields were set to what they were already, or cleared where nothing was: they are paid for
    wasted: int = 0

    # -- what the vendor does with a file

    def load(self, paths: Sequence[Path]) -> None:
        for path in paths:
            getattr(self, f"_load_{LOADERS[self.name]}")(path)

    def _merge(self, person: str, values: dict[str, str | None]) -> None:
        """A value sets, None removes, what is not there stays."""
        record = self.records.setdefault(person, {})
        for name, value in values.items():
            is_known = record.get(name) == value and "sendworthy" not in name and not name.startswith("SW")
            self.wasted += is_known
            if value is None:
                record.pop(name, None)
            else:
                record[name] = value

    def _load_cells(self, path: Path) -> None:
        key = {"braze": "external_id", "customer_io": "id", "klaviyo": "Email Address"}.get(
            self.name, "email"
        )
        for row in cells(path):
            person = row.pop(key)
            assert person, "a row of nobody"
            person = person.lower() if "mail" in key.lower() else person
            self._merge(person, {name: cell for name, cell in row.items() if cell})

    def _load_track(self, path: Path) -> None:
        for line in lines(path):
            assert set(line) == {"attributes"} and 1 <= len(line["attributes"]) <= 75
            for item in line["attributes"]:
                self._merge(item.pop("external_id"), item)

    def _load_ingestion(self, path: Path) -> None:
        for line in lines(path):
            assert set(line) == {"external_id", "payload"}
            self._merge(line["external_id"], json.loads(line["payload"]))

    def _load_members(self, path: Path) -> None:
        for line in lines(path):
            assert set(line) == {"members", "update_existing"} and line["update_existing"] is True
            for member in line["members"]:
                person = member["email_address"].lower()
                if person not in self.records and member.get("status_if_new") != "subscribed":
                    # an error in the answer, and nobody new; it must be one who is taken off a list
                    assert member["merge_fields"]["SWDISPATCH"] == "", "somebody is left out"
                    continue
                assert "status" not in member
                assert all(isinstance(value, str) for value in member["merge_fields"].values())
                self._merge(person, {tag: value or None for tag, value in member["merge_fields"].items()})

    def _load_subscribers(self, path: Path) -> None:
        for row in cells(path):
            assert set(row) == {"email", "name", "attributes"}
            self.records.pop(row["email"].lower(), None)
            self._merge(row["email"].lower(), json.loads(row["attributes"]))

    def _load_lists(self, path: Path) -> None:
        for row in rows_of(path):
            change, key = row.pop("change"), (row["campaign_id"], row["user_id"])
            if change == "removed":
                self.records.pop(key, None)
                continue
            assert change in ("added", "changed")
            values = row.pop("merge_values")
            values = json.loads(values) if isinstance(values, str) else values
            self.records.pop(key, None)
            self._merge(key, {**row, **values})  # type: ignore[arg-type]

    # -- what it holds

    @property
    def by_address(self) -> bool:
        return self.name in ("iterable", "klaviyo", "listmonk", "mailchimp", "sendgrid")

    def trace(self, record: dict[str, str], name: str) -> str | None:
        """Campaign, message, variant or time of a record."""
        if self.name.startswith("generic"):
            return record.get({"dispatch": "dispatch_id", "campaign": "campaign_id"}.get(name, name))
        tags = {
            **{"campaign": "SWCAMPAIGN", "dispatch": "SWDISPATCH", "variant": "SWVARIANT"},
            **{"send_at": "SWSENDAT", "valid_until": "SWVALIDTIL"},
        }
        own = {"campaign": "campaign_id", "dispatch": "dispatch_id"}
        tag = tags[name] if self.name == "mailchimp" else f"sendworthy_{own.get(name, name)}"
        value = record.get(tag)
        return None if value == "none" else value

    def called(self, merge_field: str) -> str:
        """What a merge field is called here."""
        return NAMES.get(self.name, {}).get(merge_field, merge_field)

    def values(self, record: dict[str, str]) -> dict[str, str]:
        """The merge fields that a template would print."""
        return {name: record[self.called(name)] for name in FIELDS if self.called(name) in record}

    def holders(self, campaign: str) -> dict[Any, dict[str, str]]:
        """Who has a message of a campaign."""
        return {
            person: record
            for person, record in self.records.items()
            if self.trace(record, "campaign") == campaign
        }


NAMES = {
    **dict.fromkeys(("braze", "braze_track", "braze_cdi"), BRAZE),
    **{"iterable": ITERABLE, "klaviyo": KLAVIYO, "mailchimp": MAILCHIMP},
}
LOADERS = {
    **dict.fromkeys(("braze", "customer_io", "iterable", "klaviyo", "sendgrid"), "cells"),
    **dict.fromkeys(("generic", "generic_jsonl", "generic_parquet"), "lists"),
    **{"braze_track": "track", "braze_cdi": "ingestion", "mailchimp": "members", "listmonk": "subscribers"},
}
# what takes a value away: of the others nothing says so
CLEARS = {"braze_track", "braze_cdi", "mailchimp", "listmonk", "generic", "generic_jsonl", "generic_parquet"}


def cells(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, strict=True)


def lines(path: Path) -> Iterator[Any]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".csv":
        yield from cells(path)
    elif path.suffix == ".jsonl":
        yield from lines(path)
    else:
        with duckdb.connect() as connection:
            cursor = connection.execute("select * from read_parquet(?)", [str(path)])
            names = [column[0] for column in cursor.description or []]
            for row in cursor.fetchall():
                values = dict(zip(names, row, strict=True))
                for time in ("send_at", "valid_until"):
                    values[time] = values[time] and f"{values[time]:%Y-%m-%dT%H:%M:%SZ}"
                yield values
