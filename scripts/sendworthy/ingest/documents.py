"""The files of reports: JSON in any of its shapes, CSV and Avro, gzipped or not, as a table `documents` of JSON objects."""

from __future__ import annotations

import csv
import glob
import gzip
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

import duckdb

from sendworthy.foundation.errors import SendworthyError, SettingsError
from sendworthy.warehouse.statements import Sql, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

_GZIP, _AVRO, _BOM = b"\x1f\x8b", b"Obj\x01", b"\xef\xbb\xbf"

# what a source writes besides JSON
CSV_SOURCES = {"listmonk"}
AVRO_SOURCES = {"braze"}

# what sources/*.sql makes of a report, all texts
REPORT_COLUMNS = (
    *("event_id", "event", "qualifier", "occurred", "channel", "dispatch_id", "user_id", "campaign_id"),
    *("variant", "esp_campaign_id", "esp_campaign_name", "address", "is_machine"),
)

# DuckDB keeps room for two objects of this size for each thread
USUAL_OBJECT, LARGEST_OBJECT = 16 * 2**20, 2**30
# a file that is no JSON is read once more by Python to name the line, unless it is larger
LARGEST_SEARCH = 256 * 2**20


def report_files(paths: Sequence[Path]) -> list[Path]:
    """The files that are named, and those in the folders that are named, in order; SettingsError where one is not there."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            # names with _ or . in front are the marks of tools
            inside = [item for item in sorted(path.rglob("*")) if item.is_file() and item.name[0] not in "_."]
            if not inside:
                raise SettingsError(
                    f"there is no file in the folder {path}.", "name the folder of the reports."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise SettingsError(f"there is no file {path}.", "name files of reports, or folders of them.")
    return found


def read_documents(connection: duckdb.DuckDBPyConnection, source: str, path: Path, work: Path) -> int:
    """Make the table documents(file, doc) of one file; returns how many of its values are null and were left out.

    Other values that are no objects may be reports that nobody can read: they go into the table not_objects(doc).
    """
    head = _head(path)
    if head[:4] == _AVRO:
        _read_json(connection, path, _avro_as_json(source, path, work))
    elif head.lstrip(_BOM + b" \t\r\n")[:1] in (b"{", b"["):
        _read_json(connection, path, path)
    elif not head:
        raise unreadable(path, "it is empty.", "deliver it again.")
    elif source in CSV_SOURCES:
        _read_csv(connection, path)
    else:
        raise unreadable(
            path,
            f"it is no JSON: it begins with neither {{ nor [. Of {source}, {'Avro and ' if source in AVRO_SOURCES else ''}JSON is read.",
            "see docs/ingest-reports.md for what to ask the provider for.",
        )
    connection.execute(f"create or replace temp table not_objects as {_sql('not_objects')}")
    ((left_out,),) = connection.execute(
        "select count(*) from documents where coalesce(json_type(doc), 'NULL') = 'NULL'"
    ).fetchall()
    connection.execute("delete from documents where json_type(doc) is distinct from 'OBJECT'")
    return int(left_out)


def keep_not_objects(connection: duckdb.DuckDBPyConnection) -> None:
    """Add to the table reports what read_documents could not read: without an event, and as it stands."""
    connection.execute(
        "insert into reports by name select md5(doc) as event_id, doc as qualifier from not_objects"
    )


def read_kept(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Make the table reports of what an earlier run has kept."""
    reports = _sql(
        "reports_kept_before",
        columns=REPORT_COLUMNS,
        types=_types({**dict.fromkeys(REPORT_COLUMNS, "varchar"), "read_at": "timestamp"}),
        file=_exactly(path),
        size=Sql(USUAL_OBJECT),
    )
    try:
        connection.execute(f"create or replace temp table reports as {reports}")
    except (duckdb.DataError, duckdb.InvalidInputException):
        raise unreadable(
            path,
            "it is not as an earlier run has kept it.",
            "put back a copy of it; without one, move it away and read the files of reports --again.",
        ) from None


def _head(path: Path) -> bytes:
    try:
        with _open(path) as file:
            return file.read(4096)
    except (OSError, EOFError) as error:
        raise unreadable(path, f"it cannot be read ({type(error).__name__}).", "deliver it again.") from None


def _open(path: Path) -> IO[bytes]:
    """The content of a file, unpacked where it is gzipped, whatever its name."""
    with path.open("rb") as file:
        is_packed = file.read(2) == _GZIP
    return gzip.open(path) if is_packed else path.open("rb")  # type: ignore[return-value]


