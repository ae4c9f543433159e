"""SendGrid: PUT /v3/marketing/contacts through its client `sendgrid`. It knows people by their address.

What is sent twice changes nothing the second time. Custom fields go by the ids of an account, which are looked up first.
"""

from __future__ import annotations

import http.client
import json
import logging
import re
import socket
import urllib.error
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic import Field, NonNegativeInt

from sendworthy.foundation.errors import SettingsError
from sendworthy.push.batches import Batch, Row, Shape
from sendworthy.push.retry import READ_SECONDS, Answer, unanswered
from sendworthy.push.vendors.base import (
    Account,
    Again,
    Ask,
    JobLost,
    NotConfirmed,
    Refused,
    Sent,
    Variable,
    Vendor,
    VendorForm,
    by_key,
    errors_of,
    filled,
    in_form,
    is_address,
    judge,
    missing_extra,
)
from sendworthy.push.vendors.http import Plain
from sendworthy.settings.destinations import Destination, Envelope

_RESERVED = ("email", "first_name", "last_name", "city", "country")
_PLACE = re.compile(r"contacts\[(\d{1,9})\]")


class _CustomField(VendorForm):
    id: str
    name: str
    field_type: str = ""


class _Fields(VendorForm):
    """The custom fields of the account. Source: SendGrid, Get All Field Definitions."""

    custom_fields: list[_CustomField] = Field(default_factory=list)
    reserved_fields: list[Any]


class _Begun(VendorForm):
    """A 202: the job that takes the contacts. Source: SendGrid, Add or Update a Contact."""

    job_id: str = Field(min_length=1)


class _Counts(VendorForm):
    """Of how many contacts a job is, and what became of them; which counts there are depends on the job."""

    requested_count: NonNegativeInt
    created_count: NonNegativeInt | None = None
    updated_count: NonNegativeInt | None = None
    errored_count: NonNegativeInt = 0
    errors_url: str = ""

    @property
    def taken(self) -> int:
        """How many were taken; of what is not counted, nobody knows it."""
        return (self.created_count or 0) + (self.updated_count or 0)


class _Asked(VendorForm):
    """A job: pending, completed (without errors), errored (some failed), or failed (all did).

    Source: SendGrid, Import Contacts Status.
    """

    status: str
    results: _Counts | None = None


