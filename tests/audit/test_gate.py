"""The gate: a good list goes out, and each fault, put in alone, holds back the campaign it is in and no other."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from sendworthy.audit.gate import GateResult, load_suites, run_gate
from sendworthy.audit.render_all import render_every
from sendworthy.audit.render_check import Messages, load_messages
from sendworthy.foundation.errors import BuildError, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.templates.parser import analyse_template

PROJECT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Message:
    """One message of the good list, whose recipient gets nothing else tonight and got nothing lately."""

    dispatch_id: str
    user_id: str
    campaign_id: str
    address: str
    field: str  # a merge field that its variant requires


@dataclass(frozen=True)
class Pair:
    """One recipient of two messages: the campaign that goes first by priority, and the other."""

    user_id: str
    first: str
    second: str


@dataclass(frozen=True)
class Good:
    """A build file with a good list of a few campaigns, and what faults are put into."""

    database: Path
    message: Message
    pair: Pair


class World:
    """A copy of the good build file, open for a fault."""

    def __init__(self, database: Path, good: Good) -> None:
        self.database = database
        self.message = good.message
        self.pair = good.pair
        self.connection = duckdb.connect(str(database))
        self.connection.execute("set TimeZone = 'UTC'")
        as_of = self.connection.execute(
            "select cast(as_of as text) from intermediate.int_nights__as_of"
        ).fetchall()
        caps = dict(
            self.connection.execute(
                "select channel, min(max_messages) from settings.frequency_caps where window_days = 7 group by channel"
            ).fetchall()
        )
        # what a fault may name
        self.words: dict[str, str] = {
            "@dispatch": f"'{good.message.dispatch_id}'",
            "@user": f"'{good.message.user_id}'",
            "@campaign": f"'{good.message.campaign_id}'",
            "@address": f"'{good.message.address}'",
            "@field": f"'{good.message.field}'",
            "@both": f"'{good.pair.user_id}'",
            "@first": f"'{good.pair.first}'",
            "@second": f"'{good.pair.second}'",
            "@as_of": f"timestamp '{as_of[0][0]}'",
            "@cap_email": str(caps["email"]),
            "@cap_all": str(caps["all"]),
        }

    def sql(self, statements: str) -> list[tuple[Any, ...]]:
        """Run statements on the copy; the rows of the last one."""
        return self.connection.execute(self._filled_in(statements)).fetchall()

    def change(self, statements: str) -> None:
        """Run statements, each of which must change something."""
        for statement in self.connection.extract_statements(self._filled_in(statements)):
            ((changed,),) = self.connection.execute(statement).fetchall()
            assert changed, f"this changes nothing: {statement.query}"

    def _filled_in(self, statements: str) -> str:
        for word, literal in self.words.items():
            statements = re.sub(rf"{word}\b", lambda _, literal=literal: literal, statements)  # type: ignore[misc]
        return statements

    def fill(self, values: Iterable[str | None]) -> int:
        """Put each value into the required field of another message of the campaign; return how many there were."""
        messages = self.sql(
            """
            select dispatch_id, merge_values from marts.send_list
            where campaign_id = @campaign and json_exists(merge_values, '$.' || @field)
                and variant = (select variant from marts.send_list where dispatch_id = @dispatch)
            order by dispatch_id
            """
        )
        filled = 0
        for value, (dispatch_id, text) in zip(values, messages, strict=False):
            fields = {**json.loads(text), self.message.field: value}
            self.connection.execute(
                "update marts.send_list set merge_values = ? where dispatch_id = ?",
                [json.dumps(fields, ensure_ascii=False), dispatch_id],
            )
            filled += 1
        return filled

    def audit(self, docs: Path | None = None) -> GateResult:
        """Close the copy and let the gate judge it."""
        self.connection.close()
        return run_gate(self.database, PROJECT, docs)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Good:
    """The night of the sample, cut down to a few campaigns so that each audit is quick."""
    folder = tmp_path_factory.mktemp("gate")
    database = folder / "build.duckdb"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dbt.cli.main", "build", "--quiet", "--log-level-file", "none"),
            *("--resource-type", "seed", "--resource-type", "model"),
            *("--select", "+audit_messages", "+audit_merge_values"),
            *("--target-path", str(folder / "target"), "--log-path", str(folder / "logs")),
            *("--vars", json.dumps({"raw": str(PROJECT / "data" / "sample")})),
        ],
        cwd=PROJECT,
        env={**os.environ, "SENDWORTHY_BUILD_DB": str(database)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(database)) as connection:
        # somebody who gets one message tonight, and got so few lately that the caps say what the test lets them say
        message = connection.execute(
            """
            with
                alone as (
                    select user_id, any_value(dispatch_id) as dispatch_id
                    from marts.send_list
                    group by user_id
                    having count(*) = 1
                ),
                lately as (
                    select distinct user_id
                    from intermediate.int_messages__sent
                    where sent_at >= (select as_of - interval 30 day from intermediate.int_nights__as_of)
                )
            select list.dispatch_id, list.user_id, list.campaign_id, list.address, variants.required_fields[1]
            from alone
            inner join marts.send_list as list using (dispatch_id)
            inner join settings.campaigns as campaigns using (campaign_id)
            inner join intermediate.int_campaigns__variants as variants using (campaign_id, variant)
            inner join intermediate.int_users__current as users on list.user_id = users.user_id
            where
                list.channel = 'email'
                and not campaigns.is_transactional
                and campaigns.topic is not null
                and campaigns.cooldown_days > 7
                and len(variants.required_fields) > 0
                and users.max_messages_per_week is null
                and list.user_id not in (from lately)
                and (campaign_id, list.variant) in (
                    select (campaign_id, variant) from marts.send_list group by campaign_id, variant having count(*) >= 20
                )
            order by list.dispatch_id
            limit 1
            """
        ).fetchall()[0]
        pair = connection.execute(
            """
            select users.user_id, one.campaign_id, two.campaign_id
            from marts.send_list as one
            inner join marts.send_list as two using (user_id)
            inner join settings.campaigns as first on one.campaign_id = first.campaign_id
            inner join settings.campaigns as second on two.campaign_id = second.campaign_id
            inner join intermediate.int_users__current as users on one.user_id = users.user_id
            where
                not first.is_transactional
                and not second.is_transactional
                and first.priority > second.priority
                and users.max_messages_per_week is null
                and ? not in (one.campaign_id, two.campaign_id)
            order by users.user_id
            limit 1
            """,
            [message[2]],
        ).fetchall()[0]
        for table in ("marts.send_list", "marts.campaign_decisions"):
            connection.execute(
                f"""
                delete from {table} where campaign_id not in (
                    select campaign_id from settings.campaigns where is_transactional or campaign_id in (?, ?, ?)
                )
                """,
                [message[2], pair[1], pair[2]],
            )
    return Good(database, Message(*message), Pair(*pair))


@pytest.fixture
def world(good: Good, tmp_path: Path) -> Iterator[World]:
    """A copy to spoil."""
    copy = tmp_path / "build.duckdb"
    shutil.copy(good.database, copy)
    spoilt = World(copy, good)
    yield spoilt
    spoilt.connection.close()


def held_back(result: GateResult) -> dict[str, set[str]]:
    """The names of what failed, by campaign."""
    return {
        name: {failed.expectation for failed in verdict.failed}
        for name, verdict in result.campaigns.items()
        if not verdict.passed
    }


def test_a_good_list_goes_out(world: World) -> None:
    rows = world.sql("select campaign_id, count(*) from marts.send_list group by campaign_id")
    counts: dict[str, int] = {row[0]: row[1] for row in rows}
    result = world.audit()
    assert held_back(result) == {}
    assert result.passed and not result.whole_list
    assert {name: verdict.messages for name, verdict in result.campaigns.items()} == counts
    assert len(counts) >= 4


def read_entries(section: str) -> dict[str, dict[str, Any]]:
    """The entries of one section of gate_faults.yml, by name."""
    entries = yaml.safe_load((PROJECT / "tests" / "fixtures" / "gate_faults.yml").read_text(encoding="utf-8"))
    named = {entry["name"]: entry for entry in entries[section]}
    assert len(named) == len(entries[section]), f"two {section} of one name"
    return named


FAULTS = read_entries("faults")
WITHIN_THE_RULES = read_entries("within_the_rules")
DISGUISES = read_entries("disguises")
UNSAFE = read_entries("unsafe")

CHANGE_MESSAGE = "update marts.send_list set {} where dispatch_id = @dispatch"
SENT = """
    insert into intermediate.int_messages__sent by name
    select {} as user_id, 'report:fault ' || i as message_id, '{}' as channel, @as_of - interval 6 day as sent_at
    from range({}) as times(i)
