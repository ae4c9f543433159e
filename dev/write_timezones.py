"""Write seeds/timezones.csv and seeds/timezone_offsets.csv from the zone database that is locked (the package tzdata).

All engines read the clocks of time zones from these two seeds: their own databases are of different ages. Run it with
`make timezones` whenever tzdata is updated; a test compares the seeds with the package.
"""

from __future__ import annotations

import csv
import zoneinfo
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

SEEDS = Path(__file__).parents[1] / "seeds"
FIRST, LAST = datetime(1995, 1, 1), datetime(2050, 1, 1)
# no zone changes its offset twice within so short a time
STEP = timedelta(days=7)
# what is no place: the time of the machine, and of no zone
NOT_ZONES = {"localtime", "Factory"}

Offsets = tuple[tuple[datetime, int], ...]


def zone_names() -> Sequence[str]:
    """The names of all zones of the locked database, in order."""
    zoneinfo.reset_tzpath(to=[])
    return sorted(zoneinfo.available_timezones() - NOT_ZONES)


def offset_at(zone: zoneinfo.ZoneInfo, time: datetime) -> int:
    """The zone's offset in seconds at a time in UTC."""
    offset = time.replace(tzinfo=timezone.utc).astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def offsets(zone: zoneinfo.ZoneInfo) -> Offsets:
    """Each time (UTC) from FIRST on at which the zone's offset changes, and the offset in seconds from then on."""
    return tuple(_changes(zone))


def _changes(zone: zoneinfo.ZoneInfo) -> Iterator[tuple[datetime, int]]:
    time, offset = FIRST, offset_at(zone, FIRST)
    yield time, offset
    while time < LAST:
        later = time + STEP
        if offset_at(zone, later) != offset:
            before, after = time, later
            while after - before > timedelta(seconds=1):
                middle = before + (after - before) // 2
                middle = middle.replace(microsecond=0)
                if offset_at(zone, middle) == offset:
                    before = middle
                else:
                    after = middle
            offset = offset_at(zone, after)
            yield after, offset
        time = later


def write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a seed."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def main(folder: Path = SEEDS) -> None:
    """Write both seeds into a folder. Zones whose clocks have always shown the same share the offsets of the first of them."""
    alike: dict[Offsets, list[str]] = defaultdict(list)
    for name in zone_names():
        alike[offsets(zoneinfo.ZoneInfo(name))].append(name)
    clock = {name: names[0] for names in alike.values() for name in names}
    write(folder / "timezones.csv", ("timezone_name", "clock"), sorted(clock.items()))
    rows = sorted((names[0], since, offset) for found, names in alike.items() for since, offset in found)
    write(folder / "timezone_offsets.csv", ("clock", "since", "offset_seconds"), rows)


if __name__ == "__main__":
    main()
