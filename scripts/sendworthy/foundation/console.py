"""Two consoles, standard output and standard error, that print text as it is, without markup.

Paths, ids, names and reasons come from outside, and Rich takes a `[` in a text for markup. On these consoles it does not, in no line,
table, status or bar; what shall have a colour is `styled`. Nothing else in the project makes a console, or imports Rich's markup.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD, Box
from rich.cells import cell_len
from rich.console import Console as RichConsole
from rich.console import JustifyMethod
from rich.padding import Padding
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text


class Console(RichConsole):
    """A console without markup: as wide as the terminal, else as COLUMNS says, else 80 columns."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, highlight=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print; a line of text is broken between words where somebody looks, and never in a file or a pipe."""
        is_text = all(isinstance(item, (str, Text)) for item in objects)
        if is_text and not self.is_terminal:
            options = {"soft_wrap": True, **options}
        super().print(*objects, **options)


out = Console()
err = Console(stderr=True)


def styled(words: str, style: str) -> Text:
    """A text in a colour (`red`, `bold red`, ...)."""
    return Text(words, style=style)


def say(console: Console, head: Text, *lines: str) -> None:
    """Lines behind a coloured word: what kind of thing they say. On a terminal they stand in a column of their own."""
    if console.is_terminal:
        columns = Table.grid(padding=(0, 1))
        columns.add_row(head, "\n".join(lines))
        console.print(columns)
        return
    first, *others = lines
    console.print(head, first)
    for line in others:
        console.print(" " * head.cell_len, line)


def note(words: str, console: Console = err) -> None:
    """Something that people should know, and that stops nothing."""
    say(console, styled("note", "yellow"), words)


def warning(words: str, console: Console = err) -> None:
    """Something that people should do something about."""
    say(console, styled("warning", "bold yellow"), words)


def new_table(*headings: str, numbers: tuple[str, ...] = (), title: str | None = None) -> Table:
    """A table without lines between its columns; the headings in `numbers` stand over figures, behind the others."""
    table = Table(
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        title=title,
        title_justify="left",
        title_style="bold",
        pad_edge=False,
        show_edge=False,
    )
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


Row = Sequence[str | Text]


def print_groups(
    console: Console,
    headings: Sequence[str],
    groups: Sequence[tuple[str, Sequence[Row]]],
    title: str | None = None,
) -> None:
    """A table whose rows stand in groups, each below its name, which may be as long as the line; all but the first cell are figures."""
    rows = [headings, *(row for _, of_group in groups for row in of_group)]
    widths = [max(_width(row[place]) for row in rows) for place in range(len(headings))]
    # two columns between two cells, and two before a row
    widths[0] = min(widths[0], max(20, console.width - sum(widths[1:]) - 2 * len(widths)))
    if title is not None:
        console.print(styled(title, "bold"))
    for number, (name, of_group) in enumerate(groups):
        if number == 0:
            console.print(Padding(_figures(headings, widths, SIMPLE_HEAD), (0, 0, 0, 2), expand=False))
        console.print(styled(name, "bold"))
        table = _figures(headings, widths, None)
        for row in of_group:
            table.add_row(*row)
        console.print(Padding(table, (0, 0, 0, 2), expand=False))


def _figures(headings: Sequence[str], widths: Sequence[int], box: Box | None) -> Table:
    table = Table(box=box, padding=(0, 2 if box is None else 1, 0, 0), pad_edge=False, show_edge=False)
    table.show_header = box is not None
    for place, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        justify: JustifyMethod = "right" if place else "left"
        table.add_column(heading, justify=justify, width=width, overflow="fold")
    return table


def _width(cell: str | Text) -> int:
    text = cell.plain if isinstance(cell, Text) else cell
    return max(map(cell_len, text.splitlines() or [""]))


@contextmanager
def working(words: str, console: RichConsole = err) -> Iterator[Callable[[str], None]]:
    """Show in one line that something is at work; gives what changes the words."""

    def line(words: str) -> Text:
        return Text(words, no_wrap=True, overflow="ellipsis")

    with console.status(line(words)) as status:
        yield lambda changed: status.update(line(changed))


def new_bar(is_off: bool = False, console: RichConsole = err) -> Progress:
    """Bars that count to a total, and are gone afterwards."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=is_off,
    )
