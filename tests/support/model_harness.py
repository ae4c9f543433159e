"""The project's own SQL, run on any landing zone and any settings without paying for a whole dbt build each time.

dbt builds an empty world once per test session, so that every model is compiled (some ask the warehouse for the columns of
others) and the manifest says what depends on what. After that a night is: dbt's own `land` on the landing zone, then the
compiled models in their order in an in-memory DuckDB. What changes from night to night (the logical time, the clock, the
two settings that are variables) is compiled as a text that occurs nowhere else and replaced afterwards.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
from dbt.cli.main import dbtRunner
from typing_extensions import Self

from tests.oracle import Night, Settings, unmatched_users
from tests.oracle.landing import TABLES, Landing

PROJECT = Path(__file__).resolve().parents[2]
SCHEMAS = ("landing", "drops", "ledger", "settings", "staging", "intermediate", "marts", "ops", "exports")

# What a whole comparison looks at; everything that these are made of runs too.
MARTS = (
    "campaign_decisions",
    "campaign_metrics",
    "campaign_power",
    "campaign_feedback",
    "campaign_results",
    "churn_breadcrumbs",
    "customer_segments",
    "customers",
    "feedback_by_week",
    "int_nights__sources",
    "merge_field_values",
    "personalization_completeness",
    "quarantine",
    "send_list",
    "site_engagement",
    "source_counts",
    "suppression_funnel",
    "unmatched_users",
    "unreadable_values",
    *sorted(path.stem for path in (PROJECT / "models" / "exports").glob("*.sql")),
)

# What the limits of a night are made of: a test makes their inputs, and no comparison looks at them.
LIMITS = (
    "int_limits__coverage",
    "int_limits__coverage_falls",
    "int_limits__last_nights",
    "int_limits__stale_and_shrunk_tables",
    "int_limits__swings",
    "stg_ledger__runs",
)

_STAND_INS = {
    "as_of": "1971-02-03 04:05:06",
    "wall_clock": "1972-03-04 05:06:07",
    "default_timezone": "Etc/GMT+11",
    "global_holdout_percent": "12.3456",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """One compiled model: what it is called, where its relation is, and its query."""

    name: str
    relation: str
    is_view: bool
    sql: str
    parents: tuple[str, ...]


@dataclass(frozen=True)
class Seed:
    """One seed of the project: its file below seeds/ and the types of its columns."""

    name: str
    relation: str
    path: Path
    types: Mapping[str, str]


@dataclass
class Warehouse:
    """The compiled project. `night` runs it; `run_model` runs one model on tables that a test has made."""

    folder: Path
    target: str = "duckdb"
    models: dict[str, Model] = field(default_factory=dict, repr=False)  # parents before children
    seeds: list[Seed] = field(default_factory=list, repr=False)
    _manifest: Any = field(default=None, repr=False)
    _landed: duckdb.DuckDBPyConnection | None = field(default=None, repr=False)

    # -- once per session

    @classmethod
    def build(cls, folder: Path, target: str = "duckdb") -> Self:
        """Build the project once in `folder`; several processes of one session share what the first one made."""
        folder.mkdir(parents=True, exist_ok=True)
        warehouse = cls(folder, target)
        with (folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "built").is_file():
                shutil.rmtree(folder / "world", ignore_errors=True)
                write_empty_world(folder / "world")
                warehouse._dbt(
                    ["build", "--resource-type", "seed", "--resource-type", "model", "--select"]
                    + [f"+{name}" for name in (*MARTS, *LIMITS)],
                    folder / "world",
                )
                (folder / "built").touch()
            # dbt has parsed the project for the build; reading that again is quick
            warehouse._manifest = warehouse._dbt(["parse"], folder / "world")
        warehouse._read_manifest(
            json.loads((folder / "target" / "manifest.json").read_text(encoding="utf-8"))
        )
        return warehouse

    def _dbt(self, command: Sequence[str], raw: Path) -> Any:
        """Run dbt in this process, on a database that belongs to this process; give its result."""
        database = self.folder / f"build-{os.getpid()}.duckdb"
        arguments = [
            *command,
            *("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target", self.target),
            *("--target-path", str(self.folder / "target"), "--log-path", str(self.folder / "logs")),
            *("--quiet", "--log-level-file", "none"),
            *("--vars", json.dumps({"raw": str(raw), **_STAND_INS})),
        ]
        with environment(
            SENDWORTHY_BUILD_DB=str(database), DO_NOT_TRACK="1", DBT_SEND_ANONYMOUS_USAGE_STATS="0"
        ):
            result = dbtRunner(manifest=self._manifest).invoke(arguments)
        if not result.success:
            failures = [
                f"{item.node.name}: {item.message}"
                for item in getattr(result.result, "results", []) or []
                if item.message
            ]
            raise AssertionError(f"dbt {command[0]} failed: {result.exception or failures}")
        return result.result

    def _read_manifest(self, manifest: Mapping[str, Any]) -> None:
        nodes = manifest["nodes"]
        compiled = self.folder / "target" / "compiled" / "sendworthy"
        waiting = [f"model.sendworthy.{name}" for name in (*MARTS, *LIMITS)]
        needed: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting += [p for p in nodes[name]["depends_on"].get("nodes", []) if p in nodes]
        done: set[str] = set()

        def add(unique_id: str) -> None:
            if unique_id in done:
                return
            done.add(unique_id)
            node = nodes[unique_id]
            parents = [p for p in node["depends_on"].get("nodes", []) if p in nodes]
            for parent in sorted(parents):
                add(parent)
            relation = f"{node['schema']}.{node['alias']}"
            if node["resource_type"] == "seed":
                path = PROJECT / node["original_file_path"]
                self.seeds.append(Seed(node["name"], relation, path, node["config"]["column_types"]))
                return
            self.models[node["name"]] = Model(
                name=node["name"],
                relation=relation,
                is_view=node["config"]["materialized"] == "view",
                sql=(compiled / node["original_file_path"]).read_text(encoding="utf-8"),
                parents=tuple(nodes[p]["name"] for p in parents),
            )

        for unique_id in sorted(needed):
            add(unique_id)
        everything = "".join(model.sql for model in self.models.values())
        for variable, stand_in in _STAND_INS.items():
            assert stand_in in everything, f"no model uses the variable {variable} as text any more"

    # -- a night

    def open(self) -> duckdb.DuckDBPyConnection:
        """An empty warehouse in memory: schemas, and the session settings of the project's profile."""
        connection = duckdb.connect(config={"threads": 1})
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        for schema in SCHEMAS:
            connection.execute(f"create schema {schema}")
        return connection

    def land(
        self,
        connection: duckdb.DuckDBPyConnection,
        raw: Path,
        seeds: Path | None = None,
    ) -> None:
        """Let dbt's `land` read the landing zone `raw`, and take its views over into `connection`.

        By the vocabularies of `seeds`, where it has them, else the project's own.
        """
        own = {"seeds": str(seeds)} if seeds and (seeds / "event_names.csv").is_file() else {}
        self._dbt(["run-operation", "land", "--args", json.dumps(own)], raw)
        if self._landed is None:
            # held open from here on: opening the file anew for every landing zone is slow
            self._landed = duckdb.connect(str(self.folder / f"build-{os.getpid()}.duckdb"))
        views = self._landed.execute(
            "select sql from duckdb_views() where schema_name in ('landing', 'drops') order by view_oid"
        ).fetchall()
        words = self._landed.execute("select seed_name, source_word, word from landing.words").fetchall()
        files = self._landed.execute(
            "select table_name, file, landed_on, unknown_columns from landing.landing_files"
        ).fetchall()
        connection.execute(
            "create table landing.words (seed_name varchar, source_word varchar, word varchar)"
        )
        fill(connection, "landing.words", words)
        for (sql,) in views:
            connection.execute(sql)
        connection.execute(
            "create table landing.landing_files (table_name varchar, file varchar, landed_on date, unknown_columns varchar)"
        )
        fill(connection, "landing.landing_files", files)

    def load_seeds(self, connection: duckdb.DuckDBPyConnection, folder: Path | None = None) -> None:
        """Load the seeds as dbt does: those of `folder` where it has them, else the project's own.

        A column that a file of `folder` lacks is null: what a test does not set is not set.
        """
        for seed in self.seeds:
            own = folder / seed.path.relative_to(PROJECT / "seeds") if folder else seed.path
            path = own if own.is_file() else seed.path
            with path.open(encoding="utf-8", newline="") as handle:
                names = next(csv.reader(handle))
            types = {**{name: seed.types.get(name, "varchar") for name in names}, **seed.types}
            columns = ", ".join(f'"{name}" {kind}' for name, kind in types.items())
            listed = ", ".join(f'"{name}"' for name in names)
            connection.execute(f"create table {seed.relation} ({columns})")
            connection.execute(
                f"copy {seed.relation} ({listed}) from '{path}' (format csv, header true, delimiter ',')"
            )

    def run_model(
        self,
        connection: duckdb.DuckDBPyConnection,
        name: str,
        *,
        as_of: datetime,
        wall_clock: datetime | None = None,
        global_holdout_percent: Decimal = Decimal(0),
        default_timezone: str = "UTC",
    ) -> None:
        """Make the relation of one model; what it selects from must be there."""
        model = self.models[name]
        sql = self.sql_of(
            model,
            as_of=as_of,
            wall_clock=wall_clock or as_of,
            global_holdout_percent=global_holdout_percent,
            default_timezone=default_timezone,
        )
        connection.execute(
            f"create or replace {'view' if model.is_view else 'table'} {model.relation} as {sql}"
        )

    def sql_of(
        self,
        model: Model,
        *,
        as_of: datetime,
        wall_clock: datetime,
        global_holdout_percent: Decimal,
        default_timezone: str,
    ) -> str:
        """A model's query for one night."""
        values = {
            "as_of": as_of.isoformat(sep=" "),
            "wall_clock": wall_clock.isoformat(sep=" "),
            "default_timezone": default_timezone,
            "global_holdout_percent": str(global_holdout_percent),
        }
        sql = model.sql
        for variable, stand_in in _STAND_INS.items():
            sql = sql.replace(stand_in, values[variable])
        return sql

    def night(
        self,
        raw: Path,
        *,
        as_of: datetime,
        wall_clock: datetime,
        settings: Settings,
        seeds: Path | None = None,
        ledger: Sequence[Mapping[str, Any]] = (),
    ) -> duckdb.DuckDBPyConnection:
        """Run every model on the landing zone `raw`; the caller closes the connection."""
        connection = self.open()
        self.land(connection, raw, seeds)
        self.load_seeds(connection, seeds)
        load_ledger(connection, ledger)
        for name in self.models:
            if name in LIMITS:
                continue
            self.run_model(
                connection,
                name,
                as_of=as_of,
                wall_clock=wall_clock,
                global_holdout_percent=settings.global_holdout_percent,
                default_timezone=settings.default_timezone,
            )
        return connection


