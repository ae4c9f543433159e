"""Validates the small settings that are CSV files in `seeds/`: headers, types, ranges, duplicates."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_core import PydanticKnownError

from sendworthy.foundation.errors import Problem, did_you_mean
from sendworthy.foundation.names import normalise_name, split_names
from sendworthy.foundation.safe_files import MAX_SEED, MAX_SETTINGS, UnsafeFile, read_file
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.settings.error_texts import in_words, wrong
from sendworthy.templates.dialects import DIALECTS

SEEDS_DIR = "seeds"
SEGMENT_FLAGS_SQL = "models/intermediate/customers/int_customers__segment_flags.sql"
LANDING_CONTRACT = "models/staging/landing/_landing__sources.yml"
TAG_DIALECTS = tuple(dialect for dialect in DIALECTS if dialect != "liquid")
"""Those that have merge tags; Liquid names its merge fields."""

_TAG_FORMS = {
    "braze": (r"(?:[A-Za-z_][A-Za-z0-9_]*\.)?\$\{[^{}]+\}", "${first_name} or custom_attribute.${points}"),
    "mailchimp": (r"[^*|{}%]+", "FNAME, without *| and |*"),
    "handlebars": (r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", "firstName, without braces"),
}

# an address of each channel, as macros/rules/addresses.sql has it; whoever writes `all` has no number in mind that is no number
_EMAIL = (
    r"(?=.{1,254}\Z)(?!.*@.*[A-Za-z0-9-]{64})(?!\.|.*\.\.|.*\.@)"
    r"[^@\s]{1,64}@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
)
_PHONE = r"\+[1-9][0-9]{6,14}"
_TOKEN = r"(?![-+0-9().]+\Z)(?=.*\w)[^@\s]+"
_ADDRESSES = {
    "email": (re.compile(_EMAIL), "write one address alone, such as ann@example.com"),
    "sms": (re.compile(_PHONE), "write one number, + and digits only, such as +49301234567"),
    "push": (re.compile(r".*\w.*"), "write the token as the profiles have it"),
    "all": (
        re.compile(f"{_EMAIL}|{_PHONE}|{_TOKEN}"),
        "write one address alone: ann@example.com, +49301234567 or a push token",
    ),
}

# what macros/reading/boolean_of_text.sql reads of any source, before the words that one declares
USUAL_WORDS = {
    True: ("true", "t", "yes", "y", "1", "1.0", "on", "subscribed"),
    False: ("false", "f", "no", "n", "0", "0.0", "off", "unsubscribed"),
}

MESSAGE_EVENT = re.compile(r"message_([a-z_]+):(.+)")
"""A report on a message, where a setting names an event: its type, and the campaign."""

# an arm of outside_campaigns.csv, with its share of the people or without
_ARM = re.compile(r"([^;:\s](?:[^;:]*[^;:\s])?)(?::([0-9]{1,9}(?:\.[0-9]{1,9})?))?")

# what a line of source_formats.csv may declare: by the type of the column, what it is and how to write it
_FORMATS = {
    "integer": (
        re.compile(r"1([.,' ])234(?!\1)[.,]56"),
        "a number",
        "write 1234.56 as the source does, with both its marks: 1.234,56",
    ),
    "timestamp": (
        re.compile(r"(?=.*%d)(?=.*%m)(?=.*%Y)([^%]|%[dmYHMS])+"),
        "a time",
        "write it with day %d, month %m and year %Y, and %H, %M, %S: %d/%m/%Y %H:%M",
    ),
    "boolean": (
        re.compile(r"[^|\s]+\|[^|\s]+"),
        "a yes or no",
        "write the source's words for yes and for no: ja|nein",
    ),
}
Row = dict[str, str]


class _SeedRow(BaseModel):
    """A row of a seed: a field a column. The context of its rules has the whole row, and what other files hold."""

    # Python's own patterns know what is behind and ahead
    model_config = ConfigDict(frozen=True, regex_engine="python-re")


def _column(fix: str = "", empty: str = "") -> Any:
    """A column: what to write where it is wrong, and what it means when it is empty."""
    return Field(json_schema_extra={"fix": fix, "empty": empty})


def _spelled(pattern: str, kind: Literal["int_parsing", "decimal_parsing"]) -> BeforeValidator:
    """A number as DuckDB reads it too: no `1_000`, no `1e3`."""

    def check(value: str) -> str | None:
        if value and not re.fullmatch(pattern, value):
            raise PydanticKnownError(kind, {"error": ""})
        return value or None

    return BeforeValidator(check)


def _row(info: ValidationInfo) -> Row:
    """The row as it stands."""
    return dict((info.context or {})["row"])


def _elsewhere(info: ValidationInfo, what: str) -> Any:
    """What another file holds; nothing where it cannot be read."""
    return (info.context or {})["known"].get(what, ())


def _known(what: str, otherwise: str, *, several: bool = False, may_be_empty: bool = False) -> AfterValidator:
    """Names of something that stands elsewhere; nothing is known where that file cannot be read."""

    def check(value: str, info: ValidationInfo) -> str:
        known = _elsewhere(info, f"{what}s")
        for name in split_names(value) if several else [value]:
            if known and name not in known and not (may_be_empty and not name):
                raise wrong(f"unknown {what} {name!r}", did_you_mean(normalise_name(name), known, otherwise))
        return value

    return AfterValidator(check)


_WHOLE = _spelled(r"-?[0-9]{1,18}", "int_parsing")
_NUMBER = _spelled(r"-?[0-9]{1,18}(\.[0-9]+)?", "decimal_parsing")
_NAME = "write a plain name: lower-case letters, digits and _, a letter first"
_EVENTS, _TOPICS = "write one of events.csv, or add it there", "write one of topics.csv, or add it there"
_SEGMENTS = f"write one of {SEGMENT_FLAGS_SQL}, or add it there"
_FIELDS = "write one of merge_fields.csv, or leave it empty when the e-mail service fills the tag in"
_NO_DEFAULT = "then a new campaign of the kind begins without it"
_NOT_LOOKED_AT = "then it is not looked at"

Filled = Annotated[str, StringConstraints(pattern=r"^.*\S.*\Z")]
PlainName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*\Z")]
YesNo = Annotated[Literal["true", "false"], _column("write true or false")]
OneChannel = Annotated[Literal["email", "sms", "push", "all"], _column("write email, sms, push or all")]
ReportType = Literal[
    "sent",
    "delivered",
    "opened",
    "clicked",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "unsubscribed",
    "resubscribed",
]
LimitedSource = Literal[
    "users", "events", "support_tickets", "message_events", "social_mentions", "erasure_requests"
]
# what only measures holds no campaign back
Source = Literal[LimitedSource, "assignments"]
Days = Annotated[int, Field(ge=1, le=365), _WHOLE]
Age = Annotated[int | None, Field(ge=0, le=2160), _WHOLE]
Percent = Annotated[Decimal, Field(ge=0, le=100), _NUMBER]
PercentOrNone = Annotated[Decimal | None, Field(ge=0, le=100), _NUMBER]
KnownEvent = Annotated[str, _known("event", _EVENTS)]
KnownEvents = Annotated[str, _known("event", _EVENTS, several=True)]
KnownSegments = Annotated[str, _known("segment", _SEGMENTS, several=True)]


def _event_name(name: str) -> str:
    if not name:
        raise wrong("empty", "write the event's name, such as order_completed")
    if name != normalise_name(name):
        fix = f"write {normalise_name(name)}: that is how events of this name are read"
        raise wrong(f"{name!r} is not written as it is read", fix)
    if ";" in name or ":" in name:
        raise wrong(f"{name!r} holds a semicolon or a colon", "write the name without it")
    return name


class _Event(_SeedRow):
    event_name: Annotated[str, AfterValidator(_event_name)]
    description: Filled = _column("say what has happened")


class _EventName(_SeedRow):
    source_name: Filled = _column("write the name that the other system sends")
    event_name: KnownEvent

    @field_validator("source_name")
    @classmethod
    def _is_no_other_event(cls, value: str, info: ValidationInfo) -> str:
        name, read_as = normalise_name(value), _row(info)["event_name"]
        if name in _elsewhere(info, "events") and name != read_as:
            what = f"{name} is an event of events.csv, and would be read as {read_as}"
            raise wrong(what, "remove this line, or the one in events.csv")
        return value


class _Topic(_SeedRow):
    topic: Annotated[str, StringConstraints(pattern=r"^(?!all\Z)[a-z][a-z0-9_]*\Z")] = _column(
        f"{_NAME}; all stands for every topic"
    )
    description: Filled = _column("say what messages of the topic are about")


class _Kind(_SeedRow):
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")] = _column(_NAME)
    description: Filled = _column("say what campaigns of the kind are for")
    must_be_in: KnownSegments
    must_exclude: KnownSegments
    must_cancel_on: KnownEvents
    must_expire: YesNo
    is_transactional: YesNo
    topic: Annotated[str, _known("topic", _TOPICS, may_be_empty=True)]
    content_group: Annotated[str, StringConstraints(pattern=r"^([a-z][a-z0-9_]*)?\Z")] = _column(_NAME)
    trigger_event: Annotated[str, _known("event", _EVENTS, may_be_empty=True)]
    min_age_hours: Age = _column(empty=_NO_DEFAULT)
    max_age_hours: Age = _column(empty=_NO_DEFAULT)
    cooldown_days: Annotated[int, Field(ge=0, le=3650), _WHOLE]
    holdout_percent: Percent
    success_event: KnownEvent
    success_window_days: Days

    @field_validator("max_age_hours")
    @classmethod
    def _expires(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value is None and _row(info)["must_expire"] == "true":
            raise wrong("empty, but must_expire is true", "write after how many hours it is too late")
        return value

    @field_validator("cooldown_days", "holdout_percent")
    @classmethod
    def _is_owed(cls, value: Decimal, info: ValidationInfo) -> Decimal:
        """What is owed to a customer has no pause and leaves nobody out."""
        if value and _row(info)["is_transactional"] == "true":
            what = f"{value}, but a transactional message is owed to everybody, each time"
            raise wrong(what, "write 0, or make the kind not transactional")
        return value


class _TicketStatus(_SeedRow):
    source_status: Filled = _column("write the word in the ticket")
    status: Literal["new", "open", "pending", "hold", "solved", "closed"]


class _ReportType(_SeedRow):
    source_type: Filled = _column("write the word in the report")
    event_type: Literal[ReportType, "ignored"]


class _ReportChannel(_SeedRow):
    source_channel: Filled = _column("write the word in the report")
    channel: Literal["email", "sms", "push", "ignored"]


def _landing_type(row: Row, columns: Mapping[str, str]) -> str:
    """The type of the column that a line of source_formats.csv is about; what is in JSON is a number."""
    column, _, key = row["column_name"].partition(".")
    return "integer" if key else columns.get(column, "timestamp")


class _SourceFormat(_SeedRow):
    table_name: Source
    column_name: str
    format: str

    @field_validator("column_name")
    @classmethod
    def _is_a_column(cls, value: str, info: ValidationInfo) -> str:
        row, column = _row(info), value.partition(".")[0]
        columns = _elsewhere(info, "landing").get(row["table_name"], {})
        if columns and column not in columns:
            fix = did_you_mean(column, columns, f"write one of {', '.join(columns)}")
            raise wrong(f"{row['table_name']} has no column {column!r}", fix)
        if _landing_type(row, columns) not in _FORMATS:
            raise wrong(f"{column} is read as it stands", "remove this line")
        return value

    @field_validator("format")
    @classmethod
    def _is_a_format(cls, value: str, info: ValidationInfo) -> str:
        row = _row(info)
        columns = _elsewhere(info, "landing").get(row["table_name"], {})
        pattern, meaning, fix = _FORMATS.get(_landing_type(row, columns), (re.compile(".*"), "", ""))
        if not pattern.fullmatch(value):
            raise wrong(f"{value!r} is not how {meaning} is written" if value else "empty", fix)
        if meaning == _FORMATS["boolean"][1]:
            yes, no = value.lower().split("|")
            if yes == no or yes in USUAL_WORDS[False] or no in USUAL_WORDS[True]:
                what = f"{value!r} would read a no as a yes"
                raise wrong(what, f"write the word for yes first, and another one for no: {no}|{yes}")
        return value


class _FrequencyCap(_SeedRow):
    channel: OneChannel
    window_days: Days
    max_messages: Annotated[int, Field(ge=0, le=1000), _WHOLE]


_OWN_COLUMNS = (
    *("user_id", "dispatch_id", "campaign_id", "channel", "address", "variant", "send_at", "valid_until"),
    *("cancel_on", "merge_values", "blank_fields", "unsafe_fields", "placeholder_fields", "blank_pattern"),
)
"""Columns that stand beside those of the merge fields, in the models and on the lists."""


class _MergeField(_SeedRow):
    merge_field: PlainName = _column("write a plain name: lower-case letters, digits and _")
    description: Filled = _column("say in a few words where the value comes from")
    is_personal: YesNo

    @field_validator("merge_field")
    @classmethod
    def _is_free(cls, value: str, info: ValidationInfo) -> str:
        """A merge field becomes a column, so it cannot be called as another one beside it; and its tag must be its own."""
        if value in _OWN_COLUMNS:
            raise wrong(f"{value!r} is the name of another column of the lists", "choose another name")
        tag = _usual_tag("mailchimp", value)
        if value in _elsewhere(info, "fields with a taken tag"):
            fix = f"add a line to merge_tags.csv: mailchimp,<another tag>,{value}"
            raise wrong(f"its tag at Mailchimp would be {tag}, which is in use", fix)
        return value


class _MergeTag(_SeedRow):
    dialect: Literal["braze", "mailchimp", "handlebars"]
    merge_tag: str
    merge_field: Annotated[str, _known("merge field", _FIELDS, may_be_empty=True)]

    @field_validator("merge_tag")
    @classmethod
    def _is_a_tag(cls, value: str, info: ValidationInfo) -> str:
        dialect = _row(info)["dialect"]
        pattern, example = _TAG_FORMS.get(dialect, (r".+", ""))
        if not re.fullmatch(pattern, value):
            what = f"{value!r} is not how a tag of {dialect} is written here" if value else "empty"
            raise wrong(what, f"write {example}" if example else "write the tag")
        return value


_AMOUNTS = {"order_total": ("order_completed",), "dwell_seconds": ("page_viewed", "product_viewed")}
"""What can be summed, and of which events the staged rows have it."""


class _Metric(_SeedRow):
    metric: Annotated[str, StringConstraints(pattern=r"^(?!success\Z)[a-z][a-z0-9_]*\Z")] = _column(
        f"{_NAME}; success is what the campaign itself names"
    )
    event_name: str
    amount: Literal["", "order_total", "dwell_seconds"] = _column(empty="then each event counts as 1")
    only_repeats: YesNo
    most_per_user: Annotated[Decimal, Field(gt=0, le=1_000_000_000), _NUMBER]
    is_guardrail: YesNo
    tolerated_rise: Annotated[Decimal | None, Field(ge=0, le=1_000_000_000), _NUMBER]
    description: Filled = _column("say what it tells of a person")

    @field_validator("event_name")
    @classmethod
    def _happens(cls, value: str, info: ValidationInfo) -> str:
        """An event, a kind of report on anybody's message, or a ticket."""
        reports = [f"message_{report_type}" for report_type in REPORT_TYPES]
        known = [*_elsewhere(info, "events"), *reports, "ticket_created"]
        if _elsewhere(info, "events") and value not in known:
            fix = "write an event of events.csv, message_unsubscribed or another report, or ticket_created"
            raise wrong(f"unknown event {value!r}", did_you_mean(normalise_name(value), known, fix))
        return value

    @field_validator("amount")
    @classmethod
    def _is_of_the_event(cls, value: str, info: ValidationInfo) -> str:
        events, event = _AMOUNTS.get(value), _row(info)["event_name"]
        if events and event not in events:
            raise wrong(f"{event} has no {value}", f"leave it empty, or measure {' or '.join(events)}")
        return value

    @field_validator("tolerated_rise")
    @classmethod
    def _is_of_a_guardrail(cls, value: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if (value is None) == (_row(info)["is_guardrail"] == "true"):
            what = (
                "empty, but the metric is a guardrail"
                if value is None
                else f"{value}, but it is no guardrail"
            )
            fix = "write how much more than in control is put up with: 0.005 is half a percentage point"
            raise wrong(what, fix if value is None else "leave it empty, or make it a guardrail")
        return value


class _SourceLimit(_SeedRow):
    table_name: LimitedSource
    max_age_hours: Annotated[int | None, Field(ge=1, le=8760), _WHOLE] = _column(empty=_NOT_LOOKED_AT)
    max_shrink_percent: PercentOrNone = _column(empty=_NOT_LOOKED_AT)
    holds_back: Literal["all", "with_segments"] = _column(
        "write all, or with_segments (campaigns with a segment or an exclusion)"
    )
    max_quarantined_percent: PercentOrNone = _column(empty="then it is 20")


class _PlaceholderValue(_SeedRow):
    placeholder_value: str

    @field_validator("placeholder_value")
    @classmethod
    def _is_compared(cls, value: str) -> str:
        if value != value.lower():
            what = f"{value!r} has capitals, and values are compared in lower case"
            raise wrong(what, "write it in lower case")
        if not any(c.isalnum() for c in value):
            fix = "remove it: a value without a letter or digit is blank anyway"
            raise wrong(f"{value!r} has no letter and no digit", fix)
        return value


class _Place(_SeedRow):
    place_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_]*\Z")] = _column(
        "write lower-case letters, digits and _"
    )
    name: Filled = _column("give the place the name that customers read")
    latitude: Annotated[Decimal, Field(ge=-90, le=90), _NUMBER]
    longitude: Annotated[Decimal, Field(ge=-180, le=180), _NUMBER]
    radius_m: Annotated[Decimal | None, Field(ge=1, le=100_000), _NUMBER] = _column(empty="then it is 50")


