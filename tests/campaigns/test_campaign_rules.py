"""What a campaign must have so that it cannot do harm: the rules of its kind, a brief, texts, events that are declared."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sendworthy.campaigns.compiler import campaign_warnings, compile_project
from sendworthy.campaigns.model import Campaign, CampaignFolder, load_campaigns, read_known
from sendworthy.foundation.names import normalise_name
from sendworthy.settings.seed_files import EXPIRY_RULE, read_kinds
from sendworthy.templates.placeholders import TO_WRITE, find_in_template, find_placeholder

from tests.support.campaign_project import (
    GOOD,
    ID,
    PERSONALIZED,
    PROJECT,
    add_campaign,
    edit,
    make_project,
    problems_of,
)

KINDS = read_kinds(PROJECT)
YML = f"campaigns/{ID}/campaign.yml"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with one good campaign."""
    return make_project(tmp_path)


def compiles(project: Path) -> bool:
    return compile_project(project).campaigns > 0


# --- the rules of a kind ------------------------------------------------------------------------------


def campaign_of(kind: str, without: str = "", waives: str = "") -> tuple[str, str]:
    """The id and the settings of a campaign with every rule of its kind, except one."""
    rules = KINDS[kind]
    event = "message_sent:" + ID
    also = ", ".join(name for name in rules.must_be_in if name != without)
    exclude = ", ".join(name for name in rules.must_exclude if name != without)
    cancel = ", ".join(name for name in rules.must_cancel_on if name != without)
    ages = "min_age_hours: 1" + ("" if without == EXPIRY_RULE else ", max_age_hours: 72")
    text = re.sub(r"(?m)^kind:.*", f"kind: {kind}", GOOD)
    text = re.sub(
        r"(?m)^audience:.*", f"audience: {{segment: active, also: [{also}], exclude: [{exclude}]}}", text
    )
    text = re.sub(r"(?m)^trigger:.*", f"trigger: {{event: '{event}', {ages}}}", text)
    text = re.sub(r"(?m)^cancel_on:.*", f"cancel_on: [{cancel}]{waives}", text)
    if rules.is_transactional:
        text = text.replace("transactional: false", "transactional: true").replace(
            "holdout_percent: 10", "holdout_percent: 0"
        )
        text = text.replace("cooldown_days: 7", "cooldown_days: 0")
        text = text.replace(
            "evaluation: holdout", "evaluation: none\n  evaluation_reason: It is owed to everybody"
        )
    return f"{kind}__active__email__tried", text


RULES = [(kind, rule) for kind, rules in KINDS.items() for rule in rules.rules]
TEXTS = {
    "personalized": PERSONALIZED.replace("Your", "Not your"),
    "default": "---\nsubject: a few words\n---\nOther words",
}


