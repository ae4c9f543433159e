"""A campaign folder: the model of `campaign.yml`, and reading it with the line of each key."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from sendworthy.errors import Problem, did_you_mean
from sendworthy.foundation.safe_files import KB, MAX_SEED, MAX_SETTINGS, UnsafeFile, read_file
from sendworthy.foundation.safe_yaml import BoundedLoader, RefusedYaml
from sendworthy.settings import read_merge_tags
from sendworthy.templates import (
    PARTIALS_DIR,
    Language,
    TemplateAnalysis,
    analyse_template,
    read_partials,
    read_text,
)

CAMPAIGNS_DIR = "campaigns"
SEGMENT_FLAGS_SQL = "models/intermediate/customers/int_customers__segment_flags.sql"
MERGE_FIELDS_CSV = "seeds/merge_fields.csv"
MAX_CAMPAIGN_BYTES = 64 * KB
MAX_AGE_HOURS = 90 * 24
MAX_AUDIENCE = 1_000_000_000
MESSAGE_EVENT_TYPES = (
    "sent",
    "delivered",
    "opened",
    "clicked",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "unsubscribed",
)
SIGN_UP_KINDS = ("welcome", "onboarding")
PERSONALIZED, DEFAULT = "personalized", "default"

# any name is legal; the compiled seed separates the names of a list with semicolons
_EVENT = re.compile(r"[^\s;\x00-\x1f](?:[^;\x00-\x1f]*[^\s;\x00-\x1f])?")
_MESSAGE_EVENT = re.compile(r"message_([a-z_]+):(.+)")
ALL_VARIANTS = "all"  # campaign_results: the row of a campaign's variants together
_VARIANT = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_FOLDER = re.compile(r"[a-z0-9_]+")


class Kind(str, Enum):
    """What a campaign is for."""

    welcome = "welcome"
    onboarding = "onboarding"
    abandoned_cart = "abandoned_cart"
    rating_request = "rating_request"
    win_back = "win_back"
    confirmation = "confirmation"
    thank_you = "thank_you"
    reward_reminder = "reward_reminder"
    discount = "discount"
    feedback_request = "feedback_request"
    billing_recovery = "billing_recovery"
    newsletter = "newsletter"
    nearby_offer = "nearby_offer"


class Channel(str, Enum):
    """The way a message goes."""

    email = "email"
    sms = "sms"
    push = "push"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", use_enum_values=True)


Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=300, pattern=r"^[^\r\n\x00]+$")
]
Word = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
Event = Annotated[str, StringConstraints(pattern=r"^[^;\x00-\x1f]+$", max_length=200)]
Score = Annotated[int, Field(strict=True, ge=1, le=10)]
Hours = Annotated[int, Field(strict=True, ge=0, le=MAX_AGE_HOURS)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]


class Audience(_Strict):
    """Who may get it: one segment (none: everyone), without the excluded ones."""

    segment: Word | None = Field(None, description="A segment; without it, everyone")
    exclude: list[Word] = Field(default_factory=list, description="Segments whose members never get it")


class Trigger(_Strict):
    """The event that starts it, and how old the newest such event may be."""

    event: Event | None = Field(None, description="An event name, or message_<event_type>:<campaign_id>")
    min_age_hours: Hours | None = Field(None, description="Hours that must have passed; at most 90 days")
    max_age_hours: Hours | None = Field(None, description="Hours after which it is too late; at most 90 days")

    @model_validator(mode="after")
    def _ordered(self) -> Trigger:
        low, high = self.min_age_hours, self.max_age_hours
        if low is not None and high is not None and low > high:
            raise PydanticCustomError(
                "order",
                "min_age_hours ({low}) is more than max_age_hours ({high})",
                {"low": low, "high": high},
            )
        return self


class Priority(_Strict):
    """The ICE score, 1 to 10 each; their product ranks the campaigns."""

    impact: Score
    confidence: Score
    ease: Score

    @property
    def score(self) -> int:
        """1 to 1000."""
        return self.impact * self.confidence * self.ease


class Experiment(_Strict):
    """Who stays without it, to measure it, and on how many it is tried first; percent, 0 to 100."""

    holdout_percent: Percent = Field(
        Decimal(0), description="Percent that never gets it: the comparison group"
    )
    pilot_percent: Percent = Field(Decimal(100), description="Percent on whom it is tried")


class Limits(_Strict):
    """How far a night may be from the last one before the campaign is held back; 100 switches a limit off."""

    max_swing_percent: Percent = Field(
        Decimal(50), description="The most that the audience may grow or shrink, in percent of the larger"
    )
    min_audience: Annotated[int, Field(strict=True, ge=0, le=MAX_AUDIENCE)] = Field(
        100, description="Where neither night had as many people, nothing is compared"
    )
    max_coverage_fall_points: Percent = Field(
        Decimal(20),
        description="The most that the share of people without a merge field may rise, in percentage points",
    )


class Valid(_Strict):
    """The dates (both inclusive) between which it runs; an empty one is open."""

    from_: date | None = Field(None, alias="from")
    to: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Valid:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise PydanticCustomError(
                "order",
                "from ({low}) is later than to ({high})",
                {"low": str(self.from_), "high": str(self.to)},
            )
        return self


class Brief(_Strict):
    """Why the campaign exists and how one will know whether it works."""

    goal: Line
    success_event: Event
    success_window_days: Annotated[int, Field(strict=True, ge=1, le=365)]
    evaluation: Literal["holdout", "variants", "none"]
    evaluation_reason: Line | None = Field(None, description="Why nothing is measured; with evaluation: none")
    drawbacks: Line


class Campaign(_Strict):
    """One campaign.yml."""

    name: Line
    kind: Kind
    channel: Channel
    topic: Word | None = Field(None, description="What a customer can opt out of")
    content_group: Word | None = Field(
        None, description="Never two campaigns of one group to one customer in a night"
    )
    audience: Audience
    trigger: Trigger | None = None
    cancel_on: list[Event] = Field(
        default_factory=list, description="Exception events: whoever had one is left out"
    )
    cooldown_days: Days
    priority: Priority
    experiment: Experiment = Field(default_factory=lambda: Experiment.model_validate({}))
    send_hour_local: Annotated[int, Field(strict=True, ge=0, le=23)]
    valid: Valid = Field(default_factory=lambda: Valid.model_validate({}))
    limits: Limits = Field(default_factory=lambda: Limits.model_validate({}))
    transactional: Annotated[bool, Field(strict=True)] = False
    owner: Line
    escalation_contact: Line
    brief: Brief


@dataclass
class Variant:
    """One template of a campaign; `rank` is its place in the final order, 1 = tried first."""

    name: str
    path: str
    text: str
    analysis: TemplateAnalysis
    rank: int = 0


@dataclass
class CampaignFolder:
    """A campaign folder that was read: `campaign` is None when it has problems."""

    campaign_id: str
    path: str
    campaign: Campaign | None
    variants: list[Variant] = field(default_factory=list)
    source: bytes = b""
    lines: dict[tuple[str | int, ...], int] = field(default_factory=dict)

    def at(self, *key: str | int) -> str:
        """`campaigns/<id>/campaign.yml:<line>` of a key, or of the nearest key above it."""
        for end in range(len(key), -1, -1):
            if key[:end] in self.lines:
                return f"{self.path}/campaign.yml:{self.lines[key[:end]]}"
        return f"{self.path}/campaign.yml:1"


@dataclass(frozen=True)
class Known:
    """The words that campaigns may use: segments, merge fields, shared texts and merge tags of this project."""

    segments: frozenset[str]
    merge_fields: frozenset[str]
    language: Language = field(default_factory=Language)


def event_word(event: str) -> str:
    """An event name as a part of a campaign id: in lower case, every run of other characters than a-z, 0-9 becomes one `_`.

    `message_sent:welcome__new__email` becomes `message_sent_welcome_new_email`, because `__` separates parts.
    """
    return re.sub(r"[^a-z0-9]+", "_", event.lower()).strip("_")


def expected_id(campaign: Campaign) -> str:
    """The id that the naming convention gives, without the optional suffix."""
    event = campaign.trigger.event if campaign.trigger else None
    middle = campaign.audience.segment or (event_word(event) if event else "everyone")
    return f"{campaign.kind}__{middle}__{campaign.channel}"


def read_known(project_dir: Path) -> tuple[Known, list[Problem]]:
    """The segments (from the SQL that flags them) and merge fields (from their seed) of a project."""
    problems: list[Problem] = []
    segments: set[str] = set()
    try:
        sql = read_file(project_dir / SEGMENT_FLAGS_SQL, project_dir, MAX_SETTINGS).decode("utf-8")
        segments = set(re.findall(r"\bas is_(\w+)", re.sub(r"--[^\n]*", "", sql)))
    except (OSError, UnicodeDecodeError):
        fix = "restore it from version control, or give the right --project-dir"
        problems.append(
            Problem(SEGMENT_FLAGS_SQL, "segments", "the file that defines the segments is missing", fix)
        )
    fields: set[str] = set()
    try:
        text = read_file(project_dir / MERGE_FIELDS_CSV, project_dir, MAX_SEED).decode("utf-8-sig")
        rows = csv.DictReader(io.StringIO(text, newline=""))
        fields = {(row.get("merge_field") or "").strip() for row in rows} - {""}
    except (OSError, UnicodeDecodeError):
        fix = "restore it from version control, or give the right --project-dir"
        problems.append(Problem(MERGE_FIELDS_CSV, "merge_field", "the list of merge fields is missing", fix))
    tags = read_merge_tags(project_dir)
    partials, found = read_partials(project_dir, tags)
    return Known(frozenset(segments), frozenset(fields), Language(partials, tags)), [*problems, *found]


def load_campaigns(project_dir: Path, known: Known) -> tuple[list[CampaignFolder], list[Problem]]:
    """Reads and checks every folder of `campaigns/`; folders sorted by id, problems by place."""
    root = project_dir / CAMPAIGNS_DIR
    problems: list[Problem] = []
    folders: list[CampaignFolder] = []
    found = root.iterdir() if root.is_dir() else ()
    paths = sorted((p for p in found if _is_campaign(p)), key=lambda p: p.name)
    if not paths:
        fix = "start one with: sendworthy new-campaign"
        return [], [Problem(CAMPAIGNS_DIR, "", "there is no campaign folder", fix)]
    ids = {path.name for path in paths}
    for path in paths:
        folder = _load_folder(path, ids, known, problems)
        folders.append(folder)
    return folders, problems


def _is_campaign(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and path.name != Path(PARTIALS_DIR).name


def check_folder(path: Path, campaign_id: str, known: Known) -> list[Problem]:
    """The problems of one folder that is to become `campaigns/<campaign_id>` beside those that exist."""
    problems: list[Problem] = []
    ids = {p.name for p in path.parent.iterdir() if _is_campaign(p)} | {campaign_id}
    _load_folder(path, ids, known, problems, campaign_id=campaign_id)
    return problems


def _load_folder(
    path: Path, ids: set[str], known: Known, problems: list[Problem], *, campaign_id: str | None = None
) -> CampaignFolder:
    campaign_id = campaign_id or path.name
    folder = CampaignFolder(campaign_id, f"{CAMPAIGNS_DIR}/{campaign_id}", None)
    mine: list[Problem] = []
    if not _FOLDER.fullmatch(campaign_id):
        fix = "rename the folder: lower-case letters, digits and _ only"
        mine.append(Problem(folder.path, "folder", f"{campaign_id!r} cannot be a campaign id", fix))
    data = _read_yaml(path / "campaign.yml", folder, mine)
    channel = data.get("channel") if isinstance(data, dict) else None
    if isinstance(data, dict):
        try:
            folder.campaign = Campaign.model_validate(data)
        except ValidationError as error:
            mine.extend(
                _problem(folder, one) for one in error.errors(include_url=False, include_context=True)
            )
    _load_variants(path, folder, known, channel == "email", mine)
    if folder.campaign is not None:
        mine.extend(_check(folder, folder.campaign, ids, known))
    problems.extend(mine)
    return folder


# --- campaign.yml -------------------------------------------------------------------------------------


class _Loader(BoundedLoader):
    """Safe YAML; `on`, `off`, `yes` and `no` stay text, so that nobody's topic turns into a boolean."""


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, regexp if tag != "tag:yaml.org,2002:bool" else re.compile(r"^(?:true|false|True|False)$"))
        for tag, regexp in resolvers
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _read_yaml(file: Path, folder: CampaignFolder, problems: list[Problem]) -> object:
    where = f"{folder.path}/campaign.yml"
    try:
        folder.source = read_file(file, file.parents[1], MAX_CAMPAIGN_BYTES)
    except FileNotFoundError:
        fix = "add it (sendworthy new-campaign writes one to start from), or remove the folder"
        problems.append(Problem(where, "campaign.yml", "the file is missing", fix))
        return None
    except OSError as error:
        fix = error.fix if isinstance(error, UnsafeFile) else "check its permissions"
        problems.append(Problem(where, "campaign.yml", f"cannot be read: {error.strerror}", fix))
        return None
    try:
        text = folder.source.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = folder.source.count(b"\n", 0, error.start) + 1
        problems.append(Problem(f"{where}:{line}", "campaign.yml", "not UTF-8", "save the file as UTF-8"))
        return None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is not None:
            _check_plain(node, (), folder, problems, where)
        data = loader.construct_document(node) if node is not None else None
    except RefusedYaml as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problems.append(Problem(f"{where}:{line}", "campaign.yml", str(error.problem), error.fix))
        return None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark is not None else 1
        why = getattr(error, "problem", None) or "not readable"
        fix = "mend the line: two spaces a level, `key: value`, texts with a colon or # in quotes"
        problems.append(Problem(f"{where}:{line}", "campaign.yml", f"not YAML: {why}", fix))
        return None
    except (RecursionError, ValueError) as error:
        fix = "compare it with another campaign's file"
        problems.append(Problem(f"{where}:1", "campaign.yml", f"not readable: {error}", fix))
        return None
    if not isinstance(data, dict):
        fix = "write it as key: value lines; docs/add-a-campaign.md has one to copy"
        problems.append(Problem(f"{where}:1", "campaign.yml", "holds no settings", fix))
        return None
    return data


