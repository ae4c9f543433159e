"""Arbitration: on thousands of random small nights, the SQL gives what a naive greedy loop in Python gives.

Hypothesis makes the nights; the same ones on every run. HYPOTHESIS_PROFILE=thorough makes many more, and other ones each
time. One query decides several nights at once: they share the caps, and no user or address is in two of them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import Candidate, Cap, Sent, arbitrate
from tests.oracle.words import address_hash
from tests.support.model_harness import Warehouse, fill

AS_OF = datetime(2026, 6, 1)
SECOND = timedelta(seconds=1)
DAY = timedelta(hours=24)
CHANNELS = ("email", "sms", "push")
USERS = ("u10", "u9", "Ü")
ADDRESSES = ("one@example.com", "One@Example.com", "two@example.com", "three@example.com")
REASONS = ("duplicate_address", "same_content", "channel_cap", "total_cap")

settings.register_profile("sendworthy", max_examples=250, derandomize=True)
settings.register_profile("thorough", max_examples=10_000)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "sendworthy"))


@dataclass(frozen=True)
class Campaign:
    """What arbitration knows of a campaign."""

    campaign_id: str
    channel: str
    priority: int
    content_group: str | None
    is_transactional: bool


@dataclass(frozen=True)
class User:
    """What arbitration knows of a user; the address is the same in all channels."""

    address: str
    last_active_at: datetime | None
    weekly_limit: int | None


@dataclass(frozen=True)
class World:
    """One night: who passed the gates for what, who failed them, and what was sent before."""

    campaigns: tuple[Campaign, ...]
    users: tuple[User, ...]
    pairs: tuple[tuple[int, int, bool, datetime], ...]  # user, campaign, has passed, when it would go out
    # user (an old one, whom nobody knows any more, is the last), channel, address, when
    sent: tuple[tuple[int, str, str | None, datetime], ...]


# When messages would go out: on both of the dates that a night knows, and on the edges of the second.
HOUR = timedelta(hours=1)
send_times = st.sampled_from(
    (AS_OF + 4 * HOUR, AS_OF + 9 * HOUR, AS_OF + DAY - SECOND, AS_OF + DAY, AS_OF + 27 * HOUR)
)
# The windows of 1, 7 and 30 days begin with a date: a second to either side of it, for both dates; one that is not due yet.
windows = st.sampled_from((1, 7, 30))
sent_times = st.one_of(
    st.builds(
        lambda window, days, off: AS_OF - (window - days) * DAY + off * SECOND,
        windows,
        st.sampled_from((1, 2)),
        st.sampled_from((-1, 0, 1)),
    ),
    st.sampled_from((AS_OF - 2 * DAY, AS_OF - 90 * DAY, AS_OF + 9 * HOUR)),
)
campaigns = st.builds(
    Campaign,
    campaign_id=st.just(""),
    channel=st.sampled_from(CHANNELS),
    priority=st.sampled_from((8, 27, 27, 64)),
    content_group=st.sampled_from((None, None, "basket", "hello")),
    is_transactional=st.sampled_from((False, False, False, True)),
)
users = st.builds(
    User,
    address=st.sampled_from(ADDRESSES),
    last_active_at=st.sampled_from((None, AS_OF - DAY, AS_OF - DAY, AS_OF - DAY + SECOND)),
    weekly_limit=st.sampled_from((None, None, None, 0, 1, 2, 3)),
)
caps = st.lists(
    st.builds(
        Cap,
        st.sampled_from((*CHANNELS, "all")),
        windows.map(Decimal),
        st.integers(min_value=0, max_value=4),
    ),
    max_size=5,
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to six campaigns and three users; most pairs pass, some fail a gate, some are no candidates."""
    made = draw(st.lists(campaigns, min_size=1, max_size=6))
    people = draw(st.lists(users, min_size=1, max_size=len(USERS)))
    states = draw(
        st.lists(
            st.sampled_from((True, True, True, True, False, None)),
            min_size=len(made) * len(people),
            max_size=len(made) * len(people),
        )
    )
    pairs = [(u, c) for u in range(len(people)) for c in range(len(made))]
    due = draw(st.lists(send_times, min_size=len(pairs), max_size=len(pairs)))
    who = st.integers(min_value=0, max_value=len(people))
    # to the address that somebody has now, or one that nobody knows
    where = st.sampled_from((*ADDRESSES, None))
    sent = draw(
        st.lists(st.tuples(who, st.sampled_from((*CHANNELS, "letter")), where, sent_times), max_size=12)
    )
    return World(
        # 'c10' sorts before 'c9': ties in priority go by the text
        campaigns=tuple(replace(c, campaign_id=f"c{number}") for number, c in enumerate(made, start=8)),
        users=tuple(people),
        pairs=tuple(
            (*pair, state, at)
            for pair, state, at in zip(pairs, states, due, strict=True)
            if state is not None
        ),
        sent=tuple(sent),
    )


