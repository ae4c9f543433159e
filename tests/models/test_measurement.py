"""The measurement marts on a made-up past, against a plain count in Python written from docs/measurement.md.

The intervals are proved twice: against published numbers, and against bounds that are found by search here
and by a formula in SQL.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from statistics import NormalDist, median
from typing import Any

import duckdb
import pytest

from tests.oracle.landing import TABLES
from tests.oracle.settings import CAMPAIGN_COLUMNS

REPOSITORY = Path(__file__).resolve().parents[2]
AS_OF = datetime(2024, 6, 1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
GLOBAL_HOLDOUT = 4
Z = NormalDist().inv_cdf(0.975)
LOST = ["duplicate_address", "same_content", "channel_cap", "total_cap"]
GATED = [
    "unreachable",
    "consent_unknown",
    "too_soon",
    "cooldown",
    "outside_pilot",
    "excluded:has_open_ticket",
]

# successes and trials of two arms, and Newcombe's interval of the difference as it was printed
# (Statistics in Medicine 17, 1998, p. 873-890, table II, method 10)
PUBLISHED = {
    "a": (56, 70, 48, 80, 0.0524, 0.3339),
    "b": (9, 10, 3, 10, 0.1705, 0.8090),
    "d": (5, 56, 0, 29, -0.0381, 0.1926),
    "e": (0, 10, 0, 20, -0.1611, 0.2775),
    "g": (10, 10, 0, 20, 0.6791, 1.0),
}

Row = dict[str, Any]


# ---------------------------------------------------------------------------------------------------------
# A made-up past


@dataclass
class World:
    """Landing rows by table, the ledger's decisions, and the campaigns' settings."""

    landing: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    decisions: list[Row] = field(default_factory=list)
    campaigns: list[Row] = field(default_factory=list)
    outside: list[Row] = field(default_factory=list)

    def event(self, user_id: str, name: str, at: datetime, **properties: object) -> None:
        event_id = f"e{len(self.landing['events'])}"
        row = {"event_id": event_id, "user_id": user_id, "event_name": name, "occurred_at": at}
        self.landing["events"].append(row | {"properties": json.dumps(properties)})

    def report(self, user_id: str, event_type: str, at: datetime, campaign_id: str | None = None) -> None:
        row: Row = {"message_event_id": f"m{len(self.landing['message_events'])}", "user_id": user_id}
        row |= {"campaign_id": campaign_id, "channel": "email", "event_type": event_type, "occurred_at": at}
        self.landing["message_events"].append(row)

    def campaign(self, campaign_id: str, success_event: str, window_days: int, **settings: object) -> None:
        row: Row = {column: "x" for column in CAMPAIGN_COLUMNS}
        row |= {name: None for name in ("topic", "content_group", "audience_segment", "excluded_segments")}
        row |= {name: None for name in ("trigger_event", "cancel_on", "valid_from", "valid_to")}
        row |= {"campaign_id": campaign_id, "kind": "discount", "channel": "email", "cooldown_days": 7}
        row |= {"min_age_hours": None, "max_age_hours": None, "impact": 5, "confidence": 5, "ease": 5}
        row |= {"priority": 125, "holdout_percent": 10, "pilot_percent": 100, "send_hour_local": 9}
        row |= {"is_transactional": "false", "evaluation": "holdout", "arms": None}
        row |= {"success_event": success_event, "success_window_days": window_days}
        self.campaigns.append(row | settings)

    def decide(self, night: datetime, campaign_id: str, user_id: str, decision: str, **more: object) -> None:
        row: Row = {"as_of": night, "user_id": user_id, "campaign_id": campaign_id, "decision": decision}
        row |= {
            "primary_reason": None,
            "variant": "default",
            "send_at": night + timedelta(hours=9),
            "arm": None,
        }
        self.decisions.append(row | more)


def _published(world: World) -> None:
    night = AS_OF - 30 * DAY
    for name, (sent_yes, sent, control_yes, control, _, _) in PUBLISHED.items():
        world.campaign(f"published_{name}", f"success_{name}", 7)
        for number in range(sent + control):
            user_id = f"p{name}{number}"
            is_sent = number < sent
            decision, reason = ("send", None) if is_sent else ("control", "holdout")
            world.decide(night, f"published_{name}", user_id, decision, primary_reason=reason)
            if number < sent_yes or 0 <= number - sent < control_yes:
                world.event(user_id, f"success_{name}", night + DAY)


def _no_effect(world: World, rng: random.Random) -> None:
    """A message that changes nothing, and people who buy anyway and whom other messages reach first."""
    night = AS_OF - 30 * DAY
    world.campaign("no_effect", "bought_anyway", 7, holdout_percent=20)
    for number in range(1500):
        user_id, is_busy = f"n{number}", rng.random() < 0.5
        if rng.random() < 0.2:
            world.decide(night, "no_effect", user_id, "control", primary_reason="holdout")
        elif is_busy:
            world.decide(night, "no_effect", user_id, "suppress", primary_reason="total_cap")
        else:
            world.decide(night, "no_effect", user_id, "send")
        if rng.random() < (0.6 if is_busy else 0.1):
            world.event(user_id, "bought_anyway", night + 2 * DAY)


def _random_nights(world: World, rng: random.Random) -> None:
    world.campaign("orders", "order_completed", 7, holdout_percent=12.5)
    world.campaign("clicks", "message_clicked:clicks", 3, holdout_percent=0, evaluation="variants")
    world.campaign("owed", "order_completed", 5, is_transactional="true", evaluation="none")
    world.campaign("split", "order_completed", 7, holdout_percent=30, arms="plain:60;urgent:40")
    world.campaign("tried", "order_completed", 7, evaluation="arms", arms="late:20;plain:50;urgent:30")
    # far from the promised halves
    world.campaign("lopsided", "order_completed", 7, evaluation="arms", arms="plain:50;urgent:50")
    for number in range(110):
        arm = "plain" if number < 90 else "urgent"
        world.decide(AS_OF - 20 * DAY, "lopsided", f"w{number}", "send", arm=arm)
    users = [f"r{number}" for number in range(120)]
    nights = [AS_OF - number * DAY for number in range(0, 24, 2)]
    for campaign_id in ("orders", "clicks", "owed", "split", "tried", "gone"):
        for night in nights:
            for user_id in rng.sample(users, 25):
                decision = rng.choice(["send", "control", "suppress", "suppress"])
                reason = {"send": None, "control": "holdout"}.get(decision, rng.choice(LOST + GATED))
                variant = rng.choice(["default", "personalized", "all", None])
                send_at = rng.choice([None, night + timedelta(hours=rng.randrange(24))])
                more = {"primary_reason": reason, "variant": variant, "send_at": send_at}
                # also one that the settings have no more, and nights before there were arms
                more["arm"] = rng.choice(["plain", "urgent", "late", "gone", None])
                world.decide(night, campaign_id, user_id, decision, **more)
    for _ in range(200):
        at = (
            rng.choice(world.decisions)["as_of"]
            + rng.choice([0, 3, 7]) * DAY
            + rng.choice([-1, 0, 1]) * SECOND
        )
        world.event(rng.choice(users), "order_completed", at)
        world.report(
            rng.choice(users), "clicked", at + timedelta(hours=9), rng.choice(["clicks", "orders", None])
        )
    for user_id in users[:5]:
        requested_at = rng.choice([AS_OF - DAY, AS_OF])
        world.landing["erasure_requests"].append({"user_id": user_id, "requested_at": requested_at})


def _outside(world: World, rng: random.Random) -> None:
    """Campaigns of others: with shares, with wrong ones, without any, and one that nobody has declared."""
    for campaign_id, arms, success_event, days in (
        ("sale", "mens:1;nothing:2;womens:1", "order_completed", 7),
        ("badly_split", "nothing:0.1;mens:0.9", "order_completed", 5),
        ("clicked", "mens;nothing;womens", "message_clicked:clicked", 3),
        ("nobody_was_in_it", "nothing;mens", "order_completed", 3),
    ):
        row: Row = {"campaign_id": campaign_id, "name": "x", "control_arm": "nothing", "arms": arms}
        row |= {"success_event": success_event, "success_window_days": days}
        world.outside.append(row)
    for campaign_id in ("sale", "badly_split", "clicked", "undeclared", "orders"):
        for number in range(200):
            # some were assigned again later, or at once, to another arm
            for _ in range(rng.choice([1, 1, 1, 2])):
                at = AS_OF - rng.choice([0, 1, 3, 5, 7, 20]) * DAY + rng.choice([-1, 0, 0, 1]) * SECOND
                arm = rng.choice(["mens", "mens", "nothing", "nothing", "womens", "Mens"])
                row = {"user_id": f"r{number}", "campaign_id": campaign_id, "arm": arm, "assigned_at": at}
                world.landing["assignments"].append(row)
            if rng.random() < 0.5:
                at += rng.choice([-1, 0, 1, 3 * 86400 - 1, 3 * 86400]) * SECOND
                world.event(f"r{number}", "order_completed", at)
                world.report(f"r{number}", "clicked", at, "clicked")


def _leaving(world: World, rng: random.Random) -> None:
    def some_time(days: float = 200) -> datetime:
        return AS_OF - timedelta(seconds=rng.randrange(1, int(days * 86400)))

    for number in range(160):
        user_id = f"l{number}"
        signed_up_at = some_time(300)
        row = {"user_id": user_id, "updated_at": AS_OF - 300 * DAY, "signed_up_at": signed_up_at}
        world.landing["users"].append(row)
        moments = [some_time() for _ in range(10)]
        if rng.random() < 0.8:
            world.event(user_id, "subscription_started", max(signed_up_at, some_time(250)))
        if rng.random() < 0.35:
            left_at = some_time(100)
            for cancelled_at in (left_at, left_at - 20 * DAY)[: rng.choice([1, 2])]:
                world.event(user_id, "subscription_cancelled", cancelled_at)
            moments += [left_at, left_at - SECOND, left_at - 30 * DAY, left_at - 60 * DAY]
            moments += [left_at - 60 * DAY - SECOND, left_at - 30 * DAY - SECOND]
        for at in rng.sample(moments, 7):
            match rng.randrange(8):
                case 0:
                    world.event(user_id, rng.choice(["payment_failed", "return_requested"]), at)
                case 1:
                    world.event(user_id, "feedback_submitted", at, score=rng.choice([0, 6, 7, 10, "bad"]))
                case 2:
                    world.event(user_id, rng.choice(["page_viewed", "location_ping"]), at)
                case 3:
                    world.report(user_id, rng.choice(["unsubscribed", "opened"]), at)
                case 4:
                    sentiment = rng.choice(["negative", "neutral"])
                    row = {"mention_id": f"s{user_id}{at}", "user_id": user_id, "network": "x"}
                    row |= {"posted_at": at, "sentiment": sentiment}
                    world.landing["social_mentions"].append(row)
                case 5:
                    row = {"ticket_id": f"t{user_id}{at}", "user_id": user_id, "status": "closed"}
                    row |= {"category": rng.choice(["Billing", "complaint", "other"]), "created_at": at}
                    for updated_at in {at, min(at + rng.randrange(20) * DAY, AS_OF - SECOND)}:
                        more = {"updated_at": updated_at, "satisfaction": rng.choice(["good", "bad", None])}
                        world.landing["support_tickets"].append(row | more)
                case 6:
                    for _ in range(rng.choice([4, 5, 10])):
                        world.report(user_id, "sent", at)
                case _:
                    world.event(user_id, "onboarding_started", at)
                    if rng.random() < 0.7:
                        done_at = min(at + timedelta(hours=rng.randrange(1, 200)), AS_OF - SECOND)
                        world.event(user_id, "onboarding_completed", done_at)


def _write(path: Path, columns: list[str], rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


def _write_landing(world: World, raw: Path) -> None:
    for table in TABLES:
        names = [column.name for column in table.columns]
        _write(raw / f"{table.name}.csv", names, world.landing[table.name])


def _write_ledger(world: World, database: Path) -> None:
    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema ledger")
        connection.execute(
            "create table ledger.decisions (as_of timestamp, user_id varchar, campaign_id varchar, "
            "channel varchar, decision varchar, primary_reason varchar, reasons varchar[], variant varchar, "
            "trigger_at timestamp, priority integer, lost_to varchar[], send_at timestamp, arm varchar, segments varchar[])"
        )
        names = ["as_of", "user_id", "campaign_id", "decision", "primary_reason", "variant", "send_at", "arm"]
        connection.executemany(
            f"insert into ledger.decisions ({', '.join(names)}) values (?, ?, ?, ?, ?, ?, ?, ?)",
            [[row[name] for name in names] for row in world.decisions],
        )


def _build(world: World, folder: Path) -> Path:
    """Build the three marts of a world in a copy of the project; the database's path."""
    project, database = folder / "project", folder / "night.duckdb"
    # without descriptions and tests of models, which take dbt long to read
    ignored = shutil.ignore_patterns("*unit_tests.yml", "*__models.yml")
    for name in ("models", "macros", "seeds"):
        shutil.copytree(REPOSITORY / name, project / name, ignore=ignored)
    for name in ("dbt_project.yml", "profiles.yml"):
        shutil.copy(REPOSITORY / name, project / name)
    _write(project / "seeds" / "compiled" / "campaigns.csv", CAMPAIGN_COLUMNS, world.campaigns)
    _write(project / "seeds" / "outside_campaigns.csv", list(world.outside[0]), world.outside)
    _write_landing(world, folder / "raw")
    _write_ledger(world, database)
    variables = {"raw": str(folder / "raw"), "as_of": f"{AS_OF:%Y-%m-%d %H:%M:%S}"}
    variables |= {"wall_clock": "2024-06-02 00:00:00", "global_holdout_percent": str(GLOBAL_HOLDOUT)}
    marts = ["+campaign_results", "+churn_breadcrumbs", "+site_engagement"]
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build", "--select", *marts]
    command += ["--resource-type", "model", "--resource-type", "seed", "--vars", json.dumps(variables)]
    environment = os.environ | {"SENDWORTHY_BUILD_DB": str(database)}
    result = subprocess.run(
        command, cwd=project, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return database


Night = tuple[World, dict[str, list[Row]]]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A world and the rows of the marts that dbt built of it."""
    rng = random.Random(20240601)
    world = World()
    _published(world)
    _no_effect(world, rng)
    _random_nights(world, rng)
    _leaving(world, rng)
    _outside(world, rng)
    database = _build(world, tmp_path_factory.mktemp("measurement"))
    marts: dict[str, list[Row]] = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        for name in ("campaign_results", "churn_breadcrumbs", "site_engagement"):
            cursor = connection.execute(f"select * from marts.{name}")
            columns = [column[0] for column in cursor.description]
            marts[name] = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    return world, marts


# ---------------------------------------------------------------------------------------------------------
# Statistics by search: no formula of the SQL is used here


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function crosses 0 between low and high (an end, when it does not)."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return (low + high) / 2


def log_evidence(distance: float, unit_variance: float) -> float:
    """The logarithm of how much likelier a distance (in standard errors) is under an effect, drawn from a normal of 0.1 standard deviations, than under none.

    The chance that this ever reaches 1 / a is at most a, however often it is looked at (Ville).
    """
    spread = 0.1**2 / unit_variance
    return distance**2 / 2 * spread / (1 + spread) - math.log(1 + spread) / 2


def anytime_quantile(unit_variance: float, chance: float) -> float:
    """The distance at which the evidence is 1 / chance."""
    return _root(lambda distance: log_evidence(distance, unit_variance) + math.log(chance), 0.0, 1000.0)


def wilson(successes: int, trials: int, quantile: float = Z) -> tuple[float, float]:
    """The proportions from which the observed one is no more than so many standard errors away."""
    rate = successes / trials

    def distance(share: float) -> float:
        return (share - rate) - math.copysign(
            quantile * math.sqrt(share * (1 - share) / trials), share - rate
        )

    low = 0.0 if successes == 0 else _root(distance, 0.0, rate)
    high = 1.0 if successes == trials else _root(distance, rate, 1.0)
    return low, high


def newcombe(yes_a: int, a: int, yes_b: int, b: int, quantile: float = Z) -> tuple[float, float]:
    """The interval of yes_a/a - yes_b/b."""
    (low_a, high_a), (low_b, high_b) = wilson(yes_a, a, quantile), wilson(yes_b, b, quantile)
    rate_a, rate_b = yes_a / a, yes_b / b
    below = math.hypot(rate_a - low_a, high_b - rate_b)
    above = math.hypot(high_a - rate_a, rate_b - low_b)
    return rate_a - rate_b - below, rate_a - rate_b + above


def risk_ratio(yes_a: int, a: int, yes_b: int, b: int) -> tuple[float, float]:
    """The interval of (yes_a/a) / (yes_b/b), half a person added to each of the four counts."""
    cells = [yes_a + 0.5, a - yes_a + 0.5, yes_b + 0.5, b - yes_b + 0.5]
    share_a, share_b = cells[0] / (cells[0] + cells[1]), cells[2] / (cells[2] + cells[3])
    variance = (1 - share_a) / cells[0] + (1 - share_b) / cells[2]
    low, high = (share_a / share_b * math.exp(sign * Z * math.sqrt(variance)) for sign in (-1, 1))
    return (0.0 if yes_a == 0 else low), high


# ---------------------------------------------------------------------------------------------------------
# Campaign results


def _results(marts: dict[str, list[Row]]) -> dict[tuple[str, str, str], Row]:
    rows = marts["campaign_results"]
    by_key = {(row["campaign_id"], row["variant"], row["arm"]): row for row in rows}
    assert len(by_key) == len(rows)
    return by_key


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_intervals(night: Night, name: str) -> None:
    yes, sent, control_yes, control, low, high = PUBLISHED[name]
    row = _results(night[1])[f"published_{name}", "all", "send"]
    assert (row["converted"], row["users"]) == (yes, sent)
    assert row["lift"] == pytest.approx(yes / sent - control_yes / control, abs=1e-12)
    assert row["lift_low"] == pytest.approx(low, abs=5.1e-5)
    assert row["lift_high"] == pytest.approx(high, abs=5.1e-5)


def test_those_who_lost_their_place_keep_the_arms_comparable(night: Night) -> None:
    results = _results(night[1])
    sent, control = results["no_effect", "all", "send"], results["no_effect", "all", "control"]
    assert sent["listed_users"] < sent["users"]
    assert sent["is_sample_ratio_ok"]
    assert sent["lift_low"] < 0 < sent["lift_high"]
    # whoever compares the listed users only would see harm that is not there
    world = night[0]
    decisions = [row for row in world.decisions if row["campaign_id"] == "no_effect"]
    listed = {row["user_id"] for row in decisions if row["decision"] == "send"}
    buyers = {row["user_id"] for row in world.landing["events"] if row["event_name"] == "bought_anyway"}
    assert newcombe(len(listed & buyers), len(listed), control["converted"], control["users"])[1] < 0


def _shares(setting: Row) -> dict[str, int]:
    """The arms of a campaign with their shares, in its order."""
    return {
        arm: int(share)
        for arm, _, share in (one.partition(":") for one in (setting["arms"] or "").split(";"))
        if arm
    }


def _compared_with(setting: Row, arm: str) -> str | None:
    """What docs/measurement.md compares a row with."""
    if arm == "send":
        return "control"
    if "control_arm" in setting:
        return None if arm == "control" else "control"
    shares = _shares(setting)
    if arm not in shares:
        return None
    if setting["evaluation"] != "arms":
        return f"control:{arm}"
    first = next(iter(shares))
    return None if arm == first else first


def _first_nights(world: World) -> list[Row]:
    erased = {row["user_id"] for row in world.landing["erasure_requests"] if row["requested_at"] < AS_OF}
    first: dict[tuple[str, str], Row] = {}
    order = {"control": 0, "send": 1, "suppress": 2}
    for row in sorted(world.decisions, key=lambda row: (row["as_of"], order[row["decision"]])):
        is_eligible = row["decision"] != "suppress" or row["primary_reason"] in LOST
        if is_eligible and row["as_of"] < AS_OF and row["user_id"] not in erased:
            first.setdefault((row["campaign_id"], row["user_id"]), row)
    return list(first.values())


def _first_assignments(world: World) -> list[Row]:
    """Those that count of declared campaigns and arms, in the order of time and arm."""
    erased = {row["user_id"] for row in world.landing["erasure_requests"] if row["requested_at"] < AS_OF}
    arms = {row["campaign_id"]: _outside_shares(row) for row in world.outside}
    first: dict[tuple[str, str], Row] = {}
    for row in sorted(world.landing["assignments"], key=lambda row: (row["assigned_at"], row["arm"])):
        first.setdefault((row["campaign_id"], row["user_id"]), row)
    return [
        row
        for row in first.values()
        if row["arm"] in arms.get(row["campaign_id"], ())
        and row["assigned_at"] < AS_OF
        and row["user_id"] not in erased
    ]


def _outside_shares(setting: Row) -> dict[str, float | None]:
    """The arms of an outside campaign with their shares."""
    parts = [one.partition(":") for one in setting["arms"].split(";")]
    return {arm: float(share) if share else None for arm, _, share in parts}


def test_results_equal_a_plain_count(night: Night) -> None:
    world, marts = night
    happened: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for row in world.landing["events"]:
        happened[row["user_id"], row["event_name"]].append(row["occurred_at"])
    for row in world.landing["message_events"]:
        happened[row["user_id"], f"message_{row['event_type']}:{row['campaign_id']}"].append(
            row["occurred_at"]
        )

    settings = {row["campaign_id"]: row for row in world.campaigns}
    counts: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in _first_nights(world):
        if row["campaign_id"] not in settings:
            continue
        setting = settings[row["campaign_id"]]
        start = row["send_at"] or row["as_of"]
        end = start + setting["success_window_days"] * DAY
        times = happened[row["user_id"], setting["success_event"]]
        converted = any(start <= at < end and at < AS_OF for at in times)
        arm = "control" if row["decision"] == "control" else "send"
        keys = {("all", arm), (row["variant"] or "all", arm)}
        if row["arm"] in _shares(setting):
            own = row["arm"] if arm == "send" else f"control:{row['arm']}"
            # where arms are judged by one another, nothing is compared with their control
            if arm == "send" or setting["evaluation"] != "arms":
                keys.add(("all", own))
        for variant, group in keys:
            cell = counts[row["campaign_id"], variant, group]
            if end <= AS_OF:
                cell[0] += 1
                cell[1] += converted
                cell[2] += row["decision"] == "send"
            else:
                cell[3] += 1

    settings |= {row["campaign_id"]: row for row in world.outside}
    for row in _first_assignments(world):
        setting = settings[row["campaign_id"]]
        start, end = row["assigned_at"], row["assigned_at"] + setting["success_window_days"] * DAY
        times = happened[row["user_id"], setting["success_event"]]
        is_control = row["arm"] == setting["control_arm"]
        for group in {"control"} if is_control else {"send", row["arm"]}:
            cell = counts[row["campaign_id"], "all", group]
            if end <= AS_OF:
                cell[0] += 1
                cell[1] += any(start <= at < end for at in times)
                cell[2] += not is_control
            else:
                cell[3] += 1
    assert {(name, "all", "mens") for name in ("sale", "badly_split", "clicked")} < counts.keys()

    results = _results(marts)
    names = ["users", "converted", "listed_users", "waiting_users"]
    assert {key: [row[name] for name in names] for key, row in results.items()} == dict(counts)
    assert sum(row["waiting_users"] for row in results.values()) > 20

    for (campaign_id, variant, arm), row in results.items():
        users, converted = row["users"], row["converted"]
        against = _compared_with(settings[campaign_id], arm)
        other = counts.get((campaign_id, variant, against or ""), [0, 0, 0, 0])
        if users:
            assert row["rate"] == pytest.approx(converted / users)
            assert (row["rate_low"], row["rate_high"]) == pytest.approx(wilson(converted, users), abs=1e-9)
        else:
            assert row["rate"] is None and row["rate_low"] is None and row["rate_high"] is None
        is_compared = against is not None and users and other[0]
        assert row["compared_with"] == (against if is_compared else None)
        if is_compared:
            assert row["lift"] == pytest.approx(converted / users - other[1] / other[0], abs=1e-12)
            expected = newcombe(converted, users, other[1], other[0])
            assert (row["lift_low"], row["lift_high"]) == pytest.approx(expected, abs=1e-9)
            quantile = anytime_quantile(1 / users + 1 / other[0], 0.05)
            anytime = newcombe(converted, users, other[1], other[0], quantile)
            assert (row["lift_anytime_low"], row["lift_anytime_high"]) == pytest.approx(anytime, abs=1e-9)
            assert row["lift_anytime_low"] <= row["lift_low"] <= row["lift_high"] <= row["lift_anytime_high"]
        else:
            names = ["lift", "lift_low", "lift_high", "lift_anytime_low", "lift_anytime_high", "verdict"]
            assert [row[name] for name in names] == [None] * len(names)


def test_sample_ratio_equals_a_plain_count(night: Night) -> None:
    world, marts = night
    results = _results(marts)
    settings = {row["campaign_id"]: row for row in (*world.campaigns, *world.outside)}
    seen, against_first, outside = set(), set[object](), set[object]()
    for (campaign_id, variant, named), row in results.items():
        treated = named.removeprefix("control:") if named != "control" else "send"
        compared = _compared_with(settings[campaign_id], treated)
        arms = [
            results.get((campaign_id, variant, arm), {"users": 0})["users"]
            for arm in (treated, compared or "")
        ]
        setting = settings[campaign_id]
        share: float | None
        if "control_arm" in setting:
            promised = _outside_shares(setting)
            control = promised[setting["control_arm"]]
            others = promised.values() if treated == "send" else (control, promised[treated])
            share = control / sum(filter(None, others)) if control else None
            outside.add(row["is_sample_ratio_ok"])
        elif setting["is_transactional"] == "true" or compared is None:
            share = None
        elif compared in (shares := _shares(setting)):
            share = shares[compared] / (shares[compared] + shares[treated])
            against_first.add(row["is_sample_ratio_ok"])
        else:
            holdout = float(setting["holdout_percent"]) / 100
            share = 1 - (1 - holdout) * (1 - GLOBAL_HOLDOUT / 100)
        if share is None:
            assert row["expected_control_share"] is None and row["is_sample_ratio_ok"] is None
            continue
        assert row["expected_control_share"] == pytest.approx(share)
        expected = [sum(arms) * (1 - share), sum(arms) * share]
        if min(expected) < 5:
            assert row["sample_ratio_chi_square"] is None and row["is_sample_ratio_ok"] is None
            continue
        chi_square = sum((n - m) ** 2 / m for n, m in zip(arms, expected, strict=True))
        assert row["sample_ratio_chi_square"] == pytest.approx(chi_square)
        assert row["is_sample_ratio_ok"] is (
            log_evidence(math.sqrt(chi_square), 1 / sum(arms)) < math.log(1000)
        )
        seen.add(row["is_sample_ratio_ok"])
    assert seen == {True, False}
    assert against_first >= {True, False}
    assert outside >= {True, False, None}


# ---------------------------------------------------------------------------------------------------------
# Churn breadcrumbs


def _cohorts(world: World) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Reference dates of those who left and of those who stayed."""
    events = world.landing["events"]
    users = {row["user_id"]: row["signed_up_at"] for row in world.landing["users"]}
    left: dict[str, datetime] = {}
    started: dict[str, datetime] = {}
    first = dict(users)
    for row in events:
        user_id, at = row["user_id"], row["occurred_at"]
        if user_id not in users:
            continue
        first[user_id] = min(first[user_id], at)
        if row["event_name"] == "subscription_cancelled":
            left[user_id] = max(left.get(user_id, at), at)
        if row["event_name"] == "subscription_started":
            started[user_id] = min(started.get(user_id, at), at)
    dates = sorted((at, user_id) for user_id, at in left.items())
    stayed = {}
    for user_id in users:
        if user_id not in left and user_id in started:
            number = int(hashlib.md5(f"breadcrumbs:{user_id}".encode()).hexdigest()[:8], 16) % len(dates)
            if started[user_id] < dates[number][0] and first[user_id] < dates[number][0]:
                stayed[user_id] = dates[number][0]
    return left, stayed


def _onboarding(world: World) -> dict[str, tuple[datetime, datetime | None]]:
    times: dict[str, tuple[datetime, datetime | None]] = {}
    for user_id in (row["user_id"] for row in world.landing["users"]):
        mine = [row for row in world.landing["events"] if row["user_id"] == user_id]
        starts = [row["occurred_at"] for row in mine if row["event_name"] == "onboarding_started"]
        if starts:
            ends = [row["occurred_at"] for row in mine if row["event_name"] == "onboarding_completed"]
            times[user_id] = (min(starts), min((at for at in ends if at > min(starts)), default=None))
    return times


def _factors(world: World, user_id: str, at: datetime, onboarding: Any, typical: timedelta) -> set[str]:
    def within(moment: datetime, days: int) -> bool:
        return at - days * DAY <= moment < at

    found = set()
    mine = {name: [row for row in rows if row["user_id"] == user_id] for name, rows in world.landing.items()}
    for row in mine["events"]:
        if within(row["occurred_at"], 60):
            score = json.loads(row["properties"]).get("score")
            if row["event_name"] in ("payment_failed", "return_requested"):
                found.add(row["event_name"])
            # one that is there and is no number is the worst: nothing unreadable speaks well of anybody
            worst = score if isinstance(score, int) else 0
            if row["event_name"] == "feedback_submitted" and score is not None and worst <= 6:
                found.add("low_feedback_score")
    for row in mine["support_tickets"]:
        if row["category"].lower() in ("billing", "complaint") and within(row["created_at"], 60):
            found.add(row["category"].lower() + "_ticket")
        if row["satisfaction"] == "bad" and within(row["updated_at"], 60):
            found.add("bad_satisfaction")
    if any(
        row["sentiment"] == "negative" and within(row["posted_at"], 60) for row in mine["social_mentions"]
    ):
        found.add("negative_mention")
    reports = [(row["event_type"], row["occurred_at"]) for row in mine["message_events"]]
    if any(kind == "unsubscribed" and within(moment, 60) for kind, moment in reports):
        found.add("unsubscribed")
    if sum(kind == "sent" and within(moment, 30) for kind, moment in reports) >= 10:
        found.add("many_messages")
    # whole days, and not the one on which they left
    active_on = {row["occurred_at"].date() for row in mine["events"] if row["event_name"] != "location_ping"}
    if not any(at.date() - 30 * DAY <= day < at.date() for day in active_on):
        found.add("inactivity")
    start, end = onboarding.get(user_id, (AS_OF, None))
    if start >= at:
        found.add("no_onboarding")
    elif min(end or at, at) - start >= 2 * typical and (end is None or end >= at - 60 * DAY):
        found.add("slow_onboarding")
    return found


def test_breadcrumbs_equal_a_plain_count(night: Night) -> None:
    world, marts = night
    left, stayed = _cohorts(world)
    assert len(left) > 30 and len(stayed) > 30
    onboarding = _onboarding(world)
    seconds = [(end - start).total_seconds() for start, end in onboarding.values() if end is not None]
    typical = timedelta(seconds=median(seconds))
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for position, people in enumerate((left, stayed)):
        for user_id, at in people.items():
            for factor in _factors(world, user_id, at, onboarding, typical):
                counts[factor][position] += 1

    assert len(counts) == len(marts["churn_breadcrumbs"]) == 12
    for row in marts["churn_breadcrumbs"]:
        of_left, of_stayed = counts[row["factor"]]
        assert (row["cancelled_users_with"], row["cancelled_users"]) == (of_left, len(left)), row["factor"]
        assert (row["stayed_users_with"], row["stayed_users"]) == (of_stayed, len(stayed)), row["factor"]
        assert row["cancelled_share"] == pytest.approx(of_left / len(left))
        assert row["stayed_share"] == pytest.approx(of_stayed / len(stayed))
        if of_stayed:
            assert row["lift"] == pytest.approx((of_left / len(left)) / (of_stayed / len(stayed)))
            assert row["lift_low"] <= row["lift"] <= row["lift_high"]
        else:
            assert row["lift"] is None
        expected = risk_ratio(of_left, len(left), of_stayed, len(stayed))
        assert (row["lift_low"], row["lift_high"]) == pytest.approx(expected)


# ---------------------------------------------------------------------------------------------------------
# Site engagement


def test_every_customer_has_a_row_of_site_engagement(night: Night) -> None:
    world, marts = night
    rows = {row["user_id"]: row for row in marts["site_engagement"]}
    assert len(rows) == len(marts["site_engagement"])
    assert rows.keys() == {row["user_id"] for row in world.landing["users"]}
    views = [row for row in world.landing["events"] if row["event_name"] == "page_viewed"]
    for user_id, row in rows.items():
        mine = [view["occurred_at"] for view in views if view["user_id"] == user_id]
        assert row["page_views"] == sum(view >= AS_OF - 90 * DAY for view in mine)
        assert row["page_views_30"] == sum(view >= AS_OF - 30 * DAY for view in mine)