def _check_plain(
    node: yaml.Node, key: tuple[str | int, ...], folder: CampaignFolder, problems: list[Problem], where: str
) -> None:
    """Notes the line of every key in `folder.lines`, and finds keys that are given twice."""
    folder.lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            name, line = str(key_node.value), key_node.start_mark.line + 1
            if name in seen:
                fix = f"remove one of them (the other is on line {seen[name]})"
                problems.append(Problem(f"{where}:{line}", _dotted((*key, name)), "given twice", fix))
            seen[name] = line
            folder.lines[(*key, name)] = line
            _check_plain(value_node, (*key, name), folder, problems, where)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _check_plain(item, (*key, index), folder, problems, where)


def _dotted(key: Sequence[str | int]) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


_WHY_NEEDED: Mapping[str, str] = {
    "owner": "a campaign without an owner has nobody to call when it goes wrong",
    "escalation_contact": "whoever is woken by the campaign has to reach somebody",
    "brief": "a campaign without a brief cannot be reviewed or evaluated",
    "brief.goal": "the brief is incomplete",
    "brief.success_event": "the brief is incomplete: success has to be an event",
    "brief.success_window_days": "the brief is incomplete: success needs a time",
    "brief.evaluation": "the brief is incomplete: say how it will be judged",
    "brief.drawbacks": "the brief is incomplete: every message costs something",
    "audience": "say who gets it",
}
_EXAMPLES: Mapping[str, str] = {
    "name": "name: Come back to your basket",
    "kind": f"kind: one of {', '.join(k.value for k in Kind)}",
    "channel": "channel: email, sms or push",
    "audience": "audience: {segment: active, exclude: [has_open_ticket]}, or audience: {} for everyone",
    "cooldown_days": "cooldown_days: 7",
    "priority": "priority: {impact: 8, confidence: 7, ease: 9}",
    "limits": "limits: {max_swing_percent: 50, min_audience: 100, max_coverage_fall_points: 20}",
    "send_hour_local": "send_hour_local: 9",
    "owner": "owner: crm-team",
    "escalation_contact": "escalation_contact: crm@example.com",
    "brief": "brief: with goal, success_event, success_window_days, evaluation, drawbacks",
    "brief.goal": "goal: one sentence that says what will be different",
    "brief.success_event": "success_event: order_completed",
    "brief.success_window_days": "success_window_days: 7",
    "brief.evaluation": "evaluation: holdout, variants, or none with an evaluation_reason",
    "brief.drawbacks": "drawbacks: one sentence that says what it may cost",
    "priority.impact": "impact: 1 to 10",
    "priority.confidence": "confidence: 1 to 10",
    "priority.ease": "ease: 1 to 10",
}