class SendGrid(Vendor):
    """Contacts by address, with the fields that hold something."""

    variables = (
        Variable("SENDGRID_API_KEY", "an API key with the right Marketing", is_secret=True),
        Variable(
            "SENDGRID_URL",
            "https://api.eu.sendgrid.com for the European region",
            default="https://api.sendgrid.com",
            is_address=True,
        ),
    )

    def __init__(self, destination: Destination) -> None:
        super().__init__(destination)
        # of a custom field's name: its id, and whether it holds numbers. Before the look-up, an id is as long as the name
        self._fields: dict[str, tuple[str, bool]] = {}

    @property
    def shape(self) -> Shape:
        """One contact a person."""
        return Shape(self._contact, Envelope(items="contacts"))

    def connect(self, account: Account) -> None:
        """Make the client."""
        try:
            from sendgrid import SendGridAPIClient
        except ImportError:
            raise missing_extra("SendGrid", "sendgrid", "push-sendgrid") from None
        # it logs the key and whole requests
        logging.getLogger("python_http_client").setLevel(logging.CRITICAL)
        self._client = SendGridAPIClient(account["SENDGRID_API_KEY"], host=account["SENDGRID_URL"]).client

    def prepare(self, columns: Sequence[str], ask: Ask) -> None:
        """Look up the ids of the custom fields; SettingsError names those that are not there."""
        answer = ask(lambda: in_form(_answer(self._client.marketing.field_definitions.get), _Fields, False))
        judge(self, answer)
        defined: _Fields = answer.data
        for field in defined.custom_fields:
            self._fields[field.name] = (field.id, field.field_type == "Number")
        missing = [name for name in columns if name not in _RESERVED and name not in self._fields]
        if missing:
            raise SettingsError(
                f"SendGrid has no custom field {', '.join(missing)}; nothing was sent.",
                "create them with these names, of type text, under Marketing, Custom Fields.",
            )

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Make a job of a batch."""
        body = {"contacts": [self._contact(row) for row in batch.rows]}
        put = self._client.marketing.contacts.put
        answer = ask(lambda: in_form(_answer(put, request_body=body), _Begun), again)
        judge(self, answer, _named)
        begun: _Begun = answer.data
        return Sent(job=begun.job_id)

    def finish(self, job: str, batch: Batch, ask: Ask) -> Sent | None:
        """What became of a job: the contacts that failed, and why."""
        answer = ask(
            lambda: in_form(_answer(self._client.marketing.contacts.imports._(job).get), _Asked, False)
        )
        if answer.status in (404, 410):
            raise JobLost
        judge(self, answer)
        asked: _Asked = answer.data
        counts, rows = asked.results, len(batch.rows)
        if asked.status not in ("completed", "errored", "failed"):
            return None
        if asked.status == "failed" and not (counts and counts.taken):
            errors, count = counts.errors_url if counts else "", rows
        elif counts and _adds_up(asked.status, counts, rows):
            errors, count = counts.errors_url, counts.errored_count
        else:
            raise NotConfirmed(
                f"a job of {rows:,} rows is {asked.status}, and its counts do not add up", may_divide=False
            )
        refused = _errors(errors, batch, ask) if count else []
        if count > len(refused):
            words = "SendGrid counts them, and names nobody"
            refused.append(Refused(None, asked.status, words, count - len(refused)))
        return Sent(refused)

    def _contact(self, row: Row) -> dict[str, Any]:
        cells = filled(row)
        own = {name: cells[name] for name in _RESERVED if name in cells}
        custom = {}
        for name, cell in cells.items():
            if name not in _RESERVED:
                field, is_number = self._fields.get(name, (name, False))
                custom[field] = _number(cell) if is_number else cell
        return {**own, "custom_fields": custom}


def _adds_up(status: str, counts: _Counts, rows: int) -> bool:
    """Whether what a job that has ended counts is all of it, and fits its status."""
    is_all = counts.taken + counts.errored_count == counts.requested_count == rows
    return is_all and status == ("errored" if counts.errored_count else "completed")


def _number(cell: str) -> float | str:
    try:
        return int(cell) if cell.lstrip("-").isdigit() else float(cell)
    except ValueError:
        return cell


def _answer(call: Callable[..., Any], **more: Any) -> Answer:
    """What a call of the client comes to."""
    from python_http_client.exceptions import HTTPError

    try:
        response = call(timeout=READ_SECONDS, **more)
        return Answer(response.status_code, _headers(response.headers), _json(response.body))
    except HTTPError as error:
        return Answer(int(error.status_code), _headers(error.headers), _json(error.body))
    except urllib.error.URLError as error:
        reason = error.reason if isinstance(error.reason, BaseException) else error
        raise unanswered(reason, isinstance(reason, (ConnectionRefusedError, socket.gaierror))) from None
    except (OSError, http.client.HTTPException) as error:
        raise unanswered(error, False) from None


def _headers(given: Mapping[str, str] | None) -> dict[str, str]:
    return {name.lower(): value for name, value in (given or {}).items()}


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _named(answer: Answer) -> Sequence[Refused]:
    """The contacts that an answer of 400 points to."""
    found: dict[int, Refused] = {}
    for error in errors_of(answer):
        place = _PLACE.search(str(error.get("field", "")))
        if not place:
            return []
        found.setdefault(int(place[1]), Refused(int(place[1]), "invalid", str(error.get("message", ""))))
    return list(found.values())


def _errors(address: str, batch: Batch, ask: Ask) -> list[Refused]:
    """The file that a job's errors lie in: a line of it that holds an address of the batch is that contact's error.

    No page says what else is in it, so it is read line by line and by the addresses alone. It lies elsewhere: no key goes there.
    """
    if not is_address(address):
        return []
    answer = ask(lambda: Plain(address, {}).text())
    places = by_key(batch, "email")
    found: dict[int, Refused] = {}
    for line in str(answer.data or "").splitlines() if answer.is_good else ():
        index = next((place for email, place in places.items() if email and email in line.lower()), None)
        if index is not None:
            found.setdefault(index, Refused(index, "errored", line))
    return list(found.values())
