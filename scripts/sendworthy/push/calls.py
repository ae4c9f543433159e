"""Asks a vendor within its rates, and asks again where it had a bad moment.

Every vendor's client is reduced to one question, `Request`: it gives an `Answer`, or raises `NoAnswer`. Clock, sleep and
chance are handed in, so that a test of an hour takes none.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from sendworthy.destinations import Rate
from sendworthy.errors import SendworthyError

TRIES = 6
# pauses double from the first to the longest one (seconds)
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
# a vendor that asks for a longer pause is not waited for
MOST_ASKED = 300.0
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
        """Whether the request was taken."""
        return 200 <= self.status < 300


class NoAnswer(Exception):
    """No answer came. `is_unknown`: the request may have been taken all the same. The words hold nothing personal."""

    def __init__(self, words: str, is_unknown: bool) -> None:
        super().__init__(words)
        self.words = words
        self.is_unknown = is_unknown


def unanswered(error: BaseException, is_unreached: bool) -> NoAnswer:
    """What it comes to that no answer came, because of `error`; `is_unreached`: nothing was sent at all."""
    words = "it cannot be reached" if is_unreached else "the connection was cut, or no answer came in time"
    return NoAnswer(f"{words} ({type(error).__name__})", is_unknown=not is_unreached)


class Stopped(SendworthyError):
    """The push ends here; what was taken is in the journal, and a rerun goes on from there.

    `is_unknown`: the last request may have been taken.
    """

    def __init__(self, what: str, fix: str, is_unknown: bool = True) -> None:
        super().__init__(what, fix)
        self.is_unknown = is_unknown


GOES_ON = "what was taken is in the journal. Run the same command again later: it goes on from there."

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

        `on_again` is told before a request is sent once more that may have been taken.
        """
        began, is_unknown = self.clock.now(), False
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
            else:
                if answer.status not in TRY_AGAIN:
                    return answer
                words = f"it answered {answer.status}"
                is_unknown = is_unknown or answer.status not in NOT_TAKEN
                asked = asked_pause(answer.headers, self.clock.wall())
            if asked is not None and asked > MOST_ASKED:
                raise self._stopped(f"{words}, and asks to wait {asked:,.0f} seconds", is_unknown)
            doubled = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** (number - 1))
            # half of it by chance, so that several that were refused at once do not come back at once
            pause = max(asked or 0.0, doubled * (0.5 + self.clock.chance() / 2))
            if number == TRIES or self.clock.now() - began + pause > MOST_SECONDS:
                break
            self.clock.sleep(pause)
        raise self._stopped(f"{words}, after {number} tries", is_unknown)

    def _stopped(self, words: str, is_unknown: bool) -> Stopped:
        return Stopped(f"{self._label} takes nothing at the moment: {words}.", GOES_ON, is_unknown)


def asked_pause(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that an answer asks to wait: Retry-After (seconds or a date), or when the vendor's window ends."""
    told = headers.get("retry-after")
    if told is not None:
        try:
            return max(0.0, Retry().parse_retry_after(told))
        except InvalidHeader:
            return None
    reset = headers.get("x-ratelimit-reset", "")
    if not reset.isdigit():
        return None
    # a moment, or seconds
    return max(0.0, int(reset) - now) if int(reset) > 1_000_000_000 else float(reset)
