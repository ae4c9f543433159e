"""Contract §6, deliverability, consent and "sent": what the reports about messages say, of people and of addresses.

Addresses are compared by the hash of the trimmed, lower-cased text, which is what the ledger keeps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from .landing import Row, last_moment
from .profiles import ADDRESS_COLUMN, CHANNELS, OPT_IN_AT_COLUMN, OPT_IN_COLUMN, Profile
from .reading import IGNORED, UNKNOWN_CHANNEL
from .words import address, address_hash

Dispatch = Mapping[str, Any]  # a row of ledger.dispatches, and `cancelled_at` where it was taken back


@dataclass(frozen=True)
class Sent:
    """One message that was sent, or that our ledger says is under way. Times are naive UTC; `address` is a hash."""

    user_id: str
    campaign_id: str | None
    channel: str
    sent_at: datetime
    address: str | None = None


def seen_reports(rows: Iterable[Row], as_of: datetime) -> list[Row]:
    """The reports before `as_of` that mean something."""
    return [
        row
        for row in rows
        if row["occurred_at"] < as_of and row["event_type"] != IGNORED and row["channel"] != IGNORED
    ]


@dataclass
class AddressBook:
    """Which address a report or a dispatch is about."""

    profiles: Mapping[str, Profile]
    ledger: Iterable[Dispatch]
    _hashes: dict[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._hashes = {row["dispatch_id"]: row.get("address_hash") for row in self.ledger}

    def of_report(self, row: Row, channel: str) -> str | None:
        """The report's own address, else that of its dispatch, else what the user had on the channel then.

        What cannot be an address on the channel is none: an e-mail address in a report about a text message says nothing.
        """
        return self._named(row, channel) or self.of_user(row["user_id"], channel, row["occurred_at"])

    def of_stopping_report(self, row: Row, channel: str) -> list[str | None]:
        """The same of a report that stops messages: where its time is a day, every address that the user had on that day."""
        named, profile = self._named(row, channel), self.profiles.get(row["user_id"])
        if named or not profile:
            return [named]
        return list(profile.addresses_between(channel, row["occurred_at"], last_moment(row, "occurred_at")))

    def _named(self, row: Row, channel: str) -> str | None:
        """The report's own address, else that of its dispatch."""
        own = address_hash(address(row.get("address"), channel, ()))
        return own or self._hashes.get(row["dispatch_id"] or "")

    def of_user(self, user_id: str, channel: str, moment: datetime) -> str | None:
        """The address that a user had at a time; None for a user whom nobody knows."""
        profile = self.profiles.get(user_id)
        return profile.address_at(channel, moment) if profile and channel in ADDRESS_COLUMN else None


# ---------------------------------------------------------------------------------------------------------
# Sent


def standing_dispatches(ledger: Iterable[Dispatch], as_of: datetime) -> list[Dispatch]:
    """The dispatches of earlier nights (a rerun replaces its own) that were not taken back before this one."""
    return [
        row
        for row in ledger
        if row["as_of"] < as_of and not (row.get("cancelled_at") and row["cancelled_at"] < as_of)
    ]


def sent_messages(
    reports: Iterable[Row], ledger: Iterable[Dispatch], as_of: datetime, book: AddressBook | None = None
) -> list[Sent]:
    """Everything that counts as sent: `sent` reports, and dispatches that none of them has confirmed.

    A dispatch_id counts once; of one that was reported twice, the newest report holds the place longest. Whose message
    it was, of which campaign and on which channel, our own ledger knows better than a report that names its dispatch_id, and
    nothing went out before the night that dispatched it.
    """
    ledger = list(ledger)
    book = book or AddressBook({}, ledger)
    result: list[Sent] = []
    confirmed: dict[str, Row] = {}

    ours = {dispatch["dispatch_id"]: dispatch for dispatch in ledger if dispatch["as_of"] < as_of}

    def of_report(row: Row) -> Sent:
        address = book.of_report(row, row["channel"])
        dispatch = ours.get(row["dispatch_id"])
        if dispatch is None:
            return Sent(row["user_id"], row["campaign_id"], row["channel"], row["occurred_at"], address)
        sent_at = dispatch["send_at"] if row["occurred_at"] < dispatch["as_of"] else row["occurred_at"]
        return Sent(dispatch["user_id"], dispatch["campaign_id"], dispatch["channel"], sent_at, address)

    for row in seen_reports(reports, as_of):
        if row["event_type"] != "sent":
            continue
        dispatch_id = row["dispatch_id"]
        if dispatch_id and dispatch_id not in ours:
            # it may be the id of several mailings, or a word for none
            dispatch_id = dispatch_id, row["user_id"], row["campaign_id"], row["channel"]
        if not dispatch_id:
            result.append(of_report(row))
        elif dispatch_id not in confirmed or _is_newer(row, confirmed[dispatch_id]):
            confirmed[dispatch_id] = row
    result += [of_report(row) for row in confirmed.values()]

    unconfirmed: dict[str, Dispatch] = {}
    for dispatch in standing_dispatches(ledger, as_of):
        if dispatch["dispatch_id"] not in confirmed:
            unconfirmed.setdefault(dispatch["dispatch_id"], dispatch)
    for dispatch in unconfirmed.values():
        user_id, channel, send_at = dispatch["user_id"], dispatch["channel"], dispatch["send_at"]
        address = dispatch.get("address_hash") or book.of_user(user_id, channel, send_at)
        result.append(Sent(user_id, dispatch["campaign_id"], channel, send_at, address))
    return result


