"""The calendar of experiments: what campaign.yml and learned.md may say, in which words they are refused, and where one stands."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sendworthy.campaigns.compiler import EXPERIMENTS_SEED, check_fresh, compile_project
from sendworthy.campaigns.experiments import CompiledExperiment, State, read_experiments
from sendworthy.foundation.errors import SettingsError

from tests.support.campaign_project import ID, edit, make_project, problems_of

EXPERIMENT = "experiment: {holdout_percent: 10, pilot_percent: 100}\n"
YML, LEARNED = f"campaigns/{ID}/campaign.yml", f"campaigns/{ID}/learned.md"

CALENDAR = {
    "hypothesis": "Two more in a hundred order, because they find it again",
    "starts": "2026-03-01",
    "planned_end": "2026-04-30",
}
POST_MORTEM = """\
---
decided: 2026-05-04
decision: ship
expected: Two more in a hundred order
observed: {result: One more in a hundred ordered, low: -0.25, high: 2.50}
next: The letter stays, and its text is tried in two arms
---
What else is to be said stands here, TBD or not.
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def plan(project: Path, holdout: int = 10, /, **changed: str | None) -> None:
    """Give the campaign a calendar: that of these tests with what is changed, without the keys that are None."""
    keys = {**CALENDAR, **changed}
    lines = "".join(f"  {key}: {value}\n" for key, value in keys.items() if value is not None)
    edit(project, EXPERIMENT, f"experiment:\n  holdout_percent: {holdout}\n{lines}")


def learn(project: Path, old: str = "", new: str = "") -> None:
    """Write the post-mortem, with one part of it changed."""
    assert not old or POST_MORTEM.count(old) == 1
    text = POST_MORTEM.replace(old, new) if old else POST_MORTEM
    (project / LEARNED).write_text(text, encoding="utf-8")


def rows(project: Path) -> list[dict[str, str]]:
    with (project / EXPERIMENTS_SEED).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# what is compiled


def test_a_calendar_and_a_post_mortem_are_compiled_into_one_row(project: Path) -> None:
    plan(project, owner="shop-team")
    learn(project)
    compile_project(project)
    assert rows(project) == [
        {
            "campaign_id": ID,
            "owner": "shop-team",
            "hypothesis": CALENDAR["hypothesis"],
            "starts": "2026-03-01",
            "planned_end": "2026-04-30",
            "decided": "2026-05-04",
            "decision": "ship",
            "expected": "Two more in a hundred order",
            "observed": "One more in a hundred ordered",
            "observed_low": "-0.25",
            "observed_high": "2.5",
            "next_step": "The letter stays, and its text is tried in two arms",
        }
    ]
    (read,) = read_experiments(project)
    assert (read.starts, read.observed_low, read.observed_high) == (date(2026, 3, 1), -0.25, 2.5)


def test_an_experiment_without_a_calendar_compiles_and_its_owner_is_the_campaigns(project: Path) -> None:
    compile_project(project)
    (row,) = rows(project)
    assert {name: value for name, value in row.items() if value} == {"campaign_id": ID, "owner": "crm-team"}
    assert read_experiments(project)[0].state_on(date(2026, 6, 1)) == State.no_planned_end


def test_a_campaign_that_compares_nothing_has_no_row(project: Path) -> None:
    edit(project, EXPERIMENT, "experiment: {pilot_percent: 50}\n")
    edit(project, "evaluation: holdout", "evaluation: none\n  evaluation_reason: Nobody may be left out")
    compile_project(project)
    assert rows(project) == []
    assert read_experiments(project) == []


def test_once_it_is_decided_the_holdout_may_go_and_the_record_stays(project: Path) -> None:
    plan(project, 0)
    edit(project, "evaluation: holdout", "evaluation: none\n  evaluation_reason: It was judged in spring")
    assert [one for one in problems_of(project) if "neither a holdout nor arms" in one]
    learn(project)
    compile_project(project)
    assert [row["decision"] for row in rows(project)] == ["ship"]


@pytest.mark.parametrize("file", ["campaign.yml", "learned.md"])
def test_what_was_changed_since_is_not_fresh(project: Path, file: str) -> None:
    plan(project)
    learn(project)
    compile_project(project)
    assert check_fresh(project) == []
    path = project / "campaigns" / ID / file
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert check_fresh(project) == [], "a checkout with other line ends is not a change"
    path.write_text(
        path.read_text(encoding="utf-8").replace("wo more in a hundred order", "en more order"),
        encoding="utf-8",
    )
    assert (EXPERIMENTS_SEED, ID) in [(stale.where, stale.key) for stale in check_fresh(project)]
    path.write_text(path.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    compile_project(project)
    assert check_fresh(project) == []
    (project / EXPERIMENTS_SEED).unlink()
    assert [(stale.where, stale.what) for stale in check_fresh(project)] == [
        (EXPERIMENTS_SEED, "the compiled seed is missing or unreadable")
    ]


@pytest.mark.parametrize("text", [None, "campaign_id,owner\na,b\n", f"campaign_id\n{ID}\n"])
def test_a_seed_that_this_version_did_not_write_is_refused(project: Path, text: str | None) -> None:
    compile_project(project)
    seed = project / EXPERIMENTS_SEED
    seed.unlink() if text is None else seed.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"experiments\.csv is missing, or is not what") as caught:
        read_experiments(project)
    assert caught.value.fix == "run: sendworthy compile"


