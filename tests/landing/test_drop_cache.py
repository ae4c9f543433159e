"""Nights that do not read old drops again give what nights give that read everything.

A random world lands drop by drop: events come late, twice, and as rows that are bad or from the future; drops land again and
change. Each night runs twice, on all drops and on what the nights before have kept.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.build.engines import DuckdbEngine
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.landing.compaction import PUBLISHED, STAGED, holds
from sendworthy.landing.drop_cache import (
    History,
    Past,
    forget_erased,
    forget_other_engines,
    read_history_settings,
)
from sendworthy.landing.replay import find_replay
from sendworthy.privacy.erasure import NOBODY, Erased
from sendworthy.warehouse import database_file
from sendworthy.warehouse.personal_files import LAKE_MARK, histories_beside, histories_in, lake_of

from tests.oracle import random_settings, write_settings
from tests.oracle.world import AS_OF
from tests.support.drop_worlds import DAY, WINDOW, make_drops, measure_frequent_events, past_of, publish
from tests.support.model_harness import LIMITS, PROJECT, Warehouse
from tests.support.projects import FIRST, ROOT, SECOND, Place, copy_project

# what stands for a row that is not kept any more
FOLDED = {"rows_folded"}
# of these, a night on history has less: whole rows for 90 days, before them what can still matter
THINNED = {
    "base_landing__active_days",
    "base_landing__events",
    "base_landing__message_events",
    "stg_landing__active_days",
    "stg_landing__events",
    "stg_landing__message_events",
    "int_events__active_days",
    "int_events__visible",
    "int_events__with_messages",
    "int_messages__reports",
    "unreadable_values",
}


def differing(
    warehouse: Warehouse, all_read: duckdb.DuckDBPyConnection, kept: duckdb.DuckDBPyConnection
) -> list[str]:
    """The relations that differ, with how many rows on either side only."""
    wrong = []
    for model in warehouse.models.values():
        if model.name in THINNED or model.name in LIMITS:
            continue
        names = [row[0] for row in all_read.execute(f"describe {model.relation}").fetchall()]
        # files that are read together share an order of columns, and nothing else of a row depends on it
        spelled = {
            "raw_row": "list_sort(list_transform(json_keys(raw_row), name -> [name, raw_row ->> name]))"
        }
        columns = ", ".join(
            spelled.get(name, f'"{name}"') if model.name == "quarantine" else f'"{name}"'
            for name in names
            if name not in FOLDED
        )
        rows = [
            sorted(map(repr, side.execute(f"select {columns} from {model.relation}").fetchall()))
            for side in (all_read, kept)
        ]
        if rows[0] != rows[1]:
            only = [len(set(rows[0]) - set(rows[1])), len(set(rows[1]) - set(rows[0]))]
            wrong.append(f"{model.name}: {only[0]} rows only where all was read, {only[1]} only on history")
    return wrong


def nights(
    warehouse: Warehouse, tmp_path: Path, seed: int, count: int, again: dict[int, tuple[str, int]]
) -> Iterator[tuple[int, History | None, int]]:
    """Run so many nights both ways, comparing each; gives its number, the history that held, and how many rows that had left out.

    `again`: by the number of a night, of which table a drop that landed before so many days lands again.
    """
    settings = random_settings(seed)
    write_settings(settings, tmp_path / "seeds")
    measure_frequent_events(tmp_path / "seeds" / "compiled" / "campaigns.csv")
    drops = make_drops(tmp_path / "raw", seed)
    for number in range(count):
        as_of = AS_OF - (count - 1 - number) * DAY
        drops.land(as_of.date())
        if number in again:
            table, days = again[number]
            drops.land_again(table, as_of.date() - days * DAY)
        past = past_of(drops.raw, tmp_path / "histories")
        history = past.find(as_of)
        sides = [
            warehouse.night(
                drops.raw,
                as_of=as_of,
                wall_clock=as_of + timedelta(hours=6),
                settings=settings,
                seeds=tmp_path / "seeds",
                ledger=drops.ledger,
                history=folder,
            )
            for folder in (None, history.folder if history else None)
        ]
        try:
            wrong = differing(warehouse, *sides)
            assert not wrong, f"night {number}, {as_of:%Y-%m-%d}:\n" + "\n".join(wrong)
            measured = sides[1].execute("select sum(converted) from marts.campaign_results").fetchall()
            assert measured[0][0] > 5, "nothing of old was measured"
            ((left_out,),) = (
                sides[1].execute("select sum(rows_folded)::bigint from ops.source_counts").fetchall()
            )
            if horizon := past.next_horizon(history):
                past.write(
                    publish(sides[1], tmp_path / "published.duckdb", (*STAGED.values(), *PUBLISHED)), horizon
                )
        finally:
            for side in sides:
                side.close()
        yield number, history, left_out


def test_a_few_nights_on_history_are_nights_that_read_everything(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    told = list(nights(warehouse, tmp_path, 1, 3, {}))
    assert told[0][1:] == (None, 0)
    assert told[1][1] is not None and told[2][1] is not None
    # a history that leaves nothing out would be as good
    assert told[2][2] > 100


@pytest.mark.hard
@pytest.mark.parametrize("seed", [2, 3])
def test_thirty_nights_on_history_are_nights_that_read_everything(
    warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    """Late and doubled events, and drops that land again: a new one changes nothing of history, and older ones end it."""
    again = {6: ("events", 1), 12: ("message_events", 30), 20: ("events", 60), 25: ("events", 12)}
    told = list(nights(warehouse, tmp_path, seed, 30, again))
    without = [number for number, history, _ in told if history is None]
    assert without == [0, 12, 20, 25]
    assert len({history.horizon for _, history, _ in told if history is not None}) >= 4
    assert told[-1][2] > 100
    shutil.rmtree(tmp_path / "raw")


# -- a landing zone that is made up


@dataclass
class Zone:
    """A landing zone of daily drops, with a byte in each file, and a history of it."""

    root: Path

    @property
    def raw(self) -> Path:
        return self.root / "raw"

    def past(self, **settings: Any) -> Past:
        found = past_of(self.raw, self.root / "histories")
        found.settings = found.settings.model_copy(update=settings)
        return found

    def drop(self, table: str, day: date) -> Path:
        return self.raw / table / f"landed_on={day}" / "part-0.csv"

    def land(self, day: date) -> None:
        for table in ("events", "message_events"):
            path = self.drop(table, day)
            path.parent.mkdir(parents=True)
            path.write_text("x")

    def fold(
        self, horizon: date, *statements: str, elsewhere: Path | None = None, erased: Erased = NOBODY
    ) -> None:
        """A published file with nothing in it but the files' names and what the statements write, and what is kept of them.

        `elsewhere`: where staged rows are, if they are not to be in the file.
        """
        staged = {}
        published = self.root / "published.duckdb"
        published.unlink(missing_ok=True)
        past = self.past()
        with duckdb.connect(str(published)) as connection:
            for schema in ("staging", "ops", "settings", "intermediate"):
                connection.execute(f"create schema {schema}")
            for statement in (
                "create table staging.base_landing__events (event_id text, user_id text, event_name text, occurred_at timestamp, quarantine_reason text, file text, raw_row text)",
                "create table staging.base_landing__message_events (message_event_id text, user_id text, campaign_id text, channel text, event_type text, occurred_at timestamp, quarantine_reason text, file text, raw_row text)",
                "create table staging.base_landing__active_days (user_id text, active_on date)",
                "create table ops.quarantine (table_name text, file text, reason text, raw_row text)",
                "create table ops.source_counts (table_name text, file text, landed_on date, rows_in bigint, rows_staged bigint, rows_late bigint, rows_erased bigint, unknown_columns text)",
                "create table settings.campaigns (campaign_id text, success_event text)",
                "create table intermediate.int_measurement__eligible_users (user_id text, campaign_id text, starts_at timestamp, ends_at timestamp)",
                "create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of",
            ):
                connection.execute(statement)
            for path in self.raw.glob("*/*/*"):
                name = path.relative_to(self.raw).as_posix()
                connection.execute(
                    "insert into ops.source_counts values (?, ?, ?, 0, 0, 0, 0, '')",
                    [name.split("/")[0], name, name.split("=")[1][:10]],
                )
            for statement in statements:
                connection.execute(statement)
            if elsewhere:
                elsewhere.mkdir()
                for relation in STAGED.values():
                    staged[relation] = f"from read_parquet('{elsewhere / relation}')"
                    connection.execute(f"copy {relation} to '{elsewhere / relation}' (format parquet)")
                connection.execute("drop schema staging cascade")
        past.write(published, horizon, staged, erased)

    def kept(self, horizon: date, part: str, columns: str) -> list[tuple[Any, ...]]:
        """What a history has, in order."""
        path = self.root / "histories" / horizon.isoformat() / f"{part}.parquet"
        return duckdb.sql(f"select {columns} from '{path}' order by all").fetchall()


FIRST_DROP, LAST_DROP = date(2026, 4, 1), date(2026, 5, 31)
HORIZON = date(2026, 5, 14)


@pytest.fixture
def zone(tmp_path: Path) -> Zone:
    zone = Zone(tmp_path)
    for days in range((LAST_DROP - FIRST_DROP).days + 1):
        zone.land(FIRST_DROP + days * DAY)
    zone.fold(HORIZON)
    return zone


# -- what a history keeps: rows before CUTOFF are old, and those of OLD come with a drop that is folded

CUTOFF = "2026-02-13 00:00:00"
OLD, NEW = "landed_on=2026-04-10/part-0.csv", "landed_on=2026-05-20/part-0.csv"


def events(*rows: tuple[str, str, str, str], drop: str = OLD, reason: str | None = None) -> str:
    """Events: id, user, name, when."""
    values = ", ".join(f"('{event}', '{user}', '{name}', timestamp '{at}')" for event, user, name, at in rows)
    because = f"'{reason}'" if reason else "null"
    return f"insert into staging.base_landing__events select *, {because}, 'events/{drop}', null from (values {values})"


def reports(*rows: tuple[str, str, str, str, str, str], drop: str = OLD, reason: str | None = None) -> str:
    """Reports on messages: id, user, campaign, channel, type, when."""
    values = ", ".join(f"({', '.join(map(repr, row[:5]))}, timestamp '{row[5]}')" for row in rows)
    because = f"'{reason}'" if reason else "null"
    return f"insert into staging.base_landing__message_events select *, {because}, 'message_events/{drop}', null from (values {values})"


def looked_for(user: str, success: str, begin: str, end: str) -> str:
    """A campaign's success was looked for from then until then."""
    return f"""
        insert into settings.campaigns values ('of_{success}', '{success}');
        insert into intermediate.int_measurement__eligible_users values ('{user}', 'of_{success}', '{begin}', '{end}')
    """


