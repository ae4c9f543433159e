"""Campaign folders and settings: every mistake names the file, the key and the fix; the seeds are fresh."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml
from sendworthy.campaigns.compiler import (
    CAMPAIGNS_SEED,
    EXPERIMENTS_SEED,
    REQUIREMENTS_SEED,
    SCHEMA_FILE,
    check_fresh,
    compile_project,
)
from sendworthy.campaigns.model import CampaignFolder, Channel, load_campaigns, read_known
from sendworthy.campaigns.scaffold import new_campaign
from sendworthy.foundation.errors import SettingsError
from sendworthy.settings.seed_files import SEGMENT_FLAGS_SQL, read_kinds, read_merge_tags, validate_settings

from tests.support.campaign_project import (
    DEFAULT,
    GOOD,
    ID,
    PERSONALIZED,
    PROJECT,
    edit,
    make_project,
    problems_of,
    write_out,
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with one good campaign."""
    return make_project(tmp_path)


# what is replaced in the good campaign.yml, by what, the line, the key, a piece of the fix
YAML_MISTAKES = [
    ("segment: active", "segment: activ", 6, "audience.segment", 'did you mean "active"?'),
    ("refund_pending]", "refund_pendig]", 6, "audience.exclude[1]", 'did you mean "refund_pending"?'),
    ("segment: active", "segment: commented_out", 6, "audience.segment", "is_ columns"),
    ("refund_pending]", "refund_pending, active]", 6, "audience.exclude[2]", "remove one of the two"),
    ("refund_pending]", "refund_pending, has_open_ticket]", 6, "audience.exclude[2]", "write it once"),
    ("segment: active,", "segment: active, also: [loyl],", 6, "audience.also[0]", 'did you mean "loyal"?'),
    ("segment: active,", "segment: active, also: [active],", 6, "audience.also[0]", "write it once"),
    (
        "segment: active,",
        "segment: active, also: [has_open_ticket],",
        6,
        "audience.exclude[0]",
        "remove one of the two",
    ),
    ("segment: active,", "segment: active, also: loyal,", 6, "audience.also", "also: [one, two]"),
    ("{event: cart_item_added, min", "{min", 7, "trigger.event", "add event:"),
    ("event: cart_item_added", "event: cart;item", 7, "trigger.event", "name of one event"),
    ("event: cart_item_added", "event: message_sent:nobody", 7, "trigger.event", "existing campaign"),
    ("event: cart_item_added", f"event: 'message_snet:{ID}'", 7, "trigger.event", 'did you mean "sent"?'),
    (
        "[order_completed]",
        "[order_completed, 'message_sent:abandoned_cart__activ__email']",
        8,
        "cancel_on[1]",
        f'"{ID}"?',
    ),
    ("[order_completed]", "[order_completed, cart_item_added]", 8, "cancel_on", "remove it from one"),
    ("[order_completed]", "[order_completed, order_completed]", 8, "cancel_on", "remove one"),
    ("[order_completed]", "order_completed", 8, "cancel_on", "cancel_on: ["),
    ("min_age_hours: 1,", "min_age_hours: 73,", 7, "trigger", "swap the two"),
    ("max_age_hours: 72", "max_age_hours: 2161", 7, "trigger.max_age_hours", "0 to 2160"),
    ("min_age_hours: 1,", "min_age_hours: -1,", 7, "trigger.min_age_hours", "0 to 2160"),
    ("min_age_hours: 1,", "min_age_hours: soon,", 7, "trigger.min_age_hours", "a whole number"),
    ("impact: 8", "impact: 11", 10, "priority.impact", "1 to 10"),
    ("impact: 8", "impact: '8'", 10, "priority.impact", "without quotes"),
    ("impact: 8, ", "", 10, "priority.impact", "impact: 1 to 10"),
    ("send_hour_local: 9", "send_hour_local: 24", 12, "send_hour_local", "0 to 23"),
    ("send_hour_local: 9", "send_hour_local: 9.5", 12, "send_hour_local", "a whole number"),
    ("cooldown_days: 7", "cooldown_days: -1", 9, "cooldown_days", "0 to 3650"),
    ("holdout_percent: 10", "holdout_percent: 101", 11, "experiment.holdout_percent", "0 to 100"),
    ("pilot_percent: 100", "pilot_percent: all", 11, "experiment.pilot_percent", "0 to 100"),
    ("pilot_percent: 100", "pilot_percent: .nan", 11, "experiment.pilot_percent", "0 to 100"),
    ("holdout_percent: 10", "holdout_percent: 0", 27, "brief.evaluation", "holdout_percent: 10"),
    ("evaluation: holdout", "evaluation: none", 27, "brief.evaluation_reason", "add evaluation_reason"),
    ("evaluation: holdout", "evaluation: holdut", 27, "brief.evaluation", 'did you mean "holdout"?'),
    (
        "evaluation: holdout",
        "evaluation: variants",
        27,
        "brief.evaluation",
        "write evaluation: holdout, or none",
    ),
    ("evaluation: holdout", "evaluation: arms", 27, "brief.evaluation", "write holdout, or none"),
    ("transactional: false", "transactional: true", 14, "transactional", "write transactional: false"),
    ("transactional: false", "transactional: maybe", 14, "transactional", "true or false"),
    ("from: 2026-01-01", "from: 2027-01-01", 13, "valid", "swap the two"),
    ("from: 2026-01-01", "from: January", 13, "valid.from", "2026-12-31"),
    ("kind: abandoned_cart", "kind: abandoned_card", 2, "kind", 'did you mean "abandoned_cart"?'),
    ("channel: email", "channel: fax", 3, "channel", "email, sms, push"),
    (
        "owner: crm-team",
        "limits: {max_swing_percent: 101}\nowner: crm",
        15,
        "limits.max_swing_percent",
        "0 to 100",
    ),
    (
        "owner: crm-team",
        "limits: {max_swing_percent: off}\nowner: crm",
        15,
        "limits.max_swing_percent",
        "0 to 100",
    ),
    (
        "owner: crm-team",
        "limits: {min_audience: -1}\nowner: crm",
        15,
        "limits.min_audience",
        "0 to 1000000000",
    ),
    (
        "owner: crm-team",
        "limits: {min_audience: 1.5}\nowner: crm",
        15,
        "limits.min_audience",
        "a whole number",
    ),
    (
        "owner: crm-team",
        "limits: {max_coverage_fall_points: -1}\nowner: crm",
        15,
        "limits.max_coverage_fall_points",
        "0 to 100",
    ),
    (
        "owner: crm-team",
        "limits: {max_swing: 5}\nowner: crm",
        15,
        "limits.max_swing",
        'did you mean "max_swing_percent"?',
    ),
    ("owner: crm-team", "limits: 50\nowner: crm", 15, "limits", "limits: {max_swing_percent: 50"),
    ("owner: crm-team\n", "", 1, "owner", "add owner: crm-team"),
    ("owner: crm-team", "owner:", 15, "owner", "write owner: crm-team"),
    ("owner: crm-team", "owner: '  '", 15, "owner", "write owner: crm-team"),
    ("owner: crm-team", "ownr: crm-team\nowner: crm", 15, "ownr", 'did you mean "owner"?'),
    ("owner: crm-team", "owner: crm\nowner: care", 16, "owner", "the other is on line 15"),
    ("escalation_contact: crm@example.com\n", "", 1, "escalation_contact", "crm@example.com"),
    ("  goal: People find their basket again\n", "", 17, "brief.goal", "one sentence"),
    ("  success_event: order_completed\n", "", 17, "brief.success_event", "success_event: order_completed"),
    (
        "success_event: order_completed",
        "success_event: 'a;b'",
        25,
        "brief.success_event",
        "name of one event",
    ),
    ("  success_window_days: 7\n", "", 17, "brief.success_window_days", "success_window_days: 7"),
    ("success_window_days: 7", "success_window_days: 0", 26, "brief.success_window_days", "1 to 365"),
    ("  evaluation: holdout\n", "", 17, "brief.evaluation", "holdout, arms, or none"),
    ("  drawbacks: Some wait for the reminder\n", "", 17, "brief.drawbacks", "what it may cost"),
    (
        "audience: {segment: active, exclude:",
        "audience: {exclude:",
        1,
        "campaign_id",
        "abandoned_cart__cart_item",
    ),
    ("segment: active, exclude:", "segment: new, exclude:", 1, "campaign_id", "abandoned_cart__new__email"),
    ("topic: offers", "topic: [offers]", 4, "topic", "a text"),
    ("topic: offers", "topic: Big Offers", 4, "topic", '"big_offers"'),
    ("topic: offers", "  topic: offers", 4, "campaign.yml", "two spaces a level"),
    ("cooldown_days: 7", "cooldown: 7", 9, "cooldown", 'did you mean "cooldown_days"?'),
]


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "fix"), YAML_MISTAKES, ids=[m[1] or m[0] for m in YAML_MISTAKES]
)
def test_each_mistake_in_campaign_yml(
    project: Path, old: str, new: str, line: int, key: str, fix: str
) -> None:
    edit(project, old, new)
    found = problems_of(project)
    where = f"campaigns/{ID}/campaign.yml:{line} [{key}]"
    matching = [problem for problem in found if problem.startswith(where)]
    assert len(matching) == 1, found
    assert fix in matching[0].partition(" -> ")[2]
    assert len(found) == 1 or new.startswith(("cooldown:", "transactional: true")), found


