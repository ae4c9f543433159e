"""Nights that type each file once give what nights give that read everything: late, doubled, corrected, removed and future rows."""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from sendworthy.build.engines import DuckdbEngine
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.project import Project
from sendworthy.landing.typed_drops import TypedDrops

from tests.oracle.world import AS_OF
from tests.support.drop_worlds import DAY, make_drops
from tests.support.model_harness import PROJECT
from tests.support.typed_nights import TypedNights

CLOCK = "2026-06-01 06:00:00"
HEADER = "event_id,user_id,event_name,occurred_at,received_at,properties\n"
REPORTS = "message_event_id,user_id,channel,event_type,occurred_at,address\n"


def drop(table: str, day: int) -> str:
    return f"{table}/landed_on=2026-05-{day:02}/part-0.csv"


class Zone(TypedNights):
    """A landing zone of a few small drops."""

    def land(self, day: int, *rows: str, table: str = "events") -> None:
        path = self.raw / drop(table, day)
        path.parent.mkdir(parents=True, exist_ok=True)
        # the first time of all is one, too
        written_at = path.stat().st_mtime_ns + 10**9 if path.is_file() else 0
        path.write_text((HEADER if table == "events" else REPORTS) + "".join(f"{row}\n" for row in rows))
        # within one tick of the clock it would be as it was
        os.utime(path, ns=(written_at, written_at))

    def reads(self, *files: str, clock: str = CLOCK) -> None:
        """The next night reads these files and no other, and gives what a night gives that reads everything."""
        kept = self.night(clock)
        everything = self.night_that_reads_everything(clock)
        for relation, rows in everything.items():
            assert kept[relation] == rows, relation
        assert self.read == set(files)

    def counted(self, event: str) -> list[str]:
        """The files whose delivery of an event counts."""
        with duckdb.connect(str(self.root / "kept.duckdb"), read_only=True) as connection:
            found = connection.execute(
                "select file from staging.base_landing__events where event_id = ? and quarantine_reason is null",
                [event],
            )
            return [file for (file,) in found.fetchall()]


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt has parsed, once for all of these tests."""
    return tmp_path_factory.mktemp("target")


@pytest.fixture
def zone(tmp_path: Path, target: Path) -> Zone:
    """A landing zone of which one night has typed everything."""
    zone = Zone(tmp_path, target)
    zone.land(1, "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-01 09:00:00,", "torn,ada,page_viewed,soon,,")
    zone.land(1, "m1,ada,email,opened,2026-05-01 08:00:00,", table="message_events")
    zone.land(2, 'e2,bob,order_completed,2026-05-02 08:00:00,2026-05-02 09:00:00,"{""total"": 5}"')
    zone.night(CLOCK)
    assert zone.read == {drop("events", 1), drop("events", 2), drop("message_events", 1)}
    return zone


def test_a_file_is_read_when_it_is_new_or_not_as_it_was(zone: Zone) -> None:
    zone.land(3, "e3,ada,page_viewed,2026-05-03 08:00:00,,")
    # nothing but a header: it has no rows to keep, and is not read again either
    zone.land(4)
    # as long as before
    path = zone.raw / drop("events", 2)
    path.write_text(path.read_text().replace("bob", "eve"))
    zone.reads(drop("events", 2), drop("events", 3), drop("events", 4))
    # of the same time as before
    before = path.stat()
    path.write_text(path.read_text() + "\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    (zone.raw / drop("events", 3)).unlink()
    zone.drops().begin()
    (failed,) = [path for path in zone.place.iterdir() if (path / "known.json").is_file()]
    (failed / "events" / "drop_number=1").mkdir(parents=True)
    zone.reads(drop("events", 2))
    # nothing is left of files that are gone, and of a night that has failed
    assert {str(path.parent) for path in zone.place.rglob("*.parquet")} == {
        file.path for file in zone.drops().files if file.path
    }
    assert not failed.exists()


def test_of_two_deliveries_the_first_counts_whichever_is_read_first(zone: Zone) -> None:
    later = "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-03 09:00:00,"
    zone.land(3, later, later)
    zone.land(3, "m1,ada,email,opened,2026-05-01 08:00:00,", table="message_events")
    zone.reads(drop("events", 3), drop("message_events", 3))
    assert zone.counted("e1") == [drop("events", 1)]
    # one that was received before it: the kept file is read anew, because its row does not count any more
    zone.land(4, "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-01 08:30:00,")
    # of another person it is another event
    zone.land(5, "e2,ada,order_completed,2026-05-01 08:00:00,2026-05-01 08:00:00,")
    zone.reads(drop("events", 1), drop("events", 4), drop("events", 5))
    assert zone.counted("e1") == [drop("events", 4)]


def test_where_the_delivery_that_counted_is_gone_the_next_one_counts(zone: Zone) -> None:
    zone.land(3, "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-03 09:00:00,")
    zone.land(4, "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-04 09:00:00,")
    zone.night(CLOCK)
    # it lands again, without it
    zone.land(1, "e0,ada,page_viewed,2026-05-01 08:00:00,,")
    zone.reads(drop("events", 1), drop("events", 3), drop("events", 4))
    assert zone.counted("e1") == [drop("events", 3)]
    (zone.raw / drop("events", 3)).unlink()
    zone.reads(drop("events", 4))
    assert zone.counted("e1") == [drop("events", 4)]


def test_a_row_from_the_future_counts_when_its_time_has_come(zone: Zone) -> None:
    ahead = "2026-06-01 07:00:01"
    zone.land(3, f"f2,ada,page_viewed,{ahead},2026-05-03 00:00:00,", f"f3,ada,page_viewed,{ahead},,")
    zone.land(4, f"f3,ada,page_viewed,{ahead},,")
    zone.land(5, "f2,ada,page_viewed,2026-05-05 08:00:00,2026-05-05 00:00:00,")
    zone.land(6, f"f1,ada,page_viewed,{ahead},,", "f0,ada,page_viewed,2026-06-02 07:00:00,,")
    zone.night(CLOCK)
    assert [zone.counted(f"f{number}") for number in range(4)] == [[], [], [drop("events", 5)], []]
    # of f1 there is one: its file is not read again. f2 was received before the one that counted, and of f3 there are two
    zone.reads(*(drop("events", day) for day in (3, 4, 5)), clock="2026-06-01 06:00:01")
    assert [zone.counted(f"f{number}") for number in range(4)] == [
        [],
        [drop("events", 6)],
        [drop("events", 3)],
        [drop("events", 3)],
    ]
    # by a clock that goes back, what was read by a later one is read again
    zone.reads(*(drop("events", day) for day in (3, 4, 5)))


@pytest.mark.hard
def test_a_kept_file_that_cannot_be_read_again_ends_the_night(zone: Zone) -> None:
    path = zone.raw / drop("events", 1)
    before = path.stat()
    path.write_text(path.read_text().replace("event_id", "event_ix"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # nobody sees it, until a delivery lands that was received before one of its rows
    zone.land(4, "e1,ada,page_viewed,2026-05-01 08:00:00,2026-05-01 08:30:00,")
    with pytest.raises(AssertionError, match="the required column event_id is missing"):
        zone.night(CLOCK)


# -- who was erased

ERASED = {"ada": "ada@example.com"}
OPT_OUT = "m2,ada,email,unsubscribed,2026-05-01 08:00:00,desk@example.com"


def test_a_report_of_an_erased_person_holds_for_whoever_has_the_address(zone: Zone) -> None:
    """It may stop what goes to somebody else, now or later: doubled, from the future, or not to be read."""
    zone.land(
        2, OPT_OUT, OPT_OUT.replace("m2", "m3").replace("2026-05-01 08:00:00", "soon"), table="message_events"
    )
    zone.land(
        3, OPT_OUT, OPT_OUT.replace("m2", "m4").replace("2026-05-01", "2026-06-02"), table="message_events"
    )
    zone.night(CLOCK, ERASED)
    assert not any(b"desk@example.com" in path.read_bytes() for path in zone.place.rglob("*.parquet"))
    # what was erased is not missing
    assert not zone.drops().forget_damaged()
    reports = [drop("message_events", day) for day in (1, 2, 3)]
    kept, everything = zone.night(CLOCK), zone.night_that_reads_everything(CLOCK)
    assert zone.read == set(reports)
    assert kept["staging.base_landing__message_events"] == everything["staging.base_landing__message_events"]
    assert sum("'unsubscribed'" in row for row in kept["staging.base_landing__message_events"]) >= 3
    # of events, nothing is about anybody else: theirs stay away
    assert kept["staging.base_landing__events"] != everything["staging.base_landing__events"]


def test_who_takes_a_request_back_is_there_again_with_all_that_stops_messages(zone: Zone) -> None:
    requests = zone.raw / "erasure_requests.csv"
    header = requests.read_text()
    requests.write_text(f"{header}ada,2026-05-20 08:00:00\n")
    zone.night(CLOCK, ERASED)
    zone.night(CLOCK, ERASED)
    assert not zone.read & {drop("events", 1), drop("events", 2)}
    requests.write_text(header)
    zone.reads(drop("events", 1), drop("message_events", 1))


def test_a_night_before_the_last_one_reads_everything(zone: Zone) -> None:
    zone.drops().refuse_earlier(datetime(2020, 1, 1))
    zone.night(CLOCK, ERASED)
    zone.drops().refuse_earlier(AS_OF)
    with pytest.raises(BuildError, match="before the last one"):
        zone.drops().refuse_earlier(AS_OF - DAY)


# -- what the catalogue says


class Kept:
    """A place with two kept files of a landing zone, one of them without rows; `project` is whose way of reading it is."""

    def __init__(self, root: Path, project: Path = PROJECT) -> None:
        self.place, self.raw, self.project = root / "drops", root / "raw", project
        drops = self.drops()
        folder = drops.begin() / "events" / "drop_number=1"
        drops.commit(AS_OF)
        known = {
            "table_name": "events",
            "file_bytes": 1,
            "written_at_us": 1,
            "judged_at": "2026-06-01 00:00:00",
            "rows_in": 0,
            "rows_erased": 0,
            "unknown_columns": "",
        }
        files = [
            {**known, "file": "a.csv", "path": str(folder), "rows_in": 1003, "rows_erased": 3},
            {**known, "file": "b.csv", "path": None},
        ]
        folder.mkdir(parents=True, exist_ok=True)
        duckdb.execute(
            f"copy (select 'ada' as user_id, range as n from range(1000)) to '{folder}/data_0.parquet'"
        )
        catalogue = json.loads((self.place / "catalogue.json").read_text())
        (self.place / "catalogue.json").write_text(json.dumps({**catalogue, "files": files}))

    def drops(self, raw: Path | None = None) -> TypedDrops:
        return TypedDrops(Project(self.project), raw or self.raw, self.place, DuckdbEngine.packages)

    def known(self, raw: Path | None = None) -> int:
        return len(self.drops(raw).files)


def test_nothing_is_known_of_another_landing_zone(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert kept.known() == 2 and kept.known(tmp_path / "elsewhere") == 0


@pytest.mark.parametrize(
    "spoil",
    [
        lambda place: shutil.rmtree(next(place.rglob("drop_number=1"))),
        lambda place: (place / "catalogue.json").write_text("{"),
        lambda place: (place / "catalogue.json").unlink(),
    ],
)
def test_where_something_is_not_there_nothing_is_known(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    kept = Kept(tmp_path)
    spoil(kept.place)
    assert kept.known() == 0


def test_rows_that_are_missing_are_noticed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    path = next(kept.place.rglob("*.parquet"))
    duckdb.execute(f"copy (select 'ada' as user_id, range as n from range(999)) to '{path}'")
    assert kept.drops().forget_damaged() and kept.known() == 0


def test_a_file_that_is_damaged_is_noticed(tmp_path: Path) -> None:
    kept = Kept(tmp_path)
    assert not kept.drops().forget_damaged()
    path = next(kept.place.rglob("*.parquet"))
    content = bytearray(path.read_bytes())
    content[4 : len(content) // 2] = bytes(len(content) // 2 - 4)
    path.write_bytes(content)
    assert kept.drops().forget_damaged() and kept.known() == 0


@pytest.mark.parametrize(
    "place",
    [
        "macros/landing/land.sql",
        "macros/reading/boolean_of_text.sql",
        "models/staging/landing/base/base_landing__events.sql",
        "seeds/event_names.csv",
        "seeds/report_types.csv",
        "seeds/report_channels.csv",
        "seeds/source_formats.csv",
    ],
)
def test_a_project_that_reads_otherwise_knows_nothing(tmp_path: Path, place: str) -> None:
    root = tmp_path / "project"
    for folder in ("models/staging", "macros", "seeds"):
        shutil.copytree(PROJECT / folder, root / folder)
    kept = Kept(tmp_path, root)
    assert kept.known() == 2
    text = (root / place).read_text(encoding="utf-8")
    (root / place).write_text(f"{text}\n-- another way\n", encoding="utf-8")
    assert kept.known() == 0


@pytest.mark.parametrize(
    ("seed", "nights"), [pytest.param(seed, 30, marks=pytest.mark.hard) for seed in (2, 3)]
)
def test_nights_that_type_each_file_once_are_nights_that_read_everything(
    tmp_path: Path, target: Path, seed: int, nights: int
) -> None:
    """A random world lands drop by drop: late, doubled, bad and from the future; drops land again, changed, and go."""
    rng = random.Random(seed)
    typed = TypedNights(tmp_path, target)
    shutil.rmtree(typed.raw)
    drops = make_drops(typed.raw, seed)
    few = 0
    for number in range(nights):
        as_of = AS_OF - (nights - 1 - number) * DAY
        drops.land(as_of.date())
        if number and rng.random() < 0.3:
            drops.land_again(
                rng.choice(("events", "message_events")), as_of.date() - rng.choice((1, 12, 60)) * DAY
            )
        clock = f"{as_of + timedelta(hours=6):%Y-%m-%d %H:%M:%S}"
        kept, everything = typed.night(clock), typed.night_that_reads_everything(clock)
        for relation, rows in everything.items():
            assert kept[relation] == rows, f"night {number}, {as_of:%Y-%m-%d}: {relation}"
        few += len(typed.read) <= 6
    assert few >= nights // 2, "most nights read most files"