def test_of_frequent_events_the_first_and_the_newest_stay_and_the_days_of_the_others(zone: Zone) -> None:
    zone.fold(
        HORIZON,
        events(
            ("first", "ada", "page_viewed", "2025-10-01 08:00:00"),
            ("between", "ada", "page_viewed", "2025-10-02 08:00:00"),
            ("between again", "ada", "page_viewed", "2025-10-02 09:00:00"),
            ("newest", "ada", "page_viewed", "2026-02-12 23:59:59"),
            ("young", "ada", "page_viewed", CUTOFF),
            ("younger", "ada", "page_viewed", "2026-04-09 08:00:00"),
            ("of another name", "ada", "product_viewed", "2025-10-03 08:00:00"),
            ("of it the newest", "ada", "product_viewed", "2025-10-04 08:00:00"),
            ("of another person", "bob", "page_viewed", "2025-10-04 08:00:00"),
            ("rare", "ada", "order_completed", "2025-10-05 08:00:00"),
            ("rare too", "ada", "order_completed", "2025-10-06 08:00:00"),
            ("rare and newest", "ada", "order_completed", "2025-10-07 08:00:00"),
        ),
        events(("not folded", "ada", "page_viewed", "2025-10-08 08:00:00"), drop=NEW),
        events(("bad", "ada", "page_viewed", "2025-10-09 08:00:00"), reason="duplicate"),
        # of a fold before this one
        "insert into staging.base_landing__active_days values ('ada', date '2025-07-01')",
    )
    assert [name for (name,) in zone.kept(HORIZON, "events", "event_id")] == [
        *("bad", "first", "newest", "of another name", "of another person", "of it the newest", "rare"),
        *("rare and newest", "rare too", "young", "younger"),
    ]
    assert zone.kept(HORIZON, "active_days", "user_id, active_on::text") == [
        ("ada", "2025-07-01"),
        ("ada", "2025-10-02"),
    ]


