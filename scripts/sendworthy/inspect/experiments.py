"""The calendar of experiments on the day of the published night, each with what that night says of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from sendworthy.campaigns.experiments import CompiledExperiment, State, read_experiments
from sendworthy.foundation.project import Project
from sendworthy.inspect.report import Result, report


@dataclass(frozen=True)
class ListedExperiment:
    """An experiment and where it stands.

    `days_left`: how many days it has, its last one among them. `days_over`: how many have passed since its last one.
    `results`: of the whole campaign, and of each arm, where the published night has a verdict on it.
    """

    state: State
    experiment: CompiledExperiment
    days_left: int | None
    days_over: int | None
    results: list[Result]


@dataclass(frozen=True)
class Calendar:
    """Every experiment, due ones first. `as_of` is the published night; without one, `day` is that of the clock."""

    as_of: datetime | None
    day: date
    experiments: list[ListedExperiment]


def list_experiments(project: Project, database: Path | None, now: datetime) -> Calendar:
    """The experiments as they are compiled, on the day of the published night, or of `now` where there is none (`database` is None).

    SettingsError where the compiled seed cannot be read, or where the published file is of another version.
    """
    experiments = read_experiments(project.root)
    as_of, results = (None, {}) if database is None else _read_night(database)
    day = (as_of or now).date()
    found = [_listed(item, day, results.get(item.campaign_id, [])) for item in experiments]
    order = list(State)
    last = date.max
    found.sort(
        key=lambda item: (
            order.index(item.state),
            item.experiment.planned_end or last,
            item.experiment.campaign_id,
        )
    )
    return Calendar(as_of, day, found)


def _read_night(database: Path) -> tuple[datetime, dict[str, list[Result]]]:
    as_of, campaigns = report(database)
    return as_of, {
        campaign.campaign_id: [
            result for result in campaign.results if result.variant == "all" and result.verdict is not None
        ]
        for campaign in campaigns
    }


def _listed(experiment: CompiledExperiment, day: date, results: list[Result]) -> ListedExperiment:
    state, end = experiment.state_on(day), experiment.planned_end
    return ListedExperiment(
        state,
        experiment,
        (end - day).days + 1 if end is not None and state == State.running else None,
        (day - end).days if end is not None and state == State.due else None,
        results,
    )


def as_dict(calendar: Calendar) -> dict[str, object]:
    """The calendar as JSON has it."""
    return {
        "as_of": calendar.as_of,
        "day": calendar.day,
        "experiments": [
            {
                "state": item.state.value,
                **item.experiment.model_dump(mode="json"),
                "days_left": item.days_left,
                "days_over": item.days_over,
                "results": [
                    {
                        "arm": result.arm,
                        "verdict": result.verdict,
                        "reason": result.reason,
                        "lift": result.lift,
                        "lift_low": result.lift_low,
                        "lift_high": result.lift_high,
                    }
                    for result in item.results
                ],
            }
            for item in calendar.experiments
        ],
    }
