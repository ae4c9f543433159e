"""Whole nights on small worlds: the project's SQL gives exactly what the oracle gives.

Two nights of random worlds; a night of each table of reading cases; a night of everything that stops a message.

SENDWORTHY_TEST_WORLDS sets how many worlds (20 by default; the seeds are 0, 1, 2, ...).
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.oracle import (
    Night,
    Settings,
    decide,
    load_landing,
    random_settings,
    write_second_night,
    write_settings,
    write_world,
)
from tests.oracle import reading_cases as cases
from tests.oracle.stopping_cases import IS_SENT, basket_settings, write_stopping_cases
from tests.support.model_harness import (
    Warehouse,
    customer_differences,
    decision_differences,
    landing_differences,
    report_differences,
)

WORLDS = int(os.environ.get("SENDWORTHY_TEST_WORLDS", "20"))
GROUP = 10
AS_OF = datetime(2026, 6, 1)
WALL_CLOCK = datetime(2026, 6, 1, 6)


def compared(
    warehouse: Warehouse,
    raw: Path,
    settings: Settings,
    *,
    as_of: datetime = AS_OF,
    wall_clock: datetime = WALL_CLOCK,
    ledger: Sequence[Mapping[str, Any]] = (),
) -> tuple[Night, list[str]]:
    """One night by the oracle, and what the SQL says otherwise."""
    landing = load_landing(raw, wall_clock, settings)
    night = decide(landing, settings, as_of, ledger)
    seeds = raw.parent / "seeds"
    write_settings(settings, seeds)
    connection = warehouse.night(
        raw, as_of=as_of, wall_clock=wall_clock, settings=settings, seeds=seeds, ledger=ledger
    )
    try:
        return night, [
            *landing_differences(connection, landing),
            *customer_differences(connection, night),
            *decision_differences(connection, night),
            *report_differences(connection, night, settings),
        ]
    finally:
        connection.close()


# how a property is written is compiled into a model: tests/landing/test_unreadable_input.py has a night of it
@pytest.mark.parametrize("name", [name for name in cases.PLACES if name != "DECLARED_SCORES"])
def test_what_is_read(warehouse: Warehouse, tmp_path: Path, name: str) -> None:
    """Every spelling of every kind of value, in CSV, in Parquet, and in every type that may hold it."""
    by_id = cases.write_cases(tmp_path / "raw", name, getattr(cases, name))
    night, wrong = compared(warehouse, tmp_path / "raw", cases.settings_of(name))
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:10])
    assert len(night.customers) == len(by_id)


def test_everything_that_stops_a_message(warehouse: Warehouse, tmp_path: Path) -> None:
    """Each thing that stops a message with each thing that can be wrong with its row."""
    cells = write_stopping_cases(tmp_path / "raw", AS_OF)
    night, wrong = compared(warehouse, tmp_path / "raw", basket_settings())
    assert not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong[:10])
    sent = {row["user_id"] for row in night.send_list}
    assert {cells.get(user_id) for user_id in sent} == {None, *IS_SENT}  # None: the control


@pytest.mark.parametrize("first", range(0, WORLDS, GROUP))
def test_two_nights_in_random_worlds(warehouse: Warehouse, tmp_path: Path, first: int) -> None:
    """Landing, customers, segments, merge values, decisions, send list and reports of ten worlds, two nights each."""
    seen: Counter[str] = Counter()
    for seed in range(first, min(first + GROUP, WORLDS)):
        settings = random_settings(seed)
        world = write_world(tmp_path / str(seed) / "raw", seed)
        for number in (1, 2):
            night, wrong = compared(
                warehouse,
                world.raw,
                settings,
                as_of=world.as_of,
                wall_clock=world.wall_clock,
                ledger=world.ledger,
            )
            assert not wrong, f"world {seed}, night {number}: {len(wrong)} differences\n" + "\n".join(
                wrong[:10]
            )
            seen.update(row["decision"] for row in night.decisions)
            seen["people"] += len(night.customers)
            seen["people sent"] += len({row["user_id"] for row in night.send_list})
            if number == 1:
                world = write_second_night(world, night.dispatches, seed)
    # Worlds in which nothing is decided, or nobody is sent anything, would prove nothing.
    assert seen["suppress"] and seen["send"] and seen["control"], seen
    assert seen["people sent"] > 0.1 * seen["people"], seen
