"""The words of the project in plain Python: blank, unsafe, trimmed, an address; for programs without patterns of all of Unicode."""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from collections.abc import Collection
from functools import cache
from itertools import pairwise

_MORE_INVISIBLE = (
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0, 0x1D159}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xFFF0, 0xFFF9))
    | set(range(0xE0000, 0xE1000))
)
_FILLERS = "\u115f\u1160\u3164\uffa0"
_TEMPLATE = re.compile(r"\{\{|\}\}|\{%|\*\||%%|\[\[")
_EMAIL = re.compile(
    r"[^@]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
)
_BAD_DOTS = re.compile(r"^\.|\.\.|\.@")
_PHONE = re.compile(r"\+[1-9][0-9]{6,14}")


@cache
def _invisible() -> frozenset[str]:
    categories = ("Zs", "Zl", "Zp", "Cc", "Cf")
    return frozenset(
        character
        for number in range(sys.maxunicode + 1)
        if unicodedata.category(character := chr(number)) in categories or number in _MORE_INVISIBLE
    )


@cache
def _invisible_text() -> str:
    return "".join(sorted(_invisible()))


def trim(value: str) -> str:
    """Without white space and what is invisible at both ends."""
    return value.strip(_invisible_text())


def is_blank(value: str, placeholders: Collection[str]) -> bool:
    """Whether a value says nothing."""
    return (
        not any(_is_letter_or_digit(character) for character in value)
        or trim(value).lower() in placeholders
        or _TEMPLATE.search(value) is not None
    )


def is_unsafe(value: str) -> bool:
    """Whether a value could break a message."""
    return (
        len(value) > 255
        or "://" in value
        or any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value)
        or any(
            before == "<" and (character in "/!" or unicodedata.category(character)[0] == "L")
            for before, character in pairwise(value)
        )
    )


def printable(value: str, placeholders: Collection[str]) -> str | None:
    """What a message may print of a value."""
    return None if is_blank(value, placeholders) or is_unsafe(value) else trim(value)


def address(value: str, channel: str, placeholders: Collection[str]) -> str | None:
    """The address to send to, if it is one."""
    plain = trim(value)
    if is_blank(plain, placeholders):
        return None
    if channel == "email":
        is_valid = (
            len(plain) <= 254
            and _invisible().isdisjoint(plain)
            and _EMAIL.fullmatch(plain) is not None
            and _BAD_DOTS.search(plain) is None
        )
        return plain if is_valid else None
    if channel == "sms":
        return plain if _PHONE.fullmatch(plain) else None
    return plain


def bucket(salt: str, user_id: str) -> int:
    """The part of an experiment that a user is in, 0 to 9999."""
    return int(hashlib.md5(f"{salt}:{user_id}".encode()).hexdigest()[:8], 16) % 10000


@cache
def _is_letter_or_digit(character: str) -> bool:
    category = unicodedata.category(character)
    return (category[0] == "L" and character not in _FILLERS) or category == "Nd"
