"""`sendworthy coverage`: what filling a merge field would do, against a loop over people, and the command end to end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendworthy.foundation.errors import SettingsError
from sendworthy.inspect.coverage import Fields, Lift, coverage, lifts

from tests.support.projects import ROOT, sendworthy

FIELDS = ("city", "country", "first_name", "last_name")
ADDRESS = "zaphodia.quuxbury@example.com"


def chosen(variants: Sequence[Fields], blank: Fields) -> int:
    """The place of the first variant that one person can be sent; behind the last where there is none."""
    return next((place for place, required in enumerate(variants) if not required & blank), len(variants))


def is_lifted(variants: Sequence[Fields], blank: Fields, filled: Fields) -> bool:
    return chosen(variants, blank - filled) < chosen(variants, blank)


def naive_lifts(variants: Sequence[Fields], people: Sequence[Fields]) -> dict[Fields, tuple[int, int]]:
    """Every set of fields tried on every person: whom it lifts and no part of it does, and who of them has no variant now."""
    subsets = [frozenset(some) for size in range(1, 5) for some in combinations(FIELDS, size)]
    found: dict[Fields, tuple[int, int]] = {}
    for fields in subsets:
        lifted = [
            blank
            for blank in people
            if is_lifted(variants, blank, fields)
            and not any(is_lifted(variants, blank, part) for part in subsets if part < fields)
        ]
        if lifted:
            found[fields] = len(lifted), sum(chosen(variants, blank) == len(variants) for blank in lifted)
    return found


def counts(found: Sequence[Lift]) -> dict[Fields, tuple[int, int]]:
    assert len({tuple(lift.fields) for lift in found}) == len(found)
    return {frozenset(lift.fields): (lift.users, lift.users_without_variant) for lift in found}


some_fields = st.frozensets(st.sampled_from(FIELDS))


@settings(derandomize=True, database=None, deadline=None)
@given(st.lists(some_fields, max_size=4), st.lists(some_fields, max_size=25))
def test_lifts_are_what_a_loop_over_people_finds(variants: list[Fields], people: list[Fields]) -> None:
    found = lifts(variants, {blank: people.count(blank) for blank in people})
    assert counts(found) == naive_lifts(variants, people)
    assert [lift.users for lift in found] == sorted((lift.users for lift in found), reverse=True)


VARIANTS: dict[str, dict[str, tuple[str, ...]]] = {
    "greeting": {"personalized": ("city", "first_name"), "named": ("first_name",), "default": ()},
    "strict": {"personalized": ("country",)},
    "plain": {"default": ()},
}
# by name: what is blank, and which of it is taken for a placeholder
PEOPLE: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "filled": ((), ()),
    "no city": (("city",), ()),
    "Zaphodia Null": (("first_name",), ("first_name",)),
    "nothing": (FIELDS, ("last_name",)),
    "no country and no last name": (("country", "last_name"), ()),
    "no country": (("country",), ("country",)),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small published file: everybody is a candidate of every campaign but the last, which has none."""
    database = tmp_path_factory.mktemp("coverage") / "sendworthy.duckdb"
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            """
            create schema settings;
            create schema intermediate;
            create schema marts;
            create table settings.campaigns (campaign_id varchar, name varchar);
            create table intermediate.int_nights__as_of as select timestamp '2026-06-01' as as_of;
            create table intermediate.int_campaigns__variants (
                campaign_id varchar, variant varchar, variant_rank integer, printed_fields varchar[], required_fields varchar[],
                arm varchar
            );
            create table intermediate.int_campaigns__gates (campaign_id varchar, user_id varchar, arm varchar);
            create table intermediate.int_customers__merge_fields (
                user_id varchar, first_name varchar, blank_fields varchar[], placeholder_fields varchar[], blank_pattern varchar
            );
            """
        )
        for user_id, (blank, placeholder) in PEOPLE.items():
            connection.execute(
                "insert into intermediate.int_customers__merge_fields values (?, ?, ?, ?, ?)",
                [user_id, ADDRESS, list(blank), list(placeholder), ";".join(blank)],
            )
        for campaign_id, variants in VARIANTS.items():
            connection.execute("insert into settings.campaigns values (?, 'A name')", [campaign_id])
            for rank, (variant, required) in enumerate(variants.items(), start=1):
                connection.execute(
                    "insert into intermediate.int_campaigns__variants values (?, ?, ?, ?, ?, null)",
                    [campaign_id, variant, rank, list(required), list(required)],
                )
        connection.execute(
            """
            insert into intermediate.int_campaigns__gates
            select campaign_id, user_id, null
            from settings.campaigns, intermediate.int_customers__merge_fields
            where campaign_id <> 'plain';
            create table marts.personalization_completeness as
            select
                variants.campaign_id, variant, merge_field, true as is_required, count(*) as users,
                count_if(list_contains(blank_fields, merge_field)) as blank_users, 0 as unsafe_users,
                count_if(list_contains(placeholder_fields, merge_field)) as placeholder_users,
                blank_users / users as blank_share
            from (from intermediate.int_campaigns__variants select *, unnest(printed_fields) as merge_field) as variants
            inner join intermediate.int_campaigns__gates using (campaign_id)
            inner join intermediate.int_customers__merge_fields using (user_id)
            group by all
            """
        )
    return database


