"""A night as it was delivered, and what somebody may do to it: for the tests of `sendworthy verify`."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.delivery.verify import Verified, verify

NOW = datetime(2026, 6, 1, 4)
MAX_AGE = timedelta(hours=36)

Row = dict[str, str]
Rows = list[Row]

# what braze calls the columns of generic
BRAZE = {
    "external_id": "user_id",
    **{
        f"sendworthy_{name}": name
        for name in ("campaign_id", "dispatch_id", "variant", "send_at", "valid_until")
    },
}


def dispatch_id(campaign: str, user: str) -> str:
    return hashlib.md5(f"{campaign}:{user}:2026-06-01".encode()).hexdigest()


def and_one(campaign: str, user: str) -> Callable[[Rows], Rows]:
    """One more message, as the first but to somebody else."""
    return lambda rows: [*rows, {**rows[0], "user_id": user, "dispatch_id": dispatch_id(campaign, user)}]


@dataclass
class Delivered:
    """A night's folder and its published file, and what somebody may do to them."""

    root: Path
    now: datetime = NOW
    published: Path | None = None

    @property
    def folder(self) -> Path:
        return self.root / "out" / "2026-06-01"

    @property
    def database(self) -> Path:
        return self.published or self.root / "sendworthy.duckdb"

    def verify(self, with_database: bool = False) -> Verified:
        return verify(self.root / "out", self.now, MAX_AGE, self.database if with_database else None)

    def verify_night(self, night: str) -> Verified:
        return verify(self.root / "out" / night, self.now, MAX_AGE, self.database)

    def copy(self, target: Path) -> Delivered:
        """The same with a database of its own."""
        shutil.copytree(self.root, target, dirs_exist_ok=True)
        return Delivered(target)

    def copy_lists(self, target: Path) -> Delivered:
        """The same lists, with the database where it is."""
        shutil.copytree(self.root / "out", target / "out")
        return Delivered(target, published=self.database)

    def sql(self, statement: str) -> None:
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(statement)

    @property
    def manifest(self) -> dict[str, Any]:
        read: dict[str, Any] = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return read

    def rewrite(self, change: Callable[[dict[str, Any]], object]) -> None:
        """Change the manifest."""
        manifest = self.manifest
        change(manifest)
        (self.folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def entry(self, campaign: str, change: Callable[[dict[str, Any]], object]) -> None:
        """Change what the manifest says of a campaign."""
        self.rewrite(
            lambda manifest: change(next(c for c in manifest["campaigns"] if c["campaign_id"] == campaign))
        )

    def bytes(self, file: str, change: Callable[[bytes], bytes]) -> None:
        """Change a file and nothing else."""
        path = self.folder / file
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before

    def forge(
        self,
        campaign: str,
        change: Callable[[list[dict[str, str]]], list[dict[str, str]]],
        *destinations: str,
    ) -> None:
        """Change a campaign's rows (by the names that `generic` has for their columns), and have the manifest vouch for it all."""
        rows, is_other = 0, False
        for destination in destinations or ("generic", "braze"):
            names = BRAZE if destination == "braze" else {}
            path = self.folder / destination / f"{campaign}.csv"
            lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8"))))
            columns = [names.get(column, column) for column in lines[0]]
            before = [dict(zip(columns, line, strict=True)) for line in lines[1:]]
            changed = change(before)
            is_other |= {row["dispatch_id"] for row in before} != {row["dispatch_id"] for row in changed}
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerows([lines[0], *([row.get(column, "") for column in columns] for row in changed)])
            path.write_text(text.getvalue(), encoding="utf-8")
            rows = len(changed)
        self.vouch(campaign, rows, is_other)

    def vouch(self, campaign: str, rows: int, is_other: bool = False) -> None:
        """Have the manifest say what the files of a campaign are now; `is_other`: they have other messages."""

        def count(entry: dict[str, Any]) -> None:
            # who forges a list leaves no changes that say otherwise
            is_same = rows == entry["rows"] and not is_other
            for changes in () if is_same else entry.pop("changes", {}).values():
                for file in changes["files"]:
                    (self.folder / file["file"]).unlink()
            entry["candidates"] += rows - entry["send"]
            entry["send"] = entry["rows"] = entry["gate"]["messages"] = rows
            for file in entry["files"]:
                content = (self.folder / file["file"]).read_bytes()
                file |= {"rows": rows, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

        self.entry(campaign, count)
