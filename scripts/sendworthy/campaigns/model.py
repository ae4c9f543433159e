"""A campaign folder: the model of `campaign.yml`, and reading it with the line of each key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import (
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from sendworthy.campaigns.lined_yaml import LINE, Key, Line, Strict, dotted, line_of, read_lines
from sendworthy.campaigns.post_mortem import POST_MORTEM, PostMortem, read_post_mortem
from sendworthy.foundation.errors import Problem, did_you_mean
from sendworthy.foundation.names import normalise_name
from sendworthy.foundation.safe_files import KB, UnsafeFile, read_file
from sendworthy.settings.error_texts import TEXTS, in_words, key_of, schema_at, shown, wrong
from sendworthy.settings.seed_files import (
    EXPIRY_RULE,
    MESSAGE_EVENT,
    REPORT_TYPES,
    SEGMENT_FLAGS_SQL,
    Kind,
    read_event_names,
    read_kinds,
    read_merge_tags,
    read_names,
    read_seed,
    read_segments,
)
from sendworthy.templates.parser import (
    PARTIALS_DIR,
    Language,
    TemplateAnalysis,
    analyse_template,
    read_partials,
    read_text,
)
from sendworthy.templates.placeholders import TO_WRITE, find_in_template, find_placeholder, letters_of
from sendworthy.templates.same_text import Text, find_same_texts

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

CAMPAIGNS_DIR = "campaigns"
MERGE_FIELDS_CSV = "seeds/merge_fields.csv"
MAX_CAMPAIGN_BYTES = 64 * KB
MAX_AGE_HOURS = 90 * 24
MAX_AUDIENCE = 1_000_000_000
SIGN_UP_KINDS = ("welcome", "onboarding")
PERSONALIZED, DEFAULT = "personalized", "default"

ALL_VARIANTS = "all"  # campaign_results: the row of a campaign's variants together
GROUPS = ("send", "control")  # campaign_results: the arms of a campaign without arms
_VARIANT = re.compile(r"[a-z][a-z0-9_]*")
_SUFFIX = re.compile(r"[a-z0-9]+(?:_[a-z0-9]+)*")
_FOLDER = re.compile(r"[a-z0-9_]+")
_LONGEST_ARM = 50
_CALENDAR = ("hypothesis", "starts", "planned_end")
# a reason says more than "not needed"
_LEAST_REASON = 12


class Channel(str, Enum):
    """The way a message goes."""

    email = "email"
    sms = "sms"
    push = "push"


_WORD, _EVENT = r"^[a-z][a-z0-9_]*$", r"^[^;\x00-\x1f]+$"
_SWAP = "swap the two, or correct one of them"

Word = Annotated[str, StringConstraints(pattern=_WORD, max_length=100)]
Event = Annotated[str, StringConstraints(pattern=_EVENT, max_length=200)]
Score = Annotated[int, Field(strict=True, ge=1, le=10)]
Hours = Annotated[int, Field(strict=True, ge=0, le=MAX_AGE_HOURS)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Days = Annotated[int, Field(strict=True, ge=0, le=3650)]


class Audience(Strict):
    """Who may get it: one segment (none: everyone), those of them who are in the others too, without the excluded ones."""

    segment: Word | None = Field(None, description="A segment; without it, everyone")
    also: list[Word] = Field(default_factory=list, description="Segments that must hold too")
    exclude: list[Word] = Field(default_factory=list, description="Segments whose members never get it")


class Trigger(Strict):
    """The event that starts it, and how old the newest such event may be."""

    event: Event | None = Field(None, description="An event name, or message_<event_type>:<campaign_id>")
    min_age_hours: Hours | None = Field(None, description="Hours that must have passed; at most 90 days")
    max_age_hours: Hours | None = Field(None, description="Hours after which it is too late; at most 90 days")

    @model_validator(mode="after")
    def _ordered(self) -> Trigger:
        low, high = self.min_age_hours, self.max_age_hours
        if low is not None and high is not None and low > high:
            raise wrong(f"min_age_hours ({low}) is more than max_age_hours ({high})", _SWAP)
        return self


class Priority(Strict):
    """The ICE score, 1 to 10 each; their product ranks the campaigns."""

    impact: Score
    confidence: Score
    ease: Score

    @property
    def score(self) -> int:
        """1 to 1000."""
        return self.impact * self.confidence * self.ease


class Experiment(Strict):
    """Who stays without it, to measure it, on how many it is tried first (percent, 0 to 100), and who gets which text."""

    holdout_percent: Percent = Field(
        Decimal(0), description="Percent that never gets it: the comparison group"
    )
    pilot_percent: Percent = Field(Decimal(100), description="Percent on whom it is tried")
    # _check_arms judges them, all at once
    arms: dict[str, object] = Field(
        default_factory=dict,
        description="Arms, which get texts of their own, and the share of each in whole percent",
        json_schema_extra={
            "propertyNames": {"pattern": _WORD},
            "additionalProperties": {"type": "integer", "minimum": 1, "maximum": 99},
        },
    )
    # the calendar; _check_calendar judges it, all at once
    hypothesis: Line | None = Field(None, description="What will change, by how much, and why")
    starts: date | None = Field(None, description="The first day of the experiment")
    planned_end: date | None = Field(
        None, description="Its last day; after it, every night asks for learned.md"
    )
    owner: Line | None = Field(None, description="Who decides; without it, the campaign's owner")

    @property
    def is_compared(self) -> bool:
        """Whether somebody stays without it, or gets another text."""
        return self.holdout_percent > 0 or bool(self.arms)


class Limits(Strict):
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


class Valid(Strict):
    """The dates (both inclusive) between which it runs; an empty one is open."""

    from_: date | None = Field(None, alias="from")
    to: date | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Valid:
        if self.from_ is not None and self.to is not None and self.from_ > self.to:
            raise wrong(f"from ({self.from_}) is later than to ({self.to})", _SWAP)
        return self


class Brief(Strict):
    """Why the campaign exists, what it takes, and how one will know whether it works."""

    goal: Line = Field(description="What will be different when it works")
    larger_goal: Line = Field(description="Which goal of the company it serves")
    customer_need: Line = Field(description="Which need of the customer it meets")
    customer_experience: Line = Field(description="What the customer sees and feels")
    drawbacks: Line = Field(description="What it may cost or spoil")
    capabilities: Line = Field(description="Which data, channels and tools it uses that are there")
    still_needed: Line = Field(description="What is still missing")
    success_event: Event
    success_window_days: Annotated[int, Field(strict=True, ge=1, le=365)]
    evaluation: Literal["holdout", "arms", "none"]
    evaluation_reason: Line | None = Field(None, description="Why nothing is measured; with evaluation: none")

    @field_validator("evaluation", mode="before")
    @classmethod
    def _is_an_evaluation(cls, value: object) -> object:
        if value == "variants":
            what = "variants cannot be compared: they go to different people"
            fix = "write evaluation: holdout, or none with an evaluation_reason; or split them into arms"
            raise wrong(what, fix)
        allowed = ("holdout", "arms", "none")
        if value not in allowed:
            fix = did_you_mean(str(value or ""), allowed, f"write one of {', '.join(allowed)}")
            raise wrong(f"{shown(value)} is not allowed" if value else "empty", fix)
        return value


class Campaign(Strict):
    """One campaign.yml."""

    name: Line
    kind: Word = Field(description="A line of seeds/kinds.csv")
    channel: Channel
    topic: Word | None = Field(None, description="What a customer can opt out of: a line of seeds/topics.csv")
    content_group: Word | None = Field(
        None, description="Never two campaigns of one group to one customer in a night"
    )
    audience: Audience
    trigger: Trigger | None = None
    cancel_on: list[Event] = Field(
        default_factory=list, description="Exception events: whoever had one is left out"
    )
    waives: dict[str, Line] = Field(
        default_factory=dict, description="A rule of the kind that does not apply here, and why"
    )
    cooldown_days: Days
    priority: Priority
    experiment: Experiment = Field(default_factory=lambda: Experiment.model_validate({}))
    send_hour_local: Annotated[int, Field(strict=True, ge=0, le=23)] | None = Field(
        None, description="On the customer's own clock; only a transactional campaign may do without"
    )
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

    @property
    def role(self) -> str:
        """`personalized`, `default`, or a name of its own: the name without the arm before it."""
        return self.name.removeprefix(f"{self.analysis.arm}_")


@dataclass
class CampaignFolder:
    """A campaign folder that was read: `campaign` is None when it has problems."""

    campaign_id: str
    path: str
    campaign: Campaign | None
    variants: list[Variant] = field(default_factory=list)
    source: bytes = b""
    post_mortem: PostMortem | None = None
    # also where it cannot be read
    has_post_mortem: bool = False
    lines: dict[Key, int] = field(default_factory=dict)

    def at(self, *key: str | int) -> str:
        """`campaigns/<id>/campaign.yml:<line>` of a key, or of the nearest key above it."""
        return f"{self.path}/campaign.yml:{line_of(self.lines, key)}"


@dataclass(frozen=True)
class Known:
    """What campaigns may name, all of this project; where a file cannot be read, its part is empty and not checked."""

    segments: frozenset[str]
    merge_fields: frozenset[str]
    language: Language = field(default_factory=Language)
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    events: frozenset[str] = frozenset()
    event_names: Mapping[str, str] = field(default_factory=dict)
    topics: frozenset[str] = frozenset()
    blank_values: frozenset[str] = frozenset()


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
    """What the campaigns of a project may name, from the SQL that flags the segments and from the seeds."""
    problems: list[Problem] = []
    fix = "restore it from version control, or give the right --project-dir"
    segments = read_segments(project_dir)
    if not segments:
        what = "the file that defines the segments is missing, or defines none"
        problems.append(Problem(SEGMENT_FLAGS_SQL, "segments", what, fix))
    fields = read_names(project_dir, "merge_fields")
    if not fields:
        problems.append(Problem(MERGE_FIELDS_CSV, "merge_field", "the list of merge fields is missing", fix))
    tags = read_merge_tags(project_dir)
    partials, found = read_partials(project_dir, tags)
    blank_values = {
        letters_of(row.get("placeholder_value") or "") for row in read_seed(project_dir, "placeholder_values")
    }
    known = Known(
        frozenset(segments),
        frozenset(fields),
        Language(partials, tags),
        read_kinds(project_dir),
        frozenset(read_names(project_dir, "events")),
        read_event_names(project_dir),
        frozenset(read_names(project_dir, "topics")),
        frozenset(blank_values - {""}),
    )
    return known, [*problems, *found]


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
    problems.extend(_check_partials(known))
    problems.extend(_check_same_texts(folders))
    return folders, problems


def _is_campaign(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".") and path.name != Path(PARTIALS_DIR).name


def check_folder(path: Path, campaign_id: str, known: Known) -> list[Problem]:
    """The problems of one folder that is to become `campaigns/<campaign_id>` beside those that exist.

    It is a folder that somebody is about to write: what is still to be written is no problem.
    """
    problems: list[Problem] = []
    ids = {p.name for p in path.parent.iterdir() if _is_campaign(p)} | {campaign_id}
    _load_folder(path, ids, known, problems, campaign_id=campaign_id, is_written=False)
    return problems


def _load_folder(
    path: Path,
    ids: set[str],
    known: Known,
    problems: list[Problem],
    *,
    campaign_id: str | None = None,
    is_written: bool = True,
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
            mine.extend(_problem(folder, one) for one in error.errors(include_url=False))
    arms = _arms_of(data)
    _load_variants(path, folder, known, channel == "email", arms, mine)
    mine.extend(_check_arms_of_templates(folder, arms))
    learned_lines: dict[Key, int] = {}
    _load_post_mortem(path, folder, known, learned_lines, mine)
    if folder.campaign is not None:
        mine.extend(_check(folder, folder.campaign, ids, known))
        mine.extend(_check_decided(folder, folder.campaign.experiment, learned_lines))
        if is_written:
            mine.extend(_check_brief(folder, folder.campaign, known))
    if is_written:
        mine.extend(_check_texts(folder, known))
    problems.extend(mine)
    return folder


# --- campaign.yml -------------------------------------------------------------------------------------


def _read_yaml(file: Path, folder: CampaignFolder, problems: list[Problem]) -> object:
    where = f"{folder.path}/campaign.yml"

    def refuse(line: int | None, what: str, fix: str) -> object:
        problems.append(Problem(f"{where}:{line}" if line else where, "campaign.yml", what, fix))
        return None

    try:
        folder.source = read_file(file, file.parents[1], MAX_CAMPAIGN_BYTES)
        text = folder.source.decode("utf-8-sig")
    except FileNotFoundError:
        fix = "add it (sendworthy new-campaign writes one to start from), or remove the folder"
        return refuse(None, "the file is missing", fix)
    except OSError as error:
        fix = error.fix if isinstance(error, UnsafeFile) else "check its permissions"
        return refuse(None, f"cannot be read: {error.strerror}", fix)
    except UnicodeDecodeError as error:
        line = folder.source.count(b"\n", 0, error.start) + 1
        return refuse(line, "not UTF-8", "save the file as UTF-8")
    data, found = read_lines(text, where, "campaign.yml", folder.lines)
    problems.extend(found)
    if not isinstance(data, dict) and all(problem.key != "campaign.yml" for problem in found):
        fix = "write it as key: value lines; docs/add-a-campaign.md has one to copy"
        return refuse(1, "holds no settings", fix)
    return data


_WHY_NEEDED: Mapping[str, str] = {
    "owner": "a campaign without an owner has nobody to call when it goes wrong",
    "escalation_contact": "whoever is woken by the campaign has to reach somebody",
    "brief": "a campaign without a brief cannot be reviewed or evaluated",
    "brief.goal": "the brief is incomplete",
    "brief.larger_goal": "the brief is incomplete: say what it is part of",
    "brief.customer_need": "the brief is incomplete: a message that no customer needs is noise",
    "brief.customer_experience": "the brief is incomplete: somebody will read this",
    "brief.capabilities": "the brief is incomplete: say what it is built on",
    "brief.still_needed": "the brief is incomplete: say what is missing, or that nothing is",
    "brief.success_event": "the brief is incomplete: success has to be an event",
    "brief.success_window_days": "the brief is incomplete: success needs a time",
    "brief.evaluation": "the brief is incomplete: say how it will be judged",
    "brief.drawbacks": "the brief is incomplete: every message costs something",
    "audience": "say who gets it",
}
_EXAMPLES: Mapping[str, str] = {
    "name": "name: Come back to your basket",
    "kind": "kind: win_back, or another line of seeds/kinds.csv",
    "channel": "channel: email, sms or push",
    "audience": "audience: {segment: active, exclude: [has_open_ticket]}, or audience: {} for everyone",
    "cooldown_days": "cooldown_days: 7",
    "priority": "priority: {impact: 8, confidence: 7, ease: 9}",
    "limits": "limits: {max_swing_percent: 50, min_audience: 100, max_coverage_fall_points: 20}",
    "send_hour_local": "send_hour_local: 9",
    "owner": "owner: crm-team",
    "escalation_contact": "escalation_contact: crm@example.com",
    "brief": "brief: with goal, larger_goal, customer_need, customer_experience, drawbacks, capabilities, "
    "still_needed, success_event, success_window_days and evaluation",
    "brief.still_needed": "still_needed: one sentence that says what is missing, or that nothing is",
    "brief.success_event": "success_event: order_completed",
    "brief.success_window_days": "success_window_days: 7",
    "brief.evaluation": "evaluation: holdout, arms, or none with an evaluation_reason",
    "experiment.arms": "arms: {plain: 50, urgent: 50}",
    "experiment.hypothesis": "hypothesis: one sentence: what will change, by how much, and why",
    "experiment.starts": "starts: 2026-12-01, its first day",
    "experiment.planned_end": "planned_end: 2026-12-31, its last day",
    "experiment.owner": "owner: crm-team",
    "waives": "waives: {has_open_ticket: why it does not apply here}",
}


_TEXTS = {
    **TEXTS,
    _WORD: ("{given} is not a name", 'write "{word}": lower-case letters, digits and _, a letter first'),
    _EVENT: (
        "{given} holds a semicolon or a line break",
        "write the name of one event as it is sent; a list has a line for each",
    ),
    LINE: ("holds a line break", "write it on one line"),
}


def _example(key: Sequence[str | int], otherwise: str = "") -> str:
    """What somebody may write for a key."""
    name, field = dotted(key), schema_at(Campaign, key)
    if name in _EXAMPLES:
        return _EXAMPLES[name]
    if key[:1] == ("brief",) and "description" in field:
        return f"{key[-1]}: one sentence: {field['description'][0].lower()}{field['description'][1:]}"
    if "maximum" in field:
        return f"{key[-1]}: {field['minimum']} to {field['maximum']}"
    return otherwise or name


def _problem(folder: CampaignFolder, error: ErrorDetails) -> Problem:
    """One of pydantic's errors in words, with its line."""
    key = key_of(error)
    name = dotted(key)
    given = str(error["input"])
    why = (
        "the campaign cannot be decided without it"
        if error["type"] == "missing"
        else "it has to say something"
    )
    words = in_words(
        error,
        Campaign,
        _TEXTS,
        why=_WHY_NEEDED.get(name, why),
        example=_example(key, "a text" if error["type"] == "string_type" else f"{name}: ..."),
        word=event_word(given),
    )
    return Problem(folder.at(*key), name, *words)


