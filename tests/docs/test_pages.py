"""The pages: what comes from the program is fresh, links lead somewhere, lines are short, each decision says what it must."""

from __future__ import annotations

import re
import subprocess
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from dev import write_docs
from tests.support.projects import ROOT

LONGEST_LINE = 120
# a row of a table cannot be broken; one that is longer than this says too much for a table
LONGEST_ROW = 300
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(path for path in DECISIONS.glob("*.md") if path.name != "README.md")
CODE = re.compile(r"^(`{3,}|~{3,}).*?^\1", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"(?<!\\)\]\((?P<target>[^()\s]+)\)")


@cache
def pages() -> tuple[Path, ...]:
    """Every page of the project, those that are not committed yet among them."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "*.md"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = (ROOT / name for name in listed.stdout.decode().split("\0") if name)
    return tuple(path for path in found if path.is_file())


@cache
def anchors(page: Path) -> frozenset[str]:
    """The names by which links reach the headings of a page, made as GitHub makes them."""
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    names: list[str] = []
    for heading in re.findall(r"^#{1,6} (.*)$", text, re.MULTILINE):
        words = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).strip().lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        again = sum(1 for other in names if re.fullmatch(rf"{re.escape(name)}(-\d+)?", other))
        names.append(f"{name}-{again}" if again else name)
    return frozenset(names)


def broken_links(page: Path) -> Iterator[str]:
    text = re.sub(r"`[^`\n]*`", "", CODE.sub("", page.read_text(encoding="utf-8")))
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        if not path.exists():
            yield f"{target}: no such file"
        elif anchor and anchor not in anchors(path):
            yield f"{target}: no such heading"


def test_there_are_pages() -> None:
    assert len(pages()) > 30
    assert {"README.md", "CONTRIBUTING.md"} <= {path.name for path in pages()}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert not list(broken_links(page))


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A Page, with `code`\n\n[x](gone.md) [y](#nowhere) [z](#a-page-with-code) [u](https://example.com)\n"
    )
    assert list(broken_links(page)) == ["gone.md: no such file", "#nowhere: no such heading"]


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_is_long(page: Path) -> None:
    too_long = []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        limit = LONGEST_ROW if line.lstrip().startswith("|") else LONGEST_LINE
        if len(line) > limit:
            too_long.append(f"line {number}: {len(line)} characters")
    assert not too_long


def test_help_texts_and_the_list_of_commands_are_those_of_the_program() -> None:
    parts = write_docs.help_parts()
    used = set()
    for path in pages():
        page = path.read_text(encoding="utf-8")
        assert write_docs.with_parts(page, parts) == page, f"{path.name}: run `make pages`"
        used |= {found["name"] for found in write_docs.PART.finditer(page)}
    assert used >= parts.keys()


def test_the_help_of_every_command_fits_80_columns() -> None:
    text = write_docs.help_of_commands()
    assert text.count("Usage: sendworthy ") == len(list(write_docs.commands()))
    assert max(map(len, text.splitlines())) <= 84


@pytest.mark.parametrize(
    "page",
    [page for page in pages() if page.name != "CHANGELOG.md"],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_no_page_uses_a_word_that_the_field_does_not(page: Path) -> None:
    """For staged, fix, compared with, temporary files, alert or change, say just that. The changelog keeps what it said."""
    words = re.findall(
        r"\b(?:aside|mend(?:ed|s|ing)?|h[eo]ld against|lies about|(?:is|are|was|were|be) told)\b",
        page.read_text(encoding="utf-8"),
    )
    assert not words


def test_no_name_in_the_package_is_such_a_word() -> None:
    found = []
    for path in sorted((ROOT / "scripts" / "sendworthy").rglob("*.py")):
        with tokenize.open(path) as file:
            found += [
                f"{path.relative_to(ROOT)}:{token.start[0]}: {token.string}"
                for token in tokenize.generate_tokens(file.readline)
                if token.type == tokenize.NAME and re.search(r"(?:^|_)(?:told|aside)(?:_|$)", token.string)
            ]
    assert not found


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_has_a_title_a_date_and_a_status(record: Path) -> None:
    title, empty, *rest = record.read_text(encoding="utf-8").splitlines()
    assert re.match(r"# \S", title) and not empty
    head = rest[0]
    found = re.fullmatch(r"\d{4}-\d{2}-\d{2}, (accepted|superseded by \[[^\]]+\]\(([^)]+)\))", head)
    assert found, f"{head!r} is no `<date> , accepted` and no `<date> · superseded by [...](...)`"
    if found[2]:
        assert (DECISIONS / found[2].partition("#")[0]).resolve() in RECORDS, f"{found[2]} is no decision"


def test_the_index_of_decisions_has_each_of_them_once() -> None:
    index = (DECISIONS / "README.md").read_text(encoding="utf-8")
    linked = re.findall(r"^\| \[[^\]]+\]\(([^)]+)\) \|", index, re.MULTILINE)
    assert sorted(linked) == [record.name for record in RECORDS]