def write_empty_world(raw: Path) -> None:
    """A landing zone of headers."""
    raw.mkdir(parents=True)
    for table in TABLES:
        names = ",".join(column.name for column in table.columns)
        (raw / f"{table.name}.csv").write_text(f"{names}\n", encoding="utf-8")


def load_ledger(connection: duckdb.DuckDBPyConnection, ledger: Sequence[Mapping[str, Any]]) -> None:
    """Make the ledgers of these messages: the dispatches, and the decisions that led to them."""
    columns_of_decisions = (
        "as_of timestamp, user_id varchar, campaign_id varchar, channel varchar, decision varchar"
    )
    connection.execute(
        f"create table ledger.decisions ({columns_of_decisions}, primary_reason varchar, reasons varchar[],"
        " variant varchar, trigger_at timestamp, priority integer, lost_to varchar[], send_at timestamp, arm varchar, segments varchar[])"
    )
    decided = [
        (
            row["as_of"],
            row["user_id"],
            row["campaign_id"],
            None,
            row.get("decision"),
            *[None] * 6,
            row.get("decision") and row["send_at"],
            row.get("arm"),
            None,
        )
        for row in ledger
    ]
    fill(connection, "ledger.decisions", decided)
    connection.execute(
        "create table ledger.dispatches (as_of timestamp, dispatch_id varchar, user_id varchar,"
        " campaign_id varchar, channel varchar, variant varchar, send_at timestamp, valid_until timestamp,"
        " journey_started_at timestamp, address_hash varchar, arm varchar)"
    )
    columns = (
        "as_of",
        "dispatch_id",
        "user_id",
        "campaign_id",
        "channel",
        "variant",
        "send_at",
        "valid_until",
        "journey_started_at",
        "address_hash",
        "arm",
    )
    fill(connection, "ledger.dispatches", [tuple(row.get(name) for name in columns) for row in ledger])
    connection.execute(
        "create table ledger.cancellations (as_of timestamp, dispatch_id varchar, campaign_id varchar,"
        " user_id varchar, cancelled_at timestamp, reasons varchar[])"
    )
    cancelled = [row for row in ledger if row.get("cancelled_at")]
    of_cancelled = ("as_of", "dispatch_id", "campaign_id", "user_id", "cancelled_at")
    fill(
        connection,
        "ledger.cancellations",
        [(*(row[name] for name in of_cancelled), ["expired"]) for row in cancelled],
    )


@contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def fill(connection: duckdb.DuckDBPyConnection, relation: str, rows: Sequence[Sequence[object]]) -> None:
    """Insert rows (in the order of the table's columns) into a table."""
    # in one statement: one a row takes a hundred times as long
    for start in range(0, len(rows), 200):
        chunk = rows[start : start + 200]
        places = f"({', '.join('?' * len(chunk[0]))})"
        connection.execute(
            f"insert into {relation} values {', '.join([places] * len(chunk))}",
            [v for row in chunk for v in row],
        )


# ---------------------------------------------------------------------------------------------------------
# Comparing


def rows_of(connection: duckdb.DuckDBPyConnection, relation: str) -> list[Row]:
    """The rows of a relation as dictionaries."""
    cursor = connection.execute(f"select * from {relation}")
    names = [item[0] for item in cursor.description or []]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def differences(
    what: str, key: Sequence[str], columns: Sequence[str], sql: Iterable[Row], oracle: Iterable[Row]
) -> list[str]:
    """What differs between two sets of rows with the same key; each difference shows both rows."""
    found: list[str] = []
    sides: list[dict[tuple[object, ...], Row]] = []
    for side, rows in (("SQL", sql), ("oracle", oracle)):
        by_key: dict[tuple[object, ...], Row] = {}
        for row in rows:
            identity = tuple(row[name] for name in key)
            if identity in by_key:
                found.append(f"{what} {identity}: twice in the {side}")
            by_key[identity] = {name: row[name] for name in columns}
        sides.append(by_key)
    left, right = sides
    for identity in sorted({*left, *right}, key=str):
        mine, theirs = left.get(identity), right.get(identity)
        if mine is None or theirs is None:
            found.append(f"{what} {identity}: SQL {mine}, oracle {theirs}")
        elif mine != theirs:
            wrong = [name for name in columns if mine[name] != theirs[name]]
            found.append(f"{what} {identity}: {', '.join(wrong)}\n    SQL    {mine}\n    oracle {theirs}")
    return found


