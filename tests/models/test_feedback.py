"""What customers say, summed up: a plain count in Python of made-up weeks and campaigns, written from docs/measurement.md.

The interval of an NPS is proved by how often it holds the truth, and against a mean of people of +1, 0 and -1.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest

from tests.models.test_measurement import Z, anytime_quantile, newcombe, wilson
from tests.oracle import Campaign, Settings, write_settings
from tests.oracle.landing import TABLES
from tests.support.macro_engines import Macros
from tests.support.model_harness import Warehouse, rows_of, write_empty_world
from tests.support.spark_harness import spark_warehouse

DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WINDOW = 7 * DAY  # as tests/oracle/settings.py writes it
# by the seed of the world: on a Monday at midnight, and in the middle of a week
NIGHTS = {1: datetime(2026, 6, 1), 2: datetime(2026, 6, 3, 10)}
SHARES = (("plain", 60), ("urgent", 40))
FEWEST = 5
NETWORKS = ("forum", " Chirrup ", "chirrup", "all")

Row = dict[str, Any]


# ---------------------------------------------------------------------------------------------------------
# A made-up world


@dataclass
class World:
    """Landing rows by table, and the ledger's decisions."""

    as_of: datetime
    landing: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    ledger: list[Row] = field(default_factory=list)

    @property
    def erased(self) -> set[str]:
        return {
            row["user_id"] for row in self.landing["erasure_requests"] if row["requested_at"] < self.as_of
        }

    @property
    def customers(self) -> set[str]:
        return {row["user_id"] for row in self.landing["users"]} - self.erased


def _moment(rng: random.Random, world: World) -> datetime:
    """A time that may matter: a second to either side of a week's end, of a window's, of the night; or any."""
    monday = datetime.combine(world.as_of.date(), time()) - world.as_of.weekday() * DAY
    decided = rng.choice(world.ledger)
    window: datetime = decided["send_at"] or decided["as_of"]
    border = rng.choice(
        [
            monday - rng.randrange(3) * 7 * DAY,
            monday - rng.choice([24, 25, 26]) * 7 * DAY,
            window,
            window + WINDOW,
            world.as_of,
        ]
    )
    at = rng.choice([border, world.as_of - timedelta(seconds=rng.randrange(20 * 86400))])
    return at + rng.choice([-1, 0, 1]) * SECOND


def _decide(rng: random.Random, world: World, users: Sequence[str]) -> None:
    nights = [datetime.combine(world.as_of.date(), time()) - number * DAY for number in range(1, 24, 2)]
    for campaign_id in ("whole", "split", "gone", "silent"):
        for night in nights:
            for user_id in rng.sample(users, 20):
                decision = rng.choice(["send", "send", "control", "suppress"])
                row: Row = {"as_of": night, "user_id": user_id, "campaign_id": campaign_id}
                row |= {"decision": decision, "send_at": rng.choice([None, night + timedelta(hours=9)])}
                # also one that the settings have no more, and nights before there were arms
                row["arm"] = rng.choice(["plain", "urgent", "old", None]) if campaign_id == "split" else None
                key = f"{campaign_id}:{user_id}:{night:%Y-%m-%d}"
                row |= {"dispatch_id": hashlib.md5(key.encode()).hexdigest(), "channel": "email"}
                world.ledger.append(row)