def _is_newer(row: Row, other: Row) -> bool:
    """§5, newest: on a tie in time the larger id; of one id that of the larger user, then channel."""

    def rank(of: Row) -> tuple[datetime, str]:
        return of["occurred_at"], f"{of['message_event_id']}:{of['user_id']}:{of['channel']}"

    return rank(row) > rank(other)


def count_within(sent: Iterable[Sent], as_of: datetime, window_days: int) -> int:
    """§5, customer features: how many within N times 24 hours; what is under way and not yet due counts too."""
    start = as_of - timedelta(hours=24 * window_days)
    return sum(1 for message in sent if message.sent_at >= start)


def count_in_days(sent: Iterable[Sent], send_at: datetime, window_days: float) -> int:
    """§5, caps, cooldown, weekly maximum: how many on the N dates that end with the day of sending, and after it."""
    day = send_at.date()
    return sum(1 for message in sent if (day - message.sent_at.date()).days < window_days)


# ---------------------------------------------------------------------------------------------------------
# What stops a channel


@dataclass(frozen=True)
class _About:
    """What one report says of a person and an address on one channel; `at` is when it counts from."""

    user_id: str
    address: str | None
    at: datetime


@dataclass
class ChannelFacts:
    """What is known of one channel, for everybody."""

    channel: str
    people: Mapping[str, Profile]  # customers
    as_of: datetime
    holders: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # address -> customers
    bounced: list[_About] = field(default_factory=list)
    complained: list[_About] = field(default_factory=list)
    unsubscribed: list[_About] = field(default_factory=list)
    resubscribed: list[_About] = field(default_factory=list)

    def address_of(self, user_id: str) -> str | None:
        """The address that the customer has now."""
        return address_hash(self.people[user_id].newest()[ADDRESS_COLUMN[self.channel]])

    def sharing(self, user_id: str) -> list[str]:
        """The customers who have the customer's address, who is one of them."""
        address = self.address_of(user_id)
        return self.holders[address] if address else [user_id]

    def has_bounced(self, user_id: str) -> bool:
        """A hard bounce of the address; one of which nobody knows the address concerns whoever it names."""
        address = self.address_of(user_id)
        return any(
            fact.address == address if fact.address else fact.user_id == user_id for fact in self.bounced
        )

    def has_complained(self, user_id: str) -> bool:
        """A complaint of the person, ever, or about the address."""
        address = self.address_of(user_id)
        return any(
            fact.user_id == user_id or (address and fact.address == address) for fact in self.complained
        )

    def has_opted_out(self, user_id: str) -> bool:
        """The person, or anybody who has the address, or somebody about the address, and no consent since."""
        address = self.address_of(user_id)
        return any(self._refuses(other) for other in self.sharing(user_id)) or any(
            address and fact.address == address and not self._is_over(fact, user_id)
            for fact in self.unsubscribed
        )

    def topics_opted_out(self, user_id: str) -> frozenset[str]:
        """The topics that anybody who has the address does not want."""
        found = [self.people[other].newest()["topics_opted_out"] for other in self.sharing(user_id)]
        return frozenset().union(*(topics for topics in found if topics))

    def _refuses(self, user_id: str) -> bool:
        """Whether the customer's own flag is false, or an unsubscription of their own holds."""
        if self.people[user_id].newest()[OPT_IN_COLUMN[self.channel]] is False:
            return True
        return any(fact.user_id == user_id and not self._is_over(fact, user_id) for fact in self.unsubscribed)

    def _is_over(self, fact: _About, user_id: str) -> bool:
        """Whether an unsubscription has ended for a customer: consent was given anew, strictly after it."""
        resubscribed = any(
            again.at > fact.at
            and (
                # an id that no profile has may stand for two people
                (again.user_id == fact.user_id and fact.user_id in self.people)
                or (fact.address and again.address == fact.address)
            )
            for again in self.resubscribed
        )
        profile = self.people[user_id]
        opted_in_at = profile.newest()[OPT_IN_AT_COLUMN[self.channel]]
        return bool(
            resubscribed
            or (opted_in_at is not None and fact.at < opted_in_at < self.as_of)
            or profile.gives_consent_anew(self.channel, fact.at)
        )


def channel_facts(
    people: Mapping[str, Profile], reports: Iterable[Row], book: AddressBook, as_of: datetime
) -> dict[str, ChannelFacts]:
    """The facts of every channel; a report of an unknown channel stops every one and opens none."""
    result = {}
    reports = list(reports)
    # whose message it was, our own ledger knows too
    recipients = {row["dispatch_id"]: row["user_id"] for row in book.ledger if row["as_of"] < as_of}
    for channel in CHANNELS:
        facts = ChannelFacts(channel, people, as_of)
        for user_id in people:
            address = facts.address_of(user_id)
            if address:
                facts.holders[address].append(user_id)
        for row in reports:
            address = book.of_report(row, channel)
            if row["event_type"] == "resubscribed" and row["channel"] == channel:
                facts.resubscribed.append(_About(row["user_id"], address, row["occurred_at"]))
            if row["channel"] not in (channel, UNKNOWN_CHANNEL):
                continue
            stops = {
                "bounced_hard": facts.bounced,
                "complained": facts.complained,
                "unsubscribed": facts.unsubscribed,
            }.get(row["event_type"])
            if stops is None:
                continue
            for user_id in {row["user_id"], recipients.get(row["dispatch_id"] or "", row["user_id"])}:
                for about in book.of_stopping_report(row, channel):
                    stops.append(_About(user_id, about, last_moment(row, "occurred_at")))
        result[channel] = facts
    return result