def test_the_kinds_that_the_contract_names_have_its_rules() -> None:
    assert {
        *(
            "welcome",
            "onboarding",
            "abandoned_cart",
            "rating_request",
            "win_back",
            "confirmation",
            "thank_you",
        ),
        *(
            "reward_reminder",
            "discount",
            "feedback_request",
            "billing_recovery",
            "newsletter",
            "nearby_offer",
        ),
        *("cross_sell", "survey", "birthday"),
    } <= set(KINDS)
    rating = {"has_open_ticket", "recent_complaint", "refund_pending", "recently_installed"}
    assert rating <= set(KINDS["rating_request"].must_exclude)
    assert "order_completed" in KINDS["abandoned_cart"].must_cancel_on
    confirmation = KINDS["confirmation"]
    assert confirmation.is_transactional
    assert (confirmation.defaults["cooldown_days"], confirmation.defaults["holdout_percent"]) == ("0", "0")
    assert [name for name, kind in KINDS.items() if kind.is_transactional] == ["confirmation"]
    # whoever set up the account, and whoever has no points, hears nothing about either
    assert (
        "onboarded" in KINDS["onboarding"].must_exclude
        and "has_points" in KINDS["reward_reminder"].must_be_in
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_campaign_with_all_rules_of_its_kind_compiles(project: Path, kind: str) -> None:
    add_campaign(project, *campaign_of(kind), TEXTS)
    assert compiles(project)


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_a_campaign_without_a_rule_of_its_kind_does_not_compile(project: Path, kind: str, rule: str) -> None:
    campaign_id, text = campaign_of(kind, without=rule)
    add_campaign(project, campaign_id, text, TEXTS)
    (problem,) = problems_of(project)
    assert problem.startswith(f"campaigns/{campaign_id}/campaign.yml:")
    assert kind in problem and f"add {rule} to " in problem and f"waives: {{{rule}: why}}" in problem


@pytest.mark.parametrize(("kind", "rule"), RULES)
def test_a_rule_can_be_waived_with_a_reason(project: Path, kind: str, rule: str) -> None:
    waives = f"\nwaives: {{{rule}: These people have asked for it}}"
    add_campaign(project, *campaign_of(kind, without=rule, waives=waives), TEXTS)
    assert compiles(project)


NO_REASONS = ["why", "TBD", ".", "n/a", "not needed", "todo", "yes", "'  '", "has_open_ticket"]


@pytest.mark.parametrize("reason", NO_REASONS)
def test_a_waiver_needs_a_reason(project: Path, reason: str) -> None:
    waives = f"\nwaives: {{has_open_ticket: {reason}}}"
    campaign_id, text = campaign_of("discount", without="has_open_ticket", waives=waives)
    add_campaign(project, campaign_id, text, TEXTS)
    problems = problems_of(project)
    assert len(problems) == 1 and f"{campaign_id}/campaign.yml:9 [waives.has_open_ticket]" in problems[0]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("has_open_ticket", "nothing is waived"),
        ("unengaged", "does not ask for unengaged"),
        ("refund_pendin", 'did you mean "refund_pending"?'),
        ("holdout_percent", "does not ask for holdout_percent"),
    ],
)
def test_a_waiver_of_what_is_there_or_nobody_asks_for_is_a_mistake(
    project: Path, rule: str, words: str
) -> None:
    waives = f"\nwaives: {{{rule}: These people have asked for it}}"
    add_campaign(project, *campaign_of("discount", waives=waives), TEXTS)
    (problem,) = problems_of(project)
    assert words in problem and f"[waives.{rule}]" in problem


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ("transactional: true", "transactional: false", "transactional"),
        ("cooldown_days: 0", "cooldown_days: 1", "cooldown_days"),
        ("holdout_percent: 0", "holdout_percent: 0.5", "experiment.holdout_percent"),
    ],
)
def test_a_confirmation_is_owed_to_everybody(project: Path, old: str, new: str, key: str) -> None:
    campaign_id, text = campaign_of("confirmation")
    assert text.count(old) == 1
    add_campaign(project, campaign_id, text.replace(old, new), TEXTS)
    (problem,) = problems_of(project)
    assert f"[{key}]" in problem


@pytest.mark.parametrize("kind", [name for name, kind in KINDS.items() if not kind.is_transactional])
def test_nothing_else_is_sent_to_who_has_opted_out(project: Path, kind: str) -> None:
    campaign_id, text = campaign_of(kind)
    add_campaign(project, campaign_id, text.replace("transactional: false", "transactional: true"), TEXTS)
    assert any("[transactional]" in p and "write transactional: false" in p for p in problems_of(project))


def test_a_kind_of_ones_own_is_one_line(project: Path) -> None:
    campaign_id, text = campaign_of("discount")
    own = re.sub("(?m)^kind:.*", "kind: recall", text)
    add_campaign(project, campaign_id.replace("discount", "recall"), own, TEXTS)
    (problem,) = problems_of(project)
    assert "unknown kind 'recall'" in problem and "add a line to seeds/kinds.csv" in problem
    with (project / "seeds" / "kinds.csv").open("a", encoding="utf-8") as file:
        file.write(
            "recall,Asks to send something back,,,order_refunded,true,false,,,,,72,7,0,order_refunded,7\n"
        )
    (problem,) = problems_of(project)
    assert "a recall must not go out after order_refunded" in problem


# --- the brief and the texts --------------------------------------------------------------------------

ANSWERS = [
    *("name", "owner", "escalation_contact", "goal", "larger_goal", "customer_need", "customer_experience"),
    *("drawbacks", "capabilities", "still_needed"),
]
PLACEHOLDERS = [
    *("TBD", "tbd", " T.B.D. ", "...", ".", "-", "todo", "TODO: ask Ana", "todo: later", "xxx", "X X X", "x"),
    *(
        "lorem ipsum dolor sit amet",
        "Lorem  Ipsum",
        "N/A",
        "n / a",
        "none",
        "null",
        "unknown",
        "placeholder",
        "aaa",
    ),
    *(
        "to be defined",
        "Say in one sentence what this may cost or spoil",
        "Ask the team, TBD",
        "write the message here",
    ),
    *("ｔｂｄ", "t\u200bb\u200bd", "FIXME", "[TBD]", "<todo>", "**TBA**", "nicht angegeben"),
]