# --- what one key says about another ------------------------------------------------------------------


def _check(folder: CampaignFolder, campaign: Campaign, ids: set[str], known: Known) -> list[Problem]:
    return [
        *_check_audience(folder, campaign, known),
        *_check_trigger(folder, campaign, ids, known),
        *_check_kind(folder, campaign, known),
        *_check_arms(folder, campaign.experiment.arms),
        *_check_calendar(folder, campaign),
        *_check_evaluation(folder, campaign),
        *_check_name(folder, campaign, known),
    ]


def _check_audience(folder: CampaignFolder, campaign: Campaign, known: Known) -> list[Problem]:
    problems: list[Problem] = []
    audience = campaign.audience
    places: list[tuple[tuple[str | int, ...], str]] = []
    if audience.segment:
        places.append((("audience", "segment"), audience.segment))
    places += [(("audience", "also", i), segment) for i, segment in enumerate(audience.also)]
    places += [(("audience", "exclude", i), segment) for i, segment in enumerate(audience.exclude)]
    named: dict[str, bool] = {}
    for key, segment in places:
        at, name, is_wanted = folder.at(*key), dotted(key), key[1] != "exclude"
        if known.segments and segment not in known.segments:
            otherwise = f"the segments are the is_ columns of {SEGMENT_FLAGS_SQL}"
            fix = did_you_mean(segment, known.segments, otherwise)
            problems.append(Problem(at, name, f"unknown segment {segment!r}", fix))
        elif named.get(segment) == is_wanted:
            problems.append(Problem(at, name, f"{segment!r} is listed twice", "write it once"))
        elif segment in named:
            what = f"{segment!r} is the audience and excluded too, so nobody gets it"
            problems.append(Problem(at, name, what, "remove one of the two"))
        named.setdefault(segment, is_wanted)
    if campaign.topic and known.topics and campaign.topic not in known.topics:
        otherwise = f"write one of {', '.join(sorted(known.topics))}, or add it to seeds/topics.csv"
        fix = did_you_mean(campaign.topic, known.topics, otherwise)
        what = f"unknown topic {campaign.topic!r}: nobody can opt out of it"
        problems.append(Problem(folder.at("topic"), "topic", what, fix))
    return problems