def _speak(rng: random.Random, world: World, users: Sequence[str]) -> None:
    # some never say anything, so that not everybody is unhappy
    loud = [user for user in users if int(user[1:]) % 3] + ["stranger"]
    for number in range(900):
        user_id, at = rng.choice(loud), _moment(rng, world)
        properties = rng.choice(
            [{"score": score} for score in (0, 6, 6.5, 7, 8, 9, 10, "10", "bad", -1, None)] + [{"text": "x"}]
        )
        event: Row = {"event_id": f"e{number}", "user_id": user_id, "event_name": "feedback_submitted"}
        world.landing["events"].append(event | {"occurred_at": at, "properties": json.dumps(properties)})
    for number in range(400):
        user_id, created_at = rng.choice(loud), _moment(rng, world)
        ticket: Row = {"ticket_id": f"t{number}", "user_id": user_id, "created_at": created_at}
        for version in range(rng.randrange(1, 4)):
            changed = {
                "updated_at": created_at + version * rng.choice([1, 86400]) * SECOND,
                "status": "closed",
            }
            changed["category"] = rng.choice(["complaint", " Complaint", "billing", None])
            changed["satisfaction"] = rng.choice(["good", "good", "bad", "so-so", None])
            world.landing["support_tickets"].append(ticket | changed)
    for number in range(500):
        mention: Row = {
            "mention_id": f"m{number}",
            "posted_at": _moment(rng, world),
            "body": "not to be seen",
        }
        mention["user_id"] = rng.choice([None, rng.choice(loud)])
        mention["network"] = rng.choice(NETWORKS)
        mention["sentiment"] = rng.choice(["positive", "neutral", "negative", "furious", None])
        world.landing["social_mentions"].append(mention)


def _make(seed: int) -> World:
    rng = random.Random(seed)
    world = World(NIGHTS[seed])
    users = [f"u{number}" for number in range(90)]
    for user_id in users:
        row: Row = {"user_id": user_id, "updated_at": world.as_of - 300 * DAY}
        # the newest of them are in segments with few people
        row["signed_up_at"] = world.as_of - rng.choice([3, 100, 200]) * DAY
        world.landing["users"].append(row)
    for user_id in users[:6]:
        asked = {"user_id": user_id, "requested_at": rng.choice([world.as_of - DAY, world.as_of])}
        world.landing["erasure_requests"].append(asked)
    _decide(rng, world, users)
    _speak(rng, world, users)
    # long before anybody said anything
    for decided in world.ledger:
        if decided["campaign_id"] == "silent":
            decided |= {"as_of": decided["as_of"] - 3000 * DAY, "send_at": None}
    return world


def _write(world: World, raw: Path) -> None:
    write_empty_world(raw)
    for table in TABLES:
        if rows := world.landing.get(table.name):
            names = [column.name for column in table.columns]
            with (raw / f"{table.name}.csv").open("w", encoding="utf-8", newline="") as handle:
                writer = csv.DictWriter(handle, names, restval="")
                writer.writeheader()
                writer.writerows(rows)


SETTINGS = Settings(
    campaigns=[
        Campaign("whole", "discount", "email", holdout_percent=Decimal(30)),
        Campaign("split", "discount", "email", holdout_percent=Decimal(30), arms=SHARES),
        Campaign("silent", "discount", "email", holdout_percent=Decimal(30)),
    ],
    ticket_statuses={"closed": "closed"},
)


@dataclass(frozen=True)
class Night:
    """A world, and what the models made of it."""

    world: World
    weeks: list[Row]
    campaigns: list[Row]
    results: list[Row]
    segments: dict[str, set[str]]


