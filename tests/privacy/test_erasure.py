"""Two nights with an erasure request between them: the person is gone from everything, and everybody else is as before."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sendworthy.foundation.errors import SettingsError
from sendworthy.foundation.permissions import PSEUDONYM_KEY
from sendworthy.privacy.erasure import erase, pseudonym, read_key
from sendworthy.privacy.residual_search import create_addresses, rows_mentioning_erased
from sendworthy.warehouse import database_file

from tests.support.delivered_nights import Delivered
from tests.support.projects import FIRST, SECOND, Place, copy_project, sendworthy

KEY = "a long text that nobody else knows"
# of the sample: gets messages of two channels on the first night
PERSON, FLATMATE, LATER = "u002242", "u001821", "u002022"
EMAIL, OLD_EMAIL = "zerlinde.quuxbury@erasure.example", "zq.formerly@erasure.example"
PHONE, SHARED_PHONE, TOKEN = "+15559871234", "+15559870000", "token-of-zerlinde-0123456789"
TEXTS = (PERSON, EMAIL, OLD_EMAIL, PHONE, TOKEN, "Zerlinde", "Quuxbury")

# the one that names them is old: a newer one would keep every message from them, so that no list would hold them
QUARANTINED_EVENTS = f"""event_id,user_id,event_name,occurred_at,received_at,properties
bad1,{PERSON},product_viewed,the other day,2026-01-10 10:00:00,"{{""product_name"": ""Zerlinde's lamp""}}"
bad2,,product_viewed,2026-05-30 10:00:00,,"{{""mail"": ""{EMAIL.upper()}""}}"
bad3,,product_viewed,2026-05-30 10:00:00,,"{{""friend"": ""{PERSON}""}}"
bad4,,product_viewed,2026-05-30 10:00:00,,"{{""mail"": ""somebody.else@erasure.example""}}"
"""
# a mention without a user is staged
MENTIONS = f"""
m-z1,,forum,"My address is {OLD_EMAIL}, please answer",2026-05-30 10:00:00,neutral
m-z2,,forum,My address is nobody's business,2026-05-30 10:00:00,neutral
"""

ASSIGNMENTS = f"""user_id,campaign_id,arm,assigned_at
{PERSON},spring_sale,plain,2026-05-01 10:00:00
{PERSON},spring_sale,plain,one day in May
{FLATMATE},spring_sale,control,2026-05-01 10:00:00
"""


def plant(root: Path) -> None:
    """Give the person values that nobody else has, an older profile (with a phone that somebody else has), and rows that are quarantined."""
    sample = root / "data" / "sample"
    users = sample / "users.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"create table users as from '{users}'")
        connection.execute(
            """
            update users
            set email = ?, phone = ?, push_token = ?, first_name = 'Zerlinde', last_name = 'Quuxbury'
            where user_id = ?
            """,
            [EMAIL, PHONE, TOKEN, PERSON],
        )
        connection.execute("update users set phone = ? where user_id = ?", [SHARED_PHONE, FLATMATE])
        connection.execute(
            """
            insert into users
            select * replace (? as email, ? as phone, timestamp '2020-01-01' as updated_at)
            from users
            where user_id = ? qualify row_number() over (order by updated_at) = 1
            """,
            [OLD_EMAIL, SHARED_PHONE, PERSON],
        )
        connection.execute(f"copy users to '{users}' (format parquet)")
    (sample / "events" / "landed_on=2026-05-31" / "bad.csv").write_text(QUARANTINED_EVENTS, encoding="utf-8")
    mentions = sample / "social_mentions.csv"
    mentions.write_text(mentions.read_text(encoding="utf-8").rstrip("\n") + MENTIONS, encoding="utf-8")
    (sample / "assignments.csv").write_text(ASSIGNMENTS, encoding="utf-8")


def suppress(root: Path) -> None:
    """An old address of hers is on the team's own list, for a channel that she is not on tonight."""
    seed = root / "seeds" / "global_suppressions.csv"
    with seed.open("a", encoding="utf-8") as file:
        file.write(f"push,,{OLD_EMAIL},asked by phone,2026-01-01 00:00:00\n")


