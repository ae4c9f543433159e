"""A list that is not the one of the manifest, or cannot be read, is not pushed: not a row more of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from sendworthy.push.batches import ListChanged, Source
from sendworthy.settings.destinations import Envelope, Form, Places

SAYS = Places(campaign="campaign", message="message", valid_until="valid_until")
CSV = Form(format="csv", channels=["email"], says=SAYS)
LINES = Form(format="jsonl", channels=["email"], says=SAYS, file_columns=["payload"])
REQUESTS = LINES.model_copy(update={"envelope": Envelope(items="people")})
UNTIL = "2026-06-02T09:00:00Z"
TABLE = f"campaign,message,valid_until\nhello,d1,{UNTIL}\nhello,d2,\n"


def a_list(folder: Path, content: str | bytes, form: Form, rows: int) -> Source:
    """A list as a manifest vouches for it."""
    (folder / "lists").mkdir()
    path = folder / "lists" / "hello.list"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Source(path, "hello.list", hashlib.sha256(path.read_bytes()).hexdigest(), rows, form)


def line(**values: object) -> str:
    return json.dumps(values) + "\n"


ROWS = line(message="d1", valid_until=UNTIL) + line(message="d2")


@pytest.mark.parametrize(
    ("content", "form"),
    [(TABLE, CSV), (ROWS, LINES), (line(people=[json.loads(row) for row in ROWS.splitlines()]), REQUESTS)],
)
def test_the_rows_of_a_list_are_read(tmp_path: Path, content: str, form: Form) -> None:
    rows = list(a_list(tmp_path, content, form, 2).read())
    assert [(row.place, row.dispatch_id, row.valid_until) for row in rows] == [
        (0, "d1", datetime(2026, 6, 2, 9)),
        (1, "d2", None),
    ]


def remove(source: Source) -> None:
    source.path.unlink()


def link(source: Source) -> None:
    moved = source.path.rename(source.path.parent.parent / "elsewhere.list")
    source.path.symlink_to(moved)


def change(source: Source) -> None:
    source.path.write_bytes(source.path.read_bytes().replace(b"d1", b"d3"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [(remove, "it is not there"), (link, "link"), (change, "its content has changed")],
)
def test_a_list_that_is_another_one_by_now(
    tmp_path: Path, spoil: Callable[[Source], None], words: str
) -> None:
    source = a_list(tmp_path, TABLE, CSV, 2)
    spoil(source)
    with pytest.raises(ListChanged, match=words) as stopped:
        next(source.read())
    assert stopped.value.what.startswith("hello.list: ") and "sendworthy export" in stopped.value.fix


@pytest.mark.parametrize(
    ("content", "form", "why"),
    [
        (TABLE + 'hello,"d3', CSV, "Error"),
        (TABLE.replace(UNTIL, "Ada Lovelace"), CSV, "ValueError"),
        (TABLE.encode() + b"hello,d\xff,\n", CSV, "UnicodeDecodeError"),
        (ROWS + '{"message": "Ada Lovelace', LINES, "JSONDecodeError"),
        (ROWS, REQUESTS, "KeyError"),
        (ROWS + "[]\n", REQUESTS, "KeyError"),
        (line(people=None), REQUESTS, "TypeError"),
    ],
)
def test_a_list_that_cannot_be_read_shows_nothing_of_it(
    tmp_path: Path, content: str | bytes, form: Form, why: str
) -> None:
    with pytest.raises(ListChanged) as stopped:
        list(a_list(tmp_path, content, form, 3).read())
    assert f"it cannot be read ({why})" in stopped.value.what and "Lovelace" not in stopped.value.what


@pytest.mark.parametrize("rows", [1, 3])
def test_a_list_with_more_or_fewer_rows_than_the_manifest_says(tmp_path: Path, rows: int) -> None:
    with pytest.raises(ListChanged, match=f"it has 2 rows instead of {rows}"):
        list(a_list(tmp_path, TABLE, CSV, rows).read())
