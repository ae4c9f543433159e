"""Contract §3 and §5 as tables of cases: what stands in a file, and what it is read as.

Each case is (source, Parquet type, expected). The source is a text; where a type is named, the file holds the text cast to
that type (`write_cases` does it), so that one table serves every engine. `write_cases` makes a landing zone of a table,
to be read with settings_of(table): the id of each row is `case-<number>`, twice (`-csv`, `-parquet`) where the source is plain
text, and each row is about a user of that id, whom nothing else keeps from the messages of CASE_SETTINGS.

    UNREADABLE   the value is there and cannot be read: null and counted, or the row's quarantine, or what section 3 says
    None         there is no value
    a `date`     a whole day; a `datetime` is a moment (UTC)
"""

from __future__ import annotations

import csv
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

from .landing import TABLES, file_engine
from .settings import Campaign, Settings, Variant

UNREADABLE: Final = "UNREADABLE"


class Case(NamedTuple):
    """One value in a file, and what it is read as; `source` None is NULL."""

    source: str | None
    parquet_type: str | None
    expected: Any


def _texts(expected: Any, *sources: str) -> list[Case]:
    return [Case(source, None, expected) for source in sources]


# ---------------------------------------------------------------------------------------------------------
# Times: users.signed_up_at

_TEN = datetime(2026, 5, 1, 10)

TIMES: list[Case] = [
    *_texts(
        _TEN,
        "2026-05-01T10:00:00",
        "2026-05-01 10:00:00",
        "2026-05-01t10:00:00",
        "2026-05-01 10:00",
        "2026-05-01T10:00",
        "2026-05-01T10:00Z",
        "2026-05-01T10:00:00Z",
        "2026-05-01T10:00:00z",
        "2026-05-01 10:00:00 UTC",
        "2026-05-01 10:00:00 Z",
        "2026-05-01 12:00:00+02:00",
        "2026-05-01 12:00:00 +02:00",
        "2026-05-01T12:00:00+0200",
        "2026-05-01T12:00:00+02",
        "2026-05-01T06:30:00-03:30",
        "2026-05-01 15:45+05:45",
        "  2026-05-01 10:00:00\t",
        "\ufeff2026-05-01 10:00:00\u200b",
        "1777629600",
        "1777629600.0",
        "1777629600.000",
        "1777629600000",
        "1777629600000000",
        "1777629600000.0",
        " 1777629600 ",
    ),
    *_texts(datetime(2026, 5, 1, 10, 0, 0, 250_000), "2026-05-01T10:00:00.25", "2026-05-01T10:00:00,250Z"),
    *_texts(datetime(2026, 5, 1, 10, 0, 0, 123_456), "2026-05-01 10:00:00.123456789", "1777629600123456"),
    *_texts(datetime(2026, 5, 1, 10, 0, 0, 123_000), "1777629600123"),
    *_texts(date(2026, 5, 1), "2026-05-01", " 2026-05-01 "),
    *_texts(date(2024, 2, 29), "2024-02-29"),
    *_texts(datetime(2026, 4, 30, 22), "2026-05-01T00:00+02:00"),
    *_texts(datetime(1, 1, 1), "0001-01-01 00:00:00"),
    *_texts(datetime(9999, 12, 31, 23, 59, 59), "9999-12-31 23:59:59"),
    *_texts(None, "", " ", "\u00a0", "\u200b", "NULL", "\\N", "None"),
    *_texts(
        UNREADABLE,
        "0000-00-00 00:00:00",
        "2026-13-01",
        "2026-02-29",
        "2026-05-01 25:00:00",
        "2026-05-01 10:60",
        "28/11/2026",
        "05/01/2026 10:00",
        "28.11.2026",
        "1 May 2026",
        "20260501",
        "2026-5-1",
        "26-05-01",
        "10:00:00",
        "yesterday",
        "epoch",
        "infinity",
        "177762960",
        "17776296001",
        "1777629600.5",
        "-1777629600",
        "1.7776296e9",
        "2026-05-01 10:00:00 Europe/Berlin",
        "2026-05-01 10:00:00 CEST",
        "2026-05-01 10:00:00 PM",
        "0001-01-01 00:00:00+02:00",
        "9999-12-31 23:59:59-02:00",
        "10000-01-01",
        "null",
        "nan",
        "none",
        "[]",
    ),
    Case("2026-05-01 10:00:00", "TIMESTAMP", _TEN),
    Case("2026-05-01 12:00:00+02", "TIMESTAMPTZ", _TEN),
    Case("2026-05-01 00:00:00", "TIMESTAMP", datetime(2026, 5, 1)),
    Case("2026-05-01", "DATE", date(2026, 5, 1)),
    Case("1777629600", "BIGINT", _TEN),
    Case("1777629600", "INTEGER", _TEN),
    Case("1777629600000", "BIGINT", _TEN),
    Case("1777629600000000", "BIGINT", _TEN),
    Case("1777629600", "DOUBLE", _TEN),
    Case("1777629600", "DECIMAL(20,3)", _TEN),
    Case("1777629600.5", "DOUBLE", UNREADABLE),
    Case("nan", "DOUBLE", UNREADABLE),
    Case("20260501", "INTEGER", UNREADABLE),
    Case("0", "BIGINT", UNREADABLE),
    Case("true", "BOOLEAN", UNREADABLE),
    Case("2026-05-01T10:00:00Z", "BLOB", _TEN),
    Case("[2026-05-01 10:00:00]", "VARCHAR[]", UNREADABLE),
    Case("{'moment': 2026-05-01 10:00:00}", "STRUCT(moment TIMESTAMP)", UNREADABLE),
    Case(None, "TIMESTAMP", None),
]

