"""Validates the small settings that are CSV files in `seeds/`: headers, types, ranges, duplicates."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import yaml

from sendworthy.foundation.errors import Problem, did_you_mean
from sendworthy.foundation.names import normalise_name, split_names
from sendworthy.foundation.safe_files import MAX_SEED, MAX_SETTINGS, UnsafeFile, read_file
from sendworthy.foundation.safe_yaml import read_dbt_yaml
from sendworthy.templates.dialects import DIALECTS

SEEDS_DIR = "seeds"
SEGMENT_FLAGS_SQL = "models/intermediate/customers/int_customers__segment_flags.sql"
LANDING_CONTRACT = "models/staging/landing/_landing__sources.yml"
CHANNELS = ("email", "sms", "push")
CHANNELS_AND_ALL = (*CHANNELS, "all")
TAG_DIALECTS = tuple(dialect for dialect in DIALECTS if dialect != "liquid")
"""Those that have merge tags; Liquid names its merge fields."""

SOURCES = (
    "users",
    "events",
    "support_tickets",
    "message_events",
    "social_mentions",
    "erasure_requests",
)
"""The tables of the landing zone."""

_TAG_FORMS = {
    "braze": (r"(?:[A-Za-z_][A-Za-z0-9_]*\.)?\$\{[^{}]+\}", "${first_name} or custom_attribute.${points}"),
    "mailchimp": (r"[^*|{}%]+", "FNAME, without *| and |*"),
    "handlebars": (r"[A-Za-z_][\w-]*(?:\.[\w-]+)*", "firstName, without braces"),
}

Row = dict[str, str]
Check = Callable[[Row], "tuple[str, str, str] | None"]
"""Looks at one row; gives (column, what, fix) when it is wrong."""


@dataclass(frozen=True)
class Seed:
    """A seed file: its columns, the columns that make a row unique, and what a row must satisfy.

    The rows of a `vocabulary` are unique by what their first column is read as: `Order Completed` is `order_completed`.
    """

    name: str
    columns: tuple[str, ...]
    unique: tuple[str, ...]
    checks: tuple[Check, ...]
    may_be_empty: bool = False
    vocabulary: bool = False
    is_personal: bool = False
    """Its rows are about people: no value of them is shown."""

    @property
    def path(self) -> str:
        """Relative to the project."""
        return f"{SEEDS_DIR}/{self.name}.csv"


def _matches(column: str, pattern: str, fix: str, *, is_personal: bool = False) -> Check:
    """A check of one column. `is_personal`: a row is about somebody, and no value of it is shown, in whichever column it stands."""
    compiled = re.compile(pattern)

    def check(row: Row) -> tuple[str, str, str] | None:
        value = row[column]
        if compiled.fullmatch(value):
            return None
        shown = "the value" if is_personal else repr(value)
        return column, f"{shown} is not allowed" if value else "empty", fix

    return check


def _number(column: str, low: float, high: float, *, whole: bool) -> Check:
    def check(row: Row) -> tuple[str, str, str] | None:
        value = row[column]
        kind = "a whole number" if whole else "a number"
        fix = f"write {kind} from {low:g} to {high:g}"
        pattern = r"-?[0-9]{1,18}" if whole else r"-?[0-9]{1,18}(\.[0-9]+)?"
        if not re.fullmatch(pattern, value):
            return column, f"{value!r} is not {kind}" if value else "empty", fix
        number = float(value)
        if not math.isfinite(number) or not low <= number <= high:
            return column, f"{value} is out of range", fix
        return None

    return check


def _number_or_empty(column: str, low: float, high: float, *, whole: bool, empty: str) -> Check:
    number = _number(column, low, high, whole=whole)

    def check(row: Row) -> tuple[str, str, str] | None:
        found = number(row) if row[column] else None
        return found and (*found[:2], f"{found[2]}, or leave it empty: {empty}")

    return check


def _one_of(column: str, allowed: Sequence[str], meaning: str) -> Check:
    def check(row: Row) -> tuple[str, str, str] | None:
        value = row[column]
        if value in allowed:
            return None
        what = f"{value!r} is not {meaning}" if value else "empty"
        return column, what, did_you_mean(value, allowed, f"write one of {', '.join(allowed)}")

    return check


def _known(column: str, known: Collection[str], meaning: str, where: str, *, several: bool = False) -> Check:
    """Names of something that stands elsewhere; nothing is known where that file cannot be read."""

    def check(row: Row) -> tuple[str, str, str] | None:
        for name in split_names(row[column]) if several else [row[column]]:
            if known and name not in known:
                fix = did_you_mean(normalise_name(name), known, f"write one of {where}, or add it there")
                return column, f"unknown {meaning} {name!r}", fix
        return None

    return check


def _event_name(row: Row) -> tuple[str, str, str] | None:
    name = row["event_name"]
    if not name:
        return "event_name", "empty", "write the event's name, such as order_completed"
    if name != normalise_name(name):
        fix = f"write {normalise_name(name)}: that is how events of this name are read"
        return "event_name", f"{name!r} is not written as it is read", fix
    if ";" in name or ":" in name:
        return "event_name", f"{name!r} holds a semicolon or a colon", "write the name without it"
    return None


def _own_event(events: Collection[str]) -> Check:
    """A name that is an event here must not be read as another one."""

    def check(row: Row) -> tuple[str, str, str] | None:
        name = normalise_name(row["source_name"])
        if name in events and name != row["event_name"]:
            what = f"{name} is an event of events.csv, and would be read as {row['event_name']}"
            return "source_name", what, "remove this line, or the one in events.csv"
        return None

    return check


def _expires(row: Row) -> tuple[str, str, str] | None:
    if row["must_expire"] == "true" and not row["max_age_hours"]:
        return "max_age_hours", "empty, but must_expire is true", "write after how many hours it is too late"
    return None


def _owed(row: Row) -> tuple[str, str, str] | None:
    """What is owed to a customer has no pause and leaves nobody out."""
    for column in ("cooldown_days", "holdout_percent"):
        if row["is_transactional"] == "true" and row[column] not in ("", "0"):
            what = f"{row[column]}, but a transactional message is owed to everybody, each time"
            return column, what, "write 0, or make the kind not transactional"
    return None


def _source_format(contract: Mapping[str, Mapping[str, str]]) -> Check:
    def check(row: Row) -> tuple[str, str, str] | None:
        table, (column, _, key), form = row["table_name"], row["column_name"].partition("."), row["format"]
        columns = contract.get(table, {})
        if columns and column not in columns:
            fix = did_you_mean(column, columns, f"write one of {', '.join(columns)}")
            return "column_name", f"{table} has no column {column!r}", fix
        kind = "integer" if key else columns.get(column, "timestamp")
        if kind not in _FORMATS:
            return "column_name", f"{column} is read as it stands", "remove this line"
        pattern, meaning, fix = _FORMATS[kind]
        if not pattern.fullmatch(form):
            return "format", f"{form!r} is not how {meaning} is written" if form else "empty", fix
        return None

    return check


def _placeholder(row: Row) -> tuple[str, str, str] | None:
    value = row["placeholder_value"]
    if value != value.lower():
        return (
            "placeholder_value",
            f"{value!r} has capitals, and values are compared in lower case",
            "write it in lower case",
        )
    if not any(c.isalnum() for c in value):
        fix = "remove it: a value without a letter or digit is blank anyway"
        return "placeholder_value", f"{value!r} has no letter and no digit", fix
    return None


def _suppressed(row: Row) -> tuple[str, str, str] | None:
    if not row["user_id"] and not row["address"]:
        return (
            "user_id",
            "neither user_id nor address is given, so nobody is suppressed",
            "fill in one of the two",
        )
    return None


def _timestamp(row: Row) -> tuple[str, str, str] | None:
    value = row["added_at"]
    try:
        datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return (
            "added_at",
            "not a time" if value else "empty",
            "write it as 2024-03-11 09:30:00 (UTC)",
        )
    return None


def _merge_tag(row: Row) -> tuple[str, str, str] | None:
    pattern, example = _TAG_FORMS.get(row["dialect"], (r".+", ""))
    value = row["merge_tag"]
    if re.fullmatch(pattern, value):
        return None
    what = f"{value!r} is not how a tag of {row['dialect']} is written here" if value else "empty"
    return "merge_tag", what, f"write {example}" if example else "write the tag"


_OWN_COLUMNS = (
    *("user_id", "dispatch_id", "campaign_id", "channel", "address", "variant", "send_at", "valid_until"),
    *("cancel_on", "merge_values", "blank_fields", "unsafe_fields", "placeholder_fields", "blank_pattern"),
)
"""Columns that stand beside those of the merge fields, in the models and on the lists."""


def _free_name(row: Row) -> tuple[str, str, str] | None:
    """A merge field becomes a column, so it cannot be called as another one beside it."""
    name = row["merge_field"]
    if name not in _OWN_COLUMNS:
        return None
    return "merge_field", f"{name!r} is the name of another column of the lists", "choose another name"


def _free_tag(project_dir: Path) -> Check:
    """Mailchimp's tags are short: that of a merge field without a line in merge_tags.csv may be the tag of another one."""
    fields = {row.get("merge_field") or "" for row in read_seed(project_dir, "merge_fields")} - {""}
    tags = _written_tags(project_dir)["mailchimp"]
    tagged = set(tags.values())
    meanings: dict[str, set[str]] = {}
    for field in fields - tagged:
        meanings.setdefault(_usual_tag("mailchimp", field), set()).add(field)

    def check(row: Row) -> tuple[str, str, str] | None:
        field = row["merge_field"]
        tag = _usual_tag("mailchimp", field)
        if field in tagged or (tag not in tags and len(meanings.get(tag, ())) < 2):
            return None
        fix = f"add a line to merge_tags.csv: mailchimp,<another tag>,{field}"
        return "merge_field", f"its tag at Mailchimp would be {tag}, which is in use", fix

    return check


