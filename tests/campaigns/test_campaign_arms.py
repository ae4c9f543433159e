"""Arms of a campaign: what compiles, what does not, and in which words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from sendworthy.campaigns.compiler import (
    CAMPAIGNS_SEED,
    REQUIREMENTS_SEED,
    SCHEMA_FILE,
    compile_project,
)

from tests.support.campaign_project import DEFAULT, ID, PERSONALIZED, edit, make_project, problems_of

ARMS = "{plain: 50, urgent: 50}"


def of_arm(text: str, arm: str) -> str:
    return text.replace("---\n", f"---\narm: {arm}\n", 1)


TEMPLATES = {
    "plain_personalized": of_arm(PERSONALIZED, "plain"),
    "plain_default": of_arm(DEFAULT, "plain"),
    "urgent_personalized": of_arm(PERSONALIZED.replace("Hi", "Now,"), "urgent"),
    "urgent_default": of_arm(DEFAULT.replace("Your basket", "Today only"), "urgent"),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A campaign with two arms, each with templates of its own."""
    made = make_project(tmp_path)
    for file in (made / "campaigns" / ID).glob("*.liquid"):
        file.unlink()
    for name, text in TEMPLATES.items():
        write(made, name, text)
    edit(made, "pilot_percent: 100", f"pilot_percent: 100, arms: {ARMS}")
    return made


def write(project: Path, name: str, text: str) -> None:
    (project / "campaigns" / ID / f"{name}.liquid").write_text(text, encoding="utf-8")


def remove(project: Path, name: str) -> None:
    (project / "campaigns" / ID / f"{name}.liquid").unlink()


def read(project: Path, seed: str) -> list[dict[str, str]]:
    with (project / seed).open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))


def test_arms_are_compiled_in_their_order_each_with_its_variants(project: Path) -> None:
    edit(project, ARMS, "{urgent: 10, plain: 90}")
    compile_project(project)
    (campaign,) = read(project, CAMPAIGNS_SEED)
    assert campaign["arms"] == "urgent:10;plain:90"
    rows = [(row["variant"], row["arm"], row["variant_rank"]) for row in read(project, REQUIREMENTS_SEED)]
    # <arm>_personalized is tried first in its arm, and <arm>_default last, whatever the alphabet says
    assert rows == [
        ("urgent_personalized", "urgent", "1"),
        ("urgent_default", "urgent", "2"),
        ("plain_personalized", "plain", "3"),
        ("plain_default", "plain", "4"),
    ]


def test_without_arms_the_columns_are_empty(tmp_path: Path) -> None:
    compile_project(make_project(tmp_path))
    assert [row["arms"] for row in read(tmp_path, CAMPAIGNS_SEED)] == [""]
    assert {row["arm"] for row in read(tmp_path, REQUIREMENTS_SEED)} == {""}
    arms = json.loads((tmp_path / SCHEMA_FILE).read_text(encoding="utf-8"))["$defs"]["Experiment"][
        "properties"
    ]["arms"]
    assert arms["additionalProperties"] == {"type": "integer", "minimum": 1, "maximum": 99}


@pytest.mark.parametrize(
    ("arms", "expected"),
    [
        ("{plain: 50, urgent: 49}", ["[experiment.arms] the shares add up to 99, not to 100"]),
        ("{plain: 50, urgent: 51}", ["[experiment.arms] the shares add up to 101, not to 100"]),
        (
            "{plain: 0, urgent: -5}",
            ["[experiment.arms.plain] 0 is no share", "[experiment.arms.urgent] -5 is no share"],
        ),
        (
            '{plain: 33.5, urgent: "50"}',
            ["[experiment.arms.plain] 33.5 is no share", "[experiment.arms.urgent] '50' is no share"],
        ),
        ("{plain: true, urgent: 99}", ["[experiment.arms.plain] True is no share"]),
        ("{plain: , urgent: 99}", ["[experiment.arms.plain] None is no share"]),
        ("{plain: [50], urgent: 50}", ["[experiment.arms.plain] a list or a group of keys is no share"]),
        ("[plain, urgent]", ["[experiment.arms] a list or a group of keys is not a group of keys"]),
    ],
)
def test_shares_are_whole_percents_that_add_up(project: Path, arms: str, expected: list[str]) -> None:
    edit(project, ARMS, arms)
    found = [one for one in problems_of(project) if "[experiment" in one]
    assert len(found) == len(expected)
    for problem, words in zip(found, expected, strict=True):
        assert problem.startswith(f"campaigns/{ID}/campaign.yml:11 {words} -> "), problem


def test_the_fix_of_arms_that_are_no_group_is_an_example(project: Path) -> None:
    edit(project, ARMS, "[plain, urgent]")
    assert [one for one in problems_of(project) if one.endswith("-> write arms: {plain: 50, urgent: 50}")]


def test_one_arm_is_no_comparison(project: Path) -> None:
    edit(project, ARMS, "{plain: 100}")
    remove(project, "urgent_personalized")
    remove(project, "urgent_default")
    assert problems_of(project) == [
        f"campaigns/{ID}/campaign.yml:11 [experiment.arms] there is one arm only, so nothing is compared"
        " -> add another arm and its templates, or remove arms"
    ]


