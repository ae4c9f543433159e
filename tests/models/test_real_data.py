"""Two landing zones of real data, decided by the project's SQL and by the oracle: not one row may differ.

The data lies beside the project (`../shared/real`). It is no part of the project, so a clone without it has nothing to compare.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from tests.oracle import Settings, decide, load_landing
from tests.support.model_harness import (
    PROJECT,
    Warehouse,
    customer_differences,
    decision_differences,
    landing_differences,
)

REAL = PROJECT.parent / "shared" / "real"
WALL_CLOCK = datetime(2026, 1, 1)


@pytest.mark.parametrize(
    ("name", "as_of"),
    [
        ("completejourney", datetime(2018, 1, 1)),
        pytest.param("cdnow", datetime(1998, 7, 1), marks=pytest.mark.hard),
    ],
)
def test_a_night_on_real_data(warehouse: Warehouse, name: str, as_of: datetime) -> None:
    """The committed campaigns on a real landing zone: landing, customers, decisions and send list."""
    raw: Path = REAL / name
    if not raw.is_dir():
        pytest.skip(f"{name}: the real data is not there ({Path('..') / 'shared' / 'real' / name})")
    settings = Settings.load(PROJECT)
    landing = load_landing(raw, WALL_CLOCK, settings)
    night = decide(landing, settings, as_of)
    connection = warehouse.night(raw, as_of=as_of, wall_clock=WALL_CLOCK, settings=settings)
    try:
        wrong = [
            *landing_differences(connection, landing),
            *customer_differences(connection, night),
            *decision_differences(connection, night),
        ]
    finally:
        connection.close()
    assert not wrong, f"{name}: {len(wrong)} differences\n" + "\n".join(wrong[:10])
    assert len(night.send_list) > 100
