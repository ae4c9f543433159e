"""Files of changes: a chain of nights, loaded one after the other, leaves each ESP with just the warehouse's list and values."""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.delivery import deltas
from sendworthy.delivery.verify import verify
from sendworthy.privacy import rewrite_lists
from sendworthy.privacy.erasure import erase
from sendworthy.settings.destinations import load_destinations
from sendworthy.warehouse import database_file

from tests.support.exported_nights import export_night
from tests.support.model_harness import Warehouse, fill
from tests.support.projects import ROOT
from tests.support.vendor_imports import CLEARS, LOADERS, Esp, rows_of
from tests.support.vendor_rules import MAILCHIMP

KNOWN = load_destinations(ROOT)
BEGIN, DAY = datetime(2026, 6, 1), timedelta(days=1)
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


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is gathered at a time is less than a night has, as it is of millions of people."""
    monkeypatch.setattr(deltas, "_SLAB", 7)


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
    models: Warehouse
    root: Path
    esps: dict[str, Esp] = field(default_factory=lambda: {name: Esp(name) for name in KNOWN})
    runs: int = 0
    held_back: list[tuple[str, str]] = field(default_factory=list)
    # every value that was ever decided on, by ESP: of whom, and its name there
    ever: dict[str, set[tuple[Any, str]]] = field(default_factory=dict)
    # whether every run was loaded, so that the warehouse knows just what each ESP holds
    is_certain: bool = True

    def decide(
        self,
        night: datetime,
        messages: list[Message],
        closed: frozenset[str] = frozenset(),
        resync: bool = False,
    ) -> dict[str, Any]:
        """What a night does from the send list on; gives the manifest."""
        self.runs += 1
        self.connection.execute("delete from marts.send_list")
        rows = [
            (
                *(message.dispatch, message.user, message.campaign, message.channel, message.address),
                *(message.variant, message.send_at, message.send_at + DAY, ["order_completed"]),
                json.dumps(message.values, ensure_ascii=False),
                None,
            )
            for message in messages
            if message.campaign not in closed
        ]
        # in any order: the files have theirs
        random.Random(self.runs).shuffle(rows)
        fill(self.connection, "marts.send_list", rows)
        for name in KNOWN:
            # a view would be worked out again for each file
            model = self.models.models[f"export_{name}"]
            self.connection.execute(f"create or replace table {model.relation} as {model.sql}")
        campaigns = [self.entry(campaign, messages, campaign in closed) for campaign in CAMPAIGNS]
        deltas.record_changes(self.connection, list(KNOWN.values()), campaigns, night, resync=resync)
        for name, esp in self.esps.items():
            for campaign in CAMPAIGNS:
                self.ever.setdefault(name, set()).update(values_of(esp, expected(esp, campaign, messages)))
        run_id = f"{night:%Y%m%dT%H%M%SZ}-{self.runs:08x}"
        run = {"run_id": run_id, "as_of": f"{night:%Y-%m-%dT%H:%M:%SZ}"}
        database_file.record_run(
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
        return self.export(run, campaigns)

    def export(self, run: dict[str, Any], campaigns: list[dict[str, Any]]) -> dict[str, Any]:
        """Write the lists and the changes, and verify them now and then."""
        path = export_night(self.connection, list(KNOWN.values()), self.root, run, campaigns)
        night = datetime.fromisoformat(run["as_of"].rstrip("Z"))
        if self.runs % 4 == 1:
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

    def load(
        self, manifest: dict[str, Any], messages: list[Message], closed: frozenset[str] = frozenset()
    ) -> None:
        """Load each campaign's changes in order, and look after each at what every ESP holds."""
        folder = self.root / manifest["as_of"][:10]
        for name, esp in self.esps.items():
            for entry in manifest["campaigns"]:
                told = entry["changes"].get(name)
                assert (told is None) == (esp.by_address and entry["channel"] != "email")
                if told is None:
                    continue
                # in an unbroken chain a night may be loaded twice
                is_again = esp.loaded == manifest["as_of"] and told["since"] == esp.before
                assert told["since"] == esp.loaded or is_again or told.get("resync"), "built on another night"
                mine = expected(esp, entry["campaign_id"], messages)
                if entry["campaign_id"] in closed:
                    assert told["files"] == [] and "held back" in told["held_back"]
                elif "held_back" in told:
                    self.held_back.append((name, entry["campaign_id"]))
                    self.check_reason(esp, told, mine, messages)
                else:
                    esp.wasted = 0
                    esp.load([folder / file["file"] for file in told["files"]])
                    # two who share an address take turns; a record that is replaced is told in full
                    is_exact = esp.name.startswith("braze") or esp.name == "customer_io"
                    if is_exact and self.is_certain and not is_again:
                        assert esp.wasted == 0, (esp.name, entry["campaign_id"])
                    self.check(esp, entry["campaign_id"], mine, told)
            if esp.loaded != manifest["as_of"]:
                esp.before, esp.loaded = esp.loaded, manifest["as_of"]

    def check(self, esp: Esp, campaign: str, mine: dict[Any, Message], told: dict[str, Any]) -> None:
        """Right after a campaign was loaded: just its list has its messages, with just the values that are printed."""
        holders = esp.holders(campaign)
        lost = holders.keys() - mine.keys()
        # nobody has the address any more, so no file can say it; the manifest counts them
        unknown = told.get("unknown", 0)
        assert len(lost) == unknown if self.is_certain else len(lost) <= unknown, (esp.name, campaign, lost)
        assert holders.keys() - lost == mine.keys(), (esp.name, campaign)
        for person, message in mine.items():
            record = holders[person]
            where = (esp.name, campaign, person)
            assert esp.trace(record, "dispatch") == message.dispatch, where
            assert esp.trace(record, "variant") == message.variant, where
            assert esp.trace(record, "send_at") == f"{message.send_at:%Y-%m-%dT%H:%M:%SZ}", where
            assert esp.trace(record, "valid_until") == f"{message.send_at + DAY:%Y-%m-%dT%H:%M:%SZ}", where
            held = esp.values(record)
            assert {name: held.get(name) for name in message.values} == message.values, where
        assert told["added"] + told["changed"] + told["unchanged"] == len(mine)

    def check_reason(
        self, esp: Esp, told: dict[str, Any], mine: dict[Any, Message], messages: list[Message]
    ) -> None:
        """It is held back because somebody would be shown an old value, and for no other reason; nobody is named."""
        assert esp.name not in CLEARS and told["files"] == []
        blank = {
            (person, esp.called(name))
            for person, message in mine.items()
            for name, value in message.values.items()
            if value is None
        }
        held = {(person, name) for person, record in esp.records.items() for name in record}
        # or would be, as somebody else of the same address is told it tonight
        for campaign in CAMPAIGNS:
            held |= values_of(esp, expected(esp, campaign, messages))
        stale = blank & (held if self.is_certain else self.ever[esp.name])
        assert stale, (esp.name, told)
        assert any(name in told["held_back"] for _, name in stale)
        private = {word for message in messages for word in (message.user, message.address)}
        assert not [word for word in private if word in told["held_back"]]

    def files(self, manifest: dict[str, Any]) -> dict[str, bytes]:
        """The files of changes, without the run that is in some of their names."""
        folder = self.root / manifest["as_of"][:10]
        return {
            f"{path.parent.parent.name}/{path.name.partition('.')[0]}": path.read_bytes()
            for path in sorted(folder.glob("*/changes/*"))
        }


