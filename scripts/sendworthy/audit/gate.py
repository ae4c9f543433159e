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
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from sendworthy.audit.data_docs import AuditedList, CheckedItem, write_data_docs
from sendworthy.audit.render_check import Fault, Messages, Proof, describe_faults, load_messages, prove
from sendworthy.audit.render_patterns import (
    Variants,
    needed_fields_of,
    pattern_query,
    read_patterns,
    read_variants,
)
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.warehouse.list_reader import DuckdbLists, Lists
from sendworthy.warehouse.resource_failures import cause_of_machine
from sendworthy.warehouse.statements import Sql, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

WHOLE_LIST = "whole_list"


@dataclass(frozen=True)
class FailedExpectation:
    """What did not hold: its name, in words, what to do, and how many messages are at fault (None: it could not be checked, or no message is at fault but the night: `limits`)."""

    expectation: str
    words: str
    fix: str
    unexpected: int | None


@dataclass(frozen=True)
class CampaignVerdict:
    """What the gate says about one campaign's list. One that has not passed names at least one failed expectation."""

    messages: int
    failed: tuple[FailedExpectation, ...] = ()
    # how many kinds of messages there are, one of which was rendered each, and how many messages end themselves
    patterns: int = 0
    aborted: int = 0

    @property
    def passed(self) -> bool:
        """Whether the list may go out."""
        return not self.failed

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON values, nothing personal among them."""
        return {
            "passed": self.passed,
            "messages": self.messages,
            "patterns": self.patterns,
            "aborted": self.aborted,
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
    # with the number of messages of the variants that require them
    required_fields: Mapping[str, int]
    patterns: int

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
    proof: Proof
    # what Great Expectations gets to see
    query: Sql


def run_gate(
    database: Path,
    project_dir: Path,
    docs_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
    messages: Messages | None = None,
) -> GateResult:
    """Check the lists of the build file `database`, which nobody else may have open for writing; see `judge_lists`."""
    expectations = load_suites(project_dir)
    messages = messages or load_messages(Project(project_dir))
    with DuckdbLists(database) as lists:
        return judge_lists(lists, expectations, messages, docs_dir, progress)


def judge_lists(
    lists: Lists,
    expectations: ModuleType,
    messages: Messages,
    docs_dir: Path | None = None,
    progress: Callable[[str], None] | None = None,
) -> GateResult:
    """Check `marts.send_list`, campaign by campaign, with the suites of a project (`load_suites`).

    One message of each kind is rendered with the project's templates (`messages`). The lists are only read. With
    `docs_dir`, the Data Docs of the night are written there, in place of those of an earlier run; `progress` gets a line
    per suite. Raises BuildError when the gate cannot say anything (nothing may go out then).
    """
    night = _take_snapshot(lists, expectations, messages, progress)
    with _silence():
        asked = _run_suites(lists, night, expectations, progress)
    audited = [AuditedList(WHOLE_LIST, night.listed, asked[WHOLE_LIST], is_whole=True)]
    for campaign in night.lists:
        faults = night.proof.faults.get(campaign.campaign_id, {})
        checks = [_with_faults(item, expectations, faults) for item in asked[campaign.suite_name]]
        audited.append(AuditedList(campaign.suite_name, campaign.messages, checks))
    made_by = f"Great Expectations {version('great-expectations')}"
    whole_list, *of_campaigns = audited
    # what only warns of the whole list already holds back the campaign that it happened in
    for_all = [_failure(item) for item in whole_list.failed if item.is_critical]
    return GateResult(
        as_of=night.as_of.isoformat(sep=" "),
        campaigns={
            campaign.campaign_id: CampaignVerdict(
                campaign.messages,
                (*for_all, *map(_failure, found.failed)),
                campaign.patterns,
                night.proof.aborted.get(campaign.campaign_id, 0),
            )
            for campaign, found in zip(night.lists, of_campaigns, strict=True)
        },
        whole_list=tuple(map(_failure, whole_list.failed)),
        docs_index=write_data_docs(docs_dir, night.as_of, made_by, audited) if docs_dir else None,
    )


def load_suites(project_dir: Path) -> ModuleType:
    """The package `expectations` of the project, whatever else is called so on this machine; SettingsError without it."""
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


def _take_snapshot(
    lists: Lists, expectations: ModuleType, messages: Messages, progress: Callable[[str], None] | None
) -> _Night:
    """Let the lists keep what the suites look at (one row per message: its campaign, one column per check), and count."""
    variants = read_variants(lists)
    required_fields = sorted({field for *_, required in variants for field in required})
    needed_fields = needed_fields_of(variants)
    judged = lists.keep("judged", _snapshot_query(lists, expectations, required_fields, needed_fields))
    patterns = read_patterns(lists, judged, needed_fields)
    proof = prove(
        patterns,
        messages,
        lambda done: (
            progress(f"auditing the lists … rendering {done:,} of {len(patterns):,} kinds of messages")
            if progress
            else None
        ),
    )
    proven = lists.bring("proven", ("campaign_id", "variant", "pattern"), proof.proven)
    columns = [
        *(check.name for check in (*expectations.MESSAGE_CHECKS, *expectations.VALUE_CHECKS)),
        *(expectations.required_value_check(field).name for field in required_fields),
    ]
    listed: dict[tuple[str, str], int] = {}
    kinds: dict[str, int] = {}
    for pattern in patterns:
        key = (pattern.campaign_id, pattern.variant)
        listed[key] = listed.get(key, 0) + pattern.messages
        kinds[pattern.campaign_id] = kinds.get(pattern.campaign_id, 0) + 1
    decided = dict(lists.rows(_sql("decided")))
    ((on_the_list,),) = lists.rows("select count(*) from marts.send_list")
    return _Night(
        as_of=lists.as_of,
        listed=on_the_list,
        lists=tuple(
            _CampaignList(
                number,
                campaign,
                sum(count for (owner, _), count in listed.items() if owner == campaign),
                int(decided.get(campaign, 0)),
                _required_of(campaign, variants, listed),
                kinds.get(campaign, 0),
            )
            for number, campaign in enumerate(sorted({*kinds, *decided}), start=1)
        ),
        proof=proof,
        query=_sql(
            "judged_messages",
            judged=judged,
            proven=proven,
            columns=[lists.name(column) for column in columns],
            proof=lists.name(expectations.PROOF),
        ),
    )


def _required_of(
    campaign: str,
    variants: Variants,
    listed: Mapping[tuple[str, str], int],
) -> dict[str, int]:
    """The fields that a campaign's variants require, with the number of their messages."""
    found: dict[str, int] = {}
    for owner, variant, _, required in variants:
        for field in required if owner == campaign else ():
            found[field] = found.get(field, 0) + listed.get((owner, variant), 0)
    return dict(sorted(found.items()))


