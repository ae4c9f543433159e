"""Contract §3 and §6: what the versions of a profile say, column by column, and which consent was given anew."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .landing import TABLES, Row, row_text
from .words import address_hash

CHANNELS = ("email", "sms", "push")
ADDRESS_COLUMN = {"email": "email", "sms": "phone", "push": "push_token"}
OPT_IN_COLUMN = {"email": "email_opt_in", "sms": "sms_opt_in", "push": "push_opt_in"}
OPT_IN_AT_COLUMN = {channel: f"{column}_at" for channel, column in OPT_IN_COLUMN.items()}
USER_COLUMNS = tuple(column.name for table in TABLES if table.name == "users" for column in table.columns)

Entry = tuple[datetime, Any]  # updated_at, what the column said then


@dataclass
class Profile:
    """The versions of one user that are seen at `as_of`, oldest first."""

    user_id: str
    versions: list[Row]
    _histories: dict[str, list[Entry]] = field(default_factory=dict)
    _newest: Row = field(default_factory=dict)

    def history(self, column: str) -> list[Entry]:
        """What the column said, oldest first; a version whose file lacks the column says nothing."""
        if column not in self._histories:
            at: dict[datetime, list[Row]] = defaultdict(list)
            for row in self.versions:
                if column in row.get("_columns", USER_COLUMNS):
                    at[row["updated_at"]].append(row)
            self._histories[column] = [(moment, of_one_moment(column, at[moment])) for moment in sorted(at)]
        return self._histories[column]

    def newest(self) -> Row:
        """The profile that counts: of each column the newest version whose file has the column."""
        if not self._newest:
            for column in USER_COLUMNS:
                history = self.history(column)
                self._newest[column] = history[-1][1] if history else None
        return self._newest

    def address_at(self, channel: str, moment: datetime) -> str | None:
        """The hash of the address that the user had then; before the first version, the first one's."""
        history = self.history(ADDRESS_COLUMN[channel])
        if not history:
            return None
        earlier = [value for updated_at, value in history if updated_at <= moment]
        return address_hash(earlier[-1] if earlier else history[0][1])

    def addresses_between(self, channel: str, first: datetime, last: datetime) -> set[str | None]:
        """The hashes of the addresses that the user had at some time from `first` to `last`."""
        moments = [at for at, _ in self.history(ADDRESS_COLUMN[channel]) if first < at <= last]
        return {self.address_at(channel, moment) for moment in [first, *moments]}

    def gives_consent_anew(self, channel: str, after: datetime) -> bool:
        """Whether a version later than `after` says true where the version before it said false or null.

        A flag that cannot be read said neither: it is passed over.
        """
        column = OPT_IN_COLUMN[channel]
        garbled = {row["updated_at"] for row in self.versions if column in row.get("_unreadable", ())}
        before: bool | None = True
        for updated_at, says in self.history(column):
            if says is None and updated_at in garbled:
                continue
            if updated_at > after and says is True and before is not True:
                return True
            before = says
        return False


def of_one_moment(column: str, rows: list[Row]) -> Any:
    """What versions of one `updated_at` say together: the stricter, and the rest of the one that sorts last as text."""
    values = [row[column] for row in rows]
    if len(values) == 1:
        return values[0]
    if column in OPT_IN_COLUMN.values():
        return False if False in values else None if None in values else True
    if column in OPT_IN_AT_COLUMN.values():
        return None if None in values else min(values)
    if column == "max_messages_per_week":
        return min((value for value in values if value is not None), default=None)
    if column == "topics_opted_out":
        return frozenset().union(*(value for value in values if value is not None))
    return max(rows, key=lambda row: row_text(row, "users"))[column]


def seen_profiles(rows: Iterable[Row], as_of: datetime) -> dict[str, Profile]:
    """The profiles of the users who are known at `as_of`: those with a version before it."""
    versions: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row["updated_at"] < as_of:
            versions[row["user_id"]].append(row)
    return {
        user_id: Profile(user_id, sorted(mine, key=lambda row: row["updated_at"]))
        for user_id, mine in versions.items()
    }
