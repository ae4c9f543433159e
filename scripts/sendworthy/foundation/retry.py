"""Asks again where a server had a bad moment, and no faster than it lets: one policy for vendors and for alerts.

Clock, sleep and chance are handed in, so that a test of an hour takes none.
"""

from __future__ import annotations

import random
import re
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TypeVar

# a bad moment of the server; whether the request was taken is not known, but for those of NOT_TAKEN
TRY_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504, 520, 522, 524})
NOT_TAKEN = frozenset({425, 429})
# no rate is counted over more than a day: what asks for longer is no wait that can be understood
LONGEST_WAIT = 86_400.0

T = TypeVar("T")


@dataclass(frozen=True)
class Clock:
    """The time that pauses are counted in, the time of day (seconds since 1970), how to pause, and chance from 0 to 1."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class BadMoment(Exception):
    """A try that may go well the next time; `asked`: the seconds that the server asks to wait."""

    def __init__(self, words: str, asked: float | None = None) -> None:
        super().__init__(words)
        self.words, self.asked = words, asked


@dataclass(frozen=True)
class Policy:
    """How often something is tried, and the pauses between: they double from the first to the longest one.

    All tries and pauses together take no longer than `seconds`.
    """

    tries: int
    first_pause: float
    longest_pause: float
    seconds: float

    def repeat(self, attempt: Callable[[], T], clock: Clock) -> T:
        """What the first try gives that goes well; the last one's BadMoment where none does."""
        # here and not above: most commands need none of it
        from tenacity import RetryCallState, Retrying, retry_if_exception_type

        began = clock.now()

        def pause(state: RetryCallState) -> float:
            failed = state.outcome.exception() if state.outcome else None
            asked = failed.asked if isinstance(failed, BadMoment) else None
            doubled = min(self.longest_pause, self.first_pause * 2.0 ** (state.attempt_number - 1))
            # half of it by chance, so that several that were refused at once do not come back at once
            return max(asked or 0.0, doubled * (0.5 + clock.chance() / 2))

        def is_enough(state: RetryCallState) -> bool:
            late = clock.now() - began + state.upcoming_sleep > self.seconds
            return state.attempt_number >= self.tries or late

        again = retry_if_exception_type(BadMoment)
        return Retrying(sleep=clock.sleep, wait=pause, stop=is_enough, retry=again, reraise=True)(attempt)


class Pace:
    """Lets requests through no faster than every one of the rates (so many in so many seconds), whichever window is counted in."""

    def __init__(self, rates: Sequence[tuple[int, float]], clock: Clock) -> None:
        self._clock = clock
        self._sent: list[tuple[float, deque[float]]] = [
            (seconds, deque(maxlen=requests)) for requests, seconds in rates
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
