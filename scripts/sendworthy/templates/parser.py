"""Reads one template file: its front matter, what it prints, and which merge fields it requires.

A template is YAML front matter between two `---` lines (subject, preheader, arm, rank, dialect) and a body. The three
texts (subject, preheader, body) make one message: a field that any of them prints is printed, a field that any of
them requires is required. Each dialect is turned into Liquid first, line by line, so that all are analysed and
rendered alike.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from pathlib import Path

import yaml
from liquid import BoundTemplate, RenderContext
from liquid.ast import Node
from liquid.builtin.expressions import StringLiteral
from liquid.builtin.expressions.logical import (
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
)
from liquid.builtin.expressions.primitive import FloatLiteral, IntegerLiteral
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.for_tag import ForNode
from liquid.builtin.tags.include_tag import IncludeNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.exceptions import BlockNestingError, LiquidError

from sendworthy.foundation.errors import Problem, did_you_mean
from sendworthy.foundation.safe_files import UnsafeFile, read_file
from sendworthy.foundation.safe_yaml import BoundedLoader, RefusedYaml
from sendworthy.templates.blank_analysis import (
    TooComplexError,
    compared_and_measured,
    prints_unset,
    required_and_printed,
    shows_blank,
)
from sendworthy.templates.dialects import DIALECTS, to_liquid
from sendworthy.templates.liquid import (
    MAX_LOOPS,
    MAX_NESTING,
    MessageAborted,
    MessageEnvironment,
    find_unrendered,
    names_in,
    partial_variable,
    render,
    walk_expressions,
    walk_nodes,
)

MAX_TEMPLATE_BYTES = 64 * 1024
MAX_PROBLEMS = 100
# that one text may set
MAX_NAMES = 200
FRONT_MATTER_KEYS = ("subject", "preheader", "arm", "rank", "dialect")
PARTIAL_KEYS = ("dialect",)
PARTS = ("subject", "preheader", "body")
PARTIALS_DIR = "campaigns/_partials"
# what stands for a person's value where templates are tried out
SPECIMEN = "Specimen"
# how many renderings are tried, and how many tags and texts they may have together, to show a required field's blank
_TRIES = 64
_TRIED_NODES = 100_000

# what only another dialect has
_SIGNS = {"${": "braze", "{{#": "handlebars", "{{>": "handlebars", "*|": "mailchimp"}

_BLOCK_TAG = re.compile(
    r"\{%-?\s*(?P<name>(?:end)?(?:if|unless|case|for|tablerow|capture|comment|ifchanged))\b"
)
_MARKER = re.compile(r"^---[ \t]*$")
_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Partial:
    """A shared text: where it is, the line that its text begins on, the text as Liquid, and as it is in the file."""

    path: str
    first_line: int
    text: str
    source: str


@dataclass
class Language:
    """What templates may use beside the merge fields: shared partials, by name, and each dialect's merge tags."""

    partials: Mapping[str, Partial] = field(default_factory=dict)
    tags: Mapping[str, Mapping[str, str | None]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environment = MessageEnvironment({name: found.text for name, found in self.partials.items()})


@dataclass
class TemplateAnalysis:
    """What one template file says.

    `printed`: fields whose value can come out somewhere; `required`: those that some path prints, or that end the
    message, while they are blank; `tested`: fields that only steer the message (a condition reads them, nothing
    prints them). `compared`: those of which more matters than that they are there; `measured`: those whose length
    matters, because the subject prints them. All sorted by name. `parts` are subject, preheader and body, those that
    there are; `places` the file of each part and partial, and the line that its text begins on. `problems` is empty when the template can be used; `warnings` do not keep it from being used.
    """

    printed: list[str] = field(default_factory=list)
    required: list[str] = field(default_factory=list)
    tested: list[str] = field(default_factory=list)
    compared: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)
    partials: list[str] = field(default_factory=list)
    parts: dict[str, BoundTemplate] = field(default_factory=dict)
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    subject: str | None = None
    preheader: str | None = None
    body: str = ""
    arm: str | None = None
    # the line that says it
    arm_at: str = ""
    rank: int | None = None
    dialect: str = "liquid"
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    required_at: dict[str, str] = field(default_factory=dict)

    @property
    def needed(self) -> list[str]:
        """Every field that the renderer must be given: printed or tested, sorted."""
        return sorted({*self.printed, *self.tested})

    @property
    def has_bad_front_matter(self) -> bool:
        """Whether its keys could not be read, all or some."""
        return any(problem.key in ("template", "front matter", "arm") for problem in self.problems)

    @property
    def defended(self) -> list[str]:
        """The fields that are printed, and never while they are blank; sorted."""
        return sorted({*self.printed} - {*self.required})


