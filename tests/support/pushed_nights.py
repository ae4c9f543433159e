"""Nights of made-up people, written by the project's own exporter, and pushed to a server that stands for the vendor."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.delivery.export import sha256
from sendworthy.delivery.staging_folder import promote
from sendworthy.foundation.clock import iso
from sendworthy.foundation.retry import Clock
from sendworthy.night.removal_files import write_taken_off
from sendworthy.push.plan import Options, Plan, make_plan
from sendworthy.push.sender import Result, push
from sendworthy.settings.destinations import Destination, Limit, Limits, Rate, load_destinations

from tests.support.exported_nights import export_night
from tests.support.projects import ROOT
from tests.support.vendor_server import SECRET, Esp, FakeClock
from tests.support.vendor_server import Limits as Documented

VENDORS = ("braze_track", "customer_io", "iterable", "klaviyo", "listmonk", "mailchimp", "sendgrid")
DESTINATIONS = load_destinations(ROOT)
FIRST = datetime(2026, 6, 1)
NOW = timedelta(hours=4)
MAX_AGE = timedelta(hours=36)


@dataclass(frozen=True)
class Person:
    """Somebody on a list. A blank field is None; `hours` after midnight the message has expired."""

    user: str
    first_name: str | None = None
    city: str | None = None
    points: str | None = None
    place: str | None = None
    hours: int = 30

    @property
    def email(self) -> str:
        return f"{self.user}@Person-{self.user}.example"

    @property
    def key(self) -> str:
        """By what vendors know people by their address."""
        return self.email.lower()


NAMES = ("Quuxbury", "Zoë \N{SNOWMAN}", 'O\'Brien, "Bo"; x', None, "=1+1")


def people(count: int, begin: int = 1, filler: str = "") -> list[Person]:
    """So many people, with blanks and odd names among them."""
    return [
        Person(
            f"user{number:06}",
            filler or NAMES[number % len(NAMES)],
            None if number % 3 == 0 else "Łódź",
            None if number % 4 == 0 else str(number),
            None if number % 2 else "Harbour",
        )
        for number in range(begin, begin + count)
    ]


def dispatch_id(campaign: str, person: Person, night: datetime) -> str:
    return hashlib.md5(f"{campaign}:{person.user}:{night:%Y-%m-%d}".encode()).hexdigest()


def _common(campaign: str, person: Person, night: datetime) -> dict[str, str]:
    return {
        "user_id": person.user,
        "campaign_id": campaign,
        "dispatch_id": dispatch_id(campaign, person, night),
        "variant": "default",
        "send_at": iso(night + timedelta(hours=3)),
        "valid_until": iso(night + timedelta(hours=person.hours)),
    }


def _prefixed(campaign: str, person: Person, night: datetime, *without: str) -> dict[str, str]:
    common = _common(campaign, person, night)
    return {f"sendworthy_{name}": value for name, value in common.items() if name not in without}


def _blank(person: Person) -> str:
    names = {"city": person.city, "first_name": person.first_name}
    return ";".join(name for name, value in names.items() if value is None) or "none"


def row_of(vendor: str, campaign: str, person: Person, night: datetime) -> dict[str, str]:
    """A row of the export model, as the SQL makes it."""
    keys = {"campaign_id": campaign, "dispatch_id": dispatch_id(campaign, person, night)}
    user = _prefixed(campaign, person, night)
    no_user = _prefixed(campaign, person, night, "user_id")
    name, city, points, place = (
        value or "" for value in (person.first_name, person.city, person.points, person.place)
    )
    blank = {"sendworthy_blank_fields": _blank(person)}
    if vendor == "braze_track":
        payload = {
            "external_id": person.user,
            **no_user,
            "first_name": person.first_name,
            "home_city": person.city,
        }
        return {**keys, "payload": json.dumps(payload, ensure_ascii=False)}
    if vendor == "customer_io":
        return {"id": person.user, **no_user, **blank, "first_name": name, "city": city}
    if vendor == "iterable":
        return {
            "email": person.email,
            "userId": person.user,
            **no_user,
            **blank,
            "firstName": name,
            "city": city,
        }
    if vendor == "klaviyo":
        own = {"City": city, "First Name": name, "place_name": place}
        return {"Email Address": person.email, **user, **blank, **own}
    if vendor == "sendgrid":
        return {
            "email": person.email,
            **user,
            **blank,
            "city": city,
            "first_name": name,
            "loyalty_points": points,
        }
    if vendor == "listmonk":
        attributes = {**user, "first_name": person.first_name}
        return {
            **keys,
            "email": person.email,
            "name": name,
            "attributes": json.dumps(attributes, ensure_ascii=False),
        }
    assert vendor == "mailchimp"
    member = {
        "email_address": person.email,
        "status_if_new": "subscribed",
        "merge_fields": {**_tags(campaign, person, night), "FNAME": name},
    }
    return {**keys, "payload": json.dumps(member, ensure_ascii=False)}


def _tags(campaign: str, person: Person, night: datetime) -> dict[str, str]:
    names = ("SWUSER", "SWCAMPAIGN", "SWDISPATCH", "SWVARIANT", "SWSENDAT", "SWVALIDTIL")
    return dict(zip(names, _common(campaign, person, night).values(), strict=True))


def known_as(vendor: str, person: Person) -> str:
    return person.user if vendor in ("braze_track", "customer_io") else person.key


def expected(vendor: str, campaign: str, person: Person, night: datetime = FIRST) -> dict[str, Any]:
    """What a vendor knows of somebody who was unknown before: worked out from the person, not from the files."""
    user = _prefixed(campaign, person, night)
    no_user = _prefixed(campaign, person, night, "user_id")
    blank = {"sendworthy_blank_fields": _blank(person)}

    def set_only(**values: Any) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    if vendor == "braze_track":
        return {**no_user, **set_only(first_name=person.first_name, home_city=person.city)}
    if vendor == "customer_io":
        return {**no_user, **blank, **set_only(first_name=person.first_name, city=person.city)}
    if vendor == "iterable":
        more = set_only(firstName=person.first_name, city=person.city)
        return {"userId": person.user, **no_user, **blank, **more}
    if vendor == "klaviyo":
        place = {"location": {"city": person.city}} if person.city else {}
        properties = {**user, **blank, **set_only(place_name=person.place)}
        return {**set_only(first_name=person.first_name), **place, "properties": properties}
    if vendor == "sendgrid":
        points = int(person.points) if person.points else None
        more = set_only(city=person.city, first_name=person.first_name, loyalty_points=points)
        return {**user, **blank, **more}
    if vendor == "listmonk":
        return {"name": person.first_name or "", **user, "first_name": person.first_name}
    return {**_tags(campaign, person, night), "FNAME": person.first_name or ""}


def with_limits(vendor: str, rates: Sequence[tuple[int, int]] = (), **limits: int) -> Destination:
    """A destination with these limits alone."""
    held = Limits(
        **{name: Limit(value=value, source="a test") for name, value in limits.items()},
        rates=[Rate(requests=requests, seconds=seconds, source="a test") for requests, seconds in rates],
    )
    return DESTINATIONS[vendor].model_copy(update={"limits": held})


def write_night(
    out: Path,
    destination: Destination,
    lists: Mapping[str, Sequence[Person]],
    night: datetime = FIRST,
    run: str = "0a1b2c3d",
) -> Path:
    """A night's folder, as every night's is written."""
    with duckdb.connect() as connection:
        connection.execute("create schema marts")
        connection.execute("create table marts.send_list (campaign_id varchar, address varchar)")
        _export(connection, destination, lists, night)
        for campaign, persons in lists.items():
            connection.execute(
                "insert into marts.send_list select ?, range::varchar from range(?)", [campaign, len(persons)]
            )
        run_of_night = {
            "run_id": f"{night:%Y%m%dT%H%M%SZ}-{run}",
            "as_of": iso(night),
            "versions": {"sendworthy": "0.1.0"},
            "sources": [],
        }
        return export_night(
            connection, [destination], out, run_of_night, [entry(name, len(lists[name])) for name in lists]
        ).parent


def _export(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    lists: Mapping[str, Sequence[Person]],
    night: datetime,
) -> None:
    """The destination's export model."""
    connection.execute("create schema exports")
    columns = list(row_of(destination.name, "c", Person("u"), night))
    listed = ", ".join(f'"{column}" varchar' for column in columns)
    connection.execute(f"create table {destination.model} ({listed})")
    marks = ", ".join("?" for _ in columns)
    for campaign, persons in lists.items():
        rows = [list(row_of(destination.name, campaign, person, night).values()) for person in persons]
        # one statement for many rows: executemany is slow
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            values = ", ".join(f"({marks})" for _ in part)
            connection.execute(
                f"insert into {destination.model} values {values}", [cell for row in part for cell in row]
            )


