"""What people see of `sendworthy ingest`: counts, never an address or an id."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.table import Table
from rich.text import Text

from sendworthy.console import new_table, note, out, styled
from sendworthy.ingest import FileReport, Ingested

STATES = {
    "landed": "landed",
    "replaced": "read anew, and replaced",
    "already_landed": "landed before: nothing was changed",
    "nothing_to_land": "nothing to land",
    "dry_run": "not landed: --dry-run",
}
UNMATCHED = {
    "nobody_named": "it names neither a dispatch of ours, nor a user, nor an address",
    "several_have_the_address": "several users have its address, and one of them did it",
    "unknown_address": "nobody has its address",
    "unknown_dispatch": "its dispatch is not in the ledger, and it names nobody",
}
REFUSED = {
    "no_channel": "it names no channel",
    "no_event": "it names no event: not a report of this provider, or not asked for in full",
    "no_object": "it is no JSON object",
    "no_time": "it has no time, or none that can be read",
}


def as_dict(ingested: Ingested) -> dict[str, Any]:
    """The same as the table, for machines."""
    return {
        "source": ingested.source,
        "looked_up": ingested.has_lookups,
        "files": [_counts(report) for report in ingested.files],
        "total": {
            key: value
            for key, value in _counts(ingested.total).items()
            if key not in ("file", "state", "drop")
        },
    }


def _counts(report: FileReport) -> dict[str, Any]:
    return {**vars(report), "rows": report.rows}


def show_ingested(ingested: Ingested) -> None:
    """What landed by event type, and everything that did not, with the reason."""
    total = ingested.total
    table = new_table(
        *("what became of it", "why"),
        numbers=("reports",),
        title=f"{total.reports:,} reports of {ingested.source}",
    )
    for event_type, rows in sorted(total.landed.items()):
        machines = (
            f"{total.machine_opens:,} of them by a machine"
            if event_type == "opened" and total.machine_opens
            else ""
        )
        table.add_row(styled(event_type, "green"), machines, f"{rows:,}")
    _add(table, styled("unknown event", "yellow"), total.unknown, {})
    _add(table, styled("not matched", "yellow"), total.unmatched, UNMATCHED)
    _add(table, styled("refused", "red"), total.refused, REFUSED)
    if total.duplicates:
        table.add_row(styled("duplicate", "dim"), "the same file has it already", f"{total.duplicates:,}")
    _add(table, styled("of no use here", "dim"), total.ignored, {})
    out.print(table)
    for report in ingested.files:
        out.print(_words_of(report))
    if not ingested.has_lookups and total.unmatched:
        note(
            "there was no published file to look addresses and dispatches up in: name it with --db, and read the files --again."
        )


def _add(table: Table, what: Text, counts: Counter[str], words: dict[str, str]) -> None:
    for name, rows in sorted(counts.items()):
        table.add_row(what, words.get(name, name), f"{rows:,}")


def _words_of(report: FileReport) -> str:
    where = f" ({report.drop})" if report.drop else ""
    return f"{report.file}: {report.rows:,} rows, {STATES[report.state]}{where}"
