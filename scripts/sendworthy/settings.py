"""Validates the small settings that are CSV files in `seeds/`: headers, types, ranges, duplicates."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sendworthy.dialects import DIALECTS
from sendworthy.errors import Problem
from sendworthy.foundation.safe_files import MAX_SEED, UnsafeFile, read_file

SEEDS_DIR = "seeds"
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
    """A seed file: its columns, the columns that make a row unique, and what a row must satisfy."""

    name: str
    columns: tuple[str, ...]
    unique: tuple[str, ...]
    checks: tuple[Check, ...]
    may_be_empty: bool = False
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


def _number_or_empty(
    column: str, low: float, high: float, *, whole: bool, empty: str = "then it is not looked at"
) -> Check:
    number = _number(column, low, high, whole=whole)

    def check(row: Row) -> tuple[str, str, str] | None:
        found = number(row) if row[column] else None
        return found and (*found[:2], f"{found[2]}, or leave it empty: {empty}")

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


def _known_merge_field(known: Collection[str]) -> Check:
    def check(row: Row) -> tuple[str, str, str] | None:
        value = row["merge_field"]
        if not value or value in known:
            return None
        fix = "write one of merge_fields.csv, or leave it empty when the e-mail service fills the tag in"
        return "merge_field", f"unknown merge field {value!r}", fix

    return check


RETENTION = ("lists", "data_docs", "decisions", "dispatches", "runs", "logs", "previews")
"""What seeds/retention.csv speaks of."""

_CHANNEL_FIX = "write email, sms, push or all"
SEEDS: tuple[Seed, ...] = (
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
        ("table_name", "max_age_hours", "max_shrink_percent", "holds_back"),
        ("table_name",),
        (
            _matches("table_name", "|".join(SOURCES), f"write {', '.join(SOURCES[:-1])} or {SOURCES[-1]}"),
            _number_or_empty("max_age_hours", 1, 8760, whole=True),
            _number_or_empty("max_shrink_percent", 0, 100, whole=False),
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
    fields = {row.get("merge_field") or "" for row in read_seed(project_dir, "merge_fields")} - {""}
    for seed in SEEDS:
        if seed.name == "merge_tags" and fields:  # without fields their own file has the problem
            seed = replace(seed, checks=(*seed.checks, _known_merge_field(fields)))
        problems.extend(_validate(project_dir, seed))
    return problems or list(_too_short(project_dir))


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

    Every dialect is a key. Rows that are wrong are left out, and a file that cannot be read has no rows:
    `validate_settings` says what is wrong with them.
    """
    tags: dict[str, dict[str, str | None]] = {dialect: {} for dialect in DIALECTS}
    for row in read_seed(project_dir, "merge_tags"):
        dialect, tag = row.get("dialect") or "", row.get("merge_tag") or ""
        if dialect in TAG_DIALECTS and tag:
            tags[dialect].setdefault(tag, row.get("merge_field") or None)
    return tags


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
    seen: dict[tuple[str, ...], int] = {}
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
    seed: Seed, line: int, cells: Sequence[str], seen: dict[tuple[str, ...], int]
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
    key = tuple(row[column].lower() for column in seed.unique)
    if key in seen:
        what = f"the same {', '.join(seed.unique)} as on line {seen[key]}"
        problems.append(Problem(at, seed.unique[0], what, "remove one of the two"))
    else:
        seen[key] = line
    return problems