def _known_merge_field(known: Collection[str]) -> Check:
    def check(row: Row) -> tuple[str, str, str] | None:
        value = row["merge_field"]
        if not value or value in known:
            return None
        fix = "write one of merge_fields.csv, or leave it empty when the e-mail service fills the tag in"
        return "merge_field", f"unknown merge field {value!r}", fix

    return check


TICKET_STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
REPORT_TYPES = (
    "sent",
    "delivered",
    "opened",
    "clicked",
    "bounced_hard",
    "bounced_soft",
    "complained",
    "unsubscribed",
    "resubscribed",
)
"""What can happen to a message: the event types of the landing contract."""

IGNORED = "ignored"
"""Stands in a vocabulary for a word that means nothing here."""

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
RETENTION = ("lists", "data_docs", "decisions", "dispatches", "runs", "logs", "previews")
"""What seeds/retention.csv speaks of."""

_CHANNEL_FIX = "write email, sms, push or all"
_NOT_LOOKED_AT = "then it is not looked at"
_NO_DEFAULT = "then a new campaign of the kind begins without it"
_NAME_FIX = "write a plain name: lower-case letters, digits and _, a letter first"
SEEDS: tuple[Seed, ...] = (
    Seed(
        "events",
        ("event_name", "description"),
        ("event_name",),
        (_event_name, _matches("description", r".*\S.*", "say what has happened")),
    ),
    Seed(
        "event_names",
        ("source_name", "event_name"),
        ("source_name",),
        (_matches("source_name", r".*\S.*", "write the name that the other system sends"),),
        may_be_empty=True,
        vocabulary=True,
    ),
    Seed(
        "topics",
        ("topic", "description"),
        ("topic",),
        (
            _matches("topic", r"(?!all$)[a-z][a-z0-9_]*", f"{_NAME_FIX}; all stands for every topic"),
            _matches("description", r".*\S.*", "say what messages of the topic are about"),
        ),
        may_be_empty=True,
    ),
    Seed(
        "kinds",
        (
            *("kind", "description", "must_be_in", "must_exclude", "must_cancel_on", "must_expire"),
            *(
                "is_transactional",
                "topic",
                "content_group",
                "trigger_event",
                "min_age_hours",
                "max_age_hours",
            ),
            *("cooldown_days", "holdout_percent", "success_event", "success_window_days"),
        ),
        ("kind",),
        (
            _matches("kind", r"[a-z][a-z0-9]*(_[a-z0-9]+)*", _NAME_FIX),
            _matches("description", r".*\S.*", "say what campaigns of the kind are for"),
            _matches("must_expire", "true|false", "write true or false"),
            _matches("is_transactional", "true|false", "write true or false"),
            _matches("content_group", r"([a-z][a-z0-9_]*)?", _NAME_FIX),
            _number_or_empty("min_age_hours", 0, 2160, whole=True, empty=_NO_DEFAULT),
            _number_or_empty("max_age_hours", 0, 2160, whole=True, empty=_NO_DEFAULT),
            _number("cooldown_days", 0, 3650, whole=True),
            _number("holdout_percent", 0, 100, whole=False),
            _number("success_window_days", 1, 365, whole=True),
            _expires,
            _owed,
        ),
    ),
    Seed(
        "ticket_statuses",
        ("source_status", "status"),
        ("source_status",),
        (
            _matches("source_status", r".*\S.*", "write the word in the ticket"),
            _one_of("status", TICKET_STATUSES, "a status"),
        ),
        vocabulary=True,
    ),
    Seed(
        "report_types",
        ("source_type", "event_type"),
        ("source_type",),
        (
            _matches("source_type", r".*\S.*", "write the word in the report"),
            _one_of("event_type", (*REPORT_TYPES, IGNORED), "what can happen to a message"),
        ),
        vocabulary=True,
    ),
    Seed(
        "report_channels",
        ("source_channel", "channel"),
        ("source_channel",),
        (
            _matches("source_channel", r".*\S.*", "write the word in the report"),
            _one_of("channel", (*CHANNELS, IGNORED), "a channel"),
        ),
        vocabulary=True,
    ),
    Seed(
        "source_formats",
        ("table_name", "column_name", "format"),
        ("table_name", "column_name"),
        (_one_of("table_name", SOURCES, "a table of the landing zone"),),
        may_be_empty=True,
    ),
    Seed(
        "frequency_caps",
        ("channel", "window_days", "max_messages"),
        ("channel", "window_days"),
        (
            _matches("channel", "email|sms|push|all", _CHANNEL_FIX),
            _number("window_days", 1, 365, whole=True),
            _number("max_messages", 0, 1000, whole=True),
        ),
        may_be_empty=True,
    ),
    Seed(
        "merge_fields",
        ("merge_field", "description", "is_personal"),
        ("merge_field",),
        (
            _matches(
                "merge_field", r"[a-z][a-z0-9_]*", "write a plain name: lower-case letters, digits and _"
            ),
            _free_name,
            _matches("description", r".*\S.*", "say in a few words where the value comes from"),
            _matches("is_personal", "true|false", "write true or false"),
        ),
    ),
    Seed(
        "merge_tags",
        ("dialect", "merge_tag", "merge_field"),
        ("dialect", "merge_tag"),
        (
            _matches("dialect", "|".join(TAG_DIALECTS), f"write {', '.join(TAG_DIALECTS)}"),
            _merge_tag,
        ),
        may_be_empty=True,
    ),
    Seed(
        "source_limits",
        ("table_name", "max_age_hours", "max_shrink_percent", "holds_back", "max_quarantined_percent"),
        ("table_name",),
        (
            _matches("table_name", "|".join(SOURCES), f"write {', '.join(SOURCES[:-1])} or {SOURCES[-1]}"),
            _number_or_empty("max_age_hours", 1, 8760, whole=True, empty=_NOT_LOOKED_AT),
            _number_or_empty("max_shrink_percent", 0, 100, whole=False, empty=_NOT_LOOKED_AT),
            _number_or_empty("max_quarantined_percent", 0, 100, whole=False, empty="then it is 20"),
            _matches(
                "holds_back",
                "all|with_segments",
                "write all, or with_segments (campaigns with a segment or an exclusion)",
            ),
        ),
        may_be_empty=True,
    ),
    Seed("placeholder_values", ("placeholder_value",), ("placeholder_value",), (_placeholder,)),
    Seed(
        "places",
        ("place_id", "name", "latitude", "longitude", "radius_m"),
        ("place_id",),
        (
            _matches("place_id", r"[a-z0-9][a-z0-9_]*", "write lower-case letters, digits and _"),
            _matches("name", r".*\S.*", "give the place the name that customers read"),
            _number("latitude", -90, 90, whole=False),
            _number("longitude", -180, 180, whole=False),
            _number_or_empty("radius_m", 1, 100_000, whole=False, empty="then it is 50"),
        ),
        may_be_empty=True,
    ),
    Seed(
        "global_suppressions",
        ("channel", "user_id", "address", "reason", "added_at"),
        ("channel", "user_id", "address"),
        (
            _matches("channel", "email|sms|push|all", _CHANNEL_FIX, is_personal=True),
            _suppressed,
            _matches(
                "reason",
                r".*\S.*",
                "say in one line why, so that somebody can lift it one day",
                is_personal=True,
            ),
            _timestamp,
        ),
        may_be_empty=True,
        is_personal=True,
    ),
    Seed(
        "esp_campaigns",
        ("esp", "esp_campaign_id", "campaign_id"),
        ("esp", "esp_campaign_id"),
        (
            _matches("esp", r"[a-z]+", "write the name that `sendworthy ingest --from` takes"),
            _matches("esp_campaign_id", r".*\S.*", "write the campaign's id at the provider"),
            _matches("campaign_id", r"[a-z0-9_]+", "write the campaign's id here"),
        ),
        may_be_empty=True,
    ),
    Seed(
        "retention",
        ("what", "keep_days"),
        ("what",),
        (
            _matches("what", "|".join(RETENTION), f"write {', '.join(RETENTION)}"),
            _number("keep_days", 1, 36_500, whole=True),
        ),
    ),
)


