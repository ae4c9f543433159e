"""Whole nights through the command line, on the committed sample: the first, the same again, and the second."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from datetime import date
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.project import Project
from sendworthy.inspect.preview import preview
from sendworthy.settings.destinations import load_destinations
from sendworthy.warehouse import database_file

from dev import write_docs
from tests.support.delivered_nights import Delivered, and_one
from tests.support.projects import FIRST, ROOT, SECOND, Place, copy_project, dbt, sendworthy
from tests.support.vendor_imports import Esp


class Other(Place):
    """The same project with another published file."""

    def __init__(self, root: Path, database: Path) -> None:
        super().__init__(root)
        self.other = database

    @property
    def database(self) -> Path:
        return self.other


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the project after one night."""
    place = Place(copy_project(tmp_path_factory.mktemp("project")))
    # as on most machines: what is written is readable by everybody, but for what the night does about it
    before = os.umask(0o022)
    try:
        result = place.night(FIRST)
    finally:
        os.umask(before)
    assert result.returncode == 0, result.stdout + result.stderr
    return place


def test_a_night_releases_every_campaign_and_its_files_agree(place: Place) -> None:
    manifest = place.manifest(FIRST)
    on_the_list = dict(place.query("select campaign_id, count(*) from marts.send_list group by all"))
    with (ROOT / "seeds" / "compiled" / "campaigns.csv").open(encoding="utf-8", newline="") as file:
        assert [c["campaign_id"] for c in manifest["campaigns"]] == sorted(
            row["campaign_id"] for row in csv.DictReader(file)
        )
    seen = set()
    for campaign in manifest["campaigns"]:
        assert campaign["status"] == "released"
        assert {file["destination"] for file in campaign["files"]} == {"generic", "braze"}
        for listed in campaign["files"]:
            path = place.root / "out" / FIRST / listed["file"]
            content = path.read_bytes()
            rows = list(csv.DictReader(content.decode("utf-8").splitlines()))
            assert (
                listed["rows"] == len(rows) == campaign["rows"] == on_the_list.get(campaign["campaign_id"], 0)
            )
            assert listed["sha256"] == hashlib.sha256(content).hexdigest()
            seen.add(listed["file"])
    assert seen == set(place.lists(FIRST)), "a list that the manifest does not name"
    assert sum(on_the_list.values()) > 500


def test_the_pages_show_this_night(place: Place) -> None:
    manifest = place.root / "out" / FIRST / "manifest.json"
    pages = write_docs.pages_of(ROOT, place.database, manifest)
    assert {path.name for path in pages} >= {"README.md", "query-the-result.md", "a-night.svg"}
    stale = [path.name for path, page in pages.items() if path.read_text(encoding="utf-8") != page]
    assert not stale, "run `make pages`"


def test_what_a_night_writes_is_readable_by_its_owner_only(place: Place) -> None:
    written = [
        path
        for name in ("sendworthy.duckdb", ".sendworthy", "out", "data_docs", "logs", "target")
        for path in (place.root / name, *(place.root / name).rglob("*"))
    ]
    assert len(written) > 200 and {path.suffix for path in written} >= {".duckdb", ".csv", ".html", ".log"}
    assert not [path for path in written if path.stat().st_mode & 0o077]
    # what was there stays as it was
    assert (place.root / "data").stat().st_mode & 0o777 != 0o700


def test_the_delivered_night_is_verified_and_what_is_slipped_in_is_caught(
    place: Place, tmp_path: Path
) -> None:
    delivered = Delivered(place.root)
    found = delivered.verify(with_database=True)
    assert found.exit_code == 0, found.failed
    assert {check.state for check in found.checks} == {"ok"}
    suppressed = (
        "newsletter__active__email",
        place.query(
            """
            select min(user_id)
            from intermediate.int_users__channels
            inner join marts.customers using (user_id)
            where is_suppressed and channel = 'email'
            """
        )[0][0],
        "suppression",
    )
    # somebody who gets as many text messages tonight as they may, and not this one
    at_the_cap = (
        "discount__casual__sms",
        place.query(
            """
            select min(user_id)
            from audit.audit_messages
            where channel = 'sms' and channel_place = channel_room and campaign_id <> 'discount__casual__sms'
            """
        )[0][0],
        "caps",
    )
    for campaign, user, check in (suppressed, at_the_cap):
        assert user, check
        night = delivered.copy_lists(tmp_path / check)
        night.forge(campaign, and_one(campaign, user))
        assert night.verify().exit_code == 0, "nothing but the published file can tell"
        failed = {item.name: item for item in night.verify(with_database=True).failed}
        assert failed.keys() >= {check, "run", "lists", "ledger"}
        assert any(campaign in finding.where for finding in failed[check].findings)


