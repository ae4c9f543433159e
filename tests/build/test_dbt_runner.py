"""dbt as a process: what of its events is shown, which variables reach it, and what is said where it cannot begin."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from sendworthy.build.dbt_runner import run_dbt
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.night.preparation import check_places
from sendworthy.night.state import NightOptions
from sendworthy.settings.dbt_targets import dbt_environment
from sendworthy.warehouse.resource_failures import places_of

from tests.support.projects import FIRST, ROOT, sendworthy

PROFILE = """
sendworthy:
  target: local
  outputs:
    local: {type: duckdb, path: "{{ env_var('DBT_SECRET_PATH', 'x') }}", schema: "{{ env_var(\"DBT_ENV_SECRET_TOKEN\") }}"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "profiles.yml").write_text(PROFILE, encoding="utf-8")
    return Project(tmp_path)


def program(text: str) -> tuple[str, ...]:
    """What stands in for dbt."""
    return (sys.executable, "-c", text)


def event(name: str, level: str = "info", **data: object) -> str:
    return json.dumps({"info": {"name": name, "level": level, "msg": name}, "data": data})


# -- progress


def test_progress_counts_what_has_ended_up_to_the_total(project: Project) -> None:
    """As dbt has it: hooks count by themselves, nodes end out of order, a test names no total, an exposure does nothing."""
    nodes = [("LogModelResult", 2), ("LogModelResult", 1), ("LogSeedResult", 4), ("LogNodeNoOpResult", 6)]
    lines = [
        event("LogHookEndLine", index=1, total=2, node_info={"node_name": "hook"}),
        event("LogHookEndLine", index=2, total=2, node_info={"node_name": "hook"}),
        *(
            event(name, index=index, total=6, node_info={"node_name": f"n{index}"})
            for name, index in nodes[:3]
        ),
        event("LogTestResult", "warn", index=3, node_info={"node_name": "a_test"}),
        event("SkippingDetails", index=5, total=6, node_info={"node_name": "n5"}),
        event("LogNodeNoOpResult", index=6, total=6, node_info={"node_name": "n6"}),
    ]
    seen: list[tuple[str, int, int]] = []
    fake = program(f"print({chr(10).join(lines)!r})")
    run_dbt(project, fake, ["build"], "local", {}, {}, lambda *told: seen.append(told))
    assert seen == [("n2", 1, 6), ("n1", 2, 6), ("n4", 3, 6), ("a_test", 4, 6), ("n5", 5, 6), ("n6", 6, 6)]


# -- the environment

OTHERS = {
    "DBT_TARGET": "prod",
    "DBT_ENGINE_TARGET": "prod",
    "DBT_PROFILE": "other",
    "DBT_PROJECT_DIR": "/nowhere",
    "DBT_PROFILES_DIR": "/nowhere",
    "DBT_STATE": "/nowhere",
    "DBT_DEFER": "true",
    "DBT_WARN_ERROR": "true",
    "DBT_EMPTY": "true",
    "DBT_EXCLUDE_RESOURCE_TYPES": "model",
    "DBT_LOG_FORMAT": "xml",
    "DBT_QUIET": "true",
    "DBT_WRITE_JSON": "perhaps",
    "DBT_ENGINE_OF_OURS": "1",
}


def test_dbt_gets_no_variable_of_another_project(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {
        "DBT_TARGET_PATH": "t",
        "DBT_LOG_PATH": "l",
        # profiles.yml asks for them
        "DBT_SECRET_PATH": "p",
        "DBT_ENV_SECRET_TOKEN": "s",
        "HOME": "/root",
        "SENDWORTHY_MEMORY": "1GB",
    }
    assert dbt_environment(project, {**OTHERS, **kept}) == kept
    assert dbt_environment(Project(project.root / "none"), {**OTHERS, "DBT_SECRET_PATH": "p"}) == {}
    for name, value in {**OTHERS, "DBT_SECRET_PATH": "p"}.items():
        monkeypatch.setenv(name, value)
    shown = program(
        "import json, os; print(json.dumps({'info': {'name': 'X', 'level': 'warn', 'msg': "
        "' '.join(sorted(name for name in os.environ if name.startswith('DBT_')))}}))"
    )
    assert run_dbt(project, shown, ["build"], "local", {}, {}).warnings == ["DBT_SECRET_PATH"]


@pytest.mark.hard
def test_a_night_beside_another_project_s_variables(tmp_path: Path) -> None:
    place = ("--db", tmp_path / "s.duckdb", "--out", tmp_path / "out", "--docs", tmp_path / "docs")
    writes = {"DBT_TARGET_PATH": str(tmp_path / "target"), "DBT_LOG_PATH": str(tmp_path / "logs")}
    ended = sendworthy(
        "nightly", "--as-of", FIRST, *place, cwd=ROOT, environment={**os.environ, **OTHERS, **writes}
    )
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "target" / "manifest.json").is_file() and (tmp_path / "logs" / "dbt.log").is_file()


