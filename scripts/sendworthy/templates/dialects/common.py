"""What the translators share: problems, merge tags, conditions, and the writer of the Liquid text.

A blank field is nil in our Liquid, and `{% if x %}` is how it is asked for. Where an e-mail service could
read a blank in two ways (is nothing less than 10?), the reading that is not proved is refused.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

MERGE_TAGS_CSV = "seeds/merge_tags.csv"
MAX_PROBLEMS = 100
"""Problems of one text; nobody reads more of them at once."""

_SHOWN = 60
_NUMBER = re.compile(r"-?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_ORDERINGS = ("<", "<=", ">", ">=")

FETCHED = "fetched at send time, so what it prints cannot be proved"
FETCHED_FIX = "write the text into the template, or bring the value to the warehouse as a merge field"


@dataclass(frozen=True)
class TagProblem:
    """One thing in a template that cannot be translated: `index` is its offset in the original source."""

    index: int
    what: str
    fix: str


@dataclass(frozen=True)
class Translation:
    """The Liquid text, with the line breaks of the source at the same places, and what is wrong with it.

    With any problem the text is not to be used: what could not be translated is missing from it.
    """

    text: str
    problems: tuple[TagProblem, ...]


class MistakeError(Exception):
    """A part of a tag cannot be translated: what it is, and what to write instead."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


@dataclass(frozen=True)
class Operand:
    """One side of a comparison: a merge field (`name`) or a text of the template (`text`)."""

    name: str | None
    text: str = ""

    @property
    def liquid(self) -> str:
        """As Liquid writes it; raises MistakeError for a text that Liquid cannot hold."""
        return self.name if self.name is not None else quoted(self.text)


@dataclass(frozen=True)
class Condition:
    """What an if asks for, in Liquid.

    `numbers`: fields that are compared as numbers; `if_true`, `if_false`: fields that certainly have a
    value when it is true, when it is false; `at_send`: only the e-mail service knows the answer.
    """

    liquid: str
    numbers: tuple[str, ...] = ()
    if_true: frozenset[str] = frozenset()
    if_false: frozenset[str] = frozenset()
    at_send: bool = False


AT_SEND = Condition("true", at_send=True)


def shortened(text: str) -> str:
    """A text for a message: on one line, and not endless."""
    line = " ".join(text[: 2 * _SHOWN].split())
    return line if len(line) <= _SHOWN and len(text) <= 2 * _SHOWN else line[:_SHOWN] + "..."


def quoted(text: str) -> str:
    """A Liquid string; Liquid has no escapes, so raises MistakeError for a text that it cannot hold."""
    if "}}" in text or "%}" in text:
        raise MistakeError(f'the text "{shortened(text)}" holds }}}} or %}}', "leave the braces out of it")
    if '"' not in text:
        return f'"{text}"'
    if "'" in text:
        fix = "use only one kind of quote in the text, or a typographic apostrophe (\u2019)"
        raise MistakeError(f"the text {shortened(text)} holds both kinds of quotes", fix)
    return f"'{text}'"


def is_set(name: str) -> Condition:
    """True when the field has a value."""
    return Condition(name, if_true=frozenset({name}))


def is_not_set(name: str) -> Condition:
    """True when the field is blank."""
    return Condition(f"{name} == nil", if_false=frozenset({name}))


def compared(left: Operand, operator: str, right: Operand, guarded: frozenset[str]) -> Condition:
    """A comparison by `==`, `!=`, `<`, `<=`, `>` or `>=`, the last four of numbers.

    `guarded` are the fields that have a value wherever this stands. Raises MistakeError for what cannot be
    compared, and where the answer for a blank field depends on whom one asks: some read nothing as 0.
    """
    names = tuple(dict.fromkeys(side.name for side in (left, right) if side.name is not None))
    if not names:
        raise MistakeError("it compares two fixed texts", "compare a merge tag with a text")
    if operator in _ORDERINGS:
        for side in (left, right):
            if side.name is None and not _NUMBER.fullmatch(side.text):
                what = f'only numbers have an order, and "{shortened(side.text)}" is none'
                raise MistakeError(what, "write a plain number, or ask whether the two are equal")
    elif any(side.name is None and not side.text for side in (left, right)):
        raise MistakeError(
            "it compares with an empty text, and a blank is not an empty text everywhere",
            "ask whether the tag has a value instead",
        )
    open_names = [name for name in names if name not in guarded]
    if open_names and _blank_is_unclear(left, operator, right):
        raise MistakeError(
            f"whether this holds for a contact without {open_names[0]} depends on the service: some read "
            "nothing as 0",
            f"put it inside an if that asks whether {open_names[0]} has a value",
        )
    if operator in _ORDERINGS:
        sides = [f"{s.name}_as_number" if s.name is not None else s.text for s in (left, right)]
        asked = " and ".join([*names, f"{sides[0]} {operator} {sides[1]}"])
        return Condition(asked, numbers=names, if_true=frozenset(names))
    asked = f"{left.liquid} {operator} {right.liquid}"
    known = frozenset(names) if len(names) == 1 and left.name != right.name else frozenset()
    if operator == "==":
        return Condition(asked, if_true=known)
    return Condition(asked, if_false=known)


