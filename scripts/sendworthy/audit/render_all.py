"""Renders every message of a list for real, to check the proof, which renders one of each kind (`sendworthy.audit.render_check`)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from sendworthy.audit.render_check import (
    Fault,
    Messages,
    Proof,
    describe_faults,
    judge_message,
    load_messages,
    prove,
)
from sendworthy.audit.render_patterns import (
    needed_fields_of,
    pattern_query,
    read_patterns,
    read_variants,
    values_of,
)
from sendworthy.foundation.errors import BuildError
from sendworthy.foundation.project import Project
from sendworthy.warehouse.list_reader import DuckdbLists

CHUNK = 1_000
# chunks that wait for a worker: enough that none is idle, few enough that the list is never in memory
AHEAD = 4

Row = tuple[str, str, str, "str | None"]
"""A message: campaign, variant, pattern, merge values as JSON."""


@dataclass
class Rendered:
    """How many messages were rendered, and the faults by campaign with the number of messages that have them."""

    messages: int = 0
    aborted: int = 0
    faults: dict[str, Counter[Fault]] = field(default_factory=dict)

    def add(self, other: Rendered) -> None:
        """Count another's messages too."""
        self.messages += other.messages
        self.aborted += other.aborted
        for campaign, faults in other.faults.items():
            self.faults.setdefault(campaign, Counter()).update(faults)


def render_every(
    database: Path,
    project: Project,
    progress: Callable[[int, int], None] | None = None,
    workers: int | None = None,
) -> tuple[Rendered, Proof]:
    """Render every message of `marts.send_list`, in several processes, and prove the same list.

    `progress` gets how many messages are done, of how many. Raises BuildError where the two do not agree, or the list
    cannot be read.
    """
    total = Rendered()
    workers = workers or os.cpu_count() or 1
    with DuckdbLists(database) as lists:
        fields = needed_fields_of(read_variants(lists))
        judged = lists.keep("judged", pattern_query(lists, fields))
        proof = prove(read_patterns(lists, judged, fields), load_messages(project))
        ((count,),) = lists.rows(f"select count(*) from {judged}")
        pending: set[Future[Rendered]] = set()
        # spawned and not forked: DuckDB has threads
        with ProcessPoolExecutor(
            workers, get_context("spawn"), initializer=_start, initargs=(project, fields)
        ) as pool:
            for chunk in lists.chunks(
                f"select campaign_id, variant, pattern, merge_values from {judged}", CHUNK
            ):
                pending.add(pool.submit(_render, chunk))
                if len(pending) >= AHEAD * workers:
                    pending = _collect(pending, total)
                    if progress:
                        progress(total.messages, count)
            while pending:
                pending = _collect(pending, total)
                if progress:
                    progress(total.messages, count)
    _compare(total, proof)
    return total, proof


def _collect(pending: set[Future[Rendered]], total: Rendered) -> set[Future[Rendered]]:
    done, left = wait(pending, return_when=FIRST_COMPLETED)
    for future in done:
        total.add(future.result())
    return left


def _compare(rendered: Rendered, proof: Proof) -> None:
    found = {name: dict(faults) for name, faults in rendered.faults.items() if faults}
    if found == proof.faults and rendered.aborted == sum(proof.aborted.values()):
        return
    differ = sorted(name for name in {*found, *proof.faults} if found.get(name) != proof.faults.get(name))
    raise BuildError(
        f"the proof and the rendering of every message do not agree about {', '.join(differ) or 'the messages that end themselves'}: "
        "a kind of message was told apart wrongly.",
        "do not send these campaigns; report it with their templates (no values are needed).",
        details=[line for name in differ for line in describe_faults(_faults_of(name, rendered, proof))],
    )


def _faults_of(campaign: str, rendered: Rendered, proof: Proof) -> Mapping[Fault, int]:
    return rendered.faults.get(campaign) or proof.faults.get(campaign) or {}


@dataclass
class _Worker:
    """What a process needs to render: the messages, and the fields that a pattern has keys of."""

    messages: Messages
    fields: Sequence[str]


_worker: _Worker | None = None


def _start(project: Project, fields: Sequence[str]) -> None:
    global _worker
    _worker = _Worker(load_messages(project), fields)


def _render(rows: Sequence[Row]) -> Rendered:
    assert _worker is not None
    result = Rendered(len(rows))
    for campaign, variant, pattern, text in rows:
        values = values_of(pattern, text, _worker.fields)
        aborted, faults = judge_message(_worker.messages, campaign, variant, values)
        result.aborted += aborted
        if faults:
            result.faults.setdefault(campaign, Counter()).update(faults)
    return result
