"""Klaviyo: bulk profile import jobs, through its client `klaviyo_api`. It knows people by their address.

What is sent twice changes nothing the second time. Never its bulk subscribe call, which takes back that somebody has
unsubscribed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import urllib3
from pydantic import Field, NonNegativeInt
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError, SSLError

from sendworthy.push.batches import Batch, Row, Shape
from sendworthy.push.retry import CONNECT_SECONDS, READ_SECONDS, Answer, Unclear, unanswered
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
    judge,
    missing_extra,
)
from sendworthy.settings.destinations import Envelope

# a column of the list that is a property of Klaviyo's own, and where it stands in a profile
_OWN = {"Email Address": "email", "First Name": "first_name", "Last Name": "last_name"}
_PLACE = {"City": "city", "Country": "country"}
# what is around the profiles of a request
_AROUND = {"data": {"type": "profile-bulk-import-job", "attributes": {"profiles": {}}}}
_POINTER = re.compile(r"/profiles/data/(\d{1,9})(?:/|$)")
_PAGE = 100


class _JobCounts(VendorForm):
    """Of how many operations a job is, and how many have ended well and badly."""

    status: str
    total_count: NonNegativeInt
    completed_count: NonNegativeInt | None = None
    failed_count: NonNegativeInt | None = None


class _NewJob(VendorForm):
    type: Literal["profile-bulk-import-job"]
    id: str = Field(min_length=1)


class _Begun(VendorForm):
    """A 202: the job that takes the profiles. Source: Klaviyo, Bulk Import Profiles."""

    data: _NewJob


class _JobState(VendorForm):
    attributes: _JobCounts


class _Asked(VendorForm):
    """A job: queued, processing, complete or cancelled. Source: Klaviyo, Get Bulk Import Profiles Job."""

    data: _JobState


class _Links(VendorForm):
    next: str | None = None


class _ErrorPage(VendorForm):
    """The profiles of a job that failed. Source: Klaviyo, Get Errors for Bulk Import Profiles Job."""

    data: list[dict[str, Any]]
    links: _Links = _Links()


class Klaviyo(Vendor):
    """Profiles by address, with the properties that hold something."""

    variables = (
        Variable(
            "KLAVIYO_API_KEY",
            "a private key with profiles:read, profiles:write, lists:read, lists:write",
            is_secret=True,
        ),
        Variable(
            "KLAVIYO_URL", "another address of the API", default="https://a.klaviyo.com", is_address=True
        ),
    )

    @property
    def shape(self) -> Shape:
        """Profiles in the object of a job."""
        return Shape(_profile, Envelope(items="data"), more_bytes=len(json.dumps(_AROUND)))

    def connect(self, account: Account) -> None:
        """Make the client. It tries again by itself: that is taken from it."""
        try:
            from klaviyo_api import KlaviyoAPI
            from openapi_client.api_arg_options import USE_DICTIONARY_FOR_RESPONSE_DATA
            from openapi_client.rest import RESTClientObject
        except ImportError:
            raise missing_extra("Klaviyo", "klaviyo_api", "push-klaviyo") from None
        client = KlaviyoAPI(
            account["KLAVIYO_API_KEY"],
            max_retries=0,
            test_host=account["KLAVIYO_URL"],
            options={USE_DICTIONARY_FOR_RESPONSE_DATA: True},
        )
        client.configuration.retries = False
        client.api_client.rest_client = RESTClientObject(client.configuration)
        self._profiles = client.Profiles

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Make a job of a batch."""
        query = {
            "data": {
                "type": "profile-bulk-import-job",
                "attributes": {"profiles": {"data": [_profile(row) for row in batch.rows]}},
            }
        }
        answer = ask(lambda: in_form(_answer(self._profiles.bulk_import_profiles, query), _Begun), again)
        judge(self, answer, _named)
        begun: _Begun = answer.data
        return Sent(job=begun.data.id)

    def finish(self, job: str, batch: Batch, ask: Ask) -> Sent | None:
        """What became of a job: the profiles that failed, and why."""
        answer = ask(
            lambda: in_form(_answer(self._profiles.get_bulk_import_profiles_job, job), _Asked, False)
        )
        if answer.status in (404, 410):
            raise JobLost
        judge(self, answer)
        asked: _Asked = answer.data
        counts = asked.data.attributes
        if counts.status not in ("complete", "cancelled"):
            return None
        completed, failed = counts.completed_count or 0, counts.failed_count or 0
        refused = self._errors(job, batch, ask) if failed else []
        unnamed = failed - len(refused)
        if not completed + failed == counts.total_count == len(batch.rows) or unnamed < 0:
            raise NotConfirmed(
                f"a job of {len(batch.rows):,} rows is {counts.status}, and counts {completed:,} as completed and {failed:,} as "
                f"failed, of {counts.total_count:,}; its errors name {len(refused):,}",
                may_divide=False,
            )
        if unnamed > 0:
            refused.append(Refused(None, "failed", "Klaviyo counts them, and names nobody", unnamed))
        return Sent(refused)

    def _errors(self, job: str, batch: Batch, ask: Ask) -> list[Refused]:
        found: dict[int, Refused] = {}
        places = by_key(batch, "Email Address")
        cursor: str | None = None
        while True:
            page = {"page_size": _PAGE, **({"page_cursor": cursor} if cursor else {})}
            asked = partial(_answer, self._profiles.get_errors_for_bulk_import_profiles_job, job, **page)
            answer = ask(partial(_page_of, asked))
            judge(self, answer)
            found_on: _ErrorPage = answer.data
            for error in found_on.data:
                attributes = _inside(error, "attributes")
                index = _index(attributes, places)
                if index is not None:
                    found.setdefault(index, _refused(attributes, index))
            following = urlsplit(found_on.links.next or "").query
            cursor = next(iter(parse_qs(following).get("page[cursor]", [])), None)
            if not cursor:
                return list(found.values())


