"""What the wheel holds beside Python: all that lies below scripts/sendworthy, and nothing that is gone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]

PROJECT = Path(__file__).resolve().parents[2]
SCRIPTS = PROJECT / "scripts"

with (PROJECT / "pyproject.toml").open("rb") as file:
    DECLARED: dict[str, list[str]] = tomllib.load(file)["tool"]["setuptools"]["package-data"]


def matches(package: str, pattern: str) -> set[str]:
    """The files that a pattern of pyproject.toml takes into the wheel, from scripts/ on."""
    found = SCRIPTS.joinpath(*package.split(".")).glob(pattern)
    return {path.relative_to(SCRIPTS).as_posix() for path in found if path.is_file()}


def test_every_file_that_is_no_python_is_declared() -> None:
    declared = {
        name for package, patterns in DECLARED.items() for item in patterns for name in matches(package, item)
    }
    there = {
        path.relative_to(SCRIPTS).as_posix()
        for path in (SCRIPTS / "sendworthy").rglob("*")
        if path.is_file() and path.suffix != ".py" and "__pycache__" not in path.parts
    }
    assert there, "the test looks in the wrong folder"
    assert there - declared == set(), (
        "the wheel would lack them: tool.setuptools.package-data in pyproject.toml"
    )


@pytest.mark.parametrize(
    ("package", "pattern"), [(package, item) for package, patterns in DECLARED.items() for item in patterns]
)
def test_every_declared_pattern_finds_something(package: str, pattern: str) -> None:
    assert matches(package, pattern), f"{package}: {pattern} in pyproject.toml finds nothing"
