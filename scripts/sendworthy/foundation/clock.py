"""Times as people type them and as files show them; all of them UTC."""

from __future__ import annotations

from datetime import datetime, timezone

from sendworthy.foundation.errors import SettingsError

# windows of months and years are counted from a night, to both sides
_YEARS = range(1970, 2201)


def parse_time(text: str, option: str) -> datetime:
    """An ISO-8601 date or time as naive UTC; SettingsError names the option.

    A text without a zone is UTC; one with an offset is converted.
    """
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError:
        raise SettingsError(
            f"{option} {text!r} is not a date or a time.",
            "write it as 2026-06-01 or 2026-06-01T00:00:00Z.",
        ) from None
    if moment.year not in _YEARS:
        raise SettingsError(
            f"{option} {text!r} is no time of a night.", f"name one of the years {_YEARS[0]} to {_YEARS[-1]}."
        )
    return moment.astimezone(timezone.utc).replace(tzinfo=None) if moment.tzinfo else moment


def utc_now() -> datetime:
    """The wall clock as naive UTC: for stale data, run records and file names of runs; never for a rule."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


def iso(moment: datetime) -> str:
    """A naive UTC time as 2026-06-01T00:00:00Z."""
    return moment.isoformat(timespec="seconds" if moment.microsecond == 0 else "microseconds") + "Z"
