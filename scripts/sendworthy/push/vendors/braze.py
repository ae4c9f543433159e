"""Braze: POST /users/track. It knows people by external_id, and what is sent twice changes nothing the second time."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, NonNegativeInt

from sendworthy.push.batches import Batch, Shape
from sendworthy.push.vendors.base import (
    Account,
    Again,
    Ask,
    Refused,
    Sent,
    Variable,
    Vendor,
    VendorForm,
    account_for,
    in_form,
    judge,
)
from sendworthy.push.vendors.http import Plain
from sendworthy.settings.destinations import Envelope


class _Tracked(VendorForm):
    """A 201: how many attributes objects were queued, and what was wrong with the others.

    Source: Braze, POST /users/track, "User track responses"; API errors and responses.
    """

    message: Literal["success"]
    attributes_processed: NonNegativeInt
    errors: list[Any] = Field(default_factory=list)


class Braze(Vendor):
    """Braze has no kept Python client."""

    variables = (
        Variable("BRAZE_API_KEY", "a REST API key with the right users.track", is_secret=True),
        Variable(
            "BRAZE_REST_URL",
            "the REST endpoint of your instance, https://rest.iad-01.braze.com",
            is_address=True,
        ),
    )

    @property
    def shape(self) -> Shape:
        """The objects of the file, as they are."""
        envelope = self.destination.envelope or Envelope(items="attributes")
        return Shape(lambda row: row.values, envelope, is_ascii=False)

    def connect(self, account: Account) -> None:
        """Make the connection."""
        key = f"Bearer {account['BRAZE_API_KEY']}"
        self._plain = Plain(
            account["BRAZE_REST_URL"], {"Authorization": key, "Content-Type": "application/json"}
        )

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Send a batch; a 201 can carry the errors of some of its objects."""
        body = self.shape.body(batch.rows)
        answer = ask(lambda: in_form(self._plain.ask("POST", "/users/track", data=body), _Tracked), again)
        judge(self, answer)
        said: _Tracked = answer.data
        # one object can have several errors
        refused = list(
            {item.index: item for item in map(_refused, said.errors) if item.index is not None}.values()
        )
        refused += [item for item in map(_refused, said.errors) if item.index is None]
        rows = len(batch.rows)
        # an object with an error can count as processed all the same
        is_counted_too = rows - len(refused) <= said.attributes_processed <= rows
        taken = rows - len(refused) if is_counted_too else said.attributes_processed
        return account_for(batch, taken, refused)


def _refused(error: object) -> Refused:
    if isinstance(error, dict):
        index = error.get("index")
        return Refused(index if type(index) is int else None, "error", str(error.get("type", "")))
    return Refused(None, "error", str(error))