def take_back(
    out: Path, destination: Destination, campaign: str, persons: Sequence[Person], night: datetime = FIRST
) -> Path:
    """The folder of cancellations of these people's messages, as `sendworthy cancellations` writes it."""
    with duckdb.connect() as connection:
        _export(connection, destination, {campaign: persons}, night)
        connection.execute(
            """
            create schema ledger; create schema settings; create schema intermediate;
            create table ledger.cancellations (
                as_of timestamp, dispatch_id varchar, campaign_id varchar, user_id varchar, cancelled_at timestamp, reasons varchar[]
            );
            create table ledger.dispatches (as_of timestamp, dispatch_id varchar, send_at timestamp);
            create table settings.campaigns (campaign_id varchar, channel varchar);
            create table intermediate.int_nights__as_of (as_of timestamp);
            """
        )
        connection.execute("insert into settings.campaigns values (?, 'email')", [campaign])
        connection.execute("insert into intermediate.int_nights__as_of values (?)", [night])
        for person in persons:
            message = dispatch_id(campaign, person, night)
            connection.execute("insert into ledger.dispatches values (?, ?, ?)", [night, message, night])
            connection.execute(
                "insert into ledger.cancellations values (?, ?, ?, ?, ?, ['channel_opt_out'])",
                [night, message, campaign, person.user, night + timedelta(hours=1)],
            )
        cancelled = {"run_id": "r", "as_of": iso(night), "taken_back_at": iso(night + timedelta(hours=1))}
        return promote(write_taken_off(connection, [destination], out, cancelled))


