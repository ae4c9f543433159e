"""The Data Docs of a night: what the audit asked of each list and what it found, as pages that ask nothing of the network.

Great Expectations can write such pages itself; they load style sheets, fonts and scripts from six other hosts, and show an empty
list without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sendworthy.foundation.clock import iso
from sendworthy.foundation.night_folders import refuse_link
from sendworthy.foundation.pages import page_templates
from sendworthy.foundation.safe_files import remove_folder

INDEX = "index.html"
VALIDATIONS = "validations"

# what stands in a night's folder, and is replaced; an older version has written the last two
PARTS = (INDEX, VALIDATIONS, "static", "expectations")


@dataclass(frozen=True)
class CheckedItem:
    """One thing that was asked of a list: its name, in words, whether it holds, and what to do where it does not.

    `is_critical`: where it fails, the list stays; asked of the whole list, every campaign does. `unexpected` is how many messages are
    at fault, None where it could not be asked.
    """

    name: str
    words: str
    holds: bool
    is_critical: bool
    unexpected: int | None
    fix: str


@dataclass(frozen=True)
class AuditedList:
    """A list that was audited: its campaign (or how it is called instead), and its messages. One is the whole list of the night."""

    name: str
    messages: int
    checks: Sequence[CheckedItem]
    is_whole: bool = False

    @property
    def failed(self) -> list[CheckedItem]:
        """What does not hold."""
        return [check for check in self.checks if not check.holds]

    @property
    def title(self) -> str:
        """What people call it."""
        return "the whole list" if self.is_whole else self.name

    @property
    def page(self) -> str:
        """The name of its page."""
        return f"send_list-{self.name}.html"


def write_data_docs(folder: Path, as_of: datetime, made_by: str, lists: Sequence[AuditedList]) -> Path:
    """Write a night's pages into `folder`, in place of those of an earlier run and of nothing else; returns the first one.

    The same night writes the same bytes.
    """
    template = page_templates(Path(__file__).parent).get_template("data_docs.html")
    # what failed first, then the list as a whole
    ordered = sorted(lists, key=lambda item: (not item.failed, not item.is_whole, item.title))
    night = {"night": iso(as_of), "made_by": made_by, "lists": ordered}
    refuse_link(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        old = folder / part
        if old.is_dir():
            remove_folder(old)
        else:
            old.unlink(missing_ok=True)
    (folder / VALIDATIONS).mkdir()
    for item in ordered:
        page = template.render(**night, shown=item, up="../")
        (folder / VALIDATIONS / item.page).write_text(page, encoding="utf-8")
    (folder / INDEX).write_text(template.render(**night, shown=None, up=""), encoding="utf-8")
    return folder / INDEX
