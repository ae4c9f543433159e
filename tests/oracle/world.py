"""Random small, nasty worlds: a landing zone and settings in which every rule of the design can turn.

Everything comes from the seed: the same seed writes the same rows. Times sit on the edges of the windows and one
second to either side. What the design leaves open (a tie between two versions of one ticket, a point exactly on a
circle, ...) is kept out, so that a difference between two readings of a world is a difference about a rule.
"""

from __future__ import annotations

import csv
import json
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from .decisions import dispatch_id
from .features import MERGE_FIELDS, SEGMENTS
from .landing import BOOL, INT, TABLES, TIME, Table, file_engine
from .settings import (
    Campaign,
    Cap,
    Place,
    Settings,
    Suppression,
    Variant,
    write_settings,
)

AS_OF = datetime(2026, 6, 1)
WALL_CLOCK = datetime(2026, 6, 1, 6)
FAR_FUTURE = datetime(2099, 1, 1)
SECOND = timedelta(seconds=1)
DAY = timedelta(hours=24)

# The ages, in days, where some rule turns.
EDGES = (1, 2, 3, 7, 14, 30, 60, 90, 365)
EDGE_HOURS = (1, 24, 48, 72)

KINDS = [
    "welcome",
    "onboarding",
    "abandoned_cart",
    "rating_request",
    "win_back",
    "confirmation",
    "thank_you",
    "reward_reminder",
    "discount",
    "feedback_request",
    "billing_recovery",
    "newsletter",
    "nearby_offer",
]
TRIGGERS = [
    "cart_item_added",
    "order_completed",
    "product_viewed",
    "app_installed",
    "signed_up",
    "onboarding_started",
    "payment_failed",
    "subscription_cancelled",
    "feedback_submitted",
]
CANCELS = [
    "order_completed",
    "order_refunded",
    "onboarding_completed",
    "subscription_started",
    "product_viewed",
]
TOPICS = ("offers", "news")
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "UTC",
)
BAD_ZONES = ("Mars/Olympus", "", "N/A", "+02:00")
PLACES = (
    Place("p1", "Old Mill Café", 52.5200, 13.4050, 50.0),
    Place("p2", "Old Mill Annex", 52.5203, 13.4050, 200.0),
    Place("p3", "n/a", 48.8566, 2.3522, 50.0),
    Place("p4", "Date Line Bar", 0.0, 180.0, 500.0),
)
PLACEHOLDERS = (
    "n/a",
    "none",
    "null",
    "unknown",
    "test",
    "[blank]",
    "-",
    "sans objet",
    "неизвестно",
    "不明",
)
NAMES = (
    "Ann",
    "Zoë",
    "李雷",
    "Дмитрий",
    "O'Brien",
    "محمد",
    "ສົມ",
    " Ada ",
    "\u00a0Kim\u200b",
    "Jean-Luc",
    "5",
)
BLANKS = (
    None,
    "",
    " ",
    "\u00a0",
    "\u200b\u200d",
    "\ufeff",
    "\u3164",
    "\u2003\u2800",
    "N/A",
    " Null ",
    "TEST",
    "[Blank]",
    "НЕИЗВЕСТНО",
    "不明",
    "---",
    "…",
    "🙂",
    "{{ first_name }}",
    "Hi }}",
    "{% if %}",
    "*|FNAME|*",
    "%%name%%",
    "[[name]]",
)
UNSAFE = (
    "<b>Bob</b>",
    "</p>Bob",
    "<!--Bob",
    "Bob\nBcc",
    "Bob\tX",
    "see http://x",
    "x" * 256,
    "Bob\u2028X",
)
NEARLY = ("a < b", "3 <4", "http:/x", "y" * 255, "[one]", "{ x }", "100 %")
PRODUCTS = ("sku1", "sku2", "sku3")


@dataclass
class WorldInfo:
    """What was written: where, for which night, and the ledger that belongs to it."""

    raw: Path
    as_of: datetime
    wall_clock: datetime
    user_ids: list[str]
    campaign_ids: list[str]
    ledger: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)


