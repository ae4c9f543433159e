"""Hostile values: what a send list has of them, and what stands in the file of each destination."""

from __future__ import annotations

import csv
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from harness import Warehouse
from oracle import Campaign, Settings, Variant, write_settings
from sendworthy.exports import DESTINATIONS, export_night

NIGHT = datetime(2026, 6, 1)
CAMPAIGN = "newsletter__everyone__email"
HOSTILE_IDS = ("=1+1", "+u", "-u", "@u", 'a"b', "x,y;z", "'; drop table users; --", "ünï", "u u")


def _text(case: dict[str, Any], name: str) -> str | None:
    if f"{name}_of" in case:
        return str(case[f"{name}_of"]["letter"]) * int(case[f"{name}_of"]["times"])
    value = case.get(name)
    return None if value is None else str(value)


HOSTILE_VALUES = Path(__file__).parent / "data" / "hostile_values.yml"
CASES = yaml.safe_load(HOSTILE_VALUES.read_text(encoding="utf-8"))["values"]
PEOPLE = [(f"u{number:03}", case) for number, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def delivered(
    warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, dict[str, str]]]:
    """One list with everybody on it, as each destination gets it: destination, user id, cells; and `sent`, the send list."""
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
        placeholders=Settings.load(Path(__file__).resolve().parents[1]).placeholders,
    )
    write_settings(settings, folder / "seeds")
    connection = warehouse.night(
        raw, as_of=NIGHT, wall_clock=NIGHT, settings=settings, seeds=folder / "seeds"
    )
    try:
        run = {"as_of": "2026-06-01T00:00:00Z"}
        campaigns = [{"campaign_id": CAMPAIGN, "status": "released"}]
        export_night(connection, list(DESTINATIONS.values()), folder / "out", run, campaigns)
        sent = connection.execute("select user_id, merge_values from marts.send_list").fetchall()
    finally:
        connection.close()
    found: dict[str, dict[str, dict[str, str]]] = {
        "sent": {user_id: json.loads(merge_values) for user_id, merge_values in sent}
    }
    for name, destination in DESTINATIONS.items():
        path = folder / "out" / "2026-06-01" / name / f"{CAMPAIGN}.csv"
        with path.open(encoding="utf-8", newline="") as file:
            found[name] = {row[str(destination.user_column)]: row for row in csv.DictReader(file)}
    return found


@pytest.mark.parametrize(("user_id", "case"), PEOPLE, ids=[case["what"] for case in CASES])
def test_a_hostile_value(
    delivered: dict[str, dict[str, dict[str, str]]], user_id: str, case: dict[str, Any]
) -> None:
    sent = _text(case, "sent")
    leaves_as = _text(case, "delivered") or sent
    assert delivered["sent"][user_id] == {"first_name": sent}
    assert json.loads(delivered["generic"][user_id]["merge_values"]) == {"first_name": leaves_as}
    braze = delivered["braze"][user_id]
    assert braze["first_name"] == (_text(case, "cell") or leaves_as or "")
    assert braze["sendworthy_blank_fields"] == ("first_name" if sent is None else "none")


def test_ids_and_addresses_are_never_changed(delivered: dict[str, dict[str, dict[str, str]]]) -> None:
    everybody = {user_id for user_id, _ in PEOPLE} | set(HOSTILE_IDS)
    for name in DESTINATIONS:
        assert set(delivered[name]) == everybody, name
    assert all(row["address"].endswith("@example.com") for row in delivered["generic"].values())