def analyse_template(
    text: str,
    path: str,
    *,
    merge_fields: Collection[str] | None = None,
    subject_required: bool = False,
    language: Language | None = None,
) -> TemplateAnalysis:
    """Analyse the text of one template file.

    Args:
        text: the whole file.
        path: how problems name the file, relative to the project.
        merge_fields: the known merge fields; None lets every plain name pass as one.
        subject_required: true for e-mail, whose messages need a subject line.
        language: the partials and merge tags that it may use.

    Never raises for what is in the text: whatever is wrong is in `problems`, each with its line.

    """
    result = TemplateAnalysis()
    lines = _begin(text, path, result)
    if result.problems:
        return result
    if subject_required and not (result.subject or "").strip():
        what = "an e-mail needs a subject, and this one has none"
        fix = "begin the file with front matter: ---, subject: ..., preheader: ..., ---"
        result.problems.append(Problem(f"{path}:1", "subject", what, fix))
    if not result.body.strip():
        fix = "write its text below the front matter"
        result.problems.append(Problem(f"{path}:{lines['body']}", "body", "the message has no body", fix))
    sources = {"subject": result.subject or "", "preheader": result.preheader or "", "body": result.body}
    analyst = _Analyst(path, merge_fields, language or Language(), result)
    for part in PARTS:
        if sources[part]:
            analyst.read(part, sources[part], lines[part])
    if not result.problems:
        analyst.finish()
    if len(result.problems) > MAX_PROBLEMS:
        more = f"and {len(result.problems) - MAX_PROBLEMS:,} more problems"
        fix = "fix the first ones; the others may go with them"
        result.problems[MAX_PROBLEMS:] = [Problem(path, "template", more, fix)]
    return result


def read_partials(
    project_dir: Path, tags: Mapping[str, Mapping[str, str | None]]
) -> tuple[dict[str, Partial], list[Problem]]:
    """The shared texts in `campaigns/_partials/`, by name, and what is wrong with them."""
    found: dict[str, Partial] = {}
    problems: list[Problem] = []
    root = project_dir / PARTIALS_DIR
    for file in sorted(root.iterdir(), key=lambda p: p.name) if root.is_dir() else ():
        where = f"{PARTIALS_DIR}/{file.name}"
        if file.name.startswith(".") or file.name.lower() == "readme.md":
            continue
        if file.suffix != ".liquid" or not file.is_file() or not _NAME.fullmatch(file.stem):
            fix = "name it <name>.liquid: lower-case letters, digits and _, a letter first"
            problems.append(Problem(where, "partial", "not a partial", fix))
            continue
        text, unreadable = read_text(file, where, "partial")
        if text is None:
            problems.extend(unreadable)
            continue
        result = TemplateAnalysis()
        first_line = _begin(text, where, result, PARTIAL_KEYS)["body"]
        liquid = ""
        if not result.problems:
            liquid = _translate(result.body, where, "partial", first_line, result, tags)
        if not result.problems:
            try:
                MessageEnvironment().from_string(liquid, name=file.stem)
            except (LiquidError, RecursionError) as error:
                result.problems.append(_not_liquid(error, liquid, where, "partial", first_line))
        problems.extend(result.problems)
        # one with a problem is known all the same: whoever uses it is not to blame
        found[file.stem] = Partial(where, first_line, "" if result.problems else liquid, text)
    return found, problems