def world_user_ids(users: int = 60) -> list[str]:
    """The ids of the users of every world; as texts, `u10` comes before `u9`."""
    return [f"u{number}" if number % 13 else f"Ü-{number}" for number in range(1, users + 1)]


def world_email(number: int) -> str:
    """The plain address of the user with this number (1, 2, ...)."""
    return f"person{number}@example.com"


# ---------------------------------------------------------------------------------------------------------
# Settings


def random_settings(
    seed: int,
    campaigns: int | None = None,
    users: int = 60,
    with_merge_fields: bool = False,
) -> Settings:
    """3 to 8 campaigns with random options, random caps, suppressions and holdouts, for the world of any seed.

    `merge_fields` and `timezones` stay empty (write_settings then leaves those two files of a project as they
    are) unless `with_merge_fields`.
    """
    rng = random.Random(f"settings:{seed}")
    ids = world_user_ids(users)
    made: list[Campaign] = []
    for number in range(campaigns or rng.randint(3, 8)):
        made.append(_random_campaign(rng, number, [c.campaign_id for c in made]))
    suppressions = []
    for _ in range(rng.randint(0, 4)):
        channel = rng.choice(("email", "sms", "push", "all"))
        number = rng.randint(1, users)
        by_user = rng.random() < 0.5
        suppressions.append(
            Suppression(
                channel,
                ids[number - 1] if by_user else None,
                None if by_user else rng.choice((world_email(number), world_email(number).upper())),
                "asked",
                AS_OF - rng.randint(1, 300) * DAY,
            )
        )
    caps = [
        Cap(channel, Decimal(window), rng.randint(0 if rng.random() < 0.15 else 1, 4))
        for channel in ("email", "sms", "push", "all")
        for window in rng.sample((1, 7, 30), rng.choice((0, 1, 1, 2)))
    ]
    return Settings(
        campaigns=made,
        caps=caps,
        placeholders=set(PLACEHOLDERS),
        places=list(PLACES),
        suppressions=suppressions,
        merge_fields=list(MERGE_FIELDS) if with_merge_fields else [],
        global_holdout_percent=Decimal(rng.choice((0, 0, 5))),
        default_timezone=rng.choice(("UTC", "Europe/Berlin", "America/New_York")),
    )


def _random_campaign(rng: random.Random, number: int, before: Sequence[str]) -> Campaign:
    kind = rng.choice(KINDS)
    channel = rng.choice(("email", "email", "sms", "push"))
    trigger = None
    if rng.random() < 0.45:
        trigger = rng.choice(TRIGGERS)
        if before and rng.random() < 0.25:
            trigger = f"message_{rng.choice(('sent', 'opened'))}:{rng.choice(before)}"
    segment = rng.choice(SEGMENTS) if rng.random() < 0.35 else None
    has_age = bool(trigger) or kind in ("welcome", "onboarding")
    return Campaign(
        campaign_id=f"{kind}__{segment or (trigger or 'everyone').split(':')[0]}__{channel}__v{number}",
        kind=kind,
        channel=channel,
        impact=rng.choice((2, 4)),
        confidence=rng.choice((1, 2)),
        ease=rng.choice((1, 2)),
        topic=rng.choice((None, *TOPICS)),
        content_group=rng.choice((None, "basket", "hello")),
        audience_segment=segment,
        excluded_segments=tuple(rng.sample(SEGMENTS, rng.choice((0, 0, 1, 2)))),
        trigger_event=trigger,
        min_age_hours=Decimal(rng.choice(EDGE_HOURS[:3])) if has_age and rng.random() < 0.5 else None,
        max_age_hours=Decimal(rng.choice((48, 72, 24 * 30, 24 * 90)))
        if has_age and rng.random() < 0.6
        else None,
        cancel_on=tuple(rng.sample(CANCELS, rng.choice((0, 0, 1, 2)))),
        cooldown_days=Decimal(rng.choice((1, 3, 7, 30))),
        holdout_percent=Decimal(rng.choice((0, 0, 10, 25))),
        pilot_percent=Decimal(rng.choice((100, 100, 60))),
        send_hour_local=rng.randint(0, 23),
        valid_from=rng.choice((None, None, date(2026, 1, 1), AS_OF.date(), AS_OF.date() + DAY)),
        valid_to=rng.choice((None, None, date(2026, 12, 31), AS_OF.date(), AS_OF.date() - DAY))
        if rng.random() < 0.5
        else None,
        is_transactional=rng.random() < 0.12,
        variants=_random_variants(rng),
    )