@pytest.mark.parametrize("key", ANSWERS)
def test_each_answer_must_be_there(project: Path, key: str) -> None:
    text = re.sub(rf"(?m)^( *){key}: .*\n", "", GOOD)
    assert text != GOOD
    (project / YML).write_text(text, encoding="utf-8")
    (problem,) = problems_of(project)
    assert re.search(rf"\[(brief\.)?{key}\] missing: ", problem)


@pytest.mark.parametrize("key", ANSWERS)
@pytest.mark.parametrize("said", ["TBD", "", " ", "TODO: ask Ana"])
def test_no_answer_may_be_a_placeholder(project: Path, key: str, said: str) -> None:
    text = re.sub(rf"(?m)^( *){key}: .*", rf"\1{key}: '{said}'", GOOD)
    (project / YML).write_text(text, encoding="utf-8")
    (problem,) = problems_of(project)
    assert re.search(rf"\[(brief\.)?{key}\]", problem) and re.search("a placeholder|empty", problem)


BLANK_VALUES = read_known(PROJECT)[0].blank_values


@pytest.mark.parametrize(
    "said", [*PLACEHOLDERS, *TO_WRITE.values(), *(f"todo : {text}" for text in TO_WRITE.values())]
)
def test_what_is_a_placeholder(said: str) -> None:
    assert find_placeholder(said, BLANK_VALUES) is not None


@pytest.mark.parametrize(
    "said",
    [
        *(
            "Todo para la casa",
            "Sell more",
            "Nothing more; it runs on what is there",
            "None of their own, a favour",
        ),
        *("X-mas sales", "Test whether a push brings people back", "Больше заказов", "もっと売る"),
        "Unknown buyers come back",
    ],
)
def test_what_is_none(said: str) -> None:
    assert find_placeholder(said, BLANK_VALUES) is None


def test_values_that_count_as_blank_are_no_answers(project: Path) -> None:
    edit(project, "goal: People find their basket again", "goal: nicht angegeben")
    (problem,) = problems_of(project)
    assert "[brief.goal] 'nicht angegeben' is a placeholder" in problem


def test_an_answer_is_not_its_own_question_nor_another_answer(project: Path) -> None:
    edit(project, "goal: People find their basket again", "goal: Goal.")
    edit(project, "customer_need: Not having to search twice", "customer_need: Basket and order EVENTS.")
    assert [re.search(r"\[.*?\] .*? ->", p).group() for p in problems_of(project)] == [  # type: ignore[union-attr]
        "[brief.goal] 'Goal.' is a placeholder ->",
        "[brief.capabilities] says the same as brief.customer_need ->",
    ]


@pytest.mark.parametrize(
    ("old", "new", "fix"),
    [
        (
            "name: Come back to your basket",
            "name: 'TODO: the name'",
            "say here what people call this campaign in reports",
        ),
        (
            "goal: People find their basket again",
            "goal: TODO",
            "say here what will be different when this works",
        ),
        ("owner: crm-team", "owner: TBD", "write owner: crm-team"),
    ],
)
def test_what_to_do_about_a_placeholder_fits_the_key(project: Path, old: str, new: str, fix: str) -> None:
    edit(project, old, new)
    (problem,) = problems_of(project)
    assert problem.endswith(f"-> {fix}")


def test_what_to_do_about_a_text_that_is_still_to_be_written_names_the_part(project: Path) -> None:
    template = project / "campaigns" / ID / "default.liquid"
    template.write_text(
        "---\nsubject: 'TODO: the subject'\n---\nTODO: write the message here", encoding="utf-8"
    )
    assert [problem.rpartition("-> ")[2] for problem in problems_of(project)] == [
        "replace it with the subject that the customer is to read",
        "replace it with the body that the customer is to read",
    ]


def test_nothing_is_measured_without_a_reason(project: Path) -> None:
    edit(project, "evaluation: holdout", "evaluation: none\n  evaluation_reason: TBD")
    (problem,) = problems_of(project)
    assert "[brief.evaluation_reason] 'TBD' is a placeholder" in problem


