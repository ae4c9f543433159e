"""What campaigns have brought about: the results of a published night, with what to do and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

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
class Report:
    """One campaign: what counts as a success, and its results, the whole campaign first."""

    campaign_id: str
    name: str
    success_event: str
    success_window_days: int
    results: list[Result]


def report(database: Path, campaign_id: str | None = None) -> tuple[datetime, list[Report]]:
    """The published night, and the results of each campaign that has any, or of the one that is named.

    SettingsError where nothing is published, where there is no such campaign, or where the file is of another version.
    """
    database_file.open_published(database)
    with database_file.connect(database, read_only=True) as connection:
        try:
            campaigns = database_file.read_campaigns(connection, campaign_id, MEASURED)
            results = _read_results(connection)
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
        )
        for campaign in campaigns
        if campaign_id is not None or campaign["campaign_id"] in results
    ]


def _read_results(connection: duckdb.DuckDBPyConnection) -> dict[str, list[Result]]:
    """By campaign, the row of each variant, that of the whole campaign first."""
    found: dict[str, list[Result]] = {}
    for row in database_file.rows(connection, _sql("results_of_campaigns")):
        found.setdefault(row.pop("campaign_id"), []).append(Result(**row))
    return found
