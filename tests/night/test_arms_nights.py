"""A campaign with arms through whole nights: from a file of an older version, and then with other shares."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.campaigns.compiler import compile_project
from sendworthy.night.recording import note_changed_arms

from tests.oracle import Campaign
from tests.oracle.decisions import arm_of
from tests.support.projects import Place, copy_project, sendworthy

ID = "newsletter__active__email"
NIGHTS = ("2026-05-18", "2026-05-25", "2026-06-01")
SHARES = (("plain", 10), ("urgent", 90)), (("plain", 50), ("urgent", 50))


def set_shares(place: Place, shares: tuple[tuple[str, int], ...]) -> None:
    """The shares of both arms, and the texts of the campaign once for each."""
    folder = place.root / "campaigns" / ID
    settings = folder / "campaign.yml"
    arms = ", ".join(f"{arm}: {share}" for arm, share in shares)
    text = re.sub(
        r"experiment: \{.*\}", f"experiment: {{holdout_percent: 10, arms: {{{arms}}}}}", settings.read_text()
    )
    settings.write_text(text, encoding="utf-8")
    for name in ("personalized", "named", "default"):
        if (file := folder / f"{name}.liquid").is_file():
            for arm, _ in shares:
                own = file.read_text(encoding="utf-8").replace("---\n", f"---\narm: {arm}\n", 1)
                (folder / f"{arm}_{name}.liquid").write_text(own, encoding="utf-8")
            file.unlink()
    compile_project(place.root)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A project after a night of an older version, one with the first shares, and one with the others."""
    place = Place(copy_project(tmp_path_factory.mktemp("project")))
    assert place.night(NIGHTS[0], "--allow-stale").returncode == 0
    with duckdb.connect(str(place.database)) as connection:
        for ledger in ("decisions", "dispatches"):
            connection.execute(f"alter table ledger.{ledger} drop column arm")
    for night, shares in zip(NIGHTS[1:], SHARES, strict=True):
        set_shares(place, shares)
        result = place.night(night, "--allow-stale", "--json")
        assert result.returncode == 0, result.stdout + result.stderr
        (place.root / f"{night}.json").write_text(result.stdout, encoding="utf-8")
    verified = sendworthy("verify", place.root / "out" / NIGHTS[2], "--db", place.database, "--json")
    (place.root / "verified.json").write_text(verified.stdout, encoding="utf-8")
    return place


@pytest.mark.hard
def test_decisions_lists_and_ledgers_have_the_arm_of_the_bucket(place: Place) -> None:
    for night, shares in zip(NIGHTS[1:], SHARES, strict=True):
        campaign = Campaign(campaign_id=ID, kind="newsletter", channel="email", arms=shares)
        decided = place.query(
            "select user_id, arm, variant from ledger.decisions where campaign_id = ? and as_of = ?::timestamp",
            [ID, night],
        )
        assert len(decided) > 1000
        for user, arm, variant in decided:
            # who was erased since has another id
            assert user.startswith("erased:") or arm == arm_of(campaign, user)
            assert variant.startswith(f"{arm}_")
        sent = place.query(
            "select user_id, arm, variant from ledger.dispatches where campaign_id = ? and as_of = ?::timestamp",
            [ID, night],
        )
        assert sent and set(sent) <= set(decided)
        assert {arm for _, arm, _ in sent} == {"plain", "urgent"}
        lists = place.lists(night)
        rows = list(csv.DictReader(io.StringIO(lists[f"generic/{ID}.csv"].decode("utf-8"))))
        on_it = {(row["user_id"], row["arm"], row["variant"]) for row in rows}
        assert on_it == {row for row in set(sent) if not row[0].startswith("erased:")}
        changes = place.changes(night)[f"generic/changes/{ID}.csv"].decode("utf-8")
        told = [row for row in csv.DictReader(io.StringIO(changes)) if row["change"] != "removed"]
        assert told and {row["arm"] for row in told} == {"plain", "urgent"}
        # what a vendor would take for an attribute is not there
        assert b"arm" not in lists[f"braze/{ID}.csv"].split(b"\n")[0]


