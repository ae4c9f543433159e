"""Contract §6 and §7: candidates, gates, variants, send times; the night as a whole."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from .arbitration import Candidate, arbitrate
from .features import Facts, days, gather, merge_value_faults, within
from .landing import Landing
from .profiles import ADDRESS_COLUMN, OPT_IN_COLUMN
from .reading import EVERY_TOPIC, read_id
from .reports import Dispatch, count_in_days
from .settings import Campaign, Settings, Suppression, Variant
from .words import address_hash, bucket, in_percent, trim
from .zones import find_zone, iana_zone, send_time

WELCOME_KINDS = ("welcome", "onboarding")


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
    dispatches: list[dict[str, Any]] = field(default_factory=list)  # what the ledger keeps of the send list
    suppression: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    primary: Counter[tuple[str, str]] = field(default_factory=Counter)


# ---------------------------------------------------------------------------------------------------------
# Candidates


def is_campaign_open(campaign: Campaign, day: date) -> bool:
    """Whether [valid_from, valid_to], both inclusive, empty = open, holds the day."""
    if campaign.valid_from is not None and day < campaign.valid_from:
        return False
    return campaign.valid_to is None or day <= campaign.valid_to


def trigger_times(campaign: Campaign, person: Facts, as_of: datetime) -> list[datetime]:
    """When trigger events within 90 days happened, oldest first."""
    if not campaign.trigger_event:
        return []
    return [moment for moment in person.times.get(campaign.trigger_event, []) if within(moment, 90, as_of)]


def trigger_time(campaign: Campaign, person: Facts, as_of: datetime) -> datetime | None:
    """`trigger_at`: the newest trigger event that is old enough, or the newest at all where none is."""
    times = trigger_times(campaign, person, as_of)
    latest = as_of - timedelta(hours=float(campaign.min_age_hours or 0))
    return max([moment for moment in times if moment <= latest] or times, default=None)


def is_candidate(campaign: Campaign, person: Facts, as_of: datetime) -> bool:
    """In the audience, and with a trigger event within 90 days where the campaign has one."""
    if not is_campaign_open(campaign, as_of.date()):
        return False
    if campaign.audience_segment and campaign.audience_segment not in person.segments:
        return False
    if not person.segments.issuperset(campaign.also_segments):
        return False
    return not campaign.trigger_event or bool(trigger_times(campaign, person, as_of))


def journey_start(campaign: Campaign, person: Facts, as_of: datetime) -> datetime:
    """When the journey of a message to the user began; for a first step, this message begins it.

    A later step is triggered by a message event: it goes back to the dispatch of the campaign before.
    """
    trigger_at = trigger_time(campaign, person, as_of)
    if trigger_at is None:
        return as_of
    if not is_later_step(campaign):
        return trigger_at
    before = (campaign.trigger_event or "").partition(":")[2]
    mine = [row for row in person.dispatches if row["campaign_id"] == before]
    started = [row for row in mine if row["send_at"] <= trigger_at]
    started = started or [row for row in mine if row["as_of"] <= trigger_at]
    if not started:
        return trigger_at
    newest = max(started, key=lambda row: (row["send_at"], row["as_of"], row["dispatch_id"]))
    start: datetime = newest.get("journey_started_at") or newest["as_of"]
    return start


def is_later_step(campaign: Campaign) -> bool:
    """Whether the campaign's trigger is a message event, `message_<event_type>:<campaign_id>`."""
    event = campaign.trigger_event or ""
    return event.startswith("message_") and ":" in event


# ---------------------------------------------------------------------------------------------------------
# Gates: each gives its reasons, in order; an empty list is a pass


def readable_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`unreadable:<table>` (§3). Not for transactional campaigns."""
    return [] if campaign.is_transactional else [f"unreadable:{table}" for table in person.unreadable]


def address_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`unreachable`."""
    return [] if person.addresses[campaign.channel] else ["unreachable"]


