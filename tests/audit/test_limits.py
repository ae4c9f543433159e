"""Limits: what holds a campaign back because tonight is too far from the last night, and who may release it."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from sendworthy.audit.limits import judge_limits, read_landed
from sendworthy.audit.overrides import Acceptance, hold_back
from sendworthy.settings.seed_files import SOURCES
from sendworthy.warehouse import database_file

from tests.support.model_harness import LIMITS, Warehouse
from tests.support.projects import ROOT

TONIGHT = datetime(2026, 6, 2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SEGMENT, EVERYBODY = "win_back__lapsed__email", "newsletter__everyone__email"
# a source: rows, and the newest of them
Source = tuple[int, "datetime | None"]
# a merge field: people, and those without it
Coverage = tuple[int, int]


@dataclass
class Told:
    """What a campaign says of itself on one night."""

    people: int = 1000
    coverage: Mapping[str, Coverage] = field(default_factory=dict)
    in_force: bool = True


@dataclass
class World:
    """A build file with as much in it as the limits look at; its nights are recorded as those of a real one are."""

    connection: duckdb.DuckDBPyConnection
    warehouse: Warehouse
    runs: int = 0

    def settings(self, swing: object = 50, least: int = 100, fall: object = 20) -> None:
        run = self.connection.execute
        run("create or replace table settings.campaigns (campaign_id varchar, audience_segment varchar,"
            " also_segments varchar, excluded_segments varchar, max_swing_percent decimal(5, 2), min_audience integer,"
            " max_coverage_fall_points decimal(5, 2))")  # fmt: skip
        for name, segment in ((SEGMENT, "lapsed"), (EVERYBODY, None)):
            run(
                "insert into settings.campaigns values (?, ?, null, null, ?, ?, ?)",
                [name, segment, swing, least, fall],
            )

    def sources(self, *limits: tuple[str, int | None, object, str]) -> None:
        self.connection.execute(
            "create or replace table settings.source_limits (table_name varchar, max_age_hours integer,"
            " max_shrink_percent decimal(5, 2), holds_back varchar, max_quarantined_percent decimal(5, 2))"
        )
        for limit in limits:
            self.connection.execute(
                "insert into settings.source_limits values (?, ?, ?, ?, null)", list(limit)
            )

    def night(
        self,
        as_of: datetime = TONIGHT,
        sources: Mapping[str, Source] | None = None,
        acceptance: Acceptance | None = None,
        gate_fails: tuple[str, ...] = (),
        unreadable: Mapping[str, tuple[int, int, object]] | None = None,
        segment: Told | None = None,
        everybody: Told | None = None,
    ) -> tuple[dict[str, dict[str, Any]], list[str]]:
        """Run a night as `night.py` does it, from the judging to ops.runs; the campaigns, and what was said of acceptances."""
        run = self.connection.execute
        told = {SEGMENT: segment or Told(), EVERYBODY: everybody or Told()}
        run(
            "create or replace table intermediate.int_campaigns__settings (campaign_id varchar, is_in_force boolean)"
        )
        run(
            "create or replace table intermediate.int_nights__sources (table_name varchar, rows_staged bigint, newest_at timestamp)"
        )
        run(
            "create or replace table intermediate.int_limits__quarantined_tables (table_name varchar, rows_in bigint,"
            " rows_unreadable bigint, max_quarantined_percent decimal(5, 2))"
        )
        for table, counts in (unreadable or {}).items():
            run(
                "insert into intermediate.int_limits__quarantined_tables values (?, ?, ?, ?)",
                [table, *counts],
            )
        run("create or replace table intermediate.int_nights__as_of as select ?::timestamp as as_of", [as_of])
        run("create or replace table intermediate.int_campaigns__gates (campaign_id varchar)")
        run("create or replace table intermediate.int_campaigns__merge_field_counts (campaign_id varchar, variant varchar, arm varchar,"
            " merge_field varchar, users bigint, blank_users bigint)")  # fmt: skip
        for table, (count, newest) in (sources or {"events": (1000, as_of - HOUR)}).items():
            run("insert into intermediate.int_nights__sources values (?, ?, ?)", [table, count, newest])
        campaigns = []
        for name, one in told.items():
            run("insert into intermediate.int_campaigns__settings values (?, ?)", [name, one.in_force])
            run("insert into intermediate.int_campaigns__gates select ? from range(?)", [name, one.people])
            for merge_field, (people, blank) in one.coverage.items():
                for variant in ("default", "personalized"):
                    run(
                        "insert into intermediate.int_campaigns__merge_field_counts values (?, ?, null, ?, ?, ?)",
                        [name, variant, merge_field, people, blank],
                    )
            failed = (
                [{"expectation": "blank_city", "words": "w", "fix": "f", "unexpected": 1}]
                if name in gate_fails
                else []
            )
            campaigns.append(
                {
                    "campaign_id": name,
                    "status": "held_back" if failed else "released",
                    "rows": 5,
                    "candidates": one.people,
                    "gate": {"passed": not failed, "messages": 5, "failed": failed},
                }
            )
        database_file.create_ledgers(self.connection, ROOT)
        landed = read_landed(self.connection)
        for model in self.warehouse.models:
            if model in (*LIMITS, "stg_ledger__runs"):
                self.warehouse.run_model(self.connection, model, as_of=as_of)
        found = judge_limits(self.connection, campaigns)
        notes = hold_back(self.connection, campaigns, found, acceptance, as_of, datetime(2026, 6, 9))
        self.runs += 1
        database_file.record_run(
            self.connection,
            {
                "run_id": f"run-{self.runs:03}",
                "as_of": as_of,
                # the clock says nothing: an older night may be run again later
                "finished_at": datetime(2026, 7, 1) + self.runs * HOUR,
                "run": json.dumps({"landed": landed}),
            },
            [
                {
                    "campaign_id": campaign["campaign_id"],
                    "status": campaign["status"],
                    "candidates": campaign["candidates"],
                    "details": json.dumps(campaign),
                }
                for campaign in campaigns
            ],
        )
        return {str(campaign["campaign_id"]): campaign for campaign in campaigns}, notes

    def failed(self, *args: Any, **more: Any) -> dict[str, list[str]]:
        """The names of what failed in a night, by campaign; those without are left out."""
        campaigns, _ = self.night(*args, **more)
        return {
            name: [item["expectation"] for item in campaign["gate"]["failed"]]
            for name, campaign in campaigns.items()
            if campaign["gate"]["failed"]
        }


@contextmanager
def a_world(warehouse: Warehouse) -> Iterator[World]:
    with duckdb.connect() as connection:
        for schema in ("settings", "staging", "intermediate", "ops"):
            connection.execute(f"create schema {schema}")
        world = World(connection, warehouse)
        world.settings()
        world.sources(("events", 48, 20, "all"), ("support_tickets", None, 20, "with_segments"))
        yield world


@pytest.fixture
def world(warehouse: Warehouse) -> Iterator[World]:
    with a_world(warehouse) as world:
        yield world


BEFORE = TONIGHT - DAY


def test_the_first_night_is_compared_with_nothing(world: World) -> None:
    old = {"events": (5000, TONIGHT - 4000 * DAY), "support_tickets": (0, None)}
    campaigns, _ = world.night(sources=old, segment=Told(1, {"city": (1, 1)}))
    assert all(campaign["status"] == "released" for campaign in campaigns.values())
    assert all(campaign["compared_with"] is None for campaign in campaigns.values())
    # nor with itself, however often it runs
    assert world.failed(sources={"events": (0, None)}, segment=Told(100000)) == {}


@pytest.mark.parametrize(
    ("before", "tonight", "limit", "least", "is_held_back"),
    [
        (1000, 500, 50, 100, False),
        (1000, 499, 50, 100, True),
        (500, 1000, 50, 100, False),
        (500, 1001, 50, 100, True),
        (1000, 1000, 0, 100, False),
        (1000, 1001, 0, 100, True),
        (1000, 0, 100, 100, False),
        (1000, 0, "99.99", 100, True),
        (10000, 5001, "49.99", 100, False),
        (10000, 5000, "49.99", 100, True),
        (99, 0, 50, 100, False),
        (100, 0, 50, 100, True),
        (0, 99, 50, 100, False),
        (0, 100, 50, 100, True),
        (0, 0, 0, 0, False),
    ],
)
def test_an_audience_that_swings(
    world: World, before: int, tonight: int, limit: object, least: int, is_held_back: bool
) -> None:
    world.settings(swing=limit, least=least)
    world.night(BEFORE, segment=Told(before))
    campaigns, _ = world.night(segment=Told(tonight))
    assert (campaigns[SEGMENT]["status"] == "held_back") == is_held_back
    assert campaigns[EVERYBODY]["status"] == "released"
    assert campaigns[SEGMENT]["compared_with"] == {"run_id": "run-001", "as_of": "2026-06-01T00:00:00Z"}
    if is_held_back:
        (failed,) = campaigns[SEGMENT]["gate"]["failed"]
        assert failed["expectation"] == "limit_audience_swing" and failed["unexpected"] is None
        assert f"{before:,} people then, {tonight:,} now" in failed["words"] and failed["fix"]
        assert (campaigns[SEGMENT]["rows"], campaigns[SEGMENT]["gate"]["passed"]) == (0, False)


@settings(deadline=None, max_examples=60)
@given(
    before=st.integers(0, 400),
    tonight=st.integers(0, 400),
    hundredths=st.integers(0, 10000),
    least=st.integers(0, 300),
)
def test_swings_as_a_naive_function_has_them(
    warehouse: Warehouse, before: int, tonight: int, hundredths: int, least: int
) -> None:
    larger = max(before, tonight)
    swings = larger > 0 and Fraction(abs(before - tonight), larger) > Fraction(hundredths, 10000)
    with a_world(warehouse) as world:
        world.settings(swing=f"{hundredths / 100:.2f}", least=least)
        world.night(BEFORE, segment=Told(before))
        failed = world.failed(segment=Told(tonight))
    assert failed == ({SEGMENT: ["limit_audience_swing"]} if swings and larger >= least else {})


@pytest.mark.parametrize(
    ("before", "tonight", "limit", "least", "is_held_back"),
    [
        ((1000, 100), (1000, 300), 20, 100, False),
        ((1000, 100), (1000, 301), 20, 100, True),
        ((1000, 300), (1000, 0), 0, 100, False),
        ((300, 100), (600, 200), 0, 100, False),
        ((300, 100), (600, 201), 0, 100, True),
        ((1000, 0), (1000, 1000), 100, 100, False),
        ((1000, 0), (1000, 1000), "99.99", 100, True),
        ((99, 0), (99, 99), 20, 100, False),
        ((99, 0), (100, 100), 20, 100, True),
        ((100, 0), (99, 99), 20, 100, True),
        ((0, 0), (1000, 1000), 20, 0, False),
        ((1000, 0), (0, 0), 20, 0, False),
        ((3_000_000_000, 0), (3_000_000_000, 600_000_001), 20, 100, True),
        ((3_000_000_000, 0), (3_000_000_000, 600_000_000), 20, 100, False),
    ],
)
def test_a_merge_field_that_goes_missing(
    world: World, before: Coverage, tonight: Coverage, limit: object, least: int, is_held_back: bool
) -> None:
    world.settings(fall=limit, least=least)
    world.night(BEFORE, segment=Told(1000, {"city": before, "country": (1000, 0)}))
    failed = world.failed(segment=Told(1000, {"city": tonight, "country": (1000, 0)}))
    assert failed == ({SEGMENT: ["limit_coverage_fall_city"]} if is_held_back else {})


def test_a_merge_field_that_is_printed_for_the_first_time_is_compared_with_nothing(world: World) -> None:
    world.night(BEFORE, segment=Told(1000, {"country": (1000, 0)}))
    assert world.failed(segment=Told(1000, {"city": (1000, 1000)})) == {}


@pytest.mark.parametrize(
    ("before", "tonight", "limit", "is_held_back"),
    [
        (1000, 800, 20, False),
        (1000, 799, 20, True),
        (1000, 5000, 20, False),
        (100, 79, 20, True),
        (99, 0, 20, False),
        (1000, 0, 100, False),
        (1000, 0, None, False),
        (1000, 999, 0, True),
    ],
)
@pytest.mark.parametrize(("table", "whom"), [("events", "all"), ("support_tickets", "with_segments")])
def test_a_source_that_shrinks(
    world: World, before: int, tonight: int, limit: object, is_held_back: bool, table: str, whom: str
) -> None:
    world.sources((table, None, limit, whom))
    other = {"users": (10, TONIGHT)}
    world.night(BEFORE, sources={table: (before, BEFORE - HOUR), **other})
    failed = world.failed(sources={table: (tonight, BEFORE - HOUR), **other})
    held = (SEGMENT, EVERYBODY) if whom == "all" else (SEGMENT,)
    assert failed == ({name: [f"limit_source_shrank_{table}"] for name in held} if is_held_back else {})


@pytest.mark.parametrize("column", ["excluded_segments", "also_segments"])
def test_a_campaign_with_segments_beside_the_audience_needs_the_source_too(world: World, column: str) -> None:
    world.connection.execute(
        f"update settings.campaigns set {column} = 'has_open_ticket' where campaign_id = ?",
        [EVERYBODY],
    )
    world.night(BEFORE, sources={"support_tickets": (1000, BEFORE)})
    failed = world.failed(sources={"support_tickets": (10, BEFORE)})
    assert set(failed) == {SEGMENT, EVERYBODY}


OLD = TONIGHT - 48 * HOUR
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("newest_before", "newest", "hours", "is_held_back"),
    [
        (OLD, OLD, 48, False),
        (OLD - SECOND, OLD - SECOND, 48, True),
        # old, and yet something has come since
        (OLD - 2 * SECOND, OLD - SECOND, 48, False),
        (OLD - SECOND, OLD - SECOND, None, False),
        (OLD - SECOND, OLD - SECOND, 49, False),
        # what was newest has gone, and nothing came
        (OLD, OLD - SECOND, 48, True),
        (OLD, None, 48, True),
        (OLD, None, None, False),
        # there never was anything
        (None, None, 48, False),
        (None, OLD - DAY, 48, False),
    ],
)
def test_a_source_that_goes_stale(
    world: World,
    newest_before: datetime | None,
    newest: datetime | None,
    hours: int | None,
    is_held_back: bool,
) -> None:
    world.sources(("events", hours, 20, "all"))
    world.night(BEFORE, sources={"events": (50, newest_before)})
    failed = world.failed(sources={"events": (50, newest)})
    names = ["limit_source_stale_events"]
    assert failed == ({SEGMENT: names, EVERYBODY: names} if is_held_back else {})


def test_a_table_of_which_too_much_cannot_be_read_holds_every_campaign_back_on_a_first_night_too(
    world: World,
) -> None:
    broken: dict[str, tuple[int, int, object]] = {
        "users": (40_000, 12_345, "20.00"),
        "support_tickets": (2, 2, "99.99"),
    }
    # whatever a campaign asks of its people, and whatever its season
    campaigns, _ = world.night(unreadable=broken, everybody=Told(0, in_force=False))
    for campaign in campaigns.values():
        assert (campaign["status"], campaign["rows"], campaign["compared_with"]) == ("held_back", 0, None)
        tickets, users = campaign["gate"]["failed"]
        assert tickets["expectation"] == "limit_source_unreadable_support_tickets"
        assert "no more than 99.99 percent" in tickets["words"] and "2 of 2" in tickets["words"]
        assert users["expectation"] == "limit_source_unreadable_users" and users["unexpected"] is None
        assert "of the rows of users no more than 20 percent may be unreadable" in users["words"]
        assert "12,345 of 40,000 were quarantined, 30.86 percent" in users["words"]
        assert "ops.quarantine" in users["fix"]
    # a person may release one campaign, who has seen why
    campaigns, _ = world.night(acceptance=ACCEPT, unreadable=broken)
    assert {name: campaign["status"] for name, campaign in campaigns.items()} == {
        SEGMENT: "released",
        EVERYBODY: "held_back",
    }
    # when it can be read again, nothing is left of it
    assert world.failed() == {}


# --- which night is the last one ----------------------------------------------------------------------


@pytest.mark.parametrize(("ago", "is_compared"), [(72 * HOUR, True), (72 * HOUR + SECOND, False)])
def test_a_last_night_counts_for_so_long(world: World, ago: timedelta, is_compared: bool) -> None:
    world.night(TONIGHT - ago)
    assert world.failed(segment=Told(10)) == ({SEGMENT: ["limit_audience_swing"]} if is_compared else {})


def test_a_swing_does_not_heal_by_waiting(world: World) -> None:
    world.night(TONIGHT)
    for night in range(1, 8):
        campaigns, _ = world.night(TONIGHT + night * DAY, segment=Told(10))
        assert campaigns[SEGMENT]["status"] == "held_back"
        assert campaigns[SEGMENT]["compared_with"]["run_id"] == "run-001"
    # nor by failing the gate
    assert world.night(TONIGHT + 8 * DAY, segment=Told(10), gate_fails=(SEGMENT,))
    assert world.failed(TONIGHT + 9 * DAY, segment=Told(10)) == {SEGMENT: ["limit_audience_swing"]}
    # as soon as the audience is back, it goes
    assert world.failed(TONIGHT + 10 * DAY, segment=Told(1001)) == {}
    # and where nobody has run it for long, nothing is compared
    assert world.failed(TONIGHT + 14 * DAY, segment=Told(10)) == {}


def test_of_a_night_that_ran_twice_the_last_run_counts(world: World) -> None:
    world.night(TONIGHT)
    world.night(TONIGHT + DAY, segment=Told(1500))
    world.night(TONIGHT + DAY, segment=Told(2500))  # held back: what was released of this night is no more
    campaigns, _ = world.night(TONIGHT + 2 * DAY, segment=Told(1400))
    assert campaigns[SEGMENT]["compared_with"]["run_id"] == "run-001"
    # an older night that runs again later is not the last one, and is not compared with a later one
    assert world.failed(TONIGHT, segment=Told(10)) == {}
    campaigns, _ = world.night(TONIGHT + 3 * DAY, segment=Told(1300))
    assert campaigns[SEGMENT]["compared_with"]["as_of"] == "2026-06-04T00:00:00Z"


def test_a_campaign_out_of_season_is_compared_with_nothing(world: World) -> None:
    out = Told(0, in_force=False)
    world.night(TONIGHT, segment=Told(1000))
    # it ends, and it begins again
    assert world.failed(TONIGHT + DAY, segment=out, sources={"events": (1000, TONIGHT + 23 * HOUR)}) == {}
    for night in range(2, 5):
        world.night(TONIGHT + night * DAY, segment=out)
    campaigns, _ = world.night(TONIGHT + 5 * DAY, segment=Told(100000))
    assert campaigns[SEGMENT]["status"] == "released" and campaigns[SEGMENT]["compared_with"] is None


def test_a_new_campaign_is_held_back_with_the_others_when_a_source_fails(world: World) -> None:
    world.night(BEFORE, segment=Told(0, in_force=False))
    campaigns, _ = world.night(sources={"events": (10, TONIGHT - HOUR)}, segment=Told(5000))
    assert campaigns[SEGMENT]["compared_with"] is None and campaigns[SEGMENT]["status"] == "held_back"
    (failed,) = campaigns[SEGMENT]["gate"]["failed"]
    assert failed["expectation"] == "limit_source_shrank_events"


# --- acceptance ---------------------------------------------------------------------------------------

ACCEPT = Acceptance((SEGMENT,), "ada", "the segment was widened")


def test_a_person_releases_one_campaign_and_it_is_the_next_last_night(world: World) -> None:
    world.night(BEFORE)
    small = Told(10)
    campaigns, notes = world.night(acceptance=ACCEPT, segment=small, everybody=small)
    assert [campaign["status"] for campaign in campaigns.values()] == ["released", "held_back"]
    accepted = campaigns[SEGMENT]["accepted"]
    assert (accepted["by"], accepted["reason"]) == ("ada", "the segment was widened")
    assert accepted["at"] == "2026-06-09T00:00:00Z" and not notes
    (what,) = accepted["what"]
    assert what["expectation"] == "limit_audience_swing" and "10 now" in what["words"]
    assert campaigns[SEGMENT]["gate"] == {"passed": True, "messages": 5, "failed": []}
    assert campaigns[EVERYBODY]["accepted"] is None
    assert set(world.failed(TONIGHT + DAY, segment=small, everybody=small)) == {EVERYBODY}


def test_what_was_accepted_of_a_night_stays_so_when_it_runs_again_and_nothing_more(world: World) -> None:
    world.night(BEFORE)
    small = Told(10)
    world.night(acceptance=ACCEPT, segment=small, everybody=small)
    other = Acceptance((EVERYBODY,), "bob", "both were")
    campaigns, _ = world.night(acceptance=other, segment=small, everybody=small)
    assert [campaign["accepted"]["by"] for campaign in campaigns.values()] == ["ada", "bob"]
    # other numbers are another question
    assert set(world.failed(segment=Told(9), everybody=small)) == {SEGMENT}
    # and so is another fault beside the old one
    failed = world.failed(sources={"events": (10, TONIGHT - HOUR)}, segment=small, everybody=small)
    assert set(failed) == {SEGMENT, EVERYBODY}
    # another night is another matter
    assert set(world.failed(BEFORE + DAY / 2, segment=small, everybody=small)) == {SEGMENT, EVERYBODY}


def test_what_the_gate_holds_back_cannot_be_accepted(world: World) -> None:
    world.night(BEFORE)
    campaigns, notes = world.night(acceptance=ACCEPT, gate_fails=(SEGMENT,), segment=Told(10))
    assert campaigns[SEGMENT]["status"] == "held_back" and campaigns[SEGMENT]["accepted"] is None
    assert [item["expectation"] for item in campaigns[SEGMENT]["gate"]["failed"]] == [
        "blank_city",
        "limit_audience_swing",
    ]
    (note,) = notes
    assert "blank_city" in note and "cannot be accepted" in note


def test_to_accept_what_nothing_holds_back_is_noted(world: World) -> None:
    world.night(BEFORE)
    campaigns, (note,) = world.night(acceptance=ACCEPT)
    assert campaigns[SEGMENT]["status"] == "released" and campaigns[SEGMENT]["accepted"] is None
    assert "nothing held it back" in note


def test_the_sources_are_those_of_the_landing_zone() -> None:
    """All of them, each once, in the three places that name them: a table that one leaves out would be under no limit."""
    described = yaml.safe_load(
        (ROOT / "models/staging/landing/_landing__sources.yml").read_text(encoding="utf-8")
    )
    tables = [table["name"] for table in described["sources"][0]["tables"]]
    # what the night itself says of the files
    assert sorted(SOURCES) == sorted({*tables} - {"landing_files", "row_counts"}) and len(SOURCES) == 7
    macro = (ROOT / "macros/landing/quarantine.sql").read_text(encoding="utf-8")
    (listed,) = re.findall(r"macro landing_tables\(\).*?return\((\[.*?\])\)", macro, re.DOTALL)
    assert sorted(json.loads(listed)) == sorted(SOURCES)
    with (ROOT / "seeds/source_limits.csv").open(encoding="utf-8", newline="") as file:
        limited = sorted(row["table_name"] for row in csv.DictReader(file))
    # what only measures holds nothing back
    assert limited == sorted({*SOURCES} - {"assignments"})
