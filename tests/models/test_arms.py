"""Arms: where people are, who moves when shares change, and that holdouts and pilots know nothing of it."""

from __future__ import annotations

import csv
import os
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise, product
from math import prod
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.oracle import Campaign, Settings, Variant, write_settings
from tests.oracle.words import bucket
from tests.support.model_harness import Warehouse, fill, rows_of, write_empty_world

AS_OF = datetime(2026, 6, 1)
DAY = timedelta(days=1)
USERS = tuple(f"u{number}" for number in range(600))
BUCKETS = {user: bucket("arm:c", user) for user in USERS}
NAMES = ("plain", "urgent", "late", "early")

settings.register_profile("sendworthy", max_examples=60, derandomize=True)
settings.register_profile("thorough", max_examples=2_000)
PROFILE = settings.get_profile(os.environ.get("HYPOTHESIS_PROFILE", "sendworthy"))

Shares = Sequence[tuple[str, int]]


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    """A campaign `c` for everybody, whose arms each example sets."""
    with warehouse.open() as connection:
        connection.execute("create table settings.campaigns (campaign_id varchar, arms varchar)")
        connection.execute(
            """
            create table intermediate.int_campaigns__settings as
            select
                'c' as campaign_id, null::varchar as audience_segment, []::varchar[] as also_segments,
                null::varchar as trigger_event, 0 as min_age_seconds, true as is_in_force, true as has_arms
            """
        )
        connection.execute(
            "create table intermediate.int_customers__segments (user_id varchar, segments varchar[])"
        )
        fill(connection, "intermediate.int_customers__segments", [(user, []) for user in USERS])
        connection.execute(
            "create table intermediate.int_events__triggers"
            " (user_id varchar, trigger_event varchar, min_age_seconds integer, trigger_at timestamp)"
        )
        yield connection


def places(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, shares: Shares) -> dict[str, str]:
    """Each user's arm, as the models have it."""
    text = ";".join(f"{arm}:{share}" for arm, share in shares)
    connection.execute("delete from settings.campaigns")
    connection.execute("insert into settings.campaigns values ('c', ?)", [text])
    for model in ("int_campaigns__arms", "int_campaigns__candidates"):
        warehouse.run_model(connection, model, as_of=AS_OF)
    found = rows_of(connection, "intermediate.int_campaigns__candidates")
    assert len(found) == len(USERS)
    return {row["user_id"]: row["arm"] for row in found}


@st.composite
def compositions(draw: st.DrawFn, arms: int) -> list[int]:
    """Whole percents above 0 that add up to 100."""
    borders = draw(st.lists(st.integers(1, 99), min_size=arms - 1, max_size=arms - 1, unique=True))
    edges = [0, *sorted(borders), 100]
    return [end - begin for begin, end in pairwise(edges)]


