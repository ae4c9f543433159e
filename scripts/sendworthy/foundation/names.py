"""How names that other systems write are compared: event names, event types, statuses and channels."""

from __future__ import annotations

import re
import unicodedata

_GAPS = re.compile(r"[\s.\-]+")


def normalise_name(name: str) -> str:
    """Trimmed of white space and invisible characters, in lower case, each run of spaces, dots and hyphens one `_`.

    >>> normalise_name(" Order Completed"), normalise_name("ORDER-completed"), normalise_name("orders/paid")
    ('order_completed', 'order_completed', 'orders/paid')
    """
    start, end = 0, len(name)
    while start < end and _is_invisible(name[start]):
        start += 1
    while end > start and _is_invisible(name[end - 1]):
        end -= 1
    return _GAPS.sub("_", name[start:end].lower())


def split_names(text: str) -> list[str]:
    """The names of a list that a settings file separates with semicolons."""
    return [name for name in (part.strip() for part in text.split(";")) if name]


def _is_invisible(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cc", "Cf", "Zs", "Zl", "Zp")


# as the macro shown_path has it
_FOLDER_VALUE = re.compile(
    r"(?<=/)(?!(?:landed_on|year|month|day|hour|date|dt)=)(\w+)=[^/\n]*?(?=/|\.csv\b|\.parquet\b)"
)


def shown_path(words: str) -> str:
    """Paths for people and logs: what stands in a folder's name for a column (user_id=ann@example.com/) is a value, unless it is a time."""
    return _FOLDER_VALUE.sub(r"\1=…", words)
