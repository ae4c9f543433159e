"""Asks a vendor within its rates, and asks again where it had a bad moment.

Every vendor's client is reduced to one question, `Request`: it gives an `Answer`, or raises `NoAnswer`, or `Unclear` where what
answered does not speak as the vendor does. Clock, sleep and chance are handed in, so that a test of an hour takes none.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from sendworthy.foundation.errors import SendworthyError
from sendworthy.settings.destinations import Rate

TRIES = 6
# pauses double from the first to the longest one (seconds)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# a vendor that asks for a longer pause is not waited for
MOST_ASKED = 300.0
# no rate is counted over more than a day: what asks for longer is no wait that can be understood
LONGEST_WAIT = 86_400.0
# all tries and pauses of one request together
MOST_SECONDS = 900.0
# a bad moment of the server; whether the request was taken is not known, but for the first three
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524})
NOT_TAKEN = frozenset({425, 429})
# how long an answer is waited for
CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0


@dataclass(frozen=True)
class Answer:
    """What a server said: the status, its headers in small letters, and its JSON (None where it is none)."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Any = None

    @property
    def is_good(self) -> bool:
        """Whether the status says that it went well; whether anything was taken, its content says."""
        return 200 <= self.status < 300


class NoAnswer(Exception):
    """No answer came. `is_unknown`: the request may have been taken all the same. The words hold nothing personal."""

    def __init__(self, words: str, is_unknown: bool) -> None:
        super().__init__(words)
        self.words = words
        self.is_unknown = is_unknown


class Unclear(NoAnswer):
    """Something answered, as if it had gone well, but not in the vendor's own form: a login page, an empty body, other JSON."""


def unanswered(error: BaseException, is_unreached: bool) -> NoAnswer:
    """What it comes to that no answer came, because of `error`; `is_unreached`: nothing was sent at all."""
    words = "it cannot be reached" if is_unreached else "the connection was cut, or no answer came in time"
    return NoAnswer(f"{words} ({type(error).__name__})", is_unknown=not is_unreached)


class Stopped(SendworthyError):
    """The push ends here; what was taken is in the journal, and a rerun goes on from there.

    `is_unknown`: the last request may have been taken. `is_unclear`: it was answered, but not in the vendor's form.
    """

    def __init__(self, what: str, fix: str, is_unknown: bool = True, is_unclear: bool = False) -> None:
        super().__init__(what, fix)
        self.is_unknown, self.is_unclear = is_unknown, is_unclear


RESUME_HINT = "what was taken is in the journal. Run the same command again later: it goes on from there."

CHECK_ADDRESS = (
    "what answers there is not the vendor: a login page or a proxy, perhaps; look at the address of the account (docs/push.md). "
    "Run the same command again: it goes on from there."
)

Request = Callable[[], Answer]


