"""What must hold of a send list before it is released, as Great Expectations suites.

`send_list` has the checks and the suite of one campaign, `whole_list` the suite of the list as a whole.
The gate (`sendworthy.audit.gate`) takes the snapshot that these suites look at, and runs them.
"""

from __future__ import annotations

from .send_list import (
    MESSAGE_CHECKS,
    PROOF,
    VALUE_CHECKS,
    Check,
    Fact,
    required_value_check,
    send_list_suite,
)
from .whole_list import whole_list_suite

__all__ = [
    "MESSAGE_CHECKS",
    "PROOF",
    "VALUE_CHECKS",
    "Check",
    "Fact",
    "required_value_check",
    "send_list_suite",
    "whole_list_suite",
]
