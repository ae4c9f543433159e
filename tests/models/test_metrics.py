"""What people did beside the success: sums from events, and their effects, against statsmodels, against plain Python, and by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from tests.models.test_measurement import anytime_quantile, newcombe
from tests.support.model_harness import Warehouse

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 6, 1)
DAY = timedelta(days=1)
Z = 1.959963984540054
SEGMENTS = ("loyal", "dormant", "churn_risk")
GUARDRAILS = 5
CAMPAIGNS, NIGHTS = 4000, 90

Row = dict[str, Any]


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.open() as connection:
        connection.execute(f"create table settings.metrics as from read_csv('{ROOT / 'seeds/metrics.csv'}')")
        connection.execute(
            "create table intermediate.int_nights__as_of as select ?::timestamp as as_of", [AS_OF]
        )
        yield connection


def _settings(connection: duckdb.DuckDBPyConnection, campaigns: pd.DataFrame, arms: Sequence[Row]) -> None:
    """campaign_id and evaluation of each campaign, half of whose people are control; and the arms of those that have some."""
    connection.register("campaigns", campaigns)
    connection.execute(
        "create table settings.campaigns as select *, false as is_transactional, 50::decimal(7, 4) as holdout_percent from campaigns"
    )
    connection.execute(
        "create table intermediate.int_campaigns__arms (campaign_id varchar, arm varchar, arm_number integer, share_percent integer)"
    )
    connection.execute(
        "create table settings.outside_campaigns (campaign_id varchar, control_arm varchar, arms varchar)"
    )
    for number, arm in enumerate(arms, start=1):
        connection.execute(
            "insert into intermediate.int_campaigns__arms values (?, ?, ?, 50)",
            [arm["campaign_id"], arm["arm"], arm.get("arm_number", number)],
        )


def _run(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, *models: str) -> None:
    for model in models:
        warehouse.run_model(connection, model, as_of=AS_OF)


# ---------------------------------------------------------------------------------------------------------
# From events to effects


@dataclass(frozen=True)
class World:
    """Who was assigned to what, and what they did: (user, event, time, amount or None)."""

    users: list[Row]
    events: list[tuple[str, str, datetime, float | None]]


def _world(seed: int) -> World:
    rng = np.random.default_rng(seed)
    users: list[Row] = []
    events: list[tuple[str, str, datetime, float | None]] = []
    for campaign_id in ("held", "armed"):
        for number in range(160):
            starts_at = AS_OF - int(rng.integers(7, 30)) * DAY + timedelta(hours=9)
            users.append(
                {
                    "campaign_id": campaign_id,
                    "user_id": f"{campaign_id}{number}",
                    "campaign_arm": str(rng.choice(["plain", "urgent"])),
                    "arm": str(rng.choice(["send", "control"])),
                    "segments": [name for name in SEGMENTS if rng.random() < 0.4],
                    "success_event": "order_completed",
                    "before_at": starts_at - 7 * DAY,
                    "starts_at": starts_at,
                    "ends_at": starts_at + 7 * DAY,
                    # some windows are not over
                    "is_matured": starts_at + 7 * DAY <= AS_OF,
                    "is_listed": True,
                    "has_converted": False,
                }
            )
            taste = rng.gamma(1.0)
            for offset in (-7 * DAY, 0 * DAY, 7 * DAY):
                for _ in range(rng.poisson(taste)):
                    # at the edges of the windows, too
                    at = starts_at + offset + timedelta(seconds=int(rng.choice([-1, 0, 1, 86400 * 3])))
                    amount = float(np.round(rng.lognormal(4, 1.5), 2)) if rng.random() < 0.9 else None
                    events.append((f"{campaign_id}{number}", "order_completed", at, amount))
                name = str(
                    rng.choice(
                        [
                            "message_unsubscribed",
                            "message_complained",
                            "ticket_created",
                            "order_refunded",
                            "page_viewed",
                        ]
                    )
                )
                events.append((f"{campaign_id}{number}", name, starts_at + offset + DAY, None))
    # money that is owed back lessens what was spent, but nobody's below 0
    events.append(("held0", "order_completed", users[0]["starts_at"] + DAY, -1e6))
    return World(users, events)


def _build(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, world: World) -> list[Row]:
    connection.register("users", pd.DataFrame(world.users))
    connection.execute("create table intermediate.int_measurement__eligible_users as from users")
    happened = pd.DataFrame(world.events, columns=["user_id", "event_name", "occurred_at", "order_total"])
    connection.register("happened", happened)
    connection.execute(
        """
        create table intermediate.int_events__visible as
        select *, null::double as dwell_seconds from happened
        where not starts_with(event_name, 'message_') and event_name <> 'ticket_created';
        create table intermediate.int_messages__reports as
        select user_id, event_name[9:] as event_type, occurred_at from happened where starts_with(event_name, 'message_');
        create table intermediate.int_events__with_messages as
        select user_id, event_name, occurred_at from intermediate.int_events__visible
        union all
        select user_id, 'message_' || event_type || ':held', occurred_at from intermediate.int_messages__reports;
        -- two versions of each ticket are one ticket
        create table staging.stg_landing__support_tickets as
        select 't' || row_number() over (order by user_id, occurred_at) as ticket_id, user_id, occurred_at as created_at,
            occurred_at + to_days(version) as updated_at
        from happened cross join range(2) as versions(version)
        where event_name = 'ticket_created';
        """
    )
    arms = [
        {"campaign_id": campaign_id, "arm": arm, "arm_number": number}
        for campaign_id in ("held", "armed")
        for number, arm in enumerate(("plain", "urgent"), start=1)
    ]
    _settings(
        connection,
        pd.DataFrame({"campaign_id": ["held", "armed"], "evaluation": ["holdout", "arms"]}),
        arms,
    )
    _run(
        warehouse,
        connection,
        "int_measurement__shares",
        "int_measurement__comparisons",
        "int_measurement__users_of_arms",
        "int_measurement__metrics",
        "campaign_metrics",
    )
    rows: list[Row] = connection.execute("from marts.campaign_metrics").df().to_dict("records")
    return rows


# as seeds/metrics.csv has them: event, whether amounts are summed, only repeats, most
METRICS = {
    "success": ("order_completed", False, False, 1),
    "revenue": ("order_completed", True, False, 1000),
    "repeat_purchase": ("order_completed", False, True, 1),
    "unsubscribed": ("message_unsubscribed", False, False, 1),
    "complained": ("message_complained", False, False, 1),
    "bounced": ("message_bounced_hard", False, False, 1),
    "ticket_created": ("ticket_created", False, False, 1),
    "refunded": ("order_refunded", False, False, 1),
}


def _done(world: World, user: Row, metric: str, start: datetime, end: datetime) -> float:
    """A user's sum of a metric within a window."""
    event, is_summed, only_repeats, most = METRICS[metric]
    mine = [
        (at, amount) for who, name, at, amount in world.events if who == user["user_id"] and name == event
    ]
    first = min((at for at, _ in mine), default=None)
    total = sum(
        ((amount or 0.0) if is_summed else 1.0)
        for at, amount in mine
        if start <= at < end and not (only_repeats and at == first)
    )
    return min(max(total, 0.0), most)


