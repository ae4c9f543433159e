"""Asks a vendor within its rates, and asks again where it had a bad moment (`sendworthy.foundation.retry`).

Every vendor's client is reduced to one question, `Request`: it gives an `Answer`, or raises `NoAnswer`, or `Unclear` where what
answered does not speak as the vendor does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sendworthy.foundation.errors import SendworthyError
from sendworthy.foundation.retry import NOT_TAKEN, TRY_AGAIN, BadMoment, Clock, Pace, Policy, retry_after
from sendworthy.settings.destinations import Rate

# all tries and pauses of one request together take 15 minutes at the most
POLICY = Policy(tries=6, first_pause=1.0, longest_pause=60.0, seconds=900.0)
# a vendor that asks for a longer pause is not waited for
MOST_ASKED = 300.0
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


def seconds_for(requests: int, rates: Sequence[Rate]) -> float:
    """How long so many requests take at the least."""
    return float(max(((requests - 1) // rate.requests * rate.seconds for rate in rates), default=0))


class Caller:
    """Asks a vendor: waits for its rates, and asks again as long as that makes sense."""

    def __init__(self, label: str, rates: Sequence[Rate], clock: Clock) -> None:
        self.clock = clock
        self.requests = 0
        self._label = label
        self._pace = Pace([(rate.requests, rate.seconds) for rate in rates], clock)

    def ask(self, request: Request, on_again: Callable[[], None] = lambda: None) -> Answer:
        """The answer to a request, whatever it is; Stopped where none comes that is worth anything.

        `on_again` is called before a request is sent once more that may have been taken.
        """
        number, is_unknown, is_unclear = 0, False, False

        def attempt() -> Answer:
            nonlocal number, is_unknown, is_unclear
            if is_unknown:
                on_again()
            self._pace.wait()
            self.requests += 1
            number += 1
            try:
                answer = request()
            except NoAnswer as none:
                is_unknown, is_unclear = is_unknown or none.is_unknown, isinstance(none, Unclear)
                raise BadMoment(none.words) from None
            if answer.status not in TRY_AGAIN:
                return answer
            words = f"it answered {answer.status}"
            is_unknown, is_unclear = is_unknown or answer.status not in NOT_TAKEN, False
            asked = retry_after(answer.headers, self.clock.wall())
            if asked is not None and asked > MOST_ASKED:
                raise self._stopped(f"{words}, and asks to wait {asked:,.0f} seconds", is_unknown)
            raise BadMoment(words, asked)

        try:
            return POLICY.repeat(attempt, self.clock)
        except BadMoment as last:
            raise self._stopped(f"{last.words}, after {number} tries", is_unknown, is_unclear) from None

    def _stopped(self, words: str, is_unknown: bool, is_unclear: bool = False) -> Stopped:
        what = f"{self._label} takes nothing at the moment: {words}."
        return Stopped(what, CHECK_ADDRESS if is_unclear else RESUME_HINT, is_unknown, is_unclear)
