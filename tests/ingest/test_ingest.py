"""What ESPs report becomes message_events: each provider's events, whose they are, landing once, and bad files."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import shutil
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest
from sendworthy.cli.output_ingest import KEPT, REFUSED, UNMATCHED
from sendworthy.foundation.errors import SendworthyError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.ingest import EVENT_TYPES, SOURCES, FileReport
from sendworthy.settings.seed_files import SEEDS, validate_settings

from tests.support.projects import FIRST, ROOT, SECOND, Place, copy_project, sendworthy
from tests.support.vendor_reports import (
    EMAIL,
    NEWSLETTER,
    REPORTS,
    Row,
    lines,
    published,
    rows,
    run,
    sendgrid,
)

TYPES = {
    *("sent", "delivered", "opened", "clicked"),
    *("bounced_hard", "bounced_soft", "complained", "unsubscribed"),
}


# -- what each provider's events mean: the provider's id -> (event type, channel, opened by a machine)

TRUTH: dict[str, tuple[list[str], dict[str, tuple[str, str, bool | None]], Counter[str], Counter[str]]] = {
    "sendgrid": (
        ["sendgrid.json"],
        {
            "sg-1": ("sent", EMAIL, None),
            "sg-3": ("delivered", EMAIL, None),
            "sg-4": ("opened", EMAIL, True),
            "sg-5": ("opened", EMAIL, False),
            "sg-6": ("clicked", EMAIL, None),
            "sg-7": ("bounced_hard", EMAIL, None),
            "sg-8": ("bounced_soft", EMAIL, None),
            "sg-9": ("bounced_hard", EMAIL, None),
            "sg-10": ("bounced_hard", EMAIL, None),
            "sg-11": ("complained", EMAIL, None),
            "sg-12": ("unsubscribed", EMAIL, None),
            "sg-14": ("complained", EMAIL, None),
            "sg-15": ("unsubscribed", EMAIL, None),
            "sg-16": ("unsubscribed", EMAIL, None),
        },
        Counter(teleported=1),
        Counter(deferred=1, dropped=1, group_resubscribe=1),
    ),
    "braze": (
        ["braze.json"],
        {
            "bz-1": ("sent", EMAIL, None),
            "bz-2": ("delivered", EMAIL, None),
            "bz-3": ("opened", EMAIL, True),
            "bz-4": ("opened", EMAIL, None),
            "bz-5": ("clicked", EMAIL, None),
            "bz-6": ("bounced_hard", EMAIL, None),
            "bz-7": ("bounced_soft", EMAIL, None),
            "bz-8": ("complained", EMAIL, None),
            "bz-9": ("unsubscribed", EMAIL, None),
            "bz-11": ("sent", "sms", None),
            "bz-12": ("delivered", "sms", None),
            "bz-13": ("clicked", "sms", None),
            "bz-14": ("bounced_soft", "sms", None),
            "bz-15": ("bounced_soft", "sms", None),
            "bz-16": ("sent", "push", None),
            "bz-17": ("opened", "push", None),
            "bz-18": ("bounced_hard", "push", None),
            "bz-19": ("sent", "whatsapp", None),
            "bz-20": ("opened", "whatsapp", None),
            "bz-21": ("unsubscribed", EMAIL, None),
            "bz-23": ("unsubscribed", "sms", None),
        },
        Counter({"users.messages.hologram.Send": 1}),
        Counter({"users.messages.email.Abort": 1, "users.behaviors.subscription.GlobalStateChange": 1}),
    ),
    "customerio": (
        ["customerio.json"],
        {
            "ci-1": ("sent", EMAIL, None),
            "ci-2": ("delivered", EMAIL, None),
            "ci-3": ("opened", EMAIL, None),
            "ci-4": ("opened", EMAIL, False),
            "ci-5": ("clicked", EMAIL, None),
            "ci-6": ("bounced_hard", EMAIL, None),
            "ci-7": ("complained", EMAIL, None),
            "ci-8": ("unsubscribed", EMAIL, None),
            "ci-11": ("sent", "sms", None),
            "ci-12": ("bounced_hard", "sms", None),
            "ci-13": ("opened", "push", None),
            # a person who wants nothing wants nothing on any channel
            "ci-14:email": ("unsubscribed", EMAIL, None),
            "ci-14:sms": ("unsubscribed", "sms", None),
            "ci-14:push": ("unsubscribed", "push", None),
        },
        Counter(email_levitated=1),
        Counter(email_converted=1, email_dropped=1, customer_subscribed=1),
    ),
    "klaviyo": (
        ["klaviyo.json", "klaviyo_flat.json"],
        {
            # Klaviyo has no event for sending
            "kl-uuid-1:sent": ("sent", EMAIL, None),
            "kl-uuid-1:delivered": ("delivered", EMAIL, None),
            "kl-uuid-2": ("opened", EMAIL, True),
            "kl-uuid-3": ("opened", EMAIL, False),
            "kl-uuid-4": ("clicked", EMAIL, None),
            "kl-uuid-5": ("bounced_hard", EMAIL, None),
            "kl-uuid-6": ("bounced_soft", EMAIL, None),
            "kl-uuid-7": ("bounced_hard", EMAIL, None),
            "kl-uuid-8": ("complained", EMAIL, None),
            "kl-uuid-9": ("unsubscribed", EMAIL, None),
            "kl-uuid-11:sent": ("sent", "sms", None),
            "kl-uuid-11:delivered": ("delivered", "sms", None),
            "kl-uuid-12": ("bounced_hard", "push", None),
            "kl-old-1": ("opened", EMAIL, True),
        },
        Counter({"Placed Order": 1}),
        Counter({"Dropped Email": 1}),
    ),
    "listmonk": (
        ["listmonk_bounces.json", "listmonk_rows.csv"],
        {
            "bounce:1": ("bounced_hard", EMAIL, None),
            "bounce:2": ("bounced_soft", EMAIL, None),
            "bounce:3": ("complained", EMAIL, None),
            "view:1": ("opened", EMAIL, None),
            "click:1": ("clicked", EMAIL, None),
        },
        Counter(vanished=1),
        Counter(),
    ),
}


@pytest.mark.parametrize("source", sorted(TRUTH))
def test_what_the_events_of_a_provider_mean(source: str, project: Project, raw: Path, tmp_path: Path) -> None:
    files, expected, unknown, ignored = TRUTH[source]
    db = published(tmp_path / "p.duckdb", addresses=[(EMAIL, "ada@example.com", "u-ada")])
    total = run(project, source, [REPORTS / name for name in files], raw, db).total
    # what concerns an address, and was found by it, carries a mark of the person
    person = ":" + hashlib.md5(b"u-ada").hexdigest()
    by_id = {
        row["message_event_id"].removeprefix(f"{source}:").removesuffix(person): row for row in rows(raw)
    }
    assert {
        key: (row["event_type"], row["channel"], row["is_machine_open"]) for key, row in by_id.items()
    } == expected
    assert (total.unknown, total.ignored) == (unknown, ignored)
    assert {row["user_id"] for row in by_id.values()} == {"u-ada"}
    assert total.machine_opens == sum(machine is True for _, _, machine in expected.values())
    assert total.landed == Counter(kind for kind, _, _ in expected.values())
    if source != "customerio":  # whose campaigns have numbers, not names
        named = {row["campaign_id"] for row in by_id.values()}
        assert named == {NEWSLETTER}
    times = {row["occurred_at"].replace(minute=0, second=0, microsecond=0) for row in by_id.values()}
    assert times == {datetime(2026, 6, 1, 8)}


def test_what_mailchimps_reports_mean(project: Project, raw: Path, tmp_path: Path) -> None:
    (project.root / "seeds" / "esp_campaigns.csv").write_text(
        f"esp,esp_campaign_id,campaign_id\nmailchimp,42694e9e57,{NEWSLETTER}\nsendgrid,42694e9e57,another\n",
        encoding="utf-8",
    )
    db = published(tmp_path / "p.duckdb", addresses=[(EMAIL, "ada@example.com", "u-ada")])
    total = run(project, "mailchimp", sorted(REPORTS.glob("mailchimp_*")), raw, db).total
    assert total.landed == Counter(
        opened=3, clicked=2, bounced_hard=2, bounced_soft=1, complained=1, unsubscribed=1
    )
    assert (total.unknown, total.ignored, total.duplicates) == (Counter(hovered=1), Counter(sent_to=1), 0)
    landed = rows(raw)
    assert {(row["user_id"], row["campaign_id"]) for row in landed} == {("u-ada", NEWSLETTER)}
    opened = [row for row in landed if row["event_type"] == "opened"]
    assert {(row["occurred_at"].hour, row["is_machine_open"]) for row in opened} == {
        (8, None),
        (8, True),
        (9, False),
    }
    # the opening that two reports tell of is one event
    assert len({row["message_event_id"] for row in opened}) == 2


def test_every_row_of_the_event_types_can_be_used() -> None:
    with EVENT_TYPES.open(encoding="utf-8", newline="") as file:
        meanings = list(csv.DictReader(file))
    assert {row["esp"] for row in meanings} == set(SOURCES)
    keys = Counter(tuple(row[name].lower() for name in ("esp", "event", "qualifier")) for row in meanings)
    assert max(keys.values()) == 1
    for row in meanings:
        assert {*filter(None, row["event_type"].split(";"))} <= TYPES, row
        assert row["is_machine"] in ("", "true", "false"), row
    # a qualifier that nobody knows falls back on the event itself
    events = {(row["esp"], row["event"]) for row in meanings if not row["qualifier"]}
    assert {(row["esp"], row["event"]) for row in meanings} == events


def test_the_settings_know_the_campaigns_of_providers(project: Project) -> None:
    assert "esp_campaigns" in {seed.name for seed in SEEDS} and not validate_settings(ROOT)
    seed = project.root / "seeds" / "esp_campaigns.csv"
    seed.write_text("esp,esp_campaign_id,campaign_id\nbraze,,x\n", encoding="utf-8")
    with pytest.raises(SettingsError) as failure:
        run(project, "braze", REPORTS / "braze.json", project.root)
    assert "esp_campaigns.csv:2" in str(failure.value.problems[0])
    assert not (project.root / "message_events").exists()


# -- whose report it is


def test_a_dispatch_decides_whose_report_it_is_whatever_the_report_says(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    db = published(tmp_path / "p.duckdb", [("2026-06-01", "d1", "u1", NEWSLETTER, EMAIL, "personalized")])
    known = sendgrid(
        1, sendworthy_dispatch_id="d1", sendworthy_user_id="somebody", sendworthy_campaign_id="else"
    )
    unknown = sendgrid(2, sendworthy_dispatch_id="d9", sendworthy_user_id="u9", sendworthy_variant="default")
    nobody = sendgrid(3, sendworthy_dispatch_id="d8")
    total = run(project, "sendgrid", lines(tmp_path / "r.json", known, unknown, nobody), raw, db).total
    assert [(r["user_id"], r["campaign_id"], r["variant"], r["dispatch_id"]) for r in rows(raw)] == [
        ("u1", NEWSLETTER, "personalized", "d1"),
        ("u9", None, "default", "d9"),
    ]
    assert total.unmatched == Counter(unknown_dispatch=1)


@pytest.mark.parametrize(
    "write", [str.upper, lambda text: str(uuid.UUID(text)), lambda text: str(uuid.UUID(text)).upper()]
)
def test_a_dispatch_is_ours_in_capitals_and_as_a_uuid(
    project: Project, raw: Path, tmp_path: Path, write: Callable[[str], str]
) -> None:
    ours = "0123456789abcdef0123456789abcdef"
    db = published(tmp_path / "p.duckdb", [("2026-06-01", ours, "u1", NEWSLETTER, EMAIL, "personalized")])
    report = sendgrid(1, sendworthy_dispatch_id=write(ours), sendworthy_user_id="somebody")
    run(project, "sendgrid", lines(tmp_path / "r.json", report), raw, db)
    assert [(r["user_id"], r["campaign_id"], r["dispatch_id"]) for r in rows(raw)] == [
        ("u1", NEWSLETTER, ours)
    ]


def test_a_report_without_a_dispatch_finds_the_newest_of_its_person_and_campaign(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    (project.root / "seeds" / "esp_campaigns.csv").write_text(
        f"esp,esp_campaign_id,campaign_id\ncustomerio,campaign:7,{NEWSLETTER}\n", encoding="utf-8"
    )
    nights = [
        (f"2026-{day}", name, "u1", NEWSLETTER, EMAIL, "default")
        for day, name in (("05-20", "old"), ("06-01", "new"), ("06-09", "later"))
    ]
    db = published(tmp_path / "p.duckdb", nights)

    def at(number: int, moment: str, metric: str, **data: object) -> Row:
        time = int(datetime.fromisoformat(moment + "+00:00").timestamp())
        return {
            "event_id": f"c{number}",
            "object_type": "email",
            "metric": metric,
            "timestamp": time,
            "data": {"customer_id": "u1", "campaign_id": 7, **data},
        }

    reports = (
        at(1, "2026-06-01T08:00:00", "sent"),
        # a day and a second after its night: the message was no longer to be sent, so it is another one
        at(2, "2026-06-02T00:00:01", "sent"),
        at(3, "2026-06-05T00:00:00", "opened"),
        at(4, "2026-05-31T23:59:59", "opened"),
        at(5, "2026-05-01T00:00:00", "opened"),
        at(6, "2026-06-05T00:00:00", "opened", customer_id="u2"),
        at(7, "2026-06-05T00:00:00", "opened", campaign_id=8),
    )
    run(project, "customerio", lines(tmp_path / "r.json", *reports), raw, db)
    assert [(r["user_id"], r["campaign_id"], r["dispatch_id"], r["variant"]) for r in rows(raw)] == [
        ("u1", NEWSLETTER, "new", "default"),
        ("u1", NEWSLETTER, None, None),
        ("u1", NEWSLETTER, "new", "default"),
        ("u1", NEWSLETTER, "old", "default"),
        ("u1", NEWSLETTER, None, None),
        ("u2", NEWSLETTER, None, None),
        ("u1", None, None, None),
    ]


def test_an_address_stands_for_everybody_who_has_it_only_in_what_concerns_the_address(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    db = published(
        tmp_path / "p.duckdb",
        addresses=[
            (EMAIL, "one@example.com", "u1"),
            *((EMAIL, "shared@example.com", user) for user in ("u2", "u3")),
            # a token that looks the same is another channel's
            ("push", "one@example.com", "u4"),
        ],
    )
    reports = [
        sendgrid(number, event, email=address)
        for number, (event, address) in enumerate(
            (event, address)
            for event in ("processed", "open", "click", "bounce", "spamreport", "unsubscribe")
            for address in (" One@Example.com ", "shared@example.com", "stranger@example.com", "")
        )
    ]
    total = run(project, "sendgrid", lines(tmp_path / "r.json", *reports), raw, db).total
    owners: dict[str, set[str]] = {}
    for row in rows(raw):
        owners.setdefault(row["event_type"], set()).add(row["user_id"])
    everybody = {"u1", "u2", "u3"}
    assert owners == {
        **{kind: {"u1"} for kind in ("sent", "opened", "clicked")},
        **{kind: everybody for kind in ("bounced_hard", "complained", "unsubscribed")},
    }
    assert total.unmatched == Counter(several_have_the_address=3, unknown_address=3, nobody_named=3)
    # what stops messages is not passed over
    assert total.kept == Counter(unknown_address=3, nobody_named=3)
    assert len({row["message_event_id"] for row in rows(raw)}) == total.rows == 12


def test_every_reason_has_its_words(project: Project, raw: Path, tmp_path: Path) -> None:
    bad = lines(
        tmp_path / "r.json",
        {"sg_event_id": "1"},
        sendgrid(2, timestamp="yesterday"),
        sendgrid(3, timestamp=None),
        sendgrid(4, sendworthy_user_id="u"),
        7,
        [sendgrid(5, sendworthy_user_id="u"), "text", None],
    )
    total = run(project, "sendgrid", bad, raw).total
    assert total.refused == Counter(no_time=2, no_object=1) and total.kept == Counter(no_event=3)
    assert total.rows == 2 and total.reports == 8
    channel = lines(
        tmp_path / "l.json", {"event_type": "users.messages.pager.Send", "id": "1", "time": 1780300800}
    )
    meanings = EVENT_TYPES.read_text(encoding="utf-8") + "braze,users.messages.pager.Send,,sent,,\n"
    (tmp_path / "event_types.csv").write_text(meanings, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sendworthy.ingest.EVENT_TYPES", tmp_path / "event_types.csv")
        assert run(project, "braze", channel, raw).total.refused == Counter(no_channel=1)
    assert set(REFUSED) == {"no_time", "no_object", "no_channel"}
    assert set(UNMATCHED) == {
        "nobody_named",
        "several_have_the_address",
        "unknown_address",
        "unknown_dispatch",
    }
    assert set(KEPT) == {*UNMATCHED, "no_event"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (1780300800, "2026-06-01 08:00:00"),
        ("1780300800", "2026-06-01 08:00:00"),
        (1780300800.25, "2026-06-01 08:00:00.25"),
        (1780300800123, "2026-06-01 08:00:00.123"),
        ("2026-06-01T08:00:00Z", "2026-06-01 08:00:00"),
        ("2026-06-01T10:00:00+02:00", "2026-06-01 08:00:00"),
        ("2026-06-01 08:00:00.5", "2026-06-01 08:00:00.5"),
        ("2026-06-01T08:00:00-0030", "2026-06-01 08:30:00"),
        ("2026-06-01T08:00:00 +02", "2026-06-01 06:00:00"),
        ("2026-06-01t08:00:00z", "2026-06-01 08:00:00"),
        ("2026-06-01 08:00:00 UTC", "2026-06-01 08:00:00"),
        ("2026-06-01T08:00", "2026-06-01 08:00:00"),
        ("2026-06-01 08:00+02:00", "2026-06-01 06:00:00"),
        ("\u00a02026-06-01T08:00:00Z\u200b", "2026-06-01 08:00:00"),
        (1780300800123456, "2026-06-01 08:00:00.123456"),
        ("1.7803008e+09", "2026-06-01 08:00:00"),
        ("1780300800.000", "2026-06-01 08:00:00"),
        # a date alone is a whole day, which counts from its first moment where nothing is stopped
        ("2026-06-01", "2026-06-01 00:00:00"),
        (178030080, None),
        ("9" * 400, None),
        ("1e400", None),
        ("2026-06-01T08:00:00+99:00", None),
        ("20260601", None),
        ("2026-06-31T08:00:00Z", None),
        ("01/06/2026", None),
        (-5, None),
        (True, None),
    ],
)
def test_times_are_read_as_what_they_are(
    text: object, expected: str | None, project: Project, raw: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(timestamp=text, sendworthy_user_id="u"))
    run(project, "sendgrid", report, raw)
    found = [row["occurred_at"] for row in rows(raw)] if (raw / "message_events").exists() else []
    assert found == ([datetime.fromisoformat(expected)] if expected else [])


# -- landing once


def state(raw: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(raw)): path.read_bytes() for path in sorted(raw.rglob("*")) if path.is_file()
    }


def test_a_file_lands_once_wherever_it_landed_first(project: Project, raw: Path, tmp_path: Path) -> None:
    first = run(project, "sendgrid", REPORTS / "sendgrid.json", raw)
    before = state(raw)
    (name,) = before
    assert name.startswith("message_events/landed_on=2026-06-02/sendgrid-")
    assert first.files[0].state == "landed" and first.files[0].drop == name
    # under another name, on another day, twice
    copy = shutil.copy(REPORTS / "sendgrid.json", tmp_path / "again.json")
    later = run(project, "sendgrid", [Path(copy)] * 2, raw, landed_on=date(2026, 6, 9))
    assert [report.state for report in later.files] == ["already_landed"] * 2
    assert state(raw) == before
    anew = run(project, "sendgrid", Path(copy), raw, landed_on=date(2026, 6, 9), again=True)
    assert anew.files[0].state == "replaced" and anew.total.landed == first.total.landed
    assert state(raw) == before, "the same reports give the same bytes"


def test_nothing_is_written_by_a_dry_run_or_for_nobody(project: Project, raw: Path, tmp_path: Path) -> None:
    counted = run(project, "sendgrid", REPORTS / "sendgrid.json", raw, dry_run=True)
    assert counted.files[0].state == "dry_run" and counted.total.rows == 14
    nobody = lines(tmp_path / "r.json", sendgrid(email="one@example.com"))
    result = run(project, "sendgrid", nobody, raw)
    assert result.files[0].state == "nothing_to_land" and result.exit_code == 0
    assert state(raw) == {}
    # so that it lands once somebody says who that is
    db = published(tmp_path / "p.duckdb", addresses=[(EMAIL, "one@example.com", "u1")])
    assert run(project, "sendgrid", nobody, raw, db).files[0].state == "landed"


def test_every_report_is_counted_once(project: Project, raw: Path, tmp_path: Path) -> None:
    counted = set()
    for source in SOURCES:
        for path in sorted(REPORTS.glob(f"{source}*")):
            counted.add(path)
            (report,) = run(project, source, path, raw, dry_run=True).files
            apart = [report.unknown, report.ignored, report.refused, report.kept]
            stands_for = report.rows + report.unmatched.total() + report.duplicates
            several = {"customerio.json": 2, "klaviyo.json": 2}.get(path.name, 0)
            assert report.reports == sum(c.total() for c in apart) + stands_for - several, path.name
    assert counted == set(REPORTS.iterdir()) and len(counted) >= 12


@pytest.mark.parametrize("name", ["r.json.gz", "r.json", "r"])
def test_a_packed_file_and_an_array_over_many_lines_are_read(
    name: str, project: Project, raw: Path, tmp_path: Path
) -> None:
    content = json.dumps([sendgrid(n, sendworthy_user_id="u") for n in range(3)], indent=2).encode()
    (tmp_path / name).write_bytes(gzip.compress(content) if name != "r" else b"\xef\xbb\xbf" + content)
    assert run(project, "sendgrid", tmp_path / name, raw).total.rows == 3


def test_a_folder_of_currents_in_avro_and_its_decoded_json(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    fastavro = pytest.importorskip("fastavro")
    maybe = ["null", "string"]
    schema = {
        "type": "record",
        "name": "Open",
        "fields": [
            {"name": "id", "type": "string"},
            {"name": "user_id", "type": "string"},
            {"name": "external_user_id", "type": maybe},
            {"name": "time", "type": "long"},
            {"name": "campaign_name", "type": maybe},
            {"name": "machine_open", "type": maybe},
        ],
    }
    record = {
        "id": "a1",
        "user_id": "5f",
        "external_user_id": "u1",
        "time": 1780300800,
        "campaign_name": NEWSLETTER,
        "machine_open": "true",
    }
    folder = tmp_path / "dataexport" / "event_type=users.messages.email.Open" / "date=2026-06-01-08"
    folder.mkdir(parents=True)
    with (folder / "part.avro").open("wb") as out:
        fastavro.writer(out, schema, [record], codec="deflate")
    decoded = {
        **record,
        "id": "a2",
        "external_user_id": {"string": "u2"},
        "campaign_name": {"string": NEWSLETTER},
        "machine_open": None,
    }
    lines(folder / "part.json", decoded)
    (folder / "_SUCCESS").touch()
    total = run(project, "braze", tmp_path / "dataexport", raw).total
    assert total.landed == Counter(opened=2) and total.machine_opens == 1
    found = [(row["user_id"], row["campaign_id"], row["is_machine_open"]) for row in rows(raw)]
    assert sorted(found, key=str) == [("u1", NEWSLETTER, True), ("u2", NEWSLETTER, None)]
    (folder / "torn.avro").write_bytes((folder / "part.avro").read_bytes()[:-20])
    with pytest.raises(SendworthyError, match="damaged"):
        run(project, "braze", folder / "torn.avro", raw)


# -- what cannot be read

PRIVATE = "ada.lovelace@example.com"


def broken_lines(path: Path) -> Path:
    good = json.dumps(sendgrid(1, sendworthy_user_id="u"))
    path.write_text(f'{good}\n{good}\n{{"email": "{PRIVATE}", oops\n{good}\n', encoding="utf-8")
    return path


def cut_off_array(path: Path) -> Path:
    path.write_text(
        json.dumps([sendgrid(n, email=PRIVATE) for n in range(9)], indent=1)[:-40], encoding="utf-8"
    )
    return path


def latin(path: Path) -> Path:
    path.write_bytes(b'{"event": "open", "email": "' + PRIVATE.encode() + b'\xe9"}\n')
    return path


def wide(path: Path) -> Path:
    path.write_bytes(json.dumps({"email": PRIVATE}).encode("utf-16"))
    return path


def torn_gzip(path: Path) -> Path:
    path.write_bytes(gzip.compress(json.dumps([sendgrid(email=PRIVATE)] * 500).encode())[:-30])
    return path


def table(path: Path) -> Path:
    path.write_text(f"email,event\n{PRIVATE},open\n", encoding="utf-8")
    return path


def empty(path: Path) -> Path:
    path.touch()
    return path


BROKEN: list[tuple[Callable[[Path], Path], str]] = [
    (broken_lines, "line 3"),
    (cut_off_array, "line "),
    (latin, "no JSON in UTF-8"),
    (wide, "no JSON"),
    (torn_gzip, ""),
    (table, "begins with neither"),
    (empty, "it is empty"),
]


@pytest.mark.parametrize(("spoil", "words"), BROKEN, ids=[spoil.__name__ for spoil, _ in BROKEN])
def test_a_file_that_cannot_be_read_lands_nothing_and_shows_nothing(
    spoil: Callable[[Path], Path], words: str, raw: Path, tmp_path: Path
) -> None:
    bad = spoil(tmp_path / "reports.json")
    good = REPORTS / "sendgrid.json"
    result = sendworthy("ingest", "--from", "sendgrid", good, bad, "--raw", raw)
    said = result.stdout + result.stderr
    assert result.returncode == 1, said
    assert "reports.json" in said and words in said and "Traceback" not in said
    assert PRIVATE not in said and "lovelace" not in said
    assert state(raw) == {}, "a part has landed"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("id,type,email\n1,hard\n", "line 2"),
        ('id,type,email\n1,hard,"torn\n', "line 2"),
        ("id,id,email\n1,hard,x\n", "line 1"),
        ("id,,email\n1,hard,x\n", "line 1"),
    ],
)
def test_a_csv_with_a_torn_line_names_it(
    content: str, words: str, project: Project, raw: Path, tmp_path: Path
) -> None:
    (tmp_path / "r.csv").write_text(content, encoding="utf-8")
    with pytest.raises(SendworthyError, match=words):
        run(project, "listmonk", tmp_path / "r.csv", raw)


@pytest.mark.parametrize(
    "doc",
    [
        {},
        {"data": 7},
        {"data": [1, "x", None, {"attributes": 7}]},
        {"emails": [7, None, {"activity": [3]}], "members": "x"},
        {"data": {"results": [None, [], {"type": []}]}},
        {"event": {"a": 1}, "timestamp": [], "email": {}},
        {"event": "open", "timestamp": 10**400, "email": "x" * 100_000},
        {"event": "open", "sg_event_id": "e" * 5000, "timestamp": 1, "sendworthy_user_id": "u\u0000"},
        {"event": "open\u0000", "sg_event_id": "\u0000", "timestamp": 1, "sendworthy_user_id": "u"},
        {"object_type": ["email"], "metric": {}, "data": []},
        {"included": [7, {"type": None}], "data": [{"relationships": []}]},
        [[[]]],
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_json_of_any_other_form_is_counted_or_refused(
    source: str, doc: object, project: Project, raw: Path, tmp_path: Path
) -> None:
    text = json.dumps(doc).replace(str(10**400), "1e400")
    (tmp_path / "r.json").write_text(text, encoding="utf-8")
    report: FileReport | None = None
    try:
        (report,) = run(project, source, tmp_path / "r.json", raw).files
    except SendworthyError as error:
        assert "has not the form" in error.what
    landed = rows(raw) if (raw / "message_events").exists() else []
    assert report is None or report.rows == len(landed)
    assert all(len(row["message_event_id"]) < 300 for row in landed)


def test_a_source_that_stumbles_over_a_report_does_not_quote_it(
    project: Project, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sources").mkdir()
    stumbles = "create temp table reports as select cast(doc ->> '$.email' as integer) from documents"
    (tmp_path / "sources" / "sendgrid.sql").write_text(stumbles, encoding="utf-8")
    monkeypatch.setattr("sendworthy.ingest.HERE", tmp_path)
    with pytest.raises(SendworthyError) as failure:
        run(project, "sendgrid", lines(tmp_path / "r.json", sendgrid(email=PRIVATE)), raw)
    assert "has not the form" in failure.value.what and PRIVATE not in str(vars(failure.value))


def test_a_name_that_is_none_is_not_shown(raw: Path, tmp_path: Path) -> None:
    names = [PRIVATE, "a" * 61, "=1+1", "[red]x", "Custom Event.v2"]
    report = lines(tmp_path / "r.json", *(sendgrid(n, name) for n, name in enumerate(names)))
    result = sendworthy("ingest", "--from", "sendgrid", report, "--raw", raw, "--json")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["total"]["unknown"] == {"(not shown)": 4, "Custom Event.v2": 1}
    told = sendworthy("ingest", "--from", "sendgrid", report, "--raw", raw)
    assert "Custom Event.v2" in told.stdout and PRIVATE not in told.stdout


def test_bad_usage_ends_with_2_and_says_what_to_do(raw: Path, tmp_path: Path) -> None:
    good = REPORTS / "sendgrid.json"
    for arguments, words in (
        (["--from", "sendgird", good, "--raw", raw], 'did you mean "sendgrid"'),
        (["--from", "sendgrid", tmp_path / "none.json", "--raw", raw], "there is no file"),
        (["--from", "sendgrid", good, "--raw", tmp_path / "none"], "is no folder"),
        (["--from", "sendgrid", good, "--raw", raw, "--db", tmp_path / "none"], "no published file"),
        (["--from", "sendgrid", good, "--raw", raw, "--db", good], "cannot be opened"),
        (["--from", "sendgrid", good, "--raw", raw, "--landed-on", "soon"], "--landed-on"),
        (["--from", "sendgrid", good], "--raw"),
    ):
        result = sendworthy("ingest", *arguments)
        said = result.stderr.replace("\n", " ")
        assert result.returncode == 2 and words in said, (arguments, result.stderr)
    assert state(raw) == {}
    assert all(name in sendworthy("ingest", "--help").stdout for name in SOURCES)


def test_a_csv_whose_header_is_no_text_is_not_read(project: Project, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes("id,type,é\n1,hard,x\n".encode("latin-1"))
    with pytest.raises(SendworthyError, match="line 1: the header is no CSV in UTF-8"):
        run(project, "listmonk", tmp_path / "r.csv", raw)
    assert state(raw) == {}


def test_avro_is_taken_only_from_whom_it_comes(project: Project, raw: Path, tmp_path: Path) -> None:
    (tmp_path / "r.avro").write_bytes(b"Obj\x01 and more")
    with pytest.raises(SendworthyError, match="it is Avro, which sendgrid does not write"):
        run(project, "sendgrid", tmp_path / "r.avro", raw)
    assert state(raw) == {}


def test_a_folder_without_reports_is_a_mistake(project: Project, raw: Path, tmp_path: Path) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    # the mark of a tool
    (folder / "_SUCCESS").touch()
    with pytest.raises(SettingsError, match="there is no file in the folder"):
        run(project, "sendgrid", folder, raw)


def test_where_reports_should_land_has_to_be_a_folder(project: Project, raw: Path) -> None:
    (raw / "message_events").write_text("", encoding="utf-8")
    with pytest.raises(SettingsError, match="is no folder"):
        run(project, "sendgrid", REPORTS / "sendgrid.json", raw)


def test_a_table_in_a_single_file_is_left_alone(project: Project, raw: Path) -> None:
    (raw / "message_events.csv").write_text("message_event_id\n", encoding="utf-8")
    with pytest.raises(SettingsError) as failure:
        run(project, "sendgrid", REPORTS / "sendgrid.json", raw)
    assert "mv " in failure.value.fix and list(state(raw)) == ["message_events.csv"]


# -- the way back, end to end


@pytest.mark.hard
def test_reports_of_a_night_count_each_dispatch_once_and_stop_who_bounced(tmp_path: Path) -> None:
    place = Place(copy_project(tmp_path / "project"))
    zone = place.root / "data" / "sample"
    result = place.night(FIRST)
    assert result.returncode == 0, result.stderr
    sent = place.query(
        """
        select dispatch_id, user_id, campaign_id, variant, send_at
        from ledger.dispatches
        -- one that expires before it is due is not to be sent
        where channel = 'email' and send_at < valid_until
            -- nor does the next night see what is reported after it
            and send_at < timestamp '2026-06-01 23:59:00'
        order by dispatch_id
        limit 40
        """
    )
    ((shared_user, address),) = place.query(
        "select user_id, address_key from intermediate.int_users__channels"
        " where channel = 'email' and user_id = ? and address_key is not null",
        [sent[0][1]],
    )

    # another person, whose complaint comes without a time
    ((complaining_user, other_address),) = place.query(
        "select user_id, address_key from intermediate.int_users__channels"
        " where channel = 'email' and user_id <> ? and list_contains(?, user_id) and address_key is not null"
        " order by user_id limit 1",
        [shared_user, [row[1] for row in sent]],
    )

    def at(moment: datetime, seconds: int = 0) -> int:
        return int((moment - datetime(1970, 1, 1)).total_seconds()) + seconds

    # half through SendGrid, by the dispatch alone; half through Braze, by the person and the campaign's name
    half = len(sent) // 2
    posts = [
        sendgrid(n, "processed", timestamp=at(moment, 60), sendworthy_dispatch_id=dispatch)
        for n, (dispatch, _, _, _, moment) in enumerate(sent[:half])
    ]
    bounced = sendgrid(900, "bounce", type="bounce", timestamp=at(datetime(2026, 6, 1, 20)), email=address)
    opened = sendgrid(
        901,
        "open",
        timestamp=at(datetime(2026, 6, 1, 20)),
        sendworthy_dispatch_id=sent[1][0],
        sg_machine_open=True,
    )
    complained = sendgrid(902, "spamreport", timestamp="yesterday", email=other_address)
    first = lines(tmp_path / "sendgrid.json", *posts, bounced, opened, complained)
    second = lines(tmp_path / "overlap.json", *posts[-5:], bounced)
    currents = lines(
        tmp_path / "braze.json",
        *(
            {
                "event_type": "users.messages.email.Send",
                "id": f"b{n}",
                "time": at(moment, 60),
                "user": {"external_user_id": user},
                "properties": {"campaign_name": campaign},
            }
            for n, (_, user, campaign, _, moment) in enumerate(sent[half:])
        ),
    )
    options = ("--raw", zone, "--landed-on", SECOND)
    for source, files in (("sendgrid", (first, second)), ("braze", (currents,))):
        told = sendworthy("ingest", "--from", source, *files, *options, "--json", cwd=place.root)
        assert told.returncode == 0, told.stderr
        total = json.loads(told.stdout)["total"]
        assert not (total["unmatched"] or total["refused"] or total["unknown"]), total
    drops = list((zone / "message_events" / f"landed_on={SECOND}").iterdir())
    assert len(drops) == 3 and not [path for path in drops if path.stat().st_mode & 0o077]

    result = place.night(SECOND)
    assert result.returncode == 0, result.stdout + result.stderr
    # the mark of machines is a column that the contract knows
    assert "is_machine_open" not in result.stderr
    # each dispatch is one message, confirmed, at the time of its report
    counted = place.query(
        """
        select count(*), count(distinct message_id), bool_and(is_confirmed), bool_and(sent_at = send_at + interval 1 minute)
        from intermediate.int_messages__sent
        inner join ledger.dispatches on message_id = 'dispatch:' || dispatch_id and dispatches.as_of = ?
        where list_contains(?, dispatch_id)
        """,
        [datetime.fromisoformat(FIRST), [row[0] for row in sent]],
    )
    assert counted == [(len(sent), len(sent), True, True)]
    nothing_else = place.query(
        "select count(*) from intermediate.int_messages__sent where message_id like 'report:sendgrid:%' or message_id like 'report:braze:%'"
    )
    assert nothing_else == [(0,)]
    # the file that overlaps costs nothing but rows in quarantine
    twice = place.query(
        "select count(*) from ops.quarantine where table_name = 'message_events' and reason = 'duplicate' and file like '%sendgrid-%'"
    )
    assert twice == [(6,)]
    # who bounced gets nothing by e-mail, whichever campaign
    reasons = place.query(
        """
        select distinct list_contains(reasons, 'hard_bounced')
        from marts.campaign_decisions
        where user_id = ? and channel = 'email'
        """,
        [shared_user],
    )
    assert reasons == [(True,)]
    # and so does who complained, in the night of the very day on which that was read
    reasons = place.query(
        """
        select distinct list_contains(reasons, 'complained')
        from marts.campaign_decisions
        where user_id = ? and channel = 'email'
        """,
        [complaining_user],
    )
    assert reasons == [(True,)]
    assert place.query(
        "select is_machine_open from staging.stg_landing__message_events where message_event_id = 'sendgrid:e901'"
    ) == [(True,)]
