"""Reads one template file: its front matter, what it prints, and which merge fields it requires.

A template is YAML front matter between two `---` lines (subject, preheader, rank, dialect) and a Liquid
body. The three Liquid texts (subject, preheader, body) make one message: a field that any of them prints
is printed, a field that any of them requires is required.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import yaml
from liquid import Environment as LiquidEnvironment
from liquid import Mode
from liquid.ast import Node
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import BlockNestingError, LiquidError

from sendworthy.errors import Problem, did_you_mean
from sendworthy.liquid_flow import TooComplexError, required_and_printed

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_NESTING = 12
FRONT_MATTER_KEYS = ("subject", "preheader", "rank", "dialect")
DIALECTS = ("liquid",)

_PARTIALS = ("include", "render")
_MARKER = re.compile(r"^---[ \t]*$")


class _StrictIf(IfTag):
    mode = Mode.STRICT  # `{% else if x %}` is a mistake, not an else


class _StrictUnless(UnlessTag):
    mode = Mode.STRICT


class _MessageEnvironment(LiquidEnvironment):
    block_nesting_limit = MAX_NESTING
    loop_iteration_limit = 10_000
    output_stream_limit = 1_000_000


def message_environment() -> LiquidEnvironment:
    """The Liquid environment that parses and renders messages: strict, without partials, not escaping."""
    env = _MessageEnvironment(tolerance=Mode.STRICT, strict_filters=True)
    env.add_tag(_StrictIf)
    env.add_tag(_StrictUnless)
    return env


ENVIRONMENT = message_environment()


@dataclass
class TemplateAnalysis:
    """What one template file says.

    `printed`: fields whose value can come out somewhere; `required`: those that some path prints while
    they are blank; `tested`: fields that only steer the message (a condition reads them, nothing prints
    them). All sorted by name. `problems` is empty when the template can be used.
    """

    printed: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    subject: str | None = None
    preheader: str | None = None
    body: str = ""
    rank: int | None = None
    dialect: str = "liquid"
    problems: list[Problem] = field(default_factory=list)
    required_at: dict[str, str] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """Every field that the renderer must be given: printed or tested, sorted."""
        return sorted({*self.printed, *self.tested})


def analyse_template(
    text: str, path: str, *, merge_fields: Collection[str] | None = None, subject_required: bool = False
) -> TemplateAnalysis:
    """Analyse the text of one template file.

    Args:
        text: the whole file.
        path: how problems name the file, relative to the project.
        merge_fields: the known merge fields; None lets every plain name pass as one.
        subject_required: true for e-mail, whose messages need a subject line.

    Never raises for what is in the text: whatever is wrong is in `problems`, each with its line.

    """
    result = TemplateAnalysis()
    size = len(text.encode("utf-8", errors="surrogatepass"))
    if size > MAX_TEMPLATE_BYTES:
        what = f"the template is {size:,} bytes long; {MAX_TEMPLATE_BYTES:,} is the limit"
        result.problems.append(
            Problem(
                path, "template", what, "shorten it; put long texts and images on a page and link to them"
            )
        )
        return result
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    body_line = 1
    result.body = text
    subject_line = preheader_line = 1
    if _MARKER.match(lines[0]):
        end = next((i for i, line in enumerate(lines[1:], start=1) if _MARKER.match(line)), None)
        if end is None:
            what = "the front matter that begins on line 1 has no end"
            result.problems.append(
                Problem(f"{path}:1", "front matter", what, "put a line --- before the body")
            )
            return result
        found = _front_matter("\n".join(lines[1:end]), path, result)
        subject_line, preheader_line = found.get("subject", 1), found.get("preheader", 1)
        body_line = end + 2
        result.body = "\n".join(lines[end + 1 :])
    if result.problems:
        return result
    if subject_required and not (result.subject or "").strip():
        what = "an e-mail needs a subject, and this one has none"
        fix = "begin the file with front matter: ---, subject: ..., preheader: ..., ---"
        result.problems.append(Problem(f"{path}:1", "subject", what, fix))
    if not result.body.strip():
        result.problems.append(
            Problem(
                f"{path}:{body_line}",
                "body",
                "the message has no body",
                "write its text below the front matter",
            )
        )
    parts = [
        ("subject", result.subject or "", subject_line),
        ("preheader", result.preheader or "", preheader_line),
    ]
    parts.append(("body", result.body, body_line))
    required: set[str] = set()
    printed: set[str] = set()
    seen: set[str] = set()
    for part, source, line in parts:
        _analyse_part(part, source, line, path, merge_fields, result, required, printed, seen)
    result.required, result.printed = sorted(required), sorted(printed)
    result.tested = sorted(seen - printed)
    return result


def _front_matter(source: str, path: str, result: TemplateAnalysis) -> dict[str, int]:
    """Reads the front matter into `result`; returns the line of each key in the file."""
    quoting = 'put a value that holds {{ }} or a colon in double quotes: subject: "Hello {{ first_name }}"'
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark is not None else 1
        why = getattr(error, "problem", None) or "not readable"
        result.problems.append(Problem(f"{path}:{line}", "front matter", f"not YAML: {why}", quoting))
        return {}
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        result.problems.append(
            Problem(f"{path}:2", "front matter", "not a list of key: value lines", quoting)
        )
        return {}
    where: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 2
        at = f"{path}:{line}"
        if key not in FRONT_MATTER_KEYS:
            known = f"the keys are {', '.join(FRONT_MATTER_KEYS)}"
            result.problems.append(
                Problem(
                    at, key, "unknown key in the front matter", did_you_mean(key, FRONT_MATTER_KEYS, known)
                )
            )
            continue
        if key in where:
            result.problems.append(
                Problem(at, key, "given twice", f"remove one (the other is on line {where[key]})")
            )
            continue
        where[key] = line
        if not isinstance(value_node, yaml.ScalarNode):
            result.problems.append(Problem(at, key, "not a text", quoting))
            continue
        value = "" if value_node.tag.endswith(":null") else str(value_node.value)
        if key == "rank":
            if not re.fullmatch(r"[0-9]{1,3}", value):
                fix = "write a whole number from 0 to 999; the smaller is tried first"
                result.problems.append(Problem(at, key, f"{value!r} is not a rank", fix))
            else:
                result.rank = int(value)
        elif key == "dialect":
            if value not in DIALECTS:
                fix = f"write the template in {DIALECTS[0]} and remove the line"
                result.problems.append(Problem(at, key, f"the dialect {value!r} is not supported", fix))
            else:
                result.dialect = value
        elif "\n" in value.strip():
            result.problems.append(Problem(at, key, "holds a line break", "write it on one line"))
        elif key == "subject":
            result.subject = value
        else:
            result.preheader = value
    return where


def _analyse_part(
    part: str,
    source: str,
    first_line: int,
    path: str,
    merge_fields: Collection[str] | None,
    result: TemplateAnalysis,
    required: set[str],
    printed: set[str],
    seen: set[str],
) -> None:
    """Analyses subject, preheader or body, and adds what it finds to the sets and to `result.problems`."""

    def at(index: int) -> str:
        end = index if index >= 0 else len(source.rstrip())  # a missing end tag is noticed at the end
        line = source.count("\n", 0, end) if part == "body" else 0
        return f"{path}:{first_line + line}"

    try:
        template = ENVIRONMENT.from_string(source)
        static = template.analyze(include_partials=False)
    except BlockNestingError:
        fix = "flatten the conditions, or split the message into variants"
        what = f"blocks are nested more than {MAX_NESTING} deep"
        result.problems.append(Problem(at(0), part, what, fix))
        return
    except (LiquidError, RecursionError) as error:
        if isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
            fix = "split the expression, or the message into variants"
            result.problems.append(Problem(at(0), part, "an expression is nested too deep to read", fix))
            return
        index = error.token.start_index if error.token is not None else 0
        what = f"not valid Liquid: {error.message}"
        fix = "mend the tag on this line; each {% if %}, {% for %}, {% case %} needs its end, each {{ its }}"
        result.problems.append(Problem(at(index), part, what, fix))
        return
    before = len(result.problems)
    for tag in _PARTIALS:
        for span in static.tags.get(tag, []):
            fix = "copy the text into this template"
            result.problems.append(Problem(at(span.index), tag, f"{{% {tag} %}} is not supported", fix))
    for name in sorted(set(static.filters) - set(ENVIRONMENT.filters)):
        for span in static.filters[name]:
            fix = did_you_mean(name, ENVIRONMENT.filters, "use a filter of standard Liquid")
            result.problems.append(Problem(at(span.index), part, f"unknown filter {name!r}", fix))
    fields: set[str] = set()
    for name, uses in sorted(static.globals.items()):
        for use in uses:
            if not isinstance(use.segments[0], str):
                what, fix = f"{use} chooses its field at send time", "name the field: {{ first_name }}"
                result.problems.append(Problem(at(use.span.index), name, what, fix))
            elif merge_fields is not None and name not in merge_fields:
                last = str(use.segments[-1])
                known = "the merge fields are in seeds/merge_fields.csv"
                fix = did_you_mean(last if last in merge_fields else name, merge_fields, known)
                result.problems.append(Problem(at(use.span.index), name, f"unknown merge field {use}", fix))
            elif len(use.segments) > 1 and use.segments[1:] not in (["size"], ("size",)):
                what, fix = f"a merge field is plain text and has no parts: {use}", f"write {{{{ {name} }}}}"
                result.problems.append(Problem(at(use.span.index), name, what, fix))
            else:
                fields.add(name)
                result.required_at.setdefault(name, at(use.span.index))
    # A field whose name is also assigned is not "global" after the assignment: look for all of them.
    fields |= {name for name in static.variables if merge_fields is not None and name in merge_fields}
    if len(result.problems) > before:
        return
    try:
        part_required, part_printed = _flow(template.nodes, fields)
    except (TooComplexError, RecursionError):
        fix = "use fewer nested loops, or split the message into variants"
        result.problems.append(Problem(at(0), part, "the template has too many paths to follow", fix))
        return
    required.update(part_required)
    printed.update(part_printed)
    seen.update(fields)


def _flow(nodes: list[Node], fields: Collection[str]) -> tuple[list[str], list[str]]:
    return required_and_printed(ENVIRONMENT, nodes, fields)
