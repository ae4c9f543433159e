"""What stops messages is never lost on its way in: it lands, or it is kept for the next run, and the command says so."""

from __future__ import annotations

import csv
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sendworthy.foundation.durable_files import swap_in
from sendworthy.foundation.errors import SendworthyError, SettingsError
from sendworthy.foundation.project import Project

from tests.support.projects import ROOT, sendworthy
from tests.support.vendor_reports import (
    DAY,
    EMAIL,
    NEWSLETTER,
    NOW,
    Row,
    kept,
    landing_zone_in,
    lines,
    published,
    rows,
    run,
    sendgrid,
    settings_in,
)

# before the night that is read at NOW, and after it, so that no consent from in between undoes it
UNTIMED = {datetime(2026, 6, 1, 23, 59, 59, 999999), NOW}
GOOD = datetime(2026, 6, 1, 8)
SECONDS = 1780300800


@pytest.fixture
def db(tmp_path: Path) -> Path:
    """u-now has now@, u-moved had old@ when d-old went out and has no address any more; two have shared@."""
    return published(
        tmp_path / "published.duckdb",
        [
            ("2026-05-01", "d-old", "u-moved", NEWSLETTER, EMAIL, "default"),
            ("2026-05-02", "d-now", "u-now", NEWSLETTER, EMAIL, "default"),
        ],
        [
            (EMAIL, "now@example.com", "u-now"),
            (EMAIL, None, "u-moved"),
            (EMAIL, "shared@example.com", "u-1"),
            (EMAIL, "shared@example.com", "u-2"),
            ("sms", "+4915112345678", "u-now"),
        ],
        [("d-old", "old@example.com"), ("d-now", "now@example.com")],
    )


# -- a report that stops messages, of each source and kind, in its own words

ABSENT = object()