DECISION_COLUMNS = (
    "as_of",
    "user_id",
    "campaign_id",
    "channel",
    "decision",
    "primary_reason",
    "reasons",
    "variant",
    "trigger_at",
    "priority",
    "lost_to",
    "send_at",
    "arm",
)
SEND_COLUMNS = (
    "dispatch_id",
    "user_id",
    "campaign_id",
    "channel",
    "address",
    "variant",
    "send_at",
    "valid_until",
    "cancel_on",
    "merge_values",
    "arm",
)


def decision_differences(connection: duckdb.DuckDBPyConnection, night: Night) -> list[str]:
    """What differs in campaign_decisions and send_list: every column of contract §7."""
    sends = rows_of(connection, "marts.send_list")
    for row in sends:
        row["merge_values"] = json.loads(row["merge_values"])
    return [
        *differences(
            "campaign_decisions",
            ("campaign_id", "user_id"),
            DECISION_COLUMNS,
            rows_of(connection, "marts.campaign_decisions"),
            night.decisions,
        ),
        *differences("send_list", ("campaign_id", "user_id"), SEND_COLUMNS, sends, night.send_list),
    ]


def count_differences(what: str, sql: Mapping[Any, int], oracle: Mapping[Any, int]) -> list[str]:
    """What differs between two sets of counts; a count of 0 is the same as none."""
    keys = sorted({*sql, *oracle}, key=str)
    return [
        f"{what} {key}: SQL {sql.get(key, 0)}, oracle {oracle.get(key, 0)}"
        for key in keys
        if sql.get(key, 0) != oracle.get(key, 0)
    ]


