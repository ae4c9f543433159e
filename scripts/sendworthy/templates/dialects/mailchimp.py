"""Mailchimp's merge tags, translated into Liquid.

Source: https://mandrill.zendesk.com/hc/en-us/articles/360039278713-About-Dynamic-and-Conditional-Merge-Tags
(IF, ELSEIF, ELSE, IFNOT, `=` and `!=`; without a value `IF:MERGE=x` is false). The orderings, the modifiers and the
tags of the system are known from published templates; Mailchimp's own page on them is
https://mailchimp.com/help/use-conditional-merge-tag-blocks/. TITLE is shown with Liquid's `capitalize`, which writes the first word of a
value large and the rest small: whether anything is printed is the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

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
    shortened,
)

_MODIFIERS = {"TITLE": "capitalize", "UPPER": "upcase", "LOWER": "downcase"}
_FETCHED = re.compile(
    r"(?:END:)?(?:RSS[A-Z]*|FEED[A-Z]*|PRODUCT[A-Z_]*|CART|ORDER|TWITTER|FACEBOOK|INSTAGRAM|SURVEY|EVENT)(?::|$)"
)
_GROUPS = re.compile(r"(?:END:)?(?:INTERESTED|GROUPS?|IFINTERESTED)(?::|$)")
_OPERATOR = re.compile(r"!=|>=|<=|=|>|<")
_LIQUID = re.compile(r"\{\{|\{%")


def translate(source: str, tags: Mapping[str, str | None]) -> Translation:
    """Translates `source`; the tags are written without their marks: FNAME, LIST:COMPANY, DATE:."""
    writer = Writer(tags, lambda tag: f"*|{tag}|*")
    position = 0
    no_end_before = -1  # no tag that begins before this offset has an end
    while True:
        start = source.find("*|", position)
        if start < 0:
            break
        end, line_end = -1, start
        if start >= no_end_before:
            line_end = source.find("\n", start)
            line_end = len(source) if line_end < 0 else line_end
            end = source.find("|*", start + 2, line_end)
        if end < 0:
            no_end_before = max(no_end_before, line_end)
            _text(writer, source, position, start + 2)
            what = f"{shortened(source[start : start + 20])} begins a merge tag that has no end on its line"
            writer.problem(start, what, "end it with |*, or remove the *|")
            position = start + 2
            continue
        _text(writer, source, position, start)
        _tag(writer, source[start + 2 : end], start, source[start : end + 2])
        position = end + 2
    _text(writer, source, position, len(source))
    return writer.finish(lambda name: "*|END:IF|*")


def _text(writer: Writer, source: str, start: int, end: int) -> None:
    """Adds the text between two tags; Liquid in it would be printed by Mailchimp."""
    text = source[start:end]
    for found in _LIQUID.finditer(text):
        what = f"Mailchimp does not read {found.group()}: readers would see the braces"
        writer.problem(start + found.start(), what, "write a merge tag: *|FNAME|*")
    writer.put(text)


def _tag(writer: Writer, body: str, index: int, source: str) -> None:
    kind, colon, rest = body.partition(":")
    try:
        if kind == "IF" and colon:
            condition = _condition(writer, rest, writer.guarded)
            writer.open_block("IF", index, source, condition)
        elif kind == "IFNOT" and colon:
            name = writer.lookup(rest.strip())
            writer.open_block("IF", index, source, AT_SEND if name is None else is_not_set(name))
        elif kind == "ELSEIF" and colon:
            writer.branch(index, source, _condition(writer, rest, writer.chain_guarded))
        elif body == "ELSE:":
            writer.branch(index, source, None)
        elif body == "END:IF":
            writer.close_block("IF", index, source, "*|IF:FNAME|*")
        else:
            _value(writer, body, source)
    except MistakeError as mistake:
        writer.problem(index, mistake.what, mistake.fix)
        if kind in ("IF", "IFNOT"):
            writer.open_block("IF", index, source, Condition("true"))  # the tags in it are looked at


def _value(writer: Writer, body: str, source: str) -> None:
    """A tag that prints: the value of a field, or what only Mailchimp knows."""
    kind, colon, rest = body.partition(":")
    try:
        name, filters = writer.lookup(body), ""
    except MistakeError:
        if colon and kind in _MODIFIERS:
            name, filters = writer.lookup(rest), f" | {_MODIFIERS[kind]}"
        else:
            _refuse(body, source)
            raise
    if name is None:
        writer.put_at_send(body, source)
    else:
        writer.put_tag(f"{{{{ {name}{filters} }}}}", source)


def _refuse(body: str, source: str) -> None:
    """Raises MistakeError for the tags that no settings can fix."""
    if _GROUPS.match(body):
        what = f"{shortened(source)} asks for a group that only Mailchimp knows"
        raise MistakeError(what, "make the group a segment of the campaign, or ask for a merge field")
    if _FETCHED.match(body):
        raise MistakeError(f"{shortened(source)} is {FETCHED}", FETCHED_FIX)
    if body in ("ELSE", "ENDIF", "END", "ELSEIF"):
        raise MistakeError(f"{shortened(source)} is no merge tag", "write *|ELSE:|* or *|END:IF|*")


def _condition(writer: Writer, text: str, guarded: frozenset[str]) -> Condition:
    """What comes after `IF:`; raises MistakeError."""
    operator = _OPERATOR.search(text)
    if operator is None:
        name = writer.lookup(text.strip())
        return AT_SEND if name is None else is_set(name)
    tag = text[: operator.start()].strip()
    name = writer.lookup(tag)
    if name is None:
        what = (
            f"what *|{shortened(tag)}|* is, only Mailchimp knows when it sends, so which branch is printed "
        )
        raise MistakeError(what + "cannot be proved", "compare a tag that stands for a merge field")
    value = text[operator.end() :].strip()
    if not value or value[0] in "=<>!":
        raise MistakeError(
            f"IF:{shortened(text)} is no comparison that Mailchimp knows",
            "write *|IF:TAG=value|*, with one of = != > < >= <=; *|IFNOT:TAG|* asks for a blank",
        )
    sign = "==" if operator.group() == "=" else operator.group()
    return compared(Operand(name), sign, Operand(None, _unquoted(value)), guarded)


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