def read_text(file: Path, where: str, what: str) -> tuple[str | None, list[Problem]]:
    """A text file as UTF-8, or what keeps it from being read; `what` it is, in a word."""
    try:
        # a link to the text of another campaign is fine, one out of campaigns/ is not
        raw = read_file(file, file.parents[1], MAX_TEMPLATE_BYTES)
    except OSError as error:
        fix = error.fix if isinstance(error, UnsafeFile) else "check its permissions"
        return None, [Problem(where, what, f"cannot be read: {error.strerror}", fix)]
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        return None, [Problem(f"{where}:{line}", what, "not UTF-8", "save the file as UTF-8")]


def _too_long(size: int, where: str) -> Problem:
    what = f"the template is {size:,} bytes long; {MAX_TEMPLATE_BYTES:,} is the limit"
    return Problem(
        where, "template", what, "shorten it; put long texts and images on a page and link to them"
    )


def _begin(
    text: str, path: str, result: TemplateAnalysis, keys: Sequence[str] = FRONT_MATTER_KEYS
) -> dict[str, int]:
    """Reads the front matter and the body into `result`; returns the line that each part begins on."""
    size = len(text.encode("utf-8", errors="surrogatepass"))
    found = {part: 1 for part in PARTS}
    if size > MAX_TEMPLATE_BYTES:
        result.problems.append(_too_long(size, path))
        return found
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    result.body = text
    end = end_of_front_matter(lines)
    if end is None:
        what = "the front matter that begins on line 1 has no end"
        fix = "put a line --- before the body"
        result.problems.append(Problem(f"{path}:1", "front matter", what, fix))
        return found
    if end:
        found.update(_front_matter("\n".join(lines[1:end]), path, result, keys))
        found["body"] = end + 2
        result.body = "\n".join(lines[end + 1 :])
    return found


def end_of_front_matter(lines: Sequence[str]) -> int | None:
    """The place of the `---` that ends the front matter: 0 without front matter, None where it has no end."""
    if not _MARKER.match(lines[0]):
        return 0
    return next((place for place, line in enumerate(lines[1:], start=1) if _MARKER.match(line)), None)


def _translate(
    source: str,
    path: str,
    part: str,
    first_line: int,
    result: TemplateAnalysis,
    tags: Mapping[str, Mapping[str, str | None]],
) -> str:
    """A text of the template's dialect as Liquid; what cannot be said in it goes into `result.problems`."""
    translation = to_liquid(source, result.dialect, tags.get(result.dialect, {}))
    for problem in translation.problems:
        line = source.count("\n", 0, max(problem.index, 0)) if part in ("body", "partial") else 0
        result.problems.append(Problem(f"{path}:{first_line + line}", part, problem.what, problem.fix))
    return translation.text


def _not_liquid(error: Exception, source: str, path: str, part: str, first_line: int) -> Problem:
    """What python-liquid could not read, with its line."""
    index = 0
    if isinstance(error, BlockNestingError):
        what = f"blocks are nested more than {MAX_NESTING} deep"
        fix = "flatten the conditions, or split the message into variants"
    elif isinstance(error, RecursionError) or isinstance(error.__cause__, RecursionError):
        what = "an expression is nested too deep to read"
        fix = "split the expression, or the message into variants"
    else:
        token = error.token if isinstance(error, LiquidError) else None
        # a missing end tag is noticed at the end
        index = -1 if token is None or token.start_index < 0 else token.start_index
        index = 0 if token is None else index
        misses_an_end = re.search(r"expected tag '?end", str(error)) is not None
        if misses_an_end and (opened := _last_opened(source)) is not None:
            # noticed at the end of the text, or at the end of another block; the mistake is where it was opened
            index = opened
        what = f"not valid Liquid: {getattr(error, 'message', error)}"
        fix = "fix the tag on this line; each {% if %}, {% for %}, {% case %} needs its end, each {{ its }}"
        if dialect := next((name for sign, name in _SIGNS.items() if sign in source), None):
            fix = f"is it written for {dialect}? Then say dialect: {dialect} in the front matter. Else {fix}"
    return Problem(f"{path}:{_line(source, index, part, first_line)}", part, what, fix)


