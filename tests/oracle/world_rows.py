"""The rows of a random world, table by table: small, nasty, and full of edges.

Times sit on the edges of the windows and one second to either side. What the contract leaves open (a point exactly on a
circle, two versions of a ticket in one moment that differ in more than whether it is open, ...) is kept out, so that a
difference between two readings of a world is a difference about a rule.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from .decisions import dispatch_id
from .landing import BOOL, ID, INT, JSON_OBJECT, NAME, TABLES, TEXT, TIME, TOPICS, WORD
from .settings import Place
from .stopping_cases import FAULTS, STOPS, stopping_rows
from .words import address_hash

AS_OF = datetime(2026, 6, 1)
FAR_FUTURE = datetime(2099, 1, 1)
SECOND = timedelta(seconds=1)
DAY = timedelta(hours=24)

# The ages, in days, where some rule turns.
EDGES = (1, 2, 3, 7, 14, 30, 60, 90, 180, 365)
EDGE_HOURS = (1, 24, 48, 72)

CHANNELS = ("email", "sms", "push")
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
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Pacific/Kiritimati",
    "Pacific/Pago_Pago",
    "America/Winnipeg",
    "UTC",
    " europe/berlin",
    "AMERICA/HAVANA",
    "+02:00",
    "UTC-3",
    "gmt+0530",
    "-14:00",
    "Z",
)
BAD_ZONES = ("Mars/Olympus", "", "N/A", "+14:30", "CET+1", "UTC+")
PLACES = (
    Place("p1", "Old Mill Café", 52.5200, 13.4050, 50.0),
    Place("p2", "Old Mill Annex", 52.5203, 13.4050, 200.0),
    Place("p3", "n/a", 48.8566, 2.3522, 50.0),
    Place("p4", "Date Line Bar", 0.0, 180.0, 500.0),
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
    "Tom &amp; Ann",
    "O&#39;Neill",
    "&nbsp;Eve",
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
    "${name}",
    "<%= name %>",
    "Hi #{name}",
    "Hi %NAME%",
    "{first_name}",
    "[FNAME]",
    "%FNAME%",
    "$name",
    "@FNAME",
    "&nbsp;",
    "&#123;&#123; name",
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
    "&lt;b&gt;Bob",
    "Bob &copy; Co",
    "&amp;lt;b",
    "Bob&#0;",
    "Bob&#10;Bcc",
)
NEARLY = ("a < b", "3 <4", "http:/x", "y" * 255, "[one] two", "a {x}", "100 %", "AT&T", "5 & 6;", "€ 5")
PRODUCTS = ("sku1", "sku2", "sku3", 12, "12", " 12.0 ")
GARBAGE = ("[1, 2]", "{broken", "2026-13-45", "what?", "28/11/2026", "9" * 12, "nan", "null", "3.7")

Row = dict[str, Any]


def world_user_ids(users: int = 60) -> list[str]:
    """The ids of the users of every world: texts (`u10` comes before `u9`), numbers, and some that differ in case only."""
    ids = []
    for number in range(1, users + 1):
        if number % 17 == 0:
            ids.append(f"U{number - 1}")
        elif number % 13 == 0:
            ids.append(f"Ü-{number}")
        elif number % 5 == 0:
            ids.append(str(3000 + number))
        else:
            ids.append(f"u{number}")
    return ids


def world_email(number: int) -> str:
    """The plain address of the user with this number (1, 2, ...)."""
    return f"person{number}@example.com"


class Maker:
    """The rows of one world, table by table; None is NULL."""

    def __init__(self, seed: int, users: int, campaign_ids: Sequence[str]) -> None:
        self.rng = random.Random(f"world:{seed}")
        self.ids = world_user_ids(users)
        self.campaign_ids = list(campaign_ids)
        self.rows: dict[str, list[Row]] = {table.name: [] for table in TABLES}
        self.ledger: list[Row] = []
        self.cases: dict[str, tuple[str, str]] = {}  # user -> what stops them, and what is wrong with its row
        self.counter = 0
        self.has_numeric_ids = self.rng.random() < 0.3
        # of its own, so that worlds without assignments stay what they were
        self.outside = random.Random(f"outside:{seed}")

    def next_id(self, prefix: str) -> str:
        self.counter += 1
        return str(self.counter) if self.has_numeric_ids else f"{prefix}{self.counter}"

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

    # -- a person

    def person(self, number: int) -> None:
        """Everything about one user: a life at random, or one thing that stops them and is wrong somehow."""
        user_id = self.ids[number - 1]
        if self.chance(0.3):
            self.stopped(number)
            return
        self.user(number)
        self.behaviour(user_id)
        self.support(user_id)
        self.mentions(user_id)
        self.erasure(user_id)
        newest = self.rows["users"][-1]
        self.messages(user_id, newest["updated_at"])
        self.consent(number, newest)

    def stopped(self, number: int) -> None:
        """A person whom nothing stops but one thing, and what is wrong with its row."""
        row = self.profile(number, AS_OF - 80 * DAY)
        self.rows["users"].append({**row, "_drop": "early"})
        self.event(row["user_id"], "page_viewed", AS_OF - 3 * DAY)
        self.event(row["user_id"], "cart_item_added", AS_OF - timedelta(hours=20), {"product_name": "Tea"})
        stop, fault = self.rng.choice(STOPS), self.rng.choice(FAULTS)
        rows = stopping_rows(stop, fault, row, AS_OF, self.next_id)
        if rows is None:
            return
        self.cases[row["user_id"]] = (stop, fault)
        for table, some in rows.items():
            self.rows[table] += some

    def profile(self, number: int, updated_at: datetime) -> Row:
        """A profile that nothing is wrong with, of somebody who wants to hear from us."""
        rng = self.rng
        return {
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
            "signed_up_at": None if self.chance(0.15) else self.moment(),
            "email_opt_in": True,
            "sms_opt_in": True,
            "push_opt_in": True,
            "email_opt_in_at": None,
            "sms_opt_in_at": None,
            "push_opt_in_at": None,
            "topics_opted_out": None,
            "max_messages_per_week": rng.choice((None, None, None, 2, 5)),
            "attributes": {"loyalty_points": rng.randint(0, 900), "favorite_category": "tea"},
            "updated_at": updated_at,
        }

    def user(self, number: int) -> None:
        rng = self.rng
        row = self.profile(number, self.edge(AS_OF - rng.choice((30, 60, 90)) * DAY))
        if not self.chance(0.55):
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
        if self.chance(0.08) and row["city"]:  # a tie: the stricter, and the rest of the text that sorts last
            other = dict(row)
            other["city"] = "Zagreb"
            for column, value in (
                ("email_opt_in", rng.choice((None, False))),
                ("topics_opted_out", ("news",)),
                ("max_messages_per_week", 1),
            ):
                if self.chance(0.3):
                    rng.choice((row, other))[column] = value
            self.rows["users"].append(other)

    def dirty(self, row: Row, number: int) -> None:
        """Spoil one to four things of a profile."""
        rng = self.rng
        for _ in range(rng.randint(1, 4)):
            what = rng.randint(1, 15)
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
                        "a@" + "d" * 63 + ".com",
                        "a@" + "d" * 64 + ".com",
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
            elif what in (4, 14, 15):  # somebody else's address, in another case
                which = rng.choice(("", "2", "3"))
                address = f"shared{which}@example.com"
                row["email"] = rng.choice((address, address.title(), f" {address.upper()}"))
                row["phone"] = f"+4930123456{which or 1}"
                row["push_token"] = rng.choice((f"Token-Shared{which}", f"token-shared{which}"))
            elif what in (5, 6):
                name = rng.choice(("first_name", "last_name", "city", "country", "language"))
                row[name] = rng.choice(rng.choice((BLANKS, UNSAFE, NEARLY)))
            elif what == 7:
                row["timezone"] = rng.choice((None, *BAD_ZONES))
            elif what in (8, 9):
                row[rng.choice(("email_opt_in", "sms_opt_in", "push_opt_in"))] = rng.choice((None, False))
            elif what == 10:
                row["topics_opted_out"] = rng.choice(
                    (
                        ("offers",),
                        ("news", "offers"),
                        " news ; other ",
                        ("offer",),
                        ";",
                        "",
                        "{offers,NULL}",
                        "ALL",
                    )
                )
            elif what == 11:
                row["max_messages_per_week"] = rng.choice((0, 1, 2, -1, "many"))
            elif what == 12:  # another address than before
                row["email"] = f"other-{world_email(number)}"
            else:
                row["attributes"] = rng.choice(
                    (
                        None,
                        {},
                        {"loyalty_points": None, "favorite_category": "N/A"},
                        {"loyalty_points": "250", "favorite_category": "<b>tea"},
                        {"loyalty_points": [1], "favorite_category": " tea "},
                        {"loyalty_points": 12.5, "favorite_category": None},
                        "[]",
                    )
                )

    def consent(self, number: int, row: Row) -> None:
        """Now and then: an unsubscription, and what may end it or not."""
        if not self.chance(0.2):
            return
        rng, channel = self.rng, self.rng.choice(CHANNELS)
        flag = f"{channel}_opt_in"
        unsubscribed_at = AS_OF - rng.randint(2, 20) * DAY
        report = self.message(row["user_id"], "unsubscribed", unsubscribed_at)
        report["channel"] = channel
        later = self.edge(unsubscribed_at + rng.choice((timedelta(0), DAY)))
        what = rng.randint(1, 7)
        if what == 1:  # a newer version that changes only the city ends nothing
            self.rows["users"].append({**row, "city": "Oslo", "updated_at": later})
        elif what == 2:
            again = self.message(row["user_id"], "resubscribed", later)
            again["channel"] = rng.choice((channel, channel, "carrier pigeon"))
        elif what == 3:
            self.rows["users"].append({**row, f"{flag}_at": later, "updated_at": AS_OF - DAY})
        elif what == 4:  # a time of consent that cannot be read is none
            self.rows["users"].append({**row, f"{flag}_at": "last week", "updated_at": AS_OF - DAY})
        else:  # the flag is given anew: what the version before said decides
            before = {5: False, 6: None, 7: "perhaps"}[what]
            self.rows["users"].append({**row, flag: before, "updated_at": unsubscribed_at - SECOND})
            self.rows["users"].append({**row, flag: True, "updated_at": later + SECOND})

    # -- events

    def event(self, user_id: str, name: str, at: datetime, properties: object = None) -> Row:
        row = {
            "event_id": self.next_id("e"),
            "user_id": user_id,
            "event_name": name,
            "occurred_at": at,
            "received_at": None if self.chance(0.1) else at + timedelta(seconds=self.rng.randint(0, 90000)),
            "properties": properties,
        }
        self.rows["events"].append(row)
        return row

    def product(self) -> Row:
        product_id = self.rng.choice(PRODUCTS)
        found: Row = {
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
                self.event(user_id, rng.choice(("page_viewed", "payment_failed", "signed_up")), at)
            if self.chance(0.3):  # a ping is no activity
                self.event(user_id, "location_ping", self.moment(), {"latitude": 1.5, "longitude": 1.5})
            return
        for name in ("signed_up", "app_installed", "page_viewed", "payment_failed"):
            if self.chance(0.2):
                self.event(user_id, name, self.moment(), None if self.chance(0.5) else {})
        for _ in range(rng.choice((0, 0, 1, 3))):
            # 40.05 + 39.9 + 40.05 is 120 in decimals, and less in floating point
            seconds = rng.choice((10, 60, 60, 119, 120, 121, 40.05, 39.9, 40.05, "120", None))
            self.event(user_id, "product_viewed", self.moment(), {**self.product(), "dwell_seconds": seconds})
        for _ in range(rng.choice((0, 0, 1, 2))):
            self.event(user_id, "cart_item_added", self.moment(), {**self.product(), "price": 9.5})
        self.orders(user_id)
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
                self.event(user_id, "subscription_started", rng.choice((self.edge(at), self.moment())))
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            properties = rng.choice(
                (
                    {"score": rng.choice((0, 6, 7, 8, 9, 10, 8.5))},
                    {"score": rng.choice(("3", " 9 ", "10.0", None, "great", 99, -1, True))},
                    {},
                    '{"score": ',
                )
            )
            self.event(user_id, "feedback_submitted", self.moment(), properties)
        for _ in range(rng.choice((0, 0, 1, 2))):
            place = rng.choice(PLACES)
            north = rng.choice((0.0, 0.00001, 0.0002, 0.01))
            position: Row = {
                "latitude": place.latitude + north,
                "longitude": place.longitude,
            }
            if place.place_id == "p4":
                position["longitude"] = rng.choice((180.0, -180.0, 179.999))
            if self.chance(0.2):
                position = rng.choice(({"latitude": 91, "longitude": 0}, {"latitude": "52.52"}, {}))
            at = AS_OF - timedelta(seconds=rng.randint(1, 90000)) if self.chance(0.7) else self.moment()
            self.event(user_id, "location_ping", at, position)

    def orders(self, user_id: str) -> None:
        """Orders, and what came of them."""
        rng = self.rng
        orders: list[tuple[Any, datetime]] = []
        for _ in range(rng.choice((0, 0, 0, 1, 3, 4))):
            order_id: Any = self.next_id("o")
            if self.chance(0.2):
                order_id = self.counter  # a number
            at = self.moment()
            orders.append((order_id, at))
            total = rng.choice((10, 12.5, 0.1, "30", None))
            properties = {**self.product(), "order_id": order_id, "total": total, "currency": "EUR"}
            self.event(user_id, "order_completed", at, properties)
        if orders and self.chance(0.5):
            order_id, at = rng.choice(orders)
            back = self.moment()
            self.event(user_id, "return_requested", back, {"order_id": order_id})
            if self.chance(0.7):
                same = f"{order_id}.0" if isinstance(order_id, int) else f" {order_id}"
                other = rng.choice((order_id, order_id, same, "another"))
                refund_at = rng.choice((self.edge(back), self.moment()))
                self.event(user_id, "order_refunded", refund_at, {"order_id": other})
        if self.chance(0.06):
            self.event(user_id, "order_refunded", self.moment(), {"order_id": self.next_id("o")})

    # -- tickets, mentions, erasures

    def support(self, user_id: str) -> None:
        rng = self.rng
        for _ in range(rng.choice((0, 0, 0, 1, 2))):
            created = self.moment()
            updated = created + rng.choice((0, 0, 3600, 86400 * 10)) * SECOND
            states = ("new", "open", "pending", "hold", "solved", "solved", "closed", "closed", "closed")
            row: Row = {
                "ticket_id": self.next_id("t"),
                "user_id": user_id,
                "category": rng.choice((None, "complaint", "billing", "question", " Complaint", "BILLING")),
                "status": rng.choice(states),
                "created_at": created,
                "updated_at": updated,
                "solved_at": None,
                "satisfaction": rng.choice((None, None, "good", "bad", " Bad ", "unoffered")),
            }
            self.rows["support_tickets"].append(row)
            if self.chance(0.4):
                self.rows["support_tickets"].append(
                    {
                        **row,
                        "status": rng.choice(("open", "solved", "closed", "escalated")),
                        "updated_at": updated + rng.choice((SECOND, DAY)),
                        "satisfaction": rng.choice((None, "good", "bad")),
                    }
                )
            elif self.chance(0.2):  # two versions of one moment: the open one counts
                self.rows["support_tickets"].append({**row, "status": rng.choice(("open", "closed"))})

    def mentions(self, user_id: str) -> None:
        if self.chance(0.12):
            self.rows["social_mentions"].append(
                {
                    "mention_id": self.next_id("s"),
                    "user_id": self.rng.choice((user_id, user_id, None)),
                    "network": "net",
                    "body": 'said "hm", then\nleft',
                    "posted_at": self.moment(),
                    "sentiment": self.rng.choice(
                        ("positive", "neutral", "negative", "negative", "furious", None)
                    ),
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

    def assignments(self) -> None:
        """Now and then, who was in which arm of a campaign that ran outside; some of them twice, or in a moment."""
        rng = self.outside
        if rng.random() < 0.7:
            return
        for user_id in rng.sample(self.ids, len(self.ids) // 2):
            row: Row = {
                "user_id": rng.choice((user_id, user_id, user_id.swapcase(), "nobody")),
                "campaign_id": rng.choice(("spring_sale", "4711", *self.campaign_ids[:1])),
                "arm": rng.choice(("control", "Plain", "2")),
                "assigned_at": AS_OF - rng.choice((-1, 0, 1, 30 * 86400)) * SECOND,
            }
            self.rows["assignments"].append(row)
            if rng.random() < 0.2:
                again = {"arm": rng.choice(("control", "2"))}
                again["assigned_at"] = row["assigned_at"] + rng.choice((-1, 0, 1)) * SECOND
                self.rows["assignments"].append({**row, **again})

    # -- messages and the ledger

    def message(
        self,
        user_id: str,
        event_type: str,
        at: datetime,
        dispatch: str | None = None,
        campaign: str | None = None,
    ) -> Row:
        rng = self.rng
        campaign_id = campaign or rng.choice((*self.campaign_ids, "campaign_of_old", None))
        channel = next((c for c in CHANNELS if campaign_id and f"__{c}" in campaign_id), None)
        row: Row = {
            "message_event_id": self.next_id("m"),
            "user_id": user_id,
            "campaign_id": campaign_id,
            "channel": channel or rng.choice((*CHANNELS, *CHANNELS, "letter", "whatsapp")),
            "variant": rng.choice((None, "default")),
            "event_type": event_type,
            "occurred_at": at,
            "dispatch_id": dispatch,
            "address": None,
            "is_machine_open": rng.choice((None, True, False)),
        }
        if self.chance(0.15):  # the report says which address it is about
            number = rng.randint(1, len(self.ids))
            addresses = {"email": world_email(number), "sms": f"+4930{1000000 + number}"}
            mine = addresses.get(row["channel"] or "", f"TOKEN-{number}")
            row["address"] = rng.choice(
                (mine, mine.upper(), f" {mine}", "shared@example.com", "gone@example.com")
            )
        self.rows["message_events"].append(row)
        return row

    def messages(self, user_id: str, profile_updated_at: datetime) -> None:
        rng = self.rng
        count = 11 if self.chance(0.1) else rng.choice((0, 0, 1, 2, 3))
        for _ in range(count):
            at = self.moment()
            self.message(user_id, "sent", at, self.next_id("d") if self.chance(0.3) else None)
            if self.chance(0.3 if count < 11 else 0.02):
                what = rng.choice(("delivered", "opened", "clicked", "processed"))
                self.message(user_id, what, at + timedelta(minutes=5))
        if self.chance(0.1):
            who = rng.choice((user_id, user_id, "nobody"))
            self.message(who, rng.choice(("bounced_hard", "complained", "bounced_soft")), self.moment())
        if self.chance(0.07):
            who = rng.choice((user_id, user_id, "nobody"))
            self.message(who, "unsubscribed", self.edge(profile_updated_at))
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
        send_at = night + rng.choice((0, 9, 20, 23)) * timedelta(hours=1)
        channel = next(c for c in CHANNELS if f"__{c}" in campaign_id)
        row: Row = {
            "as_of": night,
            "dispatch_id": dispatch_id(campaign_id, user_id, night),
            "user_id": user_id,
            "campaign_id": campaign_id,
            "channel": channel,
            "send_at": max(self.edge(send_at), night),
        }
        if self.chance(0.7):  # ledgers of before version 2 have neither of these
            number = self.ids.index(user_id) + 1
            own = {"email": world_email(number), "sms": f"+4930{1000000 + number}", "push": f"token-{number}"}
            row["address_hash"] = address_hash(
                rng.choice((own[channel], own[channel], f"old-{own[channel]}"))
            )
            row["journey_started_at"] = night - rng.choice((0, 1, 5)) * DAY
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
        """Days instead of times, duplicates, rows with something missing or unreadable, rows of nobody we know."""
        rng = self.rng
        self.name_days()
        for name in ("events", "message_events"):
            for row in rng.sample(self.rows[name], min(6, len(self.rows[name]))):
                again = dict(row)
                if name == "events" and isinstance(row["received_at"], datetime):
                    received_at = row["received_at"] + rng.choice((-1, 1)) * SECOND
                    again["received_at"] = rng.choice((received_at, received_at, None))
                    again["event_name"] = rng.choice((row["event_name"], "page_viewed"))
                elif isinstance(row["occurred_at"], datetime):
                    again["occurred_at"] = row["occurred_at"] + rng.choice((-1, 1)) * SECOND
                self.rows[name].append(again)
        # The same mention or request again; the rows are the same but for what the mention says.
        for name in ("social_mentions", "erasure_requests"):
            for row in rng.sample(self.rows[name], min(2, len(self.rows[name]))):
                again = dict(row)
                if name == "social_mentions":
                    again["sentiment"] = rng.choice(("positive", "negative", None))
                    if isinstance(row["posted_at"], datetime):
                        again["posted_at"] = rng.choice((row["posted_at"], self.edge(row["posted_at"])))
                self.rows[name].append(again)
        for table in TABLES:
            rows = list(self.rows[table.name])
            for row in rng.sample(rows, min(3, len(rows))):
                self.spoil_row(table.name, row)
            # what cannot be read in a column that may be empty: the row stays
            kinds = (TIME, BOOL, INT, JSON_OBJECT, WORD)
            optional = [c.name for c in table.columns if not c.required and c.kind in kinds]
            for row in rng.sample(rows, min(2, len(rows))) if optional else ():
                row[rng.choice(optional)] = rng.choice(GARBAGE)
        for _ in range(3):
            self.event("nobody", rng.choice(TRIGGERS), self.moment())
            self.event(rng.choice(self.ids).swapcase(), rng.choice(TRIGGERS), self.moment())

    def name_days(self) -> None:
        """Now and then a time is a day: an event, a report, a mention, a sign-up, a consent."""
        for name, columns in (
            ("users", ("signed_up_at", "email_opt_in_at", "sms_opt_in_at", "push_opt_in_at")),
            ("events", ("occurred_at", "occurred_at", "received_at")),
            ("message_events", ("occurred_at",)),
            ("support_tickets", ("created_at", "solved_at")),
            ("social_mentions", ("posted_at",)),
        ):
            for row in self.rows[name]:
                column = self.rng.choice(columns)
                if isinstance(row[column], datetime) and self.chance(0.04):
                    row[column] = row[column].date()

    def spoil_row(self, table: str, row: Row) -> None:
        """A copy of a row in which something is missing or cannot be read; now and then it comes again, repaired."""
        rng = self.rng
        columns = {t.name: t for t in TABLES}[table].columns
        bad = dict(row)
        if table not in ("users", "erasure_requests") and self.chance(0.7):
            bad[columns[0].name] = self.next_id("bad")
        good = dict(bad)
        own_time = next(t.time for t in TABLES if t.name == table)
        what = rng.choice(("missing", "white", "unreadable", "unreadable", "future"))
        required = [c for c in columns if c.required and (c.kind not in (TEXT,))]
        if what in ("missing", "white"):
            bad[rng.choice(required).name] = None if what == "missing" else rng.choice(("", " ", "\t", " \n"))
        elif what == "unreadable":
            readable_always = (ID, NAME, TOPICS)
            column = rng.choice([c for c in required if c.kind not in readable_always])
            bad[column.name] = rng.choice(GARBAGE)
            if column.kind == TIME and self.chance(0.5) and columns[0].name != "user_id":
                bad[columns[0].name] = row[columns[0].name]  # the very row, which is there, too
        else:
            bad[own_time] = FAR_FUTURE
        bad["_drop"] = "early"
        self.rows[table].append(bad)
        if self.chance(0.3):
            self.rows[table].append({**good, "_drop": "late"})
