"""What the files of a campaign folder are read with: YAML with the line of each key, and texts of one line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, StringConstraints

from sendworthy.foundation.errors import Problem
from sendworthy.foundation.safe_yaml import BoundedLoader, RefusedYaml

Key = tuple[str | int, ...]
LINE = r"^[^\r\n\x00]+$"
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=LINE)]


class Strict(BaseModel):
    """Settings without any key that nobody knows."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True)


class _Loader(BoundedLoader):
    """Safe YAML; `on`, `off`, `yes` and `no` stay text, so that nobody's topic turns into a boolean."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp if tag != "tag:yaml.org,2002:bool" else re.compile(r"^(?:true|false|True|False)$"))
        for tag, regexp in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read_lines(text: str, where: str, what: str, lines: dict[Key, int]) -> tuple[object, list[Problem]]:
    """The value of a YAML text, with the line of each key in `lines`; None where it is not to be read.

    `where` is the file and `what` the part of it that is read, in a word. A key that is given twice is a problem.
    """
    problems: list[Problem] = []

    def refuse(line: int, fault: str, fix: str) -> tuple[object, list[Problem]]:
        return None, [*problems, Problem(f"{where}:{line}", what, fault, fix)]

    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None, problems
        _note_lines(node, (), lines, problems, where)
        return loader.construct_document(node), problems
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        if isinstance(error, RefusedYaml):
            return refuse(line, str(error.problem), error.fix)
        fix = "fix the line: two spaces a level, `key: value`, texts with a colon or # in quotes"
        return refuse(line, f"not YAML: {error.problem or 'not readable'}", fix)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        return refuse(1, f"not readable: {error}", "compare it with another campaign's file")


def line_of(lines: dict[Key, int], key: Key) -> int:
    """The line of a key, or of the nearest key above it."""
    return next((lines[key[:end]] for end in range(len(key), -1, -1) if key[:end] in lines), 1)


def dotted(key: Sequence[str | int]) -> str:
    """A key as people write it: `audience.also[1]`."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _note_lines(
    node: yaml.Node, key: Key, lines: dict[Key, int], problems: list[Problem], where: str
) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            name, line = str(key_node.value), key_node.start_mark.line + 1
            if name in seen:
                fix = f"remove one of them (the other is on line {seen[name]})"
                problems.append(Problem(f"{where}:{line}", dotted((*key, name)), "given twice", fix))
            seen[name] = line
            lines[(*key, name)] = line
            _note_lines(value_node, (*key, name), lines, problems, where)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _note_lines(item, (*key, index), lines, problems, where)