def test_the_sample_shows_every_decision_every_reason_and_every_segment(place: Place) -> None:
    decisions = {row[0] for row in place.query("select distinct decision from marts.campaign_decisions")}
    assert decisions == {"send", "control", "suppress"}
    reasons = {
        row[0].partition(":")[0]
        for row in place.query("select distinct unnest(reasons) from marts.campaign_decisions")
    }
    # a welcome of ours is for the segment new, whose sign-up dates are known; unit tests and random worlds show the other kind
    known = {
        reason for (reason,) in place.query("select reason from settings.reasons where step is not null")
    }
    assert reasons == known - {"signup_unknown"}
    flags = (ROOT / "models/intermediate/customers/int_customers__segment_flags.sql").read_text(
        encoding="utf-8"
    )
    segments = {row[0] for row in place.query("select distinct segment from marts.customer_segments")}
    assert segments == set(re.findall(r"\bas is_(\w+)", flags))
    stages = {row[0] for row in place.query("select distinct lifecycle_stage from marts.customers")}
    assert stages == {"unknown", "new", "active", "lapsing", "lapsed"}


def test_a_preview_of_somebody_on_a_list_shows_what_goes_out(place: Place) -> None:
    listed = place.query(
        """
        select campaign_id, min_by(user_id, user_id), min_by(variant, user_id), min_by(merge_values, user_id)
        from marts.send_list
        where channel in ('email', 'push')
        group by channel, campaign_id
        qualify row_number() over (partition by channel order by count(distinct variant) desc, campaign_id) <= 2
        """
    )
    assert len(listed) == 4
    for campaign_id, user_id, variant, merge_values in listed:
        shown = preview(Project(place.root), campaign_id, user_id, place.database)
        assert shown.person and shown.person.decision and shown.person.decision.decision == "send"
        (sent,) = [one for one in shown.variants if one.state == "gets"]
        assert (sent.name, sent.shown[0].values, shown.notes) == (variant, json.loads(merge_values), [])
        assert all(row.candidates for row in sent.fields), "a field without its coverage"


def test_every_row_that_landed_is_staged_or_quarantined(place: Place) -> None:
    counted = dict(place.query("select table_name, sum(rows_in)::bigint from ops.source_counts group by all"))
    with duckdb.connect() as connection:
        for table in ("users", "events", "message_events"):
            files = sorted(str(path) for path in (place.root / "data/sample").glob(f"{table}*/**/*")) or [
                str(place.root / f"data/sample/{table}.parquet")
            ]
            landed = 0
            for file in (name for name in files if Path(name).is_file()):
                reader = (
                    "read_parquet(?)"
                    if file.endswith(".parquet")
                    else "read_csv(?, all_varchar = true, header = true)"
                )
                landed += connection.execute(f"select count(*) from {reader}", [file]).fetchall()[0][0]
            assert counted[table] == landed
    assert (
        place.query("select * from ops.source_counts where rows_in <> rows_staged + rows_quarantined") == []
    )
    kinds = {row[0].partition("_")[0] for row in place.query("select distinct reason from ops.quarantine")}
    assert kinds == {"missing", "bad", "duplicate", "from"}
    assert place.query("select count(*) from ops.quarantine where raw_row is null or file is null") == [(0,)]


def test_each_file_is_counted_with_its_drop(place: Place) -> None:
    for table in ("users", "events", "message_events"):
        counted = place.query(
            f"select file, landed_on, rows_staged - rows_erased from ops.source_counts where table_name = '{table}'"
        )
        staged = Counter(
            place.query(f"select file from staging.base_landing__{table} where quarantine_reason is null")
        )
        for file, landed_on, rows in counted:
            drop = re.match(rf"{table}/landed_on=(\d{{4}}-\d\d-\d\d)/", file)
            assert landed_on == (date.fromisoformat(drop[1]) if drop else None)
            assert rows == staged[file,]