class _GlobalSuppression(_SeedRow):
    channel: OneChannel
    user_id: str
    address: str
    reason: Filled = _column("say in one line why, so that somebody can lift it one day")
    added_at: str

    @field_validator("user_id")
    @classmethod
    def _is_somebody(cls, value: str, info: ValidationInfo) -> str:
        if not value and not _row(info)["address"]:
            raise wrong(
                "neither user_id nor address is given, so nobody is suppressed", "fill in one of the two"
            )
        return value

    @field_validator("address")
    @classmethod
    def _can_be_one(cls, value: str, info: ValidationInfo) -> str:
        """A line with an address that nobody can have stops nobody."""
        pattern, fix = _ADDRESSES.get(_row(info)["channel"], _ADDRESSES["all"])
        if value and not (pattern.fullmatch(value) and value.isprintable()):
            raise wrong("no message goes to such an address, so it stops nobody", fix)
        return value

    @field_validator("added_at")
    @classmethod
    def _is_a_time(cls, value: str) -> str:
        try:
            datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            what = "not a time" if value else "empty"
            raise wrong(what, "write it as 2024-03-11 09:30:00 (UTC)") from None
        return value


class _OutsideCampaign(_SeedRow):
    campaign_id: Filled = _column("write the campaign's id as assignments has it")
    name: Filled = _column("write what people call the campaign")
    control_arm: Filled = _column("write the arm that the others are compared with, as assignments has it")
    arms: str
    success_event: str
    success_window_days: Days

    @field_validator("campaign_id")
    @classmethod
    def _has_no_folder(cls, value: str, info: ValidationInfo) -> str:
        if value in _elsewhere(info, "campaign folders"):
            what = f"campaigns/{value} is a campaign of ours, which its own nights measure"
            raise wrong(what, "remove this line, or give the outside campaign another id")
        return value

    @field_validator("arms")
    @classmethod
    def _can_be_compared(cls, value: str, info: ValidationInfo) -> str:
        control, fix = _row(info)["control_arm"], "write control:1;plain:1, or without shares control;plain"
        found = [_ARM.fullmatch(arm) for arm in split_names(value)]
        names = [arm[1] for arm in found if arm]
        shares = {bool(arm[2]) for arm in found if arm}
        if len(names) < max(2, len(found)) or len({*names}) < len(names):
            raise wrong(f"{value!r} are not two or more arms" if value else "empty", fix)
        if control not in names:
            raise wrong(f"control_arm {control!r} is none of them", did_you_mean(control, names, fix))
        if taken := {"send", "control"} & {*names} - {control}:
            what = f"an arm other than the control arm is called {min(taken)}, as a row of the results is"
            raise wrong(what, "give it another name, in assignments too")
        if len(shares) > 1 or any(arm and arm[2] and not Decimal(arm[2]) for arm in found):
            raise wrong(
                "some of the arms have no share", "write a number above 0 behind each, or behind none"
            )
        return value

    @field_validator("success_event")
    @classmethod
    def _is_an_event(cls, value: str, info: ValidationInfo) -> str:
        report, events = MESSAGE_EVENT.fullmatch(value), _elsewhere(info, "events")
        if report is None and events and value not in events:
            raise wrong(f"unknown event {value!r}", did_you_mean(normalise_name(value), events, _EVENTS))
        if report is not None and report[1] not in REPORT_TYPES:
            fix = did_you_mean(report[1], REPORT_TYPES, f"the types are {', '.join(REPORT_TYPES)}")
            raise wrong(f"unknown message event type {report[1]!r}", fix)
        campaigns = {*_elsewhere(info, "campaign folders"), *_elsewhere(info, "outside campaigns")}
        if report is not None and report[2] not in campaigns:
            fix = "name a campaign of campaigns/ or of outside_campaigns.csv after the colon"
            raise wrong(f"there is no campaign {report[2]!r}", did_you_mean(report[2], campaigns, fix))
        return value


