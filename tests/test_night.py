"""Whole nights through the command line, on the committed sample."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy import warehouse
from sendworthy.explain import REASONS

ROOT = Path(__file__).resolve().parents[1]
FIRST, SECOND = "2026-06-01", "2026-06-02"
HELD_BACK = "welcome__new__email"


def sendworthy(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from sendworthy.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=600)


def copy_project(target: Path) -> Path:
    """What a clone has, without what was built here."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target / name)
    return target


@dataclass
class Place:
    """A project of one's own, with the database and the lists of its nights."""

    root: Path

    @property
    def database(self) -> Path:
        return self.root / "sendworthy.duckdb"

    def night(self, as_of: str, *options: object) -> subprocess.CompletedProcess[str]:
        return sendworthy("nightly", "--as-of", as_of, *options, cwd=self.root)

    def manifest(self, as_of: str) -> dict[str, Any]:
        read: dict[str, Any] = json.loads(
            (self.root / "out" / as_of / "manifest.json").read_text(encoding="utf-8")
        )
        return read

    def lists(self, as_of: str) -> dict[str, bytes]:
        folder = self.root / "out" / as_of
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*/*.csv"))}

    def query(self, sql: str, parameters: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A copy of the project after one night."""
    place = Place(copy_project(tmp_path_factory.mktemp("project")))
    result = place.night(FIRST)
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


def test_the_sample_shows_every_decision_every_reason_and_every_segment(place: Place) -> None:
    decisions = {row[0] for row in place.query("select distinct decision from marts.campaign_decisions")}
    assert decisions == {"send", "control", "suppress"}
    reasons = {
        row[0].partition(":")[0]
        for row in place.query("select distinct unnest(reasons) from marts.campaign_decisions")
    }
    assert reasons == set(REASONS)
    flags = (ROOT / "models/intermediate/customers/int_customers__segment_flags.sql").read_text(
        encoding="utf-8"
    )
    segments = {row[0] for row in place.query("select distinct segment from marts.customer_segments")}
    assert segments == set(re.findall(r"\bas is_(\w+)", flags))
    stages = {row[0] for row in place.query("select distinct lifecycle_stage from marts.customers")}
    assert stages == {"unknown", "new", "active", "lapsing", "lapsed"}


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


def test_the_same_night_again_gives_the_same_bytes(place: Place) -> None:
    lists, ledger = place.lists(FIRST), place.query("select * from ledger.dispatches order by all")
    decided = place.query("select count(*) from ledger.decisions")
    assert place.night(FIRST).returncode == 0
    assert place.lists(FIRST) == lists
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


def test_export_writes_the_published_lists_again(place: Place, tmp_path: Path) -> None:
    last = max(path.name for path in (place.root / "out").glob("2026-*"))
    again = sendworthy("export", "--out", tmp_path, "--destination", "generic", cwd=place.root)
    assert again.returncode == 0, again.stderr
    for path in sorted((tmp_path / last / "generic").glob("*.csv")):
        assert path.read_bytes() == (place.root / "out" / last / "generic" / path.name).read_bytes()
    assert not (tmp_path / last / "braze").exists()


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
    assert len(broken.lists(FIRST)) == 2 * (len(campaigns) - 1)
    assert broken.query("select count(*) from marts.send_list where campaign_id = ?", [HELD_BACK]) == [(0,)]
    assert broken.query("select count(*) from ledger.dispatches where campaign_id = ?", [HELD_BACK]) == [(0,)]
    assert broken.query(
        "select count(*) > 0 from marts.campaign_decisions where campaign_id = ? and decision = 'send'",
        [HELD_BACK],
    ) == [(True,)]
    assert broken.query("select status from ops.runs where campaign_id = ?", [HELD_BACK]) == [("held_back",)]


def test_dbt_build_alone_works_in_a_fresh_clone_and_gives_the_same_marts(
    place: Place, tmp_path: Path
) -> None:
    clone = Place(copy_project(tmp_path / "clone"))
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("DBT_", "SENDWORTHY_"))
    }
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "build"]
    built = subprocess.run(
        command, cwd=clone.root, env=environment, capture_output=True, text=True, timeout=900
    )
    assert built.returncode == 0, built.stdout[-3000:]
    # the other nights of `place` are in its ledger: compare with a first night
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
        assert clone.query(query) == fresh.query(query), table


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
        (["explain", "u1", "--db", "no/such/file.duckdb"], "no published file"),
        (["export", "--db", "no/such/file.duckdb"], "no published file"),
        (["nightly", "--no-such-option"], "No such option"),
        (["new-campaign", "--kind", "welcome"], "is missing"),
    ],
)
def test_bad_usage_ends_with_2_and_says_what_to_do(arguments: list[str], words: str) -> None:
    result = sendworthy(*arguments)
    assert result.returncode == 2, result.stdout + result.stderr
    assert words in result.stderr and "Traceback" not in result.stderr


def test_settings_that_are_not_compiled_stop_the_night(tmp_path: Path) -> None:
    place = Place(copy_project(tmp_path / "project"))
    template = place.root / "campaigns" / HELD_BACK / "default.liquid"
    template.write_text(template.read_text(encoding="utf-8") + "\nOne more line.\n", encoding="utf-8")
    result = place.night(FIRST)
    assert result.returncode == 2 and "sendworthy compile" in result.stderr, result.stderr
    assert sendworthy("validate", cwd=place.root).returncode == 2
    assert sendworthy("compile", cwd=place.root).returncode == 0
    assert sendworthy("validate", cwd=place.root).returncode == 0


def test_only_audited_lists_are_exported(place: Place, tmp_path: Path) -> None:
    aside = tmp_path / "sendworthy.duckdb"
    shutil.copyfile(place.database, aside)
    environment = os.environ | {"SENDWORTHY_BUILD_DB": str(aside)}
    command = [
        sys.executable,
        "-c",
        "from dbt.cli.main import cli; cli()",
        "run",
        "--select",
        "int_nights__as_of",
    ]
    subprocess.run(command, cwd=place.root, env=environment, capture_output=True, check=True, timeout=600)
    result = sendworthy("export", "--db", aside, "--out", tmp_path / "out", cwd=place.root)
    assert result.returncode == 2 and "not been audited" in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def test_a_second_night_at_the_same_time_ends_at_once(place: Place) -> None:
    before = place.database.stat().st_mtime_ns
    with warehouse.only_night(place.database):
        result = place.night(SECOND)
    assert result.returncode == 1 and "another night is at work" in result.stderr, result.stderr
    assert place.database.stat().st_mtime_ns == before