"""


def test_every_check_of_the_gate_is_broken_by_a_fault() -> None:
    suites = load_suites(PROJECT)
    checks = {check.name for check in (*suites.MESSAGE_CHECKS, *suites.VALUE_CHECKS)}
    broken = {name for fault in FAULTS.values() for name in fault["expected"]} | {"unsafe_value"}
    assert broken == checks | {"message_count", "blank_<field>", suites.PROOF}


def test_there_are_forty_faults_at_least_and_no_two_are_the_same() -> None:
    contents = [fault["sql"] for fault in FAULTS.values()]
    contents += [entry["value"] for entry in (*DISGUISES.values(), *UNSAFE.values())]
    assert len(contents) == len(set(contents)) >= 40


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_holds_back_its_campaign_and_no_other(world: World, name: str) -> None:
    fault = FAULTS[name]
    world.change(fault["sql"])
    result = world.audit()
    names = {expected.replace("<field>", world.message.field) for expected in fault["expected"]}
    assert held_back(result) == {world.message.campaign_id: names}
    counts = [failed.unexpected or 0 for failed in result.campaigns[world.message.campaign_id].failed]
    messages = fault.get("messages", 1)
    assert min(counts) > 0
    assert max(counts) > 1 if messages == "many" else max(counts) == messages


@pytest.mark.parametrize(("entries", "also"), [(DISGUISES, "disguised_blank"), (UNSAFE, "unsafe_value")])
def test_no_disguise_of_blank_and_nothing_unsafe_gets_by(
    world: World, entries: dict[str, dict[str, Any]], also: str
) -> None:
    assert world.fill(entry["value"] for entry in entries.values()) == len(entries)
    result = world.audit()
    expected = {f"blank_{world.message.field}", also, "unproven_rendering"}
    assert held_back(result) == {world.message.campaign_id: expected}
    # none of them was missed
    assert [failed.unexpected for failed in result.campaigns[world.message.campaign_id].failed] == [
        len(entries)
    ] * 3


def test_one_null_in_a_required_field_holds_back_its_campaign(world: World) -> None:
    world.fill([None])
    result = world.audit()
    expected = {f"blank_{world.message.field}", "unproven_rendering"}
    assert held_back(result) == {world.message.campaign_id: expected}
    # the proof says where the blank would be seen
    fixes = {failed.expectation: failed.fix for failed in result.campaigns[world.message.campaign_id].failed}
    place = rf"campaigns/{world.message.campaign_id}/personalized\.liquid:\d+: a blank {world.message.field} would be printed"
    assert re.search(place, fixes["unproven_rendering"]), fixes


@pytest.mark.parametrize("name", WITHIN_THE_RULES)
def test_what_is_just_within_the_rules_goes_out(world: World, name: str) -> None:
    world.change(WITHIN_THE_RULES[name]["sql"])
    assert held_back(world.audit()) == {}


def test_of_two_messages_of_one_content_group_the_second_by_priority_is_held_back(world: World) -> None:
    world.sql(
        "update intermediate.int_campaigns__settings set content_key = 'one' where campaign_id in (@first, @second)"
    )
    assert held_back(world.audit()) == {world.pair.second: {"same_content"}}


def test_tonights_messages_count_together_with_what_was_sent(world: World) -> None:
    sent = world.sql(
        "select count(*) from intermediate.int_messages__sent where user_id = @both and sent_at >= @as_of - interval 7 day"
    )[0][0]
    world.sql(SENT.format("@both", "carrier pigeon", f"@cap_all - 1 - {sent}"))
    assert held_back(world.audit()) == {world.pair.second: {"over_total_cap"}}


def test_transactional_messages_need_no_consent_and_no_room_but_a_clean_list(world: World) -> None:
    confirmation = "(select campaign_id from settings.campaigns where is_transactional)"
    everyone = f"(select user_id from marts.send_list where campaign_id in {confirmation})"
    world.sql(f"delete from marts.send_list where campaign_id not in {confirmation}")
    world.sql(f"delete from marts.campaign_decisions where campaign_id not in {confirmation}")
    world.sql(
        f"""
        update intermediate.int_users__current
        set email_opt_in = false, sms_opt_in = false, push_opt_in = false, max_messages_per_week = 0
        where user_id in {everyone}
        """
    )
    world.sql("update settings.frequency_caps set max_messages = 0")
    copy = world.database.with_name("another.duckdb")
    world.connection.close()
    shutil.copy(world.database, copy)
    assert held_back(run_gate(copy, PROJECT)) == {}
    with duckdb.connect(str(world.database)) as connection:
        connection.execute(
            f"""
            insert into settings.global_suppressions by name
            select 'all' as channel, user_id, 'fault' as reason from {everyone}
            """
        )
    assert set(map(frozenset, held_back(run_gate(world.database, PROJECT)).values())) == {
        frozenset({"suppressed_user"})
    }


@pytest.mark.parametrize("campaign", ["'nobody_knows'", "'No/Such: campaign'", "'whole_list'", "null"])
def test_a_message_of_no_campaign_goes_nowhere(world: World, campaign: str) -> None:
    world.sql(CHANGE_MESSAGE.format(f"campaign_id = {campaign}"))
    result = world.audit()
    stray = "" if campaign == "null" else campaign.strip("'")
    assert set(held_back(result)) == {stray, world.message.campaign_id}
    assert held_back(result)[world.message.campaign_id] == {"message_count"}
    assert {"unknown_variant", "message_count"} <= held_back(result)[stray]


def test_a_fact_that_is_unknown_counts_as_a_fault(world: World) -> None:
    world.sql("create table audit.facts as select * from audit.audit_messages")
    world.sql("update audit.facts set is_suppressed = null where dispatch_id = @dispatch")
    world.sql("create or replace view audit.audit_messages as select * from audit.facts")
    assert held_back(world.audit()) == {world.message.campaign_id: {"suppressed_user"}}


def test_nothing_goes_out_when_a_message_was_not_looked_at(world: World) -> None:
    campaigns = {row[0] for row in world.sql("select distinct campaign_id from marts.send_list")}
    world.sql("create table audit.facts as select * from audit.audit_messages where dispatch_id <> @dispatch")
    world.sql("create or replace view audit.audit_messages as select * from audit.facts")
    result = world.audit()
    assert set(result.held_back) == campaigns and not result.released
    assert [failed.expectation for failed in result.whole_list] == ["message_count"]


def test_an_empty_list_is_fine(world: World, tmp_path: Path) -> None:
    world.sql("delete from marts.send_list")
    world.sql("update marts.campaign_decisions set decision = 'suppress' where decision = 'send'")
    result = world.audit(tmp_path / "docs")
    assert result.passed and result.campaigns == {} and result.released == ()
    assert (tmp_path / "docs" / "index.html").is_file()


def test_lists_of_which_no_template_prints_a_merge_field_are_judged_like_any_other(world: World) -> None:
    world.sql("update intermediate.int_campaigns__variants set printed_fields = [], required_fields = []")
    world.sql("update marts.send_list set merge_values = '{}'")
    variants = world.sql("select distinct campaign_id, variant from marts.send_list")
    plain = analyse_template("---\nsubject: News\n---\nThe news of June", "default.liquid")
    torn = analyse_template(
        "---\nsubject: News\n---\nThe news {{ nosuchthing }}of June{{ city }}", "default.liquid"
    )
    world.connection.close()
    result = run_gate(
        world.database, PROJECT, messages=Messages({variant: plain for variant in variants}, 150)
    )
    # one kind of message a variant
    assert result.passed and {
        name: verdict.patterns for name, verdict in result.campaigns.items()
    } == Counter(campaign for campaign, _ in variants)
    # and what they would show is looked at
    result = run_gate(
        world.database, PROJECT, messages=Messages({variant: torn for variant in variants}, 150)
    )
    assert set(result.held_back) == {campaign for campaign, _ in variants}


@pytest.mark.parametrize("relation", ["audit.audit_messages", "audit.audit_merge_values"])
def test_without_its_facts_the_gate_lets_nothing_out(world: World, relation: str) -> None:
    world.sql(f"drop view {relation}")
    with pytest.raises(BuildError, match="nothing goes out"):
        world.audit()


def test_a_column_less_and_the_gate_lets_nothing_out(world: World) -> None:
    world.sql("alter table marts.send_list drop column valid_until")
    with pytest.raises(BuildError, match="valid_until"):
        world.audit()


def test_without_a_build_file_or_suites_the_gate_says_so(good: Good, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="no such build file"):
        run_gate(tmp_path / "none.duckdb", PROJECT)
    with pytest.raises(SettingsError, match="expectations"):
        run_gate(good.database, tmp_path)


def test_an_expectation_that_cannot_run_holds_back(good: Good, tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "expectations", tmp_path / "expectations")
    suite = tmp_path / "expectations" / "send_list.py"
    text = suite.read_text(encoding="utf-8")
    assert "column=check.name" in text
    suite.write_text(text.replace("column=check.name", "column=check.name + '_nowhere'"), encoding="utf-8")
    result = run_gate(good.database, tmp_path, messages=load_messages(Project(PROJECT)))
    assert result.campaigns and not result.released
    assert all(
        failed.unexpected is None for verdict in result.campaigns.values() for failed in verdict.failed
    )


def test_the_docs_show_the_verdict_and_nobody(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Not even those who are at fault are in the docs or in the result, and the gate talks to nobody about them."""

    def refuse(*_: object) -> None:
        raise AssertionError("the gate went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    docs = tmp_path / "docs"
    (docs / "validations").mkdir(parents=True)
    (docs / "validations" / "of-an-earlier-run.html").touch()
    (docs / "notes.txt").touch()
    world.sql(CHANGE_MESSAGE.format("address = 'Zaphodia.Quuxbury@example', variant = 'nonsuch'"))
    world.sql(
        """
        update marts.send_list set merge_values = json_merge_patch(
            merge_values, '{"first_name": "Zaphodia<b>", "last_name": "Quuxbury", "city": "N/A"}'
        )
        """
    )
    personal = {
        str(value)
        for row in world.sql(
            """
            select unnest([user_id, email, phone, push_token]) from intermediate.int_users__current
            union
            select unnest([user_id, address, dispatch_id]) from marts.send_list
            """
        )
        for value in row
        # the junk in the sample ("n/a") is a word of the pages too
        if value and len(value) > 5 and re.search(r"\d", value)
    }
    result = world.audit(docs)
    assert not result.released
    assert capfd.readouterr() == ("", "")
    assert (docs / "notes.txt").is_file() and not (docs / "validations" / "of-an-earlier-run.html").exists()

    pages = sorted(docs.rglob("*.html"))
    assert len([page for page in pages if "validations" in page.parts]) == len(result.campaigns) + 1
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    texts[tmp_path / "result"] = json.dumps(result.as_dict(), ensure_ascii=False)
    for page, text in texts.items():
        assert "zaphodia" not in text.lower() and "quuxbury" not in text.lower(), page
        assert not personal & set(re.findall(r"[^\s<>\"'(),;]+", text)), page
        assert not [address for address in re.findall(r"[\w.+-]+@example\.\w+", text)], page
        assert str(tmp_path) not in text and "snapshot.duckdb" not in text, page
    verdict = next(
        text for page, text in texts.items() if page.name == f"send_list-{world.message.campaign_id}.html"
    )
    assert "every address is valid for its channel" in verdict
    assert f"whose variant requires {world.message.field} have {world.message.field}" in verdict


def test_the_same_night_gets_the_same_verdict(good: Good) -> None:
    lines: list[str] = []
    first = run_gate(good.database, PROJECT, progress=lines.append)
    assert first.as_dict() == run_gate(good.database, PROJECT).as_dict()
    assert json.loads(json.dumps(first.as_dict())) == first.as_dict()
    assert len(lines) == len(first.campaigns) + 1


def test_rendering_every_message_says_what_the_proof_says(world: World) -> None:
    world.connection.close()
    rendered, proof = render_every(world.database, Project(PROJECT), workers=1)
    assert rendered.messages == len(proof.proven) + rendered.messages - proof.patterns > proof.patterns > 1
    assert rendered.faults == {} == proof.faults


def test_rendering_every_message_finds_the_fault_that_the_proof_finds(world: World) -> None:
    filled = world.fill([None, "x" * 255, "{{ first_name }}"])
    world.connection.close()
    rendered, proof = render_every(world.database, Project(PROJECT), workers=2)
    assert set(rendered.faults) == set(proof.faults) == {world.message.campaign_id}
    assert filled == 3 and 1 <= max(rendered.faults[world.message.campaign_id].values()) <= 3


def test_patterns_that_mix_kinds_of_messages_are_noticed(world: World) -> None:
    world.fill([None])
    world.sql(
        "create table audit.facts as select * replace ('+' as render_key) from audit.audit_merge_values"
    )
    world.sql("create or replace view audit.audit_merge_values as select * from audit.facts")
    # the message that stands for all must not be the one at fault
    world.sql(
        "update marts.send_list set dispatch_id = 'zzz' where json_extract_string(merge_values, '$.' || @field) is null"
    )
    world.sql("update audit.facts set dispatch_id = 'zzz' where is_required_and_blank")
    world.connection.close()
    with pytest.raises(BuildError, match=f"do not agree about .*{world.message.campaign_id}"):
        render_every(world.database, Project(PROJECT), workers=1)
