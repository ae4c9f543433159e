"""Turns the campaign folders into the compiled seeds, and says whether the committed ones are fresh."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from sendworthy.campaigns.model import (
    CAMPAIGNS_DIR,
    Campaign,
    CampaignFolder,
    Known,
    load_campaigns,
    read_known,
)
from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.foundation.safe_files import MAX_SEED, MAX_SETTINGS, read_file, write_file
from sendworthy.settings.seed_files import validate_settings

CAMPAIGNS_SEED = "seeds/compiled/campaigns.csv"
REQUIREMENTS_SEED = "seeds/compiled/message_requirements.csv"
EXPERIMENTS_SEED = "seeds/compiled/experiments.csv"
SCHEMA_FILE = f"{CAMPAIGNS_DIR}/campaign.schema.json"

CAMPAIGN_COLUMNS = (
    "campaign_id",
    "name",
    "kind",
    "channel",
    "topic",
    "content_group",
    "audience_segment",
    "also_segments",
    "excluded_segments",
    "trigger_event",
    "min_age_hours",
    "max_age_hours",
    "cancel_on",
    "cooldown_days",
    "impact",
    "confidence",
    "ease",
    "priority",
    "holdout_percent",
    "pilot_percent",
    "arms",
    "send_hour_local",
    "valid_from",
    "valid_to",
    "is_transactional",
    "owner",
    "escalation_contact",
    "goal",
    "success_event",
    "success_window_days",
    "evaluation",
    "evaluation_reason",
    "drawbacks",
    "content_hash",
    "max_swing_percent",
    "min_audience",
    "max_coverage_fall_points",
)
REQUIREMENT_COLUMNS = (
    "campaign_id",
    "variant",
    "arm",
    "variant_rank",
    "printed_fields",
    "required_fields",
    "compared_fields",
    "measured_fields",
    "content_hash",
)
EXPERIMENT_COLUMNS = (
    "campaign_id",
    "owner",
    "hypothesis",
    "starts",
    "planned_end",
    "decided",
    "decision",
    "expected",
    "observed",
    "observed_low",
    "observed_high",
    "next_step",
)
# each compiled seed with its key
_SEEDS = {
    CAMPAIGNS_SEED: ("campaign_id",),
    REQUIREMENTS_SEED: ("campaign_id", "variant"),
    EXPERIMENTS_SEED: ("campaign_id",),
}
_FIX = "run: sendworthy compile, and commit what it writes"


@dataclass
class CompileResult:
    """What `compile_project` read and wrote; paths are relative to the project."""

    campaigns: int
    variants: int
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)


def compile_project(project_dir: Path) -> CompileResult:
    """Validates the settings and every campaign, then writes the compiled seeds and the JSON schema.

    Nothing is written while anything is wrong: SettingsError carries all problems of all files at once.
    """
    outputs, folders, problems = _compile(project_dir)
    if problems:
        files = len({problem.where.partition(":")[0] for problem in problems})
        raise SettingsError(
            f"{len(problems)} problem(s) in {files} file(s); nothing was written",
            "correct them all, then run sendworthy compile again",
            problems,
        )
    result = CompileResult(
        len(folders),
        sum(len(folder.variants) for folder in folders),
        warnings=_warnings(project_dir, folders),
    )
    for name, text in outputs.items():
        path = project_dir / name
        data = text.encode("utf-8")
        if path.is_file() and path.read_bytes() == data:
            result.unchanged.append(name)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(path.name + ".new")
        write_file(scratch, data)
        scratch.replace(path)
        result.changed.append(name)
    return result


def campaign_warnings(project_dir: Path) -> list[Problem]:
    """What is said of the campaigns and their templates that does not keep them from being used."""
    known, _ = read_known(project_dir)
    return _warnings(project_dir, load_campaigns(project_dir, known)[0])


def _warnings(project_dir: Path, folders: Sequence[CampaignFolder]) -> list[Problem]:
    delivery = _delivery_hours(project_dir)
    early = (warning for folder in folders for warning in _expires_early(folder, delivery))
    texts = (w for folder in folders for variant in folder.variants for w in variant.analysis.warnings)
    return [*early, *texts]


def _expires_early(folder: CampaignFolder, delivery_hours: int) -> Iterator[Problem]:
    """A trigger that is too old, for some people, on the only night that could have written to them.

    It may be a day old when the night comes. The message then waits for the send hour, up to another day; without a send hour
    it goes out as soon as the lists are delivered.
    """
    campaign = folder.campaign
    age = campaign.trigger.max_age_hours if campaign and campaign.trigger else None
    if campaign is None or age is None:
        return
    waits = 24 if campaign.send_hour_local is not None else delivery_hours
    if age < 24 + waits:
        what = (
            f"{age} hours lose people: what happens just after a night is 24 hours old at the next, "
            f"and goes out up to {waits} hours later"
        )
        at = folder.at("trigger", "max_age_hours")
        yield Problem(at, "trigger.max_age_hours", what, f"write {24 + waits} or more")


def _delivery_hours(project_dir: Path) -> int:
    """How long lists take to arrive: the variable of dbt_project.yml, or its default."""
    try:
        return int(Project(project_dir).variable("delivery_hours"))
    except (SettingsError, TypeError, ValueError):
        return 4


def check_fresh(project_dir: Path) -> list[Problem]:
    """Problems when the committed seeds are not what the campaign folders compile to; writes nothing.

    A folder that does not compile yields its own problems. Otherwise content hashes tell which campaign or
    variant is stale, and a last comparison of the whole text finds a seed that was edited by hand.
    """
    outputs, _, problems = _compile(project_dir)
    if problems:
        return problems
    stale: list[Problem] = []
    for name, key in _SEEDS.items():
        try:
            committed = read_file(project_dir / name, project_dir, MAX_SEED).decode("utf-8")
        except (OSError, UnicodeDecodeError):
            stale.append(Problem(name, "", "the compiled seed is missing or unreadable", _FIX))
            continue
        committed = committed.replace("\r\n", "\n")
        if committed == outputs[name]:
            continue
        before, now = _hashes(committed, key), _hashes(outputs[name], key)
        differing = [row for row in sorted(set(before) | set(now)) if before.get(row) != now.get(row)]
        for row in differing:
            what = (
                "in no campaign folder any more"
                if row not in now
                else "not compiled yet"
                if row not in before
                else "changed since it was compiled"
            )
            stale.append(Problem(name, row, what, _FIX))
        if not differing:
            stale.append(Problem(name, "", "differs from what the folders compile to: edited by hand?", _FIX))
    try:
        schema = read_file(project_dir / SCHEMA_FILE, project_dir, MAX_SETTINGS)
    except OSError:
        schema = b""
    if schema.replace(b"\r\n", b"\n") != outputs[SCHEMA_FILE].encode("utf-8"):
        stale.append(Problem(SCHEMA_FILE, "", "the JSON schema is missing or out of date", _FIX))
    return stale


def _compile(project_dir: Path) -> tuple[dict[str, str], list[CampaignFolder], list[Problem]]:
    known, problems = read_known(project_dir)
    folders, found = load_campaigns(project_dir, known)
    problems = [*problems, *validate_settings(project_dir), *found]
    seen: set[Problem] = set()
    problems = [p for p in problems if not (p in seen or seen.add(p))]  # type: ignore[func-returns-value]
    if problems:
        return {}, folders, problems
    outputs = {
        CAMPAIGNS_SEED: _csv(CAMPAIGN_COLUMNS, (_campaign_row(f, f.campaign) for f in folders if f.campaign)),
        REQUIREMENTS_SEED: _csv(
            REQUIREMENT_COLUMNS, (row for f in folders for row in _requirement_rows(f, known))
        ),
        EXPERIMENTS_SEED: _csv(
            EXPERIMENT_COLUMNS,
            (row for f in folders if f.campaign for row in _experiment_rows(f, f.campaign)),
        ),
        SCHEMA_FILE: json_schema(known),
    }
    return outputs, folders, []


def json_schema(known: Known) -> str:
    """The JSON schema of campaign.yml, for editors."""
    schema = Campaign.model_json_schema(by_alias=True)
    schema["properties"]["kind"]["enum"] = list(known.kinds)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "Sendworthy campaign"
    return json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _campaign_row(folder: CampaignFolder, campaign: Campaign) -> list[str]:
    trigger = campaign.trigger
    values: list[object] = [
        folder.campaign_id,
        campaign.name,
        campaign.kind,
        campaign.channel,
        campaign.topic,
        campaign.content_group,
        campaign.audience.segment,
        campaign.audience.also,
        campaign.audience.exclude,
        trigger.event if trigger else None,
        trigger.min_age_hours if trigger else None,
        trigger.max_age_hours if trigger else None,
        campaign.cancel_on,
        campaign.cooldown_days,
        campaign.priority.impact,
        campaign.priority.confidence,
        campaign.priority.ease,
        campaign.priority.score,
        campaign.experiment.holdout_percent,
        campaign.experiment.pilot_percent,
        [f"{arm}:{share}" for arm, share in campaign.experiment.arms.items()],
        campaign.send_hour_local,
        campaign.valid.from_,
        campaign.valid.to,
        campaign.transactional,
        campaign.owner,
        campaign.escalation_contact,
        campaign.brief.goal,
        campaign.brief.success_event,
        campaign.brief.success_window_days,
        campaign.brief.evaluation,
        campaign.brief.evaluation_reason,
        campaign.brief.drawbacks,
        _hash([folder.source]),
        campaign.limits.max_swing_percent,
        campaign.limits.min_audience,
        campaign.limits.max_coverage_fall_points,
    ]
    return [_cell(value) for value in values]


def _requirement_rows(folder: CampaignFolder, known: Known) -> list[list[str]]:
    partials = known.language.partials
    return [
        [
            _cell(value)
            for value in (
                folder.campaign_id,
                variant.name,
                variant.analysis.arm,
                variant.rank,
                variant.analysis.needed,
                variant.analysis.required,
                variant.analysis.compared,
                variant.analysis.measured,
                _hash(
                    text.encode("utf-8")
                    # a shared text is a part of every message that uses it
                    for text in (variant.text, *(partials[name].source for name in variant.analysis.partials))
                ),
            )
        ]
        for variant in folder.variants
    ]


def _experiment_rows(folder: CampaignFolder, campaign: Campaign) -> Iterator[list[str]]:
    """One row where something is compared, or planned, or has been learned; else none."""
    experiment, learned = campaign.experiment, folder.post_mortem
    if not (experiment.is_compared or experiment.hypothesis or learned):
        return
    values: list[object] = [
        folder.campaign_id,
        experiment.owner or campaign.owner,
        experiment.hypothesis,
        experiment.starts,
        experiment.planned_end,
        learned.decided if learned else None,
        learned.decision if learned else None,
        learned.expected if learned else None,
        learned.observed.result if learned else None,
        learned.observed.low if learned else None,
        learned.observed.high if learned else None,
        learned.next if learned else None,
    ]
    yield [_cell(value) for value in values]


def _hash(parts: Iterable[bytes]) -> str:
    """sha256 over the contents, whatever line ending the checkout uses."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n"))
    return digest.hexdigest()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, list):
        return ";".join(str(item) for item in value)
    return str(value)


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return buffer.getvalue()


def _hashes(text: str, key: Sequence[str]) -> dict[str, str]:
    """Row name -> content hash of a compiled seed, or the row itself where that is all there is."""
    rows = csv.DictReader(io.StringIO(text))
    return {" ".join(row.get(k) or "" for k in key): row.get("content_hash") or str(row) for row in rows}
