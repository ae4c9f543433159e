"""Typed drops: each file of events and message events is parsed once, and kept as Parquet for the nights to come.

dbt types what is new (macros/landing/typed_drops.sql). Here stands what is known of the files: the catalogue, which is replaced in one
step. What it does not name is removed when a night is published. It is a cache: where anything differs, the landing zone is read.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import duckdb
from pydantic import BaseModel, ConfigDict, ValidationError

from sendworthy.foundation.clock import iso
from sendworthy.foundation.durable_files import flush, flush_tree, make_folder, swap_in
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import read_file, remove_folder
from sendworthy.privacy.erasure import Erased
from sendworthy.privacy.residual_search import create_addresses, rows_mentioning_erased
from sendworthy.settings.seed_files import SEEDS_DIR
from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import Sql, literal, relation, statements_in

TABLES = ("events", "message_events")

_CATALOGUE = "catalogue.json"
# a file of the landing zone is a line of some 300 bytes
_MAX_CATALOGUE = 256_000_000
# what a typed row depends on, besides the file that it came from
_CODE = ("models/staging/landing", "macros/landing", "macros/engine", "macros/reading", "macros/rules")
# the seeds that say what the words of a source mean, and how it writes
_WORDS = ("event_names", "report_types", "report_channels", "source_formats")

_sql = statements_in(Path(__file__).with_name("sql"))


class KeptFile(BaseModel):
    """A file of the landing zone whose rows are kept: how it was, by its size and time, and where they are (None: it has none)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    table_name: str
    file: str
    file_bytes: int
    written_at_us: int
    judged_at: str
    path: str | None
    rows_in: int
    rows_erased: int
    unknown_columns: str | None


