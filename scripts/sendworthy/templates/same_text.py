"""Which campaigns say the same: two of them must share a content group, or one person reads one text twice in a night.

Texts are compared as they are read: each template is rendered for a reader about whom everything is known and for one about whom
nothing is, whatever dialect it is written in. Letters and digits count; white space, case, punctuation, markup, links and the
way out of text messages ("Reply STOP to end") do not. A text is the body, and the subject followed by the body, so that
the copy of an e-mail in a text message, which has no subject, is found too.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from liquid.exceptions import LiquidError

from sendworthy.templates.liquid import MessageAborted, render
from sendworthy.templates.parser import TemplateAnalysis

_MARKUP = re.compile(r"<[^<>]*>|&[a-zA-Z]+;|&#\w+;")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_WAY_OUT = re.compile(r"\b(?:reply|text|send)? ?stop to (?:end|stop|quit|opt ?out|cancel|unsubscribe)\b")


@dataclass(frozen=True)
class Text:
    """What one variant of a campaign says."""

    campaign_id: str
    content_group: str | None
    path: str
    template: TemplateAnalysis


def find_same_texts(texts: Sequence[Text]) -> list[tuple[Text, Text]]:
    """Pairs of texts that say the same, of campaigns that share no content group; one pair for two campaigns, the later second."""
    seen: dict[str, list[Text]] = {}
    found: dict[tuple[str, str], tuple[Text, Text]] = {}
    for text in texts:
        for words in _as_read(text.template):
            others = seen.setdefault(words, [])
            for other in others:
                shares_group = text.content_group is not None and text.content_group == other.content_group
                if other.campaign_id != text.campaign_id and not shares_group:
                    found.setdefault((other.campaign_id, text.campaign_id), (other, text))
            others.append(text)
    return list(found.values())


def _as_read(template: TemplateAnalysis) -> set[str]:
    found: set[str] = set()
    for values in _readers(template):
        try:
            parts = {
                part: _words(render(parsed, values, template.needed)[0])
                for part, parsed in template.parts.items()
            }
        except (MessageAborted, LiquidError, RecursionError, ArithmeticError, TypeError, ValueError):
            continue
        body, subject = parts.get("body", ""), parts.get("subject", "")
        found |= {body, f"{subject} {body}".strip()} if body else set()
    return found


def _readers(template: TemplateAnalysis) -> Iterator[Mapping[str, str | None]]:
    yield {name: name for name in template.needed}
    yield {name: name for name in template.required}


def _words(text: str) -> str:
    plain = unicodedata.normalize("NFKC", _LINK.sub(" ", _MARKUP.sub(" ", text))).casefold()
    visible = "".join(c for c in plain.replace("_", " ") if unicodedata.category(c) != "Cf")
    words = " ".join(re.findall(r"\w+", visible))
    return " ".join(_WAY_OUT.sub(" ", words).split())