def _snapshot_query(
    lists: Lists, expectations: ModuleType, required: Sequence[str], needed: Sequence[str]
) -> Sql:
    """One row per message: what it is, its pattern, and per check a column that is 1 where the message breaks it, else 0."""

    def breaks(check: Any) -> str:
        # a fact that is unknown is not as it must be
        return " or ".join(
            f"{lists.name(fact.column)} is distinct from {str(fact.must_be).lower()}" for fact in check.facts
        )

    columns = [
        Sql(f"cast({breaks(check)} as integer) as {lists.name(check.name)}")
        for check in expectations.MESSAGE_CHECKS
    ]
    by_value = [(check.name, breaks(check)) for check in expectations.VALUE_CHECKS]
    for field in required:
        check = expectations.required_value_check(field)
        by_value.append((check.name, f"merge_field = {lists.text(field)} and ({breaks(check)})"))
    worst = [Sql(f"max(cast({broken} as integer)) as {lists.name(name)}") for name, broken in by_value]
    # a message without a merge field has no value that could break a check
    columns += [
        Sql(f"coalesce(by_message.{lists.name(name)}, 0) as {lists.name(name)}") for name, _ in by_value
    ]
    return pattern_query(lists, needed, "audit.audit_messages", columns, worst)


def _with_faults(item: CheckedItem, expectations: ModuleType, faults: Mapping[Fault, int]) -> CheckedItem:
    """The proof, with what it found where it failed."""
    if item.holds or item.name != expectations.PROOF or not faults:
        return item
    return replace(item, fix=f"{'; '.join(describe_faults(faults))}: {item.fix}")