# ---------------------------------------------------------------------------------------------------------
# Booleans: users.email_opt_in

BOOLEANS: list[Case] = [
    *_texts(True, "true", "TRUE", "True", "t", "T", "yes", "YES", "y", "1", "1.0", "on", "On", "subscribed"),
    *_texts(False, "false", "FALSE", "f", "no", "No", "n", "N", "0", "0.0", "off", "Unsubscribed"),
    *_texts(True, " true ", "\u200byes", "Subscribed\t"),
    *_texts(None, "", " ", "NULL", "\\N", "None"),
    *_texts(
        UNREADABLE, "null", "nan", "2", "-1", "0.5", "maybe", "opted out", "ja", "unknown", "[true]", "✓"
    ),
    Case("true", "BOOLEAN", True),
    Case("false", "BOOLEAN", False),
    Case("1", "INTEGER", True),
    Case("0", "BIGINT", False),
    Case("1", "DOUBLE", True),
    Case("0", "DOUBLE", False),
    Case("1", "DECIMAL(10,2)", True),
    Case("nan", "DOUBLE", UNREADABLE),
    Case("2", "INTEGER", UNREADABLE),
    Case("0.5", "DOUBLE", UNREADABLE),
    Case("Yes", "BLOB", True),
    Case("[true]", "BOOLEAN[]", UNREADABLE),
    Case(None, "BOOLEAN", None),
]

# ---------------------------------------------------------------------------------------------------------
# Ids: message_events.campaign_id (which may be null)

IDS: list[Case] = [
    *_texts("3018", "3018", "3018.0", "3018.000", " 3018 ", "3018.0 ", "\u200b3018\ufeff", "\t3018\n"),
    *_texts("A7", "A7", " A7", "A7\u00a0", "\u3164A7"),
    *_texts("a7", "a7"),
    *_texts("a 7", " a 7 "),
    *_texts("3018.5", "3018.5"),
    *_texts("007", "007"),
    *_texts("-5", "-5", "-5.0"),
    *_texts("1.0.0", "1.0.0"),
    *_texts("v2.0", "v2.0"),
    *_texts("NULL", "NULL"),
    *_texts("None", " None"),
    *_texts("null", "null"),
    *_texts("Ü-13", "Ü-13"),
    *_texts(None, "", " ", "\u200b", "\u00a0\t"),
    Case("3018", "INTEGER", "3018"),
    Case("3018", "BIGINT", "3018"),
    Case("3018", "DOUBLE", "3018"),
    Case("3018", "FLOAT", "3018"),
    Case("3018", "DECIMAL(38,10)", "3018"),
    Case("123456789012", "DOUBLE", "123456789012"),
    Case("-5", "DOUBLE", "-5"),
    Case("nan", "DOUBLE", None),
    Case("A7 ", "BLOB", "A7"),
    Case(r"\xFF\xFE", "BLOB", UNREADABLE),
    Case("[a]", "VARCHAR[]", UNREADABLE),
    Case("{'id': a}", "STRUCT(id VARCHAR)", UNREADABLE),
    Case("{a=b}", "MAP(VARCHAR, VARCHAR)", UNREADABLE),
    Case("00000000-0000-0000-0000-00000000000a", "UUID", "00000000-0000-0000-0000-00000000000a"),
    Case(None, "BIGINT", None),
]

