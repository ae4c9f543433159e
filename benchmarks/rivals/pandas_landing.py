"""pandas: read the landing zone, quarantine bad rows, and drop duplicates."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.rivals.settings import FALSE, KEYS, TIMES, TRUE, Column, files_of

MICROSECONDS = "datetime64[us]"
_WHITE = " \t\n\v\f\r"
_BOOLEANS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)


def stage(
    zone: Path, table: str, columns: Sequence[Column], now: datetime
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The good rows of a table, typed and each once, and what was put apart: table_name, file, reason.

    A JSON object is kept as the dictionary that it is.
    """
    names = [column.name for column in columns]
    frames = [
        _typed(_read(path), columns, TIMES[table], now, path.relative_to(zone))
        for path in files_of(zone, table)
    ]
    if not frames:
        empty = _typed(pd.DataFrame(), columns, TIMES[table], now, zone)
        return empty[names], empty[["file", "reason"]].assign(table_name=table)
    rows = pd.concat(frames, ignore_index=True)
    bad = rows[rows["reason"].notna()]
    good = rows[rows["reason"].isna()]
    if table in KEYS:
        keys, first_by = KEYS[table]
        is_repeated = good.duplicated(keys, keep=False)
        repeated = in_order(good[is_repeated], first_by, [*names, "file"])
        is_again = repeated.duplicated(keys, keep="first")
        bad = pd.concat([bad, repeated[is_again].assign(reason="duplicate")])
        good = pd.concat([good[~is_repeated], repeated[~is_again]])
    return good[names].reset_index(drop=True), bad[["file", "reason"]].assign(table_name=table)


def newest_versions(rows: pd.DataFrame, key: str, columns: Sequence[Column], as_of: datetime) -> pd.DataFrame:
    """Of each id the newest version before the night; of two of one moment the one that sorts last."""
    seen = rows[rows["updated_at"] < as_of]
    is_repeated = seen.duplicated(key, keep=False)
    versions = in_order(seen[is_repeated], ["updated_at"], [column.name for column in columns])
    return pd.concat([seen[~is_repeated], versions.drop_duplicates(key, keep="last")], ignore_index=True)


def in_order(rows: pd.DataFrame, first_by: Sequence[str], names: Sequence[str]) -> pd.DataFrame:
    """Rows in a complete order: by some columns, missing values last, and then by all of them as text."""
    texts = rows[list(names)].map(_as_text).add_prefix("text of ")
    return (
        pd.concat([rows, texts], axis=1)
        .sort_values([*first_by, *texts.columns], na_position="last", kind="stable")
        .drop(columns=list(texts.columns))
    )


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if pd.isna(value) else str(value)


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])


def _typed(
    rows: pd.DataFrame, columns: Sequence[Column], time: str, now: datetime, file: Path
) -> pd.DataFrame:
    """The columns of the contract in their types, and the first thing that is wrong with a row."""
    values: dict[str, pd.Series] = {}
    reason = pd.Series(None, index=rows.index, dtype=object)

    def say(condition: pd.Series, what: str) -> None:
        reason[condition & reason.isna()] = what

    is_empty = {}
    for column in columns:
        found = rows[column.name] if column.name in rows else pd.Series(None, index=rows.index, dtype=object)
        is_text = isinstance(found.dtype, pd.StringDtype) or found.dtype == object
        tidy = found.str.strip(_WHITE) if is_text and len(found) else found
        empty = found.isna()
        if is_text and not column.may_be_white:
            empty = empty | (tidy == "").fillna(False).astype(bool)
        is_empty[column.name] = empty
        values[column.name] = _value(column, found, tidy, is_text)
    for column in columns:
        if column.is_required:
            say(is_empty[column.name], f"missing_{column.name}")
    for column in columns:
        if column.may_be_bad:
            say(values[column.name].isna() & ~is_empty[column.name], f"bad_{column.name}")
    say(values[time] > now + timedelta(hours=1), "from_the_future")
    return pd.DataFrame({**values, "file": file.as_posix(), "reason": reason}, index=rows.index)


def _value(column: Column, found: pd.Series, tidy: pd.Series, is_text: bool) -> pd.Series:
    if column.is_json:
        return pd.Series([_object(text) for text in found], index=found.index, dtype=object)
    if column.type == "timestamp":
        return _times(tidy) if is_text else found.astype(MICROSECONDS)
    if not is_text:
        return found
    if column.allowed:
        lowered = tidy.str.lower()
        return lowered.where(lowered.isin(column.allowed))
    if column.type == "boolean":
        return tidy.str.lower().map(_BOOLEANS).astype("boolean")
    if column.type == "integer":
        return pd.to_numeric(
            tidy.where(tidy.str.fullmatch(r"[+-]?[0-9]+", na=False)), errors="coerce"
        ).astype("Int32")
    return found


def _times(text: pd.Series) -> pd.Series:
    """Times in UTC; what names no offset is UTC. Each way to write them is read apart, as pandas is quickest so."""
    if text.isna().all():
        return pd.Series(pd.NaT, index=text.index, dtype=MICROSECONDS)
    zoned = text.str.contains(r":.*(?:Z| UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$", na=False)
    local = pd.to_datetime(text.where(~zoned), format="ISO8601", errors="coerce").astype(MICROSECONDS)
    if not zoned.any():
        return local
    known = pd.to_datetime(text.where(zoned), format="ISO8601", utc=True, errors="coerce")
    return local.fillna(known.dt.tz_localize(None).astype(MICROSECONDS))


def _no_constant(text: str) -> Any:
    raise ValueError(text)


def _object(text: Any) -> dict[str, Any] | None:
    """A JSON object, or None where it is none."""
    if not isinstance(text, str):
        return None
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
