"""Whole nights after one on which a source lost half of its rows: held back, told, accepted; through the command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sendworthy.delivery.verify import Verified

from tests.audit.test_alerts import SECRET, answer, serving
from tests.support.delivered_nights import Delivered
from tests.support.projects import FIRST, SECOND, Place, copy_project, sendworthy

# whole nights, many of them: `make test-hard`
pytestmark = pytest.mark.hard

# the audience of one changes by a few people from night to night, and it is told to bear none
SWINGING, ACCEPTED, WITHOUT_SEGMENTS = (
    "win_back__lapsing__sms",
    "newsletter__active__email",
    "confirmation__order_completed__email",
)
REASON = "the old tickets were archived"


@dataclass
class Night:
    """What a night printed and left."""

    result: subprocess.CompletedProcess[str]
    manifest: dict[str, Any]
    lists: dict[str, bytes]
    verified: Verified
    runs: list[tuple[Any, ...]]
    dispatched: set[str]

    @property
    def campaigns(self) -> dict[str, dict[str, Any]]:
        return {campaign["campaign_id"]: campaign for campaign in self.manifest["campaigns"]}

    @property
    def held_back(self) -> set[str]:
        return {name for name, campaign in self.campaigns.items() if campaign["status"] == "held_back"}


def run(place: Place, as_of: str, *options: object) -> Night:
    result = place.night(as_of, "--raw", place.root / "raw", *options)
    assert result.returncode in (0, 3), result.stdout + result.stderr
    sent = place.query(
        "select distinct campaign_id from ledger.dispatches where as_of = ?::timestamp", [as_of]
    )
    return Night(
        result,
        place.manifest(as_of),
        place.lists(as_of),
        Delivered(place.root).verify_night(as_of),
        place.query(
            "select campaign_id, status, failed_expectations, details ->> '$.accepted.reason' from ops.runs where run_id = (from ops.audited)"
        ),
        {campaign for (campaign,) in sent},
    )


@dataclass
class Nights:
    """The first night, the next one after the damage, the same again with two campaigns accepted; and the alerts of the second."""

    place: Place
    first: Night
    damaged: Night
    accepted: Night
    first_after: dict[str, bytes]
    alerts: list[dict[str, Any]]


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    place = Place(copy_project(tmp_path_factory.mktemp("limits") / "project"))
    shutil.copytree(place.root / "data" / "sample", place.root / "raw")
    campaign = place.root / "campaigns" / SWINGING / "campaign.yml"
    campaign.write_text(
        campaign.read_text(encoding="utf-8") + "limits: {max_swing_percent: 0}\n", encoding="utf-8"
    )
    assert sendworthy("compile", cwd=place.root).returncode == 0
    first = run(place, FIRST)
    tickets = place.root / "raw" / "support_tickets.csv"
    lines = tickets.read_text(encoding="utf-8").splitlines(keepends=True)
    tickets.write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    settings = place.root / "dbt_project.yml"
    text = settings.read_text(encoding="utf-8").replace(
        'alert_command: ""', f'alert_command: "./no-such-command {SECRET}"'
    )
    settings.write_text(
        text.replace('alert_webhook: ""', 'alert_webhook: "env:ALERT_WEBHOOK"'), encoding="utf-8"
    )
    with serving(answer(200)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALERT_WEBHOOK", server.url)
        damaged = run(place, SECOND, "--json")
        alerts = server.bodies
    accept = ("--accept", ACCEPTED, "--accept", SWINGING, "--accept", WITHOUT_SEGMENTS)
    accepted = run(place, SECOND, *accept, "--reason", REASON, "--by", "ada")
    yield Nights(place, first, damaged, accepted, place.lists(FIRST), alerts)


def test_on_the_first_night_there_is_nothing_to_compare_with(nights: Nights) -> None:
    first = nights.first
    assert first.result.returncode == 0 and not first.held_back
    assert {campaign["compared_with"] for campaign in first.campaigns.values()} == {None}
    assert all(campaign["coverage"] for campaign in first.campaigns.values() if campaign["send"])
    landed = {source["table"]: source["rows"] for source in first.manifest["landed"]}
    assert landed["events"] > 100_000 and landed["support_tickets"] > 1000


def test_who_needs_the_damaged_source_is_held_back_and_the_others_go(nights: Nights) -> None:
    damaged = nights.damaged
    assert damaged.result.returncode == 3
    ran = {name for name, campaign in damaged.campaigns.items() if campaign["in_force"]}
    assert damaged.held_back == ran - {WITHOUT_SEGMENTS}
    assert damaged.campaigns[WITHOUT_SEGMENTS]["candidates"] > 100
    assert f"generic/{WITHOUT_SEGMENTS}.csv" in damaged.lists
    for name in damaged.held_back:
        campaign = damaged.campaigns[name]
        failed = {item["expectation"]: item for item in campaign["gate"]["failed"]}
        shrank = failed.pop("limit_source_shrank_support_tickets")
        assert "1,832 then" in shrank["words"] and set(failed) <= {"limit_audience_swing"}
        assert campaign["files"] == [] and campaign["rows"] == 0 and not campaign["gate"]["passed"]
    swinging = [item["expectation"] for item in damaged.campaigns[SWINGING]["gate"]["failed"]]
    assert "limit_audience_swing" in swinging
    assert not damaged.dispatched & damaged.held_back
    assert damaged.verified.exit_code == 0, damaged.verified.failed
    recorded = {name: (status, broken) for name, status, broken, _ in damaged.runs}
    assert recorded[ACCEPTED] == ("held_back", ["limit_source_shrank_support_tickets"])


def test_the_lists_of_the_last_night_stay_as_they_were(nights: Nights) -> None:
    assert nights.first.lists and nights.first_after == nights.first.lists


def test_each_contact_gets_an_alert_and_what_fails_is_a_warning(nights: Nights) -> None:
    damaged = nights.damaged
    told = {alert["campaign_id"]: alert for alert in nights.alerts}
    assert set(told) == damaged.held_back and len(nights.alerts) == len(told)
    alert = told[ACCEPTED]
    assert (alert["escalation_contact"], alert["owner"]) == ("editorial@example.com", "editorial-team")
    assert (alert["as_of"], alert["run_id"]) == ("2026-06-02T00:00:00Z", damaged.manifest["run_id"])
    assert [reason["expectation"] for reason in alert["reasons"]] == ["limit_source_shrank_support_tickets"]
    assert all(set(reason) == {"expectation", "words", "fix"} for reason in alert["reasons"])
    assert f"--accept {ACCEPTED}" in alert["what_to_do"]
    printed = json.loads(damaged.result.stdout)
    sent = {(item["campaign_id"], item["channel"]): item["sent"] for item in printed["alerts"]}
    assert sent == {
        (name, channel): channel == "webhook"
        for name in damaged.held_back
        for channel in ("command", "webhook")
    }
    assert f"{ACCEPTED}: nobody was alerted by the command" in damaged.result.stderr
    everything = damaged.result.stdout + damaged.result.stderr + json.dumps(damaged.manifest)
    assert SECRET not in everything


def test_what_a_person_accepts_goes_out_and_is_recorded(nights: Nights) -> None:
    accepted = nights.accepted
    assert accepted.result.returncode == 3
    assert nights.damaged.held_back - accepted.held_back == {ACCEPTED, SWINGING}
    for name in (ACCEPTED, SWINGING):
        campaign = accepted.campaigns[name]
        record = campaign["accepted"]
        assert (record["by"], record["reason"]) == ("ada", REASON) and record["at"].endswith("Z")
        assert [item["expectation"] for item in record["what"]] == [
            item["expectation"] for item in nights.damaged.campaigns[name]["gate"]["failed"]
        ]
        assert campaign["gate"]["passed"] and {file["rows"] for file in campaign["files"]} == {
            campaign["send"]
        }
        assert f"generic/{name}.csv" in accepted.lists
    assert accepted.verified.exit_code == 0, accepted.verified.failed
    reasons = {name: reason for name, _, _, reason in accepted.runs if reason}
    assert reasons == {ACCEPTED: REASON, SWINGING: REASON}
    assert {ACCEPTED, SWINGING} & accepted.dispatched and not accepted.dispatched & accepted.held_back
    # which needed none: a note, and no record
    assert accepted.campaigns[WITHOUT_SEGMENTS]["accepted"] is None
    assert f"--accept {WITHOUT_SEGMENTS}: nothing held it back" in accepted.result.stderr


def test_without_an_address_there_is_a_warning_and_no_alert(nights: Nights) -> None:
    assert (
        "ALERT_WEBHOOK is not set in the environment, so nobody is alerted there"
        in nights.accepted.result.stderr
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--accept", "welcome__new__emial", "--reason", "x"], 'did you mean "welcome__new__email"'),
        (["--accept", "welcome__new__email"], "--reason is missing"),
        (["--accept", "welcome__new__email", "--reason", " "], "--reason is missing"),
        (["--accept", "welcome__new__email", "--reason", "x", "--by", ""], "--by is missing"),
        (["--accept", "welcome__new__email", "--reason", "x" * 301], "--reason is too long"),
        (["--reason", "x"], "belongs to --accept"),
    ],
)
def test_bad_use_of_accept_ends_before_anything_is_built(
    tmp_path: Path, options: list[str], words: str
) -> None:
    database = tmp_path / "s.duckdb"
    result = sendworthy("nightly", "--as-of", FIRST, "--db", database, *options)
    assert result.returncode == 2 and words in result.stderr, result.stderr
    assert not database.exists() and "Traceback" not in result.stderr
