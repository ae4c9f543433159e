"""What campaigns have brought about: the results of a published night, with what to do and why."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import duckdb

from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

Row = TypeVar("Row")
_sql = statements_in(Path(__file__).with_name("sql"))

# those of the folders, and those that ran outside
MEASURED = "intermediate.int_measurement__campaigns"

# what may be acted on, on any night (marts.campaign_results.verdict_reason)
REASONS = {
    "better_than_control": "better than control, whichever night you look",
    "worse_than_control": "worse than control, whichever night you look",
    "better_than_first_arm": "better than the first arm, whichever night you look",
    "worse_than_first_arm": "worse than the first arm, whichever night you look",
    "split_is_wrong": "control is not the promised share: find out why, do not believe the lift",
    "guardrail_is_harmed": "it does more harm than is put up with: look at its guardrails",
    "too_few_users": "too few people yet to check the split",
    "not_known_yet": "no difference can be told from chance yet",
}


@dataclass(frozen=True)
class Result:
    """One variant of a campaign (`all`: the whole campaign), or an arm of it, against its control; shares of 1, null where nobody is there.

    An arm's control are those of its own whom the holdout kept it from, or, where the campaign is judged by its arms, the
    people of the first one: `compared_with` says which.

    `lift_low` to `lift_high` holds on all nights at once. `verdict` is ship, keep_going or stop, and null without control.
    """

    variant: str
    arm: str | None
    users: int
    control_users: int
    waiting_users: int
    rate: float | None
    control_rate: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    verdict: str | None
    reason: str | None
    compared_with: str | None


@dataclass(frozen=True)
class Metric:
    """What the people of a campaign, of an arm or of a segment did, against their control: a mean per person, or a share of 1.

    `lift_low` to `lift_high` holds on all nights at once, of all segments and all guardrails together. `adjusted_lift` is the lift
    without what the same people did before, null where they did nothing.
    """

    segment: str
    arm: str | None
    metric: str
    is_guardrail: bool
    is_share: bool
    users: int
    control_users: int
    mean: float | None
    control_mean: float | None
    lift: float | None
    lift_low: float | None
    lift_high: float | None
    adjusted_lift: float | None
    adjusted_low: float | None
    adjusted_high: float | None
    variance_explained: float | None
    tolerated_rise: Decimal | None
    is_harmed: bool
    compared_with: str | None


@dataclass(frozen=True)
class Report:
    """One campaign: what counts as a success, its results, the whole campaign first, and what else people did."""

    campaign_id: str
    name: str
    success_event: str
    success_window_days: int
    results: list[Result]
    metrics: list[Metric]


def report(database: Path, campaign_id: str | None = None) -> tuple[datetime, list[Report]]:
    """The published night, and the results of each campaign that has any, or of the one that is named.

    SettingsError where nothing is published, where there is no such campaign, or where the file is of another version.
    """
    database_file.open_published(database)
    with database_file.connect(database, read_only=True) as connection:
        try:
            campaigns = database_file.read_campaigns(connection, campaign_id, MEASURED)
            results = _read(connection, "results_of_campaigns", Result)
            metrics = _read(connection, "metrics_of_campaigns", Metric)
            as_of = database_file.read_night(connection)
        except (duckdb.BinderException, duckdb.CatalogException):
            raise database_file.other_version(database) from None
    return as_of, [
        Report(
            campaign["campaign_id"],
            campaign["name"],
            campaign["success_event"],
            campaign["success_window_days"],
            results.get(campaign["campaign_id"], []),
            metrics.get(campaign["campaign_id"], []),
        )
        for campaign in campaigns
        if campaign_id is not None or campaign["campaign_id"] in results
    ]


def _read(
    connection: duckdb.DuckDBPyConnection, statement: str, kind: Callable[..., Row]
) -> dict[str, list[Row]]:
    """By campaign, its rows, in the order of the statement."""
    found: dict[str, list[Row]] = {}
    for row in database_file.rows(connection, _sql(statement)):
        found.setdefault(row.pop("campaign_id"), []).append(kind(**row))
    return found
