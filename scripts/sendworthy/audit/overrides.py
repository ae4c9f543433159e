"""A person releases a campaign that limits hold back: who, why, when, and exactly what was accepted."""

from __future__ import annotations

import csv
import getpass
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.gate import FailedExpectation
from sendworthy.audit.limits import Found
from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import SettingsError, did_you_mean
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import MAX_SEED, read_file
from sendworthy.warehouse.database_file import rows
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

LONGEST = 300


@dataclass(frozen=True)
class Acceptance:
    """Which campaigns somebody releases, who, and why."""

    campaigns: tuple[str, ...]
    by: str
    reason: str


def read_acceptance(
    project: Project, campaigns: Sequence[str], reason: str | None, by: str | None
) -> Acceptance | None:
    """What was asked for on the command line; None for nothing. SettingsError where a campaign or the reason is missing."""
    if not campaigns:
        if reason is not None or by is not None:
            raise SettingsError(
                f"{'--reason' if reason is not None else '--by'} belongs to --accept, which is not there.",
                "name the campaign with --accept.",
            )
        return None
    known = _known_campaigns(project)
    for name in campaigns:
        if name not in known:
            raise SettingsError(
                f"--accept: there is no campaign {name!r}.",
                did_you_mean(name, known, "see the folders below campaigns/."),
            )
    return Acceptance(
        tuple(dict.fromkeys(campaigns)),
        _line("--by", _user() if by is None else by, "say who you are with --by."),
        _line("--reason", reason or "", "say with --reason why it may go out; the manifest keeps it."),
    )


def _known_campaigns(project: Project) -> set[str]:
    try:
        text = read_file(project.compiled_campaigns, project.root, MAX_SEED).decode("utf-8")
        return {row.get("campaign_id") or "" for row in csv.DictReader(io.StringIO(text, newline=""))}
    except (OSError, UnicodeDecodeError, csv.Error):
        raise SettingsError("the compiled campaigns cannot be read.", "run: sendworthy compile") from None


def _line(option: str, text: str, fix: str) -> str:
    words = " ".join(text.split())
    if not words or not words.isprintable():
        raise SettingsError(f"{option} is missing or empty.", fix)
    if len(words) > LONGEST:
        raise SettingsError(f"{option} is too long.", f"shorten it to {LONGEST} characters.")
    return words


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""


def hold_back(
    connection: duckdb.DuckDBPyConnection,
    campaigns: Sequence[dict[str, Any]],
    found: Found,
    acceptance: Acceptance | None,
    as_of: datetime,
    now: datetime,
) -> list[str]:
    """Hold back each campaign with something in `found` that nobody has accepted; returns what there is to say about that.

    Each campaign gets `accepted`: None, or by, reason, at, and what was accepted. Where the gate has failed, nothing can
    be accepted. What was accepted in an earlier run of the same night stays so for as long as it is all that is found.
    """
    earlier = _accepted_before(connection, as_of)
    notes = []
    for campaign in campaigns:
        name, failed = campaign["campaign_id"], found.get(campaign["campaign_id"], [])
        campaign["accepted"] = None
        is_asked = acceptance is not None and name in acceptance.campaigns
        if campaign["status"] == "held_back":
            if is_asked:
                broken = ", ".join(item["expectation"] for item in campaign["gate"]["failed"])
                notes.append(
                    f"--accept {name}: it stays behind, because its list failed the audit ({broken}), and that cannot be accepted: fix the cause."
                )
        elif is_asked and not failed:
            notes.append(f"--accept {name}: nothing held it back, and there was nothing to accept.")
        elif failed:
            what = [{"expectation": item.expectation, "words": item.words} for item in failed]
            before = earlier.get(name)
            if acceptance is not None and is_asked:
                campaign["accepted"] = {
                    "by": acceptance.by,
                    "reason": acceptance.reason,
                    "at": iso(now),
                    "what": what,
                }
            elif before and all(item in before["what"] for item in what):
                campaign["accepted"] = before
        if failed and campaign["accepted"] is None:
            keep_back(campaign, failed)
    return notes


def keep_back(campaign: dict[str, Any], failed: Sequence[FailedExpectation]) -> None:
    """Hold a campaign back, and say for what beside what the gate has found."""
    campaign["status"], campaign["rows"] = "held_back", 0
    campaign["gate"]["passed"] = False
    campaign["gate"]["failed"] += [asdict(item) for item in failed]


def _accepted_before(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> dict[str, dict[str, Any]]:
    """What was last accepted in an earlier run of the same night, by campaign."""
    found = rows(connection, _sql("accepted_before"), {"as_of": as_of})
    return {row["campaign_id"]: json.loads(row["accepted"]) for row in found}