def _check_trigger(folder: CampaignFolder, campaign: Campaign, ids: set[str], known: Known) -> list[Problem]:
    problems: list[Problem] = []
    trigger = campaign.trigger
    events: list[tuple[tuple[str | int, ...], str]] = []
    if trigger is not None and trigger.event is not None:
        events.append((("trigger", "event"), trigger.event))
    events += [(("cancel_on", i), e) for i, e in enumerate(campaign.cancel_on)]
    events.append((("brief", "success_event"), campaign.brief.success_event))
    for key, event in events:
        problems.extend(_check_event(folder, key, event, ids, known))
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
    if campaign.send_hour_local is None and not campaign.transactional:
        what = "missing: only a transactional campaign goes out at once"
        problems.append(
            Problem(folder.at("send_hour_local"), "send_hour_local", what, "add send_hour_local: 9")
        )
    return problems


def _check_kind(folder: CampaignFolder, campaign: Campaign, known: Known) -> list[Problem]:
    """What the kind asks for, and what is waived of it."""
    if not known.kinds:
        return []
    kind = known.kinds.get(campaign.kind)
    if kind is None:
        otherwise = f"choose one of {', '.join(known.kinds)}, or add a line to seeds/kinds.csv"
        fix = did_you_mean(campaign.kind, known.kinds, otherwise)
        return [Problem(folder.at("kind"), "kind", f"unknown kind {campaign.kind!r}", fix)]
    missing = _missing_rules(campaign, kind)
    # a misspelt name is the mistake; the rule would only repeat it
    named = [*campaign.audience.also, *campaign.audience.exclude, *campaign.cancel_on]
    unknown = [normalise_name(name) for name in named if name not in known.segments | known.events]
    problems = [
        Problem(
            folder.at(*key.split(".")),
            key,
            what,
            f"add {rule} to {key}, or say why it does not apply: waives: {{{rule}: why}}",
        )
        for rule, (key, what) in missing.items()
        if rule not in campaign.waives and not any(get_close_matches(name, [rule]) for name in unknown)
    ]
    for rule in campaign.waives:
        at, name = folder.at("waives", rule), f"waives.{rule}"
        if rule not in kind.rules:
            otherwise = (
                f"remove it; the kind asks for {', '.join(kind.rules) or 'nothing that can be waived'}"
            )
            what = f"the kind {kind.name} does not ask for {rule}, so there is nothing to waive"
            problems.append(Problem(at, name, what, did_you_mean(rule, kind.rules, otherwise)))
        elif rule not in missing:
            what = f"the campaign has {rule}, so nothing is waived"
            problems.append(Problem(at, name, what, "remove the waiver, or what it is about"))
    if campaign.transactional != kind.is_transactional:
        problems.append(_wrong_consent(folder, kind))
    elif campaign.transactional:
        for key, value in (
            ("cooldown_days", campaign.cooldown_days),
            ("experiment.holdout_percent", campaign.experiment.holdout_percent),
        ):
            if value:
                what = f"{value}, but a transactional message is owed to everybody, each time"
                problems.append(Problem(folder.at(*key.split(".")), key, what, "write 0"))
    return problems


