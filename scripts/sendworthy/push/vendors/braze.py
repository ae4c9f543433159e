"""Braze: POST /users/track. It knows people by external_id, and what is sent twice changes nothing the second time."""

from __future__ import annotations

from sendworthy.destinations import Envelope
from sendworthy.push.rows import Batch, Shape
from sendworthy.push.vendors.base import Account, Again, Ask, Refused, Sent, Variable, Vendor, judge
from sendworthy.push.vendors.plain import Plain


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
        answer = ask(lambda: self._plain.ask("POST", "/users/track", data=body), again)
        judge(self, answer)
        errors = (answer.data or {}).get("errors") or []
        return Sent([_refused(error) for error in errors])


def _refused(error: object) -> Refused:
    if isinstance(error, dict):
        index = error.get("index")
        return Refused(index if isinstance(index, int) else None, "error", str(error.get("type", "")))
    return Refused(None, "error", str(error))
