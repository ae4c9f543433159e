"""Random worlds: settings, a landing zone and a ledger for one night, and what comes in before the next one.

Everything comes from the seed: the same seed writes the same rows. The rows are made in `world_rows`, the files in
`world_files`.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from .features import MERGE_FIELDS, SEGMENTS
from .landing import TABLES
from .reading import IGNORED
from .settings import Campaign, Cap, Settings, Suppression, Variant, write_settings
from .world_files import write_drop, write_file, write_table
from .world_rows import AS_OF, DAY, EDGE_HOURS, PLACES, SECOND, TRIGGERS, Maker, world_email, world_user_ids

WALL_CLOCK = datetime(2026, 6, 1, 6)

ARMS = (
    (("plain", 50), ("urgent", 50)),
    (("plain", 90), ("urgent", 10)),
    (("a", 34), ("b", 33), ("c", 33)),
    (("a", 1), ("b", 98), ("c", 1)),
)
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
CANCELS = [
    "order_completed",
    "order_refunded",
    "onboarding_completed",
    "subscription_started",
    "product_viewed",
]
TOPICS = ("offers", "news")
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
# What other systems call things; each world knows most of it.
EVENT_NAMES = {
    "purchase": "order_completed",
    "orders/paid": "order_completed",
    "Checkout Finished": "order_completed",
    "add_to_cart": "cart_item_added",
    "refund": "order_refunded",
    "view_item": "product_viewed",
    "nps answer": "feedback_submitted",
}
TICKET_STATUSES = {
    "Waiting on us": "open",
    "in progress": "open",
    "on-hold": "hold",
    "waiting on customer": "pending",
    "resolved": "solved",
    "done": "closed",
}
REPORT_TYPES = {
    "send": "sent",
    "delivery": "delivered",
    "open": "opened",
    "click": "clicked",
    "bounce": "bounced_hard",
    "soft bounce": "bounced_soft",
    "unsubscribe": "unsubscribed",
    "spamreport": "complained",
    "group_resubscribe": "resubscribed",
    "processed": IGNORED,
    "deferred": IGNORED,
}
REPORT_CHANNELS = {
    "E-Mail": "email",
    "text": "sms",
    "mobile push": "push",
    "whatsapp": IGNORED,
    "in-app": IGNORED,
}


@dataclass
class WorldInfo:
    """What was written: where, for which night, and the ledger that belongs to it.

    `cases` says which of the people are stopped by one thing only, and what is wrong with its row.
    """

    raw: Path
    as_of: datetime
    wall_clock: datetime
    user_ids: list[str]
    campaign_ids: list[str]
    ledger: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[str, int] = field(default_factory=dict)
    cases: dict[str, tuple[str, str]] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict, repr=False)  # how each table was written
    maker: Maker | None = field(default=None, repr=False, compare=False)


# ---------------------------------------------------------------------------------------------------------
# Settings


def random_settings(
    seed: int,
    campaigns: int | None = None,
    users: int = 60,
    with_merge_fields: bool = False,
) -> Settings:
    """3 to 8 campaigns with random options, random caps, suppressions, holdouts and vocabularies, for the world of any seed.

    `merge_fields` and `timezones` stay empty (write_settings then leaves those two files of a project as they
    are) unless `with_merge_fields`.
    """
    rng = random.Random(f"settings:{seed}")
    ids = world_user_ids(users)
    made: list[Campaign] = []
    for number in range(campaigns or rng.randint(3, 8)):
        campaign = _random_campaign(rng, number, [c.campaign_id for c in made])
        made.append(_with_arms(random.Random(f"arms:{seed}:{number}"), campaign))
    suppressions = []
    for _ in range(rng.randint(0, 4)):
        channel = rng.choice(("email", "sms", "push", "all"))
        number = rng.randint(1, users)
        by_user = rng.random() < 0.5
        suppressions.append(
            Suppression(
                channel,
                rng.choice((ids[number - 1], ids[number - 1], f" {ids[number - 1]}")) if by_user else None,
                None if by_user else _suppressed_address(rng, number),
                "asked",
                AS_OF - rng.randint(1, 300) * DAY,
            )
        )
    caps = [
        Cap(channel, Decimal(window), rng.randint(0 if rng.random() < 0.1 else 1, 4))
        for channel in ("email", "sms", "push", "all")
        for window in rng.sample((1, 7, 30), rng.choice((0, 1, 1, 2)))
    ]

    def most_of(words: Mapping[str, str]) -> dict[str, str]:
        return {source: word for source, word in words.items() if rng.random() < 0.85}

    formats = {("users", "signed_up_at"): "%d/%m/%Y", ("support_tickets", "solved_at"): "%d.%m.%Y %H:%M"}
    return Settings(
        campaigns=made,
        caps=caps,
        placeholders=set(PLACEHOLDERS),
        places=list(PLACES),
        suppressions=suppressions,
        merge_fields=list(MERGE_FIELDS) if with_merge_fields else [],
        global_holdout_percent=Decimal(rng.choice((0, 0, 5))),
        default_timezone=rng.choice(("UTC", "Europe/Berlin", "America/New_York")),
        event_names=most_of(EVENT_NAMES),
        ticket_statuses=most_of(TICKET_STATUSES),
        report_types=most_of(REPORT_TYPES),
        report_channels=most_of(REPORT_CHANNELS),
        topics=set(TOPICS),
        source_formats={where: spelling for where, spelling in formats.items() if rng.random() < 0.3},
    )


def _suppressed_address(rng: random.Random, number: int) -> str:
    """An address of one person, of several, or of nobody any more, as somebody typed it."""
    plain = rng.choice((world_email(number), world_email(number), "shared@example.com", f"token-{number}"))
    return rng.choice((plain, plain.upper(), f" {plain}\u200b"))


def _random_campaign(rng: random.Random, number: int, before: Sequence[str]) -> Campaign:
    kind = rng.choice(KINDS)
    channel = rng.choice(("email", "email", "sms", "push"))
    trigger = None
    if rng.random() < 0.45:
        trigger = rng.choice(TRIGGERS)
        if before and rng.random() < 0.4:
            trigger = f"message_{rng.choice(('sent', 'sent', 'opened'))}:{rng.choice(before)}"
    segment = rng.choice(SEGMENTS) if rng.random() < 0.35 else None
    has_age = bool(trigger) or kind in ("welcome", "onboarding")
    is_transactional = rng.random() < 0.12
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
        also_segments=tuple(rng.sample(SEGMENTS[:8], 1)) if rng.random() < 0.12 else (),
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
        send_hour_local=None if is_transactional and rng.random() < 0.5 else rng.randint(0, 23),
        valid_from=rng.choice((None, None, date(2026, 1, 1), AS_OF.date(), AS_OF.date() + DAY)),
        valid_to=rng.choice((None, None, date(2026, 12, 31), AS_OF.date(), AS_OF.date() - DAY))
        if rng.random() < 0.5
        else None,
        is_transactional=is_transactional,
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


def _with_arms(rng: random.Random, campaign: Campaign) -> Campaign:
    """Some campaigns with two or three arms, each with templates of its own, which need not reach everybody."""
    if rng.random() < 0.6:
        return campaign
    arms = rng.choice(ARMS)
    variants: list[Variant] = []
    for arm, _ in arms:
        variants += [
            replace(variant, name=f"{arm}_{variant.name}", rank=len(variants) + variant.rank, arm=arm)
            for variant in _random_variants(rng)
        ]
    return replace(campaign, arms=arms, variants=tuple(variants))


# ---------------------------------------------------------------------------------------------------------
# A night


def write_world(
    dir: Path, seed: int, users: int = 60, campaign_ids: Sequence[str] | None = None
) -> WorldInfo:
    """Write a random landing zone into `dir` and say what it is.

    `campaign_ids` are those that message events and the ledger speak of (default: of `random_settings(seed)`).
    The tables come as Parquet, as CSV, as a folder or as nightly drops, at random.
    """
    settings = random_settings(seed, users=users)
    if campaign_ids is None:
        campaign_ids = [c.campaign_id for c in settings.campaigns]
    maker = Maker(seed, users, campaign_ids)
    for number in range(1, users + 1):
        maker.person(number)
    maker.assignments()
    maker.spoil()
    _declare_formats(maker, settings)
    info = WorldInfo(
        raw=dir,
        as_of=AS_OF,
        wall_clock=WALL_CLOCK,
        user_ids=maker.ids,
        campaign_ids=list(campaign_ids),
        ledger=maker.ledger,
        cases=maker.cases,
        maker=maker,
    )
    dir.mkdir(parents=True, exist_ok=True)
    for table in TABLES:
        rows = maker.rows[table.name]
        maker.rng.shuffle(rows)
        if table.optional and (not rows or maker.chance(0.1)):
            maker.rows[table.name] = []
            continue
        info.shapes[table.name] = write_table(maker.rng, dir, table, rows, settings, AS_OF.date())
    info.rows = {name: len(rows) for name, rows in maker.rows.items()}
    return info


def _declare_formats(maker: Maker, settings: Settings) -> None:
    """Some sign-ups are written as `28/11/2026`: to be read only where a column's format is declared."""
    for row in maker.rows["users"]:
        if isinstance(row["signed_up_at"], datetime) and maker.chance(0.1):
            row["signed_up_at"] = f"{row['signed_up_at']:%d/%m/%Y}"


