"""Contract §7, `send_at`: which time zone a profile's text names, and when an hour strikes there."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta, timezone, tzinfo
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo

from .words import trim

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?", re.ASCII | re.IGNORECASE)
_LARGEST_OFFSET = timedelta(hours=14)


@cache
def known_zones() -> dict[str, str]:
    """The names of the locked `tzdata`, by their lower case."""
    names = (files("tzdata") / "zones").read_text(encoding="utf-8").split()
    return {name.lower(): name for name in names}


@cache
def iana_zone(name: str) -> ZoneInfo:
    """A zone with the offsets of the locked `tzdata`, whatever the machine has."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


def find_zone(text: str | None, names: Collection[str] = ()) -> tzinfo | None:
    """The zone that a text names: IANA ignoring case (of `names`, where there are any), `Z`, an offset up to 14 h."""
    wanted = trim(text or "").lower()
    allowed = {name.lower() for name in names}
    if wanted in known_zones() and (not allowed or wanted in allowed):
        return iana_zone(known_zones()[wanted])
    if wanted == "z":
        return timezone.utc
    match = _OFFSET.fullmatch(wanted)
    if not match:
        return None
    sign, hours, minutes = match.groups()
    offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
    if int(minutes or 0) > 59 or offset > _LARGEST_OFFSET:
        return None
    return timezone(offset if sign == "+" else -offset)


@cache
def send_time(earliest: datetime, hour: int, zone: tzinfo) -> datetime:
    """The first `hour` o'clock in `zone` at or after `earliest`; both naive UTC.

    A time that the clocks skip in spring is moved on by the gap; of one that happens twice in autumn both are looked at.
    """
    local_day = earliest.replace(tzinfo=timezone.utc).astimezone(zone).date()
    found = []
    for offset in (-1, 0, 1, 2):
        day = local_day + timedelta(days=offset)
        for fold in (0, 1):
            local = datetime(day.year, day.month, day.day, hour, tzinfo=zone, fold=fold)
            moment = local.astimezone(timezone.utc)
            exists = moment.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
            if exists or fold == 0:
                found.append(moment.replace(tzinfo=None))
    return min(moment for moment in found if moment >= earliest)