# what is refused


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (
            {"hypothesis": None},
            [
                "experiment:11 hypothesis: missing: the experiment has starts, planned_end, and cannot be judged without it"
                " -> add hypothesis: one sentence: what will change, by how much, and why"
            ],
        ),
        (
            {"starts": None, "planned_end": None},
            [
                "experiment:11 starts: missing: the experiment has hypothesis, and cannot be judged without it"
                " -> add starts: 2026-12-01, its first day",
                "experiment:11 planned_end: missing: the experiment has hypothesis, and cannot be judged without it"
                " -> add planned_end: 2026-12-31, its last day",
            ],
        ),
        (
            {"hypothesis": None, "starts": None, "planned_end": None, "owner": "shop-team"},
            [
                f"experiment:11 {key}: missing: the experiment has owner, and cannot be judged without it -> add "
                for key in ("hypothesis", "starts", "planned_end")
            ],
        ),
        (
            {"planned_end": "2026-03-01"},
            ["experiment:15 planned_end: planned_end (2026-03-01) is not after starts (2026-03-01) -> swap the two"],
        ),
        (
            {"planned_end": "2026-03-07"},
            [
                "experiment:15 planned_end: nobody's 7 days of brief.success_window_days are over by then, so there is no"
                " result to judge -> let it end 7 days after starts (2026-03-01) at the earliest; more days tell more"
            ],
        ),
        ({"planned_end": "2026-03-08"}, []),
        ({"starts": "9999-12-30", "planned_end": "9999-12-31"}, ["experiment:15 planned_end: nobody's 7", "experiment:14 starts: "]),
        (
            {"starts": "2027-01-01", "planned_end": "2027-02-01"},
            [
                "experiment:14 starts: the campaign is not valid on any day of the experiment -> correct starts and"
                " planned_end, or the dates under valid"
            ],
        ),
        ({"starts": "2025-10-01", "planned_end": "2025-12-31"}, ["experiment:14 starts: the campaign is not valid"]),
        ({"starts": "2025-10-01", "planned_end": "2026-01-01"}, []),
        ({"starts": "2026-12-31", "planned_end": "2027-02-01"}, []),
        (
            {"hypothesis": "TBD", "owner": "n/a"},
            [
                "experiment:13 hypothesis: 'TBD' is a placeholder -> say here what will change, by how much, and why",
                "experiment:16 owner: 'n/a' is a placeholder -> write owner: crm-team",
            ],
        ),
        (
            {"hypothesis": '"TODO: what will change, by how much, and why"'},
            ["experiment:13 hypothesis: 'TODO' is a placeholder -> say here what will change"],
        ),
        (
            {"starts": "next week", "planned_end": "30.4.2026"},
            [
                "experiment:14 starts: 'next week' is not a date -> write it as 2026-12-31",
                "experiment:15 planned_end: '30.4.2026' is not a date -> write it as 2026-12-31",
            ],
        ),
        ({"hypothesis": '""'}, ["experiment:13 hypothesis: empty: it has to say something -> write hypothesis: one sentence"]),
        ({"planed_end": "2026-04-30"}, ['experiment:16 planed_end: unknown key -> did you mean "planned_end"?']),
    ],
)  # fmt: skip
def test_a_calendar_is_whole_and_long_enough(
    project: Path, changed: dict[str, str | None], expected: list[str]
) -> None:
    plan(project, **changed)
    if not expected:
        compile_project(project)
        return
    found = [
        one.replace(f"{YML}:", "experiment:").replace("[experiment.", "").replace("]", ":", 1)
        for one in problems_of(project)
    ]
    assert len(found) == len(expected), found
    for problem, words in zip(found, expected, strict=True):
        assert problem.startswith(words), problem