def test_of_reports_the_newest_of_each_channel_and_campaign_stays(zone: Zone) -> None:
    zone.fold(
        HORIZON,
        reports(
            ("mail", "ada", "welcome", "email", "opened", "2025-10-01 08:00:00"),
            ("newest mail", "ada", "welcome", "email", "opened", "2025-12-01 08:00:00"),
            ("text message", "ada", "welcome", "sms", "opened", "2025-11-01 08:00:00"),
            ("of another campaign", "ada", "win_back", "email", "opened", "2025-10-02 08:00:00"),
            ("clicked", "ada", "welcome", "email", "clicked", "2025-10-03 08:00:00"),
            ("of another person", "bob", "welcome", "email", "opened", "2025-10-04 08:00:00"),
            ("sent", "ada", "welcome", "email", "sent", "2025-10-05 08:00:00"),
            ("sent again", "ada", "welcome", "email", "sent", "2025-10-06 08:00:00"),
            ("young", "ada", "welcome", "email", "opened", CUTOFF),
        ),
    )
    assert [name for (name,) in zone.kept(HORIZON, "message_events", "message_event_id")] == [
        *("clicked", "newest mail", "of another campaign", "of another person", "sent", "sent again"),
        *("text message", "young"),
    ]


def test_what_measured_a_success_stays_however_long_ago(zone: Zone) -> None:
    zone.fold(
        HORIZON,
        looked_for("ada", "page_viewed", "2025-10-02 08:00:00", "2025-10-09 08:00:00"),
        looked_for("ada", "message_clicked:welcome", "2025-10-02 08:00:00", "2025-10-09 08:00:00"),
        events(
            ("first", "ada", "page_viewed", "2025-09-01 08:00:00"),
            ("too early", "ada", "page_viewed", "2025-10-02 07:59:59"),
            ("success", "ada", "page_viewed", "2025-10-02 08:00:00"),
            ("too late", "ada", "page_viewed", "2025-10-09 08:00:00"),
            ("newest", "ada", "page_viewed", "2026-01-01 08:00:00"),
        ),
        reports(
            ("too early", "ada", "welcome", "email", "clicked", "2025-10-02 07:59:59"),
            ("success", "ada", "welcome", "email", "clicked", "2025-10-02 08:00:00"),
            ("too late", "ada", "welcome", "email", "clicked", "2025-10-09 08:00:00"),
            ("newest", "ada", "welcome", "email", "clicked", "2026-01-01 08:00:00"),
        ),
    )
    assert zone.kept(HORIZON, "events", "event_id") == [("first",), ("newest",), ("success",)]
    assert zone.kept(HORIZON, "message_events", "message_event_id") == [("newest",), ("success",)]