def _random_variants(rng: random.Random) -> tuple[Variant, ...]:
    fields = rng.sample(MERGE_FIELDS, rng.randint(1, 3))
    few = rng.sample(("first_name", "city", "language"), rng.choice((0, 1)))
    found = [
        Variant(
            "personalized",
            1,
            tuple(sorted(fields)),
            tuple(sorted(fields[: rng.randint(0, 3)])),
        )
    ]
    if rng.random() < 0.3:
        found.append(Variant("short", 2, ("first_name",), ("first_name",)))
    if rng.random() < 0.75:
        found.append(Variant("default", 3, tuple(few), tuple(few if rng.random() < 0.5 else ())))
    return tuple(found)


# ---------------------------------------------------------------------------------------------------------
# The landing zone


class _Maker:
    """The rows of one world, as texts (None is NULL), table by table."""

    def __init__(self, seed: int, users: int, campaign_ids: Sequence[str]) -> None:
        self.rng = random.Random(f"world:{seed}")
        self.ids = world_user_ids(users)
        self.campaign_ids = list(campaign_ids)
        self.rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
        self.ledger: list[dict[str, Any]] = []
        self.counter = 0

    def next_id(self, prefix: str) -> str:
        self.counter += 1
        return f"{prefix}{self.counter}"

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def edge(self, moment: datetime) -> datetime:
        """`moment`, or one second before or after it."""
        return moment + self.rng.choice((-1, 0, 1)) * SECOND

    def moment(self) -> datetime:
        """A time: often on an edge, mostly before as_of."""
        dice = self.rng.random()
        if dice < 0.35:
            return self.edge(AS_OF - self.rng.choice(EDGES) * DAY)
        if dice < 0.45:
            return self.edge(AS_OF - timedelta(hours=self.rng.choice(EDGE_HOURS)))
        if dice < 0.5:
            return self.edge(AS_OF)
        if dice < 0.53:
            return AS_OF + timedelta(minutes=self.rng.randint(0, 300))
        span = 40 if dice < 0.9 else 400
        return AS_OF - timedelta(seconds=self.rng.randint(1, span * 86400))

    # -- users

    def user(self, number: int) -> None:
        rng, clean = self.rng, self.chance(0.55)
        signed_up_at = None if self.chance(0.15) else self.moment()
        row: dict[str, Any] = {
            "user_id": self.ids[number - 1],
            "email": world_email(number),
            "phone": f"+4930{1000000 + number}",
            "push_token": f"token-{number}",
            "first_name": rng.choice(NAMES),
            "last_name": rng.choice(NAMES),
            "city": rng.choice(("Berlin", "São Paulo", "東京")),
            "country": rng.choice(("DE", "BR", "JP")),
            "language": rng.choice(("de", "pt-BR")),
            "timezone": rng.choice(ZONES),
            "signed_up_at": signed_up_at,
            "email_opt_in": True,
            "sms_opt_in": True,
            "push_opt_in": True,
            "topics_opted_out": None,
            "max_messages_per_week": rng.choice((None, None, None, 1, 2, 5)),
            "attributes": json.dumps({"loyalty_points": rng.randint(0, 900), "favorite_category": "tea"}),
            "updated_at": self.edge(AS_OF - rng.choice((30, 60, 90)) * DAY),
        }
        if not clean:
            self.dirty(row, number)
        self.rows["users"].append(row)
        if self.chance(0.2):  # an older or a newer version, which says something else
            other = dict(row)
            self.dirty(other, number)
            other["updated_at"] = row["updated_at"] + rng.choice((-1, 1)) * rng.choice((SECOND, 10 * DAY))
            self.rows["users"].append(other)
        if self.chance(0.08):  # a version at as_of or later is not seen
            other = dict(row)
            other.update(email_opt_in=False, sms_opt_in=False, push_opt_in=False)
            other["updated_at"] = AS_OF + rng.choice((0, 1, 600)) * SECOND
            self.rows["users"].append(other)
        if self.chance(0.05) and row["city"]:  # a tie: the text that sorts last wins
            other = dict(row)
            other["city"] = "Zagreb"
            self.rows["users"].append(other)

    def dirty(self, row: dict[str, Any], number: int) -> None:
        """Spoil one to four things of a profile."""
        rng = self.rng
        for _ in range(rng.randint(1, 4)):
            what = rng.randint(1, 12)
            if what == 1:
                row["email"] = rng.choice(
                    (
                        None,
                        "",
                        "n/a",
                        "a@b",
                        "a@@example.com",
                        ".a@example.com",
                        "a.@example.com",
                        "a..b@example.com",
                        "a b@example.com",
                        "a@-x.com",
                        "a@x-.com",
                        "a@.com",
                        "{{email}}@example.com",
                        "l" * 65 + "@example.com",
                        "l" * 64 + "@example.com",
                        f"\u200b {world_email(number)}\u00a0",
                    )
                )
            elif what == 2:
                row["phone"] = rng.choice(
                    (
                        None,
                        "",
                        "0301234567",
                        "+0301234567",
                        "+123456",
                        "+1234567",
                        "+" + "1" * 16,
                        "+49 30 123456",
                    )
                )
            elif what == 3:
                row["push_token"] = rng.choice(BLANKS)
            elif what == 4:  # somebody else's address, in another case
                row["email"] = rng.choice(("shared@example.com", "Shared@Example.com", " SHARED@example.com"))
                row["phone"] = "+49301234567"
                row["push_token"] = rng.choice(("Token-Shared", "token-shared"))
            elif what in (5, 6):
                name = rng.choice(("first_name", "last_name", "city", "country", "language"))
                row[name] = rng.choice(rng.choice((BLANKS, UNSAFE, NEARLY)))
            elif what == 7:
                row["timezone"] = rng.choice((None, *BAD_ZONES))
            elif what in (8, 9):
                row[rng.choice(("email_opt_in", "sms_opt_in", "push_opt_in"))] = rng.choice((None, False))
            elif what == 10:
                row["topics_opted_out"] = rng.choice(
                    ("offers", "news;offers", " news ; other ", "offer", ";", "")
                )
            elif what == 11:
                row["max_messages_per_week"] = rng.choice((0, 1, 2))
            else:
                row["attributes"] = rng.choice(
                    (
                        None,
                        "{}",
                        '{"loyalty_points": null, "favorite_category": "N/A"}',
                        '{"loyalty_points": "250", "favorite_category": "<b>tea"}',
                        '{"loyalty_points": [1], "favorite_category": " tea "}',
                    )
                )

    # -- events

    def event(self, user_id: str, name: str, at: datetime, properties: object = None) -> dict[str, Any]:
        row = {
            "event_id": self.next_id("e"),
            "user_id": user_id,
            "event_name": name,
            "occurred_at": at,
            "received_at": None if self.chance(0.1) else at + timedelta(seconds=self.rng.randint(0, 90000)),
            "properties": None if properties is None else json.dumps(properties, ensure_ascii=False),
        }
        self.rows["events"].append(row)
        return row

    def product(self) -> dict[str, Any]:
        product_id = self.rng.choice(PRODUCTS)
        found: dict[str, Any] = {
            "product_id": product_id,
            "product_name": f"Tea {product_id}",
        }
        if self.chance(0.2):
            found["product_name"] = self.rng.choice((*BLANKS, *UNSAFE, 7))
        if self.chance(0.1):
            found.pop("product_name")
        return found

    def behaviour(self, user_id: str) -> None:
        rng = self.rng
        if self.chance(0.25):  # somebody who has been quiet for a while, or always was
            for _ in range(rng.choice((0, 1, 1, 2))):
                at = self.edge(AS_OF - rng.choice((29, 30, 60, 89, 90, 200)) * DAY)
                self.event(
                    user_id,
                    rng.choice(("page_viewed", "payment_failed", "signed_up")),
                    at,
                )
            if self.chance(0.3):  # a ping is no activity
                self.event(
                    user_id,
                    "location_ping",
                    self.moment(),
                    {"latitude": 1.5, "longitude": 1.5},
                )
            return
        for name in ("signed_up", "app_installed", "page_viewed", "payment_failed"):
            if self.chance(0.2):
                self.event(user_id, name, self.moment(), None if self.chance(0.5) else {})
        for _ in range(rng.choice((0, 0, 1, 3))):
            seconds = rng.choice((10, 60, 60, 119, 120, 121, "120", None))
            self.event(
                user_id,
                "product_viewed",
                self.moment(),
                {**self.product(), "dwell_seconds": seconds},
            )
        for _ in range(rng.choice((0, 0, 1, 2))):
            self.event(
                user_id,
                "cart_item_added",
                self.moment(),
                {**self.product(), "price": 9.5},
            )
        orders = []
        for _ in range(rng.choice((0, 0, 0, 1, 3, 4))):
            order_id, at = self.next_id("o"), self.moment()
            orders.append((order_id, at))
            total = rng.choice((10, 12.5, "30", None))
            self.event(
                user_id,
                "order_completed",
                at,
                {
                    **self.product(),
                    "order_id": order_id,
                    "total": total,
                    "currency": "EUR",
                },
            )
        if orders and self.chance(0.5):
            order_id, at = rng.choice(orders)
            back = self.moment()
            self.event(user_id, "return_requested", back, {"order_id": order_id})
            if self.chance(0.7):
                other = rng.choice((order_id, order_id, "another"))
                refund_at = rng.choice((self.edge(back), self.moment()))
                self.event(user_id, "order_refunded", refund_at, {"order_id": other})
        if self.chance(0.06):
            self.event(
                user_id,
                "order_refunded",
                self.moment(),
                {"order_id": self.next_id("o")},
            )
        if self.chance(0.3):
            start = self.moment()
            self.event(user_id, "onboarding_started", start)
            if self.chance(0.7):
                # An end before the start belongs to no start; one at the very second is left open here.
                end = start + rng.choice((-1, 1, 2, 2, 4, 40)) * timedelta(hours=1)
                self.event(user_id, "onboarding_completed", end)
        if self.chance(0.15):
            at = self.moment()
            self.event(user_id, "subscription_cancelled", at)
            if self.chance(0.5):
                self.event(
                    user_id,
                    "subscription_started",
                    rng.choice((self.edge(at), self.moment())),
                )
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            score = rng.choice((0, 6, 7, 8, 9, 10, "3", None))
            self.event(user_id, "feedback_submitted", self.moment(), {"score": score})
        for _ in range(rng.choice((0, 0, 1, 2))):
            place = rng.choice(PLACES)
            north = rng.choice((0.0, 0.00001, 0.0002, 0.01))
            position: dict[str, Any] = {
                "latitude": place.latitude + north,
                "longitude": place.longitude,
            }
            if place.place_id == "p4":
                position["longitude"] = rng.choice((180.0, -180.0, 179.999))
            if self.chance(0.2):
                position = rng.choice(({"latitude": 91, "longitude": 0}, {"latitude": "52.52"}, {}))
            at = AS_OF - timedelta(seconds=rng.randint(1, 90000)) if self.chance(0.7) else self.moment()
            self.event(user_id, "location_ping", at, position)

    # -- tickets, mentions, erasures

    def support(self, user_id: str) -> None:
        rng = self.rng
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            created = self.moment()
            updated = created + rng.choice((0, 0, 3600, 86400 * 10)) * SECOND
            row: dict[str, Any] = {
                "ticket_id": self.next_id("t"),
                "user_id": user_id,
                "category": rng.choice((None, "complaint", "billing", "question", " Complaint", "BILLING")),
                "status": rng.choice(
                    (
                        "new",
                        "open",
                        "pending",
                        "hold",
                        "solved",
                        "solved",
                        "closed",
                        "closed",
                    )
                ),
                "created_at": created,
                "updated_at": updated,
                "solved_at": None,
                "satisfaction": rng.choice((None, None, "good", "bad", " Bad ")),
            }
            self.rows["support_tickets"].append(row)
            if self.chance(0.4):
                self.rows["support_tickets"].append(
                    {
                        **row,
                        "status": rng.choice(("open", "solved", "closed")),
                        "updated_at": updated + rng.choice((SECOND, DAY)),
                        "satisfaction": rng.choice((None, "good", "bad")),
                    }
                )

    def mentions(self, user_id: str) -> None:
        if self.chance(0.12):
            self.rows["social_mentions"].append(
                {
                    "mention_id": self.next_id("s"),
                    "user_id": self.rng.choice((user_id, user_id, None)),
                    "network": "net",
                    "body": 'said "hm", then\nleft',
                    "posted_at": self.moment(),
                    "sentiment": self.rng.choice(("positive", "neutral", "negative", "negative", None)),
                }
            )

    def erasure(self, user_id: str) -> None:
        if self.chance(0.05):
            self.rows["erasure_requests"].append(
                {
                    "user_id": user_id,
                    "requested_at": self.rng.choice((self.edge(AS_OF), AS_OF - 9 * DAY)),
                }
            )

    # -- messages and the ledger

    def message(
        self,
        user_id: str,
        event_type: str,
        at: datetime,
        dispatch: str | None = None,
        campaign: str | None = None,
    ) -> dict[str, Any]:
        campaign_id = campaign or self.rng.choice((*self.campaign_ids, "campaign_of_old", None))
        channel = next(
            (c for c in ("email", "sms", "push") if campaign_id and f"__{c}" in campaign_id),
            None,
        )
        row = {
            "message_event_id": self.next_id("m"),
            "user_id": user_id,
            "campaign_id": campaign_id,
            "channel": channel or self.rng.choice(("email", "sms", "push")),
            "variant": self.rng.choice((None, "default")),
            "event_type": event_type,
            "occurred_at": at,
            "dispatch_id": dispatch,
        }
        self.rows["message_events"].append(row)
        return row

    def messages(self, user_id: str, profile_updated_at: datetime) -> None:
        rng = self.rng
        count = 11 if self.chance(0.1) else rng.choice((0, 0, 1, 2, 3))
        for _ in range(count):
            at = self.moment()
            self.message(user_id, "sent", at, self.next_id("d") if self.chance(0.3) else None)
            if self.chance(0.3 if count < 11 else 0.02):
                self.message(
                    user_id,
                    rng.choice(("delivered", "opened", "clicked")),
                    at + timedelta(minutes=5),
                )
        if self.chance(0.1):
            self.message(
                user_id,
                rng.choice(("bounced_hard", "complained", "bounced_soft")),
                self.moment(),
            )
        if self.chance(0.1):
            self.message(user_id, "unsubscribed", self.edge(profile_updated_at))
        for _ in range(rng.choice((0, 0, 0, 1))):
            self.dispatch(user_id)

    def dispatch(self, user_id: str) -> None:
        """A dispatch of an earlier night (now and then of this one), not confirmed, confirmed, or twice so."""
        rng = self.rng
        if not self.campaign_ids:
            return
        campaign_id = rng.choice(self.campaign_ids)
        nights_ago = rng.choice((0, 1, 1, 2, 3, 7, 8, 30))
        night = AS_OF - nights_ago * DAY
        same = [row for row in self.ledger if row["user_id"] == user_id and row["campaign_id"] == campaign_id]
        if any(row["as_of"] == night for row in same):
            return
        send_at = rng.choice(
            (
                night,
                night + timedelta(hours=9),
                night + timedelta(hours=25),
                self.edge(night),
            )
        )
        row: dict[str, Any] = {
            "as_of": night,
            "dispatch_id": dispatch_id(campaign_id, user_id, night),
            "user_id": user_id,
            "campaign_id": campaign_id,
            "channel": next(c for c in ("email", "sms", "push") if f"__{c}" in campaign_id),
            "send_at": max(send_at, night),
        }
        # of its own, so that worlds stay what they were but for this
        chance = random.Random(row["dispatch_id"])
        if chance.random() < 0.25:
            row["cancelled_at"] = chance.choice((night, AS_OF - SECOND, AS_OF, AS_OF + 5 * SECOND))
        self.ledger.append(row)
        for _ in range(rng.choice((0, 0, 1, 2)) if nights_ago else 0):
            at = row["send_at"] + rng.choice((rng.randint(0, 1200) * SECOND, DAY, 7 * DAY))
            self.message(user_id, "sent", at, row["dispatch_id"], campaign_id)

    # -- rows that are no good

    def spoil(self) -> None:
        """Duplicates, rows from the future, rows with something missing or bad, events of nobody we know."""
        rng = self.rng
        for name in ("events", "message_events"):
            for row in rng.sample(self.rows[name], min(6, len(self.rows[name]))):
                again = dict(row)
                if name == "events" and row["received_at"] is not None:
                    received_at = row["received_at"] + rng.choice((-1, 1)) * SECOND
                    again["received_at"] = rng.choice((received_at, received_at, None))
                    again["event_name"] = rng.choice((row["event_name"], "page_viewed"))
                else:
                    again["occurred_at"] = row["occurred_at"] + rng.choice((-1, 1)) * SECOND
                self.rows[name].append(again)
        # The same mention or request again; the rows are the same but for what the mention says.
        for name in ("social_mentions", "erasure_requests"):
            for row in rng.sample(self.rows[name], min(2, len(self.rows[name]))):
                again = dict(row)
                if name == "social_mentions":
                    again["sentiment"] = rng.choice(("positive", "negative", None))
                    again["posted_at"] = rng.choice((row["posted_at"], self.edge(row["posted_at"])))
                self.rows[name].append(again)
        for table in TABLES:
            rows = self.rows[table.name]
            # White space for a value: none at all where the column has a type or must be there.
            for row in rng.sample(rows, min(3, len(rows))):
                white = dict(row)
                if table.unique:
                    white[table.unique[0]] = self.next_id("white")
                column = rng.choice([c for c in table.columns if c.required or c.kind != "text" or c.values])
                white[column.name] = rng.choice(("", " ", "\t", " \n"))
                rows.append(white)
            for row in rng.sample(rows, min(3, len(rows))):
                bad = dict(row)
                if table.unique:
                    bad[table.unique[0]] = self.next_id("bad")
                what = rng.choice(("missing", "bad", "future"))
                columns = [c for c in table.columns if c.required]
                typed = [c for c in table.columns if c.kind not in ("text",) or c.values]
                if what == "missing":
                    bad[rng.choice(columns).name] = None
                elif what == "bad" and typed:
                    column = rng.choice(typed)
                    bad[column.name] = rng.choice(
                        (
                            "[1, 2]",
                            "{broken",
                            "2026-13-45",
                            "what?",
                            "1",
                            "no",
                            "3.0",
                            "9" * 12,
                            " OPEN ",
                            "Sent",
                        )
                    )
                else:
                    bad[table.time] = FAR_FUTURE
                rows.append(bad)
        for _ in range(3):
            self.event("nobody", rng.choice(TRIGGERS), self.moment())