def values_of(esp: Esp, mine: dict[Any, Message]) -> set[tuple[Any, str]]:
    """Which values are told of whom."""
    return {
        (person, esp.called(name))
        for person, message in mine.items()
        for name, value in message.values.items()
        if value is not None
    }


def expected(esp: Esp, campaign: str, messages: list[Message]) -> dict[Any, Message]:
    """Whom the ESP gets of a campaign's list, by the name it knows them by."""
    mine: dict[Any, Message] = {}
    for message in sorted(messages, key=lambda message: message.dispatch):
        if message.campaign == campaign:
            person: Any = message.address.lower() if esp.by_address else message.user
            person = (campaign, message.user) if esp.name.startswith("generic") else person
            mine.setdefault(person, message)
    return mine


@pytest.fixture
def place(warehouse: Warehouse, tmp_path: Path) -> Iterator[Place]:
    connection = warehouse.open()
    connection.execute(
        """
        create table marts.send_list (
            dispatch_id varchar, user_id varchar, campaign_id varchar, channel varchar, address varchar, variant varchar,
            send_at timestamp, valid_until timestamp, cancel_on varchar[], merge_values varchar, arm varchar
        );
        create table marts.merge_field_tags (dialect varchar, merge_field varchar, merge_tag varchar);
        create table intermediate.int_users__channels (user_id varchar, channel varchar, address varchar, address_key varchar);
        create table intermediate.int_users__erased (user_id varchar);
        create table intermediate.int_users__erased_addresses (address varchar);
        create table ops.quarantine (table_name varchar, file varchar, reason varchar, user_id varchar, raw_row varchar);
        create table settings.global_suppressions (user_id varchar, address varchar);
        """
    )
    fill(connection, "marts.merge_field_tags", [("mailchimp", *pair) for pair in MAILCHIMP.items()])
    database_file.create_ledgers(connection, ROOT)
    yield Place(connection, warehouse, tmp_path / "out")
    connection.close()


