"""Destinations: every file that is written is one that its vendor takes, says what the send list says, and stays within the limits."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sendworthy.audit.missing_fields import find_missing_fields
from sendworthy.delivery.list_writer import ListError, group_requests
from sendworthy.delivery.verify import verify
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project
from sendworthy.settings.destinations import (
    Destination,
    Envelope,
    Limit,
    Places,
    choose_destinations,
    load_destinations,
)

from tests.oracle import Settings
from tests.support.exported_nights import export_night
from tests.support.model_harness import Warehouse
from tests.support.pages import steps
from tests.support.projects import ROOT
from tests.support.vendor_rules import BY_ADDRESS, CELLS, FIELDS, MAILCHIMP, RULES, Message

NIGHT = datetime(2026, 6, 1)
RUN = {"as_of": "2026-06-01T00:00:00Z", "run_id": "20260601T000000Z-0a1b2c3d"}
KNOWN = load_destinations(ROOT)


@dataclass
class Sample:
    """The night of the sample in memory, its campaigns as a night tells of them, and every list of every destination."""

    connection: duckdb.DuckDBPyConnection
    campaigns: list[dict[str, Any]]
    folder: Path
    shared: str  # a campaign in which two people share an address

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()

    def export(
        self, out: Path, *destinations: Destination, campaigns: Sequence[dict[str, Any]] | None = None
    ) -> dict[str, Any]:
        """Write these destinations, and these campaigns only if they are named; gives the manifest."""
        path = export_night(self.connection, destinations, out, RUN, campaigns or self.campaigns)
        read: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return read

    def largest(self, most: int) -> list[dict[str, Any]]:
        """The campaigns with the most e-mails."""
        emails = [campaign for campaign in self.campaigns if campaign["channel"] == "email"]
        return sorted(emails, key=lambda campaign: -int(campaign["rows"]))[:most]

    def files(self, name: str, campaign: str) -> list[Path]:
        manifest = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        return [self.folder / file for file in listed_files(manifest, name, campaign)]


def listed_files(manifest: dict[str, Any], name: str, campaign: str) -> list[str]:
    (entry,) = [entry for entry in manifest["campaigns"] if entry["campaign_id"] == campaign]
    return [file["file"] for file in entry["files"] if file["destination"] == name]


@pytest.fixture(scope="module")
def sample(warehouse: Warehouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    connection = warehouse.night(
        ROOT / "data" / "sample", as_of=NIGHT, wall_clock=NIGHT, settings=Settings.load(ROOT)
    )
    ((shared,),) = connection.execute(
        "select campaign_id from marts.send_list where channel = 'email' group by all order by count(*) desc, 1 limit 1"
    ).fetchall()
    # two people of one household; addresses are the same whatever their case
    connection.execute(
        """
        update marts.send_list set address = case when dispatch_id = ends.last_id then 'Home@Example.com' else 'home@example.com' end
        from (select min(dispatch_id) as first_id, max(dispatch_id) as last_id from marts.send_list where campaign_id = ?) as ends
        where dispatch_id in (ends.first_id, ends.last_id)
        """,
        [shared],
    )
    counts = connection.execute(
        """
        select campaigns.campaign_id, campaigns.channel, count(send_list.user_id)
        from settings.campaigns as campaigns
        left join marts.send_list as send_list using (campaign_id)
        group by all
        order by all
        """
    ).fetchall()
    campaigns = [
        {
            **{"campaign_id": campaign_id, "channel": channel, "status": "released", "rows": messages},
            **{
                "candidates": messages,
                "send": messages,
                "control": 0,
                "suppress": 0,
                "added": 0,
                "removed": 0,
            },
            "gate": {"passed": True, "messages": messages, "failed": []},
        }
        for campaign_id, channel, messages in counts
    ]
    out = tmp_path_factory.mktemp("destinations")
    found = Sample(connection, campaigns, out / "2026-06-01", shared)
    found.export(out, *KNOWN.values())
    yield found
    connection.close()


def test_every_destination_has_its_rules_here() -> None:
    assert KNOWN.keys() == RULES.keys()


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_vendor_takes_each_file(sample: Sample, name: str) -> None:
    check, read = RULES[name]
    rows = 0
    for campaign in sample.campaigns:
        files = sample.files(name, campaign["campaign_id"])
        assert bool(files) == (name not in BY_ADDRESS or campaign["channel"] == "email"), campaign
        assert files == [] or check(files) == [], campaign["campaign_id"]
        rows += len(read(files)) if files else 0
    assert rows > 500


@pytest.mark.parametrize("name", sorted(RULES))
def test_it_reads_there_what_the_send_list_says(sample: Sample, name: str) -> None:
    expected: dict[str, Message] = {}
    addresses: set[tuple[str, str]] = set()
    for dispatch, user, campaign, channel, address, merge_values in sample.query(
        "select dispatch_id, user_id, campaign_id, channel, address, merge_values from marts.send_list order by dispatch_id"
    ):
        if name in BY_ADDRESS:
            if channel != "email" or (campaign, address.lower()) in addresses:
                continue
            addresses.add((campaign, address.lower()))
        values = json.loads(merge_values)
        said = {
            field: f"'{value}" if name in CELLS and re.match(r"[=+\-@](?![\d.,]+$)", value) else value
            for field, value in values.items()
            if value is not None
        }
        has_address = name in BY_ADDRESS or name.startswith("generic")
        blank = frozenset(field for field, value in values.items() if value is None)
        expected[dispatch] = Message(user, dispatch, campaign, address if has_address else None, said, blank)
    read = {
        message.dispatch: message
        for campaign in sample.campaigns
        for files in [sample.files(name, campaign["campaign_id"])]
        if files
        for message in RULES[name][1](files)
    }
    assert read == expected
    assert any(message.blank for message in read.values()), "nothing is blank: this would prove little"


@pytest.mark.parametrize("name", sorted(RULES))
def test_the_columns_are_those_of_the_description_in_its_order(sample: Sample, name: str) -> None:
    read = yaml.safe_load((ROOT / f"models/exports/export_{name}.yml").read_text(encoding="utf-8"))
    model = read["models"][0]
    fields = FIELDS if model["config"]["meta"].get("merge_field_columns") else ()
    names = model["config"]["meta"]["destination"].get("fields", {})
    columns = [(column["name"], column["data_type"]) for column in model["columns"]]
    columns += [(names.get(field, field), "string") for field in fields]
    described = [name for name, _ in columns]
    cursor = sample.connection.execute(f"select * from {KNOWN[name].model} limit 0")
    assert [column[0] for column in cursor.description or []] == described
    types = {"string": "VARCHAR", "timestamp": "TIMESTAMP"}
    assert [row[1] for row in sample.query(f"describe {KNOWN[name].model}")] == [
        types[data_type] for _, data_type in columns
    ]


def test_a_shared_address_gets_one_message_and_the_manifest_says_so(sample: Sample) -> None:
    manifest = json.loads((sample.folder / "manifest.json").read_text(encoding="utf-8"))
    left_out = {
        (entry["campaign_id"], file["destination"]): file["left_out"]
        for entry in manifest["campaigns"]
        for file in entry["files"]
        if "left_out" in file
    }
    assert left_out == {(sample.shared, name): 1 for name in BY_ADDRESS}


def test_the_delivered_night_is_verified_and_a_message_lost_is_not(sample: Sample, tmp_path: Path) -> None:
    manifest = sample.export(tmp_path, *KNOWN.values(), campaigns=sample.largest(2))
    night = tmp_path / "2026-06-01"
    assert verify(night, NIGHT, timedelta(hours=36)).failed == []
    (entry,) = [entry for entry in manifest["campaigns"] if entry["campaign_id"] == sample.shared]
    for file in entry["files"]:
        file["rows"] -= 1
    (night / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    failed = {check.name: check.findings for check in verify(night, NIGHT, timedelta(hours=36)).failed}
    assert failed.keys() == {"counts", "rows"}
    assert {finding.where for finding in failed["rows"]} == {file["file"] for file in entry["files"]}
    told = " ".join(finding.what for finding in failed["counts"])
    assert all(f" for {name} " in told for name in KNOWN)


# -- each checker finds what its vendor would refuse


def replaced(old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert old in text, text[:300]
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return change


def again(path: Path) -> None:
    """The last line once more."""
    content = path.read_bytes()
    path.write_bytes(content + content.splitlines(True)[-1])


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def marked(path: Path) -> None:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())


def in_one(path: Path, items: str, most: int) -> None:
    """One request with more than it may have."""
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    (first, *_) = lines
    everything = [item for line in lines for item in line[items]] * (most + 1)
    first[items] = everything[: most + 1]
    path.write_text(json.dumps(first) + "\n", encoding="utf-8")


def reordered(path: Path) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select user_id, * exclude (user_id) from '{path}') to '{path}.new' (format parquet)"
        )
    Path(f"{path}.new").rename(path)


TAMPERINGS = [
    ("braze", replaced("external_id", "External_ID"), "another header"),
    ("braze", replaced("none,", ","), "sendworthy_blank_fields is empty"),
    ("braze", again, "a person twice"),
    ("braze", marked, "a byte order mark"),
    ("braze", replaced("none,", f"none,{'x' * 256}"), "too long a value"),
    ("braze_cdi", cut, "the last line is torn"),
    ("braze_cdi", again, "a person twice"),
    ("braze_cdi", replaced('"payload"', '"updated_at": "2026-06-01", "payload"'), "not external_id and payload"),
    ("braze_cdi", lambda path: path.rename(path.with_name("a.jsonl")), "a name that comes again"),
    ("braze_track", lambda path: in_one(path, "attributes", 75), "too many objects"),
    ("braze_track", replaced('"attributes"', '"events"'), "no request"),
    ("braze_track", replaced('"external_id"', '"user_id"'), "a trace is missing"),
    ("braze_track", replaced('"first_name": "', f'"first_name": "{"x" * 4_000_000}'), "too large a request"),
    ("braze_track", replaced('"first_name": ', '"first_name": "", "city": '), "first_name is no text"),
    ("customer_io", replaced("id,", "ID,"), "another header"),
    ("customer_io", again, "a person twice"),
    ("customer_io", replaced("none,", f"none,{'é' * 501}"), "too long a value"),
    ("generic", replaced("dispatch_id,user_id", "user_id,dispatch_id"), "another header"),
    ("generic", again, "a person twice"),
    ("generic_jsonl", replaced('"channel"', '"chanel"'), "another object"),
    ("generic_jsonl", cut, "the last line is torn"),
    ("generic_parquet", reordered, "other columns"),
    ("generic_parquet", cut, "no Parquet"),
    ("iterable", replaced("userId", "userid"), "another header"),
    ("iterable", again, "a person twice"),
    ("klaviyo", replaced("Email Address", "Address"), "another header"),
    ("klaviyo", again, "a person twice"),
    ("klaviyo", replaced("@", "#"), "no address"),
    ("listmonk", replaced("email,name", "name,email"), "another header"),
    ("listmonk", replaced('"{', '"['), "attributes are no JSON"),
    ("listmonk", again, "a person twice"),
    ("mailchimp", lambda path: in_one(path, "members", 500), "too many members"),
    ("mailchimp", replaced("true", "false"), "nobody is updated"),
    ("mailchimp", replaced("status_if_new", "status"), "not the members of a member"),
    ("mailchimp", replaced('"FNAME": "', f'"FNAME": "{"é" * 128}'), "too long a value"),
    ("mailchimp", replaced('"FNAME"', '"FIRST_NAME_"'), "no tag"),
    ("sendgrid", replaced("first_name", "first name"), "another header"),
    ("sendgrid", again, "a person twice"),
    ("sendgrid", replaced("T", " "), "no time"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "tamper", "found"),
    TAMPERINGS,
    ids=[f"{name}-{found.replace(' ', '-')}" for name, _, found in TAMPERINGS],
)
def test_the_rules_refuse_what_the_vendor_would(
    sample: Sample, tmp_path: Path, name: str, tamper: Callable[[Path], None], found: str
) -> None:
    (file,) = sample.files(name, sample.shared)
    copy = tmp_path / file.name
    shutil.copyfile(file, copy)
    tamper(copy)
    faults = RULES[name][0](sorted(tmp_path.iterdir()))
    assert found in faults, Counter(faults)


# -- limits


def limited(name: str, **limits: int) -> Destination:
    """A destination that takes less."""
    known = KNOWN[name]
    tiny = {key: Limit(value=value, source="this test") for key, value in limits.items()}
    return known.model_copy(update={"limits": known.limits.model_copy(update=tiny)})


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("braze", {"max_file_bytes": 2_000}),
        ("generic_parquet", {"max_file_bytes": 6_000}),
        ("iterable", {"max_rows": 7}),
        ("sendgrid", {"max_rows": 20, "max_file_bytes": 2_500}),
        ("braze_cdi", {"max_file_bytes": 2_000}),
        ("generic_jsonl", {"max_rows": 7}),
        ("mailchimp", {"max_request_items": 3, "max_file_bytes": 4_000}),
        ("braze_track", {"max_request_bytes": 1_500}),
    ],
)
def test_a_list_over_a_limit_is_split(
    sample: Sample, tmp_path: Path, name: str, limits: dict[str, int]
) -> None:
    check, read = RULES[name]
    campaigns = sample.largest(3)
    manifest = sample.export(tmp_path, limited(name, **limits), campaigns=campaigns)
    envelope, split = KNOWN[name].envelope, 0
    items = envelope.items if envelope else ""
    for campaign in campaigns:
        campaign_id = campaign["campaign_id"]
        whole = sample.files(name, campaign_id)
        parts = [tmp_path / "2026-06-01" / file for file in listed_files(manifest, name, campaign_id)]
        split += len(parts) > 1
        # the first part keeps the list's name, the others say which they are
        stem, extension = whole[0].name.rsplit(".", 1)
        names = [whole[0].name, *(f"{stem}.part-{n}.{extension}" for n in range(2, len(parts) + 1))]
        assert [path.name for path in parts] == names
        assert [message for path in parts for message in read([path])] == read(whole)
        assert check(parts) == []
        for path in parts:
            assert path.stat().st_size <= limits.get("max_file_bytes", 10**9)
            assert len(read([path])) <= limits.get("max_rows", 10**9)
            for line in path.read_bytes().splitlines() if items else ():
                assert len(json.loads(line)[items]) <= limits.get("max_request_items", 75)
                assert len(line) <= limits.get("max_request_bytes", 10**9)
    assert split == (0 if limits.keys() <= {"max_request_bytes"} else 3)
    assert verify(tmp_path / "2026-06-01", NIGHT, timedelta(hours=36)).failed == []


@pytest.mark.parametrize(
    ("name", "limit", "value"),
    [
        ("braze", "max_file_bytes", 200),
        ("braze", "max_columns", 10),
        ("braze_cdi", "max_file_bytes", 50),
        ("braze_track", "max_request_bytes", 100),
        ("braze_track", "max_item_bytes", 90),
    ],
)
def test_what_fits_in_nowhere_names_the_campaign_and_the_limit(
    sample: Sample, tmp_path: Path, name: str, limit: str, value: int
) -> None:
    with pytest.raises(ListError) as error:
        sample.export(tmp_path, limited(name, **{limit: value}))
    told = f"{error.value.what} {error.value.fix}"
    assert limit in told and f"{value:,}" in told and name in told and "--destination" in told
    assert any(campaign["campaign_id"] in told for campaign in sample.campaigns)
    users = {row[0] for row in sample.query("select distinct user_id from marts.send_list")}
    assert not [user for user in users if user in told]
    assert not list(tmp_path.glob("2026-*")), "half a night lies there"


@given(
    items=st.lists(st.dictionaries(st.sampled_from("abé"), st.text(max_size=8), max_size=2), max_size=12),
    most=st.one_of(st.none(), st.integers(1, 4)),
    most_bytes=st.one_of(st.none(), st.integers(30, 90)),
)
def test_requests_keep_the_order_lose_nothing_and_stay_within_the_limits(
    items: list[dict[str, str]], most: int | None, most_bytes: int | None
) -> None:
    envelope = Envelope(items="members", rest={"update_existing": True})
    texts = [
        json.dumps(item, ensure_ascii=False)
        for item in items
        if max("".join(item.values()) or "a") < "\ud800"
    ]
    requests = list(group_requests(texts, envelope, most, most_bytes))
    read = [json.loads(request) for request, _ in requests]
    assert [item for line in read for item in line["members"]] == [json.loads(text) for text in texts]
    for line, (request, count) in zip(read, requests, strict=True):
        assert line.keys() == {"members", "update_existing"} and line["update_existing"] is True
        assert count == len(line["members"]) >= 1
        assert most is None or count <= most
        # one that is too large alone stays alone, and is refused by who writes it
        assert most_bytes is None or len(request) <= most_bytes or count == 1
    for (request, count), following in pairwise(requests):
        # no request is shorter than it need be
        (item, *_) = json.loads(following[0])["members"]
        larger = len(request) + 2 + len(json.dumps(item, ensure_ascii=False).encode())
        assert count == most or (most_bytes is not None and larger > most_bytes)


def test_mailchimp_gets_the_tags_that_its_templates_have(sample: Sample) -> None:
    tags = dict(
        sample.query("select merge_field, merge_tag from marts.merge_field_tags where dialect = 'mailchimp'")
    )
    assert tags == MAILCHIMP


# -- descriptions


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with the descriptions alone."""
    shutil.copytree(ROOT / "models" / "exports", tmp_path / "models" / "exports")
    shutil.copyfile(ROOT / "dbt_project.yml", tmp_path / "dbt_project.yml")
    return Project(tmp_path)


