"""Reads YAML that others wrote: safe types, bounded depth, bounded size once its aliases are written out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sendworthy.foundation.safe_files import MAX_SETTINGS, read_file

# settings of ours are four levels deep, those of dbt six
MAX_DEPTH = 12
MAX_NODES = 20_000


class RefusedYaml(yaml.MarkedYAMLError):
    """YAML that is not read although it is correct; `problem` says why, `fix` what to do."""

    def __init__(self, why: str, fix: str, mark: Any) -> None:
        super().__init__(None, None, why, mark)
        self.fix = fix


class BoundedLoader(yaml.SafeLoader):
    """Safe YAML of a bounded depth, without aliases: ten lines of them can stand for a gigabyte."""

    takes_aliases = False

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node with all that is in it."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) and not self.takes_aliases:
            fix = "write the value out; a text that begins with * stands in double quotes"
            raise RefusedYaml("aliases (*name) are not read here", fix, event.start_mark)
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RefusedYaml(
                f"it is nested more than {MAX_DEPTH} deep", "write it flatter", event.start_mark
            )
        try:
            node: yaml.Node | None = super().compose_node(parent, index)
        finally:
            self._depth -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        """The only document; None where there is none."""
        node: yaml.Node | None = super().get_single_node()
        if node is not None and _size(node, {}) > MAX_NODES:
            raise RefusedYaml(f"it has more than {MAX_NODES:,} values", "shorten it", node.start_mark)
        return node


class AliasLoader(BoundedLoader):
    """The same with aliases, as dbt's own files have them."""

    takes_aliases = True


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """How many nodes there are once each alias is written out; `known` counts each node once."""
    if id(node) not in known:
        # a node that holds itself has no end
        known[id(node)] = MAX_NODES + 1
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            inner = [part for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        known[id(node)] = 1 + sum(_size(part, known) for part in inner)
    return known[id(node)]


def parse_yaml(text: str, loader: type[BoundedLoader] = BoundedLoader) -> Any:
    """The value that a YAML text stands for. YAMLError, and RefusedYaml, where it is not read."""
    reader = loader(text)
    try:
        return reader.get_single_data()
    finally:
        reader.dispose()


def read_dbt_yaml(path: Path, project: Path) -> Any:
    """The content of one of dbt's own files in a project. OSError, UnicodeDecodeError or YAMLError where it cannot be read."""
    return parse_yaml(read_file(path, project, MAX_SETTINGS).decode("utf-8"), AliasLoader)
