"""The lists of a night, written without the night around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
from sendworthy.delivery.export import stage_lists
from sendworthy.delivery.staging_folder import MANIFEST, only_writer, promote
from sendworthy.settings.destinations import Destination


def export_night(
    connection: duckdb.DuckDBPyConnection,
    destinations: Sequence[Destination],
    out: Path,
    run: Mapping[str, Any],
    campaigns: Sequence[Mapping[str, Any]],
) -> Path:
    """Write the lists and the manifest of a night that is published, and put them in their place; returns the manifest's path."""
    with only_writer(out):
        return promote(stage_lists(connection, destinations, out, run, campaigns)) / MANIFEST
