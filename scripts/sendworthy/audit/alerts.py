"""Alerts: of a held-back campaign to its escalation contact, of a failed night and of stale data to whoever reads the channel.

They leave by a command, a webhook, or any service that Apprise knows (Slack, Teams, e-mail, PagerDuty, ...). All alerts of a
night together have a bounded time, one of a night and cause is sent once, and one that fails is a warning: a night is never
blocked by them. Neither the command nor an address is ever printed, because each may hold a secret.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shlex
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import duckdb

from sendworthy.foundation.durable_files import flush, make_folder, swap_in
from sendworthy.foundation.errors import Problem, SendworthyError, SettingsError, StaleData
from sendworthy.foundation.project import Project
from sendworthy.foundation.retry import TRY_AGAIN, BadMoment, Clock, Policy, retry_after
from sendworthy.warehouse.database_file import rows

if TYPE_CHECKING:
    from apprise import NotifyBase

COMMAND, WEBHOOK, URLS, SECONDS = "alert_command", "alert_webhook", "alert_urls", "alert_max_seconds"
FROM_ENVIRONMENT = "env:"
HELD_BACK, FAILED, STALE = "held_back", "night_failed", "stale_data"

TRIES = 3
# one try waits no longer, and neither does the pause that a server asks for
TRY_SECONDS = 10
AT_A_TIME = 8
# a service is asked once in so many seconds: Slack takes no more in a channel
SERVICE_SECONDS = 1.0
# what was sent is remembered for so many seconds: nights are run again within days
REMEMBERED = 90 * 86_400
TIME_WAS_UP = "the time for alerts was up"


class NotSent(Exception):
    """Why an alert did not arrive, in words that hold nothing of the command or the address."""


@dataclass(frozen=True)
class Channels:
    """How alerts leave: a command with its arguments, a URL, URLs of Apprise; and how many seconds all of them may take.

    `lacks` names the environment variables that should hold a URL and are not set.
    """

    command: tuple[str, ...] = ()
    webhook: str = ""
    urls: tuple[str, ...] = ()
    seconds: float = 30
    folder: Path = Path()
    lacks: str = ""

    def __bool__(self) -> bool:
        return bool(self.command or self.webhook or self.urls)


@dataclass(frozen=True)
class AlertResult:
    """What became of one alert; one that is about the night has no campaign."""

    campaign_id: str | None
    channel: str
    sent: bool
    why_not: str = ""


def read_channels(project: Project, environment: Mapping[str, str]) -> Channels:
    """The channels of dbt_project.yml; SettingsError where one cannot be used. No value is in its words."""
    command, webhook, urls, seconds = (project.variable(name) for name in (COMMAND, WEBHOOK, URLS, SECONDS))
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 1 <= seconds <= 300:
        raise _wrong(SECONDS, "no number of seconds", "write a number from 1 to 300, such as 30.")
    try:
        arguments = tuple(shlex.split(_text(COMMAND, command)))
    except ValueError:
        raise _wrong(COMMAND, "no command", "close every quote in it.") from None
    if not isinstance(urls, list):
        raise _wrong(URLS, "no list", "write a list: [env:ALERT_SLACK, env:ALERT_EMAIL], or [] for none.")
    lacks: list[str] = []
    address = _address(WEBHOOK, webhook, environment, lacks)
    if address and not _is_url(address):
        raise _wrong(WEBHOOK, "no URL", "write https://..., or env:NAME to take it from the environment.")
    addresses = [_address(URLS, url, environment, lacks) for url in urls]
    channels = Channels(
        arguments, address, tuple(filter(None, addresses)), seconds, project.root, ", ".join(lacks)
    )
    _services(channels)
    return channels


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


def _address(name: str, value: object, environment: Mapping[str, str], lacks: list[str]) -> str:
    """An address, or the one in the environment that it names; empty, and added to `lacks`, where that is not set."""
    address = _text(name, value)
    if not address.startswith(FROM_ENVIRONMENT):
        return address
    variable = address.removeprefix(FROM_ENVIRONMENT).strip()
    if not variable:
        raise _wrong(name, "without a name after env:", "write env:NAME, or the URL itself.")
    address = environment.get(variable, "").strip()
    if not address:
        lacks.append(variable)
    return address


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and not set(text) & set(" \r\n\t")
    except ValueError:
        return False


def _services(channels: Channels) -> dict[str, NotifyBase]:
    """The services that the URLs of Apprise stand for, by a name that shows nothing of them."""
    if not channels.urls:
        return {}
    # here and not above: it is an extra, and takes half a second
    try:
        from apprise import Apprise, AppriseAsset
    except ImportError:
        fix = (
            "install it: pip install 'sendworthy[alerts]' (in a clone: .venv/bin/pip install -e '.[alerts]')."
        )
        raise _wrong(URLS, "set, and Apprise, which sends to such URLs, is not installed", fix) from None
    # its warnings quote addresses
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    # a redirected POST becomes a GET, and carries nothing; pictures would be fetched from elsewhere
    asset = AppriseAsset(app_id="Sendworthy", app_desc="Sendworthy", app_url="", http_redirects=False)
    asset.image_url_mask = asset.image_url_logo = ""
    found: dict[str, NotifyBase] = {}
    for number, url in enumerate(channels.urls, start=1):
        service = Apprise.instantiate(url, asset=asset)
        if service is None:
            fix = "see docs/when-a-campaign-is-held-back.md#alerts for how one is written; its key may be incomplete."
            raise _wrong(URLS, f"wrong: its entry {number} is no URL that Apprise knows", fix)
        found[f"{service.service_name} (entry {number} of {URLS})"] = service
    return found


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
            "alert": HELD_BACK,
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


def alert_of_failure(error: SendworthyError, night: str) -> dict[str, Any]:
    """The alert of a night that ended with 1 or 2. `night` is its logical time, or the day where that was not known yet."""
    count = len(error.problems) + len(error.details)
    more = f" The command's own output names {count:,} more." if count else ""
    return {
        "alert": STALE if isinstance(error, StaleData) else FAILED,
        "exit_code": error.exit_code,
        "as_of": night,
        # not the problems of settings and inputs: they may quote values
        "reasons": [{"words": error.what, "fix": error.fix}],
        "what_to_do": f"No list of the night was published: what went out before stays as it was. {error.fix}{more}".strip(),
    }


def in_text(alert: Mapping[str, Any]) -> tuple[str, str]:
    """An alert as a title and a text, for services that people read."""
    night = str(alert.get("as_of", ""))[:10]
    title = {
        STALE: f"Sendworthy: the data is stale, night of {night}",
        FAILED: f"Sendworthy: the night of {night} failed (exit {alert.get('exit_code')})",
    }.get(str(alert.get("alert")), f"Sendworthy: {alert.get('campaign_id')} is held back, night of {night}")
    lines = [f"- {reason.get('words')}" for reason in alert.get("reasons", ())]
    lines.append(str(alert.get("what_to_do") or ""))
    for label, key in (("Contact", "escalation_contact"), ("Owner", "owner"), ("Run", "run_id")):
        if alert.get(key):
            lines.append(f"{label}: {alert[key]}")
    return title, "\n".join(filter(None, lines))


class SentAlerts:
    """What was sent already, in a file beside the published one: a night that is run again alerts once for each cause."""

    def __init__(self, database: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = database.parent / ".sendworthy" / f"{database.name}.alerts.json"
        self._now = clock()
        self._sent: dict[str, float] = {}
        with suppress(OSError, ValueError, AttributeError, TypeError):
            known = json.loads(self._path.read_text(encoding="utf-8"))
            self._sent = {key: float(at) for key, at in known.items() if self._now - at < REMEMBERED}

    def has(self, alert: Mapping[str, Any], channel: str) -> bool:
        """Whether this was sent there."""
        return self._key(alert, channel) in self._sent

    def add(self, sent: Sequence[tuple[Mapping[str, Any], str]]) -> None:
        """Remember what has arrived; where that cannot be written, it is sent once more, and nothing else is lost."""
        self._sent |= {self._key(alert, channel): self._now for alert, channel in sent}
        with suppress(OSError):
            make_folder(self._path.parent)
            staged = self._path.with_suffix(".writing")
            staged.write_text(json.dumps(self._sent), encoding="utf-8")
            flush(staged)
            swap_in(staged, self._path)

    @staticmethod
    def _key(alert: Mapping[str, Any], channel: str) -> str:
        kind, reasons = alert.get("alert"), alert.get("reasons", ())
        # of a campaign, the numbers differ from try to try, and the expectation is the cause
        causes = sorted(str(reason.get("expectation") or reason.get("words")) for reason in reasons)
        parts = [alert.get("as_of"), kind, alert.get("campaign_id"), causes, channel]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def send_alerts(
    alerts: Sequence[Mapping[str, Any]], channels: Channels, known: SentAlerts | None = None
) -> list[AlertResult]:
    """Send each alert by each channel, several at a time; what has not arrived when the time is up counts as not sent.

    What is `known` as sent is left out. Whatever fails here is said in the results: no night ends otherwise because of it.
    """
    if not alerts or not channels:
        return []
    try:
        return _send_alerts(alerts, channels, known)
    except Exception as error:
        why_not = type(error).__name__
        return [AlertResult(alert.get("campaign_id"), "alerts", False, why_not) for alert in alerts]


def _send_alerts(
    alerts: Sequence[Mapping[str, Any]], channels: Channels, known: SentAlerts | None
) -> list[AlertResult]:
    deadline = time.monotonic() + channels.seconds
    senders: dict[str, Callable[[Mapping[str, Any]], None]] = {}
    if channels.command:
        senders["command"] = lambda alert: _run_command(channels, _as_json(alert), deadline)
    if channels.webhook:
        senders["webhook"] = lambda alert: _post(channels.webhook, _as_json(alert), deadline)
    for name, service in _services(channels).items():
        senders[name] = _Service(service, deadline).send
    jobs = [
        (alert, name) for alert in alerts for name in senders if known is None or not known.has(alert, name)
    ]
    pool = ThreadPoolExecutor(AT_A_TIME)
    futures = [pool.submit(_try_to_send, senders[name], alert) for alert, name in jobs]
    wait(futures, timeout=max(0.0, deadline - time.monotonic()))
    # what still waits is not begun, and each try has an end of its own
    pool.shutdown(wait=False, cancel_futures=True)
    results = [
        AlertResult(alert.get("campaign_id"), name, not why_not, why_not)
        for (alert, name), why_not in zip(jobs, map(_why_not, futures), strict=True)
    ]
    if known is not None:
        known.add([job for job, result in zip(jobs, results, strict=True) if result.sent])
    return results


def _try_to_send(send: Callable[[Mapping[str, Any]], None], alert: Mapping[str, Any]) -> str:
    """Why an alert was not sent; empty where it was."""
    try:
        send(alert)
    except NotSent as reason:
        return str(reason)
    except Exception as error:  # nothing may break the night, or show an address
        return type(error).__name__
    return ""


def _why_not(future: Future[str]) -> str:
    return future.result() if future.done() and not future.cancelled() else TIME_WAS_UP


def _as_json(alert: Mapping[str, Any]) -> bytes:
    return json.dumps(alert, ensure_ascii=False).encode()


def _repeat(attempt: Callable[[float], None], deadline: float) -> None:
    """Try until it goes well, with the seconds that a try may take; NotSent where it does not."""
    tries = 0

    def once() -> None:
        nonlocal tries
        left = deadline - time.monotonic() - 0.5
        if tries and left <= 0:
            raise NotSent(TIME_WAS_UP)
        tries += 1
        attempt(max(0.1, min(TRY_SECONDS, left)))

    policy = Policy(TRIES, first_pause=1, longest_pause=TRY_SECONDS, seconds=deadline - time.monotonic())
    try:
        policy.repeat(once, Clock())
    except BadMoment as last:
        raise NotSent(last.words if tries == TRIES else TIME_WAS_UP) from None


def _run_command(channels: Channels, body: bytes, deadline: float) -> None:
    """Run the command in the project's folder, the alert on its standard input; NotSent where it does not end with 0."""

    def attempt(seconds: float) -> None:
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
        try:
            process.communicate(body, timeout=seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise BadMoment(f"the command did not end within {seconds:.0f} seconds") from None
        if process.returncode:
            raise BadMoment(f"the command ended with {process.returncode}")

    _repeat(attempt, deadline)


def _post(url: str, body: bytes, deadline: float) -> None:
    """Post the alert; NotSent where no answer of 2xx comes."""
    # here and not above: it takes time, and most nights need none of it
    import requests

    # its warnings quote the path, which may hold a secret
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)

    def attempt(seconds: float) -> None:
        try:
            with requests.post(
                url,
                data=body,
                headers={"Content-Type": "application/json"},
                timeout=seconds / 2,
                # a redirected POST becomes a GET, and carries nothing
                allow_redirects=False,
                stream=True,
            ) as answer:
                status, headers = answer.status_code, {k.lower(): v for k, v in answer.headers.items()}
        except requests.RequestException as error:
            raise BadMoment(f"the webhook cannot be reached ({type(error).__name__})") from None
        if status in TRY_AGAIN:
            asked = retry_after(headers, time.time())
            raise BadMoment(f"the webhook answered {status}", asked and min(asked, TRY_SECONDS))
        if not 200 <= status < 300:
            raise NotSent(f"the webhook answered {status}")

    _repeat(attempt, deadline)


class _Service:
    """One of Apprise's services, which is not asked faster than it takes."""

    def __init__(self, service: NotifyBase, deadline: float) -> None:
        self._service, self._deadline = service, deadline
        self._service.request_rate_per_sec = SERVICE_SECONDS
        # its pace and its timeouts are its own
        self._one = threading.Lock()

    def send(self, alert: Mapping[str, Any]) -> None:
        """Send an alert as a text that people read; NotSent where the service does not take it."""
        from apprise import NotifyFormat, NotifyType

        logging.getLogger("urllib3").setLevel(logging.CRITICAL)
        title, text = in_text(alert)
        kind = NotifyType.WARNING if alert.get("alert") == HELD_BACK else NotifyType.FAILURE

        def attempt(seconds: float) -> None:
            with self._one:
                self._service.socket_connect_timeout = self._service.socket_read_timeout = seconds / 2
                taken = self._service.notify(
                    body=text, title=title, notify_type=kind, body_format=NotifyFormat.TEXT
                )
            if not taken:
                raise BadMoment("the service did not take it, or cannot be reached")

        _repeat(attempt, self._deadline)