class _EspCampaign(_SeedRow):
    esp: Annotated[str, StringConstraints(pattern=r"^[a-z]+\Z")] = _column(
        "write the name that `sendworthy ingest --from` takes"
    )
    esp_campaign_id: Filled = _column("write the campaign's id at the provider")
    campaign_id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+\Z")] = _column(
        "write the campaign's id here"
    )


class _Retention(_SeedRow):
    what: Literal["lists", "data_docs", "decisions", "dispatches", "runs", "logs", "previews"]
    keep_days: Annotated[int, Field(ge=1, le=36_500), _WHOLE]


@dataclass(frozen=True)
class Seed:
    """A seed file: what its rows look like, and the columns that make one unique.

    The rows of a `vocabulary` are unique by what their first column is read as: `Order Completed` is `order_completed`.
    """

    name: str
    row: type[_SeedRow]
    unique: tuple[str, ...]
    may_be_empty: bool = False
    vocabulary: bool = False
    is_personal: bool = False
    """Its rows are about people: no value of them is shown."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Its header."""
        return tuple(self.row.model_fields)

    @property
    def path(self) -> str:
        """Relative to the project."""
        return f"{SEEDS_DIR}/{self.name}.csv"


SEEDS: tuple[Seed, ...] = (
    Seed("events", _Event, ("event_name",)),
    Seed("event_names", _EventName, ("source_name",), may_be_empty=True, vocabulary=True),
    Seed("topics", _Topic, ("topic",), may_be_empty=True),
    Seed("kinds", _Kind, ("kind",)),
    Seed("ticket_statuses", _TicketStatus, ("source_status",), vocabulary=True),
    Seed("report_types", _ReportType, ("source_type",), vocabulary=True),
    Seed("report_channels", _ReportChannel, ("source_channel",), vocabulary=True),
    Seed("source_formats", _SourceFormat, ("table_name", "column_name"), may_be_empty=True),
    Seed("frequency_caps", _FrequencyCap, ("channel", "window_days"), may_be_empty=True),
    Seed("metrics", _Metric, ("metric",), may_be_empty=True),
    Seed("merge_fields", _MergeField, ("merge_field",)),
    Seed("merge_tags", _MergeTag, ("dialect", "merge_tag"), may_be_empty=True),
    Seed("source_limits", _SourceLimit, ("table_name",), may_be_empty=True),
    Seed("placeholder_values", _PlaceholderValue, ("placeholder_value",)),
    Seed("places", _Place, ("place_id",), may_be_empty=True),
    Seed(
        *("global_suppressions", _GlobalSuppression, ("channel", "user_id", "address")),
        may_be_empty=True,
        is_personal=True,
    ),
    Seed("outside_campaigns", _OutsideCampaign, ("campaign_id",), may_be_empty=True),
    Seed("esp_campaigns", _EspCampaign, ("esp", "esp_campaign_id"), may_be_empty=True),
    Seed("retention", _Retention, ("what",)),
)

