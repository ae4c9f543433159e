"""Polars: read the landing zone, quarantine bad rows, and drop duplicates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from benchmarks.rivals.settings import FALSE, KEYS, TIMES, TRUE, Column, files_of

MICROSECONDS = pl.Datetime("us")


def stage(
    zone: Path, table: str, columns: Sequence[Column], now: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The good rows of a table, typed and each once, and what was put apart: table_name, file, reason."""
    names = [column.name for column in columns]
    frames = [_typed(_scan(path, zone), columns, TIMES[table], now) for path in files_of(zone, table)]
    if not frames:
        types = {column.name: _type(column) for column in columns}
        empty = {"table_name": pl.String, "file": pl.String, "reason": pl.String}
        return pl.DataFrame(schema=types), pl.DataFrame(schema=empty)
    rows = pl.concat(pl.collect_all(frames))
    bad = rows.filter(pl.col("reason").is_not_null())
    good = rows.filter(pl.col("reason").is_null())
    if table in KEYS:
        keys, first_by = KEYS[table]
        is_repeated = pl.struct(keys).is_duplicated() if len(keys) > 1 else pl.col(keys[0]).is_duplicated()
        repeated = (
            good.filter(is_repeated)
            .sort(*first_by, *(as_text(name) for name in names), "file", nulls_last=True)
            .with_columns(place=pl.int_range(pl.len()).over(keys))
        )
        again = repeated.filter(pl.col("place") > 0).drop("place")
        bad = pl.concat([bad, again.with_columns(reason=pl.lit("duplicate"))])
        good = pl.concat([good.filter(~is_repeated), repeated.filter(pl.col("place") == 0).drop("place")])
    apart = bad.select(pl.lit(table).alias("table_name"), "file", "reason")
    return good.select(names), apart


def newest_versions(rows: pl.DataFrame, key: str, columns: Sequence[Column], as_of: datetime) -> pl.DataFrame:
    """Of each id the newest version before the night; of two of one moment the one that sorts last."""
    return (
        rows.filter(pl.col("updated_at") < as_of)
        .sort("updated_at", *(as_text(column.name) for column in columns))
        .unique(subset=key, keep="last", maintain_order=True)
    )


def as_text(name: str) -> pl.Expr:
    """A column as the text that rows are put in order by."""
    return pl.col(name).cast(pl.String).fill_null("")


def _scan(path: Path, zone: Path) -> pl.LazyFrame:
    found = (
        pl.scan_parquet(path, hive_partitioning=False)
        if path.suffix == ".parquet"
        else pl.scan_csv(path, infer_schema=False)
    )
    return found.with_columns(file=pl.lit(path.relative_to(zone).as_posix()))


def _typed(rows: pl.LazyFrame, columns: Sequence[Column], time: str, now: datetime) -> pl.LazyFrame:
    """The columns of the contract in their types, and the first thing that is wrong with a row."""
    types = rows.collect_schema()
    values = [_value(column, types.get(column.name)).alias(column.name) for column in columns]
    missing = [
        pl.when(_is_empty(column, types.get(column.name))).then(pl.lit(f"missing_{column.name}"))
        for column in columns
        if column.is_required
    ]
    bad = [
        pl.when(
            _value(column, types.get(column.name)).is_null() & ~_is_empty(column, types.get(column.name))
        ).then(pl.lit(f"bad_{column.name}"))
        for column in columns
        if column.may_be_bad
    ]
    return (
        rows.select(*values, "file", found=pl.coalesce(*missing, *bad))
        .with_columns(
            reason=pl.coalesce(
                "found", pl.when(pl.col(time) > now + timedelta(hours=1)).then(pl.lit("from_the_future"))
            )
        )
        .drop("found")
    )


def _value(column: Column, found: pl.DataType | None) -> pl.Expr:
    value = pl.col(column.name)
    if found is None:
        return pl.lit(None, dtype=_type(column))
    if found != pl.String:
        return value.cast(_type(column), strict=False)
    tidy = value.str.strip_chars(" \t\n\v\f\r")
    if column.allowed:
        lowered = tidy.str.to_lowercase()
        return pl.when(lowered.is_in(column.allowed)).then(lowered)
    if column.is_json:
        return pl.when(value.str.json_path_match("$").str.starts_with("{")).then(value)
    if column.type == "timestamp":
        return _time(tidy)
    if column.type == "boolean":
        return tidy.str.to_lowercase().replace_strict(
            dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False), default=None, return_dtype=pl.Boolean
        )
    if column.type == "integer":
        return pl.when(tidy.str.contains(r"^[+-]?[0-9]+$")).then(tidy.cast(pl.Int32, strict=False))
    return value


def _time(text: pl.Expr) -> pl.Expr:
    """A time in UTC: as it stands, or with the offset that it names taken off."""
    offset = text.str.extract(r"[0-9:.](Z| UTC| ?[+-][0-9]{2}(?::?[0-9]{2})?)$")
    plain = text.str.replace(r"(Z| UTC)$", "").str.replace(r"([0-9:.]) ?[+-][0-9]{2}(:?[0-9]{2})?$", "$1")
    plain = pl.when(text.str.contains(":")).then(plain).otherwise(text).str.replace("T", " ", literal=True)
    time = pl.coalesce(
        plain.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us"),
        plain.str.to_datetime("%Y-%m-%d %H:%M", strict=False, time_unit="us"),
        plain.str.to_date("%Y-%m-%d", strict=False).cast(MICROSECONDS),
    )
    hours = offset.str.extract(r"([+-][0-9]{2})").cast(pl.Int64, strict=False).fill_null(0)
    minutes = offset.str.extract(r"[+-][0-9]{2}:?([0-9]{2})").cast(pl.Int64, strict=False).fill_null(0)
    sign = pl.when(offset.str.contains("-", literal=True)).then(-1).otherwise(1)
    return time - pl.duration(minutes=hours * 60 + sign * minutes)


def _is_empty(column: Column, found: pl.DataType | None) -> pl.Expr:
    value = pl.col(column.name)
    if found is None:
        return pl.lit(True)
    if found == pl.String and not column.may_be_white:
        return value.is_null() | (value.str.strip_chars(" \t\n\v\f\r") == "")
    return value.is_null()


def _type(column: Column) -> pl.DataType:
    types: dict[str, pl.DataType] = {
        "text": pl.String(),
        "timestamp": MICROSECONDS,
        "boolean": pl.Boolean(),
        "integer": pl.Int32(),
    }
    return types[column.type]
