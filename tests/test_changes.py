"""Files of changes: a chain of nights, loaded one after the other, leaves each ESP with just the warehouse's list and values."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from harness import Warehouse
from nights import ROOT
from sendworthy import changes, warehouse as published
from sendworthy.destinations import load_destinations
from sendworthy.erasure import erase
from sendworthy.exports import export_night
from sendworthy.verify import verify
from simulated_esps import CLEARS, LOADERS, Esp
from vendor_rules import MAILCHIMP

KNOWN = load_destinations(ROOT)
BEGIN = datetime(2026, 6, 1)
# who prints what; `offer` is no e-mail, `quiet` often reaches nobody
CAMPAIGNS = {
    "basket": ("email", ("first_name", "cart_product_name")),
    "hello": ("email", ("first_name", "city", "language")),
    "offer": ("sms", ("first_name", "city")),
    "quiet": ("email", ("loyalty_points",)),
    "wish": ("push", ("city",)),
}
VALUES = {
    "first_name": ("Ada", 'Bo, "B"', "Cyd"),
    "cart_product_name": ("Lamp", "Sofa; red"),
    "city": ("Oslo", "Łódź"),
    "language": ("nb", "pl"),
    "loyalty_points": ("7", "-12"),
}


@dataclass
class Message:
    """One row of the send list, as the test has made it up."""

    user: str
    campaign: str
    address: str
    variant: str
    values: dict[str, str | None]
    dispatch: str
    send_at: datetime

    @property
    def channel(self) -> str:
        return CAMPAIGNS[self.campaign][0]


@dataclass
class World:
    """People whose values, addresses and lists change from night to night."""

    random: random.Random
    people: dict[str, dict[str, str | None]] = field(default_factory=dict)
    addresses: dict[str, str] = field(default_factory=dict)
    clears: bool = True

    def __post_init__(self) -> None:
        for number in range(9):
            user = f"u{number}"
            self.people[user] = {name: self.random.choice((*values, None)) for name, values in VALUES.items()}
            # two of them share an address
            self.addresses[user] = f"{'u0' if number == 8 else user}@x.example"

    def change(self) -> None:
        for user, values in self.people.items():
            for name in VALUES:
                # values come and go; where nothing may go, they do so now and then, or nothing would ever be told
                if self.random.random() < 0.25:
                    may_go = self.random.random() < (0.3 if self.clears else 0.04)
                    values[name] = None if may_go else self.random.choice(VALUES[name])
            if self.random.random() < 0.06:
                self.addresses[user] = f"{user}.{self.random.randrange(3)}@x.example"
            elif self.random.random() < 0.05:
                self.addresses[user] = self.addresses[user].swapcase()

    def messages(self, night: datetime) -> list[Message]:
        listed = []
        for campaign, (channel, printed) in CAMPAIGNS.items():
            share = 0.1 if campaign == "quiet" else 0.5
            for user, values in self.people.items():
                if self.random.random() > share:
                    continue
                is_default = self.random.random() < 0.2
                dispatch = hashlib.md5(f"{campaign}:{user}:{night:%Y-%m-%d}".encode()).hexdigest()
                address = self.addresses[user] if channel == "email" else f"{channel}-{user}"
                said = {} if is_default else {name: values[name] for name in sorted(printed)}
                due = night + timedelta(hours=self.random.randrange(24))
                variant = "default" if is_default else "personalized"
                listed.append(Message(user, campaign, address, variant, said, dispatch, due))
        return listed


@dataclass
class Place:
    """A warehouse with a hand-made send list under the project's own exports, and an ESP for every destination."""

    connection: duckdb.DuckDBPyConnection
    root: Path
    esps: dict[str, Esp] = field(default_factory=lambda: {name: Esp(name) for name in KNOWN})
    runs: int = 0
    held_back: list[tuple[str, str]] = field(default_factory=list)

    def decide(
        self, night: datetime, messages: list[Message], closed: set[str], resync: bool = False
    ) -> dict[str, Any]:
        """What a night does from the send list on; gives the manifest."""
        self.runs += 1
        going = [message for message in messages if message.campaign not in closed]
        self.connection.execute("delete from marts.send_list; delete from intermediate.int_nights__as_of")
        self.connection.execute("insert into intermediate.int_nights__as_of values (?)", [night])
        rows = [
            (
                *(message.dispatch, message.user, message.campaign, message.channel, message.address),
                *(
                    message.variant,
                    message.send_at,
                    message.send_at + timedelta(hours=24),
                    ["order_completed"],
                ),
                json.dumps(message.values, ensure_ascii=False),
            )
            for message in going
        ]
        # in any order: the files have theirs
        random.Random(self.runs).shuffle(rows)
        for row in rows:
            self.connection.execute(f"insert into marts.send_list values ({', '.join('?' * 10)})", row)
        campaigns = [self.entry(campaign, messages, campaign in closed) for campaign in CAMPAIGNS]
        changes.tell(self.connection, list(KNOWN.values()), campaigns, night, resync=resync)
        return self.export(night, campaigns)

    def export(
        self, night: datetime, campaigns: list[dict[str, Any]], is_again: bool = False
    ) -> dict[str, Any]:
        run_id = f"{night:%Y%m%dT%H%M%SZ}-{self.runs:08x}"
        run = {"run_id": run_id, "as_of": f"{night:%Y-%m-%dT%H:%M:%SZ}"}
        if not is_again:
            published.record_run(
                self.connection,
                {"run_id": run_id, "as_of": night, "run": json.dumps(run)},
                [
                    {
                        "campaign_id": item["campaign_id"],
                        "status": item["status"],
                        "details": json.dumps(item),
                    }
                    for item in campaigns
                ],
            )
        path = export_night(self.connection, list(KNOWN.values()), self.root, run, campaigns)
        found = verify(path.parent, night, timedelta(hours=36)).failed
        assert found == [], found
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return manifest

    def entry(self, campaign: str, messages: list[Message], is_closed: bool) -> dict[str, Any]:
        send = sum(message.campaign == campaign for message in messages)
        going = 0 if is_closed else send
        return {
            **{"campaign_id": campaign, "channel": CAMPAIGNS[campaign][0]},
            **{"status": "held_back" if is_closed else "released", "candidates": send, "send": send},
            **{"control": 0, "suppress": 0, "rows": going, "added": 0, "removed": 0},
            "gate": {"passed": not is_closed, "messages": send, "failed": ["x"] if is_closed else []},
        }

    def files(self, night: datetime) -> dict[str, bytes]:
        """The files of changes, without the run that is in some of their names."""
        folder = self.root / f"{night:%Y-%m-%d}"
        return {
            f"{path.parent.parent.name}/{path.name.partition('.')[0]}": path.read_bytes()
            for path in sorted(folder.glob("*/changes/*"))
        }

    def load(
        self, night: datetime, manifest: dict[str, Any], messages: list[Message], closed: set[str]
    ) -> None:
        """Load each campaign's changes in order, and look after each at what every ESP holds."""
        folder = self.root / f"{night:%Y-%m-%d}"
        for name, esp in self.esps.items():
            for entry in manifest["campaigns"]:
                told = entry["changes"].get(name)
                assert (told is None) == (esp.by_address and entry["channel"] != "email")
                if told is None:
                    continue
                assert told["since"] in (None, esp.loaded, manifest["as_of"]), (
                    "changes that build on another night"
                )
                mine = expected(esp, entry["campaign_id"], messages)
                if entry["campaign_id"] in closed:
                    assert told["files"] == [] and "held back" in told["held_back"]
                    continue
                if "held_back" in told:
                    self.held_back.append((name, entry["campaign_id"]))
                    self.check_reason(esp, told, mine, entry["campaign_id"], manifest, messages)
                    continue
                esp.load([folder / file["file"] for file in told["files"]])
                check(esp, entry["campaign_id"], mine, told, messages)
            esp.loaded = manifest["as_of"]

    def check_reason(
        self,
        esp: Esp,
        told: dict[str, Any],
        mine: dict[Any, Message],
        campaign: str,
        manifest: Any,
        messages: Any,
    ) -> None:
        """It is held back because somebody would be shown an old value, and for no other reason."""
        assert esp.name not in CLEARS and told["files"] == []
        blank = {
            (person, esp.called(name))
            for person, message in mine.items()
            for name, value in message.values.items()
            if value is None
        }
        # of somebody with whom an address is shared, too
        others = {
            (person, esp.called(name))
            for other in CAMPAIGNS
            for person, message in expected(esp, other, messages).items()
            for name, value in message.values.items()
            if value is not None
        }
        stale = blank & (esp.said | others)
        assert stale, (esp.name, campaign)
        fields = {name for _, name in stale}
        assert any(name in told["held_back"] for name in fields)
        assert not any(message.user in told["held_back"].split() for message in messages)


