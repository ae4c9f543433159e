"""A case of the benchmark: a world, a project, and the folder in which contenders run."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.worlds import Zones, land

ROOT = Path(__file__).resolve().parents[1]

# what has happened in a place before a contender runs: nothing, or the first night
Stage = Literal["first", "second"]


@dataclass(frozen=True)
class Case:
    """A world and a project to run nights of, and the folder `work` where that happens; all paths are absolute."""

    name: str
    zones: Zones
    project: Path
    work: Path

    @property
    def place(self) -> Path:
        """Where a contender runs: always the same path, so that what a night has kept under it is found again."""
        return self.work / "place"

    @property
    def zone(self) -> Path:
        """The landing zone of the place."""
        return self.place / "zone"

    @property
    def kept(self) -> Path:
        """What is kept of this case from run to run."""
        return self.work / "cases" / self.name

    @property
    def after_first(self) -> Path:
        """What the place held after the recorded night, but for the landing zone."""
        return self.kept / "after_first"

    @property
    def recording(self) -> Path:
        """The statements of the recorded night."""
        return self.kept / "recording.jsonl"

    @property
    def copies(self) -> Path:
        """The statements that write its lists."""
        return self.kept / "copies.json"

    @property
    def target(self) -> Path:
        """What dbt keeps of the project. Of the project, and not of the case: parsing it once is enough."""
        return self.work / "dbt" / self.project.name

    def environment(self, engine: str = "") -> dict[str, str]:
        """The environment of every contender; dbt's own files stay out of the project's folder, those of an engine by themselves."""
        own = {name: value for name, value in os.environ.items() if not name.startswith("SENDWORTHY_")}
        packages = [str(ROOT / "scripts"), str(ROOT), *filter(None, [own.get("PYTHONPATH")])]
        return {
            **own,
            "PYTHONPATH": os.pathsep.join(packages),
            "DBT_TARGET_PATH": str(self.target / engine),
            "DBT_LOG_PATH": str(self.kept / "logs"),
            "COLUMNS": "160",
        }

    def log(self, name: str) -> Path:
        """Where what a run says is written."""
        return self.kept / "logs" / f"{name}.log"

    def manifest(self) -> dict[str, Any]:
        """What dbt knows of the project."""
        read: dict[str, Any] = json.loads((self.target / "manifest.json").read_text(encoding="utf-8"))
        return read

    def nightly(self, *options: str) -> list[str]:
        """The command `nightly` and its options, for a night in the place."""
        return [
            *("nightly", "--allow-stale", "--project-dir", str(self.project), "--raw", str(self.zone)),
            *("--db", str(self.place / "build.duckdb"), "--out", str(self.place / "out")),
            *("--docs", str(self.place / "docs"), *options),
        ]

    def clear(self, stage: Stage) -> None:
        """Make the place as it is before a night: empty but for the landing zone, or as the first night has left it."""
        shutil.rmtree(self.place, ignore_errors=True)
        if stage == "second":
            shutil.copytree(self.after_first, self.place)
        land(self.zones.first, self.zone)
        if stage == "second":
            land(self.zones.next_day, self.zone)

    def forget(self) -> None:
        """Remove what is kept of the case."""
        shutil.rmtree(self.kept, ignore_errors=True)
        (self.kept / "logs").mkdir(parents=True)
