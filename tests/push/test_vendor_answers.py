"""What a vendor answers: only its own form, with numbers that add up, says that rows were taken; anything else is not confirmed."""

from __future__ import annotations

import json
import math
import os
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import format_datetime, formatdate
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sendworthy.foundation.retry import LONGEST_WAIT, retry_after
from sendworthy.push import retry, sender
from sendworthy.push.journal import Journal

from tests.support.projects import ROOT, sendworthy
from tests.support.pushed_nights import (
    BATCHES,
    CAMPAIGN,
    FIRST,
    PEOPLE,
    VENDORS,
    Scene,
    dispatch_id,
    known_as,
    nothing_personal,
    refused_rows,
    small_scenes,
    write_night,
)
from tests.support.vendor_server import SECRET, Esp, Fault

JOBS = ("klaviyo", "listmonk", "sendgrid")
COUNTS = ("braze_track", "iterable", "mailchimp")


def messages(begin: int, end: int) -> set[str]:
    return {dispatch_id(CAMPAIGN, person, FIRST) for person in PEOPLE[begin:end]}


def not_confirmed(scene: Scene) -> set[str]:
    path = scene.folder / "unconfirmed.csv"
    return {row["dispatch_id"] for row in refused_rows(scene, path.name)} if path.exists() else set()


# -- answers that say that it went well, and are not the vendor's

PAGE = f"<!doctype html><title>Sign in</title><p>{PEOPLE[4].email} {SECRET}"
STRANGE: dict[str, Any] = {
    "a login page": PAGE,
    "an empty body": "",
    "ok: false": {"ok": False},
    "ok: true": {"ok": True},
    "null": None,
    "a number": 7,
    "a list": [],
    "half of an answer": '{"message": "succ',
    "an error": {"error": "internal"},
    "texts for numbers": {
        **{"message": "success", "attributes_processed": "3", "successCount": "3", "failCount": "0"},
        **{"total_created": "3", "total_updated": "0", "error_count": "0", "errors": []},
        **{"job_id": 7, "data": {"type": "profile-bulk-import-job", "id": 7, "name": "x", "imported": "3"}},
    },
    "negative numbers": {
        **{"message": "success", "attributes_processed": -3, "successCount": -3, "failCount": 6},
        **{"total_created": -3, "total_updated": 6, "error_count": 0, "errors": [], "job_id": ""},
        **{"data": {"type": "profile-bulk-import-job", "id": ""}},
    },
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("body", STRANGE.values(), ids=STRANGE)
def test_an_answer_that_is_not_the_vendor_s_is_not_taken_for_success(
    scene_of: Callable[[str], Scene], vendor: str, body: Any
) -> None:
    scene = scene_of(vendor)
    # the second of three requests never got there, and what answered for it goes away after a while
    scene.esp.faults = {2: Fault("200", body=body)}
    result = scene.push()
    assert result.exit_code == 0 and result.unconfirmed == 0
    assert scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}
    assert result.outcomes[0].again == 1, "that it was sent again is said"


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("status", [200, 201, 202, 204, 207])
def test_where_it_stays_so_the_rows_are_named_and_the_next_push_sends_them(
    scene_of: Callable[[str], Scene], vendor: str, status: int
) -> None:
    scene = scene_of(vendor)
    body = "" if status == 204 else PAGE
    scene.esp.faults = {number: Fault(str(status), body=body) for number in range(2, 2 + retry.POLICY.tries)}
    result = scene.push()
    assert result.exit_code == 4 and result.stopped is not None and result.stopped.is_unclear
    # Klaviyo's client keeps the status to itself
    told = "it answered" if vendor == "klaviyo" else f"it answered {status}"
    assert told in result.stopped.what and "login page" in result.stopped.fix
    assert (result.outcomes[0].rows, result.unconfirmed, result.outcomes[0].is_whole) == (3, 3, False)
    assert not_confirmed(scene) == messages(3, 6)
    (reason,) = {row["reason"] for row in refused_rows(scene, "unconfirmed.csv")}
    assert told in reason and "documentation" in reason
    assert result.unconfirmed_file is not None
    assert stat.S_IMODE(result.unconfirmed_file.stat().st_mode) == 0o600
    nothing_personal(scene)
    # a look beforehand says it, too
    (planned,) = scene.plan().campaigns
    assert planned.to_send == 4 and "3 rows of an earlier push were not confirmed" in planned.notes[0]
    rerun = scene.push()
    assert rerun.exit_code == 0 and rerun.outcomes[0].is_whole and rerun.unconfirmed == 0
    assert rerun.outcomes[0].again >= 1 and not_confirmed(scene) == set()
    assert scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}