SOURCES: tuple[str, ...] = get_args(Source)
"""The tables of the landing zone."""
REPORT_TYPES: tuple[str, ...] = get_args(ReportType)
"""What can happen to a message: the event types of the landing contract."""
RETENTION: tuple[str, ...] = get_args(_Retention.model_fields["what"].annotation)
"""What seeds/retention.csv speaks of."""


def validate_settings(project_dir: Path) -> list[Problem]:
    """All problems of the settings seeds of a project; empty when they can be used. Reads only."""
    known = {
        "events": read_names(project_dir, "events"),
        "topics": read_names(project_dir, "topics"),
        "segments": read_segments(project_dir),
        "merge fields": read_names(project_dir, "merge_fields"),
        "landing": _landing_columns(project_dir),
        "fields with a taken tag": _without_own_tag(project_dir),
        "campaign folders": {path.parent.name for path in project_dir.glob("campaigns/*/campaign.yml")},
        "outside campaigns": read_names(project_dir, "outside_campaigns"),
    }
    problems = [problem for seed in SEEDS for problem in _validate(project_dir, seed, known)]
    return problems or list(_too_short(project_dir))


def _landing_columns(project_dir: Path) -> dict[str, dict[str, str]]:
    """The columns of the landing contract with their types, by table; none where it cannot be read."""
    try:
        found = read_dbt_yaml(project_dir / LANDING_CONTRACT, project_dir)
        return {
            table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
            for source in found["sources"]
            for table in source["tables"]
        }
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError):
        return {}


