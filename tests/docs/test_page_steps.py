"""The pages on adding something are true: what they say is done as it stands there, and a night then has all of it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.pages import PageError, Step, steps
from tests.support.projects import ROOT, copy_clone, sendworthy

PAGES = ("add-a-segment.md", "add-a-campaign.md", "add-a-destination.md")
AS_OF = datetime(2026, 6, 1)
CAMPAIGN = "win_back__lapsed__email__spring"
ORACLE = """
import json, sys
from datetime import datetime
from pathlib import Path
from tests.oracle import Settings, decide, load_landing
settings = Settings.load(Path.cwd())
night = decide(load_landing(Path("data/sample"), datetime(2026, 6, 1), settings), settings, datetime(2026, 6, 1))
json.dump(
    {
        "segments": {row["user_id"]: row["segments"] for row in night.customers},
        "shoe_size": {row["user_id"]: row["shoe_size"] for row in night.merge_field_values},
        "sent": sorted((row["campaign_id"], row["user_id"]) for row in night.send_list),
    },
    sys.stdout,
)
"""


def _csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def _sample(folder: Path) -> None:
    """A landing zone of sixty people: twenty ordered ten times, twenty nine times, and twenty have stayed away since winter."""
    shutil.rmtree(folder)
    folder.mkdir()
    sizes: tuple[dict[str, Any], ...] = ({"shoe_size": 42}, {"shoe_size": "n/a"}, {})
    users: list[dict[str, str]] = []
    events: list[dict[str, str]] = []
    for number in range(60):
        kind = ("ten", "nine", "away")[number // 20]
        user = f"{kind}{number:02}"
        users.append(
            {
                "user_id": user,
                "email": f"{user}@example.com",
                "first_name": "Ada",
                "country": "DE",
                "timezone": "UTC",
                "signed_up_at": "2025-01-01T00:00:00Z",
                "email_opt_in": "true",
                "email_opt_in_at": "2025-01-01T00:00:00Z",
                "attributes": json.dumps({"favorite_category": "shoes", **sizes[number % 3]}),
                "updated_at": "2025-01-01T00:00:00Z",
            }
        )
        orders = {"ten": 10, "nine": 9, "away": 1}[kind]
        # longer ago than any message asks about an order
        newest = AS_OF - timedelta(days=150 if kind == "away" else 20)
        events += [
            {
                "event_id": f"{user}-{place}",
                "user_id": user,
                "event_name": "order_completed",
                "occurred_at": (newest - timedelta(days=place)).isoformat(),
                "properties": json.dumps({"order_id": f"{user}-{place}", "total": 20, "currency": "EUR"}),
            }
            for place in range(orders)
        ]
    visit = AS_OF - timedelta(hours=12)
    events += [
        {"event_id": f"{user['user_id']}-visit", "user_id": user["user_id"], "event_name": "page_viewed"}
        | {"occurred_at": visit.isoformat(), "properties": "{}"}
        for user in users
        if not user["user_id"].startswith("away")
    ]
    _csv(folder / "users.csv", users)
    _csv(folder / "events.csv", events)
    headers = {
        "support_tickets": "ticket_id,user_id,status,created_at,updated_at",
        "message_events": "message_event_id,user_id,campaign_id,channel,event_type,occurred_at",
    }
    for table, header in headers.items():
        (folder / f"{table}.csv").write_text(header + "\n", encoding="utf-8")


def _follow(step: Step, project: Path) -> None:
    """Do a step: change its file, or run what it types."""
    if step.language != "console":
        step.do(project)
    for program, *arguments in step.commands:
        assert program == "sendworthy", f"{step.page}: {program}"
        done = sendworthy(*arguments, cwd=project)
        assert done.returncode == 0, f"{step.page}: {' '.join(arguments)}\n{done.stdout}{done.stderr}"


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_segment_a_merge_field_a_campaign_and_a_destination_as_the_pages_say(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy_clone(project)
    _sample(project / "data" / "sample")
    done = [step for page in PAGES for step in steps(ROOT / "docs" / page)]
    for step in done:
        _follow(step, project)
    typed = [command[1] for step in done for command in step.commands]
    assert typed == ["compile", "new-campaign", "compile", "nightly"]

    night = project / "out" / "2026-06-01"
    generic, braze, acme = (_rows(night / name / f"{CAMPAIGN}.csv") for name in ("generic", "braze", "acme"))
    assert len(generic) == len(braze) == len(acme) > 10
    assert {row["user_id"][:4] for row in generic} == {"away"}
    fields = [name.replace("home_city", "city") for name in list(braze[0])[7:]]
    assert {"first_name", "city", "shoe_size"} < {*fields}
    assert list(acme[0]) == [
        *("email", "sendworthy_user_id", "sendworthy_campaign_id", "sendworthy_dispatch_id"),
        *("sendworthy_blank_fields", *fields),
    ]
    assert {row["first_name"] for row in acme} == {"Ada"}

    letters = _rows(night / "braze" / "newsletter__active__email.csv")
    sizes = {row["external_id"]: (row["shoe_size"], row["sendworthy_blank_fields"]) for row in letters}
    assert len(sizes) > 20
    for user, found in sizes.items():
        has_size = int(user[-2:]) % 3 == 0
        assert found == (("42", "none") if has_size else ("", "shoe_size")), user

    with duckdb.connect(str(project / "sendworthy.duckdb"), read_only=True) as connection:

        def query(sql: str) -> list[tuple[Any, ...]]:
            return connection.execute(sql).fetchall()

        members = query(
            "select user_id from marts.customer_segments where segment = 'big_buyer' order by all"
        )
        assert [user for (user,) in members] == [f"ten{number:02}" for number in range(20)]
        described = query("select description from settings.merge_fields where merge_field = 'shoe_size'")
        assert described == [("Shoe size from the profile's custom attributes",)]
        decided = {
            "segments": {
                user: sorted(names) for user, names in query("from marts.customers select user_id, segments")
            },
            "shoe_size": dict(query("select user_id, shoe_size from marts.merge_field_values")),
            "sent": sorted(map(list, query("select campaign_id, user_id from marts.send_list"))),
        }
    oracle = subprocess.run(
        [sys.executable, "-c", ORACLE], cwd=project, capture_output=True, text=True, check=False, timeout=300
    )
    assert oracle.returncode == 0, oracle.stderr
    assert json.loads(oracle.stdout) == decided


def test_each_block_of_the_pages_is_a_step() -> None:
    """A block that says nowhere to go, and a fence that nobody closes, would be passed over."""
    for page in PAGES:
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        found = list(steps(ROOT / "docs" / page))
        assert 2 * len(found) == text.count("```"), page
        for step in found:
            assert step.commands or step.file, f"{page}: {step.words}"


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("In `a.sql`, above the line `three`, add:\n\n```sql\nx\n```\n", "'three' is 0 times in a.sql"),
        ("In `a.sql`, above the line `two`, add:\n\n```sql\nx\n```\n", "'two' is 2 times in a.sql"),
        ("At the end of `b.sql`, add:\n\n```sql\nx\n```\n", "speaks of b.sql, which is not there"),
        ("Somewhere:\n\n```sql\nx\n```\n", "nobody can tell where this goes"),
    ],
)
def test_a_step_that_cannot_be_done_is_named(tmp_path: Path, page: str, said: str) -> None:
    (tmp_path / "page.md").write_text(page, encoding="utf-8")
    (tmp_path / "a.sql").write_text("one\n  two\ntwo\n", encoding="utf-8")
    (step,) = steps(tmp_path / "page.md")
    with pytest.raises(PageError, match=said):
        step.do(tmp_path)


def test_lines_are_put_where_the_page_says(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(
        "In `a.sql`, above the line\n`two`, add:\n\n```sql\nx\n  y\n```\n\n"
        "1. In `a.sql`, replace the line `one` with:\n\n   ```sql\n   1\n   ```\n\n"
        "At the end of `a.sql`, add `z` (`true` or `false`):\n\n```sql\nz\n```\n"
        "Write `new/b.sql`:\n\n```sql\nb\n```\n"
        "```console\n$ sendworthy compile --x 'a b'\nan answer\n```\n",
        encoding="utf-8",
    )
    (tmp_path / "a.sql").write_text("one\n  two\n", encoding="utf-8")
    *files, typed = steps(tmp_path / "page.md")
    for step in files:
        step.do(tmp_path)
    assert (tmp_path / "a.sql").read_text(encoding="utf-8") == "1\n  x\n    y\n  two\nz\n"
    assert (tmp_path / "new" / "b.sql").read_text(encoding="utf-8") == "b\n"
    assert typed.commands == [["sendworthy", "compile", "--x", "a b"]]
