"""Handlebars as Iterable and SendGrid write it, translated into Liquid.

Sources: https://handlebarsjs.com/guide/ (syntax, `if`, `unless`, comments, whitespace control),
https://www.twilio.com/docs/sendgrid/for-developers/sending-email/using-handlebars (`insert`, `equals`,
`notEquals`, `greaterThan`, `lessThan`, `and`, `or`, `@root`); for Iterable a published "Iterable Handlebars
Reference Guide" and https://gist.github.com/cdlewis/ab75ad2a1e821a5a985a (`defaultIfEmpty`, `ifEq`, `ifGt` and
the like, `snippet`, `sendSkip`, `capitalize`, `upper`, `lower`, `[[ ]]`), not Iterable's own pages.

Merge fields are plain texts: a dotted path is one tag, and what walks through lists or objects is refused.
Iterable's `capitalize` writes every word large, Liquid's the first one: whether anything is printed is the
same. So it is with `#if` of a number 0, which Handlebars calls false, and our texts call a value.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sendworthy.templates.dialects.common import (
    AT_SEND,
    FETCHED,
    FETCHED_FIX,
    Condition,
    MistakeError,
    Operand,
    Translation,
    Writer,
    compared,
    is_not_set,
    is_set,
    quoted,
    shortened,
)

_COMPARISONS = {
    "ifEq": "==",
    "eq": "==",
    "equals": "==",
    "notEquals": "!=",
    "greaterThan": ">",
    "lessThan": "<",
    "ifGt": ">",
    "ifGte": ">=",
    "ifLt": "<",
    "ifLte": "<=",
}
_CONDITIONS = ("if", "unless", "and", "or", *_COMPARISONS)
_FILTERS = {
    "capitalize": "capitalize",
    "capitalizeFirst": "capitalize",
    "upper": "upcase",
    "uppercase": "upcase",
    "lower": "downcase",
    "lowercase": "downcase",
}
_IN_TAG = re.compile(r"[\"']|\}\}|\{\{")
_IN_TEXT = re.compile(r"\{%|\[\[\s{0,3}[#/^@A-Za-z]")
_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|[^\s\"'()=|]+|[()=|\"']")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_PATH = re.compile(r"[^\W\d][\w-]*(?:\.[\w-]+)*")
_PARTIAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_KEYWORDS = ("true", "false", "null", "undefined")


def translate(source: str, tags: Mapping[str, str | None]) -> Translation:
    """Translates `source`; the tags are written without their braces: firstName, profile.first_name."""
    writer = Writer(tags, lambda tag: f"{{{{{tag}}}}}")
    scanner = _Scanner(source)
    position = 0
    while True:
        start = source.find("{{", position)
        if start < 0:
            break
        _text(writer, source, position, start)
        tag_end, body_start, body_end = scanner.tag(start)
        if body_end < 0:
            shown = shortened(source[start : min(tag_end, start + 40)])
            writer.problem(
                start, f"{shown} begins a tag that has no end", "close it with }} (or }}} for {{{)"
            )
            writer.put_nothing(source[start:tag_end])
        elif start and source[start - 1] == "\\":
            what = "a backslash before {{ makes Handlebars print the tag as it stands"
            writer.problem(start - 1, what, "remove the backslash")
            writer.put_nothing(source[start:tag_end])
        else:
            _Tag(writer, source[start:tag_end], start, source[body_start:body_end]).write()
        position = tag_end
    _text(writer, source, position, len(source))
    return writer.finish(lambda name: f"{{{{/{name}}}}}")


class _Scanner:
    """Finds the ends of tags; looks at each character a bounded number of times."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._missing: set[str] = set()  # quotes that do not come again

    def tag(self, start: int) -> tuple[int, int, int]:
        """(end of the tag, start and end of its body) for the `{{` at `start`.

        Without an end the body's end is -1, and the first is where to go on.
        """
        source = self._source
        braces = 2
        while braces < 5 and source.startswith("{", start + braces):
            braces += 1
        body = start + braces
        if braces > 3:
            while source.startswith("{", body):
                body += 1
            return body, body, -1
        at = body + 1 if source.startswith("~", body) else body
        if source.startswith("!", at):
            return self._comment(body, at, braces)
        end = self._end(body)
        if end < 0 or not source.startswith("}}", end):
            return (len(source) if end < 0 else end), body, -1
        if braces == 3 and not source.startswith("}}}", end):
            return end + 2, body, -1
        return end + braces, body, end

    def _comment(self, body: int, at: int, braces: int) -> tuple[int, int, int]:
        source = self._source
        end = source.find("}}", at)
        if source.startswith("!--", at):
            end = source.find("--", at + 3)
            while end >= 0 and not source.startswith(("--}}", "--~}}"), end):
                end = source.find("--", end + 1)
            end = source.find("}}", end) if end >= 0 else end
        if end < 0 or braces == 3:
            return (len(source) if end < 0 else end + 2), body, -1
        return end + 2, body, end

    def _end(self, position: int) -> int:
        """Where the `}}` is, or the `{{` that comes before it, or -1."""
        while True:
            found = _IN_TAG.search(self._source, position)
            if found is None:
                return -1
            if found.group() in ("}}", "{{"):
                return found.start()
            position = found.end()
            if found.group() not in self._missing:
                closing = self._source.find(found.group(), position)
                if closing < 0:
                    self._missing.add(found.group())
                else:
                    position = closing + 1