def read_retention(project_dir: Path) -> dict[str, int]:
    """How many days each thing is kept; the settings must be in order."""
    return {str(row["what"]): int(row["keep_days"] or 0) for row in read_seed(project_dir, "retention")}


def _too_short(project_dir: Path) -> Iterator[Problem]:
    """What the retention leaves out, and ledgers that it would cut shorter than the rules look back."""
    path, keep = f"{SEEDS_DIR}/retention.csv", read_retention(project_dir)
    for what in RETENTION:
        if what not in keep:
            yield Problem(path, what, "there is no line for it", "add one, with the days to keep it")
    for what, (days, why) in _least_days(project_dir).items():
        if keep.get(what, days) < days:
            yield Problem(
                path,
                what,
                f"{keep[what]} days are too few: the rules look {days} days back, for {why}",
                f"write {days} or more",
            )


def _least_days(project_dir: Path) -> dict[str, tuple[int, str]]:
    """How far back the rules look into each ledger, in days, and which rule it is that looks so far."""

    def longest(name: str, column: str, key: str, words: str) -> tuple[int, str]:
        found = [(row.get(column) or "", f"{words} {row.get(key)}") for row in read_seed(project_dir, name)]
        return max(
            [(int(days), why) for days, why in found if days.isdigit()] + [(90, "triggers and features")],
            key=lambda item: item[0],
        )

    campaigns = "compiled/campaigns"
    return {
        "dispatches": max(
            longest("frequency_caps", "window_days", "channel", "a cap on"),
            longest(campaigns, "cooldown_days", "campaign_id", "the cooldown of"),
            key=lambda item: item[0],
        ),
        "decisions": longest(campaigns, "success_window_days", "campaign_id", "the success window of"),
    }


