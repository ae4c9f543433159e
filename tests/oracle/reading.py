"""Contract §3, "What is read": one function for each kind of value, each with one answer or `Unreadable`.

A value is what a file holds: a text (CSV, Parquet), or whatever a typed Parquet column gives. `has_no_value` is asked
first; the functions see values only.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from .words import normalized_word, trim

EVERY_TOPIC = "all"
IGNORED = "ignored"  # a report, or a channel, that means nothing
UNKNOWN_CHANNEL = "unknown channel"  # of a report: it counts for every channel where it stops something
NULL_WORDS = ("NULL", "\\N", "None")
LARGEST_INTEGER = 2**31 - 1


class Unreadable(ValueError):
    """A value is there, and cannot be read as what its column holds."""


def has_no_value(value: object, *, is_text: bool, may_be_white: bool) -> bool:
    """Whether a column says nothing: null, no number, white space, or a word for null where no text is wanted.

    `is_text`: any word may be meant (a name, an id). `may_be_white`: white space is for the word blank to judge.
    """
    if value is None:
        return True
    if isinstance(value, (float, Decimal)) and value != value:
        return is_text  # elsewhere it is a value that cannot be read
    if isinstance(value, bytes):
        try:
            value = value.decode("utf-8")
        except UnicodeDecodeError:
            return False
    if not isinstance(value, str):
        return False
    if not is_text and value in NULL_WORDS:
        return True
    return not may_be_white and not trim(value)


def read_text(value: object) -> str:
    """A single value as text: bytes are UTF-8, whole numbers print without a fraction."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise Unreadable("not UTF-8") from error
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (float, Decimal)) and not math.isfinite(value):
        raise Unreadable("no finite number")
    if isinstance(value, (float, Decimal)) and value == int(value):
        return str(int(value))
    if isinstance(value, (list, tuple, dict)):
        raise Unreadable("not a single value")
    return str(value)


def read_id(value: object) -> str:
    """An id: trimmed; a whole number with a zero fraction is that number (`3018.0` is `3018`)."""
    text = trim(read_text(value))
    whole = re.fullmatch(r"(-?\d+)\.0+", text, re.ASCII)
    return whole.group(1) if whole else text


# ---------------------------------------------------------------------------------------------------------
# Times

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME = re.compile(
    r"(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?"
    r"(?: ?(?:([Zz]|UTC)|([+-])(\d{2})(?::?(\d{2}))?))?",
    re.ASCII,
)
_UNIX = re.compile(r"(\d{10}|\d{13}|\d{16})(?:\.0+)?", re.ASCII)
_UNIX_UNITS = {10: 1_000_000, 13: 1_000, 16: 1}  # digits -> microseconds of one unit


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def read_time(value: object, declared: str | None = None) -> tuple[datetime, bool]:
    """The (first) moment, naive UTC, and whether the value is a date alone: a whole day.

    `declared` is the column's spelling in `source_formats.csv`, tried before the ones that everybody may use.
    """
    if isinstance(value, datetime):
        return _utc(value), False
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day), True
    if isinstance(value, (bool, time)):
        raise Unreadable("not a time")
    text = trim(read_text(value))
    try:
        if declared is not None:
            with suppress(ValueError):
                return _utc(datetime.strptime(text, declared)), not re.search("%[HIMSTcsX]", declared)
        if match := _UNIX.fullmatch(text):
            digits = match.group(1)
            return datetime(1970, 1, 1) + timedelta(
                microseconds=int(digits) * _UNIX_UNITS[len(digits)]
            ), False
        if match := _DATE.fullmatch(text):
            year, month, day = match.groups()
            return datetime(int(year), int(month), int(day)), True
        match = _TIME.fullmatch(text)
        if not match:
            raise Unreadable("not a time")
        year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0))
        moment += timedelta(microseconds=int(((fraction or "") + "000000")[:6]))
        if sign:
            if int(hours) > 23 or int(minutes or 0) > 59:
                raise Unreadable("no such offset")
            offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
            moment = moment - offset if sign == "+" else moment + offset
        return moment, False
    except (ValueError, OverflowError) as error:
        raise Unreadable("not a time") from error


# ---------------------------------------------------------------------------------------------------------
# Booleans, numbers, words

_BOOLEANS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "1.0", "on", "subscribed"), True),
    **dict.fromkeys(("false", "f", "no", "n", "0", "0.0", "off", "unsubscribed"), False),
}


