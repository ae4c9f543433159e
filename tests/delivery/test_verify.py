"""`sendworthy verify`: a good night passes, and each way to tamper with one is caught, by the check that is meant for it."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.delivery.deltas import record_changes
from sendworthy.delivery.verify import RULES, verify
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.settings.destinations import as_form, choose_destinations, load_destinations
from sendworthy.warehouse import database_file

from tests.support.delivered_nights import MAX_AGE, NOW, Delivered, Rows, and_one, dispatch_id
from tests.support.exported_nights import export_night
from tests.support.projects import ROOT, sendworthy

AS_OF = datetime(2026, 6, 1)
RUN = "20260601T000000Z-0a1b2c3d"
SURNAME = "Quuxbury"
FORMS = {name: as_form(known.form) for name, known in load_destinations(ROOT).items()}

CHANNELS = {
    "basket": "email",
    "hello": "email",
    "offer": "sms",
    "order": "email",
    "quiet": "push",
    "stuck": "email",
}
# who gets what: `order` is transactional, `quiet` reaches nobody, `stuck` is held back
MESSAGES = {
    "basket": ("ada", "bob", "cyd"),
    "hello": ("dan", "eve"),
    "offer": ("ada", "dan"),
    "order": ("bob", "eve"),
}
USERS = ("ada", "bob", "cyd", "dan", "eve", "fay", "gus")
# how many messages of a channel, and of all, each of them has room for
ROOM = {"ada": (1, 2), "bob": (2, 2), "cyd": (2, 2), "dan": (1, 2), "eve": (2, 2)}


SCHEMA = """
create schema settings; create schema intermediate; create schema marts; create schema audit; create schema exports;
create schema ops;
create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
create table settings.campaigns (campaign_id varchar, channel varchar, is_transactional boolean);
create table marts.customers (user_id varchar, segments varchar[]);
create table settings.reasons (reason varchar, step varchar);
create table intermediate.int_users__channels (user_id varchar, channel varchar, is_suppressed boolean);
create table audit.audit_messages (user_id varchar, channel varchar, channel_room bigint, total_room bigint);
create table marts.campaign_decisions (
    as_of timestamp, user_id varchar, campaign_id varchar, channel varchar, decision varchar, primary_reason varchar,
    reasons varchar[], variant varchar, trigger_at timestamp, priority integer, lost_to varchar[], send_at timestamp, arm varchar
);
create table marts.send_list (
    dispatch_id varchar, user_id varchar, campaign_id varchar, channel varchar, address varchar, variant varchar,
    send_at timestamp, valid_until timestamp, cancel_on varchar, merge_values varchar, journey_started_at timestamp,
    address_hash varchar, arm varchar
);
create view exports.export_generic as
select
    * exclude (journey_started_at, address_hash)
    replace (
        strftime(send_at, '%Y-%m-%dT%H:%M:%SZ') as send_at,
        strftime(valid_until, '%Y-%m-%dT%H:%M:%SZ') as valid_until
    )
from marts.send_list;
create view exports.export_braze as
select
    user_id as external_id, campaign_id as sendworthy_campaign_id, dispatch_id as sendworthy_dispatch_id,
    variant as sendworthy_variant, strftime(send_at, '%Y-%m-%dT%H:%M:%SZ') as sendworthy_send_at,
    strftime(valid_until, '%Y-%m-%dT%H:%M:%SZ') as sendworthy_valid_until,
    case when merge_values ->> 'last_name' is null then 'last_name' else 'none' end as sendworthy_blank_fields,
    merge_values ->> 'last_name' as last_name