def test_a_calendar_needs_something_that_is_compared(project: Path) -> None:
    plan(project, 0)
    found = [one for one in problems_of(project) if "[experiment" in one]
    assert found == [
        f"{YML}:13 [experiment.hypothesis] there is neither a holdout nor arms, so nothing is compared"
        " -> set a holdout_percent above 0, or arms, or remove hypothesis, starts, planned_end"
    ]
    learn(project, "decision: ship", "decision: keep_going")
    assert [one for one in problems_of(project) if "neither a holdout nor arms" in one]
    # what a file with mistakes decides is not known
    learn(project, "decision: ship", "decision: shipped")
    assert not [one for one in problems_of(project) if "neither a holdout nor arms" in one]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("decided: 2026-05-04\n", "", ["2 [decided] missing: a post-mortem says it -> add decided: 2026-12-31, the day of"]),
        ("decision: ship\n", "", ["2 [decision] missing: a post-mortem says it -> add decision: ship, stop, keep_going or change"]),
        ("expected: Two more in a hundred order\n", "", ["2 [expected] missing: "]),
        ("next: The letter stays, and its text is tried in two arms\n", "", ["2 [next] missing: "]),
        (
            "observed: {result: One more in a hundred ordered, low: -0.25, high: 2.50}\n",
            "",
            ["2 [observed] missing: a post-mortem says it -> add observed: {result: one sentence, low: -0.4, high: 2.8}"],
        ),
        (
            "{result: One more in a hundred ordered, low: -0.25, high: 2.50}",
            "{result: One more in a hundred ordered}",
            [
                "5 [observed.low] missing: a post-mortem says it -> add low: the lower end of the interval, a number",
                "5 [observed.high] missing: a post-mortem says it -> add high: the upper end of the interval, a number",
            ],
        ),
        ("low: -0.25", "low: 2.51", ["5 [observed] low (2.51) is more than high (2.5) -> swap the two"]),
        ("low: -0.25", "low: 2.5", []),
        ("low: -0.25", "low: nothing", ["5 [observed.low] 'nothing' is not a number -> write a number from "]),
        ("low: -0.25", "low: -.inf", ["5 [observed.low] -inf is not a number"]),
        ("low: -0.25", "low: .nan", ["5 [observed.low] nan is not a number"]),
        ("low: -0.25", "low: true", ["5 [observed.low] True is not a number"]),
        ("high: 2.50", "high: 0.1234567", ["5 [observed.high] 0.1234567 is too exact -> write at most 6 digits"]),
        ("high: 2.50", "high: 1000000001", ["5 [observed.high] 1000000001 is out of range"]),
        ("{result: One more in a hundred ordered, low: -0.25, high: 2.50}", "some", ["5 [observed] 'some' is not a group of keys -> write observed: {result"]),
        ("decision: ship", "decision: shipped", ['3 [decision] \'shipped\' is not allowed -> did you mean "ship"?']),
        ("decision: ship", "decision: ", ["3 [decision] empty: a post-mortem says it -> "]),
        ("decision: ship", "decision: maybe", ["3 [decision] 'maybe' is not allowed -> write one of ship, stop, keep_going, change"]),
        ("decided: 2026-05-04", "decided: soon", ["2 [decided] 'soon' is not a date -> write it as 2026-12-31"]),
        (
            "decided: 2026-05-04",
            "decided: 2026-02-28",
            [
                "2 [decided] decided (2026-02-28) is before the experiment starts (2026-03-01) -> correct one of the two;"
                " where it is about an earlier experiment, version control keeps it: remove the file"
            ],
        ),
        ("decided: 2026-05-04", "decided: 2026-03-01", []),
        ("expected: Two more in a hundred order", "expected: TBD", ["4 [expected] 'TBD' is a placeholder -> write expected: one sentence"]),
        ("result: One more in a hundred ordered", "result: n/a", ["5 [observed.result] 'n/a' is a placeholder -> write result: "]),
        ("next: The letter stays, and its text is tried in two arms", "next: lorem ipsum", ["6 [next] 'lorem ipsum' is a placeholder -> "]),
        ("next: The letter stays, and its text is tried in two arms", "next: |\n  one\n  two", ["6 [next] holds a line break -> write it on one line"]),
        ("expected:", "expcted:", ["2 [expected] missing: ", '4 [expcted] unknown key -> did you mean "expected"?']),
        ("decision: ship", "decision: ship\ndecision: stop", ["4 [decision] given twice -> remove one of them (the other is on line 3)"]),
        ("decision: ship", "decision ship", ["4 [post-mortem] not YAML: "]),
        ("decision: ship", "decision: *it", ["3 [post-mortem] aliases (*name) are not read here -> "]),
        (POST_MORTEM, "We shipped it.\n", ["1 [post-mortem] what was learned has to stand between two lines ---"]),
        (POST_MORTEM, POST_MORTEM.rpartition("---\n")[0], ["1 [post-mortem] what was learned has to stand between two lines ---"]),
        (POST_MORTEM, "", ["1 [post-mortem] what was learned has to stand between two lines ---"]),
        (POST_MORTEM, "---\n---\n", [f"1 [{key}] missing: " for key in ("decided", "decision", "expected", "observed", "next")]),
        (POST_MORTEM, "---\n- ship\n---\n", ["2 [post-mortem] a list or a group of keys is not a group of keys -> write "]),
        (POST_MORTEM, POST_MORTEM.replace("\n", "\r\n"), []),
        (POST_MORTEM, "\ufeff" + POST_MORTEM, []),
        ("What else is to be said stands here, TBD or not.\n", "", []),
    ],
)  # fmt: skip
def test_a_post_mortem_says_what_was_learned(project: Path, old: str, new: str, expected: list[str]) -> None:
    plan(project)
    learn(project, old, new)
    if not expected:
        compile_project(project)
        return
    found = problems_of(project)
    assert len(found) == len(expected), found
    for problem, words in zip(found, expected, strict=True):
        assert problem.startswith(f"{LEARNED}:{words}"), problem