def test_an_id_is_settled_where_the_delivery_that_counts_is_folded(zone: Zone) -> None:
    at = "2026-04-09 08:00:00"
    zone.fold(
        HORIZON,
        events(("came before", "ada", "page_viewed", at), ("never again", "ada", "page_viewed", at)),
        events(("came before", "ada", "page_viewed", at), drop=NEW, reason="duplicate"),
        events(("twice in one", "ada", "page_viewed", at), drop=NEW),
        events(("twice in one", "ada", "page_viewed", at), drop=NEW, reason="duplicate"),
        reports(("came before", "ada", "welcome", "email", "sent", at), drop=NEW, reason="duplicate"),
    )
    assert zone.kept(HORIZON, "settled_ids", "table_name, id") == [
        ("events", "came before"),
        ("message_events", "came before"),
    ]


def test_people_who_were_erased_are_not_folded_where_staged_rows_are_not_in_the_published_file(
    zone: Zone, tmp_path: Path
) -> None:
    """A night on Spark has them in its lake, and nobody deletes anything there."""
    at = "2026-04-09 08:00:00"
    bob = Erased(frozenset({"bob"}), frozenset({"bob@example.com"}))

    def nameless(text: str) -> str:
        row = json.dumps({"user_id": None, "note": text})
        return f"""
            insert into staging.base_landing__events
            values (null, null, 'page_viewed', '{at}', 'missing_user_id', 'events/{OLD}', '{row}');
            insert into ops.quarantine values ('events', 'events/{OLD}', 'missing_user_id', '{row}')
        """

    statements = (
        events(("of ada", "ada", "page_viewed", at), ("of bob", "bob", "page_viewed", at)),
        events(("bad", "bob", "page_viewed", at), reason="duplicate"),
        f"insert into ops.quarantine values ('events', 'events/{OLD}', 'duplicate', '{{}}')",
        *map(nameless, ("hello", "ask BOB@example.com")),
        reports(
            ("to ada", "ada", "welcome", "email", "sent", at),
            ("to bob", "bob", "welcome", "email", "sent", at),
        ),
        *(
            f"insert into staging.base_landing__active_days values ('{name}', date '2025-07-01')"
            for name in ("ada", "bob")
        ),
    )
    zone.fold(HORIZON, *statements)
    folder = zone.root / "histories" / HORIZON.isoformat()
    assert holds(folder, bob)
    zone.fold(HORIZON, *statements, elsewhere=tmp_path / "lake", erased=bob)
    assert zone.kept(
        HORIZON, "events", "user_id, quarantine_reason, json_extract_string(raw_row, '$.note')"
    ) == [
        ("ada", None, None),
        # they stay as rows that say nothing, so that the counts are right
        (None, "duplicate", None),
        (None, "missing_user_id", "hello"),
        (None, "missing_user_id", None),
    ]
    assert zone.kept(HORIZON, "message_events", "user_id") == [("ada",)]
    assert zone.kept(HORIZON, "active_days", "user_id") == [("ada",)]
    assert not holds(folder, bob) and holds(folder, Erased(frozenset({"ada"})))
    # whoever cannot be read may be anybody
    (folder / "active_days.parquet").write_bytes(b"PAR1 and nothing that follows")
    assert holds(folder, bob)


