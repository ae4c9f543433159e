"""The whole night on random small worlds: the project's SQL gives exactly what the oracle gives.

SENDWORTHY_TEST_WORLDS sets how many worlds (20 unless told; the seeds are 0, 1, 2, ...).
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from harness import (
    Warehouse,
    customer_differences,
    decision_differences,
    landing_differences,
    report_differences,
)
from oracle import decide, load_landing, random_settings, write_settings, write_world

WORLDS = int(os.environ.get("SENDWORTHY_TEST_WORLDS", "20"))
GROUP = 10


@pytest.mark.parametrize("first", range(0, WORLDS, GROUP))
def test_a_night_in_random_worlds(warehouse: Warehouse, tmp_path: Path, first: int) -> None:
    """Landing, customers, segments, merge values, decisions, send list and reports of ten worlds."""
    seen: Counter[str] = Counter()
    for seed in range(first, min(first + GROUP, WORLDS)):
        settings = random_settings(seed)
        world = write_world(tmp_path / str(seed) / "raw", seed)
        write_settings(settings, tmp_path / str(seed) / "seeds")
        landing = load_landing(world.raw, world.wall_clock)
        night = decide(landing, settings, world.as_of, world.ledger)
        connection = warehouse.night(
            world.raw,
            as_of=world.as_of,
            wall_clock=world.wall_clock,
            settings=settings,
            seeds=tmp_path / str(seed) / "seeds",
            ledger=world.ledger,
        )
        try:
            wrong = [
                *landing_differences(connection, landing),
                *customer_differences(connection, night),
                *decision_differences(connection, night),
                *report_differences(connection, night, settings),
            ]
        finally:
            connection.close()
        assert not wrong, f"world {seed}: {len(wrong)} differences\n" + "\n".join(wrong[:10])
        seen.update(row["decision"] for row in night.decisions)
    # Worlds in which nothing is decided would prove nothing.
    assert seen["suppress"] and seen["send"] and seen["control"], seen
