"""Fixtures that several tests share."""

from __future__ import annotations

import os

import pytest
from harness import Warehouse


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The project, compiled once for the whole session: with pytest-xdist, once for all of its processes."""
    base = tmp_path_factory.getbasetemp()
    return Warehouse.build((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "warehouse")