def validate_seed(project_dir: Path, name: str) -> list[Problem]:
    """All problems of one seed of a project; empty when it can be used. Reads only."""
    known = {"landing": _landing_columns(project_dir)}
    return [problem for seed in SEEDS if seed.name == name for problem in _validate(project_dir, seed, known)]


def read_merge_tags(project_dir: Path) -> dict[str, dict[str, str | None]]:
    """Each dialect's merge tags: tag -> merge field, or None where the e-mail service fills the tag in.

    Every dialect is a key. A merge field without a line of its own has the usual tag. Rows that are wrong are left out,
    and a file that cannot be read has no rows: `validate_settings` says what is wrong with them.
    """
    tags = _written_tags(project_dir)
    fields = [row.get("merge_field") or "" for row in read_seed(project_dir, "merge_fields")]
    for dialect in TAG_DIALECTS:
        for field in sorted({*fields} - {"", *tags[dialect].values()}):
            tags[dialect].setdefault(_usual_tag(dialect, field), field)
    return tags


def _usual_tag(dialect: str, field: str) -> str:
    """The tag of a merge field that merge_tags.csv does not name: the name under which the lists have it."""
    if dialect == "braze":
        return f"custom_attribute.${{{field}}}"
    # as in marts.merge_field_tags, which names the members of lists
    return field.upper().replace("_", "")[:10] if dialect == "mailchimp" else field


