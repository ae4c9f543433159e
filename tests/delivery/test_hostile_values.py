"""Hostile values: what a send list has of them, and what stands in the file of each destination."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sendworthy.settings.destinations import load_destinations

from tests.oracle import Campaign, Settings, Variant, write_settings
from tests.support.exported_nights import export_night
from tests.support.model_harness import Warehouse
from tests.support.projects import ROOT
from tests.support.pushed_nights import entry
from tests.support.vendor_rules import BY_ADDRESS, CELLS, RULES, Message

NIGHT = datetime(2026, 6, 1)
CAMPAIGN = "newsletter__everyone__email"
HOSTILE_IDS = ("=1+1", "+u", "-u", "@u", 'a"b', "x,y;z", "'; drop table users; --", "ünï", "u u")


def _text(case: dict[str, Any], name: str) -> str | None:
    if f"{name}_of" in case:
        return str(case[f"{name}_of"]["letter"]) * int(case[f"{name}_of"]["times"])
    value = case.get(name)
    return None if value is None else str(value)


HOSTILE_VALUES = Path(__file__).resolve().parents[1] / "fixtures" / "hostile_values.yml"
CASES = yaml.safe_load(HOSTILE_VALUES.read_text(encoding="utf-8"))["values"]
PEOPLE = [(f"u{number:03}", case) for number, case in enumerate(CASES)]


@dataclass(frozen=True)
class Delivered:
    """The merge values of the send list by user, the messages of each destination by user, and the night's folder."""

    sent: dict[str, dict[str, str | None]]
    lists: dict[str, dict[str, Message]]
    folder: Path


@pytest.fixture(scope="module")
def delivered(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """One list with everybody on it, as each destination gets it, and the send list."""
    folder = tmp_path_factory.mktemp("hostile")
    raw = folder / "raw"
    raw.mkdir()
    names = {user_id: _text(case, "value") for user_id, case in PEOPLE}
    names |= dict.fromkeys(HOSTILE_IDS, "Anna")
    with duckdb.connect() as connection:
        connection.execute(
            "create table users (user_id text, email text, first_name text, email_opt_in boolean, updated_at timestamp)"
        )
        for number, (user_id, name) in enumerate(names.items()):
            connection.execute(
                "insert into users values (?, ?, ?, true, timestamp '2026-05-01')",
                [user_id, f"p{number}@example.com", name],
            )
        connection.execute(f"copy users to '{raw / 'users.parquet'}' (format parquet)")
    (raw / "events.csv").write_text("event_id,user_id,event_name,occurred_at\n")
    (raw / "support_tickets.csv").write_text("ticket_id,user_id,status,created_at,updated_at\n")
    (raw / "message_events.csv").write_text("message_event_id,user_id,channel,event_type,occurred_at\n")
    settings = Settings(
        campaigns=[
            Campaign(CAMPAIGN, "newsletter", "email", variants=(Variant("default", 1, ("first_name",)),))
        ],
        placeholders=Settings.load(ROOT).placeholders,
    )
    write_settings(settings, folder / "seeds")
    connection = warehouse.night(
        raw, as_of=NIGHT, wall_clock=NIGHT, settings=settings, seeds=folder / "seeds"
    )
    try:
        run = {"as_of": "2026-06-01T00:00:00Z", "run_id": "20260601T000000Z-0a1b2c3d"}
        ((messages,),) = connection.execute("select count(*) from marts.send_list").fetchall()
        campaigns = [entry(CAMPAIGN, messages)]
        destinations = list(load_destinations(ROOT).values())
        export_night(connection, destinations, folder / "out", run, campaigns)
        sent = connection.execute("select user_id, merge_values from marts.send_list").fetchall()
    finally:
        connection.close()
    lists = {}
    for name, (check, read) in RULES.items():
        files = sorted((folder / "out" / "2026-06-01" / name).iterdir())
        assert check(files) == [], name
        lists[name] = {message.user: message for message in read(files)}
    return Delivered(
        {user_id: json.loads(merge_values) for user_id, merge_values in sent},
        lists,
        folder / "out" / "2026-06-01",
    )


@pytest.mark.parametrize("destination", sorted(RULES))
@pytest.mark.parametrize(("user_id", "case"), PEOPLE, ids=[case["what"] for case in CASES])
def test_a_hostile_value(delivered: Delivered, destination: str, user_id: str, case: dict[str, Any]) -> None:
    sent = _text(case, "sent")
    assert delivered.sent[user_id] == {"first_name": sent}
    leaves_as = _text(case, "delivered") or sent
    if destination in CELLS:
        leaves_as = _text(case, "cell") or leaves_as
    if destination == "mailchimp" and leaves_as:
        # as many whole characters as there is room for
        leaves_as = leaves_as.encode()[:255].decode(errors="ignore")
    message = delivered.lists[destination][user_id]
    assert message.values == ({} if leaves_as is None else {"first_name": leaves_as})
    assert message.blank == ({"first_name"} if sent is None else set())


def test_a_name_in_a_cell_of_its_own_is_no_formula_either(delivered: Delivered) -> None:
    with (delivered.folder / "listmonk" / f"{CAMPAIGN}.csv").open(encoding="utf-8", newline="") as file:
        names = {
            json.loads(row["attributes"])["sendworthy_user_id"]: row["name"] for row in csv.DictReader(file)
        }
    for user_id, case in PEOPLE:
        assert names[user_id] == (
            _text(case, "cell") or _text(case, "delivered") or _text(case, "sent") or ""
        )


def test_ids_and_addresses_are_never_changed(delivered: Delivered) -> None:
    everybody = {user_id for user_id, _ in PEOPLE} | set(HOSTILE_IDS)
    for name, messages in delivered.lists.items():
        assert set(messages) == everybody, name
        if name in BY_ADDRESS or name.startswith("generic"):
            assert {message.address for message in messages.values()} == {
                f"p{number}@example.com" for number in range(len(everybody))
            }