TEXTS_TO_WRITE = [
    ("---\nsubject: 'TODO: the subject'\n---\nWords for people", 2, "subject"),
    (
        "---\nsubject: Words\npreheader: what the inbox shows after the subject\n---\nWords for people",
        3,
        "preheader",
    ),
    ("---\nsubject: lorem ipsum\n---\nWords for people", 2, "subject"),
    (
        "---\nsubject: Words\n---\nHello {{ first_name | default: 'you' }},\n\nwrite the message here.\n",
        6,
        "body",
    ),
    ("---\nsubject: Words\n---\n\n  WRITE  the\n  message here\n", 5, "body"),
    ("---\nsubject: Words\n---\nxxx", 4, "body"),
    ("---\nsubject: Words\n---\nXx xxxx x", 4, "body"),
    ("---\nsubject: Words\n---\n.", 4, "body"),
    ("---\nsubject: Words\n---\nTest\n", 4, "body"),
    ("---\nsubject: Words\n---\nHello,\nwe have {{ city | default: 'x' }} and TBD", 5, "body"),
    ("---\nsubject: Words\n---\nHello,\n\nLorem\nipsum dolor", 6, "body"),
    ("---\nsubject: Words\n---\nHello,\n todo: the offer\n", 5, "body"),
    ("---\nsubject: Words\n---\nYour text here", 4, "body"),
]


@pytest.mark.parametrize(("text", "line", "part"), TEXTS_TO_WRITE)
def test_a_text_that_is_still_to_be_written_does_not_compile(
    project: Path, text: str, line: int, part: str
) -> None:
    (project / "campaigns" / ID / "default.liquid").write_text(text, encoding="utf-8")
    (problem,) = problems_of(project)
    assert (
        problem.startswith(f"campaigns/{ID}/default.liquid:{line} [{part}]") and "is a placeholder" in problem
    )


@pytest.mark.parametrize(
    "body",
    [
        "Todo a mitad de precio",
        "{{ city | default: 'there' }}",
        "👍",
        "Sizes from XS to XXXL",
        "{{ city | default: 'there' }}!",
        "{% comment %}TODO: a picture{% endcomment %}Words for people",
        "We tested it for you",
    ],
)
def test_a_text_that_says_something_compiles(project: Path, body: str) -> None:
    text = f"---\nsubject: Words\n---\n{body}\n"
    (project / "campaigns" / ID / "default.liquid").write_text(text, encoding="utf-8")
    assert compiles(project)


def test_a_shared_text_must_be_written_too(project: Path) -> None:
    (project / "campaigns" / "_partials").mkdir()
    (project / "campaigns" / "_partials" / "greeting.liquid").write_text(
        "Dear,\n\nlorem ipsum\n", encoding="utf-8"
    )
    (problem,) = problems_of(project)
    assert problem.startswith("campaigns/_partials/greeting.liquid:3 [greeting]")


@given(st.sampled_from(["tbd", "todo", "lorem ipsum", *TO_WRITE.values()]), st.data())
def test_a_placeholder_is_one_however_it_is_set(word: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([c, c.upper()])) for c in word]
    marks = st.text(st.sampled_from(" \t.,-_*[]()<>!?\u00a0\u200b"), max_size=3)
    said = (
        data.draw(marks)
        + "".join(letters).replace(" ", data.draw(st.sampled_from([" ", "  ", "\u00a0"])))
        + data.draw(marks)
    )
    assert find_placeholder(said) is not None
    assert find_in_template(said) is not None


@given(st.text(string.ascii_lowercase + " ", min_size=3, max_size=60))
def test_real_words_are_none(said: str) -> None:
    words = f"People get {said} from the shop"
    if not re.search(r"lorem\s+ipsum|here|tbd|fixme", words):
        assert find_placeholder(words) is None and find_in_template(words) is None


# --- the same text in two campaigns -------------------------------------------------------------------

OTHER = "abandoned_cart__new__sms"


def second(project: Path, text: str, *, group: str | None = None, name: str = "default") -> None:
    settings = GOOD.replace("channel: email", "channel: sms").replace("segment: active", "segment: new")
    settings = settings.replace("content_group: basket\n", f"content_group: {group}\n" if group else "")
    add_campaign(project, OTHER, settings, {name: text})