@pytest.mark.parametrize("vendor", VENDORS)
def test_who_has_taken_it_without_saying_so_gets_it_twice_and_that_is_said(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    scene.esp.faults = {2: Fault("200", after=True, body=PAGE)}
    result = scene.push()
    assert result.exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    # listmonk is asked first whether it has it
    is_looked_up = vendor == "listmonk"
    arrivals = [scene.arrivals[known_as(vendor, person)] for person in PEOPLE]
    assert arrivals == [1] * 3 + [1 if is_looked_up else 2] * 3 + [1]
    assert result.outcomes[0].again == (0 if is_looked_up else 1)


@pytest.mark.parametrize("vendor", JOBS)
def test_a_job_whose_state_is_answered_by_a_page_is_asked_after_again_and_not_sent_again(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    uploads: list[int] = []

    def page(method: str, path: str, data: Any) -> Any:
        return PAGE if method == "GET" and scene.esp.uploads and "field_definitions" not in path else data

    scene.esp.spoil = page
    result = scene.push()
    assert result.exit_code == 4 and not_confirmed(scene) == messages(0, 3)
    uploads.append(len(scene.esp.uploads))
    scene.esp.spoil = lambda method, path, data: data
    rerun = scene.push()
    assert rerun.exit_code == 0 and rerun.outcomes[0].again == 0
    assert uploads == [1] and scene.knows(CAMPAIGN, PEOPLE) and set(scene.arrivals.values()) == {1}


def test_a_look_up_that_is_answered_by_a_page_ends_it_before_anything_is_sent(
    scene_of: Callable[[str], Scene],
) -> None:
    scene = scene_of("sendgrid")
    scene.esp.spoil = lambda method, path, data: PAGE
    result = scene.push()
    assert result.exit_code == 1 and result.unconfirmed == 0 and not scene.esp.uploads


@pytest.mark.parametrize(
    ("status", "body", "is_taken"),
    [
        (200, {}, True),
        (200, {"errors": []}, True),
        (200, {"status": "ok"}, False),
        (200, {"errors": None}, False),
        (207, {}, False),
        (207, {"errors": []}, False),
    ],
)
def test_customer_io_counts_nothing_so_that_only_its_own_words_count(
    scene_of: Callable[[str], Scene], status: int, body: Any, is_taken: bool
) -> None:
    scene = scene_of("customer_io")
    scene.esp.faults = {1: Fault(str(status), after=True, body=body)}
    result = scene.push()
    assert result.exit_code == 0 and result.outcomes[0].again == (0 if is_taken else 1)


# -- refusals of any form

REFUSALS: dict[str, Any] = {
    "texts": {"errors": ["x"]},
    "a text": {"errors": "x"},
    "null": {"errors": [None]},
    "an object": {"errors": {"a": 1}},
    "a number": {"errors": 7},
    "a source that is a text": {"errors": [{"source": "x", "field": ["x"], "original_payload": "x"}]},
    "a place of very many digits": {
        "errors": [
            {"source": {"pointer": "/profiles/data/" + "9" * 5000}, "field": f"contacts[{'9' * 5000}]"}
        ]
    },
    "a list": [["x"]],
    "null alone": None,
}


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize("body", REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_of_any_form_is_one(scene_of: Callable[[str], Scene], vendor: str, body: Any) -> None:
    scene = scene_of(vendor)
    scene.esp.faults = {number: Fault("400", body=body) for number in range(2, 12)}
    result = scene.push()
    # the second batch is divided down to its rows, and goes on
    assert result.exit_code == 3 and result.refused >= 3 and result.unconfirmed == 0
    assert scene.knows(CAMPAIGN, PEOPLE[:3])
    nothing_personal(scene)


def test_errors_of_a_job_of_klaviyo_in_any_form_name_nobody(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("klaviyo")
    scene.esp.bad = {known_as("klaviyo", PEOPLE[4]): "no"}
    errors = [{"attributes": "x"}, {"attributes": {"source": "x"}}, {}]
    scene.esp.spoil = lambda method, path, data: {"data": errors} if "errors" in path else data
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 1 and result.unconfirmed == 0
    assert refused_rows(scene)[0]["dispatch_id"] == ""


def test_errors_of_klaviyo_that_name_more_than_failed_confirm_nothing(
    scene_of: Callable[[str], Scene],
) -> None:
    scene = scene_of("klaviyo")
    scene.esp.bad = {known_as("klaviyo", PEOPLE[4]): "no"}
    errors = [
        {"attributes": {"source": {"pointer": f"/data/attributes/profiles/data/{place}/"}}}
        for place in (0, 1)
    ]
    scene.esp.spoil = lambda method, path, data: {"data": errors} if "errors" in path else data
    result = scene.push()
    assert result.exit_code == 4 and messages(3, 6) == not_confirmed(scene)


# -- numbers that do not add up


def without_names(method: str, path: str, data: Any) -> Any:
    """It takes some, and says nothing of the others."""
    if not isinstance(data, dict):
        return data
    if "successCount" in data:
        return {**data, "failCount": 0, "failedUpdates": {}}
    return {**data, "errors": [], **({"error_count": 0} if "error_count" in data else {})}


@pytest.mark.parametrize("vendor", COUNTS)
def test_two_of_three_is_not_three(scene_of: Callable[[str], Scene], vendor: str) -> None:
    """The row that is passed over in silence is found by sending halves."""
    scene = scene_of(vendor)
    bad = PEOPLE[4]
    scene.esp.bad, scene.esp.spoil = {known_as(vendor, bad): "no"}, without_names
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 1 and result.unconfirmed == 0
    (row,) = refused_rows(scene)
    assert row["dispatch_id"] == dispatch_id(CAMPAIGN, bad, FIRST) and row["code"] == "not_taken"
    assert scene.knows(CAMPAIGN, [person for person in PEOPLE if person != bad])
    assert result.outcomes[0].is_whole and result.outcomes[0].again >= 2
    uploads = len(scene.esp.uploads)
    assert scene.push().exit_code == 3 and len(scene.esp.uploads) == uploads
    nothing_personal(scene)


@pytest.mark.parametrize("vendor", COUNTS)
def test_none_of_three_is_not_three(scene_of: Callable[[str], Scene], vendor: str) -> None:
    scene = scene_of(vendor)
    scene.esp.bad = {known_as(vendor, person): "no" for person in PEOPLE}
    scene.esp.spoil = without_names
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 7 and not scene.esp.people
    assert result.outcomes[0].again == 0, "that none was taken is known"


OFF: dict[str, Callable[[dict[str, Any], int], dict[str, Any]]] = {
    "braze_track": lambda data, by: {**data, "attributes_processed": data["attributes_processed"] + by},
    "iterable": lambda data, by: {**data, "successCount": data["successCount"] + by},
    "mailchimp": lambda data, by: {**data, "total_created": data["total_updated"] + by, "total_updated": 0},
}


@pytest.mark.parametrize("by", [-1, 1])
@pytest.mark.parametrize("vendor", COUNTS)
def test_a_number_that_is_off_once_costs_nobody_a_row(
    scene_of: Callable[[str], Scene], vendor: str, by: int
) -> None:
    scene = scene_of(vendor)
    seen: list[int] = []

    def off(method: str, path: str, data: Any) -> Any:
        seen.append(1)
        return OFF[vendor](data, by) if len(seen) == 2 else data

    scene.esp.spoil = off
    result = scene.push()
    assert result.exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    # the batch in two halves, and the last one
    assert len(scene.esp.uploads) == BATCHES + 2 and result.outcomes[0].again == 2


@pytest.mark.parametrize("vendor", COUNTS)
def test_rows_of_which_the_numbers_never_add_up_are_not_confirmed(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    scene.esp.spoil = lambda method, path, data: OFF[vendor](data, 1)
    result = scene.push()
    assert result.exit_code == 4 and result.stopped is None
    assert (
        result.unconfirmed == 7 and not result.outcomes[0].is_whole and not_confirmed(scene) == messages(0, 7)
    )
    (row, *_) = refused_rows(scene, "unconfirmed.csv")
    assert "counts" in row["reason"]
    nothing_personal(scene)
    scene.esp.spoil = lambda method, path, data: data
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE) and not_confirmed(scene) == set()


def test_halves_are_bounded_and_what_is_left_is_not_confirmed(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sender, "MOST_HALVINGS", 2)
    scene = scene_of("braze_track")
    scene.esp.bad = {person.user: "no" for person in (PEOPLE[1], PEOPLE[4])}
    scene.esp.spoil = without_names
    result = scene.push()
    # the first batch is halved once (1 + 2 rows, the second half in part); nothing is left for the second batch
    assert result.exit_code == 4 and not_confirmed(scene) <= messages(0, 6)
    assert messages(3, 6) <= not_confirmed(scene) and len(not_confirmed(scene)) in (4, 5)
    assert result.outcomes[0].rows + result.refused + result.unconfirmed == 7


def test_errors_that_count_as_processed_all_the_same_are_named(scene_of: Callable[[str], Scene]) -> None:
    """Braze's page leaves open whether an object with an error is in attributes_processed."""
    scene = scene_of("braze_track")
    scene.esp.bad = {PEOPLE[4].user: "a value is not right"}
    scene.esp.spoil = lambda method, path, data: {
        **data,
        "attributes_processed": 3 if "errors" in data else data["attributes_processed"],
    }
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 1 and len(scene.esp.uploads) == BATCHES
    assert refused_rows(scene)[0]["dispatch_id"] == dispatch_id(CAMPAIGN, PEOPLE[4], FIRST)


@pytest.mark.parametrize(
    "errors", [["a minor error"], [{"type": "odd", "index": True}], [{"type": "odd", "index": 99}]]
)
def test_an_error_that_names_no_row_is_counted(scene_of: Callable[[str], Scene], errors: list[Any]) -> None:
    scene = scene_of("braze_track")
    scene.esp.bad = {PEOPLE[4].user: "x"}
    scene.esp.spoil = lambda method, path, data: {**data, "errors": errors} if "errors" in data else data
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 1 and result.outcomes[0].rows == 6
    assert refused_rows(scene)[0]["dispatch_id"] == ""


# -- jobs


def job_of(vendor: str, **counts: Any) -> Callable[[str, str, Any], Any]:
    """What a job is said to be, once it has ended."""

    def spoil(method: str, path: str, data: Any) -> Any:
        if method != "GET" or not isinstance(data, dict):
            return data
        if vendor == "klaviyo" and "data" in data and isinstance(data["data"], dict):
            return {"data": {**data["data"], "attributes": {**data["data"]["attributes"], **counts}}}
        if vendor == "sendgrid" and "results" in data:
            status = {"status": counts["status"]} if "status" in counts else {}
            more = {name: value for name, value in counts.items() if name != "status"}
            return {**data, **status, "results": {**data["results"], **more}}
        if vendor == "listmonk" and isinstance(data.get("data"), dict) and data["data"]["name"]:
            return {"data": {**data["data"], **counts}}
        return data

    return spoil


WRONG_JOBS = (
    ("klaviyo", {"completed_count": 1}),
    ("klaviyo", {"completed_count": None}),
    ("klaviyo", {"completed_count": 0, "total_count": 0}),
    ("klaviyo", {"completed_count": 9}),
    ("klaviyo", {"completed_count": 9, "total_count": 9}),
    ("klaviyo", {"status": "cancelled", "completed_count": 2}),
    ("sendgrid", {"created_count": 0}),
    ("sendgrid", {"requested_count": 0, "created_count": 0}),
    ("sendgrid", {"requested_count": 9, "created_count": 9}),
    ("sendgrid", {"created_count": None, "updated_count": None}),
    ("sendgrid", {"errored_count": 1}),
    ("sendgrid", {"status": "errored"}),
    ("sendgrid", {"status": "failed"}),
    ("listmonk", {"imported": 0}),
    ("listmonk", {"imported": 9}),
    ("listmonk", {"imported": 9, "total": 9}),
    ("listmonk", {"status": "failed"}),
    ("listmonk", {"status": "none"}),
    ("listmonk", {"imported": 0, "total": 0}),
)


@pytest.mark.parametrize(("vendor", "counts"), WRONG_JOBS, ids=str)
def test_a_job_that_ends_with_numbers_that_do_not_add_up_is_not_confirmed(
    scene_of: Callable[[str], Scene], vendor: str, counts: dict[str, Any]
) -> None:
    scene = scene_of(vendor)
    scene.esp.spoil = job_of(vendor, **counts)
    result = scene.push()
    assert result.exit_code == 4 and result.stopped is None
    rows = result.outcomes[0].rows
    assert result.unconfirmed == 7 - rows and rows in (0, 1) and result.refused == 0
    assert not_confirmed(scene) >= messages(0, 6)
    # it was given time to count
    assert scene.clock.time >= 2 * sender.SETTLE_SECONDS
    nothing_personal(scene)
    scene.esp.spoil = lambda method, path, data: data
    rerun = scene.push()
    assert rerun.exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE) and not_confirmed(scene) == set()
    if vendor == "listmonk":
        # what it has under the batch's name is asked for first
        return
    assert rerun.outcomes[0].again == 3 - rows


@pytest.mark.parametrize("vendor", JOBS)
def test_numbers_that_come_after_the_end_of_a_job_are_waited_for(
    scene_of: Callable[[str], Scene], vendor: str
) -> None:
    scene = scene_of(vendor)
    late = {"klaviyo": {"completed_count": 0}, "sendgrid": {"created_count": 0}, "listmonk": {"imported": 0}}
    seen: list[int] = []

    def spoil(method: str, path: str, data: Any) -> Any:
        changed = job_of(vendor, **late[vendor])(method, path, data)
        seen.append(changed != data)
        return changed if sum(seen) <= 3 else data

    scene.esp.spoil = spoil
    result = scene.push()
    assert result.exit_code == 0 and set(scene.arrivals.values()) == {1} and result.outcomes[0].again == 0


def test_a_job_of_sendgrid_that_failed_is_refused_whole(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("sendgrid")
    scene.esp.spoil = job_of("sendgrid", status="failed", created_count=0, errored_count=3)
    result = scene.push()
    assert result.exit_code == 3 and result.refused == 7 and result.unconfirmed == 0


@pytest.mark.parametrize(
    ("status", "imported", "is_sent_again"),
    [("failed", 3, True), ("none", 3, True), ("finished", 1, True), ("finished", 3, False)],
)
def test_an_import_of_listmonk_that_took_only_some_is_sent_again(
    scene_of: Callable[[str], Scene], status: str, imported: int, is_sent_again: bool
) -> None:
    scene = scene_of("listmonk")
    shutil.rmtree(scene.out)
    write_night(scene.out, scene.destination, {CAMPAIGN: PEOPLE[:3]})
    scene.esp.spoil = job_of("listmonk", imported=0)
    assert scene.push().exit_code == 4 and not_confirmed(scene) == messages(0, 3)
    # it is the last import that listmonk knows, and this is what has become of it
    scene.esp.spoil = lambda method, path, data: data
    scene.esp._jobs["last"].update(status=status, imported=imported)
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE[:3])
    assert set(scene.arrivals.values()) == {2 if is_sent_again else 1}


def test_listmonk_s_lines_without_attributes_are_imported_and_named(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("listmonk")

    def spoil(method: str, path: str, data: Any) -> Any:
        if path.endswith("/logs"):
            return {"data": data["data"] + "skipping invalid attributes JSON on line 1 for 'x': no\n"}
        return data

    scene.esp.spoil = spoil
    result = scene.push()
    assert result.exit_code == 3 and result.refused == BATCHES and result.outcomes[0].rows == 7 - BATCHES


# -- what follows from it


def test_the_next_night_s_changes_wait_for_a_list_that_is_not_confirmed(
    scene_of: Callable[[str], Scene],
) -> None:
    scene = scene_of("braze_track")
    scene.esp.spoil = lambda method, path, data: OFF["braze_track"](data, 1)
    assert scene.push().exit_code == 4
    assert not [record for record in scene.journal if record["event"] == "pushed"]


class Died(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("vendor", COUNTS)
def test_ended_at_any_record_while_it_is_halved_a_rerun_goes_on(
    scene_of: Callable[[str], Scene], monkeypatch: pytest.MonkeyPatch, vendor: str
) -> None:
    append = Journal._append
    for place in range(1, 100):
        scene = scene_of(vendor)
        shutil.rmtree(scene.folder, ignore_errors=True)
        left, seen = [place], [0]

        def off(method: str, path: str, data: Any, seen: list[int] = seen) -> Any:
            seen[0] += 1
            return OFF[vendor](data, -1) if seen[0] == 2 else data

        def dying(journal: Journal, record: dict[str, Any], left: list[int] = left) -> None:
            append(journal, record)
            left[0] -= 1
            if left[0] == 0:
                raise Died

        scene.esp.spoil = off
        monkeypatch.setattr(Journal, "_append", dying)
        try:
            scene.push()
        except Died:
            pass
        else:
            assert place > 10
            break
        monkeypatch.setattr(Journal, "_append", append)
        spans = [record["span"] for record in scene.journal if record["event"] == "taken"]
        known = {known_as(vendor, person) for begin, end in spans for person in PEOPLE[begin:end]}
        before = dict(scene.arrivals)
        result = scene.push()
        assert result.exit_code == 0 and result.outcomes[0].is_whole and scene.knows(CAMPAIGN, PEOPLE)
        assert all(scene.arrivals[key] == before[key] for key in known), "a row known as taken was sent again"


@pytest.mark.parametrize("vendor", COUNTS)
def test_the_command_ends_with_4_and_names_the_list(
    tmp_path: Path, nights: Callable[[str], Path], vendor: str
) -> None:
    shutil.copytree(nights(vendor), tmp_path / "out")
    esp = Esp(vendor)
    try:
        esp.spoil = lambda method, path, data: OFF[vendor](data, 1)
        arguments = ("push", "--destination", vendor, "--out", str(tmp_path / "out"), "--confirm")
        clock, environment = ("--now", "2026-06-01T04:00:00Z"), {**os.environ, **esp.environment}
        told = sendworthy(*arguments, *clock, "--json", environment=environment)
        assert told.returncode == 4, told.stderr
        answer = json.loads(told.stdout)
        assert (answer["unconfirmed"], answer["exit_code"]) == (7, 4)
        assert Path(answer["unconfirmed_file"]).name == "unconfirmed.csv"
        shown = sendworthy(*arguments, *clock, environment=environment)
        assert shown.returncode == 4 and "not confirmed: 7 rows" in shown.stderr.replace("\n", " ")
    finally:
        esp.close()


FAULTS = st.sampled_from(
    [
        None,
        Fault("200", body=PAGE),
        Fault("200", after=True, body=PAGE),
        Fault("201", body={"message": "success"}),
        Fault("201", after=True, body={"message": "success", "attributes_processed": 2}),
        Fault("201", body={"message": "success", "attributes_processed": 0}),
        Fault("500"),
        Fault("500", after=True),
        Fault("cut", after=True),
        Fault("429", headers={"Retry-After": "7200"}),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(faults=st.lists(FAULTS, max_size=30))
def test_whatever_is_answered_a_push_that_says_so_has_taken_all(
    faults: list[Fault | None], nights: Callable[[str], Path]
) -> None:
    with tempfile.TemporaryDirectory() as folder, small_scenes(Path(folder), nights) as of:
        scene = of("braze_track")
        scene.esp.faults = {number: fault for number, fault in enumerate(faults, start=1) if fault}
        lied = any(
            fault
            and not fault.after
            and isinstance(fault.body, dict)
            and "attributes_processed" in fault.body
            for fault in faults
        )
        for _ in range(40):
            result = scene.push()
            outcome = result.outcomes[0]
            gone = outcome.rows + result.refused + result.unconfirmed
            assert gone <= 7 and (result.stopped is not None or gone == 7)
            assert (result.exit_code in (0, 3)) == outcome.is_whole
            assert (result.unconfirmed_file is not None) == (result.unconfirmed > 0)
            if result.exit_code == 0:
                assert scene.knows(CAMPAIGN, PEOPLE)
                return
            if outcome.is_whole:
                # "none of them" is believed, and such rows are named
                assert lied and result.refused
                return
        raise AssertionError("it never ends")


# -- how long an answer asks to wait

NOW = 1_790_000_000.0
WAITS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "12"}, 12),
    ({"retry-after": " 12 "}, 12),
    ({"retry-after": "0"}, 0),
    ({"retry-after": "1.5"}, 1.5),
    ({"retry-after": "12s"}, 12),
    ({"retry-after": "1500ms"}, 1.5),
    ({"retry-after": "1500 ms"}, 1.5),
    ({"retry-after-ms": "1500"}, 1.5),
    # more than a day of seconds
    ({"retry-after": "120000"}, 120),
    ({"retry-after": "soon"}, None),
    ({"retry-after": "-5"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": ""}, None),
    ({"retry-after": "9" * 400}, None),
    ({"retry-after": "1e400"}, None),
    # up to a day, a plain number is seconds: RFC 9110 says so
    ({"retry-after": "7200"}, 7200),
    ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30),
    ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0),
    ({"retry-after": "Monday, 21-Sep-26 14:13:50 GMT"}, 30),
    ({"retry-after": "2026-09-21T14:13:50Z"}, 30),
    ({"retry-after": "2026-09-21T16:13:50+02:00"}, 30),
    # a local time is none
    ({"retry-after": "2026-09-21T14:13:50"}, None),
    ({"retry-after": formatdate(NOW + 40 * 86_400, usegmt=True)}, None),
    ({"retry-after": "1790000030"}, 30),
    ({"x-ratelimit-reset": "1790000030"}, 30),
    ({"x-ratelimit-reset": "1790000030.5"}, 30.5),
    ({"x-ratelimit-reset": "1790000030000"}, 30),
    ({"x-ratelimit-reset": "1790000030000000"}, 30),
    ({"x-ratelimit-reset": "1789999990"}, 0),
    ({"x-ratelimit-reset": "4102444800"}, None),
    ({"x-ratelimit-reset": "4"}, 4),
    ({"x-ratelimit-reset": "0.25"}, 0.25),
    ({"x-ratelimit-reset": "x"}, None),
    ({"ratelimit-reset": "9"}, 9),
    # one that cannot be read stands beside one that can
    ({"retry-after": "soon", "x-ratelimit-reset": "4"}, 4),
    ({"retry-after": "4", "x-ratelimit-reset": "soon"}, 4),
    ({"retry-after": "99999999999", "x-ratelimit-reset": "4"}, 4),
    ({"retry-after": "3", "x-ratelimit-reset": "900"}, 3),
    # two in one
    ({"retry-after": "3, 7"}, 7),
    ({"retry-after": "soon, 7"}, 7),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS, ids=str)
def test_how_long_an_answer_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    found = retry_after(headers, NOW)
    assert found == seconds or (
        found is not None and seconds is not None and math.isclose(found, seconds, abs_tol=1e-6)
    )


@given(seconds=st.floats(0, 80_000), way=st.integers(0, 6))
def test_a_wait_is_understood_however_it_is_written(seconds: float, way: int) -> None:
    moment = NOW + seconds
    text = (
        f"{seconds:.6f}",
        f"{seconds:.6f} s",
        f"{seconds * 1000:.3f}ms",
        f"{moment:.6f}",
        f"{moment * 1000:.0f}",
        format_datetime(datetime.fromtimestamp(moment, timezone.utc), usegmt=True),
        datetime.fromtimestamp(moment, timezone.utc).isoformat(),
    )[way]
    found = retry_after({"retry-after": text}, NOW)
    assert found is not None and abs(found - seconds) <= 1


# any text, and what is nearly a wait: numbers of any size with any unit, two in one, and moments
ANY_WAIT = st.one_of(
    st.text(),
    st.builds(
        "{}{}{}".format,
        st.one_of(st.integers(-10, 10**20), st.floats()),
        st.sampled_from(["", "s", " s", "ms", "m", "x", ",", ", 7"]),
        st.sampled_from(["", " ", "\n"]),
    ),
    st.datetimes().map(datetime.isoformat),
    st.datetimes(timezones=st.timezones()).map(datetime.isoformat),
)


def test_a_header_of_any_kind_is_understood_within_bounds_or_ignored() -> None:
    seen: Counter[bool] = Counter()

    @settings(max_examples=300)
    @given(
        headers=st.dictionaries(
            st.sampled_from(["retry-after", "x-ratelimit-reset", "retry-after-ms"]), ANY_WAIT
        )
    )
    def compare(headers: dict[str, str]) -> None:
        found = retry_after(headers, NOW)
        assert found is None or 0 <= found <= LONGEST_WAIT
        seen[found is not None] += 1

    compare()
    assert seen[True] >= seen.total() / 4, seen


def test_an_unreadable_wait_is_none_and_the_push_goes_on(scene_of: Callable[[str], Scene]) -> None:
    scene = scene_of("mailchimp")
    scene.esp.faults = {
        1: Fault("429", headers={"Retry-After": "soon", "X-RateLimit-Reset": "11"}),
        2: Fault("429", headers={"Retry-After": "whenever"}),
        3: Fault("503", headers={"Retry-After": "1700ms"}),
    }
    assert scene.push().exit_code == 0 and scene.knows(CAMPAIGN, PEOPLE)
    assert scene.clock.slept[:3] == [11, 1.5, 3]


# -- the page


def test_the_page_says_what_success_is_of_each_vendor() -> None:
    page = (ROOT / "docs" / "push.md").read_text(encoding="utf-8")
    begin = page.index("## What counts as taken")
    table = page[begin : page.index("\n## ", begin + 1)]
    for vendor in VENDORS:
        assert f"| `{vendor}` |" in table
    assert "unconfirmed.csv" in page and "| 4 |" in page
