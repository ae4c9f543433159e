"""Templates in the dialects of e-mail service providers, translated into Liquid.

Each translator is a pure function from text to text. What it does not understand, or could not prove to
be safe for a blank field, is a problem with its place; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

from sendworthy.templates.dialects import braze, handlebars, mailchimp
from sendworthy.templates.dialects.common import MERGE_TAGS_CSV, TagProblem, Translation

__all__ = ["DIALECTS", "MERGE_TAGS_CSV", "TagProblem", "Translation", "to_liquid"]

DIALECTS: tuple[str, ...] = ("liquid", "braze", "mailchimp", "handlebars")

_TRANSLATORS = {
    "braze": braze.translate,
    "mailchimp": mailchimp.translate,
    "handlebars": handlebars.translate,
}


def to_liquid(source: str, dialect: str, tags: Mapping[str, str | None]) -> Translation:
    """Translate a template text into Liquid.

    Args:
        source: subject, preheader or body, with line breaks as LF.
        dialect: one of DIALECTS; anything else raises ValueError.
        tags: merge tags of that dialect: tag -> merge field, or None where the service fills the tag in.

    Never raises for what is in the text: whatever is wrong is in `problems`.

    """
    if dialect not in DIALECTS:
        raise ValueError(f"unknown dialect {dialect!r}; the dialects are {', '.join(DIALECTS)}")
    translate = _TRANSLATORS.get(dialect)
    return translate(source, tags) if translate is not None else Translation(source, ())