def validate_settings(project_dir: Path) -> list[Problem]:
    """All problems of the settings seeds of a project; empty when they can be used. Reads only."""
    problems: list[Problem] = []
    references = _references(project_dir)
    for seed in SEEDS:
        seed = replace(seed, checks=(*seed.checks, *references.get(seed.name, ())))
        problems.extend(_validate(project_dir, seed))
    return problems or list(_too_short(project_dir))


def _references(project_dir: Path) -> dict[str, tuple[Check, ...]]:
    """What the rows of a seed say about other files; where one cannot be read, that file has the problem."""
    fields = {row.get("merge_field") or "" for row in read_seed(project_dir, "merge_fields")} - {""}
    events, topics = read_events(project_dir), read_topics(project_dir)
    segments = read_segments(project_dir)
    event = "events.csv"
    return {
        "merge_fields": (_free_tag(project_dir),),
        "merge_tags": (_known_merge_field(fields),) if fields else (),
        "event_names": (_known("event_name", events, "event", event), _own_event(events)),
        "kinds": (
            _known("must_be_in", segments, "segment", SEGMENT_FLAGS_SQL, several=True),
            _known("must_exclude", segments, "segment", SEGMENT_FLAGS_SQL, several=True),
            _known("must_cancel_on", events, "event", event, several=True),
            _known("trigger_event", {*events, ""} if events else (), "event", event),
            _known("success_event", events, "event", event),
            _known("topic", {*topics, ""} if topics else (), "topic", "topics.csv"),
        ),
        "source_formats": (_source_format(_landing_columns(project_dir)),),
    }


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
    return [problem for seed in SEEDS if seed.name == name for problem in _validate(project_dir, seed)]


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