BODY = "Hello {{ first_name | default: 'there' }}, your basket is still here: https://shop.example.com/basket"
SAME = [
    BODY,
    BODY.replace("'there'", "'dear customer'"),
    BODY.upper().replace("{{ FIRST_NAME | DEFAULT: 'THERE' }}", "{{ first_name | default: 'there' }}"),
    BODY.replace(" ", "\n  ") + "\n\n",
    BODY.replace("https://shop.example.com/basket", "https://s.example.com/b?utm_source=sms"),
    BODY + " Reply STOP to end.",
    BODY.replace(
        "{{ first_name | default: 'there' }}", "{% if first_name %}{{ first_name }}{% else %}there{% endif %}"
    ),
    "---\ndialect: mailchimp\n---\nHello *|IF:FNAME|**|FNAME|**|ELSE:|*there*|END:IF|*, your basket is still here!",
    "---\nrank: 3\ndialect: liquid\n---\n" + BODY,
    BODY.replace("basket", "<b>bas\u00adket</b>", 1),
]
DIFFERENT = [
    BODY.replace("still", "no longer"),
    "Hello {{ first_name | default: 'there' }}, your order is still here: https://shop.example.com/basket",
    BODY + " It is gone in a week.",
    "Your basket",
]


@pytest.mark.parametrize("text", SAME)
def test_one_text_in_two_campaigns_needs_a_group(project: Path, text: str) -> None:
    (project / "campaigns" / ID / "default.liquid").write_text(
        f"---\nsubject: Your basket\n---\n{BODY}\n", encoding="utf-8"
    )
    second(project, text)
    (problem,) = problems_of(project)
    assert problem.startswith(f"campaigns/{OTHER}/default.liquid [content_group]")
    assert f"campaigns/{ID}/default.liquid" in problem and "one content_group" in problem


def test_one_text_in_two_campaigns_of_one_group_compiles(project: Path) -> None:
    (project / "campaigns" / ID / "default.liquid").write_text(
        f"---\nsubject: Your basket\n---\n{BODY}\n", encoding="utf-8"
    )
    second(project, BODY, group="basket")
    assert compiles(project)


def test_two_campaigns_without_a_group_share_none(project: Path) -> None:
    edit(project, "content_group: basket\n", "")
    body = f"---\nsubject: Your basket\n---\n{BODY}\n"
    (project / "campaigns" / ID / "default.liquid").write_text(body, encoding="utf-8")
    second(project, BODY)
    assert len(problems_of(project)) == 1


def test_another_group_is_not_the_same(project: Path) -> None:
    (project / "campaigns" / ID / "default.liquid").write_text(
        f"---\nsubject: Your basket\n---\n{BODY}\n", encoding="utf-8"
    )
    second(project, BODY, group="baskets")
    assert len(problems_of(project)) == 1


@pytest.mark.parametrize("text", DIFFERENT)
def test_other_texts_need_none(project: Path, text: str) -> None:
    (project / "campaigns" / ID / "default.liquid").write_text(
        f"---\nsubject: Your basket\n---\n{BODY}\n", encoding="utf-8"
    )
    second(project, text)
    assert compiles(project)


def test_the_subject_counts_where_the_other_channel_has_none(project: Path) -> None:
    text = "---\nsubject: Your basket is still here\n---\nCome back: https://shop.example.com/basket\n"
    (project / "campaigns" / ID / "default.liquid").write_text(text, encoding="utf-8")
    second(project, "Your basket is still here. Come back: https://s.example.com/b Reply STOP to end.")
    assert len(problems_of(project)) == 1


def test_any_variant_of_one_may_be_any_of_the_other(project: Path) -> None:
    second(project, PERSONALIZED.partition("---\n")[2].partition("---\n")[2], name="personalized")
    (problem,) = problems_of(project)
    assert (
        problem.startswith(f"campaigns/{OTHER}/personalized.liquid")
        and f"campaigns/{ID}/personalized.liquid" in problem
    )


# --- events, topics, segments -------------------------------------------------------------------------

EVENT_MISTAKES = [
    ("Order Completed", 'did you mean "order_completed"?'),
    ("order-completed", 'did you mean "order_completed"?'),
    ("order.completed", 'did you mean "order_completed"?'),
    (" order_completed", 'did you mean "order_completed"?'),
    ("purchase", 'did you mean "order_completed"?'),
    ("orders/paid", 'did you mean "order_completed"?'),
    ("PRODUCT ADDED", 'did you mean "cart_item_added"?'),
    ("order_complete", 'did you mean "order_completed"?'),
    ("coffee_brewed", "add a line with its description to seeds/events.csv"),
    ("message_seen:" + ID, 'did you mean "sent"?'),
    ("message_queued:" + ID, "the types are sent"),
    ("message_resubscribd:" + ID, 'did you mean "resubscribed"?'),
    ("message_sent:nobody", "existing campaign"),
]