def _missing_rules(campaign: Campaign, kind: Kind) -> dict[str, tuple[str, str]]:
    """What of the kind's rules the campaign does not have: the rule, the key where it belongs, and what it says."""
    audience, trigger = campaign.audience, campaign.trigger
    article = "an" if kind.name[0] in "aeiou" else "a"
    missing: dict[str, tuple[str, str]] = {}
    for segment in kind.must_be_in:
        if segment not in (audience.segment, *audience.also):
            missing[segment] = ("audience.also", f"{article} {kind.name} is only for people in {segment}")
    for segment in kind.must_exclude:
        if segment not in audience.exclude:
            missing[segment] = (
                "audience.exclude",
                f"{article} {kind.name} must not reach people in {segment}",
            )
    for event in kind.must_cancel_on:
        if event not in campaign.cancel_on:
            missing[event] = ("cancel_on", f"{article} {kind.name} must not go out after {event}")
    if kind.must_expire and (trigger is None or trigger.max_age_hours is None):
        missing[EXPIRY_RULE] = ("trigger", f"{article} {kind.name} must not go out late")
    return missing


def _wrong_consent(folder: CampaignFolder, kind: Kind) -> Problem:
    if kind.is_transactional:
        what = f"the kind {kind.name} is owed to the customer"
        return Problem(folder.at("transactional"), "transactional", what, "write transactional: true")
    what = f"the kind {kind.name} is not owed to the customer: nobody who has opted out may get it"
    fix = "write transactional: false; only kinds that seeds/kinds.csv calls transactional go to everybody"
    return Problem(folder.at("transactional"), "transactional", what, fix)


