"""The calendar of experiments: what is compiled of each, and where it stands on a day."""

from __future__ import annotations

from datetime import date
from enum import Enum
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from sendworthy.campaigns.post_mortem import KEEP_GOING
from sendworthy.foundation.errors import SettingsError
from sendworthy.settings.seed_files import SEEDS_DIR, read_seed

_SEED = "compiled/experiments"


class State(str, Enum):
    """Where an experiment stands, in the order in which people should look at it."""

    due = "due"
    running = "running"
    not_started = "not_started"
    learned = "learned"
    no_planned_end = "no_planned_end"


class CompiledExperiment(BaseModel):
    """One row of the compiled seed: what was planned, and what was learned where somebody has written it down."""

    model_config = ConfigDict(frozen=True)

    campaign_id: str
    owner: str
    hypothesis: str | None
    starts: date | None
    planned_end: date | None
    decided: date | None
    decision: str | None
    expected: str | None
    observed: str | None
    observed_low: float | None
    observed_high: float | None
    next_step: str | None

    @field_validator("*", mode="before")
    @classmethod
    def _no_text_is_no_value(cls, value: object) -> object:
        return None if value == "" else value

    def state_on(self, day: date) -> State:
        """Where it stands on a day. The planned end is its last day; to keep going ends nothing."""
        if self.decision not in (None, KEEP_GOING):
            return State.learned
        if self.starts is None or self.planned_end is None:
            return State.no_planned_end
        if day < self.starts:
            return State.not_started
        return State.due if day > self.planned_end else State.running


def read_experiments(project_dir: Path) -> list[CompiledExperiment]:
    """The compiled experiments, by campaign. SettingsError where the seed is missing, or is not one that this version writes."""
    try:
        if not (project_dir / SEEDS_DIR / f"{_SEED}.csv").is_file():
            raise FileNotFoundError
        return [CompiledExperiment.model_validate(row) for row in read_seed(project_dir, _SEED)]
    except (OSError, ValidationError):
        raise SettingsError(
            f"{SEEDS_DIR}/{_SEED}.csv is missing, or is not what this version writes.",
            "run: sendworthy compile",
        ) from None
