"""Statements of files: nothing gets into one but names that are quoted, and SQL."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import duckdb
import jinja2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendworthy.warehouse.statements import Sql, identifier, literal, relation, statements_in

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "sendworthy"


def rendered(folder: Path, text: str, **given: object) -> str:
    name = f"statement_{len(list(folder.iterdir()))}"
    (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return statements_in(folder)(name, **given)


def test_a_plain_text_is_refused_and_not_quoted_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="prints a str") as refused:
        rendered(tmp_path, "select {{ name }}", name="ann@example.com'; drop table x; --")
    assert "ann" not in str(refused.value)


@pytest.mark.parametrize("value", ["", 1, None, True, ["a"], b"a"])
def test_nothing_but_sql_is_printed(tmp_path: Path, value: object) -> None:
    with pytest.raises(TypeError, match="as it is"):
        rendered(tmp_path, "select {{ value }}", value=value)


def test_sql_that_is_joined_with_a_text_is_a_text(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="prints a str"):
        rendered(tmp_path, "select {{ one ~ other }}", one=Sql("1"), other="; drop table x")


def test_what_is_not_given_is_named(tmp_path: Path) -> None:
    with pytest.raises(jinja2.UndefinedError, match="'column' is undefined"):
        rendered(tmp_path, "select {{ column }}")
    with pytest.raises(jinja2.UndefinedError, match="'is_resync' is undefined"):
        rendered(tmp_path, "select 1 {% if is_resync %} + 1 {% endif %}")


def test_a_statement_takes_names_pieces_and_branches(tmp_path: Path) -> None:
    text = (
        "select {% for column in columns %}{{ column | identifier }}, {% endfor %}{{ piece }}\n"
        "from {{ table | relation }}\n"
        "{% if has_place %}\n"
        "where place = {{ place | literal }}\n"
        "{% endif %}\n"
    )
    given = {"columns": ["a", 'b"'], "piece": Sql("1 + 1"), "table": "marts.list", "place": "it's"}
    assert rendered(tmp_path, text, **given, has_place=True) == (
        'select "a", "b""", 1 + 1\nfrom "marts"."list"\nwhere place = \'it\'\'s\'\n'
    )
    assert "where" not in rendered(tmp_path, text, **given, has_place=False)


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_a_quoted_name_and_a_quoted_text_are_one_word_to_duckdb(text: str) -> None:
    with duckdb.connect() as connection:
        cursor = connection.execute(f"select {literal(text)} as {identifier(text)}")
        assert cursor.description is not None
        assert cursor.description[0][0] == text
        assert cursor.fetchall() == [(text,)]


def test_a_relation_is_quoted_part_by_part() -> None:
    assert relation('exports.a"b; drop table x') == '"exports"."a""b; drop table x"'


def test_every_statement_begins_with_what_it_gives() -> None:
    files = sorted(SCRIPTS.glob("*/sql/*.sql"))
    assert files, "the test looks in the wrong folder"
    silent = [path.name for path in files if not path.read_text(encoding="utf-8").startswith("-- ")]
    assert not silent, "say in a comment what one row is, and what is given"


def test_every_statement_is_asked_for() -> None:
    unused = []
    for path in sorted(SCRIPTS.glob("*/sql/*.sql")):
        modules = "".join(module.read_text(encoding="utf-8") for module in path.parents[1].glob("**/*.py"))
        if not re.search(rf"""["']{path.stem}["']""", modules):
            unused.append(path.relative_to(SCRIPTS).as_posix())
    assert not unused


# what makes a text a statement, however it is set
STATEMENT = re.compile(
    r"\b(select|insert into|update|delete from|create (or replace )?(temp )?(table|view)|merge into)\b", re.I
)


def strings_with_sql(text: str) -> list[int]:
    """The lines at which a text of several lines begins that holds a statement; docstrings are none."""
    tree = ast.parse(text)
    said = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    within = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, (ast.JoinedStr, ast.Constant)) or id(node) in said or id(node) in within:
            continue
        source = ast.get_source_segment(text, node) or ""
        if '"""' in source and "\n" in source and STATEMENT.search(source):
            found.append(node.lineno)
    return found


def test_a_statement_in_a_string_is_found() -> None:
    assert strings_with_sql('"""Say what to\nselect."""\nx = f"""\nselect {a}\n"""\ny = "select 1"') == [3]


def test_no_statement_of_several_lines_stands_in_a_string() -> None:
    found = {
        path.relative_to(SCRIPTS).as_posix(): lines
        for path in sorted(SCRIPTS.rglob("*.py"))
        if (lines := strings_with_sql(path.read_text(encoding="utf-8")))
    }
    assert not found, "make each a file in sql/ beside the module"
