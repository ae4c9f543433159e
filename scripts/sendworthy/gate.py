"""The gate: Great Expectations on the candidate lists, campaign by campaign.

What must hold is in `expectations/`, and what holds is in the audit models (`audit.audit_messages`,
`audit.audit_merge_values`). This module takes a snapshot of the latter that has nothing personal in it (a number
for the campaign, and one 0 or 1 per message and check), and lets Great Expectations see that and nothing else.
So no result and no page of the Data Docs can show an address, a name or a user id.

Whatever cannot be checked has failed.
"""

from __future__ import annotations

import datetime as dt
import importlib.util
import logging
import os
import re
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb

from .errors import BuildError, SettingsError

# what Great Expectations writes into a folder of Data Docs
DOCS_PARTS = ("index.html", "static", "expectations", "validations")
SITE = "night"
WHOLE_LIST = "whole_list"


@dataclass(frozen=True)
class FailedExpectation:
    """What did not hold: its name, in words, what to do, and how many messages are at fault (None: it could not be checked)."""

    expectation: str
    words: str
    fix: str
    unexpected: int | None


@dataclass(frozen=True)
class CampaignVerdict:
    """What the gate says about one campaign's list. One that has not passed names at least one failed expectation."""

    messages: int
    failed: tuple[FailedExpectation, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the list may go out."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, nothing personal among them."""
        return {
            "passed": self.passed,
            "messages": self.messages,
            "failed": [asdict(failed) for failed in self.failed],
        }


@dataclass(frozen=True)
class GateResult:
    """What the gate says about a night: a verdict for each campaign that has messages or should have some, by campaign_id.

    `whole_list` is what failed of the list as a whole. `docs_index` is the first page of the Data Docs, if they were wanted.
    """

    as_of: str
    campaigns: Mapping[str, CampaignVerdict]
    whole_list: tuple[FailedExpectation, ...] = ()
    docs_index: Path | None = None

    @property
    def released(self) -> tuple[str, ...]:
        """The campaigns that may go out. A message of any other must not, whatever it says of itself."""
        return tuple(name for name, verdict in self.campaigns.items() if verdict.passed)

    @property
    def held_back(self) -> tuple[str, ...]:
        """The campaigns that stay."""
        return tuple(name for name, verdict in self.campaigns.items() if not verdict.passed)

    @property
    def passed(self) -> bool:
        """Whether everything may go out."""
        return not self.held_back and not self.whole_list

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, nothing personal and no path among them."""
        return {
            "as_of": self.as_of,
            "passed": self.passed,
            "messages": sum(verdict.messages for verdict in self.campaigns.values()),
            "messages_released": sum(
                verdict.messages for verdict in self.campaigns.values() if verdict.passed
            ),
            "released": list(self.released),
            "held_back": list(self.held_back),
            "whole_list": [asdict(failed) for failed in self.whole_list],
            "campaigns": {name: verdict.as_dict() for name, verdict in self.campaigns.items()},
        }


@dataclass(frozen=True)
class _CampaignList:
    number: int
    campaign_id: str
    messages: int
    decided: int
    required_fields: tuple[str, ...]

    @property
    def suite_name(self) -> str:
        """What names its page of the docs: the campaign's id, or a number where that breaks the convention."""
        is_a_name = re.fullmatch(r"[a-z0-9_]{1,120}", self.campaign_id) and self.campaign_id != WHOLE_LIST
        return self.campaign_id if is_a_name else f"campaign {self.number}"


@dataclass(frozen=True)
class _Night:
    as_of: dt.datetime
    listed: int
    lists: tuple[_CampaignList, ...]


def run_gate(
    database: Path,
    project_dir: Path,
    docs_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> GateResult:
    """Check `marts.send_list` of the build file `database`, campaign by campaign, with the suites of `project_dir`.

    The build file is only read; nobody else may have it open for writing. With `docs_dir`, the Data Docs of the
    night are written there, in place of those of an earlier run; `progress` gets a line per suite. Raises BuildError when the gate cannot say
    anything (nothing may go out then), SettingsError when the project has no suites.
    """
    expectations = _load_suites(project_dir)
    with tempfile.TemporaryDirectory(prefix="sendworthy-gate-") as folder:
        snapshot = Path(folder) / "snapshot.duckdb"
        try:
            night = _take_snapshot(database, snapshot, expectations)
        except duckdb.Error as error:
            raise BuildError(
                f"{database.name}: the gate cannot read tonight's list, so nothing goes out: {_in_words(error)}",
                "build the night first: it needs marts.send_list, marts.campaign_decisions, audit.audit_messages and "
                "audit.audit_merge_values, and no other program may have the file open",
            ) from None
        docs = Path(folder) / "docs" if docs_dir else None
        with _silence():
            failures = _run_suites(snapshot, night, expectations, docs, progress)
        docs_index = _put_docs(docs, docs_dir) if docs and docs_dir else None

    # what only warns of the whole list already holds back the campaign that it happened in
    for_all = [failed for severity, failed in failures[WHOLE_LIST] if severity == "critical"]
    return GateResult(
        as_of=night.as_of.isoformat(sep=" "),
        campaigns={
            campaign.campaign_id: CampaignVerdict(
                campaign.messages, (*for_all, *(failed for _, failed in failures[campaign.suite_name]))
            )
            for campaign in night.lists
        },
        whole_list=tuple(failed for _, failed in failures[WHOLE_LIST]),
        docs_index=docs_index,
    )


def _load_suites(project_dir: Path) -> ModuleType:
    """The package `expectations` of the project, whatever else is called so on this machine."""
    init = project_dir / "expectations" / "__init__.py"
    if not init.is_file():
        raise SettingsError(
            f"{project_dir.name}/expectations: the gate's suites are not there, and without them nothing goes out",
            "run in the project's folder, or name it with --project-dir",
        )
    name = "sendworthy_expectations"
    # before its first import: no usage statistics, no network
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    for loaded in [module for module in sys.modules if module == name or module.startswith(f"{name}.")]:
        del sys.modules[loaded]
    spec = importlib.util.spec_from_file_location(name, init, submodule_search_locations=[str(init.parent)])
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[name] = package
    with _silence():
        spec.loader.exec_module(package)
    return package


def _take_snapshot(database: Path, snapshot: Path, expectations: ModuleType) -> _Night:
    """Write the snapshot that the suites look at: table `messages` (campaign_number, one column per check)."""
    if not database.is_file():
        raise BuildError(f"{database.name}: there is no such build file", "build the night first")
    with duckdb.connect(str(snapshot)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute("set preserve_insertion_order = false")
        connection.execute(f"attach {_text(str(database))} as build (read_only)")
        connection.execute("use build")
        required: list[tuple[str, str]] = connection.execute(
            """
            select distinct campaign_id, unnest(required_fields) as merge_field
            from intermediate.int_campaigns__variants
            order by campaign_id, merge_field
            """
        ).fetchall()
        fields = sorted({field for _, field in required})
        connection.execute(_snapshot_query(expectations, fields))
        rows = connection.execute(
            """
            with
                listed as (select campaign_id, count(*) as messages from snapshot.named group by campaign_id),
                decided as (
                    select campaign_id, count(*) as messages
                    from marts.campaign_decisions
                    where decision = 'send'
                    group by campaign_id
                )
            select
                row_number() over (order by coalesce(listed.campaign_id, decided.campaign_id)) as campaign_number,
                coalesce(listed.campaign_id, decided.campaign_id) as campaign_id,
                coalesce(listed.messages, 0),
                coalesce(decided.messages, 0)
            from listed
            full outer join decided on listed.campaign_id = decided.campaign_id
            order by campaign_number
            """
        ).fetchall()
        lists = tuple(
            _CampaignList(
                number,
                campaign,
                messages,
                decided,
                tuple(field for owner, field in required if owner == campaign),
            )
            for number, campaign, messages, decided in rows
        )
        listed = connection.execute("select count(*) from marts.send_list").fetchall()[0][0]
        as_of = connection.execute("select as_of from intermediate.int_nights__as_of").fetchall()[0][0]
        connection.execute("use snapshot")
        connection.execute("create table numbers (campaign_id varchar, campaign_number integer)")
        for campaign in lists:
            connection.execute("insert into numbers values (?, ?)", [campaign.campaign_id, campaign.number])
        connection.execute(
            """
            create table messages as
            select numbers.campaign_number, named.* exclude (campaign_id)
            from named
            inner join numbers on named.campaign_id = numbers.campaign_id
            order by numbers.campaign_number
            """
        )
        connection.execute("drop table named")
        connection.execute("drop table numbers")
        connection.execute("detach build")
    return _Night(as_of=as_of, listed=listed, lists=lists)


def _snapshot_query(expectations: ModuleType, fields: Sequence[str]) -> str:
    """One row per message: its campaign, and per check a column that is 1 where the message breaks it, else 0."""

    def breaks(check: Any) -> str:
        # a fact that is unknown is not as it must be
        return " or ".join(
            f"{_name(fact.column)} is distinct from {str(fact.must_be).lower()}" for fact in check.facts
        )

    columns = [
        f"cast({breaks(check)} as integer) as {_name(check.name)}" for check in expectations.MESSAGE_CHECKS
    ]
    by_value = [(check.name, breaks(check)) for check in expectations.VALUE_CHECKS]
    for field in fields:
        check = expectations.required_value_check(field)
        by_value.append((check.name, f"merge_field = {_text(field)} and ({breaks(check)})"))
    worst = "".join(f", max(cast({broken} as integer)) as {_name(name)}" for name, broken in by_value)
    # a message without a merge field has no value that could break a check
    columns += [f"coalesce(by_message.{_name(name)}, 0) as {_name(name)}" for name, _ in by_value]
    return f"""
        create table snapshot.named as
        with
            by_message as (
                select dispatch_id, user_id, campaign_id, variant {worst}
                from audit.audit_merge_values
                group by dispatch_id, user_id, campaign_id, variant
            )
        select coalesce(messages.campaign_id, '') as campaign_id, {", ".join(columns)}
        from audit.audit_messages as messages
        left join
            by_message
            on messages.dispatch_id is not distinct from by_message.dispatch_id
            and messages.user_id is not distinct from by_message.user_id
            and messages.campaign_id is not distinct from by_message.campaign_id
            and messages.variant is not distinct from by_message.variant
    """


def _run_suites(
    snapshot: Path,
    night: _Night,
    expectations: ModuleType,
    docs: Path | None,
    progress: Callable[[str], None] | None,
) -> dict[str, list[tuple[str, FailedExpectation]]]:
    """What failed, by suite, with its severity; the Data Docs go to `docs`."""
    # here and not above: it takes seconds, and most commands do not need it
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    site = {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "show_cta_footer": False},
        "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(docs)},
    }
    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={SITE: site} if docs else {},
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    source = context.data_sources.add_sql("send_list", connection_string=f"duckdb:///{snapshot}")
    engine = source.get_execution_engine().engine
    _buffer_results(engine)

    suites = [(WHOLE_LIST, "select * from messages", expectations.whole_list_suite(WHOLE_LIST, night.listed))]
    for campaign in night.lists:
        suites.append(
            (
                campaign.suite_name,
                f"select * from messages where campaign_number = {campaign.number}",
                expectations.send_list_suite(
                    campaign.suite_name, campaign.messages, campaign.decided, campaign.required_fields
                ),
            )
        )

    # the night's time and not the clock's, so that a rerun writes the same pages
    as_of = night.as_of.replace(tzinfo=dt.timezone.utc)
    run_id = RunIdentifier(run_name=f"{night.as_of:%Y-%m-%d}", run_time=as_of)
    failures: dict[str, list[tuple[str, FailedExpectation]]] = {}
    try:
        for done, (name, query, suite) in enumerate(suites, start=1):
            asset = source.add_query_asset(name, query=query)
            validation = context.validation_definitions.add(
                gx.ValidationDefinition(
                    name=name,
                    data=asset.add_batch_definition_whole_table("tonight"),
                    suite=context.suites.add(suite),
                )
            )
            if progress:
                progress(f"auditing the lists … {done}/{len(suites)} {name}")
            result = validation.run(result_format="BASIC", run_id=run_id)
            failures[name] = [_failure(item) for item in result.results if not item.success]
        if docs:
            if progress:
                progress("auditing the lists … writing the Data Docs")
            context.build_data_docs(site_names=[SITE])
    except Exception as error:
        raise BuildError(
            f"the gate could not run ({type(error).__name__}), so nothing goes out",
            "run the night again; if it stays, run `make test` to see whether the installed packages are the locked ones",
        ) from error
    finally:
        engine.dispose()
    return failures


def _failure(result: Any) -> tuple[str, FailedExpectation]:
    config = result.expectation_config
    is_count = config.type == "expect_table_row_count_to_equal"
    observed = result.result.get("observed_value") if result.result else None
    unexpected = None
    if isinstance(observed, (int, float)):
        unexpected = abs(int(observed) - int(config.kwargs["value"])) if is_count else int(observed)
    return (
        str(getattr(config.severity, "value", config.severity)),
        FailedExpectation(
            expectation="message_count" if is_count else str(config.kwargs["column"]),
            words=str(config.description),
            fix=str(config.notes),
            unexpected=unexpected,
        ),
    )


def _buffer_results(engine: Any) -> None:
    """Keep the rows of each query: Great Expectations reads them after it has given the connection back."""
    from sqlalchemy import event
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    @event.listens_for(engine, "after_cursor_execute")
    def buffer(
        connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool
    ) -> None:
        if cursor.description:
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(
                cursor, initial_buffer=cursor.fetchall()
            )


@contextmanager
def _silence() -> Iterator[None]:
    """Great Expectations logs and warns about itself; what the gate has to say is in its result."""
    logger = logging.getLogger("great_expectations")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _put_docs(docs: Path, docs_dir: Path) -> Path:
    """Move the Data Docs to where they belong, in place of those of an earlier run and of nothing else."""
    docs_dir.mkdir(parents=True, exist_ok=True)
    for part in DOCS_PARTS:
        old = docs_dir / part
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink(missing_ok=True)
        if (docs / part).exists():
            shutil.move(str(docs / part), str(old))
    return docs_dir / "index.html"


def _in_words(error: duckdb.Error) -> str:
    """What the engine says, where that is about names of tables, columns and files; its other words can quote a value."""
    if isinstance(error, (duckdb.CatalogException, duckdb.BinderException, duckdb.IOException)):
        return str(error).splitlines()[0]
    return type(error).__name__


def _name(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
