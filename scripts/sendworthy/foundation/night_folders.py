"""Walks the folders of nights (`--out`, `--docs`, one folder per night). It never follows a link.

`2026-06-01/` is a night, `2026-06-01.cancellations/` what was taken back from it. A name such as `.2026-06-01.writing/` has
a state: it is being worked on, or was left behind by a night that was killed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sendworthy.foundation.safe_files import UnsafeFile

_NAME = re.compile(
    r"(?P<hidden>\.)?(?P<date>\d{4}-\d{2}-\d{2})(?P<cancelled>\.cancellations)?"
    r"(?:\.(?P<state>writing|retired|erasing|replaced|removing))?"
)


@dataclass(frozen=True)
class NightFolder:
    """One folder: the date of its night, whether it holds cancellations, and its `state` where it is not promoted."""

    path: Path
    date: str
    is_cancellations: bool
    state: str
    is_link: bool

    @property
    def name(self) -> str:
        """What it is, or is going to be, called once it is promoted."""
        return f"{self.date}.cancellations" if self.is_cancellations else self.date

    @property
    def is_night(self) -> bool:
        """Whether it is a night's folder, and promoted."""
        return not self.is_cancellations and not self.state


def parse_name(path: Path) -> tuple[str, bool, str] | None:
    """The date, whether it is of cancellations, and the state that a folder's name says; None for any other name."""
    found = _NAME.fullmatch(path.name)
    if not found or bool(found["hidden"]) != bool(found["state"]):
        return None
    return found["date"], bool(found["cancelled"]), found["state"] or ""


def walk(folder: Path) -> list[NightFolder]:
    """Everything in `folder` that is called like a night's and is a folder or a link, by name; empty without the folder."""
    found = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        parsed = parse_name(path)
        if parsed and (path.is_symlink() or path.is_dir()):
            found.append(NightFolder(path, *parsed, is_link=path.is_symlink()))
    return found


def nights(folder: Path) -> list[Path]:
    """The folders of nights, oldest first; links are none."""
    return [item.path for item in walk(folder) if item.is_night and not item.is_link]


def links(folder: Path) -> list[Path]:
    """What is called like the folder of a night, or of its cancellations, and is a link."""
    return [item.path for item in walk(folder) if item.is_link and not item.state]


def refuse_link(path: Path) -> None:
    """UnsafeFile where the folder that is going to be written is a link: whoever reads its target would get old lists."""
    if path.is_symlink():
        raise UnsafeFile(
            path,
            "it is a link, and the folder of a night has to be a folder",
            "move what the link leads to there, or remove the link",
        )
