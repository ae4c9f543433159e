"""Errors, in words for the person who is woken by them."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Exit codes (the README and contract §8 name them).
EXIT_OK = 0
EXIT_BUILD_FAILED = 1
EXIT_USAGE = 2
EXIT_HELD_BACK = 3
# done as far as it goes: what is left open is named and kept (reports that stop messages; rows that a vendor has not confirmed)
EXIT_UNRESOLVED = 4
# as shells and schedulers know it: 128 + SIGINT
EXIT_INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a setting or an input file.

    `where` is a path relative to the project (with `:line` where known), `key` the setting,
    column or campaign it is about, `what` the fact, `fix` what to do now.
    """

    where: str
    key: str
    what: str
    fix: str

    def __str__(self) -> str:
        key = f" [{self.key}]" if self.key else ""
        return f"{self.where}{key}: {self.what}\n    fix: {self.fix}"


class SendworthyError(Exception):
    """An expected failure: shown without a stack trace, ends with `exit_code`."""

    exit_code = EXIT_BUILD_FAILED

    def __init__(
        self,
        what: str,
        fix: str = "",
        problems: Sequence[Problem] = (),
        details: Sequence[str] = (),
    ) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.problems = list(problems)
        self.details = list(details)


class SettingsError(SendworthyError):
    """Bad usage or bad settings (campaigns, seeds, options): nothing was built."""

    exit_code = EXIT_USAGE


class BuildError(SendworthyError):
    """The night failed before publishing: what was published stays as it was."""

    exit_code = EXIT_BUILD_FAILED


class StaleData(BuildError):
    """The newest data lies too far behind the clock."""


class Interrupted(SendworthyError):
    """Somebody has interrupted the command (Ctrl-C): the words say what had happened by then."""

    exit_code = EXIT_INTERRUPTED


def did_you_mean(word: str, known: Collection[str], otherwise: str) -> str:
    """`did you mean "x"?` when something known is close to `word`, else `otherwise`."""
    close = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f'did you mean "{close[0]}"?' if close else otherwise