def _compression(path: Path) -> str:
    with path.open("rb") as file:
        return "gzip" if file.read(2) == _GZIP else "uncompressed"


def _read_json(connection: duckdb.DuckDBPyConnection, named: Path, path: Path) -> None:
    """One object, many one after the other, an array of them, or many arrays: a batch of a webhook on each line."""
    for size in (USUAL_OBJECT, LARGEST_OBJECT):
        documents = _sql(
            "documents_in_json",
            path=named,
            file=_exactly(path),
            size=Sql(size),
            compression=_compression(path),
        )
        try:
            connection.execute(f"create or replace temp table documents as {documents}")
            return
        except duckdb.InvalidInputException as error:
            # its words may hold a piece of the file
            if "maximum_object_size" in str(error) and size == USUAL_OBJECT:
                continue
            line = _first_broken_line(named)
            where = f"line {line}: from here on it is" if line else "it is"
            raise unreadable(
                named, f"{where} no JSON in UTF-8, or it ends too early.", "deliver it again, whole."
            ) from None


def _first_broken_line(path: Path) -> int | None:
    """The line where a file stops being JSON; None where that cannot be said."""
    try:
        with _open(path) as file:
            first = True
            for number, line in enumerate(file, start=1):
                if line.strip(_BOM + b" \t\r\n"):
                    try:
                        json.loads(line.removeprefix(_BOM) if number == 1 else line)
                    except ValueError:
                        if not first:
                            return number
                        break
                    first = False
        with _open(path) as file:
            content = file.read(LARGEST_SEARCH + 1)
        if len(content) <= LARGEST_SEARCH:
            json.loads(content.removeprefix(_BOM))
    except json.JSONDecodeError as error:
        return error.lineno
    except (OSError, EOFError, ValueError, RecursionError):
        pass
    return None


def _read_csv(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Comma, double quotes, UTF-8, the header first, as in the landing zone: nothing is guessed."""
    try:
        with _open(path) as file:
            header = next(
                csv.reader(io.TextIOWrapper(file, encoding="utf-8-sig", newline=""), strict=True), []
            )
    except (OSError, EOFError, ValueError, csv.Error):
        raise unreadable(path, "line 1: the header is no CSV in UTF-8.", "deliver it again.") from None
    names = [name.strip() for name in header]
    if not all(names) or len({name.lower() for name in names}) < len(names):
        raise unreadable(
            path, "line 1: a column of the header has no name, or has one twice.", "deliver it again."
        )
    documents = _sql(
        "documents_in_csv",
        path=path,
        file=_exactly(path),
        types=_types(dict.fromkeys(names, "varchar")),
        compression=_compression(path),
    )
    try:
        connection.execute(f"create or replace temp table documents as {documents}")
    except duckdb.InvalidInputException as error:
        line = re.search(r"Line: (\d+)", str(error))
        where = f"line {line[1]}: it" if line else "it"
        raise unreadable(
            path, f"{where} is no CSV with the columns of the header, in UTF-8.", "deliver it again."
        ) from None


def _avro_as_json(source: str, path: Path, work: Path) -> Path:
    """An Avro file as lines of JSON in the private folder `work`."""
    if source not in AVRO_SOURCES:
        raise unreadable(path, f"it is Avro, which {source} does not write.", "see --from.")
    try:
        import fastavro
    except ImportError:
        raise SettingsError(
            f"{path} is Avro, and the package that reads Avro is not installed.",
            'install it: pip install "sendworthy[avro]"',
        ) from None
    target = work / "avro.json"
    try:
        with path.open("rb") as file, target.open("w", encoding="utf-8") as out:
            records: Iterator[object] = iter(fastavro.reader(file))
            for record in records:
                out.write(json.dumps(record, default=str) + "\n")
    except Exception as error:  # a damaged file fails in many ways
        raise unreadable(path, f"it is damaged ({type(error).__name__}).", "deliver it again.") from None
    return target


def _types(columns: Mapping[str, str]) -> Sql:
    """Columns and their types, as DuckDB's readers take them."""
    return Sql("{" + ", ".join(f"{literal(name)}: {literal(kind)}" for name, kind in columns.items()) + "}")


def _exactly(path: Path) -> Sql:
    """A path as a SQL text that is no pattern."""
    return literal(glob.escape(str(path)))


def unreadable(path: Path, what: str, fix: str) -> SendworthyError:
    """The error for a file that cannot be used."""
    return SendworthyError(f"{path}: {what} Nothing has landed, of no file.", fix)
