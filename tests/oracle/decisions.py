"""Design §6 and §7: candidates, gates, variants, send times; the night as a whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from .arbitration import Candidate, arbitrate
from .features import (
    OPT_IN_COLUMN,
    Facts,
    Sent,
    count_sent,
    days,
    gather,
    merge_value_faults,
    within,
)
from .landing import Landing
from .settings import Campaign, Settings, Suppression, Variant
from .words import in_percent, trim

WELCOME_KINDS = ("welcome", "onboarding")
Dispatch = Mapping[str, Any]  # as_of, dispatch_id, user_id, campaign_id, channel, send_at


@dataclass
class Night:
    """All that one night decides; every list is sorted by its ids.

    `suppression[(campaign_id, gate, reason)]` counts every reason that was recorded,
    `primary[(campaign_id, reason)]` the first one of each suppressed or control row.
    """

    as_of: datetime
    customers: list[dict[str, Any]] = field(default_factory=list)
    merge_field_values: list[dict[str, Any]] = field(default_factory=list)
    merge_field_faults: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    decisions: list[dict[str, Any]] = field(default_factory=list)
    send_list: list[dict[str, Any]] = field(default_factory=list)
    suppression: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    primary: Counter[tuple[str, str]] = field(default_factory=Counter)


# ---------------------------------------------------------------------------------------------------------
# Candidates


def is_campaign_open(campaign: Campaign, day: date) -> bool:
    """Whether [valid_from, valid_to], both inclusive, empty = open, holds the day."""
    if campaign.valid_from is not None and day < campaign.valid_from:
        return False
    return campaign.valid_to is None or day <= campaign.valid_to


def trigger_time(campaign: Campaign, person: Facts) -> datetime | None:
    """When the newest trigger event happened, however long ago."""
    return person.newest(campaign.trigger_event) if campaign.trigger_event else None


def is_candidate(campaign: Campaign, person: Facts, as_of: datetime) -> bool:
    """In the audience, and with a trigger event within 90 days where the campaign has one."""
    if not is_campaign_open(campaign, as_of.date()):
        return False
    if campaign.audience_segment and campaign.audience_segment not in person.segments:
        return False
    if not set(campaign.also_segments) <= person.segments:
        return False
    return not campaign.trigger_event or within(trigger_time(campaign, person), 90, as_of)


# ---------------------------------------------------------------------------------------------------------
# Gates: each gives its reasons, in order; an empty list is a pass


def address_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`unreachable`."""
    return [] if person.addresses[campaign.channel] else ["unreachable"]


def deliverability_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`hard_bounced`, `complained`: ever, on that channel."""
    types = {row["event_type"] for row in person.messages if row["channel"] == campaign.channel}
    reasons = ["hard_bounced"] if "bounced_hard" in types else []
    return reasons + (["complained"] if "complained" in types else [])


def consent_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`channel_opt_out` or `consent_unknown`; `topic_opt_out`. Not for transactional campaigns."""
    if campaign.is_transactional:
        return []
    reasons = []
    opted_in = person.profile[OPT_IN_COLUMN[campaign.channel]]
    unsubscribed = any(
        row["event_type"] == "unsubscribed"
        and row["channel"] == campaign.channel
        and row["occurred_at"] > person.profile["updated_at"]
        for row in person.messages
    )
    if opted_in is False or unsubscribed:
        reasons.append("channel_opt_out")
    elif opted_in is None:
        reasons.append("consent_unknown")
    if campaign.topic:
        topics = [trim(part).lower() for part in (person.profile["topics_opted_out"] or "").split(";")]
        if trim(campaign.topic).lower() in topics:
            reasons.append("topic_opt_out")
    return reasons


def suppression_gate(campaign: Campaign, person: Facts, suppressions: Iterable[Suppression]) -> list[str]:
    """`globally_suppressed`: by user_id, or by any address of the user, on this channel or on all."""
    boxes = {
        trim(person.profile[column]).lower()
        for column in ("email", "phone", "push_token")
        if person.profile[column] is not None
    }
    for row in suppressions:
        if row.channel not in (campaign.channel, "all"):
            continue
        if row.user_id is not None and row.user_id == person.user_id:
            return ["globally_suppressed"]
        if row.address is not None and trim(row.address) and trim(row.address).lower() in boxes:
            return ["globally_suppressed"]
    return []


def exclusion_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`excluded:<segment>` for each, in the setting's order."""
    return [f"excluded:{segment}" for segment in campaign.excluded_segments if segment in person.segments]


def exception_gate(campaign: Campaign, person: Facts, as_of: datetime) -> list[str]:
    """`exception:<event>` for each that happened since the trigger, or within the cooldown without one."""
    reasons = []
    for name in campaign.cancel_on:
        newest = person.newest(name)
        if newest is None:
            continue
        if campaign.trigger_event:
            trigger_at = trigger_time(campaign, person)
            if trigger_at is not None and newest >= trigger_at:
                reasons.append(f"exception:{name}")
        elif campaign.cooldown_days is not None and within(newest, float(campaign.cooldown_days), as_of):
            reasons.append(f"exception:{name}")
    return reasons