def of_sendgrid(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    event = {"complained": "spamreport", "bounced_hard": "bounce", "unsubscribed": "unsubscribe"}.get(
        kind, kind
    )
    return {
        "sg_event_id": id,
        "event": event,
        "timestamp": time,
        "sendworthy_user_id": user,
        "email": address,
    }


def of_braze(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    name = {"complained": "MarkAsSpam", "bounced_hard": "Bounce", "unsubscribed": "Unsubscribe"}.get(
        kind, kind
    )
    return {
        "event_type": f"users.messages.email.{name}",
        "id": id,
        "time": time,
        "external_user_id": user,
        "email_address": address,
    }


def of_customerio(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    metric = {"complained": "spammed", "bounced_hard": "bounced"}.get(kind, kind)
    data = {"customer_id": user, "recipient": address}
    return {
        "event_id": id,
        "object_type": "email",
        "metric": metric,
        "timestamp": time,
        "data": {name: value for name, value in data.items() if value is not ABSENT},
    }


def of_klaviyo(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    names = {
        "complained": "Marked Email as Spam",
        "bounced_hard": "Bounced Email",
        "unsubscribed": "Unsubscribed",
    }
    person = {"external_id": user, "email": address}
    return {
        "uuid": id,
        "event_name": names.get(kind, kind),
        "timestamp": time,
        "person": {name: value for name, value in person.items() if value is not ABSENT},
    }


def of_listmonk(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    name = {"complained": "complaint", "bounced_hard": "hard"}.get(kind, kind)
    return {"id": id, "type": name, "created_at": time, "user_id": user, "email": address}


def of_mailchimp(kind: str, id: Any, time: Any, user: Any, address: Any) -> Row:
    """Its reports have no ids, of events and of people."""
    if kind == "bounced_hard":
        member = {"email_address": address, "activity": [present({"action": "bounce", "timestamp": time})]}
        return {"emails": [present(member)]}
    if kind == "complained":
        return {"abuse_reports": [present({"email_address": address, "date": time})]}
    return {"unsubscribes": [present({"email_address": address, "timestamp": time})]}


BUILDERS: dict[str, Callable[..., Row]] = {
    "braze": of_braze,
    "customerio": of_customerio,
    "klaviyo": of_klaviyo,
    "listmonk": of_listmonk,
    "mailchimp": of_mailchimp,
    "sendgrid": of_sendgrid,
}
STOPS = ("bounced_hard", "complained", "unsubscribed")
# listmonk reports no unsubscription
CASES = [case for case in product(sorted(BUILDERS), STOPS) if case != ("listmonk", "unsubscribed")]


def present(report: Row) -> Row:
    return {name: value for name, value in report.items() if value is not ABSENT}


def stop(
    source: str, kind: str, id: Any = 1, time: Any = SECONDS, user: Any = ABSENT, address: Any = ABSENT
) -> Row:
    return present(BUILDERS[source](kind, id, time, user, address))


# -- whose it is


@pytest.mark.parametrize(("source", "kind"), CASES)
def test_an_address_from_before_a_change_is_found_through_its_dispatch(
    source: str, kind: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = stop(source, kind, address=" Old@Example.com\u200b")
    result = run(project, source, lines(tmp_path / "r.json", report), raw, db)
    assert result.exit_code == 0 and not kept(raw)
    assert [(row["user_id"], row["event_type"], row["address"]) for row in rows(raw)] == [
        ("u-moved", kind, "old@example.com")
    ]


def test_whoever_has_the_address_now_and_whoever_had_it_both_count(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    """It was u-before's, and is u-after's: who complained, and about which message, nobody can say."""
    db = published(
        tmp_path / "p.duckdb",
        [("2026-05-01", "d1", "u-before", NEWSLETTER, EMAIL, "default")],
        [(EMAIL, "a@example.com", "u-after"), (EMAIL, "b@example.com", "u-before")],
        [("d1", "a@example.com")],
    )
    reports = [sendgrid(1, "spamreport", email="a@example.com"), sendgrid(2, "open", email="a@example.com")]
    run(project, "sendgrid", lines(tmp_path / "r.json", *reports), raw, db)
    assert {(row["event_type"], row["user_id"]) for row in rows(raw)} == {
        ("complained", "u-before"),
        ("complained", "u-after"),
        # an opening is of whoever has it now
        ("opened", "u-after"),
    }


def test_what_only_permits_is_of_the_only_one_who_had_the_address(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    dispatches = [(f"2026-05-0{n}", f"d{n}", f"u{n}", NEWSLETTER, EMAIL, "default") for n in (1, 2, 3)]
    went_to = [("d1", "one@example.com"), ("d2", "two@example.com"), ("d3", "two@example.com")]
    db = published(tmp_path / "p.duckdb", dispatches, [(EMAIL, None, "u1")], went_to)
    reports = [sendgrid(n, "open", email=f"{name}@example.com") for n, name in enumerate(("one", "two"))]
    total = run(project, "sendgrid", lines(tmp_path / "r.json", *reports), raw, db).total
    assert [row["user_id"] for row in rows(raw)] == ["u1"]
    assert total.unmatched == Counter(several_have_the_address=1) and not total.kept


def test_an_erased_person_is_not_looked_up(project: Project, raw: Path, tmp_path: Path) -> None:
    dispatch = ("2026-05-01", "d1", "erased:0a1b", NEWSLETTER, EMAIL, "default")
    db = published(tmp_path / "p.duckdb", [dispatch], [], [("d1", "gone@example.com")])
    report = lines(tmp_path / "r.json", sendgrid(1, "spamreport", email="gone@example.com"))
    assert run(project, "sendgrid", report, raw, db).total.kept == Counter(unknown_address=1)
    assert not (raw / "message_events").exists()


def test_a_ledger_without_addresses_is_read_as_before(project: Project, raw: Path, tmp_path: Path) -> None:
    db = published(tmp_path / "p.duckdb", [("2026-05-01", "d1", "u1", NEWSLETTER, EMAIL, "default")])
    reports = [
        sendgrid(1, "spamreport", email="old@example.com"),
        sendgrid(2, "spamreport", sendworthy_dispatch_id="d1"),
    ]
    total = run(project, "sendgrid", lines(tmp_path / "r.json", *reports), raw, db).total
    assert [row["user_id"] for row in rows(raw)] == ["u1"] and total.kept == Counter(unknown_address=1)


@pytest.mark.parametrize(("source", "kind"), [case for case in CASES if case[0] != "mailchimp"])
@pytest.mark.parametrize("address", ["now@example.com", "old@example.com"])
def test_an_id_that_nobody_has_beside_an_address_that_somebody_has(
    source: str, kind: str, address: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = stop(source, kind, user="U-NOW", address=address)
    result = run(project, source, lines(tmp_path / "r.json", report), raw, db)
    assert result.exit_code == 0
    holder = "u-now" if address.startswith("now") else "u-moved"
    # the id may be of somebody who came after the night that was asked: it counts too
    assert {(row["user_id"], row["address"]) for row in rows(raw)} == {(holder, address), ("U-NOW", address)}
    assert len({row["message_event_id"] for row in rows(raw)}) == 2


def test_what_only_permits_goes_by_the_address_where_nobody_has_the_id(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    addresses = ("now@example.com", "shared@example.com", "stranger@example.com")
    reports = [sendgrid(n, "open", sendworthy_user_id="nobody", email=a) for n, a in enumerate(addresses)]
    run(project, "sendgrid", lines(tmp_path / "r.json", *reports), raw, db)
    assert [row["user_id"] for row in rows(raw)] == ["u-now", "nobody", "nobody"]


@pytest.mark.parametrize("user", ["3018", "3018.0", 3018, 3018.0, " 3018\u200b", "3018.000"])
def test_an_id_is_the_same_id_however_it_is_written(
    user: object, project: Project, raw: Path, tmp_path: Path
) -> None:
    db = published(tmp_path / "p.duckdb", [], [(EMAIL, "other@example.com", "u1"), (EMAIL, None, "3018")])
    report = sendgrid(1, "spamreport", sendworthy_user_id=user, email="other@example.com")
    run(project, "sendgrid", lines(tmp_path / "r.json", report), raw, db)
    assert [row["user_id"] for row in rows(raw)] == ["3018"]


def test_every_report_that_names_an_address_lands_with_it(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    events = ("processed", "delivered", "open", "click", "bounce", "spamreport", "unsubscribe")
    reports = [
        sendgrid(n, event, email="Now@Example.com", sendworthy_dispatch_id="d-now")
        for n, event in enumerate(events)
    ]
    run(
        project,
        "sendgrid",
        lines(tmp_path / "r.json", *reports, sendgrid(9, sendworthy_user_id="u-now")),
        raw,
        db,
    )
    assert [row["address"] for row in rows(raw)] == [*["now@example.com"] * 7, None]


def test_an_address_lands_with_reports_of_its_own_channel_only(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    """Whom an e-mail address names, wants nothing on any channel; but it is not the address of a text message."""
    person = {
        "event_id": "1",
        "object_type": "customer",
        "metric": "unsubscribed",
        "timestamp": SECONDS,
        "data": {"email_address": "now@example.com"},
    }
    text = {
        "event_id": "2",
        "object_type": "sms",
        "metric": "unsubscribed",
        "timestamp": SECONDS,
        "data": {"recipient": "+49 (151) 1234-5678"},
    }
    result = run(project, "customerio", lines(tmp_path / "r.json", person, text), raw, db)
    assert result.exit_code == 0
    assert {(row["channel"], row["user_id"], row["address"]) for row in rows(raw)} == {
        (EMAIL, "u-now", "now@example.com"),
        ("sms", "u-now", None),
        ("push", "u-now", None),
        ("sms", "u-now", "+4915112345678"),
    }


@pytest.mark.parametrize("channel", [ABSENT, "", "carrier pigeon"])
def test_a_stop_that_names_no_channel_that_is_known_counts_on_all(
    channel: object, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    change = present(
        {
            "event_type": "users.behaviors.subscription.GlobalStateChange",
            "subscription_status": " Unsubscribed ",
            "id": "1",
            "time": SECONDS,
            "external_user_id": "u-now",
            "channel": channel,
        }
    )
    assert run(project, "braze", lines(tmp_path / "r.json", change), raw, db).exit_code == 0
    assert {row["channel"] for row in rows(raw)} == {"email", "sms", "push"}
    assert len({row["message_event_id"] for row in rows(raw)}) == 3


def test_an_answer_of_stop_to_a_text_message_is_an_unsubscription(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    answers = [
        {
            "event_type": "users.messages.sms.InboundReceive",
            "id": str(number),
            "time": SECONDS,
            "inbound_phone_number": "+4915112345678",
            "action": action,
        }
        for number, action in enumerate(("Unsubscribed", "Subscribed", "None"))
    ]
    total = run(project, "braze", lines(tmp_path / "r.json", *answers), raw, db).total
    assert [(row["user_id"], row["event_type"]) for row in rows(raw)] == [("u-now", "unsubscribed")]
    assert total.ignored == Counter({"users.messages.sms.InboundReceive": 2})


# -- times


BAD_TIMES = [
    *(ABSENT, None, "", "yesterday", "28/11/2026", 0, 12345, "2026-13-01"),
    # a clock that was never set, and one that is ahead
    *("1970-01-01T00:00:00Z", "0001-01-01", "2099-01-01T00:00:00Z", 4102444800),
]


@pytest.mark.parametrize(("source", "kind"), CASES)
def test_a_stop_without_a_time_that_can_be_read_counts_from_when_it_was_read(
    source: str, kind: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    files = [
        lines(tmp_path / f"{n}.json", stop(source, kind, id=n, time=time, address="now@example.com"))
        for n, time in enumerate(BAD_TIMES)
    ]
    result = run(project, source, files, raw, db)
    assert result.exit_code == 0
    for report, time in zip(result.files, BAD_TIMES, strict=True):
        assert (report.untimed, report.rows) == (1, 2), time
    assert {(row["user_id"], row["event_type"]) for row in rows(raw)} == {("u-now", kind)}
    assert Counter(row["occurred_at"] for row in rows(raw)) == dict.fromkeys(UNTIMED, len(BAD_TIMES))


def test_what_only_permits_and_has_no_time_is_passed_over(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(1, "open", timestamp="soon", email="now@example.com"))
    result = run(project, "sendgrid", report, raw, db)
    assert result.total.refused == Counter(no_time=1) and result.exit_code == 0 and not result.total.untimed


@pytest.mark.parametrize(
    ("time", "expected"),
    [
        ("2026-05-30", datetime(2026, 5, 30, 23, 59, 59, 999999)),
        # today is not over
        ("2026-06-02", NOW),
        (f"{SECONDS}", GOOD),
        # a clock may be an hour ahead
        ("2026-06-02T06:00:00Z", datetime(2026, 6, 2, 6)),
        ("2000-01-01T00:00:00Z", datetime(2000, 1, 1)),
    ],
)
def test_the_time_of_a_stop(
    time: str, expected: datetime, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(1, "spamreport", timestamp=time, email="now@example.com"))
    assert not run(project, "sendgrid", report, raw, db).total.untimed
    assert [row["occurred_at"] for row in rows(raw)] == [expected]


def test_a_file_that_is_read_again_keeps_the_day_on_which_it_was_read_first(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(1, "spamreport", timestamp="?", email="now@example.com"))
    run(project, "sendgrid", report, raw, db)
    later = {"now": NOW + timedelta(days=30), "landed_on": DAY + timedelta(days=30), "again": True}
    run(project, "sendgrid", report, raw, db, **later)
    assert {row["occurred_at"] for row in rows(raw)} == {
        min(UNTIMED),
        datetime(2026, 6, 2, 23, 59, 59, 999999),
    }


# -- the same id more than once


@pytest.mark.parametrize(("source", "kind"), [case for case in CASES if case[0] != "mailchimp"])
def test_reports_of_one_id_are_no_duplicates_of_each_other_unless_they_are_the_same(
    source: str, kind: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    one = stop(source, kind, user="u-now")
    delivered = {"braze": "Delivery", "klaviyo": "Opened Email", "listmonk": "soft"}.get(source, "delivered")
    reports = [stop(source, delivered, user="u-now"), one, one, stop(source, kind, user="u-moved")]
    result = run(project, source, lines(tmp_path / "r.json", *reports), raw, db)
    stopped = [row for row in rows(raw) if row["event_type"] == kind]
    assert sorted(row["user_id"] for row in stopped) == ["u-moved", "u-now"]
    assert len({row["message_event_id"] for row in stopped}) == 2
    assert result.total.duplicates == 1 and result.total.rows == 3


@pytest.mark.parametrize(("source", "kind"), [case for case in CASES if case[0] != "mailchimp"])
def test_one_id_for_all_reports_of_a_message_hides_no_stop(
    source: str, kind: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    earlier = {"braze": "Delivery", "klaviyo": "Opened Email", "listmonk": "soft"}.get(source, "delivered")
    reports = [stop(source, earlier, user="u-now"), stop(source, kind, time=SECONDS + 60, user="u-now")]
    result = run(project, source, lines(tmp_path / "r.json", *reports), raw, db)
    assert kind in {row["event_type"] for row in rows(raw)} and result.total.duplicates == 0


@pytest.mark.parametrize("id", ["", " ", None, ABSENT])
@pytest.mark.parametrize(("source", "kind"), [case for case in CASES if case[0] != "mailchimp"])
def test_reports_without_an_id_are_not_one_report(
    source: str, kind: str, id: object, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    def of(*users: str) -> list[Row]:
        return [stop(source, kind, id=id, user=user) for user in users]

    # in one file, and in another one: the night, too, takes reports of one id for one report
    files = [
        lines(tmp_path / "1.json", *of("u-now", "u-1", "u-now")),
        lines(tmp_path / "2.json", *of("u-moved")),
    ]
    result = run(project, source, files, raw, db)
    assert sorted(row["user_id"] for row in rows(raw)) == ["u-1", "u-moved", "u-now"]
    assert len({row["message_event_id"] for row in rows(raw)}) == 3
    ids = [row["message_event_id"] for row in rows(raw)]
    assert not [id for id in ids if id.endswith(":") or "::" in id]
    assert result.total.duplicates == 1


# -- what is kept


@pytest.mark.parametrize(("source", "kind"), CASES)
def test_what_cannot_be_landed_is_kept_and_lands_with_the_next_run_that_can(
    source: str, kind: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", stop(source, kind, time="?", address="now@example.com"))
    first = run(project, source, report, raw)
    assert first.exit_code == 4 and first.total.kept == Counter(unknown_address=1)
    assert first.files[0].state == "kept" and not (raw / "message_events").exists()
    (line,) = kept(raw)
    assert line["reason"] == "unknown_address" and line["address"] == "now@example.com"
    (file,) = (raw / "kept_reports").iterdir()
    assert str(file.relative_to(raw)) == first.files[0].kept_file
    before = file.read_bytes()
    # it waits, as it is
    second = run(project, source, [], raw, now=NOW + timedelta(days=1))
    assert second.exit_code == 4 and file.read_bytes() == before
    third = run(project, source, [], raw, db, now=NOW + timedelta(days=9), landed_on=date(2026, 6, 11))
    assert third.exit_code == 0 and third.total.rows == 2 and third.files[0].state == "landed"
    assert not list((raw / "kept_reports").iterdir())
    # from when it was read first, and in a drop of the day on which it landed
    assert {row["occurred_at"] for row in rows(raw)} == UNTIMED
    assert {row["user_id"] for row in rows(raw)} == {"u-now"}
    assert [path.parent.name for path in (raw / "message_events").rglob("*.parquet")] == [
        "landed_on=2026-06-11"
    ]
    with pytest.raises(SettingsError, match=r"nothing of .* is kept"):
        run(project, source, [], raw, db)


def test_what_lands_of_a_file_lands_and_the_rest_of_it_is_kept(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    reports = [
        sendgrid(1, "spamreport", email="now@example.com"),
        sendgrid(2, "spamreport", email="stranger@example.com"),
        sendgrid(3, "bounce", sendworthy_dispatch_id="d-unknown"),
        sendgrid(4, "unsubscribe"),
        sendgrid(5, "open", email="stranger@example.com"),
        sendgrid(6, "bounce", type="blocked", email="stranger@example.com"),
    ]
    file = lines(tmp_path / "r.json", *reports)
    result = run(project, "sendgrid", file, raw, db)
    assert [row["user_id"] for row in rows(raw)] == ["u-now"]
    assert result.total.kept == Counter(unknown_address=1, unknown_dispatch=1, nobody_named=1)
    # an opening and a soft bounce stop nothing
    assert result.total.unmatched == Counter(unknown_address=2)
    assert {line["event_id"] for line in kept(raw)} == {"e2", "e3", "e4"}
    # the file itself is passed over, and what was kept of it is not
    again = run(project, "sendgrid", file, raw, db)
    assert [report.state for report in again.files] == ["already_landed", "kept"] and again.exit_code == 4
    # another night knows one more of them
    newer = published(
        tmp_path / "newer.duckdb",
        [("2026-05-20", "d-unknown", "u-9", NEWSLETTER, EMAIL, "default")],
        [(EMAIL, "now@example.com", "u-now")],
    )
    later = run(project, "sendgrid", file, raw, newer)
    assert later.exit_code == 4 and {line["event_id"] for line in kept(raw)} == {"e2", "e4"}
    assert [row["user_id"] for row in rows(raw)] == ["u-now", "u-9"]


def test_a_file_that_is_read_again_takes_the_place_of_what_was_kept_of_it(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    file = lines(tmp_path / "r.json", sendgrid(1, "spamreport", email="now@example.com"))
    assert run(project, "sendgrid", file, raw).exit_code == 4
    result = run(project, "sendgrid", file, raw, db)
    assert result.exit_code == 0 and len(result.files) == 1, "it was not read twice"
    assert len(rows(raw)) == 1 and not kept(raw)


def test_a_dry_run_keeps_nothing_and_says_the_same(project: Project, raw: Path, tmp_path: Path) -> None:
    file = lines(tmp_path / "r.json", sendgrid(1, "spamreport", email="now@example.com"))
    assert run(project, "sendgrid", file, raw, dry_run=True).exit_code == 4
    assert not list(raw.iterdir())


def test_kept_reports_of_one_source_are_not_read_as_another_s(
    project: Project, raw: Path, tmp_path: Path
) -> None:
    for source in ("sendgrid", "listmonk"):
        report = lines(tmp_path / f"{source}.json", stop(source, "complained", address="now@example.com"))
        run(project, source, report, raw)
    result = run(project, "sendgrid", [], raw)
    assert result.total.reports == 1 and len(kept(raw)) == 2


@pytest.mark.parametrize("after", range(1, 5))
def test_ended_at_any_step_nothing_that_stops_messages_is_lost(
    after: int, project: Project, raw: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in which one report lands and one is kept, and an older one that lands now: ended after so many files are in place."""
    older = lines(tmp_path / "older.json", sendgrid(1, "spamreport", email="old@example.com"))
    run(project, "sendgrid", older, raw)
    reports = [
        sendgrid(2, "spamreport", email="now@example.com"),
        sendgrid(3, "spamreport", email="no@example.com"),
    ]
    file = lines(tmp_path / "r.json", *reports)
    left = [after]

    class Ended(BaseException):
        pass

    def swap_until(staged: Path, place: Path) -> None:
        if left[0] == 0:
            raise Ended
        left[0] -= 1
        swap_in(staged, place)

    monkeypatch.setattr("sendworthy.ingest.drops.swap_in", swap_until)
    try:
        run(project, "sendgrid", file, raw, db)
    except Ended:
        pass
    else:
        assert after >= 3
    monkeypatch.setattr("sendworthy.ingest.drops.swap_in", swap_in)
    assert not [path for path in raw.rglob(".*") if path.is_file()], "something was left beside its place"
    result = run(project, "sendgrid", file, raw, db)
    assert {row["user_id"] for row in rows(raw)} == {"u-now", "u-moved"}
    assert result.exit_code == 4 and [line["event_id"] for line in kept(raw)] == ["e3"]


def test_a_kept_file_that_cannot_be_read_is_named(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    file = lines(tmp_path / "r.json", sendgrid(1, "spamreport", email="ada@example.com"))
    run(project, "sendgrid", file, raw)
    (path,) = (raw / "kept_reports").iterdir()
    for content in (
        '{"event_id": "e1", "address": "ada@example',
        '{"read_at": "?", "address": "ada@example.com"}\n',
    ):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(SendworthyError) as failure:
            run(project, "sendgrid", [], raw, db)
        assert path.name in failure.value.what and "ada" not in failure.value.what + failure.value.fix
        assert not (raw / "message_events").exists() and path.exists()


# -- names


SUSPICIOUS = [
    *(
        "group_unsub_v2",
        "Unsubscribe_All",
        "spam_report",
        "SpamReport2",
        "abuse_report",
        "complaint_received",
        "hard-bounce",
    ),
    *(
        "email_suppressed",
        "opt-out",
        "OptOut",
        "opted out",
        "optout",
        "blocklisted",
        "list.block",
        "rejected",
    ),
    *("undelivered", "revoked_consent", "consent withdrawn", "do-not-contact", "STOP", "stopped"),
    *(
        "list_cleaned",
        "recipient_removed",
        "user_deleted",
        "gdpr_request",
        "DND",
        "quit",
        "left_list",
        "send failed",
    ),
]
HARMLESS = [
    "teleported",
    "viewed",
    "desktop_laptop_opened",
    "stepped",
    "custom event",
    "nonstop",
    "quite",
    "uplift",
]


@pytest.mark.parametrize("source", sorted(set(BUILDERS) - {"mailchimp"}))
def test_an_unknown_event_that_may_stop_messages_is_kept(
    source: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    reports = [stop(source, name, id=n, user="u-now") for n, name in enumerate(SUSPICIOUS)]
    result = run(project, source, lines(tmp_path / "r.json", *reports), raw, db)
    assert result.exit_code == 4 and not result.total.unknown and not result.total.rows
    told = " ".join(result.total.kept)
    assert all(name in told for name in SUSPICIOUS) and set(result.total.kept.values()) == {1}
    assert all(why.startswith("unknown_event: ") for why in result.total.kept)


def test_an_object_that_is_written_as_a_text_is_read(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    """Queues put JSON into JSON once more: the whole batch, or one of its lines."""
    for number, batch in enumerate(([1], [2, 3])):
        reports = [sendgrid(n, "unsubscribe", sendworthy_user_id=f"u{n}") for n in batch]
        content = [*reports[1:], json.dumps(reports[0])]
        path = tmp_path / f"r{number}.json"
        path.write_text("\n".join(json.dumps(item) for item in content) if number else json.dumps(content))
        result = run(project, "sendgrid", path, raw, db)
        assert result.total.rows and not result.total.refused, result.total
    assert {row["user_id"] for row in rows(raw)} == {"u1", "u2", "u3"}


def test_a_batch_that_is_written_as_a_text_is_read(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    """A queue puts a whole post into a text, in an array or on a line of its own."""
    for number, whole in enumerate((True, False)):
        batch = [sendgrid(10 * number + n, "unsubscribe", sendworthy_user_id=f"u{number}{n}") for n in (1, 2)]
        content = [json.dumps([batch[0], json.dumps(batch[1])]), *([] if whole else [sendgrid(9, "open")])]
        path = tmp_path / f"r{number}.json"
        path.write_text(
            json.dumps(content) if whole else "\n".join(json.dumps(item) for item in reversed(content))
        )
        result = run(project, "sendgrid", path, raw, db)
        assert result.total.landed["unsubscribed"] == 2 and not result.total.refused, result.total
        assert result.exit_code == 0
    assert {row["user_id"] for row in rows(raw)} == {"u01", "u02", "u11", "u12"}


@pytest.mark.parametrize("source", sorted(BUILDERS))
def test_what_is_no_object_and_not_null_is_kept_as_it_stands(
    source: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    strange = ["unsubscribed: now@example.com", 7, True, [["x"]], "[1", json.dumps([[2]]), "null"]
    path = tmp_path / "r.json"
    path.write_text(json.dumps([*strange, None, None]), encoding="utf-8")
    result = run(project, source, path, raw, db)
    assert result.exit_code == 4 and result.total.kept == Counter(no_event=len(strange)), result.total
    assert result.total.refused == Counter(no_object=2) and result.total.reports == len(strange) + 2
    assert "unsubscribed: now@example.com" in json.dumps(kept(raw))
    # the next run still has them
    again = run(project, source, [], raw, db)
    assert again.exit_code == 4 and again.total.kept == result.total.kept


@pytest.mark.parametrize(
    ("data", "is_kept"),
    [
        ({"topics": {"topic_1": False}}, True),
        ({"topics": {"topic_1": True, "topic_2": False}}, True),
        ({"topics": {"topic_1": True, "topic_2": None}}, True),
        ({"topics": {"topic_1": "no"}}, True),
        ({"content": json.dumps({"topics": {"topic_1": False}})}, True),
        ({"content": {"topics": {"topic_1": False}}}, True),
        ({"content": "not JSON"}, True),
        ({"topics": {}}, True),
        ({}, True),
        ({"topics": {"topic_1": True, "topic_2": True}}, False),
        ({"content": json.dumps({"topics": {"topic_1": True}})}, False),
    ],
)
def test_preferences_at_customer_io_that_may_hold_an_opt_out_are_kept(
    data: Row, is_kept: bool, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = {
        **{"event_id": "1", "object_type": "customer", "metric": "cio_subscription_preferences_changed"},
        **{"timestamp": SECONDS, "data": {"identifiers": {"id": "u-now"}, **data}},
    }
    result = run(project, "customerio", lines(tmp_path / "r.json", report), raw, db)
    assert (result.exit_code, len(kept(raw))) == ((4, 1) if is_kept else (0, 0)), result.total
    assert result.total.ignored.total() == (0 if is_kept else 1)


def test_a_single_activity_of_mailchimp_is_a_report(
    project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    member = {"campaign_id": "m1", "email_address": "now@example.com"}
    bounce = {"action": "bounce", "type": "hard", "timestamp": "2026-06-10T10:00:00+00:00"}
    page = {"emails": [{**member, "activity": bounce}, {**member, "activity": "bounced"}]}
    result = run(project, "mailchimp", lines(tmp_path / "r.json", page), raw, db)
    assert {row["event_type"] for row in rows(raw)} == {"bounced_hard"}
    assert result.exit_code == 4 and sum(result.total.kept.values()) == 1, result.total


@pytest.mark.parametrize("name", HARMLESS)
def test_an_unknown_event_that_stops_nothing_is_counted(
    name: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(1, name, sendworthy_user_id="u-now"))
    result = run(project, "sendgrid", report, raw, db)
    assert result.exit_code == 0 and result.total.unknown == Counter({name: 1}) and not kept(raw)


@pytest.mark.parametrize(
    ("source", "report"),
    [
        ("sendgrid", sendgrid(1, "dropped", reason="Recipient is unsubscribed", email="now@example.com")),
        (
            "braze",
            {
                "event_type": "users.behaviors.subscription.GlobalStateChange",
                "subscription_status": "opted_out",
                "id": "1",
                "external_user_id": "u-now",
            },
        ),
    ],
)
def test_an_unknown_qualifier_that_may_stop_messages_is_kept(
    source: str, report: Row, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    result = run(project, source, lines(tmp_path / "r.json", report), raw, db)
    assert result.exit_code == 4 and len(kept(raw)) == 1 and not result.total.ignored


def test_a_report_without_an_event_is_kept(project: Project, raw: Path, db: Path, tmp_path: Path) -> None:
    """Klaviyo's pages name no event where they were not asked for with include=metric."""
    page = {"data": [{"id": "1", "attributes": {"timestamp": SECONDS, "event_properties": {}}}]}
    result = run(project, "klaviyo", lines(tmp_path / "r.json", page), raw, db)
    assert result.total.kept == Counter(no_event=1) and result.exit_code == 4


def test_an_event_that_is_translated_later_lands_from_what_was_kept(
    project: Project, raw: Path, db: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = lines(tmp_path / "r.json", sendgrid(1, "spam_report", email="now@example.com"))
    assert run(project, "sendgrid", report, raw, db).exit_code == 4
    meanings = (ROOT / "scripts/sendworthy/ingest/event_types.csv").read_text(encoding="utf-8")
    (tmp_path / "event_types.csv").write_text(
        meanings + "sendgrid,spam_report,,complained,email,\n", encoding="utf-8"
    )
    monkeypatch.setattr("sendworthy.ingest.EVENT_TYPES", tmp_path / "event_types.csv")
    assert run(project, "sendgrid", [], raw, db).exit_code == 0
    assert [(row["user_id"], row["event_type"]) for row in rows(raw)] == [("u-now", "complained")]


@pytest.mark.parametrize("without", ["type", "email", "created_at", "id"])
def test_a_csv_without_a_column_loses_no_bounce(
    without: str, project: Project, raw: Path, db: Path, tmp_path: Path
) -> None:
    row = {"id": "1", "type": "hard", "email": "now@example.com", "created_at": "2026-06-01T08:00:00Z"}
    del row[without]
    with (tmp_path / "r.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(row))
        writer.writeheader()
        writer.writerow(row)
    result = run(project, "listmonk", tmp_path / "r.csv", raw, db)
    if without in ("type", "email"):
        assert result.exit_code == 4 and len(kept(raw)) == 1
    else:
        assert result.exit_code == 0 and {row["user_id"] for row in rows(raw)} == {"u-now"}


# -- the command


def test_the_command_says_what_it_keeps_and_ends_with_4(raw: Path, tmp_path: Path) -> None:
    reports = [
        sendgrid(1, "spamreport", email="ada.lovelace@example.com", timestamp="yesterday"),
        sendgrid(2, "group_unsub_v2", sendworthy_user_id="u-secret"),
        sendgrid(3, "spamreport", sendworthy_user_id="u-secret", timestamp="yesterday"),
    ]
    file = lines(tmp_path / "r.json", *reports)
    options = ("ingest", "--from", "sendgrid", file, "--raw", raw, "--now", "2026-06-02T05:00:00Z")
    told = sendworthy(*options, "--json")
    assert told.returncode == 4, told.stderr
    answer = json.loads(told.stdout)
    assert answer["exit_code"] == 4 and answer["total"]["untimed"] == 1
    assert answer["total"]["kept"] == {"unknown_address": 1, "unknown_event: group_unsub_v2": 1}
    assert {row["occurred_at"] for row in rows(raw)} == UNTIMED
    shown = sendworthy(*options, "--again")
    said = shown.stdout + shown.stderr
    assert shown.returncode == 4 and "group_unsub_v2" in said and answer["files"][0]["kept_file"] in said
    assert "kept: 2 reports" in said and "counts from when it was read" in said
    assert "lovelace" not in said and "u-secret" not in said
    for path in (raw / "kept_reports").iterdir():
        assert path.stat().st_mode & 0o077 == 0, "what names people is its owner's"
    page = (ROOT / "docs" / "ingest-reports.md").read_text(encoding="utf-8")
    assert "## What is kept" in page and "| 4 |" in page


# -- any mix of reports

KINDS = {"spamreport": "complained", "unsubscribe": "unsubscribed", "bounce": "bounced_hard"}
REPORT = st.fixed_dictionaries(
    {
        "sg_event_id": st.sampled_from(["e1", "e2", "e3", "", None]),
        "event": st.sampled_from([*KINDS, "open", "processed", "deferred", "odd", "spam?", None]),
        "timestamp": st.sampled_from([SECONDS, f"{SECONDS}", "2026-05-30", "?", None, 0, 4102444800]),
        "email": st.sampled_from(
            [
                None,
                "now@example.com",
                "old@example.com",
                "shared@example.com",
                "no@example.com",
                "Now@Example.COM ",
            ]
        ),
        "sendworthy_user_id": st.sampled_from([None, "u-now", "u-moved", "nobody", ""]),
        "sendworthy_dispatch_id": st.sampled_from([None, "d-old", "d-now", "d-unknown"]),
    }
)


@pytest.fixture(scope="module")
def shelf() -> Iterator[tuple[Path, Project, Path]]:
    """What each example needs and none changes."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        db = published(
            place / "published.duckdb",
            [
                ("2026-05-01", "d-old", "u-moved", NEWSLETTER, EMAIL, "default"),
                ("2026-05-02", "d-now", "u-now", NEWSLETTER, EMAIL, "default"),
            ],
            [
                (EMAIL, "now@example.com", "u-now"),
                (EMAIL, None, "u-moved"),
                (EMAIL, "shared@example.com", "u-1"),
                (EMAIL, "shared@example.com", "u-2"),
            ],
            [("d-old", "old@example.com"), ("d-now", "now@example.com")],
        )
        yield place, settings_in(place / "project"), db


HOLDERS = {
    "now@example.com": {"u-now"},
    "old@example.com": {"u-moved"},
    "shared@example.com": {"u-1", "u-2"},
    "no@example.com": set(),
}
DISPATCHED = {"d-old": "u-moved", "d-now": "u-now"}


def must_be_stopped(report: Row) -> set[str]:
    """Everybody whom a report that stops messages is about, by the words of docs/ingest-reports.md."""
    if owner := DISPATCHED.get(report["sendworthy_dispatch_id"]):
        return {owner}
    user = report["sendworthy_user_id"] or None
    if user in ("u-now", "u-moved"):
        return {user}
    address = (report["email"] or "").strip().lower()
    return HOLDERS.get(address, set()) | ({user} if user else set())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(reports=st.lists(REPORT, min_size=1, max_size=12), random=st.randoms(use_true_random=False))
def test_whatever_comes_each_stop_has_landed_for_everybody_or_is_kept(
    reports: list[Row], random: Any, shelf: tuple[Path, Project, Path]
) -> None:
    place, project, db = shelf
    with tempfile.TemporaryDirectory(dir=place) as folder:
        raw = landing_zone_in(Path(folder))
        result = run(project, "sendgrid", lines(Path(folder) / "r.json", *reports), raw, db)
        landed, waiting = rows(raw), kept(raw)
        for report in reports:
            kind = KINDS.get(str(report["event"]))
            if kind is None:
                continue
            people = must_be_stopped(report)
            if people:
                found = {row["user_id"] for row in landed if row["event_type"] == kind}
                assert people <= found, report
            else:
                assert any(
                    line["event"] == report["event"] and line["address"] == report["email"]
                    for line in waiting
                )
        assert result.total.kept.total() == len(waiting)
        assert (result.exit_code == 4) == bool(waiting)
        # nothing depends on the order of the reports
        shuffled = list(reports)
        random.shuffle(shuffled)
        other = Path(folder) / "other"
        other.mkdir()
        run(project, "sendgrid", lines(other / "r.json", *shuffled), landing_zone_in(other), db)
        again = rows(other / raw.name)
        assert landed == again
        assert sorted(map(str, waiting)) == sorted(map(str, kept(other / raw.name)))