# -- where dbt cannot begin


def said_by(project: Project, text: str) -> list[str]:
    """What is told of a dbt that ends at once."""
    with pytest.raises(BuildError) as raised:
        run_dbt(project, program(text), ["build"], "local", {}, {})
    return list(raised.value.details)


def test_a_dbt_that_cannot_begin_says_why_without_its_stack(project: Project) -> None:
    assert said_by(project, "open('/nowhere/at/all')") == [
        "dbt could not begin: FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'"
    ]
    assert said_by(project, "import os; os.listdir('/dev/null')") == [
        "dbt could not begin: NotADirectoryError: [Errno 20] Not a directory: '/dev/null'"
    ]
    assert said_by(project, "import no_such_package") == [
        "ModuleNotFoundError: No module named 'no_such_package'"
    ]
    assert said_by(project, "raise SystemExit(2)") == ["dbt could not begin, and has not said why."]


SOMEBODY = "erika.mustermann@somewhere.example"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (f"raise ValueError('bad row: {SOMEBODY}')", "ValueError"),
        (f"raise KeyError('{SOMEBODY}')", "KeyError"),
        # a library's own words in an error of the system's kind
        (f"raise OSError('cannot decode {SOMEBODY}')", "OSError"),
        (f"import json; json.loads('{SOMEBODY}')", "json.decoder.JSONDecodeError"),
        (f"import duckdb; duckdb.sql('select 1 from \"{SOMEBODY}\"')", "_duckdb.CatalogException"),
        # texts of several lines, of which one may look like the end of a stack
        (f"raise ValueError('bad row\\nErika: {SOMEBODY}')", "ValueError"),
        (f"raise ValueError('bad row\\nKeyError: {SOMEBODY}')", "ValueError"),
        (f"import sys; print('Traceback (most recent call last):\\nErika: {SOMEBODY}'); sys.exit(1)", None),
        # no stack at all
        (f"import sys; print('Problem: {SOMEBODY}'); sys.exit(1)", None),
        (f"import sys; print('KeyError: {SOMEBODY}'); sys.exit(1)", None),
    ],
)
def test_what_an_error_says_of_somebody_is_not_passed_on(
    project: Project, statement: str, kind: str | None
) -> None:
    said = said_by(project, statement)
    assert said == [f"dbt could not begin: {kind}" if kind else "dbt could not begin, and has not said why."]


@pytest.mark.parametrize(
    ("name", "given", "advice"),
    [
        ("dbt's target/", None, "move it away"),
        ("dbt's logs/", None, "move it away"),
        ("DBT_TARGET_PATH", "elsewhere", "unset the variable"),
        ("DBT_LOG_PATH", "elsewhere", "unset the variable"),
        ("--out", None, "name another place"),
        ("--db", None, "name a file"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_named_before_anything_is_built(
    project: Project, monkeypatch: pytest.MonkeyPatch, name: str, given: str | None, advice: str
) -> None:
    root = project.root
    for variable in ("DBT_TARGET_PATH", "DBT_LOG_PATH"):
        monkeypatch.delenv(variable, raising=False)
    options = NightOptions(root / "raw", root / "s.duckdb", root / "out", root / "docs")
    check_places(project, options)
    if name == "--db":
        options.database.mkdir()
    else:
        if given:
            monkeypatch.setenv(name, given)
        places_of(options.database, options.out, options.docs, root)[name].write_text("x")
    with pytest.raises(SettingsError, match=name) as raised:
        check_places(project, options)
    assert advice in raised.value.fix
