"""The variables of dbt_project.yml: a wrong one ends a night before it begins, because a rule would be read as none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.night.preparation import check_settings
from sendworthy.settings.variables import Variables, check_variables

from tests.support.campaign_project import PROJECT

WRONG = [
    *(("unreadable_days", value, "from 0 to 36500") for value in ("-1", "0.5", '"90"', "true", "36501")),
    ("unreadable_days", "null", "from 0 to 36500"),
    *(("delivery_hours", value, "from 0 to 168") for value in ("-5", "4.5", '"4"', "169", "")),
    *(("default_timezone", value, "timezones.csv") for value in ("Mars", '""', '"+14:01"', '"+2"')),
    ("default_timezone", "Europe/Berlinn", 'did you mean "Europe/Berlin"?'),
    ("default_timezone", "null", "Europe/Berlin"),
    *(
        ("global_holdout_percent", value, "from 0 to 100")
        for value in ("200", "100.5", "-0.1", '"5"', ".nan", ".inf", "false", "null")
    ),
    *(("subject_max_characters", value, "from 1 to 998") for value in ("0", "-1", "150.5", "999")),
    *(("last_night_max_hours", value, "up to 8760") for value in ("0", "-1")),
    *(("last_night_max_hours", value, "8760") for value in ("8760.5", '"72"', "true", "[72]")),
    *(("overwrite_audited", value, "true or false") for value in ('"false"', "0", "null")),
    *(("raw", value, "data/sample") for value in ('""', "null", "7")),
]
RIGHT = [
    *(("unreadable_days", value) for value in ("0", "1", "36500")),
    *(("delivery_hours", value) for value in ("0", "168")),
    *(("default_timezone", value) for value in ("Europe/Berlin", '"+02:00"', '"-14:00"')),
    *(("global_holdout_percent", value) for value in ("0", "2.5", "100")),
    *(("last_night_max_hours", value) for value in ("0.5", "8760")),
    *(("subject_max_characters", value) for value in ("1", "998")),
    ("overwrite_audited", "true"),
]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project's variables and time zones."""
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    shutil.copyfile(PROJECT / "dbt_project.yml", tmp_path / "dbt_project.yml")
    assert check_variables(Project(tmp_path)) == []
    return Project(tmp_path)


def write(project: Project, name: str, value: str | None) -> None:
    """Give a variable a value; None takes it away."""
    path = project.root / "dbt_project.yml"
    line = "" if value is None else f"  {name}: {value}\n"
    text, count = re.subn(rf"(?m)^  {name}: .*\n", line, path.read_text(encoding="utf-8"))
    assert count == 1
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(("name", "value", "fix"), WRONG)
def test_a_wrong_variable_is_named_with_what_to_write(
    project: Project, name: str, value: str, fix: str
) -> None:
    write(project, name, value)
    (problem,) = check_variables(project)
    assert (problem.where, problem.key) == ("dbt_project.yml", f"vars.{name}")
    assert fix in problem.fix, problem


@pytest.mark.parametrize(("name", "value"), RIGHT)
def test_a_right_variable_is_taken(project: Project, name: str, value: str) -> None:
    write(project, name, value)
    assert check_variables(project) == []


@pytest.mark.parametrize("name", Variables.model_fields)
def test_a_variable_that_is_not_there_is_named(project: Project, name: str) -> None:
    write(project, name, None)
    (problem,) = check_variables(project)
    assert (problem.key, problem.what) == (f"vars.{name}", "the variable is not there")


def test_all_that_is_wrong_is_said_at_once(project: Project) -> None:
    write(project, "unreadable_days", "-1")
    write(project, "default_timezone", "Mars")
    assert {problem.key for problem in check_variables(project)} == {
        "vars.unreadable_days",
        "vars.default_timezone",
    }


def test_each_variable_of_the_contract_is_checked() -> None:
    contract = (PROJECT / "docs" / "contract.md").read_text(encoding="utf-8")
    table = contract.partition("### Variables")[2].partition("Of the environment:")[0]
    named = {
        name
        for line in table.splitlines()
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if "|" in line else "")
    }
    # these are looked at where they are used
    elsewhere = {"as_of", "wall_clock", "destinations"}
    assert {name for name in named - elsewhere if not name.startswith("alert_")} == set(
        Variables.model_fields
    )


def test_a_night_and_validate_say_it(project: Project) -> None:
    write(project, "unreadable_days", "-1")
    with pytest.raises(SettingsError) as caught:
        check_settings(project)
    assert "vars.unreadable_days" in {problem.key for problem in caught.value.problems}


def test_a_night_says_what_is_wrong_with_a_seed_once(project: Project) -> None:
    seed = project.root / "seeds" / "merge_fields.csv"
    text = seed.read_text(encoding="utf-8")
    assert text.count("newest profile,true\n") > 1
    seed.write_text(text.replace("newest profile,true\n", "newest profile,perhaps\n"), encoding="utf-8")
    write(project, "unreadable_days", "-1")
    with pytest.raises(SettingsError) as caught:
        check_settings(project)
    found = [(problem.where, problem.key) for problem in caught.value.problems]
    assert "vars.unreadable_days" in {key for _, key in found}
    assert found.count(("seeds/merge_fields.csv:2", "is_personal")) == 1
    assert len(found) == len({*found})
