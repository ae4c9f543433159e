"""`sendworthy power`: what can be detected by when, from a published file."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.inspect.power import power

from tests.support.projects import ROOT, sendworthy

# campaign, arm, as set, share, nights, so far, a night, listed, rate, deviations, effect
ROWS = [
    ("held", "send", True, 0.1, 0, 1000, 50.0, 0.5, 0.1, 0.4, 0.12),
    ("held", "send", True, 0.1, 28, 1000, 50.0, 0.5, 0.1, 0.1, 0.03),
    ("held", "send", True, 0.1, 30, 1000, 50.0, 0.5, 0.1, 0.05, 0.015),
    ("held", "send", False, 0.2, 14, 1000, 50.0, 0.5, 0.1, 0.2, 0.06),
    ("held", "send", False, 0.05, 14, 1000, 50.0, 0.5, 0.1, 4.0, 1.2),
    ("new", "send", True, 0.1, 0, 10, None, None, None, 2.0, None),
    ("new", "send", True, 0.1, 7, 10, None, None, None, 2.0, None),
    ("armed", "urgent", True, 0.5, 0, 400, 5.0, 1.0, 0.5, 0.2, 0.1),
    ("armed", "late", True, 0.25, 0, 400, 5.0, 1.0, 0.5, 0.3, 0.15),
]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("power") / "sendworthy.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            """
            create schema settings;
            create schema intermediate;
            create schema marts;
            create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
            create table settings.campaigns as
            select campaign_id, 'order_completed' as success_event, 7 as success_window_days
            from (values ('held'), ('new'), ('armed'), ('alone'), ('empty')) as campaigns(campaign_id);
            create table intermediate.int_measurement__comparisons as
            from (
                values ('held', null, 0.1, false), ('new', null, 0.1, false), ('armed', null, 0, false),
                    ('armed', 'urgent', 0.5, true), ('alone', null, 0, false), ('alone', 'plain', 0.5, false), ('empty', null, 0.1, false)
            ) as comparisons(campaign_id, campaign_arm, expected_control_share, is_against_first);
            create table marts.campaign_power (
                campaign_id varchar, arm varchar, is_as_set boolean, compared_share double, nights integer, users_so_far bigint,
                users_per_night double, listed_share double, base_rate double, deviations double, smallest_effect double
            );
            """
        )
        connection.executemany(
            f"insert into marts.campaign_power values ({', '.join('?' * len(ROWS[0]))})", ROWS
        )
    return database


def test_the_first_night_and_the_smallest_share_that_do_it(published: Path) -> None:
    as_of, found = power(published, "held", effect=0.06)
    assert str(as_of) == "2026-06-01 00:00:00"
    assert (found.users_so_far, found.users_per_night, found.rate) == (1000, 50.0, 0.1)
    (question,) = found.questions
    # half of the people lose their place: of an effect on the others, half is seen
    assert [(one.nights, one.smallest_effect) for one in question.by_nights] == [
        (0, 0.24),
        (28, 0.06),
        (30, 0.03),
    ]
    assert [(one.compared_share, one.smallest_effect) for one in question.by_share] == [
        (0.05, 2.4),
        (0.2, 0.12),
    ]
    assert (question.nights, question.share) == (28, None)
    (question,) = power(published, "held", effect=0.12)[1].questions
    assert (question.nights, question.share) == (28, 0.2)
    (question,) = power(published, "held", effect=0.01)[1].questions
    assert (question.nights, question.share) == (None, None)
    (question,) = power(published, "held")[1].questions
    assert (question.nights, question.share) == (None, None)


def test_a_rate_that_is_expected_takes_the_place_of_the_one_that_was_seen(published: Path) -> None:
    new = power(published, "new", rate=0.5)[1]
    assert new.rate == 0.5 and new.questions[0].by_nights[0].smallest_effect == pytest.approx(2 * 0.5)
    assert power(published, "held", rate=0.5)[1].questions[0].by_nights[0].smallest_effect == pytest.approx(
        0.4
    )
    with pytest.raises(SettingsError, match="rate of order_completed is unknown"):
        power(published, "new")


def test_each_arm_is_a_question(published: Path) -> None:
    found = power(published, "armed", effect=0.1)[1]
    assert [(one.arm, one.compared_share, one.nights, one.by_share) for one in found.questions] == [
        ("late", 0.25, None, []),
        ("urgent", 0.5, 0, []),
    ]


def test_the_command_answers(published: Path) -> None:
    shown = sendworthy("power", "held", "--effect", "12", "--db", published)
    assert shown.returncode == 0, shown.stderr
    for words in (
        "people who pass every gate: 1,000\n  50.0 more come a night\n",
        "50.0% get it",
        "10.0% in control",
        "more than 100",
        "an effect of 12 points can be detected in 28 nights\n    and the 7 days of the window.",
        "an effect of 12 points would be detected in 14 nights with 20.0% in control.",
    ):
        assert words in shown.stdout, words
    first = sendworthy("power", "new", "--rate", "5", "--effect", "1", "--db", published).stdout
    assert "tonight is its first night" in first and "cannot be detected within a year" in first
    # the nights ahead would all be as tonight
    assert "           7 " not in first
    arms = sendworthy("power", "armed", "--db", published).stdout
    assert "25.0% in the first arm, and not in late" in arms
    assert max(map(len, (shown.stdout + first + arms).splitlines())) <= 80
    as_json = json.loads(sendworthy("power", "held", "--effect", "12", "--json", "--db", published).stdout)
    assert as_json["questions"][0]["nights"] == 28 and as_json["effect"] == 0.12


def test_what_cannot_be_reckoned_is_said_with_what_to_do(published: Path, tmp_path: Path) -> None:
    for name, words in (
        ("alone", "holdout_percent"),
        ("empty", "suppression_funnel"),
        ("hald", 'did you mean "held"?'),
        ("new", "--rate 5"),
    ):
        ended = sendworthy("power", name, "--db", published)
        assert ended.returncode == 2 and words in " ".join(ended.stderr.split()), ended.stderr
    nowhere = sendworthy("power", "held", "--db", tmp_path / "none.duckdb", cwd=ROOT)
    assert nowhere.returncode == 2 and "sendworthy nightly" in nowhere.stderr
    assert sendworthy("power", "held", "--effect", "0", "--db", published).returncode == 2