# The same where an id is required: message_events.user_id
USER_IDS = [case._replace(expected=UNREADABLE) if case.expected is None else case for case in IDS]

# Text as it stands: users.first_name. Only a type changes how it prints.
TEXTS: list[Case] = [
    *_texts(" Ann ", " Ann "),
    *_texts("12.0", "12.0"),
    *_texts("NULL", "NULL"),
    *_texts(" ", " "),
    Case("12", "DOUBLE", "12"),
    Case("12", "DECIMAL(10,2)", "12"),
    Case("12", "INTEGER", "12"),
    Case("nan", "DOUBLE", None),
    Case(r"Jos\xC3\xA9", "BLOB", "José"),
    Case(r"Jos\xC3", "BLOB", UNREADABLE),
    Case("[Ann, Bob]", "VARCHAR[]", UNREADABLE),
    Case("{'first': Ann}", "STRUCT(first VARCHAR)", UNREADABLE),
]

# ---------------------------------------------------------------------------------------------------------
# Words. The settings that these cases are read with: CASE_SETTINGS.

_EXCLUDED = ("has_open_ticket", "negative_on_social", "recent_complaint")
CASE_SETTINGS = Settings(
    campaigns=[
        Campaign("newsletter__everyone__email__news", "newsletter", "email", topic="news"),
        Campaign(
            "newsletter__everyone__email__offers",
            "newsletter",
            "email",
            topic="offers",
            excluded_segments=_EXCLUDED,
            variants=(
                Variant("personalized", 1, ("first_name",), ("first_name",)),
                Variant("default", 2),
            ),
        ),
        Campaign("thank_you__order_completed__email", "thank_you", "email", trigger_event="order_completed"),
    ],
    event_names={
        "purchase": "order_completed",
        "orders/paid": "order_completed",
        "Nps Answer": "feedback_submitted",
    },
    ticket_statuses={"Waiting on us": "open", "in-progress": "open", "resolved": "solved"},
    report_types={
        "unsubscribe": "unsubscribed",
        "spamreport": "complained",
        "bounce": "bounced_hard",
        "Group.Resubscribe": "resubscribed",
        "processed": "ignored",
    },
    report_channels={"E-Mail": "email", "text message": "sms", "whatsapp": "ignored"},
    topics={"offers", "news"},
    source_formats={
        ("social_mentions", "posted_at"): "%d/%m/%Y %H:%M",
        ("erasure_requests", "requested_at"): "%d.%m.%Y",
    },
)

# events.event_name
EVENT_NAMES: list[Case] = [
    *_texts(
        "order_completed",
        "order_completed",
        "Order Completed",
        "ORDER-COMPLETED",
        "order.completed",
        " order  completed ",
        "order - completed",
        "order\u00a0completed",
        "\u200border_completed",
        "purchase",
        "Purchase",
        "orders/paid",
        "Orders/Paid",
    ),
    *_texts("feedback_submitted", "nps_answer", "NPS-Answer"),
    *_texts("_purchase", ".purchase"),
    *_texts("order__completed", "order__completed"),
    *_texts("ordercompleted", "OrderCompleted"),
    *_texts("order/completed", "order/completed"),
    *_texts("null", "NULL"),
    *_texts(UNREADABLE, "", " ", "\u200b"),  # missing: the row's quarantine, as what cannot be read
    Case("Order Completed", "BLOB", "order_completed"),
    Case("[order_completed]", "VARCHAR[]", UNREADABLE),
]

# support_tickets.status
STATUSES: list[Case] = [
    *_texts("open", "open", "Open", " OPEN ", "waiting on us", "Waiting-On-Us", "In Progress"),
    *_texts("solved", "solved", "Resolved"),
    *_texts("closed", "closed", "CLOSED\t"),
    *_texts("hold", "hold"),
    *_texts("pending", "pending"),
    *_texts("new", "New"),
    # what is not translated is an open ticket, and counted
    *_texts(UNREADABLE, "escalated", "done", "geschlossen", "NULL", "1", "closed?"),
    Case("closed", "BLOB", "closed"),
    Case("[closed]", "VARCHAR[]", UNREADABLE),
]

