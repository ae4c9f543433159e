"""Design §5, the small words: blank, unsafe, trimmed, a valid address, a bucket, a distance."""

from __future__ import annotations

import hashlib
import math
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
_TEMPLATE_SYNTAX = ("{{", "}}", "{%", "*|", "%%", "[[")


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


def is_placeholder(value: str | None, placeholders: Collection[str]) -> bool:
    """Whether a merge value is a word that stands for none; `placeholders` are trimmed and lower-cased."""
    return value is not None and trim(value).lower() in placeholders


def is_blank(value: str | None, placeholders: Collection[str]) -> bool:
    """Whether a merge value says nothing; `placeholders` are trimmed and lower-cased."""
    if value is None:
        return True
    visible = [char for char in value if not is_invisible(char)]
    if not visible:
        return True
    if not any(
        unicodedata.category(char)[0] == "L" or unicodedata.category(char) == "Nd" for char in visible
    ):
        return True
    if is_placeholder(value, placeholders):
        return True
    return any(mark in value for mark in _TEMPLATE_SYNTAX)


def is_unsafe(value: str | None) -> bool:
    """Whether a merge value could break the message or be read as markup or a link."""
    if value is None:
        return False
    if len(value) > 255 or "://" in value:
        return True
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in value):
        return True
    for char, following in pairwise(value):
        if char == "<" and (following in "/!" or unicodedata.category(following)[0] == "L"):
            return True
    return False


def merge_value(value: str | None, placeholders: Collection[str]) -> str | None:
    """What may be printed: None when blank or unsafe, else the trimmed value."""
    if value is None or is_blank(value, placeholders) or is_unsafe(value):
        return None
    return trim(value)


_LETTERS_AND_DIGITS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
_DIGITS = frozenset("0123456789")


def is_valid_email(value: str) -> bool:
    """Whether a trimmed address is an e-mail address by the rules of the design."""
    if len(value) > 254 or value.count("@") != 1 or any(is_invisible(char) for char in value):
        return False
    local, domain = value.split("@")
    if not 1 <= len(local) <= 64 or local[0] == "." or local[-1] == "." or ".." in local:
        return False
    labels = domain.split(".")
    if len(labels) < 2:
        return False
    for label in labels:
        if not label or label[0] == "-" or label[-1] == "-":
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
