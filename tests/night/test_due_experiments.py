"""A night names the experiments that are past their planned end, and nothing else changes."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from sendworthy.campaigns.compiler import compile_project

from tests.landing.test_unreadable_input import PEOPLE, event, land, profile
from tests.support.projects import FIRST, Place, copy_project, sendworthy

AS_OF = datetime.fromisoformat(FIRST)
# how many days before as_of each experiment was to end: the planned end is its last day
DUE, LAST_DAY, LEARNED = (
    "win_back__lapsed__email",
    "thank_you__loyal__email",
    "abandoned_cart__cart_item_added__email",
)


def end(place: Place, campaign: str, day: date) -> None:
    """Let an experiment of the sample end on a day, after two months."""
    path = place.root / "campaigns" / campaign / "campaign.yml"
    lines = path.read_text(encoding="utf-8").splitlines()
    for place_of, line in enumerate(lines):
        if line.startswith("  starts:"):
            lines[place_of] = f"  starts: {day - timedelta(days=60)}"
        if line.startswith("  planned_end:"):
            lines[place_of] = f"  planned_end: {day}"
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")


@pytest.mark.hard
def test_a_night_names_what_is_due_with_its_owner_and_releases_all_the_same(tmp_path: Path) -> None:
    place = Place(copy_project(tmp_path / "project"))
    today = AS_OF.date()
    end(place, DUE, today - timedelta(days=1))
    end(place, LAST_DAY, today)
    compile_project(place.root)
    land(
        place.root / "landing",
        [profile(number) for number in range(PEOPLE)],
        [event(number, "page_viewed") for number in range(PEOPLE)],
    )
    result = place.night(FIRST, "--raw", "landing", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    said = json.loads(result.stdout)
    named = [words for words in said["warnings"] if "experiment" in words]
    assert named == [
        f"{DUE}: its experiment was to end on 2026-05-31, and nobody has written down what was learned. crm-team: decide, "
        f"and write campaigns/{DUE}/learned.md, or set a later planned_end."
    ]
    for campaigns in (said["campaigns"], place.manifest(FIRST)["campaigns"]):
        due = {one["campaign_id"]: one["experiment_due"] for one in campaigns if "experiment_due" in one}
        assert due == {DUE: {"planned_end": "2026-05-31", "owner": "crm-team"}}
        assert {one["status"] for one in campaigns} == {"released"}
    # the command counts from the night, whatever the clock says
    listed = json.loads(sendworthy("experiments", "--now", "2031-01-01", "--json", cwd=place.root).stdout)
    states = {
        one["campaign_id"]: (one["state"], one["days_over"], one["days_left"])
        for one in listed["experiments"]
    }
    assert listed["as_of"] == "2026-06-01T00:00:00Z"
    assert states[DUE] == ("due", 1, None)
    assert states[LAST_DAY] == ("running", None, 1)
    assert states[LEARNED] == ("learned", None, None)
    assert states["newsletter__active__email"] == ("no_planned_end", None, None)
    # and so does what people see at the end of a night
    path = place.root / "campaigns" / DUE / "learned.md"
    path.write_text(
        "---\ndecided: 2026-06-01\ndecision: stop\nexpected: Two more\nobserved: {result: None more, low: -1, high: 1}\n"
        "next: Try another text\n---\n",
        encoding="utf-8",
    )
    end(place, LAST_DAY, today - timedelta(days=7))
    compile_project(place.root)
    result = place.night(FIRST, "--raw", "landing")
    assert result.returncode == 0, result.stdout + result.stderr
    (note,) = [line for line in result.stderr.splitlines() if "experiment" in line]
    assert (
        note.startswith(f"note {LAST_DAY}: its experiment was to end on 2026-05-25")
        and "lifecycle-team" in note
    )