def _write(name: str, content: str | bytes) -> Callable[[Path], None]:
    def act(project: Path) -> None:
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))

    return act


def _remove(*names: str) -> Callable[[Path], None]:
    def act(project: Path) -> None:
        for name in names:
            (project / name).unlink()

    return act


HERE = f"campaigns/{ID}"
CAPS = "seeds/frequency_caps.csv"
TAGS = "seeds/merge_tags.csv"
FILE_MISTAKES: list[tuple[str, Callable[[Path], None], str, str, str]] = [
    (
        "no template",
        _remove(f"{HERE}/default.liquid", f"{HERE}/personalized.liquid"),
        HERE,
        "template",
        "add pers",
    ),
    (
        "no campaign.yml",
        _remove(f"{HERE}/campaign.yml"),
        f"{HERE}/campaign.yml",
        "campaign.yml",
        "new-campaign",
    ),
    (
        "empty campaign.yml",
        _write(f"{HERE}/campaign.yml", ""),
        f"{HERE}/campaign.yml:1",
        "campaign.yml",
        "key: value",
    ),
    (
        "latin-1 yml",
        _write(f"{HERE}/campaign.yml", b"name: x\nkind: caf\xe9\n"),
        f"{HERE}/campaign.yml:2",
        "",
        "UTF-8",
    ),
    (
        "latin-1 template",
        _write(f"{HERE}/default.liquid", b"a\nb\xe9"),
        f"{HERE}/default.liquid:2",
        "",
        "UTF-8",
    ),
    (
        "unknown field",
        _write(f"{HERE}/a.liquid", "---\nsubject: x\n---\n{{ frist_name }}"),
        f"{HERE}/a.liquid:4",
        "frist_name",
        'did you mean "first_name"?',
    ),
    (
        "no subject",
        _write(f"{HERE}/default.liquid", "Hello"),
        f"{HERE}/default.liquid:1",
        "subject",
        "front matter",
    ),
    (
        "default requires",
        _write(f"{HERE}/default.liquid", "---\nsubject: x\n---\n\n{{ city }}"),
        f"{HERE}/default.liquid:5",
        "city",
        "| default:",
    ),
    ("odd file", _write(f"{HERE}/notes.txt", "x"), f"{HERE}/notes.txt", "template", "rename it"),
    (
        "odd variant",
        _write(f"{HERE}/Version 2.liquid", "---\nsubject: x\n---\nx"),
        f"{HERE}/Version 2.liquid",
        "variant",
        "lower-case",
    ),
    ("no segments", _remove(SEGMENT_FLAGS_SQL), SEGMENT_FLAGS_SQL, "segments", "restore"),
    (
        "no merge fields",
        _remove("seeds/merge_fields.csv"),
        "seeds/merge_fields.csv",
        "merge_field",
        "restore",
    ),
    ("caps missing", _remove(CAPS), CAPS, "", "restore"),
    (
        "caps header",
        _write(CAPS, "channel,days,max\n"),
        f"{CAPS}:1",
        "header",
        "channel,window_days,max_messages",
    ),
    (
        "caps channel",
        _write(CAPS, "channel,window_days,max_messages\nfax,1,1\n"),
        f"{CAPS}:2",
        "channel",
        "or all",
    ),
    (
        "caps window",
        _write(CAPS, "channel,window_days,max_messages\nall,0,1\n"),
        f"{CAPS}:2",
        "window_days",
        "1 to",
    ),
    (
        "caps number",
        _write(CAPS, "channel,window_days,max_messages\nall,1,x\n"),
        f"{CAPS}:2",
        "max_messages",
        "0 to",
    ),
    (
        "caps twice",
        _write(CAPS, "channel,window_days,max_messages\nall,1,1\nall,1,2\n"),
        f"{CAPS}:3",
        "channel",
        "remove one",
    ),
    (
        "caps cells",
        _write(CAPS, "channel,window_days,max_messages\nall,1\n"),
        f"{CAPS}:2",
        "",
        "double quotes",
    ),
    (
        "places",
        _write("seeds/places.csv", "place_id,name,latitude,longitude,radius_m\np,P,91,0,50\n"),
        "seeds/places.csv:2",
        "latitude",
        "-90 to 90",
    ),
    ("merge tags missing", _remove(TAGS), TAGS, "", "restore"),
    (
        "merge tag dialect",
        _write(TAGS, "dialect,merge_tag,merge_field\nliquid,x,city\n"),
        f"{TAGS}:2",
        "dialect",
        "braze, mailchimp, handlebars",
    ),
    (
        "merge tag field",
        _write(TAGS, "dialect,merge_tag,merge_field\nmailchimp,UNSUB,\nmailchimp,TOWN,town\n"),
        f"{TAGS}:3",
        "merge_field",
        "merge_fields.csv",
    ),
    (
        "merge tag with marks",
        _write(TAGS, "dialect,merge_tag,merge_field\nmailchimp,*|FNAME|*,first_name\n"),
        f"{TAGS}:2",
        "merge_tag",
        "without *|",
    ),
    (
        "merge tag without braces",
        _write(TAGS, "dialect,merge_tag,merge_field\nbraze,first_name,first_name\n"),
        f"{TAGS}:2",
        "merge_tag",
        "${first_name}",
    ),
    (
        "merge tag twice",
        _write(TAGS, "dialect,merge_tag,merge_field\nmailchimp,CITY,city\nmailchimp,CITY,country\n"),
        f"{TAGS}:3",
        "dialect",
        "remove one",
    ),
    (
        "placeholders",
        _write("seeds/placeholder_values.csv", "placeholder_value\nN/A\n"),
        "seeds/placeholder_values.csv:2",
        "placeholder_value",
        "lower case",
    ),
    (
        "no placeholders",
        _write("seeds/placeholder_values.csv", "placeholder_value\n"),
        "seeds/placeholder_values.csv",
        "",
        "restore",
    ),
    (
        "suppression of nobody",
        _write(
            "seeds/global_suppressions.csv",
            "channel,user_id,address,reason,added_at\nall,,,x,2024-01-01 00:00:00\n",
        ),
        "seeds/global_suppressions.csv:2",
        "user_id",
        "fill in one",
    ),
    (
        "suppression time",
        _write(
            "seeds/global_suppressions.csv", "channel,user_id,address,reason,added_at\nall,u1,,x,yesterday\n"
        ),
        "seeds/global_suppressions.csv:2",
        "added_at",
        "2024-03-11",
    ),
]


