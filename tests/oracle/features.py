"""Contract §5: what is known about each customer at `as_of`: features, segments, merge fields."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from .landing import Landing, Row, last_moment, row_text
from .profiles import ADDRESS_COLUMN, CHANNELS, seen_profiles
from .reading import read_id
from .reports import (
    AddressBook,
    Dispatch,
    Sent,
    channel_facts,
    count_within,
    seen_reports,
    sent_messages,
    standing_dispatches,
)
from .settings import Place, Settings
from .unreadable import stopping_tables
from .words import address, distance_m, is_blank, is_placeholder, is_unsafe, merge_value, trim

OPEN_STATES = ("new", "open", "pending", "hold")


@dataclass
class Facts:
    """All that the decision needs to know about one customer."""

    user_id: str
    profile: Row
    events: list[Row] = field(default_factory=list)  # seen rows of `events`, oldest first, ties by id
    times: dict[str, list[datetime]] = field(default_factory=dict)  # event name -> times, oldest first
    last_moments: dict[str, datetime] = field(
        default_factory=dict
    )  # event name -> when it may last have been
    tickets: list[Row] = field(default_factory=list)  # the newest version of each ticket
    reports: list[Row] = field(default_factory=list)  # seen rows of `message_events`, oldest first
    message_events: list[tuple[str, Row]] = field(default_factory=list)  # by the name that settings may give
    mentions: list[Row] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    dispatches: list[Dispatch] = field(default_factory=list)  # of earlier nights
    taken_back: set[str] = field(default_factory=set)  # campaigns, on the night's own date
    addresses: dict[str, str | None] = field(default_factory=dict)  # channel -> usable address
    unreadable: list[str] = field(default_factory=list)  # tables with a row that names the customer
    bounced: set[str] = field(default_factory=set)  # channels, as the next two
    complained: set[str] = field(default_factory=set)
    opted_out: set[str] = field(default_factory=set)
    topics_opted_out: dict[str, frozenset[str]] = field(default_factory=dict)  # by channel
    features: dict[str, Any] = field(default_factory=dict)
    segments: set[str] = field(default_factory=set)
    raw_merge_values: dict[str, str | None] = field(default_factory=dict)
    merge_values: dict[str, str | None] = field(default_factory=dict)

    def newest(self, event_name: str) -> datetime | None:
        """When the newest event of this name happened."""
        times = self.times.get(event_name)
        return times[-1] if times else None


# ---------------------------------------------------------------------------------------------------------
# Days


def days(number: float | Decimal) -> timedelta:
    """N days are N times 24 hours."""
    return timedelta(hours=24 * float(number))


def within(moment: datetime | None, number: float, as_of: datetime) -> bool:
    """Within N days: t >= as_of - N*24h and t < as_of."""
    return moment is not None and as_of - days(number) <= moment < as_of


# ---------------------------------------------------------------------------------------------------------
# Properties: one of the wrong type counts as absent, but for a score


def text_of(row: Row, name: str) -> str | None:
    """A property that is a text."""
    value = (row["properties"] or {}).get(name)
    return value if isinstance(value, str) else None


def id_of(row: Row, name: str) -> str | None:
    """A property that is an id: a text or a number, read as every id is."""
    value = (row["properties"] or {}).get(name)
    if isinstance(value, bool) or not isinstance(value, (str, int, float, Decimal)):
        return None
    return read_id(value) or None


def number_of(row: Row, name: str) -> Decimal | None:
    """A property that is a number."""
    value = (row["properties"] or {}).get(name)
    is_number = isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)
    return Decimal(str(value)) if is_number else None


def score_of(row: Row) -> Decimal | None:
    """The score of a feedback, 0 to 10, also as a text; one that is there and cannot be read is 0 (§3)."""
    if "properties" in row.get("_unreadable", ()):
        return Decimal(0)
    value = (row["properties"] or {}).get("score")
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d+)?", trim(value), re.ASCII):
        score: Decimal | None = Decimal(trim(value))
    else:
        score = number_of(row, "score")
    return score if score is not None and 0 <= score <= 10 else Decimal(0)


def position_of(row: Row) -> tuple[float, float] | None:
    """Latitude and longitude of a ping, where both are valid."""
    latitude, longitude = number_of(row, "latitude"), number_of(row, "longitude")
    if latitude is None or longitude is None or not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        return None
    return float(latitude), float(longitude)


# ---------------------------------------------------------------------------------------------------------
# What is seen at as_of


def newest_tickets(rows: Collection[Row], as_of: datetime) -> list[Row]:
    """The newest `updated_at` < as_of of each ticket; ties: an open one, then the row that sorts last as text."""

    def rank(row: Row) -> tuple[Any, ...]:
        return row["updated_at"], row["status"] in OPEN_STATES, row_text(row, "support_tickets")

    # an id may stand for tickets of several people
    best: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["updated_at"] >= as_of:
            continue
        key = row["ticket_id"], row["user_id"]
        if key not in best or rank(row) > rank(best[key]):
            best[key] = row
    for row in rows:
        # of two verdicts in one moment the worse counts
        newest = best.get((row["ticket_id"], row["user_id"]))
        if newest and row["updated_at"] == newest["updated_at"] and row["satisfaction"] == "bad":
            best[row["ticket_id"], row["user_id"]] = {**newest, "satisfaction": "bad"}
    return list(best.values())


def gather(
    landing: Landing,
    settings: Settings,
    as_of: datetime,
    ledger: Iterable[Dispatch],
) -> tuple[dict[str, Facts], list[Sent]]:
    """Facts by user_id, one for each customer (a user who is known and not erased), and all that counts as sent."""
    ledger = list(ledger)
    newest_night = max([as_of, *(row["as_of"] for row in ledger)])
    erased = {
        row["user_id"] for row in landing.rows["erasure_requests"] if row["requested_at"] < newest_night
    }
    # a request without a readable time holds from the night on that reads it
    erased |= {
        item.readable["user_id"]
        for item in landing.quarantine
        if item.table == "erasure_requests" and item.is_unreadable
    }
    profiles = seen_profiles(landing.rows["users"], as_of)
    customers = {user_id: profile for user_id, profile in profiles.items() if user_id not in erased}
    people = {user_id: Facts(user_id, profile.newest()) for user_id, profile in customers.items()}

    for row in landing.rows["events"]:
        if row["occurred_at"] < as_of and row["user_id"] in people:
            people[row["user_id"]].events.append(row)
    reports = seen_reports(landing.rows["message_events"], as_of)
    ours = {
        row["dispatch_id"]: (row["user_id"], row["campaign_id"]) for row in ledger if row["as_of"] < as_of
    }
    for row in reports:
        named = row["user_id"], row["campaign_id"]
        if row["user_id"] in people:
            people[row["user_id"]].reports.append(row)
        # a report is about whom and what it names, and about whose message it was, and of which campaign
        for user_id, campaign_id in {named, ours.get(row["dispatch_id"] or "", named)}:
            if user_id in people and campaign_id is not None:
                people[user_id].message_events.append((f"message_{row['event_type']}:{campaign_id}", row))
    for row in newest_tickets(landing.rows["support_tickets"], as_of):
        if row["user_id"] in people:
            people[row["user_id"]].tickets.append(row)
    for row in landing.rows["social_mentions"]:
        if row["posted_at"] < as_of and row["user_id"] in people:
            people[row["user_id"]].mentions.append(row)
    for mine in ledger:
        if mine.get("cancelled_at") and mine["as_of"].date() == as_of.date() and mine["user_id"] in people:
            people[mine["user_id"]].taken_back.add(mine["campaign_id"])
    for mine in standing_dispatches(ledger, as_of):
        if mine["user_id"] in people:
            people[mine["user_id"]].dispatches.append(mine)
    book = AddressBook(profiles, ledger)
    sent = sent_messages(reports, ledger, as_of, book)
    for message in sent:
        if message.user_id in people:
            people[message.user_id].sent.append(message)
    facts = channel_facts(customers, reports, book, as_of)
    unreadable = stopping_tables(landing, customers, as_of, settings.unreadable_days, book)

    for user_id, person in people.items():
        put_in_order(person)
        person.unreadable = unreadable.get(user_id, [])
        for channel in CHANNELS:
            column = ADDRESS_COLUMN[channel]
            person.addresses[channel] = address(person.profile[column], channel, settings.placeholders)
            person.topics_opted_out[channel] = facts[channel].topics_opted_out(user_id)
            for has, channels in (
                (facts[channel].has_bounced, person.bounced),
                (facts[channel].has_complained, person.complained),
                (facts[channel].has_opted_out, person.opted_out),
            ):
                if has(user_id):
                    channels.add(channel)

    slow = slow_onboarders(people.values(), as_of)
    for person in people.values():
        place = current_place(person, settings.places, as_of)
        person.features = features(person, as_of)
        person.raw_merge_values = raw_merge_values(person, place, settings.merge_fields)
        person.merge_values = {
            name: merge_value(value, settings.placeholders) for name, value in person.raw_merge_values.items()
        }
        person.segments = segments(person, as_of, place, person.user_id in slow)
    return people, sent


def put_in_order(person: Facts) -> None:
    """Sort what a customer did, and note when each event happened; message events are events, too (§3)."""
    person.events.sort(key=lambda row: (row["occurred_at"], row["event_id"]))
    person.reports.sort(key=lambda row: (row["occurred_at"], row["message_event_id"]))
    named = [*((row["event_name"], row) for row in person.events), *person.message_events]
    times: dict[str, list[datetime]] = defaultdict(list)
    for name, row in named:
        times[name].append(row["occurred_at"])
        last = last_moment(row, "occurred_at")
        person.last_moments[name] = max(last, person.last_moments.get(name, last))
    # a message that our own ledger has dispatched counts as sent before its report has come
    for message in person.sent:
        name = f"message_sent:{message.campaign_id}"
        person.last_moments[name] = max(message.sent_at, person.last_moments.get(name, message.sent_at))
    person.times = {name: sorted(moments) for name, moments in times.items()}


# ---------------------------------------------------------------------------------------------------------
# Customer features


def features(person: Facts, as_of: datetime) -> dict[str, Any]:
    """The row of `customers` without its segments and merge values."""
    profile = person.profile
    signed_up_at = profile["signed_up_at"]
    if signed_up_at is None or signed_up_at >= as_of:
        first = person.times.get("signed_up")
        signed_up_at = first[0] if first else None

    activity = [row["occurred_at"] for row in person.events if row["event_name"] != "location_ping"]
    last_active_at = activity[-1] if activity else None
    active_days_30 = len({moment.date() for moment in activity if within(moment, 30, as_of)})

    orders = [row for row in person.events if row["event_name"] == "order_completed"]
    orders_year = [row for row in orders if within(row["occurred_at"], 365, as_of)]

    rated = [row for row in person.tickets if row["satisfaction"] is not None]
    rated.sort(key=lambda row: (row["updated_at"], row["ticket_id"]))
    opened = [row["occurred_at"] for row in person.reports if row["event_type"] == "opened"]

    result: dict[str, Any] = {
        "user_id": person.user_id,
        "signed_up_at": signed_up_at,
        "is_signup_date_missing": signed_up_at is None,
        "first_seen_at": person.events[0]["occurred_at"] if person.events else None,
        "last_active_at": last_active_at,
        "active_days_30": active_days_30,
        "orders_365": len(orders_year),
        "order_value_365": sum((number_of(row, "total") or Decimal(0) for row in orders_year), Decimal(0)),
        "last_order_at": orders[-1]["occurred_at"] if orders else None,
        "open_tickets": sum(1 for row in person.tickets if row["status"] in OPEN_STATES),
        "last_ticket_at": max((row["created_at"] for row in person.tickets), default=None),
        "last_satisfaction": rated[-1]["satisfaction"] if rated else None,
        "sends_7": count_within(person.sent, as_of, 7),
        "sends_30": count_within(person.sent, as_of, 30),
        "last_opened_at": opened[-1] if opened else None,
    }
    result["lifecycle_stage"] = lifecycle_stage(signed_up_at, last_active_at, as_of)
    result["engagement_level"] = engagement_level(
        len(orders_year), active_days_30, last_active_at, signed_up_at, as_of
    )
    return result


def lifecycle_stage(signed_up_at: datetime | None, last_active_at: datetime | None, as_of: datetime) -> str:
    """The first stage that holds."""
    if signed_up_at is None and last_active_at is None:
        return "unknown"
    if within(signed_up_at, 14, as_of):
        return "new"
    if within(last_active_at, 30, as_of):
        return "active"
    if within(last_active_at, 90, as_of):
        return "lapsing"
    return "lapsed"


def engagement_level(
    orders_365: int,
    active_days_30: int,
    last_active_at: datetime | None,
    signed_up_at: datetime | None,
    as_of: datetime,
) -> str:
    """The first level that holds."""
    if orders_365 >= 3 and within(last_active_at, 30, as_of):
        return "loyal"
    if active_days_30 >= 4:
        return "engaged"
    if within(last_active_at, 90, as_of) or within(signed_up_at, 14, as_of):
        return "casual"
    return "dormant"


# ---------------------------------------------------------------------------------------------------------
# Segments


def onboarding_times(person: Facts) -> tuple[datetime | None, datetime | None]:
    """The first `onboarding_started` and the first `onboarding_completed` after it."""
    started = person.times.get("onboarding_started")
    if not started:
        return None, None
    later = [moment for moment in person.times.get("onboarding_completed", []) if moment > started[0]]
    return started[0], (later[0] if later else None)


def slow_onboarders(people: Iterable[Facts], as_of: datetime) -> set[str]:
    """Users whose onboarding took (or takes, until as_of) at least twice the median of the completed ones.

    The median is of all that were completed; slow is only who started within 90 days.
    """
    took: dict[str, timedelta] = {}
    completed: list[timedelta] = []
    for person in people:
        start, end = onboarding_times(person)
        if start is None:
            continue
        if within(start, 90, as_of):
            took[person.user_id] = (end or as_of) - start
        if end is not None:
            completed.append(end - start)
    if not completed:
        return set()
    completed.sort()
    middle = len(completed) // 2
    # Twice the interpolated median, without rounding: the two middle ones together.
    twice_median = completed[middle] + completed[middle if len(completed) % 2 else middle - 1]
    if twice_median <= timedelta(0):
        return set()
    return {user_id for user_id, duration in took.items() if duration >= twice_median}


def is_refund_pending(person: Facts, as_of: datetime) -> bool:
    """A return within 90 days without a refund of the same order at or after it."""
    refunds = [row for row in person.events if row["event_name"] == "order_refunded"]
    for row in person.events:
        if row["event_name"] != "return_requested" or not within(row["occurred_at"], 90, as_of):
            continue
        order_id = id_of(row, "order_id")
        refunded = any(
            order_id is not None
            and id_of(refund, "order_id") == order_id
            and refund["occurred_at"] >= last_moment(row, "occurred_at")
            for refund in refunds
        )
        if not refunded:
            return True
    return False


def is_interested_not_bought(person: Facts, as_of: datetime) -> bool:
    """120+ seconds on one product within 14 days and no order at or after the newest view of it."""
    seconds: dict[str, Decimal] = defaultdict(Decimal)
    newest_view: dict[str, datetime] = {}
    for row in person.events:
        product_id = id_of(row, "product_id")
        if row["event_name"] == "product_viewed" and product_id and within(row["occurred_at"], 14, as_of):
            seconds[product_id] += number_of(row, "dwell_seconds") or Decimal(0)
            newest_view[product_id] = row["occurred_at"]  # events come oldest first
    last_order = person.last_moments.get("order_completed")
    return any(
        seconds[product_id] >= 120 and (last_order is None or last_order < newest_view[product_id])
        for product_id in seconds
    )


def category_of(ticket: Row) -> str:
    """The category of a ticket, however it is spelled."""
    return trim(ticket["category"] or "").lower()


def is_recent_complaint(person: Facts, as_of: datetime) -> bool:
    """Within 30 days: a complaint, a bad satisfaction, a score of 6 or less, or a negative mention."""
    for ticket in person.tickets:
        if category_of(ticket) == "complaint" and within(ticket["created_at"], 30, as_of):
            return True
        if ticket["satisfaction"] == "bad" and within(ticket["updated_at"], 30, as_of):
            return True
    for row in person.events:
        if row["event_name"] == "feedback_submitted" and within(row["occurred_at"], 30, as_of):
            score = score_of(row)
            if score is not None and score <= 6:
                return True
    return is_negative_on_social(person, as_of)


def is_negative_on_social(person: Facts, as_of: datetime) -> bool:
    """A negative mention within 30 days."""
    return any(
        mention["sentiment"] == "negative" and within(mention["posted_at"], 30, as_of)
        for mention in person.mentions
    )


def is_satisfied(person: Facts, as_of: datetime) -> bool:
    """The newest verdict of 180 days (a satisfaction, a score) is good; and no recent complaint.

    Of several in one moment the worst counts.
    """
    verdicts: list[tuple[datetime, bool]] = []  # when, and whether it is good
    for ticket in person.tickets:
        if ticket["satisfaction"] is not None and within(ticket["updated_at"], 180, as_of):
            verdicts.append((ticket["updated_at"], ticket["satisfaction"] == "good"))
    for row in person.events:
        score = score_of(row) if row["event_name"] == "feedback_submitted" else None
        if score is not None and within(row["occurred_at"], 180, as_of):
            verdicts.append((row["occurred_at"], score >= 9))
    newest = max((moment for moment, _ in verdicts), default=None)
    happy = bool(verdicts) and all(is_good for moment, is_good in verdicts if moment == newest)
    return happy and not is_recent_complaint(person, as_of)


def is_cancelled(person: Facts) -> bool:
    """A cancellation and no new start at or after it."""
    ended, started = (
        person.newest("subscription_cancelled"),
        person.newest("subscription_started"),
    )
    return ended is not None and (started is None or started < ended)


def is_unengaged(person: Facts, as_of: datetime) -> bool:
    """10+ messages sent within 90 days, none opened or clicked within them."""
    reacted = any(
        row["event_type"] in ("opened", "clicked") and within(row["occurred_at"], 90, as_of)
        for row in person.reports
    )
    return count_within(person.sent, as_of, 90) >= 10 and not reacted


def current_place(person: Facts, places: Sequence[Place], as_of: datetime) -> Place | None:
    """The nearest place that contains the newest valid ping of the last 24 hours; ties by place_id."""
    for row in reversed(person.events):
        if row["event_name"] != "location_ping" or not within(row["occurred_at"], 1, as_of):
            continue
        position = position_of(row)
        if position is None:
            continue
        inside = []
        for place in places:
            metres = distance_m(*position, place.latitude, place.longitude)
            if metres <= place.radius_m:
                inside.append((metres, place.place_id, place))
        return min(inside, key=lambda item: item[:2])[2] if inside else None
    return None


def has_points(person: Facts) -> bool:
    """Loyalty points that can be printed, and are a number above 0; grouped digits count, signs and exponents do not."""
    points = person.merge_values.get("loyalty_points") or ""
    parts = points.replace(",", ".").split(".")
    return all(part and set(part) <= set("0123456789") for part in parts) and bool(
        set(points) & set("123456789")
    )


def segments(person: Facts, as_of: datetime, place: Place | None, is_slow: bool) -> set[str]:
    """The names of the segments that the customer is in; needs `person.features` and `person.merge_values`."""
    found = person.features
    stage, level = found["lifecycle_stage"], found["engagement_level"]
    recent_complaint = is_recent_complaint(person, as_of)
    refund_pending = is_refund_pending(person, as_of)
    billing_trouble = within(person.newest("payment_failed"), 60, as_of) or any(
        category_of(ticket) == "billing" and within(ticket["created_at"], 60, as_of)
        for ticket in person.tickets
    )
    risks = (billing_trouble, is_slow, stage == "lapsing", recent_complaint)
    flags = {
        "new": stage == "new",
        "active": stage == "active",
        "lapsing": stage == "lapsing",
        "lapsed": stage == "lapsed",
        "loyal": level == "loyal",
        "engaged": level == "engaged",
        "casual": level == "casual",
        "dormant": level == "dormant",
        "has_open_ticket": found["open_tickets"] > 0,
        "recent_complaint": recent_complaint,
        "negative_on_social": is_negative_on_social(person, as_of),
        "refund_pending": refund_pending,
        "refunded_recently": within(person.newest("order_refunded"), 14, as_of) and not refund_pending,
        "billing_trouble": billing_trouble,
        "slow_onboarding": is_slow,
        "onboarded": person.newest("onboarding_completed") is not None,
        "interested_not_bought": is_interested_not_bought(person, as_of),
        "near_place": place is not None,
        "has_points": has_points(person),
        "recently_installed": within(person.newest("app_installed"), 7, as_of),
        "satisfied": is_satisfied(person, as_of),
        "cancelled": is_cancelled(person),
        "unengaged": is_unengaged(person, as_of),
        "churn_risk": sum(risks) >= 2,
        "signup_date_missing": found["is_signup_date_missing"],
    }
    return {name for name, holds in flags.items() if holds}


SEGMENTS = [
    "new",
    "active",
    "lapsing",
    "lapsed",
    "loyal",
    "engaged",
    "casual",
    "dormant",
    "has_open_ticket",
    "recent_complaint",
    "negative_on_social",
    "refund_pending",
    "refunded_recently",
    "billing_trouble",
    "slow_onboarding",
    "onboarded",
    "interested_not_bought",
    "near_place",
    "has_points",
    "recently_installed",
    "satisfied",
    "cancelled",
    "unengaged",
    "churn_risk",
    "signup_date_missing",
]


# ---------------------------------------------------------------------------------------------------------
# Merge fields

MERGE_FIELDS = [
    "first_name",
    "last_name",
    "city",
    "country",
    "language",
    "last_viewed_product_name",
    "cart_product_name",
    "last_order_product_name",
    "place_name",
    "loyalty_points",
    "favorite_category",
]


def newest_product_name(person: Facts, event_name: str) -> str | None:
    """The product_name of the newest event of this name; None when that one has none."""
    for row in reversed(person.events):
        if row["event_name"] == event_name:
            return text_of(row, "product_name")
    return None


def _printed(value: object) -> str | None:
    """A text or a number as it is printed; whole numbers without a fraction, others without zeros at the end."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    number = Decimal(str(value))
    return str(int(number)) if number == int(number) else format(number.normalize(), "f")


