"""Writes one list in the form of its destination: split into files, and into requests, that the destination takes."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sendworthy.delivery.deltas import changes_table
from sendworthy.foundation.errors import BuildError
from sendworthy.settings.destinations import CHANGES, Destination, Envelope, Folder, list_path
from sendworthy.warehouse.statements import identifier, literal

_ROWS_AT_ONCE = 10_000

_COPY_OPTIONS = {"csv": "format csv, header true, delimiter ','", "parquet": "format parquet"}


class ListError(BuildError):
    """A list that cannot be written within what its destination takes; it names the campaign, and nobody."""


@dataclass(frozen=True)
class Part:
    """A file of a list: its path below the night's folder, and its rows."""

    file: str
    rows: int


def write_parts(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaign_id: str,
    run_id: str,
    folder: Path,
) -> list[Part]:
    """Write a campaign's list below the night's `folder`: one file, or as many as its destination's limits ask for.

    Rows stand in the order of the messages' ids, from part to part. ListError where a limit cannot be kept.
    """
    relation = connection.execute(f"select * from {destination.model} limit 0").description or []
    columns = destination.columns([column[0] for column in relation])
    rows_sql = (
        f"from {destination.model} where {identifier(destination.campaign_column)} = {literal(campaign_id)}"
    )
    return write_rows(
        connection,
        destination,
        campaign_id,
        run_id,
        folder,
        columns,
        rows_sql,
        destination.message_column,
    )


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaign_id: str,
    run_id: str,
    folder: Path,
    columns: Sequence[str],
    rows_sql: str,
    key: str,
) -> list[Part]:
    """Write the rows of `rows_sql` (`from ...`) in the order of the column `key`, in the files of a campaign's list."""
    order = f"order by {identifier(key)}"
    paths = _Paths(destination, campaign_id, run_id, folder)
    return _write(connection, columns, rows_sql, order, paths)


def write_changes(
    connection: duckdb.DuckDBPyConnection,
    destination: Destination,
    campaign_id: str,
    run_id: str,
    folder: Path,
) -> list[Part]:
    """Write a campaign's changes for a destination (`deltas.work_out`), as `write_parts` writes its list."""
    table = changes_table(destination)
    relation = connection.execute(f"select * exclude (list_campaign, list_place) from {table} limit 0")
    columns = [column[0] for column in relation.description or []]
    rows_sql = f"from {table} where list_campaign = {literal(campaign_id)}"
    paths = _Paths(destination, campaign_id, run_id, folder, CHANGES)
    return _write(connection, columns, rows_sql, "order by list_place", paths)


def _write(
    connection: duckdb.DuckDBPyConnection, columns: Sequence[str], rows_sql: str, order: str, paths: _Paths
) -> list[Part]:
    """Write rows as the files of a destination, in their order."""
    destination = paths.destination
    most = destination.limits.of("max_columns")
    if most and len(columns) > most:
        raise paths.too_large(f"the list has {len(columns):,} columns", "max_columns")
    (paths.folder / paths.of(1)).parent.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(identifier(column) for column in columns)
    list_sql = f"select {listed} {rows_sql} {order}"
    if destination.format == "jsonl":
        return _write_lines(connection, list_sql, paths)
    numbered_sql = f"select row_number() over ({order}) as place_in_list, {listed} {rows_sql}"
    return _write_tables(connection, list_sql, numbered_sql, paths)


@dataclass(frozen=True)
class _Paths:
    """What the files of one list are called."""

    destination: Destination
    campaign_id: str
    run_id: str
    folder: Path
    within: Folder = ""

    def of(self, part: int) -> str:
        return list_path(
            self.destination.name, self.destination, self.campaign_id, self.run_id, part, self.within
        )

    def limit(self, name: str) -> int | None:
        return self.destination.limits.of(name)

    def too_large(self, what: str, limit: str) -> ListError:
        return _too_large(self.destination, self.campaign_id, what, limit)


def _too_large(destination: Destination, campaign_id: str, what: str, limit: str) -> ListError:
    return ListError(
        f"the campaign {campaign_id}, for {destination.name}: {what}, and the destination takes "
        f"{destination.limits.of(limit):,} ({limit})",
        f"print less in the campaign's templates, or leave {destination.name} out with --destination, "
        "then run this again",
    )