@pytest.mark.parametrize(
    ("case", "act", "where", "key", "fix"), FILE_MISTAKES, ids=[m[0] for m in FILE_MISTAKES]
)
def test_each_mistake_in_a_file(
    project: Path, case: str, act: Callable[[Path], None], where: str, key: str, fix: str
) -> None:
    act(project)
    found = problems_of(project)
    matching = [p for p in found if p.startswith(f"{where} [{key}") and fix in p.partition(" -> ")[2]]
    assert len(matching) == 1, found


def test_all_problems_of_all_campaigns_come_together(project: Path) -> None:
    other = project / "campaigns" / "newsletter__everyone__sms"
    other.mkdir()
    (other / "campaign.yml").write_text("kind: newsletter\nchannel: sms\n", encoding="utf-8")
    edit(project, "impact: 8", "impact: 80")
    found = problems_of(project)
    assert any(p.startswith(f"campaigns/{ID}/campaign.yml:10") for p in found)
    assert any("newsletter__everyone__sms" in p and "[owner]" in p for p in found)
    assert any("newsletter__everyone__sms [template]" in p for p in found)


def test_there_must_be_a_campaign(project: Path) -> None:
    shutil.rmtree(project / "campaigns")
    assert problems_of(project) == [
        "campaigns [] there is no campaign folder -> start one with: sendworthy new-campaign"
    ]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_what_is_compiled(project: Path) -> None:
    (project / "campaigns" / ID / "b.liquid").write_text("---\nsubject: b\nrank: 2\n---\nx", encoding="utf-8")
    (project / "campaigns" / ID / "c.liquid").write_text("---\nsubject: c\nrank: 1\n---\nx", encoding="utf-8")
    (project / "campaigns" / ID / "a.liquid").write_text("---\nsubject: a\n---\nx", encoding="utf-8")
    edit(project, "pilot_percent: 100", "pilot_percent: 12.50")
    edit(project, "segment: active,", "segment: active, also: [loyal, satisfied],")
    result = compile_project(project)
    assert (result.campaigns, result.variants) == (1, 5)
    assert result.changed == [CAMPAIGNS_SEED, REQUIREMENTS_SEED, EXPERIMENTS_SEED, SCHEMA_FILE]
    (campaign,) = rows(project / CAMPAIGNS_SEED)
    assert re.fullmatch("[0-9a-f]{64}", campaign.pop("content_hash"))
    assert campaign == {
        "campaign_id": ID, "name": "Come back to your basket", "kind": "abandoned_cart", "channel": "email",
        "topic": "offers", "content_group": "basket", "audience_segment": "active",
        "also_segments": "loyal;satisfied", "excluded_segments": "has_open_ticket;refund_pending", "trigger_event": "cart_item_added",
        "min_age_hours": "1", "max_age_hours": "72", "cancel_on": "order_completed", "cooldown_days": "7",
        "impact": "8", "confidence": "7", "ease": "9", "priority": "504", "holdout_percent": "10",
        "pilot_percent": "12.5", "arms": "", "send_hour_local": "9", "valid_from": "2026-01-01", "valid_to": "2026-12-31",
        "is_transactional": "false", "owner": "crm-team", "escalation_contact": "crm@example.com",
        "goal": "People find their basket again", "success_event": "order_completed",
        "success_window_days": "7", "evaluation": "holdout", "evaluation_reason": "",
        "drawbacks": "Some wait for the reminder", "max_swing_percent": "50", "min_audience": "100",
        "max_coverage_fall_points": "20",
    }  # fmt: skip
    variants = [
        (r["variant"], r["variant_rank"], r["required_fields"]) for r in rows(project / REQUIREMENTS_SEED)
    ]
    assert variants == [
        ("personalized", "1", "cart_product_name;first_name"),
        ("c", "2", ""),
        ("b", "3", ""),
        ("a", "4", ""),
        ("default", "5", ""),
    ]
    again = compile_project(project)
    assert again.changed == [] and len(again.unchanged) == 4