def entry(campaign: str, rows: int) -> dict[str, Any]:
    return {
        "campaign_id": campaign,
        "channel": "email",
        "status": "released",
        "candidates": rows,
        "send": rows,
        "control": 0,
        "suppress": 0,
        "rows": rows,
        "added": rows,
        "removed": 0,
        "top_reasons": [],
        "gate": {"passed": True, "failed": [], "messages": rows},
    }


def add_changes(
    folder: Path,
    destination: Destination,
    campaign: str,
    since: datetime | None,
    part: Path,
    is_nothing: bool = False,
    **more: Any,
) -> None:
    """Say in the manifest that `part`, a list of JSON lines or of the same form, is what has changed; or that nothing has."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    name = f"{destination.name}/changes/{campaign}.{destination.format}"
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"" if is_nothing else part.read_bytes())
    rows = sum(1 for _ in _rows_in(folder / name, destination))
    file = {
        "destination": destination.name,
        "file": name,
        "rows": rows,
        "bytes": (folder / name).stat().st_size,
        "sha256": sha256(folder / name, folder),
    }
    listed = next(item for item in manifest["campaigns"] if item["campaign_id"] == campaign)
    counts = {"added": 0, "changed": rows, "removed": 0, "unchanged": listed["rows"] - rows}
    changes = {destination.name: {"since": iso(since) if since else None, **counts, "files": [file], **more}}
    if more.get("files") == []:
        (folder / name).unlink()
    listed["changes"] = changes
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def _rows_in(path: Path, destination: Destination) -> list[Any]:
    if destination.format == "csv":
        return duckdb.sql(f"from read_csv('{path}', all_varchar = true)").fetchall()
    items = destination.envelope.items if destination.envelope else ""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [item for line in lines for item in json.loads(line)[items]]


class Scene:
    """A night, the vendor's server, and a clock that moves only when somebody sleeps."""

    def __init__(self, out: Path, destination: Destination, esp: Esp, clock: FakeClock) -> None:
        self.out, self.destination, self.esp, self.clock = out, destination, esp, clock
        self.now = FIRST + NOW
        self.progress: list[tuple[str, int, int]] = []

    def options(self, **more: Any) -> Options:
        return Options(self.out, self.now, MAX_AGE, **more)

    def push(self, **more: Any) -> Result:
        return push(
            self.destination,
            self.options(**more),
            self.esp.environment,
            lambda *step: self.progress.append(step),
            Clock(self.clock.now, self.clock.now, self.clock.sleep, lambda: 0.5),
        )

    def plan(self, **more: Any) -> Plan:
        return make_plan(self.destination, self.options(**more))

    @property
    def folder(self) -> Path:
        return self.out / "push" / self.destination.name

    @property
    def journal(self) -> list[dict[str, Any]]:
        text = (self.folder / "journal.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    @property
    def arrivals(self) -> dict[str, int]:
        """How often each person was in a request that was taken."""
        counts: dict[str, int] = {}
        for upload in self.esp.uploads:
            for key in upload.keys if upload.taken else ():
                counts[key] = counts.get(key, 0) + 1
        return counts

    def knows(self, campaign: str, persons: Sequence[Person], night: datetime = FIRST) -> bool:
        """Whether the vendor knows these people, all that the list says of them, and nobody else."""
        vendor = self.destination.name
        known, wanted = self.esp.people, {}
        for person in persons:
            wanted[known_as(vendor, person)] = expected(vendor, campaign, person, night)
        for key in wanted.keys() | known.keys():
            if known.get(key) != wanted.get(key):
                print(f"{key}: the vendor knows {known.get(key)}, and should know {wanted.get(key)}")
        return known == wanted


CAMPAIGN = "welcome__new__email"
# seven people in batches of three, in the order of their messages' ids, which is that of a list
PEOPLE = sorted(people(7), key=lambda person: dispatch_id(CAMPAIGN, person, FIRST))
BATCHES = 3


def small(vendor: str) -> Destination:
    """A destination that takes three rows in a request."""
    return with_limits(vendor, max_request_items=3)


def small_nights(root: Path) -> Callable[[str], Path]:
    """A small night of each vendor, written once."""

    def of(vendor: str) -> Path:
        if not (root / vendor).exists():
            write_night(root / vendor, small(vendor), {CAMPAIGN: PEOPLE})
        return root / vendor

    return of


@contextmanager
def small_scenes(folder: Path, nights: Callable[[str], Path]) -> Iterator[Callable[[str], Scene]]:
    """The small night of a vendor, to be pushed to its server."""
    servers: list[Esp] = []

    def of(vendor: str) -> Scene:
        shutil.copytree(nights(vendor), folder / "out", dirs_exist_ok=True)
        clock = FakeClock()
        servers.append(Esp(vendor, clock, Documented(items=3)))
        return Scene(folder / "out", small(vendor), servers[-1], clock)

    try:
        yield of
    finally:
        for server in servers:
            server.close()


def refused_rows(scene: Scene, name: str = "refused.csv") -> list[dict[str, str]]:
    with (scene.folder / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def nothing_personal(scene: Scene) -> None:
    """No address, name or key in anything that a push leaves behind."""
    for path in scene.folder.iterdir():
        text = path.read_text(encoding="utf-8").lower()
        assert SECRET not in text
        for person in PEOPLE:
            assert person.key not in text and person.user not in text
            assert not (person.first_name and person.first_name.lower() in text)
