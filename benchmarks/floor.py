"""The floor: the statements of a night without anything around them, and those of them that the lists need."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.settings.destinations import Destination
from sendworthy.warehouse.statements import identifier, literal

# what changes nothing is dbt asking what is there, or a test
_CHANGES = re.compile(r"(create|insert|copy|drop|alter|delete|update|set)\b", re.IGNORECASE)

_FILLS = re.compile(r'copy\s+(?:"?\w+"?\.)*"?(\w+)"?\s+from\b', re.IGNORECASE)

# where the recorded night's folder stands in a statement, so that it can be run for another one
PLACE = "{place}"

# the lists, and the table of the rows that are in none
LISTS = ("send_list", "campaign_decisions", "quarantine")

# the models that decide: who is asked about, what speaks against it, in which variant, and who gets the place
_DECIDING = re.compile(r"model\.\w+\.(int_campaigns__\w+|campaign_decisions|send_list)$")

Statement = dict[str, Any]


@dataclass(frozen=True)
class Recorded:
    """The statements of a night, in the order in which they were sent."""

    statements: Sequence[Statement]

    @classmethod
    def read(cls, file: Path, place: Path) -> Recorded:
        """Read a recording; what was written below `place` can be written elsewhere."""
        statements = []
        for line in file.read_text(encoding="utf-8").splitlines():
            statement = json.loads(line)
            if not _CHANGES.match(statement["sql"]) or statement["node"].startswith(("test.", "unit_test.")):
                continue
            # dbt does not say which seed a file is read into
            filled = _FILLS.match(statement["sql"])
            if filled and not statement["node"]:
                statement["node"] = f"seed.sendworthy.{filled[1]}"
            statement["sql"] = statement["sql"].replace(str(place), PLACE)
            statements.append(statement)
        return cls(statements)

    def of(self, nodes: Collection[str]) -> list[Statement]:
        """The statements of some nodes, and those of none: settings, and what is done before the first model."""
        return [
            statement
            for statement in self.statements
            if statement["node"] in nodes
            or not statement["node"].startswith(("model.", "seed.", "snapshot."))
        ]


def needed_for(models: Iterable[str], manifest: Mapping[str, Any]) -> set[str]:
    """The nodes of dbt's manifest that models (by name) are made of, themselves included."""
    parents: Mapping[str, Sequence[str]] = manifest["parent_map"]
    wanted = set(models)
    left = [name for name in parents if name.startswith("model.") and name.rpartition(".")[2] in wanted]
    found: set[str] = set()
    while left:
        node = left.pop()
        if node not in found:
            found.add(node)
            left += parents.get(node, [])
    return found


def copies(connection: duckdb.DuckDBPyConnection, destination: Destination, campaign: str) -> Statement:
    """The statement that writes the list of a campaign for a destination, as a night writes it."""
    relation = connection.execute(f"select * from {destination.model} limit 0").description or []
    columns = ", ".join(identifier(name) for name in destination.columns([column[0] for column in relation]))
    file = literal(f"{PLACE}/lists/{destination.name}/{campaign}.csv")
    return {
        "node": f"list.{destination.name}",
        "sql": f"copy (select {columns} from {destination.model} "
        f"where {identifier(destination.campaign_column)} = {literal(campaign)} "
        f"order by {identifier(destination.message_column)}) to {file} (format csv, header true, delimiter ',')",
        "parameters": None,
    }


def write_script(statements: Iterable[Statement], place: Path, file: Path) -> None:
    """Write statements for benchmarks.replay to run in `place`."""
    moved = [{**statement, "sql": statement["sql"].replace(PLACE, str(place))} for statement in statements]
    file.write_text(json.dumps(moved), encoding="utf-8")


def seconds_of_deciding(times: Iterable[tuple[str, float]]) -> float:
    """How much of the seconds of statements went into deciding."""
    return sum(seconds for node, seconds in times if _DECIDING.match(node))


def by_node(times: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The seconds of each node, the most first."""
    found: dict[str, float] = {}
    for node, seconds in times:
        name = node.rpartition(".")[2] if not node.startswith("list.") else f"lists of {node[5:]}"
        found[name or "landing views, ledgers, settings"] = (
            found.get(name or "landing views, ledgers, settings", 0) + seconds
        )
    return dict(sorted(found.items(), key=lambda item: -item[1]))
