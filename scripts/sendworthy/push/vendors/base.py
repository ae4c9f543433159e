"""What is the same for every vendor: the protocol that an adapter keeps, its account, and what an answer means."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Protocol
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.push.batches import Batch, Row, Shape
from sendworthy.push.retry import Answer, Request, Unclear
from sendworthy.settings.destinations import Destination

# these will be the same for every request: the account, its rights, or the address is wrong
NOT_ALLOWED = frozenset({300, 301, 302, 303, 307, 308, 401, 402, 403, 404, 405, 407, 410})
# what is sent over the network in clear may stay on this machine only
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

Again = Callable[[], None]


class Ask(Protocol):
    """Asks a vendor, within its rates and again after a bad moment.

    `on_again` is called before a request is sent once more that may have been taken.
    """

    def __call__(self, request: Request, on_again: Again = ...) -> Answer:
        """The answer, whatever it is."""


@dataclass(frozen=True)
class Variable:
    """An environment variable of an account; without a `default` it has to be set."""

    name: str
    words: str
    default: str | None = None
    is_secret: bool = False
    is_address: bool = False


@dataclass(frozen=True)
class Account:
    """The values of an account's variables."""

    values: Mapping[str, str]
    secrets: Collection[str] = ()

    def __getitem__(self, name: str) -> str:
        return self.values[name]

    def __repr__(self) -> str:
        return f"Account({', '.join(sorted(self.values))})"


@dataclass(frozen=True)
class Refused:
    """A row that a vendor did not take: its place among the batch's rows (None: it is not named), and why."""

    index: int | None
    code: str
    words: str
    rows: int = 1


@dataclass(frozen=True)
class Sent:
    """What became of a batch: the rows that were refused, or the job that is at work on it."""

    refused: list[Refused] = field(default_factory=list)
    job: str | None = None


class BatchRefused(Exception):
    """A vendor refused a whole request. `named`: the rows that it names as the cause, if it does."""

    def __init__(self, code: str, words: str, named: Sequence[Refused] = ()) -> None:
        super().__init__(code)
        self.code, self.words, self.named = code, words, list(named)


class NotConfirmed(Exception):
    """A vendor's numbers do not add up: some rows were taken, and which is not said. `may_divide`: sending it in halves finds them."""

    def __init__(self, words: str, may_divide: bool = True) -> None:
        super().__init__(words)
        self.words, self.may_divide = words, may_divide


class JobLost(Exception):
    """A vendor does not know a job any more: what became of its batch is unknown."""


class Vendor(ABC):
    """Hands batches to one vendor. Nothing is asked of it before `connect`.

    `looks_up`: it finds out whether a batch has arrived before it sends it again.
    """

    variables: ClassVar[Sequence[Variable]]
    looks_up: ClassVar[bool] = False

    def __init__(self, destination: Destination) -> None:
        self.destination = destination

    @property
    @abstractmethod
    def shape(self) -> Shape:
        """How rows become a request."""

    @abstractmethod
    def connect(self, account: Account) -> None:
        """Make the client; nothing is sent. SettingsError where an extra is not installed."""

    def prepare(self, columns: Sequence[str], ask: Ask) -> None:  # noqa: B027 - most need nothing
        """Look up what rows cannot be sent without."""

    @abstractmethod
    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Send a batch. BatchRefused where none of it was taken, NotConfirmed where nobody knows what was.

        `again` is called before it is sent once more.
        """

    def finish(self, job: str, batch: Batch, ask: Ask) -> Sent | None:
        """What became of a job; None: it is still at work. NotConfirmed where it has ended and its numbers do not add up.

        A vendor that begins none knows none.
        """
        raise JobLost


def read_account(vendor: type[Vendor], label: str, environment: Mapping[str, str]) -> Account:
    """The account in the environment; SettingsError names what is missing or wrong, and no value."""
    values: dict[str, str] = {}
    problems = []
    for variable in vendor.variables:
        value = environment.get(variable.name, "").strip() or variable.default
        if value is None:
            problems.append(
                Problem("environment", variable.name, "it is not set.", f"set it: {variable.words}.")
            )
        elif not value.isascii() or any(character.isspace() or character < " " for character in value):
            problems.append(
                Problem(
                    "environment", variable.name, "it holds what no such value has.", "copy it once more."
                )
            )
        elif variable.is_address and value and not is_address(value):
            problems.append(
                Problem(
                    "environment",
                    variable.name,
                    "it is no address that a key may be sent to.",
                    "write https://..., without a path (http:// for this machine only).",
                )
            )
        else:
            values[variable.name] = value.rstrip("/") if variable.is_address else value
    if problems:
        raise SettingsError(
            f"the account at {label} is not in the environment; nothing was sent.",
            "docs/push.md has the variables of each vendor.",
            problems,
        )
    secrets = {values[variable.name] for variable in vendor.variables if variable.is_secret}
    return Account(values, secrets)


def is_address(text: str) -> bool:
    """Whether what is sent there stays between us: https, or this machine."""
    try:
        parts = urlsplit(text)
        is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _HERE)
        return is_safe and bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        return False


def missing_extra(label: str, package: str, extra: str) -> SettingsError:
    """The error where a vendor's client is not installed."""
    return SettingsError(
        f"{label} is pushed to through its own client, {package}, which is not installed; nothing was sent.",
        f"install it: pip install 'sendworthy[{extra}]' (in a clone: .venv/bin/pip install -e '.[{extra}]').",
    )


