"""Comparing what two engines made of the same night, and a table of what was compared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

TABLES = (
    "marts.customers",
    "marts.campaign_decisions",
    "marts.campaign_metrics",
    "marts.campaign_power",
    "marts.campaign_feedback",
    "marts.campaign_results",
    "marts.feedback_by_week",
    "marts.send_list",
    "marts.customer_segments",
    "marts.merge_field_values",
    "marts.personalization_completeness",
    "marts.suppression_funnel",
    "ops.source_counts",
)


@dataclass(frozen=True)
class Compared:
    """One table of a night, or all of its lists: how many rows (bytes, of lists) were compared, and how many differ."""

    night: str
    what: str
    size: int
    differ: int


# filled by the comparisons, printed at the end of the session
compared: list[Compared] = []


def compare(night: str, left: duckdb.DuckDBPyConnection, right: duckdb.DuckDBPyConnection) -> list[str]:
    """Every row of every table, with how often it is there; returns what differs, in words."""
    wrong = []
    for table in TABLES:
        columns = [row[0] for row in left.execute(f"describe {table}").fetchall()]
        others = [row[0] for row in right.execute(f"describe {table}").fetchall()]
        if columns != others:
            wrong.append(f"{night}: {table} has columns {columns} and {others}")
            continue
        # as text, so that a wider type of the same value is no difference; numbers by their value
        # staging is not published on Spark, so nobody's rows leave it
        types = [item for item in _types(left, table) if item[0] != "rows_erased"]
        query = (
            f"select {', '.join(_comparable(name, kind) for name, kind in types)} from {table} order by all"
        )
        rows = [side.execute(query).fetchall() for side in (left, right)]
        only = [_without(rows[0], rows[1]), _without(rows[1], rows[0])]
        compared.append(Compared(night, table, len(rows[0]), max(len(only[0]), len(only[1]))))
        for side, name in zip(only, ("DuckDB", "Spark"), strict=True):
            wrong += [f"{night}: {table}: only on {name}: {row}" for row in side[:3]]
    return wrong


def compare_files(night: str, left: Path, right: Path) -> list[str]:
    """Every list, byte by byte; returns what differs, in words."""
    lists = [
        {str(path.relative_to(side)): path.read_bytes() for path in side.glob("*/*.csv")}
        for side in (left, right)
    ]
    names = sorted({*lists[0], *lists[1]})
    wrong = [name for name in names if lists[0].get(name) != lists[1].get(name)]
    compared.append(
        Compared(night, f"{len(names)} lists, bytes", sum(map(len, lists[0].values())), len(wrong))
    )
    return [f"{night}: the list {name} differs" for name in wrong] + ([] if names else [f"{night}: no lists"])


def _types(connection: duckdb.DuckDBPyConnection, table: str) -> list[tuple[str, str]]:
    return [(row[0], row[1]) for row in connection.execute(f"describe {table}").fetchall()]


def _comparable(name: str, kind: str) -> str:
    if kind.startswith(("DECIMAL", "DOUBLE", "FLOAT")):
        # sums are exact; a share may be one unit in the last place apart
        return f"round(cast({name} as double), 9)"
    return name


def _without(rows: list[tuple[object, ...]], others: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    counts: dict[str, int] = {}
    for row in others:
        counts[repr(row)] = counts.get(repr(row), 0) + 1
    left = []
    for row in rows:
        if counts.get(repr(row), 0):
            counts[repr(row)] -= 1
        else:
            left.append(row)
    return left