def age_base(campaign: Campaign, person: Facts) -> datetime | None:
    """From when the age of the occasion counts: the trigger, or the sign-up for welcome and onboarding."""
    if campaign.trigger_event:
        return trigger_time(campaign, person)
    if campaign.kind in WELCOME_KINDS:
        signed_up_at: datetime | None = person.features["signed_up_at"]
        return signed_up_at
    return None


def timing_gate(campaign: Campaign, person: Facts, as_of: datetime) -> list[str]:
    """`too_soon`, `too_late`, `signup_unknown`."""
    base = age_base(campaign, person)
    if base is None:
        needs_signup = not campaign.trigger_event and campaign.kind in WELCOME_KINDS
        return ["signup_unknown"] if needs_signup else []
    reasons = []
    if campaign.min_age_hours is not None and base > as_of - timedelta(hours=float(campaign.min_age_hours)):
        reasons.append("too_soon")
    if campaign.max_age_hours is not None and base < as_of - timedelta(hours=float(campaign.max_age_hours)):
        reasons.append("too_late")
    return reasons


def cooldown_gate(campaign: Campaign, person: Facts, as_of: datetime) -> list[str]:
    """`cooldown`: this campaign was sent to the user within cooldown_days, is under way, or was taken back on this date."""
    if campaign.campaign_id in person.taken_back:
        return ["cooldown"]
    if campaign.cooldown_days is None:
        return []
    same = [message for message in person.sent if message.campaign_id == campaign.campaign_id]
    return ["cooldown"] if count_sent(same, as_of, float(campaign.cooldown_days)) else []


def fitting_variant(campaign: Campaign, values: Mapping[str, str | None]) -> Variant | None:
    """The first variant in rank order of whose required fields none is blank."""
    for variant in sorted(campaign.variants, key=lambda v: (v.rank, v.name)):
        if all(values.get(name) is not None for name in variant.required):
            return variant
    return None


