"""Design §3, "nothing unreadable is permission": who is named by a row that nobody can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from .landing import Landing, Quarantined, Row
from .profiles import ADDRESS_COLUMN, Profile
from .words import trim

# In the order of the reasons.
STOPPING_TABLES = ("users", "events", "support_tickets", "message_events", "social_mentions")
# The row's own time, and the times that cannot lie before it: by them a row is old.
OWN_TIME = {
    "users": "updated_at",
    "events": "occurred_at",
    "support_tickets": "updated_at",
    "message_events": "occurred_at",
    "social_mentions": "posted_at",
}
LATEST_TIMES = {
    "users": (),  # `updated_at` is what is missing
    "events": ("occurred_at", "received_at"),
    "support_tickets": ("updated_at",),
    "message_events": ("occurred_at",),
    "social_mentions": ("posted_at",),
}
ROW_ID = {
    "users": "user_id",
    "events": "event_id",
    "support_tickets": "ticket_id",
    "message_events": "message_event_id",
    "social_mentions": "mention_id",
}
# What distinguishes rows of one id.
TYPE = {"events": "event_name", "message_events": "event_type"}


def stopping_tables(
    landing: Landing, people: Mapping[str, Profile], as_of: datetime, unreadable_days: int
) -> dict[str, list[str]]:
    """By customer, the tables with a quarantined row that stops every message which is not transactional."""
    if not unreadable_days:
        return {}
    staged: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for table in STOPPING_TABLES:
        for row in landing.rows[table]:
            if row[OWN_TIME[table]] < as_of:
                staged[table, row[ROW_ID[table]]].append(row)
    found: dict[str, set[str]] = defaultdict(set)
    for item in landing.quarantine:
        if item.table not in STOPPING_TABLES or not item.is_unreadable:
            continue
        if is_seen(item, as_of, unreadable_days) and not is_replaced(item, staged):
            for user_id in named_by(item, people):
                found[user_id].add(item.table)
    return {user_id: [t for t in STOPPING_TABLES if t in tables] for user_id, tables in found.items()}


def is_seen(item: Quarantined, as_of: datetime, unreadable_days: int) -> bool:
    """Whether the row is not of later than the night, and not old by the times in it that can be read."""
    own_time = item.readable[OWN_TIME[item.table]]
    if own_time is not None and own_time >= as_of:
        return False
    times = [item.readable[column] for column in LATEST_TIMES[item.table]]
    known = [moment for moment in times if moment is not None]
    return not known or max(known) >= as_of - timedelta(hours=24 * unreadable_days)


def is_replaced(item: Quarantined, staged: Mapping[tuple[str, str], list[Row]]) -> bool:
    """Whether a readable row of the same id says what this one would have said."""
    row_id = item.readable[ROW_ID[item.table]]
    if row_id is None:
        return False
    for row in staged.get((item.table, row_id), []):
        landed_on = row.get("_landed_on")
        lands_later = bool(item.landed_on and landed_on and landed_on > item.landed_on)
        if item.table == "users":
            replaces = lands_later
        elif item.table == "support_tickets":
            updated_at = item.readable["updated_at"]
            replaces = lands_later or (updated_at is not None and row["updated_at"] >= updated_at)
        elif item.table in TYPE:
            kind = item.readable[TYPE[item.table]]
            replaces = row[TYPE[item.table]] == kind if kind is not None else lands_later
        else:
            replaces = True
        if replaces:
            return True
    return False


def named_by(item: Quarantined, people: Mapping[str, Profile]) -> list[str]:
    """The customers whom the row names: by id, or (a report) by the address where nobody has the id."""
    user_id = item.readable["user_id"]
    if user_id in people:
        return [user_id]
    address = trim(item.readable.get("address") or "").lower()
    if not address:
        return []
    return [
        other
        for other, profile in people.items()
        if address in {trim(profile.newest()[column] or "").lower() for column in ADDRESS_COLUMN.values()}
    ]
