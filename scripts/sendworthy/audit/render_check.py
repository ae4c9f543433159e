"""The proof that no message can show a blank: one of each kind of message is rendered, and every kind is.

How a message looks with respect to blanks depends on nothing but its variant, on which of its fields are blank, and on the
values that its conditions test (for the subject's limit, also on how long its values are). The audit model
`audit.audit_merge_values` has a key for each (`render_key`), so messages fall into patterns, few of them, and one message
of each pattern stands for all.

It is rendered for real, strictly, and must not show: an output statement that belongs to a merge field and came out blank, a
blank inside other text, a tag that nobody filled in, an empty subject or body, a subject over its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from liquid.exceptions import LiquidError

from sendworthy.campaigns.model import load_campaigns, read_known
from sendworthy.foundation.project import Project
from sendworthy.templates.blank_analysis import TooComplexError, shows_blank
from sendworthy.templates.liquid import (
    MessageAborted,
    Printed,
    find_unrendered,
    is_visible,
    render,
)
from sendworthy.templates.parser import TemplateAnalysis

RENDER_ERRORS = (
    *(LiquidError, RecursionError, ArithmeticError, TypeError, ValueError, LookupError, MemoryError),
)

SUBJECT_LIMIT_VARIABLE = "subject_max_characters"

Templates = Mapping[tuple[str, str], TemplateAnalysis]
"""Every variant's template, by campaign and variant."""

Values = Mapping[str, "str | None"]
"""A message's merge fields; null where the value is blank."""


@dataclass(frozen=True)
class Messages:
    """What messages are made of: the templates, and how many characters a subject may have."""

    templates: Templates
    subject_limit: int


@dataclass(frozen=True)
class Fault:
    """What is wrong with a rendering: where in which file, and what, in words without a value."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass
class Rendering:
    """A rendered message: its texts by part, what their output statements printed, and, if it ends itself, why."""

    texts: dict[str, str] = field(default_factory=dict)
    outputs: dict[str, list[Printed]] = field(default_factory=dict)
    aborted: str | None = None

    @property
    def printed(self) -> list[Printed]:
        """What each output statement of all parts printed."""
        return [output for outputs in self.outputs.values() for output in outputs]


@dataclass(frozen=True)
class Pattern:
    """Messages of one variant that look alike: how many there are, and the values of one of them (None: unreadable)."""

    campaign_id: str
    variant: str
    key: str
    messages: int
    values: Values | None


@dataclass
class Proof:
    """What rendering one message of each pattern showed.

    `proven` are the patterns without a fault; `faults` says what was found, by campaign, with how many messages it
    concerns; `aborted` is how many messages of a campaign end themselves, so that nobody gets them.
    """

    patterns: int = 0
    proven: list[tuple[str, str, str]] = field(default_factory=list)
    faults: dict[str, dict[Fault, int]] = field(default_factory=dict)
    aborted: dict[str, int] = field(default_factory=dict)


def render_message(template: TemplateAnalysis, values: Values) -> Rendering:
    """Render all parts of a message; raises one of RENDER_ERRORS where that fails."""
    rendering = Rendering()
    for part, parsed in template.parts.items():
        try:
            text, trace = render(parsed, values, template.needed)
        except MessageAborted as reason:
            rendering.aborted = str(reason)
            break
        rendering.texts[part] = text
        rendering.outputs[part] = trace.printed
    return rendering


def judge(
    template: TemplateAnalysis, values: Values, subject_limit: int
) -> tuple[Rendering | None, list[Fault]]:
    """Render a message and say what is wrong with it; a rendering of None could not be had."""
    places = template.places
    try:
        rendering = render_message(template, values)
    except RENDER_ERRORS as error:
        path = next(iter(places.values()), ("the template", 1))[0]
        return None, [Fault(path, f"the message cannot be rendered ({type(error).__name__})")]
    if rendering.aborted is not None:
        return rendering, []
    faults = [
        Fault(
            place(template, output.template, output.line),
            f"a blank {' and '.join(output.fields) or 'name that nothing has set'} would be printed",
        )
        for output in rendering.printed
        if (output.fields or output.reads_unset) and output.is_blank
    ]
    for part, text in rendering.texts.items():
        path = places[part][0]
        if sign := find_unrendered(text, rendering.outputs[part]):
            faults.append(Fault(path, f"the {part} would show a tag that is not filled in ({sign})"))
    if not faults and None in values.values() and _hides_blank(template, values):
        path = places[next(iter(template.parts))][0]
        faults.append(Fault(path, "a blank value would be printed inside other text"))
    for part in ("subject", "body"):
        if part not in rendering.texts:
            continue
        where, text = f"{places[part][0]}:{places[part][1]}", rendering.texts[part]
        if not is_visible(text):
            faults.append(Fault(where, f"the {part} would be empty"))
        elif part == "subject" and len(text) > subject_limit:
            faults.append(Fault(where, f"the subject would be longer than {subject_limit} characters"))
    return rendering, list(dict.fromkeys(faults))


def load_messages(project: Project) -> Messages:
    """The templates of a project's campaigns; those with problems are among them, and nothing is proven by them."""
    known, _ = read_known(project.root)
    folders, _ = load_campaigns(project.root, known)
    return Messages(
        {
            (folder.campaign_id, variant.name): variant.analysis
            for folder in folders
            for variant in folder.variants
        },
        int(project.variable(SUBJECT_LIMIT_VARIABLE)),
    )