def moves(before: Mapping[str, str], after: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """How many people went from one arm to another."""
    return Counter((before[user], after[user]) for user in USERS if before[user] != after[user])


@given(data=st.data())
@settings(PROFILE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_between_two_arms_only_those_move_who_must(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    first, second = data.draw(compositions(2)), data.draw(compositions(2))
    before = places(warehouse, connection, list(zip(NAMES, first, strict=False)))
    after = places(warehouse, connection, list(zip(NAMES, second, strict=False)))
    low, high = sorted((first[0] * 100, second[0] * 100))
    between = [user for user in USERS if low <= BUCKETS[user] < high]
    into = ("urgent", "plain") if second[0] > first[0] else ("plain", "urgent")
    assert moves(before, after) == (Counter({into: len(between)}) if between else Counter())


@given(data=st.data())
@settings(PROFILE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_share_that_a_neighbour_gives_moves_nobody_else(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    """Of three arms or four: what goes from one to its neighbour. So an arm in the middle can give to both sides at once."""
    arms = data.draw(st.integers(3, 4))
    shares = data.draw(compositions(arms).filter(lambda drawn: max(drawn[1:-1]) > 2))
    giver = data.draw(st.sampled_from([n for n in range(1, arms - 1) if shares[n] > 2]))
    left = data.draw(st.integers(0, shares[giver] - 2))
    right = data.draw(st.integers(0, shares[giver] - 1 - left))
    changed = list(shares)
    changed[giver] -= left + right
    changed[giver - 1] += left
    changed[giver + 1] += right
    before = places(warehouse, connection, list(zip(NAMES, shares, strict=False)))
    after = places(warehouse, connection, list(zip(NAMES, changed, strict=False)))
    allowed = {(NAMES[giver], NAMES[giver - 1])} if left else set()
    allowed |= {(NAMES[giver], NAMES[giver + 1])} if right else set()
    moved = moves(before, after)
    assert set(moved) <= allowed
    # as many as the shares say, give or take what the hash does to 600 people
    assert abs(sum(moved.values()) - len(USERS) * (left + right) / 100) < 60


@given(data=st.data())
@settings(PROFILE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arms_follow_one_another_in_the_order_of_the_setting(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, data: st.DataObject
) -> None:
    arms = data.draw(st.integers(2, 4))
    shares = list(zip(NAMES, data.draw(compositions(arms)), strict=False))
    found = places(warehouse, connection, shares)
    assert found == places(warehouse, connection, shares), "nobody moves while nothing changes"
    in_order = [found[user] for user in sorted(USERS, key=BUCKETS.__getitem__)]
    assert in_order == sorted(in_order, key=NAMES.index)
    for arm, share in shares:
        assert abs(in_order.count(arm) - len(USERS) * share / 100) < 60


def test_no_rule_without_a_memory_could_do_better_for_three_arms(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    """What cannot be had, so that the page that says so stays true: the last arm gives to the first, and the middle moves too."""
    before = places(warehouse, connection, [("plain", 20), ("urgent", 30), ("late", 50)])
    after = places(warehouse, connection, [("plain", 40), ("urgent", 30), ("late", 30)])
    assert set(moves(before, after)) == {("urgent", "plain"), ("late", "urgent")}


def test_arms_holdouts_and_pilots_are_independent_and_stable(warehouse: Warehouse, tmp_path: Path) -> None:
    rng = random.Random(20261130)
    ids = sorted({f"{rng.choice('abcdef')}{rng.randrange(10**9)}" for _ in range(6000)})
    raw = tmp_path / "raw"
    write_empty_world(raw)
    with (raw / "users.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(["user_id", "email", "email_opt_in", "updated_at"])
        writer.writerows([user, f"{user}@example.com", "true", "2026-01-01"] for user in ids)
    arms = (("plain", 50), ("urgent", 30), ("late", 20))
    campaign = Campaign(
        campaign_id="newsletter__everyone__email",
        kind="newsletter",
        channel="email",
        cooldown_days=Decimal(1),
        holdout_percent=Decimal(25),
        pilot_percent=Decimal(60),
        arms=arms,
        variants=tuple(Variant(arm, number, arm=arm) for number, (arm, _) in enumerate(arms, start=1)),
    )
    made = Settings(campaigns=[campaign], global_holdout_percent=Decimal(20))
    write_settings(made, tmp_path / "seeds")
    nights = []
    for as_of in (AS_OF, AS_OF + 40 * DAY):
        connection = warehouse.night(
            raw, as_of=as_of, wall_clock=as_of, settings=made, seeds=tmp_path / "seeds"
        )
        nights.append({row["user_id"]: row for row in rows_of(connection, "marts.campaign_decisions")})
        connection.close()
    found, later = nights
    assert set(found) == set(ids) == set(later)
    assert all(row["variant"] == row["arm"] for row in found.values())
    assert {user: row["arm"] for user, row in found.items()} == {
        user: row["arm"] for user, row in later.items()
    }
    cells = Counter(
        (row["arm"], "holdout" in row["reasons"], "outside_pilot" in row["reasons"]) for row in found.values()
    )
    chances: list[dict[object, float]] = [
        {arm: share / 100 for arm, share in arms},
        {True: 1 - 0.75 * 0.8, False: 0.75 * 0.8},
        {True: 0.4, False: 0.6},
    ]
    chi_square = 0.0
    for cell in product(*chances):
        expected = len(ids) * prod(of[value] for of, value in zip(chances, cell, strict=True))
        chi_square += (cells[cell] - expected) ** 2 / expected  # type: ignore[index]
    # 11 degrees of freedom: chance is above it once in a thousand; one salt for two of them would be far above
    assert chi_square < 31.3
