"""The same message in every dialect: the same fields printed and required, and the same rendering."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from sendworthy.audit.render_check import judge, render_message
from sendworthy.settings.seed_files import read_merge_tags
from sendworthy.templates.dialects import DIALECTS
from sendworthy.templates.parser import Language, Partial, TemplateAnalysis, analyse_template

PROJECT = Path(__file__).resolve().parents[2]
FIELDS = ("first_name", "city", "favorite_category")
FOOTER = "Bye{% if city %} to {{ city }}{% endif %}"
LANGUAGE = Language({"footer": Partial("footer.liquid", 1, FOOTER, FOOTER)}, read_merge_tags(PROJECT))


def analyse(dialect: str, body: str) -> TemplateAnalysis:
    text = f"---\ndialect: {dialect}\n---\n{body}"
    return analyse_template(text, "t.liquid", merge_fields=FIELDS, language=LANGUAGE)


# what it is; printed fields; required fields; then the text in each dialect that can say it
MESSAGES = [
    (
        "a name, bare",
        "first_name",
        "first_name",
        {
            "liquid": "Hello {{ first_name }}",
            "braze": "Hello {{${first_name}}}",
            "mailchimp": "Hello *|FNAME|*",
            "handlebars": "Hello {{first_name}}",
        },
    ),
    (
        "a name in a filter that passes its blank on",
        "first_name",
        "first_name",
        {
            "liquid": "{{ first_name | upcase }}",
            "braze": "{{ ${first_name} | upcase }}",
            "mailchimp": "*|UPPER:FNAME|*",
            "handlebars": "{{uppercase first_name}}",
        },
    ),
    (
        "a name with a default",
        "first_name",
        "",
        {
            "liquid": "Hello {{ first_name | default: 'you' }}",
            "braze": "Hello {{${first_name} | default: 'you'}}",
            "mailchimp": "Hello *|IF:FNAME|**|FNAME|**|ELSE:|*you*|END:IF|*",
            "handlebars": 'Hello {{defaultIfEmpty first_name "you"}}',
        },
    ),
    (
        "SendGrid's way to a default",
        "first_name",
        "",
        {
            "liquid": "Hello {{ first_name | default: 'you' }}",
            "handlebars": 'Hello {{insert first_name "default=you"}}',
        },
    ),
    (
        "a name inside its own condition",
        "first_name",
        "",
        {
            "liquid": "Hi{% if first_name %} {{ first_name }}{% endif %}!",
            "braze": "Hi{% if ${first_name} != blank %} {{${first_name}}}{% endif %}!",
            "mailchimp": "Hi*|IF:FNAME|* *|FNAME|**|END:IF|*!",
            "handlebars": "Hi{{#if first_name}} {{first_name}}{{/if}}!",
        },
    ),
    (
        "braces inside a tag",
        "first_name",
        "",
        {
            "liquid": "{% if first_name == blank %}you{% else %}{{ first_name }}{% endif %}",
            "braze": "{% if {{${first_name}}} == blank %}you{% else %}{{${first_name}}}{% endif %}",
            "mailchimp": "*|IFNOT:FNAME|*you*|ELSE:|**|FNAME|**|END:IF|*",
            "handlebars": "{{#unless first_name}}you{{else}}{{first_name}}{{/unless}}",
        },
    ),
    (
        "another field's condition",
        "first_name",
        "first_name",
        {
            "liquid": "{% if city %}{{ first_name }}{% endif %}",
            "braze": "{% if ${city} %}{{${first_name}}}{% endif %}",
            "mailchimp": "*|IF:CITY|**|FNAME|**|END:IF|*",
            "handlebars": "{{#if city}}{{first_name}}{{/if}}",
        },
    ),
    (
        "one or the other",
        "city first_name",
        "",
        {
            "liquid": "{% if first_name %}{{ first_name }}{% elsif city %}{{ city }}{% else %}you{% endif %}",
            "braze": "{% if ${first_name} %}{{${first_name}}}{% elsif ${city} %}{{${city}}}{% else %}you{% endif %}",
            "mailchimp": "*|IF:FNAME|**|FNAME|**|ELSEIF:CITY|**|CITY|**|ELSE:|*you*|END:IF|*",
            "handlebars": "{{#if first_name}}{{first_name}}{{else if city}}{{city}}{{else}}you{{/if}}",
        },
    ),
    (
        "one of two",
        "first_name",
        "first_name",
        {
            "liquid": "{% if first_name or city %}{{ first_name }}{% endif %}",
            "braze": "{% if ${first_name} or ${city} %}{{${first_name}}}{% endif %}",
            "handlebars": "{{#or first_name city}}{{first_name}}{{/or}}",
        },
    ),
    (
        "both",
        "city first_name",
        "",
        {
            "liquid": "{% if first_name and city %}{{ first_name }} of {{ city }}{% endif %}",
            "braze": "{% if ${first_name} and ${city} %}{{${first_name}}} of {{${city}}}{% endif %}",
            "mailchimp": "*|IF:FNAME|**|IF:CITY|**|FNAME|* of *|CITY|**|END:IF|**|END:IF|*",
            "handlebars": "{{#and first_name city}}{{first_name}} of {{city}}{{/and}}",
        },
    ),
    (
        "a value that is tested",
        "city",
        "",
        {
            "liquid": "{% if city == 'Ulm' %}near {{ city }}{% endif %}.",
            "braze": "{% if ${city} == 'Ulm' %}near {{${city}}}{% endif %}.",
            "mailchimp": "*|IF:CITY=Ulm|*near *|CITY|**|END:IF|*.",
            "handlebars": '{{#ifEq city "Ulm"}}near {{city}}{{/ifEq}}.',
        },
    ),
    (
        "a value that is tested the other way",
        "city",
        "city",
        {
            "liquid": "{% if city != 'Ulm' %}not near {{ city }}{% endif %}",
            "braze": "{% if ${city} != 'Ulm' %}not near {{${city}}}{% endif %}",
            "mailchimp": "*|IF:CITY!=Ulm|*not near *|CITY|**|END:IF|*",
            "handlebars": '{{#notEquals city "Ulm"}}not near {{city}}{{/notEquals}}',
        },
    ),
    (
        "a custom attribute",
        "favorite_category",
        "favorite_category",
        {
            "liquid": "{{ favorite_category }}",
            "braze": "{{custom_attribute.${favorite_category}}}",
            "mailchimp": "*|FAVCAT|*",
            "handlebars": "{{favorite_category}}",
        },
    ),
    (
        "a shared text",
        "city",
        "",
        {
            "liquid": "{% include 'footer' %}",
            "braze": "{{content_blocks.${footer}}}",
            "handlebars": "{{> footer}}",
        },
    ),
    (
        "a message that ends itself",
        "first_name",
        "first_name",
        {
            "liquid": "{% if first_name == nil %}{% abort_message 'no name' %}{% endif %}{{ first_name }}",
            "braze": "{% if ${first_name} == blank %}{% abort_message('no name') %}{% endif %}{{${first_name}}}",
            "handlebars": '{{#unless first_name}}{{sendSkip cause="no name"}}{{/unless}}{{first_name}}',
        },
    ),
]
CASES = [pytest.param(printed, required, texts, id=name) for name, printed, required, texts in MESSAGES]


@pytest.mark.parametrize(("printed", "required", "texts"), CASES)
def test_every_dialect_says_the_same(printed: str, required: str, texts: dict[str, str]) -> None:
    # a body without a word of its own may come out empty, which is a fault of its own
    templates = {dialect: analyse(dialect, f"Hello {text}") for dialect, text in texts.items()}
    for dialect, template in templates.items():
        assert template.problems == [], dialect
        assert (template.printed, template.required) == (printed.split(), required.split()), dialect
        assert template.defended == sorted(set(printed.split()) - set(required.split()))
    for values in product((None, "Ann", "Ulm"), repeat=len(FIELDS)):
        given = dict(zip(FIELDS, values, strict=True))
        renderings = {dialect: render_message(template, given) for dialect, template in templates.items()}
        shown = {(tuple(r.texts.values()), r.aborted) for r in renderings.values()}
        assert len(shown) == 1, (given, renderings)
        if all(given[name] for name in required.split()):
            assert all(judge(template, given, 150)[1] == [] for template in templates.values()), given


def test_the_table_has_every_dialect() -> None:
    assert {dialect for *_, texts in MESSAGES for dialect in texts} == set(DIALECTS)
    assert sum(len(texts) for *_, texts in MESSAGES) >= 50


@pytest.mark.parametrize(
    ("dialect", "body", "line", "fix"),
    [
        ("braze", "x\n{{${frist_name}}}", 5, "first_name"),
        ("mailchimp", "x\n\n*|FNAM|*", 6, "FNAME"),
        ("handlebars", "x\n{{frist_name}}", 5, "first_name"),
        ("handlebars", "x\n{{#if first_name}}y", 5, "{{/if}}"),
        ("mailchimp", "x\n*|IF:FNAME|*y", 5, "END:IF"),
        ("braze", "x\n{{${first_name} | upcas }}", 5, "upcase"),
        ("braze", "{{content_blocks.${foter}}}", 4, "footer"),
    ],
)
def test_a_mistake_in_a_dialect_has_its_line(dialect: str, body: str, line: int, fix: str) -> None:
    problems = analyse(dialect, body).problems
    assert [problem.where for problem in problems] == [f"t.liquid:{line}"]
    assert fix in problems[0].fix