def _fields_at(key: Sequence[str | int]) -> list[str]:
    """The keys that the model allows beside the key at this place."""
    model: Any = Campaign
    for part in key[:-1]:
        info = model.model_fields.get(part) if isinstance(part, str) else None
        if info is None:
            return []
        candidates = [info.annotation, *getattr(info.annotation, "__args__", ())]
        model = next((c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None)
        if model is None:
            return []
    return [info.alias or name for name, info in model.model_fields.items()]


def _problem(folder: CampaignFolder, error: Any) -> Problem:
    """One Pydantic error in words, with its line."""
    key: tuple[str | int, ...] = tuple(error["loc"])
    name = _dotted(key)
    at, kind, context = folder.at(*key), error["type"], error.get("ctx") or {}
    given = (
        repr(error["input"]) if not isinstance(error["input"], (dict, list)) else "a list or a group of keys"
    )
    example = _EXAMPLES.get(name, "")
    if kind == "missing":
        why = _WHY_NEEDED.get(name, "the campaign cannot be decided without it")
        return Problem(at, name, f"missing: {why}", f"add {example or name}")
    if kind == "extra_forbidden":
        allowed = _fields_at(key)
        fix = did_you_mean(str(key[-1]), allowed, f"remove it; the keys here are {', '.join(allowed)}")
        return Problem(at, name, "unknown key", fix)
    if kind in ("enum", "literal_error"):
        allowed = [k.value for k in Kind] if name == "kind" else [c.value for c in Channel]
        if kind == "literal_error":
            allowed = ["holdout", "variants", "none"]
        fix = did_you_mean(str(error["input"]), allowed, f"choose one of {', '.join(allowed)}")
        return Problem(at, name, f"unknown value {given}", fix)
    if kind in ("greater_than_equal", "less_than_equal"):
        low, high = _range(name)
        return Problem(at, name, f"{given} is out of range", f"write a number from {low} to {high}")
    if kind in (
        "int_type",
        "int_from_float",
        "int_parsing",
        "decimal_type",
        "decimal_parsing",
        "finite_number",
    ):
        low, high = _range(name)
        whole = "a whole number" if kind.startswith("int") else "a number"
        return Problem(
            at, name, f"{given} is not {whole}", f"write {whole} from {low} to {high}, without quotes"
        )
    if kind == "order":
        return Problem(at, name, error["msg"], "swap the two, or correct one of them")
    if kind == "bool_type":
        return Problem(at, name, f"{given} is neither true nor false", "write true or false, without quotes")
    if kind in ("date_from_datetime_parsing", "date_parsing", "date_type", "date_from_datetime_inexact"):
        return Problem(at, name, f"{given} is not a date", "write it as 2026-12-31")
    if kind in ("model_type", "model_attributes_type"):
        return Problem(at, name, f"{given} is not a group of keys", f"write {example or name + ': {...}'}")
    if kind == "list_type":
        return Problem(at, name, f"{given} is not a list", f"write {name.rpartition('.')[2]}: [one, two]")
    if kind == "string_pattern_mismatch" and "x00" not in str(context.get("pattern")):
        word = event_word(str(error["input"]).lower())
        fix = f'write "{word}": lower-case letters, digits and _, a letter first'
        return Problem(at, name, f"{given} is not a name", fix)
    if kind == "string_pattern_mismatch" and ";" in str(context.get("pattern")):
        fix = "write the name of one event as it is sent; a list has a line for each"
        return Problem(at, name, f"{given} holds a semicolon or a line break", fix)
    if kind == "string_pattern_mismatch":
        return Problem(at, name, "holds a line break", "write it on one line")
    if kind == "string_too_short":
        return Problem(
            at, name, "empty: " + _WHY_NEEDED.get(name, "it has to say something"), f"write {example or name}"
        )
    if kind == "string_too_long":
        return Problem(at, name, "too long", f"shorten it to {context.get('max_length')} characters")
    if kind == "string_type":
        if error["input"] is None:
            why = _WHY_NEEDED.get(name, "it has to say something")
            return Problem(at, name, f"empty: {why}", f"write {example or name}")
        return Problem(
            at, name, f"{given} is not a text", f"put it in quotes, or write {example or 'a text'}"
        )
    return Problem(at, name, str(error["msg"]), f"correct it{': ' + example if example else ''}")


def _range(name: str) -> tuple[int, int]:
    last = name.rpartition(".")[2]
    ranges = {
        "send_hour_local": (0, 23),
        "cooldown_days": (0, 3650),
        "min_age_hours": (0, MAX_AGE_HOURS),
        "max_age_hours": (0, MAX_AGE_HOURS),
        "success_window_days": (1, 365),
        "holdout_percent": (0, 100),
        "pilot_percent": (0, 100),
        "max_swing_percent": (0, 100),
        "min_audience": (0, MAX_AUDIENCE),
        "max_coverage_fall_points": (0, 100),
    }
    return ranges.get(last, (1, 10))


# --- what one key says about another ------------------------------------------------------------------


def _check(folder: CampaignFolder, campaign: Campaign, ids: set[str], known: Known) -> list[Problem]:
    problems: list[Problem] = []
    trigger = campaign.trigger
    named: list[tuple[tuple[str | int, ...], str]] = []
    if campaign.audience.segment:
        named.append((("audience", "segment"), campaign.audience.segment))
    named += [(("audience", "exclude", i), s) for i, s in enumerate(campaign.audience.exclude)]
    for key, segment in named:
        if known.segments and segment not in known.segments:
            fix = did_you_mean(
                segment, known.segments, f"the segments are the is_ columns of {SEGMENT_FLAGS_SQL}"
            )
            problems.append(Problem(folder.at(*key), _dotted(key), f"unknown segment {segment!r}", fix))
    for i, segment in enumerate(campaign.audience.exclude):
        if segment == campaign.audience.segment:
            what = f"{segment!r} is the audience and excluded too, so nobody gets it"
            problems.append(
                Problem(
                    folder.at("audience", "exclude", i), "audience.exclude", what, "remove one of the two"
                )
            )
        if segment in campaign.audience.exclude[:i]:
            what = f"{segment!r} is listed twice"
            problems.append(
                Problem(folder.at("audience", "exclude", i), "audience.exclude", what, "remove one")
            )
    events: list[tuple[tuple[str | int, ...], str]] = []
    if trigger is not None and trigger.event is not None:
        events.append((("trigger", "event"), trigger.event))
    events += [(("cancel_on", i), e) for i, e in enumerate(campaign.cancel_on)]
    events.append((("brief", "success_event"), campaign.brief.success_event))
    for key, event in events:
        problems.extend(_check_event(folder, key, event, ids))
    for i, event in enumerate(campaign.cancel_on):
        if event in campaign.cancel_on[:i]:
            problems.append(
                Problem(folder.at("cancel_on", i), "cancel_on", f"{event!r} is listed twice", "remove one")
            )
    if trigger is not None and trigger.event in campaign.cancel_on:
        what = f"{trigger.event!r} starts it and stops it, so it is never sent"
        problems.append(Problem(folder.at("cancel_on"), "cancel_on", what, "remove it from one of the two"))
    if trigger is not None and trigger.event is None:
        ages = trigger.min_age_hours is not None or trigger.max_age_hours is not None
        if campaign.kind not in SIGN_UP_KINDS or not ages:
            fix = "add event: (order_completed, say), or remove the trigger"
            what = (
                "a trigger without an event (only a welcome or an onboarding may count its age from sign-up)"
            )
            problems.append(Problem(folder.at("trigger"), "trigger.event", what, fix))
    problems.extend(_check_evaluation(folder, campaign))
    # A misspelt segment or event is the mistake to mend; the name would only repeat it.
    if not any(problem.key in ("audience.segment", "trigger.event") for problem in problems):
        problems.extend(_check_name(folder, campaign))
    return problems


def _check_name(folder: CampaignFolder, campaign: Campaign) -> list[Problem]:
    expected = expected_id(campaign)
    suffix = folder.campaign_id.removeprefix(expected + "__")
    suffixed = folder.campaign_id.startswith(expected + "__") and _SUFFIX.fullmatch(suffix)
    if folder.campaign_id == expected or suffixed:
        return []
    convention = "<kind>__<segment, or else trigger event, or else everyone>__<channel>"
    what = f"the folder's name breaks the naming convention {convention}"
    fix = f"rename the folder to {expected}, or to {expected}__<suffix>"
    return [Problem(folder.at(), "campaign_id", what, fix)]


def _check_event(
    folder: CampaignFolder, key: tuple[str | int, ...], event: str, ids: set[str]
) -> list[Problem]:
    at, name = folder.at(*key), _dotted(key)
    message = _MESSAGE_EVENT.fullmatch(event)
    if message is None:
        if _EVENT.fullmatch(event):
            return []
        fix = "write an event name (order_completed), or message_sent:<campaign_id>"
        return [Problem(at, name, f"{event!r} is not an event name", fix)]
    kind, target = message.groups()
    if kind not in MESSAGE_EVENT_TYPES:
        fix = did_you_mean(kind, MESSAGE_EVENT_TYPES, f"the types are {', '.join(MESSAGE_EVENT_TYPES)}")
        return [Problem(at, name, f"unknown message event type {kind!r}", fix)]
    if target not in ids:
        fix = did_you_mean(target, ids, "name the folder of an existing campaign after the colon")
        return [Problem(at, name, f"there is no campaign {target!r}", fix)]
    return []


def _check_evaluation(folder: CampaignFolder, campaign: Campaign) -> list[Problem]:
    brief, at = campaign.brief, folder.at("brief", "evaluation")
    if brief.evaluation == "none":
        if brief.evaluation_reason is None:
            fix = "add evaluation_reason: and one sentence, or evaluate it by holdout or variants"
            return [Problem(at, "brief.evaluation_reason", "evaluation: none needs a reason", fix)]
        return []
    if brief.evaluation == "variants":
        if len(folder.variants) < 2:
            fix = "add a second template, or evaluate by holdout"
            return [Problem(at, "brief.evaluation", "evaluation: variants needs two variants at least", fix)]
        return []
    if campaign.transactional:
        fix = "write evaluation: variants, or none with an evaluation_reason"
        what = "a transactional message goes to everyone, so a holdout cannot evaluate it"
        return [Problem(at, "brief.evaluation", what, fix)]
    if campaign.experiment.holdout_percent == 0:
        fix = "set experiment: {holdout_percent: 10}, or choose variants or none"
        return [Problem(at, "brief.evaluation", "evaluation: holdout, but nobody is held out", fix)]
    return []


# --- templates ----------------------------------------------------------------------------------------


def _load_variants(
    path: Path, folder: CampaignFolder, known: Known, subject_required: bool, problems: list[Problem]
) -> None:
    for file in sorted(path.iterdir(), key=lambda p: p.name):
        where = f"{folder.path}/{file.name}"
        if file.name == "campaign.yml" or file.name.startswith(".") or file.name.lower() == "readme.md":
            continue
        if file.suffix != ".liquid" or not file.is_file():
            fix = "a campaign folder holds campaign.yml and <variant>.liquid files: rename it or move it away"
            problems.append(Problem(where, "template", "not a template", fix))
            continue
        if not _VARIANT.fullmatch(file.stem):
            fix = "rename it: lower-case letters, digits and _, a letter first"
            problems.append(Problem(where, "variant", f"{file.stem!r} cannot be the name of a variant", fix))
        if file.stem == ALL_VARIANTS:
            what = (
                f"{file.stem!r} cannot be the name of a variant: the results use it for all of them together"
            )
            problems.append(Problem(where, "variant", what, "choose another name"))
        text, unreadable = read_text(file, where, "template")
        if text is None:
            problems.extend(unreadable)
            folder.variants.append(Variant(file.stem, where, "", TemplateAnalysis()))
            continue
        analysis = analyse_template(
            text,
            where,
            merge_fields=known.merge_fields or None,
            subject_required=subject_required,
            language=known.language,
        )
        problems.extend(analysis.problems)
        if file.stem == DEFAULT:
            for name in analysis.required:
                what = (
                    f"the default variant prints {name} without a fallback, and default may require nothing"
                )
                fix = (
                    f'write {{{{ {name} | default: "..." }}}}, or {{% if {name} %}}...{{% endif %}} around it'
                )
                problems.append(Problem(analysis.required_at.get(name, where), name, what, fix))
        folder.variants.append(Variant(file.stem, where, text, analysis))
    if not folder.variants:
        fix = "add personalized.liquid or default.liquid; docs/add-a-campaign.md shows one"
        problems.append(Problem(folder.path, "template", "the campaign has no template", fix))
    folder.variants.sort(key=_variant_order)
    for number, variant in enumerate(folder.variants, start=1):
        variant.rank = number


def _variant_order(variant: Variant) -> tuple[int, int, str]:
    """personalized, then the others by their rank (those without one after them) and name, then default."""
    place = {PERSONALIZED: 0, DEFAULT: 2}.get(variant.name, 1)
    rank = variant.analysis.rank if variant.analysis.rank is not None else 1000
    return (place, rank, variant.name)