# -- when a history holds


def test_drops_are_folded_when_their_duplicates_have_come_and_a_week_at_once(zone: Zone) -> None:
    found = zone.past().find(None)
    assert found is not None and found.horizon == HORIZON
    assert zone.past().next_horizon(None) == HORIZON
    assert zone.past().next_horizon(found) is None
    for days in range(1, 7):
        zone.land(LAST_DROP + days * DAY)
        assert zone.past().next_horizon(found) is None
    zone.land(LAST_DROP + 7 * DAY)
    assert zone.past().next_horizon(found) == HORIZON + 7 * DAY
    # files of a byte are not worth it, unless somebody says so
    assert zone.past(from_megabytes=1).next_horizon(None) is None


def test_a_history_is_for_nights_that_are_not_older(zone: Zone) -> None:
    assert zone.past().find(datetime(2026, 5, 14)) is not None
    assert zone.past().find(datetime(2026, 5, 13, 23, 59, 59)) is None
    # it stays, for the next night
    assert zone.past().find(None) is not None


@pytest.mark.parametrize(
    "change",
    [
        "written again",
        "longer",
        "gone",
        "another file",
        "in the days after, where duplicates were looked for",
    ],
)
@pytest.mark.parametrize("table", ["events", "message_events"])
def test_a_drop_that_is_not_as_it_was_ends_the_history(zone: Zone, change: str, table: str) -> None:
    path = zone.drop(table, HORIZON - DAY)
    if change == "written again":
        path.write_text("y")
    elif change == "longer":
        before = path.stat()
        path.write_text("xx")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    elif change == "gone":
        path.unlink()
    elif change == "another file":
        path.with_name("part-1.csv").write_text("x")
    else:
        zone.drop(table, HORIZON + (WINDOW - 1) * DAY).write_text("y")
    assert zone.past().find(None) is None
    assert not list((zone.root / "histories").glob("2*"))