# message_events.event_type
REPORT_TYPES: list[Case] = [
    *_texts("sent", "sent", "SENT", " Sent "),
    *_texts("unsubscribed", "unsubscribed", "Unsubscribe", "UNSUBSCRIBED"),
    *_texts("complained", "complained", "SpamReport"),
    *_texts("bounced_hard", "bounced_hard", "Bounced Hard", "bounced-hard", "bounced.hard", "bounce"),
    *_texts("bounced_soft", "bounced_soft"),
    *_texts("resubscribed", "resubscribed", "group resubscribe"),
    *_texts("ignored", "processed", "Processed"),
    *_texts("delivered", "delivered"),
    *_texts("opened", "opened"),
    *_texts("clicked", "clicked"),
    *_texts(UNREADABLE, "unsub", "spam report", "deferred", "NULL", "unsubscribed!", "opt-out"),
    Case("Unsubscribe", "BLOB", "unsubscribed"),
    Case("[sent]", "VARCHAR[]", UNREADABLE),
]

# message_events.channel: one that nobody translates is every channel where the report stops something
REPORT_CHANNELS: list[Case] = [
    *_texts("email", "email", "Email", " E-MAIL ", "e.mail"),
    *_texts("sms", "sms", "SMS", "Text Message", "text_message"),
    *_texts("push", "push"),
    *_texts("ignored", "WhatsApp"),
    *_texts(UNREADABLE, "letter", "mail", "all", "NULL", "mobile push"),
]

SENTIMENTS: list[Case] = [  # social_mentions.sentiment: what cannot be read is negative
    *_texts("positive", "positive", " Positive"),
    *_texts("neutral", "NEUTRAL"),
    *_texts("negative", "negative"),
    *_texts(None, "", " "),
    *_texts(UNREADABLE, "very negative", "pos", "0.7", "NULL", "mixed"),
    Case("-1", "DOUBLE", UNREADABLE),
]

SATISFACTIONS: list[Case] = [  # support_tickets.satisfaction: what cannot be read is no verdict, and counted
    *_texts("good", "good", "GOOD ", "Good"),
    *_texts("bad", "bad", " Bad"),
    *_texts(None, "", " "),
    *_texts(UNREADABLE, "unoffered", "great", "5", "NULL"),
]

# ---------------------------------------------------------------------------------------------------------
# Topics: users.topics_opted_out; UNREADABLE is every topic

TOPICS: list[Case] = [
    *_texts(
        {"news", "offers"}, "news;offers", "news,offers", "news|offers", " News ; OFFERS;", "offers;news;news"
    ),
    *_texts(
        {"news", "offers"}, '["news", "offers"]', ' ["News","offers "]', "{news,offers}", '{"news","OFFERS"}'
    ),
    *_texts({"news", "offers"}, "{news, offers}", "news;,|offers"),
    *_texts({"all"}, "all", "ALL", '["all"]', "{all}"),
    *_texts({"big offers"}, "Big Offers", '["big offers"]', '{"big offers"}', "{big offers}"),
    *_texts({"news;offers"}, '["news;offers"]', '{"news;offers"}'),
    *_texts({'so "new"'}, '{"so \\"new\\""}'),
    *_texts({"null"}, "NULL", '{"null"}'),
    *_texts({"no such topic"}, "no such topic"),
    *_texts(set(), "", " ", ";", " ; , | ", "[]", "{}", '[""]', '[" "]', '{""}'),
    *_texts(
        UNREADABLE,
        '["news", "offers"',
        '["news", 1]',
        '["news", null]',
        '[["news"]]',
        "[news]",
        "{news,offers",
        "{news,NULL}",
        "{news,{offers}}",
        "{news,,offers}",
        '{"news" "offers"}',
        '{"news": true}',
        '{"news": "no", "offers": "no"}',
    ),
    Case("[news, Offers]", "VARCHAR[]", {"news", "offers"}),
    Case("[]", "VARCHAR[]", set()),
    Case("[news, NULL]", "VARCHAR[]", UNREADABLE),
    Case("[1, 2]", "INTEGER[]", UNREADABLE),
    Case("{'news': true}", "STRUCT(news BOOLEAN)", UNREADABLE),
    Case("{news=true}", "MAP(VARCHAR, BOOLEAN)", UNREADABLE),
    Case("news;offers", "BLOB", {"news", "offers"}),
    Case(r"news\xFF", "BLOB", UNREADABLE),
    Case("nan", "DOUBLE", set()),
    Case(None, "VARCHAR", set()),
    Case(None, "VARCHAR[]", set()),
]

