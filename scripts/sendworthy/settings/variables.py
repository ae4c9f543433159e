"""The variables of dbt_project.yml that rules read: a wrong one would be read as no rule at all."""

from __future__ import annotations

import re
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from sendworthy.foundation.errors import Problem, did_you_mean
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.settings.error_texts import TEXTS, in_words, wrong
from sendworthy.settings.seed_files import read_seed

_FILE = "dbt_project.yml"
_OFFSET = re.compile(r"[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00)")
_EXAMPLES = {"raw": "data/sample", "default_timezone": "Europe/Berlin"}

_TEXTS = {
    **TEXTS,
    "missing": ("the variable is not there", "restore it from version control, or see CHANGELOG.md"),
    "greater_than": ("{bare} is out of range", "write {number} above 0 and up to {high}"),
    "float_type": TEXTS["decimal_type"],
}


class Variables(BaseModel):
    """Those of `vars` that docs/contract.md names, but for those of alerts and destinations, which have checks of their own."""

    model_config = ConfigDict(strict=True, frozen=True)

    raw: Annotated[str, Field(min_length=1)]
    global_holdout_percent: Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
    unreadable_days: Annotated[int, Field(ge=0, le=36_500)]
    delivery_hours: Annotated[int, Field(ge=0, le=168)]
    default_timezone: str
    subject_max_characters: Annotated[int, Field(ge=1, le=998)]
    last_night_max_hours: Annotated[float, Field(gt=0, le=8760, allow_inf_nan=False)]
    overwrite_audited: bool

    @field_validator("default_timezone")
    @classmethod
    def _is_a_zone(cls, value: str, info: ValidationInfo) -> str:
        zones = (info.context or {})["zones"]
        if zones and value not in zones and not _OFFSET.fullmatch(value):
            fix = did_you_mean(value, zones, "write one of seeds/timezones.csv, such as Europe/Berlin")
            raise wrong(f"{value!r} is no time zone", fix)
        return value


def check_variables(project: Project) -> list[Problem]:
    """Everything that is wrong with the variables; nothing is read as a default."""
    try:
        found: Any = read_dbt_yaml(project.root / _FILE, project.root)
        written = dict(found["vars"])
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return [Problem(_FILE, "vars", "it cannot be read", "restore it from version control")]
    zones = {row["timezone_name"] for row in read_seed(project.root, "timezones")}
    try:
        Variables.model_validate(written, context={"zones": zones})
    except ValidationError as error:
        return [
            Problem(
                _FILE,
                ".".join(("vars", *map(str, one["loc"]))),
                *in_words(one, Variables, _TEXTS, example=_EXAMPLES.get(str(one["loc"][-1]), "it anew")),
            )
            for one in error.errors(include_url=False)
        ]
    return []
