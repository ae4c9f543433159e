"""Runs contenders in turn on a case, and gathers what they cost."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.warehouse.statements import literal

from benchmarks import floor
from benchmarks.case import Case
from benchmarks.compare import Results, check_same
from benchmarks.contenders import NIGHT_DATABASE, OWN, Contender, night_results, record_night
from benchmarks.errors import BenchmarkError
from benchmarks.machine import load

_STAGE = re.compile(r"^✓ (.+?) +([0-9.]+) s\s*$", re.MULTILINE)

Say = Callable[[str], None]

# of the statements, as many of the slowest are named
SLOWEST = 10


def measure(case: Case, chosen: Sequence[Contender], repeat: int, say: Say) -> dict[str, Any]:
    """Check that all of them give the night's lists, then run each `repeat` times, in turn, so that noise falls on all.

    Returns what results.json keeps of a case: rows, comparisons, and each run's cost.
    """
    say("recording a night")
    record_night(case)
    compared: dict[str, dict[str, int]] = {}
    second: Results | None = None
    for contender in chosen:
        say(f"checking the lists of {contender.name}")
        contender.run(case, case.log(f"{contender.name}-check"))
        if contender.stage == "first":
            compared[contender.name] = _check(case, contender)
        elif second is None:
            # the first way to the second night is what the others are compared with
            second = _keep_second(case)
        else:
            compared[contender.name] = _check(case, contender, second)
    runs: dict[str, list[dict[str, float]]] = {contender.name: [] for contender in chosen}
    stages: dict[str, list[dict[str, float]]] = {}
    statements: list[dict[str, float]] = []
    deciding: list[float] = []
    before = load()
    for number in range(1, repeat + 1):
        for contender in chosen:
            say(f"run {number} of {repeat}: {contender.name}")
            cost = contender.run(case, case.log(f"{contender.name}-{number}"))
            runs[contender.name].append(cost.as_dict())
            if found := stages_of(case.log(f"{contender.name}-{number}")):
                stages.setdefault(contender.name, []).append(found)
            if contender.name == "floor":
                times = json.loads((case.place / "times.json").read_text(encoding="utf-8"))
                statements.append(floor.by_node(times))
                deciding.append(floor.seconds_of_deciding(times))
    held_back = {"first": _held_back(case.after_first)}
    if second is not None:
        held_back["second"] = _held_back(case.kept / "second")
    return {
        **_sizes(case),
        "held_back": held_back,
        "load_before": before,
        "compared": compared,
        "runs": runs,
        "titles": {contender.name: contender.title for contender in chosen},
        "statements": statements,
        "deciding": deciding,
        "stages": stages,
    }


def stages_of(log: Path) -> dict[str, float]:
    """The stages that a night reports, with their seconds, in their order; nothing of a program that has none."""
    return {
        name: float(seconds)
        for name, seconds in _STAGE.findall(log.read_text(encoding="utf-8", errors="replace"))
    }


def _check(case: Case, contender: Contender, night: Results | None = None) -> dict[str, int]:
    """Compare what a contender has just made with the recorded night (or with another second night)."""
    against = case.kept / "second" if night else case.after_first
    with duckdb.connect() as connection:
        connection.execute(f"attach {literal(against / 'build.duckdb')} as {NIGHT_DATABASE} (read_only)")
        own = case.place / "build.duckdb"
        if own.is_file():
            connection.execute(f"attach {literal(own)} as {OWN} (read_only)")
        released = [
            row[0]
            for row in connection.execute(
                f"select campaign_id from {NIGHT_DATABASE}.ops.runs where as_of = (select max(as_of) from {NIGHT_DATABASE}.ops.runs) and status = 'released'"
            ).fetchall()
        ]
        if not released:
            raise BenchmarkError(
                "the recorded night has held back every campaign: there are no lists to compare. Its log is "
                f"{case.log('recorded')}; choose another world."
            )
        return check_same(
            contender.name,
            connection,
            contender.results(case),
            night or night_results(case.after_first, NIGHT_DATABASE),
            released,
        )


def _keep_second(case: Case) -> Results:
    """Keep the second night that has just run, to compare others with."""
    kept = case.kept / "second"
    kept.mkdir()
    (case.place / "build.duckdb").rename(kept / "build.duckdb")
    (case.place / "out").rename(kept / "out")
    return night_results(kept, NIGHT_DATABASE)


def _held_back(place: Path) -> int:
    """How many campaigns the newest night of a place has held back."""
    with duckdb.connect(str(place / "build.duckdb"), read_only=True) as connection:
        ((campaigns,),) = connection.execute(
            "select count(*) from ops.runs where as_of = (select max(as_of) from ops.runs) and status = 'held_back'"
        ).fetchall()
    return int(campaigns)


def _sizes(case: Case) -> dict[str, Any]:
    """How large the case is: rows by table, campaigns, and what was decided."""
    with duckdb.connect(str(case.after_first / "build.duckdb"), read_only=True) as connection:
        rows = dict(
            connection.execute(
                "select table_name, cast(sum(rows_in) as bigint) from ops.source_counts group by table_name order by table_name"
            ).fetchall()
        )
        ((campaigns, decisions, messages),) = connection.execute(
            "select (select count(*) from settings.campaigns), (select count(*) from marts.campaign_decisions), (select count(*) from marts.send_list)"
        ).fetchall()
    return {"rows": rows, "campaigns": campaigns, "decisions": decisions, "messages": messages}