def test_a_drop_of_the_last_days_may_land_again(zone: Zone) -> None:
    zone.drop("events", HORIZON + WINDOW * DAY).write_text("y")
    zone.land(LAST_DROP + DAY)
    assert zone.past().find(None) is not None


@pytest.mark.parametrize(
    "place",
    [
        "macros/landing/land.sql",
        "macros/reading/boolean_of_text.sql",
        "models/staging/landing/base/base_landing__events.sql",
        "seeds/compiled/campaigns.csv",
        "seeds/event_names.csv",
        "seeds/report_types.csv",
        "seeds/report_channels.csv",
        "seeds/source_formats.csv",
    ],
)
def test_a_project_that_reads_otherwise_ends_the_history(zone: Zone, tmp_path: Path, place: str) -> None:
    root = tmp_path / "project"
    for folder in ("models/staging", "macros", "seeds"):
        shutil.copytree(PROJECT / folder, root / folder)
    shutil.copyfile(PROJECT / "dbt_project.yml", root / "dbt_project.yml")
    histories = zone.root / "histories"
    assert Past(Project(root), zone.raw, histories, DuckdbEngine.packages).find(None) is not None
    text = (root / place).read_text(encoding="utf-8")
    # of the campaigns, what they are measured by
    other = (
        text.replace("order_completed", "page_viewed")
        if place.endswith("campaigns.csv")
        else text + "\n-- another way\n"
    )
    (root / place).write_text(other, encoding="utf-8")
    assert Past(Project(root), zone.raw, histories, DuckdbEngine.packages).find(None) is None


def test_two_histories_are_kept_and_the_older_one_holds_where_the_newer_does_not(zone: Zone) -> None:
    for days in range(1, 15):
        zone.land(LAST_DROP + days * DAY)
    zone.fold(HORIZON + 7 * DAY)
    zone.fold(HORIZON + 14 * DAY)
    folders = sorted(path.name for path in (zone.root / "histories").iterdir())
    assert folders == [f"{HORIZON + 7 * DAY}", f"{HORIZON + 14 * DAY}"]
    # a drop of the days in which the newer one has looked for duplicates
    zone.drop("events", HORIZON + (14 + WINDOW - 1) * DAY).write_text("y")
    found = zone.past().find(None)
    assert found is not None and found.horizon == HORIZON + 7 * DAY


def test_a_history_that_is_not_whole_is_none(zone: Zone) -> None:
    found = zone.past().find(None)
    assert found is not None
    (found.folder / "settled_ids.parquet").unlink()
    assert zone.past().find(None) is None
    zone.fold(HORIZON)
    (found.folder / "history.json").write_text("{}")
    assert zone.past().find(None) is None


def test_a_damaged_history_is_removed_and_a_whole_one_is_not(zone: Zone) -> None:
    past = zone.past()
    found = past.find(None)
    assert found is not None
    assert not past.forget_damaged(found) and found.folder.is_dir()
    (found.folder / "events.parquet").write_bytes(b"PAR1 and nothing that follows")
    assert past.forget_damaged(found) and not found.folder.exists()


def test_what_another_engine_has_kept_goes_and_a_lake_of_somebody_s_own_stays(tmp_path: Path) -> None:
    database = tmp_path / "s.duckdb"
    beside, lake = histories_beside(database) / "2026-05-14", lake_of(database)
    within, letters = histories_in(lake) / "2026-05-14", histories_in(lake) / "letters"
    for folder in (beside, within, letters):
        folder.mkdir(parents=True)
    # no night has made it
    forget_other_engines(database, histories_beside(database))
    assert within.is_dir()
    (lake / LAKE_MARK).touch()
    forget_other_engines(database, histories_in(lake))
    assert within.is_dir() and not beside.exists()
    beside.mkdir()
    forget_other_engines(database, histories_beside(database))
    assert beside.is_dir() and not within.exists()
    # nobody can say who is in an empty folder
    within.mkdir()
    (lake / LAKE_MARK).unlink()
    assert forget_erased(database, Erased(frozenset({"ada"}))) == []
    assert not beside.exists() and within.is_dir()
    (lake / LAKE_MARK).touch()
    forget_erased(database, Erased(frozenset({"ada"})))
    assert not within.exists() and letters.is_dir()


