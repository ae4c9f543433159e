"""Contract §5, the small words: trimmed, blank, unsafe, a valid address, a bucket, a distance."""

from __future__ import annotations

import hashlib
import math
import re
import unicodedata
from collections.abc import Collection
from decimal import Decimal
from functools import cache
from itertools import pairwise

# Characters that show nothing although their category does not say so ("default ignorable" in Unicode, and
# the empty Braille cell). Hangul fillers are even letters by category.
_INVISIBLE = (
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2065, 0x2800, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xFFF0, 0xFFF9))
)
_TEMPLATE_SYNTAX = ("{{", "}}", "{%", "*|", "%%", "[[", "${", "<%", "%>", "#{")
_PERCENT_NAME = re.compile(r"%[A-Za-z_][A-Za-z0-9_]*%")
# "is, as a whole, one word between braces, brackets or per cents, or behind $ or @"
_PLACEHOLDER_WORD = re.compile(r"\{\s*[^\s{}]+\s*\}|\[\s*[^\s\[\]]+\s*\]|%\s*[^\s%]+\s*%|[$@]\S+")
_NAMED_REFERENCES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'", "nbsp": "\u00a0"}
_REFERENCE = re.compile(r"&(?:#([0-9]+)|#[xX]([0-9A-Fa-f]+)|([A-Za-z][A-Za-z0-9]*));")


@cache
def is_invisible(char: str) -> bool:
    """White space, control, format and other invisible characters of all of Unicode."""
    if unicodedata.category(char) in ("Zs", "Zl", "Zp", "Cc", "Cf"):
        return True
    return ord(char) in _INVISIBLE or 0xE0000 <= ord(char) <= 0xE0FFF


def trim(value: str) -> str:
    """`value` without white space and invisible characters at its two ends."""
    start, end = 0, len(value)
    while start < end and is_invisible(value[start]):
        start += 1
    while end > start and is_invisible(value[end - 1]):
        end -= 1
    return value[start:end]


def normalized_word(value: str) -> str:
    """A word of a vocabulary (event name, report type, status, channel), so that spellings compare (§3).

    Trimmed, lower-cased, each run of white space, dots and hyphens one `_`.
    """
    return re.sub(r"[\s.\-]+", "_", trim(value).lower())


def decode_references(value: str) -> str:
    """`value` with its character references decoded, once; what stands for no character stays as it is."""

    def character(match: re.Match[str]) -> str:
        decimal, hexadecimal, name = match.groups()
        if name:
            return _NAMED_REFERENCES.get(name, match.group())
        digits = decimal or hexadecimal
        code = int(digits[-12:], 10 if decimal else 16) if not digits[:-12].strip("0") else -1
        is_character = 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF
        return chr(code) if is_character else match.group()

    return _REFERENCE.sub(character, value)


def is_placeholder(value: str | None, placeholders: Collection[str]) -> bool:
    """Whether a merge value is a word that stands for none; `placeholders` are trimmed and lower-cased."""
    return value is not None and trim(decode_references(value)).lower() in placeholders


def is_blank(value: str | None, placeholders: Collection[str]) -> bool:
    """Whether a merge value says nothing; `placeholders` are trimmed and lower-cased."""
    if value is None:
        return True
    decoded = decode_references(value)
    visible = [char for char in decoded if not is_invisible(char)]
    if not any(
        unicodedata.category(char)[0] == "L" or unicodedata.category(char) == "Nd" for char in visible
    ):
        return True
    if is_placeholder(value, placeholders):
        return True
    if any(mark in decoded for mark in _TEMPLATE_SYNTAX) or _PERCENT_NAME.search(decoded):
        return True
    return _PLACEHOLDER_WORD.fullmatch(trim(decoded)) is not None


def is_unsafe(value: str | None) -> bool:
    """Whether a merge value could break the message or be read as markup or a link."""
    if value is None:
        return False
    decoded = decode_references(value)
    if len(decoded) > 255 or "://" in decoded or _REFERENCE.search(decoded):
        return True
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in decoded):
        return True
    for char, following in pairwise(decoded):
        if char == "<" and (following in "/!" or unicodedata.category(following)[0] == "L"):
            return True
    return False


def merge_value(value: str | None, placeholders: Collection[str]) -> str | None:
    """What may be printed: None when blank or unsafe, else the decoded and trimmed value."""
    if value is None or is_blank(value, placeholders) or is_unsafe(value):
        return None
    return trim(decode_references(value))


_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_DIGITS = frozenset("0123456789")


def is_valid_email(value: str) -> bool:
    """Whether a trimmed address is an e-mail address by contract §5."""
    if len(value) > 254 or value.count("@") != 1 or any(is_invisible(char) for char in value):
        return False
    local, domain = value.split("@")
    if not 1 <= len(local) <= 64 or local[0] == "." or local[-1] == "." or ".." in local:
        return False
    labels = domain.split(".")
    if len(labels) < 2:
        return False
    for label in labels:
        if not 1 <= len(label) <= 63 or label[0] == "-" or label[-1] == "-":
            return False
        if any(char not in _LETTERS_AND_DIGITS and char != "-" for char in label):
            return False
    return True


def is_valid_phone(value: str) -> bool:
    """Whether a trimmed number is `+` and 7 to 15 digits, the first not 0."""
    digits = value[1:]
    return (
        value[:1] == "+"
        and 7 <= len(digits) <= 15
        and digits[0] != "0"
        and all(char in _DIGITS for char in digits)
    )


def address(value: str | None, channel: str, placeholders: Collection[str]) -> str | None:
    """The address to send to on `channel` (trimmed), or None when there is no usable one."""
    if value is None or is_blank(value, placeholders):
        return None
    trimmed = trim(value)
    if channel == "email":
        return trimmed if is_valid_email(trimmed) else None
    if channel == "sms":
        return trimmed if is_valid_phone(trimmed) else None
    return trimmed if channel == "push" else None


def address_hash(value: str | None) -> str | None:
    """What an address is compared by: sha256 of it, trimmed and lower-cased; None where there is none."""
    trimmed = trim(value or "").lower()
    return hashlib.sha256(trimmed.encode()).hexdigest() if trimmed else None


def bucket(salt: str, user_id: str) -> int:
    """The bucket of a user for a salt: 0 to 9999, the same on every night."""
    return int(hashlib.md5(f"{salt}:{user_id}".encode()).hexdigest()[:8], 16) % 10000


def in_percent(salt: str, user_id: str, percent: Decimal) -> bool:
    """Whether the user is among the `percent` (0-100) of the salt."""
    return bucket(salt, user_id) < percent * 100


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Great-circle distance in metres between two points in degrees (haversine, mean earth radius)."""
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    half_phi, half_lambda = (phi2 - phi1) / 2, math.radians(lon2 - lon1) / 2
    a = math.sin(half_phi) ** 2 + math.cos(phi1) * math.cos(phi2) * math.sin(half_lambda) ** 2
    return 2 * 6371008.8 * math.asin(min(1.0, math.sqrt(a)))