def read_events(project_dir: Path) -> set[str]:
    """The events that campaigns may name; none when the file cannot be read."""
    return {row.get("event_name") or "" for row in read_seed(project_dir, "events")} - {""}


def read_event_names(project_dir: Path) -> dict[str, str]:
    """Our name of an event by the name (normalised) that another system has for it."""
    rows = read_seed(project_dir, "event_names")
    return {normalise_name(row.get("source_name") or ""): row.get("event_name") or "" for row in rows}


def read_topics(project_dir: Path) -> set[str]:
    """The topics that customers can opt out of; none when the file cannot be read."""
    return {row.get("topic") or "" for row in read_seed(project_dir, "topics")} - {""}


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


def _validate(project_dir: Path, seed: Seed) -> list[Problem]:
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
            problems.extend(_validate_row(seed, line, cells, seen))
    except csv.Error as error:
        fix = "put a value that holds a comma or a quote in double quotes, and double the quotes in it"
        problems.append(Problem(f"{seed.path}:{reader.line_num}", "", f"not CSV: {error}", fix))
    if rows == 0 and not seed.may_be_empty and not problems:
        problems.append(
            Problem(seed.path, "", "the file has no rows", "restore its rows from version control")
        )
    return problems


def _validate_row(
    seed: Seed, line: int, cells: Sequence[str], seen: dict[tuple[str, ...], tuple[int, Row]]
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
    for check in seed.checks:
        found = check(row)
        if found is not None:
            problems.append(Problem(at, *found))
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
