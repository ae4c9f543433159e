"""What a night decides for each campaign, and what it writes into the ledgers and the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.audit.alerts import (
    alerts_of,
)
from sendworthy.audit.gate import GateResult
from sendworthy.audit.limits import judge_limits, read_landed
from sendworthy.audit.missing_fields import find_missing_fields
from sendworthy.audit.overrides import hold_back, keep_back
from sendworthy.campaigns.experiments import State, read_experiments
from sendworthy.campaigns.model import CAMPAIGNS_DIR
from sendworthy.campaigns.post_mortem import POST_MORTEM
from sendworthy.delivery.deltas import record_changes
from sendworthy.delivery.export import list_changes
from sendworthy.foundation.clock import iso, utc_now
from sendworthy.foundation.project import Project
from sendworthy.landing.replay import read_cancelled_until, read_landed_until
from sendworthy.night.state import Night
from sendworthy.privacy.erasure import erase
from sendworthy.settings.destinations import (
    Destination,
    as_form,
)
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


def release(night: Night, connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> None:
    """Decide which campaigns go out: what the audit said, what destinations lack, the limits, and what a person accepts."""
    night.before = database_file.last_run(connection), database_file.runs_in_ledgers(connection, night.as_of)
    night.campaigns = judge_campaigns(connection, night.gate)
    missing = find_missing_fields(connection, destinations)
    for campaign in night.campaigns:
        if failed := missing.get(campaign["campaign_id"]):
            keep_back(campaign, failed)
    night.notes += note_changed_arms(connection, night.campaigns)
    night.notes += note_due_experiments(night.project, night.as_of, night.campaigns)
    night.run["landed"] = read_landed(connection)
    night.run["landed_until"] = read_landed_until(connection)
    night.run["cancelled_until"] = read_cancelled_until(connection)
    if night.replay is not None:
        night.run["is_replay"] = True
    found = judge_limits(connection, night.campaigns)
    night.warnings += hold_back(
        connection, night.campaigns, found, night.options.acceptance, night.as_of, night.started_at
    )
    database_file.hold_back(
        connection, [item["campaign_id"] for item in night.campaigns if item["status"] == "released"]
    )


def record(night: Night, connection: duckdb.DuckDBPyConnection, destinations: Sequence[Destination]) -> None:
    """Write the ledgers and the run into the build file, without whom an erasure takes out."""
    database_file.write_ledgers(connection, night.as_of)
    database_file.write_files_read(connection, night.started_at)
    night.erased = erase(connection, night.key)
    if night.drops is not None:
        night.drops.erase(connection, night.erased)
    changes = list_changes(connection)
    for campaign in night.campaigns:
        campaign.update(changes.get(campaign["campaign_id"], {"added": 0, "removed": 0}))
    night.warnings += record_changes(connection, destinations, night.campaigns, night.as_of)
    forms = {name: as_form(destination.form) for name, destination in night.known.items()}
    record_run(
        connection, {**night.run, "destinations": forms}, night.campaigns, night.as_of, night.started_at
    )
    database_file.mark_audited(connection, night.run["run_id"])
    if note := database_file.ambiguous_name(connection, night.options.database):
        night.notes.append(note)
    night.sources, night.input_problems = read_sources(connection), read_input_problems(connection)
    night.alerts = alerts_of(connection, night.run, night.campaigns)


def judge_campaigns(connection: duckdb.DuckDBPyConnection, gate: GateResult) -> list[dict[str, Any]]:
    """Every campaign with its counts, its status (released, held_back) and what the audit said of it."""
    counted = database_file.rows(connection, _sql("counts_of_campaigns"))
    top = database_file.rows(connection, _sql("top_reasons"))
    arms: dict[str, list[dict[str, Any]]] = {}
    for row in database_file.rows(connection, _sql("counts_of_arms")):
        arms.setdefault(row.pop("campaign_id"), []).append(row)
    # a message of a campaign that the settings do not know is nobody's: it is named, and it stays
    strays = set(gate.campaigns) - {campaign["campaign_id"] for campaign in counted}
    counted += [
        {"campaign_id": name, "channel": None, "candidates": 0, "send": 0, "control": 0, "suppress": 0}
        for name in sorted(strays)
    ]
    for campaign in counted:
        name = campaign["campaign_id"]
        audit = gate.campaigns.get(name)
        if name in arms:
            campaign["arms"] = arms[name]
        campaign["top_reasons"] = [[row["reason"], row["users"]] for row in top if row["campaign_id"] == name]
        campaign["status"] = "released" if audit is None or audit.passed else "held_back"
        campaign["rows"] = campaign["send"] if campaign["status"] == "released" else 0
        campaign["gate"] = audit.as_dict() if audit else {"passed": True, "messages": 0, "failed": []}
    return counted


def note_changed_arms(
    connection: duckdb.DuckDBPyConnection, campaigns: Sequence[dict[str, Any]]
) -> list[str]:
    """What to say of campaigns whose arms or shares are not those of their last night; each keeps it as `arms_changed`."""
    changed = {row.pop("campaign_id"): row for row in database_file.rows(connection, _sql("changed_arms"))}
    notes: list[str] = []
    for campaign in campaigns:
        name = campaign["campaign_id"]
        if (change := changed.get(name)) is None:
            continue
        since = iso(change.pop("as_of"))
        campaign["arms_changed"] = {"since": since, **change}
        notes.append(
            f"{name}: the shares of its arms are {change['now'] or 'none'} now, and were {change['before'] or 'none'} on "
            f"{since}; {change['moved']:,} of {change['users']:,} people have changed arms. Results count each in their first."
        )
    return notes


def note_due_experiments(project: Project, as_of: datetime, campaigns: Sequence[dict[str, Any]]) -> list[str]:
    """What to say of experiments whose planned end has passed without a decision; each campaign keeps it as `experiment_due`."""
    by_name = {campaign["campaign_id"]: campaign for campaign in campaigns}
    notes: list[str] = []
    for item in read_experiments(project.root):
        if item.state_on(as_of.date()) != State.due or (campaign := by_name.get(item.campaign_id)) is None:
            continue
        campaign["experiment_due"] = {"planned_end": str(item.planned_end), "owner": item.owner}
        notes.append(
            f"{item.campaign_id}: its experiment was to end on {item.planned_end}, and nobody has written down what was learned. "
            f"{item.owner}: decide, and write {CAMPAIGNS_DIR}/{item.campaign_id}/{POST_MORTEM}, or set a later planned_end."
        )
    return notes


def record_run(
    connection: duckdb.DuckDBPyConnection,
    run: dict[str, Any],
    campaigns: list[dict[str, Any]],
    as_of: datetime,
    started_at: datetime,
) -> None:
    """Write the run into ops.runs, one row a campaign."""
    database_file.record_run(
        connection,
        {
            "run_id": run["run_id"],
            "as_of": as_of,
            "as_of_source": run["as_of_source"],
            "started_at": started_at,
            "finished_at": utc_now(),
            "run": json.dumps(run),
        },
        [
            {
                "campaign_id": campaign["campaign_id"],
                "status": campaign["status"],
                "candidates": campaign["candidates"],
                "send": campaign["send"],
                "control": campaign["control"],
                "suppress": campaign["suppress"],
                "messages": campaign["rows"],
                "failed_expectations": [failed["expectation"] for failed in campaign["gate"]["failed"]],
                "details": json.dumps(campaign),
            }
            for campaign in campaigns
        ],
    )


def read_sources(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Each landing table with its rows, those quarantined, and why: [{table, rows, quarantined, reasons}]."""
    counted = database_file.rows(connection, _sql("counts_of_sources"))
    why = database_file.rows(
        connection,
        "select table_name, reason, count(*) as rows from ops.quarantine group by all order by rows desc, reason",
    )
    for source in counted:
        source["reasons"] = {
            row["reason"]: row["rows"] for row in why if row["table_name"] == source["table"]
        }
    return counted


def read_input_problems(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What could not be read, matched or known tonight, most harmful first: the rows of ops.input_problems."""
    return database_file.rows(connection, "from ops.input_problems order by place")
