"""YAML that others wrote: how deep it may be, and what aliases may stand for."""

from __future__ import annotations

import time

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from sendworthy.foundation.safe_yaml import (
    MAX_DEPTH,
    MAX_NODES,
    AliasLoader,
    BoundedLoader,
    RefusedYaml,
    parse_yaml,
)


def doubling(levels: int, merge: bool = False) -> str:
    """Few lines that stand for 2 ** levels values."""
    lines = ["a0: &a0 {x: 1}" if merge else "a0: &a0 [x, x]"]
    for level in range(1, levels + 1):
        last = f"*a{level - 1}"
        value = f"{{<<: [{last}, {last}]}}" if merge else f"[{last}, {last}]"
        lines.append(f"a{level}: &a{level} {value}")
    return "\n".join(lines)


@pytest.mark.parametrize("loader", [BoundedLoader, AliasLoader])
@pytest.mark.parametrize("merge", [False, True])
def test_aliases_that_double_are_refused_at_once(loader: type[BoundedLoader], merge: bool) -> None:
    began = time.monotonic()
    with pytest.raises(RefusedYaml) as caught:
        parse_yaml(doubling(40, merge), loader)
    assert time.monotonic() - began < 5
    assert caught.value.fix and caught.value.problem_mark is not None


def test_one_alias_is_refused_where_none_is_needed_and_read_where_dbt_has_them() -> None:
    text = "a: &x {b: 1}\nc: *x\nd: {<<: *x, e: 2}\n"
    with pytest.raises(RefusedYaml, match=r"aliases \(\*name\) are not read here") as caught:
        parse_yaml(text)
    assert caught.value.problem_mark is not None and caught.value.problem_mark.line == 1
    assert parse_yaml(text, AliasLoader) == {"a": {"b": 1}, "c": {"b": 1}, "d": {"b": 1, "e": 2}}
    # an anchor that nobody uses does no harm
    assert parse_yaml("a: &x 1") == {"a": 1}


@pytest.mark.parametrize("loader", [BoundedLoader, AliasLoader])
def test_what_holds_itself_is_refused(loader: type[BoundedLoader]) -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml("&a [*a]", loader)


def test_depth_and_size_have_their_limits() -> None:
    def deep(levels: int) -> str:
        return "[" * levels + "]" * levels

    assert parse_yaml(deep(MAX_DEPTH)) is not None
    with pytest.raises(RefusedYaml, match="nested more than"):
        parse_yaml(deep(MAX_DEPTH + 1))
    with pytest.raises(RefusedYaml, match="nested more than"):
        parse_yaml("[" * 100_000)
    assert len(parse_yaml(f"[{'x,' * (MAX_NODES - 1)}]")) == MAX_NODES - 1
    with pytest.raises(RefusedYaml, match="more than 20,000 values"):
        parse_yaml(f"[{'x,' * MAX_NODES}]")


def test_no_object_is_made() -> None:
    with pytest.raises(yaml.YAMLError):
        parse_yaml("!!python/object/apply:os.system ['true']", AliasLoader)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_what_is_read_is_what_safe_yaml_reads(value: object) -> None:
    text = yaml.safe_dump(value)
    for loader in (BoundedLoader, AliasLoader):
        try:
            assert parse_yaml(text, loader) == yaml.safe_load(text)
        except RefusedYaml:
            assert "*" in text or loader is BoundedLoader
