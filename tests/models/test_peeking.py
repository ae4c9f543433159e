"""Who looks at the results every night is told of an effect that is not there in at most 5 % of the campaigns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.support.model_harness import Warehouse

CAMPAIGNS, NIGHTS = 4000, 90


@dataclass(frozen=True)
class Case:
    """Campaigns of one kind: the rate of control, what the message adds, how many people become due a night, and control's share."""

    rate: float
    effect: float
    users: int
    share: float
    promised_share: float | None = None


NO_EFFECT = {
    "rare": Case(rate=0.002, effect=0, users=200, share=0.1),
    "usual": Case(rate=0.05, effect=0, users=200, share=0.1),
    "halves": Case(rate=0.3, effect=0, users=200, share=0.5),
    "few": Case(rate=0.3, effect=0, users=5, share=0.1),
}


def _counts(case: Case, seed: int) -> pd.DataFrame:
    """What `int_measurement__arms` would hold after each night of each campaign, which has the id <campaign>:<night>."""
    rng = np.random.default_rng(seed)
    # whoever became due that night, and which of them the hash put into control
    due = rng.poisson(case.users, size=(CAMPAIGNS, NIGHTS))
    control = rng.binomial(due, case.share)
    arms = {"control": (control, case.rate), "send": (due - control, case.rate + case.effect)}
    frames = []
    for arm, (people, chance) in arms.items():
        converted = rng.binomial(people, chance)
        frames.append(
            pd.DataFrame(
                {
                    "campaign": np.repeat(np.arange(CAMPAIGNS), NIGHTS),
                    "night": np.tile(np.arange(NIGHTS), CAMPAIGNS),
                    "arm": arm,
                    "users": people.cumsum(axis=1).ravel(),
                    "converted": converted.cumsum(axis=1).ravel(),
                }
            )
        )
    return pd.concat(frames)


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.open() as connection:
        yield connection


def _results(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, case: Case, seed: int
) -> pd.DataFrame:
    """What the mart says on each night of each campaign."""
    connection.register("counts", _counts(case, seed))
    connection.execute(
        """
        create table intermediate.int_measurement__arms as
        select
            campaign || ':' || night as campaign_id,
            'all' as variant,
            null::varchar as campaign_arm,
            arm,
            users,
            0::bigint as listed_users,
            0::bigint as waiting_users,
            converted,
        from counts
        where users > 0
        """
    )
    connection.execute(
        """
        create table settings.campaigns as
        select distinct campaign_id, 'holdout' as evaluation, false as is_transactional, ?::decimal(7, 4) as holdout_percent
        from intermediate.int_measurement__arms
        """,
        [100 * (case.promised_share or case.share)],
    )
    connection.execute(
        """
        create table intermediate.int_campaigns__arms (
            campaign_id varchar, arm varchar, arm_number integer, share_percent integer
        )
        """
    )
    connection.execute(
        "create table marts.campaign_metrics (campaign_id varchar, segment varchar, arm varchar, is_harmed boolean)"
    )
    connection.execute(
        "create table settings.outside_campaigns (campaign_id varchar, control_arm varchar, arms varchar)"
    )
    for model in ("int_measurement__shares", "int_measurement__comparisons", "campaign_results"):
        warehouse.run_model(connection, model, as_of=datetime(2026, 6, 1))
    return connection.sql(
        """
        select
            split_part(campaign_id, ':', 1)::integer as campaign,
            split_part(campaign_id, ':', 2)::integer as night,
            lift_low > 0 or lift_high < 0 as is_shown_by_fixed,
            lift_anytime_low > ? or lift_anytime_high < ? as misses,
            verdict,
            verdict_reason,
            not is_sample_ratio_ok as is_alarm
        from marts.campaign_results
        where arm = 'send'
        order by campaign, night
        """,
        params=[case.effect, case.effect],
    ).df()


def _ever(flags: pd.Series, results: pd.DataFrame) -> float:
    """The share of campaigns for which something holds on any night."""
    return float(flags.fillna(False).astype(bool).groupby(results["campaign"]).any().mean())


@pytest.mark.parametrize("name", NO_EFFECT)
def test_no_effect_is_seldom_shown_on_any_of_ninety_nights(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    results = _results(warehouse, connection, NO_EFFECT[name], seed=20261130)
    assert results["campaign"].nunique() == CAMPAIGNS
    acted_on = results["verdict_reason"].isin(["better_than_control", "worse_than_control"])
    assert _ever(acted_on, results) <= 0.05
    assert _ever(results["misses"], results) <= 0.05
    # one in a thousand, give or take what chance does to 4,000
    assert _ever(results["is_alarm"], results) <= 0.003
    # what the fixed interval would have told them
    assert _ever(results["is_shown_by_fixed"], results) > 0.2


def test_an_effect_is_shown_in_time_and_the_truth_is_seldom_missed(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    case = Case(rate=0.3, effect=0.05, users=200, share=0.5)
    results = _results(warehouse, connection, case, seed=20261201)
    assert _ever(results["misses"], results) <= 0.05
    shipped = results[results["verdict"] == "ship"].groupby("campaign")["night"].min()
    assert len(shipped) > 0.99 * CAMPAIGNS
    # the fixed interval, looked at once, would need some 13 nights for so many users
    assert shipped.median() < 30


def test_a_wrong_split_is_found(warehouse: Warehouse, connection: duckdb.DuckDBPyConnection) -> None:
    """A tenth of control is lost on the way: 9 % instead of 10 %."""
    case = Case(rate=0.05, effect=0, users=500, share=0.09, promised_share=0.1)
    results = _results(warehouse, connection, case, seed=20261202)
    alarms = results[results["is_alarm"].fillna(False).astype(bool)]
    assert alarms["campaign"].nunique() > 0.99 * CAMPAIGNS
    assert set(alarms["verdict"]) == {"stop"} and set(alarms["verdict_reason"]) == {"split_is_wrong"}
