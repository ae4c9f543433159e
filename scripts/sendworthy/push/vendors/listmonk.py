"""listmonk: imports of subscribers, one at a time. It knows people by their address, and what is sent twice changes nothing.

No list is named, and so no subscription is touched: with overwriting, naming one would subscribe somebody again who has left it.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from collections.abc import Collection

from pydantic import NonNegativeInt

from sendworthy.foundation.retry import NOT_TAKEN
from sendworthy.push.batches import Batch, Row, Shape
from sendworthy.push.retry import Answer, NoAnswer
from sendworthy.push.vendors.base import (
    Account,
    Again,
    Ask,
    JobLost,
    NotConfirmed,
    Refused,
    Sent,
    Variable,
    Vendor,
    VendorForm,
    in_form,
    judge,
)
from sendworthy.push.vendors.http import Plain
from sendworthy.settings.destinations import Envelope

_COLUMNS = ("email", "name", "attributes")
_IMPORT = "/api/import/subscribers"
_PARAMS = json.dumps(
    {"mode": "subscribe", "subscription_status": "unconfirmed", "delim": ",", "lists": [], "overwrite": True}
)
_AT_WORK = ("importing", "stopping")
# a line without attributes that can be read is imported, without them
_SKIPPED = re.compile(r"skipping line (\d+)\W+(.*)")
_WITHOUT_ATTRIBUTES = re.compile(r"skipping invalid attributes JSON on line (\d+)\W+(.*)")


class _Import(VendorForm):
    """The last import: whose it is, and how many lines of the file were imported.

    Source: listmonk, API, Import; internal/subimporter/importer.go, type Status.
    """

    name: str
    status: str
    total: NonNegativeInt
    imported: NonNegativeInt


class _Status(VendorForm):
    data: _Import


class _Logs(VendorForm):
    data: str


class Listmonk(Vendor):
    """Subscribers by address, with all of their attributes. listmonk has no Python client of its own."""

    looks_up = True
    variables = (
        Variable("LISTMONK_URL", "the address of your instance", is_address=True),
        Variable("LISTMONK_USER", "the name of an API user with the right subscribers:import"),
        Variable("LISTMONK_TOKEN", "its token", is_secret=True),
    )

    @property
    def shape(self) -> Shape:
        """The lines of the file, as they are."""
        return Shape(_cells, Envelope(items="lines"), is_ascii=False)

    def connect(self, account: Account) -> None:
        """Make the connection."""
        pair = f"{account['LISTMONK_USER']}:{account['LISTMONK_TOKEN']}"
        token = base64.b64encode(pair.encode()).decode()
        self._plain = Plain(account["LISTMONK_URL"], {"Authorization": f"Basic {token}"})

    def send(self, batch: Batch, ask: Ask, again: Again) -> Sent:
        """Begin an import. Its name says which batch it is: one that may have begun is looked for before it is sent again."""
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([_COLUMNS, *(_cells(row) for row in batch.rows)])
        file, name = text.getvalue().encode(), f"sendworthy-{batch.id}.csv"
        may_be_there = batch.is_again

        def look() -> Answer:
            found = self._last_import()
            last = _last(found)
            if last and last.status in _AT_WORK and not (may_be_there and last.name == name):
                raise NoAnswer("another import is at work there", is_unknown=False)
            return found

        def begin() -> Answer:
            nonlocal may_be_there
            if may_be_there:
                found = look()
                last = _last(found)
                if last is None or (last.name == name and self._may_be_whole(last, batch)):
                    return found
                again()
            may_be_there = True
            files = {"file": (name, file, "text/csv")}
            answer = self._plain.ask("POST", _IMPORT, data={"params": _PARAMS}, files=files)
            may_be_there = answer.status not in NOT_TAKEN
            if answer.status == 400:
                # also where another import has begun in between
                look()
            return in_form(answer, _Status)

        judge(self, ask(look))
        judge(self, ask(begin))
        return Sent(job=name)

    def finish(self, job: str, batch: Batch, ask: Ask) -> Sent | None:
        """What became of an import: the lines that were skipped, and why."""
        answer = ask(self._last_import)
        judge(self, answer)
        status: _Status = answer.data
        last = status.data
        if last.name != job:
            raise JobLost
        if last.status in _AT_WORK:
            return None
        logs = ask(self._logs)
        judge(self, logs)
        parsed: _Logs = logs.data
        skipped = _lines(_SKIPPED, parsed.data)
        if not _is_whole(last, skipped, batch):
            raise NotConfirmed(
                f"an import of {len(batch.rows):,} lines is {last.status}, with {last.imported:,} imported and {len(skipped):,} skipped "
                "(its logs under Subscribers, Import say why)",
                may_divide=False,
            )
        found = {**_lines(_WITHOUT_ATTRIBUTES, parsed.data), **skipped}
        return Sent([Refused(index, "skipped", words) for index, words in found.items()])

    def _may_be_whole(self, last: _Import, batch: Batch) -> bool:
        """Whether an import need not be sent again: it is at work, or it has taken every line that it did not skip."""
        if last.status in _AT_WORK:
            return True
        logs = self._logs().data
        return isinstance(logs, _Logs) and _is_whole(last, _lines(_SKIPPED, logs.data), batch)

    def _logs(self) -> Answer:
        return in_form(self._plain.ask("GET", f"{_IMPORT}/logs"), _Logs, is_unknown=False)

    def _last_import(self) -> Answer:
        return in_form(self._plain.ask("GET", _IMPORT), _Status, is_unknown=False)


def _last(answer: Answer) -> _Import | None:
    """The last import; None where the answer is that there is no right to see it, and the like."""
    return answer.data.data if isinstance(answer.data, _Status) else None


def _is_whole(last: _Import, skipped: Collection[int], batch: Batch) -> bool:
    is_all = last.imported + len(skipped) == last.total == len(batch.rows)
    return is_all and last.status == "finished"


def _lines(pattern: re.Pattern[str], logs: str) -> dict[int, str]:
    """The lines of the file that the logs name, by their place among the rows, and why."""
    return {int(line) - 1: words for line, words in reversed(pattern.findall(logs))}


def _cells(row: Row) -> list[str]:
    return [row.values[column] for column in _COLUMNS]
