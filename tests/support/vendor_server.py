"""A server that stands for seven vendors: it keeps their documented limits, knows what each upsert did, and misbehaves on demand.

The limits are written down here once more, from the vendors' pages and not from the project's descriptions.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from email.parser import BytesParser
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "k3y-not-to-be-seen"
ACCOUNTS = {
    "braze_track": {"BRAZE_API_KEY": SECRET, "BRAZE_REST_URL": ""},
    "customer_io": {"CUSTOMERIO_SITE_ID": "site", "CUSTOMERIO_API_KEY": SECRET, "CUSTOMERIO_URL": ""},
    "iterable": {"ITERABLE_API_KEY": SECRET, "ITERABLE_URL": ""},
    "klaviyo": {"KLAVIYO_API_KEY": SECRET, "KLAVIYO_URL": ""},
    "listmonk": {"LISTMONK_USER": "sendworthy", "LISTMONK_TOKEN": SECRET, "LISTMONK_URL": ""},
    "mailchimp": {"MAILCHIMP_API_KEY": f"{SECRET}-us21", "MAILCHIMP_LIST_ID": "a1b2c3", "MAILCHIMP_URL": ""},
    "sendgrid": {"SENDGRID_API_KEY": SECRET, "SENDGRID_URL": ""},
}


class FakeClock:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.time += seconds


@dataclass(frozen=True)
class Limits:
    """What a vendor takes in one request, and in how many seconds how many of them."""

    items: int | None = None
    bytes: int | None = None
    item_bytes: int | None = None
    rates: tuple[tuple[int, int], ...] = ()


DOCUMENTED = {
    "braze_track": Limits(75, 4_000_000, None, ((3000, 3),)),
    "customer_io": Limits(None, 499_999, 32_000, ((100, 1),)),
    "iterable": Limits(1000, 4_000_000, None, ((5, 1),)),
    "klaviyo": Limits(10_000, 5_000_000, 100_000, ((10, 1), (150, 60))),
    "listmonk": Limits(),
    "mailchimp": Limits(500),
    "sendgrid": Limits(30_000, 6_000_000, None, ((3, 2),)),
}


@dataclass(frozen=True)
class Reply:
    """An answer of the server."""

    status: int
    data: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request: before it is taken or after it.

    `status`: this answer, with `body`, which is no JSON where it is a text. `cut`: no answer. `late`: an answer that comes too
    late. `kill`: the process of `Esp.victim` dies.
    """

    kind: str
    after: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = field(default_factory=lambda: {"message": "a bad moment"})

    @property
    def words(self) -> str:
        where = "after it was taken" if self.after else "before it was taken"
        more = "".join(f", {name}: {value}" for name, value in self.headers.items())
        return f"{self.kind} {where}{more}"


@dataclass
class Upload:
    """A request that carried rows: whose, and whether they were taken."""

    keys: list[str]
    taken: bool
    bytes: int


