"""What the rivals read of the project: the seeds, the landing contract, the words; and the clock of each time zone. Plain Python."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import yaml

# ---- the words of the project, as patterns of RE2 and of Rust

FILLERS = r"\x{115F}\x{1160}\x{3164}\x{FFA0}"
INVISIBLE = (
    r"[\p{Z}\p{Cc}\p{Cf}"
    + FILLERS
    + r"\x{034F}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{2065}\x{2800}\x{FE00}-\x{FE0F}\x{FFF0}-\x{FFF8}\x{1D159}\x{E0000}-\x{E0FFF}]"
)
AT_THE_ENDS = f"^{INVISIBLE}+|{INVISIBLE}+$"
LETTER_OR_DIGIT = rf"[^\P{{L}}{FILLERS}]|\p{{Nd}}"
TEMPLATE = r"\{\{|\}\}|\{%|\*\||%%|\[\["
UNSAFE = r"<[\p{L}/!]|[\p{Cc}\x{2028}\x{2029}]|://"
EMAIL = r"^[^@]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$"
BAD_DOTS = r"^\.|\.\.|\.@"
PHONE = r"^\+[1-9][0-9]{6,14}$"
OVERRIDES = r"[\x{202A}-\x{202E}\x{2066}-\x{2069}]"
FORMULA = r"^[=+\-@\x{FF1D}\x{FF0B}\x{FF0D}\x{FF20}]"
NUMBER = r"^[+-]?[0-9]+([.,][0-9]+)*$"

TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")

CHANNELS = {"email": "email", "sms": "phone", "push": "push_token"}

MERGE_FIELDS = (
    "cart_product_name",
    "city",
    "country",
    "favorite_category",
    "first_name",
    "language",
    "last_name",
    "last_order_product_name",
    "last_viewed_product_name",
    "loyalty_points",
    "place_name",
)

# ---- the landing zone

# when a row happened; what makes two rows one, and which of them is the first
TIMES = {
    "users": "updated_at",
    "events": "occurred_at",
    "support_tickets": "updated_at",
    "message_events": "occurred_at",
    "social_mentions": "posted_at",
    "erasure_requests": "requested_at",
}
KEYS: dict[str, tuple[list[str], list[str]]] = {
    "events": (["event_id"], ["received_at", "occurred_at"]),
    "message_events": (["message_event_id"], ["occurred_at"]),
    "social_mentions": (["mention_id"], ["posted_at", "sentiment"]),
    "erasure_requests": (["user_id", "requested_at"], []),
}

# ---- the lists

DECISIONS = (
    *("as_of", "user_id", "campaign_id", "channel", "decision", "primary_reason", "reasons", "variant"),
    *("trigger_at", "priority", "lost_to", "send_at"),
)
ISO = "%Y-%m-%dT%H:%M:%SZ"

DESTINATIONS = ("generic", "braze")


@dataclass(frozen=True)
class Column:
    """A column of the landing contract."""

    name: str
    type: str
    is_required: bool = False
    is_json: bool = False
    allowed: tuple[str, ...] = ()

    @property
    def may_be_white(self) -> bool:
        """Whether white space is a value: in a text that may be missing."""
        return self.type == "text" and not (self.is_required or self.is_json or self.allowed)

    @property
    def may_be_bad(self) -> bool:
        """Whether a value may not fit."""
        return self.type != "text" or self.is_json or bool(self.allowed)


@dataclass(frozen=True)
class Variant:
    """A template of a campaign: the fields that it prints, and those that it cannot do without."""

    name: str
    printed: tuple[str, ...]
    required: tuple[str, ...]


@dataclass(frozen=True)
class Campaign:
    """A campaign, as seeds/compiled has it."""

    id: str
    channel: str
    topic: str | None
    content_key: str
    audience: str | None
    excluded: tuple[str, ...]
    trigger: str | None
    min_age: timedelta | None
    max_age: timedelta | None
    cancel_on: tuple[str, ...]
    cooldown: timedelta | None
    priority: int
    holdout_percent: float
    pilot_percent: float
    send_hour: int
    valid_from: str
    valid_to: str
    is_transactional: bool
    is_aged_from_signup: bool
    variants: tuple[Variant, ...] = field(default=())

    def is_in_force(self, as_of: datetime) -> bool:
        """Whether the night's date is between its two, both included."""
        day = as_of.date().isoformat()
        return (not self.valid_from or self.valid_from <= day) and (not self.valid_to or self.valid_to >= day)


