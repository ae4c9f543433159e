"""Everything that stops a message, with everything that can be wrong with its row: rows to put into a landing zone.

`stopping_rows` gives the rows of one cell of that table for one person, who would be sent the basket e-mail of
`basket_settings` without them. `write_stopping_cases` writes a landing zone with one person for each cell.
`IS_SENT` are the few cells after which the message goes out all the same, and why.
The values are what a file holds: where a text stands for a time or a flag, it is meant to be read, or not to be.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from .landing import TABLES
from .settings import Campaign, Cap, Settings, Variant
from .world_files import write_file

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)
FLAGS = ("email_opt_in", "sms_opt_in", "push_opt_in")
CHANNEL_NAMES = ("email", "sms", "push")

Row = dict[str, Any]
Rows = dict[str, list[Row]]

# What can be wrong with the row that stops a message.
FAULTS = (
    "clean",  # nothing
    "missing",  # a column that the row cannot do without is empty
    "unreadable",  # that column holds what nobody can read
    "unreadable_value",  # what the row says of the person is what nobody can read
    "spelled_otherwise",  # ids, names, words, flags and times as other systems write them
    "late",  # it lands in a later drop than what it is about
    "doubled",  # it is delivered twice, or its id is that of another row
    "tied",  # at the very moment of what would speak against it
    "absent_column",  # a later file lacks the column, or its own file lacks what is optional
    "shared_address",  # it names another profile of the same address
    "changed_address",  # the person had another address then
    "by_address",  # it names nobody whom we know, and the address
    "date_alone",  # its time is a day
)
# What a row of `users` can say, and the columns that say it.
PROFILE_STOPS: dict[str, tuple[Row, Row, Row]] = {  # clean, spelled otherwise, unreadable
    "opt_out": (
        dict.fromkeys(FLAGS, False),
        dict(zip(FLAGS, ("No", "unsubscribed", "0.0"), strict=True)),
        dict.fromkeys(FLAGS, "perhaps"),
    ),
    "weekly_maximum": (
        {"max_messages_per_week": 0},
        {"max_messages_per_week": "0.0"},
        {"max_messages_per_week": "a few"},
    ),
    "topics": (
        {"topics_opted_out": "news;offers"},
        {"topics_opted_out": '["News", "OFFERS"]'},
        {"topics_opted_out": '["news", "offers"'},
    ),
}
REPORT_STOPS = {"unsubscription": "unsubscribed", "complaint": "complained", "bounce": "bounced_hard"}
STOPS = (
    *PROFILE_STOPS,
    *REPORT_STOPS,
    "cap",
    "order",
    "return",
    "score",
    "ticket",
    "complaint_ticket",
    "mention",
    "erasure",
)
IS_SENT = {
    ("bounce", "changed_address"): "a bounce does not follow a person to a new address",
}


def basket_campaign() -> Campaign:
    """The marketing e-mail that each cell would stop."""
    return Campaign(
        "abandoned_cart__cart_item_added__email",
        "abandoned_cart",
        "email",
        topic="offers",
        excluded_segments=("has_open_ticket", "recent_complaint", "refund_pending", "negative_on_social"),
        trigger_event="cart_item_added",
        min_age_hours=Decimal(1),
        max_age_hours=Decimal(96),
        cancel_on=("order_completed",),
        cooldown_days=Decimal(7),
        variants=(Variant("default", 2),),
    )


def basket_settings() -> Settings:
    """The settings under which each cell stops that e-mail, and nothing else does."""
    return Settings(
        campaigns=[basket_campaign()],
        caps=[Cap("email", Decimal(2), 1)],
        event_names={"orders/paid": "order_completed", "nps_answer": "feedback_submitted"},
        ticket_statuses={"waiting on us": "open"},
        report_types={"unsubscribe": "unsubscribed", "spamreport": "complained", "bounce": "bounced_hard"},
        report_channels={"E-Mail": "email", "text": "sms", "mobile push": "push"},
        topics={"offers", "news"},
    )


def write_stopping_cases(raw: Path, as_of: datetime) -> dict[str, tuple[str, str]]:
    """Write a landing zone of drops with one person for each cell, and `control`; give the cell of each person."""
    numbers = count(1)
    rows: Rows = defaultdict(list)
    cells: dict[str, tuple[str, str]] = {}

    def next_id(prefix: str) -> str:
        return f"{prefix}{next(numbers)}"

    def add_person(user_id: str) -> Row:
        profile: Row = {c.name: None for table in TABLES if table.name == "users" for c in table.columns}
        profile |= {
            "user_id": user_id,
            "email": f"{user_id}@example.com",
            "phone": f"+4930{1_000_000 + next(numbers)}",
            "push_token": f"token-{user_id}",
            **dict.fromkeys(FLAGS, True),
            "signed_up_at": as_of - 200 * DAY,
            "updated_at": as_of - 80 * DAY,
        }
        rows["users"].append({**profile, "_drop": "early"})
        basket: Row = {"event_id": next_id("e"), "user_id": user_id, "event_name": "cart_item_added"}
        basket |= dict.fromkeys(("occurred_at", "received_at"), as_of - 20 * HOUR)
        rows["events"].append({**basket, "_drop": "early"})
        return profile

    add_person("control")
    for stop in STOPS:
        for fault in FAULTS:
            user_id = f"{stop}-{fault}"
            some = stopping_rows(stop, fault, add_person(user_id), as_of, next_id)
            if some is None:
                rows["users"].pop()
                rows["events"].pop()
                continue
            cells[user_id] = (stop, fault)
            for name, more in some.items():
                rows[name] += more
    for table in TABLES:
        for drop, days_before in (("early", 3), ("", 2), ("late", 0)):
            place = raw / table.name / f"landed_on={(as_of - days_before * DAY).date()}"
            by_columns: dict[tuple[str, ...], list[Row]] = defaultdict(list)
            for row in rows[table.name]:
                if row.get("_drop", "") == drop:
                    by_columns[row.get("_lacks", ())].append(row)
            for number, (lacks, group) in enumerate(sorted(by_columns.items())):
                write_file(Random(number), place / f"part-{number}.csv", table, group, lacks=lacks)
    return cells


def stopping_rows(
    stop: str, fault: str, profile: Row, as_of: datetime, next_id: Callable[[str], str]
) -> Rows | None:
    """The rows that stop (or should) messages to the person of `profile`; None where the cell means nothing.

    `profile` is the person's only version, updated long before as_of. A row's `_drop` is `early` or `late` where it
    matters; `_lacks` are columns that its file must not have.
    """
    cell = _Cell(stop, fault, dict(profile), as_of, next_id)
    if stop in PROFILE_STOPS:
        cell.profile_stop()
    elif stop in REPORT_STOPS:
        cell.report_stop(REPORT_STOPS[stop])
    else:
        getattr(cell, f"{stop}_stop")()
    return dict(cell.rows) if cell.rows else None


class _Cell:
    """One cell, written row by row."""

    def __init__(
        self, stop: str, fault: str, profile: Row, as_of: datetime, next_id: Callable[[str], str]
    ) -> None:
        self.stop, self.fault, self.profile, self.as_of, self.next_id = stop, fault, profile, as_of, next_id
        self.user_id: str = profile["user_id"]
        self.at = as_of - 12 * HOUR  # after the basket was filled, before the night
        self.rows: Rows = defaultdict(list)

    def add(self, table: str, row: Row) -> None:
        """One row, with the faults that every table can have."""
        row = dict(row)
        time = {"users": "updated_at", "support_tickets": "updated_at", "social_mentions": "posted_at"}.get(
            table, "requested_at" if table == "erasure_requests" else "occurred_at"
        )
        if self.fault == "missing":
            row[time] = None
        elif self.fault == "unreadable":
            row[time] = "28.05.2026 at noon"
        elif self.fault == "spelled_otherwise":
            row["user_id"] = f" {row['user_id']}\u200b"
            row[time] = f"{row[time]:%Y-%m-%dT%H:%M}z"
        elif self.fault == "date_alone":
            row[time] = row[time].date()
        elif self.fault == "late":
            row["_drop"] = "late"
        self.rows[table].append(row)
        if self.fault == "doubled":
            self.rows[table].append({**row, "_drop": "late"})

    def other_profile(self) -> Row:
        """Somebody else at the same address, in another spelling, who is no candidate for the basket."""
        return {
            **self.profile,
            "user_id": self.next_id("twin"),
            "email": str(self.profile["email"]).upper(),
            "phone": None,
            "push_token": None,
        }

    # -- rows of users

    def profile_stop(self) -> None:
        """A newer version of the profile."""
        clean, spelled, garbled = PROFILE_STOPS[self.stop]
        says = {"spelled_otherwise": spelled, "unreadable_value": garbled}.get(self.fault, clean)
        version = {**self.profile, "updated_at": self.at, **says}
        if self.fault == "shared_address":
            if self.stop != "weekly_maximum":  # which is the person's own
                self.rows["users"].append({**self.other_profile(), **says})
        elif self.fault in ("changed_address", "by_address", "date_alone"):
            pass
        else:
            self.add("users", version)
            if self.fault == "tied":
                self.rows["users"].append({**self.profile, "updated_at": self.at})
            if self.fault == "absent_column":
                lacks = {**self.profile, "updated_at": self.at + HOUR, "_drop": "late", "_lacks": tuple(says)}
                self.rows["users"].append({**lacks, **dict.fromkeys(says)})

    # -- rows of message_events

    def report(self, event_type: str, channel: str = "email") -> Row:
        """A report about a message to the person."""
        return {
            "message_event_id": self.next_id("m"),
            "user_id": self.user_id,
            "campaign_id": None,
            "channel": channel,
            "variant": None,
            "event_type": event_type,
            "occurred_at": self.at,
            "dispatch_id": None,
            "address": None,
            "is_machine_open": None,
        }

    def add_report(self, row: Row) -> None:
        """A report, with the faults that reports can have."""
        address = self.profile[{"email": "email", "sms": "phone", "push": "push_token"}[row["channel"]]]
        if self.fault == "unreadable_value":
            row["event_type"] = f"{row['event_type']}?"
        elif self.fault == "spelled_otherwise":
            words = {"unsubscribed": "Unsubscribe", "complained": "SpamReport", "bounced_hard": " bounce"}
            row["event_type"] = words.get(row["event_type"], row["event_type"].upper())
            row["channel"] = {"email": "E-Mail", "sms": "Text", "push": "mobile-push"}[row["channel"]]
        elif self.fault == "doubled":  # one id for all reports of a message
            other = {**row, "event_type": "delivered", "occurred_at": row["occurred_at"] - HOUR}
            self.rows["message_events"].append(other)
        elif self.fault == "absent_column":
            row["_lacks"] = ("campaign_id", "variant", "dispatch_id", "address", "is_machine_open")
        elif self.fault == "by_address":
            row["user_id"] = "nobody"
            row["address"] = str(address).upper()
        self.add("message_events", row)

    def report_stop(self, event_type: str) -> None:
        """A report of each channel."""
        if self.fault == "shared_address":
            twin = self.other_profile()
            self.rows["users"].append(twin)
            self.rows["message_events"].append({**self.report(event_type), "user_id": twin["user_id"]})
            return
        if self.fault == "changed_address":  # what the report is about is the address of before
            before = {**self.profile, "updated_at": self.profile["updated_at"] - DAY}
            for column in ("email", "phone", "push_token"):
                before[column] = (
                    f"+49{self.next_id('')}123456" if column == "phone" else f"old-{before[column]}"
                )
            self.rows["users"].append(before)
            for channel in CHANNEL_NAMES:
                report = self.report(event_type, channel)
                self.rows["message_events"].append({**report, "occurred_at": before["updated_at"] + HOUR})
            return
        if self.fault == "tied":
            if event_type != "unsubscribed":
                return
            for channel in CHANNEL_NAMES:  # a new consent counts strictly after
                self.rows["message_events"].append(self.report("resubscribed", channel))
        for channel in CHANNEL_NAMES:
            self.add_report(self.report(event_type, channel))

    def cap_stop(self) -> None:
        """A message sent on the day before."""
        if self.fault in ("tied", "changed_address", "by_address"):
            return
        row = self.report("sent")
        if self.fault == "shared_address":
            twin = self.other_profile()
            self.rows["users"].append(twin)
            self.rows["message_events"].append({**row, "user_id": twin["user_id"]})
        else:
            self.add_report(row)

    # -- rows of events

    def add_event(self, name: str, properties: object, spelled: str, garbled: object) -> None:
        """An event, with the faults that events can have."""
        if self.fault in ("shared_address", "changed_address", "by_address"):
            return
        row: Row = {
            "event_id": self.next_id("e"),
            "user_id": self.user_id,
            "event_name": spelled if self.fault == "spelled_otherwise" else name,
            "occurred_at": self.at,
            "received_at": self.at,
            "properties": garbled if self.fault == "unreadable_value" else properties,
        }
        if self.fault == "doubled":  # another event of the same id came first
            other = {**row, "event_name": "page_viewed", "received_at": self.at - HOUR, "_drop": "early"}
            self.rows["events"].append(other)
        elif self.fault == "absent_column":
            lacks = ("received_at",) if name != "order_completed" else ("received_at", "properties")
            row["_lacks"] = lacks
        elif self.fault == "date_alone":
            row["received_at"] = None
        self.add("events", row)

    def order_stop(self) -> None:
        """What the basket was for has been bought."""
        if self.fault == "tied":
            self.at = self.as_of - 20 * HOUR  # when the basket was filled
        elif self.fault == "date_alone":
            self.at = self.as_of - 20 * HOUR
        self.add_event("order_completed", {"order_id": "1"}, "Orders/Paid", '{"order_id": "1", "items": [')

    def return_stop(self) -> None:
        """Something is being sent back."""
        if self.fault == "tied":
            return
        if self.fault == "date_alone":  # refunded on that day: nobody knows whether at or after it
            refund: Row = {
                "event_id": self.next_id("e"),
                "user_id": self.user_id,
                "event_name": "order_refunded",
            }
            refund |= {"occurred_at": self.at, "received_at": self.at, "properties": {"order_id": "9"}}
            self.rows["events"].append(refund)
        self.add_event("return_requested", {"order_id": "9"}, "Return-Requested", '{"order_id": ')

    def score_stop(self) -> None:
        """A low score."""
        spelled = self.fault == "spelled_otherwise"
        properties = {"score": " 2 " if spelled else 2}
        if self.fault != "tied":
            self.add_event("feedback_submitted", properties, "NPS Answer", {"score": "awful"})

    # -- rows of the other tables

    def add_ticket(self, status: str, category: str | None) -> None:
        """A ticket, with the faults that tickets can have."""
        if self.fault in ("shared_address", "changed_address", "by_address"):
            return
        row: Row = {
            "ticket_id": self.next_id("t"),
            "user_id": self.user_id,
            "category": category,
            "status": status,
            "created_at": self.at,
            "updated_at": self.at,
            "solved_at": None,
            "satisfaction": None,
        }
        if self.fault == "tied":
            self.rows["support_tickets"].append({**row, "status": "closed"})
        elif self.fault == "unreadable_value":
            row["status"] = "Escalated to legal"
        elif self.fault == "spelled_otherwise":
            row["status"] = "Waiting on us" if status == "open" else " CLOSED"
            row["category"] = category and f" {category.upper()} "
        elif self.fault == "absent_column":
            row["_lacks"] = ("solved_at", "satisfaction")
        self.add("support_tickets", row)

    def ticket_stop(self) -> None:
        """An open ticket."""
        self.add_ticket("open", None)

    def complaint_ticket_stop(self) -> None:
        """A complaint that is closed by now."""
        self.add_ticket("closed", "complaint")

    def mention_stop(self) -> None:
        """A bad word in public."""
        if self.fault in ("shared_address", "changed_address", "by_address"):
            return
        row: Row = {
            "mention_id": self.next_id("s"),
            "user_id": self.user_id,
            "network": "net",
            "body": None,
            "posted_at": self.at,
            "sentiment": {"unreadable_value": "very negative", "spelled_otherwise": " Negative"}.get(
                self.fault, "negative"
            ),
        }
        if self.fault == "tied":  # of two opinions at one time the worse one
            self.rows["social_mentions"].append({**row, "sentiment": "positive"})
        elif self.fault == "absent_column":
            row["_lacks"] = ("body",)
        self.add("social_mentions", row)

    def erasure_stop(self) -> None:
        """A request to be forgotten."""
        if self.fault in (
            "clean",
            "missing",
            "unreadable",
            "spelled_otherwise",
            "late",
            "doubled",
            "date_alone",
        ):
            self.add("erasure_requests", {"user_id": self.user_id, "requested_at": self.at})
