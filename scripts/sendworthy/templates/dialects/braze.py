"""Braze's Liquid, translated into ours.

Sources: https://www.braze.com/docs/user_guide/personalization_and_dynamic_content/liquid and its pages
using_liquid and aborting_messages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from sendworthy.templates.dialects.common import (
    FETCHED,
    FETCHED_FIX,
    MistakeError,
    Translation,
    Writer,
    shortened,
)

_OPENING = re.compile(r"\{\{|\{%")
_OUTPUT_END = re.compile(r"\$\{[^{}]*\}|\}\}")
_PIECE = re.compile(r"\"[^\"]*\"|'[^']*'|\$\{[^{}]*\}|\$\{|\{\{|\}\}")
_BARE = re.compile(r"\$\{\s?[A-Za-z_][\w ]*\}")
_TAG_NAME = re.compile(r"-?\s*(\w*)")
_NOTE = re.compile(r"\{%-?\s*#")
_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_BLOCK_ID = re.compile(r"\|\s*id\s*:\s*(?:'[^']*'|\"[^\"]*\")")
_ENDRAW = re.compile(r"\{%-?\s*endraw\s*-?%\}")
_FETCHED = (
    "connected_content",
    "catalog_items",
    "catalog_selection_items",
    "product_recommendation",
    "promotion",
    "shopping_cart",
)


def translate(source: str, tags: Mapping[str, str | None]) -> Translation:
    """Translates `source`; the tags are written with their braces: ${first_name}, custom_attribute.${x}."""
    writer = Writer(tags, str)
    position = 0
    comments = 0
    while True:
        opening = _OPENING.search(source, position)
        if opening is None:
            break
        start = opening.start()
        _text(writer, source, position, start, quiet=comments > 0)
        end, is_tag = _end(source, start), opening.group() == "{%"
        if end < 0:
            closing = "%}" if is_tag else "}}"
            what = f"{shortened(source[start : start + 40])} begins a tag that has no end"
            writer.problem(start, what, f"close it with {closing}")
            writer.put(source[start:])
            return writer.finish(str)
        name = _name(source, start) if is_tag else ""
        if name == "raw":
            ending = _ENDRAW.search(source, end)
            end = ending.end() if ending is not None else len(source)
        comments += {"comment": 1, "endcomment": -1 if comments else 0}.get(name, 0)
        if comments or name in ("raw", "endcomment") or _is_note(source, start):
            writer.put(source[start:end])
        else:
            _Tag(writer, source[start:end], start, name).write()
        position = end
    _text(writer, source, position, len(source), quiet=comments > 0)
    return writer.finish(str)


def _name(source: str, start: int) -> str:
    found = _TAG_NAME.match(source, start + 2)
    return found.group(1) if found is not None else ""


def _is_note(source: str, start: int) -> bool:
    """Whether it is an inline comment: {% # ... %}."""
    return _NOTE.match(source, start) is not None


def _end(source: str, start: int) -> int:
    """The offset after the tag or output that begins at `start`; -1 when it has no end."""
    if source.startswith("{%", start):
        end = source.find("%}", start + 2)
        return end + 2 if end >= 0 else -1
    for found in _OUTPUT_END.finditer(source, start + 2):
        if found.group() == "}}":
            return found.end()
    return -1


def _text(writer: Writer, source: str, start: int, end: int, *, quiet: bool) -> None:
    """Adds the text between two tags; a ${name} in it would be printed as it stands."""
    text = source[start:end]
    for found in () if quiet else _BARE.finditer(text):
        what = f"{shortened(found.group())} stands outside {{{{ }}}}, so readers would see it as it is"
        writer.problem(start + found.start(), what, f"write {{{{{shortened(found.group())}}}}}")
    writer.put(text)


class _Tag:
    """One tag or output: `source` as written, at `index`; `name` of the tag, "" for an output."""

    def __init__(self, writer: Writer, source: str, index: int, name: str) -> None:
        self._writer = writer
        self._source = source
        self._index = index
        self._name = name
        self._inside = source[2:-2]

    def write(self) -> None:
        """Writes the Liquid of the tag, or notes its problem."""
        try:
            if self._source.startswith("{{"):
                self._output()
            elif self._name in _FETCHED:
                raise MistakeError(f"{{% {self._name} %}} is {FETCHED}", FETCHED_FIX)
            elif self._name == "abort_message":
                self._abort()
            else:
                self._writer.put_tag(f"{{%{self._translated(self._inside)}%}}", self._source)
        except MistakeError as mistake:
            self._writer.problem(self._index, mistake.what, mistake.fix)
            self._writer.put_nothing(self._source)

    def _dashes(self) -> tuple[str, str]:
        left = "-" if self._inside.startswith("-") else ""
        return left, "-" if self._inside.endswith("-") and len(self._inside) > 1 else ""

    def _plain(self) -> str:
        left, right = self._dashes()
        return self._inside[len(left) : len(self._inside) - len(right)].strip()

    def _abort(self) -> None:
        left, right = self._dashes()
        reason = self._plain().removeprefix("abort_message").strip()
        if reason.startswith("(") and reason.endswith(")"):
            reason = reason[1:-1].strip()
        text = reason[1:-1]
        if reason and (
            len(reason) < 2 or reason[0] not in "\"'" or reason[-1] != reason[0] or reason[0] in text
        ):
            what = "the reason of abort_message must be one quoted text, without Liquid in it"
            raise MistakeError(what, "write {% abort_message('no cart') %}")
        if "${" in text or "{{" in text:
            raise MistakeError("the reason of abort_message holds Liquid", "write a fixed text")
        between = f"{reason} " if reason else ""
        self._writer.put_tag(f"{{%{left} abort_message {between}{right}%}}", self._source)

    def _output(self) -> None:
        plain = self._plain()
        if plain.startswith("content_blocks."):
            self._content_block(plain)
            return
        if "{{" in self._inside:
            what = "{{ stands inside {{ }}"
            raise MistakeError(what, "close the first tag; between {{ }} a merge tag needs no second pair")
        reference = _reference(plain, plain.find("${")) if "${" in plain else None
        if reference is not None and reference[0] == 0 and self._writer.lookup(reference[2]) is None:
            if "${" in plain[reference[1] :]:
                what = f"{shortened(self._source)} mixes a merge tag with what Braze fills in"
                raise MistakeError(what, "write the two tags one after the other")
            self._writer.put_at_send(reference[2], self._source)
            return
        self._writer.put_tag(f"{{{{{self._translated(self._inside)}}}}}", self._source)

    def _content_block(self, plain: str) -> None:
        left, right = self._dashes()
        name, _, rest = plain.removeprefix("content_blocks.").removeprefix("${").partition("}")
        if not _PLAIN.fullmatch(name) or (rest.strip() and not _BLOCK_ID.fullmatch(rest.strip())):
            what = f"{shortened(self._source)} does more than name a content block"
            raise MistakeError(what, "write {{content_blocks.${footer}}}, with letters, digits, _ and -")
        self._writer.put_tag(f"{{%{left} include '{name}' {right}%}}", self._source)

    def _translated(self, inside: str) -> str:
        """The inside of a tag with its merge tags replaced by fields; raises MistakeError."""
        pieces: list[str] = []
        position = 0
        while True:
            found = _PIECE.search(inside, position)
            if found is None:
                break
            text = found.group()
            if text in ("{{", "}}"):  # braces inside a tag say nothing
                pieces.append(inside[position : found.start()])
                position = found.end()
            elif text[0] in "\"'":
                if "${" in text or "{{" in text:
                    what = f"a merge tag stands inside the text {shortened(text)}"
                    raise MistakeError(what, "take it out of the quotes, and join the two with append")
                pieces.append(inside[position : found.end()])
                position = found.end()
            elif text == "${":
                raise MistakeError("${ has no end", "write ${name}, with the closing brace")
            else:
                start, end, tag = _reference(inside, found.start())
                start = max(start, position)
                pieces += [inside[position:start], self._field(tag)]
                position = end
        pieces.append(inside[position:])
        return "".join(pieces)

    def _field(self, tag: str) -> str:
        name = self._writer.lookup(tag)
        if name is None:
            what = f"what {shortened(tag)} is, only Braze knows when it sends, so this cannot be proved"
            raise MistakeError(what, "print it alone, or use a merge tag that stands for a merge field")
        return name


def _reference(text: str, dollar: int) -> tuple[int, int, str]:
    """(start, end, tag) of the merge tag whose `${` is at `dollar`, with the name and dot before it."""
    start = dollar
    if start > 0 and text[start - 1] == ".":
        start -= 1
        while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
            start -= 1
    brace = text.find("}", dollar)
    end = brace + 1 if brace >= 0 else len(text)
    return start, end, text[start:dollar] + "${" + text[dollar + 2 : end - 1].strip() + "}"