def declare(root: Path) -> None:
    """A campaign that others ran, in which she was."""
    with (root / "seeds" / "outside_campaigns.csv").open("a", encoding="utf-8") as file:
        file.write("spring_sale,Spring sale,control,control;plain,order_completed,7\n")


def request(root: Path, *requests: tuple[str, str]) -> None:
    landed = root / "data" / "sample" / "erasure_requests.csv"
    lines = "".join(f"{user},{at}\n" for user, at in requests)
    landed.write_text(landed.read_text(encoding="utf-8").rstrip("\n") + "\n" + lines, encoding="utf-8")


def written(root: Path) -> Iterator[Path]:
    """Every file that nights and commands have written: not the project's sources, and not the landing zone."""
    names = (
        "sendworthy.duckdb",
        "sendworthy.duckdb.wal",
        ".sendworthy",
        "out",
        "data_docs",
        "logs",
        "target",
    )
    for name in names:
        place = root / name
        yield from (path for path in (place, *place.rglob("*")) if path.is_file())


def files_with(root: Path, texts: tuple[str, ...]) -> dict[str, set[str]]:
    """Which texts stand in which files: the first folder of each, for there are many."""
    found: dict[str, set[str]] = {}
    for path in written(root):
        content = path.read_bytes().lower()
        for text in texts:
            if text.lower().encode() in content:
                found.setdefault(path.relative_to(root).parts[0], set()).add(text)
    return found


def tables_with(database: Path, texts: tuple[str, ...]) -> dict[str, set[str]]:
    """Which texts stand in which tables and views, in whatever column, of whatever type."""
    found: dict[str, set[str]] = {}
    with duckdb.connect(str(database), read_only=True) as connection:
        relations = connection.execute(
            "select table_schema, table_name from information_schema.tables order by all"
        ).fetchall()
        for schema, name in relations:
            searched = ", ".join("bool_or(contains(row, lower(?)))" for _ in texts)
            (seen,) = connection.execute(
                f'select {searched} from (select lower(whole::varchar) as row from "{schema}"."{name}" as whole)',
                list(texts),
            ).fetchall()
            if any(seen):
                found[f"{schema}.{name}"] = {
                    text for text, is_there in zip(texts, seen, strict=True) if is_there
                }
    return found


LEDGER_COUNTS = """
    select 'decisions', as_of, campaign_id, decision, count(*) from ledger.decisions where as_of = timestamp '2026-06-01' group by all
    union all
    select 'dispatches', as_of, campaign_id, null, count(*) from ledger.dispatches where as_of = timestamp '2026-06-01' group by all
    order by all
"""
OTHERS = "select * from ledger.{} where as_of = timestamp '2026-06-01' and user_id not in (?, ?) order by all"


@dataclass
class Story:
    """A project after two nights, and what was there after the first."""

    place: Place
    files: dict[str, set[str]]
    tables: dict[str, set[str]]
    lists: dict[str, bytes]
    ledger: list[tuple[Any, ...]]
    others: list[list[tuple[Any, ...]]]
    printed: str

    @property
    def pseudonym(self) -> str:
        return pseudonym(PERSON, KEY.encode())

    def others_now(self) -> list[list[tuple[Any, ...]]]:
        return [
            self.place.query(OTHERS.format(ledger), [PERSON, self.pseudonym])
            for ledger in ("decisions", "dispatches")
        ]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    place = Place(copy_project(tmp_path_factory.mktemp("project")))
    plant(place.root)
    suppress(place.root)
    declare(place.root)
    # as on most machines: what is written is readable by everybody, but for what the night does about it
    before = os.umask(0o022)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(PSEUDONYM_KEY, KEY)
        first = place.night(FIRST)
        assert first.returncode == 0, first.stdout + first.stderr
        ((campaign,),) = place.query(
            "select min(campaign_id) from marts.send_list where user_id = ? and channel = 'email'", [PERSON]
        )
        shown = sendworthy("preview", campaign, "--user", PERSON, cwd=place.root)
        assert shown.returncode == 0, shown.stderr
        story = Story(
            place,
            files_with(place.root, TEXTS),
            tables_with(place.database, TEXTS),
            place.lists(FIRST),
            place.query(LEDGER_COUNTS),
            [],
            "",
        )
        story.others = story.others_now()
        # twice, and once for a time that the second night does not see yet
        request(place.root, (PERSON, "2026-06-01 10:00:00"), (PERSON, "2026-06-01 11:00:00"))
        request(place.root, (LATER, "2026-06-02 00:00:00"))
        second = place.night(SECOND)
        assert second.returncode == 0, second.stdout + second.stderr
        story.printed = first.stdout + first.stderr + second.stdout + second.stderr
        yield story
    os.umask(before)