def personalization_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`incomplete_personalization`: no variant of the message can be filled."""
    return [] if fitting_variant(campaign, person.merge_values) else ["incomplete_personalization"]


def experiment_gate(campaign: Campaign, person: Facts, settings: Settings) -> list[str]:
    """`outside_pilot`, `holdout`; holdouts do not apply to transactional campaigns."""
    reasons = []
    if not in_percent(f"pilot:{campaign.campaign_id}", person.user_id, campaign.pilot_percent):
        reasons.append("outside_pilot")
    if not campaign.is_transactional and (
        in_percent(f"holdout:{campaign.campaign_id}", person.user_id, campaign.holdout_percent)
        or in_percent("holdout:global", person.user_id, settings.global_holdout_percent)
    ):
        reasons.append("holdout")
    return reasons


def gates(campaign: Campaign, person: Facts, settings: Settings, as_of: datetime) -> list[tuple[str, str]]:
    """Every (gate, reason) that fails, in the order of the gates; empty: the user passed."""
    results = [
        ("address", address_gate(campaign, person)),
        ("deliverability", deliverability_gate(campaign, person)),
        ("consent", consent_gate(campaign, person)),
        ("suppression", suppression_gate(campaign, person, settings.suppressions)),
        ("exclusion", exclusion_gate(campaign, person)),
        ("exception", exception_gate(campaign, person, as_of)),
        ("timing", timing_gate(campaign, person, as_of)),
        ("cooldown", cooldown_gate(campaign, person, as_of)),
        ("personalization", personalization_gate(campaign, person)),
        ("experiment", experiment_gate(campaign, person, settings)),
    ]
    return [(gate, reason) for gate, reasons in results for reason in reasons]


# ---------------------------------------------------------------------------------------------------------
# When


@cache
def _zone(name: str) -> ZoneInfo | None:
    if name not in available_timezones():
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def zone_of(name: str | None, settings: Settings) -> ZoneInfo:
    """The zone of that name; an unknown one is the default."""
    zone = None
    if name is not None and (not settings.timezones or name in settings.timezones):
        zone = _zone(name)
    return zone or ZoneInfo(settings.default_timezone)


@cache
def send_time(as_of: datetime, hour: int, zone: ZoneInfo) -> datetime:
    """The first `hour` o'clock in `zone` at or after as_of, as naive UTC.

    A time that the clocks skip in spring is moved on by the gap; of one that happens twice in autumn both are looked at.
    """
    local_day = as_of.replace(tzinfo=timezone.utc).astimezone(zone).date()
    found = []
    for offset in (-1, 0, 1, 2):
        day = local_day + timedelta(days=offset)
        for fold in (0, 1):
            local = datetime(day.year, day.month, day.day, hour, tzinfo=zone, fold=fold)
            moment = local.astimezone(timezone.utc)
            exists = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if exists or fold == 0:
                found.append(moment.replace(tzinfo=None))
    return min(moment for moment in found if moment >= as_of)


def valid_until(campaign: Campaign, person: Facts, send_at: datetime) -> datetime:
    """The earlier of trigger_at (or sign-up, where the age counts from it) + max age and send_at + 24 h."""
    ends = [send_at + timedelta(hours=24)]
    base = age_base(campaign, person)
    if base is not None and campaign.max_age_hours is not None:
        ends.append(base + timedelta(hours=float(campaign.max_age_hours)))
    return min(ends)


def dispatch_id(campaign_id: str, user_id: str, as_of: datetime) -> str:
    """One id per campaign, user and date of as_of."""
    return hashlib.md5(f"{campaign_id}:{user_id}:{as_of.date().isoformat()}".encode()).hexdigest()


# ---------------------------------------------------------------------------------------------------------
# The night


def decide(
    landing: Landing,
    settings: Settings,
    as_of: datetime,
    ledger: Sequence[Dispatch] = (),
) -> Night:
    """Decide one night (`as_of` naive UTC) from the landing zone, the settings and the dispatch ledger."""
    people = gather(landing, settings, as_of, ledger)
    night = Night(as_of)
    for user_id in sorted(people):
        person = people[user_id]
        night.customers.append({**person.features, "segments": sorted(person.segments)})
        night.merge_field_values.append({"user_id": user_id, **person.merge_values})
        for name, value in person.raw_merge_values.items():
            night.merge_field_faults[user_id, name] = merge_value_faults(value, settings.placeholders)

    failed: dict[tuple[str, str], list[tuple[str, str]]] = {}
    passed: list[Candidate] = []
    campaigns = {campaign.campaign_id: campaign for campaign in settings.campaigns}
    for campaign_id in sorted(campaigns):
        campaign = campaigns[campaign_id]
        for user_id in sorted(people):
            person = people[user_id]
            if not is_candidate(campaign, person, as_of):
                continue
            failed[campaign_id, user_id] = gates(campaign, person, settings, as_of)
            if not failed[campaign_id, user_id]:
                passed.append(
                    Candidate(
                        user_id=user_id,
                        campaign_id=campaign_id,
                        channel=campaign.channel,
                        priority=campaign.priority,
                        address=person.addresses[campaign.channel] or "",
                        content_group=campaign.content_group,
                        last_active_at=person.features["last_active_at"],
                        is_transactional=campaign.is_transactional,
                    )
                )

    sent: list[Sent] = [message for person in people.values() for message in person.sent]
    weekly = {user_id: person.profile["max_messages_per_week"] for user_id, person in people.items()}
    _, losers = arbitrate(passed, settings.caps, sent, as_of, weekly)
    lost = {(loser.candidate.campaign_id, loser.candidate.user_id): loser for loser in losers}

    for (campaign_id, user_id), failures in failed.items():
        campaign, person = campaigns[campaign_id], people[user_id]
        loser = lost.get((campaign_id, user_id))
        if loser is not None:
            failures = [("arbitration", loser.reason)]
        reasons = [reason for _, reason in failures]
        decision = "send" if not reasons else "control" if reasons == ["holdout"] else "suppress"
        variant = fitting_variant(campaign, person.merge_values)
        send_at = send_time(
            as_of,
            campaign.send_hour_local,
            zone_of(person.profile["timezone"], settings),
        )
        night.decisions.append(
            {
                "as_of": as_of,
                "user_id": user_id,
                "campaign_id": campaign_id,
                "channel": campaign.channel,
                "decision": decision,
                "primary_reason": reasons[0] if reasons else None,
                "reasons": reasons,
                "variant": variant.name if variant else None,
                "trigger_at": trigger_time(campaign, person),
                "priority": campaign.priority,
                "lost_to": list(loser.lost_to) if loser else [],
                "send_at": send_at,
            }
        )
        for gate, reason in failures:
            night.suppression[campaign_id, gate, reason] += 1
        if reasons:
            night.primary[campaign_id, reasons[0]] += 1
        if decision == "send" and variant is not None:
            night.send_list.append(
                {
                    "dispatch_id": dispatch_id(campaign_id, user_id, as_of),
                    "user_id": user_id,
                    "campaign_id": campaign_id,
                    "channel": campaign.channel,
                    "address": person.addresses[campaign.channel],
                    "variant": variant.name,
                    "send_at": send_at,
                    "valid_until": valid_until(campaign, person, send_at),
                    "cancel_on": list(campaign.cancel_on),
                    "merge_values": {name: person.merge_values.get(name) for name in variant.printed},
                }
            )
    return night


__all__ = ["Dispatch", "Night", "arbitrate", "days", "decide", "gates"]
