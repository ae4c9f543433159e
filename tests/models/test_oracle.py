"""The oracle itself, against small cases worked out by hand from docs/contract.md."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.oracle import (
    Campaign,
    Candidate,
    Cap,
    Landing,
    Night,
    Place,
    Sent,
    Settings,
    Suppression,
    Variant,
    arbitrate,
    broken_tables,
    decide,
    load_landing,
    random_settings,
    unmatched_users,
    watermark,
    write_second_night,
    write_settings,
    write_world,
)
from tests.oracle import reading_cases as cases
from tests.oracle.decisions import send_time
from tests.oracle.features import merge_value_faults, score_of, within
from tests.oracle.landing import TABLES, TIME, TOPICS, Column, Quarantined
from tests.oracle.reading import read_time, read_topics
from tests.oracle.reports import count_in_days, sent_messages
from tests.oracle.stopping_cases import IS_SENT, basket_settings, write_stopping_cases
from tests.oracle.words import (
    address_hash,
    bucket,
    distance_m,
    is_valid_email,
    is_valid_phone,
    merge_value,
    trim,
)
from tests.oracle.world_files import as_written
from tests.oracle.zones import find_zone

AS_OF = datetime(2026, 6, 1)
LATER = datetime(2026, 6, 1, 6)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PLACEHOLDERS = {"n/a", "null", "[blank]", "не указано"}


# ---------------------------------------------------------------------------------------------------------
# Words


def test_trim_leaves_the_middle() -> None:
    assert trim("\ufeff a\u00a0\u200bb \u3164") == "a\u00a0\u200bb"


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("a@b.c", True),
        ("l" * 64 + "@example.com", True),
        ("l" * 65 + "@example.com", False),
        ("a+b@x-y.example.com", True),
        ("a@" + "d" * 63 + ".com", True),
        ("a@" + "d" * 64 + ".com", False),
        ("a@" + ".".join(["d" * 62] * 3) + "." + "d" * 59 + ".com", True),  # 252 characters of domain
        ("a@" + ".".join(["d" * 62] * 3) + "." + "d" * 60 + ".com", False),
        ("@b.c", False),
        ("a@b", False),
        ("a@b.", False),
        ("a@.b", False),
        ("a@b..c", False),
        ("a@@b.c", False),
        (".a@b.c", False),
        ("a.@b.c", False),
        ("a..b@c.d", False),
        ("a.b@c.d", True),
        ("a b@c.d", False),
        ("a\u00a0b@c.d", False),
        ("a@-b.c", False),
        ("a@b-.c", False),
        ("a@b_c.d", False),
    ],
)
def test_email(value: str, valid: bool) -> None:
    assert is_valid_email(value) is valid


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("+1234567", True),
        ("+123456", False),
        ("+" + "1" * 15, True),
        ("+" + "1" * 16, False),
        ("+0234567", False),
        ("1234567", False),
        ("+123 4567", False),
        ("+١٢٣٤٥٦٧", False),
        ("+", False),
        ("", False),
    ],
)
def test_phone(value: str, valid: bool) -> None:
    assert is_valid_phone(value) is valid


def test_bucket_is_the_documented_one() -> None:
    # md5("holdout:global:u1") begins with the eight digits below.
    assert bucket("holdout:global", "u1") == int("fa7f89c7", 16) % 10000
    assert all(0 <= bucket("s", str(number)) < 10000 for number in range(100))


def test_distance() -> None:
    assert distance_m(0, 0, 0, 1) == pytest.approx(111_195, abs=1)
    assert distance_m(0, 179.999, 0, -179.999) == pytest.approx(222.4, abs=0.1)
    assert distance_m(52.52, 13.405, 52.52, 13.405) == 0


@pytest.mark.parametrize(
    ("as_of", "hour", "zone", "expected"),
    [
        (AS_OF, 9, "UTC", datetime(2026, 6, 1, 9)),
        (AS_OF, 0, "UTC", AS_OF),
        (AS_OF + SECOND, 0, "UTC", datetime(2026, 6, 2)),
        (AS_OF, 2, "Europe/Berlin", AS_OF),
        (AS_OF, 1, "Europe/Berlin", datetime(2026, 6, 1, 23)),
        (AS_OF, 9, "America/New_York", datetime(2026, 6, 1, 13)),
        (AS_OF, 20, "America/New_York", AS_OF),
        (AS_OF, 9, "Asia/Kathmandu", datetime(2026, 6, 1, 3, 15)),
        (AS_OF, 9, "Pacific/Kiritimati", datetime(2026, 6, 1, 19)),
        # 2026-03-08 02:00 does not exist in New York: the hour after the gap.
        (datetime(2026, 3, 8), 2, "America/New_York", datetime(2026, 3, 8, 7)),
        # 2026-11-01 01:00 happens twice in New York.
        (datetime(2026, 11, 1), 1, "America/New_York", datetime(2026, 11, 1, 5)),
        (datetime(2026, 11, 1, 5, 30), 1, "America/New_York", datetime(2026, 11, 1, 6)),
    ],
)
def test_send_time(as_of: datetime, hour: int, zone: str, expected: datetime) -> None:
    assert send_time(as_of, hour, ZoneInfo(zone)) == expected


# ---------------------------------------------------------------------------------------------------------
# What is read: the tables of cases, through real files


def read_as(name: str, landing: Landing, row_id: str) -> Any:
    """What the oracle reads in the row of a case, in the words of the tables of cases."""
    where, column = cases.PLACES[name]
    table = next(table for table in TABLES if table.name == where)
    row = next((row for row in landing.rows[where] if row[table.row_id] == row_id), None)
    if row is None:
        item = next(item for item in landing.quarantine if item.row[table.row_id] == row_id)
        assert item.reason in (f"missing_{column}", f"bad_{column}")
        assert column not in ("status", "channel")  # such a row stays
        return cases.UNREADABLE
    if name in ("SCORES", "DECLARED_SCORES"):
        return score_of(row)
    if name == "MERGE_VALUES":
        faults = merge_value_faults(row[column], set(cases.PLACEHOLDERS))
        return frozenset(faults) or merge_value(row[column], set(cases.PLACEHOLDERS))
    if name == "ZONES":
        zone = find_zone(row[column])
        if zone is None or isinstance(zone, ZoneInfo):
            return zone and zone.key
        offset = zone.utcoffset(None)
        assert offset is not None
        return int(offset.total_seconds()) // 60
    if name == "TOPICS":
        is_read = column not in row["_unreadable"]
        assert is_read or row[column] == {"all"}
        return (row[column] or set()) if is_read else cases.UNREADABLE
    is_counted = landing.unreadable_values[where, row["_file"], column, row_id]
    assert is_counted == (1 if column in row["_unreadable"] else 0)
    if column in row["_unreadable"]:
        meant = {"status": "open", "sentiment": "negative", "max_messages_per_week": 0}
        if column != "channel":
            assert row[column] == meant.get(column)
        return cases.UNREADABLE
    return row[column].date() if column in row["_days"] else row[column]


@pytest.mark.parametrize("name", list(cases.PLACES))
def test_what_is_read(name: str, tmp_path: Path) -> None:
    table: list[cases.Case] = getattr(cases, name)
    by_id = cases.write_cases(tmp_path, name, table)
    landing = load_landing(tmp_path, LATER, cases.settings_of(name))
    found = {row_id: read_as(name, landing, row_id) for row_id in by_id}
    wrong = {
        row_id: (case, found[row_id])
        for row_id, case in by_id.items()
        if found[row_id] != case.expected or type(found[row_id]) is bool is not type(case.expected)
    }
    assert not wrong
    assert len(by_id) == len(table) + sum(case.parquet_type is None for case in table)


@settings(derandomize=True, max_examples=400)
@given(st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)), st.randoms(use_true_random=False))
def test_a_time_is_the_same_in_every_spelling(moment: datetime, rng: Random) -> None:
    moment = moment.replace(microsecond=0)
    text = as_written(moment, Column("at", TIME), rng, Settings())
    assert text is not None and read_time(text) == (moment, False)


@settings(derandomize=True, max_examples=200)
@given(
    st.lists(st.sampled_from(("news", "offers", "big sale")), min_size=1), st.randoms(use_true_random=False)
)
def test_topics_are_the_same_in_every_spelling(topics: list[str], rng: Random) -> None:
    text = as_written(tuple(topics), Column("topics", TOPICS), rng, Settings())
    assert text is not None and read_topics(text) == set(topics)


@settings(derandomize=True, max_examples=300)
@given(
    st.datetimes(AS_OF - 40 * DAY, AS_OF + 2 * DAY),
    st.datetimes(AS_OF, AS_OF + 2 * DAY),
    st.integers(min_value=1, max_value=30),
)
def test_a_window_of_days_is_that_many_dates(sent_at: datetime, send_at: datetime, window: int) -> None:
    first = send_at.date() - timedelta(days=window - 1)  # the day of sending is the last of them
    counted = count_in_days([Sent("u1", None, "email", sent_at)], send_at, window)
    assert counted == (1 if sent_at.date() >= first else 0)


def test_every_zone_has_the_offsets_of_the_locked_data() -> None:
    # Winnipeg keeps its summer time from November 2026 on; the data that engines bring may be older.
    zone = find_zone("america/winnipeg")
    assert zone is not None
    assert send_time(datetime(2026, 12, 1), 9, zone) == datetime(2026, 12, 1, 14)
    assert find_zone("Europe/Berlin", ["America/New_York"]) is None


def test_a_declared_spelling_is_read_beside_the_common_ones(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "social_mentions.csv": "mention_id,user_id,network,posted_at\n"
            "s1,u1,n,05/04/2026 10:30\ns2,u1,n,2026-04-05 10:30\ns3,u1,n,2026/04/05\n",
            "erasure_requests.csv": "user_id,requested_at\nu1,31.05.2026\n",
        },
    )
    landing = load_landing(raw, LATER, cases.CASE_SETTINGS)
    assert [row["posted_at"] for row in landing.rows["social_mentions"]] == [datetime(2026, 4, 5, 10, 30)] * 2
    assert [item.reason for item in landing.quarantine] == ["bad_posted_at"]
    request = landing.rows["erasure_requests"][0]
    assert (request["requested_at"], request["_days"]) == (datetime(2026, 5, 31), {"requested_at"})
    assert [item.reason for item in load_landing(raw, LATER).quarantine].count("bad_requested_at") == 1


# ---------------------------------------------------------------------------------------------------------
# Landing

EMPTY = {
    "events.csv": "event_id,user_id,event_name,occurred_at",
    "users.csv": "user_id,updated_at",
    "support_tickets.csv": "ticket_id,user_id,status,created_at,updated_at",
    "message_events.csv": "message_event_id,user_id,channel,event_type,occurred_at",
}


def write_files(folder: Path, files: Mapping[str, str], without: Sequence[str] = ()) -> Path:
    for name, text in {**EMPTY, **files}.items():
        if name in without:
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_row_is_staged_or_in_quarantine(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "events.csv": "properties,event_id,user_id,event_name,occurred_at,received_at,more\n"
            '"{""a"": 1}",e1,u1,x,2026-05-01T10:00:00Z,2026-05-01 10:00:05,?\n'
            ",e1,u1,x,2026-05-01 10:00:00,2026-05-01 10:00:04,?\n"  # received first: this one stays
            ",e1,u1,y,2026-05-01 10:00:00,2026-05-01 10:00:04,?\n"  # another name: another event
            ",e2,u1,x,2026-05-01 12:00:00+02:00,,\n"
            ",e2,u1,x,2026-05-01 10:00:01,2026-05-09,\n"  # a known receipt comes before an unknown one
            "[1],e3,u1,x,2026-05-01,,\n"
            "{NaN},e4,u1,x,2026-05-01,,\n"
            ",e5,u1,x,2026-06-01 07:00:00,,\n"  # the wall clock + 1 hour is no future yet
            ",e6,u1,x,2026-06-01 07:00:01,,\n"
            ",e7,u1,x,soon,,\n"
            ",,u1,x,2026-05-01,,\n"
            ",e8,u1,,2026-05-01,,\n"
        },
    )
    landing = load_landing(raw, LATER)
    reasons = Counter(item.reason for item in landing.quarantine)
    assert reasons == {
        "duplicate": 2,
        "from_the_future": 1,
        "bad_occurred_at": 1,
        "missing_event_id": 1,
        "missing_event_name": 1,
    }
    staged = {(row["event_id"], row["event_name"]): row for row in landing.rows["events"]}
    assert sorted(staged) == [("e1", "x"), ("e1", "y"), ("e2", "x"), ("e3", "x"), ("e4", "x"), ("e5", "x")]
    assert staged["e1", "x"]["received_at"] == datetime(2026, 5, 1, 10, 0, 4)
    assert staged["e2", "x"]["occurred_at"] == datetime(2026, 5, 1, 10, 0, 1)
    assert landing.rows_in["events"] == 12
    assert {item.file for item in landing.quarantine} == {"events.csv"}
    # an event whose properties cannot be read still happened
    assert staged["e3", "x"]["properties"] is None
    assert landing.unreadable_values == {
        ("events", "events.csv", "properties", "e3"): 1,
        ("events", "events.csv", "properties", "e4"): 1,
    }


def test_the_night_when_none_is_named(tmp_path: Path) -> None:
    def night(*times: str, wall_clock: datetime = LATER) -> datetime | None:
        rows = "".join(f"e{number},u1,x,{at}\n" for number, at in enumerate(times))
        raw = write_files(tmp_path, {"events.csv": "event_id,user_id,event_name,occurred_at\n" + rows})
        return watermark(load_landing(raw, wall_clock), wall_clock)

    assert night() is None
    assert night("2026-05-28 23:59:59", "2026-05-01") == datetime(2026, 5, 29)
    assert night("2026-05-29 00:00:00") == datetime(2026, 5, 30)
    # one event of a fast clock moves no night
    assert night("2026-05-31 12:00:00", "2026-06-01 00:00:00") == datetime(2026, 6, 1)
    assert night("2026-06-01 06:59:59") == datetime(2026, 6, 1)
    assert night("2026-05-31 12:00:00", wall_clock=datetime(2026, 5, 31, 23, 59)) == datetime(2026, 5, 31)


def test_rows_of_one_id_that_say_different_things(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "events.csv": "event_id,user_id,event_name,occurred_at\n"
            "1,u1,Order Completed,2026-05-02\n1.0,u1,order_completed,2026-05-01\n 1,u1,page_viewed,2026-05-03\n",
            "message_events.csv": "message_event_id,user_id,channel,event_type,occurred_at\n"
            "m,u1,email,delivered,2026-05-01\nm,u1,email,Unsubscribed,2026-05-02\nm,u1,E-Mail,unsubscribe,2026-05-01\n",
        },
    )
    landing = load_landing(raw, LATER, cases.CASE_SETTINGS)
    assert [(row["event_name"], row["occurred_at"].day) for row in landing.rows["events"]] == [
        ("order_completed", 1),
        ("page_viewed", 3),
    ]
    assert [(row["event_type"], row["occurred_at"].day) for row in landing.rows["message_events"]] == [
        ("delivered", 1),
        ("unsubscribed", 1),
    ]
    assert [item.reason for item in landing.quarantine] == ["duplicate"] * 2


def test_a_column_that_stands_in_the_folder_only(tmp_path: Path) -> None:
    folder = "message_events/landed_on=2026-05-02/event_type=Unsubscribe/campaign_id="
    raw = write_files(
        tmp_path,
        {
            f"{folder}c1/a.csv": "message_event_id,user_id,channel,occurred_at\nm1,u1,email,2026-05-01\n",
            f"{folder}__HIVE_DEFAULT_PARTITION__/a.csv": "message_event_id,user_id,channel,occurred_at\n"
            "m2,u1,email,2026-05-01\n",
            f"{folder}c%202/a.csv": "message_event_id,user_id,channel,occurred_at,event_type\n"
            "m3,u1,email,2026-05-01,sent\n",
        },
        without=("message_events.csv",),
    )
    landing = load_landing(raw, LATER, cases.CASE_SETTINGS)
    found = {
        r["message_event_id"]: (r["event_type"], r["campaign_id"]) for r in landing.rows["message_events"]
    }
    # where the file has the column, too, the file counts
    assert found == {"m1": ("unsubscribed", "c1"), "m2": ("unsubscribed", None), "m3": ("sent", "c 2")}
    assert {row["_landed_on"] for row in landing.rows["message_events"]} == {date(2026, 5, 2)}


def test_tables_that_are_too_broken_to_trust(tmp_path: Path) -> None:
    rows = [f"u{number},{'2026-05-01' if number else 'soon'}\n" for number in range(5)]
    raw = write_files(tmp_path, {"users.csv": "user_id,updated_at\n" + "".join(rows)})
    landing = load_landing(raw, LATER)
    assert broken_tables(landing, Settings()) == set()  # 20 percent are not more than 20
    landing.rows_in["users"] = 4
    assert broken_tables(landing, Settings()) == {"users"}
    assert broken_tables(landing, Settings(max_quarantined_percent={"users": Decimal(25)})) == set()
    duplicates = write_files(tmp_path, {"events.csv": EMPTY["events.csv"] + "\n" + "e,u,x,2026-05-01\n" * 9})
    assert "events" not in broken_tables(load_landing(duplicates, LATER), Settings())


def test_references_to_nobody_are_counted(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "users.csv": "user_id,updated_at\na7,2026-05-01\n",
            "events.csv": "event_id,user_id,event_name,occurred_at\n"
            "e1,a7 ,x,2026-05-01\ne2,A7,x,2026-05-01\ne3,A7,x,2026-05-01\ne4,b1,x,2026-05-01\n",
        },
    )
    counts = unmatched_users(load_landing(raw, LATER))
    assert counts["events"] == (3, 2, 2, 1)
    assert counts["message_events"] == (0, 0, 0, 0)
    assert "users" not in counts


def test_drop_folders_and_missing_columns(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "users/landed_on=2026-05-01/a.csv": "user_id,updated_at\nu1,2026-05-01\n",
            "users/landed_on=2026-05-02/a.csv": "updated_at,user_id,attributes\n2026-05-02,u1,{}\n,u2,\n",
        },
    )
    landing = load_landing(raw, LATER)
    assert len(landing.rows["users"]) == 2
    assert [(q.file, q.reason) for q in landing.quarantine] == [
        ("users/landed_on=2026-05-02/a.csv", "missing_updated_at")
    ]
    (raw / "events.csv").write_text("event_id,user_id,event_name\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"events.*occurred_at"):
        load_landing(raw, LATER)
    (raw / "events.csv").unlink()
    with pytest.raises(FileNotFoundError, match="events"):
        load_landing(raw, LATER)


# ---------------------------------------------------------------------------------------------------------
# A tiny world in memory


def user(user_id: str = "u1", **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        column.name: None for table in TABLES if table.name == "users" for column in table.columns
    }
    row.update(
        user_id=user_id,
        email=f"{user_id}@example.com",
        phone=f"+49{1_000_000 + int.from_bytes(user_id.encode(), 'big') % 1_000_000}",
        push_token=f"token-{user_id}",
        first_name="Ann",
        email_opt_in=True,
        sms_opt_in=True,
        push_opt_in=True,
        signed_up_at=AS_OF - 100 * DAY,
        updated_at=AS_OF - 50 * DAY,
    )
    return {**row, **more}


class World:
    """A landing zone in memory, filled call by call."""

    def __init__(self, *users: dict[str, Any]) -> None:
        self.landing = Landing()
        self.landing.rows["users"] = list(users or (user(),))
        self.ledger: list[dict[str, Any]] = []
        self.number = 0

    def id(self) -> str:
        self.number += 1
        return f"{self.number:04}"

    def event(self, name: str, at: datetime, user_id: str = "u1", **properties: Any) -> World:
        self.landing.rows["events"].append(
            {
                "event_id": self.id(),
                "user_id": user_id,
                "event_name": name,
                "occurred_at": at,
                "received_at": at,
                "properties": properties,
            }
        )
        return self

    def message(self, event_type: str, at: datetime, campaign_id: str = "c", **more: Any) -> World:
        row = {
            "message_event_id": self.id(),
            "user_id": "u1",
            "campaign_id": campaign_id,
            "channel": "email",
            "variant": None,
            "event_type": event_type,
            "occurred_at": at,
            "dispatch_id": None,
        }
        self.landing.rows["message_events"].append({**row, **more})
        return self

    def ticket(self, status: str, created: datetime, updated: datetime | None = None, **more: Any) -> World:
        row = {
            "ticket_id": self.id(),
            "user_id": "u1",
            "category": None,
            "status": status,
            "created_at": created,
            "updated_at": updated or created,
            "solved_at": None,
            "satisfaction": None,
        }
        self.landing.rows["support_tickets"].append({**row, **more})
        return self

    def mention(self, at: datetime, sentiment: str = "negative") -> World:
        self.landing.rows["social_mentions"].append(
            {
                "mention_id": self.id(),
                "user_id": "u1",
                "network": "n",
                "body": "",
                "posted_at": at,
                "sentiment": sentiment,
            }
        )
        return self

    def bad(self, table: str, reason: Any = "bad_occurred_at", landed_on: Any = None, **read: Any) -> World:
        """A quarantined row of which only `read` can be read."""
        columns = next(t.columns for t in TABLES if t.name == table)
        row = {column.name: None for column in columns} | {"user_id": "u1"} | read
        self.landing.quarantine.append(Quarantined(table, "file", reason, {}, row, landed_on))
        return self

    def dispatch(self, night: datetime, campaign_id: str = "c", **more: Any) -> World:
        row = {
            "as_of": night,
            "dispatch_id": self.id(),
            "user_id": "u1",
            "campaign_id": campaign_id,
            "channel": "email",
            "send_at": night + 9 * HOUR,
        }
        self.ledger.append({**row, **more})
        return self

    def night(self, *campaigns: Campaign, **settings: Any) -> Night:
        return decide(
            self.landing,
            Settings(campaigns=list(campaigns), placeholders=set(PLACEHOLDERS), **settings),
            AS_OF,
            self.ledger,
        )

    def segments(self, **settings: Any) -> set[str]:
        return set(self.night(**settings).customers[0]["segments"])

    def reasons(self, campaign: Campaign, **settings: Any) -> list[str]:
        decisions = self.night(campaign, **settings).decisions
        assert len(decisions) == 1
        reasons: list[str] = decisions[0]["reasons"]
        return reasons


CAMPAIGN = Campaign("c", "newsletter", "email")


def test_a_plain_send() -> None:
    night = World(user(email=" U1@Example.com\u200b", timezone="Asia/Kolkata")).night(
        replace(
            CAMPAIGN,
            cancel_on=("order_completed",),
            variants=(
                Variant("default", 2, ("first_name",)),
                Variant("personalized", 1, ("city", "first_name"), ("city",)),
            ),
        )
    )
    assert night.decisions == [
        {
            "as_of": AS_OF,
            "user_id": "u1",
            "campaign_id": "c",
            "channel": "email",
            "decision": "send",
            "primary_reason": None,
            "reasons": [],
            "variant": "default",
            "trigger_at": None,
            "priority": 125,
            "lost_to": [],
            "send_at": datetime(2026, 6, 2, 3, 30),  # the list is there at 4 o'clock
            "arm": None,
        }
    ]
    assert night.send_list == [
        {
            # md5("c:u1:2026-06-01")
            "dispatch_id": "ca67546a983aceef0b305e18e7299fc4",
            "user_id": "u1",
            "campaign_id": "c",
            "channel": "email",
            "address": "U1@Example.com",
            "variant": "default",
            "send_at": datetime(2026, 6, 2, 3, 30),
            "valid_until": datetime(2026, 6, 3, 3, 30),
            "cancel_on": ["order_completed"],
            "merge_values": {"first_name": "Ann"},
            "arm": None,
        }
    ]
    ledger = night.dispatches[0]
    assert ledger["journey_started_at"] == AS_OF  # a first step without a trigger
    # sha256 of "u1@example.com"
    assert ledger["address_hash"] == ("6228d577ed8b4c57b0388fbef9d63caed2ca3c1cca39bc8db1253cf22f80beae")


# ---------------------------------------------------------------------------------------------------------
# Versions, features, segments


def test_within_is_closed_at_its_start_and_open_at_as_of() -> None:
    cases = [
        (AS_OF - DAY - SECOND, False),
        (AS_OF - DAY, True),
        (AS_OF - SECOND, True),
        (AS_OF, False),
        (None, False),
    ]
    assert [within(moment, 1, AS_OF) for moment, _ in cases] == [expected for _, expected in cases]


def test_the_profile_that_counts() -> None:
    old = user(updated_at=AS_OF - 2 * DAY, first_name="Old")
    new = user(updated_at=AS_OF - SECOND, first_name="New")
    unseen = user(updated_at=AS_OF, first_name="Unseen")
    tie = user(updated_at=AS_OF - SECOND, first_name="Zoe")
    for rows in ((old, new, unseen, tie), (tie, unseen, new, old)):
        assert World(*rows).night().merge_field_values[0]["first_name"] == "Zoe"
    assert World(unseen).night().customers == []


def test_two_versions_of_one_moment() -> None:
    """The stricter consent, the smaller maximum, the topics of both; the rest of the one that sorts last."""
    one = user(city="Bonn", email_opt_in=True, topics_opted_out={"news"}, max_messages_per_week=5)
    other = user(city="Aix", email_opt_in=None, topics_opted_out={"offers"}, max_messages_per_week=None)
    for rows in ((one, other), (other, one)):
        world = World(*rows)
        assert world.night().merge_field_values[0]["city"] == "Bonn"
        assert world.reasons(replace(CAMPAIGN, topic="news")) == ["consent_unknown", "topic_opt_out"]
        assert world.reasons(replace(CAMPAIGN, topic="offers", channel="sms")) == ["topic_opt_out"]
    no = {**one, "email_opt_in": False, "max_messages_per_week": 0}
    assert World(other, no).reasons(CAMPAIGN) == ["channel_opt_out"]
    assert World(one, no).reasons(replace(CAMPAIGN, channel="sms")) == ["total_cap"]
    # a time of consent that only one of them has is none
    world = World(user(email_opt_in_at=AS_OF - DAY), user()).message("unsubscribed", AS_OF - 2 * DAY)
    assert world.reasons(CAMPAIGN) == ["channel_opt_out"]


def test_a_column_that_a_file_lacks_says_nothing() -> None:
    full = user(topics_opted_out={"news"}, max_messages_per_week=0, city="Bonn")
    some = frozenset({"user_id", "email", "email_opt_in", "updated_at"})
    later = {**user(updated_at=AS_OF - DAY, email_opt_in=False), "city": None, "_columns": some}
    world = World(full, later)
    assert world.reasons(replace(CAMPAIGN, topic="news")) == ["channel_opt_out", "topic_opt_out"]
    assert world.reasons(replace(CAMPAIGN, channel="sms")) == ["total_cap"]
    assert world.night().merge_field_values[0]["city"] == "Bonn"
    # an empty value of a file that has the column does say something
    assert World(full, {**later, "_columns": some | {"topics_opted_out"}}).reasons(
        replace(CAMPAIGN, topic="news")
    ) == ["channel_opt_out"]
    # no file ever had it: unknown
    assert World({**user(), "push_opt_in": None, "_columns": some | {"push_token"}}).reasons(
        replace(CAMPAIGN, channel="push")
    ) == ["consent_unknown"]


@pytest.mark.parametrize(("at", "known"), [(AS_OF - SECOND, False), (AS_OF, True)])
def test_erasure(at: datetime, known: bool) -> None:
    world = World()
    world.landing.rows["erasure_requests"].append({"user_id": "u1", "requested_at": at})
    assert bool(world.night().customers) is known


def test_an_erasure_without_a_readable_time_holds() -> None:
    assert World().bad("erasure_requests", "bad_requested_at").night().customers == []
    assert World().bad("erasure_requests", "missing_requested_at").night().customers == []
    assert World().bad("erasure_requests", "from_the_future").night().customers
    assert World().bad("erasure_requests", "missing_user_id", user_id=None).night().customers


@pytest.mark.parametrize(
    ("signed_up_at", "active_at", "stage"),
    [
        (None, None, "unknown"),
        (AS_OF - 14 * DAY, None, "new"),
        (AS_OF - 14 * DAY - SECOND, None, "lapsed"),
        (None, AS_OF - SECOND, "active"),
        (None, AS_OF - 30 * DAY, "active"),
        (None, AS_OF - 30 * DAY - SECOND, "lapsing"),
        (None, AS_OF - 90 * DAY, "lapsing"),
        (None, AS_OF - 90 * DAY - SECOND, "lapsed"),
        (None, AS_OF, "unknown"),
        (AS_OF, None, "unknown"),
    ],
)
def test_lifecycle(signed_up_at: datetime | None, active_at: datetime | None, stage: str) -> None:
    world = World(user(signed_up_at=signed_up_at))
    if active_at:
        world.event("page_viewed", active_at)
    world.event("location_ping", AS_OF - SECOND)  # is no activity
    assert world.night().customers[0]["lifecycle_stage"] == stage


def test_signup_from_the_first_event() -> None:
    world = (
        World(user(signed_up_at=AS_OF))
        .event("signed_up", AS_OF - 2 * DAY)
        .event("signed_up", AS_OF - 9 * DAY)
    )
    customer = world.night().customers[0]
    assert customer["signed_up_at"] == AS_OF - 9 * DAY
    assert customer["is_signup_date_missing"] is False
    assert customer["lifecycle_stage"] == "new"


def test_levels() -> None:
    world = World()
    for number in range(3):
        world.event("order_completed", AS_OF - 365 * DAY + number * SECOND, order_id=str(number), total=10)
    assert "dormant" in world.segments()
    world.event("page_viewed", AS_OF - 30 * DAY)
    assert "loyal" in world.segments()
    assert world.night().customers[0]["order_value_365"] == 30
    world = World()
    for number in range(4):
        world.event("page_viewed", AS_OF - number * DAY - SECOND)
    assert "engaged" in world.segments()
    # new, and never active
    assert {"casual", "new"} <= World(user(signed_up_at=AS_OF - 14 * DAY)).segments()
    assert "dormant" in World(user(signed_up_at=AS_OF - 14 * DAY - SECOND)).segments()


def test_edges_of_the_segments() -> None:
    edge = AS_OF - 30 * DAY
    assert "recent_complaint" in World().ticket("closed", edge, category="complaint").segments()
    assert "recent_complaint" not in World().ticket("closed", edge - SECOND, category="complaint").segments()
    assert "recent_complaint" in World().ticket("closed", edge - DAY, edge, satisfaction="bad").segments()
    assert "recent_complaint" in World().event("feedback_submitted", edge, score=6).segments()
    assert "recent_complaint" not in World().event("feedback_submitted", edge, score=7).segments()
    assert "recent_complaint" in World().event("feedback_submitted", edge, score="3").segments()
    assert "recent_complaint" in World().event("feedback_submitted", edge, score="great").segments()
    assert "recent_complaint" not in World().event("feedback_submitted", edge, score=None).segments()
    unreadable = World().event("feedback_submitted", edge)
    unreadable.landing.rows["events"][0].update(properties=None, _unreadable={"properties"})
    assert "recent_complaint" in unreadable.segments()
    assert {"recent_complaint", "negative_on_social"} <= World().mention(edge).segments()
    assert "negative_on_social" not in World().mention(edge - SECOND).segments()
    assert "billing_trouble" in World().event("payment_failed", AS_OF - 60 * DAY).segments()
    assert "billing_trouble" not in World().event("payment_failed", AS_OF - 60 * DAY - SECOND).segments()
    assert "recently_installed" in World().event("app_installed", AS_OF - 7 * DAY).segments()
    assert "recently_installed" not in World().event("app_installed", AS_OF - 7 * DAY - SECOND).segments()
    assert "signup_date_missing" in World(user(signed_up_at=None)).segments()


def test_open_ticket_is_about_the_newest_version() -> None:
    world = World().ticket("open", AS_OF - 9 * DAY, ticket_id="t")
    assert "has_open_ticket" in world.segments()
    world.ticket("solved", AS_OF - 9 * DAY, AS_OF - DAY, ticket_id="t")
    assert "has_open_ticket" not in world.segments()
    world.ticket("open", AS_OF - 9 * DAY, AS_OF, ticket_id="t")  # not seen
    assert "has_open_ticket" not in world.segments()
    # of two versions of one moment the open one counts, whatever the order and the text
    world.ticket("hold", AS_OF - 9 * DAY, AS_OF - DAY, ticket_id="t")
    world.ticket("solved", AS_OF - 9 * DAY, AS_OF - DAY, ticket_id="t")
    assert "has_open_ticket" in world.segments()


def test_refunds() -> None:
    returned = AS_OF - 10 * DAY

    def world(refund_at: datetime | None, order_id: str = "o") -> set[str]:
        made = World().event("return_requested", returned, order_id="o")
        if refund_at:
            made.event("order_refunded", refund_at, order_id=order_id)
        return made.segments() & {"refund_pending", "refunded_recently"}

    assert world(None) == {"refund_pending"}
    assert world(returned) == {"refunded_recently"}
    assert world(returned - SECOND) == {"refund_pending"}
    assert world(returned, "other") == {"refund_pending"}
    # an id is an id, as a text and as a number
    made = World().event("return_requested", returned, order_id=7)
    assert "refund_pending" not in made.event("order_refunded", returned, order_id=" 7.0").segments()
    # a return on a day counts from its end
    made = World().event("return_requested", returned, order_id="o")
    made.landing.rows["events"][0]["_days"] = {"occurred_at"}
    made.event("order_refunded", returned + DAY - SECOND, order_id="o")
    assert "refund_pending" in made.segments()
    assert "refund_pending" not in made.event("order_refunded", returned + DAY, order_id="o").segments()


def test_slow_onboarding_is_twice_the_interpolated_median() -> None:
    # Completed in 1, 2, 3 and 5 hours: the median is 2.5 hours, twice that is 5.
    world = World(*(user(f"u{number}") for number in range(6)))
    start = AS_OF - 5 * HOUR
    for number, hours in enumerate((1, 2, 3, 5)):
        end = start - 20 * DAY + hours * HOUR
        world.event("onboarding_started", start - 20 * DAY, f"u{number}")
        world.event("onboarding_completed", end, f"u{number}")
        world.event(
            "onboarding_completed", start - 21 * DAY, f"u{number}"
        )  # before the start: does not count
    world.event("onboarding_started", start, "u4").event("onboarding_started", start + SECOND, "u5")
    slow = [c["user_id"] for c in world.night().customers if "slow_onboarding" in c["segments"]]
    assert slow == ["u3", "u4"]
    # who started more than 90 days ago and never ended is not slow for ever
    for at, is_slow in ((AS_OF - 90 * DAY, True), (AS_OF - 90 * DAY - SECOND, False)):
        other = World(user("u1"), user("u2")).event("onboarding_started", at, "u2")
        other.event("onboarding_started", AS_OF - 300 * DAY)
        other.event("onboarding_completed", AS_OF - 300 * DAY + HOUR)
        found = {c["user_id"] for c in other.night().customers if "slow_onboarding" in c["segments"]}
        assert found == ({"u2"} if is_slow else set())


def test_interest() -> None:
    def world(seconds: Sequence[Any], order_at: datetime | None = None) -> bool:
        made = World()
        for number, value in enumerate(seconds):
            made.event(
                "product_viewed", AS_OF - 14 * DAY + number * SECOND, product_id="p", dwell_seconds=value
            )
        if order_at:
            made.event("order_completed", order_at)
        return "interested_not_bought" in made.segments()

    newest = AS_OF - 14 * DAY + SECOND
    assert world((60, 60))
    assert not world((60, 59))
    assert not world((60, "60"))
    assert not world((60, 60), newest)
    assert world((60, 60), newest - SECOND)
    # in floating point, 40.05 + 39.9 + 40.05 is less than 120
    assert world((Decimal("40.05"), Decimal("39.9"), Decimal("40.05")))
    assert not world((Decimal("40.05"), Decimal("39.9"), Decimal("40.04")))
    # an order on the day of the view
    made = World().event("product_viewed", newest, product_id=3, dwell_seconds=120)
    made.event("order_completed", datetime(newest.year, newest.month, newest.day))
    assert "interested_not_bought" in made.segments()
    made.landing.rows["events"][1]["_days"] = {"occurred_at"}
    assert "interested_not_bought" not in made.segments()


def test_places() -> None:
    places = [Place("a", "Far", 52.5205, 13.4, 200), Place("b", "Near", 52.52, 13.4), Place("c", "N/A", 0, 0)]

    def night(*pings: tuple[datetime, Any, Any]) -> tuple[bool, str | None]:
        world = World()
        for at, latitude, longitude in pings:
            world.event("location_ping", at, latitude=latitude, longitude=longitude)
        found = world.night(places=places)
        near = "near_place" in found.customers[0]["segments"]
        return near, found.merge_field_values[0]["place_name"]

    assert night((AS_OF - DAY, 52.5201, 13.4)) == (True, "Near")
    assert night((AS_OF - DAY - SECOND, 52.5201, 13.4)) == (False, None)
    assert night((AS_OF - HOUR, 52.5201, 13.4), (AS_OF - SECOND, 91, 0)) == (True, "Near")
    assert night((AS_OF - HOUR, 52.5201, 13.4), (AS_OF - SECOND, 10, 10)) == (False, None)
    assert night((AS_OF - HOUR, 0, 0)) == (True, None)


def test_satisfied_cancelled_unengaged_churn_risk() -> None:
    assert "satisfied" in World().event("feedback_submitted", AS_OF - 80 * DAY, score=9).segments()
    assert "satisfied" in World().ticket("closed", AS_OF - DAY, satisfaction="good").segments()
    unhappy = World().ticket("closed", AS_OF - DAY, satisfaction="good").mention(AS_OF - DAY)
    assert "satisfied" not in unhappy.segments()
    # the newest verdict of 180 days counts, whichever it is; of two in one moment the worse
    edge = AS_OF - 180 * DAY
    assert "satisfied" in World().event("feedback_submitted", edge, score="9").segments()
    assert "satisfied" not in World().event("feedback_submitted", edge - SECOND, score=9).segments()
    good = World().event("feedback_submitted", AS_OF - 90 * DAY, score=10)
    assert "satisfied" in good.event("feedback_submitted", AS_OF - 80 * DAY, score=None).segments()
    worse = good.ticket("closed", AS_OF - 90 * DAY, satisfaction="bad")
    assert "satisfied" not in worse.segments()
    assert "satisfied" in worse.event("feedback_submitted", AS_OF - 70 * DAY, score=9).segments()
    assert "satisfied" not in worse.event("feedback_submitted", AS_OF - 60 * DAY, score=8).segments()

    ended = World().event("subscription_cancelled", AS_OF - DAY)
    assert "cancelled" in ended.segments()
    assert "cancelled" not in ended.event("subscription_started", AS_OF - DAY).segments()

    world = World()
    for number in range(9):
        world.message("sent", AS_OF - 90 * DAY + number * SECOND)
    assert "unengaged" not in world.segments()
    world.message("sent", AS_OF - SECOND)
    assert "unengaged" in world.segments()
    assert "unengaged" not in world.message("clicked", AS_OF - 90 * DAY).segments()

    risk = World().event("payment_failed", AS_OF - 40 * DAY)  # the newest sign of life: lapsing
    assert {"lapsing", "billing_trouble", "churn_risk"} <= risk.segments()


def test_merge_fields() -> None:
    world = World(
        user(
            first_name="\u00a0Zoë ",
            last_name="<b>x</b>",
            city="N/A",
            attributes={"loyalty_points": 0, "favorite_category": 7},
        )
    )
    world.event("product_viewed", AS_OF - 2 * DAY, product_name="Older")
    world.event("product_viewed", AS_OF - DAY, product_name="First of the tie")
    world.event("product_viewed", AS_OF - DAY, product_name="Larger id")
    world.event("cart_item_added", AS_OF - 2 * DAY, product_name="Tea").event("cart_item_added", AS_OF - DAY)
    night = world.night()
    values = night.merge_field_values[0]
    assert values["first_name"] == "Zoë"
    assert values["last_name"] is None and night.merge_field_faults["u1", "last_name"] == {"blank", "unsafe"}
    assert values["city"] is None and night.merge_field_faults["u1", "city"] == {"blank", "placeholder"}
    assert values["last_viewed_product_name"] == "Larger id"
    assert values["cart_product_name"] is None
    assert night.merge_field_faults["u1", "cart_product_name"] == {"blank"}
    assert values["loyalty_points"] == "0" and not night.merge_field_faults["u1", "loyalty_points"]
    assert values["favorite_category"] is None


# ---------------------------------------------------------------------------------------------------------
# Candidates and gates


def test_candidates() -> None:
    world = World(user(), user("u2")).event("x", AS_OF - 90 * DAY).event("x", AS_OF - 90 * DAY - SECOND, "u2")
    trigger = replace(CAMPAIGN, trigger_event="x")
    assert [d["user_id"] for d in world.night(trigger).decisions] == ["u1"]
    assert world.night(replace(CAMPAIGN, audience_segment="loyal")).decisions == []
    active = World().event("page_viewed", AS_OF - DAY)
    assert active.night(replace(CAMPAIGN, audience_segment="active", also_segments=("casual",))).decisions
    assert not active.night(replace(CAMPAIGN, audience_segment="active", also_segments=("loyal",))).decisions
    assert not active.night(replace(CAMPAIGN, also_segments=("casual", "loyal"))).decisions
    for first, last, is_open in (
        (date(2026, 6, 1), date(2026, 6, 1), True),
        (date(2026, 6, 2), None, False),
        (None, date(2026, 5, 31), False),
    ):
        night = world.night(replace(CAMPAIGN, valid_from=first, valid_to=last))
        assert bool(night.decisions) is is_open


def test_the_trigger_is_the_newest_that_is_old_enough() -> None:
    def trigger_at(*days: int, min_age_hours: int | None = 24 * 7) -> datetime:
        world = World()
        for number in days:
            world.event("x", AS_OF - number * DAY)
        age = None if min_age_hours is None else Decimal(min_age_hours)
        decision = world.night(replace(CAMPAIGN, trigger_event="x", min_age_hours=age)).decisions[0]
        assert decision["reasons"] == ([] if any(number >= 7 for number in days) or not age else ["too_soon"])
        found: datetime = decision["trigger_at"]
        return found

    # who orders every three days is asked for a rating all the same
    assert trigger_at(1, 4, 7, 10) == AS_OF - 7 * DAY
    assert trigger_at(1, 4, 10) == AS_OF - 10 * DAY
    assert trigger_at(4, 1) == AS_OF - DAY  # none is old enough: the newest at all
    assert trigger_at(1, 10, min_age_hours=None) == AS_OF - DAY


def test_address_and_deliverability() -> None:
    assert World(user(email="N/A")).reasons(CAMPAIGN) == ["unreachable"]
    assert World(user(push_token=" null ")).reasons(replace(CAMPAIGN, channel="push")) == ["unreachable"]
    world = World().message("complained", AS_OF - 900 * DAY).message("bounced_hard", AS_OF - DAY)
    assert world.reasons(CAMPAIGN) == ["hard_bounced", "complained"]
    assert world.reasons(replace(CAMPAIGN, is_transactional=True)) == ["hard_bounced", "complained"]
    assert world.reasons(replace(CAMPAIGN, channel="sms")) == []
    assert World().message("bounced_hard", AS_OF).message("bounced_soft", AS_OF - DAY).reasons(CAMPAIGN) == []
    assert World().message("bounced_hard", AS_OF - DAY, channel="ignored").reasons(CAMPAIGN) == []
    unknown = World().message("bounced_hard", AS_OF - DAY, channel="unknown channel")
    assert [unknown.reasons(replace(CAMPAIGN, channel=name)) for name in ("email", "sms", "push")] == [
        ["hard_bounced"]
    ] * 3


def test_bounces_and_complaints_are_about_an_address() -> None:
    moved = [user(email="old@x.com"), user(updated_at=AS_OF - 10 * DAY, email="new@x.com")]
    before, after = AS_OF - 20 * DAY, AS_OF - 10 * DAY

    def reasons(event_type: str, at: datetime, *others: dict[str, Any], **more: Any) -> list[str]:
        world = World(*moved, *others).message(event_type, at, **more)
        if "dispatch_id" in more:
            mine = {"dispatch_id": more["dispatch_id"], "address_hash": address_hash("NEW@x.com")}
            world.dispatch(AS_OF - 30 * DAY, "other", **mine)
        decisions = world.night(CAMPAIGN).decisions
        found: list[str] = next(row for row in decisions if row["user_id"] == "u1")["reasons"]
        return found

    # a bounce stays with the address, a complaint goes with the person, too
    assert reasons("bounced_hard", before) == []
    assert reasons("bounced_hard", after) == ["hard_bounced"]
    assert (
        reasons("bounced_hard", AS_OF - 900 * DAY) == []
    )  # before the first version: the first one's address
    assert reasons("complained", before) == ["complained"]
    # the report's own address, then the dispatch's, then the user's at that time
    assert reasons("bounced_hard", before, address=" New@X.com") == ["hard_bounced"]
    assert reasons("bounced_hard", before, dispatch_id="d") == ["hard_bounced"]
    assert reasons("bounced_hard", before, dispatch_id="d", address="old@x.com") == []
    # whoever has the address now, and whoever the report names, known or not
    other = user("u2", email="NEW@x.com")
    for event_type, reason in (("bounced_hard", "hard_bounced"), ("complained", "complained")):
        assert reasons(event_type, before, other, user_id="u2") == [reason]
        assert reasons(event_type, before, user_id="nobody", address="new@x.com") == [reason]
        assert reasons(event_type, before, user_id="nobody") == []
    # nobody knows which address: then the person's
    assert World(user(email=None), user(updated_at=after)).message("bounced_hard", before).reasons(
        CAMPAIGN
    ) == ["hard_bounced"]


def test_consent() -> None:
    assert World(user(email_opt_in=None)).reasons(CAMPAIGN) == ["consent_unknown"]
    assert World(user(email_opt_in=False)).reasons(CAMPAIGN) == ["channel_opt_out"]
    assert World(user(email_opt_in=False)).reasons(replace(CAMPAIGN, is_transactional=True)) == []
    later = World(user(email_opt_in=None)).message("unsubscribed", AS_OF - DAY)
    assert later.reasons(CAMPAIGN) == ["channel_opt_out"]
    assert later.reasons(replace(CAMPAIGN, channel="sms")) == []
    assert World().message("unsubscribed", AS_OF).reasons(CAMPAIGN) == []
    unknown = World().message("unsubscribed", AS_OF - DAY, channel="unknown channel")
    assert unknown.reasons(replace(CAMPAIGN, channel="sms")) == ["channel_opt_out"]
    topics = World(user(topics_opted_out={"news", "offers"}, sms_opt_in=False))
    assert topics.reasons(replace(CAMPAIGN, topic="offers", channel="sms")) == [
        "channel_opt_out",
        "topic_opt_out",
    ]
    assert topics.reasons(replace(CAMPAIGN, topic="offer")) == []
    every = World(user(topics_opted_out={"all"}))
    assert every.reasons(replace(CAMPAIGN, topic="offer")) == ["topic_opt_out"]
    assert every.reasons(CAMPAIGN) == []


GONE = AS_OF - 20 * DAY  # when somebody unsubscribes


def no_more(*users: dict[str, Any], **report: Any) -> World:
    return World(*users).message("unsubscribed", GONE, **report)


def test_an_unsubscription_ends_by_consent_only() -> None:
    def ended(world: World) -> bool:
        reasons = world.reasons(CAMPAIGN)
        assert reasons in ([], ["channel_opt_out"])
        return not reasons

    def versions(*says: tuple[datetime, Any], **more: Any) -> World:
        rows = [user(updated_at=at, email_opt_in=flag, **more) for at, flag in says]
        return no_more(*rows)

    day = timedelta(days=1)
    # a newer version alone ends nothing, nor does a first one
    assert not ended(versions((GONE - day, True), (GONE + day, True), (GONE + 2 * day, True)))
    assert not ended(versions((GONE + day, True)))
    # the flag that is given anew, strictly after it
    for before in (False, None):
        assert ended(versions((GONE - day, before), (GONE + SECOND, True)))
        assert not ended(versions((GONE - day, before), (GONE, True)))
        assert ended(versions((GONE - day, True), (GONE + day, before), (GONE + 2 * day, True)))
        # what was given before it, and said again since
        assert not ended(versions((GONE - 2 * day, before), (GONE - day, True), (GONE + day, True)))
    # a version whose file lacks the flag is no version of it
    rows = [user(updated_at=GONE - day), user(updated_at=GONE + day), user(updated_at=GONE + 2 * day)]
    rows[1] |= {"email_opt_in": None, "_columns": frozenset({"user_id", "updated_at"})}
    assert not ended(no_more(*rows))
    # a flag that cannot be read is no permission, and no refusal to come back from
    rows[1] |= {"_columns": frozenset(rows[0]), "_unreadable": frozenset({"email_opt_in"})}
    assert not ended(no_more(*rows))
    rows[1] |= {"_unreadable": frozenset()}
    assert ended(no_more(*rows))

    # a time of consent
    for at, is_over in (
        (GONE - day, False),
        (GONE, False),
        (GONE + SECOND, True),
        (AS_OF, False),
        (None, False),
    ):
        assert ended(no_more(user(email_opt_in_at=at))) is is_over
    assert not ended(no_more(user(sms_opt_in_at=GONE + day)))

    # a report of it
    for at, is_over in ((GONE, False), (GONE + SECOND, True), (AS_OF, False)):
        assert ended(no_more().message("resubscribed", at)) is is_over
    assert not ended(no_more().message("resubscribed", GONE + day, channel="sms"))
    assert not ended(no_more().message("resubscribed", GONE + day, channel="unknown channel"))
    assert not ended(no_more().message("resubscribed", GONE + day).message("unsubscribed", GONE + 2 * day))

    # an unsubscription on a day lasts to its end
    world = no_more().message("resubscribed", GONE + day - SECOND)
    world.landing.rows["message_events"][0]["_days"] = {"occurred_at"}
    assert not ended(world)
    assert ended(world.message("resubscribed", GONE + day))


def test_opt_outs_hold_for_the_address() -> None:
    twin = {"email": "One@x.com"}

    def reasons(world: World, campaign: Campaign = CAMPAIGN) -> list[str]:
        found: list[str] = next(d for d in world.night(campaign).decisions if d["user_id"] == "u1")["reasons"]
        return found

    def pair(**more: Any) -> list[dict[str, Any]]:
        return [user(email="one@x.com"), user("u2", **{**twin, **more})]

    assert reasons(World(*pair())) == []
    assert reasons(World(*pair(email_opt_in=False))) == ["channel_opt_out"]
    assert reasons(World(*pair(email_opt_in=None))) == []
    assert reasons(World(*pair(email_opt_in=False)), replace(CAMPAIGN, channel="sms")) == []
    assert reasons(World(*pair(email_opt_in=False, email="two@x.com"))) == []
    assert reasons(World(*pair(topics_opted_out={"news"})), replace(CAMPAIGN, topic="news")) == [
        "topic_opt_out"
    ]
    # by a link, whoever it names
    assert reasons(no_more(*pair(), user_id="u2")) == ["channel_opt_out"]
    assert reasons(no_more(*pair(), user_id="nobody", address=" ONE@x.com")) == ["channel_opt_out"]
    assert reasons(no_more(*pair(), user_id="nobody")) == []
    # who comes back comes back alone
    anew = {"email_opt_in_at": GONE + DAY}
    assert reasons(no_more(*pair(**anew), user_id="u2")) == ["channel_opt_out"]
    assert reasons(no_more({**pair()[0], **anew}, pair()[1], user_id="u2")) == ["channel_opt_out"]
    assert reasons(no_more({**pair()[0], **anew}, pair(**anew)[1], user_id="u2")) == []
    back = no_more(*pair(), user_id="u2").message("resubscribed", GONE + DAY, user_id="u2")
    assert reasons(back) == []
    # an unsubscription of an old address goes with the person, and stays with the address
    moved = [user("u2", email="old@x.com", updated_at=GONE - DAY), user("u2", **twin, updated_at=GONE + DAY)]
    assert reasons(no_more(user(email="one@x.com"), *moved, user_id="u2")) == ["channel_opt_out"]
    assert reasons(no_more(user(email="OLD@x.com"), *moved, user_id="u2")) == ["channel_opt_out"]
    # nobody who is erased is a profile
    world = World(*pair(email_opt_in=False))
    world.landing.rows["erasure_requests"].append({"user_id": "u2", "requested_at": AS_OF - DAY})
    assert reasons(world) == []


def test_suppression() -> None:
    def reasons(*rows: Suppression) -> list[str]:
        return World(user(email="u1@Example.com")).reasons(CAMPAIGN, suppressions=list(rows))

    assert reasons(Suppression("email", "u1")) == ["globally_suppressed"]
    assert reasons(Suppression("all", None, " U1@example.COM")) == ["globally_suppressed"]
    assert reasons(Suppression("sms", "u1"), Suppression("email", "u2"), Suppression("all")) == []


def test_exclusions_and_exceptions() -> None:
    world = World().ticket("open", AS_OF - DAY).mention(AS_OF - DAY)
    excluded = replace(CAMPAIGN, excluded_segments=("negative_on_social", "loyal", "has_open_ticket"))
    assert world.reasons(excluded) == ["excluded:negative_on_social", "excluded:has_open_ticket"]

    campaign = replace(CAMPAIGN, trigger_event="x", cancel_on=("z", "y", "message_opened:c"))
    world = World().event("x", AS_OF - DAY).event("y", AS_OF - DAY).event("z", AS_OF - DAY - SECOND)
    assert world.reasons(campaign) == ["exception:y"]
    assert world.message("opened", AS_OF - HOUR).reasons(campaign) == [
        "exception:y",
        "exception:message_opened:c",
    ]

    campaign = replace(CAMPAIGN, cooldown_days=Decimal(7), cancel_on=("y",))
    assert World().event("y", AS_OF - 7 * DAY).reasons(campaign) == ["exception:y"]
    assert World().event("y", AS_OF - 7 * DAY - SECOND).reasons(campaign) == []

    # a day counts as its last moment
    campaign = replace(CAMPAIGN, trigger_event="x", cancel_on=("y",))
    for at, stops in ((AS_OF - 2 * DAY, True), (AS_OF - 3 * DAY, False)):
        world = World().event("x", AS_OF - DAY - SECOND).event("y", at)
        world.landing.rows["events"][1]["_days"] = {"occurred_at"}
        assert world.reasons(campaign) == (["exception:y"] if stops else [])


def test_a_journey_counts_its_exceptions_from_its_start() -> None:
    step = replace(CAMPAIGN, campaign_id="c2", trigger_event="message_sent:c", cancel_on=("y",))
    first, bought = AS_OF - 5 * DAY, AS_OF - 4 * DAY
    sent = AS_OF - 3 * DAY + 9 * HOUR

    def reasons(*dispatches: tuple[datetime, dict[str, Any]], campaign: Campaign = step) -> list[str]:
        world = World().event("y", bought).message("sent", sent)
        for night, more in dispatches:
            world.dispatch(night, **more)
        return world.reasons(campaign)

    dispatched = AS_OF - 3 * DAY
    assert reasons() == []  # the ledger has none: its own trigger
    assert reasons((dispatched, {"journey_started_at": bought})) == ["exception:y"]
    assert reasons((dispatched, {"journey_started_at": bought + SECOND})) == []
    assert reasons((dispatched, {"journey_started_at": first, "campaign_id": "other"})) == []
    assert reasons((dispatched, {"journey_started_at": first, "user_id": "u2"})) == []
    # an older ledger does not say when the journey started: the night of the dispatch
    assert reasons((bought - SECOND, {})) == ["exception:y"]
    assert reasons((bought + SECOND, {})) == []
    # the newest dispatch that was due by then; else the newest that was made by then
    early, late = {"journey_started_at": first}, {"journey_started_at": bought + HOUR}
    assert reasons((dispatched - DAY, early), (dispatched, late)) == []
    assert reasons((dispatched - DAY, early), (dispatched, {**late, "send_at": sent + SECOND})) == [
        "exception:y"
    ]
    assert reasons((dispatched, {**early, "send_at": sent + SECOND})) == ["exception:y"]
    assert reasons((AS_OF - DAY, early)) == []
    assert reasons((dispatched, {**early, "cancelled_at": dispatched + HOUR})) == []
    # a first step counts from its own trigger
    assert reasons((dispatched, early), campaign=replace(step, trigger_event="y", cancel_on=("z",))) == []

    # the ledger keeps the start, from step to step
    world = World().event("x", first).message("sent", sent)
    world.dispatch(dispatched, journey_started_at=first)
    kept = world.night(step, replace(CAMPAIGN, campaign_id="c1", trigger_event="x")).dispatches
    assert {row["campaign_id"]: row["journey_started_at"] for row in kept} == {"c1": first, "c2": first}


def test_a_row_that_nobody_can_read_stops_messages() -> None:
    old = AS_OF - 90 * DAY
    transactional = replace(CAMPAIGN, is_transactional=True)

    def reasons(world: World, **settings: Any) -> list[str]:
        assert world.reasons(transactional, **settings) == []
        return world.reasons(CAMPAIGN, **settings)

    every = (
        World().bad("social_mentions").bad("users").bad("message_events").bad("events").bad("support_tickets")
    )
    assert reasons(every) == [
        f"unreadable:{table}"
        for table in ("users", "events", "support_tickets", "message_events", "social_mentions")
    ]
    assert reasons(every, unreadable_days=0) == []
    assert reasons(World().bad("events", "missing_event_id")) == ["unreadable:events"]
    assert reasons(World().bad("events", "duplicate").bad("events", "from_the_future")) == []
    assert reasons(World().bad("events", user_id=None).bad("events", user_id="U1")) == []

    # not of an old row, by the times that cannot lie before its own
    for table, column in (
        ("events", "occurred_at"),
        ("events", "received_at"),
        ("support_tickets", "updated_at"),
        ("message_events", "occurred_at"),
        ("social_mentions", "posted_at"),
    ):
        for at, stops in ((old - SECOND, False), (old, True), (AS_OF - SECOND, True)):
            expected = [f"unreadable:{table}"] if stops else []
            assert reasons(World().bad(table, **{column: at})) == expected
    assert reasons(World().bad("events", occurred_at=AS_OF)) == []  # not seen
    assert reasons(World().bad("events", occurred_at=old - DAY, received_at=old)) == ["unreadable:events"]
    assert reasons(World().bad("support_tickets", created_at=old - DAY)) == ["unreadable:support_tickets"]
    assert reasons(World().bad("events", occurred_at=old), unreadable_days=89) == []

    # a report names who has its address, where nobody has the user id
    for named, stops in (("nobody", True), (None, True), ("u2", False)):
        report = World(user(), user("u2")).bad("message_events", user_id=named, address=" U1@EXAMPLE.com")
        found = {row["user_id"]: row["reasons"] for row in report.night(CAMPAIGN).decisions}
        assert found["u1"] == (["unreadable:message_events"] if stops else [])


def test_a_readable_row_of_the_same_id_replaces_one_that_is_not() -> None:
    early, late = date(2026, 5, 1), date(2026, 5, 2)
    at = AS_OF - 2 * DAY

    def reasons(world: World) -> list[str]:
        return world.reasons(CAMPAIGN)

    def event(name: str, landed_on: date | None = None, when: datetime = at) -> World:
        world = World().event(name, when)
        world.landing.rows["events"][0].update(event_id="e", _landed_on=landed_on)
        return world

    for table, name in (("events", "event_name"), ("message_events", "event_type")):
        row_id = "event_id" if table == "events" else "message_event_id"

        def made(landed_on: date | None = None, when: datetime = at, table: str = table) -> World:
            world = event("opened", landed_on, when)
            if table == "message_events":
                world = World().message("opened", when)
                world.landing.rows[table][0].update(message_event_id="e", _landed_on=landed_on)
            return world

        stops = [f"unreadable:{table}"]
        # the same id and name, wherever it lies
        assert reasons(made().bad(table, **{row_id: "e", name: "opened"})) == []
        assert reasons(made(when=AS_OF).bad(table, **{row_id: "e", name: "opened"})) == stops
        assert reasons(made().bad(table, **{row_id: "f", name: "opened"})) == stops
        assert reasons(made().bad(table, **{row_id: None, name: "opened"})) == stops
        assert reasons(made(late).bad(table, landed_on=early, **{row_id: "e", name: "sent"})) == stops
        # a name that cannot be read: in a later drop
        assert reasons(made(late).bad(table, landed_on=early, **{row_id: "e"})) == []
        assert reasons(made(late).bad(table, landed_on=late, **{row_id: "e"})) == stops
        assert reasons(made(late).bad(table, **{row_id: "e"})) == stops
        assert reasons(made().bad(table, landed_on=early, **{row_id: "e"})) == stops

    def profile(landed_on: date | None) -> World:
        return World({**user(), "_landed_on": landed_on})

    assert reasons(profile(late).bad("users", landed_on=early)) == []
    assert reasons(profile(early).bad("users", landed_on=early)) == ["unreadable:users"]
    assert reasons(profile(None).bad("users", landed_on=early)) == ["unreadable:users"]

    def ticket(updated_at: datetime, landed_on: date | None = None) -> World:
        return World().ticket("closed", at, updated_at, ticket_id="t", _landed_on=landed_on)

    stops = ["unreadable:support_tickets"]
    assert reasons(ticket(at).bad("support_tickets", ticket_id="t", updated_at=at)) == []
    assert reasons(ticket(at).bad("support_tickets", ticket_id="t", updated_at=at + SECOND)) == stops
    assert reasons(ticket(at).bad("support_tickets", ticket_id="t")) == stops
    assert reasons(ticket(at, late).bad("support_tickets", ticket_id="t", landed_on=early)) == []
    assert reasons(ticket(AS_OF, late).bad("support_tickets", ticket_id="t", landed_on=early)) == stops

    mention = World().mention(at, "positive").bad("social_mentions", mention_id="0001")
    assert reasons(mention) == []
    assert reasons(mention.bad("social_mentions", mention_id="0002")) == ["unreadable:social_mentions"]


# landing zones that went wrong with version 1, and whom they may send a basket e-mail
FAULTS: dict[str, set[str]] = {
    "01-quarantined-row-would-have-stopped-a-message": set(),
    "02-unsubscription-undone-by-a-change-of-city": set(),
    "03-the-same-address-under-two-profiles": set(),
    "05-column-gone-in-a-later-drop": set(),
    "06-the-same-id-written-in-two-ways": {"a7", "u1"},  # `A7`, who has left, differs from `a7` in case
    "07-parquet-text-without-annotation": {"p1"},
    "11-one-id-for-all-reports-of-a-message": set(),
    "14-NULL-written-as-a-word": {"u1", "u2", "u3"},
    "15-attributes-and-properties-as-struct": {"b33"},
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_landing_zones_that_went_wrong(name: str) -> None:
    raw = Path(__file__).resolve().parents[3] / "shared" / "faults" / name / "landing"
    if not raw.is_dir():
        pytest.skip(f"{name} is not there (../shared/faults)")
    settings = basket_settings()
    settings.campaigns = [replace(settings.campaigns[0], topic="newsletter")]
    landing = load_landing(raw, LATER, settings)
    night = decide(landing, settings, AS_OF)
    assert {row["user_id"] for row in night.send_list} == FAULTS[name]
    if name.startswith("06"):
        assert unmatched_users(landing)["message_events"] == (1, 1, 1, 1)
    if name.startswith("07"):
        assert night.merge_field_values[0]["first_name"] == "José"


def test_each_thing_that_stops_a_message_with_each_thing_that_can_be_wrong(tmp_path: Path) -> None:
    cells = write_stopping_cases(tmp_path, AS_OF)
    settings = basket_settings()
    night = decide(load_landing(tmp_path, LATER, settings), settings, AS_OF)
    sent = {row["user_id"] for row in night.send_list}
    assert "control" in sent
    assert {cells[user_id] for user_id in sent - {"control"}} == set(IS_SENT)
    assert len(cells) > 130
    stopped = {row["user_id"]: row["reasons"] for row in night.decisions if row["decision"] == "suppress"}
    assert all(len(reasons) < 3 for reasons in stopped.values())  # each is stopped by what it is about


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (AS_OF - HOUR + SECOND, ["too_soon"]),
        (AS_OF - HOUR, []),
        # due at 9 o'clock: what expires before is on no list
        (AS_OF - 63 * HOUR, []),
        (AS_OF - 63 * HOUR - SECOND, ["too_late"]),
    ],
)
def test_timing(at: datetime, reasons: list[str]) -> None:
    ages = replace(CAMPAIGN, min_age_hours=Decimal(1), max_age_hours=Decimal(72))
    trigger = replace(ages, trigger_event="x")
    assert World().event("x", at).reasons(trigger) == reasons
    welcome = replace(ages, kind="welcome")
    assert World(user(signed_up_at=at)).reasons(welcome) == reasons
    assert World(user(signed_up_at=None)).reasons(welcome) == ["signup_unknown"]
    assert World(user(signed_up_at=None)).reasons(ages) == []


def test_a_message_is_due_where_its_reader_is() -> None:
    def send_at(timezone: str | None, campaign: Campaign = CAMPAIGN, **settings: Any) -> datetime:
        found: datetime = World(user(timezone=timezone)).night(campaign, **settings).decisions[0]["send_at"]
        return found

    assert send_at("Asia/Tokyo") == datetime(2026, 6, 2)  # midnight is before the lists are there
    assert send_at("Asia/Tokyo", delivery_hours=Decimal(0)) == AS_OF
    assert send_at("+05:00") == datetime(2026, 6, 1, 4)
    assert send_at("+05:01") == datetime(2026, 6, 2, 3, 59)
    assert send_at("utc-3") == datetime(2026, 6, 1, 12)
    assert send_at(" europe/BERLIN ") == datetime(2026, 6, 1, 7)
    for unknown in (None, "", "Mars/Olympus", "+15:00"):
        assert send_at(unknown, default_timezone="America/New_York") == datetime(2026, 6, 1, 13)
    # a confirmation is due at once
    at_once = replace(CAMPAIGN, is_transactional=True, send_hour_local=None)
    assert send_at("Asia/Tokyo", at_once) == datetime(2026, 6, 1, 4)
    assert send_at("Asia/Tokyo", at_once, delivery_hours=Decimal("0.5")) == datetime(2026, 6, 1, 0, 30)


def test_cooldown() -> None:
    campaign = replace(CAMPAIGN, cooldown_days=Decimal(7))
    # whole days, from the day on which it would go out: a weekly letter is weekly, at whatever hour
    assert World().message("sent", AS_OF - 6 * DAY).reasons(campaign) == ["cooldown"]
    assert World().message("sent", AS_OF - 6 * DAY - SECOND).reasons(campaign) == []
    tomorrow = replace(campaign, send_hour_local=3)  # before the lists are there
    assert World().message("sent", AS_OF - 5 * DAY).reasons(tomorrow) == ["cooldown"]
    assert World().message("sent", AS_OF - 5 * DAY - SECOND).reasons(tomorrow) == []
    assert World().message("sent", AS_OF - DAY, "other").reasons(campaign) == []
    world = World()
    dispatch = {
        "as_of": AS_OF - DAY,
        "dispatch_id": "d",
        "user_id": "u1",
        "campaign_id": "c",
        "channel": "email",
        "send_at": AS_OF + 9 * HOUR,
    }
    world.ledger = [dispatch]
    assert world.reasons(campaign) == ["cooldown"]
    world.ledger = [{**dispatch, "as_of": AS_OF}]  # written by this very night: a rerun
    assert world.reasons(campaign) == []


def test_where_a_message_of_an_unknown_channel_counts() -> None:
    all_of_it, email = [Cap("all", Decimal(7), 1)], [Cap("email", Decimal(7), 1)]
    for channel, is_counted in (("unknown channel", True), ("sms", True), ("ignored", False)):
        world = World().message("sent", AS_OF - DAY, "other", channel=channel)
        assert world.reasons(CAMPAIGN, caps=all_of_it) == (["total_cap"] if is_counted else [])
        # a channel that nobody knows can be any of them
        of_email = channel == "unknown channel"
        assert world.reasons(CAMPAIGN, caps=email) == (["channel_cap"] if of_email else [])
        assert world.night().customers[0]["sends_7"] == (1 if is_counted else 0)
    # a report that means nothing is no event either
    ignored = World().event("x", AS_OF - 2 * DAY).message("ignored", AS_OF - DAY)
    assert ignored.reasons(replace(CAMPAIGN, trigger_event="x", cancel_on=("message_ignored:c",))) == []


def test_sent_counts_a_dispatch_once() -> None:
    world = World()
    for at in (AS_OF - 2 * DAY, AS_OF - DAY):
        world.message("sent", at, dispatch_id="d1").message("sent", at)
    dispatch = {
        "as_of": AS_OF - 3 * DAY,
        "user_id": "u1",
        "campaign_id": "c",
        "channel": "email",
        "send_at": AS_OF,
    }
    ledger = [{**dispatch, "dispatch_id": "d1"}, {**dispatch, "dispatch_id": "d2"}]
    found = sent_messages(world.landing.rows["message_events"], ledger, AS_OF)
    times = [message.sent_at for message in found]
    assert sorted(times) == [AS_OF - 2 * DAY, AS_OF - DAY, AS_OF - DAY, AS_OF]
    # A confirmation that is not yet seen confirms nothing.
    found = sent_messages(
        World().message("sent", AS_OF, dispatch_id="d1").landing.rows["message_events"], ledger, AS_OF
    )
    assert len(found) == 2


def test_variants() -> None:
    campaign = replace(CAMPAIGN, variants=(Variant("personalized", 1, ("city",), ("city",)),))
    assert World().reasons(campaign) == ["incomplete_personalization"]
    assert World(user(city="Bonn")).night(campaign).decisions[0]["variant"] == "personalized"
    nothing = replace(CAMPAIGN, variants=())
    assert World().reasons(nothing) == ["incomplete_personalization"]


def test_arms() -> None:
    place = bucket("arm:c", "u1")
    texts = (
        Variant("plain_named", 1, ("city",), ("city",), arm="plain"),
        Variant("plain_default", 2, arm="plain"),
        Variant("urgent_named", 3, ("city",), ("city",), arm="urgent"),
    )
    share = place // 100
    assert 0 < share < 99, "in the middle, so that a percent more or less matters"

    def decided(plain: int, **more: Any) -> tuple[str | None, str | None, list[str]]:
        arms = (("plain", plain), ("urgent", 100 - plain))
        row = World(user(**more)).night(replace(CAMPAIGN, arms=arms, variants=texts)).decisions[0]
        return row["arm"], row["variant"], row["reasons"]

    # the bucket is one of the percent that begins at 100 * share
    assert decided(share + 1) == ("plain", "plain_default", [])
    assert decided(share + 1, city="Bonn") == ("plain", "plain_named", [])
    # the other arm has no text for somebody without a city, though this one has
    assert decided(share) == ("urgent", None, ["incomplete_personalization"])
    assert decided(share, city="Bonn") == ("urgent", "urgent_named", [])
    # shares that do not add up, and texts that are nobody's
    gap = replace(CAMPAIGN, arms=(("plain", share),), variants=(*texts, Variant("default", 9)))
    (row,) = World().night(gap).decisions
    assert (row["arm"], row["variant"], row["reasons"]) == (None, None, ["incomplete_personalization"])
    without = World().night(replace(CAMPAIGN, variants=texts)).decisions[0]
    assert (without["arm"], without["reasons"]) == (None, ["incomplete_personalization"])


def test_experiment() -> None:
    everybody, nobody = Decimal(100), Decimal(0)
    held = World().night(replace(CAMPAIGN, holdout_percent=everybody)).decisions[0]
    assert (held["decision"], held["reasons"]) == ("control", ["holdout"])
    out = World().night(replace(CAMPAIGN, holdout_percent=everybody, pilot_percent=nobody)).decisions[0]
    assert (out["decision"], out["reasons"]) == ("suppress", ["outside_pilot", "holdout"])
    assert World().reasons(CAMPAIGN, global_holdout_percent=everybody) == ["holdout"]
    transactional = replace(CAMPAIGN, is_transactional=True, holdout_percent=everybody)
    assert World().reasons(transactional, global_holdout_percent=everybody) == []
    # The bucket of u1 is the first one outside, and inside with a hundredth of a percent more.
    edge = Decimal(bucket("pilot:c", "u1")) / 100
    assert World().reasons(replace(CAMPAIGN, pilot_percent=edge)) == ["outside_pilot"]
    assert World().reasons(replace(CAMPAIGN, pilot_percent=edge + Decimal("0.01"))) == []


def test_valid_until() -> None:
    campaign = replace(CAMPAIGN, trigger_event="x", max_age_hours=Decimal(72))
    world = World().event("x", AS_OF - 60 * HOUR)
    assert world.night(campaign).send_list[0]["valid_until"] == AS_OF + 12 * HOUR
    world = World().event("x", AS_OF - HOUR)
    assert world.night(campaign).send_list[0]["valid_until"] == AS_OF + 33 * HOUR


# ---------------------------------------------------------------------------------------------------------
# Arbitration


def candidate(campaign_id: str, priority: int, **more: Any) -> Candidate:
    values: dict[str, Any] = {"user_id": "u1", "channel": "email", "address": "a@x.y", **more}
    return Candidate(campaign_id=campaign_id, priority=priority, **values)


def run(
    candidates: Sequence[Candidate],
    caps: Sequence[Cap] = (),
    sent: Sequence[Sent] = (),
    limit: int | None = None,
) -> tuple[list[str], list[tuple[str, str, tuple[str, ...]]]]:
    kept, losers = arbitrate(candidates, caps, sent, AS_OF, {"u1": limit})
    return (
        [c.campaign_id for c in kept],
        sorted((loser.candidate.campaign_id, loser.reason, loser.lost_to) for loser in losers),
    )


def earlier(at: datetime, channel: str = "email") -> Sent:
    return Sent("u1", "old", channel, at)


def test_shared_address() -> None:
    shared = [
        candidate("c", 1, user_id="u9", address="A@x.y", last_active_at=AS_OF - DAY),
        candidate("c", 1, user_id="u10", address="a@X.y", last_active_at=AS_OF - DAY),
        candidate("c", 1, user_id="u2", address="a@x.y "),
        candidate("d", 1, user_id="u2"),
    ]
    kept, losers = arbitrate(shared, [], [], AS_OF)
    assert [(c.campaign_id, c.user_id) for c in kept] == [("c", "u10"), ("d", "u2")]
    assert {(x.candidate.user_id, x.reason, x.lost_to) for x in losers} == {
        ("u9", "duplicate_address", ()),
        ("u2", "duplicate_address", ()),
    }


def test_one_copy_in_one_box() -> None:
    same = [
        candidate("b", 5, content_group="g"),
        candidate("a", 5, content_group="g", channel="sms"),
        candidate("c", 9, content_group=None),
        candidate("d", 9, content_group=""),
    ]
    assert run(same) == (["c", "d", "a"], [("b", "same_content", ("a",))])


def test_channel_cap() -> None:
    three = [candidate("a", 1), candidate("b", 2), candidate("c", 3), candidate("s", 9, channel="sms")]
    caps = [Cap("email", Decimal(7), 3), Cap("email", Decimal(30), 9), Cap("push", Decimal(1), 0)]
    assert run(three, caps) == (["s", "c", "b", "a"], [])
    sent = [earlier(AS_OF - 6 * DAY), earlier(AS_OF - 6 * DAY - SECOND), earlier(AS_OF - DAY, "sms")]
    assert run(three, caps, sent) == (["s", "c", "b"], [("a", "channel_cap", ("c", "b"))])
    # one a day is one a day
    daily = [Cap("email", Decimal(1), 1)]
    assert run(three[:1], daily, [earlier(AS_OF - SECOND)]) == (["a"], [])
    assert run(three[:1], daily, [earlier(AS_OF)]) == ([], [("a", "channel_cap", ())])
    # Not yet due counts too; where what was sent took every place, nobody of tonight did.
    sent = [earlier(AS_OF + HOUR)] * 4
    kept, losers = run(three, caps, sent)
    assert kept == ["s"]
    assert losers == [(name, "channel_cap", ()) for name in "abc"]


def test_each_counts_from_its_own_day() -> None:
    caps = [Cap("email", Decimal(2), 1)]
    sent = [earlier(AS_OF - DAY)]
    tomorrow = candidate("b", 1, send_at=AS_OF + DAY)
    assert run([tomorrow], caps, sent) == (["b"], [])
    # the smallest room of those who are still in is everybody's
    assert run([tomorrow, candidate("a", 2, send_at=AS_OF)], caps, sent)[0] == []
    assert run([tomorrow, candidate("a", 2, channel="sms")], caps, sent)[0] == ["a", "b"]
    assert run([tomorrow], [Cap("all", Decimal(2), 1)], sent)[0] == ["b"]


def test_caps_are_for_an_address() -> None:
    box = "One@x.y"
    both = [candidate("a", 2, address=box), candidate("b", 1, user_id="u2", address=box.upper())]

    def kept(sent: Sequence[Sent], cap: Cap) -> list[str]:
        return [c.campaign_id for c in arbitrate(both, [cap], sent, AS_OF)[0]]

    cap = Cap("email", Decimal(7), 2)
    to_box = Sent("u3", None, "email", AS_OF - DAY, address_hash(" one@x.y"))
    assert kept([], cap) == ["a", "b"]
    assert kept([to_box], cap) == ["a"]
    assert kept([to_box, to_box], cap) == []
    assert kept([replace(to_box, channel="sms"), replace(to_box, address=None)], cap) == ["a", "b"]
    # what went to the address and to the user is counted once; what went to one user is everybody's
    assert kept([replace(to_box, user_id="u1")], cap) == ["a"]
    assert kept([Sent("u2", None, "email", AS_OF - DAY, address_hash("old@x.y"))], cap) == ["a"]
    # over all channels a user counts, not an address
    assert kept([to_box, to_box], Cap("all", Decimal(7), 1)) == ["a", "b"]
    _, losers = arbitrate(both, [Cap("email", Decimal(7), 1)], [], AS_OF)
    assert [(x.candidate.user_id, x.reason, x.lost_to) for x in losers] == [("u2", "channel_cap", ("a",))]
    # the transactional message of either takes a place; it is one campaign
    confirmations = [replace(c, campaign_id="t", is_transactional=True) for c in both]
    _, losers = arbitrate([*both, *confirmations], [Cap("email", Decimal(7), 3)], [], AS_OF)
    assert [(x.candidate.user_id, x.lost_to) for x in losers] == [("u2", ("a", "t"))]


def test_total_cap_and_weekly_limit() -> None:
    three = [candidate("a", 1), candidate("b", 2, channel="push"), candidate("c", 3, channel="sms")]
    assert run(three, [Cap("all", Decimal(1), 2)]) == (["c", "b"], [("a", "total_cap", ("c", "b"))])
    assert run(three, [Cap("all", Decimal(1), 2)], limit=1)[0] == ["c"]
    assert run(three, limit=2, sent=[earlier(AS_OF - 6 * DAY)])[0] == ["c"]
    assert run(three, limit=2, sent=[earlier(AS_OF - 6 * DAY - SECOND)])[0] == ["c", "b"]
    assert run(three, limit=0) == ([], [(name, "total_cap", ()) for name in "abc"])
    # Who lost the channel's place does not hold a total one.
    two = [candidate("a", 3), candidate("b", 2), candidate("c", 1, channel="sms")]
    caps = [Cap("email", Decimal(1), 1), Cap("all", Decimal(1), 2)]
    assert run(two, caps) == (["a", "c"], [("b", "channel_cap", ("a",))])


def test_transactional_is_always_kept_and_counts() -> None:
    both = [candidate("t", 1, is_transactional=True, content_group="g"), candidate("m", 9, content_group="h")]
    assert run(both, [Cap("email", Decimal(1), 1)]) == (["t"], [("m", "channel_cap", ("t",))])
    assert run(both, [Cap("email", Decimal(1), 0)]) == (["t"], [("m", "channel_cap", ())])
    assert run([both[0], candidate("m", 9, content_group="g")]) == (["t"], [("m", "same_content", ("t",))])


# ---------------------------------------------------------------------------------------------------------
# Settings and random worlds


def test_settings_survive_their_files(tmp_path: Path) -> None:
    for seed in range(5):
        settings = random_settings(seed, with_merge_fields=True)
        write_settings(settings, tmp_path / str(seed) / "seeds")
        loaded = Settings.load(
            tmp_path / str(seed),
            global_holdout_percent=settings.global_holdout_percent,
            default_timezone=settings.default_timezone,
        )
        assert loaded == settings


def test_worlds_turn_every_rule(tmp_path: Path) -> None:
    decisions: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    quarantine: Counter[str] = Counter()
    segments: Counter[str] = Counter()
    cells: set[tuple[str, str]] = set()
    people, people_sent, later_starts = 0, 0, 0
    for seed in range(12):
        settings = random_settings(seed)
        info = write_world(tmp_path / str(seed), seed)
        cells |= set(info.cases.values())
        for _ in range(2):
            landing = load_landing(info.raw, info.wall_clock, settings)
            for table in TABLES:
                staged = len(landing.rows[table.name])
                assert landing.rows_in[table.name] == staged + landing.quarantined(table.name)
                assert landing.rows_in[table.name] == info.rows[table.name]
            night = decide(landing, settings, info.as_of, info.ledger)
            decisions.update(row["decision"] for row in night.decisions)
            for row in night.decisions:
                reasons.update(x if x.startswith("unreadable") else x.split(":")[0] for x in row["reasons"])
            quarantine.update(item.reason.split("_")[0] for item in landing.quarantine)
            for customer in night.customers:
                segments.update(customer["segments"])
            people += len(night.customers)
            people_sent += len({row["user_id"] for row in night.send_list})
            later_starts += sum(row["journey_started_at"] < info.as_of for row in night.dispatches)
            assert len({row["dispatch_id"] for row in night.send_list}) == len(night.send_list)
            assert len(night.send_list) == sum(1 for row in night.decisions if row["decision"] == "send")
            assert [row["dispatch_id"] for row in night.dispatches] == [
                row["dispatch_id"] for row in night.send_list
            ]
            assert json.dumps([row["merge_values"] for row in night.send_list])
            assert all(row["send_at"] < row["valid_until"] for row in night.send_list)
            if info.as_of == AS_OF:
                info = write_second_night(info, night.dispatches, seed)
    assert set(decisions) == {"send", "control", "suppress"}
    # Worlds in which everybody is stopped would prove nothing.
    assert people_sent / people > 0.2
    assert later_starts > 20
    assert len(cells) > 80
    assert set(reasons) == {
        "unreadable:users",
        "unreadable:events",
        "unreadable:support_tickets",
        "unreadable:message_events",
        "unreadable:social_mentions",
        "unreachable",
        "hard_bounced",
        "complained",
        "channel_opt_out",
        "consent_unknown",
        "topic_opt_out",
        "globally_suppressed",
        "excluded",
        "exception",
        "too_soon",
        "too_late",
        "signup_unknown",
        "cooldown",
        "incomplete_personalization",
        "outside_pilot",
        "holdout",
        "duplicate_address",
        "same_content",
        "channel_cap",
        "total_cap",
    }
    assert set(quarantine) == {"missing", "bad", "from", "duplicate"}
    assert len(segments) == 25


def test_a_world_is_the_same_every_time(tmp_path: Path) -> None:
    nights = []
    settings = random_settings(7)
    for name in ("one", "two"):
        info = write_world(tmp_path / name, 7)
        nights.append(
            decide(load_landing(info.raw, info.wall_clock, settings), settings, info.as_of, info.ledger)
        )
        info = write_second_night(info, nights[-1].dispatches, 7)
        nights.append(
            decide(load_landing(info.raw, info.wall_clock, settings), settings, info.as_of, info.ledger)
        )
    assert nights[:2] == nights[2:]
    assert nights[0].decisions and nights[1].decisions and nights[0] != nights[1]


def test_the_order_of_rows_changes_nothing(tmp_path: Path) -> None:
    for seed in (3, 4, 5):
        rules = random_settings(seed)
        info = write_world(tmp_path / str(seed), seed)
        landing = load_landing(info.raw, info.wall_clock, rules)
        night = decide(landing, rules, info.as_of, info.ledger)
        for order in range(3):
            rng = Random(order)
            for rows in (*landing.rows.values(), landing.quarantine, info.ledger):
                rng.shuffle(rows)  # type: ignore[arg-type]
            assert decide(landing, rules, info.as_of, info.ledger) == night
