"""The Liquid that messages are written in: strict, with shared partials, and with a trace of what came out where.

It is python-liquid with these differences, each so that a rendering here says what an ESP's would (docs/liquid.md lists them):

- nil, a blank merge field and a name that nothing has set are the same everywhere, as in the reference implementation (Shopify/liquid
  issues 642 and 1807) and at Braze: `{% if first_name != blank %}` guards a merge field whose value is null (`!= ""` and `!= empty` do
  not), and no filter makes the word "None" of it.
- a text that looks like a number is compared with a number as one: `{% if loyalty_points > 100 %}`.
- `{% abort_message %}` ends the message: Braze then sends nothing.
- each output statement records in the rendering's trace what it printed, and from which merge fields.
"""

from __future__ import annotations

import operator
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path as FilePath
from typing import Any, TextIO

from liquid import BoundTemplate, CachingDictLoader, Mode, RenderContext
from liquid import Environment as LiquidEnvironment
from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import (
    Filter,
    FilteredExpression,
    Literal,
    Path,
    parse_primitive,
    tokenize,
)
from liquid.builtin.expressions.logical import (
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.primitive import Blank, RangeLiteral
from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.assign_tag import AssignNode, AssignTag
from liquid.builtin.tags.capture_tag import CaptureNode, CaptureTag
from liquid.builtin.tags.case_tag import MultiExpressionBlockNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.builtin.tags.for_tag import ForNode, ForTag
from liquid.builtin.tags.if_tag import IfTag
from liquid.builtin.tags.include_tag import IncludeNode, IncludeTag
from liquid.builtin.tags.render_tag import RenderNode, RenderTag
from liquid.builtin.tags.unless_tag import UnlessTag
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError, LiquidTypeError, LoopIterationLimitError
from liquid.expression import Expression
from liquid.stream import TokenStream
from liquid.stringify import to_liquid_string
from liquid.tag import Tag
from liquid.token import TOKEN_EXPRESSION, Token
from liquid.undefined import Undefined, is_undefined

MAX_NESTING = 12
MAX_LOOPS = 10_000
MAX_NODES = 100_000
MAX_OUTPUT = 1_000_000
MAX_LOCALS = 1_000_000

# what a reader would see as a tag that was not filled in
UNRENDERED = re.compile(r"\{\{|\{%|\$\{|\*\||\[\[|%%\w+%%")

_TRACE = "sendworthy_trace"
# what Python calls printable although nobody sees it
_INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"


class MessageAborted(Exception):
    """The template says that this message must not be sent; the text is its reason."""


@dataclass(frozen=True)
class Printed:
    """What one output statement printed: the part and line of its template, and the merge fields that it came from.

    `reads_unset` says that it read a name that was neither a merge field nor set. `span` is where it begins and ends in
    the rendered text; None where that is not known (inside `ifchanged`).
    """

    template: str
    line: int
    fields: tuple[str, ...]
    text: str
    reads_unset: bool = False
    span: tuple[int, int] | None = None

    @property
    def is_blank(self) -> bool:
        """Whether nothing of it can be seen."""
        return not is_visible(self.text)


@dataclass
class Trace:
    """What a rendering printed, statement by statement; `origins` are the merge fields that a name comes from.

    `buffer` takes the rendered text; what is written elsewhere has no known place in it.
    """

    fields: frozenset[str]
    printed: list[Printed] = field(default_factory=list)
    origins: dict[str, frozenset[str]] = field(default_factory=dict)
    capturing: list[set[str]] = field(default_factory=list)
    buffer: TextIO | None = None
    nodes: int = 0

    def of(self, expressions: Iterable[Expression]) -> frozenset[str]:
        """The merge fields that expressions are made of."""
        return frozenset().union(*(self._of_name(name) for name in names_in(expressions)))

    def _of_name(self, name: str) -> frozenset[str]:
        if name in self.origins:
            return self.origins[name]
        return frozenset((name,)) & self.fields

    @contextmanager
    def naming(self, named: Mapping[str, frozenset[str]]) -> Iterator[None]:
        """Let names come from somewhere else for a while."""
        before = {name: self.origins.get(name) for name in named}
        self.origins.update(named)
        try:
            yield
        finally:
            for name, origin in before.items():
                if origin is None:
                    self.origins.pop(name, None)
                else:
                    self.origins[name] = origin


def is_visible(text: str) -> bool:
    """Whether something of a text can be seen: neither white space, nor a control, format or filler character."""
    return any(
        # what Python has no name for yet may be a letter of a newer Unicode
        (character.isprintable() or unicodedata.category(character) == "Cn") and character not in _INVISIBLE
        for character in "".join(text.split())
    )


def find_unrendered(text: str, outputs: Sequence[Printed]) -> str | None:
    """The sign of a tag that a rendered text would show, people's values apart: they are looked at by themselves."""
    for output in sorted(outputs, key=lambda output: output.span or (0, 0), reverse=True):
        if output.span and output.fields:
            text = f"{text[: output.span[0]]}\0{text[output.span[1] :]}"
    found = UNRENDERED.search(text)
    return found.group()[:2] if found else None


def names_in(expressions: Iterable[Expression]) -> Iterator[str]:
    """The variables that expressions read."""
    for expression in walk_expressions(expressions):
        if isinstance(expression, Path) and isinstance(expression.path[0], str):
            yield str(expression.path[0])


def line_of(token: Token) -> int:
    """The line of its template that a token is on; the first is 1."""
    return token.source.count("\n", 0, max(token.start_index, 0)) + 1


def walk_expressions(expressions: Iterable[Expression]) -> Iterator[Expression]:
    """Expressions with all that they are made of."""
    for expression in expressions:
        yield expression
        yield from walk_expressions(expression.children())


def walk_nodes(nodes: Iterable[Node], context: RenderContext) -> Iterator[Node]:
    """Nodes with all that they are made of, partials apart."""
    for node in nodes:
        yield node
        yield from walk_nodes(node.children(context, include_partials=False), context)


# --- literals and comparisons ---------------------------------------------------------------------------


UNSET = Undefined("nil")
"""What filters get for nil: python-liquid writes the word "None" where it is None, and nothing where it is this."""


def nil_as_unset(value: object) -> object:
    """A value as filters get it."""
    return UNSET if value is None else value


class _NilIsBlank(Blank):
    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return other is None or super().__eq__(other)

    __hash__ = None  # type: ignore[assignment]


def _is_equal(token: Token, left: object, right: object, context: RenderContext) -> bool:
    """As python-liquid compares, and with what the reference implementation says of `blank`."""
    sides = [None if is_undefined(side) else side for side in (left, right)]
    if any(isinstance(side, Blank) for side in sides) and any(side is False for side in sides):
        return True
    return bool(EqExpression(token, *(Literal(token, side) for side in sides)).evaluate(context))


class Equals(EqExpression):
    """An equality that takes nil, blank and what is unset for the same."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        """Whether both sides are equal."""
        return _is_equal(self.token, self.left.evaluate(context), self.right.evaluate(context), context)


class _Ne(NeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return not _is_equal(self.token, self.left.evaluate(context), self.right.evaluate(context), context)


class _When(Expression):
    """The values of a `when`; how often it is rendered is how many of them are that of the `case`."""

    __slots__ = ("expressions", "left")

    def __init__(self, token: Token, left: Expression, expressions: list[Expression]) -> None:
        super().__init__(token)
        self.left = left
        self.expressions = expressions

    def __str__(self) -> str:
        return ", ".join(map(str, self.expressions))

    def evaluate(self, context: RenderContext) -> list[bool]:
        left = self.left.evaluate(context)
        return [_is_equal(self.token, left, right.evaluate(context), context) for right in self.expressions]

    def children(self) -> list[Expression]:
        return self.expressions


class _Filter(Filter):
    """A filter that gets nothing for nil."""

    __slots__ = ()

    def evaluate(self, left: object, context: RenderContext) -> object:
        return super().evaluate(nil_as_unset(left), context)

    def evaluate_args(self, context: RenderContext) -> tuple[list[object], dict[str, object]]:
        positional, named = super().evaluate_args(context)
        return [nil_as_unset(value) for value in positional], {
            name: nil_as_unset(value) for name, value in named.items()
        }


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, (str, int, float)) else None
    except (ValueError, OverflowError):
        return None


class _AsNumbers:
    """A comparison that falls back to numbers where a text meets one; a text that is none compares as false."""

    __slots__ = ()
    left: Expression
    right: Expression
    compare: Callable[[float, float], bool]

    def evaluate(self, context: RenderContext) -> object:
        try:
            return super().evaluate(context)  # type: ignore[misc]
        except LiquidTypeError:
            left, right = (_number(side.evaluate(context)) for side in (self.left, self.right))
            return left is not None and right is not None and self.compare(left, right)


class _Lt(_AsNumbers, LtExpression):
    __slots__ = ()
    compare = staticmethod(operator.lt)


class _Le(_AsNumbers, LeExpression):
    __slots__ = ()
    compare = staticmethod(operator.le)


class _Gt(_AsNumbers, GtExpression):
    __slots__ = ()
    compare = staticmethod(operator.gt)


class _Ge(_AsNumbers, GeExpression):
    __slots__ = ()
    compare = staticmethod(operator.ge)


class _Range(RangeLiteral):
    """A range that is no longer than a loop may be: filters would write it out."""

    __slots__ = ()

    def evaluate(self, context: RenderContext) -> range:
        found = super().evaluate(context)
        if len(found) > MAX_LOOPS:
            raise LoopIterationLimitError("loop iteration limit reached", token=self.token)
        return found


_OURS: Mapping[type, type] = {
    Blank: _NilIsBlank,
    RangeLiteral: _Range,
    EqExpression: Equals,
    NeExpression: _Ne,
    LtExpression: _Lt,
    LeExpression: _Le,
    GtExpression: _Gt,
    GeExpression: _Ge,
}


def _bounded(replace: Callable[..., Any]) -> Callable[..., Any]:
    """The filter `replace`, which could make a long text of a short one many times over."""

    @wraps(replace)
    def call(value: object, old: object, new: object = "") -> Any:
        if str(value).count(str(old)) * len(str(new)) > MAX_LOCALS:
            raise FilterArgumentError("the text would become too long", token=None)
        return replace(value, old, new)

    return call


# --- tags -----------------------------------------------------------------------------------------------


def _trace(context: RenderContext) -> Trace:
    """The rendering's trace; one that nobody looks at where a template is rendered without `render`."""
    found: Trace | None = context.globals.get(_TRACE)  # type: ignore[assignment]
    return Trace(frozenset()) if found is None else found


class _StrictIf(IfTag):
    mode = Mode.STRICT  # `{% else if x %}` is a mistake, not an else


class _StrictUnless(UnlessTag):
    mode = Mode.STRICT


def _print(node: OutputNode, context: RenderContext, buffer: TextIO) -> int:
    text = to_liquid_string(node.expression.evaluate(context), context.autoescape)
    trace = _trace(context)
    fields = trace.of([node.expression])
    for captured in trace.capturing:
        captured.update(fields)
    begin = buffer.tell()
    written = buffer.write(text)
    # what is captured is not printed yet
    if not trace.capturing:
        span = (begin, buffer.tell()) if buffer is trace.buffer else None
        name, line = context.template.name, line_of(node.token)
        unset = any(
            read not in trace.fields and context.resolve(read, token=node.token, default=None) is None
            for read in names_in([node.expression])
        )
        trace.printed.append(Printed(name, line, tuple(sorted(fields)), text, unset, span))
    return written


class _Block(BlockNode):
    """A block that counts what it renders: a loop may be short, and what it repeats long."""

    __slots__ = ()

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        trace.nodes += 1 + len(self.nodes)
        if trace.nodes > MAX_NODES:
            raise LoopIterationLimitError(
                f"more than {MAX_NODES:,} tags and texts would be rendered", token=self.token
            )
        return super().render_to_output(context, buffer)


class _OutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _print(self, context, buffer)


class _Output(Output):
    node_class = _OutputNode


class _EchoNode(EchoNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return _print(self, context, buffer)


class _Echo(EchoTag):
    node_class = _EchoNode


class _AssignNode(AssignNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        trace.origins[str(self.name)] = trace.of([self.expression])
        return super().render_to_output(context, buffer)


class _Assign(AssignTag):
    node_class = _AssignNode


class _CaptureNode(CaptureNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        trace.capturing.append(set())
        try:
            return super().render_to_output(context, buffer)
        finally:
            trace.origins[str(self.name)] = frozenset(trace.capturing.pop())


class _Capture(CaptureTag):
    node_class = _CaptureNode


class _ForNode(ForNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        with trace.naming({str(self.expression.identifier): trace.of([self.expression.iterable])}):
            return super().render_to_output(context, buffer)


class _For(ForTag):
    node_class = _ForNode


def _given(node: IncludeNode | RenderNode, trace: Trace) -> dict[str, frozenset[str]]:
    """Where the names that a partial is given come from."""
    named = {str(argument.name): trace.of([argument.value]) for argument in node.args}
    if node.var is not None:
        named[partial_variable(node)] = trace.of([node.var])
    return named


class _IncludeNode(IncludeNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        with trace.naming(_given(self, trace)):
            return super().render_to_output(context, buffer)


class _Include(IncludeTag):
    node_class = _IncludeNode


class _RenderNode(RenderNode):
    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        trace = _trace(context)
        # it sees what it is given and the merge fields, and none of the names around it
        outside, trace.origins = trace.origins, _given(self, trace)
        try:
            return super().render_to_output(context, buffer)
        finally:
            trace.origins = outside


class _Render(RenderTag):
    node_class = _RenderNode


class AbortNode(Node):
    """`{% abort_message %}`, with or without a reason."""

    __slots__ = ("reason",)

    def __init__(self, token: Token, reason: Expression | None) -> None:
        super().__init__(token)
        self.reason = reason
        self.blank = False

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        """End the rendering."""
        reason = self.reason.evaluate(context) if self.reason is not None else ""
        raise MessageAborted(to_liquid_string(reason, autoescape=False))

    def expressions(self) -> Iterable[Expression]:
        """Its reason, which nobody but the ESP's log sees, prints no field."""
        return ()


class _AbortTag(Tag):
    name = "abort_message"
    block = False
    node_class = AbortNode

    def parse(self, stream: TokenStream) -> Node:
        token = stream.current
        if stream.peek.kind != TOKEN_EXPRESSION:
            return AbortNode(token, None)
        # `()`, `('reason')`, or the reason alone
        next(stream)
        expression = stream.current
        reason = expression.value.strip()
        if reason.startswith("(") and reason.endswith(")"):
            reason = reason[1:-1].strip()
        if not reason:
            return AbortNode(token, None)
        tokens = TokenStream(tokenize(reason, expression))
        parsed = parse_primitive(self.env, tokens)
        tokens.expect_eos()
        return AbortNode(token, parsed)


# blocks whose content is no Liquid
_BLOCK_OF_TEXT = re.compile(r"\{%-?\s*(end)?(raw|doc|comment)\b[^%]*%\}")
# openings in comments that are closed nowhere: python-liquid looks for the end of each to the end of the text
_MAX_UNCLOSED = 20


def find_unclosed(source: str) -> int | None:
    """The first place behind the last end of its kind where an output, a tag, a raw or a doc block is opened.

    What stands in a raw, doc or comment block is only text, and may hold anything.
    """
    source = _without_texts(source)
    found = []
    for opening, closing in (("{{", "}}"), ("{%", "%}")):
        place = source.find(opening, source.rfind(closing) + 1)
        found += [place] if place >= 0 else []
    for name in ("raw", "doc"):
        ends = [match.start() for match in re.finditer(rf"\{{%-?\s*end{name}\b", source)]
        begins = re.finditer(rf"\{{%-?\s*{name}\b", source)
        found += [match.start() for match in begins if match.start() > (ends[-1] if ends else -1)][:1]
    return min(found, default=None)


def _without_texts(source: str) -> str:
    """The source with white space in place of what stands in raw, doc and comment blocks."""
    pieces, kept = [], 0
    name, depth, begin = "", 0, 0
    for match in _BLOCK_OF_TEXT.finditer(source):
        is_end, block = bool(match[1]), match[2]
        if not depth and not is_end:
            name, depth, begin = block, 1, match.end()
        elif depth and block == name and (is_end or name == "comment"):
            depth += -1 if is_end else 1
            text = source[begin : match.start()]
            if not depth and (name != "comment" or text.count("{{") + text.count("{%") <= _MAX_UNCLOSED):
                pieces += [source[kept:begin], " " * len(text)]
                kept = match.start()
    return "".join([*pieces, source[kept:]])


def partial_variable(node: IncludeNode | RenderNode) -> str:
    """The name that `with` gives a partial's value: the alias, or else the partial's own name."""
    return str(node.alias) if node.alias else str(getattr(node.name, "value", "")).split(".")[0]


_TAGS: Sequence[type[Tag]] = (
    *(_StrictIf, _StrictUnless, _Output, _Echo, _Assign),
    *(_Capture, _For, _Include, _Render, _AbortTag),
)


# --- the environment ------------------------------------------------------------------------------------


class MessageEnvironment(LiquidEnvironment):
    """Parses and renders messages; `partials` are the shared texts that `include` and `render` know, by name."""

    block_nesting_limit = MAX_NESTING
    loop_iteration_limit = MAX_LOOPS
    output_stream_limit = MAX_OUTPUT
    local_namespace_limit = MAX_LOCALS
    context_depth_limit = MAX_NESTING

    def __init__(self, partials: Mapping[str, str] | None = None) -> None:
        loader = CachingDictLoader(dict(partials or {}), auto_reload=False)
        super().__init__(tolerance=Mode.STRICT, strict_filters=True, loader=loader)
        for tag in _TAGS:
            self.add_tag(tag)
        self.add_filter("replace", _bounded(self.filters["replace"]))

    def from_string(
        self,
        source: str,
        name: str = "",
        path: str | FilePath | None = None,
        globals: Mapping[str, object] | None = None,
        matter: Mapping[str, object] | None = None,
    ) -> BoundTemplate:
        """Parse a template; LiquidError where it is none."""
        if (index := find_unclosed(source)) is not None:
            # python-liquid would look for the end from each opening to the end of the text, for hours
            token = Token(TOKEN_EXPRESSION, source[index : index + 2], index, source)
            raise LiquidSyntaxError("a tag that is opened here is never closed", token=token)
        template = super().from_string(source, name, path, globals, matter)
        context = RenderContext(template)
        for node in walk_nodes(template.nodes, context):
            if type(node) is BlockNode:
                node.__class__ = _Block
            for expression in walk_expressions(node.expressions()):
                # in place: whoever holds it, holds ours
                if (ours := _OURS.get(type(expression))) is not None:
                    expression.__class__ = ours
                if isinstance(expression, FilteredExpression):
                    for applied in expression.filters or ():
                        applied.__class__ = _Filter
            if isinstance(node, MultiExpressionBlockNode):
                when = node.expression
                node.expression = _When(when.token, when.left, when.expressions)  # type: ignore[assignment]
        return template


def render(
    template: BoundTemplate, values: Mapping[str, str | None], fields: Collection[str]
) -> tuple[str, Trace]:
    """Render a template for real, strictly; `fields` are the merge fields, and `values` those that are not blank.

    Raises LiquidError where it cannot be rendered, MessageAborted where it says that nothing must be sent.
    """
    trace = Trace(frozenset(fields))
    given: dict[str, Any] = {name: values.get(name) for name in fields}
    context = RenderContext(template, globals=template.make_globals({**given, _TRACE: trace}))
    buffer = context.get_buffer()
    trace.buffer = buffer
    template.render_with_context(context, buffer)
    return buffer.getvalue(), trace