def test_the_same_night_again_gives_the_same_bytes(place: Place) -> None:
    lists, ledger = place.lists(FIRST), place.query("select * from ledger.dispatches order by all")
    changes, told = place.changes(FIRST), place.query("select * from ledger.deliveries order by all")
    decided = place.query("select count(*) from ledger.decisions")
    assert place.night(FIRST).returncode == 0
    assert place.lists(FIRST) == lists
    assert place.changes(FIRST) == changes and len(changes) == len(lists)
    assert place.query("select * from ledger.deliveries order by all") == told
    assert place.query("select * from ledger.dispatches order by all") == ledger
    assert place.query("select count(*) from ledger.decisions") == decided


def test_the_second_night_counts_what_the_first_one_sent(place: Place) -> None:
    reader = duckdb.connect(str(place.database), read_only=True)
    try:
        before = reader.execute("select count(*) from marts.send_list").fetchall()
        result = place.night(SECOND)
        assert result.returncode == 0, result.stdout + result.stderr
        # somebody who reads all the while is not disturbed, and sees one night, not two
        assert reader.execute("select count(*) from marts.send_list").fetchall() == before
    finally:
        reader.close()
    nights = place.query(
        "select as_of::date::varchar, count(*) from ledger.dispatches group by all order by all"
    )
    assert [night for night, _ in nights] == [FIRST, SECOND]
    # nobody got the same campaign again within its cooldown
    again = place.query(
        """
        select count(*)
        from ledger.dispatches as first_night
        inner join ledger.dispatches as second_night using (user_id, campaign_id)
        inner join settings.campaigns using (campaign_id)
        where first_night.as_of < second_night.as_of and campaigns.cooldown_days > 1
        """
    )
    assert again == [(0,)]
    # who got a message last night and could get it again is kept from it by the cooldown, not by chance
    assert place.query(
        """
        select count(*) > 50
        from marts.campaign_decisions as decisions
        inner join ledger.dispatches as dispatches using (user_id, campaign_id)
        where dispatches.as_of = timestamp '2026-06-01' and list_contains(decisions.reasons, 'cooldown')
        """
    ) == [(True,)]
    # the first night's lists are out of date now, whatever the clock says
    assert [check.name for check in Delivered(place.root).verify_night(FIRST).failed] == ["run"]
    manifest = {campaign["campaign_id"]: campaign for campaign in place.manifest(SECOND)["campaigns"]}
    for campaign_id, added, removed in place.query(
        """
        select
            coalesce(a.campaign_id, b.campaign_id),
            count(*) filter (where a.user_id is null),
            count(*) filter (where b.user_id is null)
        from (from ledger.dispatches where as_of = timestamp '2026-06-01') as a
        full join (from ledger.dispatches where as_of = timestamp '2026-06-02') as b using (campaign_id, user_id)
        group by all
        """
    ):
        assert (manifest[campaign_id]["added"], manifest[campaign_id]["removed"]) == (added, removed)


