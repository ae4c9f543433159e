"""What the tests of whole nights share: the command line, and projects of one's own to run it in."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

ROOT = Path(__file__).resolve().parents[1]
FIRST, SECOND = "2026-06-01", "2026-06-02"


def sendworthy(
    *arguments: object, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sendworthy.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def copy_project(target: Path) -> Path:
    """What a clone has, without what was built here."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


@dataclass
class Place:
    """A project of one's own, with the database and the lists of its nights."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "sendworthy.duckdb"

    def night(self, as_of: str, *options: object) -> subprocess.CompletedProcess[str]:
        return sendworthy("nightly", "--as-of", as_of, *options, cwd=self.root)

    def manifest(self, as_of: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(
            (self.root / "out" / as_of / "manifest.json").read_text(encoding="utf-8")
        )
        return read

    def lists(self, as_of: str) -> dict[str, bytes]:
        folder = self.root / "out" / as_of
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*.csv"))}

    def changes(self, as_of: str, out: Path | None = None) -> dict[str, bytes]:
        folder = (out or self.root / "out") / as_of
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/changes/*"))
        }

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()
