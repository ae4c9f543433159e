"""Whether two programs have made the same lists: every row and every column, campaign by campaign."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sendworthy.warehouse.statements import identifier, literal

from benchmarks.errors import BenchmarkError

# the tables that are compared, and the key of their rows, so that a difference names a campaign and nobody
COMPARED = {"send_list": "campaign_id", "campaign_decisions": "campaign_id", "quarantine": "table_name"}

# the whole of a row that is in no list is the night's own way to write it
_COLUMNS = {"quarantine": ["table_name", "file", "reason"]}


@dataclass(frozen=True)
class Results:
    """What a program has made: a relation (as SQL) for each table that it makes, and the folder of its lists' files, if it writes them."""

    tables: Mapping[str, str]
    lists: Path | None = None


@dataclass(frozen=True)
class Difference:
    """A campaign (or a landing table) of which two programs say something else: rows here, rows there."""

    what: str
    group: str
    rows: int
    other_rows: int

    def __str__(self) -> str:
        """The difference in words, with nothing personal."""
        if self.rows == self.other_rows:
            return f"{self.what}: {self.group}: {self.rows:,} rows each, with other contents"
        return f"{self.what}: {self.group}: {self.rows:,} rows, and {self.other_rows:,} in the night"


def check_same(
    name: str,
    connection: duckdb.DuckDBPyConnection,
    results: Results,
    night: Results,
    released: Collection[str],
) -> dict[str, int]:
    """The number of rows that were compared of each table; BenchmarkError where one differs from the night's.

    A night takes the messages of campaigns that it holds back off its lists: only `released` ones are compared there.
    """
    sizes, differences = {}, []
    for table, relation in results.tables.items():
        only = released if table == "send_list" else None
        sizes[table], found = compare(
            connection, table, relation, night.tables[table], COMPARED[table], _COLUMNS.get(table), only
        )
        differences += found
    if results.lists and night.lists:
        sizes["files"], found = compare_lists(results.lists, night.lists, released)
        differences += found
    if differences:
        shown = "\n".join(f"  {difference}" for difference in differences[:10])
        raise BenchmarkError(
            f"{name} does not give the night's lists; {len(differences)} differences:\n{shown}\n"
            "Nothing was measured: figures of programs that do something else say nothing. Fix the program, or leave it out with --only."
        )
    return sizes


def compare(
    connection: duckdb.DuckDBPyConnection,
    what: str,
    relation: str,
    other: str,
    group: str,
    columns: Sequence[str] | None = None,
    only: Collection[str] | None = None,
) -> tuple[int, list[Difference]]:
    """The rows of `other` that were compared, and the groups of which the two relations hold different rows.

    Each row is hashed with all of its columns, as text; a group is the same where its rows and the sum of their hashes are.
    """
    names = list(columns or _columns(connection, other))
    missing = set(names) - set(_columns(connection, relation))
    if missing:
        return 0, [Difference(f"{what} has no column {column}", "all", 0, 0) for column in sorted(missing)]
    sides = [_summed(connection, side, group, names, only) for side in (relation, other)]
    differences = [
        Difference(what, name, sides[0].get(name, (0, 0))[0], sides[1].get(name, (0, 0))[0])
        for name in sorted({*sides[0], *sides[1]})
        if sides[0].get(name) != sides[1].get(name)
    ]
    return sum(rows for rows, _ in sides[1].values()), differences


def compare_lists(folder: Path, other: Path, released: Collection[str]) -> tuple[int, list[Difference]]:
    """The same of the files below two folders, `<destination>/<campaign>.csv`, byte by byte."""
    rows, differences = 0, []
    for destination in sorted(path.name for path in other.iterdir() if any(path.glob("*.csv"))):
        sides = [_files(side / destination) for side in (folder, other)]
        for campaign in sorted(set(released) & {*sides[0], *sides[1]}):
            here, there = sides[0].get(campaign, (0, "")), sides[1].get(campaign, (0, ""))
            rows += there[0]
            if here != there:
                differences.append(Difference(f"files of {destination}", campaign, here[0], there[0]))
    return rows, differences


def _columns(connection: duckdb.DuckDBPyConnection, relation: str) -> list[str]:
    return [row[0] for row in connection.execute(f"describe select * from {relation}").fetchall()]


def _summed(
    connection: duckdb.DuckDBPyConnection,
    relation: str,
    group: str,
    columns: Sequence[str],
    only: Collection[str] | None,
) -> dict[str, tuple[int, int]]:
    """For each group its rows, and the sum of their hashes."""
    hashed = ", ".join(f"cast({identifier(column)} as varchar)" for column in columns)
    wanted = "true" if only is None else f"{group} in ({', '.join(map(literal, sorted(only))) or 'null'})"
    rows = connection.execute(
        f"select {group}, count(*), sum(cast(hash({hashed}) as hugeint)) from {relation} where {wanted} group by {group}"
    ).fetchall()
    return {str(name): (count, total) for name, count, total in rows}


def _files(folder: Path) -> dict[str, tuple[int, str]]:
    """For each campaign the lines below the header of its files, and the hash of all bytes but the headers of further parts."""
    lines: dict[str, int] = {}
    hashes: dict[str, hashlib._Hash] = {}
    for path in sorted(folder.glob("*.csv"), key=_place_of_part):
        campaign = path.name.partition(".")[0]
        is_first = campaign not in hashes
        total = hashes.setdefault(campaign, hashlib.md5(usedforsecurity=False))
        with path.open("rb") as content:
            header = content.readline()
            if is_first:
                total.update(header)
            while chunk := content.read(1 << 20):
                total.update(chunk)
                lines[campaign] = lines.get(campaign, 0) + chunk.count(b"\n")
    return {campaign: (lines.get(campaign, 0), total.hexdigest()) for campaign, total in hashes.items()}


def _place_of_part(path: Path) -> tuple[str, int]:
    campaign, *rest = path.name.split(".")
    parts = [int(word.removeprefix("part-")) for word in rest if word.startswith("part-")]
    return campaign, parts[0] if parts else 1
