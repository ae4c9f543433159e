"""`sendworthy push`: whatever the vendor does wrong, in the end it knows the list, no batch known as taken is sent again, and
every refused row is named.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.retry import Clock, Pace
from sendworthy.push import redact, retry
from sendworthy.push.batches import ListChanged
from sendworthy.push.journal import Journal, UnreadableJournal
from sendworthy.push.plan import MayNotGo
from sendworthy.push.sender import push
from sendworthy.push.vendors import VENDORS as ADAPTERS
from sendworthy.settings.destinations import Rate

from tests.support.projects import ROOT, sendworthy
from tests.support.pushed_nights import (
    BATCHES,
    CAMPAIGN,
    DESTINATIONS,
    FIRST,
    MAX_AGE,
    NOW,
    PEOPLE,
    VENDORS,
    Scene,
    add_changes,
    dispatch_id,
    known_as,
    nothing_personal,
    people,
    refused_rows,
    small,
    take_back,
    with_limits,
    write_night,
)
from tests.support.vendor_server import DOCUMENTED, SECRET, Esp, FakeClock, Fault
from tests.support.vendor_server import Limits as Documented

OTHER = "offer__everyone__email"
NIGHT_CLOCK = "2026-06-01T04:00:00Z"


@pytest.fixture
def new_scene(tmp_path: Path) -> Iterator[Callable[..., Scene]]:
    """A scene with another destination and another server than the small ones; its night is still to be written."""
    servers: list[Esp] = []

    def of(destination: Any, limits: Documented | None = None) -> Scene:
        clock = FakeClock()
        servers.append(Esp(destination.name, clock, limits))
        return Scene(tmp_path / "out", destination, servers[-1], clock)

    yield of
    for server in servers:
        server.close()


# every fault, at the second of three requests, and what comes of it


@dataclass(frozen=True)
class Case:
    """A fault, how often the batch is sent in all, how often it arrives, and how often that was after an unknown outcome."""

    name: str
    fault: Fault
    words: str
    sent: int = 2
    arrives: int = 1
    again: int = 0
    waits: float = 0


CASES = (
    Case("429", Fault("429", headers={"Retry-After": "7"}), "waits 7 seconds, sends it once more", waits=7),
    Case(
        "429, a date",
        Fault("429", headers={"Retry-After": "date"}),
        "waits until then, sends it once more",
        waits=30,
    ),
    Case("500", Fault("500"), "waits a second, sends it once more", again=1),
    Case(
        "503, Retry-After",
        Fault("503", headers={"Retry-After": "9"}),
        "waits 9 seconds, sends it once more",
        again=1,
        waits=9,
    ),
    Case("500 after it was taken", Fault("500", after=True), "sends it once more", arrives=2, again=1),
    Case("connection cut before it was taken", Fault("cut"), "sends it once more", again=1),
    Case(
        "connection cut after it was taken",
        Fault("cut", after=True),
        "sends it once more",
        arrives=2,
        again=1,
    ),
    Case(
        "no answer in time, and it was taken",
        Fault("late", after=True),
        "sends it once more",
        arrives=2,
        again=1,
    ),
)
# who can look up whether a request has arrived does not send it twice
LOOKS_IT_UP = ("listmonk",)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_fault_is_outlived(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch, vendor: str, case: Case
) -> None:
    if case.fault.kind == "late":
        for module in ("http", "customer_io", "klaviyo", "sendgrid"):
            monkeypatch.setattr(f"sendworthy.push.vendors.{module}.READ_SECONDS", 0.25)
    scene = scene_of(vendor)
    scene.esp.faults = {2: case.fault}
    result = scene.push()
    assert scene.esp.faulty_requests == [case.fault.words]
    assert result.exit_code == 0 and result.refused == 0
    assert scene.knows(CAMPAIGN, PEOPLE)
    looked_up = vendor in LOOKS_IT_UP and case.fault.after
    assert len(scene.esp.uploads) == BATCHES - 1 + (1 if looked_up else case.sent)
    arrivals = [scene.arrivals[known_as(vendor, person)] for person in PEOPLE]
    assert arrivals == [1] * 3 + [1 if looked_up else case.arrives] * 3 + [1]
    assert result.outcomes[0].again == (0 if looked_up else case.again)
    assert any(pause >= case.waits for pause in scene.clock.slept)
    if case.waits < 2:
        assert sum(scene.clock.slept) < 6
    # and nothing is left to be sent
    assert scene.push().exit_code == 0 and len(scene.esp.uploads) == BATCHES - 1 + (
        1 if looked_up else case.sent
    )


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_is_rejected_in_a_good_answer_is_named_with_the_reason(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    # two of one batch, one of another
    bad = (PEOPLE[1], PEOPLE[2], PEOPLE[4])
    key = next(value for value in scene.esp.environment.values() if SECRET in value)
    scene.esp.bad = {
        known_as(vendor, person): f"bad {person.email} is no address of user {person.user}, key {key}"
        for person in bad
    }
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 3
    assert scene.knows(CAMPAIGN, [person for person in PEOPLE if person not in bad])
    assert result.outcomes[0].rows == 4 and result.outcomes[0].is_whole
    refused = refused_rows(scene)
    journal = {record["batch"]: record for record in scene.journal if record["event"] == "taken"}
    assert [row["campaign_id"] for row in refused] == [CAMPAIGN] * 3
    ids = {row["dispatch_id"] for row in refused}
    assert ids == {told["dispatch_id"] for record in journal.values() for told in record["refused"]}
    assert ids == {dispatch_id(CAMPAIGN, person, FIRST) for person in bad}
    for row in refused:
        assert row["code"]
        # Iterable says no more than the kind
        assert "bad" in row["reason"] or vendor == "iterable"
    assert stat.S_IMODE((scene.folder / "refused.csv").stat().st_mode) == 0o600
    nothing_personal(scene)
    assert scene.push().exit_code == 3 and len(scene.esp.uploads) == BATCHES, (
        "what was refused is not sent again"
    )


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("names_it", [True, False])
def test_a_request_that_is_refused_because_of_one_row_goes_without_it(
    scene_of: Callable[[str], Scene], vendor: str, names_it: bool
) -> None:
    scene = scene_of(vendor)
    scene.esp.poison, scene.esp.names_poison = {known_as(vendor, PEOPLE[4])}, names_it
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 1
    assert scene.knows(CAMPAIGN, [person for person in PEOPLE if person != PEOPLE[4]])
    assert set(scene.arrivals.values()) == {1}
    assert [row["dispatch_id"] for row in refused_rows(scene)] == [dispatch_id(CAMPAIGN, PEOPLE[4], FIRST)]
    assert result.outcomes[0].again == 0, "that it was not taken is known"
    uploads = len(scene.esp.uploads)
    # named: the batch, and the batch without the row; else halves: the batch, 1 + 2 rows, or 2 + 1 of them
    assert uploads == BATCHES + (
        1 if names_it and vendor in ("klaviyo", "sendgrid") else 2 if uploads == 5 else 4
    )
    nothing_personal(scene)
    assert scene.push().exit_code == 3 and len(scene.esp.uploads) == uploads


@pytest.mark.parametrize(
    ("vendor", "status"),
    [
        *((vendor, status) for vendor in VENDORS for status in (401, 302)),
        ("mailchimp", 403),
        ("mailchimp", 404),
    ],
)
def test_an_account_that_is_not_right_ends_it_and_is_shown_to_nobody(
    scene_of: Callable[[str], Scene], vendor: str, status: int
) -> None:
    scene = scene_of(vendor)
    scene.esp.locked_with = status
    with pytest.raises(SettingsError) as failed:
        scene.push()
    assert failed.value.exit_code == 2 and ADAPTERS[vendor].variables[0].name in failed.value.fix
    assert SECRET not in failed.value.what + failed.value.fix and not scene.esp.people
    # the library below SendGrid's client follows the redirect of a look-up
    assert len(scene.esp.requests) == (5 if (vendor, status) == ("sendgrid", 302) else 1), (
        "it is not tried again"
    )
    scene.esp.locked_with = 0
    assert scene.push().outcomes[0].again == 0
    assert scene.knows(CAMPAIGN, PEOPLE)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_that_stays_away_ends_it_and_a_rerun_goes_on(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    scene.esp.faults = {number: Fault("503") for number in range(2, 2 + retry.POLICY.tries)}
    result = scene.push()
    assert result.exit_code == 1 and result.stopped is not None and "503" in result.stopped.what
    assert not result.outcomes[0].is_whole and result.outcomes[0].rows == 3
    assert len(scene.esp.uploads) == 1 + retry.POLICY.tries
    # half of each pause is left to chance
    backoff = [pause for pause in scene.clock.slept if pause >= 0.75]
    assert [pause for pause in backoff if pause in (0.75, 1.5, 3.0, 6.0, 12.0)][-5:] == [
        0.75,
        1.5,
        3.0,
        6.0,
        12.0,
    ]
    assert scene.push().exit_code == 0
    assert scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}


def test_a_longer_pause_than_is_sensible_is_not_waited_for(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("mailchimp")
    scene.esp.faults = {2: Fault("429", headers={"Retry-After": "7200"})}
    result = scene.push()
    assert result.exit_code == 1 and result.stopped is not None and "7,200 seconds" in result.stopped.what
    assert sum(scene.clock.slept) == 0
    assert scene.push().outcomes[0].again == 0, "a 429 was not taken, which is known"
    assert scene.knows(CAMPAIGN, PEOPLE)


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_server_that_is_not_there_ends_it(scene_of: Callable[[str], Scene], vendor: str) -> None:
    scene = scene_of(vendor)
    scene.esp.close()
    result = scene.push()
    assert result.exit_code == 1 and result.stopped is not None
    assert "cannot be reached" in result.stopped.what and SECRET not in result.stopped.what
    assert scene.journal[-1]["event"] == "returned" if vendor != "sendgrid" else scene.journal == []


# jobs


@pytest.mark.parametrize("vendor", ("klaviyo", "sendgrid", "listmonk"))
def test_a_job_is_waited_for(scene_of: Callable[[str], Scene], vendor: str) -> None:
    scene = scene_of(vendor)
    scene.esp.paused_jobs = 3
    assert scene.push().exit_code == 0
    assert scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}
    assert scene.clock.slept[:3] == [1, 2, 4]


@pytest.mark.parametrize("vendor", ("klaviyo", "sendgrid", "listmonk"))
def test_a_job_that_takes_too_long_is_asked_after_by_the_next_push(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    scene.esp.paused_jobs = 10_000
    result = scene.push()
    assert result.exit_code == 1 and result.stopped is not None and "still at work" in result.stopped.what
    assert len(scene.esp.uploads) == 1
    scene.esp.paused_jobs = 0
    result = scene.push()
    assert result.exit_code == 0 and result.outcomes[0].again == 0
    assert scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}


@pytest.mark.parametrize("vendor", ("klaviyo", "sendgrid", "listmonk"))
def test_a_job_that_the_vendor_has_forgotten_is_sent_again(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    scene.esp.paused_jobs = 10_000
    scene.push()
    scene.esp.paused_jobs = 0
    scene.esp._jobs.clear()
    result = scene.push()
    assert result.exit_code == 0 and result.outcomes[0].again == 1
    assert scene.knows(CAMPAIGN, PEOPLE)


def test_listmonk_is_waited_for_while_somebody_else_imports(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("listmonk")
    scene.esp.busy = 2
    result = scene.push()
    assert result.exit_code == 0 and result.outcomes[0].again == 0
    assert scene.knows(CAMPAIGN, PEOPLE)


# ended in the middle


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("after", [False, True], ids=["before it is written", "after it was written"])
@pytest.mark.parametrize("vendor", ("braze_track", "klaviyo", "listmonk"))
def test_ended_at_any_record_of_the_journal_a_rerun_goes_on(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch, vendor: str, after: bool
) -> None:
    append = Journal._append
    for place in range(1, 100):
        scene = scene_of(vendor)
        shutil.rmtree(scene.folder, ignore_errors=True)
        left = [place]

        def dying(journal: Journal, record: dict[str, Any], left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] == 0 and not after:
                raise Died
            append(journal, record)
            if left[0] == 0:
                raise Died

        monkeypatch.setattr(Journal, "_append", dying)
        try:
            scene.push()
        except Died:
            pass
        else:
            assert place == 1 + BATCHES * (3 if vendor in ("klaviyo", "listmonk") else 2) + 1
            break
        monkeypatch.setattr(Journal, "_append", append)
        known = taken_people(scene)
        before = dict(scene.arrivals)
        result = scene.push()
        assert result.exit_code == 0 and result.outcomes[0].is_whole
        assert scene.knows(CAMPAIGN, PEOPLE)
        again = {key for key, count in scene.arrivals.items() if count > 1}
        assert not again & known, "a batch that was known as taken was sent again"
        # what was sent twice is counted, and so is what might have been
        assert len(again) <= 3 * result.outcomes[0].again
        if vendor == "listmonk":
            assert not again
        assert all(count <= before.get(key, 0) + 1 for key, count in scene.arrivals.items())


def taken_people(scene: Scene) -> set[str]:
    """Whom the journal knows as taken."""
    path = scene.folder / "journal.jsonl"
    records = scene.journal if path.exists() else []
    spans = [record["span"] for record in records if record["event"] == "taken"]
    return {known_as(scene.destination.name, person) for begin, end in spans for person in PEOPLE[begin:end]}


@pytest.mark.parametrize("after", [False, True], ids=["before it is taken", "after it was taken"])
@pytest.mark.parametrize("vendor", ("braze_track", "listmonk"))
def test_killed_in_the_middle_a_rerun_goes_on(tmp_path: Path, vendor: str, after: bool) -> None:
    """The command itself, with the project's own limits."""
    # Braze takes 75 in a request, listmonk all of them
    persons, requests = people(100), 2 if vendor == "braze_track" else 1
    write_night(tmp_path / "out", DESTINATIONS[vendor], {CAMPAIGN: persons})
    esp = Esp(vendor)
    try:
        command = [
            sys.executable,
            "-c",
            "from sendworthy.cli.main import main; main()",
            *arguments(tmp_path, vendor),
        ]
        environment = {**os.environ, **esp.environment}
        with subprocess.Popen(command, cwd=ROOT, env=environment) as process:
            esp.victim = process.pid
            esp.faults = {requests: Fault("kill", after=after)}
            assert process.wait(300) == -9
        rerun = sendworthy(*arguments(tmp_path, vendor), "--json", environment=environment)
        assert rerun.returncode == 0, rerun.stderr
        told = json.loads(rerun.stdout)["campaigns"][0]
        scene = Scene(tmp_path / "out", DESTINATIONS[vendor], esp, FakeClock())
        assert scene.knows(CAMPAIGN, persons)
        # listmonk is asked first whether it has the import
        is_resent = vendor == "braze_track" or not after
        assert (told["rows"], told["batches"], told["again"]) == (len(persons), requests, is_resent)
        twice = sum(1 for count in scene.arrivals.values() if count > 1)
        assert twice == (25 if after and vendor == "braze_track" else 0)
    finally:
        esp.close()