@pytest.mark.parametrize(("event", "fix"), EVENT_MISTAKES)
@pytest.mark.parametrize(
    ("old", "key"),
    [
        ("event: cart_item_added", "trigger.event"),
        ("[order_completed]", "cancel_on[1]"),
        ("success_event: order_completed", "brief.success_event"),
    ],
)
def test_an_event_must_be_declared(project: Path, old: str, key: str, event: str, fix: str) -> None:
    new = (
        old.replace("cart_item_added", repr(event))
        if "cart" in old
        else old.replace("order_completed", repr(event))
    )
    edit(project, old, f"[order_completed, {event!r}]" if key == "cancel_on[1]" else new)
    (problem,) = problems_of(project)
    assert f"[{key}]" in problem and fix in problem.partition(" -> ")[2]


def test_an_event_of_ones_own_is_one_line(project: Path) -> None:
    edit(project, "[order_completed]", "[order_completed, coffee_brewed]")
    with (project / "seeds" / "events.csv").open("a", encoding="utf-8") as file:
        file.write("coffee_brewed,The machine in the shop has made a coffee\n")
    assert compiles(project)


def test_a_report_on_a_campaign_is_an_event(project: Path) -> None:
    edit(
        project,
        "[order_completed]",
        f"[order_completed, 'message_resubscribed:{ID}', 'message_clicked:{ID}']",
    )
    assert compiles(project)


def test_a_topic_must_be_there(project: Path) -> None:
    edit(project, "topic: offers", "topic: offer")
    (problem,) = problems_of(project)
    assert problem.startswith(f"{YML}:4 [topic]") and 'did you mean "offers"?' in problem


def test_also_alone_is_an_audience(project: Path) -> None:
    folder = project / "campaigns" / ID
    edit(project, "segment: active,", "also: [active],")
    folder.rename(folder.with_name("abandoned_cart__cart_item_added__email"))
    assert compiles(project)


def test_the_hour_may_be_left_out_by_what_is_owed(project: Path) -> None:
    edit(project, "send_hour_local: 9\n", "")
    (problem,) = problems_of(project)
    assert "[send_hour_local] missing: only a transactional campaign goes out at once" in problem
    edit(project, "cooldown_days: 7", "cooldown_days: 7\nsend_hour_local: 9")
    campaign_id, text = campaign_of("confirmation")
    add_campaign(project, campaign_id, text.replace("send_hour_local: 9\n", ""), TEXTS)
    assert compiles(project)
    seed = (project / "seeds" / "compiled" / "campaigns.csv").read_text(encoding="utf-8").splitlines()
    header, row = seed[0].split(","), next(line for line in seed if line.startswith(campaign_id)).split(",")
    assert row[header.index("send_hour_local")] == ""


@pytest.mark.parametrize(
    ("ages", "at_once", "warns"),
    [
        ("min_age_hours: 1, max_age_hours: 47", False, True),
        ("min_age_hours: 1, max_age_hours: 48", False, False),
        ("min_age_hours: 0, max_age_hours: 0", False, True),
        ("min_age_hours: 1", False, False),
        ("min_age_hours: 1, max_age_hours: 27", True, True),
        ("min_age_hours: 1, max_age_hours: 28", True, False),
    ],
)
def test_compile_warns_where_people_are_lost_before_the_hour(
    project: Path, ages: str, at_once: bool, warns: bool
) -> None:
    campaign_id, text = campaign_of("confirmation" if at_once else "newsletter")
    text = text.replace("send_hour_local: 9\n", "" if at_once else "send_hour_local: 9\n")
    add_campaign(project, campaign_id, re.sub("min_age_hours: 1.*(?=})", ages, text), TEXTS)
    warnings = [str(w) for w in compile_project(project).warnings]
    assert [str(w) for w in campaign_warnings(project)] == warnings
    assert len(warnings) == warns
    if warns:
        assert (
            f"campaigns/{campaign_id}/campaign.yml:7 [trigger.max_age_hours]" in warnings[0]
            and "lose people" in warnings[0]
        )