@pytest.mark.hard
def test_a_campaign_without_arms_has_none_anywhere(place: Place) -> None:
    for table in ("marts.campaign_decisions", "marts.send_list", "ledger.decisions", "ledger.dispatches"):
        ((others, of_older),) = place.query(
            f"select count(*), count(*) filter (where arm is not null) from {table} where campaign_id <> '{ID}'"
        )
        assert others and not of_older
    ((old,),) = place.query("select count(arm) from ledger.decisions where as_of = ?::timestamp", [NIGHTS[0]])
    assert old == 0
    for campaign in place.manifest(NIGHTS[2])["campaigns"]:
        assert ("arms" in campaign) == ("arms_changed" in campaign) == (campaign["campaign_id"] == ID)


@pytest.mark.hard
def test_a_change_of_shares_is_said_once_and_recorded(place: Place) -> None:
    began, changed = (json.loads((place.root / f"{night}.json").read_text()) for night in NIGHTS[1:])
    (note,) = [words for words in began["warnings"] if words.startswith(f"{ID}:")]
    assert "are plain 10, urgent 90 now, and were none on 2026-05-18T00:00:00Z" in note
    (note,) = [words for words in changed["warnings"] if words.startswith(f"{ID}:")]
    assert "are plain 50, urgent 50 now, and were plain 10, urgent 90 on 2026-05-25T00:00:00Z" in note
    (campaign,) = [one for one in changed["campaigns"] if one["campaign_id"] == ID]
    change = campaign["arms_changed"]
    # forty of a hundred, as few as can be
    assert 0.36 < change["moved"] / change["users"] < 0.44
    assert f"{change['moved']:,} of {change['users']:,} people have changed arms" in note
    assert [(arm["arm"], arm["percent"]) for arm in campaign["arms"]] == list(SHARES[1])
    for count in ("candidates", "send", "control", "suppress"):
        assert sum(arm[count] for arm in campaign["arms"]) == campaign[count]
    ((recorded,),) = place.query(
        "select details ->> '$.arms_changed.before' from ops.runs where campaign_id = ? order by as_of desc limit 1",
        [ID],
    )
    assert recorded == "plain 10, urgent 90"


# the campaign, its arms on earlier nights (each with the night and the run), and tonight
CASES: dict[str, tuple[list[tuple[str, str, str | None]], str | None, str | None]] = {
    "same": ([("05-31", "1", "plain 50, urgent 50")], "plain 50, urgent 50", None),
    "wider": ([("05-31", "1", "plain 10, urgent 90")], "plain 50, urgent 50", "plain 10, urgent 90"),
    "other_order": ([("05-31", "1", "urgent 50, plain 50")], "plain 50, urgent 50", "urgent 50, plain 50"),
    "begun": ([("05-31", "1", None)], "plain 50, urgent 50", ""),
    "ended": ([("05-31", "1", "plain 50, urgent 50")], None, "plain 50, urgent 50"),
    "never": ([("05-31", "1", None)], None, None),
    "new": ([], "plain 50, urgent 50", None),
    "changed_nights_ago": (
        [("05-29", "1", "plain 10, urgent 90"), ("05-31", "2", "plain 50, urgent 50")],
        "plain 50, urgent 50",
        None,
    ),
    "last_run_counts": (
        [("05-31", "1", "plain 10, urgent 90"), ("05-31", "2", "plain 50, urgent 50")],
        "plain 50, urgent 50",
        None,
    ),
    "an_earlier_run_of_tonight": (
        [("05-31", "1", "plain 10, urgent 90"), ("06-01", "2", "plain 50, urgent 50")],
        "plain 50, urgent 50",
        "plain 10, urgent 90",
    ),
}


