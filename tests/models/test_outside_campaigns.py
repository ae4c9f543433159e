"""Campaigns that others have run, measured by the same marts: what was published of a test comes out of its counts, to the last digit.

The people of a test are made again from its printed counts; nobody's data is needed for it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import Settings
from tests.oracle.landing import TABLES
from tests.support.model_harness import PROJECT, Warehouse, rows_of

SENT = datetime(2008, 3, 1, 9)
AS_OF = datetime(2008, 4, 1)

# a test: the control arm, and of each arm how many people were in it and how many did what it was for
TESTS = {
    # an e-mail to one third of 64,000 customers, another to the second, none to the last; purchases within two
    # weeks. Kevin Hillstrom, The MineThatData E-Mail Analytics and Data Mining Challenge, 2008
    "hillstrom_purchases": (
        "No E-Mail",
        {"Mens E-Mail": (21_307, 267), "Womens E-Mail": (21_387, 189), "No E-Mail": (21_306, 122)},
    ),
    # children who lived for 24 hours, by the dose of epinephrine. Perondi et al., New England Journal of Medicine
    # 350, 2004, p. 1722-1730
    "perondi_survival": ("high dose", {"standard dose": (34, 7), "high dose": (34, 1)}),
    # a leads to b, of eight pairs of proportions. Newcombe, Statistics in Medicine 17, 1998, p. 873-890, table II
    "newcombe_a": ("b", {"a": (70, 56), "b": (80, 48)}),
    "newcombe_b": ("b", {"a": (10, 9), "b": (10, 3)}),
    "newcombe_c": ("b", {"a": (7, 6), "b": (7, 2)}),
    "newcombe_d": ("b", {"a": (56, 5), "b": (29, 0)}),
    "newcombe_e": ("b", {"a": (10, 0), "b": (20, 0)}),
    "newcombe_g": ("b", {"a": (10, 10), "b": (20, 0)}),
}

# of an arm, a column and what was printed of it
PRINTED = [
    # Yasui, Introduction to Verifying Effects (Gijutsu-Hyohron, 2020), 1.4.2: rates of purchase
    ("hillstrom_purchases", "control", "rate", "0.005726"),
    ("hillstrom_purchases", "Mens E-Mail", "rate", "0.012531"),
    # pyuplift, load_hillstrom_email_marketing: the average of all 64,000
    ("hillstrom_purchases", "everybody", "rate", "0.00903"),
    # Fagerland, Lydersen, Laake, Statistical Methods in Medical Research 24, 2015: Newcombe's hybrid score
    # interval of Perondi's trial, as the tests of statsmodels cite it (test_confint_2indep)
    ("perondi_survival", "standard dose", "lift_low", "0.019"),
    ("perondi_survival", "standard dose", "lift_high", "0.34"),
    # Newcombe's table II, method 10
    ("newcombe_a", "a", "lift_low", "0.0524"),
    ("newcombe_a", "a", "lift_high", "0.3339"),
    ("newcombe_b", "a", "lift_low", "0.1705"),
    ("newcombe_b", "a", "lift_high", "0.8090"),
    ("newcombe_c", "a", "lift_low", "0.0582"),
    ("newcombe_c", "a", "lift_high", "0.8062"),
    ("newcombe_d", "a", "lift_low", "-0.0381"),
    ("newcombe_d", "a", "lift_high", "0.1926"),
    ("newcombe_e", "a", "lift_low", "-0.1611"),
    ("newcombe_e", "a", "lift_high", "0.2775"),
    ("newcombe_g", "a", "lift_low", "0.6791"),
    ("newcombe_g", "a", "lift_high", "1.0000"),
]

Results = dict[tuple[str, str], dict[str, Any]]


def _write(path: Path, header: str, rows: list[tuple[object, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header.split(","), *rows])


def _write_tests(raw: Path, seeds: Path) -> None:
    """The landing zone and the setting of all tests: an assignment for each person, an event for each success."""
    declared: list[tuple[object, ...]] = []
    assigned: list[tuple[object, ...]] = []
    done: list[tuple[object, ...]] = []
    for test, (control, arms) in TESTS.items():
        # the shares are those that the test was planned with
        listed = ";".join(f"{arm}:1" if test.startswith("hillstrom") else arm for arm in arms)
        declared.append((test, f"The test {test}", control, listed, f"success_of_{test}", 14))
        for arm, (people, successes) in arms.items():
            for number in range(people):
                user_id = f"{test} {arm} {number}"
                assigned.append((user_id, test, arm, SENT))
                if number < successes:
                    at = SENT + timedelta(days=14, seconds=-1) * number / people
                    done.append((f"e {user_id}", user_id, f"success_of_{test}", at))
    for table in TABLES:
        if not table.optional:
            _write(raw / f"{table.name}.csv", ",".join(column.name for column in table.columns), [])
    _write(raw / "events.csv", "event_id,user_id,event_name,occurred_at", done)
    _write(raw / "assignments.csv", "user_id,campaign_id,arm,assigned_at", assigned)
    header = (PROJECT / "seeds" / "outside_campaigns.csv").read_text(encoding="utf-8").strip()
    _write(seeds / "outside_campaigns.csv", header, declared)


@pytest.fixture(scope="module")
def results(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Results]:
    """The rows of campaign_results, by campaign and arm; `everybody` has the users of all arms."""
    folder = tmp_path_factory.mktemp("outside")
    _write_tests(folder / "raw", folder / "seeds")
    connection = warehouse.night(
        folder / "raw", as_of=AS_OF, wall_clock=AS_OF, settings=Settings(), seeds=folder / "seeds"
    )
    found = {
        (row["campaign_id"], row["arm"]): row
        for row in rows_of(connection, "marts.campaign_results")
        if row["variant"] == "all"
    }
    connection.close()
    for test in TESTS:
        whole = [found[test, arm] for arm in ("send", "control")]
        users, converted = (sum(row[name] for row in whole) for name in ("users", "converted"))
        found[test, "everybody"] = {"users": users, "converted": converted, "rate": converted / users}
    yield found


@pytest.mark.parametrize(("test", "arm", "column", "printed"), PRINTED)
def test_what_was_printed_comes_out(results: Results, test: str, arm: str, column: str, printed: str) -> None:
    figure = results[test, arm][column]
    assert f"{figure:.{len(printed.partition('.')[2])}f}" == printed


def test_each_arm_is_counted_and_compared_with_the_one_control(results: Results) -> None:
    for test, (control, arms) in TESTS.items():
        named = {arm for campaign_id, arm in results if campaign_id == test}
        assert named == {"send", "control", "everybody"} | {*arms} - {control}
        for arm, counts in arms.items():
            row = results[test, "control" if arm == control else arm]
            assert (row["users"], row["converted"], row["waiting_users"]) == (*counts, 0)
            assert row["compared_with"] == (None if arm == control else "control")
            assert row["evaluation"] == "outside"
    whole = results["hillstrom_purchases", "send"]
    assert (whole["users"], whole["converted"]) == (21_307 + 21_387, 267 + 189)


def test_the_split_of_three_thirds_is_as_promised(results: Results) -> None:
    shares = {
        arm: results["hillstrom_purchases", arm]["expected_control_share"]
        for arm in ("send", "Mens E-Mail", "Womens E-Mail")
    }
    assert shares == pytest.approx({"send": 1 / 3, "Mens E-Mail": 1 / 2, "Womens E-Mail": 1 / 2})
    assert all(results["hillstrom_purchases", arm]["is_sample_ratio_ok"] for arm in shares)
    assert [results["hillstrom_purchases", arm]["verdict"] for arm in shares] == ["ship", "ship", "ship"]
    # whose shares nobody has given, nobody can check
    unchecked = results["newcombe_g", "a"]
    assert (unchecked["is_sample_ratio_ok"], unchecked["verdict_reason"]) == (None, "not_known_yet")
