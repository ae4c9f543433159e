"""What is replaced of dbt: it is as it was when it was replaced, and each replacement is reached."""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import os
import shutil
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from sendworthy.build.dbt_patches import PATCHES, TRIED, Patch, log_what_is_kept

from tests.support.projects import ROOT


def text_of(place: str) -> str:
    """What stands there in the dbt that is installed, as it was before anything of ours replaced it."""
    module, _, name = place.partition(":")
    if not name:
        package, _, path = place.partition("/")
        (folder,) = import_module(package).__path__
        return (Path(folder) / path).read_text(encoding="utf-8")
    # as it stands in its file: the object may have been replaced by now
    source = inspect.getsource(import_module(module))
    node: ast.AST = ast.parse(source)
    for part in name.split("."):
        node = next(inner for inner in ast.iter_child_nodes(node) if getattr(inner, "name", None) == part)
    return ast.get_source_segment(source, node) or ""


def digest(place: str) -> str:
    return hashlib.sha256(" ".join(text_of(place).split()).encode()).hexdigest()[:12]


@pytest.mark.parametrize("patch", PATCHES, ids=lambda patch: patch.place)
def test_what_is_replaced_is_what_was_seen(patch: Patch) -> None:
    if "spark" in patch.place:
        pytest.importorskip("dbt.adapters.spark", reason="dbt-spark is not installed")
    assert digest(patch.place) == patch.seen, (
        f"dbt's {patch.place} is not what it was in {TRIED}. It is replaced because {patch.why}. "
        "Read its new text, see that the replacement still does it, and write down the new digest."
    )


def test_the_versions_that_were_tried_are_those_that_are_locked() -> None:
    for name, tried in (part.split() for part in TRIED.split(", ")):
        if name != "dbt-spark":
            assert version(name) == tried


def test_our_macros_are_in_the_list() -> None:
    listed = " ".join(patch.why for patch in PATCHES)
    for name in ("macros/engine/materializations.sql", "macros/naming.sql", "macros/seeds/spark_seeds.sql"):
        assert name in listed and (ROOT / name).is_file()


# --- each is reached ----------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A dbt project of a table and a view, with our macros and without the plugin."""
    (tmp_path / "models").mkdir()
    (tmp_path / "macros").mkdir()
    for name in ("engine/materializations.sql", "naming.sql"):
        shutil.copy(ROOT / "macros" / name, tmp_path / "macros")
    files = {
        "dbt_project.yml": "name: small\nprofile: small\nmodels: {+schema: marts}\n",
        "profiles.yml": "small: {target: x, outputs: {x: {type: duckdb, path: \"{{ env_var('BUILD') }}\"}}}",
        "models/a.sql": "{{ config(materialized='table') }} select 1 as a from {{ source('raw', 'schemata') }}",
        "models/b.sql": "{{ config(materialized='view') }} select a from {{ ref('a') }}",
        "models/raw.yml": "sources: [{name: raw, schema: information_schema, tables: [{name: schemata}]}]",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, build: str, code: int = 0) -> list[dict[str, Any]]:
    """The events of a run by the process that a night starts, down to the smallest."""
    command = [sys.executable, "-m", "sendworthy.build.dbt_main", "--log-format-file", "json"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBT_")}
    (folder / build).mkdir()
    # it ends with its input, which is open as long as it runs
    with subprocess.Popen(
        [*command, "--log-path", build, "run"],
        cwd=folder,
        env=environment | {"BUILD": f"{build}/night.duckdb", "DO_NOT_TRACK": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = process.stdout.read()
        assert process.wait(300) == code, said
    lines = (folder / build / "dbt.log").read_text(encoding="utf-8").splitlines()
    return [*map(json.loads, lines), {"info": {"name": "printed", "msg": said}}]


def test_a_model_is_written_in_one_statement_under_names_without_a_file(small: Path) -> None:
    events = run(small, "one")
    statements = [" ".join(e["info"]["msg"].split()) for e in events if e["info"]["name"] == "SQLQuery"]
    made = [statement for statement in statements if "create or replace" in statement]
    assert len(made) == 2 and not any("__dbt_tmp" in statement for statement in statements)
    table, view = sorted(made, key=lambda statement: "view" in statement)
    assert (
        'create or replace table "night"."marts"."a"' in table
        and 'from "information_schema"."schemata"' in table
    )
    assert 'create or replace view "night"."marts"."b"' in view and 'from "marts"."a"' in view


def test_a_project_is_parsed_once_whichever_file_is_built(small: Path) -> None:
    run(small, "one")
    events = run(small, "two")
    names = {event["info"]["name"] for event in events}
    assert "PartialParsingEnabled" in names and "UnableToPartialParse" not in names, names
    assert (small / "two" / "night.duckdb").is_file()


def test_a_value_that_cannot_be_read_is_nowhere(small: Path) -> None:
    value = "someone@example.com"
    (small / "seeds").mkdir()
    (small / "seeds" / "people.csv").write_text(f"address\n{value}\n", encoding="utf-8")
    (small / "models" / "a.sql").write_text(
        "{{ config(materialized='table') }} select cast(address as integer) as a from read_csv('seeds/people.csv')",
        encoding="utf-8",
    )
    events = run(small, "one", code=1)
    said = json.dumps(events)
    assert value not in said
    assert "Conversion Error" in said
    for path in (small / "target").rglob("*.json"):
        assert value not in path.read_text(encoding="utf-8")


def test_the_line_of_an_event_below_the_level_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    from dbt_common.events.base_types import EventLevel
    from dbt_common.events.event_manager import EventManager
    from dbt_common.events.logger import LineFormat, LoggerConfig, _Logger
    from dbt_common.events.types import Formatting

    made: list[str] = []
    monkeypatch.setattr(_Logger, "write_line", lambda logger, message: made.append(message.info.level))
    log_what_is_kept()
    events = EventManager()
    events.add_logger(LoggerConfig(name="x", level=EventLevel.INFO, line_format=LineFormat.PlainText))
    for level in EventLevel.DEBUG, EventLevel.INFO, EventLevel.ERROR:
        events.fire_event(Formatting("x"), level=level)
    assert made == ["info", "error"]


def test_dbt_alone_is_covered_by_the_plugin() -> None:
    assert "sendworthy.build.dbt_patches" in (ROOT / "profiles.yml").read_text(encoding="utf-8")