def _last_opened(source: str) -> int | None:
    """Where the innermost block is opened that is never closed, or closed by another one's end."""
    opened: list[tuple[str, int]] = []
    for match in _BLOCK_TAG.finditer(source):
        name = match.group("name")
        if not name.startswith("end"):
            opened.append((name, match.start()))
        elif opened and opened[-1][0] == name.removeprefix("end"):
            opened.pop()
        else:
            break
    return opened[-1][1] if opened else None


def _line(source: str, index: int, part: str, first_line: int) -> int:
    """The line of the file that a place of a part is on; -1 is its end."""
    end = index if index >= 0 else len(source.rstrip())
    return first_line + (source.count("\n", 0, end) if part in ("body", "partial") else 0)


def _front_matter(
    source: str, path: str, result: TemplateAnalysis, keys: Sequence[str] = FRONT_MATTER_KEYS
) -> dict[str, int]:
    """Reads the front matter into `result`; returns the line of each key in the file."""
    quoting = 'put a value that holds {{ }} or a colon in double quotes: subject: "Hello {{ first_name }}"'
    try:
        node = yaml.compose(source, Loader=BoundedLoader)
    except RefusedYaml as error:
        line = error.problem_mark.line + 2 if error.problem_mark else 1
        result.problems.append(Problem(f"{path}:{line}", "front matter", str(error.problem), quoting))
        return {}
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
        if key not in keys:
            known = f"the keys are {', '.join(keys)}"
            result.problems.append(
                Problem(at, key, "unknown key in the front matter", did_you_mean(key, keys, known))
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
        elif key == "arm":
            if not _NAME.fullmatch(value):
                fix = "write the name of an arm of campaign.yml: lower-case letters, digits and _, a letter first"
                result.problems.append(Problem(at, key, f"{value!r} cannot be the name of an arm", fix))
            else:
                result.arm, result.arm_at = value, at
        elif key == "dialect":
            if value not in DIALECTS:
                fix = did_you_mean(value, DIALECTS, f"the dialects are {', '.join(DIALECTS)}")
                result.problems.append(Problem(at, key, f"the dialect {value!r} is not known", fix))
            else:
                result.dialect = value
        elif "\n" in value.strip():
            result.problems.append(Problem(at, key, "holds a line break", "write it on one line"))
        elif key == "subject":
            result.subject = value
        else:
            result.preheader = value
    return where


class _Analyst:
    """Reads the parts of one template and collects what they say of its fields."""

    def __init__(
        self,
        path: str,
        merge_fields: Collection[str] | None,
        language: Language,
        result: TemplateAnalysis,
    ) -> None:
        self._path = path
        self._merge_fields = merge_fields
        self._language = language
        self._result = result
        self._sources: dict[str, tuple[str, int]] = {}
        self._seen: set[str] = set()
        self._tried_nodes = 0

    def read(self, part: str, source: str, first_line: int) -> None:
        """Parse one part; its problems go into the result, and its template, if it has none."""
        result = self._result
        before = len(result.problems)
        liquid = _translate(source, self._path, part, first_line, result, self._language.tags)
        if len(result.problems) > before:
            return
        self._sources[part] = (liquid, first_line)
        try:
            template = self._language.environment.from_string(liquid, name=part)
        except (LiquidError, RecursionError) as error:
            result.problems.append(_not_liquid(error, liquid, self._path, part, first_line))
            return
        self._check_tags(part, template)
        if len(result.problems) > before:
            return
        self._check_names(part, template)
        if len(result.problems) == before:
            result.parts[part] = template

    def finish(self) -> None:
        """Follow every field through all parts, and try them out."""
        result = self._result
        for name in result.partials:
            partial = self._language.partials[name]
            result.places[name] = (partial.path, partial.first_line)
        result.places.update({part: (self._path, self._sources[part][1]) for part in result.parts})
        environment, parts = self._language.environment, result.parts
        required: set[str] = set()
        printed: set[str] = set()
        compared: set[str] = set()
        measured: set[str] = set()
        for part, template in parts.items():
            nodes = walk_nodes(template.nodes, RenderContext(template))
            names = {str(node.name) for node in nodes if isinstance(node, (AssignNode, CaptureNode))}
            try:
                if len(names) > MAX_NAMES:
                    raise TooComplexError
                found = required_and_printed(environment, template.nodes, self._seen)
                required.update(found[0])
                printed.update(found[1])
                found = compared_and_measured(
                    environment, template.nodes, self._seen, is_measured=part == "subject"
                )
                compared.update(found[0])
                measured.update(found[1])
            except (TooComplexError, RecursionError):
                fix = "use fewer nested loops, or split the message into variants"
                what = "the template has too many paths to follow"
                result.problems.append(Problem(self._at(part, 0), part, what, fix))
                return
        result.required, result.printed = sorted(required), sorted(printed)
        result.tested = sorted(self._seen - printed)
        result.compared, result.measured = sorted(compared), sorted(measured - compared)
        self._try_out()
        if not result.problems:
            self._warn()
            self._warn_of_unset()

    def _at(self, name: str, index: int) -> str:
        """The place in its file of a character of a part or a partial."""
        if (partial := self._language.partials.get(name)) is not None and name not in self._sources:
            return f"{partial.path}:{_line(partial.text, index, 'partial', partial.first_line)}"
        source, first_line = self._sources[name]
        return f"{self._path}:{_line(source, index, name, first_line)}"

    def _problem(self, where: str, key: str, what: str, fix: str) -> None:
        self._result.problems.append(Problem(where, key, what, fix))

    def _check_tags(self, part: str, template: BoundTemplate) -> None:
        """Partials that are there and can be named, filters that exist, loops that end."""
        partials = self._language.partials
        pending: list[tuple[str, BoundTemplate, frozenset[str]]] = [(part, template, frozenset())]
        visited: set[str] = set()
        uses: dict[str, set[str]] = {}
        while pending:
            name, current, held = pending.pop()
            filters = current.analyze(include_partials=False).filters
            known = self._language.environment.filters
            for unknown in sorted(set(filters) - set(known)):
                for span in filters[unknown]:
                    fix = did_you_mean(unknown, known, "use a filter of standard Liquid")
                    self._problem(self._at(name, span.index), part, f"unknown filter {unknown!r}", fix)
            self._check_held(name, current, held)
            for node in walk_nodes(current.nodes, RenderContext(current)):
                if not isinstance(node, (IncludeNode, RenderNode)):
                    continue
                where = self._at(name, node.token.start_index)
                tag = node.tag
                if not isinstance(node.name, StringLiteral):
                    what = f"{{% {tag} %}} chooses its partial at send time"
                    self._problem(where, tag, what, f"name it: {{% {tag} 'footer' %}}")
                elif node.name.value not in partials:
                    fix = did_you_mean(node.name.value, partials, f"add it to {PARTIALS_DIR}/")
                    self._problem(where, tag, f"there is no partial {node.name.value!r}", fix)
                elif _leads_back(uses, node.name.value, name):
                    what = f"the partial {node.name.value!r} includes itself, without an end"
                    self._problem(where, tag, what, "let no partial include itself, or one that includes it")
                else:
                    uses.setdefault(name, set()).add(node.name.value)
                    if node.name.value not in visited:
                        visited.add(node.name.value)
                        self._result.partials.append(node.name.value)
                        found = self._language.environment.get_template(node.name.value)
                        # whoever includes it, and from wherever: what a name means must not depend on it
                        pending.append((node.name.value, found, self._held_by_partials(template)))

    def _held_by_partials(self, template: BoundTemplate) -> frozenset[str]:
        """The names that loops and partials' arguments hold anywhere in a part or the partials."""
        found: set[str] = {"forloop", "tablerowloop"}
        environment = self._language.environment
        others = [environment.get_template(name) for name in self._language.partials]
        for current in (template, *others):
            for node in walk_nodes(current.nodes, RenderContext(current)):
                found |= _names_held(node)
        return frozenset(found)

    def _check_held(self, name: str, template: BoundTemplate, held: frozenset[str]) -> None:
        """Nothing is set that a loop or a partial's argument holds: Liquid would show the held value, not the one set."""

        def check(node: Node, around: frozenset[str]) -> None:
            if isinstance(node, (AssignNode, CaptureNode)) and str(node.name) in around:
                what = f"{node.name} is set here, and is a loop's or a partial's name as well"
                fix = "give the one that is set another name"
                self._problem(self._at(name, node.token.start_index), str(node.name), what, fix)
            inside = around | _names_held(node) if isinstance(node, (ForNode, TablerowNode)) else around
            for child in node.children(context, include_partials=False):
                check(child, inside)

        context = RenderContext(template)
        for node in template.nodes:
            check(node, held)

    def _check_names(self, part: str, template: BoundTemplate) -> None:
        """Names that are merge fields, and are used as such."""
        try:
            static = template.analyze(include_partials=True)
        except RecursionError:
            what = "its partials include each other without an end"
            self._problem(self._at(part, 0), part, what, "let no partial include itself")
            return
        fields: set[str] = set()
        known_fields = self._merge_fields
        for name, uses in sorted(static.globals.items()):
            for use in uses:
                where = self._at(use.span.template_name or part, use.span.index)
                if not isinstance(use.segments[0], str):
                    what, fix = f"{use} chooses its field at send time", "name the field: {{ first_name }}"
                    self._problem(where, name, what, fix)
                elif known_fields is not None and name not in known_fields:
                    last = str(use.segments[-1])
                    known = "the merge fields are in seeds/merge_fields.csv"
                    fix = did_you_mean(last if last in known_fields else name, known_fields, known)
                    self._problem(where, name, f"unknown merge field {use}", fix)
                elif len(use.segments) > 1 and use.segments[1:] not in (["size"], ("size",)):
                    what = f"a merge field is plain text and has no parts: {use}"
                    self._problem(where, name, what, f"write {{{{ {name} }}}}")
                else:
                    fields.add(name)
                    self._result.required_at.setdefault(name, where)
        # A field whose name is also assigned is not "global" after the assignment: look for all of them.
        fields |= {name for name in static.variables if known_fields is not None and name in known_fields}
        self._seen |= fields

    def _try_out(self) -> None:
        """Render the message with every field filled, and with every one blank that may be."""
        result = self._result
        filled = {name: SPECIMEN for name in self._seen}
        for values in (filled, {name: SPECIMEN for name in result.required}):
            for part, template in result.parts.items():
                try:
                    text, trace = render(template, values, self._seen)
                    if sign := find_unrendered(text, trace.printed):
                        what = f"the {part} would show a tag that is not filled in ({sign})"
                        dialect = _SIGNS.get(sign, "")
                        fix = (
                            f"say dialect: {dialect} in the front matter"
                            if dialect
                            else "remove it, or fill it in"
                        )
                        place = max(self._sources[part][0].find(sign), 0)
                        self._problem(self._at(part, place), part, what, fix)
                        return
                except MessageAborted:
                    break
                except (LiquidError, RecursionError, ArithmeticError, TypeError, ValueError) as error:
                    self._problem(*self._not_rendered(part, error))
                    return

    def _not_rendered(self, part: str, error: Exception) -> tuple[str, str, str, str]:
        token = error.token if isinstance(error, LiquidError) else None
        name = part
        if token is not None:
            # whose text the token is a piece of
            for partial in self._result.partials:
                if self._language.partials[partial].text == token.source:
                    name = partial
        where = self._at(name, token.start_index if token is not None else 0)
        why = getattr(error, "message", "") or type(error).__name__
        fix = f"fix the expression on this line; a loop may run {MAX_LOOPS:,} times in all, and a value is a text"
        return where, part, f"cannot be rendered: {why}", fix

    def _warn(self) -> None:
        """What is required although no rendering shows its blank; what is compared as a number."""
        result = self._result
        for name in result.required:
            hurt = any(self._is_hurt(values) for values in self._tries(name))
            if not hurt and self._tried_nodes <= _TRIED_NODES:
                what = (
                    f"{name} counts as required, although no rendering that was tried shows a blank one; "
                    "people without it do not get this variant"
                )
                fix = f"if it is defended, say so plainly: {{% if {name} %}}...{{% endif %}} around it"
                result.warnings.append(Problem(result.required_at.get(name, self._path), name, what, fix))
        for part, template in result.parts.items():
            for node in walk_nodes(template.nodes, RenderContext(template)):
                for expression in walk_expressions(node.expressions()):
                    if isinstance(expression, (LtExpression, LeExpression, GtExpression, GeExpression)):
                        for name in sorted({*names_in([expression])} & self._seen):
                            what = f"{name} is compared as a number, and leaves here as a text"
                            fix = "make sure that the ESP holds it as a number, or it will not compare them"
                            where = self._at(part, expression.token.start_index)
                            result.warnings.append(Problem(where, name, what, fix))

    def _warn_of_unset(self) -> None:
        """A name that some path prints without having set it, though every field is there."""
        for part, template in self._result.parts.items():
            if prints_unset(self._language.environment, template.nodes, self._seen):
                what = "a name may be printed that nothing has set on the way there"
                fix = 'set it before the condition: {% assign greeting = "you" %}, or print it with a default'
                self._result.warnings.append(Problem(self._at(part, 0), part, what, fix))

    def _is_hurt(self, values: Mapping[str, str | None]) -> bool:
        """Whether these values show a blank, or end the message."""
        parts = self._result.parts
        try:
            for template in parts.values():
                self._tried_nodes += 1 + render(template, values, self._seen)[1].nodes
        except MessageAborted:
            return True
        except (LiquidError, RecursionError, ArithmeticError, TypeError, ValueError):
            return False
        return any(shows_blank(self._language.environment, part.nodes, values) for part in parts.values())

    def _tries(self, blank: str) -> Iterator[dict[str, str | None]]:
        """Some values of all fields, this one blank: nothing, a specimen, and what the conditions test for."""
        literals: dict[str, None] = {}
        for template in self._result.parts.values():
            for node in walk_nodes(template.nodes, RenderContext(template)):
                literals.update(dict.fromkeys(_tested_texts(node)))
        others = sorted(self._seen - {blank})
        choices: list[str | None] = [SPECIMEN, None, *list(literals)[:6]]
        for values in islice(product(choices, repeat=len(others)), _TRIES):
            if self._tried_nodes > _TRIED_NODES:
                return
            yield {**dict(zip(others, values, strict=True)), blank: None}


def _leads_back(uses: Mapping[str, set[str]], name: str, to: str) -> bool:
    """Whether a partial is another one, or uses it, be it by others."""
    pending, seen = [name], set[str]()
    while pending:
        current = pending.pop()
        if current == to:
            return True
        if current not in seen:
            seen.add(current)
            pending += uses.get(current, ())
    return False


def _names_held(node: Node) -> set[str]:
    """The names that a loop, or the arguments of a partial, hold while what is inside is rendered."""
    if isinstance(node, (ForNode, TablerowNode)):
        return {str(node.expression.identifier), "forloop", "tablerowloop"}
    if isinstance(node, (IncludeNode, RenderNode)):
        given = {str(argument.name) for argument in node.args}
        return given | ({partial_variable(node)} if node.var is not None else set())
    return set()


def _tested_texts(node: Node) -> Iterator[str]:
    """The constants that a node's conditions compare with, and numbers on both sides of them."""
    for expression in walk_expressions(node.expressions()):
        if isinstance(expression, StringLiteral):
            yield str(expression.value)
        elif isinstance(expression, (IntegerLiteral, FloatLiteral)):
            yield from (str(expression.value), str(expression.value + 1), str(expression.value - 1))
