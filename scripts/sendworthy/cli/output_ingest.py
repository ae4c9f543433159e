"""What `sendworthy ingest` prints: counts, never an address or an id."""

from __future__ import annotations

from collections import Counter
from typing import Any

from rich.table import Table
from rich.text import Text

from sendworthy.foundation.console import err, new_table, note, out, say, styled
from sendworthy.ingest import UNKNOWN_EVENT, FileReport, Ingested

STATES = {
    "landed": "landed",
    "replaced": "read anew, and replaced",
    "already_landed": "landed before: nothing was changed",
    "nothing_to_land": "nothing to land",
    "kept": "nothing landed",
    "dry_run": "not landed: --dry-run",
}
UNMATCHED = {
    "nobody_named": "it names no dispatch of ours, no user, no address",
    "several_have_the_address": "several users have its address, and one of them did it",
    "unknown_address": "nobody has its address",
    "unknown_dispatch": "its dispatch is not in the ledger, and it names nobody",
}
REFUSED = {
    "no_channel": "it names no channel",
    "no_object": "it is null",
    "no_time": "it has no time, or none that can be read",
}
KEPT = {
    **UNMATCHED,
    "no_event": "it is no JSON object, or names no event: of another provider, or cut",
}


def as_dict(ingested: Ingested) -> dict[str, Any]:
    """The same as the table, for machines."""
    return {
        "source": ingested.source,
        "looked_up": ingested.has_lookups,
        "exit_code": ingested.exit_code,
        "files": [_counts(report) for report in ingested.files],
        "total": {
            key: value
            for key, value in _counts(ingested.total).items()
            if key not in ("file", "state", "drop", "kept_file")
        },
    }


def _counts(report: FileReport) -> dict[str, Any]:
    return {**vars(report), "rows": report.rows}


def show_ingested(ingested: Ingested) -> None:
    """What landed by event type, and everything that did not, with the reason; what stops messages and did not land comes last."""
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
    if total.untimed:
        words = "no time can be read: it counts from when it was read"
        table.add_row(styled("time unknown", "yellow"), words, f"{total.untimed:,}")
    _add(table, styled("unknown event", "yellow"), total.unknown, {})
    _add(table, styled("not matched", "yellow"), total.unmatched, UNMATCHED)
    _add(table, styled("refused", "yellow"), total.refused, REFUSED)
    if total.duplicates:
        table.add_row(styled("duplicate", "dim"), "the same file has it already", f"{total.duplicates:,}")
    _add(table, styled("of no use here", "dim"), total.ignored, {})
    _add(table, styled("kept", "bold red"), total.kept, {key: _why_kept(key) for key in total.kept})
    out.print(table)
    for report in ingested.files:
        out.print(_words_of(report))
    if not ingested.has_lookups and (total.unmatched or total.kept):
        note(
            "there was no published file to look addresses and dispatches up in: name it with --db, and read the files --again."
        )
    if total.kept:
        count = total.kept.total()
        say(
            err,
            styled("kept:", "bold red"),
            f"{count:,} reports that stop messages, or may, have not landed: somebody could get a message who must not.",
            "They are read again by the next run. What to do about each reason: docs/ingest-reports.md#what-is-kept",
        )


def _why_kept(key: str) -> str:
    if key.startswith(UNKNOWN_EVENT):
        return f"an unknown event that may stop messages: {key.removeprefix(UNKNOWN_EVENT)}"
    return KEPT[key]


def _add(table: Table, what: Text, counts: Counter[str], words: dict[str, str]) -> None:
    for name, rows in sorted(counts.items()):
        table.add_row(what, words.get(name, name), f"{rows:,}")


def _words_of(report: FileReport) -> str:
    where = f" ({report.drop})" if report.drop else ""
    kept = f", {report.kept.total():,} kept" if report.kept else ""
    kept_file = f" ({report.kept_file})" if report.kept_file else ""
    return f"{report.file}: {report.rows:,} rows, {STATES[report.state]}{where}{kept}{kept_file}"