def deliverability_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`hard_bounced`, `complained`: ever, on that channel; facts about the address."""
    reasons = ["hard_bounced"] if campaign.channel in person.bounced else []
    return reasons + (["complained"] if campaign.channel in person.complained else [])


def consent_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`channel_opt_out` or `consent_unknown`; `topic_opt_out`. Not for transactional campaigns."""
    if campaign.is_transactional:
        return []
    reasons = []
    if campaign.channel in person.opted_out:
        reasons.append("channel_opt_out")
    elif person.profile[OPT_IN_COLUMN[campaign.channel]] is None:
        reasons.append("consent_unknown")
    unwanted = person.topics_opted_out[campaign.channel]
    if campaign.topic and unwanted & {trim(campaign.topic).lower(), EVERY_TOPIC}:
        reasons.append("topic_opt_out")
    return reasons


def suppression_gate(campaign: Campaign, person: Facts, suppressions: Iterable[Suppression]) -> list[str]:
    """`globally_suppressed`: by user_id, or by any address of the user, on this channel or on all."""
    boxes = {address_hash(person.profile[column]) for column in ADDRESS_COLUMN.values()} - {None}
    for row in suppressions:
        if row.channel not in (campaign.channel, "all"):
            continue
        if row.user_id is not None and read_id(row.user_id) == person.user_id:
            return ["globally_suppressed"]
        if address_hash(row.address) in boxes:
            return ["globally_suppressed"]
    return []


def exclusion_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`excluded:<segment>` for each, in the setting's order."""
    return [f"excluded:{segment}" for segment in campaign.excluded_segments if segment in person.segments]


def exception_gate(campaign: Campaign, person: Facts, as_of: datetime) -> list[str]:
    """`exception:<event>` for each since the trigger, or the journey's start; without a trigger, within the cooldown."""
    if campaign.trigger_event:
        start = journey_start(campaign, person, as_of)
    elif campaign.cooldown_days is not None:
        start = as_of - days(campaign.cooldown_days)
    else:
        return []
    return [
        f"exception:{name}"
        for name in campaign.cancel_on
        if name in person.last_moments and person.last_moments[name] >= start
    ]


def age_base(campaign: Campaign, person: Facts, as_of: datetime) -> datetime | None:
    """From when the age of the occasion counts: the trigger, or the sign-up for welcome and onboarding."""
    if campaign.trigger_event:
        return trigger_time(campaign, person, as_of)
    if campaign.kind in WELCOME_KINDS:
        signed_up_at: datetime | None = person.features["signed_up_at"]
        return signed_up_at
    return None


def timing_gate(campaign: Campaign, person: Facts, as_of: datetime, send_at: datetime) -> list[str]:
    """`too_soon` (at as_of), `too_late` (when the message is due), `signup_unknown`."""
    base = age_base(campaign, person, as_of)
    if base is None:
        needs_signup = not campaign.trigger_event and campaign.kind in WELCOME_KINDS
        return ["signup_unknown"] if needs_signup else []
    reasons = []
    if campaign.min_age_hours is not None and base > as_of - timedelta(hours=float(campaign.min_age_hours)):
        reasons.append("too_soon")
    if campaign.max_age_hours is not None and base < send_at - timedelta(hours=float(campaign.max_age_hours)):
        reasons.append("too_late")
    return reasons


def cooldown_gate(campaign: Campaign, person: Facts, send_at: datetime) -> list[str]:
    """`cooldown`: this campaign was sent to the user within cooldown_days, is under way, or was taken back on this date."""
    if campaign.campaign_id in person.taken_back:
        return ["cooldown"]
    if campaign.cooldown_days is None:
        return []
    same = [message for message in person.sent if message.campaign_id == campaign.campaign_id]
    return ["cooldown"] if count_in_days(same, send_at, float(campaign.cooldown_days)) else []


def arm_of(campaign: Campaign, user_id: str) -> str | None:
    """Whose text the user gets: the arms' buckets follow one another, in the order of the setting."""
    left = bucket(f"arm:{campaign.campaign_id}", user_id)
    for arm, share in campaign.arms:
        if left < share * 100:
            return arm
        left -= share * 100
    return None


def fitting_variant(campaign: Campaign, person: Facts) -> Variant | None:
    """The first variant of the user's arm, in rank order, of whose required fields none is blank."""
    arm, values = arm_of(campaign, person.user_id), person.merge_values
    if campaign.arms and arm is None:
        return None
    for variant in sorted(campaign.variants, key=lambda v: (v.rank, v.name)):
        if variant.arm == arm and all(values.get(name) is not None for name in variant.required):
            return variant
    return None


