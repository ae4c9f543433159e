"""Alerts of held-back campaigns: they arrive, they are tried again, they never block, and they tell no secret."""

from __future__ import annotations

import email
import email.message
import email.policy
import json
import logging
import os
import shutil
import socketserver
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from sendworthy.audit import alerts
from sendworthy.audit.alerts import (
    TRIES,
    AlertResult,
    Channels,
    SentAlerts,
    alert_of_failure,
    in_text,
    read_channels,
    send_alerts,
)
from sendworthy.foundation.errors import Interrupted, Problem, SettingsError, StaleData
from sendworthy.foundation.project import Project
from sendworthy.night.failure_alert import FailureAlert
from sendworthy.night.preparation import refuse_stale

from tests.support.projects import ROOT, copy_clone, sendworthy

SECRET = "T0PS3CRET"
ALERT = {"campaign_id": "welcome__new__email", "reasons": [{"words": "ä"}]}
Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """Answers each request with the next of its answers (the last one again and again), and keeps what it was sent."""

    daemon_threads = True

    def __init__(self, *answers: Answer) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = list(answers)
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.times: list[float] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.times.append(time.monotonic())
        self.server.paths.append(self.path)
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    def give(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return give


def hang(handler: BaseHTTPRequestHandler) -> None:
    assert isinstance(handler, Handler)
    handler.server.ended.wait()


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True


@contextmanager
def serving(*answers: Answer) -> Iterator[Server]:
    with Server(*answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.ended.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(
    ("answers", "tries"),
    [
        ([answer(204)], 1),
        ([answer(500), answer(200)], 2),
        ([answer(503), hang_up, answer(200)], 3),
        ([answer(429, Retry_After="0"), answer(200)], 2),
    ],
    ids=["at once", "after a fault", "after a fault and a broken line", "after too many"],
)
def test_an_alert_arrives(answers: list[Answer], tries: int) -> None:
    with serving(*answers) as server:
        (told,) = send_alerts([ALERT], Channels(webhook=server.url))
        assert (told.sent, told.channel, told.why_not) == (True, "webhook", "")
        assert server.bodies == [ALERT] * tries


def test_a_server_may_ask_for_a_pause() -> None:
    with serving(answer(429, Retry_After="2"), answer(200)) as server:
        (told,) = send_alerts([ALERT], Channels(webhook=server.url))
        assert told.sent and server.times[1] - server.times[0] >= 2


@pytest.mark.parametrize(
    ("answers", "tries", "words"),
    [
        ([answer(500)], TRIES, "500"),
        ([hang_up], TRIES, "cannot be reached"),
        ([answer(404)], 1, "404"),
        # it would become a GET, which carries nothing
        ([answer(302, Location=f"/{SECRET}/elsewhere")], 1, "302"),
    ],
    ids=["always a fault", "always a broken line", "gone", "moved"],
)
def test_an_alert_that_does_not_arrive_is_said(
    answers: list[Answer], tries: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with serving(*answers) as server:
        (told,) = send_alerts([ALERT], Channels(webhook=server.url))
        assert not told.sent and words in told.why_not
        assert len(server.bodies) == tries
    assert SECRET not in f"{told}{capfd.readouterr()}"


def test_nobody_listens(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(answer(200)) as server:
        url = server.url
    (told,) = send_alerts([ALERT], Channels(webhook=url))
    assert not told.sent and "cannot be reached" in told.why_not
    assert SECRET not in f"{told}{capfd.readouterr()}"


@pytest.mark.parametrize("hinders", [hang, answer(429, Retry_After="3600")], ids=["it hangs", "an hour"])
def test_the_time_for_all_alerts_is_bounded(hinders: Answer) -> None:
    alerts = [{"campaign_id": f"c{number}"} for number in range(30)]
    with serving(hinders) as server:
        # it returns although nobody ever answers: without a bound this test would not end
        told = send_alerts(alerts, Channels(webhook=server.url, seconds=1))
        assert server.bodies
    assert [item.campaign_id for item in told] == [alert["campaign_id"] for alert in alerts]
    assert {(item.sent, item.why_not) for item in told} == {(False, "the time for alerts was up")}


def script(folder: Path, text: str) -> tuple[str, ...]:
    (folder / "alert.py").write_text(text, encoding="utf-8")
    return (sys.executable, "alert.py", SECRET)


KEEP = "import sys, pathlib; pathlib.Path('got').open('a').write(sys.stdin.read() + '\\n')\n"


def test_a_command_gets_the_alert_and_is_tried_again(tmp_path: Path) -> None:
    command = script(tmp_path, KEEP + "sys.exit(pathlib.Path('got').read_text().count('\\n') < 3)\n")
    (told,) = send_alerts([ALERT], Channels(command=command, folder=tmp_path))
    assert told.sent and told.channel == "command"
    got = (tmp_path / "got").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in got] == [ALERT] * 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (KEEP + "print(sys.argv); sys.exit(7)", "ended with 7"),
        ("import sys; sys.stdin.close(); sys.exit(1)", "ended with 1"),
    ],
)
def test_a_command_that_fails_is_said(
    tmp_path: Path, text: str, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (told,) = send_alerts([ALERT], Channels(command=script(tmp_path, text), folder=tmp_path))
    assert not told.sent and words in told.why_not
    assert SECRET not in f"{told}{capfd.readouterr()}"


def test_a_command_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    child = "import os, time, pathlib; pathlib.Path('child').write_text(str(os.getpid())); time.sleep(600)"
    text = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])\n"
    (told,) = send_alerts([ALERT], Channels(command=script(tmp_path, text), folder=tmp_path, seconds=4))
    assert not told.sent and ("did not end" in told.why_not or "was up" in told.why_not)
    process = int((tmp_path / "child").read_text(encoding="utf-8"))
    for _ in range(100):
        if not is_running(process):
            break
        time.sleep(0.1)
    assert not is_running(process)


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
        # one that nobody has waited for yet has ended all the same
        status = Path(f"/proc/{process}/stat")
        return not status.exists() or status.read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return False