class Settings:
    """The settings of a project."""

    def __init__(self, project: Path) -> None:
        self.seeds = project / "seeds"
        self.contract = _contract(project / "models" / "staging" / "landing" / "_landing__sources.yml")
        self.braze_names = _braze_names(project / "models" / "exports" / "export_braze.yml")

    def rows(self, name: str) -> list[dict[str, str]]:
        """The rows of a seed."""
        with (self.seeds / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    @cached_property
    def campaigns(self) -> list[Campaign]:
        """Every campaign, by id."""
        variants: dict[str, list[tuple[int, Variant]]] = {}
        for row in self.rows("compiled/message_requirements"):
            variant = Variant(row["variant"], _split(row["printed_fields"]), _split(row["required_fields"]))
            variants.setdefault(row["campaign_id"], []).append((int(row["variant_rank"]), variant))
        found = [
            _campaign(
                row, [item for _, item in sorted(variants[row["campaign_id"]], key=lambda pair: pair[0])]
            )
            for row in self.rows("compiled/campaigns")
        ]
        return sorted(found, key=lambda campaign: campaign.id)

    @cached_property
    def caps(self) -> list[tuple[str, int, int]]:
        """The caps: channel, days, messages."""
        rows = self.rows("frequency_caps")
        return sorted({(row["channel"], int(row["window_days"]), int(row["max_messages"])) for row in rows})

    @cached_property
    def placeholders(self) -> list[str]:
        """What counts as blank."""
        return [row["placeholder_value"] for row in self.rows("placeholder_values")]

    @cached_property
    def zones(self) -> list[str]:
        """The time zones that are known."""
        return sorted({row["timezone_name"] for row in self.rows("timezones")} & available_timezones())

    @property
    def event_names(self) -> list[str]:
        """The events that a setting names."""
        names = {campaign.trigger for campaign in self.campaigns if campaign.trigger}
        return sorted(names | {name for campaign in self.campaigns for name in campaign.cancel_on})


def send_times(
    as_of: datetime, zones: Iterable[str], hours: Iterable[int]
) -> list[tuple[str, int, datetime]]:
    """For each zone and hour the first moment at or after as_of when clocks there show the hour, or jump over it (all UTC, naive)."""
    begin = as_of.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    steps = [begin + timedelta(minutes=15 * step) for step in range(4 * 51)]
    wanted = sorted(set(hours))
    found = []
    for zone in zones:
        clock = ZoneInfo(zone)
        local = [step.replace(tzinfo=timezone.utc).astimezone(clock).replace(tzinfo=None) for step in steps]
        for hour in wanted:
            for number in range(1, len(steps)):
                strikes = local[number].replace(hour=hour, minute=0, second=0, microsecond=0)
                is_it = local[number] == strikes or local[number - 1] < strikes < local[number]
                if steps[number] >= as_of and is_it:
                    found.append((zone, hour, steps[number]))
                    break
    return found


def files_of(zone: Path, table: str) -> list[Path]:
    """The files of a landing table."""
    single = [
        zone / f"{table}{ending}" for ending in (".parquet", ".csv") if (zone / f"{table}{ending}").is_file()
    ]
    folder = zone / table
    return single + sorted(path for path in folder.rglob("*") if path.suffix in (".parquet", ".csv"))


def _contract(path: Path) -> dict[str, list[Column]]:
    found = {}
    for table in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"][0]["tables"]:
        if table["name"] == "landing_files":
            continue
        columns = []
        for column in table["columns"]:
            meta: dict[str, Any] = column.get("config", {}).get("meta", {})
            columns.append(
                Column(
                    column["name"],
                    column["data_type"],
                    meta.get("required", False),
                    meta.get("json_object", False),
                    tuple(meta.get("allowed", ())),
                )
            )
        found[table["name"]] = columns
    return found


def _braze_names(path: Path) -> dict[str, str]:
    model = yaml.safe_load(path.read_text(encoding="utf-8"))["models"][0]
    names: dict[str, str] = model["config"]["meta"]["destination"].get("fields", {})
    return names


def _campaign(row: dict[str, str], variants: list[Variant]) -> Campaign:
    def hours(name: str) -> timedelta | None:
        return timedelta(hours=float(row[name])) if row[name] else None

    group = row["content_group"]
    return Campaign(
        id=row["campaign_id"],
        channel=row["channel"],
        topic=row["topic"].lower() or None,
        content_key=f"group:{group}" if group else f"campaign:{row['campaign_id']}",
        audience=row["audience_segment"] or None,
        excluded=_split(row["excluded_segments"]),
        trigger=row["trigger_event"] or None,
        min_age=hours("min_age_hours"),
        max_age=hours("max_age_hours"),
        cancel_on=_split(row["cancel_on"]),
        cooldown=timedelta(days=float(row["cooldown_days"])) if row["cooldown_days"] else None,
        priority=int(row["priority"]),
        holdout_percent=float(row["holdout_percent"]),
        pilot_percent=float(row["pilot_percent"]),
        send_hour=int(row["send_hour_local"]),
        valid_from=row["valid_from"],
        valid_to=row["valid_to"],
        is_transactional=row["is_transactional"] == "true",
        is_aged_from_signup=not row["trigger_event"] and row["kind"] in ("welcome", "onboarding"),
        variants=tuple(variants),
    )


def _split(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(";") if item.strip())
