"""Where things are: the project's folder and the files that a night reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.safe_yaml import read_dbt_yaml

# where dbt writes what it has parsed, and its log, and where it does without them: the only ones of dbt's variables that a night follows
WHERE_DBT_WRITES = {"DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs"}


@dataclass(frozen=True)
class Project:
    """A Sendworthy project: the folder that holds dbt_project.yml."""

    root: Path

    @property
    def compiled_campaigns(self) -> Path:
        """The campaigns as `sendworthy compile` wrote them."""
        return self.root / "seeds" / "compiled" / "campaigns.csv"

    def variable(self, name: str) -> Any:
        """A variable of dbt_project.yml; SettingsError where it is not there."""
        try:
            found = read_dbt_yaml(self.root / "dbt_project.yml", self.root)
            return found["vars"][name]
        except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
            raise SettingsError(
                f"dbt_project.yml: the variable {name} is not there.",
                "restore it from version control, or see CHANGELOG.md for what an upgrade adds.",
            ) from None

    def resolve(self, path: Path | None, default: str) -> Path:
        """A path that a person gave (relative to where they stand) or the default one inside the project."""
        return path.expanduser().resolve() if path else self.root / default


def find_project(project_dir: Path | None) -> Project:
    """The project in `project_dir`, or in the current directory; SettingsError where there is none."""
    root = (project_dir or Path.cwd()).expanduser().resolve()
    if not (root / "dbt_project.yml").is_file():
        raise SettingsError(
            f"{root} is not a Sendworthy project: it has no dbt_project.yml.",
            "change to the project's folder, or name it with --project-dir.",
        )
    return Project(root)