def test_a_command_that_is_not_there_is_said(tmp_path: Path) -> None:
    channels = Channels(command=(f"./{SECRET}",), folder=tmp_path)
    (told,) = send_alerts([ALERT], channels)
    assert told.why_not == "the command cannot be run (FileNotFoundError)"


def test_both_channels_are_used_and_one_may_fail(tmp_path: Path) -> None:
    with serving(answer(200)) as server:
        channels = Channels(command=("./nowhere",), webhook=server.url, folder=tmp_path)
        told = {item.channel: item.sent for item in send_alerts([ALERT], channels)}
    assert told == {"command": False, "webhook": True}


# --- services that Apprise knows -----------------------------------------------------------------------

HELD = {
    "alert": "held_back",
    "campaign_id": "welcome__new__email",
    "escalation_contact": "crm@example.com",
    "owner": "crm-team",
    "as_of": "2026-06-02T00:00:00Z",
    "run_id": "20260602T000000Z-cb0c6182",
    "reasons": [{"expectation": "limit_audience_swing", "words": "half are gone", "fix": "look"}],
    "what_to_do": "Nothing of it went out tonight.",
}
TITLE = "Sendworthy: welcome__new__email is held back, night of 2026-06-02"
TEXT = (
    "- half are gone\nNothing of it went out tonight.\nContact: crm@example.com\nOwner: crm-team\n"
    "Run: 20260602T000000Z-cb0c6182"
)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Callable[[Server], None]:
    """Whatever is asked for over HTTPS, a server of ours answers: the host is the first part of the path."""

    def lead(server: Server) -> None:
        class Leading(HTTPAdapter):
            def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
                host_and_path = str(request.url).partition("://")[2]
                request.url = f"http://127.0.0.1:{server.server_port}/{host_and_path}"
                return super().send(request, *args, **more)

        monkeypatch.setattr(requests.Session, "get_adapter", lambda session, url: Leading())

    return lead


def slack(body: dict[str, Any]) -> tuple[str, str]:
    (attachment,) = body["attachments"]
    return attachment["title"], attachment["text"]


def teams(body: dict[str, Any]) -> tuple[str, str]:
    (card,) = body["attachments"]
    assert body["type"] == "message" and card["contentType"] == "application/vnd.microsoft.card.adaptive"
    blocks = {block["id"]: block["text"] for block in card["content"]["body"] if "id" in block}
    # a backslash keeps a sign from being Markdown
    return blocks["title"], blocks["body"].replace("\\", "")


def pagerduty(body: dict[str, Any]) -> tuple[str, str]:
    assert body["routing_key"] == f"KEY{SECRET}" and body["event_action"] == "trigger"
    assert body["payload"]["severity"] == "warning"
    title, _, text = body["payload"]["summary"].partition("\r\n")
    return title, text


