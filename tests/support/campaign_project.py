"""A small project with one good campaign, for tests of what `sendworthy compile` takes."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from sendworthy.campaigns.compiler import CAMPAIGNS_SEED, compile_project
from sendworthy.foundation.errors import SettingsError
from sendworthy.settings.seed_files import SEGMENT_FLAGS_SQL, read_segments

PROJECT = Path(__file__).resolve().parents[2]
ID = "abandoned_cart__active__email"

GOOD = """\
name: Come back to your basket
kind: abandoned_cart
channel: email
topic: offers
content_group: basket
audience: {segment: active, exclude: [has_open_ticket, refund_pending]}
trigger: {event: cart_item_added, min_age_hours: 1, max_age_hours: 72}
cancel_on: [order_completed]
cooldown_days: 7
priority: {impact: 8, confidence: 7, ease: 9}
experiment: {holdout_percent: 10, pilot_percent: 100}
send_hour_local: 9
valid: {from: 2026-01-01, to: 2026-12-31}
transactional: false
owner: crm-team
escalation_contact: crm@example.com
brief:
  goal: People find their basket again
  larger_goal: More visits end in an order
  customer_need: Not having to search twice
  customer_experience: One letter in the morning
  drawbacks: Some wait for the reminder
  capabilities: Basket and order events
  still_needed: Pictures of the product
  success_event: order_completed
  success_window_days: 7
  evaluation: holdout
"""
PERSONALIZED = '---\nsubject: "Hi {{ first_name }}"\npreheader: soon\n---\nYour {{ cart_product_name }}\n'
DEFAULT = "---\nsubject: Your basket\n---\nHello {{ first_name | default: 'there' }}\n"


def make_project(folder: Path) -> Path:
    """The project's own seeds and segments (and one segment that is commented out), with one campaign."""
    shutil.copytree(PROJECT / "seeds", folder / "seeds")
    shutil.rmtree(folder / "seeds" / "compiled")
    sql = folder / SEGMENT_FLAGS_SQL
    sql.parent.mkdir(parents=True)
    flags = "".join(f"    a as is_{segment},\n" for segment in sorted(read_segments(PROJECT)))
    sql.write_text(f"select\n{flags}    -- b as is_commented_out,\nfrom f\n", encoding="utf-8")
    add_campaign(folder, ID, GOOD, {"personalized": PERSONALIZED, "default": DEFAULT})
    return folder


def add_campaign(project: Path, campaign_id: str, settings: str, templates: dict[str, str]) -> Path:
    """Write a campaign folder."""
    folder = project / "campaigns" / campaign_id
    folder.mkdir(parents=True)
    (folder / "campaign.yml").write_text(settings, encoding="utf-8")
    for name, text in templates.items():
        (folder / f"{name}.liquid").write_text(text, encoding="utf-8")
    return folder


def problems_of(project: Path) -> list[str]:
    """What `compile` says is wrong: place, key, what and fix."""
    with pytest.raises(SettingsError) as caught:
        compile_project(project)
    assert not (project / CAMPAIGNS_SEED).exists(), "nothing is written while anything is wrong"
    return [f"{p.where} [{p.key}] {p.what} -> {p.fix}" for p in caught.value.problems]


def edit(project: Path, old: str, new: str, campaign_id: str = ID) -> None:
    """Replace what stands once in a campaign.yml."""
    path = project / "campaigns" / campaign_id / "campaign.yml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new), encoding="utf-8")


def write_out(folder: Path) -> None:
    """Replace what `new-campaign` has left to write, as somebody would."""
    for file in folder.iterdir():
        lines = file.read_text(encoding="utf-8").split("\n")
        for number, line in enumerate(lines):
            said = f"What {folder.name} says on line {number}"
            lines[number] = (
                line if line.startswith("#") else re.sub(r"TODO: [^\"]*?(?=\"|\.?$|\. Reply)", said, line)
            )
        file.write_text("\n".join(lines), encoding="utf-8")
