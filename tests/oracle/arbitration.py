"""Contract §6, Arbitration: the naive greedy loop over those who passed every gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from .reading import UNKNOWN_CHANNEL
from .reports import Sent, count_in_days
from .settings import Cap
from .words import address_hash


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
    send_at: datetime | None = None  # None: at as_of


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
    # two people of one address may have the same transactional message: one campaign
    return tuple(dict.fromkeys(c.campaign_id for c in in_priority_order(candidates)))


def arbitrate(
    passed: Iterable[Candidate],
    caps: Iterable[Cap],
    sent: Iterable[Sent],
    as_of: datetime,
    weekly_limits: Mapping[str, int | None] | None = None,
) -> tuple[list[Candidate], list[Loser]]:
    """Who is sent what, and who loses to whom.

    `sent` holds what counts as sent before this night (reports before as_of, unconfirmed dispatches);
    `weekly_limits` is max_messages_per_week by user_id (absent or None: no limit). Transactional candidates are
    always kept; they take up places of the others.
    """
    limits = weekly_limits or {}
    all_caps = list(caps)
    to_user: dict[str, list[Sent]] = defaultdict(list)
    to_box: dict[tuple[str, str | None], list[Sent]] = defaultdict(list)
    for message in sent:
        to_user[message.user_id].append(message)
        to_box[message.channel, message.address].append(message)
    candidates = in_priority_order(passed)
    transactional = [c for c in candidates if c.is_transactional]
    staying = [c for c in candidates if not c.is_transactional]
    losers: list[Loser] = []

    # 0. one box, one message of a campaign: the most recently active user of the address, ties by user_id
    best: dict[tuple[str, str | None], Candidate] = {}
    for candidate in staying:
        box = (candidate.campaign_id, address_hash(candidate.address))
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

    # 2. the caps of the channel, for an address; 3. the caps of all channels and the user's own limit, for a user
    def room_in_channel(candidate: Candidate) -> int | None:
        channel, send_at = candidate.channel, candidate.send_at or as_of
        # a channel that nobody knows can be any of them
        of_user = [m for m in to_user[candidate.user_id] if m.channel in (channel, UNKNOWN_CHANNEL)]
        of_address = to_box[channel, address_hash(candidate.address)]
        rooms = []
        for cap in all_caps:
            if cap.channel == channel:
                window = float(cap.window_days)
                counts = (count_in_days(of_user, send_at, window), count_in_days(of_address, send_at, window))
                rooms.append(cap.max_messages - max(counts))
        return min(rooms, default=None)

    def room_in_all(candidate: Candidate) -> int | None:
        before, send_at = to_user[candidate.user_id], candidate.send_at or as_of
        rooms = [
            cap.max_messages - count_in_days(before, send_at, float(cap.window_days))
            for cap in all_caps
            if cap.channel == "all"
        ]
        weekly = limits.get(candidate.user_id)
        if weekly is not None:
            rooms.append(weekly - count_in_days(before, send_at, 7))
        return min(rooms, default=None)

    def box_of(candidate: Candidate) -> tuple[str, str]:
        return candidate.channel, address_hash(candidate.address) or candidate.user_id

    def user_of(candidate: Candidate) -> tuple[str, str]:
        return "all", candidate.user_id

    for reason, group_of, room_of in (
        ("channel_cap", box_of, room_in_channel),
        ("total_cap", user_of, room_in_all),
    ):
        groups: dict[tuple[str, str], list[Candidate]] = defaultdict(list)
        for candidate in in_priority_order(staying):
            groups[group_of(candidate)].append(candidate)
        staying = []
        for key, contenders in groups.items():
            rooms = [room for c in contenders if (room := room_of(c)) is not None]
            if not rooms:
                staying += contenders
                continue
            tonight = [c for c in transactional if group_of(c) == key]
            k = max(0, min(rooms) - len(tonight))
            winners = contenders[:k]
            # Where what was sent before left no place at all, nobody of this night took it.
            takers = _ids([*winners, *tonight]) if min(rooms) > 0 else ()
            losers += [Loser(c, reason, takers) for c in contenders[k:]]
            staying += winners

    return in_priority_order([*staying, *transactional]), losers


def _more_recent(one: Candidate, other: Candidate) -> bool:
    """Whether `one` was active more recently than `other`; never active is the least; ties: smaller user_id."""
    mine, theirs = (
        one.last_active_at or datetime.min,
        other.last_active_at or datetime.min,
    )
    return mine > theirs or (mine == theirs and one.user_id < other.user_id)
