"""The made-up world: the same bytes for the same arguments, the contract's columns, and all of the mess."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.errors import SettingsError
from sendworthy.sample import generator as sample
from sendworthy.sample.generator import COMMITTED_SAMPLE, TABLES, make_committed_sample, make_sample

ROOT = Path(__file__).resolve().parents[2]
COMMITTED = ROOT / "data" / "sample"
UNTIL = datetime(2026, 6, 1)

CONTRACT = {
    "users": [
        "user_id",
        "email",
        "phone",
        "push_token",
        "first_name",
        "last_name",
        "city",
        "country",
        "language",
        "timezone",
        "signed_up_at",
        "email_opt_in",
        "sms_opt_in",
        "push_opt_in",
        "topics_opted_out",
        "max_messages_per_week",
        "attributes",
        "updated_at",
    ],
    "events": ["event_id", "user_id", "event_name", "occurred_at", "received_at", "properties"],
    "support_tickets": [
        "ticket_id",
        "user_id",
        "category",
        "status",
        "created_at",
        "updated_at",
        "solved_at",
        "satisfaction",
    ],
    "message_events": [
        "message_event_id",
        "user_id",
        "campaign_id",
        "channel",
        "variant",
        "event_type",
        "occurred_at",
        "dispatch_id",
    ],
    "social_mentions": ["mention_id", "user_id", "network", "body", "posted_at", "sentiment"],
    "erasure_requests": ["user_id", "requested_at"],
}


def files_of(zone: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(zone)): file.read_bytes() for file in sorted(zone.rglob("*")) if file.is_file()
    }


def make(
    out: Path, users: int = 300, days: int = 30, seed: int = 3, threads: int | None = None
) -> dict[str, bytes]:
    make_sample(out, users, days, seed, UNTIL, threads=threads)
    return files_of(out)


@pytest.fixture(scope="session")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed sample, made again."""
    out = tmp_path_factory.mktemp("sample") / "zone"
    begin = time.perf_counter()
    rows = make_committed_sample(out)
    seconds = time.perf_counter() - begin
    print(f"\nsample: {COMMITTED_SAMPLE.users} users, {sum(rows.values())} rows in {seconds:.1f} s")
    return out