@pytest.fixture(
    scope="module",
    params=[(1, "duckdb"), (2, "duckdb"), pytest.param((2, "spark"), marks=pytest.mark.spark)],
    ids="{0[0]}-{0[1]}".format,
)
def night(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Night:
    """A night of a made-up world on an engine."""
    seed, engine = request.param
    world = _make(seed)
    folder = tmp_path_factory.mktemp("feedback")
    _write(world, folder / "raw")
    if engine == "duckdb":
        return _night(request.getfixturevalue("warehouse"), folder, world)
    with spark_warehouse(folder) as warehouse:
        return _night(warehouse, folder, world)


def _night(warehouse: Warehouse, folder: Path, world: World) -> Night:
    write_settings(SETTINGS, folder / "seeds")
    with warehouse.night(
        folder / "raw",
        as_of=world.as_of,
        wall_clock=world.as_of,
        settings=SETTINGS,
        seeds=folder / "seeds",
        ledger=world.ledger,
    ) as connection:
        marts = {
            name: rows_of(connection, f"marts.{name}")
            for name in ("feedback_by_week", "campaign_feedback", "campaign_results", "customer_segments")
        }
    segments: dict[str, set[str]] = defaultdict(set)
    for row in marts["customer_segments"]:
        segments[row["segment"]].add(row["user_id"])
    results = [row for row in marts["campaign_results"] if row["variant"] == "all"]
    return Night(world, marts["feedback_by_week"], marts["campaign_feedback"], results, segments)


# ---------------------------------------------------------------------------------------------------------
# The plain count


@dataclass(frozen=True)
class Said:
    """One thing that somebody said; `mood` is 1, 0, -1, or None where it is not clear."""

    feedback: str
    who: str
    user_id: str | None
    at: datetime
    mood: int | None
    network: str = "all"


def _mood_of_score(properties: Mapping[str, Any]) -> int | None:
    try:
        score = float(properties.get("score", ""))
    except (TypeError, ValueError):
        return None
    return None if not 0 <= score <= 10 else (score >= 9) - (score <= 6)


def _said(world: World) -> list[Said]:
    found: list[Said] = []
    customers, erased = world.customers, world.erased
    for row in world.landing["events"]:
        if row["user_id"] in customers:
            mood = _mood_of_score(json.loads(row["properties"]))
            found.append(Said("score", row["user_id"], row["user_id"], row["occurred_at"], mood))
    first: dict[tuple[str, str, str, int], datetime] = {}
    for row in world.landing["support_tickets"]:
        if row["user_id"] in customers and row["updated_at"] < world.as_of:
            verdicts = [("satisfaction", row["updated_at"], {"good": 1, "bad": -1}.get(row["satisfaction"]))]
            if (row["category"] or "").strip().lower() == "complaint":
                verdicts.append(("complaint", row["created_at"], -1))
            for feedback, at, mood in verdicts:
                if mood is not None:
                    key = (feedback, row["ticket_id"], row["user_id"], mood)
                    first[key] = min(first.get(key, at), at)
    found += [Said(feedback, user, user, at, mood) for (feedback, _, user, mood), at in first.items()]
    moods = {"positive": 1, "neutral": 0, "negative": -1}
    for row in world.landing["social_mentions"]:
        if row["user_id"] not in erased:
            who, network = row["user_id"] or row["mention_id"], row["network"].strip().lower()
            mood = moods.get(row["sentiment"])
            found.append(Said("mention", who, row["user_id"], row["posted_at"], mood, network))
    return [one for one in found if one.at < world.as_of]


def _newest(things: Iterable[Said]) -> int | None:
    """How the newest clear thing was meant; of two in one moment the worse."""
    clear = [(one.at, -one.mood) for one in things if one.mood is not None]
    return -max(clear)[1] if clear else None


def _nps(moods: Sequence[int]) -> tuple[float, float]:
    """The interval of the mean of people and of three more who say everything: adjusted Wald."""
    values = np.array([*moods, 1, 0, -1])
    weights = np.array([1.0] * len(moods) + [0.75, 1.5, 0.75])
    mean = float(np.average(values, weights=weights))
    variance = float(np.average((values - mean) ** 2, weights=weights))
    reach = Z * (variance / (len(moods) + 3)) ** 0.5
    return max(-1.0, mean - reach), min(1.0, mean + reach)


def test_weeks_equal_a_plain_count(night: Night) -> None:
    world = night.world
    newest_monday = (world.as_of - timedelta(microseconds=1)).date()
    newest_monday -= newest_monday.weekday() * DAY
    spoken: dict[tuple[date, str, str, str], dict[str, list[Said]]] = defaultdict(lambda: defaultdict(list))
    for one in _said(world):
        monday = one.at.date() - one.at.weekday() * DAY
        if monday < newest_monday - 25 * 7 * DAY:
            continue
        groups = ["all", *(name for name, people in night.segments.items() if one.user_id in people)]
        networks = {"all", one.network}
        for group in groups:
            for network in networks:
                spoken[monday, group, one.feedback, network][one.who].append(one)

    expected: dict[tuple[date, str, str, str], Row] = {}
    for key, by_person in spoken.items():
        newest = [_newest(things) for things in by_person.values()]
        moods = [mood for mood in newest if mood is not None]
        if len(moods) >= FEWEST:
            monday, group, _, _ = key
            expected[key] = {
                "is_whole": datetime.combine(monday, time()) + 7 * DAY <= world.as_of,
                "users": len(night.segments[group] if group != "all" else world.customers),
                "people": len(moods),
                "statements": sum(map(len, by_person.values())),
                **{
                    name: moods.count(mood)
                    for name, mood in (("positive", 1), ("neutral", 0), ("negative", -1))
                },
                "unclear": newest.count(None),
            }
    found = {(row["week"], row["segment"], row["feedback"], row["network"]): row for row in night.weeks}
    assert len(found) == len(night.weeks)
    assert {
        key: {name: row[name] for name in next(iter(expected.values()))} for key, row in found.items()
    } == (expected)
    # what the world was made for is there
    assert {key[2] for key in found} == {"score", "satisfaction", "complaint", "mention"}
    assert {key[3] for key in found} == {"all", "forum", "chirrup"}
    assert len({key[1] for key in found}) > 3 and len(spoken) > len(expected) > 30
    assert {row["is_whole"] for row in night.weeks} == (
        {True} if world.as_of.weekday() == 0 else {True, False}
    )

    for (_, _, feedback, _), row in found.items():
        people = row["people"]
        shares = (row["positive_share"], row["positive_share_low"], row["positive_share_high"])
        if feedback == "complaint":
            assert shares == (None, None, None)
        else:
            bounds = (row["positive"] / people, *wilson(row["positive"], people))
            assert shares == pytest.approx(bounds, abs=1e-9)
        moods = [1] * row["positive"] + [0] * row["neutral"] + [-1] * row["negative"]
        if feedback == "score":
            bounds = (sum(moods) / people, *_nps(moods))
            assert (row["nps"], row["nps_low"], row["nps_high"]) == pytest.approx(bounds, abs=1e-9)
        else:
            assert (row["nps"], row["nps_low"], row["nps_high"]) == (None, None, None)


def _arms(world: World) -> dict[tuple[str, str], list[Row]]:
    """The people of each row whose window is over, by the decision of their first eligible night."""
    first: dict[tuple[str, str], Row] = {}
    order = {"control": 0, "send": 1}
    eligible = [
        row for row in world.ledger if row["decision"] in order and row["user_id"] not in world.erased
    ]
    for row in sorted(eligible, key=lambda row: (row["as_of"], order[row["decision"]])):
        first.setdefault((row["campaign_id"], row["user_id"]), row)
    arms: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for (campaign_id, _), row in first.items():
        start = row["send_at"] or row["as_of"]
        if campaign_id == "gone" or start + WINDOW > world.as_of:
            continue
        arms[campaign_id, row["decision"]].append(row)
        if row["arm"] in dict(SHARES):
            own = row["arm"] if row["decision"] == "send" else f"control:{row['arm']}"
            arms[campaign_id, own].append(row)
    return arms


def _shown(count: int, people: int) -> int | None:
    return None if 0 < people < FEWEST else count


def test_campaigns_equal_a_plain_count(night: Night) -> None:
    arms = _arms(night.world)
    by_user: dict[str, list[Said]] = defaultdict(list)
    for one in _said(night.world):
        if one.user_id is not None:
            by_user[one.user_id].append(one)

    expected: dict[tuple[str, str], Row] = {}
    unhappy: dict[tuple[str, str], int] = {}
    moods: dict[tuple[str, str], list[int]] = {}
    for key, people in arms.items():
        newest: dict[str, list[int | None]] = defaultdict(list)
        unhappy[key] = 0
        for row in people:
            start = row["send_at"] or row["as_of"]
            mine: dict[str, list[Said]] = defaultdict(list)
            for one in by_user[row["user_id"]]:
                if start <= one.at < start + WINDOW:
                    mine[one.feedback].append(one)
            for feedback, things in mine.items():
                newest[feedback].append(_newest(things))
            unhappy[key] += any(_newest(things) == -1 for things in mine.values())
        clear = {name: [mood for mood in found if mood is not None] for name, found in newest.items()}
        moods[key] = clear.get("score", [])
        scores, ratings = len(moods[key]), clear.get("satisfaction", [])
        mentions, complaints = clear.get("mention", []), len(clear.get("complaint", []))
        expected[key] = {
            "users": len(people),
            "unhappy_users": _shown(unhappy[key], len(people)),
            "score_users": _shown(scores, scores),
            "promoters": _shown(moods[key].count(1), scores),
            "passives": _shown(moods[key].count(0), scores),
            "detractors": _shown(moods[key].count(-1), scores),
            "unclear_score_users": newest["score"].count(None),
            "satisfaction_users": _shown(len(ratings), len(ratings)),
            "dissatisfied_users": _shown(ratings.count(-1), len(ratings)),
            "complaint_users": _shown(complaints, complaints),
            "mention_users": _shown(len(mentions), len(mentions)),
            "negative_mention_users": _shown(mentions.count(-1), len(mentions)),
        }
    found = {(row["campaign_id"], row["arm"]): row for row in night.campaigns}
    assert len(found) == len(night.campaigns)
    assert {
        key: {name: row[name] for name in expected["whole", "send"]} for key, row in found.items()
    } == expected
    compared = {
        (row["campaign_id"], row["arm"]): (row["users"], row["compared_with"]) for row in night.results
    }
    assert {key: (row["users"], row["compared_with"]) for key, row in found.items()} == compared
    assert expected["silent", "send"]["score_users"] == 0 < expected["silent", "send"]["users"]
    assert any(row["score_users"] is None for row in night.campaigns)
    assert found.keys() >= {("split", arm) for arm in ("send", "control", "plain", "control:urgent")}

    for key, row in found.items():
        users, count = row["users"], unhappy[key]
        other = (key[0], row["compared_with"])
        those = found[other]["users"] if other in found else 0
        bounds: tuple[float | None, ...] = (None, None, None)
        if users >= FEWEST:
            bounds = (count / users, *wilson(count, users))
        names = ("unhappy_share", "unhappy_share_low", "unhappy_share_high")
        assert tuple(row[name] for name in names) == pytest.approx(bounds, abs=1e-9)
        bounds = (None, None, None)
        if min(users, those) >= FEWEST:
            quantile = anytime_quantile(1 / users + 1 / those, 0.05)
            interval = newcombe(count, users, unhappy[other], those, quantile)
            bounds = (count / users - unhappy[other] / those, *interval)
        names = ("unhappy_difference", "unhappy_difference_low", "unhappy_difference_high")
        assert tuple(row[name] for name in names) == pytest.approx(bounds, abs=1e-9)
        nps = (row["nps"], row["nps_low"], row["nps_high"])
        if row["score_users"]:
            bounds = (sum(moods[key]) / len(moods[key]), *_nps(moods[key]))
            assert nps == pytest.approx(bounds, abs=1e-9)
        else:
            assert nps == (None, None, None)


def test_nobody_has_said_anything(warehouse: Warehouse, tmp_path: Path) -> None:
    """No feedback at all: no row of a week, and campaigns have theirs, with 0."""
    world = _make(1)
    for table in ("events", "support_tickets", "social_mentions"):
        world.landing[table] = []
    _write(world, tmp_path / "raw")
    night = _night(warehouse, tmp_path, world)
    assert night.weeks == []
    assert len(night.campaigns) == len(night.results) > 5
    names = ("score_users", "promoters", "satisfaction_users", "complaint_users", "mention_users")
    assert {tuple(row[name] for name in names) for row in night.campaigns} == {(0,) * len(names)}
    assert all(row["unhappy_users"] == _shown(0, row["users"]) for row in night.campaigns)
    assert {row["nps"] for row in night.campaigns} == {None}


def test_no_text_and_nobody_is_in_the_tables(night: Night) -> None:
    """Values and names of columns: no user, no mention, no text."""
    values = {str(value) for row in night.weeks + night.campaigns for value in row.values()}
    assert "not to be seen" not in values
    assert not values & {row["user_id"] for row in night.world.landing["users"]}
    assert not {name for row in (night.weeks[0], night.campaigns[0]) for name in row} & {"user_id", "body"}


# ---------------------------------------------------------------------------------------------------------
# The interval of an NPS


@cache
def _bounds(promoters: str, detractors: str, people: str) -> tuple[str, str]:
    macros = Macros("duckdb")
    low, high = (macros.render("nps_bound", promoters, detractors, people, sign) for sign in "-+")
    return low, high


def _coverage(counts: pd.DataFrame, truth: float) -> tuple[float, float]:
    """How often the interval of the SQL holds the truth, and that of a plain mean."""
    low, high = _bounds("promoters", "detractors", "people")
    ((held, plain),) = duckdb.sql(
        f"""
        with
            means as (
                select *, (promoters - detractors) / people as nps, (promoters + detractors) / people as clear
                from counts
            ),
            reaches as (select *, {Z} * sqrt((clear - nps * nps) / people) as reach from means)
        select
            avg(({low} <= $truth and {high} >= $truth)::integer),
            avg((abs(nps - $truth) <= reach)::integer)
        from reaches
        """,
        params={"truth": truth},
    ).fetchall()
    return held, plain


# the shares of promoters and of detractors
PEOPLE = {
    "usual": (0.3, 0.2),
    "pleased": (0.6, 0.1),
    "angry": (0.1, 0.6),
    "divided": (0.45, 0.45),
    "delighted": (0.9, 0.02),
    "furious": (0.05, 0.9),
    "indifferent": (0.02, 0.03),
}


@pytest.mark.parametrize("name", PEOPLE)
def test_an_interval_of_nps_holds_the_truth(name: str) -> None:
    promoters, detractors = PEOPLE[name]
    rng = np.random.default_rng(20261201)
    held: list[float] = []
    plain: list[float] = []
    for people in (10, 20, 50, 100, 200):
        drawn = rng.multinomial(people, [promoters, detractors, 1 - promoters - detractors], size=4000)
        counts = pd.DataFrame({"promoters": drawn[:, 0], "detractors": drawn[:, 1], "people": people})
        of_sql, of_mean = _coverage(counts, promoters - detractors)
        held.append(of_sql)
        plain.append(of_mean)
    assert min(held) >= 0.92
    assert np.mean(held) >= 0.94
    # a few people are too few for the plain one
    assert plain[0] < 0.92 <= held[0]


def test_an_interval_of_nps_is_that_of_three_more_people() -> None:
    """Every possible count of up to twelve people, and what nobody says."""
    low, high = _bounds("p", "d", "n")
    cases = [(p, d, n) for n in range(1, 13) for p in range(n + 1) for d in range(n + 1 - p)]
    found = duckdb.sql(
        f"select {low}, {high} from (select unnest($cases) as c), (select c[1] as p, c[2] as d, c[3] as n)",
        params={"cases": [list(case) for case in cases]},
    ).fetchall()
    for (p, d, n), bounds in zip(cases, found, strict=True):
        assert bounds == pytest.approx(_nps([1] * p + [0] * (n - p - d) + [-1] * d), abs=1e-12)
        if n >= FEWEST:
            assert bounds[0] <= (p - d) / n <= bounds[1]
    nobody = "(select 0 as p, 0 as d, 0 as n union all select null, null, null)"
    assert duckdb.sql(f"select {low}, {high} from {nobody}").fetchall() == [(None, None)] * 2