def test_limits_of_a_campaign_are_compiled(project: Path) -> None:
    limits = "limits: {max_swing_percent: 12.50, min_audience: 0, max_coverage_fall_points: 100}\n"
    edit(project, "owner: crm-team\n", f"{limits}owner: crm-team\n")
    compile_project(project)
    (campaign,) = rows(project / CAMPAIGNS_SEED)
    assert [campaign[name] for name in ("max_swing_percent", "min_audience", "max_coverage_fall_points")] == [
        "12.5",
        "0",
        "100",
    ]


def test_the_smallest_campaign_compiles(project: Path) -> None:
    shutil.rmtree(project / "campaigns")
    folder = project / "campaigns" / "newsletter__everyone__sms__weekly"
    folder.mkdir(parents=True)
    text = (
        GOOD.replace("email", "sms", 1).replace("abandoned_cart", "newsletter").replace("holdout\n", "none\n")
    )
    for key in (
        "topic",
        "content_group",
        "trigger",
        "cancel_on",
        "experiment",
        "valid",
        "transactional",
        "audience",
    ):
        audience = "audience: {exclude: [recent_complaint, unengaged]}\n"
        text = re.sub(rf"(?m)^{key}:.*\n", audience if key == "audience" else "", text)
    (folder / "campaign.yml").write_text(text + "  evaluation_reason: a letter\n", encoding="utf-8")
    (folder / "only.liquid").write_text("News", encoding="utf-8")
    compile_project(project)
    (campaign,) = rows(project / CAMPAIGNS_SEED)
    assert (campaign["holdout_percent"], campaign["pilot_percent"], campaign["trigger_event"]) == (
        "0",
        "100",
        "",
    )