def _check_brief(folder: CampaignFolder, campaign: Campaign, known: Known) -> list[Problem]:
    """Answers that say nothing, or the same twice."""
    problems: list[Problem] = []
    answers: list[tuple[tuple[str, ...], str]] = [
        (("name",), campaign.name),
        (("owner",), campaign.owner),
        (("escalation_contact",), campaign.escalation_contact),
    ]
    answers += [
        (("experiment", key), text)
        for key in ("hypothesis", "owner")
        if (text := getattr(campaign.experiment, key)) is not None
    ]
    answers += [
        (("brief", key), text)
        for key, text in campaign.brief
        if isinstance(text, str) and key not in ("success_event", "evaluation")
    ]
    said: dict[str, str] = {}
    for key, text in answers:
        name = dotted(key)
        if placeholder := find_placeholder(text, known.blank_values, key=key[-1]):
            # what the scaffold asks for there; an owner it has been given
            fix = f"say here {TO_WRITE[name]}" if name in TO_WRITE else f"write {_example(key)}"
            problems.append(Problem(folder.at(*key), name, f"{placeholder!r} is a placeholder", fix))
        elif key[0] == "brief":
            before = said.setdefault(letters_of(text), name)
            if before != name:
                fix = f"write {_example(key)}"
                problems.append(Problem(folder.at(*key), name, f"says the same as {before}", fix))
    for rule, reason in campaign.waives.items():
        if find_placeholder(reason, known.blank_values, key=rule) or len(letters_of(reason)) < _LEAST_REASON:
            what, fix = (
                f"{reason!r} does not say why the rule does not apply",
                "write the reason in one sentence",
            )
            problems.append(Problem(folder.at("waives", rule), f"waives.{rule}", what, fix))
    return problems