def read_boolean(value: object, declared: str | None = None) -> bool:
    """A consent. `declared`: the source's own words for yes and no, as `source_formats.csv` has them (`ja|nein`)."""
    text = trim(read_text(value)).lower()
    if declared is not None and text in (words := declared.lower().split("|")):
        return text == words[0]
    if text not in _BOOLEANS:
        raise Unreadable("not a boolean")
    return _BOOLEANS[text]


def plain_number(text: str, declared: str) -> str | None:
    """A number that is written as `declared` writes 1234.56 (`1.234,56`), as everybody writes it; None where it is not."""
    thousands, point = declared[1], declared[-3]
    grouped = rf"[0-9]{{1,3}}(?:{re.escape(thousands)}[0-9]{{3}})+"
    if not re.fullmatch(rf"[+-]?(?:[0-9]+|{grouped})(?:{re.escape(point)}[0-9]*)?", text):
        return None
    return text.replace(thousands, "").replace(point, ".")


def read_limit(value: object, declared: str | None = None) -> int:
    """A whole number of messages; below zero is zero. `declared`: how the source writes 1234.56."""
    text = trim(read_text(value))
    if declared is not None and (plain := plain_number(text, declared)) is not None:
        with suppress(Unreadable):
            return read_limit(plain)
    whole = re.fullmatch(r"([+-]?\d+)(?:\.0+)?", text, re.ASCII)
    if isinstance(value, bool) or not whole or abs(int(whole.group(1))) > LARGEST_INTEGER:
        raise Unreadable("not a whole number")
    return max(0, int(whole.group(1)))


def read_word(value: object, vocabulary: Mapping[str, str]) -> str:
    """A word of a vocabulary, translated."""
    word = normalized_word(read_text(value))
    if word not in vocabulary:
        raise Unreadable("not a word that is known")
    return vocabulary[word]


def read_event_name(value: object, translations: Mapping[str, str]) -> str:
    """The name of an event: any is legal; some are translated."""
    word = normalized_word(read_text(value))
    return translations.get(word, word)


# ---------------------------------------------------------------------------------------------------------
# Lists and objects


def read_topics(value: object) -> frozenset[str]:
    """The topics of a list (`;`, `,` or `|`, JSON, PostgreSQL, Parquet), trimmed and lower-cased."""
    if isinstance(value, (list, tuple)):
        items = list(value)
    else:
        text = trim(read_text(value))
        if text.startswith("["):
            items = _json(text)
        elif text.startswith("{"):
            items = _postgres_array(text)
        else:
            items = re.split(r"[;,|]", text)
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise Unreadable("not a list of texts")
    return frozenset(topic for item in items if (topic := trim(item).lower()))


def _postgres_array(text: str) -> list[str]:
    """The items of `{a,"b c"}`: quoted ones with backslashes, plain ones without; NULL is no text."""
    item = r"\s*(?:\"((?:[^\"\\]|\\.)*)\"|([^,{}\"\\]+))\s*"
    inner = text[1:-1]
    if not text.endswith("}") or len(text) < 2:
        raise Unreadable("not closed")
    if not inner.strip():
        return []
    if not re.fullmatch(f"{item}(?:,{item})*", inner, re.DOTALL):
        raise Unreadable("not an array of texts")
    items = []
    for match in re.finditer(f"{item}(?:,|$)", inner, re.DOTALL):
        quoted, plain = match.groups()
        if quoted is None and (not trim(plain) or trim(plain).upper() == "NULL"):
            raise Unreadable("an item that is no text")
        items.append(trim(plain) if quoted is None else re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    return items


def _no_constant(text: str) -> object:
    raise Unreadable(f"{text} is no JSON")


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.setdefault(key, value)
    return result


def _json(text: str) -> Any:
    try:
        return json.loads(
            text, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_first_wins
        )
    except (ValueError, RecursionError) as error:
        raise Unreadable("not JSON") from error


def _as_json(value: object) -> Any:
    """What a STRUCT, a MAP or a list is as JSON."""
    if isinstance(value, dict):
        return {str(key): _as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(item) for item in value]
    if isinstance(value, float):
        return Decimal(repr(value))
    if value is None or isinstance(value, (bool, int, Decimal)):
        return value
    return read_text(value)


def read_object(value: object) -> dict[str, Any]:
    """A JSON object, also one that comes as a STRUCT or a MAP; numbers with a fraction are decimals."""
    result = _as_json(value) if isinstance(value, dict) else _json(read_text(value))
    if not isinstance(result, dict):
        raise Unreadable("not a JSON object")
    return result
