"""Why somebody gets, or does not get, a message: every decision with all its reasons, in words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import SettingsError
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))


@dataclass
class Explanation:
    """One campaign for one user: the decision (`not a candidate` where there is none) and why, in words."""

    campaign_id: str
    name: str
    decision: str
    reasons: list[str]
    words: list[str]
    variant: str | None = None
    send_at: datetime | None = None
    lost_to: list[str] | None = None
    arm: str | None = None


def explain(
    database: Path, user_id: str, campaign_id: str | None = None, night: datetime | None = None
) -> tuple[datetime, list[Explanation]]:
    """Every campaign's decision for a user, of the published night or of an older one in the ledger.

    Returns the night and one Explanation a campaign. SettingsError for a user, campaign or night that is not there.
    """
    database_file.open_published(database)
    with database_file.connect(database, read_only=True) as connection:
        settings = database_file.read_campaigns(connection, campaign_id)
        words = Words(connection)
        published = database_file.read_night(connection)
        as_of = night or published
        decisions = _decisions(connection, user_id, as_of, of_tonight=as_of == published)
        customer = database_file.rows(
            connection, "select user_id, segments from marts.customers where user_id = ?", [user_id]
        )
        if not customer and not decisions:
            raise SettingsError(
                "there is no such user in the published night.",
                "check the id; somebody who asked to be erased, or whose profile is quarantined, is not there either.",
            )
        segments = customer[0]["segments"] if customer else []
        held_back = _held_back(connection, as_of)
        taken_back = _taken_back(connection, user_id, as_of)
        triggers = {
            row["trigger_event"]: row["trigger_at"]
            for row in database_file.rows(connection, _sql("newest_triggers"), {"user_id": user_id})
        }
    explained = []
    for campaign in settings:
        decision = decisions.get(campaign["campaign_id"])
        if decision:
            decided = _decided(campaign, decision, words, campaign["campaign_id"] in held_back)
            cancelled = taken_back.get(campaign["campaign_id"])
            explained.append(_with_taking_back(decided, campaign, words, cancelled))
        elif as_of == published:
            why = [_no_candidate(campaign, segments, triggers, as_of)]
            explained.append(
                Explanation(campaign["campaign_id"], campaign["name"], "not a candidate", [], why)
            )
    return as_of, explained


def _decisions(
    connection: duckdb.DuckDBPyConnection, user_id: str, as_of: datetime, of_tonight: bool
) -> dict[str, dict[str, Any]]:
    columns = "campaign_id, channel, decision, reasons, variant, trigger_at, lost_to, send_at, arm"
    if of_tonight:
        found = database_file.rows(
            connection, f"select {columns} from marts.campaign_decisions where user_id = ?", [user_id]
        )
    else:
        nights = database_file.rows(connection, "select distinct as_of from ledger.decisions order by as_of")
        if as_of not in [row["as_of"] for row in nights]:
            raise SettingsError(
                f"the ledger holds no night {as_of}.",
                f"choose one of its {len(nights)} nights"
                + (f", the last being {nights[-1]['as_of']}." if nights else "."),
            )
        found = database_file.rows(
            connection,
            f"select {columns} from ledger.decisions where user_id = ? and as_of = ?",
            [user_id, as_of],
        )
    return {row["campaign_id"]: row for row in found}


def _held_back(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> set[str]:
    """The campaigns that were held back in the last run of a night."""
    if database_file.audited_run(connection) is None:
        return set()
    found = database_file.rows(connection, _sql("held_back"), {"as_of": as_of})
    return {row["campaign_id"] for row in found}


def _taken_back(
    connection: duckdb.DuckDBPyConnection, user_id: str, as_of: datetime
) -> dict[str, dict[str, Any]]:
    """What was taken back of a user's messages of the date of a night, by campaign."""
    if not database_file.has_table(connection, "ledger", "cancellations"):
        return {}
    found = database_file.rows(connection, _sql("taken_back"), {"user_id": user_id, "as_of": as_of})
    return {row["campaign_id"]: row for row in found}


def _with_taking_back(
    explained: Explanation, campaign: dict[str, Any], words: Words, taken_back: dict[str, Any] | None
) -> Explanation:
    """A message that was sent is not any more; one that a rerun suppresses says why it does."""
    if taken_back is None:
        return explained
    why = "; ".join(words.of(reason, campaign) for reason in taken_back["reasons"])
    sentence = f"taken back at {iso(taken_back['cancelled_at'])}: {why}"
    if explained.decision != "send":
        return replace(explained, words=[*explained.words, sentence])
    return replace(explained, decision="taken back", reasons=taken_back["reasons"], words=[sentence])


def _decided(
    campaign: dict[str, Any], decision: dict[str, Any], words: Words, is_held_back: bool
) -> Explanation:
    sentences = [words.of(reason, campaign) for reason in decision["reasons"]]
    if decision["lost_to"]:
        sentences[-1] += f" (the place went to {', '.join(decision['lost_to'])})"
    state = decision["decision"]
    if state == "send" and is_held_back:
        state = "held back"
        sentences = [
            "nothing speaks against it, but the whole campaign was held back; the manifest says why, and ops.runs"
        ]
    return Explanation(
        campaign["campaign_id"],
        campaign["name"],
        state,
        decision["reasons"],
        sentences or [f"nothing speaks against it; the variant is {decision['variant']}"],
        decision["variant"],
        decision["send_at"],
        decision["lost_to"],
        decision["arm"],
    )


class Words:
    """What the reasons mean, as the night's seeds/reasons.csv has it."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        found = database_file.rows(connection, "select reason, words from settings.reasons")
        self._words = {row["reason"]: row["words"] for row in found}

    def of(self, reason: str, campaign: dict[str, Any]) -> str:
        """A reason as a sentence, filled from the campaign's settings (a row of settings.campaigns)."""
        code, _, detail = reason.partition(":")
        facts = {
            "detail": detail,
            "channel": campaign["channel"],
            "topic": campaign["topic"],
            "min_age": _hours(campaign["min_age_hours"]),
            "max_age": _hours(campaign["max_age_hours"]),
            "cooldown_days": campaign["cooldown_days"],
            "pilot_percent": f"{campaign['pilot_percent']:g}",
        }
        # a reason of another version, or a name in braces that is none, stands as it is
        words = self._words.get(code, reason)
        return re.sub(r"\{(\w+)\}", lambda name: str(facts.get(name[1], name[0])), words)


def _hours(hours: float | None) -> str:
    if hours is None:
        return "no time"
    return f"{hours / 24:g} days" if hours >= 72 and hours % 24 == 0 else f"{hours:g} hours"


def _no_candidate(
    campaign: dict[str, Any], segments: list[str], triggers: dict[str, datetime], as_of: datetime
) -> str:
    """Why a campaign does not even consider a user."""
    if campaign["valid_from"] and campaign["valid_from"] > as_of.date():
        return f"the campaign begins on {campaign['valid_from']}"
    if campaign["valid_to"] and campaign["valid_to"] < as_of.date():
        return f"the campaign ended on {campaign['valid_to']}"
    wanted = [campaign["audience_segment"] or "", *(campaign.get("also_segments") or "").split(";")]
    if missing := [name for name in wanted if name and name not in segments]:
        return f"they are not in the segment {missing[0]}"
    if campaign["trigger_event"] in triggers:
        return f"{campaign['trigger_event']} happened more than 90 days ago"
    return f"{campaign['trigger_event']} has not happened"