@pytest.mark.parametrize(
    ("name", "fix"), [("Spring-2026", "lower-case letters, digits and _"), ("all", "choose another name")]
)
def test_a_file_whose_name_no_variant_can_have_is_refused(project: Path, name: str, fix: str) -> None:
    folder = project / "campaigns" / ID
    shutil.copyfile(folder / "default.liquid", folder / f"{name}.liquid")
    found = [problem for problem in problems_of(project) if "[variant]" in problem]
    assert len(found) == 1 and f"{name}.liquid" in found[0] and f"'{name}' cannot be the name" in found[0]
    assert fix in found[0]


def test_fresh_and_stale(project: Path) -> None:
    compile_project(project)
    assert check_fresh(project) == []
    template = project / "campaigns" / ID / "default.liquid"
    template.write_bytes(template.read_bytes().replace(b"\n", b"\r\n"))
    assert check_fresh(project) == [], "a checkout with other line ends is not a change"
    template.write_text(DEFAULT.replace("Hello", "Good day"), encoding="utf-8")
    assert [(p.where, p.key) for p in check_fresh(project)] == [(REQUIREMENTS_SEED, f"{ID} default")]
    template.write_text(DEFAULT, encoding="utf-8")
    edit(project, "impact: 8", "impact: 7")
    assert [(p.where, p.key, p.what) for p in check_fresh(project)] == [
        (CAMPAIGNS_SEED, ID, "changed since it was compiled")
    ]
    edit(project, "impact: 7", "impact: 8")
    seed = project / CAMPAIGNS_SEED
    seed.write_text(seed.read_text(encoding="utf-8").replace(",504,", ",505,"), encoding="utf-8")
    assert [(p.where, p.what) for p in check_fresh(project)] == [
        (CAMPAIGNS_SEED, "differs from what the folders compile to: edited by hand?")
    ]
    (project / SCHEMA_FILE).unlink()
    assert SCHEMA_FILE in [p.where for p in check_fresh(project)]


