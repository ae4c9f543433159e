"""The oracle itself, against small cases worked out by hand from the design."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from oracle import (
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
    decide,
    load_landing,
    random_settings,
    watermark,
    write_settings,
    write_world,
)
from oracle.decisions import send_time
from oracle.features import sent_messages, within
from oracle.landing import TABLES
from oracle.words import (
    bucket,
    distance_m,
    is_blank,
    is_unsafe,
    is_valid_email,
    is_valid_phone,
    merge_value,
    trim,
)

AS_OF = datetime(2026, 6, 1)
LATER = datetime(2026, 6, 1, 6)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PLACEHOLDERS = {"n/a", "null", "[blank]", "не указано"}


# ---------------------------------------------------------------------------------------------------------
# Words


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        "\t\n",
        "\u00a0",
        "\u200b",
        "\ufeff",
        "\u3164",
        "\u115f\uffa0",
        "\u2800",
        "\ufe0f",
        "\U000e0020",
        "-",
        "…!",
        "🙂",
        "N/A",
        " null ",
        "\u00a0[Blank]\u200b",
        "Не указано",
        "{{ x",
        "x }}",
        "{% x",
        "*|X",
        "50%% x",
        "[[x",
    ],
)
def test_blank(value: str | None) -> None:
    assert is_blank(value, PLACEHOLDERS)
    assert merge_value(value, PLACEHOLDERS) is None


@pytest.mark.parametrize(
    "value", ["Ann", "李", "م", "٣", "0", "{x}", "[x]", "100 %", "nullable", "O'Brien", "-5"]
)
def test_not_blank(value: str) -> None:
    assert not is_blank(value, PLACEHOLDERS)
    assert merge_value(f"\u200b {value}\u00a0", PLACEHOLDERS) == value


@pytest.mark.parametrize(
    "value",
    ["<b", "x</x", "<!x", "a\nb", "a\rb", "a\x00b", "a\u2028b", "a\x85b", "a://b", "x" * 256, "Ann\n", "<é"],
)
def test_unsafe(value: str) -> None:
    assert is_unsafe(value)
    assert merge_value(value, PLACEHOLDERS) is None


@pytest.mark.parametrize("value", ["a < b", "<3", "a<", "a:/b", "x" * 255, "a\u200db", None])
def test_not_unsafe(value: str | None) -> None:
    assert not is_unsafe(value)


def test_trim_leaves_the_middle() -> None:
    assert trim("\ufeff a\u00a0\u200bb \u3164") == "a\u00a0\u200bb"


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("a@b.c", True),
        ("l" * 64 + "@example.com", True),
        ("l" * 65 + "@example.com", False),
        ("a+b@x-y.example.com", True),
        ("a@" + "d" * 248 + ".com", True),
        ("a@" + "d" * 249 + ".com", False),
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
# Landing

EMPTY = {
    "events.csv": "event_id,user_id,event_name,occurred_at",
    "users.csv": "user_id,updated_at",
    "support_tickets.csv": "ticket_id,user_id,status,created_at,updated_at",
    "message_events.csv": "message_event_id,user_id,channel,event_type,occurred_at",
}


def write_files(folder: Path, files: dict[str, str]) -> Path:
    for name, text in {**EMPTY, **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_every_row_is_staged_or_in_quarantine(tmp_path: Path) -> None:
    raw = write_files(
        tmp_path,
        {
            "events.csv": "properties,event_id,user_id,event_name,occurred_at,received_at,more\n"
            '"{""a"": 1}",e1,u1,x,2026-05-01T10:00:00Z,2026-05-01 10:00:05,?\n'
            ",e1,u1,y,2026-05-01 10:00:00,2026-05-01 10:00:04,?\n"  # received first: this one stays
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
        "bad_properties": 2,
        "from_the_future": 1,
        "bad_occurred_at": 1,
        "missing_event_id": 1,
        "missing_event_name": 1,
    }
    staged = {row["event_id"]: row for row in landing.rows["events"]}
    assert sorted(staged) == ["e1", "e2", "e5"]
    assert staged["e1"]["event_name"] == "y"
    assert staged["e2"]["occurred_at"] == datetime(2026, 5, 1, 10, 0, 1)
    assert landing.rows_in["events"] == 11
    assert {item.file for item in landing.quarantine} == {"events.csv"}
    assert watermark(landing) == datetime(2026, 6, 2)


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
        phone="+491234567",
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
            "send_at": datetime(2026, 6, 1, 3, 30),
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
            "send_at": datetime(2026, 6, 1, 3, 30),
            "valid_until": datetime(2026, 6, 2, 3, 30),
            "cancel_on": ["order_completed"],
            "merge_values": {"first_name": "Ann"},
        }
    ]


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


@pytest.mark.parametrize(("at", "known"), [(AS_OF - SECOND, False), (AS_OF, True)])
def test_erasure(at: datetime, known: bool) -> None:
    world = World()
    world.landing.rows["erasure_requests"].append({"user_id": "u1", "requested_at": at})
    assert bool(world.night().customers) is known


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


def test_edges_of_the_segments() -> None:
    edge = AS_OF - 30 * DAY
    assert "recent_complaint" in World().ticket("closed", edge, category="complaint").segments()
    assert "recent_complaint" not in World().ticket("closed", edge - SECOND, category="complaint").segments()
    assert "recent_complaint" in World().ticket("closed", edge - DAY, edge, satisfaction="bad").segments()
    assert "recent_complaint" in World().event("feedback_submitted", edge, score=6).segments()
    assert "recent_complaint" not in World().event("feedback_submitted", edge, score=7).segments()
    assert "recent_complaint" not in World().event("feedback_submitted", edge, score="3").segments()
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
    for first, last, is_open in (
        (date(2026, 6, 1), date(2026, 6, 1), True),
        (date(2026, 6, 2), None, False),
        (None, date(2026, 5, 31), False),
    ):
        night = world.night(replace(CAMPAIGN, valid_from=first, valid_to=last))
        assert bool(night.decisions) is is_open


def test_address_and_deliverability() -> None:
    assert World(user(email="N/A")).reasons(CAMPAIGN) == ["unreachable"]
    assert World(user(push_token=" null ")).reasons(replace(CAMPAIGN, channel="push")) == ["unreachable"]
    world = World().message("complained", AS_OF - 900 * DAY).message("bounced_hard", AS_OF - DAY)
    assert world.reasons(CAMPAIGN) == ["hard_bounced", "complained"]
    assert world.reasons(replace(CAMPAIGN, channel="sms")) == []
    assert World().message("bounced_hard", AS_OF).message("bounced_soft", AS_OF - DAY).reasons(CAMPAIGN) == []


def test_consent() -> None:
    assert World(user(email_opt_in=None)).reasons(CAMPAIGN) == ["consent_unknown"]
    assert World(user(email_opt_in=False)).reasons(CAMPAIGN) == ["channel_opt_out"]
    assert World(user(email_opt_in=False)).reasons(replace(CAMPAIGN, is_transactional=True)) == []
    updated_at = AS_OF - 50 * DAY
    assert World().message("unsubscribed", updated_at).reasons(CAMPAIGN) == []
    later = World(user(email_opt_in=None)).message("unsubscribed", updated_at + SECOND)
    assert later.reasons(CAMPAIGN) == ["channel_opt_out"]
    topics = World(user(topics_opted_out="news; offers ", sms_opt_in=False))
    assert topics.reasons(replace(CAMPAIGN, topic="offers", channel="sms")) == [
        "channel_opt_out",
        "topic_opt_out",
    ]
    assert topics.reasons(replace(CAMPAIGN, topic="offer")) == []


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


@pytest.mark.parametrize(
    ("at", "reasons"),
    [
        (AS_OF - HOUR + SECOND, ["too_soon"]),
        (AS_OF - HOUR, []),
        (AS_OF - 72 * HOUR, []),
        (AS_OF - 72 * HOUR - SECOND, ["too_late"]),
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


def test_cooldown() -> None:
    campaign = replace(CAMPAIGN, cooldown_days=Decimal(7))
    assert World().message("sent", AS_OF - 7 * DAY).reasons(campaign) == ["cooldown"]
    assert World().message("sent", AS_OF - 7 * DAY - SECOND).reasons(campaign) == []
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
    sent = [earlier(AS_OF - 7 * DAY), earlier(AS_OF - 7 * DAY - SECOND), earlier(AS_OF - DAY, "sms")]
    assert run(three, caps, sent) == (["s", "c", "b"], [("a", "channel_cap", ("c", "b"))])
    # Not yet due counts too; where what was sent took every place, nobody of tonight did.
    sent = [earlier(AS_OF + HOUR)] * 4
    kept, losers = run(three, caps, sent)
    assert kept == ["s"]
    assert losers == [(name, "channel_cap", ()) for name in "abc"]


def test_total_cap_and_weekly_limit() -> None:
    three = [candidate("a", 1), candidate("b", 2, channel="push"), candidate("c", 3, channel="sms")]
    assert run(three, [Cap("all", Decimal(1), 2)]) == (["c", "b"], [("a", "total_cap", ("c", "b"))])
    assert run(three, [Cap("all", Decimal(1), 2)], limit=1)[0] == ["c"]
    assert run(three, limit=2, sent=[earlier(AS_OF - 7 * DAY)])[0] == ["c"]
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
    for seed in range(12):
        info = write_world(tmp_path / str(seed), seed)
        landing = load_landing(info.raw, info.wall_clock)
        for table in TABLES:
            staged = len(landing.rows[table.name])
            assert landing.rows_in[table.name] == staged + landing.quarantined(table.name)
            assert landing.rows_in[table.name] == info.rows[table.name]
        night = decide(landing, random_settings(seed), info.as_of, info.ledger)
        decisions.update(row["decision"] for row in night.decisions)
        reasons.update(reason.split(":")[0] for row in night.decisions for reason in row["reasons"])
        quarantine.update(item.reason.split("_")[0] for item in landing.quarantine)
        for customer in night.customers:
            segments.update(customer["segments"])
        assert len({row["dispatch_id"] for row in night.send_list}) == len(night.send_list)
        assert len(night.send_list) == sum(1 for row in night.decisions if row["decision"] == "send")
        assert json.dumps([row["merge_values"] for row in night.send_list])
    assert set(decisions) == {"send", "control", "suppress"}
    assert set(reasons) == {
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
    for name in ("one", "two"):
        info = write_world(tmp_path / name, 7)
        landing = load_landing(info.raw, info.wall_clock)
        nights.append(decide(landing, random_settings(7), info.as_of, info.ledger))
    assert nights[0] == nights[1]
    assert nights[0].decisions