@pytest.mark.parametrize("name", ["send", "control", "all"])
def test_an_arm_is_not_called_like_what_the_results_are_made_of(project: Path, name: str) -> None:
    edit(project, ARMS, f"{{plain: 50, {name}: 50}}")
    for variant in ("urgent_personalized", "urgent_default"):
        write(project, variant, TEMPLATES[variant].replace("arm: urgent", f"arm: {name}"))
    (problem,) = problems_of(project)
    assert f"[experiment.arms.{name}] '{name}' cannot be the name of an arm: the results use it" in problem


def test_an_arm_has_a_plain_name(project: Path) -> None:
    edit(project, ARMS, '{plain: 50, "Ur:gent;": 50}')
    found = [one for one in problems_of(project) if "cannot be the name of an arm" in one]
    assert found and "[experiment.arms.Ur:gent;]" in found[0]


def test_each_arm_has_a_template_and_each_template_an_arm(project: Path) -> None:
    """All of it at once, each with its place and its fix."""
    edit(project, ARMS, "{plain: 40, urgent: 40, late: 10, early: 10}")
    write(project, "urgent_default", DEFAULT)
    write(project, "urgent_personalized", of_arm(PERSONALIZED, "urgnt"))
    folder = f"campaigns/{ID}"
    assert problems_of(project) == [
        f"{folder}/urgent_default.liquid:1 [arm] the campaign has arms, and this template does not say whose it is"
        " -> add arm: to its front matter, one of plain, urgent, late, early",
        f"{folder}/urgent_personalized.liquid:2 [arm] unknown arm 'urgnt' -> did you mean \"urgent\"?",
        *[
            f"{folder}/campaign.yml:11 [experiment.arms.{arm}] no template is for this arm"
            f" -> write one with arm: {arm} in its front matter, or remove the arm"
            for arm in ("urgent", "late", "early")
        ],
    ]


def test_the_arms_of_templates_are_looked_at_while_something_else_is_wrong(project: Path) -> None:
    edit(project, "cooldown_days: 7", "cooldown_days: often")
    write(project, "urgent_default", of_arm(DEFAULT, "nobodys"))
    found = problems_of(project)
    assert any("cooldown_days" in one for one in found)
    assert any("[arm] unknown arm 'nobodys'" in one for one in found)


def test_a_template_names_no_arm_where_there_are_none(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    write(project, "default", of_arm(DEFAULT, "plain"))
    assert problems_of(project) == [
        f"campaigns/{ID}/default.liquid:2 [arm] the campaign has no arms"
        " -> remove the line, or set experiment: {arms: {...}} in campaign.yml"
    ]


@pytest.mark.parametrize("arm", ['"Plain arm"', "1st", '""'])
def test_a_template_s_arm_is_a_name(project: Path, arm: str) -> None:
    write(project, "urgent_default", of_arm(DEFAULT, arm))
    (problem,) = problems_of(project)
    assert "urgent_default.liquid:2 [arm]" in problem and "cannot be the name of an arm" in problem


def test_the_default_of_an_arm_requires_nothing(project: Path) -> None:
    write(project, "urgent_default", of_arm(PERSONALIZED, "urgent"))
    found = problems_of(project)
    assert {one.partition("[")[2].partition("]")[0] for one in found} == {"first_name", "cart_product_name"}
    assert all("default may require nothing" in one for one in found)


def test_an_arm_may_reach_fewer_people_where_each_has_its_own_control(project: Path) -> None:
    remove(project, "urgent_default")
    compile_project(project)


def test_arms_that_are_judged_by_one_another_reach_the_same_people(project: Path) -> None:
    edit(project, "evaluation: holdout", "evaluation: arms")
    compile_project(project)
    (project / CAMPAIGNS_SEED).unlink()
    remove(project, "urgent_default")
    assert problems_of(project) == [
        f"campaigns/{ID}/campaign.yml:27 [brief.evaluation] the arms reach different people: plain everybody;"
        " urgent those who have cart_product_name, first_name"
        " -> let the last template of each arm require the same merge fields, or evaluate it by holdout"
    ]
    # what else the arms say to whom does not matter
    remove(project, "plain_default")
    write(
        project,
        "plain_short",
        of_arm("---\nsubject: x\n---\n{{ city }}{{ cart_product_name }}{{ first_name }}", "plain"),
    )
    compile_project(project)


def test_arms_that_are_judged_by_one_another_need_no_holdout(project: Path) -> None:
    edit(project, "evaluation: holdout", "evaluation: arms")
    edit(project, "holdout_percent: 10", "holdout_percent: 0")
    compile_project(project)


def test_a_campaign_is_not_judged_by_arms_that_it_does_not_have(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    edit(project, "evaluation: holdout", "evaluation: arms")
    assert problems_of(project) == [
        f"campaigns/{ID}/campaign.yml:27 [brief.evaluation] evaluation: arms, but there are no arms"
        " -> set experiment: {arms: {plain: 50, urgent: 50}}, or write holdout, or none with a reason"
    ]