def _compared(world: World, campaign_id: str, arm: str, segment: str) -> tuple[list[Row], list[Row]]:
    """The people of a row, and those whom they are compared with, as docs/measurement.md says."""
    mine = [
        user
        for user in world.users
        if user["campaign_id"] == campaign_id
        and user["is_matured"]
        and (segment == "all" or segment in user["segments"])
    ]
    if arm == "send":
        return [u for u in mine if u["arm"] == "send"], [u for u in mine if u["arm"] == "control"]
    own = [u for u in mine if u["campaign_arm"] == arm]
    sent = [u for u in own if u["arm"] == "send"]
    if campaign_id == "held":
        return sent, [u for u in own if u["arm"] == "control"]
    first = [u for u in mine if u["campaign_arm"] == "plain" and u["arm"] == "send"]
    return sent, first if arm != "plain" else []


def test_effects_equal_a_plain_count_and_statsmodels(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    world = _world(20261201)
    rows = {
        (r["campaign_id"], r["segment"], r["arm"], r["metric"]): r
        for r in _build(warehouse, connection, world)
    }
    whole = {
        (c, "all", arm, m) for c in ("held", "armed") for arm in ("send", "plain", "urgent") for m in METRICS
    }
    assert set(rows) == whole | {(c, s, "send", "success") for c in ("held", "armed") for s in SEGMENTS}

    for (campaign_id, segment, arm, metric), row in rows.items():
        people, others = _compared(world, campaign_id, arm, segment)
        y, x = (
            np.array([_done(world, u, metric, u[start], u[end]) for u in people])
            for start, end in (("starts_at", "ends_at"), ("before_at", "starts_at"))
        )
        assert (row["users"], row["total"]) == (len(people), pytest.approx(y.sum(), abs=1e-9))
        assert row["mean"] == pytest.approx(y.mean(), abs=1e-12)
        assert pd.isna(row["lift"]) == pd.isna(row["compared_with"]) == (not others)
        if not others:
            continue
        other_y, other_x = (
            np.array([_done(world, u, metric, u[start], u[end]) for u in others])
            for start, end in (("starts_at", "ends_at"), ("before_at", "starts_at"))
        )
        lift, looks = y.mean() - other_y.mean(), 1
        if segment != "all":
            looks = len(SEGMENTS)
        elif row["is_guardrail"]:
            looks = GUARDRAILS
        quantile = anytime_quantile(1 / len(y) + 1 / len(other_y), 0.05 / looks)
        assert row["lift"] == pytest.approx(lift, abs=1e-12)
        fixed, anytime = (
            (row["lift_low"], row["lift_high"]),
            (row["lift_anytime_low"], row["lift_anytime_high"]),
        )
        counts = int(y.sum()), len(y), int(other_y.sum()), len(other_y)
        if metric == "revenue":
            both = CompareMeans(DescrStatsW(y), DescrStatsW(other_y))
            expected = both.zconfint_diff(usevar="unequal")
            error = max(
                both.std_meandiff_separatevar,
                np.concatenate([y, other_y]).std(ddof=1) * math.sqrt(1 / len(y) + 1 / len(other_y)),
            )
            expected_anytime = lift - quantile * error, lift + quantile * error
        else:
            expected = confint_proportions_2indep(*counts, method="newcomb", compare="diff")
            expected_anytime = newcombe(*counts, quantile)
        if segment == "all":
            assert fixed == pytest.approx(expected, abs=1e-9)
        else:
            assert pd.isna(fixed[0]) and pd.isna(fixed[1])
        assert anytime == pytest.approx(expected_anytime, abs=1e-9)
        _check_adjusted(row, (y, x), (other_y, other_x), quantile)


def _check_adjusted(row: Row, own: tuple[Any, Any], other: tuple[Any, Any], quantile: float) -> None:
    """The lift of what the past leaves: each person's value less the slope, over both arms, times what they did before."""
    (y, x), (other_y, other_x) = own, other
    all_y, all_x = np.concatenate([y, other_y]), np.concatenate([x, other_x])
    if not all_x.any() or not all_y.any():
        assert pd.isna(row["adjusted_lift"])
        return
    slope = np.polyfit(all_x, all_y, 1)[0]
    both = CompareMeans(DescrStatsW(y - slope * x), DescrStatsW(other_y - slope * other_x))
    lift = (y - slope * x).mean() - (other_y - slope * other_x).mean()
    assert row["adjusted_lift"] == pytest.approx(lift, abs=1e-9)
    assert row["variance_explained"] == pytest.approx(np.corrcoef(all_x, all_y)[0, 1] ** 2, abs=1e-9)
    if row["segment"] == "all":
        expected = both.zconfint_diff(usevar="unequal")
        assert (row["adjusted_low"], row["adjusted_high"]) == pytest.approx(expected, abs=1e-9)
    error = max(
        both.std_meandiff_separatevar,
        (all_y - slope * all_x).std(ddof=1) * math.sqrt(1 / len(y) + 1 / len(other_y)),
    )
    anytime = lift - quantile * error, lift + quantile * error
    assert (row["adjusted_anytime_low"], row["adjusted_anytime_high"]) == pytest.approx(anytime, abs=1e-9)


@pytest.mark.hard
def test_effects_equal_tea_tasting(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection) -> None:
    tea_tasting = pytest.importorskip("tea_tasting", reason="tea-tasting is not installed (make setup-bench)")
    world = _world(20261202)
    rows = {
        (r["campaign_id"], r["segment"], r["arm"], r["metric"]): r
        for r in _build(warehouse, connection, world)
    }
    people, others = _compared(world, "held", "send", "all")
    for metric in ("revenue", "repeat_purchase", "success"):
        data = pd.DataFrame(
            {
                "variant": group,
                "y": _done(world, user, metric, user["starts_at"], user["ends_at"]),
                "x": _done(world, user, metric, user["before_at"], user["starts_at"]),
            }
            for group, side in ((0, others), (1, people))
            for user in side
        )
        adjusted = tea_tasting.Mean("y", "x", equal_var=False, use_t=False)
        plain = tea_tasting.Mean("y", equal_var=False, use_t=False)
        found = tea_tasting.Experiment(adjusted=adjusted, plain=plain).analyze(data)
        row = rows["held", "all", "send", metric]
        expected = found["adjusted"]
        assert row["adjusted_lift"] == pytest.approx(expected.effect_size, abs=1e-9)
        assert row["adjusted_low"] == pytest.approx(expected.effect_size_ci_lower, abs=1e-9)
        assert row["adjusted_high"] == pytest.approx(expected.effect_size_ci_upper, abs=1e-9)
        if metric == "revenue":
            assert row["lift_low"] == pytest.approx(found["plain"].effect_size_ci_lower, abs=1e-9)
            assert row["lift_high"] == pytest.approx(found["plain"].effect_size_ci_upper, abs=1e-9)


# ---------------------------------------------------------------------------------------------------------
# By simulation


@dataclass(frozen=True)
class Case:
    """Campaigns of one kind: how many people become due a night, control's share, the share of buyers, and what the message adds to a buyer's money."""

    users: int
    share: float
    buyers: float
    effect: float = 0.0


NO_EFFECT = {
    "usual": Case(users=200, share=0.1, buyers=0.05),
    "halves": Case(users=200, share=0.5, buyers=0.3),
    "few": Case(users=10, share=0.2, buyers=0.1),
}


def _money(rng: np.random.Generator, case: Case, people: Any, effect: float) -> tuple[Any, Any]:
    """What so many people of each night spend, and the sum of its squares: few of them anything, and fewer of these most of it."""
    buyers = rng.binomial(people, case.buyers).ravel()
    spent = np.minimum(rng.lognormal(3.5, 1.2, size=buyers.sum()) + effect, 1000).round(2)
    night = np.repeat(np.arange(buyers.size), buyers)
    sums = (np.bincount(night, weights=power, minlength=buyers.size) for power in (spent, spent**2))
    return tuple(one.reshape(people.shape).cumsum(axis=1) for one in sums)


def _nights(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, case: Case, seed: int
) -> pd.DataFrame:
    """What the mart says of the revenue on each night of each campaign, which has the id <campaign>:<night>."""
    rng = np.random.default_rng(seed)
    due = rng.poisson(case.users, size=(CAMPAIGNS, NIGHTS))
    control = rng.binomial(due, case.share)
    frames = []
    for arm, people, effect in (("control", control, 0.0), ("send", due - control, case.effect)):
        total, squares = _money(rng, case, people, effect)
        frames.append(
            pd.DataFrame(
                {
                    "campaign": np.repeat(np.arange(CAMPAIGNS), NIGHTS),
                    "night": np.tile(np.arange(NIGHTS), CAMPAIGNS),
                    "arm": arm,
                    "users": people.cumsum(axis=1).ravel(),
                    "total": total.ravel(),
                    "squares": squares.ravel(),
                }
            )
        )
    connection.register("sums", pd.concat(frames))
    connection.execute(
        """
        create table intermediate.int_measurement__metrics as
        select campaign || ':' || night as campaign_id, 'all' as segment, null::varchar as campaign_arm, arm,
            'revenue' as metric, users, total, 0::double as total_before, squares, 0::double as squares_before,
            0::double as products
        from sums where users > 0
        """
    )
    campaigns = connection.sql(
        "select distinct campaign_id, 'holdout' as evaluation from intermediate.int_measurement__metrics"
    ).df()
    _settings(connection, campaigns, [])
    _run(warehouse, connection, "int_measurement__shares", "int_measurement__comparisons", "campaign_metrics")
    return connection.sql(
        """
        select split_part(campaign_id, ':', 1)::integer as campaign, split_part(campaign_id, ':', 2)::integer as night,
            lift, lift_low, lift_high, lift_anytime_low, lift_anytime_high
        from marts.campaign_metrics order by campaign, night
        """
    ).df()


def _ever(flags: pd.Series, results: pd.DataFrame) -> float:
    """The share of campaigns for which something holds on any night."""
    return float(flags.groupby(results["campaign"]).any().mean())


@pytest.mark.parametrize("name", NO_EFFECT)
def test_no_effect_on_money_is_seldom_shown_on_any_of_ninety_nights(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    results = _nights(warehouse, connection, NO_EFFECT[name], seed=20261201)
    assert results["campaign"].nunique() == CAMPAIGNS
    shown = (results["lift_anytime_low"] > 0) | (results["lift_anytime_high"] < 0)
    assert _ever(shown, results) <= 0.05
    # what the interval for one look would have told them
    assert _ever((results["lift_low"] > 0) | (results["lift_high"] < 0), results) > 0.2


def test_an_effect_on_money_is_shown_in_time_and_the_truth_is_seldom_missed(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    case = Case(users=200, share=0.5, buyers=0.3, effect=20.0)
    results = _nights(warehouse, connection, case, seed=20261202)
    # what it adds to each person: 20 to each buyer, but to those few whom the most cuts off
    truth = 0.3 * 19.9
    low, high = results["lift_anytime_low"], results["lift_anytime_high"]
    assert _ever((low > truth) | (high < truth), results) <= 0.05
    shipped = results[low > 0].groupby("campaign")["night"].min()
    assert len(shipped) > 0.99 * CAMPAIGNS
    assert shipped.median() < 25


def test_the_past_halves_the_variance_at_a_correlation_of_seven_tenths(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    rng = np.random.default_rng(20261203)
    frames = []
    for arm in ("send", "control"):
        x = rng.normal(100, 20, size=(400, 1000))
        y = 100 + 0.7 * (x - 100) + math.sqrt(1 - 0.49) * rng.normal(0, 20, size=x.shape)
        names = ("total", "total_before", "squares", "squares_before", "products")
        sums = zip(names, (y, x, y * y, x * x, x * y), strict=True)
        frames.append(pd.DataFrame({"arm": arm, **{name: values.sum(axis=1) for name, values in sums}}))
    connection.register("sums", pd.concat(frames).reset_index(names="number"))
    connection.execute(
        "create table intermediate.int_measurement__metrics as select number || '' as campaign_id, 'all' as segment,"
        " null::varchar as campaign_arm, 'revenue' as metric, 1000 as users, * exclude (number) from sums"
    )
    campaigns = pd.DataFrame({"campaign_id": [str(number) for number in range(400)], "evaluation": "holdout"})
    _settings(connection, campaigns, [])
    _run(warehouse, connection, "int_measurement__shares", "int_measurement__comparisons", "campaign_metrics")
    rows = connection.execute("from marts.campaign_metrics").df()
    assert len(rows) == 400
    # by the widths that it gives, and by how far the lifts really are from the truth, which is 0
    widths = (rows["adjusted_high"] - rows["adjusted_low"]) / (rows["lift_high"] - rows["lift_low"])
    assert (widths**2).mean() == pytest.approx(0.51, abs=0.01)
    assert rows["adjusted_lift"].var() / rows["lift"].var() == pytest.approx(0.51, abs=0.08)
    assert rows["variance_explained"].mean() == pytest.approx(0.49, abs=0.01)
    inside = (rows["adjusted_low"] <= 0) & (rows["adjusted_high"] >= 0)
    assert 0.92 < inside.mean() < 0.98
