"""What keeps people from the personalized variant: how often each merge field is blank, and what filling it would do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from sendworthy.warehouse import database_file
from sendworthy.warehouse.statements import statements_in

_sql = statements_in(Path(__file__).with_name("sql"))

Fields = frozenset[str]


@dataclass(frozen=True)
class FieldCoverage:
    """One merge field that a variant prints: for how many candidates (of the variant's arm) it is blank, and why (a row of personalization_completeness)."""

    variant: str
    merge_field: str
    is_required: bool
    users: int
    blank_users: int
    unsafe_users: int
    placeholder_users: int
    blank_share: float | None
    arm: str | None = None


@dataclass(frozen=True)
class Lift:
    """What filling merge fields for everybody would do.

    `users` are the candidates who would get a better variant than now, `users_without_variant` those among them who
    get none now. Where `fields` are several, it needs all of them: whom a part of them is enough for counts there.
    """

    fields: list[str]
    users: int
    users_without_variant: int


@dataclass(frozen=True)
class Coverage:
    """One campaign: its candidates, the fields of its variants in their order, and the lifts, most people first."""

    campaign_id: str
    name: str
    users: int
    fields: list[FieldCoverage]
    lifts: list[Lift]


def coverage(database: Path, campaign_id: str | None = None) -> tuple[datetime, list[Coverage]]:
    """The published night, and what its merge fields do for each campaign, or for the one that is named.

    SettingsError where nothing is published, where there is no such campaign, or where the file is of another version.
    """
    database_file.open_published(database)
    with database_file.connect(database, read_only=True) as connection:
        try:
            return database_file.read_night(connection), _read(connection, campaign_id)
        except (duckdb.BinderException, duckdb.CatalogException):
            raise database_file.other_version(database) from None


def lifts(variants: Sequence[Fields], blanks: Mapping[Fields, int]) -> list[Lift]:
    """What each field, and each smallest set of fields that somebody lacks, would do; most people first.

    `variants` are the fields that each variant requires, the best variant first; `blanks` says how many people have
    just these fields blank.
    """
    users: Counter[Fields] = Counter()
    without_variant: Counter[Fields] = Counter()
    for blank, people in blanks.items():
        wanting = [required & blank for required in _better_than_now(variants, blank)]
        for fields in _smallest(wanting):
            users[fields] += people
            if len(wanting) == len(variants):
                without_variant[fields] += people
    return _in_order(users, without_variant)


def _in_order(users: Counter[Fields], without_variant: Counter[Fields]) -> list[Lift]:
    return [
        Lift(sorted(fields), people, without_variant[fields])
        for fields, people in sorted(
            users.items(), key=lambda item: (-item[1], len(item[0]), sorted(item[0]))
        )
    ]


def _better_than_now(variants: Sequence[Fields], blank: Fields) -> Sequence[Fields]:
    """The variants before the first that fits: all of them where none does."""
    for place, required in enumerate(variants):
        if not required & blank:
            return variants[:place]
    return variants


def _smallest(sets: Iterable[Fields]) -> set[Fields]:
    """Those of the sets that hold no other one."""
    distinct = set(sets)
    return {fields for fields in distinct if not any(other < fields for other in distinct)}


def _read(connection: duckdb.DuckDBPyConnection, campaign_id: str | None) -> list[Coverage]:
    campaigns = database_file.read_campaigns(connection, campaign_id)
    variants = _required_fields(connection)
    fields = _printed_fields(connection)
    found = []
    for campaign in campaigns:
        identifier = campaign["campaign_id"]
        arms = variants.get(identifier, {})
        required = frozenset[str]().union(*(one for found_in in arms.values() for one in found_in))
        blanks = _blanks(connection, identifier, required)
        found.append(
            Coverage(
                identifier,
                campaign["name"],
                sum(people.total() for people in blanks.values()),
                fields.get(identifier, []),
                # each arm has people and variants of its own
                _added(lift for arm, people in blanks.items() for lift in lifts(arms.get(arm, []), people)),
            )
        )
    return found


def _added(found: Iterable[Lift]) -> list[Lift]:
    """The lifts of several arms as those of the campaign, most people first."""
    users: Counter[Fields] = Counter()
    without_variant: Counter[Fields] = Counter()
    for lift in found:
        users[frozenset(lift.fields)] += lift.users
        without_variant[frozenset(lift.fields)] += lift.users_without_variant
    return _in_order(users, without_variant)


def _required_fields(connection: duckdb.DuckDBPyConnection) -> dict[str, dict[str | None, list[Fields]]]:
    """By campaign and arm: what each variant requires, the best variant first."""
    found: dict[str, dict[str | None, list[Fields]]] = {}
    for row in database_file.rows(connection, _sql("required_fields")):
        of_campaign = found.setdefault(row["campaign_id"], {})
        of_campaign.setdefault(row["arm"], []).append(frozenset(row["required_fields"]))
    return found


def _printed_fields(connection: duckdb.DuckDBPyConnection) -> dict[str, list[FieldCoverage]]:
    """By campaign: the fields that its variants print, the best variant first, its blankest field first."""
    found: dict[str, list[FieldCoverage]] = {}
    for row in database_file.rows(connection, _sql("printed_fields")):
        found.setdefault(row.pop("campaign_id"), []).append(FieldCoverage(**row))
    return found


def _blanks(
    connection: duckdb.DuckDBPyConnection, campaign_id: str, required: Fields
) -> dict[str | None, Counter[Fields]]:
    """By arm, how many candidates of a campaign have just these of its required fields blank; few patterns stand for many people."""
    found: dict[str | None, Counter[Fields]] = {}
    for row in database_file.rows(connection, _sql("blank_fields"), {"campaign_id": campaign_id}):
        found.setdefault(row["arm"], Counter())[required & set(row["blank_fields"])] += row["users"]
    return found
