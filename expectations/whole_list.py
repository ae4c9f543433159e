"""The suite of the list as a whole: what no campaign can show alone."""

from __future__ import annotations

import great_expectations as gx
from great_expectations.expectations.core import ExpectColumnSumToBeBetween, ExpectTableRowCountToEqual
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity


def whole_list_suite(name: str, listed: int) -> gx.ExpectationSuite:
    """The suite of the whole list, named `name`, where `listed` is how many messages marts.send_list holds.

    What is critical here holds back every campaign; a warning only tells of what already holds back the campaign
    that it happened in.
    """
    expectations: list[Expectation] = [
        ExpectTableRowCountToEqual(
            value=listed,
            severity=FailureSeverity.CRITICAL,
            description="every message of the list was looked at, exactly once",
            notes="audit.audit_messages loses or repeats messages, so no verdict on the list can be trusted",
        )
    ]
    if listed:
        expectations.append(
            ExpectColumnSumToBeBetween(
                column="repeated_dispatch_id",
                min_value=0,
                max_value=0,
                severity=FailureSeverity.WARNING,
                description="dispatch ids are unique over all campaigns and all nights",
                notes="the campaigns that repeat one are held back",
            )
        )
    return gx.ExpectationSuite(name=name, expectations=expectations)