def test_the_schema_accepts_the_good_and_refuses_the_bad(project: Path) -> None:
    compile_project(project)
    schema = json.loads((project / SCHEMA_FILE).read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    good = json.loads(json.dumps(yaml.safe_load(GOOD), default=str))
    assert list(validator.iter_errors(good)) == []
    assert list(validator.iter_errors({**good, "ownr": "x"})) != []
    assert list(validator.iter_errors({**good, "send_hour_local": 24})) != []
    assert list(validator.iter_errors({k: v for k, v in good.items() if k != "owner"})) != []


# --- the committed campaigns --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def committed() -> list[CampaignFolder]:
    known, problems = read_known(PROJECT)
    folders, more = load_campaigns(PROJECT, known)
    assert [str(p) for p in (*problems, *more)] == []
    return folders


def test_committed_seeds_are_fresh() -> None:
    assert [str(p) for p in check_fresh(PROJECT)] == []


def test_committed_settings_are_valid() -> None:
    assert [str(p) for p in validate_settings(PROJECT)] == []


def test_committed_campaigns_cover_what_there_is(committed: list[CampaignFolder]) -> None:
    campaigns = {f.campaign_id: f.campaign for f in committed if f.campaign}
    assert len(campaigns) >= 18
    assert len({c.kind for c in campaigns.values()}) >= 13
    assert {c.kind for c in campaigns.values()} <= set(read_kinds(PROJECT))
    assert {c.channel for c in campaigns.values()} == {c.value for c in Channel}
    assert [i for i, c in campaigns.items() if c.transactional] == ["confirmation__order_completed__email"]
    steps = {
        i: c.trigger.event.partition("message_sent:")[2]
        for i, c in campaigns.items()
        if c.trigger and c.trigger.event
    }
    assert [i for i, before in steps.items() if before and steps.get(before)], "a journey of three steps"
    used = {s for c in campaigns.values() for s in [c.audience.segment, *c.audience.exclude] if s}
    known, _ = read_known(PROJECT)
    assert used <= known.segments
    variants = {f.campaign_id: [v.name for v in f.variants] for f in committed}
    assert ["personalized"] in variants.values(), "one campaign without a default"
    for folder in committed:
        first = folder.variants[0]
        assert first.name == "personalized" and first.analysis.required, folder.campaign_id


def test_merge_tags_are_sorted_and_cover_the_merge_fields() -> None:
    committed_rows = [
        (r["dialect"], r["merge_tag"], r["merge_field"]) for r in rows(PROJECT / "seeds" / "merge_tags.csv")
    ]
    assert committed_rows == sorted(committed_rows)
    fields = {r["merge_field"] for r in rows(PROJECT / "seeds" / "merge_fields.csv")}
    tags = read_merge_tags(PROJECT)
    assert tags.pop("liquid") == {}
    assert set(tags) == {"braze", "mailchimp", "handlebars"}
    for dialect, known in tags.items():
        assert {field for field in known.values() if field} == fields, dialect
        assert None in known.values(), dialect
    assert tags["mailchimp"]["FNAME"] == "first_name" and tags["mailchimp"]["UNSUB"] is None


def test_a_merge_field_without_a_line_has_the_usual_tag(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    seeds.mkdir()
    (seeds / "merge_fields.csv").write_text(
        "merge_field,description,is_personal\ncity,x,true\nlast_shoe_size,x,true\n", encoding="utf-8"
    )
    (seeds / "merge_tags.csv").write_text(
        "dialect,merge_tag,merge_field\nmailchimp,TOWN,city\n", encoding="utf-8"
    )
    assert read_merge_tags(tmp_path) == {
        "liquid": {},
        "braze": {"custom_attribute.${city}": "city", "custom_attribute.${last_shoe_size}": "last_shoe_size"},
        "mailchimp": {"TOWN": "city", "LASTSHOESI": "last_shoe_size"},
        "handlebars": {"city": "city", "last_shoe_size": "last_shoe_size"},
    }


def test_merge_tags_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    nothing: dict[str, dict[str, str | None]] = {
        d: {} for d in ("liquid", "braze", "mailchimp", "handlebars")
    }
    assert read_merge_tags(tmp_path) == nothing
    (tmp_path / "seeds").mkdir()
    file = tmp_path / "seeds" / "merge_tags.csv"
    file.write_bytes(b"dialect,merge_tag,merge_field\nbraze,\xe9,city\n")
    assert read_merge_tags(tmp_path) == nothing
    file.write_text("dialect,merge_tag\nfax,x\nmailchimp\nmailchimp,FNAME\n", encoding="utf-8")
    assert read_merge_tags(tmp_path) == {**nothing, "mailchimp": {"FNAME": None}}


def test_placeholder_values_are_many_and_spare_common_names() -> None:
    values = {r["placeholder_value"] for r in rows(PROJECT / "seeds" / "placeholder_values.csv")}
    assert len(values) >= 120
    assert {"n/a", "none", "null", "unknown", "test", "[blank]"} <= values
    names = {
        "nil",
        "nada",
        "guest",
        "anon",
        "bar",
        "foo",
        "empty street",
        "空",
        "미정",
        "leer",
        "max",
        "an",
        "no",
    }
    assert not values & names
    assert not [v for v in values if v.isdigit()], "numbers are values of loyalty points"


# --- new-campaign -------------------------------------------------------------------------------------

NEW: dict[str, Any] = {"owner": "crm-team", "escalation_contact": "crm@example.com"}


KINDS = read_kinds(PROJECT)


@pytest.mark.parametrize("channel", ["email", "sms", "push"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_campaign_compiles_once_it_is_written(project: Path, kind: str, channel: str) -> None:
    rules = KINDS[kind]
    folders = [
        new_campaign(project, kind=kind, channel=channel, **NEW),
        new_campaign(project, kind=kind, channel=channel, segment="new", suffix="second", **NEW),
    ]
    trigger = f"message_sent:{folders[0].name}"
    folders.append(
        new_campaign(project, kind=kind, channel=channel, trigger_event=trigger, suffix="third", **NEW)
    )
    middle = next(iter(rules.must_be_in), rules.defaults["trigger_event"] or "everyone")
    word = next(iter(rules.must_be_in), f"message_sent_{kind}_{middle}_{channel}")
    assert [folder.name for folder in folders] == [
        f"{kind}__{middle}__{channel}",
        f"{kind}__new__{channel}__second",
        f"{kind}__{word}__{channel}__third",
    ]
    found = problems_of(project)
    # the name, seven answers of the brief, and the hypothesis or why nothing is measured
    left = 9
    # and of two templates each a body, and maybe a subject and a preheader
    parts = {"email": 6, "push": 4, "sms": 2}[channel]
    assert len(found) == 3 * (left + parts) and all("'TODO' is a placeholder" in p for p in found), found
    for folder in folders:
        write_out(folder)
    assert compile_project(project).campaigns == 4


@pytest.mark.parametrize(
    ("kind", "options", "waived"),
    [
        ("win_back", {"segment": "billing_trouble"}, "billing_trouble"),
        ("discount", {"trigger_event": "order_completed"}, "order_completed"),
    ],
)
def test_a_new_campaign_asks_why_where_its_audience_breaks_a_rule(
    project: Path, kind: str, options: dict[str, Any], waived: str
) -> None:
    folder = new_campaign(project, kind=kind, channel="email", **options, **NEW)
    assert any(f"[waives.{waived}]" in problem for problem in problems_of(project))
    write_out(folder)
    compile_project(project)


def test_a_new_campaign_takes_any_text(project: Path) -> None:
    odd = 'A "name": with # and {{ braces }} — ünïcode'
    folder = new_campaign(project, kind="newsletter", channel="email", name=odd, goal="x: y", **NEW)
    write_out(folder)
    compile_project(project)
    data = yaml.safe_load((folder / "campaign.yml").read_text(encoding="utf-8"))
    assert (data["name"], data["brief"]["goal"]) == (odd, "x: y")


def test_a_new_campaign_says_what_its_keys_mean(project: Path) -> None:
    """What it writes, once in full: a change of the words is a change for people."""
    folder = new_campaign(
        project, kind="reward_reminder", channel="push", segment="loyal", today=date(2026, 2, 1), **NEW
    )
    assert (
        (folder / "campaign.yml").read_text(encoding="utf-8").partition("owner:")[0]
        == """\
# yaml-language-server: $schema=../campaign.schema.json
# Reminds of points that can be used.
# `sendworthy compile` refuses this folder until each TODO, here and in the templates, is replaced.
# What the keys mean: docs/add-a-campaign.md
name: "TODO: what people call this campaign in reports"
kind: reward_reminder
channel: push
topic: "rewards"   # what customers can opt out of; a line of seeds/topics.csv
content_group: rewards   # never two messages of one group to one customer in a night
audience:
  segment: "loyal"
  also: [has_points]   # must hold too: the kind asks for it
  exclude: [has_open_ticket, refund_pending]   # the kind asks for these; more can be added
cancel_on: []   # whoever had one of these since is left out
cooldown_days: 30   # days before the same customer can get it again
priority: {impact: 5, confidence: 5, ease: 5}   # 1 to 10 each; the product decides who goes first
experiment:
  holdout_percent: 10   # who stays without it, to measure it
  pilot_percent: 100
  hypothesis: "TODO: what will change, by how much, and why"
  starts: 2026-02-01
  planned_end: 2026-03-15   # its last day; after it, every night asks for learned.md
send_hour_local: 10   # on the customer's own clock
"""
    )
    assert (folder / "default.liquid").read_text(encoding="utf-8") == (
        '---\nsubject: "TODO: the title"\n---\nTODO: write the message here.\n'
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "fax", "channel": "email"}, "unknown kind"),
        ({"kind": "discuont", "channel": "email"}, 'did you mean "discount"?'),
        ({"kind": "discount", "channel": "fax"}, "unknown channel"),
        ({"kind": "discount", "channel": "email", "segment": "activ"}, 'did you mean "active"?'),
        ({"kind": "discount", "channel": "email", "send_hour_local": 25}, "0 to 23"),
        ({"kind": "discount", "channel": "email", "suffix": "../x"}, "slashes"),
        ({"kind": "discount", "channel": "email", "suffix": "Big One"}, "rename the folder"),
        ({"kind": "discount", "channel": "email", "trigger_event": "message_sent:none"}, "existing campaign"),
        ({"kind": "discount", "channel": "email", "trigger_event": "Order  Completed"}, '"order_completed"?'),
        ({"kind": "discount", "channel": "email", "topic": "offer"}, 'did you mean "offers"?'),
    ],
)
def test_a_wrong_new_campaign_leaves_nothing(project: Path, options: dict[str, Any], words: str) -> None:
    before = sorted(project.rglob("*"))
    with pytest.raises(SettingsError) as caught:
        new_campaign(project, **NEW, **options)
    assert words in " ".join([caught.value.what, caught.value.fix, *map(str, caught.value.problems)])
    assert sorted(project.rglob("*")) == before


def test_a_new_campaign_overwrites_nothing(project: Path) -> None:
    with pytest.raises(SettingsError, match="exists already"):
        new_campaign(project, kind="abandoned_cart", channel="email", segment="active", **NEW)


def partial(project: Path, name: str, data: bytes) -> None:
    path = project / "campaigns" / "_partials" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def test_a_shared_text_is_a_part_of_the_messages_that_use_it(project: Path) -> None:
    partial(project, "greeting.liquid", b"Hello {{ first_name }}\n")
    partial(project, "tags.liquid", b"---\ndialect: mailchimp\n---\n*|IF:CITY|*in *|CITY|**|END:IF|*\n")
    template = project / "campaigns" / ID / "personalized.liquid"
    template.write_text(PERSONALIZED + "{% include 'greeting' %}{% render 'tags' %}", encoding="utf-8")
    compile_project(project)
    found = {row["variant"]: row for row in rows(project / REQUIREMENTS_SEED)}
    assert found["personalized"]["printed_fields"] == "cart_product_name;city;first_name"
    assert found["personalized"]["required_fields"] == "cart_product_name;first_name"
    partial(project, "greeting.liquid", b"Dear {{ first_name }}\n")
    assert [(p.where, p.key) for p in check_fresh(project)] == [(REQUIREMENTS_SEED, f"{ID} personalized")]


PARTIAL_MISTAKES = [
    ("greeting.liquid", b"x\n{% if first_name %}y", "campaigns/_partials/greeting.liquid:2", "needs its end"),
    (
        "greeting.liquid",
        b"---\nsubject: x\n---\ny",
        "campaigns/_partials/greeting.liquid:2",
        "the keys are dialect",
    ),
    (
        "greeting.liquid",
        b"---\ndialect: braze\n---\nx\n{{${frist_name}}}",
        "campaigns/_partials/greeting.liquid:5",
        "first_name",
    ),
    ("greeting.liquid", b"x\n\xff", "campaigns/_partials/greeting.liquid:2", "UTF-8"),
    ("greeting.liquid", b"x" * 1_000_000, "campaigns/_partials/greeting.liquid", "shorten it"),
    ("Greeting.txt", b"x", "campaigns/_partials/Greeting.txt", "name it <name>.liquid"),
]


@pytest.mark.parametrize(("name", "data", "where", "fix"), PARTIAL_MISTAKES)
def test_a_mistake_in_a_shared_text_has_its_line(
    project: Path, name: str, data: bytes, where: str, fix: str
) -> None:
    partial(project, name, data)
    (problem,) = problems_of(project)
    assert problem.startswith(f"{where} [") and fix in problem


BAD_FILES = [
    # a template's bytes, the place, a piece of what to do
    (b"x" * 1_000_000, "", "shorten it"),
    (b"\n" * 200_000 + b"{{ first_name }}", "", "shorten it"),
    (b"Hello\n\xff\xfe", ":2", "UTF-8"),
    (b"---\nsubject: [\n---\nx", ":2", "double quotes"),
    (b"---\nsubject: &a [*a, *a]\n---\nx", ":2", "double quotes"),
    (b"---\nsubject: x\n---\n" + b"{% for i in (1..1000000) %}x{% endfor %}", ":4", "10,000 times"),
    (b"---\nsubject: x\n---\n" + b"{% for i in (1..9999999999) %}{% endfor %}", ":4", "10,000 times"),
    (b"---\nsubject: x\n---\n" + b"{% if first_name %}" * 3_000 + b"x", ":4", "flatten"),
    (b"---\nsubject: x\n---\n{{ 'x'" + b" | append: 'x'" * 4_000 + b" | nonsuch }}", ":4", "filter"),
    (b"---\nsubject: x\n---\n" + b"{% if a" + b" and a" * 10_000 + b" %}x{% endif %}", ":4", "split"),
    (b"---\nsubject: x\n---\n" + b"{{" * 30_000, ":4", "fix the "),
    (b"---\nsubject: x\n---\n" + b"{%" * 30_000, ":4", "fix the "),
    (b"---\nsubject: x\n---\n" + b"{% raw %}" * 6_000, ":4", "fix the "),
    (b"---\nsubject: x\n---\n" + b"{% doc %}" * 6_000, ":4", "fix the "),
    (b"---\nsubject: x\n---\n" + b"{% comment %}" * 4_000, ":4", "fix the "),
    (b"---\nsubject: x\n---\n" + b"{{ 'x" * 10_000, ":4", "fix the "),
    (
        b"---\nsubject: x\n---\n{% assign x = 'xxxxxxxxxx' %}" + b"{% assign x = x | append: x %}" * 60,
        ":4",
        "fix the ",
    ),
    (b"---\nsubject: " + b"[" * 20_000 + b"\n---\nx", ":2", "double quotes"),
    (b"---\nsubject: x\n---\n{% assign n = (1..100000000) | reverse | first %}{{ n }}", ":4", "10,000 times"),
    (
        b"---\nsubject: x\n---\n{% for i in (1..9000) %}"
        + b"{% assign a = i | plus: 1 %}" * 1000
        + b"{% endfor %}x",
        ":4",
        "fix the ",
    ),
    (
        b"---\nsubject: x\n---\n{% assign s = '"
        + b"a" * 30_000
        + b"' %}{% assign t = s | replace: 'a', s %}x",
        ":4",
        "fix the ",
    ),
    (b"---\nsubject: x\n---\n" + b"{{ first_name | nonsuch }}" * 2_000, "", "first ones"),
    (
        b"---\nsubject: x\n---\n"
        + "".join(f"{{% assign a{n} = city %}}" for n in range(1300)).encode()
        + b"{% if a1 %}x{% endif %}" * 1000,
        ":4",
        "split",
    ),
    (b"---\nsubject: x\ndialect: mailchimp\n---\n" + b"*|" * 30_000, ":5", ""),
    (b"---\nsubject: x\ndialect: handlebars\n---\n" + b"{{#if first_name}}" * 3_000, ":5", ""),
    (b"---\nsubject: x\ndialect: braze\n---\n" + b"{{${" * 10_000, ":5", ""),
]


@pytest.mark.parametrize(("data", "line", "fix"), BAD_FILES, ids=range(len(BAD_FILES)))
def test_a_bad_template_ends_in_an_error_with_its_place(
    project: Path, data: bytes, line: str, fix: str
) -> None:
    where = f"campaigns/{ID}/personalized.liquid"
    (project / where).write_bytes(data)
    problems = problems_of(project)
    assert any(p.startswith(f"{where}{line} [") and fix in p for p in problems), problems[:3]
    assert len(problems) <= 101