def holds_the_lists(place: Place, esps: dict[str, Esp], folder: Path) -> None:
    """Load a night's changes, campaign by campaign: after each, the ESP has its list and its values, and nobody else."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    for campaign in manifest["campaigns"]:
        messages = place.query(
            "select user_id, dispatch_id, merge_values from marts.send_list where campaign_id = ?",
            [campaign["campaign_id"]],
        )
        for name, told in campaign["changes"].items():
            esp = esps[name]
            if "held_back" in told:
                assert name == "braze" and told["files"] == []
                continue
            assert told["since"] == esp.loaded or told.get("resync")
            esp.load([folder / file["file"] for file in told["files"]])
            holders = {
                record["user_id"] if name == "generic" else person: (
                    esp.trace(record, "dispatch"),
                    esp.values(record),
                )
                for person, record in esp.holders(campaign["campaign_id"]).items()
            }
            assert holders.keys() == {user for user, _, _ in messages}, (name, campaign["campaign_id"])
            for user, dispatch, merge_values in messages:
                values = json.loads(merge_values)
                assert holders[user][0] == dispatch
                held = {field: holders[user][1].get(field) for field in values}
                # a cell of a CSV may have an apostrophe before it
                told_values = {field: value and value.lstrip("'") for field, value in held.items()}
                assert told_values == values, (name, campaign["campaign_id"])
    for esp in esps.values():
        esp.loaded = manifest["as_of"]


@pytest.mark.hard
def test_two_nights_of_changes_make_the_lists_at_the_esps_and_a_resync_does_so_from_any_state(
    place: Place, tmp_path: Path
) -> None:
    esps = {name: Esp(name) for name in ("generic", "braze")}
    if not (place.root / "out" / SECOND / "manifest.json").exists():
        # alone among the hard tests, nobody has run it before
        assert place.night(SECOND).returncode == 0
    published = place.database.read_bytes()
    assert place.night(FIRST, "--db", tmp_path / "other.duckdb", "--out", tmp_path / "first").returncode == 0
    assert place.changes(FIRST, tmp_path / "first") == place.changes(FIRST)
    holds_the_lists(Other(place.root, tmp_path / "other.duckdb"), esps, tmp_path / "first" / FIRST)
    holds_the_lists(place, esps, place.root / "out" / SECOND)
    second = place.manifest(SECOND)["campaigns"]
    told = [told for campaign in second for told in campaign["changes"].values()]
    assert {entry["since"] for entry in told} == {"2026-06-01T00:00:00Z"}
    assert sum(entry["removed"] for entry in told) > 100 and sum(entry["added"] for entry in told) > 100
    # of an ESP that has missed a night, and of one that has just that one
    again = sendworthy("export", "--out", tmp_path / "again", cwd=place.root)
    assert again.returncode == 0 and place.database.read_bytes() == published
    assert place.changes(SECOND, tmp_path / "again") == place.changes(SECOND)
    stale = {name: Esp(name) for name in esps}
    shutil.copyfile(place.database, tmp_path / "copy.duckdb")
    written = []
    for name in ("once", "twice"):
        options = ("--db", tmp_path / "copy.duckdb", "--out", tmp_path / name)
        result = sendworthy("export", "--resync", *options, cwd=place.root)
        assert result.returncode == 0, result.stderr
        written.append(place.changes(SECOND, tmp_path / name))
        check = sendworthy(
            *("verify", tmp_path / name, "--db", tmp_path / "copy.duckdb", "--now", "2026-06-02 04:00"),
        )
        assert check.returncode == 0, check.stdout
    assert written[0] == written[1] != place.changes(SECOND)
    for known in (esps, stale):
        holds_the_lists(place, known, tmp_path / "once" / SECOND)


def test_explain_says_why_in_words(place: Place) -> None:
    user, campaign, reasons = place.query(
        """
        select user_id, campaign_id, reasons
        from marts.campaign_decisions
        where len(reasons) > 1
        order by len(reasons) desc, user_id, campaign_id
        limit 1
        """
    )[0]
    shown = sendworthy("explain", user, campaign, "--json", cwd=place.root)
    assert shown.returncode == 0, shown.stderr
    (explained,) = json.loads(shown.stdout)["campaigns"]
    assert explained["decision"] == "suppress" and explained["reasons"] == reasons
    assert len(explained["words"]) == len(reasons)
    every = sendworthy("explain", user, cwd=place.root)
    assert every.returncode == 0
    assert every.stdout.count("not a candidate") > 3 and campaign in every.stdout
    older = sendworthy("explain", user, "--night", FIRST, "--json", cwd=place.root)
    assert older.returncode == 0, older.stderr
    nobody = sendworthy("explain", "no-such-user", cwd=place.root)
    assert nobody.returncode == 2 and "no such user" in nobody.stderr


def test_coverage_counts_those_who_get_a_lesser_variant_than_they_might(place: Place) -> None:
    shown = sendworthy("coverage", "--json", cwd=place.root)
    assert shown.returncode == 0, shown.stderr
    campaigns = json.loads(shown.stdout)["campaigns"]
    candidates = dict(place.query("select campaign_id, count(*) from marts.campaign_decisions group by all"))
    assert {item["campaign_id"]: item["users"] for item in campaigns if item["users"]} == candidates
    lifted = {item["campaign_id"]: item["lifts"] for item in campaigns}
    # where the best variant requires one field, filling it lifts whoever does not get that variant now
    alone = place.query(
        """
        with
            best as (
                select * from intermediate.int_campaigns__variants where variant_rank = 1 and len(required_fields) = 1
            )
        select
            campaign_id,
            any_value(required_fields),
            count(*) filter (where gates.variant is distinct from best.variant) as users,
            count(*) filter (where gates.variant is null)
        from intermediate.int_campaigns__gates as gates
        inner join best using (campaign_id)
        group by all
        having users > 0
        """
    )
    assert len(alone) > 10
    for campaign_id, fields, users, without_variant in alone:
        assert lifted[campaign_id] == [
            {"fields": fields, "users": users, "users_without_variant": without_variant}
        ]
    assert any(len(lift["fields"]) > 1 for lifts in lifted.values() for lift in lifts)


def test_export_writes_the_published_lists_again(place: Place, tmp_path: Path) -> None:
    last = max(path.name for path in (place.root / "out").glob("2026-*"))
    again = sendworthy("export", "--out", tmp_path, "--destination", "generic", cwd=place.root)
    assert again.returncode == 0, again.stderr
    for path in sorted((tmp_path / last / "generic").glob("*.csv")):
        assert path.read_bytes() == (place.root / "out" / last / "generic" / path.name).read_bytes()
    assert not (tmp_path / last / "braze").exists()


@pytest.mark.hard
def test_every_destination_can_be_exported_and_verified(place: Place, tmp_path: Path) -> None:
    names = sorted(load_destinations(place.root))
    chosen = [word for name in names for word in ("--destination", name)]
    again = sendworthy("export", "--out", tmp_path / "out", *chosen, cwd=place.root)
    assert again.returncode == 0, again.stderr
    night = max((tmp_path / "out").glob("2026-*"))
    assert sorted(path.name for path in night.iterdir() if path.is_dir()) == names
    command = ("verify", night, "--db", place.database, "--now", f"{night.name}T04:00:00Z", "--json")
    found = sendworthy(*command, cwd=tmp_path)
    assert found.returncode == 0, found.stdout
    # each form is compared with what was published: a value that is changed, with a manifest that vouches for it, is found
    manifest = json.loads((night / "manifest.json").read_text(encoding="utf-8"))
    changed = set()
    for campaign in manifest["campaigns"]:
        for file in campaign["files"]:
            path = night / file["file"]
            content = path.read_bytes()
            if file["destination"] in changed or b"personalized" not in content or path.suffix == ".parquet":
                continue
            content = content.replace(b"personalized", b"impersonated", 1)
            path.write_bytes(content)
            file["sha256"] = hashlib.sha256(content).hexdigest()
            changed.add(file["destination"])
    manifest["destinations"]["iterable"]["one_per_address"] = False
    (night / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    found = sendworthy(*command, cwd=tmp_path)
    checks = {check["name"]: check for check in json.loads(found.stdout)["checks"]}
    assert {finding["where"].partition("/")[0] for finding in checks["lists"]["findings"]} == changed
    assert {finding["where"].split()[-1] for finding in checks["ledger"]["findings"]} == changed
    assert changed == set(names) - {"generic_parquet"}
    assert [finding["what"] for finding in checks["run"]["findings"]] == [
        "its destination iterable is not that of the run"
    ]


def test_nothing_personal_is_printed_or_put_into_the_manifest_or_the_docs(place: Place) -> None:
    addresses = [
        row[0] for row in place.query("select distinct address from marts.send_list where channel <> 'push'")
    ]
    users = [row[0] for row in place.query("select distinct user_id from marts.send_list")]
    texts = [
        path.read_text(encoding="utf-8", errors="replace")
        for path in (place.root / "data_docs").rglob("*.html")
    ]
    assert len(texts) > 20, "there are no Data Docs"
    texts += [
        json.dumps(place.manifest(FIRST)),
        (place.root / "logs" / "dbt.log").read_text(encoding="utf-8"),
    ]
    together = "\n".join(texts)
    assert not [address for address in addresses if address in together]
    assert not [user for user in users if user in together]


def test_only_audited_lists_are_exported(place: Place, tmp_path: Path) -> None:
    copy = tmp_path / "sendworthy.duckdb"
    shutil.copyfile(place.database, copy)
    run = ("run", "--select", "int_nights__as_of")
    built = dbt(*run, "--vars", "{overwrite_audited: true}", cwd=place.root, build=copy)
    assert built.returncode == 0, built.stdout
    result = sendworthy("export", "--db", copy, "--out", tmp_path / "out", cwd=place.root)
    assert result.returncode == 2 and "not been audited" in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def test_a_second_night_at_the_same_time_ends_at_once(place: Place) -> None:
    before = place.database.stat().st_mtime_ns
    with database_file.only_night(place.database):
        result = place.night(SECOND)
    assert result.returncode == 1 and "another night is at work" in result.stderr, result.stderr
    assert place.database.stat().st_mtime_ns == before