def test_a_night_that_did_not_read_these_drops_folds_nothing(zone: Zone) -> None:
    zone.past().forget()
    with duckdb.connect(str(zone.root / "published.duckdb")) as connection:
        connection.execute("delete from ops.source_counts where file like '%2026-05-20%'")
    zone.past().write(zone.root / "published.duckdb", HORIZON)
    assert zone.past().find(None) is None


def test_bad_settings_of_history_are_named(tmp_path: Path) -> None:
    text = (PROJECT / "dbt_project.yml").read_text(encoding="utf-8")
    (tmp_path / "dbt_project.yml").write_text(
        text.replace("whole_days: 90", "whole_days: 89"), encoding="utf-8"
    )
    with pytest.raises(SettingsError) as error:
        read_history_settings(Project(tmp_path))
    assert "vars.history.whole_days" in error.value.what


def test_a_replay_is_of_a_recorded_night_that_is_not_the_newest(tmp_path: Path) -> None:
    database = tmp_path / "published.duckdb"
    first, second, third = AS_OF, AS_OF + DAY, AS_OF + 2 * DAY
    assert find_replay(database, first) is None
    with duckdb.connect(str(database)) as connection:
        database_file.create_ledgers(connection, ROOT)
        for number, (as_of, run) in enumerate(
            (
                (first, {"landed_until": {"events": "2026-05-30"}}),
                (first, {"landed_until": {"events": "2026-05-31"}}),
                (second, {"landed_until": {"events": "2026-06-01"}}),
                # a replay has read no more, by a later clock
                (first, {"landed_until": {"events": "2026-05-31"}, "is_replay": True}),
                (third, {}),
            )
        ):
            at = AS_OF + (10 + number) * DAY
            told = {
                "run_id": f"run-{number}",
                "as_of": as_of,
                "started_at": at,
                "finished_at": at,
                "run": json.dumps(run),
            }
            database_file.record_run(connection, told, [{"campaign_id": "a"}, {"campaign_id": "b"}])
    found = find_replay(database, first)
    assert found is not None and found.started_at == AS_OF + 11 * DAY
    assert found.landed_until == {"events": "2026-05-31"}
    assert find_replay(database, second) is not None
    # the newest; one that nobody has recorded; a night without a name
    assert find_replay(database, third) is None
    assert find_replay(database, first - DAY) is None
    assert find_replay(database, None) is None
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            "insert into ops.runs (run_id, as_of, started_at, finished_at) values ('x', ?, ?, ?)",
            [third + DAY] * 3,
        )
    # a run of an older version has not said what it had read
    assert find_replay(database, third) is None


# -- whole nights of the sample, which lands in drops

PERSON = "u002242"
LAST = "landed_on=2026-05-31"


@dataclass
class Story:
    """A project whose nights keep history however small it is; the last drops of the sample wait beside it."""

    place: Place
    waiting: Path

    def night(self, as_of: str, *options: object) -> dict[str, Any]:
        result = self.place.night(as_of, "--json", *options)
        assert result.returncode == 0, result.stderr
        told: dict[str, Any] = json.loads(result.stdout)
        return told

    def land(self) -> None:
        for table in ("events", "message_events"):
            shutil.move(self.waiting / table, self.place.root / "data" / "sample" / table / LAST)

    @property
    def histories(self) -> list[Path]:
        return sorted((self.place.root / ".sendworthy" / "sendworthy.duckdb.history").glob("2*"))

    def rows_of(self, person: str) -> int:
        """The rows of all histories in which a person stands, in whatever column."""
        with duckdb.connect() as connection:
            counted = [
                connection.execute(
                    f"select count(*) from read_parquet('{path}') as part where contains(part::varchar, ?)",
                    [person],
                ).fetchall()[0][0]
                for folder in self.histories
                for path in folder.glob("*.parquet")
            ]
        return sum(counted)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """One night, before the last drops have landed."""
    folder = tmp_path_factory.mktemp("story")
    place = Place(copy_project(folder / "project"))
    settings = place.root / "dbt_project.yml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("from_megabytes: 32", "from_megabytes: 0"), encoding="utf-8")
    (folder / "waiting").mkdir()
    for table in ("events", "message_events"):
        shutil.move(place.root / "data" / "sample" / table / LAST, folder / "waiting" / table)
    story = Story(place, folder / "waiting")
    # of somebody who is going to be erased, in an old drop
    old = min((place.root / "data" / "sample" / "events").glob("landed_on=*")) / "bad.csv"
    old.write_text(
        "event_id,user_id,event_name,occurred_at,properties\n"
        f'bad1,{PERSON},page_viewed,the other day,"{{}}"\n'
        f'bad2,,page_viewed,2026-05-01 10:00:00,"{{""friend"": ""{PERSON}""}}"\n'
        f"bad3,{PERSON},page_viewed,2099-01-01 00:00:00,\n",
        encoding="utf-8",
    )
    assert story.night(FIRST)["folded_before"] is None
    return story


