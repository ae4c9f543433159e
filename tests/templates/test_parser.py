"""Which merge fields a template prints and requires, as a table and as a property."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import StringIO
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from liquid.builtin.output import Output, OutputNode
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string
from sendworthy.templates.liquid import MAX_NESTING, MessageAborted, MessageEnvironment
from sendworthy.templates.parser import (
    MAX_TEMPLATE_BYTES,
    Language,
    Partial,
    TemplateAnalysis,
    analyse_template,
)

from tests.support.random_templates import NAMES, PRELUDE, templates
from tests.support.random_templates import PARTIALS as PARTIALS_OF_WRITER

FIELDS = ("first_name", "last_name", "city", "a", "b", "c")


# shared texts that the templates of the table may use; each stands on line 1 of its file
PARTIALS = {
    "hello": "Hello {{ a }}",
    "defended": "Hello {{ a | default: 'you' }}",
    "tested": "{% if a %}{{ a }}{% endif %}",
    "label": "{{ label }}",
    "assigns": "{% assign g = a %}",
    "sets_label": "{% assign label = 'x' %}{{ label }}",
    "nested": "{% include 'hello' %}",
    "endless": "{% include 'endless' %}",
}
LANGUAGE = Language(
    {name: Partial(f"campaigns/_partials/{name}.liquid", 1, text, text) for name, text in PARTIALS.items()}
)


def analyse(text: str, *, subject_required: bool = False) -> TemplateAnalysis:
    return analyse_template(
        text, "t.liquid", merge_fields=FIELDS, subject_required=subject_required, language=LANGUAGE
    )


# (template, printed fields, required fields); the names are single letters to keep the table readable
CASES = [
    ("Hello", "", ""),
    ("{{ a }}", "a", "a"),
    ("{{a}}", "a", "a"),
    ("{{ a | upcase }}", "a", "a"),
    ("{{ a | default: 'you' }}", "a", ""),
    ("{{ a | upcase | default: 'you' }}", "a", ""),
    ("{{ a | default: 'you' | upcase }}", "a", ""),
    ("{{ a | append: '!' | default: 'you' }}", "a", "a"),  # "!" is not blank: the default never fires
    ("{{ a | default: '' }}", "a", "a"),
    ("{{ a | default: ' ' }}", "a", "a"),
    ("{{ a | default }}", "a", "a"),
    ("{{ a | default: b }}", "a b", "b"),
    ("{{ a | default: b | default: 'you' }}", "a b", ""),
    ("{{ 'Hi ' | append: a }}", "a", "a"),
    ("{{ a | size }}", "a", "a"),
    ("{{ a.size }}", "a", "a"),
    ("{% echo a %}", "a", "a"),
    ("{% liquid echo a %}", "a", "a"),
    ("{% if a %}{{ a }}{% endif %}", "a", ""),
    ("{% if a %}x{% endif %}{{ a }}", "a", "a"),
    ("{% if a %}{{ b }}{% endif %}", "b", "b"),
    ("{% if a %}{{ a }}{% else %}{{ a }}{% endif %}", "a", "a"),
    ("{% unless a %}x{% else %}{{ a }}{% endunless %}", "a", ""),
    ("{% unless a %}{{ a }}{% endunless %}", "a", "a"),
    ("{% unless a == nil %}{{ a }}{% endunless %}", "a", ""),
    ("{% if a == nil %}x{% else %}{{ a }}{% endif %}", "a", ""),
    ("{% if a == nil %}x{% elsif b %}{{ a }}{{ b }}{% else %}{{ a }}{% endif %}", "a b", ""),
    ("{% if a != nil %}{{ a }}{% endif %}", "a", ""),
    ("{% if a != null %}{{ a }}{% endif %}", "a", ""),
    # A blank value reaches the renderer as nil; nil is blank, but it is neither empty nor "".
    ("{% if a != blank %}{{ a }}{% endif %}", "a", ""),
    ("{% if a == blank %}you{% else %}{{ a }}{% endif %}", "a", ""),
    ("{% unless a == blank %}{{ a }}{% endunless %}", "a", ""),
    ("{% if blank != a %}{{ a }}{% endif %}", "a", ""),
    ("{% case a %}{% when blank %}you{% else %}{{ a }}{% endcase %}", "a", ""),
    ("{% if a != blank or b %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a != empty %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a != '' %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a != nil and a != '' %}{{ a }}{% endif %}", "a", ""),
    ("{% if a == 'x' %}{{ a }}{% endif %}", "a", ""),
    ("{% if a != 'x' %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a contains 'x' %}{{ a }}{% endif %}", "a", ""),
    ("{% if a > 3 %}{{ a }}{% endif %}", "a", ""),
    ("{% if a and b %}{{ a }} {{ b }}{% endif %}", "a b", ""),
    ("{% if a or b %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a == 'x' or a == 'y' %}{{ a }}{% endif %}", "a", ""),
    ("{% if a and b or c %}{{ a }}{% endif %}", "a", ""),  # Liquid reads it as a and (b or c)
    ("{% if a or b and c %}{{ a }}{% endif %}", "a", "a"),
    ("{% if a %}{% if b %}{{ a }}{{ b }}{% endif %}{% endif %}", "a b", ""),
    ("{% case a %}{% when 'x' %}{{ a }}{% endcase %}", "a", ""),
    ("{% case a %}{% when 'x' %}{{ b }}{% else %}{{ a }}{% endcase %}", "a b", "a b"),
    ("{% case a %}{% when nil %}x{% else %}{{ a }}{% endcase %}", "a", ""),
    ("{% case a %}{% when 'x', nil %}{{ a }}{% endcase %}", "a", "a"),
    ("{% case a %}{% when b %}{{ a }}{% endcase %}", "a", "a"),  # both may be nil
    ("{% case b %}{% when 'x' %}y{% else %}{{ a }}{% endcase %}", "a", "a"),
    ("{% assign g = a %}{{ g }}", "a", "a"),
    ("{% assign g = a | default: 'you' %}{{ g }}", "a", ""),
    ("{% assign a = a | default: 'you' %}{{ a }}", "a", ""),
    ("{% assign g = a %}{% if g %}{{ g }}{% endif %}", "a", ""),
    ("{% assign g = a %}{% if a %}{{ g }}{% endif %}", "a", ""),
    (
        "{% if b %}{% assign g = a %}{% else %}{% assign g = 'x' %}{% endif %}{{ g | default: 'you' }}",
        "a",
        "",
    ),
    ("{% if b %}{% assign g = a %}{% else %}{% assign g = 'x' %}{% endif %}{{ g }}", "a", "a"),
    (
        "{% if b %}{% assign g = a %}{% else %}{% assign g = c %}{% endif %}{% if g %}{{ a }}{% endif %}",
        "a",
        "a",
    ),
    ("{% if b %}{% assign a = 'x' %}{% endif %}{{ a }}", "a", "a"),
    ("{% if a %}{% assign g = a %}{% else %}{% assign g = 'you' %}{% endif %}{{ g }}", "a", ""),
    ("{% capture g %}Hi {{ a }}{% endcapture %}{{ g }}", "a", "a"),
    ("{% capture g %}Hi {{ a }}{% endcapture %}x", "", ""),
    ("{% capture g %}{{ a }}{% endcapture %}{{ g | default: 'you' }}", "a", ""),
    ("{% capture g %}{{ a }}{% endcapture %}{% if g != '' %}{{ g }}{% endif %}", "a", ""),
    ("{% capture g %}{{ a }}{% endcapture %}{% if g %}{{ g }}{% endif %}", "a", "a"),  # '' is true in Liquid
    # White space in a block without output is not rendered, so g is '' here.
    (
        "{% capture g %}{% if true %} {% endif %}{% endcapture %}{% if g == '' %}{{ a }}{% endif %}",
        "a",
        "a",
    ),
    ("{% for i in a %}{{ i }}{% endfor %}", "a", ""),
    ("{% for i in (1..2) %}{{ a }}{% endfor %}", "a", "a"),
    ("{% for i in (2..1) %}{{ a }}{% endfor %}", "", ""),
    ("{% for i in a %}x{% else %}{{ a }}{% endfor %}", "a", "a"),
    ("{% for i in (1..2) %}{% assign g = a %}{% endfor %}{{ g }}", "a", "a"),
    ("{% assign g = 'x' %}{% for i in (1..3) %}{{ g }}{% assign g = a %}{% endfor %}", "a", "a"),
    ("{% for i in (1..3) %}{% if a == nil %}{% break %}{% endif %}{{ a }}{% endfor %}", "a", ""),
    ("{% for i in (1..3) %}{% assign g = a %}{% break %}{% assign g = 'x' %}{% endfor %}{{ g }}", "a", "a"),
    ("{% for a in (1..3) %}{{ a }}{% endfor %}", "", ""),
    ("{% assign l = a | split: ',' %}{% for i in l %}{{ i }}{% endfor %}", "a", ""),
    ("{% tablerow i in (1..2) %}{{ a }}{% endtablerow %}", "a", "a"),
    ("{% cycle a, 'x' %}", "a", "a"),
    ("{% ifchanged %}{{ a }}{% endifchanged %}", "a", "a"),
    ("{% increment n %}{{ n }}", "", ""),
    ("{% increment a %}", "", ""),  # counters live in a space of their own
    ("{% increment a %}{{ a }}", "a", "a"),
    ("{% comment %}{{ a }}{% endcomment %}", "", ""),
    ("{# {{ a }} #}", "a", "a"),  # no comment in Liquid
    ("{% if false %}{{ a }}{% endif %}", "", ""),
    ("{% include 'hello' %}", "a", "a"),
    ("{% render 'hello' %}", "a", "a"),
    ("{% include 'nested' %}", "a", "a"),
    ("{% include 'defended' %}", "a", ""),
    ("{% include 'tested' %}{% render 'tested' %}", "a", ""),
    ("{% if a %}{% include 'hello' %}{% endif %}", "a", ""),
    ("{% if b %}{% render 'hello' %}{% endif %}", "a", "a"),
    ("{% include 'label', label: a %}", "a", "a"),
    ("{% render 'label', label: b %}", "b", "b"),
    ("{% include 'label' with a as label %}", "a", "a"),
    ("{% render 'label', label: 'x' %}", "", ""),
    ("{% assign l = a | default: 'you' %}{% render 'label', label: l %}", "a", ""),
    ("{% include 'assigns' %}{{ g }}", "a", "a"),
    ("{% assign g = 'x' %}{% include 'assigns' %}{{ g }}", "a", "a"),
    ("{% assign g = 'x' %}{% render 'assigns' %}{{ g }}", "", ""),
    ("{% assign a = 'x' %}{% include 'hello' %}", "", ""),
    ("{% assign a = 'x' %}{% render 'hello' %}", "a", "a"),  # it sees the field, not the name around it
    # a name that only some people's message sets
    ("{% if a %}{% assign g = a %}{% endif %}Hello {{ g }}", "a", "a"),
    ("{% assign g = '' %}{% if a %}{% assign g = a %}{% endif %}Hello {{ g }}", "a", "a"),
    ("{% assign g = 'you' %}{% if a %}{% assign g = a %}{% endif %}Hello {{ g }}", "a", ""),
    ("{% if a %}{% assign g = a %}{% else %}{% assign g = 'you' %}{% endif %}Hello {{ g }}", "a", ""),
    ("{% if a %}{% assign g = a %}{% endif %}Hello {{ g | default: 'you' }}", "a", ""),
    ("{% capture g %}{% if a %} {{ a }}{% endif %}{% endcapture %}Hello{{ g }}!", "a", ""),
    ("{% case a %}{% when nil %}{% else %}{% assign g = a %}{% endcase %}Hello {{ g }}", "a", "a"),
    ("{% for i in a %}{% assign g = i %}{% endfor %}Hello {{ g }}", "a", "a"),
    ("{% if a %}{% include 'assigns' %}{% endif %}Hello {{ g }}", "a", "a"),
    ("{% if a %}{% assign g = 'x' %}{% endif %}{% if g %}{{ g }}{% endif %}", "", ""),
    ("{% if a and b %}{% assign g = a %}{% endif %}{{ g }}", "a b", "a b"),
    ("{{ a | default: '\u200b' }}", "a", "a"),
    ("{% for i in (1..1) %}{{ a | default: forloop.foo }}{% endfor %}", "a", "a"),
    ("{% for i in a %}{{ i }}{% else %}{% abort_message %}{% endfor %}x", "a", "a"),
    ("{% unless a %}{% assign g = 1 %}{% endunless %}{% if g %}{% abort_message %}{% endif %}x", "a", "a"),
    # a message that ends itself is not sent; whom it ends for, it is not for
    ("{% if a == blank %}{% abort_message('no name') %}{% endif %}{{ a }}", "a", "a"),
    ("{% if b == 'x' %}{% abort_message %}{% endif %}{{ a | default: 'you' }}", "a", ""),
    ("{% if b != 'x' %}{% abort_message %}{% endif %}{{ a | default: 'you' }}", "a b", "b"),
    ("{% unless a %}{% abort_message %}{% endunless %}{{ b | default: 'x' }}", "a b", "a"),
    ("{{ b | default: 'x' }}{% abort_message %}{{ a }}", "", ""),
    ("---\nsubject: '{{ a }}'\npreheader: '{{ b }}'\n---\n{{ c | default: 'x' }}", "a b c", "a b"),
    ("---\nsubject: '{% if a %}{{ a }}{% endif %}'\n---\n{{ a }}", "a", "a"),
]


@pytest.mark.parametrize(("template", "printed", "required"), CASES, ids=[case[0] for case in CASES])
def test_printed_and_required(template: str, printed: str, required: str) -> None:
    analysis = analyse(template)
    assert analysis.problems == []
    assert (analysis.printed, analysis.required) == (printed.split(), required.split())


def test_a_field_that_only_steers_is_needed_but_not_required() -> None:
    analysis = analyse("{% if a == 'x' %}yes{% endif %}{{ b }}")
    assert (analysis.printed, analysis.required, analysis.tested) == (["b"], ["b"], ["a"])
    assert analysis.needed == ["a", "b"]


def test_front_matter() -> None:
    lines = [
        "\ufeff---",
        'subject: "Hi {{ a }}"',
        "preheader: soon",
        "rank: 3",
        "dialect: liquid",
        "---",
        "Body",
        "",
    ]
    text = "\r\n".join(lines)
    analysis = analyse(text, subject_required=True)
    assert analysis.problems == []
    assert (analysis.subject, analysis.preheader, analysis.rank) == ("Hi {{ a }}", "soon", 3)
    assert analysis.body == "Body\n"


NESTED = "{% if a %}" * (MAX_NESTING + 1) + "x" + "{% endif %}" * (MAX_NESTING + 1)
LOOPS = (
    "{% for i in a %}{% assign p = q %}{% assign q = r %}{% assign r = s %}{% assign s = i %}" * MAX_NESTING
    + "{{ p }}"
    + "{% endfor %}" * MAX_NESTING
)

PROBLEMS = [
    ("{{ frist_name }}", "t.liquid:1", "frist_name", 'did you mean "first_name"?'),
    ("x\ny\n{{ nothing_like_it }}", "t.liquid:3", "nothing_like_it", "seeds/merge_fields.csv"),
    ("{{ user.first_name }}", "t.liquid:1", "user", 'did you mean "first_name"?'),
    ("{{ first_name.last }}", "t.liquid:1", "first_name", "write {{ first_name }}"),
    ("{{ [city] }}", "t.liquid:1", "city", "name the field"),
    ("x\n{{ a | upcas }}", "t.liquid:2", "body", 'did you mean "upcase"?'),
    ("x\n{% if a %}y", "t.liquid:2", "body", "needs its end"),
    ("x\n{% if a %}\n{% if b %}y{% endif %}\n\nz\n", "t.liquid:2", "body", "needs its end"),
    ("{% for i in (1..2) %}\n{% if a %}\ny\n{% endfor %}\n", "t.liquid:2", "body", "needs its end"),
    ("x\n{{ a", "t.liquid:2", "body", "needs its end"),
    ("x\n\n{% nonsense %}", "t.liquid:3", "body", "fix the tag"),
    ("{% if a %}x{% else if b %}y{% endif %}", "t.liquid:1", "body", "fix the tag"),
    ("{{ ${first_name} }}", "t.liquid:1", "body", "fix the tag"),
    ("x\n{% include 'helo' %}", "t.liquid:2", "include", 'did you mean "hello"?'),
    ("x\n{% render 'foot' %}", "t.liquid:2", "render", "add it to campaigns/_partials/"),
    ("x\n{% include a %}", "t.liquid:2", "include", "name it"),
    ("x\n{% include 'endless' %}", "campaigns/_partials/endless.liquid:1", "include", "include itself"),
    ("{% for x in (1..2) %}\n{% assign x = a %}{% endfor %}{{ x }}", "t.liquid:2", "x", "another name"),
    (
        "{% tablerow x in (1..2) %}\n{% capture x %}{{ a }}{% endcapture %}{% endtablerow %}{{ x }}",
        "t.liquid:2",
        "x",
        "another name",
    ),
    ("{% for i in (1..2) %}\n{% assign forloop = a %}{% endfor %}", "t.liquid:2", "forloop", "another name"),
    (
        "{% include 'sets_label', label: a %}",
        "campaigns/_partials/sets_label.liquid:1",
        "label",
        "another name",
    ),
    ("Hello\n*|FNAME|*", "t.liquid:2", "body", "dialect: mailchimp"),
    ("Hello {% raw %}{{ a }}{% endraw %}", "t.liquid:1", "body", "fill it in"),
    ("x\n{{ ${a} }}", "t.liquid:2", "body", "dialect: braze"),
    ("x\n{{#if a}}y{{/if}}", "t.liquid:2", "body", "dialect: handlebars"),
    ("x\n{% include 'label' %}", "campaigns/_partials/label.liquid:1", "label", "seeds/merge_fields.csv"),
    ("x\n{% for i in (1..1000000) %}y{% endfor %}", "t.liquid:2", "body", "may run 10,000 times"),
    (
        "x\n{% for i in (1..200) %}{% for j in (1..200) %}y{% endfor %}{% endfor %}",
        "t.liquid:2",
        "body",
        "10,000",
    ),
    (
        "{% assign x = 'xx' %}\n{% for i in (1..99) %}{% assign x = x | append: x %}{% endfor %}",
        "t.liquid:2",
        "body",
        "fix the ",
    ),
    ("---\nsubject: {{ a }}\n---\nx", "t.liquid:2", "subject", "double quotes"),
    ("---\nsubject: a: b\n---\nx", "t.liquid:2", "front matter", "double quotes"),
    ("---\n- a\n---\nx", "t.liquid:2", "front matter", "double quotes"),
    ("---\nsubject: a\nx", "t.liquid:1", "front matter", "put a line ---"),
    ("---\nsubjct: a\n---\nx", "t.liquid:2", "subjct", 'did you mean "subject"?'),
    ("---\nsubject: a\nsubject: b\n---\nx", "t.liquid:3", "subject", "the other is on line 2"),
    ("---\nsubject: |\n  a\n  b\n---\nx", "t.liquid:2", "subject", "on one line"),
    ("---\nsubject: a\nrank: first\n---\nx", "t.liquid:3", "rank", "0 to 999"),
    ("---\nsubject: a\ndialect: handelbars\n---\nx", "t.liquid:3", "dialect", 'did you mean "handlebars"?'),
    ("---\nsubject: '{{ frist_name }}'\n---\nx", "t.liquid:2", "frist_name", "first_name"),
    ("---\nsubject: a\n---\n\n", "t.liquid:4", "body", "write its text"),
    ("---\nsubject: a\n---\n\nx {{ frist_name }}", "t.liquid:5", "frist_name", "first_name"),
    ("x" * (MAX_TEMPLATE_BYTES + 1), "t.liquid", "template", "shorten"),
    (NESTED, "t.liquid:1", "body", "flatten"),
    ("{% if " + "a and " * 9000 + "a %}x{% endif %}", "t.liquid:1", "body", "split"),
]


@pytest.mark.parametrize(("text", "where", "key", "fix"), PROBLEMS, ids=[p[0][:40] for p in PROBLEMS])
def test_each_mistake_names_line_key_and_fix(text: str, where: str, key: str, fix: str) -> None:
    problems = analyse(text).problems
    assert len(problems) == 1, [str(p) for p in problems]
    assert problems[0].where == where
    assert key in problems[0].key
    assert fix in problems[0].fix


def test_an_email_needs_a_subject() -> None:
    assert [p.key for p in analyse("Hello", subject_required=True).problems] == ["subject"]
    assert analyse("Hello").problems == []


def test_deep_loops_end_in_a_result_or_a_problem() -> None:
    analysis = analyse(LOOPS)
    assert analysis.required == [] or analysis.problems  # and it comes to an end


# --- the property: what is called not required is never seen as a hole --------------------------------


@dataclass
class Hole:
    """Where an output came out with nothing in it."""

    shown: bool = False


class _HoleOutputNode(OutputNode):
    def render_to_output(self, context: RenderContext, buffer: StringIO) -> int:  # type: ignore[override]
        text = to_liquid_string(self.expression.evaluate(context), autoescape=False)
        return buffer.write(text if text.strip() else "<HOLE>")


class _HoleOutput(Output):
    node_class = _HoleOutputNode


WRITERS = Language(
    {name: Partial(f"{name}.liquid", 1, text, text) for name, text in PARTIALS_OF_WRITER.items()}
)
HOLES = MessageEnvironment(PARTIALS_OF_WRITER)
HOLES.add_tag(_HoleOutput)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(text=templates())
def test_a_field_that_is_not_required_never_leaves_a_hole(text: str) -> None:
    analysis = analyse_template(text, "t.liquid", merge_fields=FIELDS, language=WRITERS)
    # comparing a constant with a list or the like fails for everybody, and is said so
    assert all(problem.what.startswith("cannot be rendered") for problem in analysis.problems)
    assume(not analysis.problems)
    assert_no_hole(text, analysis)


# g and h are names of the template that no path sets
UNSET = "{% if false %}{% assign g = 'set' %}{% assign h = 'set' %}{% endif %}"


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(text=templates())
def test_a_name_that_nothing_has_set_leaves_no_hole_or_is_warned_of(text: str) -> None:
    text = UNSET + text.removeprefix(PRELUDE)
    analysis = analyse_template(text, "t.liquid", merge_fields=FIELDS, language=WRITERS)
    assume(not analysis.problems)
    assume(not any("nothing has set" in warning.what for warning in analysis.warnings))
    assert_no_hole(text, analysis)


def assert_no_hole(text: str, analysis: TemplateAnalysis) -> None:
    """Render with every field that is not required blank, and not."""
    template = HOLES.from_string(text)
    choices = [
        (name.upper(), "x") if name in analysis.required else (name.upper(), "x", None) for name in NAMES
    ]
    for values in product(*choices):
        given_values = dict(zip(NAMES, values, strict=True))
        try:
            message = template.render(**given_values)
        except (LiquidError, MessageAborted):
            continue  # a comparison of two kinds of things fails; then there is no message at all
        assert "<HOLE>" not in message, (text, given_values)


def test_the_property_can_fail() -> None:
    """The marker is seen when a required field is blank: the property above is not empty."""
    assert "<HOLE>" in HOLES.from_string("Hello {{ a | upcase }}").render(a=None)
    assert not re.search("HOLE", HOLES.from_string("Hello {{ a | upcase }}").render(a="x"))