def _text(writer: Writer, source: str, start: int, end: int) -> None:
    """Adds the text between two tags; what another language would read in it is a problem."""
    text = source[start:end]
    for found in _IN_TEXT.finditer(text):
        if found.group() == "{%":
            what, fix = (
                "Handlebars does not read {%: readers would see it",
                "write the tag in Handlebars: {{#if",
            )
        else:
            what, fix = f"{shortened(text[found.start() : found.start() + 30])} is {FETCHED}", FETCHED_FIX
        writer.problem(start + found.start(), what, fix)
    writer.put(text)


class _Tag:
    """One tag: `source` as written, at `index`; `body` is what stands between its braces."""

    def __init__(self, writer: Writer, source: str, index: int, body: str) -> None:
        self._writer = writer
        self._source = source
        self._index = index
        self._triple = source.startswith("{{{")
        self._left = "-" if body.startswith("~") else ""
        self._right = "-" if body.endswith("~") else ""
        self._body = body[len(self._left) : len(body) - len(self._right)].strip()

    def write(self) -> None:
        """Writes the Liquid of the tag, or notes its problem."""
        body = self._body
        try:
            if body.startswith("!"):
                self._writer.put_nothing(self._source)
            elif body.startswith("#"):
                self._open(body[1:])
            elif body.startswith("/"):
                name = body[1:].strip()
                opening = "{{#" + (name if name in _CONDITIONS else "if") + " ...}}"
                self._writer.close_block(name, self._index, self._source, opening)
            elif body == "^" or body.split(None, 1)[:1] == ["else"]:
                self._else(body.removeprefix("else").removeprefix("^"))
            elif body.startswith("^"):
                self._unsupported(body[1:], "write {{#unless ...}} ... {{/unless}}")
            elif body.startswith(">"):
                self._partial(body[1:].strip())
            else:
                self._value(body)
        except MistakeError as mistake:
            self._writer.problem(self._index, mistake.what, mistake.fix)
            self._writer.put_nothing(self._source)

    # --- blocks -----------------------------------------------------------------------------------

    def _open(self, body: str) -> None:
        words = _words(body)
        if not words or words[0] not in _CONDITIONS:
            fix = f"write it with {', '.join(_CONDITIONS[:4])} or ifEq of merge tags, or in several templates"
            if words and words[0] in ("each", "with"):
                fix = "merge fields are plain texts, without lists and parts: print the fields one by one"
            self._unsupported(body, fix)
            return
        try:
            condition = self._condition(words[0], words[1:], self._writer.guarded)
        except MistakeError as mistake:
            self._writer.problem(self._index, mistake.what, mistake.fix)
            condition = Condition("true")  # the tags in the block are looked at all the same
        self._writer.open_block(words[0], self._index, self._source, condition)

    def _unsupported(self, body: str, fix: str) -> None:
        """A block whose inside is not looked at."""
        name = body.split()[0] if body.split() else ""
        what = f"the block {shortened(self._source)} is not supported"
        self._writer.problem(self._index, what, fix)
        self._writer.open_block(name.lstrip("*>"), self._index, self._source, None)

    def _else(self, body: str) -> None:
        words = _words(body)
        if not words:
            self._writer.branch(self._index, self._source, None)
            return
        if words[0] not in _CONDITIONS:
            what = f"{shortened(self._source)} asks for {shortened(words[0])}, which is not supported"
            raise MistakeError(what, "write {{else if ...}}, or {{else}}")
        condition = self._condition(words[0], words[1:], self._writer.chain_guarded)
        self._writer.branch(self._index, self._source, condition)

    def _condition(self, helper: str, words: Sequence[str], guarded: frozenset[str]) -> Condition:
        if helper in _COMPARISONS:
            self._expect(words, 2, helper)
            left, right = (self._operand(word) for word in words)
            if left is None or right is None:
                what = "only the e-mail service knows this value, when it sends: which branch is printed "
                raise MistakeError(what + "cannot be proved", "compare a tag that stands for a merge field")
            return compared(left, _COMPARISONS[helper], right, guarded)
        if helper in ("if", "unless"):
            self._expect(words, 1, helper)
            name = self._field(words[0])
            if name is None:
                return AT_SEND
            return is_set(name) if helper == "if" else is_not_set(name)
        if len(words) < 2:
            raise MistakeError(f"{helper} needs two merge tags or more", f"write {{{{#{helper} a b}}}}")
        names = [self._field(word) for word in words]
        known = [name for name in names if name is not None]
        if len(known) < len(names):
            what = f"{shortened(self._source)} asks for what only the e-mail service knows, when it sends"
            raise MistakeError(what, "ask for merge fields only")
        joined = f" {helper} ".join(known)
        both = frozenset(known)
        return Condition(joined, if_true=both) if helper == "and" else Condition(joined)

    # --- values -----------------------------------------------------------------------------------

    def _value(self, body: str) -> None:
        words = _words(body.removeprefix("&"))
        if not words:
            raise MistakeError("the tag is empty", "write a merge tag between the braces, or remove them")
        head, arguments = words[0], words[1:]
        if not arguments and head != "sendSkip":
            self._output(self._field(head), "", head)
        elif head in ("defaultIfEmpty", "insert"):
            self._with_default(head, arguments)
        elif head in _FILTERS:
            self._expect(arguments, 1, head)
            self._output(self._field(arguments[0]), f" | {_FILTERS[head]}", arguments[0])
        elif head == "snippet":
            self._snippet(arguments)
        elif head == "sendSkip":
            self._skip(arguments)
        elif _is_fixed(arguments) and self._is_at_send(head):
            self._writer.put_at_send(head, self._source)
        else:
            known = "defaultIfEmpty, insert, capitalize, upper, lower, snippet"
            what = f"unknown helper {shortened(head)}, so what it prints cannot be proved"
            raise MistakeError(what, f"the helpers are {known}; otherwise bring the value as a merge field")

    def _is_at_send(self, path: str) -> bool:
        try:
            return self._field(path) is None
        except MistakeError:
            return False

    def _with_default(self, head: str, words: Sequence[str]) -> None:
        if head == "insert" and len(words) == 1:
            self._output(self._field(words[0]), "", words[0])
            return
        self._expect(words, 2, head)
        default = self._operand(words[1])
        if default is None:
            raise MistakeError("the default is filled in by the e-mail service", "write a text as default")
        if head == "insert" and default.name is None:
            default = Operand(None, default.text.removeprefix("default="))
        name = self._field(words[0])
        if name is None and default.name is not None:
            raise MistakeError(
                "a field stands in for what the e-mail service fills in", "write a text instead"
            )
        self._output(name, f" | default: {default.liquid}", words[0])

    def _output(self, name: str | None, filters: str, tag: str) -> None:
        if name is None:
            self._writer.put_at_send(tag, self._source)
            return
        liquid = f"{{{{{self._left} {name}{filters} {self._right}}}}}"
        self._writer.put_tag(liquid, self._source)

    def _partial(self, body: str) -> None:
        name = body[1:-1] if body[:1] in ("'", '"') and len(body) > 1 and body[-1] == body[0] else body
        if not _PARTIAL.fullmatch(name):
            what = f"{shortened(self._source)} does more than name a shared partial"
            raise MistakeError(what, "write {{> footer}}, with the plain name of the partial")
        self._writer.put_tag(f"{{%{self._left} include '{name}' {self._right}%}}", self._source)

    def _snippet(self, words: Sequence[str]) -> None:
        if not self._triple:
            what = "Iterable prints the code of a snippet that stands between two braces"
            raise MistakeError(what, 'write it with three: {{{snippet "footer"}}}')
        if len(words) != 1 or words[0][:1] not in ("'", '"'):
            raise MistakeError("only a snippet without variables can be read", 'write {{{snippet "footer"}}}')
        self._partial(words[0])

    def _skip(self, words: Sequence[str]) -> None:
        """Iterable's {{sendSkip cause="..."}}."""
        reason = ""
        if words:
            if len(words) != 3 or words[:2] != ["cause", "="] or words[2][:1] not in ("'", '"'):
                raise MistakeError("sendSkip takes only a fixed cause here", 'write {{sendSkip cause="why"}}')
            reason = quoted(_string(words[2])) + " "
        self._writer.put_tag(f"{{%{self._left} abort_message {reason}{self._right}%}}", self._source)

    # --- words ------------------------------------------------------------------------------------

    def _expect(self, words: Sequence[str], count: int, helper: str) -> None:
        if len(words) != count or any(word in ("(", ")", "=", "|", '"', "'") for word in words):
            plain = "one plain value" if count == 1 else f"{count} plain values"
            what = f"{shortened(self._source)}: {helper} needs {plain}, and no expression in brackets"
            raise MistakeError(what, "write merge tags and quoted texts only, separated by spaces")

    def _field(self, word: str) -> str | None:
        """The merge field of a path, None when the service fills it in; raises MistakeError."""
        path = word.removeprefix("@root.").removeprefix("this.")
        if word.startswith(("@", "../", "./")) and path == word:
            what = f"{shortened(word)} walks through lists or objects, and merge fields are plain texts"
            raise MistakeError(what, "name the merge tag alone")
        if not _PATH.fullmatch(path):
            raise MistakeError(f"{shortened(word)} is no merge tag", "write a plain name: {{firstName}}")
        return self._writer.lookup(path)

    def _operand(self, word: str) -> Operand | None:
        """A field or a text; None for what the service fills in."""
        if word[0] in "\"'":
            return Operand(None, _string(word))
        if _NUMBER.fullmatch(word):
            return Operand(None, word)
        if word in _KEYWORDS:
            fix = "merge fields are plain texts: ask with if or unless whether there is a value"
            raise MistakeError(f"no merge field is ever {word}", fix)
        name = self._field(word)
        return Operand(name) if name is not None else None


def _words(text: str) -> list[str]:
    """Texts with their quotes, names, numbers, and the signs between them."""
    return _WORD.findall(text)


def _is_fixed(words: Sequence[str]) -> bool:
    """Whether the arguments of a tag are options with fixed texts: format="yyyy"."""
    return all(
        word in ("=", "|") or word[0] in "\"'" or words[i + 1 : i + 2] == ["="]
        for i, word in enumerate(words)
    )


def _string(word: str) -> str:
    """The inside of a quoted text; raises MistakeError when its end is not certain."""
    if len(word) < 2 or "\\" in word:
        fix = "write the text without a backslash, in one kind of quotes"
        raise MistakeError(f"the text {shortened(word)} holds a backslash or has no end", fix)
    return word[1:-1]
