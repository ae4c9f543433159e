"""Which kinds of messages a list has: those of one variant that look alike with respect to blanks (see `sendworthy.audit.render_check`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sendworthy.audit.render_check import Messages, Pattern, Proof, prove
from sendworthy.warehouse.list_reader import Lists, read_values
from sendworthy.warehouse.statements import Sql, statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

# between the keys of a pattern
_SEPARATOR = "|"

Variants = Sequence[tuple[str, str, tuple[str, ...], tuple[str, ...]]]
"""Campaign, variant, fields that it needs, fields that it requires."""


def prove_lists(lists: Lists, messages: Messages) -> Proof:
    """Only the proof: render one message of each kind on the list (`sendworthy.audit.render_check`)."""
    needed = needed_fields_of(read_variants(lists))
    judged = lists.keep("judged", pattern_query(lists, needed))
    return prove(read_patterns(lists, judged, needed), messages)


def read_variants(lists: Lists) -> Variants:
    """The variants that the settings know."""
    return [
        (str(campaign), str(variant), tuple(printed or ()), tuple(required or ()))
        for campaign, variant, printed, required in lists.rows(
            "select campaign_id, variant, printed_fields, required_fields from intermediate.int_campaigns__variants"
        )
    ]


def needed_fields_of(variants: Variants) -> list[str]:
    """All fields that some variant needs, in the order of a pattern's keys."""
    return sorted({field for *_, printed, _ in variants for field in printed})


def read_patterns(lists: Lists, judged: Sql, fields: Sequence[str]) -> list[Pattern]:
    """The kinds of messages that there are, each with the values of one of them."""
    rows = lists.rows(_sql("patterns", judged=judged))
    return [
        Pattern(campaign, variant, pattern, int(messages), values_of(pattern, values, fields))
        for campaign, variant, pattern, messages, values in rows
    ]


def values_of(pattern: str, text: str | None, fields: Sequence[str]) -> dict[str, str | None] | None:
    """A message's values, without those that its pattern calls blank; None where they cannot be read."""
    found = read_values(text)
    if found is None:
        return None
    # without fields, a pattern has no keys; split, it would have an empty one
    keys = dict(zip(fields, pattern.split(_SEPARATOR), strict=True)) if fields else {}
    return {name: None if key == "-" else found.get(name) for name, key in keys.items() if key}


def pattern_query(
    lists: Lists,
    needed: Sequence[str],
    messages: str = "marts.send_list",
    columns: Sequence[Sql] = (Sql("messages.merge_values"),),
    aggregates: Sequence[Sql] = (),
) -> Sql:
    """One row per message of `messages`: what it is, its pattern, and `columns`.

    The columns are of `messages`, or of `by_message`: `aggregates` over the merge values of one message.
    """
    return _sql(
        "message_patterns",
        messages=lists.model(messages),
        merge_values=lists.model("audit.audit_merge_values"),
        fields=[lists.text(field) for field in needed],
        separator=lists.text(_SEPARATOR),
        # a message without a merge field has none of its own
        nothing=lists.text(_SEPARATOR * (len(needed) - 1)),
        columns=columns,
        aggregates=aggregates,
    )
