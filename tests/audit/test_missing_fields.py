"""A campaign that prints a field which a destination does not carry is held back; one whose fields all arrive is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb
import pytest
from sendworthy.audit.missing_fields import find_missing_fields
from sendworthy.settings.destinations import Blank, Destination, Places

BLANK = Blank(says="empty_keeps", can_remove=False, source="its page")
VALUES = {"city": "Ulm", "first_name": None}


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(":memory:") as opened:
        for schema in ("marts", "exports"):
            opened.execute(f"create schema {schema}")
        opened.execute(
            "create table marts.send_list (dispatch_id varchar, campaign_id varchar, variant varchar, merge_values varchar)"
        )
        opened.execute(
            "create table marts.merge_field_tags (dialect varchar, merge_field varchar, merge_tag varchar)"
        )
        opened.execute("insert into marts.merge_field_tags values ('mailchimp', 'first_name', 'FNAME')")
        yield opened


def acme(**told: Any) -> Destination:
    form = {"format": "csv", "channels": ["email"], "says": Places(campaign="campaign", message="message")}
    return Destination(**{"name": "acme", "label": "Acme", "blank": BLANK, **form, **told})


def of_lines(**told: Any) -> Destination:
    says = Places(campaign="campaign_id", message="dispatch_id")
    return acme(format="jsonl", file_columns=["payload"], says=says, **told)


def send(
    connection: duckdb.DuckDBPyConnection,
    *messages: tuple[str, str, str],
    values: Mapping[str, Any] | str = VALUES,
) -> None:
    """Put messages (dispatch id, campaign, variant) on the send list."""
    text = values if isinstance(values, str) else json.dumps(values)
    for message in messages:
        connection.execute("insert into marts.send_list values (?, ?, ?, ?)", [*message, text])


def list_as(connection: duckdb.DuckDBPyConnection, columns: str, where: str = "true") -> None:
    """Make the destination's model: `columns` of the send list, as SQL."""
    connection.execute(
        f"create or replace view exports.export_acme as select {columns} from marts.send_list where {where}"
    )


KEYS = "campaign_id as campaign, dispatch_id as message"
LINE = "campaign_id, dispatch_id, 'u1' as user_id"
CASES = [
    ("columns", acme(), f"{KEYS}, 'Ulm' as city, null as first_name", set()),
    ("no column", acme(), f"{KEYS}, 'Ulm' as city", {"first_name"}),
    ("neither", acme(), KEYS, {"city", "first_name"}),
    ("another name", acme(fields={"city": "Home town"}), f"{KEYS}, '' as \"Home town\", '' as first_name", set()),
    ("a name that is not used", acme(), f"{KEYS}, '' as \"Home town\", '' as first_name", {"city"}),
    ("not in the file", acme(file_columns=["campaign", "city"], says=Places(campaign="campaign", message="message")),
     "campaign_id, dispatch_id, campaign_id as campaign, '' as city, '' as first_name", {"first_name"}),
    ("a column in JSON", acme(), f"{KEYS}, merge_values", set()),
    ("a struct", acme(format="parquet"), f"{KEYS}, {{'city': 'Ulm', 'first_name': null}} as values", set()),
    ("a struct without", acme(format="parquet"), f"{KEYS}, {{'city': 'Ulm'}} as values", {"first_name"}),
    ("a text that is no JSON", acme(), f"{KEYS}, '{{city first_name' as words", {"city", "first_name"}),
    ("a line", of_lines(), f"{LINE}, '{{\"city\": \"Ulm\", \"first_name\": null}}' as payload", set()),
    ("a line without", of_lines(), f"{LINE}, '{{\"city\": \"Ulm\", \"name\": \"first_name\"}}' as payload", {"first_name"}),
    ("a line beside columns", of_lines(), f"{LINE}, '' as city, '' as first_name, '{{}}' as payload",
     {"city", "first_name"}),
    ("deep", of_lines(), f"{LINE}, '{{\"a\": [{{\"city\": 1}}, {{\"b\": {{\"first_name\": \"\"}}}}]}}' as payload", set()),
    ("JSON in JSON", of_lines(), f"{LINE}, json_object('id', 'u1', 'payload', merge_values) as payload", set()),
    ("a merge tag", of_lines(), f"{LINE}, '{{\"city\": \"\", \"FNAME\": \"\"}}' as payload", set()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("destination", "columns", "missing"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_what_a_row_carries(
    connection: duckdb.DuckDBPyConnection, destination: Destination, columns: str, missing: set[str]
) -> None:
    send(connection, ("d1", "basket", "default"))
    list_as(connection, columns)
    found = find_missing_fields(connection, [destination])
    if not missing:
        assert found == {}
        return
    (failed,) = found.pop("basket")
    assert found == {} and failed.expectation == "missing_field_acme" and failed.unexpected == 1
    assert f": {', '.join(sorted(missing))} {'is' if len(missing) == 1 else 'are'} missing" in failed.words
    assert "models/exports/export_acme.sql" in failed.fix and "destinations" in failed.fix


def test_a_field_named_like_the_column_of_a_line_is_not_taken_for_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    send(connection, ("d1", "basket", "default"), values={"payload": "x"})
    list_as(connection, f"{LINE}, '{{}}' as payload")
    assert [*find_missing_fields(connection, [of_lines()])] == ["basket"]


def test_each_variant_is_looked_at_and_all_its_messages_are_counted(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    send(connection, ("d1", "basket", "personalized"), ("d2", "basket", "personalized"))
    send(connection, ("d0", "basket", "default"), ("d3", "hello", "default"), values={"city": "Ulm"})
    send(connection, ("d4", "news", "default"), values={})
    list_as(connection, f"{KEYS}, 'Ulm' as city")
    found = find_missing_fields(connection, [acme()])
    assert [*found] == ["basket"] and [failed.unexpected for failed in found["basket"]] == [2]
    list_as(connection, KEYS)
    found = find_missing_fields(connection, [acme()])
    assert {name: failed.unexpected for name, (failed,) in found.items()} == {"basket": 3, "hello": 1}
    assert "city, first_name are missing" in found["basket"][0].words


def test_what_a_destination_does_not_get_is_nothing_to_it(connection: duckdb.DuckDBPyConnection) -> None:
    send(connection, ("d1", "basket", "default"), ("d2", "other_channel", "default"))
    list_as(connection, KEYS, "campaign_id = 'basket'")
    assert [*find_missing_fields(connection, [acme()])] == ["basket"]
    # of two people with one address, it gets one: not always the first
    send(connection, ("d0", "basket", "default"))
    assert find_missing_fields(connection, [acme()])["basket"][0].unexpected == 2
    list_as(connection, KEYS, "dispatch_id = 'd1'")
    assert find_missing_fields(connection, [acme()])["basket"][0].unexpected == 1
    list_as(connection, KEYS, "false")
    assert find_missing_fields(connection, [acme()]) == {}


def test_every_destination_is_named_that_lacks_something(connection: duckdb.DuckDBPyConnection) -> None:
    send(connection, ("d1", "basket", "default"))
    list_as(connection, KEYS)
    connection.execute("create view exports.export_more as from exports.export_acme")
    found = find_missing_fields(connection, [acme(), acme(name="more")])
    assert [failed.expectation for failed in found["basket"]] == ["missing_field_acme", "missing_field_more"]


def test_values_that_cannot_be_read_are_the_audits_to_say(connection: duckdb.DuckDBPyConnection) -> None:
    send(connection, ("d1", "basket", "default"), values="{")
    list_as(connection, KEYS)
    assert find_missing_fields(connection, [acme()]) == {}
