"""Copies of the project with more campaigns."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.contenders import PROGRAM
from benchmarks.errors import BenchmarkError

# what a night reads of a project
_NEEDED = ("campaigns", "docs", "expectations", "macros", "models", "seeds", "tests/data")


def more_campaigns(project: Path, times: int, folder: Path, environment: dict[str, str]) -> Path:
    """The project with each campaign `times` times (under ids of their own), as a copy below `folder`; itself for 1."""
    if times == 1:
        return project
    copy = folder / f"{project.name}-campaigns-x{times}"
    shutil.rmtree(copy, ignore_errors=True)
    for name in _NEEDED:
        shutil.copytree(project / name, copy / name)
    for path in project.glob("*.yml"):
        shutil.copyfile(path, copy / path.name)
    shutil.copyfile(project / "pyproject.toml", copy / "pyproject.toml")
    for campaign in sorted((project / "campaigns").iterdir()):
        if (campaign / "campaign.yml").is_file():
            for number in range(2, times + 1):
                shutil.copytree(campaign, copy / "campaigns" / _renamed(campaign.name, number))
    ended = subprocess.run(
        [*PROGRAM, "compile", "--project-dir", str(copy)],
        env=environment,
        cwd=copy,
        capture_output=True,
        text=True,
    )
    if ended.returncode != 0:
        raise BenchmarkError(
            f"the copied campaigns in {copy} do not compile:\n{ended.stdout[-2000:]}{ended.stderr[-2000:]}"
        )
    return copy


def _renamed(campaign_id: str, number: int) -> str:
    """`<kind>__<audience>__<channel>[__<suffix>]` with a suffix for the copy."""
    has_suffix = campaign_id.count("__") == 3
    return f"{campaign_id}{'_' if has_suffix else '__'}copy_{number}"