def know(place: Place, world: World) -> None:
    """The addresses of tonight."""
    place.connection.execute("delete from intermediate.int_users__channels")
    rows = [(user, "email", world.addresses[user], world.addresses[user].lower()) for user in world.people]
    fill(place.connection, "intermediate.int_users__channels", rows)


def forget(place: Place, world: World, user: str) -> None:
    """Somebody asks to be erased; the team deletes the profiles at the ESPs, as it is told to."""
    del world.people[user]
    know(place, world)
    place.connection.execute("insert into intermediate.int_users__erased values (?)", [user])
    addresses = {world.addresses[user].lower()} - {world.addresses[other].lower() for other in world.people}
    fill(
        place.connection,
        "intermediate.int_users__erased_addresses",
        [(address,) for address in addresses],
    )
    erased = dict(erase(place.connection, None).delivered_to)
    assert {"braze", "generic"} <= erased.keys() <= KNOWN.keys() and set(erased.values()) == {1}
    for esp in place.esps.values():
        for person in list(esp.records):
            if person == user or user in person or person in addresses:
                del esp.records[person]
    # their rows leave the older files too, those that took them off a list among them
    nights = {path: path.read_bytes() for path in place.root.glob("*/*/changes/*") if names(user, path)}
    assert len({path.parent.parent.name for path in nights}) == len(KNOWN)
    assert rewrite_lists.forget(place.root, {user}, None).problems == []
    assert not [path for path in place.root.glob("*/**/*.*") if names(user, path)]
    for night in sorted(place.root.iterdir()):
        found = verify(night, BEGIN + 8 * DAY, 30 * DAY).failed if night.name >= "2026-06-07" else []
        assert found == [], found


def names(user: str, path: Path) -> bool:
    """Whether a file names somebody."""
    pattern = rf"\b{user}\b"
    if path.suffix == ".parquet":
        return any(re.search(pattern, str(row)) for row in rows_of(path))
    return bool(re.search(pattern, path.read_text(encoding="utf-8")))


def meddle(place: Place) -> None:
    """Somebody edits profiles by hand, where the files can take it back."""
    for name in CLEARS:
        for record in place.esps[name].records.values():
            for merge_field in VALUES if not name.startswith("generic") else ():
                record[place.esps[name].called(merge_field)] = "by hand"


# seed, and whether values come and go; where nothing can be cleared they must mostly stay, or nothing would be told
@pytest.mark.parametrize(
    ("seed", "clears"),
    [
        pytest.param(0, True, marks=pytest.mark.hard),
        (0, False),
        pytest.param(1, False, marks=pytest.mark.hard),
    ],
)
def test_ten_nights_leave_each_esp_with_the_list_and_the_values(
    place: Place, seed: int, clears: bool
) -> None:
    world = World(random.Random(f"{seed}{clears}"), clears=clears)
    erased = f"u{seed + 1}"
    for number in range(10):
        night = BEGIN + number * DAY
        world.change()
        if number == 8:
            forget(place, world, erased)
        know(place, world)
        messages = world.messages(night)
        # one campaign is held back by the gate, in the middle
        closed = frozenset({"hello"} if number == 4 else ())
        manifest = place.decide(night, messages, closed)
        if number == 6:  # nobody loads this night ...
            continue
        if number == 7:  # ... so that the next one does not follow on what is loaded
            for entry in manifest["campaigns"]:
                assert all(
                    told["since"] != place.esps[name].loaded for name, told in entry["changes"].items()
                )
            manifest = place.decide(night, messages, resync=True)
            meddle(place)
        if number == 9:  # nobody loads the first run of this one
            world.change()
            messages = world.messages(night)
            manifest = place.decide(night, messages)
        files = place.files(manifest)
        place.load(manifest, messages, closed)
        if number in (2, 7):  # the same once more, loaded once more; a resync stays one
            again = place.decide(night, messages)
            assert place.files(again) == files
            place.load(again, messages)
        if number == 5:  # once more, and otherwise; and then that once more
            place.is_certain = False
            world.change()
            messages = world.messages(night)
            manifest = place.decide(night, messages)
            other = place.files(manifest)
            assert other != files
            place.load(manifest, messages)
            again = place.decide(night, messages)
            assert place.files(again) == other
            place.load(again, messages)
        if number >= 8:
            assert not [path for path in place.root.glob("*/**/*.*") if names(erased, path)]
    assert place.esps.keys() == LOADERS.keys() == KNOWN.keys()
    assert all(esp.records for esp in place.esps.values())
