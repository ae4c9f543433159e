"""An independent re-computation of the night, from the design alone: plain loops, no SQL.

DuckDB appears here only as a reader and writer of Parquet files. The tests compare what these modules say with what
the project's models say; where the two differ, one of them has misread the design.
"""

from __future__ import annotations

from .arbitration import Candidate, Loser, arbitrate
from .decisions import Night, decide, gates
from .features import Sent
from .landing import Landing, load_landing, watermark
from .settings import (
    Campaign,
    Cap,
    Place,
    Settings,
    Suppression,
    Variant,
    write_settings,
)
from .world import WorldInfo, random_settings, write_world

__all__ = [
    "Campaign",
    "Candidate",
    "Cap",
    "Landing",
    "Loser",
    "Night",
    "Place",
    "Sent",
    "Settings",
    "Suppression",
    "Variant",
    "WorldInfo",
    "arbitrate",
    "decide",
    "gates",
    "load_landing",
    "random_settings",
    "watermark",
    "write_settings",
    "write_world",
]