@pytest.mark.parametrize("decided", ["2026-04-29", "2026-04-30", "2026-05-04"])
def test_to_keep_going_needs_a_later_end(project: Path, decided: str) -> None:
    plan(project)
    learn(project, "decided: 2026-05-04\ndecision: ship", f"decided: {decided}\ndecision: keep_going")
    if decided < CALENDAR["planned_end"]:
        compile_project(project)
        return
    assert problems_of(project) == [
        f"{LEARNED}:3 [decision] to keep going was decided on {decided}, and the planned end (2026-04-30) is not later"
        " -> set planned_end in campaign.yml to the day on which you will judge again, or decide"
    ]


def test_mistakes_in_both_files_come_together(project: Path) -> None:
    plan(project, hypothesis="TBD", planned_end="2026-02-01")
    learn(project, "decided: 2026-05-04", "decided: 2026-01-01")
    (project / "campaigns" / ID / "learnt.md").write_text("x", encoding="utf-8")
    places = [problem.partition("]")[0] for problem in problems_of(project)]
    assert sorted(places) == [
        f"{YML}:13 [experiment.hypothesis",
        f"{YML}:15 [experiment.planned_end",
        f"{LEARNED}:2 [decided",
        f"campaigns/{ID}/learnt.md [template",
    ]


def test_bytes_that_are_no_text_and_links_out_of_the_folder_are_refused(
    project: Path, tmp_path: Path
) -> None:
    path = project / LEARNED
    path.write_bytes(b"---\nnext: \xff\n---\n")
    assert [one for one in problems_of(project) if one.startswith(f"{LEARNED}:2 [post-mortem] not UTF-8")]
    path.unlink()
    path.symlink_to(tmp_path / "gone.md")
    assert [one for one in problems_of(project) if one.startswith(f"{LEARNED} [post-mortem] cannot be read")]


# where it stands


def experiment(**changed: Any) -> CompiledExperiment:
    fields = {name: "" for name in CompiledExperiment.model_fields}
    planned = {"campaign_id": ID, "owner": "crm-team", **CALENDAR}
    return CompiledExperiment.model_validate({**fields, **planned, **changed})


@pytest.mark.parametrize(
    ("day", "changed", "state"),
    [
        ("2026-02-28", {}, "not_started"),
        ("2026-03-01", {}, "running"),
        ("2026-04-30", {}, "running"),  # the planned end is its last day
        ("2026-05-01", {}, "due"),
        ("2026-02-28", {"decision": "stop"}, "learned"),
        ("2026-05-01", {"decision": "ship"}, "learned"),
        ("2026-05-01", {"decision": "change"}, "learned"),
        ("2026-04-30", {"decision": "keep_going"}, "running"),
        ("2026-05-01", {"decision": "keep_going"}, "due"),
        ("2026-05-01", {"starts": "", "planned_end": "", "hypothesis": ""}, "no_planned_end"),
        ("2026-05-01", {"starts": "", "planned_end": "", "hypothesis": "", "decision": "stop"}, "learned"),
        ("2026-05-01", {"starts": "", "planned_end": "", "hypothesis": "", "decision": "keep_going"}, "no_planned_end"),
    ],
)  # fmt: skip
def test_where_an_experiment_stands(day: str, changed: dict[str, str], state: str) -> None:
    assert experiment(**changed).state_on(date.fromisoformat(day)).value == state


DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))


@given(starts=DAYS, length=st.integers(1, 400), day=DAYS, decision=st.sampled_from(["", "keep_going"]))
def test_an_open_experiment_goes_one_way(starts: date, length: int, day: date, decision: str) -> None:
    """Day after day it is at one place, and never goes back; it is due from the day after its last one on, for ever."""
    end = starts + timedelta(days=length)
    item = experiment(starts=str(starts), planned_end=str(end), decision=decision)
    way = [State.not_started, State.running, State.due]
    here, tomorrow = (way.index(item.state_on(on)) for on in (day, day + timedelta(days=1)))
    assert tomorrow - here in (0, 1)
    assert (item.state_on(day) == State.due) == (day > end)
    assert (item.state_on(day) == State.running) == (starts <= day <= end)
