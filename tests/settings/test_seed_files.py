"""The vocabularies and the other small settings in seeds/: every mistake names file, line and fix; translations permit nothing."""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path

import duckdb
import pytest
from sendworthy.foundation.names import normalise_name
from sendworthy.settings.seed_files import (
    LANDING_CONTRACT,
    REPORT_TYPES,
    SEEDS,
    SEGMENT_FLAGS_SQL,
    USUAL_WORDS,
    read_event_names,
    read_kinds,
    read_names,
    validate_settings,
)

from tests.support.campaign_project import PROJECT
from tests.support.macro_engines import Macros


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project's seeds, segments and landing contract."""
    shutil.copytree(PROJECT / "seeds", tmp_path / "seeds")
    for name in (SEGMENT_FLAGS_SQL, LANDING_CONTRACT):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    (tmp_path / "campaigns" / "ours").mkdir(parents=True)
    (tmp_path / "campaigns" / "ours" / "campaign.yml").touch()
    assert validate_settings(tmp_path) == []
    return tmp_path


def rows(name: str) -> list[dict[str, str]]:
    with (PROJECT / "seeds" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


NEW = (
    *("events", "event_names", "topics", "kinds", "ticket_statuses", "report_types", "report_channels"),
    "source_formats",
)

# addresses to which no message can go, by channel
NOBODY_S = [
    ("all", "+49 30 1234567"),
    ("all", "0049301234568"),
    ("all", "(030) 1234567"),
    ("all", "Ann <P@example.com>"),
    ("all", "P@example.com;other@example.com"),
    ("all", "P@example.com."),
    ("all", "not an address"),
    ("all", "ann@localhost"),
    ("all", "..."),
    ("email", "+49301234567"),
    ("email", "ann..b@example.com"),
    ("email", ".ann@example.com"),
    ("email", "ann.@example.com"),
    ("email", f"{'a' * 65}@example.com"),
    ("email", f"ann@{'a' * 64}.com"),
    ("email", f"ann@{'a.' * 125}com"),
    ("email", "an\u200bn@example.com"),
    ("sms", "ann@example.com"),
    ("sms", "+49 30 1234567"),
    ("sms", "+0301234567"),
    ("sms", "+123456"),
    ("sms", "+1234567890123456"),
    ("push", "---"),
]
SOMEBODY_S = [
    ("all", "Ann.B+x@mail.example.com"),
    ("all", "+49301234567"),
    ("all", "cK3x:APA91b-_9"),
    ("email", f"{'a' * 64}@{'b' * 63}.com"),
    ("sms", "+1234567"),
    ("sms", "+123456789012345"),
    ("push", "a token"),
]

# a seed, a line that is added to it, the column and a piece of the message with the fix
MISTAKES = [
    ("events", "Order Paid,x", "event_name", "write order_paid"),
    ("events", "order-paid,x", "event_name", "write order_paid"),
    ("events", "order_completed,x", "event_name", "remove one of the two"),
    ("events", "message_sent:x,x", "event_name", "a semicolon or a colon"),
    ("events", ",x", "event_name", "empty"),
    ("events", "order_paid,", "description", "say what has happened"),
    ("event_names", "Order Paid,order_complete", "event_name", 'did you mean "order_completed"?'),
    ("event_names", "Order Paid,Order Completed", "event_name", 'did you mean "order_completed"?'),
    ("event_names", "Order Paid,", "event_name", "unknown event ''"),
    ("event_names", ",order_completed", "source_name", "write the name"),
    ("event_names", "page-viewed,product_viewed", "source_name", "page_viewed is an event of events.csv"),
    ("event_names", "PURCHASE,order_completed", "source_name", "remove one of the two"),
    (
        "event_names",
        "PURCHASE,order_refunded",
        "source_name",
        "which means order_completed there and order_refunded here",
    ),
    ("event_names", "add to  cart,cart_item_removed", "source_name", "keep the line that is right"),
    ("merge_fields", "dispatch_id,x,true", "merge_field", "choose another name"),
    ("merge_fields", "blank_fields,x,false", "merge_field", "the name of another column"),
    ("merge_fields", "f_name,x,true", "merge_field", "at Mailchimp would be FNAME, which is in use"),
    ("merge_fields", "rewards,x,true", "merge_field", "mailchimp,<another tag>,rewards"),
    (
        "merge_fields",
        "shoe_size_left,x,true\nshoe_size_lefty,x,true",
        "merge_field",
        "SHOESIZELE, which is in use",
    ),
    *(
        ("outside_campaigns", line, column, fix)
        for line, column, fix in (
            ("ours,x,a,a;b,order_completed,7", "campaign_id", "campaigns/ours is a campaign of ours"),
            (",x,a,a;b,order_completed,7", "campaign_id", "write the campaign's id"),
            ("c,,a,a;b,order_completed,7", "name", "write what people call the campaign"),
            ("c,x,,a;b,order_completed,7", "control_arm", "write the arm that the others are compared with"),
            ("c,x,c,a;b,order_completed,7", "arms", "control_arm 'c' is none of them"),
            ("c,x,A,a;b,order_completed,7", "arms", 'did you mean "a"?'),
            ("c,x,a,,order_completed,7", "arms", "empty"),
            ("c,x,a,a,order_completed,7", "arms", "not two or more arms"),
            ("c,x,a,a;a,order_completed,7", "arms", "not two or more arms"),
            ("c,x,a,a:1;a:2;b:1,order_completed,7", "arms", "not two or more arms"),
            ("c,x,a,a:1;b:x,order_completed,7", "arms", "not two or more arms"),
            ("c,x,a,a:1;b :1,order_completed,7", "arms", "write control:1;plain:1"),
            ("c,x,a,a:1;b,order_completed,7", "arms", "some of the arms have no share"),
            ("c,x,a,a:1;b:0.0,order_completed,7", "arms", "a number above 0 behind each"),
            ("c,x,a,a;send,order_completed,7", "arms", "is called send"),
            ("c,x,a,a;control,order_completed,7", "arms", "is called control"),
            ("c,x,a,a;b,order_complete,7", "success_event", 'did you mean "order_completed"?'),
            ("c,x,a,a;b,,7", "success_event", "unknown event ''"),
            ("c,x,a,a;b,message_klicked:c,7", "success_event", 'did you mean "clicked"?'),
            ("c,x,a,a;b,message_clicked:d,7", "success_event", "there is no campaign 'd'"),
            ("c,x,a,a;b,order_completed,0", "success_window_days", "from 1 to 365"),
            ("c,x,a,a;b,order_completed,", "success_window_days", "empty"),
            (
                "c,x,a,a;b,order_completed,7\nC,x,a,a;b,order_completed,7",
                "campaign_id",
                "remove one of the two",
            ),
        )
    ),
    ("source_limits", "assignments,,20,all,20", "table_name", "write one of users"),
    ("topics", "Offers,x", "topic", "lower-case"),
    ("topics", "all,x", "topic", "every topic"),
    ("topics", "news,", "description", "say what"),
    ("topics", "offers,x", "topic", "remove one of the two"),
    ("ticket_statuses", "Parked,parked", "status", "new, open, pending, hold, solved, closed"),
    ("ticket_statuses", "Parked,Open", "status", 'did you mean "open"?'),
    ("ticket_statuses", "Parked,", "status", "empty"),
    ("ticket_statuses", "in_progress,solved", "source_status", "which means open there and solved here"),
    ("report_types", "kicked,kicked", "event_type", 'did you mean "clicked"?'),
    ("report_types", "kicked,bounced", "event_type", "bounced_"),
    ("report_types", "SPAMREPORT,ignored", "source_type", "which means complained there and ignored here"),
    ("report_channels", "fax,fax", "channel", "email, sms, push, ignored"),
    ("report_channels", "fax,all", "channel", "email, sms, push, ignored"),
    ("report_channels", "E Mail,sms", "source_channel", "which means email there and sms here"),
    ("source_formats", "orders,occurred_at,%d/%m/%Y", "table_name", "write one of users"),
    ("source_formats", "events,ocurred_at,%d/%m/%Y", "column_name", 'did you mean "occurred_at"?'),
    ("source_formats", "events,occurred_at,", "format", "empty"),
    ("source_formats", "events,occurred_at,DD/MM/YYYY", "format", "%d/%m/%Y"),
    ("source_formats", "events,occurred_at,%d/%m", "format", "%d/%m/%Y"),
    ("source_formats", "events,occurred_at,%d/%m/%y", "format", "%d/%m/%Y"),
    ("source_formats", "events,properties.total,%d", "format", "1.234,56"),
    ("source_formats", "events,properties.total,1234", "format", "1.234,56"),
    ("source_formats", "users,max_messages_per_week,decimal", "format", "1.234,56"),
    ("source_formats", "users,email_opt_in,ja", "format", "ja|nein"),
    ("source_formats", "users,email_opt_in,ja|nein|?", "format", "ja|nein"),
    *(
        ("source_formats", f"users,email_opt_in,{words}", "format", "the word for yes first")
        for words in ("0|1", "0.0|x", "no|yes", "Off|on", "unsubscribed|subscribed", "ja|1", "f|ja", "x|X")
    ),
    *(
        ("global_suppressions", f"{channel},,{address},asked,2026-01-01", "address", "stops nobody")
        for channel, address in NOBODY_S
    ),
    ("source_formats", "users,city,%d/%m/%Y", "column_name", "remove this line"),
    ("kinds", "Recall,x,,,,false,false,,,,,,7,0,order_refunded,7", "kind", "a plain name"),
    ("kinds", "re__call,x,,,,false,false,,,,,,7,0,order_refunded,7", "kind", "a plain name"),
    (
        "kinds",
        "recall,,,,,false,false,,,,,,7,0,order_refunded,7",
        "description",
        "what campaigns of the kind are for",
    ),
    ("kinds", "recall,x,loyl,,,false,false,,,,,,7,0,order_refunded,7", "must_be_in", 'did you mean "loyal"?'),
    (
        "kinds",
        "recall,x,,loyal;activ,,false,false,,,,,,7,0,order_refunded,7",
        "must_exclude",
        'did you mean "active"?',
    ),
    (
        "kinds",
        "recall,x,,,orders_paid,false,false,,,,,,7,0,order_refunded,7",
        "must_cancel_on",
        "unknown event",
    ),
    ("kinds", "recall,x,,,,maybe,false,,,,,,7,0,order_refunded,7", "must_expire", "true or false"),
    ("kinds", "recall,x,,,,true,false,,,,,,7,0,order_refunded,7", "max_age_hours", "after how many hours"),
    ("kinds", "recall,x,,,,false,,,,,,,7,0,order_refunded,7", "is_transactional", "true or false"),
    ("kinds", "recall,x,,,,false,true,,,,,,7,0,order_refunded,7", "cooldown_days", "write 0"),
    ("kinds", "recall,x,,,,false,true,,,,,,0,5,order_refunded,7", "holdout_percent", "write 0"),
    ("kinds", "recall,x,,,,false,false,offer,,,,,7,0,order_refunded,7", "topic", 'did you mean "offers"?'),
    (
        "kinds",
        "recall,x,,,,false,false,,,order_sent,,,7,0,order_refunded,7",
        "trigger_event",
        "unknown event",
    ),
    ("kinds", "recall,x,,,,false,false,,,,-1,,7,0,order_refunded,7", "min_age_hours", "begins without it"),
    ("kinds", "recall,x,,,,false,false,,,,,,7,101,order_refunded,7", "holdout_percent", "0 to 100"),
    ("kinds", "recall,x,,,,false,false,,,,,,7,0,,7", "success_event", "unknown event"),
    ("kinds", "recall,x,,,,false,false,,,,,,7,0,order_refunded,0", "success_window_days", "1 to 365"),
    ("kinds", "discount,x,,,,false,false,,,,,,7,0,order_refunded,7", "kind", "remove one of the two"),
    ("metrics", "success,order_completed,,false,1,false,,x", "metric", "what the campaign itself names"),
    ("metrics", "Revenue,order_completed,,false,1,false,,x", "metric", "a plain name"),
    ("metrics", "revenue,order_completed,,false,1,false,,x", "metric", "remove one of the two"),
    ("metrics", "money,order_complete,,false,1,false,,x", "event_name", 'did you mean "order_completed"?'),
    (
        "metrics",
        "spam,message_spam,,false,1,false,,x",
        "event_name",
        'did you mean "message_sent"?',
    ),
    ("metrics", "money,order_refunded,order_total,false,1,false,,x", "amount", "measure order_completed"),
    (
        "metrics",
        "time,order_completed,dwell_seconds,false,1,false,,x",
        "amount",
        "page_viewed or product_viewed",
    ),
    ("metrics", "money,order_completed,total,false,1,false,,x", "amount", "each event counts as 1"),
    ("metrics", "again,order_completed,,maybe,1,false,,x", "only_repeats", "true or false"),
    ("metrics", "money,order_completed,,false,0,false,,x", "most_per_user", "out of range"),
    ("metrics", "money,order_completed,,false,,false,,x", "most_per_user", "a number from"),
    (
        "metrics",
        "tickets,ticket_created,,false,1,true,,x",
        "tolerated_rise",
        "0.005 is half a percentage point",
    ),
    ("metrics", "tickets,ticket_created,,false,1,false,0.1,x", "tolerated_rise", "or make it a guardrail"),
    ("metrics", "tickets,ticket_created,,false,1,true,-0.1,x", "tolerated_rise", "out of range"),
    ("metrics", "tickets,ticket_created,,false,1,true,0.1,", "description", "what it tells of a person"),
    ("source_limits", "events,168,20,all,x", "max_quarantined_percent", "leave it empty: then it is 20"),
    ("source_limits", "events,168,20,all,100.5", "max_quarantined_percent", "0 to 100"),
]


@pytest.mark.parametrize(
    ("seed", "line", "column", "fix"), MISTAKES, ids=[f"{m[0]}: {m[1]}" for m in MISTAKES]
)
def test_each_mistake_in_a_line(project: Path, seed: str, line: str, column: str, fix: str) -> None:
    path = project / "seeds" / f"{seed}.csv"
    before = path.read_text(encoding="utf-8")
    if seed == "source_limits":
        before = before.replace("events,168,20,all,20\n", "", 1)
    path.write_text(f"{before}{line}\n", encoding="utf-8")
    found = validate_settings(project)
    number = len(path.read_text(encoding="utf-8").splitlines())
    matching = [p for p in found if (p.where, p.key) == (f"seeds/{seed}.csv:{number}", column)]
    assert matching and fix in str(matching[0]), found


RIGHT = [
    *(("global_suppressions", f"{channel},,{address},asked,2026-01-01") for channel, address in SOMEBODY_S),
    ("outside_campaigns", "Sale 24,Spring sale,No E-Mail,No E-Mail:1;Mens E-Mail:0.5,order_completed,14"),
    ("outside_campaigns", "4711,x,control,plain; control,message_clicked:4711,1"),
    ("outside_campaigns", "c,x,send,send;plain,message_sent:ours,365"),
    ("source_formats", "assignments,assigned_at,%d/%m/%Y"),
    ("source_formats", "users,email_opt_in,Y|N"),
    ("source_formats", "users,email_opt_in,1|2"),
    ("metrics", "clicked,message_clicked,,false,1,false,,People who clicked"),
    ("metrics", "time_on_site,page_viewed,dwell_seconds,false,3600,true,60.5,Seconds that a person needs"),
    ("merge_fields", "hat_size,Hat size from the profile's custom attributes,true"),
    ("events", "coffee_brewed,A coffee"),
    ("events", "äpfel_gekauft,Obst"),
    ("event_names", "Placed Order,order_completed"),
    ("event_names", "order_completed_v2,order_completed"),
    ("source_formats", "events,occurred_at,%d/%m/%Y %H:%M:%S"),
    ("source_formats", "users,updated_at,%d.%m.%Y"),
    ("source_formats", "users,email_opt_in,ja|nein"),
    ("source_formats", 'events,properties.total,"1.234,56"'),
    ("source_formats", 'events,properties.total,"1,234.56"'),
    ("source_formats", 'events,properties.total,"1 234,56"'),
    (
        "kinds",
        "recall,x,,loyal;active,order_refunded,true,false,offers,offer,order_refunded,1,72,7,2.5,order_refunded,7",
    ),
    ("report_types", "zugestellt,delivered"),
]


@pytest.mark.parametrize(("seed", "line"), RIGHT)
def test_a_right_line_is_taken(project: Path, seed: str, line: str) -> None:
    with (project / "seeds" / f"{seed}.csv").open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
    assert [str(problem) for problem in validate_settings(project)] == []


def test_an_address_is_one_where_the_rules_of_messages_say_so() -> None:
    macros, connection = Macros("duckdb"), duckdb.connect()
    connection.execute("create table placeholder_values (placeholder_value varchar)")
    for channel, address in [*NOBODY_S, *SOMEBODY_S]:
        channels = ["email", "sms"] if channel == "all" else [channel]
        parts = [macros.render("is_valid_address", f"'{one}'", f"'{address}'") for one in channels]
        is_right = any(connection.execute(f"select {', '.join(parts)}").fetchone() or ())
        # whoever writes `all` may have written a push token
        expected = (channel, address) in SOMEBODY_S and address != "cK3x:APA91b-_9"
        assert is_right == expected, (channel, address)


def test_no_value_of_a_suppression_is_shown(project: Path) -> None:
    with (project / "seeds" / "global_suppressions.csv").open("a", encoding="utf-8") as file:
        file.write("all,,Pat <pat@example.org>,asked,2026-01-01\n")
    (problem,) = validate_settings(project)
    assert problem.key == "address" and "pat" not in str(problem).lower()


def test_the_usual_words_for_yes_and_no_are_those_of_the_macro() -> None:
    text = (PROJECT / "macros/reading/boolean_of_text.sql").read_text(encoding="utf-8")
    lists = re.findall(r" in \((.*?)\{% if", text, re.DOTALL)
    assert [tuple(re.findall("'([^']+)'", words)) for words in lists] == [
        USUAL_WORDS[True],
        USUAL_WORDS[False],
    ]


@pytest.mark.parametrize("seed", NEW)
def test_a_file_that_is_missing_or_has_another_header_is_named(project: Path, seed: str) -> None:
    path = project / "seeds" / f"{seed}.csv"
    header, _, rest = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(f"{header},more\n{rest}", encoding="utf-8")
    assert f"seeds/{seed}.csv:1" in [p.where for p in validate_settings(project)]
    path.unlink()
    assert [p.where for p in validate_settings(project)] == [f"seeds/{seed}.csv"]


@pytest.mark.parametrize("seed", [seed.name for seed in SEEDS if seed.name in NEW and not seed.may_be_empty])
def test_a_file_that_has_no_line_is_named(project: Path, seed: str) -> None:
    path = project / "seeds" / f"{seed}.csv"
    path.write_text(path.read_text(encoding="utf-8").partition("\n")[0] + "\n", encoding="utf-8")
    assert f"seeds/{seed}.csv" in [p.where for p in validate_settings(project)]


# --- what ships ---------------------------------------------------------------------------------------

WELL_KNOWN = {
    *(
        "signed_up",
        "app_installed",
        "onboarding_started",
        "onboarding_completed",
        "page_viewed",
        "product_viewed",
    ),
    *("cart_item_added", "order_completed", "order_refunded", "return_requested", "payment_failed"),
    *("subscription_cancelled", "subscription_started", "feedback_submitted", "location_ping"),
}


def test_the_well_known_events_are_declared() -> None:
    assert read_names(PROJECT, "events") >= WELL_KNOWN


@pytest.mark.parametrize(
    ("sent", "event"),
    [
        ("Order Completed", "order_completed"),
        ("Completed Order", "order_completed"),
        ("purchase", "order_completed"),
        ("orders/paid", "order_completed"),
        ("ORDERS_PAID", "order_completed"),
        # placed is not paid: it stops the reminder of a basket, and is counted once
        ("orders/create", "order_placed"),
        ("Product Added", "cart_item_added"),
        ("add_to_cart", "cart_item_added"),
        ("remove_from_cart", "cart_item_removed"),
        ("Order Refunded", "order_refunded"),
        ("refund", "order_refunded"),
        ("refunds/create", "order_refunded"),
        # called off before it was delivered is not paid back
        ("orders/cancelled", "order_cancelled"),
        ("Order Cancelled", "order_cancelled"),
        ("returns/request", "return_requested"),
        ("returns/approve", "return_requested"),
        ("view_item", "product_viewed"),
        ("page_view", "page_viewed"),
        ("sign_up", "signed_up"),
        ("first_open", "app_installed"),
        ("tutorial_begin", "onboarding_started"),
        ("tutorial_complete", "onboarding_completed"),
        ("subscription_contracts/create", "subscription_started"),
        ("subscription_billing_attempts/failure", "payment_failed"),
    ],
)
def test_other_systems_names_are_translated(sent: str, event: str) -> None:
    assert read_event_names(PROJECT)[normalise_name(sent)] == event


@pytest.mark.parametrize(
    "sent",
    # a guest's order and an import make customers too; a basket that changes may have become empty; what is begun is not done
    [
        "customers/create",
        "carts/update",
        "carts/create",
        "checkouts/create",
        "orders/updated",
        "begin_checkout",
        "login",
    ],
)
def test_what_is_something_else_is_not_translated(sent: str) -> None:
    assert normalise_name(sent) not in read_event_names(PROJECT)


def words(seed: str, source: str, target: str) -> dict[str, str]:
    return {normalise_name(row[source]): row[target] for row in rows(seed)}


def test_only_what_is_done_is_no_open_ticket() -> None:
    statuses = words("ticket_statuses", "source_status", "status")
    assert {word for word, status in statuses.items() if status in ("solved", "closed")} == {
        *("solved", "resolved", "completed", "done", "closed", "canceled", "cancelled")
    }
    assert {s: statuses[s] for s in ("new", "open", "pending", "hold", "solved", "closed")} == {
        s: s for s in ("new", "open", "pending", "hold", "solved", "closed")
    }
    # numbers mean different things at different vendors
    assert not [word for word in statuses if word.isdigit()]
    assert "escalated" in statuses and "waiting_on_third_party" in statuses and "on_hold" in statuses


def test_what_is_reported_is_translated_to_what_sends_less() -> None:
    types = words("report_types", "source_type", "event_type")
    assert {name: types[name] for name in REPORT_TYPES} == {name: name for name in REPORT_TYPES}
    assert types["bounce"] == types["bounced"] == "bounced_hard"
    assert {word for word, kind in types.items() if kind == "resubscribed"} == {"resubscribe", "resubscribed"}
    for word, kind in types.items():
        if "unsub" in word or word.startswith(("opt_out", "opted_out", "stop")):
            assert kind == "unsubscribed", word
        if "spam" in word or "complain" in word or "abuse" in word:
            assert kind == "complained", word
        if "bounce" in word:
            assert kind in ("bounced_hard", "bounced_soft"), word
    ignored = {word for word, kind in types.items() if kind == "ignored"}
    assert {"deferred", "group_resubscribe", "proxy_open"} <= ignored
    assert not [
        w
        for w in ignored
        if any(sign in w for sign in ("unsub", "bounce", "spam", "complain", "reject", "block"))
    ]


def test_what_ingest_counts_as_sent_is_sent_in_a_table_too() -> None:
    types = words("report_types", "source_type", "event_type")
    with (PROJECT / "scripts/sendworthy/ingest/event_types.csv").open(encoding="utf-8", newline="") as file:
        sent = {
            normalise_name(row["event"])
            for row in csv.DictReader(file)
            if "sent" in row["event_type"].split(";")
        }
    both = sent & set(types)
    assert {"processed", "received_email", "received_push", "received_sms", "email_sent"} <= both
    assert {word: types[word] for word in both} == dict.fromkeys(both, "sent")


@pytest.mark.parametrize(
    "word",
    # why nothing went out differs: the address, the content, a quota; an answer to a text message may say STOP
    [
        "dropped",
        "blocked",
        "rejected",
        "reject",
        "failed",
        "undelivered",
        "undeliverable",
        "suppressed",
        "smsreceived",
        "sent_sms",
    ],
)
def test_words_of_several_meanings_are_translated_to_none(word: str) -> None:
    assert word not in words("report_types", "source_type", "event_type")


def test_channels_of_reports() -> None:
    channels = words("report_channels", "source_channel", "channel")
    assert {name: channels[name] for name in ("email", "sms", "push")} == {
        name: name for name in ("email", "sms", "push")
    }
    assert channels["e_mail"] == "email" and channels["push_notification"] == "push"
    assert {"whatsapp", "in_app", "webhook"} <= {
        word for word, channel in channels.items() if channel == "ignored"
    }
    # postal or electronic, of the site or of the app: nobody knows
    assert not {"mail", "web_push", "webpush"} & set(channels)


def test_each_table_has_a_limit_of_what_may_be_quarantined() -> None:
    assert {row["max_quarantined_percent"] for row in rows("source_limits")} == {"20"} and len(
        rows("source_limits")
    ) == 6
    assert rows("source_formats") == []


def test_kinds_begin_with_what_they_demand() -> None:
    kinds = read_kinds(PROJECT)
    assert sorted(kinds) == sorted(row["kind"] for row in rows("kinds"))
    for name, kind in kinds.items():
        assert kind.defaults["trigger_event"] not in kind.must_cancel_on, name
        assert kind.must_expire == bool(kind.defaults["trigger_event"]) or name in (
            "welcome",
            "rating_request",
        ), name
