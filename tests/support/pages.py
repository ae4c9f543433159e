"""The steps that a page of docs/ shows, done as they stand there: files to write, lines to add, commands to run.

A step is a fenced block. The words before it say where it goes, and they are what people read too:

    Write `path`:                                      the block is the file
    At the end of `path`, add ...:                     the block goes there
    In `path`, above the line `line`, add:             the block goes there, indented as that line
    In `path`, replace the line `line` with:           the same
    ```console                                         each line that begins with $ is a command; one that ends in a backslash goes on in the next
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

_BLOCK = re.compile(r"^([ \t]*)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_WRITE = re.compile(r"Write `([^`]+)`:$")
_END = re.compile(r"At the end of `([^`]+)`, add[^`]*(?:`[^`]*`[^`]*)*:$")
_LINE = re.compile(r"In `([^`]+)`, (?:(above) the line `([^`]+)`, add|replace the line `([^`]+)` with):$")


class PageError(AssertionError):
    """A step that cannot be done as it stands on the page."""


@dataclass(frozen=True)
class Step:
    """A block of a page, and the words before it."""

    page: str
    words: str
    language: str
    text: str

    @property
    def commands(self) -> list[list[str]]:
        """What is typed."""
        if self.language != "console":
            return []
        return [
            shlex.split(line[2:])
            for line in self.text.replace("\\\n", " ").splitlines()
            if line.startswith("$ ")
        ]

    @property
    def file(self) -> str | None:
        """The file that the step writes or changes."""
        found = _WRITE.search(self.words) or _END.search(self.words) or _LINE.search(self.words)
        return found[1] if found else None

    def do(self, project: Path) -> None:
        """Write or change the file."""
        if found := _WRITE.search(self.words):
            path = project / found[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.text, encoding="utf-8")
        elif found := _END.search(self.words):
            path = self._there(project, found[1])
            before = path.read_text(encoding="utf-8").rstrip("\n")
            path.write_text(f"{before}\n{self.text}", encoding="utf-8")
        elif found := _LINE.search(self.words):
            path = self._there(project, found[1])
            self._at_line(path, found[3] or found[4], replace=found[2] is None)
        else:
            raise PageError(f"{self.page}: nobody can tell where this goes: {self.words!r}\n{self.text}")

    def _there(self, project: Path, name: str) -> Path:
        if not (project / name).is_file():
            raise PageError(f"{self.page} speaks of {name}, which is not there")
        return project / name

    def _at_line(self, path: Path, wanted: str, *, replace: bool) -> None:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        places = [number for number, line in enumerate(lines) if line.strip() == wanted]
        if len(places) != 1:
            raise PageError(
                f"{self.page}: the line {wanted!r} is {len(places)} times in {path.name}, not once"
            )
        (place,) = places
        margin = lines[place][: -len(lines[place].lstrip())]
        lines[place : place + replace] = [indent(self.text, margin)]
        path.write_text("".join(lines), encoding="utf-8")


def steps(page: Path) -> Iterator[Step]:
    """The steps of a page, in its order; a block of another kind (an example of a run, say) has no fence."""
    text = page.read_text(encoding="utf-8")
    for block in _BLOCK.finditer(text):
        before = text[: block.start()].rstrip().rpartition("\n\n")[2]
        yield Step(page.name, " ".join(before.split()), block[2], dedent(block[3]))