def expected(esp: Esp, campaign: str, messages: list[Message]) -> dict[Any, Message]:
    """Whom the ESP gets of a campaign's list, by the name it knows them by."""
    mine: dict[Any, Message] = {}
    for message in sorted(messages, key=lambda message: message.dispatch):
        if message.campaign == campaign:
            person: Any = message.address.lower() if esp.by_address else message.user
            person = (campaign, message.user) if esp.name.startswith("generic") else person
            mine.setdefault(person, message)
    return mine


def check(
    esp: Esp, campaign: str, mine: dict[Any, Message], told: dict[str, Any], messages: list[Message]
) -> None:
    """Right after a campaign was loaded: just its list has its messages, with just the values that are printed."""
    holders = esp.holders(campaign)
    lost = holders.keys() - mine.keys()
    # nobody has the address any more, so no file can say it; the manifest counts them
    assert len(lost) == told.get("unknown", 0), (esp.name, campaign, lost)
    assert holders.keys() - lost == mine.keys(), (esp.name, campaign)
    for person, message in mine.items():
        record = holders[person]
        where = (esp.name, campaign, person)
        assert esp.trace(record, "dispatch") == message.dispatch, where
        assert esp.trace(record, "variant") == message.variant, where
        assert esp.trace(record, "send_at") == f"{message.send_at:%Y-%m-%dT%H:%M:%SZ}", where
        due = message.send_at + timedelta(hours=24)
        assert esp.trace(record, "valid_until") == f"{due:%Y-%m-%dT%H:%M:%SZ}", where
        held = esp.values(record)
        assert {name: held.get(name) for name in message.values} == message.values, where
    assert told["added"] + told["changed"] + told["unchanged"] == len(mine)


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path) -> Iterator[Place]:
    connection = warehouse.open()
    connection.execute(
        """
        create table marts.send_list (
            dispatch_id varchar, user_id varchar, campaign_id varchar, channel varchar, address varchar, variant varchar,
            send_at timestamp, valid_until timestamp, cancel_on varchar[], merge_values varchar
        );
        create table marts.merge_field_tags (dialect varchar, merge_field varchar, merge_tag varchar);
        create table intermediate.int_nights__as_of (as_of timestamp);
        create table intermediate.int_users__channels (user_id varchar, channel varchar, address varchar, address_key varchar);
        """
    )
    for merge_field, tag in MAILCHIMP.items():
        connection.execute(
            "insert into marts.merge_field_tags values ('mailchimp', ?, ?)", [merge_field, tag]
        )
    for name in KNOWN:
        warehouse.run_model(connection, f"export_{name}", as_of=BEGIN)
    published.create_runs(connection)
    published.create_ledgers(connection)
    yield Place(connection, tmp_path / "out")
    connection.close()


def know(place: Place, world: World) -> None:
    """The addresses of tonight."""
    place.connection.execute("delete from intermediate.int_users__channels")
    for user in world.people:
        address = world.addresses[user]
        place.connection.execute(
            "insert into intermediate.int_users__channels values (?, 'email', ?, lower(?))",
            [user, address, address],
        )


@pytest.mark.parametrize("clears", [True, False], ids=["values come and go", "values mostly stay"])
@pytest.mark.parametrize("seed", range(3))
def test_ten_nights_leave_each_esp_with_the_list_and_the_values(
    place: Place, seed: int, clears: bool
) -> None:
    world = World(random.Random(f"{seed}{clears}"), clears=clears)
    for number in range(10):
        night = BEGIN + timedelta(days=number)
        world.change()
        know(place, world)
        messages = world.messages(night)
        # one campaign is held back by the gate, in the middle
        closed = {"hello"} if number == 4 else set()
        manifest = place.decide(night, messages, closed)
        place.load(night, manifest, messages, closed)
    assert place.esps.keys() == LOADERS.keys() == KNOWN.keys()
    assert all(esp.records for esp in place.esps.values())
