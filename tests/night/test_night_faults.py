"""Nights that go wrong, one way or another, and what they leave; and `dbt build` without a night around it."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.warehouse import database_file

from tests.support.delivered_nights import Delivered
from tests.support.projects import FIRST, ROOT, Place, copy_clone, copy_project, dbt, sendworthy

HELD_BACK = "welcome__new__email"


def test_a_campaign_that_fails_the_gate_is_held_back_and_the_others_go(tmp_path: Path) -> None:
    broken = Place(copy_project(tmp_path / "project"))
    model = broken.root / "models/marts/campaigns/send_list.sql"
    sql = model.read_text(encoding="utf-8")
    fault = (
        f"case when decisions.campaign_id = '{HELD_BACK}' then 'nobody' else channels.address end as address,"
    )
    assert sql.count("channels.address,") == 1
    model.write_text(sql.replace("channels.address,", fault), encoding="utf-8")
    result = broken.night(FIRST, "--json")
    assert result.returncode == 3, result.stdout + result.stderr
    campaigns = {campaign["campaign_id"]: campaign for campaign in json.loads(result.stdout)["campaigns"]}
    assert [name for name, campaign in campaigns.items() if campaign["status"] == "held_back"] == [HELD_BACK]
    assert (
        campaigns[HELD_BACK]["gate"]["failed"]
        and campaigns[HELD_BACK]["send"] > 0
        and campaigns[HELD_BACK]["rows"] == 0
    )
    assert not list((broken.root / "out").rglob(f"{HELD_BACK}.csv"))
    # what was released can be trusted all the same
    verified = Delivered(broken.root).verify(with_database=True)
    assert verified.exit_code == 0, verified.failed
    assert len(broken.lists(FIRST)) == 2 * (len(campaigns) - 1)
    assert broken.query("select count(*) from marts.send_list where campaign_id = ?", [HELD_BACK]) == [(0,)]
    assert broken.query("select count(*) from ledger.dispatches where campaign_id = ?", [HELD_BACK]) == [(0,)]
    assert broken.query(
        "select count(*) > 0 from marts.campaign_decisions where campaign_id = ? and decision = 'send'",
        [HELD_BACK],
    ) == [(True,)]
    assert broken.query("select status from ops.runs where campaign_id = ?", [HELD_BACK]) == [("held_back",)]
    decided = "select min(user_id) from marts.campaign_decisions where campaign_id = ? and decision = 'send'"
    ((user,),) = broken.query(decided, [HELD_BACK])
    explained = sendworthy("explain", user, HELD_BACK, "--json", cwd=broken.root)
    assert json.loads(explained.stdout)["campaigns"][0]["decision"] == "held back"


def _lose_a_field(project: Path, destination: str, field: str) -> None:
    model = project / "models" / "exports" / f"export_{destination}.sql"
    sql, there = model.read_text(encoding="utf-8"), 'merge_field_names(ref("merge_field_values"))'
    assert there in sql
    model.write_text(sql.replace(there, f'{there} | reject("equalto", "{field}") | list'), encoding="utf-8")


def test_a_campaign_whose_field_a_destination_lacks_is_held_back(tmp_path: Path) -> None:
    place = Place(copy_project(tmp_path / "project"))
    _lose_a_field(place.root, "braze_track", "favorite_category")
    _lose_a_field(place.root, "braze_cdi", "loyalty_points")
    result = place.night(FIRST, "--json", "--destination", "generic", "--destination", "braze_track")
    assert result.returncode == 3, result.stdout + result.stderr
    campaigns = {campaign["campaign_id"]: campaign for campaign in json.loads(result.stdout)["campaigns"]}
    held_back = {name for name, campaign in campaigns.items() if campaign["status"] == "held_back"}
    with (place.root / "seeds/compiled/message_requirements.csv").open(encoding="utf-8") as file:
        printed = [(row["campaign_id"], row["printed_fields"].split(";")) for row in csv.DictReader(file)]
    assert {HELD_BACK, "reward_reminder__engaged__email"} <= held_back
    assert held_back <= {name for name, fields in printed if "favorite_category" in fields}
    for name in held_back:
        (failed,) = campaigns[name]["gate"]["failed"]
        assert failed["expectation"] == "missing_field_braze_track" and "favorite_category" in failed["words"]
        assert campaigns[name]["rows"] == 0 and not list((place.root / "out").rglob(f"{name}.*"))
        assert place.query("select count(*) from ledger.dispatches where campaign_id = ?", [name]) == [(0,)]
    assert Delivered(place.root).verify(with_database=True).exit_code == 0

    # what was released is not exported to another destination that lacks a field of it
    again = tmp_path / "again"
    refused = sendworthy("export", "--out", again, "--destination", "braze_cdi", cwd=place.root)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert "reward_reminder__loyal__push" in refused.stderr and "loyalty_points" in refused.stderr
    assert "Traceback" not in refused.stderr and not again.exists()
    assert sendworthy("export", "--out", again, "--destination", "klaviyo", cwd=place.root).returncode == 0


def test_dbt_build_alone_works_in_a_fresh_clone_and_gives_the_same_marts(tmp_path: Path) -> None:
    copy_clone(tmp_path / "clone")
    built = dbt("build", cwd=tmp_path / "clone")
    assert built.returncode == 0, built.stdout[-3000:]
    # and not where a night publishes
    assert not (tmp_path / "clone" / "sendworthy.duckdb").exists()
    fresh = Place(copy_project(tmp_path / "fresh"))
    assert fresh.night(FIRST).returncode == 0
    for table in (
        "customers",
        "campaign_decisions",
        "send_list",
        "suppression_funnel",
        "personalization_completeness",
    ):
        query = f"select * from marts.{table} order by all"
        with duckdb.connect(str(tmp_path / "clone" / "dbt.duckdb"), read_only=True) as clone:
            assert clone.execute(query).fetchall() == fresh.query(query), table


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda raw: (raw / "support_tickets.csv").unlink(), ["support_tickets", "found neither"]),
        (
            lambda raw: (raw / "support_tickets.csv").write_text(
                "ticket_id,user_id\nt1,u1\n", encoding="utf-8"
            ),
            ["support_tickets", "support_tickets.csv", "column status is missing"],
        ),
        (
            lambda raw: shutil.copyfile(raw / "users.parquet", raw / "events.parquet"),
            ["events", "more than once"],
        ),
    ],
    ids=["a table is missing", "a required column is missing", "a table is there twice"],
)
def test_a_landing_zone_that_cannot_be_read_stops_the_night(
    tmp_path: Path, break_it: Any, words: list[str]
) -> None:
    raw = tmp_path / "landing"
    shutil.copytree(ROOT / "data/sample", raw)
    break_it(raw)
    result = sendworthy(
        "nightly",
        "--raw",
        raw,
        "--as-of",
        FIRST,
        "--db",
        tmp_path / "s.duckdb",
        "--out",
        tmp_path / "out",
        "--docs",
        tmp_path / "docs",
    )
    assert result.returncode == 1, result.stdout + result.stderr
    assert all(word in result.stderr for word in words), result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "s.duckdb").exists() and not (tmp_path / "out").exists()


def test_stale_data_is_refused_before_anything_is_published(tmp_path: Path) -> None:
    result = sendworthy(
        "nightly", "--db", tmp_path / "s.duckdb", "--out", tmp_path / "out", "--docs", tmp_path / "docs"
    )
    assert result.returncode == 1 and "hours behind the clock" in result.stderr, result.stderr
    assert not (tmp_path / "s.duckdb").exists() and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nightly", "--project-dir", "/"], "not a Sendworthy project"),
        (["nightly", "--as-of", "yesterday"], "--as-of 'yesterday' is not a date"),
        (["nightly", "--destination", "pigeon"], "no destination 'pigeon'"),
        (["nightly", "--raw", "no/such/folder"], "is no folder"),
        (["nightly", "--out", "pyproject.toml"], "--out: the folder"),
        (["nightly", "--target", "nowhere"], "choose among duckdb"),
        (["explain", "u1", "--db", "no/such/file.duckdb"], "no published file"),
        (["export", "--db", "no/such/file.duckdb"], "no published file"),
        (["nightly", "--no-such-option"], "No such option"),
        (["new-campaign", "--kind", "welcome"], "is missing"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_to_do(tmp_path: Path, arguments: list[str], words: str) -> None:
    # a file of its own: only one night at a time may work on one
    own = ["--db", tmp_path / "s.duckdb"] if arguments[0] == "nightly" else []
    result = sendworthy(*arguments, *own)
    assert result.returncode == 2, result.stdout + result.stderr
    assert words in result.stderr and "Traceback" not in result.stderr


def test_the_night_takes_no_more_of_the_machine_than_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENDWORTHY_MEMORY", "300MiB")
    monkeypatch.setenv("SENDWORTHY_THREADS", "1")
    database_file.check_limits()
    with database_file.connect(tmp_path / "s.duckdb") as connection:
        taken = connection.execute("select current_setting('memory_limit'), current_setting('threads')")
        assert taken.fetchall() == [("300.0 MiB", 1)]


def test_settings_that_are_not_compiled_stop_the_night(tmp_path: Path) -> None:
    place = Place(copy_project(tmp_path / "project"))
    template = place.root / "campaigns" / HELD_BACK / "default.liquid"
    template.write_text(template.read_text(encoding="utf-8") + "\nOne more line.\n", encoding="utf-8")
    result = place.night(FIRST)
    assert result.returncode == 2 and "sendworthy compile" in result.stderr, result.stderr
    assert sendworthy("validate", cwd=place.root).returncode == 2
    assert sendworthy("compile", cwd=place.root).returncode == 0
    assert sendworthy("validate", cwd=place.root).returncode == 0


def test_a_published_file_that_is_none_is_left_alone(tmp_path: Path) -> None:
    database = tmp_path / "s.duckdb"
    database.write_bytes(b"this is no database")
    result = sendworthy(
        "nightly", "--as-of", FIRST, "--db", database, "--out", tmp_path / "out", "--docs", tmp_path / "docs"
    )
    assert result.returncode == 1 and "cannot be read" in result.stderr, result.stderr
    assert "Traceback" not in result.stderr and database.read_bytes() == b"this is no database"
