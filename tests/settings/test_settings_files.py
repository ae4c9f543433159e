"""Settings that are no files of the project: a link out of it, a pipe, no end. Each is an error with a place and a fix, at once."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sendworthy.campaigns.compiler import check_fresh
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.settings.dbt_targets import read_target
from sendworthy.settings.destinations import load_destinations
from sendworthy.settings.seed_files import validate_settings
from sendworthy.templates.parser import MAX_TEMPLATE_BYTES

from tests.campaigns.test_compiler import project  # noqa: F401 - a fixture
from tests.support.campaign_project import ID, problems_of
from tests.support.projects import ROOT, sendworthy


def a_link_out(path: Path) -> None:
    # as it was, and only elsewhere: what is in it is no reason to refuse it
    outside = Path(tempfile.mkdtemp()) / path.name
    path.rename(outside)
    path.symlink_to(outside)


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def without_an_end(path: Path) -> None:
    os.truncate(path, 1 << 40)


WRONG: dict[str, tuple[Callable[[Path], None], str]] = {
    "a link out of the project": (a_link_out, "it is a link that leads out of the folder"),
    "a pipe": (a_pipe, "it is a named pipe, not a file"),
    "a device": (a_device, "it is a link that leads out of the folder"),
    "no end": (without_an_end, "it is longer than"),
}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where links of `a_link_out` lead."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("elsewhere")))


@pytest.fixture(autouse=True)
def nothing_hangs() -> Iterator[None]:
    """Whatever it is, it is said at once."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 60


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("name", ["campaign.yml", "personalized.liquid"])
def test_a_file_of_a_campaign(project: Path, name: str, case: str) -> None:
    make, words = WRONG[case]
    where = f"campaigns/{ID}/{name}"
    make(project / where)
    problems = [problem for problem in problems_of(project) if problem.startswith(where)]
    # what cannot be opened is no template: it is said of its name
    assert any(words in problem or "not a template" in problem for problem in problems), problems
    assert all(" -> " in problem and not problem.endswith(" -> ") for problem in problems)


@pytest.mark.parametrize("case", WRONG)
def test_a_shared_text(project: Path, case: str) -> None:
    make, words = WRONG[case]
    partial = project / "campaigns" / "_partials" / "footer.liquid"
    partial.parent.mkdir()
    partial.write_text("Bye {{ first_name | default: 'you' }}", encoding="utf-8")
    make(partial)
    problems = [
        problem for problem in problems_of(project) if problem.startswith("campaigns/_partials/footer.liquid")
    ]
    assert any(words in problem or "not a partial" in problem for problem in problems), problems


def test_a_text_may_be_a_link_to_one_of_another_campaign(project: Path) -> None:
    default = project / "campaigns" / ID / "default.liquid"
    shared = project / "campaigns" / "_partials" / "footer.liquid"
    shared.parent.mkdir()
    default.rename(shared)
    shared.write_text("Hello {{ first_name | default: 'there' }}", encoding="utf-8")
    default.symlink_to(shared)
    assert not [
        problem
        for problem in check_fresh(project)
        if "default.liquid" in problem.where and "link" in problem.what
    ]


def test_a_folder_of_a_campaign_that_is_a_link_out(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / ID
    (project / "campaigns" / ID).rename(elsewhere)
    (project / "campaigns" / ID).symlink_to(elsewhere)
    problems = problems_of(project)
    assert any(
        "campaign.yml" in problem and "leads out of the folder campaigns/" in problem for problem in problems
    )


@pytest.mark.parametrize("case", WRONG)
def test_a_seed(project: Path, case: str) -> None:
    make, words = WRONG[case]
    for name in ("frequency_caps", "global_suppressions"):
        make(project / "seeds" / f"{name}.csv")
    problems = {problem.where: problem for problem in validate_settings(project)}
    for name in ("frequency_caps", "global_suppressions"):
        found = problems[f"seeds/{name}.csv"]
        assert words in found.what and found.fix


@pytest.mark.parametrize("case", WRONG)
def test_dbt_s_own_files(tmp_path: Path, case: str) -> None:
    make, _ = WRONG[case]
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copyfile(ROOT / name, tmp_path / name)
        make(tmp_path / name)
    described = tmp_path / "models" / "exports" / "export_braze.yml"
    described.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "models" / "exports" / "export_braze.yml", described)
    make(described)
    for read in (
        lambda: Project(tmp_path).variable("destinations"),
        lambda: read_target(Project(tmp_path), None, {}),
        lambda: load_destinations(tmp_path),
    ):
        with pytest.raises(SettingsError) as caught:
            read()
        assert caught.value.fix


def test_aliases_that_double_end_at_once(project: Path) -> None:
    campaign = project / "campaigns" / ID / "campaign.yml"
    lines = ["x0: &x0 [a, b]", *(f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 9))]
    before = campaign.read_text(encoding="utf-8")
    campaign.write_text(before + "\n".join(lines), encoding="utf-8")
    began = time.monotonic()
    problems = problems_of(project)
    assert time.monotonic() - began < 5
    assert [problem for problem in problems if "campaign.yml" in problem] == [
        # the second of the lines is the first with an alias
        f"campaigns/{ID}/campaign.yml:{before.count(chr(10)) + 2} [campaign.yml] aliases (*name) are not read "
        "here -> write the value out; a text that begins with * stands in double quotes"
    ]


def test_one_alias_is_an_error_with_its_line(project: Path) -> None:
    campaign = project / "campaigns" / ID / "campaign.yml"
    campaign.write_text(
        campaign.read_text(encoding="utf-8")
        .replace("owner: crm-team", "owner: &o crm-team")
        .replace("escalation_contact: crm@example.com", "escalation_contact: *o"),
        encoding="utf-8",
    )
    line = campaign.read_text(encoding="utf-8").splitlines().index("escalation_contact: *o") + 1
    assert any(problem.startswith(f"campaigns/{ID}/campaign.yml:{line} ") for problem in problems_of(project))


def test_a_template_of_the_longest_length_is_read(project: Path) -> None:
    template = project / "campaigns" / ID / "default.liquid"
    head = "---\nsubject: Your basket\n---\n"
    template.write_text(head + "x" * (MAX_TEMPLATE_BYTES - len(head)), encoding="utf-8")
    assert not [problem for problem in check_fresh(project) if problem.where.endswith("default.liquid")]


def test_an_empty_radius_is_the_default_and_a_wrong_one_is_said(project: Path) -> None:
    places = project / "seeds" / "places.csv"
    head = "place_id,name,latitude,longitude,radius_m\n"
    places.write_text(f"{head}here,Here,1,1,\n", encoding="utf-8")
    assert validate_settings(project) == []
    for radius in ("0", "-1", "far", "100001"):
        places.write_text(f"{head}here,Here,1,1,{radius}\n", encoding="utf-8")
        (problem,) = validate_settings(project)
        assert problem.where == "seeds/places.csv:2" and problem.fix.endswith(
            "or leave it empty: then it is 50"
        )


def test_the_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    copied = tmp_path / "project"
    for name in ("seeds", "campaigns", "models/intermediate/customers"):
        shutil.copytree(ROOT / name, copied / name)
    shutil.copyfile(ROOT / "dbt_project.yml", copied / "dbt_project.yml")
    first = min((copied / "campaigns").glob("*__*"))
    a_pipe(first / "campaign.yml")
    done = sendworthy("compile", cwd=copied)
    assert done.returncode == 2 and f"{first.name}/campaign.yml" in done.stderr
    assert "it is a named pipe" in done.stderr and "Traceback" not in done.stderr