def arguments(root: Path, vendor: str) -> tuple[str, ...]:
    return (
        "push",
        "--destination",
        vendor,
        "--out",
        str(root / "out"),
        "--now",
        "2026-06-01T04:00:00Z",
        "--confirm",
    )


def test_two_pushes_at_once_send_nothing_twice(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("braze_track")
    codes: list[int] = []
    threads = [threading.Thread(target=lambda: codes.append(scene.push().exit_code)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [0, 0, 0]
    assert scene.knows(CAMPAIGN, PEOPLE) and len(scene.esp.uploads) == BATCHES


def test_a_torn_last_record_is_nothing_and_a_torn_other_one_ends_it(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("braze_track")
    scene.esp.faults = {number: Fault("503") for number in range(2, 2 + retry.POLICY.tries)}
    scene.push()
    path = scene.folder / "journal.jsonl"
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    path.write_bytes(whole + lines[0][:20])
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    assert set(scene.arrivals.values()) == {1}
    path.write_bytes(b"".join([lines[0][:20], b"\n", *lines[1:]]))
    with pytest.raises(UnreadableJournal, match="line 1"):
        scene.push()


# limits and rates


@dataclass(frozen=True)
class Many:
    """More people than a request of a vendor may have, and how many requests they need."""

    vendor: str
    count: int
    requests: int
    filler: int = 0


MANY = (
    Many("braze_track", 151, 3),
    Many("customer_io", 1000, 3, filler=1000),
    Many("iterable", 2001, 3),
    Many("klaviyo", 130, 3, filler=90_000),
    Many("mailchimp", 1001, 3),
    Many("sendgrid", 140, 3, filler=90_000),
)


@pytest.mark.parametrize("many", MANY, ids=lambda many: f"{many.vendor} {many.count}")
def test_requests_stay_within_the_documented_limits(new_scene: Callable[..., Scene], many: Many) -> None:
    scene = new_scene(DESTINATIONS[many.vendor])
    persons = people(many.count, filler="é" * (many.filler // 6))
    write_night(scene.out, scene.destination, {CAMPAIGN: persons})
    result = scene.push()
    assert result.exit_code == 0
    assert all(upload.taken for upload in scene.esp.uploads), "the server has refused none"
    assert len(scene.esp.uploads) == result.plan.campaigns[0].batches == many.requests
    assert scene.knows(CAMPAIGN, persons)
    assert scene.progress[-1] == (CAMPAIGN, many.count, many.count)


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_descriptions_ask_for_no_more_than_is_documented(vendor: str) -> None:
    ours, documented = DESTINATIONS[vendor].limits, DOCUMENTED[vendor]
    for name, most in (
        ("max_request_items", documented.items),
        ("max_request_bytes", documented.bytes),
        ("max_item_bytes", documented.item_bytes),
    ):
        assert most is None or (ours.of(name) or most + 1) <= most
    rates = {(rate.requests, rate.seconds) for rate in ours.rates}
    assert set(documented.rates) <= rates


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_more_requests_than_the_rate_allows(
    new_scene: Callable[..., Scene], nights: Callable[[str], Path], vendor: str
) -> None:
    """Two in five seconds and three in nine: the server answers 429 to the first one too many."""
    rates = ((2, 5), (3, 9))
    scene = new_scene(with_limits(vendor, rates, max_request_items=1), Documented(items=1, rates=rates))
    shutil.copytree(nights(vendor), scene.out)
    result = scene.push()
    assert result.exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    assert len(scene.esp.uploads) == len(PEOPLE) and all(upload.taken for upload in scene.esp.uploads)
    assert result.requests == len(scene.esp.requests)
    assert scene.clock.time >= result.plan.seconds == 18


def test_the_pace_keeps_every_rate_in_every_window() -> None:
    clock = FakeClock()
    rates = [Rate(requests=3, seconds=2, source=""), Rate(requests=10, seconds=60, source="")]
    pace = Pace([(rate.requests, rate.seconds) for rate in rates], Clock(clock.now, clock.now, clock.sleep))
    sent: list[float] = []
    for number in range(40):
        pace.wait()
        sent.append(clock.time)
        clock.time += 0.1 * (number % 7)
    for rate in rates:
        for begin in sent:
            assert sum(1 for then in sent if begin <= then < begin + rate.seconds) <= rate.requests
    assert clock.time < 190, "and it waits no longer than it has to"


def test_a_row_that_is_too_large_alone_is_refused_and_not_sent(new_scene: Callable[..., Scene]) -> None:
    scene = new_scene(DESTINATIONS["klaviyo"])
    persons = people(3)
    persons[1] = replace(persons[1], city="x" * 100_000)
    write_night(scene.out, scene.destination, {CAMPAIGN: persons})
    assert scene.plan().campaigns[0].too_large == 1
    result = scene.push()
    assert result.exit_code == 3 and result.outcomes[0].rows == 2
    (row,) = refused_rows(scene)
    assert row["code"] == "too_large" and "100,000 are taken" in row["reason"]
    assert len(scene.esp.people) == 2


# what goes, and what does not


def test_what_has_expired_is_counted_and_not_sent(new_scene: Callable[..., Scene]) -> None:
    scene = new_scene(small("mailchimp"))
    persons = [replace(person, hours=5 if place in (0, 3) else 30) for place, person in enumerate(PEOPLE)]
    write_night(scene.out, scene.destination, {CAMPAIGN: persons})
    assert scene.plan().campaigns[0].expired == 0
    scene.now = FIRST + timedelta(hours=6)
    (planned,) = scene.plan().campaigns
    assert (planned.expired, planned.to_send) == (2, 5)
    result = scene.push()
    assert result.exit_code == 0 and (result.outcomes[0].rows, result.outcomes[0].expired) == (5, 2)
    assert scene.knows(CAMPAIGN, [person for person in persons if person.hours == 30])


def test_what_expires_between_two_pushes_moves_no_batch(new_scene: Callable[..., Scene]) -> None:
    scene = new_scene(small("braze_track"))
    persons = [replace(person, hours=5 if place % 2 else 30) for place, person in enumerate(PEOPLE)]
    write_night(scene.out, scene.destination, {CAMPAIGN: persons})
    scene.esp.faults = {number: Fault("503") for number in range(2, 2 + retry.POLICY.tries)}
    assert scene.push().exit_code == 1
    scene.now = FIRST + timedelta(hours=6)
    assert scene.push().exit_code == 0
    assert set(scene.arrivals.values()) == {1}, "nobody was sent twice"
    assert set(scene.esp.people) == {
        person.user for place, person in enumerate(persons) if person.hours == 30 or place < 3
    }


def tamper(scene: Scene) -> None:
    path = scene.out / "2026-06-01" / "braze_track" / f"{CAMPAIGN}.jsonl"
    path.write_bytes(path.read_bytes().replace(b"Harbour", b"Harbor").replace(b"default", b"defawlt"))


def grow_old(scene: Scene) -> None:
    scene.now += timedelta(hours=40)


def add_a_file(scene: Scene) -> None:
    (scene.out / "2026-06-01" / "braze_track" / "more.jsonl").write_text("{}")


def lose_the_manifest_s_form(scene: Scene) -> None:
    (scene.out / "2026-06-01" / "manifest.json").write_text('{"campaigns": []}')


@pytest.mark.parametrize("fault", [tamper, grow_old, add_a_file, lose_the_manifest_s_form])
def test_lists_that_do_not_hold_are_not_pushed(
    scene_of: Callable[[str], Scene], fault: Callable[[Scene], None]
) -> None:
    scene = scene_of("braze_track")
    fault(scene)
    with pytest.raises(MayNotGo) as failed:
        scene.push()
    assert failed.value.exit_code == 3 and failed.value.details
    assert not scene.esp.requests


def test_a_list_that_changes_after_it_was_verified_is_not_sent_on(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of("braze_track")
    monkeypatch.setattr(ADAPTERS["braze_track"], "prepare", lambda *_: tamper(scene))
    with pytest.raises(ListChanged) as failed:
        scene.push()
    assert failed.value.exit_code == 3 and not scene.esp.requests


def test_a_rerun_sends_nothing_and_resync_sends_all_once_more(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("klaviyo")
    assert scene.push().exit_code == 0
    again = scene.push()
    assert again.exit_code == 0 and again.outcomes[0].rows == 7 and len(scene.esp.uploads) == BATCHES
    assert scene.plan().campaigns[0].is_done
    assert scene.push(resync=True).exit_code == 0
    assert len(scene.esp.uploads) == 2 * BATCHES and set(scene.arrivals.values()) == {2}
    scene.esp.faults = {2 * BATCHES + 2: Fault("429", headers={"Retry-After": "7200"})}
    assert scene.push(resync=True).exit_code == 1
    assert scene.push().exit_code == 0, "a resync that was ended is gone on with"
    assert set(scene.arrivals.values()) == {3}


def test_campaigns_are_pushed_together_or_one_by_one(new_scene: Callable[..., Scene]) -> None:
    scene = new_scene(small("iterable"))
    write_night(
        scene.out, scene.destination, {CAMPAIGN: PEOPLE, OTHER: PEOPLE[:2], "quiet__everyone__email": []}
    )
    assert scene.push(campaigns=[OTHER]).exit_code == 0
    assert scene.knows(OTHER, PEOPLE[:2])
    plan = scene.plan()
    assert [(item.campaign_id, item.to_send, item.is_done) for item in plan.campaigns] == [
        (CAMPAIGN, 7, False),
        (OTHER, 0, True),
        ("quiet__everyone__email", 0, False),
    ]
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    assert len(scene.esp.uploads) == 1 + BATCHES
    with pytest.raises(SettingsError, match="nothing of the campaign"):
        scene.push(campaigns=["welcome"])


# changes


SECOND = datetime(2026, 6, 2)


@pytest.fixture
def changed(new_scene: Callable[..., Scene], tmp_path: Path) -> Callable[..., Scene]:
    """Two nights: of the second, only two people have changed."""

    def of(vendor: str, since: datetime | None = FIRST, **more: Any) -> Scene:
        scene = new_scene(small(vendor), Documented(items=3))
        write_night(scene.out, scene.destination, {CAMPAIGN: PEOPLE})
        folder = write_night(scene.out, scene.destination, {CAMPAIGN: PEOPLE}, SECOND)
        part = write_night(tmp_path / "part", scene.destination, {CAMPAIGN: PEOPLE[:2]}, SECOND)
        file = next((part / vendor).iterdir())
        add_changes(folder, scene.destination, CAMPAIGN, since, file, **more)
        return scene

    return of


def second(scene: Scene) -> Scene:
    scene.now = SECOND + NOW
    return scene


@pytest.mark.parametrize("vendor", VENDORS)
def test_changes_go_after_the_night_that_they_build_on(changed: Callable[..., Scene], vendor: str) -> None:
    scene = changed(vendor)
    night = scene.out
    scene.out = night / "2026-06-01"
    assert second(scene).push().exit_code == 0
    assert scene.knows(CAMPAIGN, PEOPLE)
    scene.out = night
    (planned,) = scene.plan().campaigns
    assert planned.is_changes and planned.to_send == 2
    result = scene.push()
    assert result.exit_code == 0 and len(scene.esp.uploads) == BATCHES + 1
    changed_people = {known_as(vendor, person) for person in PEOPLE[:2]}
    assert {key for key, count in scene.arrivals.items() if count == 2} == changed_people
    assert scene.push().exit_code == 0 and len(scene.esp.uploads) == BATCHES + 1, "once"
    assert scene.push(resync=True).exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE, SECOND)


def test_whoever_has_the_whole_list_has_its_changes(changed: Callable[..., Scene]) -> None:
    scene = second(changed("braze_track"))
    assert scene.push(resync=True).exit_code == 0
    again = scene.push()
    assert again.exit_code == 0 and len(scene.esp.uploads) == BATCHES and again.outcomes[0].is_whole


def test_a_night_without_changes_waits_for_the_night_before_too(
    changed: Callable[..., Scene], tmp_path: Path
) -> None:
    """Two nights in which nothing has changed look alike: neither may go before the one that it builds on."""
    scene = second(changed("braze_track", is_nothing=True))
    night = scene.out
    scene.out = night / "2026-06-01"
    assert scene.push().exit_code == 0
    scene.out = night
    assert scene.push().exit_code == 0 and len(scene.esp.uploads) == BATCHES
    fourth = write_night(night, scene.destination, {CAMPAIGN: PEOPLE}, datetime(2026, 6, 4))
    part = next((tmp_path / "part" / "2026-06-02" / "braze_track").iterdir())
    add_changes(fourth, scene.destination, CAMPAIGN, datetime(2026, 6, 3), part, is_nothing=True)
    scene.now = datetime(2026, 6, 4) + NOW
    result = scene.push()
    assert result.exit_code == 3 and "2026-06-03" in result.plan.refused[0].refused


def test_a_push_of_another_night_in_between_forgets_nothing(changed: Callable[..., Scene]) -> None:
    scene = changed("braze_track", since=None)
    night = scene.out
    scene.esp.faults = {2: Fault("429", headers={"Retry-After": "7200"})}
    assert second(scene).push().exit_code == 1
    scene.out = night / "2026-06-01"
    assert scene.push().exit_code == 0
    scene.out = night
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE, SECOND) is False
    assert set(scene.arrivals.values()) == {2}, "each night's list once"


def test_changes_do_not_go_where_the_night_before_has_not(changed: Callable[..., Scene]) -> None:
    scene = second(changed("braze_track"))
    result = scene.push()
    assert result.exit_code == 3 and not scene.esp.requests
    (refused,) = result.plan.refused
    assert "2026-06-01T00:00:00Z" in refused.refused and "--resync" in refused.refused
    assert scene.push(resync=True).exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE, SECOND)


def test_changes_wait_for_a_night_that_was_pushed_in_part(changed: Callable[..., Scene]) -> None:
    scene = changed("braze_track")
    night = scene.out
    scene.out = night / "2026-06-01"
    scene.esp.faults = {2: Fault("429", headers={"Retry-After": "7200"})}
    assert second(scene).push().exit_code == 1
    scene.out = night
    assert scene.push().exit_code == 3
    assert set(scene.esp.people) < {person.user for person in PEOPLE}


def test_changes_that_are_held_back_are_not_pushed(changed: Callable[..., Scene]) -> None:
    scene = changed(
        "braze_track", held_back="a third of the list would leave", files=[], changed=0, unchanged=0
    )
    scene.out = scene.out / "2026-06-01"
    second(scene).push()
    scene.out = scene.out.parent
    result = scene.push()
    assert result.exit_code == 3 and "a third of the list would leave" in result.plan.refused[0].refused
    assert len(scene.esp.uploads) == BATCHES


def test_changes_since_no_night_are_the_whole_list(changed: Callable[..., Scene]) -> None:
    scene = second(changed("braze_track", since=None))
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE, SECOND)


def test_changes_say_what_did_not_arrive_before_them(changed: Callable[..., Scene]) -> None:
    scene = second(changed("braze_track"))
    night = scene.out
    scene.out = night / "2026-06-01"
    scene.esp.bad = {PEOPLE[5].user: "no"}
    assert scene.push().exit_code == 3
    scene.out, scene.esp.bad = night, {}
    (note,) = scene.plan().campaigns[0].notes
    assert note.startswith("1 rows") and "--resync" in note


def test_changes_that_were_tampered_with_or_lie_elsewhere_are_not_pushed(
    changed: Callable[..., Scene],
) -> None:
    scene = second(changed("braze_track", since=None))
    manifest = scene.out / "2026-06-02" / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace("braze_track/changes/", "braze_track/changes/../../"), encoding="utf-8")
    with pytest.raises(MayNotGo):
        scene.push()
    manifest.write_text(text.replace('"since": null', '"since": "2026-06-01T00:00:00Z"'), encoding="utf-8")
    (path,) = (scene.out / "2026-06-02" / "braze_track" / "changes").iterdir()
    night, scene.out = scene.out, scene.out / "2026-06-01"
    scene.push()
    scene.out = night
    path.write_bytes(path.read_bytes().replace(b"default", b"defawlt"))
    uploads = len(scene.esp.uploads)
    with pytest.raises((ListChanged, MayNotGo)):
        scene.push()
    assert len(scene.esp.uploads) == uploads


THIRD = datetime(2026, 6, 3)


@pytest.mark.parametrize("is_missed", [False, True])
def test_a_campaign_without_changes_for_a_night_goes_on(
    new_scene: Callable[..., Scene], tmp_path: Path, is_missed: bool
) -> None:
    """Held back, or new: only changes that were written and not pushed are missing."""
    scene = new_scene(small("braze_track"))
    out, new = scene.out, "newsletter__everyone__email"
    write_night(out, scene.destination, {CAMPAIGN: PEOPLE, OTHER: PEOPLE[:2]})
    assert scene.push().exit_code == 0
    there = [CAMPAIGN, OTHER] if is_missed else [OTHER]
    folder = write_night(out, scene.destination, {name: PEOPLE[:2] for name in there}, SECOND)
    for name in there:
        part = write_night(tmp_path / name, scene.destination, {name: PEOPLE[:1]}, SECOND)
        add_changes(folder, scene.destination, name, FIRST, next((part / "braze_track").iterdir()))
    assert second(scene).push(campaigns=[OTHER]).exit_code == 0
    folder = write_night(out, scene.destination, {CAMPAIGN: PEOPLE, new: PEOPLE[:2]}, THIRD)
    for name in (CAMPAIGN, new):
        part = write_night(tmp_path / f"{name}3", scene.destination, {name: PEOPLE[:2]}, THIRD)
        add_changes(folder, scene.destination, name, SECOND, next((part / "braze_track").iterdir()))
    scene.now = THIRD + NOW
    planned = {item.campaign_id: item for item in scene.plan().campaigns}
    assert planned[new].refused == "" and planned[new].to_send == 2
    assert ("2026-06-02" in planned[CAMPAIGN].refused) == is_missed
    assert scene.push().exit_code == (3 if is_missed else 0)


def test_the_changes_of_a_resync_need_no_night_before_them(changed: Callable[..., Scene]) -> None:
    scene = second(changed("braze_track", since=None, resync=True))
    (planned,) = scene.plan().campaigns
    # and not the whole list, which does not say who left
    assert planned.is_changes and planned.to_send == 2
    assert scene.push().exit_code == 0
    assert set(scene.esp.people) == {person.user for person in PEOPLE[:2]}


# the command


def test_a_dry_run_sends_nothing_and_shows_nobody(tmp_path: Path, nights: Callable[[str], Path]) -> None:
    shutil.copytree(nights("sendgrid"), tmp_path / "out")
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    command = (
        "push",
        "--destination",
        "sendgrid",
        "--out",
        tmp_path / "out",
        "--now",
        "2026-06-01T04:00:00Z",
    )
    # an account is not even needed
    shown = sendworthy(*command)
    assert shown.returncode == 0, shown.stderr
    told = json.loads(sendworthy(*command, "--json").stdout)
    assert told["sent"] is False and told["campaigns"][0]["to_send"] == 7
    assert "Nothing was sent" in shown.stdout and CAMPAIGN[:20] in shown.stdout
    shows_nobody(shown.stdout + shown.stderr + json.dumps(told, ensure_ascii=False))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before, "nothing is written"


# what is taken back

# what is left of a message at a destination that removes nothing; the times may stay
NOTHING = (None, "none")


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_message_that_is_taken_back_is_taken_off(new_scene: Callable[..., Scene], vendor: str) -> None:
    scene = new_scene(small(vendor))
    write_night(scene.out, scene.destination, {CAMPAIGN: PEOPLE})
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    before = json.loads(json.dumps(scene.esp.people))
    lists = scene.out
    # the second has expired by now, and is taken off all the same
    gone = [PEOPLE[1], replace(PEOPLE[4], hours=1)]
    scene.out = take_back(lists, scene.destination, CAMPAIGN, gone)
    (planned,) = scene.plan().campaigns
    assert (planned.rows, planned.to_send, planned.expired, planned.refused) == (2, 2, 0, "")
    assert scene.push().exit_code == 0
    uploads = len(scene.esp.uploads)
    for person in PEOPLE:
        key = known_as(vendor, person)
        told, was = (flat(people[key]) for people in (scene.esp.people, before))
        if person not in (PEOPLE[1], PEOPLE[4]):
            assert told == was, "somebody else has changed"
            continue
        for name in told.keys() | was.keys():
            if name.lower().endswith(("campaign", "campaign_id", "dispatch", "dispatch_id", "variant")):
                assert was[name] and told.get(name) in NOTHING, name
            elif not name.lower().endswith(("send_at", "sendat", "valid_until", "validtil")):
                assert told.get(name) == was.get(name), name
    # once more sends nothing, and the night's own journal knows nothing of it
    assert scene.push().exit_code == 0 and len(scene.esp.uploads) == uploads
    scene.out = lists
    (night,) = scene.plan().campaigns
    assert night.is_done and "2 of its messages were taken back" in " ".join(night.notes)


def flat(told: dict[str, Any]) -> dict[str, Any]:
    """What is known of somebody, with what is inside of `properties` beside the rest."""
    return {**told, **told.get("properties", {}), "properties": None}


def test_what_was_taken_back_is_sent_as_it_was_written_and_not_too_late(
    new_scene: Callable[..., Scene],
) -> None:
    scene = new_scene(small("braze_track"))
    write_night(scene.out, scene.destination, {CAMPAIGN: PEOPLE})
    folder = scene.out = take_back(scene.out, scene.destination, CAMPAIGN, PEOPLE[:2])
    scene.now = FIRST + MAX_AGE + NOW
    with pytest.raises(MayNotGo) as late:
        scene.push()
    assert "max-age-hours" in late.value.details[0]
    scene.now = FIRST + NOW
    (file,) = (folder / "braze_track").iterdir()
    file.write_bytes(file.read_bytes().replace(b"null", b'"hi"', 1))
    with pytest.raises(ListChanged):
        scene.push()
    manifest = folder / "manifest.json"
    text = manifest.read_text(encoding="utf-8")
    for way_out in ("../", "../../other/", "iterable/", "braze_track/../", "braze_track/deeper/"):
        manifest.write_text(text.replace('"file": "braze_track/', f'"file": "{way_out}'), encoding="utf-8")
        with pytest.raises(MayNotGo) as out:
            scene.push()
        assert out.value.details == [f"{CAMPAIGN}: it has changes that do not lie in braze_track/"]
    manifest.write_text(text.replace('"removed": 2', '"removed": "two"'), encoding="utf-8")
    with pytest.raises(SettingsError, match="manifest"):
        scene.push()
    manifest.unlink()
    with pytest.raises(SettingsError, match="manifest"):
        scene.push()
    assert not scene.esp.requests


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_example_shows_one_row_and_nobody(scene_of: Callable[[str], Scene], vendor: str) -> None:
    scene = scene_of(vendor)
    example = json.dumps(scene.plan().example, ensure_ascii=False)
    assert CAMPAIGN in example and "2026-06-01T03:00:00Z" in example and "…" in example
    shows_nobody(example)
    assert not scene.esp.requests


def shows_nobody(text: str) -> None:
    for person in PEOPLE:
        assert person.user not in text and person.email not in text
        assert not (person.first_name and person.first_name in text)


@pytest.mark.parametrize("name", sorted(set(DESTINATIONS) - set(VENDORS)))
def test_a_destination_of_files_says_how_to_load_them(tmp_path: Path, name: str) -> None:
    scene = Scene(tmp_path, DESTINATIONS[name], Esp("braze_track"), FakeClock())
    scene.esp.close()
    with pytest.raises(SettingsError, match="its lists are files, and ") as failed:
        scene.push()
    assert "braze_track" in failed.value.fix and "nobody has written" not in failed.value.what


@pytest.mark.parametrize("vendor", VENDORS)
def test_each_variable_is_asked_for_and_looked_at(scene_of: Callable[[str], Scene], vendor: str) -> None:
    scene = scene_of(vendor)
    good = scene.esp.environment
    page = (ROOT / "docs" / "push.md").read_text(encoding="utf-8")
    for variable in ADAPTERS[vendor].variables:
        assert f"`{variable.name}`" in page
        wrong = ["a b", "a\nb", "ü"]
        wrong += (
            ["http://esp.example", "ftp://x", "https:nohost-here", "https://u:p@x"]
            if variable.is_address
            else []
        )
        wrong += [""] if variable.default is None else []
        for value in wrong:
            with pytest.raises(SettingsError) as failed:
                push(scene.destination, scene.options(), {**good, variable.name: value})
            assert variable.name in "".join(problem.key for problem in failed.value.problems)
            assert not value or value not in str(failed.value.problems[0])
    assert not scene.esp.requests


@pytest.mark.parametrize(
    ("vendor", "package"),
    [("customer_io", "customerio"), ("klaviyo", "klaviyo_api"), ("sendgrid", "sendgrid")],
)
def test_a_client_that_is_not_installed_is_named_with_its_extra(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch, vendor: str, package: str
) -> None:
    scene = scene_of(vendor)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SettingsError) as failed:
        scene.push()
    extra = f"push-{vendor.replace('_', '-')}"
    assert f"sendworthy[{extra}]" in failed.value.fix
    assert f"{extra} = [" in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert scene.plan().campaigns[0].to_send == 7, "a dry run needs no client"


def test_sendgrid_without_a_custom_field_ends_before_anything_is_sent(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = scene_of("sendgrid")
    monkeypatch.setattr(Esp, "FIELDS", ("sendworthy_user_id", "loyalty_points"))
    with pytest.raises(SettingsError, match=r"no custom field .*sendworthy_campaign_id"):
        scene.push()
    assert not scene.esp.uploads


# words


def test_masks() -> None:
    masked = {
        "email": "o…@e…",
        "name": "J…",
        "none": None,
        "yes": True,
        "n": "7…",
        "list": ["a…"],
        "empty": "",
    }
    plain = {
        "email": "odd_heron28@example.com",
        "name": "Jörg",
        "none": None,
        "yes": True,
        "n": 712,
        "list": ["abc"],
        "empty": "",
    }
    assert redact.masked(plain) == masked
    words = 'odd@x.example, "Jörg" +49 171 2345678 k3y\n\u202eend'
    assert redact.clean(words, ["k3y"], {"name": "Jörg"}) == 'o…@x…, "…" +… … end'
    assert len(redact.clean("x" * 10_000)) == redact.MOST_CHARACTERS + 1


def test_the_page_has_the_table_of_faults() -> None:
    """What these tests hold true is what people read."""
    page = (ROOT / "docs" / "push.md").read_text(encoding="utf-8")
    for case in CASES:
        assert f"| {case.name} | {case.words} |" in page, case.name