def test_tonight_is_compared_with_the_last_night_before(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "build.duckdb")) as connection:
        connection.execute(
            """
            create schema settings; create schema intermediate; create schema marts; create schema ledger; create schema ops;
            create table settings.campaigns (campaign_id text);
            create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
            create table intermediate.int_campaigns__arms (campaign_id text, arm text, arm_number int, share_percent int);
            create table ops.runs (campaign_id text, as_of timestamp, finished_at timestamp, run_id text, details json);
            create table ledger.decisions (campaign_id text, as_of timestamp, user_id text, arm text);
            create table marts.campaign_decisions (campaign_id text, user_id text, arm text);
            """
        )
        for name, (nights, tonight, _) in CASES.items():
            connection.execute("insert into settings.campaigns values (?)", [name])
            for number, one in enumerate(tonight.split(", ") if tonight else (), start=1):
                arm, share = one.split()
                row = [name, arm, number, int(share)]
                connection.execute("insert into intermediate.int_campaigns__arms values (?, ?, ?, ?)", row)
            for day, run, shares in nights:
                arms = [one.split() for one in shares.split(", ")] if shares else []
                details: dict[str, Any] = {
                    "arms": [{"arm": arm, "percent": int(share), "send": 3} for arm, share in arms]
                }
                connection.execute(
                    "insert into ops.runs values (?, ?, '2026-06-01', ?, ?)",
                    [name, f"2026-{day}", run, json.dumps(details if arms else {"status": "released"})],
                )
            # of three people, one has gone, one is new, and one is in another arm
            connection.execute(
                """
                insert into ledger.decisions
                select $name, '2026-05-31'::timestamp, user_id, arm
                from (values ('stays', 'urgent'), ('moves', 'urgent'), ('gone', 'plain')) as people(user_id, arm);
                """,
                {"name": name},
            )
            connection.execute(
                """
                insert into marts.campaign_decisions
                select $name, user_id, arm
                from (values ('stays', 'urgent'), ('moves', 'plain'), ('is_new', 'plain')) as people(user_id, arm)
                """,
                {"name": name},
            )
        campaigns: list[dict[str, Any]] = [{"campaign_id": name} for name in CASES]
        notes = note_changed_arms(connection, campaigns)
    found = {one["campaign_id"]: one.get("arms_changed") for one in campaigns}
    assert {name: change and change["before"] for name, change in found.items()} == {
        name: before for name, (_, _, before) in CASES.items()
    }
    assert found["wider"] == {
        **{"since": "2026-05-31T00:00:00Z", "before": "plain 10, urgent 90", "now": "plain 50, urgent 50"},
        **{"users": 2, "moved": 1},
    }
    assert len(notes) == sum(before is not None for _, _, before in CASES.values())
    assert "ended: the shares of its arms are none now, and were plain 50, urgent 50 on" in notes[3]


@pytest.mark.hard
def test_the_commands_say_the_arm(place: Place) -> None:
    ((user, arm),) = place.query(
        "select user_id, arm from marts.campaign_decisions where campaign_id = ? and decision = 'send' limit 1",
        [ID],
    )
    explained = sendworthy("explain", user, ID, cwd=place.root)
    assert f"{ID}, arm {arm}" in explained.stdout
    as_json = json.loads(sendworthy("explain", user, ID, "--json", cwd=place.root).stdout)
    assert as_json["campaigns"][0]["arm"] == arm
    other = {"plain": "urgent", "urgent": "plain"}[arm]
    shown = sendworthy("preview", ID, "--user", user, cwd=place.root)
    assert f"Not for this user, who is in the arm {arm}: it is for the arm {other}." in shown.stdout
    assert shown.stdout.count("The user's variant") == 1
    report = json.loads(sendworthy("report", ID, "--json", cwd=place.root).stdout)["campaigns"][0]
    arms = {row["arm"]: row for row in report["results"] if row["arm"]}
    assert set(arms) == {"plain", "urgent"}
    # each counts in the arm of their first night with arms
    assert arms["plain"]["users"] < arms["urgent"]["users"] / 4
    assert arms["urgent"]["compared_with"] == "control:urgent"
    coverage = sendworthy("coverage", ID, cwd=place.root)
    assert "plain_personalized: first_name *" in coverage.stdout
    verified = json.loads((place.root / "verified.json").read_text(encoding="utf-8"))
    failed = {check["name"] for check in verified["checks"] if check["state"] == "failed"}
    # the sample is of 2026
    assert failed <= {"age"}
