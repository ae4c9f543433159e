"""Whole nights on landing zones of which a part cannot be read: what they hold back, what they say, and what they keep to themselves."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.projects import FIRST, Place, copy_project

AS_OF = datetime.fromisoformat(FIRST)
PEOPLE = 60
# stands in everything that nobody may see outside the tables of people
SECRET = "zaphod"

Rows = Sequence[Mapping[str, object]]


def profile(number: int, **columns: object) -> dict[str, object]:
    """Somebody who signed up half a year ago and may be written to."""
    return {
        "user_id": f"{SECRET}{number}",
        "email": f"{SECRET}{number}@example.com",
        "email_opt_in": True,
        "signed_up_at": AS_OF - timedelta(days=180),
        "updated_at": AS_OF - timedelta(days=30),
        **columns,
    }


def event(number: int, name: str, hours: int = 20, **columns: object) -> dict[str, object]:
    """What somebody did."""
    at = AS_OF - timedelta(hours=hours)
    return {
        "event_id": f"{SECRET}-{name}-{number}-{hours}",
        "user_id": f"{SECRET}{number}",
        "event_name": name,
        "occurred_at": at,
        "received_at": at,
        "properties": "",
        **columns,
    }


NO_REPORTS = [dict.fromkeys(("message_event_id", "user_id", "channel", "event_type", "occurred_at"), "")]
NO_TICKETS = [dict.fromkeys(("ticket_id", "user_id", "status", "created_at", "updated_at"), "")]


def land(raw: Path, users: Rows, events: Rows, **more: Rows) -> None:
    """A landing zone of these rows; a table without rows has a header."""
    tables = {"users": users, "events": events, "message_events": NO_REPORTS, "support_tickets": NO_TICKETS}
    raw.mkdir()
    for table, rows in (tables | more).items():
        with (raw / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(row for row in rows if any(row.values()))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(copy_project(tmp_path / "project"))


def told(place: Place, exit_code: int, *options: str) -> dict[str, Any]:
    """What a night says in JSON."""
    result = place.night(FIRST, "--raw", "landing", "--json", *options)
    assert result.returncode == exit_code, result.stdout + result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def held_back(place: Place, exit_code: int = 3) -> dict[str, set[str]]:
    """The campaigns that a night holds back, by the limits that do so."""
    found: dict[str, set[str]] = {}
    for campaign in told(place, exit_code)["campaigns"]:
        for failed in campaign["gate"]["failed"]:
            found.setdefault(failed["expectation"], set()).add(campaign["campaign_id"])
    return found


def test_profiles_that_nobody_can_read_hold_everything_back_on_a_first_night(place: Place) -> None:
    # the exporter of the profiles has written no times that anybody reads; the events are sound
    users = [profile(number, updated_at="last week") for number in range(PEOPLE)]
    land(place.root / "landing", users, [event(number, "page_viewed") for number in range(PEOPLE)])
    campaigns = {path.parent.name for path in (place.root / "campaigns").glob("*/campaign.yml")}
    assert held_back(place)["limit_source_unreadable_users"] == campaigns
    assert not list((place.root / "out").rglob("*.csv"))


@pytest.mark.parametrize(("bad", "is_too_many"), [(12, False), (13, True)])
def test_a_fifth_of_a_table_may_be_unreadable_and_not_a_row_more(
    place: Place, bad: int, is_too_many: bool
) -> None:
    tickets = [
        {
            "ticket_id": f"t{number}",
            "user_id": f"{SECRET}{number}",
            "status": "closed",
            "created_at": AS_OF - timedelta(days=90),
            "updated_at": "soon" if number < bad else AS_OF - timedelta(days=80),
        }
        for number in range(PEOPLE)
    ]
    land(
        place.root / "landing",
        [profile(number) for number in range(PEOPLE)],
        [event(number, "page_viewed") for number in range(PEOPLE)],
        support_tickets=tickets,
    )
    campaigns = {path.parent.name for path in (place.root / "campaigns").glob("*/campaign.yml")}
    expected = {"limit_source_unreadable_support_tickets": campaigns} if is_too_many else {}
    assert held_back(place, 3 if is_too_many else 0) == expected


def test_numbers_times_and_flags_are_read_as_the_settings_say_that_they_are_written(place: Place) -> None:
    seed = place.root / "seeds/source_formats.csv"
    seed.write_text(
        "table_name,column_name,format\n"
        "users,updated_at,%d/%m/%Y %H:%M\n"
        "users,email_opt_in,ja|nein\n"
        'users,max_messages_per_week,"1.234,56"\n'
        'events,properties.total,"1.234,56"\n'
        'events,properties.score,"1.234,56"\n',
        encoding="utf-8",
    )
    users = [
        profile(number, updated_at="04/05/2026 10:30", email_opt_in=word, max_messages_per_week=most)
        for number, word, most in ((1, "ja", "7"), (2, "nein", "1.000"), (3, "oui", "1,5"))
    ]
    events = [
        event(1, "order_completed", properties='{"total": "1.234,56"}'),
        event(1, "order_completed", 30, properties='{"total": 12.5}'),
        event(2, "order_completed", properties='{"total": "12.5"}'),
        event(1, "feedback_submitted", properties='{"score": "8,5"}'),
        event(2, "feedback_submitted", properties='{"score": "6.5"}'),
        event(3, "feedback_submitted", properties='{"score": "very good"}'),
    ]
    land(place.root / "landing", users, events)
    problems = told(place, 0)["input_problems"]
    assert place.query(
        "select user_id[7:], order_value_365::varchar, last_feedback_score::varchar, max_messages_per_week"
        " from marts.customers order by user_id"
    ) == [("1", "1247.0600", "8.5", 7), ("2", "0.0000", "6.5", 1000), ("3", "0.0000", "0.0", 0)]
    assert place.query(
        "select user_id[7:], email_opt_in from intermediate.int_users__current order by user_id"
    ) == [("1", True), ("2", False), ("3", None)]
    # what an event's properties lack is no value of a column; a score that nobody can read counts as the worst one
    assert [
        (problem["table_name"], problem["detail"], problem["problem_rows"])
        for problem in problems
        if problem["problem"] == "unreadable values"
    ] == [("users", "email_opt_in", 1), ("users", "max_messages_per_week", 1)]


def test_what_is_said_of_unreadable_input_is_nobody_s(place: Place) -> None:
    users = [profile(number) for number in range(PEOPLE)]
    users[1] |= {"updated_at": SECRET}
    users[2] |= {"email_opt_in": SECRET, "timezone": SECRET}
    users[0] |= {"timezone": "Europe/Berlin"}
    for user in users:
        user.setdefault("timezone", "")
    events = [event(number, "page_viewed") for number in range(PEOPLE)]
    events[3] |= {"occurred_at": f"{SECRET} o'clock"}
    events[4] |= {"properties": '{"name": "' + SECRET}
    # of nobody whom a profile has
    events[5] |= {"user_id": f"{SECRET}@example.com"}
    reports = [
        {
            "message_event_id": f"{SECRET}-m",
            "user_id": "",
            "address": f"other-{SECRET}@example.com",
            "channel": "e-mail",
            "event_type": f"{SECRET} said no",
            "occurred_at": AS_OF,
        }
    ]
    sound = {
        "user_id": f"{SECRET}9",
        "address": "",
        "channel": "email",
        "event_type": "opened",
        "occurred_at": AS_OF,
    }
    reports += [{"message_event_id": f"{SECRET}-{number}", **sound} for number in range(9)]
    land(place.root / "landing", users, events, message_events=reports)
    said = told(place, 0)
    problems = said["input_problems"]
    assert {problem["problem"] for problem in problems} >= {
        "unreadable rows",
        "unreadable values",
        "users whom no profile has",
    }
    # what stops too few people stands before what stops too many
    assert problems == sorted(problems, key=lambda problem: problem["place"])
    result = place.night(FIRST, "--raw", "landing")
    assert result.returncode == 0 and "what the data lack" in result.stdout
    # a path may be longer
    assert not [line for line in result.stdout.splitlines() if len(line) > 80 and str(place.root) not in line]
    written = [json.dumps(said), result.stdout, result.stderr]
    # ops.unreadable_values has the ids of rows, and an erasure takes them out
    written += [
        repr(place.query(f"from ops.{table}"))
        for table in ("input_problems", "unmatched_users", "source_counts", "runs")
    ]
    for folder in ("logs", "target", "data_docs", "out"):
        written += [
            path.read_text(encoding="utf-8", errors="replace")
            for path in (place.root / folder).rglob("*")
            if path.is_file() and path.suffix not in {".csv", ".msgpack", ".duckdb"}
        ]
    assert not [text[max(0, text.index(SECRET) - 200) :][:300] for text in written if SECRET in text]
