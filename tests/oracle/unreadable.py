"""Contract §3, "nothing unreadable is permission": who is named by a row that nobody can read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime, timedelta

from .landing import Landing, Quarantined, Row
from .profiles import ADDRESS_COLUMN, Profile
from .reports import AddressBook
from .words import address_hash

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
    landing: Landing,
    people: Mapping[str, Profile],
    as_of: datetime,
    unreadable_days: int,
    book: AddressBook,
) -> dict[str, list[str]]:
    """By customer, the tables with a quarantined row that stops every message which is not transactional.

    `book` knows the dispatches, and the addresses of those who were erased, too: where a message went stays a fact.
    """
    if not unreadable_days:
        return {}
    staged: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for table in STOPPING_TABLES:
        for row in landing.rows[table]:
            if row[OWN_TIME[table]] < as_of:
                staged[table, row[ROW_ID[table]]].append(row)
    dispatches = {
        row["dispatch_id"]: (
            row["user_id"],
            row.get("address_hash") or book.of_user(row["user_id"], row["channel"], row["send_at"]),
        )
        for row in book.ledger
        if row["as_of"] < as_of
    }
    found: dict[str, set[str]] = defaultdict(set)
    for item in landing.quarantine:
        if item.table not in STOPPING_TABLES or not item.is_unreadable:
            continue
        if is_seen(item, as_of, unreadable_days) and not is_replaced(item, staged):
            for user_id in named_by(item, people, dispatches):
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
    user_id = item.readable["user_id"]
    for row in staged.get((item.table, row_id), []):
        # an id may stand for rows of several people
        if user_id is not None and row["user_id"] != user_id:
            continue
        landed_on = row.get("_landed_on")
        lands_later = bool(item.landed_on and landed_on and landed_on > item.landed_on)
        own_time = item.readable[OWN_TIME[item.table]]
        if item.table in ("users", "support_tickets"):
            # what lands later may still be of before
            replaces = lands_later if own_time is None else row[OWN_TIME[item.table]] >= own_time
        elif item.table in TYPE:
            kind = item.readable[TYPE[item.table]]
            is_of_then = own_time is None or row[OWN_TIME[item.table]] == own_time
            replaces = row[TYPE[item.table]] == kind if kind is not None else lands_later and is_of_then
        else:
            replaces = True
        if replaces:
            return True
    return False


def named_by(
    item: Quarantined,
    people: Mapping[str, Profile],
    dispatches: Mapping[str, tuple[str, str | None]],
) -> list[str]:
    """The customers whom the row names: by id, or (a report) by its message or its address where nobody has the id."""
    user_id = item.readable["user_id"]
    if user_id in people:
        return [user_id]
    dispatched_to, sent_to = dispatches.get(item.readable.get("dispatch_id") or "", (None, None))
    address = address_hash(item.readable.get("address")) or sent_to
    return [
        other
        for other, profile in people.items()
        if other == dispatched_to
        or (address and address in {address_hash(profile.newest()[c]) for c in ADDRESS_COLUMN.values()})
    ]