class VendorForm(BaseModel):
    """What a vendor's own answer looks like, as its documentation has it: no value is taken for another type, more keys are let through."""

    model_config = ConfigDict(strict=True, frozen=True)


def in_form(answer: Answer, form: type[VendorForm], is_unknown: bool = True) -> Answer:
    """The answer with its content read; Unclear where it says that it went well, and not as the vendor does.

    `is_unknown`: what was asked may have been taken all the same.
    """
    if not answer.is_good:
        return answer
    try:
        return replace(answer, data=form.model_validate(answer.data))
    except ValidationError:
        words = f"it answered {answer.status}, but not as its documentation says"
        raise Unclear(words, is_unknown) from None


def account_for(batch: Batch, taken: int, refused: Sequence[Refused]) -> Sent:
    """What became of a batch of which so many rows were taken and these were refused, where that is all of them.

    BatchRefused where none was taken and none is named; NotConfirmed where the numbers do not add up.
    """
    rows, named = len(batch.rows), sum(item.rows for item in refused)
    if taken + named == rows:
        return Sent(list(refused))
    if taken == 0 and not refused:
        raise BatchRefused("not_taken", "it says that it has taken none, and not why")
    raise NotConfirmed(f"of {rows:,} rows it counts {taken:,} as taken and {named:,} as refused")


def judge(
    vendor: Vendor, answer: Answer, named: Callable[[Answer], Sequence[Refused]] = lambda answer: ()
) -> None:
    """Nothing where the request was taken; BatchRefused, or SettingsError where every request would be refused."""
    if answer.is_good:
        return
    if answer.status in NOT_ALLOWED:
        names = ", ".join(variable.name for variable in vendor.variables)
        raise SettingsError(
            f"{vendor.destination.label} answered {answer.status}: the account, its rights or the address is not right. Nothing more was sent.",
            f"look at {names} (docs/push.md), and run the same command again: it goes on from there.",
        )
    raise BatchRefused(f"http_{answer.status}", words_of(answer.data), named(answer))


def errors_of(answer: Answer) -> list[dict[str, Any]]:
    """The errors of an answer that refuses a request; none where one of them is no object."""
    errors = answer.data.get("errors") if isinstance(answer.data, dict) else None
    if isinstance(errors, list) and all(isinstance(error, dict) for error in errors):
        return errors
    return []


def words_of(data: Any) -> str:
    """The words in an answer that refuses a request, whatever it looks like."""
    if isinstance(data, str):
        return data
    if isinstance(data, list):
        return words_of(data[0]) if data else ""
    if not isinstance(data, dict):
        return ""
    for key in ("errors", "message", "msg", "detail", "title", "error", "meta"):
        if data.get(key):
            return words_of(data[key])
    return ""


def filled(row: Row, *without: str) -> dict[str, str]:
    """A CSV's cells that hold something: an empty one keeps what the vendor has, and so does a key that is not there."""
    return {column: cell for column, cell in row.values.items() if cell and column not in without}


def by_key(batch: Batch, column: str) -> dict[str, int]:
    """The rows of a batch by what a column holds, in small letters."""
    return {str(row.values.get(column) or "").lower(): index for index, row in enumerate(batch.rows)}