# ---------------------------------------------------------------------------------------------------------
# Whole numbers: users.max_messages_per_week; UNREADABLE is 0, and counted

INTEGERS: list[Case] = [
    *_texts(3, "3", "3.0", "3.00", " 3 ", "\u200b3"),
    *_texts(0, "0", "0.0", "-1", "-2.0"),
    *_texts(None, "", " ", "NULL", "\\N", "None"),
    *_texts(UNREADABLE, "3.5", "3,0", "three", "nan", "null", "9" * 12, "1e1", "0x3", "3 per week", "[3]"),
    Case("3", "INTEGER", 3),
    Case("3", "BIGINT", 3),
    Case("3", "DOUBLE", 3),
    Case("3", "DECIMAL(10,2)", 3),
    Case("-3", "INTEGER", 0),
    Case("3.5", "DOUBLE", UNREADABLE),
    Case("nan", "DOUBLE", UNREADABLE),
    Case("inf", "DOUBLE", UNREADABLE),
    Case("999999999999", "BIGINT", UNREADABLE),
    Case("true", "BOOLEAN", UNREADABLE),
    Case("3", "BLOB", 3),
    Case("[3]", "INTEGER[]", UNREADABLE),
    Case(None, "INTEGER", None),
]

# ---------------------------------------------------------------------------------------------------------
# JSON objects: events.properties. The event stays, whatever its properties are.

OBJECTS: list[Case] = [
    *_texts(
        {"order_id": "o1"},
        '{"order_id": "o1"}',
        ' {"order_id":"o1"} ',
        '{"order_id": "o1", "order_id": "o2"}',
    ),
    *_texts({}, "{}"),
    *_texts({"total": Decimal("12.5")}, '{"total": 12.5}'),
    *_texts(None, "", " ", "NULL", "\\N", "None"),
    *_texts(
        UNREADABLE, '{"order_id": ', "[1]", '"text"', "12", "null", "nan", "{NaN}", "{'order_id': 'o1'}", "o1"
    ),
    Case("{'order_id': o1}", "STRUCT(order_id VARCHAR)", {"order_id": "o1"}),
    Case(
        "{'order_id': 7, 'total': NULL}",
        "STRUCT(order_id BIGINT, total DOUBLE)",
        {"order_id": 7, "total": None},
    ),
    Case("{'total': 12.5}", "STRUCT(total DOUBLE)", {"total": Decimal("12.5")}),
    Case("{'total': 12.5}", "STRUCT(total DECIMAL(10,2))", {"total": Decimal("12.50")}),
    Case("{'order': {'id': o1}}", 'STRUCT("order" STRUCT(id VARCHAR))', {"order": {"id": "o1"}}),
    Case("{order_id=o1, total=12.5}", "MAP(VARCHAR, VARCHAR)", {"order_id": "o1", "total": "12.5"}),
    Case('{"order_id": "o1"}', "BLOB", {"order_id": "o1"}),
    Case("[o1]", "VARCHAR[]", UNREADABLE),
    Case("1", "INTEGER", UNREADABLE),
    Case(None, "STRUCT(order_id VARCHAR)", None),
    Case(None, "INTEGER", None),
]

# The score of a feedback_submitted: events.properties. What is there and is no number from 0 to 10 is 0.
SCORES: list[Case] = [
    *_texts(
        Decimal(2), '{"score": 2}', '{"score": 2.0}', '{"score": "2"}', '{"score": " 2 "}', '{"score": "2.0"}'
    ),
    *_texts(Decimal("8.5"), '{"score": 8.5}', '{"score": "8.5"}'),
    *_texts(Decimal(10), '{"score": 10}', '{"score": "10"}'),
    *_texts(Decimal(0), '{"score": 0}', '{"score": "0"}'),
    *_texts(
        Decimal(0),
        '{"score": "great"}',
        '{"score": ""}',
        '{"score": 11}',
        '{"score": -1}',
        '{"score": "11"}',
        '{"score": true}',
        '{"score": [9]}',
        '{"score": {"value": 9}}',
        '{"score": "9,5"}',
        '{"score": "9/10"}',
        '{"score": ',
        "[9]",
    ),
    *_texts(None, '{"score": null}', "{}", '{"Score": 2}', "", "NULL"),
    Case("{'score': 9}", "STRUCT(score DOUBLE)", Decimal(9)),
    Case("{'score': NULL}", "STRUCT(score DOUBLE)", None),
    Case("{score=9}", "MAP(VARCHAR, VARCHAR)", Decimal(9)),
    Case("[9]", "INTEGER[]", Decimal(0)),
]