def write_world(
    dir: Path, seed: int, users: int = 60, campaign_ids: Sequence[str] | None = None
) -> WorldInfo:
    """Write a random landing zone into `dir` and say what it is.

    `campaign_ids` are those that message events and the ledger speak of (default: of `random_settings(seed)`).
    The tables come as Parquet, as CSV, as a folder or as nightly drops, at random.
    """
    if campaign_ids is None:
        campaign_ids = [c.campaign_id for c in random_settings(seed, users=users).campaigns]
    maker = _Maker(seed, users, campaign_ids)
    for number, user_id in enumerate(maker.ids, start=1):
        maker.user(number)
        maker.behaviour(user_id)
        maker.support(user_id)
        maker.mentions(user_id)
        maker.erasure(user_id)
        maker.messages(user_id, maker.rows["users"][-1]["updated_at"])
    maker.spoil()
    dir.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        rows = maker.rows[table.name]
        maker.rng.shuffle(rows)
        if table.optional and (not rows or maker.chance(0.1)):
            maker.rows[table.name] = []
            continue
        _write_table(maker.rng, dir, table, rows)
    return WorldInfo(
        raw=dir,
        as_of=AS_OF,
        wall_clock=WALL_CLOCK,
        user_ids=maker.ids,
        campaign_ids=list(campaign_ids),
        ledger=maker.ledger,
        rows={name: len(rows) for name, rows in maker.rows.items()},
    )