@pytest.fixture(scope="session")
def world(remade: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """All tables of the sample as text, under the contract's names."""
    with duckdb.connect() as con:
        for table, columns in CONTRACT.items():
            parts = []
            for file in sorted([*remade.glob(f"{table}.*"), *(remade / table).rglob("*.*")]):
                reader = (
                    f"read_csv('{file}', header = true, all_varchar = true)"
                    if file.suffix == ".csv"
                    else f"read_parquet('{file}')"
                )
                texts = ", ".join(f"{column}::varchar as {column}" for column in columns)
                parts.append(f"select {texts}, '{file.relative_to(remade)}' as file from {reader}")
            con.execute(f"create table {table} as {' union all '.join(parts)}")
        yield con


def count(con: duckdb.DuckDBPyConnection, table: str, condition: str) -> int:
    row = con.execute(f"select count(*) from {table} where {condition}").fetchone()
    assert row is not None
    return int(row[0])


# the same arguments, the same bytes


def test_same_arguments_same_bytes_on_any_number_of_threads(tmp_path: Path) -> None:
    assert make(tmp_path / "one", threads=1) == make(tmp_path / "three", threads=3)


def test_another_seed_is_another_world(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a", seed=3), make(tmp_path / "b", seed=4)
    assert first["users.parquet"] != second["users.parquet"]
    assert first["support_tickets.csv"] != second["support_tickets.csv"]


def test_committed_sample_is_what_its_arguments_make(remade: Path) -> None:
    # to fix: remove data/sample and run make_committed_sample(Path("data/sample"))
    made, committed = files_of(remade), files_of(COMMITTED)
    assert sorted(made) == sorted(committed)
    assert [name for name in made if made[name] != committed[name]] == []


def test_committed_sample_is_small() -> None:
    assert sum(len(content) for content in files_of(COMMITTED).values()) < 3_000_000


def test_slabs_change_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a person does depends on the person alone: not on the slab, nor on how many others there are."""
    make(tmp_path / "whole", users=90)
    monkeypatch.setattr(sample, "SLAB", 25)
    make(tmp_path / "slabs", users=90)
    make(tmp_path / "more", users=120)
    rows = []
    for name in ("whole", "slabs", "more"):
        events = f"read_parquet('{tmp_path / name}/events/**/*.parquet', union_by_name = true)"
        rows.append(
            duckdb.sql(
                f"select event_id, user_id, occurred_at::varchar, properties from {events} "
                "where user_id <= 'u000090' order by all"
            ).fetchall()
        )
    assert len(rows[0]) > 500
    assert rows[0] == rows[1] == rows[2]


# the contract


def test_every_table_has_the_columns_of_the_contract(remade: Path) -> None:
    with duckdb.connect() as con:
        for table, columns in CONTRACT.items():
            files = sorted([*remade.glob(f"{table}.*"), *(remade / table).rglob("*.*")])
            assert files, table
            for file in files:
                found = [row[0] for row in con.execute(f"describe from '{file}'").fetchall()]
                assert set(columns) <= set(found) - {"landed_on"}, file


def test_every_layout_is_shown(remade: Path) -> None:
    assert {path.name for path in remade.iterdir()} == {
        "users.parquet",
        "events",
        "support_tickets.csv",
        "message_events",
        "social_mentions.csv",
        "erasure_requests.csv",
    }
    for table in ("events", "message_events"):
        drops = sorted(path.name for path in (remade / table).iterdir())
        assert all(name.startswith("landed_on=2026-05-") for name in drops)
        assert {file.suffix for file in (remade / table).rglob("*.*") if file.is_file()} == {
            ".parquet",
            ".csv",
        }
    headers = [
        [
            row[0]
            for row in duckdb.sql(
                f"describe from read_parquet('{file}', hive_partitioning = false)"
            ).fetchall()
        ]
        for file in (remade / "events").rglob("*.parquet")
    ]
    assert any(set(header) > set(CONTRACT["events"]) for header in headers), (
        "no drop with columns that nobody knows"
    )
    assert any(
        header != CONTRACT["events"] and sorted(header) == sorted(CONTRACT["events"]) for header in headers
    ), "no drop in another order"


def test_rows_are_counted(tmp_path: Path) -> None:
    told: list[str] = []
    rows = make_sample(tmp_path / "zone", 200, 30, 5, UNTIL, None, told.append)
    assert set(rows) == set(TABLES)
    assert told
    events = duckdb.sql(
        f"select count(*) from read_parquet('{tmp_path}/zone/events/**/*.parquet', union_by_name = true)"
    ).fetchall()[0][0]
    text = duckdb.sql(
        f"select count(*) from read_csv('{tmp_path}/zone/events/**/*.csv', header = true, all_varchar = true)"
    ).fetchall()[0][0]
    assert rows["events"] == events + text
    assert (
        rows["users"] == duckdb.sql(f"select count(*) from '{tmp_path}/zone/users.parquet'").fetchall()[0][0]
    )
    assert rows["users"] > 200


def test_the_world_ends_just_before_until(world: duckdb.DuckDBPyConnection) -> None:
    for table, column in [
        ("events", "occurred_at"),
        ("message_events", "occurred_at"),
        ("users", "updated_at"),
        ("support_tickets", "updated_at"),
    ]:
        newest = world.execute(
            f"select max(t) from (select try_cast({column} as timestamp) as t from {table}) "
            "where t < '2099-01-01'"
        ).fetchall()[0][0]
        assert datetime(2026, 5, 31) <= newest < UNTIL, table


@pytest.mark.parametrize(("users", "days"), [(1, 1), (3, 2), (40, 400)])
def test_tiny_and_long_worlds_are_whole(tmp_path: Path, users: int, days: int) -> None:
    rows = make_sample(tmp_path / "zone", users, days, 1, datetime(2024, 2, 29, 13, 30))
    assert rows["users"] >= users
    assert (tmp_path / "zone" / "users.parquet").is_file()
    for name in ("support_tickets.csv", "social_mentions.csv", "erasure_requests.csv"):
        header = (tmp_path / "zone" / name).read_text(encoding="utf-8").splitlines()[0]
        assert header == ",".join(CONTRACT[name.removesuffix(".csv")])
    for table in ("events", "message_events"):
        assert list((tmp_path / "zone" / table).rglob("part-*")), f"nobody could read {table}"


# the mess

DISGUISES = [
    "first_name is null",
    "first_name = ''",
    "first_name = ' '",
    "first_name = '     '",
    "first_name = chr(160)",
    "first_name = chr(8203)",
    "first_name = chr(65279)",
    "first_name = chr(12644)",
    "first_name = chr(8195) || chr(8205)",
    "first_name = chr(173)",
    "first_name = chr(9)",
    *[
        f"first_name = '{word}'"
        for word in (
            "N/A",
            "n/a",
            "null",
            "NULL",
            "None",
            "nil",
            "undefined",
            "unknown",
            "test",
            "-",
            "--",
            "...",
            "?",
            "{{first_name}}",
            "{{ customer.first_name }}",
            "*|FNAME|*",
            "%%first_name%%",
            "[[firstName]]",
            "[blank]",
            "(not set)",
            "#N/A",
            "keine Angabe",
            "sin nombre",
            "不明",
        )
    ],
]

MESS = {
    "users": [
        "first_name like '%<%'",
        "contains(first_name, chr(10))",
        "first_name like '%://%'",
        "len(first_name) > 255",
        "contains(first_name, chr(7))",
        "len(first_name) = 1",
        "last_name = 'Null'",
        "last_name like '%''%'",
        "last_name like '%-%'",
        "email_opt_in is null",
        "sms_opt_in is null",
        "push_opt_in is null",
        "email_opt_in = 'maybe'",
        "sms_opt_in = 'oui'",
        "signed_up_at is null",
        "signed_up_at = ''",
        "signed_up_at = 'yesterday'",
        "signed_up_at like '%T%Z'",
        "signed_up_at like '%+02:00'",
        "max_messages_per_week = '0'",
        "max_messages_per_week = '1'",
        "max_messages_per_week = '2'",
        "max_messages_per_week = 'unlimited'",
        "user_id is null",
        "user_id = ''",
        "updated_at is null",
        "updated_at like '2099%'",
        "attributes is not null and attributes <> '' and not json_valid(attributes)",
        "json_type(try_cast(attributes as json)) = 'ARRAY'",
        "attributes like '%\"lots\"%'",
        "timezone = 'Mars/Olympus_Mons'",
        "timezone is null",
        "country = 'XX'",
        "country is null",
        "email = upper(email)",
        "email <> trim(email)",
        "email not like '%@%'",
        "email like '%..%'",
        "email like '%@%@%'",
        "email is null",
        "phone is null",
        "phone = ''",
        "phone not like '+%' and trim(phone) <> ''",
        "phone like '+0%'",
        "lower(trim(email)) = 'suppressed.person@example.com'",
        "topics_opted_out like '%;%'",
        "push_token = 'null'",
        "regexp_matches(first_name, '\\p{Cyrillic}')",
        "regexp_matches(first_name, '\\p{Greek}')",
        "regexp_matches(first_name, '\\p{Arabic}')",
        "regexp_matches(first_name, '\\p{Hebrew}')",
        "regexp_matches(first_name, '\\p{Devanagari}')",
        "regexp_matches(first_name, '\\p{Han}')",
        "regexp_matches(first_name, '\\p{Katakana}')",
        "regexp_matches(first_name, '\\p{Hangul}')",
        "regexp_matches(first_name, '\\p{Thai}')",
    ],
    "events": [
        "event_id is null",
        "user_id is null",
        "user_id = ''",
        "event_name is null",
        "occurred_at is null",
        "received_at is null",
        "occurred_at like '2099%'",
        "occurred_at = 'yesterday'",
        "occurred_at like '%25:61%'",
        "user_id like 'guest-%'",
        "event_name = 'wishlist_shared'",
        "properties is null",
        "properties = ''",
        "properties <> '' and not json_valid(properties)",
        "json_type(try_cast(properties as json)) = 'ARRAY'",
        'properties like \'%"dwell_seconds":"long"%\'',
        'properties like \'%"score":"ten"%\'',
        'properties like \'%"total":"n/a"%\'',
        'properties like \'%"latitude":"N/A"%\'',
        "properties like '%\"product_name\":null%'",
        'properties like \'%"product_name":"{{first_name}}"%\'',
        "try_cast(received_at as timestamp) > try_cast(occurred_at as timestamp) + interval 1 day",
        "event_name = 'onboarding_completed'",
        "event_name = 'subscription_cancelled'",
    ],
    "message_events": [
        "message_event_id is null",
        "user_id is null",
        "campaign_id is null",
        "campaign_id = 'old_newsletter_2019'",
        "channel is null",
        "channel = 'whatsapp'",
        "event_type is null",
        "event_type = 'opend'",
        "event_type like ' %'",
        "occurred_at is null",
        "occurred_at = 'n/a'",
        "occurred_at like '2099%'",
        "user_id like 'crm-%'",
        "dispatch_id is null",
        "dispatch_id is not null",
        *[
            f"event_type = '{name}'"
            for name in (
                "sent",
                "delivered",
                "opened",
                "clicked",
                "bounced_hard",
                "bounced_soft",
                "complained",
                "unsubscribed",
            )
        ],
        *[f"channel = '{name}' and event_type = 'sent'" for name in ("email", "sms", "push")],
    ],
    "support_tickets": [
        "ticket_id is null",
        "user_id is null",
        "status is null",
        "status = 'escalated'",
        "created_at is null",
        "created_at like '%25:61%'",
        "updated_at is null",
        "updated_at like '2099%'",
        "updated_at = 'last Tuesday'",
        "solved_at = 'soon'",
        "satisfaction = 'meh'",
        "satisfaction = 'good'",
        "satisfaction = 'bad'",
        "category = 'complaint'",
        "category = 'billing'",
        *[f"status = '{name}'" for name in ("new", "open", "pending", "hold", "solved", "closed")],
    ],
    "social_mentions": [
        "mention_id is null",
        "user_id is null",
        "network is null",
        "posted_at is null",
        "posted_at = '32.01.2026'",
        "posted_at like '2099%'",
        "sentiment = 'furious'",
        "sentiment = 'NEGATIVE'",
        "contains(body, chr(10))",
        "body like '%\"%'",
        "sentiment = 'negative' and user_id is not null",
    ],
    "erasure_requests": [
        "user_id is null",
        "user_id = 'x999999'",
        "requested_at = 'as soon as possible'",
        "requested_at like '2099%'",
    ],
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_nothing_comes_in_every_disguise(world: duckdb.DuckDBPyConnection, disguise: str) -> None:
    assert count(world, "users", disguise) >= 2


@pytest.mark.parametrize(
    ("table", "condition"),
    [(table, condition) for table, conditions in MESS.items() for condition in conditions],
)
def test_all_of_the_mess_is_there_and_rare(
    world: duckdb.DuckDBPyConnection, table: str, condition: str
) -> None:
    assert count(world, table, condition) >= 1
    assert count(world, table, f"({condition}) is not true") > 0.05 * count(world, table, "true")


@pytest.mark.parametrize(("table", "key"), [("events", "event_id"), ("message_events", "message_event_id")])
def test_ids_come_twice_in_one_file_and_in_a_later_one(
    world: duckdb.DuckDBPyConnection, table: str, key: str
) -> None:
    twice = world.execute(
        f"select count(*), count(distinct file) from {table} where {key} is not null "
        f"group by {key} having count(*) > 1"
    ).fetchall()
    assert sum(1 for rows, files in twice if files == 1) >= 3
    assert sum(1 for rows, files in twice if files > 1) >= 3
    assert len(twice) < 0.01 * count(world, table, "true")


def test_profiles_have_versions_and_ties(world: duckdb.DuckDBPyConnection) -> None:
    versions = world.execute(
        "select count(*), count(distinct updated_at) from users where user_id <> '' group by user_id"
    ).fetchall()
    assert sum(1 for _, times in versions if times > 1) > 300
    assert sum(1 for rows, times in versions if rows > times) >= 4


def test_tickets_have_versions(world: duckdb.DuckDBPyConnection) -> None:
    assert (
        len(
            world.execute(
                "select ticket_id from support_tickets group by ticket_id having count(distinct status) >= 3"
            ).fetchall()
        )
        > 100
    )


def test_mailboxes_are_shared_in_another_case(world: duckdb.DuckDBPyConnection) -> None:
    shared = (
        "select lower(trim(email)) from users where lower(email) like '%@example%' "
        "group by 1 having count(distinct user_id) = 2 and count(distinct email) = 2"
    )
    assert len(world.execute(shared).fetchall()) >= 4


def test_journeys_have_steps(world: duckdb.DuckDBPyConnection) -> None:
    steps = [
        "onboarding__new__email",
        "onboarding__slow_onboarding__email__step_2",
        "onboarding__slow_onboarding__push__step_3",
    ]
    counts = [
        count(world, "message_events", f"event_type = 'sent' and campaign_id = '{step}'") for step in steps
    ]
    assert counts[0] > counts[1] > counts[2] > 5


def test_every_address_and_number_is_made_up(world: duckdb.DuckDBPyConnection) -> None:
    made_up = "regexp_matches(lower(email), '@(mail\\.|-)?example(\\.|$)') or email = 'nobody@'"
    assert count(world, "users", f"email like '%@%' and not ({made_up})") == 0
    # numbers reserved for fiction, or under +999, which belongs to nobody
    assert (
        count(
            world,
            "users",
            "trim(phone) like '+%' and not regexp_matches(trim(phone), '^\\+(999|1\\d{3}55501|447700900)') "
            "and phone not in ('+0123456789', '+1202', '+1 202 CALL NOW', '+15550100199')",
        )
        == 0
    )


def test_life_has_a_rhythm(world: duckdb.DuckDBPyConnection) -> None:
    visits = "event_name = 'page_viewed' and occurred_at < '2099'"
    saturday = count(world, "events", f"{visits} and dayofweek(try_cast(occurred_at as timestamp)) = 6")
    sunday = count(world, "events", f"{visits} and dayofweek(try_cast(occurred_at as timestamp)) = 0")
    assert sunday > 1.2 * saturday
    per_user = [
        row[0]
        for row in world.execute(
            "select count(*) from events where user_id like 'u%' group by user_id order by 1"
        ).fetchall()
    ]
    assert per_user[len(per_user) // 2] * 8 < per_user[-1], "no power users"


# the settings it takes, and the errors


def test_campaigns_and_places_of_ones_own(tmp_path: Path) -> None:
    campaigns, places = tmp_path / "campaigns.csv", tmp_path / "places.csv"
    campaigns.write_text(
        "campaign_id,kind,channel,topic,valid_to\n"
        "newsletter__everyone__email,newsletter,email,news,\n"
        "discount__everyone__email__old,discount,email,news,2001-01-01\n",
        encoding="utf-8",
    )
    places.write_text(
        "place_id,name,latitude,longitude,radius_m\nhere,Here,-45.5,170.25,50\n", encoding="utf-8"
    )
    make_sample(tmp_path / "zone", 400, 60, 2, UNTIL, campaigns, places_csv=places)
    found = duckdb.sql(
        f"select distinct campaign_id from read_parquet('{tmp_path}/zone/message_events/**/*.parquet') "
        "where campaign_id not like 'old%'"
    ).fetchall()
    assert found == [("newsletter__everyone__email",)]
    pings = duckdb.sql(
        f"select count(*) from read_parquet('{tmp_path}/zone/events/**/*.parquet', union_by_name = true) "
        "where properties like '%\"latitude\":-45.%'"
    ).fetchall()
    assert pings[0][0] > 0


def test_what_is_there_is_never_mixed_with(tmp_path: Path) -> None:
    (tmp_path / "zone").mkdir()
    (tmp_path / "zone" / "users.parquet").write_text("mine")
    with pytest.raises(SettingsError, match="not an empty directory"):
        make_sample(tmp_path / "zone", 10, 10, 1, UNTIL)
    assert files_of(tmp_path / "zone") == {"users.parquet": b"mine"}


@pytest.mark.parametrize(
    ("users", "days", "seed"),
    [(0, 90, 1), (-5, 90, 1), (10_000_000, 90, 1), (10, 0, 1), (10, 4000, 1), (10, 90, -1)],
)
def test_numbers_out_of_range_are_refused(tmp_path: Path, users: int, days: int, seed: int) -> None:
    with pytest.raises(SettingsError) as error:
        make_sample(tmp_path / "zone", users, days, seed, UNTIL)
    assert error.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "cannot be read"),
        ("id,channel\nx,email\n", "no column campaign_id"),
        ("campaign_id,channel,kind\n", "no campaign"),
    ],
)
def test_a_list_of_campaigns_that_cannot_be_used_is_refused(
    tmp_path: Path, text: str | None, words: str
) -> None:
    path = tmp_path / "campaigns.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=words):
        make_sample(tmp_path / "zone", 10, 10, 1, UNTIL, path)
    assert not (tmp_path / "zone").exists()


def test_a_run_that_stops_leaves_nothing(tmp_path: Path) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_sample(tmp_path / "zone", 10, 10, 1, UNTIL, None, stop)
    assert list(tmp_path.iterdir()) == []