# ---------------------------------------------------------------------------------------------------------
# The night after it


def write_second_night(info: WorldInfo, dispatches: Iterable[Mapping[str, Any]], seed: int) -> WorldInfo:
    """Write what comes in during the day after the night that made these dispatches, and say what the next night is.

    What became of the messages, what people did, and rows that are late, repaired, or repeated.
    """
    maker, settings = info.maker, random_settings(seed, users=len(info.user_ids))
    assert maker is not None
    before = {name: len(rows) for name, rows in maker.rows.items()}
    rng = maker.rng
    made = [dict(row) for row in dispatches]
    for row in made:
        _what_became_of(maker, row)
    for number, user_id in enumerate(maker.ids, start=1):
        if maker.chance(0.12):
            _another_version(maker, number)
        if maker.chance(0.06):
            name = rng.choice((*CANCELS, *TRIGGERS, "return_requested", "feedback_submitted"))
            maker.event(user_id, name, AS_OF + rng.randint(1, 86400) * SECOND, {"order_id": "x", "score": 3})
        if maker.chance(0.03):
            maker.rows["erasure_requests"].append(
                {"user_id": user_id, "requested_at": rng.choice((AS_OF, None, "yesterday"))}
            )
    for row in [r for r in maker.rows["support_tickets"] if isinstance(r["updated_at"], datetime)][:3]:
        later = max(row["updated_at"], AS_OF) + 3600 * SECOND
        maker.rows["support_tickets"].append(
            {**row, "status": rng.choice(("open", "solved")), "updated_at": later}
        )
    for name in ("events", "support_tickets", "message_events", "users"):
        for row in rng.sample(maker.rows[name][: before[name]], min(1, before[name])):
            maker.spoil_row(name, row)

    for table in TABLES:
        new = maker.rows[table.name][before[table.name] :]
        shape = info.shapes.get(table.name)
        if not new:
            continue
        if shape in ("parquet", "csv"):  # the file is delivered anew, with everything in it
            path = info.raw / f"{table.name}.{shape}"
            write_file(rng, path, table, maker.rows[table.name], settings)
        else:
            place = info.raw / table.name
            if shape != "folder":
                place /= f"landed_on={AS_OF.date() + DAY}"
            write_drop(rng, place, "second", table, new, settings)
            info.shapes[table.name] = shape or "drops"
    return WorldInfo(
        raw=info.raw,
        as_of=info.as_of + DAY,
        wall_clock=info.wall_clock + DAY,
        user_ids=info.user_ids,
        campaign_ids=info.campaign_ids,
        ledger=[*info.ledger, *made],
        rows={name: len(rows) for name, rows in maker.rows.items()},
        cases=info.cases,
        shapes=info.shapes,
        maker=maker,
    )