def plain(body: dict[str, Any]) -> tuple[str, str]:
    assert body["type"] == "warning"
    return body["title"], body["message"]


SERVICES: dict[str, tuple[str, str, bytes, Callable[[dict[str, Any]], tuple[str, str]]]] = {
    "Slack": (
        f"slack://T1JJ3T3L2/A1BRTD4JD/{SECRET}aaaaaaaaaaaaaaaa",
        f"/hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/{SECRET}aaaaaaaaaaaaaaaa",
        b"ok",
        slack,
    ),
    "Power Automate / Workflows (for MSTeams)": (
        f"workflows://prod-1.westeurope.logic.azure.com:443/643e69f83c8944/{SECRET}",
        "/prod-1.westeurope.logic.azure.com:443/workflows/643e69f83c8944/triggers/manual/paths/invoke",
        b"",
        teams,
    ),
    "Pager Duty": (f"pagerduty://KEY{SECRET}@APIKEY", "/events.pagerduty.com/v2/enqueue", b"", pagerduty),
    "JSON": (f"jsons://example.com/{SECRET}", f"/example.com/{SECRET}", b"", plain),
}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_gets_the_alert_in_its_own_shape(name: str, elsewhere: Callable[[Server], None]) -> None:
    url, path, body, read = SERVICES[name]
    with serving(answer(200, body)) as server:
        elsewhere(server)
        (told,) = send_alerts([HELD], Channels(urls=(url,)))
        assert told == AlertResult("welcome__new__email", f"{name} (entry 1 of alert_urls)", True)
        assert [sent.partition("?")[0] for sent in server.paths] == [path]
        assert read(server.bodies[0]) == (TITLE, TEXT)
        # nothing is to be fetched from anybody else
        assert "github" not in json.dumps(server.bodies)


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_that_takes_nothing_is_said_without_its_address(
    name: str,
    elsewhere: Callable[[Server], None],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    # whatever somebody lets libraries log
    caplog.set_level(logging.DEBUG)
    url = SERVICES[name][0]
    with serving(answer(500, SECRET.encode())) as server:
        elsewhere(server)
        (told,) = send_alerts([HELD], Channels(urls=(url,)))
        assert not told.sent and "did not take it" in told.why_not and len(server.bodies) == TRIES
    assert SECRET not in f"{told}{capfd.readouterr()}{caplog.text}"


def test_a_service_is_not_asked_faster_than_it_takes(elsewhere: Callable[[Server], None]) -> None:
    with serving(answer(200)) as server:
        elsewhere(server)
        send_alerts([HELD, {**HELD, "campaign_id": "x"}], Channels(urls=("jsons://example.com",)))
        assert len(server.times) == 2 and server.times[1] - server.times[0] >= 0.9


class Mail(socketserver.StreamRequestHandler):
    """A mail server that takes everything."""

    def handle(self) -> None:
        assert isinstance(self.server, MailServer)
        self.wfile.write(b"220 here\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                lines = list(iter(self.rfile.readline, b".\r\n"))
                self.server.mails.append(
                    email.message_from_bytes(b"".join(lines), policy=email.policy.default)
                )
            if line.upper().startswith(b"RCPT"):
                self.server.to.append(line.decode().strip())
            self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
            if line.upper().startswith(b"QUIT"):
                return


class MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    mails: list[email.message.EmailMessage]
    to: list[str]


def test_an_e_mail_is_sent() -> None:
    with MailServer(("127.0.0.1", 0), Mail) as server:
        server.mails, server.to = [], []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        port = server.server_address[1]
        url = f"mailto://127.0.0.1:{port}?from=night@example.com&to=crm@example.com&mode=insecure"
        (told,) = send_alerts([HELD], Channels(urls=(url,)))
        server.shutdown()
    assert told.sent and [line.lower() for line in server.to] == ["rcpt to:<crm@example.com>"]
    (mail,) = server.mails
    body = mail.get_body(("plain",))
    assert mail["Subject"] == TITLE and body is not None
    assert body.get_content().replace("\r\n", "\n").strip() == TEXT


# --- failed nights, and what was sent already ---------------------------------------------------------


def test_a_failed_night_says_what_and_what_to_do_and_quotes_no_value() -> None:
    problems = [Problem("seeds/global_suppressions.csv:2", "channel", f"{SECRET} is wrong", "fix it")]
    error = SettingsError("the settings are not in order; nothing was built.", "fix them.", problems)
    alert = alert_of_failure(error, "2026-06-02T00:00:00Z")
    assert in_text(alert) == (
        "Sendworthy: the night of 2026-06-02 failed (exit 2)",
        "- the settings are not in order; nothing was built.\nNo list of the night was published: what went out "
        "before stays as it was. fix them. The command's own output names 1 more.",
    )
    assert SECRET not in json.dumps(alert)
    stale = alert_of_failure(StaleData("the newest event is old.", "see why."), "2026-06-02")
    assert stale["alert"] == "stale_data" and "stale" in in_text(stale)[0]


def test_each_cause_of_a_night_is_sent_once_to_each_channel(tmp_path: Path) -> None:
    database, clock = tmp_path / "night.duckdb", 1_000_000.0

    def send(alert: dict[str, Any], *answers: Answer) -> list[bool]:
        with serving(*answers) as server:
            known = SentAlerts(database, lambda: clock)
            return [told.sent for told in send_alerts([alert], Channels(webhook=server.url), known)]

    # what did not arrive is sent again
    assert send(HELD, answer(404)) == [False]
    assert send(HELD, answer(200)) == [True]
    other_numbers = [{**HELD["reasons"][0], "words": "a third is gone"}]  # type: ignore[dict-item]
    assert send({**HELD, "run_id": "another", "reasons": other_numbers}, answer(200)) == []
    for new in (
        {"as_of": "2026-06-03T00:00:00Z"},
        {"campaign_id": "another"},
        {"reasons": [{"expectation": "limit_sources", "words": "x", "fix": "y"}]},
        {"alert": "night_failed"},
    ):
        assert send({**HELD, **new}, answer(200)) == [True]
        assert send({**HELD, **new}, answer(200)) == []
    clock += 91 * 86_400
    assert send(HELD, answer(200)) == [True]


def test_what_was_sent_is_forgotten_rather_than_a_night_lost(tmp_path: Path) -> None:
    database = tmp_path / "night.duckdb"
    (tmp_path / ".sendworthy").mkdir()
    (tmp_path / ".sendworthy" / "night.duckdb.alerts.json").write_text("[1", encoding="utf-8")
    assert not SentAlerts(database).has(HELD, "webhook")
    # nothing can be written there
    (tmp_path / "file").write_text("", encoding="utf-8")
    with serving(answer(200)) as server:
        known = SentAlerts(tmp_path / "file" / "night.duckdb")
        (told,) = send_alerts([HELD], Channels(webhook=server.url), known)
    assert told.sent


def test_stale_data_are_alerted_as_what_they_are(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StaleData) as caught:
        refuse_stale(datetime(2026, 6, 1, tzinfo=timezone.utc), datetime(2026, 6, 3, tzinfo=timezone.utc))
    with serving(answer(200)) as server:
        channels_of(project, alert_webhook="env:HOOK")
        monkeypatch.setenv("HOOK", server.url)
        alert = FailureAlert(Project(project), project / "night.duckdb")
        assert [told.sent for told in alert.send(caught.value)] == [True]
        # neither who interrupts a night nor a night that went well but for a campaign is a failure
        assert not alert.send(Interrupted("interrupted")) and not FailureAlert().send(caught.value)
    (body,) = server.bodies
    assert (body["alert"], body["exit_code"]) == ("stale_data", 1) and "48 hours" in in_text(body)[1]


@pytest.mark.parametrize("options", [["--raw", "nowhere"], ["--destination", "nowhere"]])
def test_a_night_that_fails_is_alerted_once(tmp_path: Path, options: list[str]) -> None:
    place = tmp_path / "project"
    copy_clone(place)
    with serving(answer(200)) as server:
        settings = place / "dbt_project.yml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(
            text.replace('alert_webhook: ""', f"alert_webhook: {server.url}"), encoding="utf-8"
        )
        for _ in range(2):
            done = sendworthy("nightly", *options, cwd=place)
            assert done.returncode == 2, done.stderr
    (alert,) = server.bodies
    assert (alert["alert"], alert["exit_code"]) == ("night_failed", 2) and alert["what_to_do"]
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("hinders", "words"),
    [(answer(404), "the webhook answered 404"), (hang, "the time for alerts was up")],
    ids=["gone", "hangs"],
)
def test_an_alert_of_a_failed_night_that_does_not_arrive_changes_no_exit_code(
    tmp_path: Path, hinders: Answer, words: str
) -> None:
    place = tmp_path / "project"
    copy_clone(place)
    with serving(hinders) as server:
        settings = place / "dbt_project.yml"
        text = settings.read_text(encoding="utf-8")
        settings.write_text(
            text.replace('alert_webhook: ""', f"alert_webhook: {server.url}").replace(
                "seconds: 30", "seconds: 2"
            ),
            encoding="utf-8",
        )
        # it ends although the server never answers: without a bound this test would not end
        done = sendworthy("nightly", "--raw", "nowhere", cwd=place)
    assert done.returncode == 2
    assert f"the night: nobody was alerted by the webhook: {words}" in " ".join(done.stderr.split())
    assert SECRET not in done.stderr