def _blank_is_unclear(left: Operand, operator: str, right: Operand) -> bool:
    """Whether a service that reads a blank as 0 answers otherwise than one that reads it as nothing."""
    if left.name is not None and right.name is not None:
        return operator in _ORDERINGS
    text = right.text if right.name is None else left.text
    if not _NUMBER.fullmatch(text):
        return False
    number = float(text)
    a, b = (0.0, number) if right.name is None else (number, 0.0)
    if operator in ("==", "!="):
        return number == 0
    return {"<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[operator]


@dataclass
class _Block:
    """An if that is open: where, how it was written, and what its current branch knows."""

    name: str
    index: int
    shown: str
    part: int
    supported: bool
    outer: frozenset[str] = frozenset()
    numbers: list[str] = field(default_factory=list)
    has_else: bool = False
    at_send: bool = False
    known: frozenset[str] = frozenset()
    known_if_all_false: frozenset[str] = frozenset()


class Writer:
    """Collects the Liquid text, its open blocks and its problems.

    Args:
        tags: merge tag -> merge field, or None where the e-mail service fills the tag in.
        written: how the dialect writes a tag, for messages: FNAME -> *|FNAME|*.

    """

    def __init__(self, tags: Mapping[str, str | None], written: Callable[[str], str]) -> None:
        self._tags = tags
        self._written = written
        self._parts: list[str] = []
        self._problems: list[TagProblem] = []
        self._blocks: list[_Block] = []
        self._unsupported = 0
        self._after_brace: int | None = None  # the part that ends with {, when nothing follows it yet

    # --- text -------------------------------------------------------------------------------------

    def put(self, text: str) -> None:
        """Adds a text as it is; braces of two neighbours never become Liquid."""
        if not text:
            return
        if self._after_brace is not None and text[0] in "{%":
            before = self._parts[self._after_brace]
            self._parts[self._after_brace] = before[:-1] + "{{ '{' }}"
        self._parts.append(text)
        self._after_brace = len(self._parts) - 1 if text[-1] == "{" else None

    def put_tag(self, liquid: str, source: str) -> None:
        """Adds a Liquid tag or output with the line breaks of the tag that it stands for."""
        missing = source.count("\n") - liquid.count("\n")
        if missing > 0 and liquid:
            end = len(liquid) - (3 if liquid.endswith(("-}}", "-%}")) else 2)
            liquid = liquid[:end] + "\n" * missing + liquid[end:]
        self.put(liquid)

    def put_nothing(self, source: str) -> None:
        """Adds only the line breaks of a tag, without printing them."""
        breaks = source.count("\n")
        if breaks:
            self.put("{% comment %}" + "\n" * breaks + "{% endcomment %}")

    def put_at_send(self, tag: str, source: str) -> None:
        """Adds the visible stand-in for a tag that the e-mail service fills in."""
        plain = "".join(c for c in tag if c not in "${}%")
        self.put(f"(merge tag {' '.join(plain.split())})")
        self.put_nothing(source)

    # --- problems ---------------------------------------------------------------------------------

    def problem(self, index: int, what: str, fix: str) -> None:
        """Notes a problem; those inside an unsupported block are part of that one."""
        if self._unsupported or len(self._problems) > MAX_PROBLEMS:
            return
        if len(self._problems) == MAX_PROBLEMS:
            what, fix = f"more than {MAX_PROBLEMS} problems in this text", "fix those before this line first"
        self._problems.append(TagProblem(index, what, fix))

    def lookup(self, tag: str) -> str | None:
        """The merge field of a tag, None when the service fills it in; raises MistakeError for others.

        A row of the settings that ends with a colon (DATE:) stands for all tags that begin with it.
        """
        if tag in self._tags:
            return self._tags[tag]
        head, colon, _ = tag.partition(":")
        if colon and head + colon in self._tags:
            return self._tags[head + colon]
        fix = f"add it to {MERGE_TAGS_CSV}, with the merge field that it prints"
        if len(self._problems) < MAX_PROBLEMS and not self._unsupported:
            lower = {known.lower(): known for known in sorted(self._tags)}
            close = difflib.get_close_matches(tag[:_SHOWN].lower(), sorted(lower), n=1, cutoff=0.6)
            if close:
                fix = f"did you mean {self._written(lower[close[0]])}? If not, {fix}"
        raise MistakeError(f"unknown merge tag {self._written(shortened(tag))}", fix)

    # --- blocks -----------------------------------------------------------------------------------

    @property
    def guarded(self) -> frozenset[str]:
        """The fields that certainly have a value at this point of the text."""
        if not self._blocks:
            return frozenset()
        return self._blocks[-1].outer | self._blocks[-1].known

    @property
    def chain_guarded(self) -> frozenset[str]:
        """The same for the next branch of the innermost open if."""
        if not self._blocks:
            return frozenset()
        return self._blocks[-1].outer | self._blocks[-1].known_if_all_false

    def open_block(self, name: str, index: int, source: str, condition: Condition | None) -> None:
        """Opens an if that `close_block(name)` will end.

        Without a condition it is a block that is not supported: what is in it is not looked at.
        """
        outer = self.guarded
        if condition is None:
            self.put_nothing(source)
            self._blocks.append(_Block(name, index, shortened(source), -1, supported=False, outer=outer))
            self._unsupported += 1
            return
        self.put_tag(f"{{% if {condition.liquid} %}}", source)
        block = _Block(name, index, shortened(source), len(self._parts) - 1, supported=True, outer=outer)
        self._enter(block, condition)
        self._blocks.append(block)

    def _enter(self, block: _Block, condition: Condition) -> None:
        block.numbers += condition.numbers
        block.at_send = condition.at_send
        block.known = block.known_if_all_false | condition.if_true
        block.known_if_all_false |= condition.if_false

    def branch(self, index: int, source: str, condition: Condition | None) -> None:
        """The next branch of the innermost if: an else when there is no condition."""
        shown = shortened(source)
        if not self._blocks:
            self.put_nothing(source)
            self.problem(index, f"{shown} stands outside any if", "remove it, or write the if before it")
            return
        block = self._blocks[-1]
        if not block.supported:
            self.put_nothing(source)
            return
        if block.at_send or block.has_else:
            self.put_nothing(source)
            self._refuse_branch(index, shown, block)
            return
        if condition is None:
            block.has_else = True
            block.known = block.known_if_all_false
            self.put_tag("{% else %}", source)
            return
        self.put_tag(f"{{% elsif {condition.liquid} %}}", source)
        self._enter(block, condition)

    def _refuse_branch(self, index: int, shown: str, block: _Block) -> None:
        if block.has_else:
            fix = "keep one else, as the last branch of its if"
            self.problem(index, f"{shown} comes after the else of {block.shown}", fix)
            return
        self.problem(
            index,
            f"the e-mail service answers {block.shown} when it sends, so which branch is printed cannot be "
            "proved",
            "remove this branch, or ask for a merge field instead",
        )

    def close_block(self, name: str, index: int, source: str, opening: str) -> None:
        """Ends the innermost block; `opening` is how the opening of `name` is written, for messages."""
        if not self._blocks:
            self.put_nothing(source)
            what = f"{shortened(source)} ends a block that was not begun"
            self.problem(index, what, f"remove it, or write {opening} before it")
            return
        block = self._blocks.pop()
        self._end(block)
        if block.supported:
            self.put_tag("{% endif %}", source)
        else:
            self.put_nothing(source)
        if block.name != name:
            what = f"{shortened(source)} stands where {block.shown} must end first"
            self.problem(index, what, "end the blocks in the reverse order of their beginnings")

    def _end(self, block: _Block) -> None:
        if not block.supported:
            self._unsupported -= 1
            return
        numbers = "".join(
            f"{{% assign {name}_as_number = {name} | plus: 0 %}}" for name in dict.fromkeys(block.numbers)
        )
        self._parts[block.part] = numbers + self._parts[block.part]

    def finish(self, ending: Callable[[str], str]) -> Translation:
        """The translation; `ending` is how the end of a block is written, for messages."""
        for block in reversed(self._blocks):
            self._end(block)
        for block in self._blocks:
            what = f"{block.shown} has no end, so it is unclear what it covers"
            self.problem(block.index, what, f"write {ending(block.name)} after the last text that it covers")
        problems: Sequence[TagProblem] = sorted(self._problems, key=lambda problem: problem.index)
        return Translation("".join(self._parts), tuple(problems))
