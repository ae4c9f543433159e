"""Starts a campaign: a folder that has the rules of its kind, and says what somebody still has to write."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from sendworthy.campaigns.model import (
    CAMPAIGNS_DIR,
    DEFAULT,
    PERSONALIZED,
    SIGN_UP_KINDS,
    Channel,
    check_folder,
    event_word,
    read_known,
)
from sendworthy.campaigns.post_mortem import POST_MORTEM
from sendworthy.foundation.clock import utc_now
from sendworthy.foundation.errors import Problem, SettingsError, did_you_mean
from sendworthy.foundation.safe_files import remove_folder
from sendworthy.settings.seed_files import Kind, read_kinds
from sendworthy.templates.placeholders import TO_DO, TO_WRITE

_HEAD = """\
# yaml-language-server: $schema=../campaign.schema.json
# {description}.
# `sendworthy compile` refuses this folder until each TODO, here and in the templates, is replaced.
# What the keys mean: docs/add-a-campaign.md
"""


def new_campaign(
    project_dir: Path,
    *,
    kind: str,
    channel: str,
    owner: str,
    escalation_contact: str,
    name: str | None = None,
    segment: str | None = None,
    trigger_event: str | None = None,
    suffix: str | None = None,
    topic: str | None = None,
    goal: str | None = None,
    drawbacks: str | None = None,
    success_event: str | None = None,
    send_hour_local: int = 10,
    today: date | None = None,
) -> Path:
    """Writes `campaigns/<id>/` with campaign.yml, personalized.liquid and default.liquid; returns the folder.

    The rules and defaults are those of the kind in seeds/kinds.csv. The id follows the naming convention from kind, segment (or else
    trigger event, or else everyone), channel and suffix. Its experiment starts today, which the clock says unless it is given. Wrong
    options raise SettingsError and leave nothing behind.
    """
    rules = _kind(project_dir, kind, channel)
    trigger_event = trigger_event or rules.defaults["trigger_event"] or None
    # where the kind says who it is for, that is the audience
    also = [name for name in rules.must_be_in if name != segment]
    if segment is None and also:
        segment = also.pop(0)
    middle = segment or (event_word(trigger_event) if trigger_event else "everyone")
    campaign_id = "__".join([kind, middle, channel, *([suffix] if suffix else [])])
    folder = project_dir / CAMPAIGNS_DIR / campaign_id
    if "/" in campaign_id or "\\" in campaign_id:
        raise SettingsError(f"{campaign_id!r} cannot be a campaign id", "leave slashes out of the options")
    if folder.exists():
        fix = "edit that folder, or give --suffix to write a second one"
        raise SettingsError(f"{CAMPAIGNS_DIR}/{campaign_id} exists already", fix)
    given = {"name": name, "brief.goal": goal, "brief.drawbacks": drawbacks}
    files = {
        "campaign.yml": _HEAD.format(description=rules.description)
        + f"name: {_to_write('name', given)}\n"
        + f"kind: {kind}\n"
        + f"channel: {channel}\n"
        + _options(rules, topic)
        + _audience(rules, segment, also)
        + _trigger(rules, trigger_event)
        + _exceptions(rules, trigger_event)
        + _waivers(rules, segment, trigger_event)
        + f"cooldown_days: {rules.defaults['cooldown_days']}   # days before the same customer can get it again\n"
        + "priority: {impact: 5, confidence: 5, ease: 5}   # 1 to 10 each; the product decides who goes first\n"
        + _sending(rules, send_hour_local, today or utc_now().date())
        + f"owner: {_text(owner)}\n"
        + f"escalation_contact: {_text(escalation_contact)}\n"
        + _brief(rules, success_event, given),
        f"{PERSONALIZED}.liquid": _template(channel, is_personalized=True),
        f"{DEFAULT}.liquid": _template(channel, is_personalized=False),
    }
    scratch = project_dir / CAMPAIGNS_DIR / f".new-{campaign_id}"
    if "/" in campaign_id or "\\" in campaign_id:
        raise SettingsError(f"{campaign_id!r} cannot be a campaign id", "leave slashes out of the options")
    remove_folder(scratch)
    try:
        scratch.mkdir(parents=True)
        for file_name, text in files.items():
            (scratch / file_name).write_text(text, encoding="utf-8", newline="\n")
        known, found = read_known(project_dir)
        found = found or check_folder(scratch, campaign_id, known)
        if found:
            raise SettingsError("no campaign was written", "correct the options", found)
        scratch.rename(folder)
    finally:
        remove_folder(scratch, ignore_errors=True)
    return folder


def _kind(project_dir: Path, kind: str, channel: str) -> Kind:
    kinds, channels = read_kinds(project_dir), [c.value for c in Channel]
    problems = []
    if kind not in kinds:
        otherwise = f"choose one of {', '.join(kinds)}" if kinds else "restore seeds/kinds.csv"
        fix = did_you_mean(kind, kinds, otherwise)
        problems.append(Problem("new-campaign", "kind", f"unknown kind {kind!r}", fix))
    if channel not in channels:
        what = f"unknown channel {channel!r}"
        problems.append(Problem("new-campaign", "channel", what, "choose email, sms or push"))
    if problems:
        raise SettingsError("no campaign was written", "correct the options", problems)
    return kinds[kind]


def _options(rules: Kind, topic: str | None) -> str:
    topic, group = topic or rules.defaults["topic"], rules.defaults["content_group"]
    lines = (
        [f"topic: {_text(topic)}   # what customers can opt out of; a line of seeds/topics.csv\n"]
        if topic
        else []
    )
    if group:
        lines.append(
            f"content_group: {group}   # never two messages of one group to one customer in a night\n"
        )
    return "".join(lines)


def _audience(rules: Kind, segment: str | None, also: Sequence[str]) -> str:
    lines = ["audience:\n"]
    lines.append(
        f"  segment: {_text(segment)}\n" if segment else "  # segment: active, say; without one, everyone\n"
    )
    if also:
        lines.append(f"  also: [{', '.join(also)}]   # must hold too: the kind asks for it\n")
    excluded = [name for name in rules.must_exclude if name != segment]
    why = "   # the kind asks for these; more can be added" if excluded else ""
    lines.append(f"  exclude: [{', '.join(excluded)}]{why}\n")
    return "".join(lines)


def _trigger(rules: Kind, event: str | None) -> str:
    low, high = rules.defaults["min_age_hours"] or "0", rules.defaults["max_age_hours"] or "72"
    ages = f"min_age_hours: {low}, max_age_hours: {high}"
    if event:
        return f"trigger: {{event: {_text(event)}, {ages}}}\n"
    if rules.name in SIGN_UP_KINDS:
        return f"trigger: {{{ages}}}   # no event: the age counts from the sign-up\n"
    return ""


def _exceptions(rules: Kind, event: str | None) -> str:
    events = ", ".join(name for name in rules.must_cancel_on if name != event)
    return f"cancel_on: [{events}]   # whoever had one of these since is left out\n"


def _waivers(rules: Kind, segment: str | None, event: str | None) -> str:
    """The rules that the audience or the trigger itself breaks."""
    broken = [name for name in rules.must_exclude if name == segment]
    broken += [name for name in rules.must_cancel_on if name == event]
    reasons = "".join(f"  {_text(rule)}: {_text(TO_DO + TO_WRITE['waives'])}\n" for rule in broken)
    return f"waives:   # rules of the kind that do not apply here\n{reasons}" if broken else ""


def _sending(rules: Kind, send_hour_local: int, today: date) -> str:
    if rules.is_transactional:
        return "transactional: true   # owed to the customer: goes out at once, and to those who have opted out too\n"
    return _experiment(rules, today) + f"send_hour_local: {send_hour_local}   # on the customer's own clock\n"


def _experiment(rules: Kind, starts: date) -> str:
    """The holdout of the kind and, where there is one, a plan for it: its end leaves four weeks and the success window."""
    holdout = rules.defaults["holdout_percent"]
    if not float(holdout):
        return f"experiment: {{holdout_percent: {holdout}, pilot_percent: 100}}   # who stays without it, to measure it\n"
    end = starts + timedelta(days=28 + int(rules.defaults["success_window_days"]))
    return (
        "experiment:\n"
        f"  holdout_percent: {holdout}   # who stays without it, to measure it\n"
        "  pilot_percent: 100\n"
        f"  hypothesis: {_to_write('experiment.hypothesis', {})}\n"
        f"  starts: {starts}\n"
        f"  planned_end: {end}   # its last day; after it, every night asks for {POST_MORTEM}\n"
    )


def _brief(rules: Kind, success_event: str | None, given: Mapping[str, str | None]) -> str:
    holdout = rules.defaults["holdout_percent"]
    keys = [key for key in TO_WRITE if key.startswith("brief.") and key != "brief.evaluation_reason"]
    lines = [f"  {key.removeprefix('brief.')}: {_to_write(key, given)}\n" for key in keys]
    lines.append(f"  success_event: {_text(success_event or rules.defaults['success_event'])}\n")
    lines.append(f"  success_window_days: {rules.defaults['success_window_days']}\n")
    if float(holdout):
        lines.append("  evaluation: holdout\n")
    else:
        lines.append(
            f"  evaluation: none\n  evaluation_reason: {_to_write('brief.evaluation_reason', given)}\n"
        )
    return "brief:\n" + "".join(lines)


def _template(channel: str, *, is_personalized: bool) -> str:
    body = f"{TO_DO}{TO_WRITE['body']}."
    front = ""
    if channel == Channel.email.value:
        subject = f"{TO_DO}{TO_WRITE['subject']}"
        if is_personalized:
            subject = f"{{{{ first_name }}}}, {subject}"
            body = f"Hello {{{{ first_name }}}},\n\n{body}"
        front = f"---\nsubject: {_text(subject)}\npreheader: {_text(TO_DO + TO_WRITE['preheader'])}\n---\n"
    else:
        if is_personalized:
            body = f"{{{{ first_name }}}}, {body}"
        if channel == Channel.push.value:
            front = f"---\nsubject: {_text(TO_DO + TO_WRITE['title'])}\n---\n"
        else:
            body += " Reply STOP to end."
    return f"{front}{body}\n"


def _to_write(key: str, given: Mapping[str, str | None]) -> str:
    return _text(given.get(key) or f"{TO_DO}{TO_WRITE[key]}")


def _text(value: str) -> str:
    """A YAML scalar; JSON's strings are YAML's double-quoted ones."""
    return json.dumps(value, ensure_ascii=False)
