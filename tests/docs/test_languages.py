"""docs/languages.md: each template on the page compiles, and prints what the table behind it says."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from sendworthy.templates.parser import TemplateAnalysis, analyse_template

from tests.support.projects import ROOT

PAGE = (ROOT / "docs" / "languages.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```liquid\n(?P<template>.*?)```\n\n(?P<table>(?:\|[^\n]*\n)+)", re.DOTALL)
FIELDS = {"language", "first_name"}


def analysed(template: str) -> TemplateAnalysis:
    text = template if template.startswith("---\n") else f"---\nsubject: Hello\n---\n{template}"
    return analyse_template(text, "example.liquid", merge_fields=FIELDS, subject_required=True)


def rows(table: str) -> Iterator[dict[str, str]]:
    """A table's rows, by the names above them."""
    lines = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split(" | ")] for line in table.splitlines()
    ]
    names = [name.strip("| `") for name in lines[0]]
    for cells in lines[2:]:
        yield dict(zip(names, (cell.strip("| `") for cell in cells), strict=True))


EXAMPLES = [(found["template"], list(rows(found["table"]))) for found in EXAMPLE.finditer(PAGE)]


def test_every_template_of_the_page_has_its_table() -> None:
    assert len(EXAMPLES) == PAGE.count("```liquid") == 6
    assert sum(len(table) for _, table in EXAMPLES) == 19


@pytest.mark.parametrize(("template", "table"), EXAMPLES)
def test_an_example_compiles_and_prints_what_its_table_says(
    template: str, table: list[dict[str, str]]
) -> None:
    found = analysed(template)
    assert not found.problems
    # one message of each language is rendered by the audit
    assert "language" in found.compared
    required = [row.pop("requires") for row in table if "requires" in row]
    assert found.required == required
    for row in filter(None, table):
        values = {name: None if row.get(name, "blank") == "blank" else row[name] for name in FIELDS}
        parts = {"prints": "body", "subject": "subject"}
        assert row.keys() <= FIELDS | parts.keys()
        for column in row.keys() & parts.keys():
            assert found.parts[parts[column]].render(**values).strip() == row[column], values


def test_an_isolate_in_a_template_is_allowed() -> None:
    found = analysed("Hello \u2068{{ first_name | default: 'there' }}\u2069!")
    assert not found.problems and not found.required
    assert found.parts["body"].render(first_name="ליאור") == "Hello \u2068ליאור\u2069!"


def test_what_the_body_assigns_is_not_known_in_the_subject() -> None:
    found = analysed("---\nsubject: 'Hello {{ speaks }}'\n---\n{% assign speaks = 'de' %}{{ speaks }}")
    assert found.problems or found.parts["subject"].render() == "Hello "
