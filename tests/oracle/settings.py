"""Contract §4: the business's settings, from the seeds of a project or built in memory."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

from .words import normalized_word, trim

CAMPAIGN_COLUMNS = [
    "campaign_id",
    "name",
    "kind",
    "channel",
    "topic",
    "content_group",
    "audience_segment",
    "also_segments",
    "excluded_segments",
    "trigger_event",
    "min_age_hours",
    "max_age_hours",
    "cancel_on",
    "cooldown_days",
    "impact",
    "confidence",
    "ease",
    "priority",
    "holdout_percent",
    "pilot_percent",
    "arms",
    "send_hour_local",
    "valid_from",
    "valid_to",
    "is_transactional",
    "owner",
    "escalation_contact",
    "goal",
    "success_event",
    "success_window_days",
    "evaluation",
    "evaluation_reason",
    "drawbacks",
    "content_hash",
]
REQUIREMENT_COLUMNS = [
    "campaign_id",
    "variant",
    "arm",
    "variant_rank",
    "printed_fields",
    "required_fields",
    "compared_fields",
    "measured_fields",
    "content_hash",
]


# What each column with a vocabulary may hold, and the seed that translates other words into these.
WORDS: Mapping[str, tuple[str, ...]] = {
    "status": ("new", "open", "pending", "hold", "solved", "closed"),
    "satisfaction": ("good", "bad"),
    "event_type": (
        "sent",
        "delivered",
        "opened",
        "clicked",
        "bounced_hard",
        "bounced_soft",
        "complained",
        "unsubscribed",
        "resubscribed",
    ),
    "channel": ("email", "sms", "push"),
    "sentiment": ("positive", "neutral", "negative"),
}


@dataclass(frozen=True)
class Variant:
    """One template of a campaign."""

    name: str
    rank: int
    printed: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    arm: str | None = None


@dataclass(frozen=True)
class Campaign:
    """One campaign; ages in hours, cooldown in days, percents 0-100, priority = impact * confidence * ease."""

    campaign_id: str
    kind: str
    channel: str
    impact: int = 5
    confidence: int = 5
    ease: int = 5
    topic: str | None = None
    content_group: str | None = None
    audience_segment: str | None = None
    also_segments: tuple[str, ...] = ()
    excluded_segments: tuple[str, ...] = ()
    trigger_event: str | None = None
    min_age_hours: Decimal | None = None
    max_age_hours: Decimal | None = None
    cancel_on: tuple[str, ...] = ()
    cooldown_days: Decimal | None = None
    holdout_percent: Decimal = Decimal(0)
    pilot_percent: Decimal = Decimal(100)
    arms: tuple[tuple[str, int], ...] = ()  # each with its share in percent, in the setting's order
    send_hour_local: int | None = 9  # None: a transactional message that is due at once
    valid_from: date | None = None
    valid_to: date | None = None
    is_transactional: bool = False
    variants: tuple[Variant, ...] = (Variant("default", 2),)

    @property
    def priority(self) -> int:
        """The ICE score."""
        return self.impact * self.confidence * self.ease


@dataclass(frozen=True)
class Cap:
    """At most `max_messages` in `window_days` on `channel` (`all`: on all together)."""

    channel: str
    window_days: Decimal
    max_messages: int


@dataclass(frozen=True)
class Place:
    """A place and its radius in metres."""

    place_id: str
    name: str | None
    latitude: float
    longitude: float
    radius_m: float = 50.0


@dataclass(frozen=True)
class Suppression:
    """Nobody may write to this user, or to this address, on `channel` (or `all`)."""

    channel: str
    user_id: str | None = None
    address: str | None = None
    reason: str = ""
    added_at: datetime | None = None


@dataclass
class Settings:
    """Everything that the business sets. `timezones` empty: whatever the locked zone data know.

    The vocabularies are source word -> our word, the source words as `normalized_word` makes them.
    """

    campaigns: list[Campaign] = field(default_factory=list)
    caps: list[Cap] = field(default_factory=list)
    placeholders: set[str] = field(default_factory=set)
    places: list[Place] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)
    merge_fields: list[str] = field(default_factory=list)
    timezones: set[str] = field(default_factory=set)
    global_holdout_percent: Decimal = Decimal(0)
    default_timezone: str = "UTC"
    delivery_hours: Decimal = Decimal(4)
    unreadable_days: int = 90
    event_names: dict[str, str] = field(default_factory=dict)
    ticket_statuses: dict[str, str] = field(default_factory=dict)
    report_types: dict[str, str] = field(default_factory=dict)  # also to `ignored`
    report_channels: dict[str, str] = field(default_factory=dict)  # also to `ignored`
    topics: set[str] = field(default_factory=set)
    source_formats: dict[tuple[str, str], str] = field(default_factory=dict)  # (table, column) -> strptime
    max_quarantined_percent: dict[str, Decimal] = field(default_factory=dict)  # by table; default 20

    def __post_init__(self) -> None:
        self.placeholders = {trim(value).lower() for value in self.placeholders}
        # our own words are in every vocabulary, whether or not a seed repeats them
        own = {column: {word: word for word in words} for column, words in WORDS.items()}
        self.event_names = _normalized(self.event_names)
        self.ticket_statuses = own["status"] | _normalized(self.ticket_statuses)
        self.report_types = own["event_type"] | _normalized(self.report_types)
        self.report_channels = own["channel"] | _normalized(self.report_channels)
        self._vocabularies = own | {
            "status": self.ticket_statuses,
            "event_type": self.report_types,
            "channel": self.report_channels,
        }

    def vocabulary(self, column: str) -> dict[str, str]:
        """What the words of a column mean: its own words, and those that a seed translates."""
        return self._vocabularies[column]

    @classmethod
    def load(
        cls,
        project: Path,
        *,
        global_holdout_percent: Decimal = Decimal(0),
        default_timezone: str = "UTC",
    ) -> Settings:
        """Read the seeds below `project` (its `seeds/` folder).

        Raises FileNotFoundError when campaigns.csv or message_requirements.csv is missing and KeyError for a
        missing column.
        """
        return load_settings(project / "seeds", global_holdout_percent, default_timezone)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8-sig", newline="") as handle:
        return list(csv.DictReader(handle))


def _list(cell: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in (cell or "").split(";") if part.strip())


def _text(cell: str | None) -> str | None:
    return cell.strip() or None if cell is not None else None


def _number(cell: str | None) -> Decimal | None:
    return Decimal(cell.strip()) if cell and cell.strip() else None


def _date(cell: str | None) -> date | None:
    return date.fromisoformat(cell.strip()[:10]) if cell and cell.strip() else None


def _int(cell: str | None, default: int) -> int:
    number = _number(cell)
    return default if number is None else int(number)


def _normalized(words: Mapping[str, str]) -> dict[str, str]:
    return {normalized_word(source): normalized_word(word) for source, word in words.items()}


def _pairs(path: Path, source: str, target: str) -> dict[str, str]:
    return {row[source]: row[target] for row in _rows(path)}


def load_settings(seeds: Path, global_holdout_percent: Decimal, default_timezone: str) -> Settings:
    """Read the seed files of the folder `seeds` into `Settings`."""
    for name in ("campaigns.csv", "message_requirements.csv"):
        if not (seeds / "compiled" / name).is_file():
            raise FileNotFoundError(f"{seeds / 'compiled' / name} is missing: run `sendworthy compile`")

    variants: dict[str, list[Variant]] = {}
    for row in _rows(seeds / "compiled" / "message_requirements.csv"):
        variants.setdefault(row["campaign_id"], []).append(
            Variant(
                row["variant"],
                int(row["variant_rank"]),
                _list(row["printed_fields"]),
                _list(row["required_fields"]),
                _text(row["arm"]),
            )
        )

    campaigns = []
    for row in _rows(seeds / "compiled" / "campaigns.csv"):
        campaign = Campaign(
            campaign_id=row["campaign_id"],
            kind=row["kind"],
            channel=row["channel"],
            impact=_int(row["impact"], 0),
            confidence=_int(row["confidence"], 0),
            ease=_int(row["ease"], 0),
            topic=_text(row["topic"]),
            content_group=_text(row["content_group"]),
            audience_segment=_text(row["audience_segment"]),
            also_segments=_list(row.get("also_segments")),
            excluded_segments=_list(row["excluded_segments"]),
            trigger_event=_text(row["trigger_event"]),
            min_age_hours=_number(row["min_age_hours"]),
            max_age_hours=_number(row["max_age_hours"]),
            cancel_on=_list(row["cancel_on"]),
            cooldown_days=_number(row["cooldown_days"]),
            holdout_percent=_number(row["holdout_percent"]) or Decimal(0),
            pilot_percent=Decimal(100) if not _text(row["pilot_percent"]) else Decimal(row["pilot_percent"]),
            arms=tuple((arm, int(share)) for arm, share in (item.split(":") for item in _list(row["arms"]))),
            send_hour_local=int(row["send_hour_local"]) if _text(row["send_hour_local"]) else None,
            valid_from=_date(row["valid_from"]),
            valid_to=_date(row["valid_to"]),
            is_transactional=row["is_transactional"].strip().lower() == "true",
            variants=tuple(variants.get(row["campaign_id"], [])),
        )
        if campaign.priority != int(row["priority"]):
            raise ValueError(f"{campaign.campaign_id}: priority is not impact * confidence * ease")
        campaigns.append(campaign)

    return Settings(
        campaigns=campaigns,
        caps=[
            Cap(
                row["channel"].strip(),
                Decimal(row["window_days"]),
                int(row["max_messages"]),
            )
            for row in _rows(seeds / "frequency_caps.csv")
        ],
        placeholders={row["placeholder_value"] for row in _rows(seeds / "placeholder_values.csv")},
        places=[
            Place(
                row["place_id"],
                row["name"] or None,
                float(row["latitude"]),
                float(row["longitude"]),
                float(row["radius_m"]) if row["radius_m"].strip() else 50.0,
            )
            for row in _rows(seeds / "places.csv")
        ],
        suppressions=[
            Suppression(
                row["channel"].strip(),
                row["user_id"] or None,
                row["address"] or None,
                row["reason"],
                datetime.fromisoformat(row["added_at"][:19]) if row["added_at"].strip() else None,
            )
            for row in _rows(seeds / "global_suppressions.csv")
        ],
        merge_fields=[row["merge_field"] for row in _rows(seeds / "merge_fields.csv")],
        timezones={row["timezone_name"] for row in _rows(seeds / "timezones.csv")},
        global_holdout_percent=global_holdout_percent,
        default_timezone=default_timezone,
        event_names=_pairs(seeds / "event_names.csv", "source_name", "event_name"),
        ticket_statuses=_pairs(seeds / "ticket_statuses.csv", "source_status", "status"),
        report_types=_pairs(seeds / "report_types.csv", "source_type", "event_type"),
        report_channels=_pairs(seeds / "report_channels.csv", "source_channel", "channel"),
        topics={row["topic"].strip().lower() for row in _rows(seeds / "topics.csv")},
        source_formats={
            (row["table_name"].strip(), row["column_name"].strip()): row["format"]
            for row in _rows(seeds / "source_formats.csv")
        },
        max_quarantined_percent={
            row["table_name"]: Decimal(row["max_quarantined_percent"])
            for row in _rows(seeds / "source_limits.csv")
            if _text(row.get("max_quarantined_percent"))
        },
    )


def _write(path: Path, columns: list[str], rows: list[Mapping[str, object]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({key: "" if row[key] is None else row[key] for key in columns})


# campaigns that the worlds' assignments name, with shares and without
OUTSIDE_CAMPAIGNS: list[Mapping[str, object]] = [
    {
        "campaign_id": campaign_id,
        "name": f"Name of {campaign_id}",
        "control_arm": "control",
        "arms": arms,
        "success_event": success_event,
        "success_window_days": days,
    }
    for campaign_id, arms, success_event, days in (
        ("spring_sale", "control:1;Plain:2;2:0.5", "page_viewed", 7),
        ("4711", "control;2", "message_sent:4711", 30),
    )
]


def write_settings(settings: Settings, seeds: Path) -> None:
    """Write `settings` as the seed files of the folder `seeds`, so that the SQL can run on them.

    merge_fields.csv and timezones.csv are written only where the settings hold any; source_limits.csv never is.
    """
    campaigns: list[Mapping[str, object]] = []
    requirements: list[Mapping[str, object]] = []
    for c in settings.campaigns:
        campaigns.append(
            {
                "campaign_id": c.campaign_id,
                "name": f"Name of {c.campaign_id}",
                "kind": c.kind,
                "channel": c.channel,
                "topic": c.topic,
                "content_group": c.content_group,
                "audience_segment": c.audience_segment,
                "also_segments": ";".join(c.also_segments),
                "excluded_segments": ";".join(c.excluded_segments),
                "trigger_event": c.trigger_event,
                "min_age_hours": c.min_age_hours,
                "max_age_hours": c.max_age_hours,
                "cancel_on": ";".join(c.cancel_on),
                "cooldown_days": c.cooldown_days,
                "impact": c.impact,
                "confidence": c.confidence,
                "ease": c.ease,
                "priority": c.priority,
                "holdout_percent": c.holdout_percent,
                "pilot_percent": c.pilot_percent,
                "arms": ";".join(f"{arm}:{share}" for arm, share in c.arms),
                "send_hour_local": c.send_hour_local,
                "valid_from": c.valid_from,
                "valid_to": c.valid_to,
                "is_transactional": "true" if c.is_transactional else "false",
                "owner": "crm-team",
                "escalation_contact": "crm@example.com",
                "goal": "a goal",
                "success_event": "order_completed",
                "success_window_days": 7,
                "evaluation": "holdout",
                "evaluation_reason": None,
                "drawbacks": "none known",
                "content_hash": "0" * 32,
            }
        )
        requirements += [
            {
                "campaign_id": c.campaign_id,
                "variant": v.name,
                "arm": v.arm,
                "variant_rank": v.rank,
                "printed_fields": ";".join(v.printed),
                "required_fields": ";".join(v.required),
                "compared_fields": "",
                "measured_fields": "",
                "content_hash": "0" * 32,
            }
            for v in c.variants
        ]
    _write(seeds / "compiled" / "campaigns.csv", CAMPAIGN_COLUMNS, campaigns)
    _write(
        seeds / "compiled" / "message_requirements.csv",
        REQUIREMENT_COLUMNS,
        requirements,
    )
    _write(
        seeds / "frequency_caps.csv",
        ["channel", "window_days", "max_messages"],
        [
            {
                "channel": c.channel,
                "window_days": c.window_days,
                "max_messages": c.max_messages,
            }
            for c in settings.caps
        ],
    )
    _write(
        seeds / "placeholder_values.csv",
        ["placeholder_value"],
        [{"placeholder_value": value} for value in sorted(settings.placeholders)],
    )
    _write(
        seeds / "places.csv",
        ["place_id", "name", "latitude", "longitude", "radius_m"],
        [
            {
                "place_id": p.place_id,
                "name": p.name,
                "latitude": p.latitude,
                "longitude": p.longitude,
                "radius_m": p.radius_m,
            }
            for p in settings.places
        ],
    )
    _write(
        seeds / "global_suppressions.csv",
        ["channel", "user_id", "address", "reason", "added_at"],
        [
            {
                "channel": s.channel,
                "user_id": s.user_id,
                "address": s.address,
                "reason": s.reason,
                "added_at": s.added_at,
            }
            for s in settings.suppressions
        ],
    )
    for name, columns, words in (
        ("event_names", ["source_name", "event_name"], settings.event_names),
        ("ticket_statuses", ["source_status", "status"], settings.ticket_statuses),
        ("report_types", ["source_type", "event_type"], settings.report_types),
        ("report_channels", ["source_channel", "channel"], settings.report_channels),
    ):
        rows: list[Mapping[str, object]] = [dict(zip(columns, pair, strict=True)) for pair in words.items()]
        _write(seeds / f"{name}.csv", columns, rows)
    _write(
        seeds / "topics.csv",
        ["topic", "description"],
        [{"topic": topic, "description": topic} for topic in sorted(settings.topics)],
    )
    _write(
        seeds / "source_formats.csv",
        ["table_name", "column_name", "format"],
        [
            {"table_name": table, "column_name": column, "format": spelling}
            for (table, column), spelling in settings.source_formats.items()
        ],
    )
    _write(seeds / "outside_campaigns.csv", list(OUTSIDE_CAMPAIGNS[0]), OUTSIDE_CAMPAIGNS)
    if settings.merge_fields:
        _write(
            seeds / "merge_fields.csv",
            ["merge_field", "description", "is_personal"],
            [{"merge_field": f, "description": f, "is_personal": "true"} for f in settings.merge_fields],
        )
    if settings.timezones:
        _write(
            seeds / "timezones.csv",
            ["timezone_name"],
            [{"timezone_name": name} for name in sorted(settings.timezones)],
        )