def _write_tables(
    connection: duckdb.DuckDBPyConnection, list_sql: str, numbered_sql: str, paths: _Paths
) -> list[Part]:
    """A list as files of rows. Where it is too large, it is written once more in more parts of as many rows each."""
    ((rows,),) = connection.execute(f"select count(*) from ({list_sql})").fetchall()
    max_rows, max_bytes = paths.limit("max_rows"), paths.limit("max_file_bytes")
    parts = max(1, math.ceil(rows / max_rows) if max_rows else 1)
    options = _COPY_OPTIONS[paths.destination.format]
    # kept while it is cut: the view would be evaluated again for each part
    is_kept = False
    while True:
        each = max(1, math.ceil(rows / parts))
        if parts > 1 and not is_kept:
            connection.execute(f"create or replace temp table list_in_parts as {numbered_sql}")
            is_kept = True
        written: list[Part] = []
        sizes: list[int] = []
        for start in range(0, max(rows, 1), each):
            file = paths.of(len(written) + 1)
            part_sql = list_sql if parts == 1 else _part(start, each)
            connection.execute(f"copy ({part_sql}) to {literal(paths.folder / file)} ({options})")
            written.append(Part(file, min(each, rows - start)))
            sizes.append((paths.folder / file).stat().st_size)
        if not max_bytes or max(sizes) <= max_bytes:
            return written
        if each == 1:
            raise paths.too_large(f"a file of one row has {max(sizes):,} bytes", "max_file_bytes")
        parts = min(rows, max(parts + 1, math.ceil(sum(sizes) / max_bytes)))


def _part(start: int, rows: int) -> str:
    places = f"place_in_list > {start} and place_in_list <= {start + rows}"
    return f"select * exclude (place_in_list) from list_in_parts where {places} order by place_in_list"


def _write_lines(connection: duckdb.DuckDBPyConnection, list_sql: str, paths: _Paths) -> list[Part]:
    """A list as files of lines: a row each, or a request each. Nothing but a request is held in memory."""
    max_rows, max_bytes = paths.limit("max_rows"), paths.limit("max_file_bytes")
    items = _items(connection, list_sql, paths)
    envelope = paths.destination.envelope
    lines = _requests(items, envelope, paths) if envelope else ((item.encode(), 1) for item in items)
    written = [Part(paths.of(1), 0)]
    size = 0
    file = (paths.folder / written[0].file).open("wb")
    try:
        for line, rows in lines:
            if max_bytes and len(line) + 1 > max_bytes:
                raise paths.too_large(f"a line has {len(line) + 1:,} bytes", "max_file_bytes")
            last = written[-1]
            if (max_bytes and size + len(line) + 1 > max_bytes) or (max_rows and last.rows + rows > max_rows):
                file.close()
                last = Part(paths.of(len(written) + 1), 0)
                written.append(last)
                file, size = (paths.folder / last.file).open("wb"), 0
            size += file.write(line + b"\n")
            written[-1] = Part(last.file, last.rows + rows)
    finally:
        file.close()
    return written


def _items(connection: duckdb.DuckDBPyConnection, list_sql: str, paths: _Paths) -> Iterator[str]:
    """The one column of a list, row by row."""
    most = paths.limit("max_item_bytes")
    # of this connection: another one would not see its temporary tables
    cursor = connection.execute(list_sql)
    while chunk := cursor.fetchmany(_ROWS_AT_ONCE):
        for (item,) in chunk:
            if most and len(item.encode()) > most:
                raise paths.too_large(f"a message has {len(item.encode()):,} bytes", "max_item_bytes")
            yield item


def _requests(items: Iterable[str], envelope: Envelope, paths: _Paths) -> Iterator[tuple[bytes, int]]:
    """Requests with the items in their order, each with the number of its items."""
    most, most_bytes = paths.limit("max_request_items"), paths.limit("max_request_bytes")
    for request, count in group_requests(items, envelope, most, most_bytes):
        if most_bytes and len(request) > most_bytes:
            raise paths.too_large(f"a request of one message has {len(request):,} bytes", "max_request_bytes")
        yield request, count


def group_requests(
    items: Iterable[str], envelope: Envelope, max_items: int | None, max_bytes: int | None
) -> Iterator[tuple[bytes, int]]:
    """JSON objects put into requests, as many in each as it may have; one that is too large alone is a request alone."""
    begin = f"{{{json.dumps(envelope.items)}: [".encode()
    rest = "".join(
        f", {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
        for name, value in envelope.rest.items()
    )
    end = f"]{rest}}}".encode()
    group: list[bytes] = []
    size = 0
    for item in items:
        encoded = item.encode()
        larger = size + len(encoded) + (2 if group else len(begin) + len(end))
        if group and ((max_items and len(group) == max_items) or (max_bytes and larger > max_bytes)):
            yield begin + b", ".join(group) + end, len(group)
            group, larger = [], len(begin) + len(encoded) + len(end)
        group.append(encoded)
        size = larger
    if group:
        yield begin + b", ".join(group) + end, len(group)
