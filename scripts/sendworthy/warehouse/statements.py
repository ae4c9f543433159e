"""The SQL that Python runs: each statement is a `.sql` file in the folder `sql/` beside the module that runs it.

Values are bound parameters (`?`, `$name`). Where the statement itself differs (a destination's columns, say), the file is a Jinja
template, as dbt's models are. Such a template prints nothing but what has passed one of the filters `identifier` and `literal`,
or is SQL already: a plain text is refused, so that none gets into a statement by an oversight.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import jinja2


class Sql(str):
    """A piece of SQL, which a statement takes as it is."""


def literal(value: Path | str) -> Sql:
    """A path or a text as a SQL text."""
    return Sql("'" + str(value).replace("'", "''") + "'")


def identifier(name: str) -> Sql:
    """A name as a quoted SQL name."""
    return Sql('"' + name.replace('"', '""') + '"')


def relation(name: str) -> Sql:
    """A table by its schema and name, `<schema>.<table>`, both quoted."""
    return Sql(".".join(identifier(part) for part in name.split(".")))


def statements_in(folder: Path) -> Callable[..., Sql]:
    """What gives a folder's statements by name: `sql("deliveries", destination=...)` is deliveries.sql, with what it asks for."""

    def sql(name: str, /, **given: object) -> Sql:
        return Sql(_template(folder / f"{name}.sql").render(given))

    return sql


@cache
def _template(path: Path) -> jinja2.Template:
    return _ENVIRONMENT.from_string(path.read_text(encoding="utf-8"))


def _only_sql(value: object) -> object:
    """What a template prints; TypeError for what nobody has said how to write in SQL."""
    # what the module has not given says its name when it is printed
    if not isinstance(value, (Sql, jinja2.Undefined)):
        # not the value: it may be of a person
        raise TypeError(
            f"a statement prints a {type(value).__name__} as it is: use `identifier` or `literal`, or bind it"
        )
    return value


# these write SQL, not HTML, whose escapes would be wrong in it
_ENVIRONMENT = jinja2.Environment(
    undefined=jinja2.StrictUndefined,
    finalize=_only_sql,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
)
_ENVIRONMENT.filters.update(literal=literal, identifier=identifier, relation=relation)