# ---------------------------------------------------------------------------------------------------------
# Zones: users.timezone. Expected: the IANA name, or the offset from UTC in minutes; None: unknown, the default zone

ZONES: list[Case] = [
    *_texts("Europe/Berlin", "Europe/Berlin", "europe/berlin", " EUROPE/BERLIN ", "Europe/Berlin\u200b"),
    *_texts("America/Argentina/Buenos_Aires", "america/argentina/buenos_aires"),
    *_texts("Etc/GMT+5", "Etc/GMT+5"),
    *_texts("UTC", "UTC", "utc"),
    *_texts(0, "Z", "z", "+00:00", "-0", "UTC+0:00"),
    *_texts(120, "+02:00", "+0200", "+02", "+2", "UTC+2", "GMT+02:00", "utc+0200", "+2:00"),
    *_texts(-210, "-03:30", "-0330", "UTC-3:30", "GMT-0330"),
    *_texts(840, "+14:00", "+14"),
    *_texts(-840, "-14:00"),
    *_texts(
        None,
        None or "",
        "Mars/Olympus",
        "CET+1",
        "Berlin",
        "+14:01",
        "+15",
        "-14:30",
        "+02:60",
        "+02:0",
        "2",
        "02:00",
        "UTC+",
        "+",
        "N/A",
        "Europe Berlin",
    ),
    Case(None, "VARCHAR", None),
    Case("Europe/Berlin", "BLOB", "Europe/Berlin"),
]

# ---------------------------------------------------------------------------------------------------------
# Merge values: users.first_name. Expected: what is printed, or the faults (`blank` counts every value that is not printed)

PLACEHOLDERS = ("n/a", "null", "[blank]", "не указано")
BLANK: Final = frozenset({"blank"})
PLACEHOLDER: Final = frozenset({"blank", "placeholder"})
UNSAFE: Final = frozenset({"blank", "unsafe"})