class Esp:
    """One vendor's server: its people, what it was sent, and what it shall do wrong.

    `faults`: by the number of the request with rows, from 1 on. `bad`: people that it rejects in an answer that is good;
    `poison`: people because of whom it refuses a whole request.
    """

    def __init__(self, vendor: str, clock: FakeClock | None = None, limits: Limits | None = None) -> None:
        self.vendor = vendor
        self.clock = clock
        self.limits = limits or DOCUMENTED[vendor]
        self.people: dict[str, dict[str, Any]] = {}
        self.uploads: list[Upload] = []
        self.faults: dict[int, Fault] = {}
        self.bad: dict[str, str] = {}
        self.poison: set[str] = set()
        self.names_poison = True
        # what becomes of an answer that is good, by the method and the path of its request
        self.spoil: Callable[[str, str, Any], Any] = lambda method, path, data: data
        self.locked_with = 0
        self.requests: list[tuple[float, str, str]] = []
        self.paused_jobs = 0
        self.busy = 0
        self.victim: int | None = None
        self.faulty_requests: list[str] = []
        self._jobs: dict[str, dict[str, Any]] = {}
        self._lock = threading.RLock()
        esp = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *arguments: Any) -> None:
                pass

            def _handle(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                esp.handle(self, body)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _handle

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.is_late = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        return {name: value or self.address for name, value in ACCOUNTS[self.vendor].items()}

    def close(self) -> None:
        self.is_late.set()
        self._server.shutdown()
        self._server.server_close()

    # what every vendor does alike

    def handle(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        with self._lock:
            parts = urlsplit(handler.path)
            is_upload = handler.command in ("POST", "PUT")
            self.requests.append((self.clock.now() if self.clock else 0.0, handler.command, parts.path))
            number = len(self.uploads) + 1
            fault = self.faults.pop(number, None) if is_upload else None
            if fault and not fault.after:
                self.uploads.append(Upload([], False, len(body)))
                self._fail(handler, fault)
                return
            before = len(self.uploads)
            reply = self._reply(handler, parts.path, parse_qs(parts.query), body)
            if is_upload and len(self.uploads) == before:
                self.uploads.append(Upload([], False, len(body)))
        if fault:
            self._fail(handler, fault)
        else:
            if reply.status < 300:
                reply = replace(reply, data=self.spoil(handler.command, parts.path, reply.data))
            self._send(handler, reply)

    def _fail(self, handler: BaseHTTPRequestHandler, fault: Fault) -> None:
        self.faulty_requests.append(fault.words)
        if fault.kind == "kill":
            assert self.victim is not None
            os.kill(self.victim, signal.SIGKILL)
        if fault.kind == "late":
            self.is_late.wait(1)
        if fault.kind in ("cut", "kill", "late"):
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_RDWR)
            return
        headers = dict(fault.headers)
        if headers.get("Retry-After") == "date":
            now = self.clock.now() if self.clock else time.time()
            headers["Retry-After"] = formatdate(now + 40, usegmt=True)
        self._send(handler, Reply(int(fault.kind), fault.body, headers))

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        content = reply.data.encode() if isinstance(reply.data, str) else json.dumps(reply.data).encode()
        handler.send_response(reply.status)
        for name, value in {"Content-Type": "application/json", **reply.headers}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def _reply(
        self, handler: BaseHTTPRequestHandler, path: str, query: Mapping[str, list[str]], body: bytes
    ) -> Reply:
        if self.locked_with:
            headers = {"Location": f"{self.address}/elsewhere"} if self.locked_with == 302 else {}
            return Reply(self.locked_with, {"message": f"the key {SECRET} is not known"}, headers)
        now = self.clock.now() if self.clock else 0.0
        for most, seconds in self.limits.rates if self.clock else ():
            if sum(1 for then, _, _ in self.requests if then > now - seconds) > most:
                return Reply(429, {"message": "too many requests"})
        return _VENDORS[self.vendor](self, handler, path, query, body)

    def _take(
        self,
        items: Mapping[str, tuple[str, dict[str, Any]]],
        size: int,
        store: Callable[[str, dict[str, Any]], None],
    ) -> Reply | None:
        """Keep the limits, then store; items: by place, the person and what is set. A reply where nothing is stored."""
        keys = [key for key, _ in items.values()]
        too_many = self.limits.items is not None and len(items) > self.limits.items
        if too_many or (self.limits.bytes is not None and size > self.limits.bytes):
            return Reply(413, {"message": f"{len(items)} items and {size} bytes are too many"})
        poisoned = [place for place, (key, _) in items.items() if key in self.poison]
        if poisoned:
            return Reply(400, _POISONED[self.vendor](poisoned if self.names_poison else []))
        for key, attributes in items.values():
            if key not in self.bad:
                store(key, attributes)
        self.uploads.append(Upload(keys, True, size))
        return None

    def _merge(self, key: str, attributes: dict[str, Any]) -> None:
        """An upsert that leaves what is not named, and removes what is null."""
        person = self.people.setdefault(key, {})
        person.update(attributes)
        for name in [name for name, value in person.items() if value is None]:
            del person[name]

    # the vendors

    def braze(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert (handler.command, path) == ("POST", "/users/track")
        assert handler.headers["Authorization"] == f"Bearer {SECRET}"
        assert handler.headers["Content-Type"] == "application/json"
        read = json.loads(body)
        assert read.keys() == {"attributes"}, read.keys()
        items = {
            str(place): (
                record["external_id"],
                {name: value for name, value in record.items() if name != "external_id"},
            )
            for place, record in enumerate(read["attributes"])
        }
        refused = self._take(items, len(body), self._merge)
        if refused:
            return refused
        errors = [
            {"type": self.bad[key], "input_array": "attributes", "index": int(place)}
            for place, (key, _) in items.items()
            if key in self.bad
        ]
        more = {"errors": errors} if errors else {}
        return Reply(201, {"message": "success", "attributes_processed": len(items) - len(errors), **more})

    def customer_io(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert (handler.command, path) == ("POST", "/api/v2/batch"), "never suppress"
        assert handler.headers["Authorization"] == _basic("site", SECRET)
        read = json.loads(body)
        for record in read["batch"]:
            assert record["type"] == "person" and record["action"] == "identify"
            assert self.limits.item_bytes is None or len(json.dumps(record)) <= self.limits.item_bytes
            assert "" not in record["attributes"].values(), "an empty text would take the old value's place"
        items = {
            str(place): (record["identifiers"]["id"], record["attributes"])
            for place, record in enumerate(read["batch"])
        }
        refused = self._take(items, len(body), self._merge)
        if refused:
            return refused
        errors = [
            {"batch_index": int(place), "reason": "invalid", "field": "attributes", "message": self.bad[key]}
            for place, (key, _) in items.items()
            if key in self.bad
        ]
        return Reply(207, {"errors": errors}) if errors else Reply(200, {})

    def iterable(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert (handler.command, path) == ("POST", "/api/users/bulkUpdate")
        assert handler.headers["Api-Key"] == SECRET and handler.headers["Content-Type"] == "application/json"
        read = json.loads(body)
        items = {
            str(place): (record["email"].lower(), {"userId": record["userId"], **record["dataFields"]})
            for place, record in enumerate(read["users"])
        }
        assert not any("" in attributes.values() for _, attributes in items.values())
        refused = self._take(items, len(body), self._merge)
        if refused:
            return refused
        failed = [key for key, _ in items.values() if key in self.bad]
        return Reply(
            200,
            {
                "successCount": len(items) - len(failed),
                "failCount": len(failed),
                "invalidEmails": [],
                "invalidUserIds": [],
                "failedUpdates": {"invalidDataEmails": failed, "notFoundEmails": []},
            },
        )

    def mailchimp(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert (handler.command, path) == ("POST", "/3.0/lists/a1b2c3")
        assert query["skip_merge_validation"] == ["true"]
        assert handler.headers["Authorization"] == _basic("sendworthy", f"{SECRET}-us21")
        read = json.loads(body)
        assert read["update_existing"] is True
        for record in read["members"]:
            assert "status" not in record, "a list must not subscribe somebody again"
            assert all(len(value.encode()) <= 255 for value in record["merge_fields"].values())
        items = {
            str(place): (record["email_address"].lower(), record["merge_fields"])
            for place, record in enumerate(read["members"])
        }
        refused = self._take(items, len(body), self._merge)
        if refused:
            return refused
        errors = [
            {"email_address": key, "error": self.bad[key], "error_code": "ERROR_GENERIC"}
            for key, _ in items.values()
            if key in self.bad
        ]
        return Reply(
            200,
            {
                "new_members": [],
                "updated_members": [],
                "errors": errors,
                "error_count": len(errors),
                "total_created": 0,
                "total_updated": len(items) - len(errors),
            },
        )

    def klaviyo(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert handler.headers["Authorization"] == f"Klaviyo-API-Key {SECRET}" and handler.headers["revision"]
        base = "/api/profile-bulk-import-jobs"
        if handler.command == "GET":
            parts = path.removeprefix(base).strip("/").split("/")
            job = self._jobs.get(parts[0])
            if job is None:
                return Reply(404, {"errors": [{"code": "not_found"}]})
            if parts[1:] == ["import-errors"]:
                # one a page
                place = int(query.get("page[cursor]", ["0"])[0])
                more = f"{self.address}{path}?page%5Bcursor%5D={place + 1}"
                links = {"self": path, "next": more if place + 1 < len(job["errors"]) else None}
                return Reply(200, {"data": job["errors"][place : place + 1], "links": links})
            status = "processing" if self.paused_jobs else "complete"
            self.paused_jobs = max(0, self.paused_jobs - 1)
            attributes = {
                "status": status,
                "created_at": "2026-06-01T04:00:00",
                "total_count": job["count"],
                "completed_count": job["count"] - len(job["errors"]),
                "failed_count": len(job["errors"]),
            }
            return Reply(
                200,
                {
                    "data": {
                        "type": "profile-bulk-import-job",
                        "id": parts[0],
                        "attributes": attributes,
                        "links": {"self": path},
                    }
                },
            )
        assert (handler.command, path.rstrip("/")) == ("POST", base), "never the subscribe call"
        read = json.loads(body)["data"]
        assert read["type"] == "profile-bulk-import-job" and "relationships" not in read
        profiles = [record["attributes"] for record in read["attributes"]["profiles"]["data"]]
        for record in profiles:
            assert self.limits.item_bytes is None or len(json.dumps(record)) <= self.limits.item_bytes
        items = {
            str(place): (
                record["email"].lower(),
                {name: value for name, value in record.items() if name != "email"},
            )
            for place, record in enumerate(profiles)
        }
        assert len({key for key, _ in items.values()}) == len(items), "an address twice"
        refused = self._take(items, len(body), self._nested)
        if refused:
            return refused
        job_id = f"job-{len(self._jobs) + 1}"
        errors = [
            {
                "type": "import-error",
                "id": place,
                "attributes": {
                    "code": "invalid_field",
                    "title": "Invalid",
                    "detail": self.bad[key],
                    "source": {"pointer": f"/data/attributes/profiles/data/{place}/attributes/email"},
                    "original_payload": {"email": key},
                },
            }
            for place, (key, _) in items.items()
            if key in self.bad
        ]
        self._jobs[job_id] = {"count": len(items), "errors": errors}
        attributes = {"status": "queued", "created_at": "2026-06-01T04:00:00", "total_count": len(items)}
        return Reply(
            202, {"data": {"type": "profile-bulk-import-job", "id": job_id, "attributes": attributes}}
        )

    def _nested(self, key: str, attributes: dict[str, Any]) -> None:
        person = self.people.setdefault(key, {})
        for name, value in attributes.items():
            if isinstance(value, dict):
                person.setdefault(name, {}).update(value)
            elif value is not None:
                person[name] = value

    # of the account: ids of custom fields
    FIELDS = (
        "sendworthy_user_id",
        "sendworthy_campaign_id",
        "sendworthy_dispatch_id",
        "sendworthy_variant",
        "sendworthy_send_at",
        "sendworthy_valid_until",
        "sendworthy_blank_fields",
        "loyalty_points",
        "place_name",
    )

    def sendgrid(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        if path.startswith("/errors/"):
            assert "Authorization" not in handler.headers, "the key goes nowhere else"
            return Reply(200, "\n".join(self._jobs[path.removeprefix("/errors/")]["errors"]))
        assert handler.headers["Authorization"] == f"Bearer {SECRET}"
        if path == "/v3/marketing/field_definitions":
            fields = [
                {
                    "id": f"e{place}_T",
                    "name": name,
                    "field_type": "Number" if name == "loyalty_points" else "Text",
                }
                for place, name in enumerate(self.FIELDS)
            ]
            return Reply(200, {"custom_fields": fields, "reserved_fields": []})
        if path.startswith("/v3/marketing/contacts/imports/"):
            job = self._jobs.get(path.rsplit("/", 1)[1])
            if job is None:
                return Reply(404, {"errors": [{"message": "not found"}]})
            if self.paused_jobs:
                self.paused_jobs -= 1
                return Reply(200, {"id": "x", "status": "pending"})
            count = len(job["errors"])
            results = {
                "requested_count": job["count"],
                "created_count": job["count"] - count,
                "updated_count": 0,
                "deleted_count": 0,
                "errored_count": count,
            }
            if count:
                results["errors_url"] = f"{self.address}/errors/{path.rsplit('/', 1)[1]}"
            return Reply(200, {"status": "errored" if count else "completed", "results": results})
        assert (handler.command, path) == ("PUT", "/v3/marketing/contacts")
        assert handler.headers["Content-Type"] == "application/json"
        read = json.loads(body)
        items = {}
        for place, record in enumerate(read["contacts"]):
            custom = {
                self.FIELDS[int(name[1:-2])]: value for name, value in record.get("custom_fields", {}).items()
            }
            assert isinstance(custom.get("loyalty_points", 0), int)
            own = {name: value for name, value in record.items() if name not in ("email", "custom_fields")}
            assert not {"", None} & {
                value for value in {**own, **custom}.values() if not isinstance(value, int)
            }
            items[str(place)] = (record["email"].lower(), {**own, **custom})
        refused = self._take(items, len(body), self._merge)
        if refused:
            return refused
        job_id = f"job-{len(self._jobs) + 1}"
        errors = [f'"{key}",{self.bad[key]}' for key, _ in items.values() if key in self.bad]
        self._jobs[job_id] = {"count": len(items), "errors": errors}
        return Reply(202, {"job_id": job_id})

    def listmonk(self, handler: Any, path: str, query: Any, body: bytes) -> Reply:
        assert handler.headers["Authorization"] == _basic("sendworthy", SECRET)
        last = self._jobs.get("last", {"name": "", "status": "none", "total": 0, "imported": 0, "logs": ""})
        if (handler.command, path) == ("GET", "/api/import/subscribers"):
            status = {name: last[name] for name in ("name", "status", "total", "imported")}
            if self.busy:
                self.busy -= 1
                status |= {"name": "somebody-elses.csv", "status": "importing"}
            elif self.paused_jobs and last["name"]:
                self.paused_jobs -= 1
                status |= {"status": "importing"}
            return Reply(200, {"data": status})
        if (handler.command, path) == ("GET", "/api/import/subscribers/logs"):
            return Reply(200, {"data": last["logs"]})
        assert (handler.command, path) == ("POST", "/api/import/subscribers")
        if self.busy or (self.paused_jobs and last["name"]):
            return Reply(400, {"message": "An import is already running"})
        head = f"Content-Type: {handler.headers['Content-Type']}\r\n\r\n".encode()
        form: Any = BytesParser().parsebytes(head + body)
        parts = {part.get_param("name", header="Content-Disposition"): part for part in form.get_payload()}
        params = json.loads(parts["params"].get_payload(decode=True))
        assert params == {
            "mode": "subscribe",
            "subscription_status": "unconfirmed",
            "delim": ",",
            "lists": [],
            "overwrite": True,
        }
        text = parts["file"].get_payload(decode=True).decode()
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        items = {
            str(place): (
                record["email"].lower(),
                {"name": record["name"], **json.loads(record["attributes"])},
            )
            for place, record in enumerate(rows)
        }
        refused = self._take(items, len(body), self.people.__setitem__)
        if refused:
            return refused
        skipped = [(int(place), key) for place, (key, _) in items.items() if key in self.bad]
        logs = "".join(
            f"2026/06/01 04:00:00 importer.go:540: skipping line {place + 1}: {key}: {self.bad[key]}\n"
            for place, key in skipped
        )
        name = parts["file"].get_filename()
        self._jobs["last"] = {
            "name": name,
            "status": "finished",
            "total": len(items),
            "imported": len(items) - len(skipped),
            "logs": f"processing '{name}'\n{logs}imported finished\n",
        }
        return Reply(200, {"data": {"name": name, "status": "importing", "total": 0, "imported": 0}})


_VENDORS: dict[str, Callable[..., Reply]] = {
    "braze_track": Esp.braze,
    "customer_io": Esp.customer_io,
    "iterable": Esp.iterable,
    "klaviyo": Esp.klaviyo,
    "listmonk": Esp.listmonk,
    "mailchimp": Esp.mailchimp,
    "sendgrid": Esp.sendgrid,
}

_REASON = "of the row is not right"
# how each vendor words it when a request is refused because of one row
_POISONED: dict[str, Callable[[list[str]], Any]] = {
    "braze_track": lambda places: {"message": f"a value {_REASON}"},
    "customer_io": lambda places: {"errors": [{"reason": "invalid", "message": f"a value {_REASON}"}]},
    "iterable": lambda places: {"code": "BadParams", "msg": f"a value {_REASON}"},
    "klaviyo": lambda places: {
        "errors": [
            {
                "code": "invalid",
                "detail": f"a value {_REASON}",
                "source": {"pointer": f"/data/attributes/profiles/data/{place}/attributes"},
            }
            for place in places
        ]
        or [{"code": "invalid", "detail": f"a value {_REASON}", "source": {"pointer": "/data"}}]
    },
    "listmonk": lambda places: {"message": f"a value {_REASON}"},
    "mailchimp": lambda places: {"title": "Invalid Resource", "detail": f"a value {_REASON}"},
    "sendgrid": lambda places: {
        "errors": [{"field": f"contacts[{place}].email", "message": f"a value {_REASON}"} for place in places]
        or [{"field": "contacts", "message": f"a value {_REASON}"}]
    },
}


def _basic(user: str, key: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{key}'.encode()).decode()}"
