"""What ends the benchmark with words instead of a stack trace."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The benchmark cannot go on; says what, why it matters, and what to do. Nothing personal."""