def test_whatever_fails_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError(SECRET)

    monkeypatch.setattr(alerts, "ThreadPoolExecutor", fail)
    (told,) = send_alerts([HELD], Channels(webhook="https://example.com"))
    assert told == AlertResult("welcome__new__email", "alerts", False, "RuntimeError")


# --- settings -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "dbt_project.yml", tmp_path / "dbt_project.yml")
    return tmp_path


def channels_of(project: Path, **variables: str) -> Channels:
    path = project / "dbt_project.yml"
    text = path.read_text(encoding="utf-8")
    for name, value in variables.items():
        before = {"alert_max_seconds": f"{name}: 30", "alert_urls": f"{name}: []"}.get(name, f'{name}: ""')
        assert text.count(before) == 1
        text = text.replace(before, f"{name}: {value}")
    path.write_text(text, encoding="utf-8")
    environment = {
        "HOOK": f"https://example.com/{SECRET}",
        "SERVICE": f"json://example.com/{SECRET}",
        "BAD": SECRET,
    }
    return read_channels(Project(project), environment)


def test_without_settings_nobody_gets_an_alert(project: Path) -> None:
    channels = channels_of(project)
    assert (channels.command, channels.webhook, channels.seconds) == ((), "", 30)
    assert send_alerts([ALERT], channels) == []


