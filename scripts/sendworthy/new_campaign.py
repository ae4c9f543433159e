"""Starts a campaign: writes a folder with a campaign.yml and two templates that compiles as it is."""

from __future__ import annotations

import json
from pathlib import Path

from sendworthy.campaigns import (
    CAMPAIGNS_DIR,
    DEFAULT,
    PERSONALIZED,
    SIGN_UP_KINDS,
    Channel,
    Kind,
    check_folder,
    event_word,
    read_known,
)
from sendworthy.errors import Problem, SettingsError
from sendworthy.foundation.safe_files import remove_folder

_SUCCESS_EVENTS = {
    Kind.onboarding: "onboarding_completed",
    Kind.rating_request: "feedback_submitted",
    Kind.feedback_request: "feedback_submitted",
    Kind.welcome: "product_viewed",
    Kind.newsletter: "page_viewed",
    Kind.confirmation: "page_viewed",
}


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
    success_window_days: int = 7,
    cooldown_days: int = 30,
    holdout_percent: float = 10,
    send_hour_local: int = 10,
    transactional: bool = False,
) -> Path:
    """Writes `campaigns/<id>/` with campaign.yml, personalized.liquid and default.liquid; returns the folder.

    The id follows the naming convention from kind, segment (or else trigger event, or else everyone), channel
    and suffix. What is written compiles: wrong options raise SettingsError and leave nothing behind.
    """
    problems = []
    if kind not in {k.value for k in Kind}:
        fix = f"choose one of {', '.join(k.value for k in Kind)}"
        problems.append(Problem("new-campaign", "kind", f"unknown kind {kind!r}", fix))
    if channel not in {c.value for c in Channel}:
        problems.append(
            Problem("new-campaign", "channel", f"unknown channel {channel!r}", "choose email, sms or push")
        )
    if problems:
        raise SettingsError("no campaign was written", "correct the options", problems)
    middle = segment or (event_word(trigger_event) if trigger_event else "everyone")
    campaign_id = "__".join([kind, middle, channel, *([suffix] if suffix else [])])
    folder = project_dir / CAMPAIGNS_DIR / campaign_id
    if folder.exists():
        fix = "edit that folder, or give --suffix to write a second one"
        raise SettingsError(f"{CAMPAIGNS_DIR}/{campaign_id} exists already", fix)
    label = name or f"{kind.replace('_', ' ').capitalize()} for {(segment or 'everyone').replace('_', ' ')}"
    if transactional:
        holdout_percent = 0
    evaluation = "holdout" if holdout_percent > 0 else "variants"
    trigger = ""
    if trigger_event:
        trigger = f"trigger: {{event: {_text(trigger_event)}, min_age_hours: 0, max_age_hours: 72}}\n"
    elif kind in SIGN_UP_KINDS:
        trigger = "trigger: {min_age_hours: 0, max_age_hours: 72}   # no event: the age counts from sign-up\n"
    audience = (
        f"{{segment: {_text(segment)}, exclude: []}}" if segment else "{exclude: []}   # no segment: everyone"
    )
    files = {
        "campaign.yml": (
            "# yaml-language-server: $schema=../campaign.schema.json\n"
            f"name: {_text(label)}\n"
            f"kind: {kind}\n"
            f"channel: {channel}\n"
            + (f"topic: {_text(topic)}\n" if topic else "")
            + f"audience: {audience}\n"
            + trigger
            + "cancel_on: []\n"
            f"cooldown_days: {cooldown_days}\n"
            "priority: {impact: 5, confidence: 5, ease: 5}\n"
            f"experiment: {{holdout_percent: {holdout_percent:g}, pilot_percent: 100}}\n"
            f"send_hour_local: {send_hour_local}\n"
            f"transactional: {'true' if transactional else 'false'}\n"
            f"owner: {_text(owner)}\n"
            f"escalation_contact: {_text(escalation_contact)}\n"
            "brief:\n"
            f"  goal: {_text(goal or 'Say in one sentence what will be different when this works')}\n"
            f"  success_event: {_text(success_event or _SUCCESS_EVENTS.get(Kind(kind), 'order_completed'))}\n"
            f"  success_window_days: {success_window_days}\n"
            f"  evaluation: {evaluation}\n"
            f"  drawbacks: {_text(drawbacks or 'Say in one sentence what this may cost or spoil')}\n"
        ),
        f"{PERSONALIZED}.liquid": _template(channel, label, personalized=True),
        f"{DEFAULT}.liquid": _template(channel, label, personalized=False),
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


def _text(value: str) -> str:
    """A YAML scalar; JSON's strings are YAML's double-quoted ones."""
    return json.dumps(value, ensure_ascii=False)


def _template(channel: str, label: str, *, personalized: bool) -> str:
    front, body = "", "Write the message here."
    title = label.replace("{", "(").replace("}", ")").replace("\n", " ")
    if personalized:
        body = "Hello {{ first_name }},\n\nwrite the message here."
    if channel == Channel.email.value:
        subject = f"{{{{ first_name }}}}, {title[:1].lower()}{title[1:]}" if personalized else title
        preheader = _text("What the inbox shows after the subject")
        front = f"---\nsubject: {_text(subject)}\npreheader: {preheader}\n---\n"
    elif channel == Channel.push.value:
        front = f"---\nsubject: {_text(title)}\n---\n"
        body = body.replace(",\n\nwrite", ", write")
    else:
        body = body.replace(",\n\nwrite", ", write") + " Reply STOP to end."
    return front + body + "\n"