def _written_tags(project_dir: Path) -> dict[str, dict[str, str | None]]:
    """Each dialect's tags as merge_tags.csv has them."""
    tags: dict[str, dict[str, str | None]] = {dialect: {} for dialect in DIALECTS}
    for row in read_seed(project_dir, "merge_tags"):
        dialect, tag = row.get("dialect") or "", row.get("merge_tag") or ""
        if dialect in TAG_DIALECTS and tag:
            tags[dialect].setdefault(tag, row.get("merge_field") or None)
    return tags


def _without_own_tag(project_dir: Path) -> set[str]:
    """The merge fields without a line in merge_tags.csv whose tag at Mailchimp, which is short, another field has too."""
    tags = _written_tags(project_dir)["mailchimp"]
    fields = read_names(project_dir, "merge_fields") - {*tags.values()}
    usual = {field: _usual_tag("mailchimp", field) for field in fields}
    taken = Counter(usual.values())
    return {field for field, tag in usual.items() if tag in tags or taken[tag] > 1}


@dataclass(frozen=True)
class Kind:
    """A kind of campaign: what one must have, and what a new one begins with (`defaults`, by column)."""

    name: str
    description: str
    must_be_in: Sequence[str]
    must_exclude: Sequence[str]
    must_cancel_on: Sequence[str]
    must_expire: bool
    is_transactional: bool
    defaults: Mapping[str, str]

    @property
    def rules(self) -> list[str]:
        """All that a campaign of the kind can be without only where it says why."""
        expiry = [EXPIRY_RULE] if self.must_expire else []
        return [*self.must_be_in, *self.must_exclude, *self.must_cancel_on, *expiry]


EXPIRY_RULE = "max_age_hours"
"""The name under which `waives` speaks of a kind's must_expire."""


def read_kinds(project_dir: Path) -> dict[str, Kind]:
    """The kinds of campaigns by name, in the order of the file; none when it cannot be read."""
    rows = ({c: v or "" for c, v in row.items() if c} for row in read_seed(project_dir, "kinds"))
    return {
        row["kind"]: Kind(
            row["kind"],
            row.get("description", ""),
            split_names(row.get("must_be_in", "")),
            split_names(row.get("must_exclude", "")),
            split_names(row.get("must_cancel_on", "")),
            row.get("must_expire") == "true",
            row.get("is_transactional") == "true",
            row,
        )
        for row in rows
        if row.get("kind")
    }