@dataclass(frozen=True)
class Clock:
    """The time that pauses are counted in, the time of day (seconds since 1970), how to pause, and chance from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class Pace:
    """Lets requests through no faster than every one of the rates, whichever window the vendor counts in."""

    def __init__(self, rates: Sequence[Rate], clock: Clock) -> None:
        self._clock = clock
        self._sent: list[tuple[int, deque[float]]] = [
            (rate.seconds, deque(maxlen=rate.requests)) for rate in rates
        ]

    def wait(self) -> None:
        """Wait until a request may be sent, and count it."""
        now = self._clock.now()
        full = (sent[0] + seconds - now for seconds, sent in self._sent if len(sent) == sent.maxlen)
        pause = max(full, default=0.0)
        if pause > 0:
            self._clock.sleep(pause)
        for _, sent in self._sent:
            sent.append(self._clock.now())


def seconds_for(requests: int, rates: Sequence[Rate]) -> float:
    """How long so many requests take at the least."""
    return float(max(((requests - 1) // rate.requests * rate.seconds for rate in rates), default=0))


class Caller:
    """Asks a vendor: waits for its rates, and asks again as long as that makes sense."""

    def __init__(self, label: str, rates: Sequence[Rate], clock: Clock) -> None:
        self.clock = clock
        self.requests = 0
        self._label = label
        self._pace = Pace(rates, clock)

    def ask(self, request: Request, on_again: Callable[[], None] = lambda: None) -> Answer:
        """The answer to a request, whatever it is; Stopped where none comes that is worth anything.

        `on_again` is called before a request is sent once more that may have been taken.
        """
        began, is_unknown, is_unclear = self.clock.now(), False, False
        for number in range(1, TRIES + 1):
            if is_unknown:
                on_again()
            self._pace.wait()
            self.requests += 1
            asked: float | None = None
            try:
                answer = request()
            except NoAnswer as none:
                words, is_unknown = none.words, is_unknown or none.is_unknown
                is_unclear = isinstance(none, Unclear)
            else:
                if answer.status not in TRY_AGAIN:
                    return answer
                words = f"it answered {answer.status}"
                is_unknown, is_unclear = is_unknown or answer.status not in NOT_TAKEN, False
                asked = retry_after(answer.headers, self.clock.wall())
            if asked is not None and asked > MOST_ASKED:
                raise self._stopped(f"{words}, and asks to wait {asked:,.0f} seconds", is_unknown)
            doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (number - 1))
            # half of it by chance, so that several that were refused at once do not come back at once
            pause = max(asked or 0.0, doubled * (0.5 + self.clock.chance() / 2))
            if number == TRIES or self.clock.now() - began + pause > MOST_SECONDS:
                break
            self.clock.sleep(pause)
        raise self._stopped(f"{words}, after {number} tries", is_unknown, is_unclear)

    def _stopped(self, words: str, is_unknown: bool, is_unclear: bool = False) -> Stopped:
        what = f"{self._label} takes nothing at the moment: {words}."
        return Stopped(what, CHECK_ADDRESS if is_unclear else RESUME_HINT, is_unknown, is_unclear)


# what may say how long to wait, the plainest first, and in how many parts of a second it counts
_WAITS = (("retry-after-ms", 1000), ("retry-after", 1), ("ratelimit-reset", 1), ("x-ratelimit-reset", 1))
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:e\+?\d+)?)\s*(ms|s)?", re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that an answer asks to wait, by the first of its headers that can be read; None where none can."""
    for name, parts in _WAITS:
        text = headers.get(name, "").strip()
        # a proxy makes one header of two
        found = [_wait(part, parts, now) for part in (text, *text.split(","))]
        readable = [seconds for seconds in found if seconds is not None and seconds <= LONGEST_WAIT]
        if readable:
            return max(readable)
    return None


def _wait(text: str, parts: int, now: float) -> float | None:
    """A wait as vendors write it: seconds (with a fraction, or a unit), or a moment in seconds or parts of it since 1970, or as a date."""
    number = _NUMBER.fullmatch(text.strip())
    if number is None:
        moment = _moment(text.strip())
        return None if moment is None else max(0.0, moment - now)
    value, unit = float(number[1]), (number[2] or "").lower()
    if unit or parts > 1:
        return value / (1000 if unit == "ms" else 1 if unit else parts)
    if value <= LONGEST_WAIT:
        return value
    for digits, scale in ((10, 1.0), (13, 1e3), (16, 1e6)):
        if 10.0 ** (digits - 1) <= value < 10.0**digits:
            return max(0.0, value / scale - now)
    # more than a day of seconds
    return value / 1000


def _moment(text: str) -> float | None:
    """The seconds since 1970 of an HTTP date, or of an ISO time with a zone."""
    with suppress(ValueError, TypeError, IndexError, OverflowError):
        moment = parsedate_to_datetime(text)
        # -0000, which is UTC too
        return (moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp()
    with suppress(ValueError, OverflowError):
        moment = datetime.fromisoformat(text.upper().replace("Z", "+00:00"))
        return moment.timestamp() if moment.tzinfo else None
    return None