def test_a_night_writes_the_destinations_of_the_project_or_those_that_are_named(project: Project) -> None:
    assert [known.name for known in choose_destinations(project, [])] == ["generic", "braze"]
    named = choose_destinations(project, ["klaviyo", "generic", "klaviyo"])
    assert [known.name for known in named] == ["klaviyo", "generic"]
    with pytest.raises(SettingsError, match="no destination 'klavio'") as error:
        choose_destinations(project, ["klavio"])
    assert "klaviyo" in error.value.fix
    settings = project.root / "dbt_project.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("[generic, braze]", "[generic, brace]"))
    with pytest.raises(SettingsError, match=r"dbt_project\.yml.*brace") as error:
        choose_destinations(project, [])
    assert "braze" in error.value.fix


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "one_per_address: true",
            "one_per_adress: true",
            ("export_klaviyo.one_per_adress", "one_per_address"),
        ),
        ("format: csv", "format: xlsx", ("export_klaviyo.format", "csv")),
        ("value: 50000000", "value: fifty", ("limits.max_file_bytes.value", "'fifty' is not a whole number")),
        ("channels: [email]", "channels: []", ("export_klaviyo.channels",)),
        ("campaign: sendworthy_campaign_id", "campaign: 'a; drop'", ("export_klaviyo.says.campaign",)),
        ("            user: sendworthy_user_id\n", "", ("export_klaviyo.record", "says.user")),
        (", blank_fields: sendworthy_blank_fields}", "}", ("export_klaviyo.record", "blank_fields")),
        ("says: empty_keeps", "says: empty_clears", ("export_klaviyo.record", "is_replaced")),
        (
            "record: {person: Email Address,",
            "record: {person: Email Address, is_replaced: true, is_per_campaign: true,",
            ("export_klaviyo.record", "change"),
        ),
        ("destination:", "destinations:", ("config.meta.destination is not there",)),
        ("name: export_klaviyo", "name: export_klavio", ("export_klavio", "no export_<destination>.sql")),
        ("models:", "models: [", ("cannot be read",)),
        # a column that is not there: a list that nobody could verify
        (
            "user: sendworthy_user_id",
            "user: sendworthy_usr_id",
            ("says.user", "'sendworthy_usr_id'", '"sendworthy_user_id"'),
        ),
        ("message: sendworthy_dispatch_id", "message: nosuch", ("says.message", "name one of Email Address")),
        ("campaign: sendworthy_campaign_id", "campaign: nosuch.inside", ("says.campaign", "'nosuch'")),
        (
            "blank_fields: sendworthy_blank_fields}",
            "blank_fields: blanks}",
            ("record.blank_fields", "'blanks'"),
        ),
        ("record: {person: Email Address,", "record: {person: email,", ("record.person", "'email'")),
    ],
)
def test_a_wrong_description_says_its_file_its_key_and_what_to_do(
    project: Project, old: str, new: str, told: tuple[str, ...]
) -> None:
    path = project.root / "models" / "exports" / "export_klaviyo.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    words = "\n".join(str(problem) for problem in error.value.problems)
    assert all(word in words for word in ("models/exports/export_klaviyo.yml", "fix: ", *told)), words