def test_the_sign_up_of_a_welcome_is_a_trigger_too(project: Path) -> None:
    campaign_id, text = campaign_of("welcome")
    text = re.sub("(?m)^trigger:.*", "trigger: {max_age_hours: 24}", text)
    add_campaign(project, campaign_id, text, TEXTS)
    assert len(compile_project(project).warnings) == 1


# --- names --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "read_as"),
    [
        ("order_completed", "order_completed"),
        ("Order Completed", "order_completed"),
        ("  ORDER   completed\t", "order_completed"),
        ("order.-completed", "order_completed"),
        ("\ufefforder\u00a0completed\u200b", "order_completed"),
        ("orders/paid", "orders/paid"),
        ("Order_ Completed", "order__completed"),
        ("ÄPFEL gekauft", "äpfel_gekauft"),
        ("", ""),
        (" . ", "_"),
    ],
)
def test_names_are_read(name: str, read_as: str) -> None:
    assert normalise_name(name) == read_as


@given(st.text(max_size=30))
def test_a_name_that_is_read_stays(name: str) -> None:
    once = normalise_name(name)
    assert normalise_name(once) in (once, once.lower()) and not re.search(r"[\s.\-]", once)


# --- the campaigns of this project --------------------------------------------------------------------


@pytest.fixture(scope="module")
def house() -> dict[str, tuple[Campaign, CampaignFolder]]:
    known, problems = read_known(PROJECT)
    folders, found = load_campaigns(PROJECT, known)
    assert [*problems, *found] == []
    return {f.campaign_id: (f.campaign, f) for f in folders if f.campaign}


House = dict[str, tuple[Campaign, CampaignFolder]]


def matching(house: House, condition: Callable[[Campaign], bool]) -> dict[str, Campaign]:
    return {name: campaign for name, (campaign, _) in house.items() if condition(campaign)}


def test_none_of_ours_has_a_warning() -> None:
    assert [str(w) for w in campaign_warnings(PROJECT)] == []


def test_who_has_just_come_has_missed_nothing(house: House) -> None:
    """Neither an account of one hour nor one of two weeks is asked what became of it, or thanked for staying."""
    found = matching(house, lambda c: c.audience.segment in ("dormant", "casual"))
    assert found and all("new" in campaign.audience.exclude for campaign in found.values()), found


def test_who_left_over_billing_has_a_path_of_their_own(house: House) -> None:
    special = matching(
        house, lambda c: "billing_trouble" in c.audience.also and c.audience.segment == "cancelled"
    )
    assert len(special) == 1
    general = matching(house, lambda c: c.kind == "win_back" and "billing_trouble" not in c.audience.also)
    assert general and all("billing_trouble" in c.audience.exclude for c in general.values())
    left = matching(
        house, lambda c: c.audience.segment == "cancelled" and "billing_trouble" in c.audience.exclude
    )
    (name,) = special
    assert all(f"message_sent:{name}" in campaign.cancel_on for campaign in left.values())


def test_an_old_customer_is_welcomed_in_the_app(house: House) -> None:
    welcome, _ = house["welcome__recently_installed__push"]
    assert welcome.trigger and welcome.trigger.event == "app_installed"


def test_an_order_is_confirmed_once(house: House) -> None:
    """Nothing but the age parts one night's orders from the next one's: a confirmation has no cooldown."""
    confirmation, _ = house["confirmation__order_completed__email"]
    assert confirmation.send_hour_local is None and confirmation.cooldown_days == 0
    assert confirmation.trigger and confirmation.trigger.max_age_hours == 24 + 4


def test_one_offer_a_night(house: House) -> None:
    offers = matching(house, lambda c: c.topic == "offers")
    assert len(offers) >= 12 and {c.content_group for c in offers.values()} == {"offer"}


def test_points_are_only_spoken_of_where_there_are_some(house: House) -> None:
    found = {
        name: [campaign.audience.segment, *campaign.audience.also]
        for name, (campaign, folder) in house.items()
        if any("loyalty_points" in variant.analysis.printed for variant in folder.variants)
    }
    assert found and all("has_points" in segments for segments in found.values()), found


def test_a_text_names_the_last_order_only_where_it_is_the_one_meant(house: House) -> None:
    """An older order may have started the campaign, and one that came back is no reason to be thanked for it."""
    naming = {
        name
        for name, (_, folder) in house.items()
        if any("last_order_product_name" in variant.analysis.printed for variant in folder.variants)
    }
    assert naming == {"confirmation__order_completed__email", "thank_you__loyal__email"}
