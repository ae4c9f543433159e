"""Iterable: POST /api/users/bulkUpdate. It knows people by address or id, and what is sent twice changes nothing the second time."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field, NonNegativeInt

from sendworthy.push.batches import Batch, Row, Shape
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
    filled,
    in_form,
    judge,
)
from sendworthy.push.vendors.http import Plain
from sendworthy.settings.destinations import Envelope


class _Updated(VendorForm):
    """A 200: how many users were updated and how many failed, and lists that name the failed by address or id.

    Source: Iterable, POST /api/users/bulkUpdate.
    """

    # its lists stand at the top, and in failedUpdates
    model_config = ConfigDict(extra="allow")

    success_count: NonNegativeInt = Field(alias="successCount")
    fail_count: NonNegativeInt = Field(alias="failCount")
    failed_updates: dict[str, Any] = Field(alias="failedUpdates", default_factory=dict)


class Iterable(Vendor):
    """Iterable has no Python client of its own."""

    variables = (
        Variable("ITERABLE_API_KEY", "a server-side API key", is_secret=True),
        Variable(
            "ITERABLE_URL",
            "https://api.eu.iterable.com for the European data centre",
            default="https://api.iterable.com",
            is_address=True,
        ),
    )

    @property
    def shape(self) -> Shape:
        """A user with the fields that hold something."""
        return Shape(_user, Envelope(items="users"))

    def connect(self, account: Account) -> None:
        """Make the connection."""
        self._plain = Plain(
            account["ITERABLE_URL"],
            {"Api-Key": account["ITERABLE_API_KEY"], "Content-Type": "application/json"},
        )

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Send a batch; a 200 names the users that failed, by address or id."""
        body = self.shape.body(batch.rows)
        answer = ask(
            lambda: in_form(self._plain.ask("POST", "/api/users/bulkUpdate", data=body), _Updated), again
        )
        judge(self, answer)
        said: _Updated = answer.data
        places = {**by_key(batch, "userId"), **by_key(batch, "email")}
        refused: dict[int | str, Refused] = {}
        for kind, names in [*said.failed_updates.items(), *(said.model_extra or {}).items()]:
            # createdFields and the like are lists too, of other things
            if not isinstance(names, list) or not kind.lower().endswith(("emails", "userids")):
                continue
            for name in names:
                index = places.get(str(name).lower())
                refused.setdefault(
                    str(name).lower() if index is None else index,
                    Refused(index, kind, f"Iterable names it in {kind}"),
                )
        unnamed = said.fail_count - len(refused)
        more = (
            [Refused(None, "failed", "Iterable counts them, and names nobody", unnamed)]
            if unnamed > 0
            else []
        )
        return account_for(batch, said.success_count, [*refused.values(), *more])


def _user(row: Row) -> dict[str, Any]:
    keys = {name: row.values[name] for name in ("email", "userId") if row.values.get(name)}
    return {**keys, "dataFields": filled(row, "email", "userId")}
