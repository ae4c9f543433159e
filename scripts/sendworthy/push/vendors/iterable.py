"""Iterable: POST /api/users/bulkUpdate. It knows people by address or id, and what is sent twice changes nothing the second time."""

from __future__ import annotations

from typing import Any

from sendworthy.destinations import Envelope
from sendworthy.push.rows import Batch, Row, Shape
from sendworthy.push.vendors.base import (
    Account,
    Again,
    Ask,
    Refused,
    Sent,
    Variable,
    Vendor,
    by_key,
    filled,
    judge,
)
from sendworthy.push.vendors.plain import Plain


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
        answer = ask(lambda: self._plain.ask("POST", "/api/users/bulkUpdate", data=body), again)
        judge(self, answer)
        told = answer.data if isinstance(answer.data, dict) else {}
        places = {**by_key(batch, "userId"), **by_key(batch, "email")}
        refused: dict[int | str, Refused] = {}
        for kind, names in [*(told.get("failedUpdates") or {}).items(), *told.items()]:
            # createdFields and the like are lists too, of other things
            if not isinstance(names, list) or not kind.lower().endswith(("emails", "userids")):
                continue
            for name in names:
                index = places.get(str(name).lower())
                refused.setdefault(
                    str(name).lower() if index is None else index,
                    Refused(index, kind, f"Iterable names it in {kind}"),
                )
        unnamed = int(told.get("failCount") or 0) - len(refused)
        more = (
            [Refused(None, "failed", "Iterable counts them, and names nobody", unnamed)]
            if unnamed > 0
            else []
        )
        return Sent([*refused.values(), *more])


def _user(row: Row) -> dict[str, Any]:
    keys = {name: row.values[name] for name in ("email", "userId") if row.values.get(name)}
    return {**keys, "dataFields": filled(row, "email", "userId")}
