"""Two landing zones of real data, decided by the project's SQL and by the oracle: not one row may differ.

An extract of each is part of the project (tests/fixtures/real). The whole of them may lie beside it (`../shared/real`);
a clone without them has the extracts to compare.
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

EXTRACTS = PROJECT / "tests" / "fixtures" / "real"
WHOLE = PROJECT.parent / "shared" / "real"
WALL_CLOCK = datetime(2026, 1, 1)
JOURNEY, CDNOW = datetime(2018, 1, 1), datetime(1998, 7, 1)


@pytest.mark.parametrize(
    ("raw", "as_of", "messages"),
    [
        pytest.param(EXTRACTS / "completejourney", JOURNEY, 20, id="extract-completejourney"),
        pytest.param(EXTRACTS / "cdnow", CDNOW, 20, id="extract-cdnow"),
        pytest.param(WHOLE / "completejourney", JOURNEY, 100, id="completejourney"),
        pytest.param(WHOLE / "cdnow", CDNOW, 100, id="cdnow", marks=pytest.mark.hard),
    ],
)
def test_a_night_on_real_data(warehouse: Warehouse, raw: Path, as_of: datetime, messages: int) -> None:
    """The committed campaigns on a real landing zone: landing, customers, decisions and send list."""
    if raw.parent == WHOLE and not raw.is_dir():
        pytest.skip(f"the whole of the real data is not there ({Path('..') / 'shared' / 'real' / raw.name})")
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
    assert not wrong, f"{raw.name}: {len(wrong)} differences\n" + "\n".join(wrong[:10])
    assert len(night.send_list) > messages