def test_columns_of_a_file_that_the_model_lacks_are_named(project: Project) -> None:
    folder = project.root / "models" / "exports"
    for name, old, new in (
        ("listmonk", "file_columns: [email, name, attributes]", "file_columns: [email, nam, attributes]"),
        ("braze_track", "      - name: dispatch_id\n", "      - name: dispatch\n"),
    ):
        path = folder / f"export_{name}.yml"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    words = "\n".join(str(problem) for problem in error.value.problems)
    assert "export_listmonk.file_columns" in words and 'did you mean "name"?' in words
    assert "export_braze_track.columns" in words and "'dispatch_id'" in words


@pytest.mark.parametrize(
    ("name", "old", "new", "key", "fix"),
    [
        (
            "mailchimp",
            "file_columns: [payload]",
            "file_columns: [payload, user_id]",
            "file_columns",
            "[payload]",
        ),
        ("mailchimp", "format: jsonl", "format: csv", "envelope", "format: jsonl"),
        (
            "mailchimp",
            "max_request_items: {value: 500",
            "max_rows: {value: 500",
            "envelope",
            "max_request_items instead of max_rows",
        ),
    ],
)
def test_lines_and_requests_that_go_together_with_nothing_are_refused(
    project: Project, name: str, old: str, new: str, key: str, fix: str
) -> None:
    path = project.root / "models" / "exports" / f"export_{name}.yml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    (problem,) = error.value.problems
    assert problem.key.endswith(key) and fix in problem.fix