def test_before_the_request_the_person_could_be_found(story: Story) -> None:
    assert story.tables.keys() >= {
        *(
            "staging.base_landing__users",
            "staging.base_landing__events",
            "staging.base_landing__social_mentions",
            "staging.base_landing__assignments",
        ),
        *("ops.quarantine", "marts.customers", "marts.send_list", "exports.export_braze"),
        *("ledger.decisions", "ledger.dispatches", "settings.global_suppressions"),
    }
    assert set.union(*story.tables.values()) == set(TEXTS)
    assert story.files["out"] >= {PERSON, EMAIL} and story.files["target"] >= {PERSON}
    assert story.files["sendworthy.duckdb"], "the search of the bytes would prove nothing"


def test_after_the_next_night_nothing_of_the_person_is_anywhere(story: Story) -> None:
    dispatches = tuple(
        hashlib.md5(f"{campaign}:{PERSON}:{FIRST}".encode()).hexdigest()
        for (campaign,) in story.place.query("select distinct campaign_id from settings.campaigns")
    )
    texts = (*TEXTS, *dispatches)
    assert files_with(story.place.root, texts) == {}
    assert tables_with(story.place.database, texts) == {}


def test_what_was_written_anew_is_readable_by_its_owner_only(story: Story) -> None:
    lists = [story.place.root / "out", *(story.place.root / "out").rglob("*")]
    assert story.place.root / "out" / ".erasures.json" in lists
    assert not [path for path in (*written(story.place.root), *lists) if path.stat().st_mode & 0o077]


def test_the_team_s_own_list_is_left_alone(story: Story) -> None:
    seed = story.place.root / "seeds" / "global_suppressions.csv"
    assert OLD_EMAIL in seed.read_text(encoding="utf-8")
    lines = len(seed.read_text(encoding="utf-8").splitlines()) - 1
    assert story.place.query("select count(*) from settings.global_suppressions") == [(lines - 1,)]


def test_the_ledgers_count_as_before_and_know_one_pseudonym(story: Story) -> None:
    assert story.place.query(LEDGER_COUNTS) == story.ledger
    assert story.others_now() == story.others and all(story.others)
    for ledger in ("decisions", "dispatches"):
        named = story.place.query(
            f"select distinct user_id from ledger.{ledger} where as_of = timestamp '2026-06-01' and user_id like 'erased:%'"
        )
        # the sample has others who asked before the first night: they never were in a ledger
        assert named == [(story.pseudonym,)]
    assert story.place.query("select count(*) - count(distinct dispatch_id) from ledger.dispatches") == [(0,)]


