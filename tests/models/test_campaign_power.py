"""What `campaign_power` says can be detected is detected, in about 80 of 100 simulated campaigns; and whom it reckons with."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pytest

from tests.models.test_peeking import Case, _results
from tests.support.model_harness import Warehouse, fill
from tests.support.projects import ROOT

AS_OF = datetime(2026, 3, 29)
DAY = timedelta(days=1)

Row = dict[str, Any]


@pytest.fixture
def connection(warehouse: Warehouse) -> Iterator[duckdb.DuckDBPyConnection]:
    with warehouse.open() as connection:
        yield connection


def _power(
    warehouse: Warehouse,
    connection: duckdb.DuckDBPyConnection,
    *,
    comparisons: list[tuple[Any, ...]],
    arms: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    results: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    assigned: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    past: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
    tonight: list[tuple[Any, ...]] = (),  # type: ignore[assignment]
) -> list[Row]:
    decisions = (
        "as_of timestamp, campaign_id varchar, user_id varchar, decision varchar, primary_reason varchar"
    )
    tables = {
        "intermediate.int_measurement__comparisons": (
            "campaign_id varchar, campaign_arm varchar, arm varchar, compared_arm varchar, evaluation varchar,"
            " expected_control_share double, is_against_first boolean",
            comparisons,
        ),
        "intermediate.int_campaigns__arms": (
            "campaign_id varchar, arm varchar, arm_number integer, share_percent integer",
            arms,
        ),
        "marts.campaign_results": (
            "campaign_id varchar, variant varchar, arm varchar, users bigint, converted bigint",
            results,
        ),
        "intermediate.int_measurement__eligible_users": (
            "campaign_id varchar, user_id varchar, assigned_at timestamp",
            assigned,
        ),
        "staging.stg_ledger__decisions": (decisions, past),
        "marts.campaign_decisions": (decisions, tonight),
    }
    connection.execute("create table intermediate.int_nights__as_of as select ?::timestamp as as_of", [AS_OF])
    connection.execute(f"create table settings.reasons as from read_csv('{ROOT / 'seeds/reasons.csv'}')")
    for name, (columns, rows) in tables.items():
        connection.execute(f"create or replace table {name} ({columns})")
        fill(connection, name, list(rows))
    for model in ("int_measurement__recent_decisions", "campaign_power"):
        warehouse.run_model(connection, model, as_of=AS_OF)
    found: list[Row] = connection.execute("from marts.campaign_power").df().to_dict("records")
    return found


HELD = ("held", None, "send", None, "holdout", 0.25, False)


def test_who_passes_every_gate_but_the_experiment_is_reckoned_with(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection
) -> None:
    def decided(
        before: float, user: str, decision: str, reason: str | None = None, name: str = "held"
    ) -> tuple[Any, ...]:
        return (AS_OF - before * DAY, name, user, decision, reason)

    rows = _power(
        warehouse,
        connection,
        comparisons=[
            HELD,
            ("armed", None, "send", None, "arms", 0.5, False),
            ("armed", "plain", "plain", None, "arms", 0.0, True),
            ("armed", "urgent", "urgent", "plain", "arms", 0.75, True),
            ("nobody", None, "send", None, "none", 0.0, False),
            ("everybody", None, "send", None, "holdout", 1.0, False),
            ("empty", None, "send", None, "holdout", 0.5, False),
        ],
        arms=[("armed", "plain", 1, 30), ("armed", "urgent", 2, 10), ("armed", "late", 3, 60)],
        results=[
            ("held", "all", "send", 2, 1),
            ("held", "all", "control", 1, 1),
            ("held", "default", "send", 2, 2),
            ("armed", "all", "send", 0, 0),
        ],
        # the results count them for ever, and nobody twice
        assigned=[("held", "long_ago", AS_OF - 90 * DAY), ("held", "again", AS_OF - 60 * DAY)],
        past=[
            decided(28, "too_old", "send"),
            decided(27, "sent", "send"),
            decided(27, "held_out", "control", "holdout"),
            decided(27, "lost", "suppress", "total_cap"),
            decided(27, "gated", "suppress", "consent_unknown"),
            decided(26, "again", "send"),
            decided(26, "sent", "send"),
            decided(26, "piloted", "suppress", "outside_pilot"),
            decided(0, "of_a_rerun", "send"),
        ],
        tonight=[
            decided(0, "tonight", "send"),
            decided(0, "sent", "suppress", "cooldown"),
            decided(0, "a1", "send", None, "armed"),
            decided(0, "a2", "suppress", "outside_pilot", "armed"),
            decided(0, "n", "send", None, "nobody"),
            decided(0, "e", "control", "holdout", "everybody"),
        ],
    )
    assert {(row["campaign_id"], row["arm"]) for row in rows} == {("held", "send"), ("armed", "urgent")}
    by_key = {
        (row["campaign_id"], row["is_as_set"], row["nights"], row["compared_share"]): row for row in rows
    }
    assert len(by_key) == len(rows)
    held = by_key["held", True, 0, 0.25]
    # long_ago, again, sent, held_out, lost, piloted, tonight
    assert held["users_so_far"] == 7
    # five of them have come on three nights; on the first one, the results say, there were others
    assert held["users_per_night"] == pytest.approx(5 / 3)
    # sent twice, again, tonight got their place; lost did not
    assert held["listed_share"] == pytest.approx(4 / 5)
    assert held["base_rate"] == pytest.approx((2 + 1) / (3 + 2))
    assert by_key["held", True, 357, 0.25]["users"] == pytest.approx(7 + 357 * 5 / 3)
    shares = {row["compared_share"] for row in rows if not row["is_as_set"]}
    assert shares >= {0.01, 0.5} and {row["nights"] for row in rows if not row["is_as_set"]} == {14}
    assert {row["campaign_id"] for row in rows if not row["is_as_set"]} == {"held"}
    # on the first night nobody knows how many come; half are held out, and 40 of 100 of the others are in the two arms
    armed = by_key["armed", True, 7, 0.75]
    assert armed["users_so_far"] == 2 and armed["users"] == pytest.approx(2 * 0.5 * 0.4)
    assert armed["users_per_night"] != armed["users_per_night"]
    assert armed["base_rate"] != armed["base_rate"] and armed["smallest_effect"] != armed["smallest_effect"]


@pytest.mark.parametrize(("rate", "share", "nights"), [(0.3, 0.5, 28), (0.3, 0.1, 28), (0.05, 0.5, 56)])
def test_what_can_be_detected_is_detected(
    warehouse: Warehouse, connection: duckdb.DuckDBPyConnection, rate: float, share: float, nights: int
) -> None:
    """200 people a night, and an effect as large as it says: half of it in the control's rate, so that the mean is the base rate."""
    night = AS_OF - DAY
    past = [(night, "held", f"u{number}", "send", None) for number in range(200)]
    tonight = [(AS_OF, "held", f"v{number}", "send", None) for number in range(200)]
    comparisons = [("held", None, "send", None, "holdout", share, False)]
    large = 100_000
    results = [("held", "all", "send", large, round(large * rate))]
    rows = _power(warehouse, connection, comparisons=comparisons, results=results, past=past, tonight=tonight)
    # 400 are there tonight, and as many as come in so many nights less two
    (effect,) = [row["smallest_effect"] for row in rows if row["is_as_set"] and row["nights"] == nights]
    connection.execute(
        "drop table intermediate.int_campaigns__arms; drop table intermediate.int_measurement__comparisons"
    )
    case = Case(rate=rate - share_of_send(share) * effect, effect=effect, users=200, share=share)
    results_by_night = _results(warehouse, connection, case, seed=20261201)
    # the night of `nights` is the one after so many and two have come
    at_night = results_by_night[results_by_night["night"] == nights + 1]
    assert 0.7 < (at_night["verdict"] == "ship").mean() < 0.9


def share_of_send(share_of_control: float) -> float:
    """So much of an effect is in the rate of both arms together."""
    return 1 - share_of_control
