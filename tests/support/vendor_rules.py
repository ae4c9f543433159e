"""What each vendor takes, and how it reads it: written from the vendors' pages, not from the descriptions of the destinations.

A checker gets the files of one list, in the order of its parts, and says what the vendor would not take. A reader gives the
messages of the same files as the vendor would understand them.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

PROJECT = Path(__file__).resolve().parents[2]
with (PROJECT / "seeds" / "merge_fields.csv").open(encoding="utf-8", newline="") as file:
    FIELDS = tuple(sorted(row["merge_field"] for row in csv.DictReader(file)))
MB = 1_000_000
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
TRACES = ("campaign_id", "dispatch_id", "variant", "send_at", "valid_until")


@dataclass(frozen=True)
class Message:
    """A message as the vendor reads it: the values that it sets, and the fields that are said to be blank."""

    user: str
    dispatch: str
    campaign: str
    address: str | None
    values: dict[str, str]
    blank: frozenset[str]


Checker = Callable[[Sequence[Path]], list[str]]
Reader = Callable[[Sequence[Path]], list[Message]]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8")


def _csv(path: Path) -> tuple[list[str], list[list[str]]]:
    lines = list(csv.reader(io.StringIO(_text(path), newline=""), strict=True))
    return lines[0], lines[1:]


def _cells(paths: Sequence[Path]) -> Iterator[dict[str, str]]:
    for path in paths:
        header, rows = _csv(path)
        for row in rows:
            yield dict(zip(header, row, strict=True))


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len(dict(pairs)) == len(pairs), "a key is there twice"
    return dict(pairs)


def _json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_each_once)


def _lines(paths: Sequence[Path]) -> Iterator[Any]:
    for path in paths:
        for line in _text(path).split("\n")[:-1]:
            yield _json(line)


# -- CSV


def _check_csv(
    paths: Sequence[Path],
    header: Sequence[str],
    key: str,
    max_bytes: int | None = None,
    max_rows: int | None = None,
    max_columns: int | None = None,
    max_characters: int | None = None,
    needed: Sequence[str] = (),
) -> list[str]:
    found: list[str] = []
    keys: Counter[str] = Counter()
    for path in paths:
        content = path.read_bytes()
        if content.startswith(b"\xef\xbb\xbf"):
            found.append("a byte order mark")
        if max_bytes and len(content) > max_bytes:
            found.append("too many bytes")
        try:
            names, rows = _csv(path)
        except (UnicodeDecodeError, csv.Error, IndexError) as error:
            return [*found, f"no CSV: {type(error).__name__}"]
        if names != list(header):
            return [*found, "another header"]
        if max_columns and len(names) > max_columns:
            found.append("too many columns")
        if max_rows and len(rows) > max_rows:
            found.append("too many rows")
        for row in rows:
            if len(row) != len(names):
                return [*found, "a row of another length"]
            cells = dict(zip(names, row, strict=True))
            keys[cells[key].lower() if "mail" in key.lower() else cells[key]] += 1
            found += [f"{name} is empty" for name in (key, *needed) if not cells[name]]
            if "mail" in key.lower() and not EMAIL.fullmatch(cells[key]):
                found.append("no address")
            for time in ("sendworthy_send_at", "sendworthy_valid_until"):
                if time in cells and not TIME.fullmatch(cells[time]):
                    found.append("no time")
            if max_characters and any(len(cell) > max_characters for cell in row):
                found.append("too long a value")
            if any(cell.lower() in ("null", "none") for name, cell in cells.items() if "blank" not in name):
                found.append("the word null")
    if any(times > 1 for times in keys.values()):
        found.append("a person twice")
    return found


def _flat(names: dict[str, str], user: str, address: str | None, prefix: str = "sendworthy_") -> Reader:
    def read(paths: Sequence[Path]) -> list[Message]:
        return [
            Message(
                row[user],
                row[f"{prefix}dispatch_id"],
                row[f"{prefix}campaign_id"],
                row[address] if address else None,
                {field: row[names.get(field, field)] for field in FIELDS if row[names.get(field, field)]},
                frozenset(row[f"{prefix}blank_fields"].split(";")) - {"none"},
            )
            for row in _cells(paths)
        ]

    return read


SENDWORTHY = [f"sendworthy_{name}" for name in (*TRACES, "blank_fields")]
OWN_USER = ["sendworthy_user_id", *SENDWORTHY]
BRAZE = {"city": "home_city"}
ITERABLE = {
    "cart_product_name": "cartProductName",
    "favorite_category": "favoriteCategory",
    "first_name": "firstName",
    "last_name": "lastName",
    "last_order_product_name": "lastOrderProductName",
    "last_viewed_product_name": "lastViewedProductName",
    "loyalty_points": "loyaltyPoints",
    "place_name": "placeName",
}
KLAVIYO = {
    "city": "City",
    "country": "Country",
    "first_name": "First Name",
    "language": "Language",
    "last_name": "Last Name",
}


def _fields(names: dict[str, str]) -> list[str]:
    return [names.get(field, field) for field in FIELDS]


def check_generic(paths: Sequence[Path]) -> list[str]:
    header = [
        *("dispatch_id", "user_id", "campaign_id", "channel", "address", "variant", "send_at"),
        *("valid_until", "cancel_on", "merge_values", "arm"),
    ]
    return _check_csv(paths, header, "dispatch_id", needed=("user_id", "address", "merge_values"))


def check_braze(paths: Sequence[Path]) -> list[str]:
    header = ["external_id", *SENDWORTHY, *_fields(BRAZE)]
    return _check_csv(paths, header, "external_id", 500 * MB, max_characters=255, needed=SENDWORTHY)


def check_customer_io(paths: Sequence[Path]) -> list[str]:
    header = ["id", *SENDWORTHY, *_fields({})]
    found = _check_csv(paths, header, "id", 100 * MB, max_columns=100, needed=SENDWORTHY)
    for row in _cells(paths) if not found else ():
        if any(len(cell.encode()) > 1000 for cell in row.values()):
            found.append("too long a value")
    return found


def check_iterable(paths: Sequence[Path]) -> list[str]:
    header = ["email", "userId", *SENDWORTHY, *_fields(ITERABLE)]
    return _check_csv(paths, header, "email", max_rows=2_000_000, needed=("userId", *SENDWORTHY))


def check_klaviyo(paths: Sequence[Path]) -> list[str]:
    header = ["Email Address", *OWN_USER, *_fields(KLAVIYO)]
    return _check_csv(paths, header, "Email Address", 50 * MB, needed=OWN_USER)


def check_sendgrid(paths: Sequence[Path]) -> list[str]:
    header = ["email", *OWN_USER, *_fields({})]
    found = _check_csv(paths, header, "email", 5_000 * MB, 1_000_000, 120, needed=OWN_USER)
    if not all(re.fullmatch(r"[A-Za-z0-9_]+", name) for path in paths for name in _csv(path)[0]):
        found.append("a header that is no name")
    return found


def check_listmonk(paths: Sequence[Path]) -> list[str]:
    found = _check_csv(paths, ["email", "name", "attributes"], "email", needed=("attributes",))
    if found:
        return found
    for row in _cells(paths):
        try:
            attributes = _json(row["attributes"])
        except (ValueError, AssertionError):
            return ["attributes are no JSON"]
        found += _check_attributes(attributes, {"sendworthy_user_id"})
        if len(row["email"]) > 1000:
            found.append("too long an address")
    return found


def read_listmonk(paths: Sequence[Path]) -> list[Message]:
    return [
        _message(attributes, attributes["sendworthy_user_id"], row["email"], {})
        for row in _cells(paths)
        for attributes in [_json(row["attributes"])]
    ]


# -- JSON


def _check_attributes(attributes: Any, others: set[str]) -> list[str]:
    """Attributes of Braze, listmonk: texts or null, names that are known, every trace."""
    found: list[str] = []
    known = {f"sendworthy_{name}" for name in TRACES} | others
    if not isinstance(attributes, dict) or not known <= attributes.keys():
        return ["a trace is missing"]
    fields = {*FIELDS, "home_city"}
    for name, value in attributes.items():
        if name not in known | fields:
            found.append(f"{name} is unknown")
        if not (isinstance(value, str) and value) and not (value is None and name in fields):
            found.append(f"{name} is no text")
        if isinstance(value, str) and len(value) > 255:
            found.append("too long a value")
        if name.endswith(("send_at", "valid_until")) and not TIME.fullmatch(str(value)):
            found.append("no time")
    return found


def _message(attributes: dict[str, Any], user: str, address: str | None, names: dict[str, str]) -> Message:
    said = {
        field: attributes[names.get(field, field)]
        for field in FIELDS
        if names.get(field, field) in attributes
    }
    return Message(
        user,
        attributes["sendworthy_dispatch_id"],
        attributes["sendworthy_campaign_id"],
        address,
        {field: value for field, value in said.items() if value is not None},
        frozenset(field for field, value in said.items() if value is None),
    )


def _check_lines(
    paths: Sequence[Path], max_bytes: int | None, of_line: Callable[[Any, int], list[str]]
) -> list[str]:
    found: list[str] = []
    for path in paths:
        content = path.read_bytes()
        if max_bytes and len(content) > max_bytes:
            found.append("too many bytes")
        if content and not content.endswith(b"\n"):
            return [*found, "the last line is torn"]
        for line in content.split(b"\n")[:-1]:
            try:
                value = _json(line.decode("utf-8"))
            except (ValueError, AssertionError) as error:
                return [*found, f"a line is no JSON: {type(error).__name__}"]
            found += of_line(value, len(line)) if isinstance(value, dict) else ["a line is no object"]
    return found


def _twice(keys: Sequence[str]) -> list[str]:
    return ["a person twice"] if len(set(keys)) < len(keys) else []


def check_generic_jsonl(paths: Sequence[Path]) -> list[str]:
    def of_line(line: Any, size: int) -> list[str]:
        members = [
            *("dispatch_id", "user_id", "campaign_id", "channel", "address", "variant", "send_at"),
            *("valid_until", "cancel_on", "merge_values", "arm"),
        ]
        right = list(line) == members and isinstance(line["merge_values"], dict)
        texts = [line.get(name) for name in members[:-2]]
        # a campaign without arms has none
        right = right and (line["arm"] is None or isinstance(line["arm"], str))
        return [] if right and all(isinstance(text, str) for text in texts) else ["another object"]

    found = _check_lines(paths, None, of_line)
    return found or _twice([line["dispatch_id"] for line in _lines(paths)])


def read_generic_jsonl(paths: Sequence[Path]) -> list[Message]:
    return [_generic(line, line["merge_values"]) for line in _lines(paths)]


def _generic(row: dict[str, Any], values: dict[str, Any]) -> Message:
    return Message(
        *(row["user_id"], row["dispatch_id"], row["campaign_id"], row["address"]),
        {field: value for field, value in values.items() if value is not None},
        frozenset(field for field, value in values.items() if value is None),
    )


def read_generic(paths: Sequence[Path]) -> list[Message]:
    return [_generic(row, _json(row["merge_values"])) for row in _cells(paths)]


def _parquet(paths: Sequence[Path]) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    with duckdb.connect() as connection:
        files = [str(path) for path in paths]
        described = connection.execute("describe select * from read_parquet(?)", [files]).fetchall()
        cursor = connection.execute("select * from read_parquet(?)", [files])
        names = [column[0] for column in cursor.description or []]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return [(row[0], row[1]) for row in described], rows


def check_generic_parquet(paths: Sequence[Path]) -> list[str]:
    try:
        described, rows = _parquet(paths)
    except duckdb.Error:
        return ["no Parquet"]
    times = {"send_at": "TIMESTAMP", "valid_until": "TIMESTAMP"}
    columns = (
        *("dispatch_id", "user_id", "campaign_id", "channel", "address", "variant", "send_at"),
        *("valid_until", "cancel_on", "merge_values", "arm"),
    )
    found = [] if described == [(name, times.get(name, "VARCHAR")) for name in columns] else ["other columns"]
    values = [value for row in rows for name, value in row.items() if name != "arm"]
    found += ["a null"] if None in values else []
    return found or _twice([row["dispatch_id"] for row in rows])


def read_generic_parquet(paths: Sequence[Path]) -> list[Message]:
    return [_generic(row, _json(row["merge_values"])) for row in _parquet(paths)[1]]


def check_braze_track(paths: Sequence[Path]) -> list[str]:
    def of_line(line: Any, size: int) -> list[str]:
        found = ["too large a request"] if size > 4 * MB else []
        items = line.get("attributes")
        if set(line) != {"attributes"} or not isinstance(items, list) or not items:
            return [*found, "no request"]
        found += ["too many objects"] if len(items) > 75 else []
        found += ["too large an object"] if any(len(json.dumps(item)) > 100_000 for item in items) else []
        return found + [fault for item in items for fault in _check_attributes(item, {"external_id"})]

    found = _check_lines(paths, None, of_line)
    return found or _twice([item["external_id"] for line in _lines(paths) for item in line["attributes"]])


def read_braze_track(paths: Sequence[Path]) -> list[Message]:
    return [
        _message(item, item["external_id"], None, BRAZE)
        for line in _lines(paths)
        for item in line["attributes"]
    ]


def check_braze_cdi(paths: Sequence[Path]) -> list[str]:
    def of_line(line: Any, size: int) -> list[str]:
        if set(line) != {"external_id", "payload"} or not all(
            isinstance(v, str) and v for v in line.values()
        ):
            return ["not external_id and payload"]
        try:
            payload = _json(line["payload"])
        except (ValueError, AssertionError):
            return ["the payload is no JSON"]
        return _check_attributes(payload, set())

    found = _check_lines(paths, 512 * MB, of_line)
    # Braze takes a file of a name once
    if not all(re.search(r"\.\d{8}T\d{6}Z-\w+\.", path.name) for path in paths):
        found.append("a name that comes again")
    return found or _twice([line["external_id"] for line in _lines(paths)])


def read_braze_cdi(paths: Sequence[Path]) -> list[Message]:
    return [_message(_json(line["payload"]), line["external_id"], None, BRAZE) for line in _lines(paths)]


MAILCHIMP = {
    **{field: field.upper().replace("_", "")[:10] for field in FIELDS},
    "cart_product_name": "CARTITEM",
    "city": "CITY",
    "country": "COUNTRY",
    "favorite_category": "FAVCAT",
    "first_name": "FNAME",
    "language": "LANGUAGE",
    "last_name": "LNAME",
    "last_order_product_name": "LASTORDER",
    "last_viewed_product_name": "LASTVIEWED",
    "loyalty_points": "POINTS",
    "place_name": "PLACE",
}
MAILCHIMP_TRACES = {"SWCAMPAIGN", "SWDISPATCH", "SWUSER", "SWVARIANT", "SWSENDAT", "SWVALIDTIL", "SWBLANK"}


def check_mailchimp(paths: Sequence[Path]) -> list[str]:
    def of_line(line: Any, size: int) -> list[str]:
        members = line.get("members")
        if set(line) != {"members", "update_existing"} or not isinstance(members, list) or not members:
            return ["no request"]
        found = ["too many members"] if len(members) > 500 else []
        found += [] if line["update_existing"] is True else ["nobody is updated"]
        return found + [fault for member in members for fault in of_member(member)]

    def of_member(member: Any) -> list[str]:
        if set(member) != {"email_address", "status_if_new", "merge_fields"}:
            return ["not the members of a member"]
        found = [] if EMAIL.fullmatch(member["email_address"]) else ["no address"]
        fields = member["merge_fields"]
        found += [] if fields.keys() >= MAILCHIMP_TRACES else ["a trace is missing"]
        for tag, value in fields.items():
            if not re.fullmatch(r"[A-Z0-9_]{1,10}", tag) or tag not in {
                *MAILCHIMP_TRACES,
                *MAILCHIMP.values(),
            }:
                found.append("no tag")
            if not isinstance(value, str):
                found.append("no text")
            elif len(value.encode()) > 255:
                found.append("too long a value")
        return found

    found = _check_lines(paths, None, of_line)
    return found or _twice(
        [member["email_address"].lower() for line in _lines(paths) for member in line["members"]]
    )


def read_mailchimp(paths: Sequence[Path]) -> list[Message]:
    messages = []
    for line in _lines(paths):
        for member in line["members"]:
            fields = member["merge_fields"]
            said = {field: fields[tag] for field, tag in MAILCHIMP.items() if tag in fields}
            blank = frozenset(field for field, value in said.items() if value == "")
            assert blank == frozenset(fields["SWBLANK"].split(";")) - {"none"}
            messages.append(
                Message(
                    *(fields["SWUSER"], fields["SWDISPATCH"], fields["SWCAMPAIGN"], member["email_address"]),
                    {field: value for field, value in said.items() if value},
                    blank,
                )
            )
    return messages


RULES: dict[str, tuple[Checker, Reader]] = {
    "braze": (check_braze, _flat(BRAZE, "external_id", None)),
    "braze_cdi": (check_braze_cdi, read_braze_cdi),
    "braze_track": (check_braze_track, read_braze_track),
    "customer_io": (check_customer_io, _flat({}, "id", None)),
    "generic": (check_generic, read_generic),
    "generic_jsonl": (check_generic_jsonl, read_generic_jsonl),
    "generic_parquet": (check_generic_parquet, read_generic_parquet),
    "iterable": (check_iterable, _flat(ITERABLE, "userId", "email")),
    "klaviyo": (check_klaviyo, _flat(KLAVIYO, "sendworthy_user_id", "Email Address")),
    "listmonk": (check_listmonk, read_listmonk),
    "mailchimp": (check_mailchimp, read_mailchimp),
    "sendgrid": (check_sendgrid, _flat({}, "sendworthy_user_id", "email")),
}
# whose file is a CSV with a cell for each value
CELLS = ("braze", "customer_io", "iterable", "klaviyo", "sendgrid")
BY_ADDRESS = ("iterable", "klaviyo", "listmonk", "mailchimp", "sendgrid")
