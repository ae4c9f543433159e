"""listmonk: imports of subscribers, one at a time. It knows people by their address, and what is sent twice changes nothing.

No list is named, and so no subscription is touched: with overwriting, naming one would subscribe somebody again who has left it.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
from typing import Any

from sendworthy.destinations import Envelope
from sendworthy.push.calls import NOT_TAKEN, Answer, NoAnswer
from sendworthy.push.rows import Batch, Row, Shape
from sendworthy.push.vendors.base import Account, Again, Ask, JobLost, Refused, Sent, Variable, Vendor, judge
from sendworthy.push.vendors.plain import Plain

_COLUMNS = ("email", "name", "attributes")
_IMPORT = "/api/import/subscribers"
_PARAMS = json.dumps(
    {"mode": "subscribe", "subscription_status": "unconfirmed", "delim": ",", "lists": [], "overwrite": True}
)
_AT_WORK = ("importing", "stopping")
_SKIPPED = re.compile(r"skipping (?:invalid attributes JSON on )?line (\d+)\W+(.*)")


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
            found = self._plain.ask("GET", _IMPORT)
            status = _status(found)
            if status.get("status") in _AT_WORK and not (may_be_there and status.get("name") == name):
                raise NoAnswer("another import is at work there", is_unknown=False)
            return found

        def begin() -> Answer:
            nonlocal may_be_there
            if may_be_there:
                found = look()
                if not found.is_good or _status(found).get("name") == name:
                    return found
                again()
            may_be_there = True
            files = {"file": (name, file, "text/csv")}
            answer = self._plain.ask("POST", _IMPORT, data={"params": _PARAMS}, files=files)
            may_be_there = answer.status not in NOT_TAKEN
            if answer.status == 400:
                # also where another import has begun in between
                look()
            return answer

        judge(self, ask(look))
        judge(self, ask(begin))
        return Sent(job=name)

    def finish(self, job: str, batch: Batch, ask: Ask) -> Sent | None:
        """What became of an import: the lines that were skipped, and why."""
        answer = ask(lambda: self._plain.ask("GET", _IMPORT))
        judge(self, answer)
        status = _status(answer)
        if status.get("name") != job:
            raise JobLost
        if status.get("status") in _AT_WORK:
            return None
        logs = ask(lambda: self._plain.ask("GET", f"{_IMPORT}/logs"))
        judge(self, logs)
        told = logs.data.get("data") if isinstance(logs.data, dict) else ""
        found: dict[int, Refused] = {}
        for line, words in _SKIPPED.findall(str(told)):
            found.setdefault(int(line) - 1, Refused(int(line) - 1, "skipped", words))
        refused = [refusal for index, refusal in found.items() if index < len(batch.rows)]
        unnamed = len(batch.rows) - int(status.get("imported") or 0) - len(refused)
        if unnamed > 0:
            words = "listmonk has not imported them; its logs (Subscribers, Import) say why"
            refused.append(Refused(None, str(status.get("status")), words, unnamed))
        return Sent(refused)


def _status(answer: Answer) -> dict[str, Any]:
    told = answer.data.get("data") if isinstance(answer.data, dict) else None
    return told if isinstance(told, dict) else {}


def _cells(row: Row) -> list[str]:
    return [row.values[column] for column in _COLUMNS]