MERGE_VALUES: list[Case] = [
    *_texts("Ann", "Ann", " Ann ", "\u200bAnn\u00a0", "&nbsp;Ann", "Ann&#32;", "\u3164Ann\u2800"),
    *_texts("Tom & Ann", "Tom & Ann", "Tom &amp; Ann", "Tom &#38; Ann", "Tom &#x26; Ann"),
    *_texts("O'Neill", "O'Neill", "O&apos;Neill", "O&#39;Neill", "O&#x27;Neill"),
    *_texts('"Al"', "&quot;Al&quot;"),
    *_texts("a < b", "a < b", "a &lt; b"),
    *_texts("a > b", "a > b", "a &gt; b"),
    *_texts("José", "José", "Jos&#233;", "Jos&#xE9;", "Jos&#xe9;"),
    *_texts("AT&T", "AT&T", "AT&amp;T"),
    *_texts("a & b; c", "a & b; c"),
    *_texts("5 €", "5 €"),
    *_texts("李", "李"),
    *_texts("٣", "٣"),
    *_texts("0", "0"),
    *_texts("100 %", "100 %"),
    *_texts("50% of 20%", "50% of 20%"),
    *_texts("nullable", "nullable"),
    *_texts("[one] two", "[one] two"),
    *_texts("a {x}", "a {x}"),
    *_texts("me@home", "me@home"),
    *_texts("5 $", "5 $"),
    *_texts("a$b", "a$b"),
    *_texts("x" * 255, "x" * 255),
    *_texts("http:/x", "http:/x"),
    *_texts("<3", "<3"),
    *_texts(
        BLANK,
        "",
        " ",
        "\u00a0",
        "\u200b\u200d",
        "\ufeff",
        "\u3164",
        "\u115f\uffa0",
        "\u2800",
        "\U000e0020",
        "-",
        "…!",
        "🙂",
        "½",
        "&nbsp;",
        "&#160;",
        "{{ first_name }}",
        "Hi {{ first_name",
        "x }}",
        "{% if x",
        "*|FNAME|*",
        "Hi %%name%%",
        "[[x",
        "Hi ${name}",
        "<%= name %>",
        "name %>",
        "#{name}",
        "Hi %NAME%",
        "%NAME%",
        "Hi %FIRST_NAME%!",
        "{first_name}",
        "{x}",
        "[FNAME]",
        "[x]",
        "[имя]",
        "%FNAME%",
        "$name",
        "$FNAME",
        "@FNAME",
        "{ first_name }",
        "[\u00a0FNAME ]",
        "% name %",
        "{1}",
        "{a,b}",
        "Hi %name% x",
        "$5.00",
        "@5",
        " {first_name} ",
        "&#123;&#123; x",
        "&lt;%= x",
    ),
    *_texts(PLACEHOLDER, "N/A", " null ", "\u00a0[Blank]\u200b", "Не указано", "&nbsp;N/A", "N&#47;A"),
    *_texts(
        UNSAFE,
        "\t",
        "<b>Bob",
        "x</x",
        "<!x",
        "<é",
        "a\u2028b",
        "a\x85b",
        "a\x01b",
        "see a://b",
        "x" * 256,
        "&lt;b&gt;Bob",
        "&#60;b",
        "a&#10;b",
        "a&#x2028;b",
        "Bob &copy; Co",
        "a &AMP; b",
        "AT&T; x",
        "&amp;lt;b",
        "&amp;amp; a",
        "&amp;#60;b",
        "a&#0;",
        "a&#xD800;",
        "a&#x110000;",
        "a&#99999999999999999999;",
        "a://b",
    ),
    Case(None, "VARCHAR", BLANK),
]


# ---------------------------------------------------------------------------------------------------------
# What a source says that it writes in its own way; whatever everybody may write is read all the same

DECLARED_TIMES: list[Case] = [
    *_texts(_TEN, "01/05/2026 10:00", " 01/05/2026 10:00 ", "2026-05-01 10:00", "1777629600"),
    *_texts(
        UNREADABLE,
        "05-01-2026 10:00",
        "01/05/2026",
        "31/02/2026 10:00",
        "01.05.2026 10:00",
        "01/13/2026 10:00",
    ),
]
DECLARED_BOOLEANS: list[Case] = [
    *_texts(True, "ja", "JA", " Ja ", "true", "1"),
    *_texts(False, "nein", "Nein", "false", "0"),
    *_texts(UNREADABLE, "oui", "j", "ja nein", "ja|nein"),
]
DECLARED_INTEGERS: list[Case] = [
    *_texts(3, "3", "3,0", "3,00", "+3", "3.0"),
    *_texts(1234, "1.234", "1.234,0", "1234"),
    *_texts(0, "0", "-1.234"),
    *_texts(UNREADABLE, "3,5", "1.23", "12.34,0", "1,234.0", "1234.567"),
]
DECLARED_SCORES: list[Case] = [
    *_texts(Decimal("8.5"), '{"score": "8,5"}', '{"score": "8.5"}', '{"score": 8.5}'),
    *_texts(Decimal(2), '{"score": "2"}', '{"score": "2,0"}', '{"score": 2}'),
    *_texts(Decimal(0), '{"score": "1.234,5"}', '{"score": "8,5,1"}', '{"score": "8;5"}'),
]


# ---------------------------------------------------------------------------------------------------------
# A landing zone of cases