def _run_suites(
    lists: Lists,
    night: _Night,
    expectations: ModuleType,
    progress: Callable[[str], None] | None,
) -> dict[str, list[CheckedItem]]:
    """What was asked of each list, and whether it holds, by suite."""
    # here and not above: it takes seconds, and most commands do not need it
    import great_expectations as gx
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.base import (
        DataContextConfig,
        InMemoryStoreBackendDefaults,
        ProgressBarsConfig,
    )

    context = gx.get_context(
        mode="ephemeral",
        project_config=DataContextConfig(
            store_backend_defaults=InMemoryStoreBackendDefaults(init_temp_docs_sites=False),
            data_docs_sites={},
            analytics_enabled=False,
            progress_bars=ProgressBarsConfig(globally=False),
        ),
    )
    lists.hand_over(context, [campaign.campaign_id for campaign in night.lists], night.query)

    suites: list[tuple[str, str | None, Any]] = [
        (WHOLE_LIST, None, expectations.whole_list_suite(WHOLE_LIST, night.listed))
    ]
    for campaign in night.lists:
        suites.append(
            (
                campaign.suite_name,
                campaign.campaign_id,
                expectations.send_list_suite(
                    campaign.suite_name,
                    campaign.messages,
                    campaign.decided,
                    campaign.required_fields,
                    campaign.patterns,
                ),
            )
        )

    # the night's time and not the clock's, so that a rerun writes the same pages
    as_of = night.as_of.replace(tzinfo=dt.timezone.utc)
    run_id = RunIdentifier(run_name=f"{night.as_of:%Y-%m-%d}", run_time=as_of)
    asked: dict[str, list[CheckedItem]] = {}
    try:
        for done, (name, of_campaign, suite) in enumerate(suites, start=1):
            batch, parameters = lists.batch(name, of_campaign)
            validation = context.validation_definitions.add(
                gx.ValidationDefinition(name=name, data=batch, suite=context.suites.add(suite))
            )
            if progress:
                progress(f"auditing the lists … {done}/{len(suites)} {name}")
            result = validation.run(
                result_format="BASIC",
                run_id=run_id,
                batch_parameters=dict(parameters) if parameters else None,
            )
            asked[name] = [_checked(item) for item in result.results]
    except Exception as error:
        if cause := cause_of_machine(error):
            raise cause from None
        raise BuildError(
            f"the gate could not run ({type(error).__name__}), so nothing goes out",
            "run the night again; if it stays, run `make test` to see whether the installed packages are the locked ones",
        ) from error
    return asked


def _failure(item: CheckedItem) -> FailedExpectation:
    return FailedExpectation(item.name, item.words, item.fix, item.unexpected)


def _checked(result: Any) -> CheckedItem:
    config = result.expectation_config
    is_count = config.type == "expect_table_row_count_to_equal"
    observed = result.result.get("observed_value") if result.result else None
    unexpected = None
    if isinstance(observed, (int, float)):
        unexpected = abs(int(observed) - int(config.kwargs["value"])) if is_count else int(observed)
    return CheckedItem(
        name="message_count" if is_count else str(config.kwargs["column"]),
        words=str(config.description),
        holds=bool(result.success),
        is_critical=str(getattr(config.severity, "value", config.severity)) == "critical",
        unexpected=unexpected,
        fix=str(config.notes),
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
