"""What is described is what is there: every model, column and macro of the project, and nothing that is gone."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.warehouse.database_file import create_ledgers

from tests.oracle import write_world

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Project:
    """The project as dbt knows it (manifest.json), and the columns that its relations really have."""

    manifest: dict[str, Any]
    columns: dict[str, set[str]]  # schema.name -> names, in lower case
    ledgers: dict[str, list[tuple[str, str]]]  # schema.name -> names and types, in their order

    def nodes(self, kind: str) -> Iterator[dict[str, Any]]:
        """The project's own nodes of one kind (model, seed)."""
        for node in self.manifest["nodes"].values():
            if node["resource_type"] == kind and node["package_name"] == "sendworthy":
                yield node

    def macros(self) -> Iterator[dict[str, Any]]:
        """The project's own macros, without the spellings of single engines (`duckdb__...`)."""
        for macro in self.manifest["macros"].values():
            if macro["package_name"] == "sendworthy" and "__" not in macro["name"]:
                yield macro


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The whole project, built once on a handful of users."""
    folder = tmp_path_factory.mktemp("described")
    write_world(folder / "world", seed=0, users=5)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "build", "--quiet", "--log-level-file", "none"),
            *("--resource-type", "model", "--resource-type", "seed"),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
            *("--vars", json.dumps({"raw": str(folder / "world"), "as_of": "2024-05-01 00:00:00"})),
        ],
        cwd=PROJECT,
        env={**os.environ, "SENDWORTHY_BUILD_DB": str(folder / "build.duckdb")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    columns: dict[str, set[str]] = {}
    with duckdb.connect(str(folder / "build.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "select table_schema, table_name, column_name from information_schema.columns"
        )
        for schema, table, column in found.fetchall():
            columns.setdefault(f"{schema}.{table}", set()).add(column.lower())
        ledgers = _tables(connection, ["ledger.%", "ops.runs"])
    manifest = json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
    return Project(manifest, columns, ledgers)


def _tables(connection: duckdb.DuckDBPyConnection, names: list[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for table, column, kind in connection.execute(
        """
        select schema_name || '.' || table_name as name, column_name, data_type
        from duckdb_columns()
        where len(list_filter(?, lambda wanted: name like wanted)) > 0
        order by name, column_index
        """,
        [names],
    ).fetchall():
        found.setdefault(table, []).append((column, kind))
    return found


def test_every_model_says_its_grain_first(project: Project) -> None:
    silent = [
        node["name"]
        for kind in ("model", "seed")
        for node in project.nodes(kind)
        if not re.match(r"One row\b", node["description"])
    ]
    assert not silent, f"begin the description with the grain (One row per ...): {silent}"


def test_described_columns_are_the_real_ones(project: Project) -> None:
    """A column of a merge field is described by its line of the seed, in every model that has one for each."""
    with (PROJECT / "seeds" / "merge_fields.csv").open(encoding="utf-8", newline="") as file:
        merge_fields = [row["merge_field"] for row in csv.DictReader(file)]
    wrong: list[str] = []
    for kind in ("model", "seed"):
        for node in project.nodes(kind):
            real = project.columns[f"{node['schema']}.{node['alias']}"]
            described = {
                name.lower() for name, column in node["columns"].items() if column["description"].strip()
            }
            meta = node["config"]["meta"]
            if meta.get("merge_field_columns"):
                names = meta.get("destination", {}).get("fields", {})
                columns = {names.get(field, field).lower() for field in merge_fields}
                wrong += [f"{node['name']}.{name} is described twice" for name in sorted(described & columns)]
                described |= columns
            wrong += [f"{node['name']}.{name} is not described" for name in sorted(real - described)]
            wrong += [
                f"{node['name']}.{name} is described but not there" for name in sorted(described - real)
            ]
    assert not wrong, "\n".join(wrong)


def test_every_macro_and_argument_is_described(project: Project) -> None:
    wrong: list[str] = []
    for macro in project.macros():
        where = f"{macro['original_file_path']}: {macro['name']}"
        if not macro["description"].strip():
            wrong.append(f"{where} is not described")
        # a default may be a text with a comma or a bracket in it
        without_texts = re.sub(r"""=\s*("[^"]*"|'[^']*')""", "=", macro["macro_sql"])
        signature = re.search(rf"macro\s+{macro['name']}\(([^)]*)\)", without_texts)
        taken = (
            [item.split("=")[0].strip() for item in signature[1].split(",") if item.strip()]
            if signature
            else []
        )
        described = [item["name"] for item in macro["arguments"] if (item["description"] or "").strip()]
        if taken != described:
            wrong.append(f"{where} takes {taken}, and {described} are described")
    assert not wrong, "\n".join(wrong)


def test_every_macro_is_used(project: Project) -> None:
    """By its name, or by dispatch: `spark__x` by `x`, and what stands in for a macro of dbt by dbt."""
    files = [
        *(
            path
            for folder in ("macros", "models", "tests/data")
            for path in (PROJECT / folder).rglob("*.sql")
        ),
        *(PROJECT / "models").rglob("*.yml"),
        PROJECT / "dbt_project.yml",
    ]
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    text = re.sub(r"{%-?\s*macro\s+\w+", "", text)
    macros = project.manifest["macros"].values()
    own = {macro["name"] for macro in macros if macro["package_name"] == "sendworthy"}
    # ref and source are no macros to dbt, but it takes those of a project
    of_dbt = {macro["name"] for macro in macros if macro["package_name"] != "sendworthy"} | {"ref", "source"}
    unused = [
        name
        for name in sorted(own)
        if not name.startswith(("test_", "materialization_"))
        and name not in of_dbt
        and name.split("__", 1)[-1] not in (own - {name}) | of_dbt
        and not re.search(rf"\b{name}\b", text)
    ]
    assert not unused, f"nobody uses {unused}"


def test_a_night_makes_the_ledgers_that_dbt_makes(project: Project) -> None:
    with duckdb.connect() as connection:
        create_ledgers(connection, PROJECT)
        assert _tables(connection, ["ledger.%", "ops.%"]) == project.ledgers
    assert set(project.ledgers) == {
        *("ledger.decisions", "ledger.dispatches", "ledger.cancellations", "ledger.files_read", "ops.runs")
    }
