"""Alerts: each held-back campaign is told to its escalation contact, by a command or a webhook of the settings.

An alert is tried three times. All alerts of a night together have a bounded time, and one that fails is a warning: a night
is never blocked by them. Neither the command nor the address is ever printed, because both may hold a secret.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.warehouse.database import rows

COMMAND, WEBHOOK, SECONDS = "alert_command", "alert_webhook", "alert_max_seconds"
FROM_ENVIRONMENT = "env:"

TRIES = 3
# one try waits no longer, and neither does the pause that a server asks for
TRY_SECONDS = 10
# the pauses are 0 and twice as many seconds
PAUSE_SECONDS = 1
# a server that has a bad moment; anything else will be the same next time
TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)
AT_A_TIME = 8


class NotSent(Exception):
    """Why an alert did not arrive, in words that hold nothing of the command or the address."""


@dataclass(frozen=True)
class Channels:
    """How alerts leave: a command with its arguments, a URL, both or none; and how many seconds all of them may take.

    `lacks` is the environment variable that should hold the URL and is not set.
    """

    command: tuple[str, ...] = ()
    webhook: str = ""
    seconds: float = 30
    folder: Path = Path()
    lacks: str = ""


@dataclass(frozen=True)
class Told:
    """What became of one alert."""

    campaign_id: str
    channel: str
    sent: bool
    why_not: str = ""


def read_channels(project: Project, environment: Mapping[str, str]) -> Channels:
    """The channels of dbt_project.yml; SettingsError where one cannot be used. No value is in its words."""
    command, webhook, seconds = (project.variable(name) for name in (COMMAND, WEBHOOK, SECONDS))
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 1 <= seconds <= 300:
        raise _wrong(SECONDS, "no number of seconds", "write a number from 1 to 300, such as 30.")
    try:
        arguments = tuple(shlex.split(_text(COMMAND, command)))
    except ValueError:
        raise _wrong(COMMAND, "no command", "close every quote in it.") from None
    address, lacks = _text(WEBHOOK, webhook), ""
    if address.startswith(FROM_ENVIRONMENT):
        name = address.removeprefix(FROM_ENVIRONMENT).strip()
        if not name:
            raise _wrong(WEBHOOK, "without a name after env:", "write env:NAME, or the URL itself.")
        address = environment.get(name, "").strip()
        lacks = "" if address else name
    if address and not _is_url(address):
        raise _wrong(WEBHOOK, "no URL", "write https://..., or env:NAME to take it from the environment.")
    return Channels(arguments, address, seconds, project.root, lacks)


def check_channels(project: Project) -> list[Problem]:
    """The same as `read_channels`, as problems of the settings."""
    try:
        read_channels(project, os.environ)
    except SettingsError as error:
        return [Problem("dbt_project.yml", "vars.alert_*", error.what, error.fix)]
    return []


def _wrong(name: str, what: str, fix: str) -> SettingsError:
    return SettingsError(f"dbt_project.yml: {name} is {what}.", fix)


def _text(name: str, value: object) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _wrong(name, "no text", "put it in quotes, or leave it empty.")
    return value.strip()


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not set(text) & set(" \r\n\t")
    except ValueError:
        return False


def alerts_of(
    connection: duckdb.DuckDBPyConnection, run: Mapping[str, Any], campaigns: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """One alert for each held-back campaign, as plain JSON values; nothing personal but the contact of the settings."""
    contacts = {
        row["campaign_id"]: row
        for row in rows(connection, "select campaign_id, owner, escalation_contact from settings.campaigns")
    }
    return [
        {
            "campaign_id": campaign["campaign_id"],
            "escalation_contact": contacts.get(campaign["campaign_id"], {}).get("escalation_contact"),
            "owner": contacts.get(campaign["campaign_id"], {}).get("owner"),
            "as_of": run["as_of"],
            "run_id": run["run_id"],
            "reasons": [
                {key: failed[key] for key in ("expectation", "words", "fix")}
                for failed in campaign["gate"]["failed"]
            ],
            "what_to_do": _what_to_do(campaign, run["as_of"]),
        }
        for campaign in campaigns
        if campaign["status"] == "held_back"
    ]


def _what_to_do(campaign: Mapping[str, Any], as_of: str) -> str:
    name = campaign["campaign_id"]
    if all(failed["expectation"].startswith("limit_") for failed in campaign["gate"]["failed"]):
        return (
            f"Nothing of {name} went out tonight. See whether the change is meant. If it is: sendworthy nightly --as-of {as_of} "
            f'--accept {name} --reason "..." (with the options of the night). If not: fix the cause, and run the night again with the same --as-of.'
        )
    return (
        f"Nothing of {name} went out tonight, because its list failed the audit. Fix the cause, and run the night again with --as-of {as_of}; "
        "docs/when-a-campaign-is-held-back.md says how to find the messages."
    )


def send_alerts(alerts: Sequence[Mapping[str, Any]], channels: Channels) -> list[Told]:
    """Send each alert by each channel, several at a time; what has not arrived when the time is up counts as not sent."""
    waiting: queue.SimpleQueue[tuple[str, str, bytes]] = queue.SimpleQueue()
    told: dict[tuple[str, str], Told] = {}
    for alert in alerts:
        body = json.dumps(alert, ensure_ascii=False).encode()
        for channel in [name for name in ("command", "webhook") if getattr(channels, name)]:
            name = str(alert["campaign_id"])
            told[name, channel] = Told(name, channel, False, "the time for alerts was up")
            waiting.put((name, channel, body))
    deadline = time.monotonic() + channels.seconds
    results: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def work() -> None:
        with suppress(queue.Empty):
            while time.monotonic() < deadline:
                name, channel, body = waiting.get_nowait()
                try:
                    if channel == "command":
                        _run_command(channels, body, deadline)
                    else:
                        _post(channels.webhook, body)
                    results.put(Told(name, channel, True))
                except NotSent as reason:
                    results.put(Told(name, channel, False, str(reason)))
                except Exception as error:  # nothing may break the night, or show an address
                    results.put(Told(name, channel, False, type(error).__name__))

    # of which the process does not wait when it ends
    for _ in range(min(AT_A_TIME, len(told))):
        threading.Thread(target=work, daemon=True).start()
    open_alerts = set(told)
    while open_alerts and (left := deadline - time.monotonic()) > 0:
        with suppress(queue.Empty):
            result = results.get(timeout=left)
            told[result.campaign_id, result.channel] = result
            open_alerts.discard((result.campaign_id, result.channel))
    return list(told.values())


def _run_command(channels: Channels, body: bytes, deadline: float) -> None:
    """Run the command in the project's folder, the alert on its standard input; NotSent where it does not end with 0."""
    why = ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS * 2 * (attempt - 1))
        try:
            process = subprocess.Popen(
                channels.command,
                cwd=channels.folder,
                stdin=subprocess.PIPE,
                # it may print what is secret; it can write a log of its own
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            raise NotSent(f"the command cannot be run ({type(error).__name__})") from None
        # so that what hangs has been ended before nobody waits for it any more
        seconds = max(0.1, min(TRY_SECONDS, deadline - time.monotonic() - 0.5))
        try:
            process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            why = f"the command did not end within {seconds:.0f} seconds"
        else:
            if process.returncode == 0:
                return
            why = f"the command ended with {process.returncode}"
        if time.monotonic() >= deadline - 0.5:
            break
    raise NotSent(why)


def _post(url: str, body: bytes) -> None:
    """Post the alert; NotSent where no answer of 2xx comes."""
    # here and not above: it takes time, and most nights need none of it
    import requests
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    # its warnings quote the path, which may hold a secret
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    retry = Retry(
        total=TRIES - 1,
        backoff_factor=PAUSE_SECONDS,
        status_forcelist=TRY_AGAIN,
        allowed_methods=None,
        raise_on_status=False,
        redirect=0,
        retry_after_max=TRY_SECONDS,
    )
    with requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        try:
            with session.post(
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=TRY_SECONDS / 2,
                # a redirected POST becomes a GET, and carries nothing
                allow_redirects=False,
                stream=True,
            ) as answer:
                status = answer.status_code
        except requests.RequestException as error:
            raise NotSent(f"the webhook cannot be reached ({type(error).__name__})") from None
    if not 200 <= status < 300:
        raise NotSent(f"the webhook answered {status}")
