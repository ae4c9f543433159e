"""Masks what is personal or secret before it is shown or written."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any

_EMAIL = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_PHONE = re.compile(r"\+\d[\d ()-]{5,}\d")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
MOST_CHARACTERS = 200
# shorter values are parts of other words
_SHORTEST = 3


def masked(value: Any) -> Any:
    """A value of which the kind can be seen, and no more: o…@e…, J…; JSON values stay what they are."""
    if isinstance(value, Mapping):
        return {key: masked(held) for key, held in value.items()}
    if isinstance(value, list):
        return [masked(held) for held in value]
    if not isinstance(value, str) or not value:
        return value if value is None or isinstance(value, (bool, str)) else f"{str(value)[:1]}…"
    return masked_email(value) if _EMAIL.fullmatch(value) else f"{value[:1]}…"


def masked_email(address: str) -> str:
    """o…@e… of odd_heron28@example.com."""
    local, _, domain = address.partition("@")
    return f"{local[:1]}…@{domain[:1]}…"


def clean(words: str, secrets: Collection[str] = (), values: Mapping[str, Any] | None = None) -> str:
    """A vendor's words without the values of a row, without addresses and secrets, on one line and not too long."""
    for value in sorted({*texts(values or {}), *secrets}, key=len, reverse=True):
        if len(value) >= _SHORTEST:
            words = re.sub(re.escape(value), "…", words, flags=re.IGNORECASE)
    words = _EMAIL.sub(lambda found: masked_email(found[0]), words)
    words = _CONTROL.sub(" ", _PHONE.sub("+…", words)).strip()
    return words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]}…"


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, also in JSON that is a text in it."""
    if isinstance(value, str):
        yield value
        if value.startswith(("{", "[")):
            with suppress(ValueError):
                yield from texts(json.loads(value))
    elif isinstance(value, Mapping):
        for held in value.values():
            yield from texts(held)
    elif isinstance(value, list):
        for held in value:
            yield from texts(held)
