"""The targets of profiles.yml, as far as the night needs to know them before dbt does."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml
from pydantic import BaseModel, ValidationError

from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import WHERE_DBT_WRITES, Project
from sendworthy.foundation.safe_files import MAX_SETTINGS, read_file
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.settings.error_texts import in_words

PROFILE = "sendworthy"

_ASKED_FOR = re.compile(r"""env_var\(\s*['"](DBT_\w+)""")


class _Output(BaseModel):
    """A target as profiles.yml has it; what else it says is dbt's."""

    type: str
    method: str = ""
    server_side_parameters: dict[str, str | int | float] | None = None


class _Profile(BaseModel):
    target: str = "default"
    outputs: dict[str, _Output]


@dataclass(frozen=True)
class Target:
    """One target: its name, its kind of engine, how dbt reaches it, and the settings that it gives a Spark session."""

    name: str
    type: str
    method: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def dbt_environment(project: Project, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without another dbt project's: dbt takes any of its options from a variable `DBT_<OPTION>`.

    Kept are those that say where dbt writes, and those that profiles.yml asks for.
    """
    try:
        content = read_file(project.root / "profiles.yml", project.root, MAX_SETTINGS)
    except OSError:
        # `read_target` says why
        content = b""
    profile = content.decode("utf-8", errors="replace")
    kept = {*WHERE_DBT_WRITES, *_ASKED_FOR.findall(profile)}
    return {name: value for name, value in environment.items() if not name.startswith("DBT_") or name in kept}


def read_target(project: Project, wanted: str | None, environment: Mapping[str, str]) -> Target:
    """The wanted target, else the profile's own.

    `environment` is what `env_var` sees. SettingsError for a target that is not there, or that asks for a variable
    that is not set.
    """
    try:
        profile = _Profile.model_validate(read_dbt_yaml(project.root / "profiles.yml", project.root)[PROFILE])
    except ValidationError as error:
        problems = [
            Problem("profiles.yml", ".".join(map(str, (PROFILE, *one["loc"]))), *in_words(one, _Profile))
            for one in error.errors(include_url=False)
        ]
        raise SettingsError("profiles.yml is not in order.", "fix what is named above.", problems) from None
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError) as error:
        why = getattr(error, "strerror", None) or getattr(error, "problem", None) or type(error).__name__
        raise SettingsError(
            f"profiles.yml cannot be read: {why}.", "restore it from version control, or fix it."
        ) from None
    name = wanted or _render(profile.target, environment)
    if name not in profile.outputs:
        choice = f"choose among {', '.join(sorted(profile.outputs))}."
        raise SettingsError(f"--target {name!r} is not in profiles.yml.", choice)
    output = profile.outputs[name]
    settings = output.server_side_parameters or {}
    return Target(
        name=name,
        type=_render(output.type, environment),
        method=_render(output.method, environment),
        settings={key: _render(str(value), environment) for key, value in settings.items()},
    )


def _render(value: str, environment: Mapping[str, str]) -> str:
    """A value of the profile as dbt reads it; only what it may hold of Jinja there: `env_var`."""
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
        raise SettingsError(f"profiles.yml: {value!r} cannot be read: {error}", "fix it.") from None
