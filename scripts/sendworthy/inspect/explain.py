"""Why somebody gets, or does not get, a message: every decision with all its reasons, in words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import SettingsError
from sendworthy.warehouse import database as warehouse
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# One sentence a reason; what stands behind a colon in the reason fills {detail}.
REASONS = {
    "unreadable": "a row of {detail} that names them cannot be read, and might stop the message",
    "unreachable": "there is no valid address for {channel}",
    "hard_bounced": "a message to their address on {channel} has bounced for good",
    "complained": "they, or somebody with their address, reported a message on {channel} as unwanted",
    "channel_opt_out": "they, or somebody with their address, do not want messages on {channel}",
    "consent_unknown": "nobody knows whether they want messages on {channel}",
    "topic_opt_out": "they, or somebody with their address, do not want messages on the topic {topic}",
    "globally_suppressed": "they, or their address, are on the suppression list",
    "excluded": "they are in the segment {detail}, which the campaign excludes",
    "exception": "{detail} has happened since, which cancels the message",
    "signup_unknown": "their sign-up date is missing, so the age cannot be told",
    "too_soon": "it is too soon: {min_age} must have passed",
    "too_late": "it is too late: {max_age} will have passed when it is due",
    "cooldown": "this campaign reached them within the last {cooldown_days} days",
    "incomplete_personalization": "no variant can be filled: a merge field that each one requires is blank",
    "outside_pilot": "they are outside the pilot of {pilot_percent:g} %",
    "holdout": "they are held out, to measure what the message does",
    "duplicate_address": "somebody else with the same address, more recently active, gets it",
    "same_content": "another campaign of the same content group reaches them tonight",
    "channel_cap": "the limit of messages on {channel} to their address is reached",
    "total_cap": "the limit of messages over all channels, or their own, is reached",
}


# Why a message was taken back, where no gate says so.
TAKEN_BACK = {
    "expired": "it would expire before it was due",
    "erased": "they asked to be forgotten",
    "address_changed": "they have another address now",
}


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


def explain(
    database: Path, user_id: str, campaign_id: str | None = None, night: datetime | None = None
) -> tuple[datetime, list[Explanation]]:
    """Every campaign's decision for a user, of the published night or of an older one in the ledger.

    Returns the night and one Explanation a campaign. SettingsError for a user, campaign or night that is not there.
    """
    warehouse.open_published(database)
    with warehouse.connect(database, read_only=True) as connection:
        settings = warehouse.read_campaigns(connection, campaign_id)
        published = warehouse.read_night(connection)
        as_of = night or published
        decisions = _decisions(connection, user_id, as_of, of_tonight=as_of == published)
        customer = warehouse.rows(
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
            for row in warehouse.rows(connection, _sql("newest_triggers"), {"user_id": user_id})
        }
    explained = []
    for campaign in settings:
        decision = decisions.get(campaign["campaign_id"])
        if decision:
            decided = _decided(campaign, decision, campaign["campaign_id"] in held_back)
            explained.append(_with_taking_back(decided, campaign, taken_back.get(campaign["campaign_id"])))
        elif as_of == published:
            words = [_no_candidate(campaign, segments, triggers, as_of)]
            explained.append(
                Explanation(campaign["campaign_id"], campaign["name"], "not a candidate", [], words)
            )
    return as_of, explained


def _decisions(
    connection: duckdb.DuckDBPyConnection, user_id: str, as_of: datetime, of_tonight: bool
) -> dict[str, dict[str, Any]]:
    columns = "campaign_id, channel, decision, reasons, variant, trigger_at, lost_to, send_at"
    if of_tonight:
        found = warehouse.rows(
            connection, f"select {columns} from marts.campaign_decisions where user_id = ?", [user_id]
        )
    else:
        nights = warehouse.rows(connection, "select distinct as_of from ledger.decisions order by as_of")
        if as_of not in [row["as_of"] for row in nights]:
            raise SettingsError(
                f"the ledger holds no night {as_of}.",
                f"choose one of its {len(nights)} nights"
                + (f", the last being {nights[-1]['as_of']}." if nights else "."),
            )
        found = warehouse.rows(
            connection,
            f"select {columns} from ledger.decisions where user_id = ? and as_of = ?",
            [user_id, as_of],
        )
    return {row["campaign_id"]: row for row in found}


def _held_back(connection: duckdb.DuckDBPyConnection, as_of: datetime) -> set[str]:
    """The campaigns that were held back in the last run of a night."""
    if warehouse.audited_run(connection) is None:
        return set()
    found = warehouse.rows(connection, _sql("held_back"), {"as_of": as_of})
    return {row["campaign_id"] for row in found}


def _taken_back(
    connection: duckdb.DuckDBPyConnection, user_id: str, as_of: datetime
) -> dict[str, dict[str, Any]]:
    """What was taken back of a user's messages of the date of a night, by campaign."""
    if not warehouse.has_table(connection, "ledger", "cancellations"):
        return {}
    found = warehouse.rows(connection, _sql("taken_back"), {"user_id": user_id, "as_of": as_of})
    return {row["campaign_id"]: row for row in found}


def _with_taking_back(
    explained: Explanation, campaign: dict[str, Any], taken_back: dict[str, Any] | None
) -> Explanation:
    """A message that was sent is not any more; one that a rerun suppresses says why it does."""
    if taken_back is None:
        return explained
    why = "; ".join(reason_in_words(reason, campaign) for reason in taken_back["reasons"])
    words = f"taken back at {iso(taken_back['cancelled_at'])}: {why}"
    if explained.decision != "send":
        return replace(explained, words=[*explained.words, words])
    return replace(explained, decision="taken back", reasons=taken_back["reasons"], words=[words])


def _decided(campaign: dict[str, Any], decision: dict[str, Any], is_held_back: bool) -> Explanation:
    words = [reason_in_words(reason, campaign) for reason in decision["reasons"]]
    if decision["lost_to"]:
        words[-1] += f" (the place went to {', '.join(decision['lost_to'])})"
    state = decision["decision"]
    if state == "send" and is_held_back:
        state = "held back"
        words = [
            "nothing speaks against it, but the whole campaign was held back; the manifest says why, and ops.runs"
        ]
    return Explanation(
        campaign["campaign_id"],
        campaign["name"],
        state,
        decision["reasons"],
        words or [f"nothing speaks against it; the variant is {decision['variant']}"],
        decision["variant"],
        decision["send_at"],
        decision["lost_to"],
    )


def reason_in_words(reason: str, campaign: dict[str, Any]) -> str:
    """A reason code as a sentence, filled from the campaign's settings (a row of settings.campaigns)."""
    code, _, detail = reason.partition(":")
    return (REASONS | TAKEN_BACK)[code].format(
        detail=detail,
        min_age=_hours(campaign["min_age_hours"]),
        max_age=_hours(campaign["max_age_hours"]),
        **{key: campaign[key] for key in ("channel", "topic", "cooldown_days", "pilot_percent")},
    )


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