def test_each_campaign_says_what_its_fields_would_do(published: Path) -> None:
    as_of, campaigns = coverage(published)
    assert str(as_of) == "2026-06-01 00:00:00"
    greeting, plain, strict = campaigns
    assert (plain.campaign_id, plain.users, plain.fields, plain.lifts) == ("plain", 0, [], [])
    assert greeting.users == strict.users == len(PEOPLE)
    for campaign in (greeting, strict):
        variants = [frozenset(required) for required in VARIANTS[campaign.campaign_id].values()]
        people = [frozenset(blank) for blank, _ in PEOPLE.values()]
        assert counts(campaign.lifts) == naive_lifts(variants, people)
    # first_name lifts whoever lacks it, be it to the second variant only
    assert [(lift.fields, lift.users) for lift in greeting.lifts] == [(["first_name"], 2), (["city"], 1)]
    assert strict.lifts == [Lift(["country"], 3, 3)]
    assert [(item.variant, item.merge_field, item.blank_users) for item in greeting.fields] == [
        ("personalized", "city", 2),
        ("personalized", "first_name", 2),
        ("named", "first_name", 2),
    ]
    assert [item.placeholder_users for item in greeting.fields] == [0, 1, 1]


def test_the_command_shows_counts_and_nobody(published: Path) -> None:
    shown = sendworthy("coverage", "--db", published)
    assert shown.returncode == 0, shown.stderr
    for words in ("greeting", "named", "first_name", "33.3%", "country", "50.0%"):
        assert words in shown.stdout, words
    as_json = sendworthy("coverage", "strict", "--db", published, "--json")
    assert as_json.returncode == 0, as_json.stderr
    assert json.loads(as_json.stdout) == {
        "as_of": "2026-06-01T00:00:00Z",
        "campaigns": [
            {
                "campaign_id": "strict",
                "name": "A name",
                "users": 6,
                "fields": [
                    {
                        "variant": "personalized",
                        "merge_field": "country",
                        "is_required": True,
                        "users": 6,
                        "blank_users": 3,
                        "unsafe_users": 0,
                        "placeholder_users": 1,
                        "blank_share": 0.5,
                        "arm": None,
                    }
                ],
                "lifts": [{"fields": ["country"], "users": 3, "users_without_variant": 3}],
            }
        ],
    }
    assert "zaphodia" not in (shown.stdout + as_json.stdout).lower()
    plain = sendworthy("coverage", "plain", "--db", published)
    assert plain.returncode == 0 and "no variant prints" in plain.stdout and "nobody gets" in plain.stdout


def test_what_is_not_there_is_said_with_what_to_do(published: Path, tmp_path: Path) -> None:
    misspelt = sendworthy("coverage", "greetin", "--db", published)
    assert misspelt.returncode == 2
    assert "no campaign 'greetin'" in misspelt.stderr and 'did you mean "greeting"?' in misspelt.stderr
    unknown = sendworthy("coverage", "zzz", "--db", published, "--json")
    assert unknown.returncode == 2 and "campaigns/" in json.loads(unknown.stdout)["fix"]
    nowhere = sendworthy("coverage", "--db", tmp_path / "none.duckdb", cwd=ROOT)
    assert nowhere.returncode == 2 and "sendworthy nightly" in nowhere.stderr


def test_a_file_of_another_version_is_refused_in_words(published: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.duckdb"
    older.write_bytes(published.read_bytes())
    with duckdb.connect(str(older)) as connection:
        connection.execute("alter table marts.personalization_completeness drop column placeholder_users")
    with pytest.raises(SettingsError, match="another version"):
        coverage(older)


def test_each_arm_is_looked_at_with_its_own_people_and_variants(published: Path, tmp_path: Path) -> None:
    database = tmp_path / "arms.duckdb"
    shutil.copy(published, database)
    # of greeting, half of the people are in an arm whose only variant requires what they may lack
    with duckdb.connect(str(database)) as connection:
        connection.execute(
            """
            update intermediate.int_campaigns__gates
            set arm = case when user_id in (select min(user_id) from intermediate.int_campaigns__gates) then 'strict' else 'plain' end
            where campaign_id = 'greeting';
            update intermediate.int_campaigns__variants set arm = 'plain' where campaign_id = 'greeting';
            insert into intermediate.int_campaigns__variants values ('greeting', 'strict', 9, ['city'], ['city', 'first_name'], 'strict');
            """
        )
        ((alone,),) = connection.execute(
            "select user_id from intermediate.int_campaigns__gates where arm = 'strict'"
        ).fetchall()
    ((greeting,)) = coverage(database, "greeting")[1]
    people = {user: frozenset(blank) for user, (blank, _) in PEOPLE.items()}
    plain = naive_lifts(
        [frozenset(required) for required in VARIANTS["greeting"].values()],
        [blank for user, blank in people.items() if user != alone],
    )
    strict = naive_lifts([frozenset({"city", "first_name"})], [people[alone]])
    expected = {
        fields: tuple(map(sum, zip(plain.get(fields, (0, 0)), strict.get(fields, (0, 0)), strict=True)))
        for fields in {*plain, *strict}
    }
    assert counts(greeting.lifts) == expected
    assert greeting.users == len(PEOPLE)
    assert {item.arm for item in greeting.fields} == {"plain"}