def _check_name(folder: CampaignFolder, campaign: Campaign, known: Known) -> list[Problem]:
    event = campaign.trigger.event if campaign.trigger else None
    named = (
        (campaign.kind, known.kinds),
        (campaign.audience.segment, known.segments),
        (None if campaign.audience.segment else event, () if _is_message_event(event) else known.events),
    )
    if any(name is not None and names and name not in names for name, names in named):
        # a misspelt kind, segment or event is the mistake; the id would only repeat it
        return []
    expected = expected_id(campaign)
    suffix = folder.campaign_id.removeprefix(expected + "__")
    suffixed = folder.campaign_id.startswith(expected + "__") and _SUFFIX.fullmatch(suffix)
    if folder.campaign_id == expected or suffixed:
        return []
    convention = "<kind>__<segment, or else trigger event, or else everyone>__<channel>"
    what = f"the folder's name breaks the naming convention {convention}"
    fix = f"rename the folder to {expected}, or to {expected}__<suffix>"
    return [Problem(folder.at(), "campaign_id", what, fix)]


def _is_message_event(event: str | None) -> bool:
    return event is not None and MESSAGE_EVENT.fullmatch(event) is not None


def _check_event(
    folder: CampaignFolder, key: tuple[str | int, ...], event: str, ids: set[str], known: Known
) -> list[Problem]:
    at, name = folder.at(*key), dotted(key)
    message = MESSAGE_EVENT.fullmatch(event)
    if message is None:
        return [] if event in known.events or not known.events else [_unknown_event(at, name, event, known)]
    kind, target = message.groups()
    if kind not in REPORT_TYPES:
        fix = did_you_mean(kind, REPORT_TYPES, f"the types are {', '.join(REPORT_TYPES)}")
        return [Problem(at, name, f"unknown message event type {kind!r}", fix)]
    if target not in ids:
        fix = did_you_mean(target, ids, "name the folder of an existing campaign after the colon")
        return [Problem(at, name, f"there is no campaign {target!r}", fix)]
    return []


def _unknown_event(at: str, name: str, event: str, known: Known) -> Problem:
    read_as = known.event_names.get(normalise_name(event), normalise_name(event))
    if read_as in known.events:
        what = f"events that are sent as {event!r} are read as {read_as!r}"
        return Problem(at, name, what, f'did you mean "{read_as}"?')
    otherwise = "add a line with its description to seeds/events.csv, or write one of those that are there"
    fix = did_you_mean(read_as, known.events, otherwise)
    if fix != otherwise:
        fix += " Or is it an event of your own? Then add it to seeds/events.csv"
    return Problem(at, name, f"{event!r} is no event that seeds/events.csv declares", fix)


def _arms_of(data: object) -> Sequence[str]:
    """The arms that a campaign.yml names, whatever else is wrong in it."""
    experiment = data.get("experiment") if isinstance(data, dict) else None
    arms = experiment.get("arms") if isinstance(experiment, dict) else None
    return [str(arm) for arm in arms] if isinstance(arms, dict) else []


def _check_arms(folder: CampaignFolder, arms: Mapping[str, object]) -> list[Problem]:
    """Names and shares: whole percents that add up."""
    problems: list[Problem] = []
    whole: dict[str, int] = {}
    for arm, share in arms.items():
        at, key = folder.at("experiment", "arms", arm), f"experiment.arms.{arm}"
        if not re.fullmatch(_WORD, arm) or len(arm) > _LONGEST_ARM:
            fix = f"rename it: lower-case letters, digits and _, a letter first; {_LONGEST_ARM} at most"
            problems.append(Problem(at, key, f"{arm!r} cannot be the name of an arm", fix))
        elif arm in (*GROUPS, ALL_VARIANTS):
            what = f"{arm!r} cannot be the name of an arm: the results use it for something else"
            problems.append(Problem(at, key, what, "choose another name"))
        if isinstance(share, int) and not isinstance(share, bool) and share > 0:
            whole[arm] = share
        else:
            what = f"{shown(share)} is no share"
            fix = "write a whole number of percent, of at least 1; remove an arm that nobody is to get"
            problems.append(Problem(at, key, what, fix))
    at, key, total = folder.at("experiment", "arms"), "experiment.arms", sum(whole.values())
    if len(arms) == 1:
        fix = "add another arm and its templates, or remove arms"
        problems.append(Problem(at, key, "there is one arm only, so nothing is compared", fix))
    elif len(whole) == len(arms) and arms and total != 100:
        what = f"the shares add up to {total}, not to 100"
        problems.append(Problem(at, key, what, "change them so that each person is in one arm"))
    return problems