def test_with_columns_of_a_file_the_model_needs_the_user_too(project: Project) -> None:
    path = project.root / "models" / "exports" / "export_mailchimp.yml"
    text = path.read_text(encoding="utf-8")
    assert text.count("      - name: user_id\n") == 1
    path.write_text(text.replace("      - name: user_id\n", "      - name: member_id\n"), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    (problem,) = error.value.problems
    assert (
        problem.where == "models/exports/export_mailchimp.yml" and problem.key == "export_mailchimp.columns"
    )
    assert "'user_id'" in problem.what and problem.fix.startswith("add user_id to the model")


def test_misspelt_merge_fields_are_named_all_at_once(project: Project) -> None:
    shutil.copytree(ROOT / "seeds", project.root / "seeds")
    assert load_destinations(project.root).keys() == KNOWN.keys()
    folder = project.root / "models" / "exports"
    for name, old, new in (
        ("braze", "city: home_city", "citty: home_city\n            shoe: size"),
        ("iterable", "first_name: firstName", "firstname: firstName"),
    ):
        path = folder / f"export_{name}.yml"
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    assert error.value.exit_code == 2
    assert [(problem.key, problem.fix) for problem in error.value.problems] == [
        ("export_braze.fields.citty", 'did you mean "city"?'),
        ("export_braze.fields.shoe", "name one of seeds/merge_fields.csv."),
        ("export_iterable.fields.firstname", 'did you mean "first_name"?'),
    ]


def test_every_destination_carries_what_its_messages_print(sample: Sample) -> None:
    assert find_missing_fields(sample.connection, [*KNOWN.values()]) == {}


def test_a_name_that_no_folder_has_is_refused(project: Project) -> None:
    folder = project.root / "models" / "exports"
    for suffix in ("sql", "yml"):
        text = (folder / f"export_klaviyo.{suffix}").read_text(encoding="utf-8")
        text = text.replace("export_klaviyo", "export_Kla-viyo")
        (folder / f"export_Kla-viyo.{suffix}").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    assert "small letters" in str(error.value.problems[0])


@pytest.mark.parametrize(
    ("name", "wrong", "told"),
    [
        # of JSON: a member that is not there
        *(("braze_track", {key: "nosuch"}, f"says.{key}: ") for key in Places.model_fields),
        *(("listmonk", {key: "attributes.nosuch"}, f"says.{key}: ") for key in Places.model_fields),
        # a column that is there, and says something else
        ("customer_io", {"campaign": "sendworthy_variant"}, "says.campaign: "),
        ("customer_io", {"message": "sendworthy_variant"}, "says.message: "),
        ("customer_io", {"user": "sendworthy_variant"}, "of the user in sendworthy_variant"),
        ("customer_io", {"send_at": "sendworthy_variant"}, "says.send_at: "),
        ("generic_parquet", {"valid_until": "variant", "send_at": "variant"}, "says.valid_until: "),
        # a column that is not there, which load_destinations says earlier
        ("customer_io", {"variant": "nosuch"}, "the column nosuch"),
        ("generic_parquet", {"variant": "nosuch"}, "the column nosuch"),
    ],
)
def test_a_night_whose_lists_nobody_could_verify_is_not_written(
    sample: Sample, tmp_path: Path, name: str, wrong: dict[str, str], told: str
) -> None:
    """Its lists do not say what the description promises: `sendworthy verify` would refuse them once they are published."""
    says = KNOWN[name].says.model_copy(update=wrong)
    described = KNOWN[name].model_copy(update={"says": says})
    with pytest.raises(SettingsError) as error:
        sample.export(tmp_path / "out", KNOWN["generic"], described, campaigns=sample.largest(2))
    words = "\n".join(str(problem) for problem in error.value.problems)
    assert f"models/exports/export_{name}.yml" in words and told in words.replace("]", "")
    assert "export_generic.yml" not in words
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"], "a part of it is left"


def test_a_destination_that_gets_fewer_messages_and_does_not_say_so_is_not_written(
    sample: Sample, tmp_path: Path
) -> None:
    described = KNOWN["klaviyo"].model_copy(update={"one_per_address": False})
    shared = [campaign for campaign in sample.campaigns if campaign["campaign_id"] == sample.shared]
    with pytest.raises(SettingsError) as error:
        sample.export(tmp_path / "out", described, campaigns=shared)
    assert "one_per_address" in error.value.problems[0].fix


def test_a_model_without_a_description_is_reported(project: Project) -> None:
    (project.root / "models" / "exports" / "export_acme.sql").write_text("select 1")
    with pytest.raises(SettingsError) as error:
        load_destinations(project.root)
    (problem,) = error.value.problems
    assert problem.where.endswith("export_acme.sql") and "export_acme.yml" in problem.fix


def test_one_model_and_one_description_make_a_destination(
    sample: Sample, project: Project, tmp_path: Path
) -> None:
    """The two of docs/add-a-destination.md, as they stand there."""
    for step in steps(ROOT / "docs" / "add-a-destination.md"):
        if step.file:
            step.do(project.root)
    described = (project.root / "models" / "exports" / "export_acme.yml").read_text(encoding="utf-8")
    (acme,) = choose_destinations(project, ["acme"])
    columns = [column["name"] for column in yaml.safe_load(described)["models"][0]["columns"]]
    sample.connection.execute(
        "create or replace view exports.export_acme as select address as email, user_id as sendworthy_user_id,"
        " campaign_id as sendworthy_campaign_id, dispatch_id as sendworthy_dispatch_id,"
        " 'none' as sendworthy_blank_fields, 'x' as first_name from marts.send_list where channel = 'email'"
        " qualify row_number() over (partition by campaign_id, lower(address) order by dispatch_id) = 1"
    )
    manifest = sample.export(tmp_path / "out", acme, campaigns=sample.largest(1))
    (file,) = listed_files(manifest, "acme", sample.shared)
    lines = (tmp_path / "out" / "2026-06-01" / file).read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == [*columns, "first_name"] and len(lines) > 20
    assert verify(tmp_path / "out", NIGHT, timedelta(hours=36)).failed == []
