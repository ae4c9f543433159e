"""A gate that cannot run lets nothing out, and says so without what broke it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest
from sendworthy.audit import gate
from sendworthy.audit.render_check import Proof
from sendworthy.foundation.errors import BuildError
from sendworthy.warehouse.statements import Sql

from tests.support.projects import ROOT


class _NoLists:
    """Lists that Great Expectations does not get to see."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def hand_over(self, context: Any, campaigns: Any, query: str) -> None:
        pass

    def batch(self, name: str, campaign: str | None) -> tuple[Any, Mapping[str, Any] | None]:
        raise self.error


def _run(error: Exception) -> None:
    night = gate._Night(datetime(2026, 6, 1), 0, (), Proof(), Sql("select 1"))
    gate._run_suites(_NoLists(error), night, gate.load_suites(ROOT), None)  # type: ignore[arg-type]


def test_a_gate_that_cannot_run_lets_nothing_out_and_quotes_nothing() -> None:
    with pytest.raises(BuildError) as failed:
        _run(ValueError("ada@example.com"))
    assert failed.value.what == "the gate could not run (ValueError), so nothing goes out"
    assert "ada@" not in failed.value.fix and failed.value.exit_code == 1


def test_what_the_machine_lacks_is_not_put_down_to_the_gate() -> None:
    full = OSError(28, "No space left on device")
    failure = RuntimeError("a suite failed")
    failure.__cause__ = full
    with pytest.raises(OSError) as failed:
        _run(failure)
    assert failed.value is full