def personalization_gate(campaign: Campaign, person: Facts) -> list[str]:
    """`incomplete_personalization`: no variant of the message can be filled."""
    return [] if fitting_variant(campaign, person) else ["incomplete_personalization"]


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


REASONS = {
    "readable": ("unreadable",),
    "address": ("unreachable",),
    "deliverability": ("hard_bounced", "complained"),
    "consent": ("channel_opt_out", "consent_unknown", "topic_opt_out"),
    "suppression": ("globally_suppressed",),
    "exclusion": ("excluded",),
    "exception": ("exception",),
    "timing": ("signup_unknown", "too_soon", "too_late"),
    "cooldown": ("cooldown",),
    "personalization": ("incomplete_personalization",),
    "experiment": ("outside_pilot", "holdout"),
}
"""The gates and their reasons in the order of contract §6, written here once more on purpose: the models read seeds/reasons.csv."""


def gates(campaign: Campaign, person: Facts, settings: Settings, as_of: datetime) -> list[tuple[str, str]]:
    """Every (gate, reason) that fails, in the order of the gates; empty: the user passed."""
    send_at = send_time_of(campaign, person, settings, as_of)
    results = {
        "readable": readable_gate(campaign, person),
        "address": address_gate(campaign, person),
        "deliverability": deliverability_gate(campaign, person),
        "consent": consent_gate(campaign, person),
        "suppression": suppression_gate(campaign, person, settings.suppressions),
        "exclusion": exclusion_gate(campaign, person),
        "exception": exception_gate(campaign, person, as_of),
        "timing": timing_gate(campaign, person, as_of, send_at),
        "cooldown": cooldown_gate(campaign, person, send_at),
        "personalization": personalization_gate(campaign, person),
        "experiment": experiment_gate(campaign, person, settings),
    }
    return [
        (gate, reason)
        for gate, codes in REASONS.items()
        for code in codes
        for reason in results[gate]
        if reason.partition(":")[0] == code
    ]


# ---------------------------------------------------------------------------------------------------------
# When


def send_time_of(campaign: Campaign, person: Facts, settings: Settings, as_of: datetime) -> datetime:
    """The first send hour in the user's own zone once the lists have arrived; without an hour, at once then.

    An unknown zone is the default one.
    """
    earliest = as_of + timedelta(hours=float(settings.delivery_hours))
    if campaign.send_hour_local is None:
        return earliest
    zone = find_zone(person.profile["timezone"], settings.timezones)
    return send_time(earliest, campaign.send_hour_local, zone or iana_zone(settings.default_timezone))


def valid_until(campaign: Campaign, person: Facts, as_of: datetime, send_at: datetime) -> datetime:
    """The earlier of trigger_at (or sign-up, where the age counts from it) + max age and send_at + 24 h."""
    ends = [send_at + timedelta(hours=24)]
    base = age_base(campaign, person, as_of)
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
    people, sent = gather(landing, settings, as_of, ledger)
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
                        send_at=send_time_of(campaign, person, settings, as_of),
                    )
                )

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
        variant = fitting_variant(campaign, person)
        send_at = send_time_of(campaign, person, settings, as_of)
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
                "trigger_at": trigger_time(campaign, person, as_of),
                "priority": campaign.priority,
                "lost_to": list(loser.lost_to) if loser else [],
                "send_at": send_at,
                "arm": arm_of(campaign, user_id),
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
                    "valid_until": valid_until(campaign, person, as_of, send_at),
                    "cancel_on": list(campaign.cancel_on),
                    "merge_values": {name: person.merge_values.get(name) for name in variant.printed},
                    "arm": variant.arm,
                }
            )
            message = night.send_list[-1]
            night.dispatches.append(
                {
                    "as_of": as_of,
                    "decision": decision,
                    **{
                        name: message[name]
                        for name in (
                            "dispatch_id",
                            "user_id",
                            "campaign_id",
                            "channel",
                            "variant",
                            "send_at",
                            "valid_until",
                            "arm",
                        )
                    },
                    "journey_started_at": journey_start(campaign, person, as_of),
                    "address_hash": address_hash(message["address"]),
                }
            )
    return night


__all__ = ["Dispatch", "Night", "arbitrate", "decide", "gates", "send_time"]
