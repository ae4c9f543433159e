"""`sendworthy report`: what campaigns have brought about, with what to do, from a published file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.inspect.report import REASONS, report

from tests.support.projects import ROOT, sendworthy

# campaign, variant, arm, users, waiting, rate, lift, low, high, verdict, reason, compared with
ROWS = [
    ("a__b__email", "named", "send", 10, 1, 0.5, 0.1, -0.5, 0.6, "keep_going", "too_few_users", "control"),
    ("a__b__email", "named", "control", 5, 0, 0.4, None, None, None, None, None, None),
    ("a__b__email", "all", "send", 1000, 2, 0.15, 0.05, 0.01, 0.09, "ship", "better_than_control", "control"),
    ("a__b__email", "all", "control", 100, 3, 0.1, None, None, None, None, None, None),
    ("all_held", "all", "control", 7, 0, 0.0, None, None, None, None, None, None),
    ("open", "all", "send", 0, 4, None, None, None, None, None, None, "control"),
    ("wrong", "all", "send", 900, 0, 0.1, -0.05, -0.09, -0.01, "stop", "split_is_wrong", "control"),
    ("wrong", "all", "control", 9, 0, 0.15, None, None, None, None, None, None),
    ("with_arms", "all", "send", 500, 0, 0.2, None, None, None, None, None, None),
    ("with_arms", "all", "plain", 100, 1, 0.2, None, None, None, None, None, None),
    ("with_arms", "all", "urgent", 400, 2, 0.3, 0.1, 0.05, 0.15, "ship", "better_than_first_arm", "plain"),
    ("with_arms", "urgent_default", "send", 400, 0, 0.3, None, None, None, None, None, None),
    ("wrong", "all", "late", 90, 0, 0.1, -0.1, -0.2, -0.05, "stop", "worse_than_control", "control:late"),
    ("wrong", "all", "control:late", 10, 4, 0.2, None, None, None, None, None, None),
    # one that ran outside: all of its arms have one control
    ("xmas 24", "all", "send", 190, 0, 0.3, 0.1, 0.05, 0.15, "ship", "better_than_control", "control"),
    ("xmas 24", "all", "control", 100, 3, 0.2, None, None, None, None, None, None),
    ("xmas 24", "all", "A", 90, 0, 0.4, 0.2, 0.1, 0.3, "ship", "better_than_control", "control"),
    ("xmas 24", "all", "B", 100, 0, 0.2, 0.0, -0.1, 0.1, "keep_going", "not_known_yet", "control"),
]
# campaign, segment, arm, metric, guardrail, share, users, compared, mean, of control, lift, low, high, adjusted, low, high,
# explained, tolerated, harmed, compared with
METRICS = [
    (
        "with_arms",
        "loyal",
        "send",
        "success",
        False,
        True,
        5,
        None,
        0.2,
        None,
        None,
        None,
        None,
        *[None] * 5,
        False,
        None,
    ),
    (
        "with_arms",
        "all",
        "plain",
        "success",
        False,
        True,
        100,
        None,
        0.2,
        None,
        None,
        None,
        None,
        *[None] * 5,
        False,
        None,
    ),
    (
        "with_arms",
        "all",
        "urgent",
        "success",
        False,
        True,
        400,
        100,
        0.3,
        0.2,
        0.1,
        0.05,
        0.15,
        *[None] * 5,
        False,
        "plain",
    ),
    (
        "with_arms",
        "all",
        "send",
        "complained",
        True,
        True,
        500,
        40,
        0.1,
        0.02,
        0.08,
        0.01,
        0.1,
        *[None] * 4,
        0.001,
        True,
        "control",
    ),
    (
        "with_arms",
        "all",
        "send",
        "revenue",
        False,
        False,
        500,
        40,
        1234.5,
        1000,
        234.5,
        -10,
        479,
        200.0,
        50.0,
        350.0,
        0.5,
        None,
        False,
        "control",
    ),
    (
        "with_arms",
        "all",
        "send",
        "success",
        False,
        True,
        500,
        40,
        0.2,
        0.1,
        0.1,
        0.05,
        0.15,
        *[None] * 5,
        False,
        "control",
    ),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("report") / "sendworthy.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            """
            create schema intermediate;
            create schema marts;
            create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
            create table intermediate.int_measurement__campaigns as
            select campaign_id, 'A name' as name, 'order_completed' as success_event, 7 as success_window_days
            from (values ('a__b__email'), ('all_held'), ('none_yet'), ('open'), ('with_arms'), ('wrong'), ('xmas 24')) as campaigns(campaign_id);
            create table marts.campaign_results (
                campaign_id varchar, variant varchar, arm varchar, users bigint, waiting_users bigint, rate double,
                lift double, lift_anytime_low double, lift_anytime_high double, verdict varchar, verdict_reason varchar,
                compared_with varchar
            );
            create table marts.campaign_metrics (
                campaign_id varchar, segment varchar, arm varchar, metric varchar, is_guardrail boolean, is_share boolean,
                users bigint, compared_users bigint, mean double, compared_mean double, lift double, lift_anytime_low double,
                lift_anytime_high double, adjusted_lift double, adjusted_anytime_low double, adjusted_anytime_high double,
                variance_explained double, tolerated_rise decimal(18, 4), is_harmed boolean, compared_with varchar
            );
            -- not in the order of the alphabet
            create table intermediate.int_measurement__shares as
            from (values ('with_arms', null, null), ('with_arms', 'urgent', 1), ('with_arms', 'plain', 2), ('wrong', 'late', 1), ('xmas 24', 'B', 1), ('xmas 24', 'A', 3))
            as shares(campaign_id, campaign_arm, arm_number);
            """
        )
        connection.executemany(
            "insert into marts.campaign_results values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", ROWS
        )
        connection.executemany(
            f"insert into marts.campaign_metrics values ({', '.join('?' * len(METRICS[0]))})", METRICS
        )
    return database


def test_each_campaign_that_has_results_says_them(published: Path) -> None:
    as_of, campaigns = report(published)
    assert str(as_of) == "2026-06-01 00:00:00"
    assert [campaign.campaign_id for campaign in campaigns] == [
        "a__b__email",
        "all_held",
        "open",
        "with_arms",
        "wrong",
        "xmas 24",
    ]
    both, held, still_open, _, wrong, _ = campaigns
    assert [item.variant for item in both.results] == ["all", "named"]
    whole = both.results[0]
    assert (whole.users, whole.control_users, whole.waiting_users) == (1000, 100, 5)
    assert (whole.rate, whole.control_rate, whole.lift) == (0.15, 0.1, 0.05)
    assert (whole.lift_low, whole.lift_high) == (0.01, 0.09)
    assert (whole.verdict, whole.reason) == ("ship", "better_than_control")
    # an arm in which nobody is
    assert [(item.users, item.control_users, item.rate, item.lift) for item in held.results] == [
        (0, 7, None, None)
    ]
    assert [(item.users, item.control_users, item.verdict) for item in still_open.results] == [(0, 0, None)]
    assert wrong.results[0].reason == "split_is_wrong"
    named = report(published, "none_yet")[1]
    assert [(campaign.campaign_id, campaign.results) for campaign in named] == [("none_yet", [])]


def test_an_arm_stands_beside_what_it_is_compared_with(published: Path) -> None:
    ((with_arms,), (wrong,)) = (report(published, name)[1] for name in ("with_arms", "wrong"))
    # behind the whole campaign, in the order of the setting, and before the variants
    assert [(item.variant, item.arm) for item in with_arms.results] == [
        ("all", None),
        ("all", "urgent"),
        ("all", "plain"),
        ("urgent_default", None),
    ]
    urgent, plain = with_arms.results[1:3]
    assert (urgent.users, urgent.control_users, urgent.rate, urgent.control_rate) == (400, 100, 0.3, 0.2)
    assert (urgent.compared_with, urgent.reason, urgent.waiting_users) == (
        "plain",
        "better_than_first_arm",
        3,
    )
    assert (plain.control_users, plain.compared_with, plain.verdict) == (0, None, None)
    late = wrong.results[1]
    assert (late.arm, late.control_users, late.waiting_users) == ("late", 10, 4)
    shown = sendworthy("report", "with_arms", "--db", published).stdout
    assert "arm urgent" in shown and "better than the first arm, whichever night you look:" in shown
    assert "    with_arms: arm urgent" in shown.splitlines()


def test_what_else_people_did_is_shown_of_the_campaign_that_is_asked_for(published: Path) -> None:
    ((with_arms,), (wrong,)) = (report(published, name)[1] for name in ("with_arms", "wrong"))
    assert wrong.metrics == []
    # the whole campaign first, its success first and its guardrails last, then the arms in their order, then segments
    assert [(item.segment, item.arm, item.metric) for item in with_arms.metrics] == [
        ("all", None, "success"),
        ("all", None, "revenue"),
        ("all", None, "complained"),
        ("all", "urgent", "success"),
        ("all", "plain", "success"),
        ("loyal", None, "success"),
    ]
    revenue = with_arms.metrics[1]
    assert (revenue.users, revenue.control_users, revenue.mean, revenue.control_mean) == (
        500,
        40,
        1234.5,
        1000,
    )
    assert (revenue.lift_low, revenue.adjusted_low, revenue.variance_explained) == (-10, 50, 0.5)
    shown = sendworthy("report", "with_arms", "--db", published).stdout
    for words in (
        "1,234.50",
        "+50.00 to +350.00",
        "+1.0 to +10.0",
        "more than is put up with: complained",
        "loyal",
    ):
        assert words in shown, words
    assert max(map(len, shown.splitlines())) <= 80
    # of all campaigns it would be too much
    assert "revenue" not in sendworthy("report", "--db", published).stdout


def test_arms_of_an_outside_campaign_stand_beside_its_one_control(published: Path) -> None:
    ((sale,),) = (report(published, "xmas 24")[1],)
    assert [
        (item.arm, item.control_users, item.control_rate, item.compared_with) for item in sale.results
    ] == [
        (None, 100, 0.2, "control"),
        ("B", 100, 0.2, "control"),
        ("A", 100, 0.2, "control"),
    ]
    shown = sendworthy("report", "xmas 24", "--db", published).stdout
    assert "    xmas 24: arm A" in shown.splitlines() and "better than control" in shown


def test_every_reason_has_words() -> None:
    """Those that the model may give."""
    models = (ROOT / "models/marts/measurement/_measurement__models.yml").read_text(encoding="utf-8")
    (allowed,) = [line for line in models.splitlines() if line.strip().startswith("verdict_reason: [")]
    assert set(allowed.split("[")[1].rstrip("]").split(", ")) == set(REASONS)


def test_the_command_says_what_to_do_and_why(published: Path) -> None:
    shown = sendworthy("report", "--db", published)
    assert shown.returncode == 0, shown.stderr
    for words in ("ship", "stop", "+1.0 to +9.0", "15.0%", "whichever night you look:\n    a__b__email\n"):
        assert words in shown.stdout, words
    assert "find out why" in shown.stdout
    nothing = sendworthy("report", "none_yet", "--db", published)
    assert nothing.returncode == 0 and "no campaign has results yet" in nothing.stdout
    assert max(map(len, (shown.stdout + nothing.stdout).splitlines())) <= 80
    as_json = sendworthy("report", "wrong", "--db", published, "--json")
    assert as_json.returncode == 0, as_json.stderr
    (campaign,) = json.loads(as_json.stdout)["campaigns"]
    assert campaign["results"][0]["verdict"] == "stop" and campaign["success_event"] == "order_completed"


def test_what_is_not_there_is_said_with_what_to_do(published: Path, tmp_path: Path) -> None:
    misspelt = sendworthy("report", "wrog", "--db", published)
    assert misspelt.returncode == 2 and 'did you mean "wrong"?' in misspelt.stderr
    nowhere = sendworthy("report", "--db", tmp_path / "none.duckdb", cwd=ROOT)
    assert nowhere.returncode == 2 and "sendworthy nightly" in nowhere.stderr
    older = tmp_path / "older.duckdb"
    shutil.copy(published, older)
    with duckdb.connect(str(older)) as connection:
        connection.execute("alter table marts.campaign_results drop column verdict")
    with pytest.raises(SettingsError, match="another version"):
        report(older)
