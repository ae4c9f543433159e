"""Medians, spreads and ratios of repeated runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Spread:
    """The median of repeated measurements, with the least and the largest of them."""

    median: float
    least: float
    largest: float
    runs: int


def spread(values: Sequence[float]) -> Spread:
    """The spread of at least one value."""
    return Spread(median(values), min(values), max(values), len(values))


def ratio(value: float, base: float) -> float | None:
    """How many times the base a value is; None where there is no base to compare with."""
    return value / base if base > 0 else None
