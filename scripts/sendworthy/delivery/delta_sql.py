"""The SQL of a destination's rows of changes: what a row of its list says, and the same with only what must be told."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from sendworthy.settings.destinations import Destination, Record
from sendworthy.warehouse.statements import Sql, identifier, literal

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

    def listed(self) -> str:
        """One row a message of the list: whom it is of, and what it says as a map of texts, null for what is blank."""
        record, destination = self.record, self.destination
        item = identifier(self.columns[0])
        person = (
            f"json_extract_string({item}, {self._path(record.person)})"
            if self.is_json
            else identifier(record.person)
        )
        user = "user_id" if destination.file_columns else identifier(destination.says.user or "")
        whole = ", ".join(
            f"{identifier(column)} as {identifier(f'listed {column}')}" for column in self.columns
        )
        return f"""
            select
                {identifier(destination.campaign_column)} as campaign_id,
                {identifier(destination.message_column)} as message,
                {user} as user_id,
                {person} as name,
                {hash_of_address(person) if destination.one_per_address else person} as person,
                {identifier(destination.campaign_column) if record.is_per_campaign else "''"} as scope,
                {self._attributes(item)} as attributes,
                {self._others(item)} as others
                {f", {whole}" if record.is_replaced else ""}
            from {destination.model}
        """

    def _attributes(self, item: str) -> str:
        """SQL: what a row says, as a map."""
        record = self.record
        if record.is_replaced:
            cells = ", ".join(f"coalesce({identifier(column)}::varchar, '')" for column in self.columns)
            return f"map {{{literal(_WHOLE)}: md5(to_json([{cells}])::varchar)}}"
        if self.is_json:
            place = f"json_extract({item}, {self._path(record.attributes)})" if record.attributes else item
            if record.is_text:
                place = f"json_extract_string({item}, {self._path(record.attributes or '')})"
            entries = f"map_entries(cast({place}::json as map(varchar, varchar)))"
            empty = (
                "nullif(entry.value, '')" if self.destination.blank.says == "empty_clears" else "entry.value"
            )
            return f"""
                map_from_entries(
                    list_transform(
                        list_filter({entries}, lambda entry: entry.key <> {literal(record.person)}),
                        lambda entry: {{'k': entry.key, 'v': {empty}}}
                    )
                )
            """
        cells = ", ".join(
            f"{{'k': {literal(column)}, 'v': {identifier(column)}::varchar}}"
            for column in self.columns
            if column != record.person
        )
        return f"""
            map_from_entries(
                list_filter(
                    [{cells}],
                    lambda cell: cell.v is not null or list_contains({self._blank_columns()}, cell.k)
                )
            )
        """

    def _blank_columns(self) -> str:
        """SQL: the columns of the fields that the row says are blank."""
        names = f"string_split({identifier(self.record.blank_fields or '')}, ';')"
        if not self.destination.fields:
            return names
        called = ", ".join(
            f"{literal(field)}: {literal(column)}" for field, column in self.destination.fields.items()
        )
        return f"list_transform({names}, lambda name: coalesce(map {{{called}}}[name], name))"

    def _others(self, item: str) -> str:
        """SQL: the members of a JSON row beside the person and the object that holds what is told, as text."""
        record = self.record
        if not (self.is_json and record.attributes):
            return "''"
        known = f"[{literal(record.person)}, {literal(record.attributes)}]"
        return f"""
            array_to_string(
                list_transform(
                    list_filter(json_keys({item}), lambda name: not list_contains({known}, name)),
                    lambda name: ', ' || {_text("name")} || ': ' || json_extract({item}, '$."' || name || '"')::varchar
                ),
                ''
            )
        """

    @staticmethod
    def _path(name: str) -> str:
        return literal(f"$.{identifier(name)}")

    # -- writing

    def changes(self) -> str:
        """The rows of tonight's files, leavers first: the campaign, the place in its file, and the columns of the file."""
        told, left = (self._replaced() if self.record.is_replaced else self._told()), self._left()
        columns = self.columns if self.is_json else [*self.columns, *self._change_column()]
        chosen = ", ".join(f"{identifier(column)}" for column in columns)
        return f"""
            with
                rows_to_write as (
                    select campaign_id as list_campaign, 1 as list_part, name as list_key, {_select(left)}
                    from change_leavers
                    where name is not null
                    union all by name
                    select campaign_id as list_campaign, 2 as list_part, message as list_key, {_select(told)}
                    from change_told
                )
            select
                list_campaign,
                row_number() over (partition by list_campaign order by list_part, list_key) as list_place,
                {chosen}
            from rows_to_write
        """

    def _change_column(self) -> Sequence[str]:
        return [self.destination.change] if self.destination.change else []

    def _told(self) -> dict[str, str]:
        """The columns of a row in which only what must be told is said, and who it is of."""
        record = self.record
        always = ", ".join(literal(name) for name in (self.user, self.campaign, self.message))
        is_said = f"list_contains(told_fields, entry.key) or entry.key in ({always})"
        if not self.is_json:
            return {
                column: (
                    "name"
                    if column == record.person
                    else f"attributes[{literal(column)}]"
                    if column in (self.user, self.campaign, self.message)
                    else f"case when list_contains(told_fields, {literal(column)}) then attributes[{literal(column)}] end"
                )
                for column in self.columns
            }
        members = f"""
            array_to_string(
                list_transform(
                    list_filter(map_entries(attributes), lambda entry: {is_said}),
                    lambda entry: {_text("entry.key")} || ': ' || coalesce({_text("entry.value")}, {self.blank})
                ),
                ', '
            )
        """
        return {self.columns[0]: self._item(members, "others")}

    def _replaced(self) -> dict[str, str]:
        """The columns of a row that is told in full."""
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
        """SQL: a JSON row of a person, with these members of what is told."""
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


def _select(columns: dict[str, str]) -> str:
    return ", ".join(f"{value} as {identifier(name)}" for name, value in columns.items())
