"""How long a campaign must run until an effect can be detected, from a published night."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.foundation.errors import SettingsError
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Detectable:
    """The smallest effect that is detected in 80 of 100 cases, as a share of 1: so many nights from tonight, at a share of control."""

    nights: int
    compared_share: float
    smallest_effect: float


@dataclass(frozen=True)
class Question:
    """What a campaign asks: of those who are sent it, or of an arm against the first one.

    `by_nights` is with the shares as they are set, `by_share` 14 nights from tonight. `nights` and `share` are the first of these at
    which the effect that was asked for is detected, null where none is or where no effect was asked for.
    """

    arm: str
    compared_share: float
    by_nights: list[Detectable]
    by_share: list[Detectable]
    nights: int | None
    share: float | None


@dataclass(frozen=True)
class Power:
    """A campaign's people, and what can be detected of them. `rate` is the share of people who have the success without an effect."""

    campaign_id: str
    success_event: str
    success_window_days: int
    users_so_far: int
    users_per_night: float | None
    listed_share: float | None
    rate: float
    effect: float | None
    questions: list[Question]


def power(
    database: Path, campaign_id: str, *, effect: float | None = None, rate: float | None = None
) -> tuple[datetime, Power]:
    """The published night, and what can be detected by when. `effect` and `rate` are shares of 1; without a rate, the one that was seen counts.

    SettingsError where nothing is published, where there is no such campaign, where it compares nobody, where nobody passes
    its gates, and where no rate was given or seen.
    """
    database_file.open_published(database)
    with database_file.connect(database, read_only=True) as connection:
        (campaign,) = database_file.read_campaigns(connection, campaign_id)
        try:
            rows = database_file.rows(
                connection, _sql("power_of_campaign"), {"campaign_id": campaign_id, "rate": rate}
            )
            is_compared = connection.execute(_sql("is_compared"), [campaign_id]).fetchall()[0][0]
            as_of = database_file.read_night(connection)
        except (duckdb.BinderException, duckdb.CatalogException):
            raise database_file.other_version(database) from None
    if not is_compared:
        raise SettingsError(
            f"{campaign_id} compares nobody, so no effect of it can ever be detected.",
            "set experiment.holdout_percent, or experiment.arms and brief.evaluation: arms, in its campaign.yml, and run a night.",
        )
    if not rows:
        raise SettingsError(
            f"nobody has passed the gates of {campaign_id} on any night, so there are no people to reckon with.",
            f"see what keeps them out: select * from marts.suppression_funnel where campaign_id = '{campaign_id}'.",
        )
    first = rows[0]
    if first["rate"] is None:
        raise SettingsError(
            f"nobody's success window for {campaign_id} is over yet, so its rate of {campaign['success_event']} is unknown.",
            "say what you expect: --rate 5 for five in a hundred.",
        )
    return as_of, Power(
        campaign_id,
        campaign["success_event"],
        campaign["success_window_days"],
        first["users_so_far"],
        first["users_per_night"],
        first["listed_share"],
        first["rate"],
        effect,
        [_question(arm, rows, effect) for arm in dict.fromkeys(row["arm"] for row in rows)],
    )


def _question(arm: str, rows: Iterable[Row], effect: float | None) -> Question:
    mine = [row for row in rows if row["arm"] == arm and row["smallest_effect"] is not None]
    found = {
        is_as_set: [
            Detectable(row["nights"], row["compared_share"], row["smallest_effect"])
            for row in mine
            if row["is_as_set"] == is_as_set
        ]
        for is_as_set in (True, False)
    }
    enough = {
        is_as_set: next((one for one in ones if effect is not None and one.smallest_effect <= effect), None)
        for is_as_set, ones in found.items()
    }
    by_nights, by_share = enough[True], enough[False]
    return Question(
        arm,
        next((row["compared_share"] for row in mine if row["is_as_set"]), 0.0),
        found[True],
        found[False],
        by_nights.nights if by_nights else None,
        by_share.compared_share if by_share else None,
    )
