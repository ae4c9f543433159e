"""Where the tests of `sendworthy ingest` land reports."""

from __future__ import annotations

from pathlib import Path

import pytest
from sendworthy.foundation.project import Project

from tests.support.vendor_reports import landing_zone_in, settings_in


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return landing_zone_in(tmp_path)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return settings_in(tmp_path / "project")
