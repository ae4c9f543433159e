"""Plain HTTP for vendors without a kept client of their own."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import requests
from urllib3.exceptions import NameResolutionError, NewConnectionError

from sendworthy.push.retry import CONNECT_SECONDS, READ_SECONDS, Answer, NoAnswer, unanswered


class Plain:
    """A connection to one vendor. It asks once, follows nobody, and quotes nothing of what is sent."""

    def __init__(self, address: str, headers: Mapping[str, str]) -> None:
        # its warnings quote paths
        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        self._address = address
        self._session = requests.Session()
        # not as plain headers: ~/.netrc would take their place
        self._session.auth = _Headers(headers)

    def ask(self, method: str, path: str, **more: Any) -> Answer:
        """Ask once; NoAnswer where none comes."""
        seconds = (CONNECT_SECONDS, READ_SECONDS)
        address = self._address + path
        try:
            return answer_of(
                self._session.request(method, address, timeout=seconds, allow_redirects=False, **more)
            )
        except requests.RequestException as error:
            raise no_answer(error) from None

    def text(self) -> Answer:
        """What lies at the address itself, as text."""
        seconds = (CONNECT_SECONDS, READ_SECONDS)
        try:
            response = self._session.get(self._address, timeout=seconds, allow_redirects=False)
        except requests.RequestException as error:
            raise no_answer(error) from None
        return Answer(response.status_code, answer_of(response).headers, response.text)


class _Headers(requests.auth.AuthBase):
    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = headers

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers.update(self._headers)
        return request


def answer_of(response: requests.Response) -> Answer:
    """An answer of the library `requests`."""
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        return Answer(response.status_code, headers, response.json())
    except ValueError:
        return Answer(response.status_code, headers, None)


def no_answer(error: BaseException) -> NoAnswer:
    """Whether a request that failed may have arrived."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    is_unreached = isinstance(error, (requests.ConnectTimeout, requests.exceptions.SSLError)) or isinstance(
        reason, (NewConnectionError, NameResolutionError)
    )
    return unanswered(error, is_unreached)
