"""What is older than the settings allow goes, what they allow stays, and so does the newest night; whatever interrupts it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest
from sendworthy.delivery.deltas import create_deliveries
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.privacy.retention import Places, retain
from sendworthy.settings.seed_files import RETENTION, validate_settings
from sendworthy.warehouse import database_file

from tests.support.projects import ROOT, sendworthy

CLOCK = datetime(2026, 11, 21, 12)
NEWEST = datetime(2026, 6, 1)
# the newest night, one on the edge of each limit, one a day older, and a very old one
AGES = (0, 90, 91, 180, 181, 730, 731, 2000)
SECRET = "somebody-of-long-ago"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """A project with nights of many ages."""
    shutil.copytree(ROOT / "seeds", tmp_path / "seeds")
    shutil.copyfile(ROOT / "dbt_project.yml", tmp_path / "dbt_project.yml")
    database = tmp_path / "sendworthy.duckdb"
    with database_file.connect(database) as connection:
        database_file.create_ledgers(connection, ROOT)
        create_deliveries(connection)
        connection.execute("create schema intermediate; create schema marts")
        connection.execute("create table intermediate.int_nights__as_of as select ? as as_of", [NEWEST])
        for age in AGES:
            night = NEWEST - timedelta(days=age)
            who = SECRET if age == 2000 else "u1"
            connection.execute("insert into ledger.decisions (as_of, user_id) values (?, ?)", [night, who])
            connection.execute("insert into ledger.dispatches (as_of, user_id) values (?, ?)", [night, who])
            connection.execute("insert into ledger.deliveries (as_of, user_id) values (?, ?)", [night, who])
            connection.execute("insert into ops.runs (as_of, run_id) values (?, ?)", [night, f"run-{age}"])
            for folder in ("out", "data_docs"):
                (tmp_path / folder / f"{night:%Y-%m-%d}").mkdir(parents=True)
                (tmp_path / folder / f"{night:%Y-%m-%d}" / "manifest.json").write_text("{}", encoding="utf-8")
        connection.execute("create view marts.seen as select count(*) as nights from ledger.decisions")
    for age in (6, 8, 29, 31):
        for name in (f"logs/dbt.log.{age}", f"target/preview/{age}.html"):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            then = (CLOCK - timedelta(days=age)).replace(tzinfo=timezone.utc).timestamp()
            os.utime(path, (then, then))
    return Places(Project(tmp_path), database, tmp_path / "out", tmp_path / "data_docs")


def ages(places: Places) -> dict[str, list[int]]:
    """How old what is there is, in days."""
    found: dict[str, list[int]] = {}
    with duckdb.connect(str(places.database), read_only=True) as connection:
        for name in ("ledger.decisions", "ledger.dispatches", "ledger.deliveries", "ops.runs"):
            nights = connection.execute(f"select as_of from {name}").fetchall()
            found[name.partition(".")[2]] = sorted((NEWEST - night).days for (night,) in nights)
    for name, folder in (("lists", places.out), ("data_docs", places.docs)):
        dates = [path.name for path in folder.iterdir()]
        found[name] = sorted((NEWEST - datetime.fromisoformat(date)).days for date in dates)
    root = places.project.root
    found["logs"] = sorted(int(path.suffix[1:]) for path in (root / "logs").iterdir())
    found["previews"] = sorted(int(path.stem) for path in (root / "target" / "preview").iterdir())
    return found


KEPT = {
    "lists": [0, 90],
    "data_docs": [0, 90, 91, 180],
    **{ledger: [0, 90, 91, 180, 181, 730] for ledger in ("decisions", "dispatches", "deliveries", "runs")},
    "logs": [6, 8, 29],
    "previews": [6],
}


def long_cap(places: Places) -> None:
    (places.project.root / "seeds" / "frequency_caps.csv").write_text(
        "channel,window_days,max_messages\nall,365,9\n", encoding="utf-8"
    )
    setting(places, "dispatches", 200)


def setting(places: Places, what: str, days: int) -> None:
    path = places.project.root / "seeds" / "retention.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text(
        "\n".join(f"{what},{days}" if line.startswith(f"{what},") else line for line in lines) + "\n",
        encoding="utf-8",
    )


def test_what_is_too_old_goes_and_a_dry_run_says_so_before(places: Places) -> None:
    before = ages(places)
    content = places.database.read_bytes()
    would = retain(places, None, CLOCK, dry_run=True)
    assert ages(places) == before and places.database.read_bytes() == content
    removed = retain(places, None, CLOCK)
    assert removed == would and [item.what for item in removed] == list(RETENTION)
    assert ages(places) == KEPT
    gone = {what: len(before[what]) - len(kept) for what, kept in KEPT.items()}
    gone["dispatches"] += gone.pop("deliveries")
    assert {item.what: item.count for item in removed} == gone
    assert [item.count for item in retain(places, None, CLOCK)] == [0] * len(RETENTION)


def test_the_bytes_of_what_went_are_gone_and_views_still_work(places: Places) -> None:
    assert SECRET.encode() in places.database.read_bytes()
    retain(places, None, CLOCK)
    everything = [path for path in places.project.root.rglob("*") if path.is_file()]
    assert not [path for path in everything if SECRET.encode() in path.read_bytes()]
    with duckdb.connect(str(places.database), read_only=True) as connection:
        assert connection.execute("select nights from marts.seen").fetchall() == [(6,)]
    assert not (places.project.root / ".sendworthy" / "sendworthy.duckdb.build").exists()


def test_the_newest_night_and_the_published_one_stay_however_old(places: Places) -> None:
    with duckdb.connect(str(places.database)) as connection:
        published = NEWEST - timedelta(days=731)
        connection.execute("update intermediate.int_nights__as_of set as_of = ?", [published])
    retain(places, datetime(2050, 1, 1), CLOCK)
    assert ages(places) == {**{what: [0, 731] for what in KEPT}, "logs": [], "previews": []}


def test_now_is_what_is_said(places: Places) -> None:
    retain(places, NEWEST + timedelta(days=1), CLOCK)
    assert ages(places)["lists"] == [0] and ages(places)["decisions"] == [0, 90, 91, 180, 181]
    # files without a night too: these were changed long after
    assert ages(places)["logs"] == [6, 8, 29, 31]


def test_other_folders_are_nobodys_business(places: Places) -> None:
    for name in ("1999-01-01.bak", "notes", "1999-01"):
        (places.out / name).mkdir()
    (places.out / "1999-01-01").write_text("a file", encoding="utf-8")
    retain(places, None, CLOCK)
    assert {"1999-01-01.bak", "notes", "1999-01", "1999-01-01"} <= {
        path.name for path in places.out.iterdir()
    }


def test_an_interrupted_removal_is_finished(places: Places) -> None:
    old = f"{NEWEST - timedelta(days=2000):%Y-%m-%d}"
    (places.out / old).rename(places.out / f".{old}.removing")
    retain(places, None, CLOCK)
    assert ages(places) == KEPT


def test_a_night_at_work_is_not_disturbed(places: Places) -> None:
    before = ages(places)
    with database_file.only_night(places.database), pytest.raises(BuildError, match="another night"):
        retain(places, None, CLOCK)
    assert ages(places) == before


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        # the sample's longest cooldown
        (
            lambda p: setting(p, "dispatches", 179),
            "dispatches",
            "180 days back, for the cooldown of welcome__",
        ),
        (lambda p: setting(p, "decisions", 89), "decisions", "90 days back"),
        (lambda p: setting(p, "lists", 0), "keep_days", "0 is out of range"),
        (
            long_cap,
            "dispatches",
            "365 days back, for a cap on all",
        ),
        (
            lambda p: (p.project.root / "seeds" / "retention.csv").write_text(
                "what,keep_days\nlists,90\n", encoding="utf-8"
            ),
            "data_docs",
            "there is no line for it",
        ),
    ],
    ids=["cooldown", "features", "zero", "cap", "a line is missing"],
)
def test_settings_that_would_cut_off_what_rules_need_are_refused(
    places: Places, change: Callable[[Places], object], key: str, words: str
) -> None:
    before = ages(places)
    change(places)
    with pytest.raises(SettingsError) as error:
        retain(places, None, CLOCK)
    assert error.value.problems[0].key == key
    assert words in str(error.value.problems[0])
    assert ages(places) == before


def test_just_enough_is_enough(places: Places) -> None:
    setting(places, "dispatches", 180)
    assert validate_settings(places.project.root) == []


def test_the_command_says_what_it_did(places: Places) -> None:
    root = places.project.root
    shown = sendworthy("retention", "--dry-run", "--json", cwd=root)
    assert shown.returncode == 0, shown.stderr
    told = {item["what"]: (item["count"], item["unit"]) for item in json.loads(shown.stdout)["removed"]}
    assert told["lists"] == (6, "nights") and told["decisions"] == (2, "rows")
    done = sendworthy("retention", cwd=root)
    assert done.returncode == 0 and "6 nights" in done.stdout and "what was removed" in done.stdout
    assert ages(places)["lists"] == [0, 90]
    nothing = sendworthy("retention", "--db", root / "none.duckdb", cwd=root)
    assert nothing.returncode == 2 and "no published file" in nothing.stderr