def test_channels_are_read(project: Path) -> None:
    channels = channels_of(
        project, alert_command="\"notify 'to me' --now\"", alert_webhook="env:HOOK", alert_max_seconds="5"
    )
    assert channels.command == ("notify", "to me", "--now")
    assert (channels.webhook, channels.seconds, channels.lacks) == (f"https://example.com/{SECRET}", 5, "")


def test_an_address_that_the_environment_lacks_is_no_error(project: Path) -> None:
    channels = channels_of(project, alert_webhook="env:NOBODY", alert_urls="[env:SERVICE, env:NONE]")
    assert (channels.webhook, channels.lacks) == ("", "NOBODY, NONE")
    assert channels.urls == (f"json://example.com/{SECRET}",) and channels


def test_urls_without_apprise_are_an_error_that_names_the_extra(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(SettingsError) as caught:
        channels_of(project, alert_urls="[env:SERVICE]")
    assert "sendworthy[alerts]" in caught.value.fix and SECRET not in str(vars(caught.value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alert_command", f'"notify \'{SECRET}"'),
        ("alert_command", "[notify]"),
        ("alert_webhook", f'"ftp://{SECRET}"'),
        ("alert_webhook", f'"https:// {SECRET}"'),
        ("alert_webhook", f'"http://[{SECRET}"'),
        ("alert_webhook", '"env:"'),
        ("alert_webhook", '"env:BAD"'),
        ("alert_urls", f'"json://example.com/{SECRET}"'),
        ("alert_urls", f"[nothing://{SECRET}]"),
        ("alert_urls", f"[json://example.com, slack://{SECRET}]"),
        ("alert_urls", "[env:BAD]"),
        ("alert_urls", '["env:"]'),
        ("alert_urls", f"[[{SECRET}]]"),
        ("alert_max_seconds", "0"),
        ("alert_max_seconds", "soon"),
        ("alert_max_seconds", "true"),
    ],
)
def test_settings_that_cannot_be_used_are_errors_without_their_value(
    project: Path, name: str, value: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        channels_of(project, **{name: value})
    assert name in caught.value.what and caught.value.fix and SECRET not in str(vars(caught.value))