Result = dict[tuple[str, str], tuple[str, list[str]]]  # (user, campaign) -> (reason, lost_to)


def named(user: int, world: int) -> str:
    """The id of a user of a world; one past the last is somebody who had messages and is gone."""
    return f"{(*USERS, 'gone')[user]}@{world}"


def whose(user: int, world: World, number: int) -> str:
    """Whose message it was: somebody of the world, or somebody who is gone."""
    return named(user if user < len(world.users) else len(USERS), number)


def hash_of(address: str | None, world: int) -> str | None:
    return address and address_hash(f"{world}:{address}")


def by_hand(night: list[World], limits: list[Cap]) -> Result:
    """What the greedy loop says, world by world."""
    result: Result = {}
    for number, world in enumerate(night):
        passed = [
            Candidate(
                user_id=named(u, number),
                campaign_id=world.campaigns[c].campaign_id,
                channel=world.campaigns[c].channel,
                priority=world.campaigns[c].priority,
                address=f"{number}:{world.users[u].address}",
                content_group=world.campaigns[c].content_group,
                last_active_at=world.users[u].last_active_at,
                is_transactional=world.campaigns[c].is_transactional,
                send_at=send_at,
            )
            for u, c, has_passed, send_at in world.pairs
            if has_passed
        ]
        sent = [
            Sent(whose(u, world, number), None, channel, at, hash_of(address, number))
            for u, channel, address, at in world.sent
        ]
        weekly = {named(u, number): user.weekly_limit for u, user in enumerate(world.users)}
        _, losers = arbitrate(passed, limits, sent, AS_OF, weekly)
        for loser in losers:
            result[loser.candidate.user_id, loser.candidate.campaign_id] = (loser.reason, list(loser.lost_to))
    return result


def without_addresses(world: World) -> World:
    return replace(world, sent=tuple((u, channel, None, at) for u, channel, _, at in world.sent))


def all_today(world: World) -> World:
    return replace(world, pairs=tuple((u, c, has_passed, AS_OF) for u, c, has_passed, _ in world.pairs))


def all_tomorrow(world: World) -> World:
    return replace(world, pairs=tuple((u, c, has_passed, AS_OF + DAY) for u, c, has_passed, _ in world.pairs))


