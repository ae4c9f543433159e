"""What stands where a text is still to be written: `TBD`, `lorem ipsum`, and what `new-campaign` leaves to write."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping

TO_DO = "TODO: "

TO_WRITE: Mapping[str, str] = {
    "name": "what people call this campaign in reports",
    "subject": "the subject",
    "preheader": "what the inbox shows after the subject",
    "title": "the title",
    "body": "write the message here",
    "brief.goal": "what will be different when this works",
    "brief.larger_goal": "which goal of the company it serves",
    "brief.customer_need": "which need of the customer it meets",
    "brief.customer_experience": "what the customer will see and feel",
    "brief.drawbacks": "what it may cost or spoil",
    "brief.capabilities": "which data, channels and tools it uses that are there already",
    "brief.still_needed": "what is still missing, and who gets it by when",
    "brief.evaluation_reason": "why nothing is measured",
    "experiment.hypothesis": "what will change, by how much, and why",
    "waives": "why this rule of the kind does not apply here",
}
"""What `new-campaign` leaves for somebody to write, by the place where it stands."""

_EARLIER = (
    "say in one sentence what will be different when this works",
    "say in one sentence what this may cost or spoil",
)
_WORDS = frozenset(
    {
        *(
            "tbd",
            "tba",
            "tbc",
            "todo",
            "fixme",
            "wip",
            "na",
            "placeholder",
            "dummy",
            "example",
            "sample",
            "test",
        ),
        *("lorem", "asdf", "qwerty", "foo", "bar", "baz", "blah", "blabla", "why", "because", "something"),
        *("tobedone", "tobedefined", "tobedecided", "tobedetermined", "tobewritten", "tobeannounced"),
        *("tobeconfirmed", "fillin", "fillmein", "fillthisin", "texthere", "yourtext", "thetext", "reason"),
    }
)
"""Texts that say nothing when they stand alone, without their spaces and punctuation."""

# what gives a longer text away, wherever it stands; `todo` alone is a Spanish word
_SIGNS = re.compile(
    r"(?<![^\W_])(?:TBD|TBA|FIXME|TODO(?=\s*[:\-])|(?i:lorem\s+ipsum|(?:write|insert|put)\s+(?:the|your)\s+"
    r"(?:message|text|copy|subject|title)\s+here|(?:your|the)\s+(?:text|copy)\s+here))(?![^\W_])"
    r"|^[\W_]*(?i:todo|tbd|fixme)\s*:",
    re.MULTILINE,
)
_COMMENT = re.compile(
    r"\{%-?\s*comment\s*-?%\}.*?\{%-?\s*endcomment\s*-?%\}|\{#.*?#\}|\{\{!.*?\}\}", re.DOTALL
)
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\*\|.*?\|\*", re.DOTALL)


def find_placeholder(text: str, blank_values: Collection[str] = (), *, key: str = "") -> str | None:
    """What of a text of one line is a placeholder; None where it says something.

    `blank_values` are the letters of the values that count as blank; `key` is the name of the setting, which is no value of it.
    """
    if sign := _SIGNS.search(text):
        return sign.group().strip(" \t:")
    said = letters_of(text)
    is_one_letter = len(set(said)) < 2
    if is_one_letter or said == letters_of(key) or said in blank_values or said in _SAY_NOTHING:
        return text.strip()
    return None


def find_in_template(source: str, blank_values: Collection[str] = ()) -> tuple[int, str] | None:
    """The line (the first is 0) and the placeholder in a part of a template; None where there is none.

    Comments are not looked at. A part of tags alone says what they print, and one of pictures what they show.
    """
    shown = _COMMENT.sub(_same_lines, source)
    if sign := _SIGNS.search(shown):
        start = sign.start() + len(sign.group()) - len(sign.group().lstrip())
        return shown.count("\n", 0, start), sign.group().strip(" \t\n:")
    words = _TAG.sub(_same_lines, shown)
    said = letters_of(words)
    has_tags = words != shown
    if not said:
        marks = words.strip()
        has_pictures = any(unicodedata.category(c).startswith("S") for c in marks)
        return (0, marks) if marks and not has_tags and not has_pictures else None
    is_crossed_out = len(said) > 1 and set(said) == {"x"}
    if is_crossed_out or said in blank_values or said in _SAY_NOTHING:
        return 0, words.strip()
    return None


def letters_of(text: str) -> str:
    """The letters and digits of a text in lower case, whatever stands between them."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def _same_lines(found: re.Match[str]) -> str:
    return "\n" * found.group().count("\n")


_SAY_NOTHING = _WORDS | {letters_of(text) for text in (*TO_WRITE.values(), *_EARLIER)}