def _what_became_of(maker: Maker, dispatch: Mapping[str, Any]) -> None:
    """Reports on one message of ours: confirmed or not, opened, and now and then the end of it."""
    rng = maker.rng
    at = dispatch["send_at"] + rng.randint(0, 600) * SECOND
    what = ["sent"] if maker.chance(0.6) else []
    what += [rng.choice(("opened", "clicked"))] if maker.chance(0.3) else []
    if maker.chance(0.1):
        what.append(rng.choice(("bounced_hard", "complained", "unsubscribed", "bounced_soft")))
    for event_type in what:
        who = dispatch["user_id"] if maker.chance(0.9) else "nobody"
        row = maker.message(who, event_type, at, dispatch["dispatch_id"], dispatch["campaign_id"])
        row["channel"] = dispatch["channel"]


def _another_version(maker: Maker, number: int) -> None:
    """A profile that changes after the night: something that ends nothing, or something that does."""
    rng, user_id = maker.rng, maker.ids[number - 1]
    mine = [row for row in maker.rows["users"] if row["user_id"] == user_id]
    row = dict(rng.choice(mine)) if mine else maker.profile(number, AS_OF)
    row.pop("_drop", None)
    row["updated_at"] = AS_OF + rng.randint(0, 80000) * SECOND
    what = rng.randint(1, 6)
    if what == 1:
        row["city"] = "Oslo"
    elif what == 2:
        row["email"] = f"moved-{world_email(number)}"
    elif what == 3:
        row.update(email_opt_in=True, sms_opt_in=True, push_opt_in=True)
    elif what == 4:
        row[rng.choice(("email_opt_in", "sms_opt_in", "push_opt_in"))] = rng.choice((False, "perhaps"))
    elif what == 5:
        row["email_opt_in_at"] = row["updated_at"] - SECOND
    else:
        lacks = ("topics_opted_out", "max_messages_per_week", "push_opt_in")
        row.update(dict.fromkeys(lacks), _lacks=lacks)
    maker.rows["users"].append(row)


__all__ = [
    "AS_OF",
    "WALL_CLOCK",
    "WorldInfo",
    "random_settings",
    "write_second_night",
    "write_settings",
    "write_world",
]