from marts.send_list;
"""


def campaign_entry(campaign: str) -> dict[str, Any]:
    """A campaign as a night tells of it."""
    people, is_held_back = len(MESSAGES.get(campaign, ())), campaign == "stuck"
    going = 4 if is_held_back else people
    failed = [{"expectation": "no_consent"}] if is_held_back else []
    return {
        "campaign_id": campaign,
        "channel": CHANNELS[campaign],
        "status": "held_back" if is_held_back else "released",
        **{"candidates": going + 3, "send": going, "control": 1, "suppress": 2, "rows": people},
        **{"added": min(people, 1), "removed": 2},
        "gate": {"passed": not is_held_back, "messages": going, "failed": failed},
    }


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Delivered:
    """A small night, published and exported as every night is."""
    # a name that a reader of patterns would take for one
    good = Delivered(tmp_path_factory.mktemp("verify") / "lists [a]*")
    good.root.mkdir()
    with duckdb.connect(str(good.database)) as connection:
        connection.execute(SCHEMA)
        for campaign, channel in CHANNELS.items():
            row = [campaign, channel, campaign == "order"]
            connection.execute("insert into settings.campaigns values (?, ?, ?)", row)
        for user in USERS:
            connection.execute("insert into marts.customers values (?, null)", [user])
            for channel in ("email", "sms", "push"):
                row = [user, channel, user == "gus"]
                connection.execute("insert into intermediate.int_users__channels values (?, ?, ?)", row)
        for campaign, users in MESSAGES.items():
            for user in users:
                values = json.dumps({"last_name": f"{SURNAME}, {user}" if user == "ada" else None})
                connection.execute(
                    """
                    insert into marts.send_list values
                    (?, ?, ?, ?, ?, 'default', '2026-06-01 09:00:00.5', '2026-06-02 09:00:00.5', 'order_completed', ?, ?, ?, null)
                    """,
                    [
                        dispatch_id(campaign, user),
                        user,
                        campaign,
                        CHANNELS[campaign],
                        f"{user}@x.example",
                        values,
                        AS_OF - timedelta(hours=3),
                        hashlib.sha256(f"{user}@x.example".encode()).hexdigest(),
                    ],
                )
                row = [user, CHANNELS[campaign], *ROOM[user]]
                connection.execute("insert into audit.audit_messages values (?, ?, ?, ?)", row)
        database_file.create_ledgers(connection, ROOT)
        database_file.write_ledgers(connection, AS_OF)
        run = {"run_id": RUN, "as_of": "2026-06-01T00:00:00Z", "versions": {"sendworthy": "0.1.0"}}
        campaigns = [campaign_entry(campaign) for campaign in CHANNELS]
        record_changes(connection, choose_destinations(Project(ROOT), []), campaigns, AS_OF)
        database_file.record_run(
            connection,
            {"run_id": RUN, "as_of": AS_OF, "run": json.dumps({**run, "destinations": FORMS})},
            [
                {"campaign_id": item["campaign_id"], "status": item["status"], "details": json.dumps(item)}
                for item in campaigns
            ],
        )
        database_file.mark_audited(connection, RUN)
        export_night(
            connection,
            choose_destinations(Project(ROOT), []),
            good.root / "out",
            {**run, "sources": []},
            campaigns,
        )
    return good


def every(**values: str) -> Callable[[Rows], Rows]:
    """The same values in each row."""
    return lambda rows: [{**row, **values} for row in rows]


def update(**values: object) -> Callable[[dict[str, Any]], None]:
    return lambda entry: entry.update(values)


def swap_hashes(night: Delivered) -> None:
    def swap(told: dict[str, Any]) -> None:
        one, other = (told["campaigns"][place]["files"][0] for place in (0, 1))
        one["sha256"], other["sha256"] = other["sha256"], one["sha256"]

    night.rewrite(swap)


def add_lists_of_held_back(night: Delivered, in_the_manifest: bool) -> None:
    listed = []
    for destination in ("generic", "braze"):
        path = night.folder / destination / "stuck.csv"
        shutil.copyfile(night.folder / destination / "quiet.csv", path)
        content = path.read_bytes()
        file = {
            "destination": destination,
            "file": f"{destination}/stuck.csv",
            "rows": 0,
            "bytes": len(content),
        }
        listed.append({**file, "sha256": hashlib.sha256(content).hexdigest()})
    if in_the_manifest:
        night.entry("stuck", update(files=listed))


def link_elsewhere(night: Delivered) -> None:
    path = night.folder / "generic" / "basket.csv"
    path.rename(night.root / "elsewhere.csv")
    path.symlink_to(night.root / "elsewhere.csv")


def link_a_folder(night: Delivered) -> None:
    (night.root / "elsewhere").mkdir()
    (night.folder / "more").symlink_to(night.root / "elsewhere")


def leave_out_a_campaign(night: Delivered) -> None:
    """Take a released campaign out of the manifest and its files away."""
    night.rewrite(
        lambda told: told.update(campaigns=[c for c in told["campaigns"] if c["campaign_id"] != "hello"])
    )
    for path in night.folder.glob("**/hello.csv"):
        path.unlink()


def take_a_file_out(night: Delivered) -> None:
    """Out of the folder and of the manifest."""
    (night.folder / "braze" / "hello.csv").unlink()
    night.entry("hello", lambda entry: entry["files"].pop())


def tear(night: Delivered) -> None:
    """A list that ends within a quoted value, with a manifest that says so."""
    path = night.folder / "generic" / "basket.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index(SURNAME) + 3], encoding="utf-8")
    night.vouch("basket", 3)


def rename_a_column(night: Delivered) -> None:
    path = night.folder / "generic" / "basket.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("dispatch_id", "id", 1), encoding="utf-8")
    night.vouch("basket", 3)


def name_a_column_twice(night: Delivered) -> None:
    path = night.folder / "generic" / "basket.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("cancel_on", "variant", 1), encoding="utf-8")
    night.vouch("basket", 3)


def add_a_column(night: Delivered) -> None:
    path = night.folder / "generic" / "basket.csv"
    header, *lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([f"{header},more", *(f"{line},1" for line in lines)]) + "\n", encoding="utf-8")
    night.vouch("basket", 3)


def describe(night: Delivered, destination: str, **form: object) -> None:
    """Have the manifest describe one more destination, which has no list."""

    def add(told: dict[str, Any]) -> None:
        told["destinations"][destination] = {**told["destinations"]["generic"], **form}

    night.rewrite(add)


def name_files_by_no_run(night: Delivered) -> None:
    describe(night, "more", is_named_by_run=True)
    night.rewrite(update(run_id="20260601T000000Z/.."))


def repeat_a_key(night: Delivered) -> None:
    path = night.folder / "manifest.json"
    path.write_text(
        path.read_text(encoding="utf-8").replace('"gate"', '"rows": 9,\n "gate"', 1), encoding="utf-8"
    )


def move_the_night(night: Delivered, name: str) -> None:
    night.folder.rename(night.folder.with_name(name))


def at(moment: datetime) -> Callable[[Delivered], None]:
    def check_clock(night: Delivered) -> None:
        night.now = moment

    return check_clock


@dataclass(frozen=True)
class Case:
    """A way to tamper with a night: what fails of it, and a file, a campaign or another place that is named."""

    name: str
    tamper: Callable[[Delivered], object]
    fails: tuple[str, ...]
    names: str
    with_database: bool = False


def rewrite_changes(night: Delivered, change: Callable[[bytes], bytes]) -> None:
    """Change what braze is told of the basket, and have the manifest vouch for it."""
    night.bytes(CHANGES, change)
    content = (night.folder / CHANGES).read_bytes()
    rows = len(content.splitlines()) - 1
    told = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "rows": rows}
    night.entry("basket", lambda entry: entry["changes"]["braze"]["files"][0].update(told))


CHANGES = "braze/changes/basket.csv"
FILE, BOTH = "generic/basket.csv", ("generic/basket.csv", "braze/basket.csv")
CASES = (
    # the files
    Case("a byte changed", lambda n: n.bytes(FILE, lambda b: b.replace(b"Quux", b"Quuz")), ("files",), FILE),
    Case(
        "a row removed",
        lambda n: n.bytes(FILE, lambda b: b"".join(b.splitlines(True)[:-1])),
        ("files", "rows", "destinations"),
        FILE,
    ),
    Case(
        "a row added",
        lambda n: n.bytes(FILE, lambda b: b + b.splitlines(True)[-1]),
        ("files", "rows", "dispatch_ids"),
        FILE,
    ),
    Case("a truncated file", lambda n: n.bytes(FILE, lambda b: b[:-9]), ("files", "rows"), FILE),
    Case("an emptied file", lambda n: n.bytes(FILE, lambda b: b""), ("files", "rows"), FILE),
    Case("line ends of another system", lambda n: n.bytes(FILE, lambda b: b.replace(b"\n", b"\r\n")), ("files",), FILE),
    Case("a byte order mark", lambda n: n.bytes(FILE, lambda b: b"\xef\xbb\xbf" + b), ("files", "rows"), FILE),
    Case("bytes that are no text", lambda n: n.bytes(FILE, lambda b: b"\xff\xfe" + b), ("files", "rows"), FILE),
    Case("a file removed", lambda n: (n.folder / FILE).unlink(), ("files",), FILE),
    Case("a list that is a link", link_elsewhere, ("files",), FILE),
    Case(
        "two lists swapped",
        lambda n: n.bytes("generic/hello.csv", lambda b: (n.folder / "generic/order.csv").read_bytes()),
        ("files", "campaigns", "dispatch_ids", "destinations", "changes"),
        "generic/hello.csv",
    ),
    Case("an unnamed list", lambda n: (n.folder / "generic" / "more.csv").touch(), ("unnamed",), "generic/more.csv"),
    Case("a hidden file", lambda n: (n.folder / "braze" / ".x.csv").touch(), ("unnamed",), "braze/.x.csv"),
    Case("a link to a folder", link_a_folder, ("unnamed",), "more"),
    Case(
        "a held-back campaign's file", lambda n: add_lists_of_held_back(n, False), ("held_back", "unnamed"), "stuck"
    ),
    Case("a held-back campaign's file, named", lambda n: add_lists_of_held_back(n, True), ("held_back",), "stuck"),
    # the manifest
    Case("an old night that was run again", lambda n: n.rewrite(lambda m: m.update(is_replay=True)), ("replay",), "manifest.json"),
    Case("a manifest cut off", lambda n: n.bytes("manifest.json", lambda b: b[:400]), ("manifest",), "manifest.json"),
    Case("a manifest that is none", lambda n: n.bytes("manifest.json", lambda b: b"[]"), ("manifest",), "manifest.json"),
    Case("a manifest with a key twice", repeat_a_key, ("manifest",), "manifest.json"),
    Case("a campaign twice", lambda n: n.rewrite(lambda m: m["campaigns"].append(m["campaigns"][0])), ("manifest",), "manifest.json"),
    Case("a count that is no number", lambda n: n.entry("basket", update(rows="3")), ("manifest",), "manifest.json"),
    Case("a count left out", lambda n: n.entry("basket", lambda e: e.pop("added")), ("manifest",), "manifest.json"),
    Case(
        "a path out of the folder",
        lambda n: n.entry("basket", lambda e: e["files"][0].update(file="generic/../../basket.csv")),
        ("manifest",),
        "manifest.json",
    ),
    Case(
        "a campaign that is a path",
        lambda n: n.entry("basket", lambda e: e.update(campaign_id="../basket")),
        ("manifest",),
        "manifest.json",
    ),
    Case(
        "an unknown destination",
        lambda n: n.entry("basket", lambda e: e["files"][0].update(destination="acme")),
        ("manifest",),
        "manifest.json",
    ),
    Case("a destination that is a path", lambda n: describe(n, "../generic"), ("manifest",), "manifest.json"),
    Case("lines that come from no column", lambda n: describe(n, "more", format="jsonl"), ("manifest",), "manifest.json"),
    Case("a run that no file can be named after", name_files_by_no_run, ("manifest",), "manifest.json"),
    Case(
        "people left out where everybody is due",
        lambda n: n.entry("basket", lambda e: e["files"][0].update(left_out=1)),
        ("manifest",),
        "manifest.json",
    ),
    Case("no date", lambda n: n.rewrite(update(as_of="2026-02-31T00:00:00Z")), ("manifest",), "manifest.json"),
    Case("a hash swapped", swap_hashes, ("files",), FILE),
    Case("a campaign released by hand", lambda n: n.entry("stuck", update(status="released", rows=4)), ("counts",), "stuck"),
    Case("too many candidates", lambda n: n.entry("hello", update(candidates=900)), ("counts",), "hello"),
    Case("more added than there are", lambda n: n.entry("hello", update(added=3)), ("counts",), "hello"),
    Case("more rows than messages", lambda n: n.entry("hello", update(rows=3)), ("counts",), "hello"),
    Case("a file for one destination only", take_a_file_out, ("counts", "changes"), "hello"),
    Case("the gate saw fewer", lambda n: n.entry("hello", lambda e: e["gate"].update(messages=1)), ("counts",), "hello"),
    Case("more rows than the file has", lambda n: n.vouch("hello", 3), ("rows",), "generic/hello.csv"),
    # what the destinations are told
    Case("a byte of the changes changed", lambda n: n.bytes(CHANGES, lambda b: b.replace(b"Quux", b"Quuz")), ("files",), CHANGES),
    Case("an unnamed file of changes", lambda n: (n.folder / "braze/changes/x.csv").touch(), ("unnamed",), "braze/changes/x.csv"),
    Case("changes removed", lambda n: (n.folder / CHANGES).unlink(), ("files",), CHANGES),
    Case("changes of somebody who is on no list", lambda n: rewrite_changes(n, lambda b: b.replace(b"cyd,basket,", b"fay,basket,0")), ("changes",), CHANGES),
    Case("changes of another campaign", lambda n: rewrite_changes(n, lambda b: b.replace(b"cyd,basket", b"cyd,hello")), ("changes",), CHANGES),
    Case("a message told twice", lambda n: rewrite_changes(n, lambda b: b + b.splitlines(True)[-1]), ("changes",), CHANGES),
    Case("a column of the changes renamed", lambda n: rewrite_changes(n, lambda b: b.replace(b"last_name", b"name", 1)), ("changes",), CHANGES),
    Case("changes that nobody counted", lambda n: n.entry("basket", lambda e: e["changes"]["braze"].update(removed=1)), ("changes",), "basket for braze"),
    Case("changes held back, and there", lambda n: n.entry("basket", lambda e: e["changes"]["braze"].update(held_back="x")), ("changes",), "basket for braze"),
    Case("a message that is not told", lambda n: n.entry("basket", lambda e: e["changes"]["braze"].update(unchanged=1)), ("changes",), "basket for braze"),
    Case("changes of another destination", lambda n: n.entry("basket", lambda e: e["changes"].update(generic=e["changes"]["braze"])), ("manifest",), "manifest.json"),
    Case("changes since another night", lambda n: n.entry("basket", lambda e: e["changes"]["braze"].update(since="2026-05-01T00:00:00Z")), ("run",), "basket", True),
    # the night
    Case("the manifest of another night", lambda n: move_the_night(n, "2026-06-02"), ("night",), "manifest.json"),
    Case(
        "another as_of",
        lambda n: n.rewrite(update(as_of="2026-06-02T00:00:00Z")),
        ("night", "dispatch_ids", "times"),
        "manifest.json",
    ),
    Case("another hour", lambda n: n.rewrite(update(as_of="2026-06-01T03:00:00Z")), ("night",), "manifest.json"),
    Case("a stale night", at(AS_OF + MAX_AGE + timedelta(seconds=1)), ("age",), "manifest.json"),
    Case("a night of the future", at(AS_OF - timedelta(hours=26)), ("age",), "manifest.json"),
    # the rows, with a manifest that vouches for them
    Case("torn, and vouched for", tear, ("rows",), FILE),
    Case("a column twice, and vouched for", name_a_column_twice, ("rows",), FILE),
    Case("a column renamed", rename_a_column, ("rows",), FILE),
    Case("rows of another campaign", lambda n: n.forge("basket", every(campaign_id="hello")), ("campaigns",), FILE),
    Case("a repeated message", lambda n: n.forge("hello", lambda rows: [*rows, rows[0]]), ("dispatch_ids",), "generic/hello.csv"),
    Case("ids of another kind", lambda n: n.forge("hello", lambda rows: [{**row, "dispatch_id": row["user_id"]} for row in rows]), ("dispatch_ids",), "generic/hello.csv"),
    Case("another user under a message's id", lambda n: n.forge("hello", lambda rows: [{**rows[0], "user_id": "fay"}, *rows[1:]]), ("dispatch_ids",), "generic/hello.csv"),
    Case("another variant for one ESP", lambda n: n.forge("hello", every(variant="rude"), "braze"), ("destinations",), "hello"),
    Case("an expired message", lambda n: n.forge("hello", every(valid_until="2026-05-31T23:59:59Z")), ("times",), "generic/hello.csv"),
    Case("a message of the day before", lambda n: n.forge("hello", every(send_at="2026-05-31T09:00:00Z")), ("times",), "generic/hello.csv"),
    Case("a message without an end", lambda n: n.forge("hello", every(valid_until="")), ("times",), "generic/hello.csv"),
    # what only the published file tells
    Case("a campaign left out", leave_out_a_campaign, ("run", "ledger"), "hello", True),
    Case("another count of who left", lambda n: n.entry("hello", update(removed=0)), ("run",), "hello", True),
    Case("versions edited", lambda n: n.rewrite(update(versions={})), ("run",), "manifest.json", True),
    Case("another night published since", lambda n: n.sql("update ops.audited set run_id = '20260602T000000Z-0'"), ("run",), "database", True),
    Case("built again by dbt alone", lambda n: n.sql("drop table ops.audited"), ("run",), "database", True),
    Case("another address", lambda n: n.forge("hello", every(address="other@x.example")), ("lists",), "generic/hello.csv", True),
    Case("another merge value", lambda n: n.forge("basket", every(last_name="[BLANK]"), "braze"), ("lists",), "braze/basket.csv", True),
    Case("another time", lambda n: n.forge("hello", every(send_at="2026-06-01T03:00:00Z")), ("lists", "ledger"), "hello for braze", True),
    Case("a message taken out", lambda n: n.forge("basket", lambda rows: rows[1:]), ("run", "lists", "ledger"), "basket", True),
    Case("a dispatch lost", lambda n: n.sql("delete from ledger.dispatches where user_id = 'cyd'"), ("ledger",), "basket for generic", True),
    Case("a suppressed person slipped in", lambda n: n.forge("basket", and_one("basket", "gus")), ("run", "lists", "ledger", "suppression", "caps"), FILE, True),
    Case("columns of another version", add_a_column, ("lists", "changes"), FILE, True),
    Case(
        "a destination that the run did not have so",
        lambda n: n.rewrite(lambda m: m["destinations"]["braze"]["says"].pop("valid_until")),
        ("run",),
        "manifest.json",
        True,
    ),
    Case("suppressed", lambda n: n.sql("update intermediate.int_users__channels set is_suppressed = true where user_id = 'dan' and channel = 'sms'"), ("suppression",), "generic/offer.csv", True),
    Case("somebody erased", lambda n: n.sql("delete from marts.customers where user_id = 'cyd'"), ("suppression",), FILE, True),
    Case("one message over a cap", lambda n: n.forge("basket", and_one("basket", "dan")), ("run", "lists", "ledger", "caps"), "basket for generic", True),
    Case("no room on the channel", lambda n: n.sql("update audit.audit_messages set channel_room = 0 where channel = 'sms'"), ("caps",), "offer for braze", True),
    Case("no room over all channels", lambda n: n.sql("update audit.audit_messages set total_room = 1 where user_id = 'ada'"), ("caps",), "offer for braze", True),
    Case("no room that was counted", lambda n: n.sql("delete from audit.audit_messages where user_id = 'cyd'"), ("caps",), "basket for generic", True),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_tampering_is_caught_and_says_where(good: Delivered, tmp_path: Path, case: Case) -> None:
    night = good.copy(tmp_path)
    case.tamper(night)
    found = night.verify(case.with_database)
    assert {check.name: check.findings for check in found.failed}.keys() == set(case.fails), found.failed
    assert found.exit_code == 3
    for check in found.failed:
        assert check.fix and any(not finding.is_note for finding in check.findings)
    told = [finding.where for check in found.failed for finding in check.findings]
    assert case.names in told, told


def test_for_each_check_there_is_a_tampering_that_nothing_else_catches() -> None:
    alone = {case.fails[0] for case in CASES if len(case.fails) == 1}
    assert alone == {"manifest", *(rule.name for rule in RULES)}


def test_a_good_night_passes_with_the_database_and_without(good: Delivered) -> None:
    alone, held_against = good.verify(), good.verify(with_database=True)
    assert alone.exit_code == held_against.exit_code == 0
    assert {check.state for check in held_against.checks} == {"ok"}
    unchecked = {check.name: check.why_not for check in alone.checks if check.state == "not checked"}
    assert unchecked.keys() == {rule.name for rule in RULES if rule.needs_database}
    assert all("--db" in why for why in unchecked.values())
    assert len(alone.checks) == len(held_against.checks) == len(RULES) + 1


def test_a_night_that_is_too_old_names_the_option_that_allows_it(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    night.now = AS_OF + timedelta(hours=5000)
    (age,) = [check for check in night.verify().failed if check.name == "age"]
    assert age.findings[0].what.endswith("is 5,000 hours old, and 36 are allowed (--max-age-hours)")
    assert age.fix.endswith("as with the sample, allow more hours: --max-age-hours.")


def test_what_stands_on_the_run_is_not_checked_against_another_one(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    night.sql("update ops.audited set run_id = '20260602T000000Z-0'")
    states = {check.name: check.state for check in night.verify(with_database=True).checks}
    assert [name for name, state in states.items() if state == "not checked"] == [
        *("lists", "ledger", "suppression", "caps")
    ]


@pytest.mark.parametrize(
    ("spoil", "check", "words"),
    [
        (name_a_column_twice, "rows", "its first line names a column twice"),
        (add_a_column, "lists", "its columns are not those of the published list"),
    ],
)
def test_what_is_wrong_with_the_columns_of_a_list_is_said(
    good: Delivered, tmp_path: Path, spoil: Callable[[Delivered], None], check: str, words: str
) -> None:
    night = good.copy(tmp_path)
    spoil(night)
    (failed,) = [found for found in night.verify(with_database=True).failed if found.name == check]
    assert [words in finding.what for finding in failed.findings if finding.where == FILE] == [True]


def test_whom_a_list_is_for_is_not_checked_where_a_destination_does_not_say_it(
    good: Delivered, tmp_path: Path
) -> None:
    night = good.copy(tmp_path)
    night.rewrite(lambda told: told["destinations"]["braze"]["says"].pop("user"))
    # a run of a version that did not record the destinations: nothing contradicts the manifest
    night.sql("update ops.runs set run = json_merge_patch(run, '{\"destinations\": null}')")
    unchecked = {
        c.name: c.why_not for c in night.verify(with_database=True).checks if c.state == "not checked"
    }
    assert unchecked.keys() == {"suppression", "caps"}
    assert set(unchecked.values()) == {"the destination braze does not say who the user is"}


def test_the_newest_night_is_taken_and_a_half_written_one_is_none(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    shutil.copytree(night.folder, night.folder.with_name(".2026-06-03.writing"))
    (night.folder.with_name("2026-05-31")).mkdir()
    assert night.verify().folder == night.folder
    # a newer night that has not been written whole is not passed over for an older one
    (night.folder.with_name("2026-06-02")).mkdir()
    with pytest.raises(SettingsError, match=r"2026-06-02 holds no manifest\.json"):
        night.verify()


def test_a_list_copied_elsewhere_can_still_be_verified(good: Delivered, tmp_path: Path) -> None:
    shutil.copytree(good.folder, tmp_path / "inbox")
    assert verify(tmp_path / "inbox", NOW, MAX_AGE, good.database).exit_code == 0


def test_a_manifest_without_sizes_is_of_an_older_version(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    night.rewrite(lambda told: [file.pop("bytes") for c in told["campaigns"] for file in c["files"]])
    assert night.verify().exit_code == 0


def test_what_has_expired_since_is_counted_and_is_no_fault(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    night.now = AS_OF + timedelta(hours=35)
    (times,) = [check for check in night.verify().checks if check.name == "times"]
    assert times.state == "ok"
    assert [(finding.what[:14], finding.is_note) for finding in times.findings] == [("9 messages hav", True)]


def test_a_transactional_message_takes_room_and_needs_none(good: Delivered, tmp_path: Path) -> None:
    night = good.copy(tmp_path)
    night.sql("update audit.audit_messages set channel_room = 0, total_room = -1 where user_id = 'bob'")
    caps = {check.name: check for check in night.verify(with_database=True).checks}["caps"]
    assert {finding.where for finding in caps.findings} == {"basket for generic", "basket for braze"}


def test_the_command_says_it_in_words_and_in_json_and_names_nobody(good: Delivered, tmp_path: Path) -> None:
    fine = sendworthy(
        "verify", good.root / "out", "--db", good.database, "--now", NOW.isoformat(), cwd=tmp_path
    )
    assert fine.returncode == 0 and "may be sent" in fine.stdout, fine.stdout + fine.stderr
    night = good.copy(tmp_path)
    tear(night)
    night.forge("hello", every(address="other@x.example", variant="rude"))
    night.bytes("braze/offer.csv", lambda content: content + b"ada,x,y\n")
    (night.folder / "generic" / "[red]more.csv").touch()
    command = ("verify", night.folder, "--db", night.database, "--now", "2026-06-01T04:00:00Z")
    shown, as_json = sendworthy(*command, cwd=tmp_path), sendworthy(*command, "--json", cwd=tmp_path)
    assert shown.returncode == as_json.returncode == 3, shown.stderr + as_json.stderr
    told = json.loads(as_json.stdout)
    failed = {check["name"]: check for check in told["checks"] if check["state"] == "failed"}
    assert not told["holds"] and failed.keys() >= {"rows", "lists", "ledger", "unnamed", "files"}
    for words in ("generic/[red]more.csv", "generic/basket.csv", "braze/offer.csv", "what to do", "torn"):
        assert words in shown.stdout, words
    assert "do not send these lists" in shown.stderr
    for output in (shown.stdout, shown.stderr, as_json.stdout):
        assert not [word for word in (SURNAME, "@x.example", "other@", "rude") if word in output]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "there is no folder"),
        (("empty",), "holds no manifest.json"),
        (("out", "--db", "none.duckdb"), "there is no published file"),
        (("out", "--now", "yesterday"), "not a date"),
        (("out", "--db", "other.duckdb"), "another version"),
    ],
)
def test_bad_usage_ends_with_2(
    good: Delivered, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    night = good.copy(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copyfile(night.database, tmp_path / "other.duckdb")
    with duckdb.connect(str(tmp_path / "other.duckdb")) as connection:
        connection.execute("drop table marts.customers")
    ended = sendworthy("verify", *arguments, cwd=tmp_path)
    assert ended.returncode == 2 and words in ended.stderr, ended.stdout + ended.stderr