class _Catalogue(BaseModel):
    """What is kept, of which landing zone, and read in which way; `as_of` of the last night, and the erasure requests that it had (stats)."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    raw: str
    code: str
    as_of: str
    requests: dict[str, tuple[int, int]]
    files: list[KeptFile]


class TypedDrops:
    """The typed drops in one place, for one night on one landing zone.

    `packages`: those of the engine, for another version may read otherwise.
    """

    def __init__(self, project: Project, raw: Path, place: Path, packages: Sequence[str]) -> None:
        self._place = place
        self._raw = raw
        self._code = _code_of(project, packages)
        self._as_of = ""
        self._requests = _requests_in(raw)
        self._files = self._read()

    @property
    def files(self) -> Sequence[KeptFile]:
        """What is known of the files."""
        return self._files

    def forget(self) -> None:
        """Know nothing: everything is read. What is published needs its files until the night is, too."""
        self._files = []

    def begin(self) -> Path:
        """The folder for what tonight types; known.json in it says what is kept."""
        make_folder(self._place)
        self._tonight = self._place / f"{1 + max(map(int, _batches(self._place)), default=0):06}"
        self._tonight.mkdir()
        known = "".join(f"{file.model_dump_json()}\n" for file in self._files)
        (self._tonight / "known.json").write_text(known, encoding="utf-8")
        return self._tonight

    def keep(self, build: Path) -> None:
        """Know what a build has read, from here on. OSError where it cannot be written."""
        paths = {(file.table_name, file.file): file.path for file in self._files}
        with database_file.connect(build, read_only=True) as connection:
            found = database_file.rows(connection, _sql("files_read"), {"tables": list(TABLES)})
        self._files = [
            KeptFile(
                path=paths[row["table_name"], row["file"]]
                if (number := row.pop("drop_number")) is None
                else self._path_of(row["table_name"], number),
                **row,
            )
            for row in found
        ]
        flush_tree(self._tonight)
        self._write()

    def erase(self, connection: duckdb.DuckDBPyConnection, erased: Erased) -> None:
        """Write the files in which erased people are without them, and let the views of a build read those.

        What is kept is known again after `commit`, when the build is published.
        """
        if not erased.users:
            return
        connection.execute(
            "create or replace temp table erased as select unnest(?::varchar[]) as user_id",
            [sorted(erased.users)],
        )
        create_addresses(connection, erased.addresses)
        for table in TABLES:
            self._erase_from(connection, table)
        for table in ("erased", "erased_addresses"):
            connection.execute(f"drop table {table}")
        # the views of what is published next read them
        flush_tree(self._tonight)

    def refuse_earlier(self, as_of: datetime) -> None:
        """BuildError for a night before the last one: who is erased since is in no kept file, and may not have been then."""
        if any(map(_is_without_erased, self._files)) and self._as_of > iso(as_of):
            raise BuildError(
                f"the night of {iso(as_of)} is before the last one, of {self._as_of}, whose erased people are not in what it has kept.",
                "run it with --full-refresh: it reads everything.",
            )

    def commit(self, as_of: datetime) -> None:
        """After publishing a night: know what is published, and remove all else. OSError where that cannot be done."""
        self._as_of = iso(as_of)
        self._write()
        kept = {file.path for file in self._files}
        for batch in _batches(self._place).values():
            for table in (folder for folder in batch.iterdir() if folder.is_dir()):
                for drop in table.iterdir():
                    if str(drop) not in kept:
                        remove_folder(drop)
                if not any(table.iterdir()):
                    table.rmdir()
            (batch / "known.json").unlink(missing_ok=True)
            if not any(batch.iterdir()):
                batch.rmdir()

    def forget_damaged(self) -> bool:
        """Read all that is kept, for a night that has failed; forget it and return True where that cannot be done, or rows are missing."""
        with database_file.closing(duckdb.connect()) as connection:
            database_file.prepare(connection)
            try:
                is_whole = all(_is_whole(connection, file) for file in self._files if file.path)
            except duckdb.Error:
                is_whole = False
        if not is_whole:
            (self._place / _CATALOGUE).unlink(missing_ok=True)
        return not is_whole

    def _path_of(self, table: str, number: int) -> str | None:
        path = self._tonight / table / f"drop_number={number}"
        return str(path) if path.is_dir() else None

    def _read(self) -> list[KeptFile]:
        """What the catalogue says; nothing where it is of another landing zone or another way of reading, or not whole."""
        try:
            text = read_file(self._place / _CATALOGUE, self._place, _MAX_CATALOGUE)
            found = _Catalogue.model_validate_json(text)
        except (OSError, ValidationError):
            return []
        is_valid = (
            found.raw == str(self._raw)
            and found.code == self._code
            and all(Path(file.path).is_dir() for file in found.files if file.path)
        )
        if not is_valid:
            return []
        self._as_of = found.as_of
        # where a request is gone or not as it was, somebody may be back
        may_be_back = any(self._requests.get(file) != stat for file, stat in found.requests.items())
        return [_unknown(file) if may_be_back and _is_without_erased(file) else file for file in found.files]

    def _write(self) -> None:
        staged = self._place / f".{_CATALOGUE}"
        found = _Catalogue(
            raw=str(self._raw),
            code=self._code,
            as_of=self._as_of,
            requests=self._requests,
            files=self._files,
        )
        staged.write_text(found.model_dump_json(indent=1) + "\n", encoding="utf-8")
        flush(staged)
        swap_in(staged, self._place / _CATALOGUE)

    def _erase_from(self, connection: duckdb.DuckDBPyConnection, table: str) -> None:
        paths = {file.file: file.path for file in self._files if file.table_name == table and file.path}
        if not paths:
            return
        rows = _rows_in(list(paths.values()))
        nameless = _sql("nameless_typed_rows", rows=rows)
        connection.execute(
            _sql("typed_rows_of_erased", rows=rows, mentioning=rows_mentioning_erased(nameless))
        )
        found = connection.execute("select distinct file from typed_rows_of_erased order by file").fetchall()
        changed: dict[str, str] = {}
        erased: dict[str, int] = {}
        for number, (file,) in enumerate(found, 1):
            folder = self._tonight / table / f"erased_{number}"
            folder.mkdir(parents=True)
            rows = _rows_in([paths[file]])
            connection.execute(_sql("write_without_erased", rows=rows, place=folder / "rows.parquet"))
            erased[file] = _count_staged(connection, paths[file]) - _count_staged(connection, str(folder))
            changed[paths[file]] = str(folder)
            connection.execute(
                "update ops.source_counts set rows_erased = rows_erased + ? where table_name = ? and file = ?",
                [erased[file], table, file],
            )
        connection.execute("drop table typed_rows_of_erased")
        if changed:
            _read_from(connection, f"staging.base_landing__{table}", changed)
        self._files = [
            _rewritten(file, changed[file.path], erased[file.file])
            if file.table_name == table and file.path in changed
            else file
            for file in self._files
        ]


def _rewritten(file: KeptFile, path: str, rows_erased: int) -> KeptFile:
    """A file without erased people. A report of theirs holds for whoever has the address now or later: such a file is read every night."""
    found = file.model_copy(update={"path": path, "rows_erased": file.rows_erased + rows_erased})
    return _unknown(found) if file.table_name == "message_events" else found


def _unknown(file: KeptFile) -> KeptFile:
    """A file that is read anew, whatever it is."""
    return file.model_copy(update={"file_bytes": -1})


def _is_without_erased(file: KeptFile) -> bool:
    return bool(file.path) and Path(str(file.path)).name.startswith("erased_")


def _requests_in(raw: Path) -> dict[str, tuple[int, int]]:
    """The files of erasure requests, by size and time."""
    found = (path for path in sorted(raw.glob("erasure_requests*/**/*")) if path.is_file())
    single = (path for path in sorted(raw.glob("erasure_requests.*")) if path.is_file())
    return {
        str(path.relative_to(raw)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (*single, *found)
    }


def _batches(place: Path) -> Mapping[str, Path]:
    """The folders of the nights in a place, by their numbers."""
    if not place.is_dir():
        return {}
    return {path.name: path for path in sorted(place.iterdir()) if path.is_dir() and path.name.isdecimal()}


def _rows_in(folders: Sequence[str]) -> Sql:
    """The rows in folders of Parquet files, as what stands behind `from`."""
    files = ", ".join(literal(f"{glob.escape(folder)}/*.parquet") for folder in folders)
    return Sql(f"read_parquet([{files}], hive_partitioning = false, filename = true, file_row_number = true)")


def _is_whole(connection: duckdb.DuckDBPyConnection, file: KeptFile) -> bool:
    """Whether all rows of a kept file are there; duckdb.Error where one cannot be read."""
    rows = _rows_in([str(file.path)])
    connection.execute(f"select max(hash(columns(*))) from {rows}")
    ((count,),) = connection.execute(f"select count(*) from {rows}").fetchall()
    return int(count) == file.rows_in - file.rows_erased


def _count_staged(connection: duckdb.DuckDBPyConnection, folder: str) -> int:
    ((rows,),) = connection.execute(
        f"select count(*) from {_rows_in([folder])} where quarantine_reason is null"
    ).fetchall()
    return int(rows)


def _read_from(connection: duckdb.DuckDBPyConnection, view: str, changed: Mapping[str, str]) -> None:
    """Let a view of typed files read other folders."""
    schema, name = view.split(".")
    ((text,),) = connection.execute(
        "select sql from duckdb_views() where schema_name = ? and view_name = ? and database_name = current_database()",
        [schema, name],
    ).fetchall()
    for old, new in changed.items():
        text = text.replace(
            literal(f"{glob.escape(old)}/*.parquet"), literal(f"{glob.escape(new)}/*.parquet")
        )
    connection.execute(f"drop view {relation(view)}")
    connection.execute(text)


def _code_of(project: Project, packages: Sequence[str]) -> str:
    """What stands for all that a typed row depends on besides its file: how it is read."""
    digest = hashlib.sha256()
    for package in packages:
        digest.update(f"{package} {version(package)}\n".encode())
    paths = [path for place in _CODE for path in (project.root / place).rglob("*") if path.is_file()]
    seeds = [path for name in _WORDS if (path := project.root / SEEDS_DIR / f"{name}.csv").is_file()]
    for path in [*sorted(paths), *seeds]:
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
