"""One message of each kind stands for all: the proof says what rendering every message says, and sees every fault."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sendworthy.audit.render_check import (
    Messages,
    Pattern,
    Rendering,
    describe_faults,
    judge,
    prove,
    render_message,
)
from sendworthy.templates.parser import Language, Partial, TemplateAnalysis, analyse_template

from tests.support.random_templates import NAMES, PARTIALS, templates

LANGUAGE = Language({name: Partial(f"{name}.liquid", 1, text, text) for name, text in PARTIALS.items()})
# what people's values may be: nothing, what templates compare with, and other texts, some of them of one length
VALUES = (None, "x", "A", "B", "Ann", "Bob", "7")


def analyse(text: str) -> TemplateAnalysis:
    return analyse_template(text, "t.liquid", merge_fields=NAMES, language=LANGUAGE)


def kind_of(template: TemplateAnalysis, values: Mapping[str, str | None]) -> tuple[str, ...]:
    """What `render_key` of audit.audit_merge_values says of each field."""

    def key(name: str) -> str:
        value = values.get(name)
        if value is None:
            return "-"
        if name in template.compared:
            return f"={value}"
        return f"#{len(value)}" if name in template.measured else "+"

    return tuple(key(name) for name in template.needed)


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(subject=st.one_of(st.just(""), templates()), body=templates(), limit=st.integers(4, 20))
def test_messages_of_one_kind_have_the_same_faults(subject: str, body: str, limit: int) -> None:
    quoted = subject.replace('"', "'")
    template = analyse(f'---\nsubject: "{quoted}"\n---\n{body}')
    assume(not template.problems)
    seen: dict[tuple[str, ...], tuple[Mapping[str, str | None], object]] = {}
    for choice in product(VALUES, repeat=len(NAMES)):
        values = dict(zip(NAMES, choice, strict=True))
        if any(values[name] is None for name in template.required if name in values):
            continue
        rendering, faults = judge(template, values, limit)
        verdict = (faults, rendering is not None and rendering.aborted)
        first, expected = seen.setdefault(kind_of(template, values), (values, verdict))
        assert verdict == expected, (first, values, template.compared, template.measured)
        # whose required fields are all there never shows a blank
        assert not [fault for fault in faults if "blank" in fault.what], (values, faults)


def test_the_property_can_fail() -> None:
    """Telling fewer kinds apart than there are is seen."""
    template = analyse("{% if a == 'x' %}{{ b }}{% else %}{{ a | remove: 'A' }}!{% endif %}")
    assert template.compared == ["a"]
    verdicts = {value: judge(template, {"a": value, "b": "Ann"}, 150)[1] for value in ("A", "B", "x")}
    assert len({tuple(faults) for faults in verdicts.values()}) > 1


FIELDS_THAT_MATTER = [
    # template, compared, measured
    ("{{ a }}", "", ""),
    ("{{ a | upcase | append: '!' }}", "", ""),
    ("{% if a %}x{% endif %}", "", ""),
    ("{% if a != blank and b != '' %}x{% endif %}", "", ""),
    ("{% unless a == nil %}x{% endunless %}", "", ""),
    ("{% if a == 'x' %}x{% endif %}", "a", ""),
    ("{% if a contains 'x' %}x{% endif %}", "a", ""),
    ("{% if a > 100 %}x{% endif %}", "a", ""),
    ("{% if a == b %}x{% endif %}", "a b", ""),
    ("{% case a %}{% when 'x' %}x{% endcase %}", "a", ""),
    ("{% case a %}{% when nil %}x{% endcase %}", "", ""),
    ("{{ a | truncate: 3 }}", "a", ""),
    ("{{ a | remove: 'x' }}", "a", ""),
    ("{{ a | plus: 1 }}", "a", ""),
    ("{{ a | default: b }}", "", ""),
    ("{% assign g = a | split: ',' | first %}{{ g }}", "a", ""),
    ("{% assign g = a | upcase %}{% if g %}{{ g }}{% endif %}", "", ""),
    ("{% capture g %}{{ a }}{% endcapture %}{% if g == 'x' %}x{% endif %}", "a", ""),
    ("{% for i in a %}{{ i }}{% endfor %}", "a", ""),
    ("{% assign g = a | plus: 0 %}{% for i in (1..9) limit: g %}x{% endfor %}", "a", ""),
    ("{% assign g = a | plus: 5 %}{% assign h = 10 | divided_by: g %}x", "a", ""),
    ("{% ifchanged %}{{ a }}{% endifchanged %}{% ifchanged %}{{ b }}{% endifchanged %}", "a b", ""),
    ("{% cycle a: 'x', 'yyy' %}{% cycle b: 'x', 'yyy' %}", "a b", ""),
    ("---\nsubject: '{{ a }}'\n---\nx", "", "a"),
    ("---\nsubject: 'For {{ a | default: b }}'\n---\n{{ c }}", "", "a b"),
    ("---\nsubject: '{{ a | append: b }}'\n---\nx", "", "a b"),
    ("---\nsubject: '{{ a | upcase }}'\n---\nx", "a", ""),  # ß becomes SS
    ("---\nsubject: '{% if a %}x{% endif %}y'\n---\n{{ a }}", "", ""),
    ("---\nsubject: 'x'\npreheader: '{{ a }}'\n---\nx", "", ""),
]


@pytest.mark.parametrize(("text", "compared", "measured"), FIELDS_THAT_MATTER)
def test_what_of_a_field_matters(text: str, compared: str, measured: str) -> None:
    template = analyse(text)
    assert template.problems == []
    assert (template.compared, template.measured) == (compared.split(), measured.split())


FAULTS = [
    # template, values, the line of the fault, words of it
    (
        "x\n{% if a %}{% assign g = 'y' %}{% endif %}{{ g }}",
        {"a": None},
        "t.liquid:2",
        "name that nothing has set",
    ),
    ("Hello\n{{ a }}", {"a": None}, "t.liquid:2", "a blank a would be printed"),
    ("{% assign g = a | upcase %}\n{{ g }}", {"a": None}, "t.liquid:2", "a blank a would be printed"),
    (
        "{% capture g %}{{ a }}{% endcapture %}\n\n{{ g }}",
        {"a": None},
        "t.liquid:3",
        "a blank a would be printed",
    ),
    ("{{ a | append: b }}", {"a": None, "b": None}, "t.liquid:1", "a blank a and b would be printed"),
    ("{{ a | remove: 'x' }}", {"a": "x"}, "t.liquid:1", "a blank a would be printed"),
    ("{{ a | append: '!' }}", {"a": None}, "t.liquid", "inside other text"),
    ("{% include 'shows' %}", {"a": None}, "shows.liquid:1", "a blank a would be printed"),
    ("{% raw %}{{ a }}{% endraw %}{{ b }}", {"b": "x"}, "t.liquid", "not filled in"),
    ("x\n*|FNAME|*{{ b }}", {"b": "x"}, "t.liquid", "not filled in"),
    ("Dear [[name]]{{ b }}", {"b": "x"}, "t.liquid", "not filled in"),
    ("Dear %%name%%{{ b }}", {"b": "x"}, "t.liquid", "not filled in"),
    (
        "---\nsubject: '{{ a | default: \" \" }}'\n---\nx",
        {"a": None},
        "t.liquid:2",
        "the subject would be empty",
    ),
    (
        "---\nsubject: '{% if a %}x{% endif %}'\n---\nx",
        {"a": None},
        "t.liquid:2",
        "the subject would be empty",
    ),
    (
        "---\nsubject: x\n---\n{% case a %}{% when 'de' %}Hallo{% endcase %}",
        {"a": "fr"},
        "t.liquid:4",
        "body would be empty",
    ),
    (" \u200b {% if a %}x{% endif %}", {"a": None}, "t.liquid:1", "the body would be empty"),
    ("---\nsubject: 'Hello {{ a }}'\n---\nx", {"a": "y" * 145}, "t.liquid:2", "longer than 150"),
    (
        "{% if a <= b %}x{% endif %}{{ a | divided_by: b }}",
        {"a": "1", "b": "0"},
        "t.liquid",
        "cannot be rendered",
    ),
]


@pytest.mark.parametrize(("text", "values", "where", "what"), FAULTS)
def test_a_fault_is_found_and_reported_with_its_line(
    text: str, values: dict[str, str | None], where: str, what: str
) -> None:
    template = analyse(text)
    assert template.parts, template.problems
    _, faults = judge(template, values, 150)
    assert [(fault.where, True) for fault in faults if what in fault.what] == [(where, True)], faults
    # nobody's value is in the words
    assert not [value for value in values.values() if value and len(value) > 9 and value in str(faults)]


NO_FAULTS = [
    ("{{ a | default: 'you' }}", {"a": None}),
    ("Hello{% if a %} {{ a }}{% endif %}", {"a": None}),
    ("<img src='x.png'>{% if a %}{{ a }}{% endif %}", {"a": None}),
    ("{% capture g %}{{ a }}{% endcapture %}{{ g | default: 'you' }}", {"a": None}),
    ("{% assign g = '' %}{{ g }}{{ a }}", {"a": "Ann"}),  # no field's blank
    ("{{ a }}", {"a": "\u674e"}),
    ("{{ a }}", {"a": "\U00011f04\U00011f05"}),  # letters that are younger than this Python may be
    # what stands around a value makes no tag of it: a value with a tag's signs in it is blank
    ("[{{ a }}]", {"a": "[Ann]"}),
    ("%%{{ a }}%%", {"a": "Ann"}),
    ("<style>@media x {p {color: red}}</style>{{ a }}", {"a": "Ann"}),
    ("---\nsubject: 'Hello {{ a }}'\n---\nx", {"a": "y" * 144}),
]


@pytest.mark.parametrize(("text", "values"), NO_FAULTS)
def test_what_is_in_order_has_no_fault(text: str, values: dict[str, str | None]) -> None:
    assert judge(analyse(text), values, 150)[1] == []


def test_a_message_that_ends_itself_is_counted_and_no_fault() -> None:
    template = analyse("{% if a == 'x' %}{% abort_message('not for x') %}{% endif %}{{ b }}")
    messages = Messages({("c", "v"): template}, 150)
    patterns = [
        Pattern("c", "v", "1", 30, {"a": "x", "b": "Ann"}),
        Pattern("c", "v", "2", 12, {"a": "y", "b": "Ann"}),
    ]
    proof = prove(patterns, messages)
    assert (proof.aborted, proof.faults, len(proof.proven)) == ({"c": 30}, {}, 2)
    rendering = render_message(template, {"a": "x", "b": "Ann"})
    assert rendering == Rendering({}, {}, "not for x")


def test_what_cannot_be_looked_at_is_not_proven() -> None:
    messages = Messages({("c", "v"): analyse("{{ a }}"), ("c", "broken"): analyse("{% if %}")}, 150)
    patterns = [
        Pattern("c", "v", "fine", 5, {"a": "Ann"}),
        Pattern("c", "v", "unreadable", 1, None),
        Pattern("c", "broken", "k", 2, {}),
        Pattern("c", "gone", "k", 3, {}),
        Pattern("d", "v", "k", 4, {}),
    ]
    proof = prove(patterns, messages)
    assert proof.proven == [("c", "v", "fine")]
    assert describe_faults(proof.faults["c"]) == [
        "campaigns/c: there is no template 'gone' to render (3 messages)",
        "campaigns/c: there is no template 'broken' to render (2 messages)",
        "marts.send_list: the merge values cannot be read (1 messages)",
    ]
    assert set(proof.faults) == {"c", "d"}
