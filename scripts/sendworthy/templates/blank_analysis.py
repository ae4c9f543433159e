"""Follows one merge field through a Liquid template, to see where its value can come out.

The question "does some path print this field while it is blank?" is answered by running the template
on half-known values: the field in question is nil and *tainted*, every other field may be anything.
Conditions that the nil decides are decided; the others are taken both ways. A field whose taint reaches
the output is required. What this module does not understand counts as printed: the safe side.

The same walk answers three more questions, by what the field starts as: whether any value of it can come out
(`ANY_FIELD`); whether more of it matters than that it is there (`FILLED_FIELD`: does a condition test its value, may
a filter leave nothing of it?); and, with every field known, whether this very message shows a blank (`shows_blank`).

Comparisons and filters on known values are the renderer's own, called on constants, so that this analysis and
the renderer cannot disagree about nil, blank and empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from typing import Any, NamedTuple

from liquid import Environment as LiquidEnvironment
from liquid import RenderContext
from liquid.ast import BlockNode, Node
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import (
    BooleanExpression,
    Filter,
    FilteredExpression,
    Literal,
    LoopExpression,
    Nil,
    Path,
)
from liquid.builtin.expressions.logical import (
    ContainsExpression,
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LogicalAndExpression,
    LogicalOrExpression,
    LtExpression,
    NeExpression,
    is_truthy,
)
from liquid.builtin.expressions.primitive import Blank, Empty, RangeLiteral
from liquid.builtin.output import OutputNode
from liquid.builtin.tags.assign_tag import AssignNode
from liquid.builtin.tags.capture_tag import CaptureNode
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.comment_tag import CommentNode
from liquid.builtin.tags.cycle_tag import CycleNode
from liquid.builtin.tags.decrement_tag import DecrementNode
from liquid.builtin.tags.doc_tag import DocNode
from liquid.builtin.tags.for_tag import BreakNode, ContinueNode, ForNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.ifchanged_tag import IfChangedNode
from liquid.builtin.tags.include_tag import IncludeNode
from liquid.builtin.tags.increment_tag import IncrementNode
from liquid.builtin.tags.inline_comment_tag import InlineCommentNode
from liquid.builtin.tags.liquid_tag import LiquidNode
from liquid.builtin.tags.render_tag import RenderNode
from liquid.builtin.tags.tablerow_tag import TablerowNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.stringify import to_liquid_string
from liquid.undefined import is_undefined

from sendworthy.templates.liquid import AbortNode, Equals, is_visible, nil_as_unset, partial_variable

STEP_LIMIT = 25_000
"""Nodes visited for one field before the template is called too complex."""

MAX_PARTIALS = 10
"""How deep partials may include each other."""

_KNOWN_SIZE_LIMIT = 1_000
"""Longer constants are forgotten, so that no template can make this analysis grow without bound."""

_RENDER_ERRORS = (LiquidError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError, OSError)
"""What a filter or a comparison may raise for a value that does not suit it."""

_COMPARISONS = (
    EqExpression,
    NeExpression,
    LtExpression,
    LeExpression,
    GtExpression,
    GeExpression,
    ContainsExpression,
)
_ORDERINGS = (LtExpression, LeExpression, GtExpression, GeExpression, ContainsExpression)


class TooComplexError(Exception):
    """The template needs more steps than `STEP_LIMIT`."""


class Alt(NamedTuple):
    """One thing that a value may be: `value` when `known`; `tainted` when it carries the field.

    `solid` is a text that is not known, but that something can be seen of.
    """

    known: bool
    value: object
    tainted: bool
    solid: bool = False


Value = tuple[Alt, ...]
"""What a value may be: one alternative at most without the taint, and one at most with it."""

ANYTHING: Value = (Alt(False, None, False),)
NOTHING: Value = (Alt(True, None, False),)
BLANK_FIELD: Value = (Alt(True, None, True),)
ANY_FIELD: Value = (Alt(False, None, True),)
FILLED_FIELD: Value = (Alt(False, None, True, solid=True),)
FILLED: Value = (Alt(False, None, False, solid=True),)

KEEP_VISIBLE = frozenset(
    (
        *("append", "capitalize", "default", "downcase", "escape", "escape_once", "lstrip", "newline_to_br"),
        *("prepend", "rstrip", "strip", "strip_newlines", "upcase", "url_encode"),
    )
)
"""Filters that leave something to be seen of a text that something can be seen of."""

KEEP_LENGTH = frozenset(("append", "default", "lstrip", "prepend", "rstrip", "strip"))
"""Those whose result is as long as the lengths of their (trimmed) texts say."""

_COMBINATIONS_LIMIT = 64


@dataclass
class State:
    """Assigned names, and what has been put out so far, at one point of the template."""

    names: dict[str, Value] = field(default_factory=dict)
    out: Value = ANYTHING

    def copy(self) -> State:
        """The same state, to be changed apart."""
        return State(dict(self.names), self.out)


def _is_tainted(value: Value) -> bool:
    return any(alt.tainted for alt in value)


def _same_constant(a: object, b: object) -> bool:
    return type(a) is type(b) and a == b  # 1, 1.0 and True are three different constants here


def _merge(alternatives: Iterable[Alt]) -> Value:
    """At most one alternative without and one with the taint, in this order."""
    merged: dict[bool, Alt] = {}
    for alt in alternatives:
        before = merged.get(alt.tainted)
        if before is None:
            merged[alt.tainted] = alt
        elif not (before.known and alt.known and _same_constant(before.value, alt.value)):
            merged[alt.tainted] = Alt(False, None, alt.tainted, _is_solid(before) and _is_solid(alt))
    return tuple(merged[tainted] for tainted in sorted(merged))


def _same(a: Value, b: Value) -> bool:
    return len(a) == len(b) and all(
        (x.tainted, x.known, x.solid) == (y.tainted, y.known, y.solid)
        and (not x.known or _same_constant(x.value, y.value))
        for x, y in zip(a, b, strict=True)
    )


def _is_solid(alt: Alt) -> bool:
    """Whether it is a text, and something can be seen of it."""
    return alt.solid or (alt.known and isinstance(alt.value, str) and is_visible(alt.value))


def _bounded(value: object, tainted: bool) -> Alt:
    """A known value, or an unknown one when it is too large to carry along."""
    if is_undefined(value):
        return Alt(True, None, tainted)
    if value is None or isinstance(value, (bool, float, range, Blank, Empty)):
        return Alt(True, value, tainted)
    if isinstance(value, int):
        return Alt(abs(value) < 10**18, value if abs(value) < 10**18 else None, tainted)
    if isinstance(value, str):
        if len(value) <= _KNOWN_SIZE_LIMIT:
            return Alt(True, str(value), tainted)
        return Alt(False, None, tainted, solid=is_visible(value))
    if isinstance(value, list) and len(value) <= 100 and all(_small(item) for item in value):
        return Alt(True, value, tainted)
    return Alt(False, None, tainted)


def _small(item: object) -> bool:
    return item is None or isinstance(item, (bool, float)) or (isinstance(item, str) and len(item) <= 100)


def _text(value: Alt) -> str | None:
    """What a known value puts out; None when that is not known."""
    if not value.known:
        return None
    try:
        return to_liquid_string(value.value, autoescape=False)
    except _RENDER_ERRORS:
        return None


class FieldFlow:
    """One run through a template.

    Args:
        env: the environment that parsed the template (its filters are used on constants).
        values: what the followed merge fields are; every other one may be anything.
        keeping: the filters whose result stays solid.
        fields: all merge fields of the template; what is none of them is nil until it is set. None: any name may be one.
        unset: what that nil is: tainted, where it is to be followed.

    After `reaches_output`: `aborts` says whether a tainted value can lead to `{% abort_message %}`, and `wavers` whether
    more of a tainted value matters than that it is there: a condition could go either way for it, or what it leaves to
    be seen could be nothing.

    """

    def __init__(
        self,
        env: LiquidEnvironment,
        values: Mapping[str, Value],
        keeping: frozenset[str] = KEEP_VISIBLE,
        fields: Collection[str] | None = None,
        unset: Value = NOTHING,
    ) -> None:
        self._values = values
        self._fields = fields
        self._unset = unset
        self._keeping = keeping
        self._steps = 0
        self._partials: list[str] = []
        self._steered = 0
        self._loop_exits: list[list[State]] = []
        self._context = RenderContext(env.from_string(""))
        self.aborts = False
        self.may_abort = False
        self.wavers = False

    def reaches_output(self, nodes: Sequence[Node]) -> bool:
        """Whether a tainted value can come out of `nodes`; raises TooComplexError."""
        self._loop_exits = [[]]
        end = self._run(nodes, State())
        states = [*self._loop_exits[0], *([end] if end is not None else [])]
        return any(_is_tainted(state.out) for state in states)

    # --- states -----------------------------------------------------------------------------------

    def _lookup(self, state: State, name: str) -> Value:
        if name in state.names:
            return state.names[name]
        if name in self._values:
            return self._values[name]
        return ANYTHING if self._fields is None or name in self._fields else self._unset

    def _join(self, *states: State | None) -> State | None:
        live = [state for state in states if state is not None]
        if not live:
            return None
        first, *rest = live
        result = first.copy()
        for other in rest:
            for name in sorted(set(result.names) | set(other.names)):
                result.names[name] = _merge((*self._lookup(result, name), *self._lookup(other, name)))
            result.out = _merge((*result.out, *other.out))
        return result

    def _put(self, state: State, value: Value) -> State:
        def add(before: Alt, more: Alt) -> Alt:
            texts = _text(before), _text(more)
            tainted = before.tainted or more.tainted
            if texts[0] is None or texts[1] is None:
                return Alt(False, None, tainted, _is_solid(before) or _is_solid(more))
            return _bounded(texts[0] + texts[1], tainted)

        state.out = _merge(add(before, more) for before in state.out for more in value)
        return state

    # --- nodes ------------------------------------------------------------------------------------

    def _run(self, nodes: Iterable[Node], state: State | None) -> State | None:
        """The state after `nodes`; None when their end is not reached."""
        for node in nodes:
            if state is None:
                return None
            self._steps += 1
            if self._steps > STEP_LIMIT:
                raise TooComplexError
            state = self._visit(node, state)
        return state

    def _block(self, block: BlockNode, state: State) -> State | None:
        out = state.out
        end = self._run(block.nodes, state)
        if end is not None and block.blank:
            end.out = out  # white space in a block without any output is not rendered
        return end

    def _visit(self, node: Node, state: State) -> State | None:
        if isinstance(node, ContentNode):
            return self._put(state, (_bounded(node.text, False),))
        if isinstance(node, OutputNode):  # the echo tag too
            value = self._evaluate(node.expression, state)
            self._note(None, value, [alt.tainted and not _is_solid(alt) for alt in value])
            return self._put(state, value)
        if isinstance(node, (CommentNode, DocNode, InlineCommentNode)):
            return state
        if isinstance(node, BlockNode):
            return self._block(node, state)
        if isinstance(node, LiquidNode):
            return self._block(node.block, state)
        if isinstance(node, AssignNode):
            state.names[str(node.name)] = self._evaluate(node.expression, state)
            return state
        if isinstance(node, CaptureNode):
            return self._visit_capture(node, state)
        if isinstance(node, (IfNode, UnlessNode)):
            return self._visit_if(node, state)
        if isinstance(node, CaseNode):
            return self._visit_case(node, state)
        if isinstance(node, (ForNode, TablerowNode)):
            return self._visit_loop(node, state)
        if isinstance(node, (BreakNode, ContinueNode)):
            self._loop_exits[-1].append(state)
            return None
        if isinstance(node, (IncludeNode, RenderNode)):
            return self._visit_partial(node, state)
        if isinstance(node, AbortNode):
            self.may_abort = True
            self.aborts = self.aborts or self._steered > 0
            return None
        if isinstance(node, CycleNode):
            self.wavers = self.wavers or self._mentions_node(node, state)
            return self._put(state, _merge(alt for arg in node.args for alt in self._evaluate(arg, state)))
        if isinstance(node, (IncrementNode, DecrementNode)):
            return self._put(state, ANYTHING)  # counters have a space of their own, behind the fields
        if isinstance(node, IfChangedNode):
            end = self._block(node.block, state.copy())
            self.wavers = self.wavers or (end is not None and _is_tainted(end.out))
            if end is not None:
                end.out = _merge(Alt(False, None, alt.tainted) for alt in end.out)
            return end
        return self._visit_unknown(node, state)

    def _visit_capture(self, node: CaptureNode, state: State) -> State | None:
        out, exits = state.out, len(self._loop_exits[-1])
        state.out = (Alt(True, "", False),)
        end = self._block(node.block, state)
        for left in self._loop_exits[-1][exits:]:
            left.out = out  # a break inside a capture throws the captured text away
        if end is None:
            return None
        end.names[str(node.name)] = end.out
        end.out = out
        return end

    def _visit_if(self, node: IfNode | UnlessNode, state: State) -> State | None:
        branches: list[tuple[Expression, BlockNode, bool]] = [
            (node.condition, node.consequence, isinstance(node, IfNode))
        ]
        branches += [(alt.expression, alt.block, True) for alt in node.alternatives]
        ends: list[State | None] = []
        steering = False
        for condition, block, wanted in branches:
            truth = self._truth(condition, state)
            steering = steering or self._mentions(condition, state)
            with self._steering(steering):
                if truth is None or truth is wanted:
                    ends.append(self._block(block, state.copy()))
            if truth is wanted:
                joined = self._join(*ends)
                return self._left_blank(node, joined) if steering and joined is not None else joined
        with self._steering(steering):
            ends.append(self._block(node.default, state.copy()) if node.default else state)
        joined = self._join(*ends)
        return self._left_blank(node, joined) if steering and joined is not None else joined

    def _left_blank(self, node: Node, state: State) -> State:
        """A name that a tainted condition did not set, and that is blank now, is blank because of it."""
        for name in sorted(self._names_set_in(node)):
            state.names[name] = _merge(
                alt._replace(tainted=True) if alt.known and _is_nothing(alt.value) else alt
                for alt in self._lookup(state, name)
            )
        return state

    def _names_set_in(self, node: Node) -> set[str]:
        names = {str(node.name)} if isinstance(node, (AssignNode, CaptureNode)) else set()
        for child in node.children(self._context, include_partials=False):
            names |= self._names_set_in(child)
        return names

    @contextmanager
    def _steering(self, steering: bool) -> Iterator[None]:
        """What is visited inside is visited because of a tainted value, if `steering`."""
        self._steered += steering
        try:
            yield
        finally:
            self._steered -= steering

    def _visit_partial(self, node: IncludeNode | RenderNode, state: State) -> State | None:
        """A shared text: included, it shares all names; rendered, it knows what it is given and the merge fields."""
        name = str(getattr(node.name, "value", ""))
        try:
            nodes = self._context.env.get_template(name).nodes
        except LiquidError:
            return self._visit_unknown(node, state)
        if len(self._partials) >= MAX_PARTIALS:
            raise TooComplexError
        given = {str(argument.name): self._evaluate(argument.value, state) for argument in node.args}
        if node.var is not None:
            # a list would render it once for each of its items
            value = self._evaluate(node.var, state)
            given[partial_variable(node)] = (
                value
                if all(_is_solid(alt) or (alt.value is None and alt.known) for alt in value)
                else _unknown(_is_tainted(value))
            )
        self._partials.append(name)
        try:
            if isinstance(node, RenderNode):
                end = self._run(nodes, State(given, state.out))
                return None if end is None else State(state.names, end.out)
            before = {key: self._lookup(state, key) for key in given}
            state.names.update(given)
            end = self._run(nodes, state)
            if end is not None:
                end.names.update({key: _merge((*before[key], *self._lookup(end, key))) for key in given})
            return end
        finally:
            self._partials.pop()

    def _visit_case(self, node: CaseNode, state: State) -> State | None:
        # Every `when` that matches is rendered, once for each of its values that do; an `else` only
        # while nothing has matched.
        current: State | None = state
        matched: bool | None = False
        steering = self._mentions(node.expression, state)
        for block in node.blocks:
            if current is None:
                return None
            if not isinstance(block, MultiExpressionBlockNode):
                if matched is not True:
                    with self._steering(steering):
                        end = self._block(block, current.copy())
                    current = end if matched is False else self._join(current, end)
                continue
            left = self._evaluate(block.expression.left, current)
            for choice in block.expression.expressions:
                if current is None:
                    return None
                truth = self._compare(
                    Equals(choice.token, choice, choice), left, self._evaluate(choice, current)
                )
                steering = steering or self._mentions(choice, current)
                if truth is False:
                    continue
                with self._steering(steering):
                    end = self._block(block.block, current.copy())
                current = end if truth else self._join(current, end)
                matched = True if truth or matched else None
        return self._left_blank(node, current) if steering and current is not None else current

    def _visit_loop(self, node: ForNode | TablerowNode, state: State) -> State | None:
        expression: LoopExpression = node.expression
        items = self._evaluate(expression.iterable, state)
        steering = _is_tainted(items)
        for bound in (expression.limit, expression.offset, expression.cols):
            self.wavers = self.wavers or (bound is not None and self._mentions(bound, state))
        default = node.default if isinstance(node, ForNode) else None
        empty = self._is_empty(items)
        if empty is True:
            with self._steering(steering):
                return self._block(default, state) if default else state
        skipped: State | None = None
        if empty is None or expression.limit is not None or expression.offset is not None:
            with self._steering(steering):
                skipped = self._block(default, state.copy()) if default else state.copy()
        local = [expression.identifier, "forloop", "tablerowloop"]
        hidden = {name: state.names[name] for name in local if name in state.names}
        entry: State | None = state
        while True:
            assert entry is not None
            turn = entry.copy()
            turn.names.update({name: ANYTHING for name in local})
            turn.names[expression.identifier] = _unknown(_is_tainted(items))
            self._loop_exits.append([])
            with self._steering(steering):
                end = self._block(node.block, turn)
            ended = [end, *self._loop_exits.pop()]
            after = self._join(entry, *ended)
            assert after is not None
            for name in local:
                after.names.pop(name, None)
            after.names.update(hidden)
            if self._equal(entry, after):
                break
            entry = after
        if skipped is not None:
            return self._join(entry, skipped)
        # it ran once at least
        left = self._join(*ended)
        if left is not None:
            for name in local:
                left.names.pop(name, None)
            left.names.update(hidden)
        return left

    def _equal(self, a: State, b: State) -> bool:
        names = set(a.names) | set(b.names)
        return _same(a.out, b.out) and all(_same(self._lookup(a, n), self._lookup(b, n)) for n in names)

    def _is_empty(self, items: Value) -> bool | None:
        def of(alt: Alt) -> bool | None:
            if not alt.known:
                return False if alt.solid else None
            if isinstance(alt.value, (str, list, range)):
                return len(alt.value) == 0
            return True  # nothing else can be looped over

        empty = _agreed(of(alt) for alt in items)
        self._note(empty, items)
        return empty

    def _visit_unknown(self, node: Node, state: State) -> State:
        """A node of a later python-liquid: whatever it mentions may come out, and into its names."""
        tainted = self._mentions_node(node, state)
        for name in node.template_scope():
            state.names[str(name)] = _unknown(tainted)
        return self._put(state, _unknown(tainted))

    def _mentions_node(self, node: Node, state: State) -> bool:
        return any(self._mentions(e, state) for e in node.expressions()) or any(
            self._mentions_node(child, state)
            for child in node.children(self._context, include_partials=False)
        )

    # --- expressions ------------------------------------------------------------------------------

    def _mentions(self, expression: Expression, state: State) -> bool:
        if isinstance(expression, Path) and _is_tainted(self._evaluate_path(expression, state)):
            return True
        return any(self._mentions(child, state) for child in expression.children())

    def _truth(self, expression: Expression, state: State) -> bool | None:
        """True, False, or None when it can be either."""
        if isinstance(expression, BooleanExpression):
            return self._truth(expression.expression, state)
        if isinstance(expression, LogicalAndExpression):
            sides = (self._truth(expression.left, state), self._truth(expression.right, state))
            return False if False in sides else None if None in sides else True
        if isinstance(expression, LogicalOrExpression):
            sides = (self._truth(expression.left, state), self._truth(expression.right, state))
            return True if True in sides else None if None in sides else False
        if isinstance(expression, _COMPARISONS):
            left = self._evaluate(expression.left, state)
            right = self._evaluate(expression.right, state)
            return self._compare(expression, left, right)
        value = self._evaluate(expression, state)
        truth = _agreed(is_truthy(alt.value) if alt.known else True if alt.solid else None for alt in value)
        self._note(truth, value)
        return truth

    def _compare(self, expression: Any, left: Value, right: Value) -> bool | None:
        truth = _agreed(self._compare_one(expression, x, y) for x in left for y in right)
        self._note(truth, (*left, *right))
        return truth

    def _note(self, truth: bool | None, value: Value, unclear: Sequence[bool] | None = None) -> None:
        """Note whether more of a tainted value matters than that it is there."""
        if unclear is None:
            unclear = [truth is None and alt.tainted and not alt.known for alt in value]
        self.wavers = self.wavers or any(unclear)

    def _compare_one(self, expression: Any, left: Alt, right: Alt) -> bool | None:
        if isinstance(expression, _ORDERINGS) and any(v.known and v.value is None for v in (left, right)):
            return False  # nothing is greater, smaller or contained when one side is nil
        if isinstance(expression, (EqExpression, NeExpression)):
            for one, other in ((left, right), (right, left)):
                if one.solid and other.known and _is_nothing(other.value):
                    return isinstance(expression, NeExpression)
        if not (left.known and right.known):
            return None
        sides = _constant(expression, left), _constant(expression, right)
        try:
            return is_truthy(type(expression)(expression.token, *sides).evaluate(self._context))
        except _RENDER_ERRORS:
            return None

    def _evaluate(self, expression: Expression, state: State) -> Value:
        if isinstance(expression, Path):
            return self._evaluate_path(expression, state)
        if isinstance(expression, Nil):
            return NOTHING
        if isinstance(expression, (Blank, Empty)):
            return (Alt(True, expression, False),)
        if isinstance(expression, Literal):
            return (_bounded(expression.value, False),)
        if isinstance(expression, FilteredExpression):
            value = self._evaluate(expression.left, state)
            for applied in expression.filters or []:
                value = self._apply(applied, value, state)
            return value
        if isinstance(expression, RangeLiteral):
            starts, stops = self._evaluate(expression.start, state), self._evaluate(expression.stop, state)
            return _merge(self._range(expression, start, stop) for start in starts for stop in stops)
        return _unknown(self._mentions(expression, state))

    def _range(self, expression: RangeLiteral, start: Alt, stop: Alt) -> Alt:
        tainted = start.tainted or stop.tainted
        if not (start.known and stop.known):
            return Alt(False, None, tainted)
        sides = _constant(expression, start), _constant(expression, stop)
        try:
            return Alt(True, RangeLiteral(expression.token, *sides).evaluate(self._context), tainted)
        except _RENDER_ERRORS:
            return Alt(False, None, tainted)

    def _evaluate_path(self, path: Path, state: State) -> Value:
        head, *rest = path.path
        if isinstance(head, Path):  # {{ [name] }}: which variable that is, only the renderer knows
            return _unknown(True)
        value = self._lookup(state, str(head))
        inner = any(_is_tainted(self._evaluate_path(p, state)) for p in rest if isinstance(p, Path))
        if not rest:
            return value
        return _merge(
            alt if alt.known and alt.value is None and not inner else Alt(False, None, alt.tainted or inner)
            for alt in value
        )

    def _apply(self, applied: Filter, left: Value, state: State) -> Value:
        names = [getattr(argument, "name", None) for argument in applied.args]
        values = [self._evaluate(argument.value, state) for argument in applied.args]
        combinations = len(left)
        for value in values:
            combinations *= len(value)
        if combinations > _COMBINATIONS_LIMIT:
            return _unknown(any(_is_tainted(value) for value in (left, *values)))
        one = self._apply_default if applied.name == "default" else self._apply_one
        results: list[Alt] = []
        for first, *arguments in product(left, *values):
            positional = [alt for name, alt in zip(names, arguments, strict=True) if not name]
            keywords = {str(name): alt for name, alt in zip(names, arguments, strict=True) if name}
            results.extend(one(applied, first, positional, keywords))
        return _merge(results)

    def _apply_one(
        self, applied: Filter, left: Alt, positional: list[Alt], keywords: dict[str, Alt]
    ) -> Value:
        alternatives = [left, *positional, *keywords.values()]
        tainted = any(alt.tainted for alt in alternatives)
        if not all(alt.known and not isinstance(alt.value, range) for alt in alternatives):
            solid = applied.name in self._keeping and any(_is_solid(alt) for alt in (left, *positional))
            # what it makes of the value may be nothing, or an error
            self.wavers = self.wavers or (tainted and applied.name not in self._keeping)
            return (Alt(False, None, tainted, solid),)
        if applied.name == "date" and left.value in ("now", "today"):
            return _unknown(tainted)  # the wall clock is no constant
        try:
            result = self._context.filter(applied.name, token=applied.token)(
                nil_as_unset(left.value),
                *[nil_as_unset(alt.value) for alt in positional],
                **{name: nil_as_unset(alt.value) for name, alt in keywords.items()},
            )
        except _RENDER_ERRORS:  # what it would print then, nobody can know
            return _unknown(tainted)
        return (_bounded(result, tainted),)

    def _apply_default(
        self, applied: Filter, left: Alt, positional: list[Alt], keywords: dict[str, Alt]
    ) -> Value:
        """`default` drops the taint of a blank that it replaces by something visible."""
        other = positional[0] if positional else Alt(True, "", False)
        text = _text(other)
        fallback = applied.args[0].value if applied.args else None
        is_name = isinstance(fallback, Path) and len(fallback.path) == 1
        # replaced by nothing, or by who knows what: still a hole (another field answers for itself)
        if not is_visible(text) if text is not None else not (other.solid or is_name):
            other = other._replace(tainted=left.tainted or other.tainted)
        if left.solid:
            return (left,)
        if not left.known or not all(alt.known for alt in keywords.values()):
            return left, other
        marker = object()
        try:
            result = self._context.filter("default", token=applied.token)(
                nil_as_unset(left.value), marker, **{name: alt.value for name, alt in keywords.items()}
            )
        except _RENDER_ERRORS:
            return left, other
        return (other,) if result is marker else (left,)


def _is_nothing(value: object) -> bool:
    """Whether a constant is one of those that no visible text equals."""
    return (
        value is None or isinstance(value, (Blank, Empty)) or (isinstance(value, str) and not value.strip())
    )


def _unknown(tainted: bool) -> Value:
    return (Alt(False, None, tainted),)


def _agreed(truths: Iterable[bool | None]) -> bool | None:
    """The one answer that all give; None when they differ or one does not know."""
    answers = set(truths)
    return answers.pop() if len(answers) == 1 else None


def _constant(near: Expression, alt: Alt) -> Expression:
    if isinstance(alt.value, (Blank, Empty)):
        return alt.value
    if alt.value is None:
        return Nil(near.token)
    return Literal(near.token, alt.value)


def required_and_printed(
    env: LiquidEnvironment, nodes: Sequence[Node], names: Iterable[str]
) -> tuple[list[str], list[str]]:
    """(names that are printed, or end the message, while blank on some path; names that can be printed at all), sorted.

    Raises TooComplexError when the template needs more than `STEP_LIMIT` steps for one name.
    """
    names = sorted(set(names))
    unset = _leave_unset(env, nodes, names)
    required = []
    for name in names:
        flow = FieldFlow(env, {name: BLANK_FIELD}, fields=names)
        comes_out = flow.reaches_output(nodes)
        filled = FieldFlow(env, {name: FILLED_FIELD}, fields=names)
        if flow.may_abort:
            filled.reaches_output(nodes)
        if comes_out or flow.aborts or (flow.may_abort and not filled.may_abort) or name in unset:
            required.append(name)
    printed = [
        name for name in names if FieldFlow(env, {name: ANY_FIELD}, fields=names).reaches_output(nodes)
    ]
    return required, sorted({*required, *printed})


def prints_unset(
    env: LiquidEnvironment, nodes: Sequence[Node], fields: Collection[str], blank: Collection[str] = ()
) -> bool:
    """Whether some path prints a name that nothing has set, where only the fields `blank` are; raises TooComplexError."""
    values = {name: NOTHING if name in blank else FILLED for name in fields}
    return FieldFlow(env, values, fields=fields, unset=BLANK_FIELD).reaches_output(nodes)


def _leave_unset(env: LiquidEnvironment, nodes: Sequence[Node], names: Sequence[str]) -> set[str]:
    """The fields whose blank leaves a name unset that is printed."""
    if not FieldFlow(env, {}, fields=names, unset=BLANK_FIELD).reaches_output(nodes):
        return set()
    if prints_unset(env, nodes, names):
        # nobody's blank is to blame, or not it alone: the caller is warned
        return set()
    alone = {name for name in names if prints_unset(env, nodes, names, [name])}
    # no blank alone: all together, if at all
    return alone or (set(names) if prints_unset(env, nodes, names, names) else set())


def compared_and_measured(
    env: LiquidEnvironment, nodes: Sequence[Node], names: Iterable[str], *, is_measured: bool = False
) -> tuple[list[str], list[str]]:
    """(names of which more matters than that they are there, names whose length matters), sorted.

    With `is_measured`, the length of what `nodes` print matters, as a subject's does. Raises TooComplexError.
    """
    compared, measured = [], []
    names = sorted(set(names))
    for name in names:
        keeping = KEEP_LENGTH if is_measured else KEEP_VISIBLE
        flow = FieldFlow(env, {name: FILLED_FIELD}, keeping, fields=names)
        comes_out = flow.reaches_output(nodes)
        if flow.wavers:
            compared.append(name)
        elif comes_out and is_measured:
            measured.append(name)
    return compared, measured


def shows_blank(env: LiquidEnvironment, nodes: Sequence[Node], values: Mapping[str, str | None]) -> bool:
    """Whether a message with just these values shows a blank one, even inside other text; raises TooComplexError."""
    known: dict[str, Value] = {
        name: BLANK_FIELD if value is None else (Alt(True, value, False),) for name, value in values.items()
    }
    return FieldFlow(env, known, fields=known).reaches_output(nodes)
