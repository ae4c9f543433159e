"""The rows of a delivered list, one by one, from a file whose sha256 is looked at first; and rows put into batches."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from sendworthy.delivery.list_writer import group_requests
from sendworthy.foundation.clock import parse_time
from sendworthy.foundation.errors import EXIT_HELD_BACK, SendworthyError, SettingsError
from sendworthy.foundation.safe_files import MAX_LIST, UnsafeFile, open_file
from sendworthy.settings.destinations import Envelope, Form, Limits

# the longest cell that is read: as long as the largest item that any vendor takes, many times over
csv.field_size_limit(1 << 24)

# rows from the first one (0) up to, and without, the second one
Span = tuple[int, int]


class ListChanged(SendworthyError):
    """A list is not what its manifest says."""

    exit_code = EXIT_HELD_BACK


@dataclass(frozen=True)
class Row:
    """One row: its place in the file, its message, and its values: a CSV's cells by column, or a JSON object."""

    place: int
    dispatch_id: str
    valid_until: datetime | None
    values: dict[str, Any]

    def is_expired(self, now: datetime) -> bool:
        """Whether its message must not go out any more."""
        return self.valid_until is not None and self.valid_until < now


@dataclass(frozen=True)
class Batch:
    """Rows of one request: where they stand in which file, those that go, those that are too large for it, and why.

    `is_again`: it was sent before, and whether it was taken is not known.
    """

    sha256: str
    span: Span
    rows: list[Row]
    too_large: list[tuple[Row, str]] = field(default_factory=list)
    expired: int = 0
    is_again: bool = False

    @property
    def id(self) -> str:
        """The same for the same rows of the same file; it holds nothing personal."""
        return hashlib.sha256(f"{self.sha256}:{self.span[0]}:{self.span[1]}".encode()).hexdigest()[:16]

    def halves(self) -> tuple[Batch, Batch]:
        """The same in two."""
        middle = self.rows[len(self.rows) // 2].place
        first = [row for row in self.rows if row.place < middle]
        second = [row for row in self.rows if row.place >= middle]
        return (
            Batch(self.sha256, (self.span[0], middle), first, self.too_large, self.expired),
            Batch(self.sha256, (middle, self.span[1]), second),
        )


@dataclass(frozen=True)
class Source:
    """A file of a list: where it lies, what the manifest says of it, and how it is read."""

    path: Path
    name: str
    sha256: str
    rows: int
    form: Form

    def read(self) -> Iterator[Row]:
        """Every row; ListChanged where the file is not the one that the manifest names.

        What is read is what was hashed, also where a new night takes the folder's place in between.
        """
        try:
            with open_file(self.path, self.path.parent, MAX_LIST) as file:
                digest = hashlib.sha256()
                while block := file.read(1 << 20):
                    digest.update(block)
                if digest.hexdigest() != self.sha256:
                    raise self._changed("its content has changed: it has another sha256")
                file.seek(0)
                count = 0
                for count, values in enumerate(_values(file, self.form), start=1):
                    yield _row(count - 1, values, self.form)
        except FileNotFoundError:
            raise self._changed("it is not there") from None
        except UnsafeFile as error:
            raise self._changed(str(error.strerror)) from None
        except (ValueError, TypeError, KeyError, csv.Error) as error:
            raise self._changed(f"it cannot be read ({type(error).__name__})") from None
        if count != self.rows:
            raise self._changed(f"it has {count:,} rows instead of {self.rows:,}")

    def _changed(self, what: str) -> ListChanged:
        return ListChanged(
            f"{self.name}: {what}. Nothing more was sent.",
            "write the night again with `sendworthy export`, and find out what has changed it.",
        )


def _values(file: BinaryIO, form: Form) -> Iterator[dict[str, Any]]:
    if form.format == "csv":
        yield from csv.DictReader(io.TextIOWrapper(file, encoding="utf-8", newline=""), strict=True)
        return
    for line in file:
        item = json.loads(line)
        yield from item[form.envelope.items] if form.envelope else [item]


def _row(place: int, values: dict[str, Any], form: Form) -> Row:
    until = look_up(values, form.says.valid_until)
    try:
        valid_until = parse_time(until, "valid_until") if until else None
    except SettingsError:
        raise ValueError("valid_until") from None
    return Row(place, look_up(values, form.says.message) or "", valid_until, values)


def look_up(values: dict[str, Any], place: str | None) -> str | None:
    """What a row says in a place of its description; JSON may be a text in a cell."""
    value: Any = values
    for name in place.split(".") if place else ():
        if isinstance(value, str):
            value = json.loads(value)
        value = value.get(name) if isinstance(value, dict) else None
    return value if place and isinstance(value, str) else None


@dataclass(frozen=True)
class Shape:
    """How rows become a request: each as JSON, what is around them, and how many bytes that is at the most."""

    item: Callable[[Row], Any]
    envelope: Envelope
    more_bytes: int = 0
    is_ascii: bool = True

    def text(self, row: Row) -> str:
        """A row as it stands in a request."""
        return json.dumps(self.item(row), ensure_ascii=self.is_ascii)

    def body(self, rows: Sequence[Row]) -> bytes:
        """A request of these rows."""
        body = {self.envelope.items: [self.item(row) for row in rows], **self.envelope.rest}
        return json.dumps(body, ensure_ascii=self.is_ascii).encode()


def batches(
    source: Source, shape: Shape, limits: Limits, now: datetime, done: Sequence[Span] = ()
) -> Iterator[Batch]:
    """The rows of a file in requests within the limits, without those that are done; one batch in memory at a time.

    Which rows are together does not depend on the clock: rows that have expired stay in their batch, and do not go.
    """
    most_items, most_bytes = limits.of("max_request_items"), limits.of("max_request_bytes")
    if most_bytes:
        most_bytes -= shape.more_bytes
    for run in _runs(source.read(), source.rows, done):
        waiting: deque[tuple[Row, int]] = deque()
        for request, count in group_requests(
            _texts(run, shape, waiting), shape.envelope, most_items, most_bytes
        ):
            rows = [waiting.popleft() for _ in range(count)]
            span = (rows[0][0].place, rows[-1][0].place + 1)
            living = [(row, size) for row, size in rows if not row.is_expired(now)]
            around = len(request) if count == 1 else 0
            judged = [(row, _too_large(size, around, limits, most_bytes)) for row, size in living]
            yield Batch(
                source.sha256,
                span,
                [row for row, why in judged if not why],
                [(row, why) for row, why in judged if why],
                len(rows) - len(living),
            )


def _texts(run: Iterator[Row], shape: Shape, waiting: deque[tuple[Row, int]]) -> Iterator[str]:
    """The rows as they stand in requests; each, with its size, is put among those that wait for their request."""
    for row in run:
        text = shape.text(row)
        waiting.append((row, len(text.encode())))
        yield text


def _too_large(size: int, request: int, limits: Limits, most_bytes: int | None) -> str:
    most = limits.of("max_item_bytes")
    if most and size > most:
        return f"the row has {size:,} bytes, and {most:,} are taken"
    if most_bytes and request > most_bytes:
        return f"the row has {request:,} bytes with what is around it, and {most_bytes:,} are taken"
    return ""


def _runs(rows: Iterator[Row], count: int, done: Sequence[Span]) -> Iterator[Iterator[Row]]:
    """Rows in runs between those that are done; each run is to be read to its end before the next."""
    skipped = sorted(done)
    ends = [start for start, _ in skipped] + [count]
    begins = [0] + [stop for _, stop in skipped]
    for begin, end in zip(begins, ends, strict=True):
        if begin < end:
            yield _between(rows, begin, end)
    # to the end of the file, so that its rows are counted
    for _ in rows:
        pass


def _between(rows: Iterator[Row], begin: int, end: int) -> Iterator[Row]:
    for row in rows:
        if row.place >= begin:
            yield row
        if row.place == end - 1:
            return
