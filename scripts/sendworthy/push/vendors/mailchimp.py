"""Mailchimp: POST /lists/{list_id}. It knows people by their address, and what is sent twice changes nothing the second time."""

from __future__ import annotations

import base64
import re
from typing import Any

from pydantic import NonNegativeInt

from sendworthy.foundation.errors import SettingsError
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
    by_key,
    in_form,
    judge,
)
from sendworthy.push.vendors.http import Plain
from sendworthy.settings.destinations import Envelope

_DATA_CENTRE = re.compile(r"[a-z]{2,3}\d{1,3}")


class _Subscribed(VendorForm):
    """A 200: how many members are new, how many were updated, and those that were rejected.

    Source: Mailchimp Marketing API, POST /lists/{list_id} (batch subscribe or unsubscribe).
    """

    total_created: NonNegativeInt
    total_updated: NonNegativeInt
    error_count: NonNegativeInt
    errors: list[dict[str, Any]]


class Mailchimp(Vendor):
    """Its client, mailchimp_marketing, is of 2022, and hides the headers of an answer."""

    variables = (
        Variable("MAILCHIMP_API_KEY", "an API key; its end, as -us21, names the data centre", is_secret=True),
        Variable("MAILCHIMP_LIST_ID", "the id of the audience"),
        Variable(
            "MAILCHIMP_URL", "another address than that of the data centre", default="", is_address=True
        ),
    )

    @property
    def shape(self) -> Shape:
        """The members of the file, as they are."""
        envelope = self.destination.envelope or Envelope(items="members")
        return Shape(lambda row: row.values, envelope, is_ascii=False)

    def connect(self, account: Account) -> None:
        """Make the connection."""
        key = account["MAILCHIMP_API_KEY"]
        centre = key.rpartition("-")[2]
        address = account["MAILCHIMP_URL"]
        if not address and not _DATA_CENTRE.fullmatch(centre):
            raise SettingsError(
                "MAILCHIMP_API_KEY does not end with a data centre, as -us21; nothing was sent.",
                "copy the key once more, or name the address in MAILCHIMP_URL.",
            )
        token = base64.b64encode(f"sendworthy:{key}".encode()).decode()
        self._plain = Plain(
            address or f"https://{centre}.api.mailchimp.com",
            {"Authorization": f"Basic {token}", "Content-Type": "application/json"},
        )
        self._path = f"/3.0/lists/{account['MAILCHIMP_LIST_ID']}"

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Send a batch; a 200 can carry members that were rejected."""
        body = self.shape.body(batch.rows)
        # a member without a field that the audience requires would be refused
        query = {"skip_merge_validation": "true"}
        answer = ask(
            lambda: in_form(self._plain.ask("POST", self._path, params=query, data=body), _Subscribed), again
        )
        judge(self, answer)
        said: _Subscribed = answer.data
        places = by_key(batch, "email_address")
        refused = [
            Refused(
                places.get(str(error.get("email_address", "")).lower()),
                str(error.get("error_code") or "error"),
                str(error.get("error", "")),
            )
            for error in said.errors
        ]
        unnamed = said.error_count - len(refused)
        if unnamed > 0:
            refused.append(Refused(None, "error", "Mailchimp counts them, and names nobody", unnamed))
        return account_for(batch, said.total_created + said.total_updated, refused)
