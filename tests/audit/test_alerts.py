"""Alerts of held-back campaigns: they arrive, they are tried again, they never block, and they tell no secret."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from sendworthy.audit.alerts import TRIES, Channels, read_channels, send_alerts
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.project import Project

from tests.support.projects import ROOT

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
        self.times: list[float] = []
        self.ended = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/{SECRET}"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.server.times.append(time.monotonic())
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


def answer(status: int, **headers: str) -> Answer:
    def give(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

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


# --- settings -----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copyfile(ROOT / "dbt_project.yml", tmp_path / "dbt_project.yml")
    return tmp_path


def channels_of(project: Path, **variables: str) -> Channels:
    path = project / "dbt_project.yml"
    text = path.read_text(encoding="utf-8")
    for name, value in variables.items():
        before = {"alert_max_seconds": f"{name}: 30"}.get(name, f'{name}: ""')
        assert text.count(before) == 1
        text = text.replace(before, f"{name}: {value}")
    path.write_text(text, encoding="utf-8")
    return read_channels(Project(project), {"HOOK": f"https://example.com/{SECRET}", "BAD": SECRET})


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
    channels = channels_of(project, alert_webhook="env:NOBODY")
    assert (channels.webhook, channels.lacks) == ("", "NOBODY")


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