def _check_arms_of_templates(folder: CampaignFolder, arms: Sequence[str]) -> list[Problem]:
    """Each template is of one arm that there is, and each arm has a template; without arms, no template names one."""
    problems: list[Problem] = []
    known = ", ".join(arms)
    for variant in folder.variants:
        analysis = variant.analysis
        if analysis.arm is not None and analysis.arm not in arms:
            otherwise = (
                f"write one of {known}"
                if arms
                else "remove the line, or set experiment: {arms: {...}} in campaign.yml"
            )
            what = f"unknown arm {analysis.arm!r}" if arms else "the campaign has no arms"
            fix = did_you_mean(analysis.arm, arms, otherwise)
            problems.append(Problem(analysis.arm_at, "arm", what, fix))
        elif analysis.arm is None and arms and not analysis.has_bad_front_matter:
            what = "the campaign has arms, and this template does not say whose it is"
            fix = f"add arm: to its front matter, one of {known}"
            problems.append(Problem(f"{variant.path}:1", "arm", what, fix))
    used = {variant.analysis.arm for variant in folder.variants}
    for arm in arms:
        if arm not in used:
            at = folder.at("experiment", "arms", arm)
            fix = f"write one with arm: {arm} in its front matter, or remove the arm"
            problems.append(Problem(at, f"experiment.arms.{arm}", "no template is for this arm", fix))
    return problems


def _check_same_people(folder: CampaignFolder, at: str) -> list[Problem]:
    """Arms can be compared with each other if whoever gets a message in one of them would get one in any of them."""
    reach: dict[str, frozenset[frozenset[str]]] = {}
    for variant in folder.variants:
        arm, required = variant.analysis.arm or "", frozenset(variant.analysis.required)
        reach[arm] = reach.get(arm, frozenset()) | {required}
    # what a template requires beyond another one of its arm keeps nobody out
    least = {
        arm: frozenset(one for one in found if not any(other < one for other in found))
        for arm, found in reach.items()
    }
    if len(set(least.values())) < 2:
        return []
    who = "; ".join(
        f"{arm} those who have {' or '.join(sorted(', '.join(sorted(one)) for one in found))}"
        if frozenset() not in found
        else f"{arm} everybody"
        for arm, found in least.items()
    )
    fix = "let the last template of each arm require the same merge fields, or evaluate it by holdout"
    return [Problem(at, "brief.evaluation", f"the arms reach different people: {who}", fix)]


def _check_calendar(folder: CampaignFolder, campaign: Campaign) -> list[Problem]:
    """An experiment that is planned: what is expected, from when to when, and long enough to see something."""
    experiment = campaign.experiment
    starts, end = experiment.starts, experiment.planned_end
    given = [key for key in (*_CALENDAR, "owner") if getattr(experiment, key) is not None]
    if not given:
        return []
    problems = [
        Problem(
            folder.at("experiment", key),
            f"experiment.{key}",
            f"missing: the experiment has {', '.join(given)}, and cannot be judged without it",
            f"add {_example(('experiment', key))}",
        )
        for key in _CALENDAR
        if key not in given
    ]
    # once it is decided, the holdout may go; what a file with mistakes decides is not known
    is_over = folder.post_mortem.is_final if folder.post_mortem else folder.has_post_mortem
    if not experiment.is_compared and not is_over:
        at, key = folder.at("experiment", given[0]), f"experiment.{given[0]}"
        what = "there is neither a holdout nor arms, so nothing is compared"
        fix = f"set a holdout_percent above 0, or arms, or remove {', '.join(given)}"
        problems.append(Problem(at, key, what, fix))
    if starts is None or end is None:
        return problems
    window, at, key = (
        campaign.brief.success_window_days,
        folder.at("experiment", "planned_end"),
        "experiment.planned_end",
    )
    if end <= starts:
        problems.append(Problem(at, key, f"planned_end ({end}) is not after starts ({starts})", _SWAP))
    elif (end - starts).days < window:
        what = f"nobody's {window} days of brief.success_window_days are over by then, so there is no result to judge"
        fix = f"let it end {window} days after starts ({starts}) at the earliest; more days tell more"
        problems.append(Problem(at, key, what, fix))
    valid = campaign.valid
    if (valid.to is not None and valid.to < starts) or (valid.from_ is not None and valid.from_ > end):
        what = "the campaign is not valid on any day of the experiment"
        fix = "correct starts and planned_end, or the dates under valid"
        problems.append(Problem(folder.at("experiment", "starts"), "experiment.starts", what, fix))
    return problems


def _check_evaluation(folder: CampaignFolder, campaign: Campaign) -> list[Problem]:
    brief, at = campaign.brief, folder.at("brief", "evaluation")
    if brief.evaluation == "none":
        if brief.evaluation_reason is None:
            fix = "add evaluation_reason: and one sentence, or evaluate it by holdout"
            return [Problem(at, "brief.evaluation_reason", "evaluation: none needs a reason", fix)]
        return []
    if brief.evaluation == "arms":
        if not campaign.experiment.arms:
            fix = "set experiment: {arms: {plain: 50, urgent: 50}}, or write holdout, or none with a reason"
            return [Problem(at, "brief.evaluation", "evaluation: arms, but there are no arms", fix)]
        return _check_same_people(folder, at)
    if campaign.transactional:
        fix = "write evaluation: none, with an evaluation_reason"
        what = "a transactional message goes to everyone, so a holdout cannot evaluate it"
        return [Problem(at, "brief.evaluation", what, fix)]
    if campaign.experiment.holdout_percent == 0:
        fix = "set experiment: {holdout_percent: 10}, or write none with an evaluation_reason"
        return [Problem(at, "brief.evaluation", "evaluation: holdout, but nobody is held out", fix)]
    return []


