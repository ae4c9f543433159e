"""A destination's rows of changes: what a row of its list says, and the same with only what must be written.

The queries are `sql/change_listed.sql` and `sql/changes.sql`; what a cell is, depends on the destination, and is put together here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from sendworthy.settings.destinations import Destination, Record
from sendworthy.warehouse.statements import Sql, identifier, literal, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# what a record that is replaced whole holds, as one field
_WHOLE = "row"

# stands where a campaign and a message stood, at a destination that cannot take a value away; none of them is called so
NOBODY = "none"


def hash_of_address(address: str) -> Sql:
    """SQL: what the ledger calls whom a destination knows by an address."""
    return Sql(f"sha256(lower({address}))")


def _key(place: str) -> str:
    """What a place is called within the JSON object, or the row, that holds it."""
    return place.rpartition(".")[2]


def _text(value: str) -> str:
    """SQL: a JSON string of a SQL text."""
    return f"to_json({value})::varchar"


class RecordSql:
    """How one destination's rows are read and written, as SQL."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, destination: Destination, record: Record
    ) -> None:
        described = connection.execute(f"select * from {destination.model} limit 0").description or []
        self.columns = destination.columns([column[0] for column in described])
        self.destination, self.record = destination, record
        says = destination.says
        assert says.user is not None  # the description was not taken without
        self.user, self.campaign, self.message = _key(says.user), _key(says.campaign), _key(says.message)
        self.is_json = destination.format == "jsonl"
        self.blank = "'\"\"'" if destination.blank.says == "empty_clears" else "'null'"

    # -- reading

    def listed(self) -> Sql:
        """One row a message of the list: whom it is of, and what it says as a map of texts, null for what is blank."""
        record, destination = self.record, self.destination
        item = identifier(self.columns[0])
        person, place = identifier(record.person), item
        if self.is_json:
            person = Sql(f"json_extract_string({item}, {self._path(record.person)})")
            if record.attributes:
                extract = "json_extract_string" if record.is_text else "json_extract"
                place = Sql(f"{extract}({item}, {self._path(record.attributes)})")
        return _sql(
            "change_listed",
            destination=destination,
            record=record,
            columns=self.columns,
            is_json=self.is_json,
            user_column="user_id" if destination.file_columns else destination.says.user,
            person=person,
            place=place,
            whole=_WHOLE,
            hash_of_address=hash_of_address,
        )

    @staticmethod
    def _path(name: str) -> str:
        return literal(f"$.{identifier(name)}")

    # -- writing

    def changes(self) -> tuple[Sql, dict[str, Any]]:
        """The rows of tonight's files, leavers first: the campaign, the place in its file, and the columns of the file.

        A query and its parameters.
        """
        is_replaced = self.record.is_replaced
        is_in_members = self.is_json and not is_replaced
        query = _sql(
            "changes",
            columns=self.columns if self.is_json else [*self.columns, *self._change_column()],
            on_list=_cells(self._replaced() if is_replaced else self._merged()),
            left=_cells(self._left()),
            is_in_members=is_in_members,
            blank=Sql(self.blank),
        )
        return query, {"always": [self.user, self.campaign, self.message]} if is_in_members else {}

    def _change_column(self) -> Sequence[str]:
        return [self.destination.change] if self.destination.change else []

    def _merged(self) -> dict[str, str]:
        """The columns of a row that is merged into the record: only what must be written, and whose it is."""
        record = self.record
        if not self.is_json:
            return {
                column: (
                    "name"
                    if column == record.person
                    else f"attributes[{literal(column)}]"
                    if column in (self.user, self.campaign, self.message)
                    else f"case when list_contains(written_fields, {literal(column)}) then attributes[{literal(column)}] end"
                )
                for column in self.columns
            }
        return {self.columns[0]: self._item("members", "others")}

    def _replaced(self) -> dict[str, str]:
        """The columns of a row that replaces the whole record."""
        columns: dict[str, str] = {column: identifier(f"listed {column}") for column in self.columns}
        change = self.destination.change
        if change and self.is_json:
            (column, value) = next(iter(columns.items()))
            return {column: f"'{{{_quoted(change)}: ' || {_text('change')} || ', ' || substr({value}, 2)"}
        return {**columns, change: "change"} if change else columns

    def _left(self) -> dict[str, str]:
        """The columns of a row that takes somebody off a list, or takes the message off their record."""
        record, change = self.record, self.destination.change
        if record.is_per_campaign:
            if self.is_json:
                said = {self.user: "user_id", self.campaign: "campaign_id"}
                members = ", ".join(
                    f"{_quoted(name)}: ' || {_text(value)} || '" for name, value in said.items()
                )
                return {self.columns[0]: f"'{{{_quoted(change or '')}: \"removed\", {members}}}'"}
            return {record.person: "name", self.campaign: "campaign_id", change or "": "'removed'"}
        removed = self.blank if self.destination.blank.can_remove else f"'{_quoted(NOBODY)}'"
        said = {} if self.user == record.person else {self.user: f"coalesce({_text('user_id')}, 'null')"}
        said |= {self.campaign: removed, self.message: removed}
        members = " || ', ' || ".join(f"'{_quoted(name)}: ' || {value}" for name, value in said.items())
        if self.is_json:
            return {self.columns[0]: self._item(members, "''")}
        if record.attributes:
            return {record.person: "name", record.attributes: f"'{{' || {members} || '}}'"}
        user = {} if self.user == record.person else {self.user: "user_id"}
        return {record.person: "name", **user, self.campaign: literal(NOBODY), self.message: literal(NOBODY)}

    def _item(self, members: str, others: str) -> str:
        """SQL: a JSON row of a person, with these members of its attributes."""
        record = self.record
        person = f"'{{{_quoted(record.person)}: ' || {_text('name')}"
        if not record.attributes:
            return f"{person} || ', ' || {members} || '}}'"
        attributes = f"'{{' || {members} || '}}'"
        attributes = _text(attributes) if record.is_text else attributes
        return f"{person} || {others} || ', {_quoted(record.attributes)}: ' || {attributes} || '}}'"

    @property
    def emptied(self) -> list[str]:
        """The fields that are gone from a record whose message was taken off."""
        return [_WHOLE] if self.record.is_replaced else [self.campaign, self.message]


def _quoted(name: str) -> str:
    return f'"{name}"'


def _cells(columns: dict[str, str]) -> dict[str, Sql]:
    return {name: Sql(value) for name, value in columns.items()}