@pytest.mark.hard
def test_nights_on_history_replays_and_erasure(story: Story, tmp_path: Path) -> None:
    place = story.place
    first = place.lists(FIRST)
    (folder,) = story.histories
    assert story.rows_of(PERSON) > 10
    assert {oct(path.stat().st_mode & 0o077) for path in (folder, *folder.iterdir())} == {"0o0"}
    story.land()

    # the second night reads what is new, and gives what a night gives that reads everything
    second = story.night(SECOND)
    assert second["folded_before"] == folder.name
    lists = place.lists(SECOND)
    shutil.copyfile(place.database, tmp_path / "copy.duckdb")
    again = story.night(SECOND, "--full-refresh", "--db", tmp_path / "copy.duckdb", "--out", tmp_path / "out")
    assert again["folded_before"] is None
    assert Place(tmp_path).lists(SECOND) == lists != first
    assert again["sources"] == second["sources"]

    # the first night again, as it was known then: what has landed since is not read
    replayed = story.night(FIRST, "--db", tmp_path / "copy.duckdb", "--out", tmp_path / "replay" / "out")
    assert Place(tmp_path / "replay").lists(FIRST) == first
    assert any("is run as its data were known then" in warning for warning in replayed["warnings"])
    fresh = story.night(FIRST, "--db", tmp_path / "fresh.duckdb", "--out", tmp_path / "fresh" / "out")
    assert fresh["folded_before"] is None and Place(tmp_path / "fresh").lists(FIRST) != first

    # who is erased is in no history any more
    landed = place.root / "data" / "sample" / "erasure_requests.csv"
    landed.write_text(landed.read_text(encoding="utf-8").rstrip("\n") + f"\n{PERSON},2026-06-01 08:00:00\n")
    assert story.night(SECOND)["folded_before"] == folder.name
    assert story.rows_of(PERSON) == 0 and story.histories
    third = story.night(SECOND)
    assert third["folded_before"] is not None
    everything = story.night(
        SECOND, "--full-refresh", "--db", tmp_path / "copy.duckdb", "--out", tmp_path / "out"
    )
    assert place.lists(SECOND) == Place(tmp_path).lists(SECOND)
    assert {(row["table"], row["rows"], row["quarantined"]) for row in third["sources"]} == {
        (row["table"], row["rows"], row["quarantined"]) for row in everything["sources"]
    }


@pytest.mark.hard
def test_a_history_that_cannot_be_written_or_is_torn_costs_nothing_but_time(
    story: Story, tmp_path: Path
) -> None:
    place = story.place
    kept = place.root / ".sendworthy" / "sendworthy.duckdb.history"
    shutil.rmtree(kept)
    kept.write_text("in the way")
    told = story.night(SECOND)
    assert any("could not be folded" in warning for warning in told["warnings"])
    kept.unlink()
    story.night(SECOND)
    (folder, *_) = story.histories
    (folder / "events.parquet").unlink()
    assert story.night(SECOND)["folded_before"] is None
    # a byte that has turned over
    (folder, *_) = story.histories
    content = bytearray((folder / "events.parquet").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 1000] = bytes(1000)
    (folder / "events.parquet").write_bytes(content)
    failed = place.night(SECOND)
    assert failed.returncode == 1 and "was damaged, and is removed" in " ".join(failed.stderr.split())
    assert not folder.exists()
    assert story.night(SECOND)["folded_before"] is None