# table of cases -> where its values stand
PLACES: dict[str, tuple[str, str]] = {
    "TIMES": ("users", "signed_up_at"),
    "BOOLEANS": ("users", "email_opt_in"),
    "IDS": ("message_events", "campaign_id"),
    "USER_IDS": ("message_events", "user_id"),
    "TEXTS": ("users", "first_name"),
    "EVENT_NAMES": ("events", "event_name"),
    "STATUSES": ("support_tickets", "status"),
    "REPORT_TYPES": ("message_events", "event_type"),
    "REPORT_CHANNELS": ("message_events", "channel"),
    "SENTIMENTS": ("social_mentions", "sentiment"),
    "SATISFACTIONS": ("support_tickets", "satisfaction"),
    "TOPICS": ("users", "topics_opted_out"),
    "INTEGERS": ("users", "max_messages_per_week"),
    "OBJECTS": ("events", "properties"),
    "SCORES": ("events", "properties"),
    "ZONES": ("users", "timezone"),
    "MERGE_VALUES": ("users", "first_name"),
    "DECLARED_TIMES": ("users", "signed_up_at"),
    "DECLARED_BOOLEANS": ("users", "email_opt_in"),
    "DECLARED_INTEGERS": ("users", "max_messages_per_week"),
    "DECLARED_SCORES": ("events", "properties"),
}
_DECLARED = {
    "DECLARED_TIMES": (("users", "signed_up_at"), "%d/%m/%Y %H:%M"),
    "DECLARED_BOOLEANS": (("users", "email_opt_in"), "ja|nein"),
    "DECLARED_INTEGERS": (("users", "max_messages_per_week"), "1.234,56"),
    "DECLARED_SCORES": (("events", "properties.score"), "1.234,56"),
}


def settings_of(name: str) -> Settings:
    """The settings that a table of cases is read with."""
    declared = dict([_DECLARED[name]] if name in _DECLARED else [])
    return replace(CASE_SETTINGS, source_formats={**CASE_SETTINGS.source_formats, **declared})


# what else stands in a row: nothing that is wrong
_WHEN = "2026-05-30 10:00:00"
_ROWS: dict[str, dict[str, str]] = {
    "users": {"email_opt_in": "true", "updated_at": "2026-05-01 10:00:00"},
    "events": {"event_name": "feedback_submitted", "occurred_at": _WHEN, "received_at": _WHEN},
    "support_tickets": {"status": "closed", "created_at": _WHEN, "updated_at": _WHEN},
    "message_events": {"channel": "email", "event_type": "unsubscribed", "occurred_at": _WHEN},
    "social_mentions": {"network": "net", "posted_at": _WHEN},
}


def _row(table: str, row_id: str) -> dict[str, str | None]:
    """A row of a table, about the user of the same id."""
    row: dict[str, str | None] = {next(t.row_id for t in TABLES if t.name == table): row_id}
    row["user_id"] = row_id
    if table == "users":
        row["email"] = f"{row_id}@example.com"
    return {**row, **_ROWS[table]}


def write_cases(raw: Path, name: str, cases: list[Case]) -> dict[str, Case]:
    """Write a landing zone in which each case stands in a row of its own; give the cases by the ids of the rows."""
    where, column = PLACES[name]
    by_id: dict[str, Case] = {}
    texts: list[dict[str, str | None]] = []
    (raw / where).mkdir(parents=True)
    for number, case in enumerate(cases):
        row_id = f"case-{number}"
        if case.parquet_type is None:
            by_id[f"{row_id}-csv"] = case
            texts.append({**_row(where, f"{row_id}-csv"), column: case.source})
            row_id = f"{row_id}-parquet"
        by_id[row_id] = case
        path = raw / where / f"case-{number}.parquet"
        _write_parquet(path, {**_row(where, row_id), column: case.source}, column, case.parquet_type)
    _write_csv(raw / where / "texts.csv", texts)
    for table in _ROWS:
        if table == "users" and where != "users":
            _write_csv(raw / "users.csv", [_row("users", row_id) for row_id in by_id])
        elif table != where and table != "social_mentions":
            (raw / f"{table}.csv").write_text(",".join(_row(table, "")) + "\n", encoding="utf-8")
    return by_id


def _write_csv(path: Path, rows: list[dict[str, str | None]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_parquet(path: Path, row: dict[str, str | None], column: str, parquet_type: str | None) -> None:
    """One row; the column holds the text cast to the type."""
    source = row[column]
    is_escaped = parquet_type == "BLOB" and source is not None and "\\x" in source
    casts = []
    for name in row:
        if name != column or parquet_type is None:
            casts.append(f'cast(? as varchar) as "{name}"')
        elif parquet_type == "BLOB" and not is_escaped:
            casts.append(f'encode(?) as "{name}"')
        else:
            casts.append(f'cast(? as {parquet_type}) as "{name}"')
    file_engine().execute(
        f"copy (select {', '.join(casts)}) to '{path}' (format parquet)", list(row.values())
    )
