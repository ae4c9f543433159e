"""The targets of profiles.yml, as far as the night needs to know them before dbt does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from sendworthy.errors import SettingsError
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.project import Project

PROFILE = "sendworthy"


@dataclass(frozen=True)
class Target:
    """One target: its name, its kind of engine, how dbt reaches it, and the settings that it gives a Spark session."""

    name: str
    type: str
    method: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def read_target(project: Project, wanted: str | None, environment: Mapping[str, str]) -> Target:
    """The target that dbt takes: the wanted one, else that of the variable DBT_TARGET, else the profile's own.

    `environment` is what `env_var` sees. SettingsError for a target that is not there, or that asks for a variable
    that is not set.
    """
    try:
        profile = read_dbt_yaml(project.root / "profiles.yml", project.root)[PROFILE]
        outputs = profile["outputs"]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "problem", None) or type(error).__name__
        raise SettingsError(
            f"profiles.yml cannot be read: {why}.", "restore it from version control, or mend it."
        ) from None
    name = wanted or environment.get("DBT_TARGET") or _render(profile.get("target", "default"), environment)
    if name not in outputs:
        raise SettingsError(
            f"--target {name!r} is not in profiles.yml.", f"choose among {', '.join(sorted(outputs))}."
        )
    output = outputs[name]
    return Target(
        name=name,
        type=_render(output["type"], environment),
        method=_render(output.get("method", ""), environment),
        settings={
            str(key): _render(value, environment)
            for key, value in (output.get("server_side_parameters") or {}).items()
        },
    )


def _render(value: Any, environment: Mapping[str, str]) -> str:
    """A value of the profile as dbt reads it; only what it may hold of Jinja there: `env_var`."""
    if not isinstance(value, str):
        return str(value)
    # here and not above: most commands read no profile
    import jinja2

    def env_var(name: str, default: str | None = None) -> str:
        found = environment.get(name, default)
        if found is None:
            raise SettingsError(f"profiles.yml asks for the variable {name}, which is not set.", "set it.")
        return found

    try:
        return jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(value).render(env_var=env_var)
    except jinja2.TemplateError as error:
        raise SettingsError(f"profiles.yml: {value!r} cannot be read: {error}", "mend it.") from None