def landing_differences(connection: duckdb.DuckDBPyConnection, landing: Landing) -> list[str]:
    """What differs in how many rows came in, were staged, went to quarantine and why, could not be read, matched nobody."""
    found: list[str] = []
    counts = connection.execute(
        "select table_name, sum(rows_in), sum(rows_staged), sum(rows_quarantined) from ops.source_counts group by all"
    ).fetchall()
    by_table = {name: (rows_in, staged, quarantined) for name, rows_in, staged, quarantined in counts}
    for table, rows in landing.rows.items():
        mine = by_table.get(table, (0, 0, 0))
        theirs = (landing.rows_in[table], len(rows), landing.quarantined(table))
        if mine != theirs:
            found.append(f"{table}: rows in, staged, quarantined: SQL {mine}, oracle {theirs}")
    sql = connection.execute(
        "select table_name, file, reason, count(*) from ops.quarantine group by all"
    ).fetchall()
    oracle: dict[tuple[str, str, str], int] = {}
    for row in landing.quarantine:
        key = (row.table, row.file, row.reason)
        oracle[key] = oracle.get(key, 0) + 1
    unreadable = connection.execute(
        "select table_name, file, column_name, row_id, sum(unreadable_rows) from ops.unreadable_values group by all"
    ).fetchall()
    unmatched = connection.execute(
        "select table_name, unmatched_rows, unmatched_users, rows_that_differ_in_case, users_that_differ_in_case from ops.unmatched_users"
    ).fetchall()
    return [
        *found,
        *count_differences(
            "quarantine", {(table, file, reason): count for table, file, reason, count in sql}, oracle
        ),
        *count_differences(
            "unreadable_values", {tuple(key): count for *key, count in unreadable}, landing.unreadable_values
        ),
        *count_differences("unmatched_users", _by_name(unmatched), _by_name(unmatched_of(landing))),
    ]


def unmatched_of(landing: Landing) -> list[tuple[Any, ...]]:
    """What the oracle counts of references to users whom no profile has, as rows of ops.unmatched_users."""
    return [(table, *counts) for table, counts in unmatched_users(landing).items()]


def _by_name(rows: Iterable[Sequence[Any]]) -> dict[tuple[str, str], int]:
    names = ("rows", "users", "rows_case_differs", "users_case_differs")
    return {(table, name): n for table, *counts in rows for name, n in zip(names, counts, strict=True)}


def customer_differences(connection: duckdb.DuckDBPyConnection, night: Night) -> list[str]:
    """What differs in customers (every column that both sides have), their segments and their merge values."""
    customers = rows_of(connection, "marts.customers")
    for row in customers:
        row["segments"] = sorted(row["segments"])
        row["order_value_365"] = round(float(row["order_value_365"]), 4)
    expected = [
        {**row, "order_value_365": round(float(row["order_value_365"]), 4)} for row in night.customers
    ]
    columns = list(expected[0]) if expected else []
    values = night.merge_field_values
    segments = {(row["user_id"], name) for row in night.customers for name in row["segments"]}
    listed = {(row["user_id"], row["segment"]) for row in rows_of(connection, "marts.customer_segments")}
    return [
        *differences("customers", ("user_id",), columns, customers, expected),
        *differences(
            "merge_field_values",
            ("user_id",),
            list(values[0]) if values else [],
            rows_of(connection, "marts.merge_field_values"),
            values,
        ),
        *[f"customer_segments {pair}: only in the SQL" for pair in sorted(listed - segments)],
        *[f"customer_segments {pair}: only in the oracle" for pair in sorted(segments - listed)],
    ]


def report_differences(connection: duckdb.DuckDBPyConnection, night: Night, settings: Settings) -> list[str]:
    """What differs in the two tables that count decisions: the funnel and the completeness of merge values."""
    funnel: dict[tuple[str, str], int] = {}
    for row in rows_of(connection, "marts.suppression_funnel"):
        if row["reason"] is not None:
            key = (row["campaign_id"], row["reason"])
            funnel[key] = funnel.get(key, 0) + row["users"]
    users: dict[tuple[str, str | None], list[str]] = {}
    for row in night.decisions:
        users.setdefault((row["campaign_id"], row["arm"]), []).append(row["user_id"])
    sql: dict[tuple[object, ...], int] = {}
    for row in rows_of(connection, "marts.personalization_completeness"):
        for count in ("users", "blank_users", "unsafe_users", "placeholder_users"):
            sql[row["campaign_id"], row["variant"], row["merge_field"], count] = row[count]
    oracle: dict[tuple[object, ...], int] = {}
    for campaign in settings.campaigns:
        for variant in campaign.variants:
            candidates = users.get((campaign.campaign_id, variant.arm), [])
            for name in variant.printed:
                printed = (campaign.campaign_id, variant.name, name)
                faults = [night.merge_field_faults[user_id, name] for user_id in candidates]
                oracle[(*printed, "users")] = len(faults)
                for fault in ("blank", "unsafe", "placeholder"):
                    oracle[(*printed, f"{fault}_users")] = sum(fault in found for found in faults)
    return [
        *count_differences("suppression_funnel", funnel, night.primary),
        *count_differences("personalization_completeness", sql, oracle),
    ]
