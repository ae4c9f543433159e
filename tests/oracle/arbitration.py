"""Design §6, Arbitration: the naive greedy loop over those who passed every gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .features import Sent, count_sent
from .settings import Cap
from .words import trim


@dataclass(frozen=True)
class Candidate:
    """A message that passed every gate. `content_group` None or empty: a group of its own."""

    user_id: str
    campaign_id: str
    channel: str
    priority: int
    address: str
    content_group: str | None = None
    last_active_at: datetime | None = None
    is_transactional: bool = False


@dataclass(frozen=True)
class Loser:
    """A candidate that stays without, why, and which campaigns took the place (in priority order)."""

    candidate: Candidate
    reason: str
    lost_to: tuple[str, ...] = ()


def in_priority_order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Priority descending, then campaign_id (then user_id, so that the order is complete)."""
    return sorted(candidates, key=lambda c: (-c.priority, c.campaign_id, c.user_id))


def _ids(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    return tuple(c.campaign_id for c in in_priority_order(candidates))


def arbitrate(
    passed: Iterable[Candidate],
    caps: Iterable[Cap],
    sent: Iterable[Sent],
    as_of: datetime,
    weekly_limits: Mapping[str, int | None] | None = None,
) -> tuple[list[Candidate], list[Loser]]:
    """Who is sent what, and who loses to whom.

    `sent` holds what counts as sent before this night (message events before as_of, unconfirmed dispatches);
    `weekly_limits` is max_messages_per_week by user_id (absent or None: no limit). Transactional candidates are
    always kept; they take up places of the others.
    """
    limits = weekly_limits or {}
    all_caps = list(caps)
    sent_to: dict[str, list[Sent]] = defaultdict(list)
    for message in sent:
        sent_to[message.user_id].append(message)

    candidates = in_priority_order(passed)
    transactional = [c for c in candidates if c.is_transactional]
    staying = [c for c in candidates if not c.is_transactional]
    losers: list[Loser] = []
    tonight_to: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in transactional:
        tonight_to[candidate.user_id].append(candidate)

    # 0. one box, one message of a campaign: the most recently active user of the address, ties by user_id
    best: dict[tuple[str, str], Candidate] = {}
    for candidate in staying:
        box = (candidate.campaign_id, trim(candidate.address).lower())
        if box not in best or _more_recent(candidate, best[box]):
            best[box] = candidate
    kept = set(best.values())
    losers += [Loser(c, "duplicate_address") for c in staying if c not in kept]
    staying = [c for c in staying if c in kept]

    # 1. never one copy in several boxes
    holders: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
    for candidate in transactional:
        if candidate.content_group:
            holders[candidate.user_id, candidate.content_group].append(candidate)
    remaining = []
    for candidate in staying:
        group = (candidate.user_id, candidate.content_group or "")
        if candidate.content_group and holders[group]:
            losers.append(Loser(candidate, "same_content", _ids(holders[group])))
        else:
            remaining.append(candidate)
            if candidate.content_group:
                holders[group].append(candidate)
    staying = remaining

    # 2. the caps of the channel; 3. the caps of all channels together and the user's own limit
    for reason in ("channel_cap", "total_cap"):
        groups: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        for candidate in staying:
            groups[
                candidate.user_id,
                candidate.channel if reason == "channel_cap" else "all",
            ].append(candidate)
        staying = []
        for (user_id, channel), contenders in groups.items():
            before = [m for m in sent_to[user_id] if channel in ("all", m.channel)]
            tonight = [c for c in tonight_to[user_id] if channel in ("all", c.channel)]
            places = [
                cap.max_messages - count_sent(before, as_of, float(cap.window_days))
                for cap in all_caps
                if cap.channel == channel
            ]
            weekly = limits.get(user_id)
            if channel == "all" and weekly is not None:
                places.append(weekly - count_sent(before, as_of, 7))
            if not places:
                staying += contenders
                continue
            free = min(places)
            k = max(0, free - len(tonight))
            winners = contenders[:k]
            # Where what was sent before left no place at all, nobody of this night took it.
            takers = _ids([*winners, *tonight]) if free > 0 else ()
            losers += [Loser(c, reason, takers) for c in contenders[k:]]
            staying += winners
        staying = in_priority_order(staying)

    return in_priority_order([*staying, *transactional]), losers


def _more_recent(one: Candidate, other: Candidate) -> bool:
    """Whether `one` was active more recently than `other`; never active is the least; ties: smaller user_id."""
    mine, theirs = (
        one.last_active_at or datetime.min,
        other.last_active_at or datetime.min,
    )
    return mine > theirs or (mine == theirs and one.user_id < other.user_id)
