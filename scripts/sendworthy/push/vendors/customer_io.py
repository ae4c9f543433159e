"""Customer.io: POST /api/v2/batch through its client `customerio`. It knows people by id, and what is sent twice changes nothing.

Never its call "suppress", which deletes the profile.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from pydantic import ConfigDict, Field
from requests.adapters import HTTPAdapter

from sendworthy.push.batches import Batch, Row, Shape
from sendworthy.push.retry import READ_SECONDS, Answer, NoAnswer
from sendworthy.push.vendors.base import (
    Account,
    Again,
    Ask,
    Refused,
    Sent,
    Variable,
    Vendor,
    VendorForm,
    filled,
    in_form,
    judge,
    missing_extra,
)
from sendworthy.push.vendors.http import answer_of, no_answer
from sendworthy.settings.destinations import Envelope


class _Batched(VendorForm):
    """A 200 is an empty object, a 207 has the errors of some operations. It counts nothing, so that nothing else may be in it.

    Source: Customer.io, Track API, POST /api/v2/batch.
    """

    model_config = ConfigDict(extra="forbid")

    errors: list[dict[str, Any]] = Field(default_factory=list)


class _BatchedInPart(_Batched):
    """A 207, which says that not all went well, has to say what did not."""

    errors: list[dict[str, Any]] = Field(min_length=1)


class CustomerIo(Vendor):
    """People by id, with the attributes that hold something."""

    variables = (
        Variable("CUSTOMERIO_SITE_ID", "the site id of the Track API", is_secret=True),
        Variable("CUSTOMERIO_API_KEY", "the API key of the Track API", is_secret=True),
        Variable(
            "CUSTOMERIO_URL",
            "https://track-eu.customer.io for the European region",
            default="https://track.customer.io",
            is_address=True,
        ),
    )

    @property
    def shape(self) -> Shape:
        """One operation a person."""
        return Shape(_operation, Envelope(items="batch"))

    def connect(self, account: Account) -> None:
        """Make the client. It tries again by itself and quotes what it has sent: both are taken from it."""
        try:
            from customerio import CustomerIO, CustomerIOException
        except ImportError:
            raise missing_extra("Customer.io", "customerio", "push-customer-io") from None
        address = urlsplit(account["CUSTOMERIO_URL"])
        client = CustomerIO(
            account["CUSTOMERIO_SITE_ID"],
            account["CUSTOMERIO_API_KEY"],
            host=address.netloc,
            timeout=READ_SECONDS,
        )
        answers: list[Answer] = []
        client.http.mount("https://", _Once(address.scheme))
        # a redirected POST becomes a GET, and carries nothing
        client.http.max_redirects = 0
        client.http.hooks["response"].append(lambda response, **more: answers.append(answer_of(response)))

        def ask(operations: list[dict[str, Any]]) -> Answer:
            answers.clear()
            try:
                client.batch(operations)
            except CustomerIOException as error:
                if not answers:
                    raise (no_answer(error.__cause__) if error.__cause__ else _unknown()) from None
            return answers[-1]

        self._ask = ask

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Send a batch; a 207, or a 200, can carry the errors of some of its operations."""
        operations = [_operation(row) for row in batch.rows]

        def send_once() -> Answer:
            answer: Answer = self._ask(operations)
            return in_form(answer, _BatchedInPart if answer.status == 207 else _Batched)

        answer = ask(send_once, again)
        judge(self, answer)
        said: _Batched = answer.data
        return Sent([_refused(error) for error in said.errors])


def _unknown() -> NoAnswer:
    return NoAnswer("its client failed", is_unknown=True)


class _Once(HTTPAdapter):
    """Asks once. The client makes an https address of every host; on this machine, it may be http."""

    def __init__(self, scheme: str) -> None:
        super().__init__(max_retries=0)
        self._scheme = scheme

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        request.url = urlunsplit(urlsplit(str(request.url))._replace(scheme=self._scheme))
        return super().send(request, *args, **more)


def _operation(row: Row) -> dict[str, Any]:
    return {
        "type": "person",
        "action": "identify",
        "identifiers": {"id": row.values["id"]},
        "attributes": filled(row, "id"),
    }


def _refused(error: dict[str, Any]) -> Refused:
    index = error.get("batch_index")
    index = index if type(index) is int else None
    words = " ".join(str(error[key]) for key in ("field", "message") if error.get(key))
    return Refused(index if isinstance(index, int) else None, str(error.get("reason") or "error"), words)
