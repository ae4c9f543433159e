"""Brings what Spark has built into the DuckDB file that is published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import duckdb

from sendworthy.warehouse.statements import identifier, literal

if TYPE_CHECKING:
    from pyspark.sql import SparkSession
    from pyspark.sql.types import DataType

# What people and programs rely on. Views of these are written out as tables, because nobody evaluates them later ...
PUBLISHED = ("settings", "intermediate", "marts", "exports", "audit", "ops")
# ... but for the views that only models read, and that can be as large as the landing zone.
WITHOUT_VIEWS = ("intermediate",)

_DETAILS = "# Detailed Table Information"
_PARTITIONS = "# Partition Information"


@dataclass(frozen=True)
class Relation:
    """A table or view of Spark's catalogue; `files` is the folder of a table whose Parquet files are read as they are."""

    schema: str
    name: str
    is_view: bool
    files: Path | None

    @property
    def identifier(self) -> str:
        """Its name in either engine."""
        return f"{self.schema}.{self.name}"


def gather(
    session: SparkSession,
    connection: duckdb.DuckDBPyConnection,
    copies: Path,
    progress: Callable[[str], None],
) -> None:
    """Write every published relation into the build file as a table.

    Tables in Parquet are read from their own files. What is none, or is a view, Spark copies into the folder `copies`
    first. `progress` gets a line a relation.
    """
    found = list(published_relations(session))
    for number, relation in enumerate(found, start=1):
        progress(f"gathering the tables … {number}/{len(found)} {relation.name}")
        connection.execute(f"create schema if not exists {relation.schema}")
        connection.execute(
            f"create or replace table {relation.identifier} as {_rows_of(session, relation, copies)}"
        )


def rows_in_lake(session: SparkSession, name: str, copies: Path) -> str:
    """A query of DuckDB for the rows of a relation, where Spark has them; connections in UTC read them right."""
    schema, _, table = name.partition(".")
    return _rows_of(session, _describe(session, schema, table), copies)


def _rows_of(session: SparkSession, relation: Relation, copies: Path) -> str:
    folder = relation.files or write_copy(session, relation.identifier, copies)
    schema = session.table(relation.identifier).schema
    return read_parquet(folder, {field.name: duckdb_type(field.dataType) for field in schema.fields})


def write_copy(session: SparkSession, name: str, copies: Path) -> Path:
    """The folder with a relation's rows in Parquet below `copies`; written but once a night."""
    folder = copies / name
    # what Spark writes last, and only when everything is there
    if not (folder / "_SUCCESS").is_file():
        session.table(name).write.mode("overwrite").parquet(folder.as_uri())
    return folder


def published_relations(session: SparkSession) -> Iterator[Relation]:
    """The relations of the published schemas, in order of their names."""
    known = {str(row[0]) for row in session.sql("show databases").collect()}
    for schema in PUBLISHED:
        if schema not in known:
            continue
        names = sorted(
            str(row["tableName"])
            for row in session.sql(f"show tables in {schema}").collect()
            if not row["isTemporary"]
        )
        for name in names:
            relation = _describe(session, schema, name)
            if not (relation.is_view and schema in WITHOUT_VIEWS):
                yield relation


def _describe(session: SparkSession, schema: str, name: str) -> Relation:
    described = session.sql(f"describe table extended {schema}.{name}").collect()
    return read_description(
        schema, name, [(str(row["col_name"]), str(row["data_type"])) for row in described]
    )


def read_description(schema: str, name: str, described: list[tuple[str, str]]) -> Relation:
    """A relation from the rows (name, value) of `describe table extended`: columns first, then the details."""
    names = [key for key, _ in described]
    details: Mapping[str, str] = dict(described[names.index(_DETAILS) + 1 :]) if _DETAILS in names else {}
    is_view = details.get("Type") == "VIEW"
    location = urlsplit(details.get("Location", ""))
    readable = (
        not is_view
        and details.get("Provider", "").lower() == "parquet"
        # the column that a table is partitioned by is in the names of its folders only
        and _PARTITIONS not in names
        and location.scheme in ("", "file")
        and bool(location.path)
    )
    return Relation(schema, name, is_view, Path(unquote(location.path)) if readable else None)


def read_parquet(folder: Path, columns: Mapping[str, str]) -> str:
    """A query of DuckDB for a folder's Parquet files, with just these columns and types, for connections in UTC."""
    files = sorted(
        path
        for path in folder.glob("*.parquet")
        # the marks of tools are no data
        if not path.name.startswith(("_", "."))
    )
    if not files:
        none = ", ".join(f"cast(null as {kind}) as {identifier(name)}" for name, kind in columns.items())
        return f"select {none} where false"
    select = ", ".join(
        f"cast({identifier(name)} as {kind}) as {identifier(name)}" for name, kind in columns.items()
    )
    paths = ", ".join(literal(path) for path in files)
    return f"select {select} from read_parquet([{paths}])"


def duckdb_type(kind: DataType) -> str:
    """DuckDB's type for one of Spark's; a time is a time in UTC, without a zone."""
    from pyspark.sql import types

    simple: dict[type[Any], str] = {
        types.StringType: "varchar",
        types.BooleanType: "boolean",
        types.ByteType: "tinyint",
        types.ShortType: "smallint",
        types.IntegerType: "integer",
        types.LongType: "bigint",
        types.FloatType: "float",
        types.DoubleType: "double",
        types.DateType: "date",
        types.TimestampType: "timestamp",
        types.TimestampNTZType: "timestamp",
        types.BinaryType: "blob",
        # a column that is null everywhere
        types.NullType: "varchar",
    }
    if isinstance(kind, types.DecimalType):
        return f"decimal({kind.precision}, {kind.scale})"
    if isinstance(kind, types.ArrayType):
        return f"{duckdb_type(kind.elementType)}[]"
    if isinstance(kind, types.MapType):
        return f"map({duckdb_type(kind.keyType)}, {duckdb_type(kind.valueType)})"
    if isinstance(kind, types.StructType):
        fields = ", ".join(f"{identifier(field.name)} {duckdb_type(field.dataType)}" for field in kind.fields)
        return f"struct({fields})"
    for spark_type, name in simple.items():
        if isinstance(kind, spark_type):
            return name
    return "varchar"