# --- templates ----------------------------------------------------------------------------------------


def _load_variants(
    path: Path,
    folder: CampaignFolder,
    known: Known,
    subject_required: bool,
    arms: Sequence[str],
    problems: list[Problem],
) -> None:
    for file in sorted(path.iterdir(), key=lambda p: p.name):
        where = f"{folder.path}/{file.name}"
        is_ours = file.name in ("campaign.yml", POST_MORTEM) or file.name.lower() == "readme.md"
        if is_ours or file.name.startswith("."):
            continue
        if file.suffix != ".liquid" or not file.is_file():
            fix = f"a campaign folder holds campaign.yml, <variant>.liquid files and {POST_MORTEM}: rename it or move it away"
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
        variant = Variant(file.stem, where, text, analysis)
        if variant.role == DEFAULT:
            for name in analysis.required:
                what = (
                    f"the default variant prints {name} without a fallback, and default may require nothing"
                )
                fix = (
                    f'write {{{{ {name} | default: "..." }}}}, or {{% if {name} %}}...{{% endif %}} around it'
                )
                problems.append(Problem(analysis.required_at.get(name, where), name, what, fix))
        folder.variants.append(variant)
    if not folder.variants:
        fix = "add personalized.liquid or default.liquid; docs/add-a-campaign.md shows one"
        problems.append(Problem(folder.path, "template", "the campaign has no template", fix))
    folder.variants.sort(key=lambda variant: _variant_order(variant, arms))
    for number, variant in enumerate(folder.variants, start=1):
        variant.rank = number


def _load_post_mortem(
    path: Path, folder: CampaignFolder, known: Known, lines: dict[Key, int], problems: list[Problem]
) -> None:
    file = path / POST_MORTEM
    folder.has_post_mortem = file.exists() or file.is_symlink()
    if not folder.has_post_mortem:
        return
    where = f"{folder.path}/{POST_MORTEM}"
    folder.post_mortem, found = read_post_mortem(file, where, lines, known.blank_values)
    problems.extend(found)


def _check_decided(folder: CampaignFolder, experiment: Experiment, lines: dict[Key, int]) -> list[Problem]:
    """What a post-mortem says of the days, beside what the calendar says."""
    learned, starts, end = folder.post_mortem, experiment.starts, experiment.planned_end
    if learned is None:
        return []
    where = f"{folder.path}/{POST_MORTEM}"
    if starts is not None and learned.decided < starts:
        what = f"decided ({learned.decided}) is before the experiment starts ({starts})"
        fix = "correct one of the two; where it is about an earlier experiment, version control keeps it: remove the file"
        return [Problem(f"{where}:{line_of(lines, ('decided',))}", "decided", what, fix)]
    if not learned.is_final and end is not None and learned.decided >= end:
        what = f"to keep going was decided on {learned.decided}, and the planned end ({end}) is not later"
        fix = "set planned_end in campaign.yml to the day on which you will judge again, or decide"
        return [Problem(f"{where}:{line_of(lines, ('decision',))}", "decision", what, fix)]
    return []


def _variant_order(variant: Variant, arms: Sequence[str]) -> tuple[int, int, int, str]:
    """Arm by arm: personalized, then the others by their rank (those without one after them) and name, then default."""
    arm = arms.index(variant.analysis.arm) if variant.analysis.arm in arms else len(arms)
    place = {PERSONALIZED: 0, DEFAULT: 2}.get(variant.role, 1)
    rank = variant.analysis.rank if variant.analysis.rank is not None else 1000
    return (arm, place, rank, variant.name)


def _check_texts(folder: CampaignFolder, known: Known) -> list[Problem]:
    """Parts of templates that are still to be written."""
    problems: list[Problem] = []
    for variant in folder.variants:
        analysis = variant.analysis
        for part, text in (
            ("subject", analysis.subject),
            ("preheader", analysis.preheader),
            ("body", analysis.body),
        ):
            if text and (found := find_in_template(text, known.blank_values)):
                path, line = analysis.places.get(part, (variant.path, 1))
                what = f"{found[1]!r} is a placeholder: the {part} is still to be written"
                fix = f"replace it with the {part} that the customer is to read"
                problems.append(Problem(f"{path}:{line + found[0]}", part, what, fix))
    return problems


def _check_partials(known: Known) -> list[Problem]:
    return [
        Problem(
            f"{partial.path}:{partial.first_line + found[0]}",
            name,
            f"{found[1]!r} is a placeholder: the shared text is still to be written",
            "replace it with the text that the customer is to read",
        )
        for name, partial in known.language.partials.items()
        if (found := find_in_template(partial.text, known.blank_values))
    ]


def _check_same_texts(folders: Sequence[CampaignFolder]) -> list[Problem]:
    texts = [
        Text(folder.campaign_id, folder.campaign.content_group, variant.path, variant.analysis)
        for folder in folders
        if folder.campaign is not None
        for variant in folder.variants
        # what is still to be written says nothing yet
        if not variant.analysis.problems and not find_in_template(variant.analysis.body)
    ]
    return [
        Problem(
            text.path,
            "content_group",
            f"says the same as {other.path}, and the two share no content_group: one person could read it twice in a night",
            "give both campaigns one content_group, or write another text",
        )
        for other, text in find_same_texts(texts)
    ]
