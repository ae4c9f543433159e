"""What ends the benchmark with words instead of a stack trace."""

from __future__ import annotations


class BenchmarkError(Exception):
    """The benchmark cannot go on; says what, why it matters, and what to do. Nothing personal."""

    exit_code = 1


class BadChoice(BenchmarkError):
    """Somebody is asked to take part who cannot, or whom nobody knows."""

    exit_code = 2