def test_old_lists_lose_their_rows_and_nothing_else(story: Story) -> None:
    now, lost = story.place.lists(FIRST), Counter[str]()
    assert now.keys() == story.lists.keys()
    for name, before in story.lists.items():
        kept = [line for line in before.splitlines(keepends=True) if PERSON.encode() not in line]
        assert now[name] == b"".join(kept)
        lost[Path(name).stem] += len(before.splitlines()) - len(kept)
    # two messages, for two destinations
    assert sum(lost.values()) == 4
    for campaign in story.place.manifest(FIRST)["campaigns"]:
        assert campaign.get("erased", 0) * 2 == lost[campaign["campaign_id"]]
    # each night holds: the old one as it lies there, the new one against the database too
    night = Delivered(story.place.root)
    from_files = sendworthy("verify", story.place.root / "out" / FIRST, "--now", "2026-06-01 04:00")
    assert from_files.returncode == 0, from_files.stdout
    assert [check.name for check in night.verify_night(FIRST).failed] == ["run"]
    published = sendworthy(
        *(
            "verify",
            story.place.root / "out" / SECOND,
            "--now",
            "2026-06-02 04:00",
            "--db",
            story.place.database,
        )
    )
    assert published.returncode == 0, published.stdout


def test_quarantine_and_counts_stay_in_line(story: Story) -> None:
    told = story.place.query(
        """
        select raw_row::varchar = '{}' as is_emptied, count(*)
        from ops.quarantine
        where file like '%bad.csv' and table_name = 'events'
        group by all
        order by all
        """
    )
    # the row of somebody else without an id stays
    assert told == [(False, 1), (True, 3)]
    for table in (
        "users",
        "events",
        "support_tickets",
        "message_events",
        "social_mentions",
        "erasure_requests",
        "assignments",
    ):
        ((counted,),) = story.place.query(
            "select sum(rows_staged - rows_erased) from ops.source_counts where table_name = ?", [table]
        )
        assert story.place.query(f"select count(*) from staging.stg_landing__{table}") == [(counted,)], table
    assert story.place.query(
        "select count(*) from ops.source_counts where rows_in <> rows_staged + rows_quarantined"
    ) == [(0,)]
    assert story.place.query("select sum(rows_erased) > 20 from ops.source_counts") == [(True,)]


def test_nobody_else_is_touched(story: Story) -> None:
    # who lives at the same address, and who has asked for a later night
    for user in (FLATMATE, LATER):
        for table in ("marts.customers", "staging.base_landing__users", "staging.base_landing__events"):
            assert story.place.query(f"select count(*) > 0 from {table} where user_id = ?", [user]) == [
                (True,)
            ]
    assert story.place.query(
        "select phone from intermediate.int_users__current where user_id = ?", [FLATMATE]
    ) == [(SHARED_PHONE,)]
    assert story.place.query("select user_id from staging.stg_landing__erasure_requests") == [(LATER,)]
    assert story.place.query(
        "select mention_id from staging.stg_landing__social_mentions where mention_id like 'm-z%'"
    ) == [("m-z2",)]
    assert story.place.query("select user_id from staging.stg_landing__assignments") == [(FLATMATE,)]
    shown = sendworthy("report", "spring_sale", "--json", cwd=story.place.root)
    assert shown.returncode == 0, shown.stderr
    (campaign,) = json.loads(shown.stdout)["campaigns"]
    (whole,) = campaign["results"]
    assert (campaign["name"], whole["users"], whole["control_users"]) == ("Spring sale", 0, 1)


def test_the_key_is_nowhere(story: Story) -> None:
    assert KEY not in story.printed
    assert files_with(story.place.root, (KEY, KEY.encode().hex())) == {}