def raw_merge_values(
    person: Facts, place: Place | None, declared: Iterable[str] = ()
) -> dict[str, str | None]:
    """Every merge field as it stands in the source, before the words blank and unsafe are applied.

    One of the seed that has no place of its own here is the attribute of its name.
    """
    attributes = person.profile["attributes"] or {}
    points, category = (
        attributes.get("loyalty_points"),
        attributes.get("favorite_category"),
    )
    return {
        **{name: _printed(attributes.get(name)) for name in declared},
        "first_name": person.profile["first_name"],
        "last_name": person.profile["last_name"],
        "city": person.profile["city"],
        "country": person.profile["country"],
        "language": person.profile["language"],
        "last_viewed_product_name": newest_product_name(person, "product_viewed"),
        "cart_product_name": newest_product_name(person, "cart_item_added"),
        "last_order_product_name": newest_product_name(person, "order_completed"),
        "place_name": place.name if place else None,
        "loyalty_points": _printed(points),
        "favorite_category": category if isinstance(category, str) else None,
    }


def merge_value_faults(value: str | None, placeholders: set[str]) -> set[str]:
    """Why a value cannot be printed, each counted apart: `blank` (whatever the cause), `unsafe`, `placeholder`; none if it can."""
    faults = {
        "blank": is_blank(value, placeholders) or is_unsafe(value),
        "unsafe": is_unsafe(value),
        "placeholder": is_placeholder(value, placeholders),
    }
    return {fault for fault, holds in faults.items() if holds}
