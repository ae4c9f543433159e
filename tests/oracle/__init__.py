"""An independent re-computation of the night, from the contract alone: plain loops, no SQL.

DuckDB appears here only as a reader and writer of Parquet files. The tests compare what these modules say with what
the project's models say; where the two differ, one of them has misread the contract (`§` are its sections).

    words, zones       §5, §7  trimmed, blank, unsafe, a valid address; which zone a text names
    reading            §3      one function for each kind of value in a file
    landing            §3      files, rows, quarantine, what could not be read
    profiles           §3, §6  what the versions of a profile say; consent given anew
    reports            §6      what was sent; bounces, complaints and opt-outs of people and addresses
    unreadable         §3      who is named by a row that nobody can read
    features           §5      customers, segments, merge fields
    decisions          §6, §7  candidates, gates, variants, times
    arbitration        §6      who is sent what, and who loses to whom
    settings           §4      the seeds

What they are tried with: `reading_cases` and `stopping_cases` are tables that every engine can run; `world`, with
`world_rows` and `world_files`, makes random landing zones for two nights.
"""

from __future__ import annotations

from .arbitration import Candidate, Loser, arbitrate
from .decisions import Night, decide, gates
from .landing import Landing, broken_tables, load_landing, unmatched_users, watermark
from .reports import Sent
from .settings import (
    Campaign,
    Cap,
    Place,
    Settings,
    Suppression,
    Variant,
    write_settings,
)
from .world import WorldInfo, random_settings, write_second_night, write_world

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
    "broken_tables",
    "decide",
    "gates",
    "load_landing",
    "random_settings",
    "unmatched_users",
    "watermark",
    "write_second_night",
    "write_settings",
    "write_world",
]