def judge_message(
    messages: Messages, campaign_id: str, variant: str, values: Values | None
) -> tuple[bool, list[Fault]]:
    """Whether a message ends itself, and what is wrong with it; `values` of None could not be read."""
    template = messages.templates.get((campaign_id, variant))
    if template is None or template.problems:
        return False, [Fault(f"campaigns/{campaign_id}", f"there is no template {variant!r} to render")]
    if values is None:
        return False, [Fault("marts.send_list", "the merge values cannot be read")]
    rendering, faults = judge(template, values, messages.subject_limit)
    return rendering is not None and rendering.aborted is not None, faults


def prove(
    patterns: Iterable[Pattern],
    messages: Messages,
    progress: Callable[[int], None] | None = None,
) -> Proof:
    """Render one message of each pattern; `progress` gets how many are done."""
    proof = Proof()
    for pattern in patterns:
        proof.patterns += 1
        if progress and proof.patterns % 500 == 0:
            progress(proof.patterns)
        aborted, faults = judge_message(messages, pattern.campaign_id, pattern.variant, pattern.values)
        if aborted:
            proof.aborted[pattern.campaign_id] = proof.aborted.get(pattern.campaign_id, 0) + pattern.messages
        if not faults:
            proof.proven.append((pattern.campaign_id, pattern.variant, pattern.key))
        counted = proof.faults.setdefault(pattern.campaign_id, {}) if faults else {}
        for fault in faults:
            counted[fault] = counted.get(fault, 0) + pattern.messages
    return proof


def describe_faults(faults: Mapping[Fault, int], most: int = 3) -> Sequence[str]:
    """The faults that concern most messages, in words."""
    worst = sorted(faults.items(), key=lambda item: (-item[1], item[0].where, item[0].what))
    return [f"{fault} ({messages:,} messages)" for fault, messages in worst[:most]]


def _hides_blank(template: TemplateAnalysis, values: Values) -> bool:
    try:
        return any(shows_blank(parsed.env, parsed.nodes, values) for parsed in template.parts.values())
    except (TooComplexError, RecursionError):
        return True


def place(template: TemplateAnalysis, name: str, line: int) -> str:
    """The file and line of a line of one of the template's parts or partials."""
    path, first_line = template.places[name]
    return f"{path}:{first_line if name in ('subject', 'preheader') else first_line + line - 1}"