def _page_of(asked: Callable[[], Answer]) -> Answer:
    return in_form(asked(), _ErrorPage, is_unknown=False)


def _answer(call: Callable[..., Any], *arguments: Any, **more: Any) -> Answer:
    """What a call of the client comes to."""
    from openapi_client.exceptions import ApiException

    try:
        data = call(*arguments, _request_timeout=(CONNECT_SECONDS, READ_SECONDS), **more)
    except ApiException as error:
        if not error.status:
            # the client's own name for a connection that was not trusted
            raise unanswered(error, True) from None
        headers = {name.lower(): value for name, value in (error.headers or {}).items()}
        try:
            data = json.loads(error.body or "null")
        except ValueError:
            data = None
        return Answer(int(error.status or 0), headers, data)
    except urllib3.exceptions.HTTPError as error:
        is_unreached = isinstance(error, (NewConnectionError, ConnectTimeoutError, SSLError))
        raise unanswered(error, is_unreached) from None
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        # a content that the client cannot read
        words = f"it answered, but not as its documentation says: its client cannot read it ({type(error).__name__})"
        raise Unclear(words, True) from None
    return Answer(200, {}, data)


def _profile(row: Row) -> dict[str, Any]:
    cells = filled(row)
    own = {name: cells[column] for column, name in _OWN.items() if column in cells}
    place = {name: cells[column] for column, name in _PLACE.items() if column in cells}
    properties = {column: cell for column, cell in cells.items() if column not in {*_OWN, *_PLACE}}
    attributes = {**own, **({"location": place} if place else {}), "properties": properties}
    return {"type": "profile", "attributes": attributes}


def _named(answer: Answer) -> Sequence[Refused]:
    """The profiles that an answer of 400 points to."""
    found: dict[int, Refused] = {}
    for error in errors_of(answer):
        index = _index(error, {})
        if index is None:
            return []
        found.setdefault(index, _refused(error, index))
    return list(found.values())


def _inside(error: dict[str, Any], key: str) -> dict[str, Any]:
    """What an error has under a key; nothing where that is no object."""
    value = error.get(key)
    return value if isinstance(value, dict) else {}


def _index(error: dict[str, Any], places: dict[str, int]) -> int | None:
    pointer = _POINTER.search(str(_inside(error, "source").get("pointer", "")))
    if pointer:
        return int(pointer[1])
    payload = json.dumps(error.get("original_payload") or {}).lower()
    return next((index for address, index in places.items() if address and f'"{address}"' in payload), None)


def _refused(error: dict[str, Any], index: int) -> Refused:
    return Refused(
        index, str(error.get("code") or "error"), str(error.get("detail") or error.get("title") or "")
    )
