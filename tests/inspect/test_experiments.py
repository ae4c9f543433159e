"""`sendworthy experiments`: what is due, what runs, what was learned, with what the published night says, and before any night."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest
from sendworthy.campaigns.compiler import EXPERIMENT_COLUMNS, EXPERIMENTS_SEED, compile_project
from sendworthy.foundation.project import Project
from sendworthy.inspect.experiments import list_experiments

from tests.inspect.test_report import published  # noqa: F401
from tests.support.campaign_project import ID, edit, make_project
from tests.support.projects import ROOT, sendworthy

PLAN = ("Two more in a hundred order", "2026-03-01")
# campaign, owner, hypothesis, starts, planned end, decided, decision, expected, observed, low, high, next
ROWS = [
    ("a__b__email", "crm-team", *PLAN, "2026-06-01"),
    ("all_held", "crm-team"),
    ("gone", "crm-team", *PLAN, "2026-05-30", "2026-05-30", "stop", "More", "Fewer of them came", "-1234.5", "-0.000001", "None"),
    ("none_yet", "app-team", PLAN[0], "2026-06-02", "2026-07-31"),
    ("open", "app-team", *PLAN, "2026-05-31"),
    ("with_arms", "shop-team", *PLAN, "2026-05-01", "2026-04-01", "keep_going", "More", "No difference yet", "-2", "3", "Wait"),
    ("wrong", "a-team-with-a-name-that-is-as-long-as-names-of-teams-are-in-large-companies"),
]  # fmt: skip


def make_settings(folder: Path, rows: list[tuple[str, ...]]) -> Path:
    """A project with compiled experiments and nothing else."""
    (folder / "dbt_project.yml").write_text("name: sendworthy\n", encoding="utf-8")
    seed = folder / EXPERIMENTS_SEED
    seed.parent.mkdir(parents=True)
    with seed.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(EXPERIMENT_COLUMNS)
        writer.writerows((*row, *[""] * (len(EXPERIMENT_COLUMNS) - len(row))) for row in rows)
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    return make_settings(tmp_path, ROWS)


def test_beside_the_published_night_the_due_ones_first(settings: Path, published: Path) -> None:
    shown = sendworthy("experiments", "--db", published, "--json", cwd=settings)
    assert shown.returncode == 0, shown.stderr
    said = json.loads(shown.stdout)
    # not the day of the clock
    assert (said["as_of"], said["day"]) == ("2026-06-01T00:00:00Z", "2026-06-01")
    found = {item["campaign_id"]: item for item in said["experiments"]}
    assert [(name, item["state"], item["days_over"], item["days_left"]) for name, item in found.items()] == [
        ("with_arms", "due", 31, None),
        ("open", "due", 1, None),
        ("a__b__email", "running", None, 1),
        ("none_yet", "not_started", None, None),
        ("gone", "learned", None, None),
        ("all_held", "no_planned_end", None, None),
        ("wrong", "no_planned_end", None, None),
    ]
    (whole,) = found["a__b__email"]["results"]
    assert whole == {
        "arm": None,
        "verdict": "ship",
        "reason": "better_than_control",
        "lift": 0.05,
        "lift_low": 0.01,
        "lift_high": 0.09,
    }
    # where no verdict is, there is nothing to show: of the whole, of the first arm, of a single variant
    assert [(one["arm"], one["verdict"]) for one in found["with_arms"]["results"]] == [("urgent", "ship")]
    assert [(one["arm"], one["verdict"]) for one in found["wrong"]["results"]] == [
        (None, "stop"),
        ("late", "stop"),
    ]
    assert [found[name]["results"] for name in ("open", "none_yet", "gone", "all_held")] == [[]] * 4
    assert (found["gone"]["observed_low"], found["gone"]["observed_high"]) == (-1234.5, -0.000001)


def test_the_table_says_the_same_in_80_columns(settings: Path, published: Path) -> None:
    shown = sendworthy("experiments", "--db", published, cwd=settings)
    assert shown.returncode == 0, shown.stderr
    lines = [" ".join(line.split()) for line in shown.stdout.splitlines()]
    assert lines[0] == "experiments, night of 2026-06-01T00:00:00Z; lift in points"
    assert lines[1] == "experiment planned end verdict lift is within"
    # a long owner is broken where the terminal breaks it
    assert lines[3:-2] == [
        "with_arms, shop-team",
        "due for a decision, 31 days over 2026-05-01",
        "keep going on 2026-04-01: No difference",
        "yet (-2 to 3)",
        "arm urgent ship +5.0 to +15.0",
        "open, app-team",
        "due for a decision, 1 day over 2026-05-31",
        "a__b__email, crm-team",
        "runs, 1 day left 2026-06-01 ship +1.0 to +9.0",
        "none_yet, app-team",
        "starts on 2026-06-02 2026-07-31",
        "gone, crm-team",
        "learned 2026-05-30",
        "stop on 2026-05-30: Fewer of them came",
        "(-1,234.5 to -0.000001)",
        f"wrong, {ROWS[-1][1]}",
        "no planned end stop -9.0 to -1.0",
        "arm late stop -20.0 to -5.0",
        "",
    ]
    assert lines[-2:] == ["no planned end, and no results yet:", "all_held, crm-team"]
    long = [line for line in shown.stdout.splitlines() if len(line) > 80]
    assert all(ROWS[-1][1] in line for line in long), long


def test_before_any_night_the_clock_says_the_day(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    (project / "dbt_project.yml").write_text("name: sendworthy\n", encoding="utf-8")
    edit(
        project,
        "experiment: {holdout_percent: 10,",
        "experiment: {hypothesis: More of them order, starts: 2026-03-01, planned_end: 2026-03-31, holdout_percent: 10,",
    )
    compile_project(project)
    for now, state, words in (
        ("2026-03-31T23:59:59Z", "running", "runs, 1 day left"),
        ("2026-04-01T00:00:00Z", "due", "due for a decision, 1 day over"),
    ):
        shown = sendworthy("experiments", "--now", now, cwd=project)
        assert shown.returncode == 0, shown.stderr
        assert shown.stdout.startswith(f"experiments, no night yet, {now[:10]} by the clock; ")
        assert words in shown.stdout and not shown.stderr
        said = json.loads(sendworthy("experiments", "--now", now, "--json", cwd=project).stdout)
        assert (said["as_of"], said["day"]) == (None, now[:10])
        assert [(item["state"], item["results"]) for item in said["experiments"]] == [(state, [])]
    # without --now it is the machine's clock, and that is later than the planned end
    assert "due for a decision" in sendworthy("experiments", cwd=project).stdout
    # what is written and not compiled does not count yet, and that is said
    (project / "campaigns" / ID / "learned.md").write_text(
        "---\ndecided: 2026-04-01\ndecision: stop\nexpected: More of them\nobserved: {result: As many, low: -1, high: 1}\n"
        "next: Try another text\n---\n",
        encoding="utf-8",
    )
    changed = sendworthy("experiments", cwd=project)
    assert changed.returncode == 0 and "run sendworthy compile" in changed.stderr
    assert "due for a decision" in changed.stdout
    assert sendworthy("compile", cwd=project).returncode == 0
    assert "stop on 2026-04-01: As many (-1 to 1)" in " ".join(
        sendworthy("experiments", cwd=project).stdout.split()
    )


def test_what_is_not_there_is_said_with_what_to_do(settings: Path) -> None:
    nowhere = sendworthy("experiments", "--db", "none.duckdb", cwd=settings)
    assert nowhere.returncode == 2 and "run `sendworthy nightly` first" in nowhere.stderr
    (settings / EXPERIMENTS_SEED).unlink()
    without = sendworthy("experiments", cwd=settings)
    assert without.returncode == 2 and "run: sendworthy compile" in without.stderr
    assert "Traceback" not in without.stderr


def test_without_experiments_it_says_so(tmp_path: Path) -> None:
    shown = sendworthy("experiments", cwd=make_settings(tmp_path, []))
    assert shown.returncode == 0 and "no campaign compares anything" in shown.stdout


def test_the_sample_shows_what_runs_what_is_to_start_and_what_was_learned() -> None:
    """On the sample's night nothing is due, so that its end stays as it is."""
    calendar = list_experiments(Project(ROOT), None, datetime(2026, 6, 1))
    states = Counter(item.state for item in calendar.experiments)
    assert states == {
        "running": 1,
        "not_started": 1,
        "learned": 1,
        "no_planned_end": len(calendar.experiments) - 3,
    }
