"""The build of a night, and the audit of its lists."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from importlib.metadata import version
from typing import Any

from sendworthy.audit.gate import judge_lists, load_suites
from sendworthy.audit.render_check import load_messages
from sendworthy.build.dbt_runner import run_dbt
from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.names import shown_path
from sendworthy.landing.file_checks import as_setting, find_damaged, find_faults
from sendworthy.night.preparation import refuse_stale
from sendworthy.night.state import Night
from sendworthy.warehouse import database_file
from sendworthy.warehouse.failure_causes import UNNAMED_FILE
from sendworthy.warehouse.resource_failures import (
    refuse_earlier_clock,
    refuse_future,
)


def build(night: Night) -> None:
    """Let dbt build the night, and audit its lists."""
    try:
        _build_and_audit(night)
    except BuildError as error:
        if night.drops is not None and night.drops.forget_damaged():
            error.details.append(f"what was kept of the drops in {night.engine.drops} was damaged.")
            error.fix = "run the night again: it reads all of them."
        raise
    night.run.update(_describe_run(night))


def _build_and_audit(night: Night) -> None:
    options, stages, started_at = night.options, night.stages, night.started_at
    # both take seconds to import and to read: it is done while dbt is at work in a process of its own
    with ThreadPoolExecutor(1) as meanwhile, ExitStack() as opened:
        suites, messages = (
            meanwhile.submit(load_suites, night.project.root),
            meanwhile.submit(load_messages, night.project),
        )
        with stages.step("build", "building the warehouse"):
            night.build = database_file.new_build(options.database, night.project.root)
            if not options.allow_stale:
                refuse_earlier_clock(night.build, started_at)
            night.warnings += build_warehouse(night)
            if night.drops is not None:
                night.drops.keep(night.build)
            built = opened.enter_context(night.engine.open(night.build, stages))
        night.as_of = built.as_of
        if night.drops is not None:
            night.drops.refuse_earlier(night.as_of)
        if options.as_of is None and not options.allow_stale:
            refuse_stale(night.as_of, started_at)
        with stages.step("audit", "auditing the lists"), built.lists() as lists:
            refuse_future(lists, started_at)
            docs = options.docs / night.as_of.date().isoformat()
            night.gate = judge_lists(lists, suites.result(), messages.result(), docs, stages.say)
        built.gather(stages)


def build_warehouse(night: Night) -> list[str]:
    """Let dbt build the night on its engine; returns what it warns of. BuildError where it fails."""
    settings = {
        "raw": str(night.options.raw),
        "as_of": night.options.as_of.isoformat(sep=" ") if night.options.as_of else "",
        "file_faults": as_setting(find_faults(night.options.raw)),
        **_drops_to_read(night),
    }
    try:
        run = run_dbt(
            night.project,
            night.engine.program,
            # what the audit checks campaign by campaign must not end the whole night
            ["build", "--exclude-resource-type", "unit_test", "--exclude", "tag:gate", "tag:cancellations+"],
            night.engine.target,
            night.engine.prepare(night.build),
            settings,
            lambda node, done, total: night.stages.say(f"building the warehouse … {done}/{total} {node}"),
            held=[night.lock],
        )
    except BuildError as error:
        if any(UNNAMED_FILE in detail for detail in error.details):
            night.stages.say("looking for the damaged file")
            error.details += [
                f"landing zone, file {shown_path(str(path))}: it is damaged. Fix: deliver it again, or remove it from the landing zone."
                for path in find_damaged(night.options.raw)
            ]
        raise
    return run.warnings


def _drops_to_read(night: Night) -> Mapping[str, str]:
    """Which drops dbt reads, if it is not all of them, and where it keeps what it reads."""
    if night.replay is not None:
        return night.replay.settings
    if night.drops is None:
        return {}
    try:
        return {"drops": str(night.drops.begin())}
    except OSError as error:
        night.drops = None
        night.warnings.append(f"drops are read and not kept, because {error.filename}: {error.strerror}.")
        return {}


def _describe_run(night: Night) -> dict[str, Any]:
    """The run as the manifest and ops.runs have it: its id, its night, and the versions of what made it."""
    packages = ("sendworthy", "dbt-core", *night.engine.packages, "duckdb", "great-expectations")
    return {
        "run_id": f"{night.as_of:%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:8]}",
        "as_of": iso(night.as_of),
        "as_of_source": "given" if night.options.as_of else "watermark",
        "started_at": iso(night.started_at),
        "versions": {name: version(name) for name in dict.fromkeys(packages)},
    }