def read_names(project_dir: Path, seed: str) -> set[str]:
    """What a seed lists in its first column, as campaigns and other seeds may name it; none when it cannot be read."""
    (column,) = (known.columns[0] for known in SEEDS if known.name == seed)
    return {(row.get(column) or "").strip() for row in read_seed(project_dir, seed)} - {""}


def read_event_names(project_dir: Path) -> dict[str, str]:
    """Our name of an event by the name (normalised) that another system has for it."""
    rows = read_seed(project_dir, "event_names")
    return {normalise_name(row.get("source_name") or ""): row.get("event_name") or "" for row in rows}


def read_segments(project_dir: Path) -> set[str]:
    """The segments, from the SQL that flags them; none when it cannot be read."""
    try:
        sql = read_file(project_dir / SEGMENT_FLAGS_SQL, project_dir, MAX_SETTINGS).decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return set()
    return set(re.findall(r"\bas is_(\w+)", re.sub(r"--[^\n]*", "", sql)))


def read_seed(project_dir: Path, name: str) -> list[dict[str, str | None]]:
    """The rows of a seed as they stand; none when the file cannot be read."""
    try:
        text = read_file(project_dir / SEEDS_DIR / f"{name}.csv", project_dir, MAX_SEED).decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _validate(project_dir: Path, seed: Seed, known: Mapping[str, Any]) -> list[Problem]:
    try:
        text = read_file(project_dir / seed.path, project_dir, MAX_SEED).decode("utf-8-sig")
    except UnicodeDecodeError:
        return [Problem(seed.path, "", "not UTF-8", "save the file as UTF-8 (in a spreadsheet: CSV UTF-8)")]
    except UnsafeFile as error:
        return [Problem(seed.path, "", str(error.strerror), error.fix)]
    except OSError:
        fix = "restore it from version control, or give the right --project-dir"
        return [Problem(seed.path, "", "the file is missing", fix)]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    problems: list[Problem] = []
    seen: dict[tuple[str, ...], tuple[int, Row]] = {}
    rows = 0
    try:
        header = next(reader, [])
        if tuple(header) != seed.columns:
            shown = "another one" if seed.is_personal else ",".join(header)
            what = f"the header is {shown if header else 'missing'}"
            return [Problem(f"{seed.path}:1", "header", what, f"write {','.join(seed.columns)}")]
        while True:
            line = reader.line_num + 1
            cells = next(reader, None)
            if cells is None:
                break
            if not cells:
                continue
            rows += 1
            problems.extend(_validate_row(seed, line, cells, known, seen))
    except csv.Error as error:
        fix = "put a value that holds a comma or a quote in double quotes, and double the quotes in it"
        problems.append(Problem(f"{seed.path}:{reader.line_num}", "", f"not CSV: {error}", fix))
    if rows == 0 and not seed.may_be_empty and not problems:
        problems.append(
            Problem(seed.path, "", "the file has no rows", "restore its rows from version control")
        )
    return problems


def _validate_row(
    seed: Seed,
    line: int,
    cells: Sequence[str],
    known: Mapping[str, Any],
    seen: dict[tuple[str, ...], tuple[int, Row]],
) -> list[Problem]:
    at = f"{seed.path}:{line}"
    if len(cells) != len(seed.columns):
        what = f"{len(cells)} values, but {len(seed.columns)} columns"
        return [Problem(at, "", what, "put values that hold a comma in double quotes")]
    row = dict(zip(seed.columns, cells, strict=True))
    problems = [
        Problem(at, column, "white space around the value", "remove it")
        for column, value in row.items()
        if value != value.strip()
    ]
    row = {column: value.strip() for column, value in row.items()}
    try:
        seed.row.model_validate(row, context={"known": known, "row": row})
    except ValidationError as error:
        problems += [
            Problem(
                at,
                str(one["loc"][0]),
                *in_words(one, seed.row, is_csv=True, is_personal=seed.is_personal),
            )
            for one in error.errors(include_url=False)
        ]
    compared = normalise_name if seed.vocabulary else str.lower
    key = tuple(compared(row[column]) for column in seed.unique)
    before, other = seen.setdefault(key, (line, row))
    if before != line:
        what, fix = f"the same {', '.join(seed.unique)} as on line {before}", "remove one of the two"
        if seed.vocabulary:
            source, target = seed.columns
            what = f"{row[source]!r} is read as {key[0]}, as {other[source]!r} on line {before} is"
            if row[target] != other[target]:
                what += f", which means {other[target]} there and {row[target]} here"
                fix = "keep the line that is right, and remove the other"
        problems.append(Problem(at, seed.unique[0], what, fix))
    return problems