def test_the_project_knows_what_was_erased_only_by_the_key(story: Story, tmp_path: Path) -> None:
    """Without one, each night makes up its own: one pseudonym over both ledgers, that nobody can compute."""
    names = set()
    for number in range(2):
        copy = tmp_path / f"{number}.duckdb"
        shutil.copyfile(story.place.database, copy)
        with database_file.connect(copy) as connection:
            connection.execute(
                "insert into intermediate.int_users__erased values (?, timestamp '2026-06-01')", [FLATMATE]
            )
            before = connection.execute("select count(*) from ledger.decisions").fetchall()
            erased = erase(connection, None)
            assert erased.users == {FLATMATE} and erased.rows > 0
            assert connection.execute("select count(*) from ledger.decisions").fetchall() == before
            found = connection.execute(
                """
                select distinct user_id from ledger.decisions where user_id like 'erased:%' and user_id <> $known
                union
                select distinct user_id from ledger.dispatches where user_id like 'erased:%' and user_id <> $known
                """,
                {"known": story.pseudonym},
            ).fetchall()
            assert len(found) == 1
            names.add(found[0][0])
            # a second time there is nothing to do
            assert erase(connection, None).rows == 0
    assert len(names) == 2


@pytest.mark.hard
def test_an_older_night_that_is_run_again_does_not_bring_the_person_back(story: Story) -> None:
    gone = sendworthy("explain", PERSON, "--night", FIRST, cwd=story.place.root)
    assert gone.returncode == 2 and "no such user" in gone.stderr
    theirs = "select * from ledger.{} where user_id = ? order by all"
    before = [
        story.place.query(theirs.format(ledger), [story.pseudonym]) for ledger in ("decisions", "dispatches")
    ]
    again = story.place.night(FIRST)
    assert again.returncode == 0, again.stdout + again.stderr
    assert files_with(story.place.root, TEXTS) == {} and tables_with(story.place.database, TEXTS) == {}
    after = [
        story.place.query(theirs.format(ledger), [story.pseudonym]) for ledger in ("decisions", "dispatches")
    ]
    assert after == before and all(before)
    # whoever loads lists is told that the night is not tonight's, and of nothing else
    assert [check.name for check in Delivered(story.place.root).verify_night(FIRST).failed] == ["replay"]


def test_a_key_that_can_be_guessed_is_refused_without_being_shown() -> None:
    assert read_key({}) is None and read_key({PSEUDONYM_KEY: ""}) is None
    assert read_key({PSEUDONYM_KEY: KEY}) == KEY.encode()
    with pytest.raises(SettingsError) as error:
        read_key({PSEUDONYM_KEY: "hunter2"})
    assert PSEUDONYM_KEY in error.value.what and "hunter2" not in json.dumps(
        [error.value.what, error.value.fix]
    )


# few characters, so that texts hold addresses by chance: of words, between words, of JSON, and one of two bytes
SCRAPS = st.text('ab1@."\\ ,é', max_size=20)


@settings(derandomize=True, database=None, deadline=None)
@given(
    addresses=st.lists(SCRAPS.filter(bool).map(str.lower), min_size=1, max_size=6, unique=True),
    ids=st.lists(SCRAPS.filter(bool), min_size=1, max_size=6, unique=True),
    data=st.data(),
)
def test_texts_of_nobody_are_found_as_if_each_were_searched_for_everything(
    addresses: list[str], ids: list[str], data: st.DataObject
) -> None:
    around = st.builds("{}{}{}".format, SCRAPS, st.sampled_from(addresses).map(str.upper), SCRAPS)
    quoted = st.builds('{}{{"a": "{}"}}'.format, SCRAPS, st.sampled_from(ids))
    texts = data.draw(st.lists(st.one_of(SCRAPS, around, quoted), min_size=1, max_size=12))
    with duckdb.connect() as connection:
        connection.execute("create temp table erased as select unnest(?) as user_id", [ids])
        connection.execute(
            "create table texts as select unnest(?) as row_number, unnest(?) as text",
            [list(range(len(texts))), texts],
        )
        create_addresses(connection, addresses)
        found = {
            row for (row,) in connection.execute(rows_mentioning_erased("select * from texts")).fetchall()
        }

    def is_held(text: str) -> bool:
        bare = text.replace("\\", "")
        return any(len(address) >= 6 and address in text.lower() for address in addresses) or any(
            f'"{user_id.replace(chr(92), "")}"' in bare for user_id in ids
        )

    assert found == {row for row, text in enumerate(texts) if is_held(text)}