def in_sql(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, night: list[World], limits: list[Cap]
) -> Result:
    """What the compiled model says, for all the worlds in one query."""
    gates: list[tuple[object, ...]] = []
    sent: list[tuple[object, ...]] = []
    for number, world in enumerate(night):
        for u, c, has_passed, send_at in world.pairs:
            user, campaign = world.users[u], world.campaigns[c]
            gates.append(
                (
                    named(u, number),
                    campaign.campaign_id,
                    campaign.channel,
                    campaign.priority,
                    f"group:{campaign.content_group}"
                    if campaign.content_group
                    else f"campaign:{campaign.campaign_id}",
                    f"{number}:{user.address.lower()}",
                    hash_of(user.address, number),
                    user.last_active_at,
                    user.weekly_limit,
                    campaign.is_transactional,
                    send_at,
                    has_passed,
                )
            )
        sent += [
            (whose(u, world, number), channel, hash_of(address, number), at)
            for u, channel, address, at in world.sent
        ]
    for relation, rows in (
        ("intermediate.int_campaigns__gates", gates),
        ("intermediate.int_messages__sent", sent),
        (
            "settings.frequency_caps",
            [(cap.channel, int(cap.window_days), cap.max_messages) for cap in limits],
        ),
    ):
        connection.execute(f"truncate {relation}")
        fill(connection, relation, rows)
    warehouse.run_model(connection, "int_campaigns__arbitration", as_of=AS_OF)
    found = connection.execute(
        "select user_id, campaign_id, lost_by, lost_to"
        " from intermediate.int_campaigns__arbitration where lost_by is not null"
    ).fetchall()
    result = {(user_id, campaign_id): (lost_by, lost_to) for user_id, campaign_id, lost_by, lost_to in found}
    assert len(result) == len(found), "a candidate lost twice"
    return result


@pytest.fixture(scope="module")
def tables(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """A warehouse that holds, empty, what arbitration reads."""
    connection = warehouse.open()
    connection.execute(
        """
        create table intermediate.int_nights__as_of (as_of timestamp);
        create table intermediate.int_campaigns__gates (
            user_id varchar, campaign_id varchar, channel varchar, priority integer, content_key varchar,
            address_key varchar, address_hash varchar, last_active_at timestamp, max_messages_per_week integer,
            is_transactional boolean, send_at timestamp, has_passed boolean
        );
        create table intermediate.int_messages__sent (
            user_id varchar, channel varchar, address_hash varchar, sent_at timestamp
        );
        create table settings.frequency_caps (channel varchar, window_days integer, max_messages integer);
        """
    )
    fill(connection, "intermediate.int_nights__as_of", [(AS_OF,)])
    yield connection
    connection.close()


def test_arbitration_is_the_greedy_loop(warehouse: Warehouse, tables: duckdb.DuckDBPyConnection) -> None:
    """The same losers, for the same reason, with the same lost_to, in thousands of nights."""
    seen: Counter[str] = Counter()

    @settings(PROFILE, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(night=st.lists(worlds(), min_size=6, max_size=14), limits=caps)
    def compare(night: list[World], limits: list[Cap]) -> None:
        expected = by_hand(night, limits)
        found = in_sql(warehouse, tables, night, limits)
        wrong = {
            pair: (found.get(pair), expected.get(pair))
            for pair in {*found, *expected}
            if found.get(pair) != expected.get(pair)
        }
        assert not wrong, f"(user, campaign): (SQL, greedy loop): {wrong}"
        seen["worlds"] += len(night)
        # what came out as it did only because of where messages went, and of the day on which one would go out
        for what, other in (
            ("address", without_addresses),
            ("send day", all_today),
            ("send day", all_tomorrow),
        ):
            found = by_hand([other(world) for world in night], limits)
            seen[what] += sum(found.get(pair) != expected.get(pair) for pair in {*found, *expected})
        for reason, lost_to in expected.values():
            seen[reason] += 1
            seen[f"{reason} to {'somebody' if lost_to else 'nobody'}"] += 1

    compare()
    assert seen["worlds"] >= 2000
    # Each way to lose came up often, and the caps both for this night's messages and for earlier ones.
    assert all(seen[reason] >= 100 for reason in REASONS), seen
    assert seen["address"] >= 50 and seen["send day"] >= 50, seen
    for reason in ("channel_cap", "total_cap"):
        assert seen[f"{reason} to somebody"] >= 50 and seen[f"{reason} to nobody"] >= 50, seen
