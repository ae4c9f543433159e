"""A recorded night run again is that night: no drop, no cancellation and no acceptance that came after it changes a byte."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.audit.gate import FailedExpectation
from sendworthy.audit.overrides import Acceptance, hold_back
from sendworthy.foundation.errors import SettingsError
from sendworthy.landing.replay import Replay, find_replay, read_cancelled_until
from sendworthy.warehouse import database_file

from tests.support.projects import FIRST, ROOT, SECOND, Place, copy_project, sendworthy

NIGHT = datetime(2026, 6, 1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# -- what is recorded, and what becomes of it


def record(
    path: Path, as_of: datetime, started_at: datetime, details: dict[str, Any] | None = None, **run: Any
) -> None:
    with database_file.connect(path) as connection:
        database_file.create_ledgers(connection, ROOT)
        at = {"started_at": started_at, "finished_at": started_at}
        told = {"run_id": f"{as_of}-{started_at}", "as_of": as_of, **at, "run": json.dumps(run)}
        database_file.record_run(
            connection, told, [{"campaign_id": "a", "details": json.dumps(details or {})}]
        )


def read_first(path: Path, file: str, at: datetime) -> None:
    with database_file.connect(path) as connection:
        connection.execute(
            "insert into ledger.files_read (table_name, file, first_read_at) values ('events', ?, ?)",
            [file, at],
        )


def test_a_replay_sees_what_the_last_run_of_its_night_saw(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    clock = NIGHT + 24 * HOUR * 100
    record(path, NIGHT, clock, landed_until={"events": "2026-05-31"}, cancelled_until=None)
    # run again while it was the newest, after a cancellation
    until = "2026-06-01 05:00:00.000001"
    record(path, NIGHT, clock + HOUR, landed_until={"events": "2026-05-31"}, cancelled_until=until)
    assert find_replay(path, NIGHT) is None
    record(path, NIGHT + 24 * HOUR, clock + 24 * HOUR, landed_until={"events": "2026-06-01"})
    found = find_replay(path, NIGHT)
    assert found is not None and not found.knows_files
    assert found.settings == {
        "landed_until": '{"events": "2026-05-31"}',
        "cancelled_until": until,
        "wall_clock": f"{clock + HOUR:%Y-%m-%d %H:%M:%S}",
    }
    # what was read first by a later night says nothing of this one
    read_first(path, "events/late.csv", clock + 24 * HOUR)
    assert not find_replay(path, NIGHT).knows_files  # type: ignore[union-attr]
    read_first(path, "events/early.csv", clock)
    found = find_replay(path, NIGHT)
    assert found is not None and found.knows_files
    assert found.settings["files_read_until"] == f"{clock + HOUR:%Y-%m-%d %H:%M:%S.%f}"


def test_a_night_that_knew_of_no_cancellation_sees_none() -> None:
    assert Replay(NIGHT, NIGHT + 4 * HOUR, {}).settings["cancelled_until"] == "2026-06-01 00:00:00.000000"


def test_the_newest_cancellation_and_the_first_reading_of_a_file_are_remembered(tmp_path: Path) -> None:
    with database_file.connect(tmp_path / "s.duckdb") as connection:
        database_file.create_ledgers(connection, ROOT)
        assert read_cancelled_until(connection) is None
        for at in (NIGHT + 5 * HOUR, NIGHT + 6 * HOUR, NIGHT + 4 * HOUR):
            connection.execute("insert into ledger.cancellations (cancelled_at) values (?)", [at])
        assert read_cancelled_until(connection) == "2026-06-01 06:00:00.000000"
        connection.execute(
            "create schema if not exists ops; create table ops.source_counts (table_name text, file text)"
        )
        for number, file in enumerate(("a.csv", "b.csv")):
            connection.execute("insert into ops.source_counts values ('events', ?)", [file])
            database_file.write_files_read(connection, NIGHT + number * HOUR)
        read = connection.execute("select file, first_read_at from ledger.files_read order by all").fetchall()
        assert read == [("a.csv", NIGHT), ("b.csv", NIGHT + HOUR)]


def test_how_a_file_was_when_it_was_read_last_is_remembered_until_it_is_read_again(tmp_path: Path) -> None:
    with database_file.connect(tmp_path / "s.duckdb") as connection:
        database_file.create_ledgers(connection, ROOT)
        connection.execute("create schema landing; create schema if not exists ops")
        found = "landing.landing_files (table_name text, file text, file_bytes bigint, written_at_us bigint)"
        connection.execute(f"create table {found}")
        connection.execute("create table ops.source_counts (table_name text, file text)")
        connection.execute("insert into ops.source_counts values ('events', 'a.csv'), ('users', 'a.csv')")
        told = []
        # where nobody can say how large it was, it stays as it was known
        for number, size in enumerate((10, None, 12)):
            connection.execute("delete from landing.landing_files")
            connection.execute(
                "insert into landing.landing_files values ('events', 'a.csv', ?, ?)", [size] * 2
            )
            database_file.write_files_read(connection, NIGHT + number * HOUR)
            told += connection.execute(
                "select first_read_at, file_bytes, written_at_us from ledger.files_read where table_name = 'events'"
            ).fetchall()
        others = "select file_bytes, written_at_us from ledger.files_read where table_name = 'users'"
        assert connection.execute(others).fetchall() == [(None, None)]
    assert told == [(NIGHT, 10, 10), (NIGHT, 10, 10), (NIGHT, 12, 12)]


def test_nothing_can_be_accepted_of_a_night_that_is_over() -> None:
    replay = Replay(NIGHT, NIGHT, {})
    replay.refuse(None)
    with pytest.raises(SettingsError, match="nothing can be accepted of it any more"):
        replay.refuse(Acceptance(("a",), "somebody", "why not"))


def test_what_a_replay_of_an_older_version_accepted_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    found = FailedExpectation("limit_audience", "words", "fix", None)
    accepted = {"accepted": {"what": [{"expectation": found.expectation, "words": found.words}]}}
    record(path, NIGHT, NIGHT + HOUR)

    def status() -> str:
        campaign: dict[str, Any] = {
            **{"campaign_id": "a", "status": "released", "rows": 1},
            "gate": {"passed": True, "failed": []},
        }
        with database_file.connect(path) as connection:
            hold_back(connection, [campaign], {"a": [found]}, None, NIGHT, NIGHT)
        return str(campaign["status"])

    assert status() == "held_back"
    record(path, NIGHT, NIGHT + 2 * HOUR, accepted, is_replay=True)
    assert status() == "held_back"
    record(path, NIGHT, NIGHT + 3 * HOUR, accepted)
    assert status() == "released"


# -- whole nights

NEWS_OF = 40
EVENTS = ("event_id", "user_id", "event_name", "occurred_at", "received_at", "properties")


@dataclass
class Story:
    """Two nights with cancellations between them; the landing zone is a copy of the sample."""

    place: Place
    lists: dict[str, dict[str, bytes]]
    taken_back: list[str]

    @property
    def raw(self) -> Path:
        return self.place.root / "data" / "sample"

    def land(self, name: str, users: list[str], event: str, at: str) -> None:
        """One event of each of these people, in a file of the events."""
        path = self.raw / "events" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            write = csv.writer(file)
            write.writerow(EVENTS)
            write.writerows([f"{name}-{user}", user, event, at, at, "{}"] for user in users)

    def again(self, as_of: str, folder: Path, *options: object) -> dict[str, bytes]:
        """A night once more, on a copy of the published file; gives its lists."""
        folder.mkdir()
        shutil.copyfile(self.place.database, folder / "copy.duckdb")
        where = ("--db", folder / "copy.duckdb", "--out", folder / "out", "--docs", folder / "docs")
        ended = self.place.night(as_of, *where, *options)
        assert ended.returncode == 0, ended.stderr
        assert "is run as its data were known then" in ended.stderr
        manifest = json.loads((folder / "out" / as_of / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["is_replay"] is True
        return Place(folder).lists(as_of)


def take_back(story: Story, day: str, name: str) -> list[str]:
    """Let people with a message that is not due buy something, and take their messages back; gives whose."""
    users = [
        row[0]
        for row in story.place.query(
            """
            select distinct user_id
            from marts.send_list
            where campaign_id like 'discount%' and send_at > as_of_time::timestamp + interval 6 hours
            order by user_id
            limit ?
            """.replace("as_of_time", f"'{day}'"),
            [NEWS_OF],
        )
    ]
    assert len(users) >= 20, "nobody has a message that is not due"
    story.land(name, users, "order_completed", f"{day} 04:00:00")
    ended = sendworthy("cancellations", "--now", f"{day} 05:00", "--json", cwd=story.place.root)
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["cancelled"] >= 20
    return users


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    place = Place(copy_project(tmp_path_factory.mktemp("replay") / "project"))
    story = Story(place, {}, [])
    for day, drop in ((FIRST, "landed_on=2026-06-01"), (SECOND, "landed_on=2026-06-02")):
        ended = place.night(day)
        assert ended.returncode == 0, ended.stderr
        story.lists[day] = place.lists(day)
        story.taken_back += take_back(story, day, f"{drop}/part-0.csv")
    ended = place.night("2026-06-03")
    assert ended.returncode == 0, ended.stderr
    return story


@pytest.mark.hard
@pytest.mark.parametrize("day", [FIRST, SECOND])
def test_a_night_after_cancellations_is_that_night(story: Story, tmp_path: Path, day: str) -> None:
    assert story.again(day, tmp_path / "again") == story.lists[day]
    # and must not be sent: what was taken back is on it
    found = sendworthy(
        "verify", tmp_path / "again" / "out", "--now", f"{day} 04:00", "--json", cwd=story.place.root
    )
    failed = [check["name"] for check in json.loads(found.stdout)["checks"] if check["state"] == "failed"]
    assert found.returncode == 3 and failed == ["replay"]


@pytest.mark.hard
@pytest.mark.parametrize(
    "name",
    [
        "landed_on=2026-06-03/part-0.csv",
        "landed_on=2026-05-20/late.csv",
        "landed_on=2026-05-31/late.csv",
        "undated.csv",
    ],
    ids=["a later drop", "late in an old drop", "late in the newest drop", "without a date"],
)
def test_a_night_after_a_drop_is_that_night(story: Story, tmp_path: Path, name: str) -> None:
    # what would change the night if it were read
    story.land(name, story.taken_back, "order_completed", "2026-05-31 12:00:00")
    try:
        assert story.again(FIRST, tmp_path / "again") == story.lists[FIRST]
    finally:
        (story.raw / "events" / name).unlink()


@pytest.mark.hard
def test_a_night_after_the_first_drop_of_a_table_is_that_night(story: Story, tmp_path: Path) -> None:
    mentions = story.raw / "social_mentions.csv"
    assert mentions.is_file()
    folder = story.raw / "social_mentions"
    waiting = shutil.move(mentions, tmp_path / "mentions.csv")
    try:
        with (tmp_path / "mentions.csv").open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        place = Place(tmp_path / "other")
        where = ("--db", place.database, "--out", place.root / "out", "--docs", place.root / "docs")
        place.root.mkdir()
        for day in (FIRST, SECOND):
            assert story.place.night(day, *where).returncode == 0
        before = place.lists(FIRST)
        drop = folder / "landed_on=2026-06-03" / "part-0.csv"
        drop.parent.mkdir(parents=True)
        user = {"user_id": "", "network": "x", "posted_at": "2026-05-31 12:00:00", "sentiment": "negative"}
        with drop.open("w", encoding="utf-8", newline="") as file:
            write = csv.DictWriter(file, columns)
            write.writeheader()
            for name in story.taken_back:
                write.writerow({"mention_id": f"m-{name}", **user, "user_id": name})
        assert story.place.night(FIRST, *where).returncode == 0
        assert place.lists(FIRST) == before
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        shutil.move(waiting, mentions)


@pytest.mark.hard
def test_a_night_after_an_acceptance_is_that_night(story: Story, tmp_path: Path) -> None:
    """Held back by a limit, and released by somebody after the next night: that came too late for this one."""
    place = Place(tmp_path / "other")
    place.root.mkdir()
    where = ("--db", place.database, "--out", place.root / "out", "--docs", place.root / "docs")
    tickets = story.raw / "support_tickets.csv"
    whole = tickets.read_text(encoding="utf-8")
    try:
        assert story.place.night("2026-05-31", *where).returncode == 0
        lines = whole.splitlines(keepends=True)
        tickets.write_text("".join(lines[: len(lines) // 3]), encoding="utf-8")
        held = story.place.night(FIRST, *where)
        assert held.returncode == 3, held.stderr
        before = place.lists(FIRST)
        campaign = next(
            item["campaign_id"]
            for item in place.manifest(FIRST)["campaigns"]
            if item["status"] == "held_back"
        )
        say = ("--accept", campaign, "--reason", "we know")
        assert story.place.night(SECOND, *where).returncode == 3
        refused = story.place.night(FIRST, *where, *say)
        assert refused.returncode == 2 and "nothing can be accepted" in refused.stderr
        # of the newest night it can be accepted, and that is no acceptance of the one before
        accepted = story.place.night(SECOND, *where, *say)
        assert f"accepted {campaign}" in accepted.stderr
        assert story.place.night(FIRST, *where).returncode == 3
        assert place.lists(FIRST) == before and not any(campaign in name for name in before)
    finally:
        tickets.write_text(whole, encoding="utf-8")


def test_a_replay_is_of_a_recorded_night_that_is_not_the_newest(tmp_path: Path) -> None:
    database = tmp_path / "published.duckdb"
    first, second, third = NIGHT, NIGHT + DAY, NIGHT + 2 * DAY
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
            at = NIGHT + (10 + number) * DAY
            run_of = {
                "run_id": f"run-{number}",
                "as_of": as_of,
                "started_at": at,
                "finished_at": at,
                "run": json.dumps(run),
            }
            database_file.record_run(connection, run_of, [{"campaign_id": "a"}, {"campaign_id": "b"}])
    found = find_replay(database, first)
    assert found is not None and found.started_at == NIGHT + 11 * DAY
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
