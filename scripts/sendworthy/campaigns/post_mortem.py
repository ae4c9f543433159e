"""A post-mortem: `learned.md` in a campaign's folder, front matter that is checked, and below it whatever people want to add."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, ValidationError, model_validator

from sendworthy.campaigns.lined_yaml import LINE, Key, Line, Strict, dotted, line_of, read_lines
from sendworthy.foundation.errors import Problem
from sendworthy.settings.error_texts import TEXTS, in_words, key_of, wrong
from sendworthy.templates.parser import end_of_front_matter, read_text
from sendworthy.templates.placeholders import find_placeholder

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

POST_MORTEM = "learned.md"
KEEP_GOING = "keep_going"

_EXAMPLES: Mapping[str, str] = {
    "decided": "decided: 2026-12-31, the day of the decision",
    "decision": "decision: ship, stop, keep_going or change",
    "expected": "expected: one sentence: what you expected, and how much of it",
    "observed": "observed: {result: one sentence, low: -0.4, high: 2.8}",
    "observed.result": "result: one sentence: what happened, and in which unit low and high are",
    "observed.low": "low: the lower end of the interval, a number",
    "observed.high": "high: the upper end of the interval, a number",
    "next": "next: one sentence: what is done now, and by whom",
}
_TEXTS = {**TEXTS, LINE: ("holds a line break", "write it on one line; what is long goes below the ---")}

Figure = Annotated[Decimal, Field(ge=-(10**9), le=10**9, decimal_places=6)]


class Observed(Strict):
    """What was observed, in words, and the interval that it is within."""

    result: Line
    low: Figure
    high: Figure

    @model_validator(mode="after")
    def _ordered(self) -> Observed:
        if self.low > self.high:
            raise wrong(f"low ({self.low}) is more than high ({self.high})", "swap the two, or correct one")
        return self


class PostMortem(Strict):
    """What was expected of an experiment, what was observed, what was decided, and what is next."""

    decided: date
    decision: Literal["ship", "stop", "keep_going", "change"]
    expected: Line
    observed: Observed
    next: Line

    @property
    def is_final(self) -> bool:
        """Whether it ends the experiment."""
        return self.decision != KEEP_GOING


def read_post_mortem(
    file: Path, where: str, lines: dict[Key, int], blank_values: Collection[str]
) -> tuple[PostMortem | None, list[Problem]]:
    """The post-mortem of a file, and its problems; `lines` gets the line of each key."""
    text, unreadable = read_text(file, where, "post-mortem")
    if text is None:
        return None, unreadable
    rows = text.replace("\r\n", "\n").split("\n")
    if not (end := end_of_front_matter(rows)):
        what = "what was learned has to stand between two lines ---, at the beginning of the file"
        fix = "write ---, then decided:, decision:, expected:, observed: and next:, then ---"
        return None, [Problem(f"{where}:1", "post-mortem", what, fix)]
    # the first line is a marker, and the lines of keys count from there
    data, problems = read_lines("\n".join(["", *rows[1:end]]), where, "post-mortem", lines)
    if data is None and problems:
        return None, problems
    try:
        post_mortem = PostMortem.model_validate({} if data is None else data)
    except ValidationError as error:
        found = (_problem(where, lines, one) for one in error.errors(include_url=False))
        return None, [*problems, *found]
    return post_mortem, [*problems, *_placeholders(post_mortem, where, lines, blank_values)]


def _problem(where: str, lines: dict[Key, int], error: ErrorDetails) -> Problem:
    key = key_of(error)
    name = dotted(key)
    example = _EXAMPLES.get(name, f"{name}: ...")
    words = in_words(error, PostMortem, _TEXTS, why="a post-mortem says it", example=example)
    return Problem(f"{where}:{line_of(lines, key)}", name or "post-mortem", *words)


def _placeholders(
    post_mortem: PostMortem, where: str, lines: dict[Key, int], blank_values: Collection[str]
) -> Iterator[Problem]:
    for key, text in (
        (("expected",), post_mortem.expected),
        (("observed", "result"), post_mortem.observed.result),
        (("next",), post_mortem.next),
    ):
        if placeholder := find_placeholder(text, blank_values, key=key[-1]):
            what, fix = f"{placeholder!r} is a placeholder", f"write {_EXAMPLES[dotted(key)]}"
            yield Problem(f"{where}:{line_of(lines, key)}", dotted(key), what, fix)
