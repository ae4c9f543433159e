"""What is wrong with a setting, in words: one table for seeds, campaigns, destinations and targets, by pydantic's type of error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import PydanticCustomError

from sendworthy.foundation.errors import did_you_mean

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Text = tuple[str, str]
"""What is wrong, and what to write."""

_OWN = "setting"
_NUMBER = ("{given} is not {number}", "write {number} {range}{unquoted}")
_RANGE = ("{bare} is out of range", "write {number} {range}")
_DATE = ("{given} is not a date", "write it as 2026-12-31")
_GROUP = ("{given} is not a group of keys", "write {example}")
_CHOICE = ("{given} is not allowed", "{choice}")

TEXTS: Mapping[str, Text] = {
    "missing": ("missing: {why}", "add {example}"),
    "empty": ("empty: {why}", "write {example}"),
    "extra_forbidden": ("unknown key", "{keys}"),
    "literal_error": _CHOICE,
    "enum": _CHOICE,
    "greater_than": _RANGE,
    "greater_than_equal": _RANGE,
    "less_than_equal": _RANGE,
    "int_type": _NUMBER,
    "int_from_float": _NUMBER,
    "int_parsing": _NUMBER,
    "decimal_type": _NUMBER,
    "decimal_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_max_places": ("{given} is too exact", "write at most {decimal_places} digits behind the point"),
    "bool_type": ("{given} is neither true nor false", "write true or false, without quotes"),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "model_type": _GROUP,
    "model_attributes_type": _GROUP,
    "dict_type": _GROUP,
    "list_type": ("{given} is not a list", "write {key}: [one, two]"),
    "too_short": ("the list is empty", "write one thing at least"),
    "string_type": ("{given} is not a text", "put it in quotes, or write {example}"),
    "string_too_long": ("too long", "shorten it to {max_length} characters"),
    "string_pattern_mismatch": ("{given} is not allowed", "write {example}"),
}
"""{given} stands for the value as it was written, {bare} for the same without quotes, {key} for its name; {why} and
{example} are the field's own; {range}, {high}, {number}, {choice} and {keys} say what its model allows."""


def wrong(what: str, fix: str, key: str = "") -> PydanticCustomError:
    """What a model's own rule raises, in words; `key`: what it is about, where that is another field."""
    return PydanticCustomError(_OWN, "{what}", {"what": what, "fix": fix, "key": key})


def key_of(error: ErrorDetails) -> tuple[str | int, ...]:
    """What an error is about."""
    key = error.get("ctx", {}).get("key")
    return (*error["loc"], *(key.split(".") if key else ()))


def in_words(
    error: ErrorDetails,
    model: type[BaseModel],
    texts: Mapping[str, Text] = TEXTS,
    *,
    is_csv: bool = False,
    is_personal: bool = False,
    **words: str,
) -> Text:
    """An error in words. `texts` has them by pattern or by type; `words` are the field's own: `example` and `why`.

    In CSV everything is text. `is_personal`: the value is about somebody, and is not shown.
    """
    context, given, kind = error.get("ctx", {}), error["input"], error["type"]
    if kind == _OWN:
        return context["what"], context["fix"]
    at = schema_at(model, error["loc"])
    key = str(error["loc"][-1]) if error["loc"] else ""
    is_empty = given in ("", None) or kind == "string_too_short"
    what, fix = texts.get(str(context.get("pattern"))) or texts.get(kind) or (error["msg"], "correct it")
    if is_empty and kind not in ("missing", "extra_forbidden"):
        what = texts["empty"][0] if words.get("why") else "empty"
        fix = texts["empty"][1] if kind.startswith("string_") else fix
    allowed = [str(value) for value in at.get("enum", [])]
    keys = list(schema_at(model, error["loc"][:-1]).get("properties", {}))
    low = _plain(at.get("minimum", at.get("exclusiveMinimum", 0) + 1))
    places = {
        "given": "the value" if is_personal else shown(given),
        "bare": "the value" if is_personal else str(given),
        "key": key,
        "number": "a whole number" if at.get("type") == "integer" else "a number",
        "range": f"from {low} to {_plain(at['maximum'])}" if "maximum" in at else f"of at least {low}",
        "high": _plain(at.get("maximum", "")),
        "unquoted": "" if is_csv else ", without quotes",
        "choice": did_you_mean(str(given), allowed, f"write one of {', '.join(allowed)}"),
        "keys": did_you_mean(key, keys, f"remove it; the keys here are {', '.join(keys)}"),
        "example": key,
        "why": "it has to say something",
        **{name: str(value) for name, value in context.items()},
        **words,
    }
    fix = at.get("fix") or fix
    if empty := at.get("empty"):
        fix += f", or leave it empty: {empty}"
    return what.format(**places), fix.format(**places)


def shown(value: object) -> str:
    """A value as it was written; one that holds others by what it is."""
    return "a list or a group of keys" if isinstance(value, (dict, list)) else repr(value)


def _plain(number: Any) -> str:
    return str(int(number)) if isinstance(number, float) and number.is_integer() else str(number)


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def schema_at(model: type[BaseModel], key: Sequence[str | int]) -> dict[str, Any]:
    """What a model says of the value at a place, as JSON Schema; empty where it says nothing."""
    whole = _schema(model)
    at = whole
    for part in key:
        inner = at.get("items") if isinstance(part, int) else at.get("properties", {}).get(part)
        at = inner or {}
        # an optional value is one of two: itself, and null
        while further := at.get("$ref") or at.get("anyOf"):
            more = whole["$defs"][further.rpartition("/")[2]] if isinstance(further, str) else further[0]
            at = {**{name: value for name, value in at.items() if name not in ("$ref", "anyOf")}, **more}
    return at
