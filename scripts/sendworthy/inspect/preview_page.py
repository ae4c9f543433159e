"""A preview as one HTML page that asks nothing of the network and runs no script.

All that is shown is escaped. An HTML body stands in a sandboxed frame, whose document inherits the page's content security
policy: nothing in it runs, loads, or leads anywhere.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Sequence
from html import escape, unescape
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

from sendworthy.foundation.clock import iso
from sendworthy.foundation.pages import page_templates
from sendworthy.inspect.preview import FieldRow, Piece, Preview, Shown, VariantPreview

# what makes the body of an e-mail HTML
_TAG = re.compile(r"<!doctype\b|</?[a-z][a-z0-9]*(?:\s[^<>]*)?/?>", re.IGNORECASE)
# elements whose text is not shown as text
_HIDING = frozenset(("noscript", "option", "script", "select", "style", "svg", "textarea", "title"))
_MARK = "border-radius:3px;padding:0 .2em;color:#1c1400;"
_STYLES = {
    "stand_in": f"{_MARK}background:#fcd34d",
    "hole": f"{_MARK}background:#fecaca;border:2px dashed #b91c1c;color:#991b1b;font-size:.8em",
    "value": "text-decoration:underline dotted #64748b;text-underline-offset:.2em",
}
_SNIPPET = 160


def write_page(shown: Preview, file: Path) -> None:
    """Write the page, in one step; only its owner can read a page that holds a user's values."""
    file.parent.mkdir(parents=True, exist_ok=True)
    # made for the owner alone
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(descriptor, "w", encoding="utf-8", errors="replace") as page:
            page.write(as_html(shown))
        if shown.person is None:
            os.chmod(name, 0o666 & ~_umask())
        os.replace(name, file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def as_html(shown: Preview) -> str:
    """The whole page."""
    environment = page_templates(Path(__file__).parent)
    environment.globals.update(
        iso=iso, is_html=is_html, snippet=snippet, document=document, height=height, near=near, share=share
    )
    return environment.get_template("preview.html").render(preview=shown, person=shown.person)


def is_html(variant: VariantPreview, channel: str) -> bool:
    """Whether the body is HTML: that is so where an e-mail's template holds a tag, whatever the values hold."""
    return channel == "email" and _TAG.search(variant.source) is not None


def snippet(shown: Shown, of_html: bool) -> str:
    """The beginning of the body, which mail programs show where there is no preheader."""
    text = shown.text("body")
    if of_html:
        text = unescape("".join(text[begin:end] for begin, end in _Texts.of(text)))
    return " ".join(text.split())[:_SNIPPET]


def document(shown: Shown) -> str:
    """An HTML body as a document, with marks where a field's value stands in text that is shown."""
    text = shown.text("body")
    texts = _Texts.of(text)
    # before anything else of the head: what is clicked would open elsewhere, and the frame must not open anything
    made = ['<!doctype html><meta charset="utf-8"><base target="_blank">']
    end = 0
    for piece in shown.parts.get("body", ()):
        begin, end = end, end + len(piece.text)
        is_shown = any(first <= begin and end <= last for first, last in texts)
        made.append(_marked(piece) if piece.kind and is_shown else piece.text)
    return "".join(made)


def _marked(piece: Piece) -> str:
    tag = "span" if piece.kind == "value" else "mark"
    text = "blank" if piece.kind == "hole" else piece.text
    return f'<{tag} style="{_STYLES[piece.kind]}" title="{escape(piece.title)}">{text}</{tag}>'


def height(shown: Shown) -> int:
    """A height for the frame of an HTML body, in em; without a script, a frame cannot take that of what it holds."""
    text = shown.text("body")
    words = sum(end - begin for begin, end in _Texts.of(text))
    blocks = len(re.findall(r"<(?:p|br|tr|li|h[1-6]|div|hr)\b", text, re.IGNORECASE))
    return max(9, min(48, 5 + words // 30 + 3 * blocks))


def near(where: str, folder: str) -> str:
    """A place as short as can be: relative to the campaign's folder, or else to all campaigns."""
    return where.removeprefix(f"{folder}/").removeprefix("campaigns/")


def share(row: FieldRow) -> str:
    """How many of the campaign's candidates have a field, in words."""
    if row.have is None or row.candidates is None:
        return ""
    if row.candidates == 0:
        return "no candidates"
    return f"{100 * row.have / row.candidates:.0f} % ({row.have:,} of {row.candidates:,})"


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


class _Texts(HTMLParser):
    """Finds the stretches of an HTML text that are shown as text."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=False)
        self._lines = [0, *(found.end() for found in re.finditer("\n", source))]
        self._hidden: list[str] = []
        self._found: list[tuple[int, bool]] = []
        self.feed(source)
        self.close()
        self._found.append((len(source), False))

    @classmethod
    def of(cls, source: str) -> Sequence[tuple[int, int]]:
        """Where they begin and end, in order; neighbours are one."""
        stretches: list[tuple[int, int]] = []
        found = cls(source)._found
        for (begin, is_text), (end, _) in pairwise(found):
            if is_text and stretches and stretches[-1][1] == begin:
                stretches[-1] = (stretches[-1][0], end)
            elif is_text:
                stretches.append((begin, end))
        return stretches

    def _next(self, is_text: bool = False) -> None:
        line, column = self.getpos()
        self._found.append((self._lines[line - 1] + column, is_text and not self._hidden))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._next()
        if tag in _HIDING:
            self._hidden.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._next()

    def handle_endtag(self, tag: str) -> None:
        self._next()
        if tag in self._hidden:
            del self._hidden[self._hidden.index(tag) :]

    def handle_data(self, data: str) -> None:
        self._next(is_text=True)

    def handle_entityref(self, name: str) -> None:
        self._next(is_text=True)

    def handle_charref(self, name: str) -> None:
        self._next(is_text=True)

    def handle_comment(self, data: str) -> None:
        self._next()

    def handle_decl(self, decl: str) -> None:
        self._next()

    def handle_pi(self, data: str) -> None:
        self._next()

    def unknown_decl(self, data: str) -> None:
        self._next()