# ---------------------------------------------------------------------------------------------------------
# Files


def _write_table(rng: random.Random, folder: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    shape = rng.choice(("parquet", "csv", "folder", "drops"))
    if shape in ("parquet", "csv"):
        _write_file(rng, folder / f"{table.name}.{shape}", table, rows)
        return
    parts = rng.randint(1, 3)
    for part in range(parts):
        ending = rng.choice(("parquet", "parquet", "csv"))
        name = f"part-{part}.{ending}"
        if shape == "drops":
            name = f"landed_on={(AS_OF - (parts - part) * DAY).date().isoformat()}/{name}"
        _write_file(rng, folder / table.name / name, table, rows[part::parts])


def _write_file(rng: random.Random, path: Path, table: Table, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    names = [column.name for column in table.columns]
    rng.shuffle(names)
    if rng.random() < 0.3:
        names.append("a_column_nobody_knows")
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as handle:
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(names)
            for row in rows:
                writer.writerow([_text(row.get(name), rng) or "" for name in names])
        return

    # Parquet: typed columns where every value fits, else text, as a careless producer would write them.
    kinds = {column.name: column.kind for column in table.columns}
    types = {}
    for name in names:
        good = [row[name] for row in rows if row.get(name) is not None]
        if kinds.get(name) == TIME and all(isinstance(value, datetime) for value in good):
            types[name] = rng.choice(("TIMESTAMP", "TIMESTAMP", "TIMESTAMPTZ", "VARCHAR"))
        elif kinds.get(name) == BOOL and all(isinstance(value, bool) for value in good):
            types[name] = "BOOLEAN"
        elif kinds.get(name) == INT and all(isinstance(value, int) for value in good):
            types[name] = rng.choice(("INTEGER", "BIGINT"))
        else:
            types[name] = "VARCHAR"
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch) / "rows.json"
        with source.open("w", encoding="utf-8") as handle:
            for row in rows:
                handle.write(json.dumps({name: _text(row.get(name)) for name in names}) + "\n")
        columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
        casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in types.items())
        target = str(path).replace("'", "''")
        file_engine().execute(
            f"copy (select {casts} from read_json('{source}', format = 'newline_delimited', "
            f"columns = {{{columns}}})) to '{target}' (format parquet)"
        )


def _text(value: object, rng: random.Random | None = None) -> str | None:
    """A value as a file holds it; with `rng`, times come in several spellings of the same instant."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        spelling = rng.randint(0, 9) if rng else 0
        if spelling == 8:
            return value.isoformat() + "Z"
        if spelling == 9:
            return (value + timedelta(hours=2)).isoformat(sep=" ") + "+02:00"
        return value.isoformat(sep=" ")
    return str(value)


__all__ = [
    "AS_OF",
    "WALL_CLOCK",
    "WorldInfo",
    "random_settings",
    "write_settings",
    "write_world",
]
