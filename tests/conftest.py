"""Fixtures that several tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-not-found,import-untyped,unused-ignore]

# The harness imports dbt. Whoever runs one small file must not wait for it, so what needs it imports it.
if TYPE_CHECKING:
    from tests.support.model_harness import Warehouse
    from tests.support.recorded_worlds import World


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """The project, compiled once for the whole session: with pytest-xdist, once for all of its processes."""
    from tests.support.model_harness import Warehouse

    base = tmp_path_factory.getbasetemp()
    return Warehouse.build((base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "warehouse")


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two nights whose builds are recorded, for the tests of three files that stay together."""
    from tests.support.recorded_worlds import make_world

    with make_world(tmp_path_factory.mktemp("recorded")) as made:
        yield made


# files whose tests share nothing that is expensive to make: their tests may go to any worker
SPREAD = {
    "test_worlds.py",
    "test_arbitration.py",
    "test_real_data.py",
    "test_parser.py",
    "test_oracle.py",
    "test_night_faults.py",
}

# a night by the command line is mostly one process that waits for another: beside the others of its file
ALONE = {"test_two_whole_nights_of_the_sample"}

# files whose tests share what a fixture of the whole session makes: they stay together
TOGETHER = {"test_resource_failures.py": "test_power_cut.py", "test_interrupts.py": "test_power_cut.py"}


class ByFile(LoadGroupScheduling):  # type: ignore[misc]
    """The tests of a file stay on one worker: xdist 3.8 writes its own groups where pytest 9.2 does not read them."""

    def _split_scope(self, nodeid: str) -> str:
        path, _, test = nodeid.partition("::")
        file = Path(path).name
        return nodeid if file in SPREAD or test in ALONE else TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile | None:
    """For `--dist loadgroup`, as the project has it."""
    return ByFile(config, log) if config.getvalue("dist") == "loadgroup" else None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """On a worker of pytest-xdist: send what was compared to the process that prints."""
    from tests.support.engine_parity import compared

    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["compared"] = [astuple(item) for item in compared]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Take what a worker compared."""
    from tests.support.engine_parity import Compared, compared

    compared.extend(Compared(*item) for item in getattr(node, "workeroutput", {}).get("compared", ()))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the engines were compared on, if they were."""
    from tests.support.engine_parity import compared

    if not compared:
        return
    terminalreporter.section("the same nights on DuckDB and on Spark")
    for night in dict.fromkeys(item.night for item in compared):
        items = [item for item in compared if item.night == night]
        told = ", ".join(f"{item.what.split('.')[-1]} {item.size:,}" for item in items)
        terminalreporter.write_line(f"{night}: {told}; differences {sum(item.differ for item in items)}")
    rows = sum(item.size for item in compared if "bytes" not in item.what)
    terminalreporter.write_line(
        f"{rows:,} rows compared, differences {sum(item.differ for item in compared)}"
    )
