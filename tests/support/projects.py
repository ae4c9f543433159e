"""What the tests of whole nights share: the command line, and projects of one's own to run it in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import msgpack  # type: ignore[import-untyped]

ROOT = Path(__file__).resolve().parents[2]
FIRST, SECOND = "2026-06-01", "2026-06-02"


def sendworthy(
    *arguments: object, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sendworthy.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def dbt(*arguments: object, cwd: Path, build: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run dbt alone, into the file that the profile names or into `build`."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "SENDWORTHY_"))
    }
    if build is not None:
        environment["SENDWORTHY_BUILD_DB"] = str(build)
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=environment | {"DO_NOT_TRACK": "1"}, capture_output=True, text=True, timeout=900
    )


@cache
def _parsed() -> dict[str, Any]:
    """What dbt keeps of the project once it has parsed it, which takes longer than a night."""
    with TemporaryDirectory() as folder:
        copy_clone(Path(folder))
        command = "from sendworthy.build.dbt_main import keep_parsed; from dbt.cli.main import cli; from pathlib import Path; "
        command += "keep_parsed(Path.cwd(), Path('target')); cli()"
        subprocess.run(
            [sys.executable, "-c", command, "--quiet", "parse", "--target", "duckdb"],
            cwd=folder,
            env=os.environ | {"SENDWORTHY_BUILD_DB": "build.duckdb"},
            check=True,
        )
        kept: dict[str, Any] = msgpack.unpackb(
            (Path(folder) / "target" / "partial_parse.msgpack").read_bytes(), strict_map_key=False
        )
        return kept


def copy_project(target: Path) -> Path:
    """A clone in which dbt has already parsed the project."""
    copy_clone(target)
    kept = _parsed()
    for node in kept["nodes"].values():
        if node.get("root_path"):
            node["root_path"] = str(target)
    (target / "target").mkdir(mode=0o700)
    files = {"partial_parse.msgpack": msgpack.packb(kept), "parsed_in.txt": str(target).encode()}
    for name, content in files.items():
        (target / "target" / name).touch(mode=0o600)
        (target / "target" / name).write_bytes(content)
    return target


def copy_clone(target: Path) -> None:
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
