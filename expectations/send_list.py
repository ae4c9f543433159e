"""The suite of one campaign: what must hold of each of its messages tonight.

Each check stands for one column of the audit's snapshot, of the check's name, that is 1 where a message breaks
the check and 0 where it keeps it; the expectation is that the column sums to 0. So the observed value is the
number of messages at fault, and there is nothing personal that a result could show.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import great_expectations as gx
from great_expectations.expectations.core import ExpectColumnSumToBeBetween, ExpectTableRowCountToEqual
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.metadata_types import FailureSeverity

from .custom import ExpectMessagesToRenderWithoutBlanks, ExpectRecipientsToHaveMergeField

# the column of what the proof says of each message
PROOF = "unproven_rendering"


@dataclass(frozen=True)
class Fact:
    """A boolean column of an audit model, and what it must be. Where it is null, it is not as it must be."""

    column: str
    must_be: bool


@dataclass(frozen=True)
class Check:
    """One thing that must hold: its name, the facts that make it up, what it says in words, what to do when it fails."""

    name: str
    facts: tuple[Fact, ...]
    words: str
    fix: str


# on `audit.audit_messages`: facts about the message
MESSAGE_CHECKS: tuple[Check, ...] = (
    Check(
        "unknown_variant",
        (Fact("has_known_variant", True),),
        "every message is of a campaign, a channel and a variant that the settings know",
        "run `sendworthy compile` and build again; a template may have been removed or renamed",
    ),
    Check(
        "wrong_arm",
        (Fact("has_own_arm", True), Fact("has_text_of_arm", True)),
        "everyone is in the arm that their bucket says, and gets a text of it; without arms, none",
        "see has_own_arm and has_text_of_arm in audit.audit_messages; run `sendworthy compile` and build again",
    ),
    Check(
        "repeated_dispatch_id",
        (
            Fact("is_first_of_dispatch", True),
            Fact("has_own_dispatch_id", True),
            Fact("is_new_dispatch", True),
        ),
        "every message has a dispatch id of its own, made of its campaign, user and night, that was never used before",
        "look in audit.audit_messages for is_first_of_dispatch, has_own_dispatch_id and is_new_dispatch",
    ),
    Check(
        "erased_user",
        (Fact("is_erased", False),),
        "no message to someone who asked to be forgotten, or of whom there is no profile",
        "make sure that the erasure requests were loaded before the night was built",
    ),
    Check(
        "unreadable_user",
        (Fact("is_readable", True),),
        "nobody of whom a row that cannot be read might stop the message (transactional messages apart)",
        "see intermediate.int_users__quarantined_rows; fix the rows at their source, and build again",
    ),
    Check(
        "outside_audience",
        (Fact("is_in_audience", True),),
        "everyone is in the campaign's segment and in none that it excludes",
        "compare intermediate.int_customers__segments with the campaign's audience",
    ),
    Check(
        "invalid_address",
        (Fact("has_valid_address", True), Fact("has_own_address", True)),
        "every address is valid for its channel, without white space around it, and the recipient's own",
        "look in audit.audit_messages for has_valid_address and has_own_address",
    ),
    Check(
        "repeated_address",
        (Fact("is_first_of_address", True),),
        "no address gets this campaign twice",
        "several users share an address: only the most recently active one may stay",
    ),
    Check(
        "undeliverable",
        (Fact("is_deliverable", True),),
        "no message to an address that bounced hard or complained on its channel, nor to a person who complained",
        "compare audit.audit_messages with the message_events of the landing zone",
    ),
    Check(
        "suppressed_user",
        (Fact("is_suppressed", False),),
        "no message to a user or an address on the global suppression list",
        "compare with seeds/global_suppressions.csv; build again if the list is newer than the night",
    ),
    Check(
        "no_consent",
        (Fact("has_consent", True),),
        "everyone has opted in to the channel, and neither they nor anybody with their address has opted out since",
        "compare the opt-in of the profile and the unsubscribed message events with audit.audit_messages",
    ),
    Check(
        "topic_opt_out",
        (Fact("has_topic_consent", True),),
        "nobody with the address has opted out of the campaign's topic (transactional messages apart)",
        "compare the topics_opted_out of the profiles with the campaign's topic",
    ),
    Check(
        "overtaken",
        (Fact("is_not_overtaken", True),),
        "nothing has happened since the trigger, or since the journey began, that the message must not follow",
        "compare intermediate.int_events__with_messages with the campaign's cancel_on",
    ),
    Check(
        "in_cooldown",
        (Fact("is_in_cooldown", False),),
        "nobody was sent this campaign within its cooldown",
        "compare intermediate.int_messages__sent with the campaign's cooldown_days",
    ),
    Check(
        "same_content",
        (Fact("is_first_of_content", True),),
        "no user gets two messages of one content group tonight",
        "the message of the higher priority keeps its place; see is_first_of_content in audit.audit_messages",
    ),
    Check(
        "over_channel_cap",
        (Fact("is_over_channel_cap", False),),
        "what was sent before and tonight's list together stay within every cap of the channel",
        "see channel_place and channel_room in audit.audit_messages, and seeds/frequency_caps.csv",
    ),
    Check(
        "over_total_cap",
        (Fact("is_over_total_cap", False),),
        "what was sent before and tonight's list together stay within the caps over all channels and the user's own",
        "see total_place and total_room in audit.audit_messages, and seeds/frequency_caps.csv",
    ),
    Check(
        "out_of_time",
        (Fact("is_due", True), Fact("is_unexpired", True), Fact("is_old_enough", True)),
        "every message is due within two days, has not expired by then, and what triggers it is old enough",
        "see is_due, is_unexpired and is_old_enough in audit.audit_timing",
    ),
    Check(
        "unreadable_values",
        (Fact("has_readable_values", True),),
        "the merge values of every message are one JSON object that names each field once",
        "marts.send_list is damaged or was changed by hand: build the night again",
    ),
)

# on `audit.audit_merge_values`: facts about each value; a message breaks the check when one of its values does
VALUE_CHECKS: tuple[Check, ...] = (
    Check(
        "wrong_fields",
        (Fact("is_missing", False), Fact("is_unexpected", False)),
        "the merge values hold exactly the fields that the variant prints",
        "run `sendworthy compile` and build again; see is_missing and is_unexpected in audit.audit_merge_values",
    ),
    Check(
        "disguised_blank",
        (Fact("is_disguised_blank", False),),
        "a value that is blank is null, so that the template's own default steps in",
        "see is_disguised_blank in audit.audit_merge_values; add a new disguise to seeds/placeholder_values.csv",
    ),
    Check(
        "unsafe_value",
        (Fact("is_unsafe", False),),
        "no value holds markup, a line break, a link or more than 255 characters",
        "see is_unsafe in audit.audit_merge_values, and fix the value at its source",
    ),
)


def required_value_check(merge_field: str) -> Check:
    """The check that nobody whose variant requires this merge field gets a blank one; the fact is that of one field."""
    return Check(
        f"blank_{merge_field}",
        (Fact("is_required_and_blank", False),),
        f"nobody whose variant requires {merge_field} gets a blank or an unsafe one",
        "see is_required_and_blank in audit.audit_merge_values; nothing goes out before the value or the template is fixed",
    )


def send_list_suite(
    name: str, messages: int, decided: int, required_fields: Mapping[str, int], patterns: int
) -> gx.ExpectationSuite:
    """The suite of one campaign, named `name`.

    `messages` is how many messages of it the snapshot holds, `decided` how many the decisions say there are.
    `required_fields` are the merge fields that its variants require, with the number of messages of those variants, and
    `patterns` is how many kinds of messages the proof has rendered.
    """
    expectations: list[Expectation] = [
        ExpectTableRowCountToEqual(
            value=decided,
            severity=FailureSeverity.CRITICAL,
            description="the list has one message for each decision to send, no more and no less",
            notes="marts.send_list and marts.campaign_decisions do not agree: build the night again",
        )
    ]
    # a list without a message breaks no check, and has no sum
    if not messages:
        return gx.ExpectationSuite(name=name, expectations=expectations)
    for check in (*MESSAGE_CHECKS, *VALUE_CHECKS):
        expectations.append(
            ExpectColumnSumToBeBetween(
                column=check.name,
                min_value=0,
                max_value=0,
                severity=FailureSeverity.CRITICAL,
                description=check.words,
                notes=check.fix,
            )
        )
    for field, recipients in required_fields.items():
        check = required_value_check(field)
        about: dict[str, object] = {"campaign": name, "messages": recipients, "merge_field": field}
        expectations.append(
            ExpectRecipientsToHaveMergeField(
                column=check.name,
                campaign=name,
                messages=recipients,
                merge_field=field,
                severity=FailureSeverity.CRITICAL,
                description=ExpectRecipientsToHaveMergeField.in_words(about),
                notes=check.fix,
            )
        )
    about = {"campaign": name, "messages": messages, "patterns": patterns}
    expectations.append(
        ExpectMessagesToRenderWithoutBlanks(
            column=PROOF,
            campaign=name,
            messages=messages,
            patterns=patterns,
            severity=FailureSeverity.CRITICAL,
            description=ExpectMessagesToRenderWithoutBlanks.in_words(about),
            notes="fix the template on the line that is named, or the values at their source, and build again",
        )
    )
    return gx.ExpectationSuite(name=name, expectations=expectations)
