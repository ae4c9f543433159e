"""Small nights, and the vendors that they are pushed to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.pushed_nights import Scene, small_nights, small_scenes


@pytest.fixture(scope="module")
def nights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    return small_nights(tmp_path_factory.mktemp("push"))


@pytest.fixture
def scene_of(tmp_path: Path, nights: Callable[[str], Path]) -> Iterator[Callable[[str], Scene]]:
    with small_scenes(tmp_path, nights) as of:
        yield of
