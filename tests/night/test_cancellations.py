"""Taking back: what lands after a night keeps its messages from going out, and nothing else does.

One night of the sample, then a drop made by hand: each person in it has one message that is not due yet, and one new row.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sendworthy.delivery.staging_folder import unfinished

from tests.support.delivered_nights import Delivered
from tests.support.projects import FIRST, SECOND, Place, copy_project, sendworthy

# whole nights, many of them: `make test-hard`
pytestmark = pytest.mark.hard

NOW = "2026-06-01T05:00:00Z"
BEFORE_NOW = "2026-06-01 04:59:59"
READ_DROP = "landed_on=2026-05-31/more.csv"
# read too, and written over with as many bytes
SAME_SIZE_DROP = "landed_on=2026-05-30/more.csv"
DROP = "landed_on=2026-06-01/part-0000.csv"

MOMENT = timedelta(microseconds=1)
MOVED_TO = "somebody.else@example.org"

CART = "abandoned_cart__cart_item_added__email"
CASUAL = "discount__casual__sms"
ACTIVE = "newsletter__active__email"
LOYAL = "reward_reminder__loyal__push"
INTERESTED = "discount__interested_not_bought__email"
INTERESTED_PUSH = "discount__interested_not_bought__push"
RATING = "rating_request__order_completed__email"
CONFIRMATION = "confirmation__order_completed__email"
CHURN = "feedback_request__churn_risk__email"
LAPSING = "win_back__lapsing__sms"

DESTINATIONS = ("--destination", "generic", "--destination", "braze_track", "--destination", "braze")

EVENTS = (
    "order_completed",
    "return_requested",
    "feedback_submitted",
    "payment_failed",
    "subscription_cancelled",
)
REPORTS = ("bounced_hard", "complained", "unsubscribed", "clicked", "bounced_soft")
# what the gates say, and is no reason to take a message back
NO_NEWS = [
    *(
        "signup_unknown",
        "too_soon",
        "too_late",
        "cooldown",
        "incomplete_personalization",
        "outside_pilot",
        "holdout",
    ),
    *(
        "excluded:slow_onboarding",
        "excluded:churn_risk",
        "duplicate_address",
        "same_content",
        "channel_cap",
        "total_cap",
    ),
]

CONTRACT = {
    "events": ("event_id", "user_id", "event_name", "occurred_at", "received_at", "properties"),
    "message_events": (
        *("message_event_id", "user_id", "campaign_id", "channel", "variant", "event_type"),
        *("occurred_at", "dispatch_id", "address"),
    ),
    "users": (
        *(
            "user_id",
            "email",
            "phone",
            "push_token",
            "first_name",
            "last_name",
            "city",
            "country",
            "language",
        ),
        *("timezone", "signed_up_at", "email_opt_in", "sms_opt_in", "push_opt_in", "topics_opted_out"),
        *("max_messages_per_week", "attributes", "updated_at"),
    ),
    "support_tickets": (
        *("ticket_id", "user_id", "category", "status", "created_at", "updated_at", "solved_at"),
        "satisfaction",
    ),
}


@dataclass
class Story:
    """A night, the news after it, and what each person in them must come to."""

    place: Place
    prefix: str = "news"  # of the ids of its rows
    news: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    expected: dict[str, list[str]] = field(default_factory=dict)  # dispatch_id -> reasons
    used: set[str] = field(default_factory=set)
    late: str = ""  # the dispatch_id of whom a row is older than the night, in a file that it has read
    lists: dict[str, bytes] = field(default_factory=dict)  # of the night, as they were before
    told: dict[str, Any] = field(default_factory=dict)  # what the first run said

    @property
    def raw(self) -> Path:
        return self.place.root / "raw"

    @property
    def folder(self) -> Path:
        return self.place.root / "out" / f"{FIRST}.cancellations"

    def run(self, *options: object, now: str = NOW) -> subprocess.CompletedProcess[str]:
        return sendworthy("cancellations", "--raw", "raw", "--now", now, *options, cwd=self.place.root)

    def run_killed_in(self, function: str, now: str = NOW) -> subprocess.CompletedProcess[str]:
        """The same, ended by the system as soon as it gets to a function of the module."""
        program = f"""
import os, sys
from sendworthy.night import cancellations
from sendworthy.cli import main as cli

def end(*arguments, **named): os.kill(os.getpid(), 9)
cancellations.{function} = end
sys.argv = ["sendworthy", "cancellations", "--raw", "raw", "--now", {now!r}]
cli.main()
"""
        return subprocess.run(
            [sys.executable, "-c", program], cwd=self.place.root, capture_output=True, text=True, timeout=600
        )

    def someone(
        self, campaign: str, also: str = "true", is_due: bool = False, is_only_one: bool = True
    ) -> dict[str, Any]:
        """Somebody with this one message, valid when it is due, of whom nothing else is told here."""
        with duckdb.connect(str(self.place.database), read_only=True) as connection:
            cursor = connection.execute(
                f"""
                select list.*, decisions.trigger_at
                from marts.send_list as list
                inner join marts.campaign_decisions as decisions using (user_id, campaign_id)
                inner join marts.customers as customers using (user_id)
                where
                    list.campaign_id = ?
                    and (list.send_at < ?::timestamp) = ?
                    and list.valid_until >= list.send_at
                    and (
                        not ? or (select count(*) from marts.send_list as others where others.user_id = list.user_id) = 1
                    )
                    and not list_contains(?, list.user_id)
                    and {also}
                order by list.user_id
                limit 1
                """,
                [campaign, NOW.rstrip("Z"), is_due, is_only_one, sorted(self.used)],
            )
            names = [column[0] for column in cursor.description or []]
            found = cursor.fetchone()
        assert found, f"nobody of {campaign} is left ({also})"
        person = dict(zip(names, found, strict=True))
        self.used.add(person["user_id"])
        return person

    def case(
        self, campaign: str, reasons: Sequence[str], tell: Callable[[dict[str, Any]], None], **who: Any
    ) -> None:
        """Tell something new of somebody; their message is taken back for these reasons, or not, where there are none."""
        person = self.someone(campaign, **who)
        tell(person)
        if reasons:
            self.expected[person["dispatch_id"]] = list(reasons)

    def add(self, table: str, **row: Any) -> None:
        self.news.setdefault(table, []).append(row)

    def event(self, name: str, at: str = BEFORE_NOW, **properties: Any) -> Callable[[dict[str, Any]], None]:
        return lambda person: self.add(
            "events",
            event_id=f"{self.prefix}-{len(self.news.get('events', []))}",
            user_id=person["user_id"],
            event_name=name,
            occurred_at=at.format(**person) if "{" in at else at,
            properties=json.dumps(properties),
        )

    def report(
        self,
        kind: str,
        channel: str = "email",
        at: str = BEFORE_NOW,
        campaign: str | None = None,
        **row: Any,
    ) -> Callable[[dict[str, Any]], None]:
        return lambda person: self.add(
            "message_events",
            **{
                "message_event_id": f"{self.prefix}-{len(self.news.get('message_events', []))}",
                "user_id": person["user_id"],
                "campaign_id": campaign,
                "channel": channel,
                "event_type": kind,
                "occurred_at": at,
                **row,
            },
        )

    def report_of_dispatch(
        self, user: str, kind: str = "unsubscribed", at: str = BEFORE_NOW, **row: Any
    ) -> Callable[[dict[str, Any]], None]:
        """A report of a message of theirs by a user whom nobody knows, as an ESP writes it that has ids of its own."""
        return lambda person: self.add(
            "message_events",
            **{
                "message_event_id": f"{self.prefix}-{len(self.news.get('message_events', []))}",
                "user_id": user,
                "channel": "email",
                "event_type": kind,
                "occurred_at": at,
                "dispatch_id": person["dispatch_id"],
                **row,
            },
        )

    def ticket(
        self, status: str = "open", category: str = "delivery", **row: Any
    ) -> Callable[[dict[str, Any]], None]:
        return lambda person: self.add(
            "support_tickets",
            **{
                "ticket_id": f"{self.prefix}-{person['user_id']}",
                "user_id": person["user_id"],
                "category": category,
                "status": status,
                "created_at": "2026-06-01 03:00:00",
                "updated_at": BEFORE_NOW,
                **row,
            },
        )

    def profile(self, at: str = BEFORE_NOW, **changed: Any) -> Callable[[dict[str, Any]], None]:
        def tell(person: dict[str, Any]) -> None:
            columns = ", ".join(CONTRACT["users"])
            (row,) = self.place.query(
                f"select {columns} from intermediate.int_users__current where user_id = ?",
                [person["user_id"]],
            )
            new = {name: value(person) if callable(value) else value for name, value in changed.items()}
            self.add("users", **{**dict(zip(CONTRACT["users"], row, strict=True)), **new, "updated_at": at})

        return tell

    def land(self, drop: str = DROP) -> None:
        """Tickets are one file, which is written over; reports go into a drop that was read; all else is a new drop."""
        for table, rows in self.news.items():
            into = READ_DROP if table == "message_events" else drop
            path = self.raw / (f"{table}.csv" if table == "support_tickets" else f"{table}/{into}")
            path.parent.mkdir(parents=True, exist_ok=True)
            if table == "support_tickets":
                with path.open(encoding="utf-8", newline="") as file:
                    columns = next(csv.reader(file))
            else:
                columns = list(CONTRACT[table])
            with path.open("a", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(file, columns, extrasaction="ignore")
                if file.tell() == 0:
                    writer.writeheader()
                writer.writerows(rows)
            # as a tool leaves it that keeps the times of its source
            os.utime(path, (0, 0))


def write_over(raw: Path, user: str) -> None:
    """A drop with an unsubscription of a user; as many bytes and as old, whoever it is."""
    path = raw / "message_events" / SAME_SIZE_DROP
    path.parent.mkdir(parents=True, exist_ok=True)
    size, age = (path.stat().st_size, path.stat().st_mtime) if path.exists() else (None, 0)
    row = {
        "message_event_id": f"of {user:40}",
        "user_id": f"{user:40}",
        "channel": "email",
        "event_type": "unsubscribed",
        "occurred_at": "2026-05-30 02:00:00",
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CONTRACT["message_events"])
        writer.writeheader()
        writer.writerow(row)
    os.utime(path, (age + 1, age + 1))
    assert size in (None, path.stat().st_size)


def tell_the_news(story: Story) -> None:
    """One case of each reason, and what comes near it."""
    case, event, report, ticket, profile = story.case, story.event, story.report, story.ticket, story.profile
    order: dict[str, Any] = {"order_id": "news", "total": 10}

    # exceptions: from the trigger on, a microsecond less is nothing; without one, within the cooldown
    case(CART, ["exception:order_completed"], event("order_completed", **order))
    case(CART, ["exception:order_completed"], event("order_completed", "{trigger_at}", **order))
    case(
        CART,
        [],
        lambda person: event("order_completed", str(person["trigger_at"] - MOMENT), **order)(person),
        also="decisions.trigger_at > timestamp '2026-05-29'",
    )
    case(CART, [], event("order_completed", "2026-06-01 05:00:00", **order))
    case(CASUAL, ["exception:order_completed"], event("order_completed", **order))
    case(LOYAL, [], event("order_completed", **order))
    case(CASUAL, [], event("order_completed", **order), is_due=True)

    step_2 = "onboarding__slow_onboarding__email__step_2"
    case(
        "onboarding__slow_onboarding__push__step_3",
        [f"exception:message_unsubscribed:{step_2}"],
        report("unsubscribed", "sms", campaign=step_2),
        is_only_one=False,
    )

    # exclusions
    case(INTERESTED, ["excluded:has_open_ticket"], ticket())
    case(INTERESTED, [], ticket("solved"))
    case(ACTIVE, [], ticket())
    case(ACTIVE, ["excluded:recent_complaint"], ticket("closed", "complaint"))
    case(ACTIVE, ["excluded:recent_complaint"], event("feedback_submitted", score=3))
    case(ACTIVE, [], event("feedback_submitted", score=8))
    case(LOYAL, ["excluded:refund_pending"], event("return_requested", order_id="o1"))
    case(
        LOYAL,
        [],
        lambda person: (
            event("return_requested", "2026-06-01 03:00:00", order_id="o1")(person),
            event("order_refunded", "2026-06-01 03:00:00", order_id="o1")(person),
        )[0],
    )
    case(LAPSING, ["excluded:billing_trouble"], event("payment_failed"))

    # consent
    case(ACTIVE, ["channel_opt_out"], profile(email_opt_in=False))
    case(ACTIVE, ["consent_unknown"], profile(email_opt_in=None))
    case(ACTIVE, ["topic_opt_out"], profile(topics_opted_out="Newsletter ; tips"))
    case(ACTIVE, [], profile(topics_opted_out="offers"))
    case(ACTIVE, [], profile(sms_opt_in=False))
    case(ACTIVE, [], profile(email_opt_in=False, at="2026-06-01 05:00:00"))
    case(ACTIVE, [], profile(email_opt_in=False, at="2020-01-01 00:00:00"))
    case(CONFIRMATION, [], profile(email_opt_in=False, topics_opted_out="offers"))
    case(ACTIVE, ["channel_opt_out"], report("unsubscribed"))
    case(ACTIVE, [], report("unsubscribed", "sms"))
    # whose message it was says whom it stops, where nobody knows the user
    case(ACTIVE, ["channel_opt_out"], story.report_of_dispatch("esp-7"))
    case(
        ACTIVE,
        ["channel_opt_out"],
        lambda person: story.report_of_dispatch("esp-7", dispatch_id=person["dispatch_id"].upper())(person),
    )
    case(ACTIVE, [], story.report_of_dispatch("esp-7", "clicked"))
    case(ACTIVE, ["hard_bounced"], story.report_of_dispatch("esp-7", "bounced_hard"))

    # what nobody can read could have stopped anything
    case(ACTIVE, ["unreadable:events"], event("page_viewed", "just now"))
    case(CONFIRMATION, [], event("page_viewed", "just now"))
    case(ACTIVE, ["unreadable:message_events"], story.report_of_dispatch("esp-7", at="30/05/2026"))
    case(ACTIVE, ["unreadable:message_events"], story.report_of_dispatch(""))
    case(ACTIVE, ["unreadable:message_events"], report("unsubscribed", message_event_id=""))

    # deliverability
    case(ACTIVE, ["hard_bounced"], report("bounced_hard"))
    case(ACTIVE, [], report("bounced_hard", "push"))
    case(ACTIVE, [], report("bounced_soft"))
    case(ACTIVE, ["complained"], report("complained"))
    case(CONFIRMATION, ["hard_bounced"], report("bounced_hard"))

    # the address
    case(
        ACTIVE,
        ["address_changed"],
        profile(email=MOVED_TO, max_messages_per_week=1),
        also="customers.last_active_at > timestamp '2026-05-10'",
    )
    case(ACTIVE, [], profile(email=lambda person: f" {person['address'].upper()} "))
    case(ACTIVE, ["unreachable"], profile(email="no address"))
    case(ACTIVE, ["unreachable", "channel_opt_out"], profile(email=None, email_opt_in=False))

    # suppressions, of the project as it is now
    by_user, by_address = story.someone(ACTIVE), story.someone(CASUAL)
    path = story.place.root / "seeds" / "global_suppressions.csv"
    with path.open("a", encoding="utf-8", newline="") as file:
        file.write(f"all,{by_user['user_id']},,asked by phone,2026-06-01 03:00:00\n")
        file.write(f"sms,,{by_address['address']},asked by phone,2026-06-01 03:00:00\n")
    story.expected[by_user["dispatch_id"]] = story.expected[by_address["dispatch_id"]] = [
        "globally_suppressed"
    ]

    # erasure; what is asked for later waits
    asked, later = story.someone(ACTIVE), story.someone(ACTIVE)
    with (story.raw / "erasure_requests.csv").open("a", encoding="utf-8") as file:
        file.write(f"{asked['user_id']},{BEFORE_NOW}\n{later['user_id']},2026-06-01 05:00:00\n")
    story.expected[asked["dispatch_id"]] = ["erased"]

    # what was read once, and is other rows of the same length now
    over = story.someone(ACTIVE)
    write_over(story.raw, over["user_id"])
    story.expected[over["dispatch_id"]] = ["channel_opt_out"]
    story.late = over["dispatch_id"]

    # who has been slow is not known before the median of all is: it waits for the night
    case(CHURN, [], event("location_ping", latitude=0, longitude=0))


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A night, the news, and the first run of the command."""
    root = copy_project(tmp_path_factory.mktemp("project"))
    shutil.copytree(root / "data" / "sample", root / "raw")
    (root / "raw" / "users" / "landed_on=2026-05-31").mkdir(parents=True)
    (root / "raw" / "users.parquet").rename(root / "raw" / "users" / "landed_on=2026-05-31" / "part.parquet")
    with (root / "raw" / "message_events" / READ_DROP).open("w", encoding="utf-8") as file:
        file.write(",".join(CONTRACT["message_events"]) + "\n")
        # another row without an id is not the same one
        file.write(",esp-7,,email,,unsubscribed,2026-05-30 02:00:00,,\n")
    write_over(root / "raw", "esp-7")
    for drop in (READ_DROP, SAME_SIZE_DROP):
        os.utime(root / "raw" / "message_events" / drop, (1_700_000_000, 1_700_000_000))
    # a confirmation goes out as soon as it can: here at an hour, so that there are some to take back
    confirmation = root / "campaigns" / CONFIRMATION / "campaign.yml"
    settings = confirmation.read_text(encoding="utf-8")
    confirmation.write_text(settings + "send_hour_local: 15\n", encoding="utf-8")
    compiled = sendworthy("compile", cwd=root)
    assert compiled.returncode == 0, compiled.stderr
    story = Story(Place(root))
    night = story.place.night(FIRST, "--raw", "raw")
    assert night.returncode == 0, night.stdout + night.stderr
    tell_the_news(story)
    story.land()
    story.lists = _files(root / "out" / FIRST)
    killed = story.run_killed_in("database_file.publish")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert not story.folder.exists() and not ledger(story), "killed before it counts, nothing is there"
    done = story.run("--json", *DESTINATIONS)
    assert done.returncode == 0, done.stdout + done.stderr
    story.told = json.loads(done.stdout)
    return story


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def ledger(story: Story) -> dict[str, list[str]]:
    return dict(story.place.query("select dispatch_id, reasons from ledger.cancellations order by all"))


def test_each_message_is_taken_back_for_its_reasons_and_no_other_is(story: Story) -> None:
    found = ledger(story)
    names = dict(
        story.place.query("select dispatch_id, campaign_id || ' ' || user_id from ledger.dispatches")
    )
    missed = {names[key]: why for key, why in story.expected.items() if found.get(key) != why}
    assert not missed, (
        f"{missed}, and not {[found.get(key) for key in story.expected if found.get(key) != story.expected[key]]}"
    )
    strange = {names[key]: why for key, why in found.items() if key not in story.expected}
    assert not strange
    told = {reason.partition(":")[0] for why in found.values() for reason in why}
    assert told == {
        *("unreadable", "erased", "address_changed", "unreachable", "hard_bounced", "complained"),
        *(
            "channel_opt_out",
            "consent_unknown",
            "topic_opt_out",
            "globally_suppressed",
            "excluded",
            "exception",
        ),
    }


def test_what_the_news_have_that_nobody_can_read_is_said_and_nothing_else(story: Story) -> None:
    # rows of the sample that the night could not read are no news
    assert story.place.query("select count(*) > 10 from ops.quarantine") == [(True,)]
    assert story.told["unreadable"] == [
        {"table_name": "events", "detail": "bad_occurred_at", "unreadable_rows": 2},
        {"table_name": "message_events", "detail": "bad_occurred_at", "unreadable_rows": 1},
        {"table_name": "message_events", "detail": "missing_message_event_id", "unreadable_rows": 1},
        {"table_name": "message_events", "detail": "missing_user_id", "unreadable_rows": 1},
    ]


def test_a_file_for_each_destination_names_them_or_takes_them_off(story: Story) -> None:
    manifest = json.loads((story.folder / "manifest.json").read_text(encoding="utf-8"))
    recorded = story.place.query(
        "select campaign_id, count(*) from ledger.cancellations group by all order by all"
    )
    assert [(item["campaign_id"], item["cancelled"]) for item in manifest["campaigns"]] == recorded
    assert manifest["run_id"] == story.place.manifest(FIRST)["run_id"]
    assert (manifest["as_of"], manifest["taken_back_at"]) == ("2026-06-01T00:00:00Z", NOW)
    named = set()
    for campaign in manifest["campaigns"]:
        assert set(campaign["changes"]) == {"generic", "braze", "braze_track"}
        for destination, change in campaign["changes"].items():
            assert (change["added"], change["changed"], change["removed"]) == (0, 0, campaign["cancelled"])
            for file in change["files"]:
                content = (story.folder / file["file"]).read_bytes()
                assert file["destination"] == destination
                assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
                named.add(file["file"])
    files = _files(story.folder)
    assert set(files) == {*named, "manifest.json"}

    plain = list(csv.DictReader(files[f"generic/{ACTIVE}.csv"].decode().splitlines()))
    expected = {
        row[0]: row
        for row in story.place.query(
            """
            select dispatch_id, user_id, array_to_string(reasons, ';')
            from ledger.cancellations
            where campaign_id = ?
            """,
            [ACTIVE],
        )
    }
    assert [row["dispatch_id"] for row in plain] == sorted(expected)
    assert {(row["dispatch_id"], row["user_id"], row["reasons"]) for row in plain} == set(expected.values())

    # the same people and columns as the list, the names too; nothing that tells of a message
    braze = list(csv.DictReader(files[f"braze/{ACTIVE}.csv"].decode().splitlines()))
    delivered = {
        row["sendworthy_dispatch_id"]: row
        for row in csv.DictReader(
            (story.place.root / "out" / FIRST / "braze" / f"{ACTIVE}.csv")
            .read_text(encoding="utf-8")
            .splitlines()
        )
    }
    assert braze == [
        {
            **delivered[dispatch_id],
            **{f"sendworthy_{name}": "none" for name in ("campaign_id", "dispatch_id", "variant")},
        }
        for dispatch_id in sorted(expected)
    ]
    (request,) = files[f"braze_track/{ACTIVE}.jsonl"].decode().splitlines()
    people = json.loads(request)["attributes"]
    assert [person["external_id"] for person in people] == [row["external_id"] for row in braze]
    for person in people:
        assert {
            name: value for name, value in person.items() if name.startswith("sendworthy_")
        } == dict.fromkeys(
            f"sendworthy_{name}"
            for name in ("campaign_id", "dispatch_id", "variant", "send_at", "valid_until")
        )
    text = (story.folder / "manifest.json").read_text(encoding="utf-8") + json.dumps(story.told)
    people_named = [user for (user,) in story.place.query("select distinct user_id from ledger.dispatches")]
    assert not [user for user in people_named if user in text]


def test_the_lists_of_the_night_stay_as_they_are_and_are_verified(story: Story) -> None:
    assert _files(story.place.root / "out" / FIRST) == story.lists
    # the folder of nights still has the night as its newest one
    found = Delivered(story.place.root).verify(with_database=True)
    assert found.exit_code == 0, found.failed
    assert found.folder.name == FIRST
    notes = [finding.what for check in found.checks for finding in check.findings if finding.is_note]
    assert any(f"{len(ledger(story))} messages were taken back since" in note for note in notes), notes


def test_explain_says_that_a_message_was_taken_back_and_why(story: Story) -> None:
    (user, campaign) = story.place.query(
        "select user_id, campaign_id from ledger.cancellations where reasons = ['unreachable', 'channel_opt_out']"
    )[0]
    told = sendworthy("explain", user, campaign, "--json", cwd=story.place.root)
    (explained,) = json.loads(told.stdout)["campaigns"]
    assert explained["decision"] == "taken back"
    assert explained["reasons"] == ["unreachable", "channel_opt_out"]
    assert explained["words"] == [
        f"taken back at {NOW}: there is no valid address for email; they, or somebody with their address, do not want messages on email"
    ]


def test_the_same_again_changes_nothing_and_finishes_what_was_killed(story: Story) -> None:
    before, files = story.place.query("select * from ledger.cancellations order by all"), _files(story.folder)
    published = story.place.database.stat()
    # as if killed when it counted, and the files were not in their place; and a night of another database was, too
    out = story.folder.parent
    story.folder.rename(out / f".{FIRST}.cancellations.writing")
    (out / ".2026-05-01.writing").mkdir()
    done = story.run("--json", *DESTINATIONS)
    told = json.loads(done.stdout)
    assert (told["cancelled"], told["cancelled_before"]) == (0, len(before))
    assert story.place.query("select * from ledger.cancellations order by all") == before
    assert _files(story.folder) == files
    assert sorted(path.name for path in out.glob(".*.writing")) == [".2026-05-01.writing"]
    # nobody who reads it is disturbed where nothing is to be said
    assert story.place.database.stat().st_ino == published.st_ino


def test_the_file_of_a_night_on_spark_has_no_raw_rows_and_is_enough(story: Story, tmp_path: Path) -> None:
    """All but what landed too late in a file that the night has read: that waits for the next one."""
    shutil.copyfile(story.place.database, tmp_path / "of_spark.duckdb")
    with duckdb.connect(str(tmp_path / "of_spark.duckdb")) as connection:
        connection.execute("delete from ledger.cancellations")
        connection.execute("drop schema staging cascade")
    done = story.run("--db", tmp_path / "of_spark.duckdb", "--out", tmp_path / "out")
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(tmp_path / "of_spark.duckdb"), read_only=True) as connection:
        found = connection.execute("select dispatch_id, reasons from ledger.cancellations").fetchall()
    assert dict(found) == {key: why for key, why in ledger(story).items() if key != story.late}


def test_where_a_night_has_not_said_how_files_were_all_are_read(story: Story, tmp_path: Path) -> None:
    """As after a night of an older version."""
    shutil.copyfile(story.place.database, tmp_path / "older.duckdb")
    with duckdb.connect(str(tmp_path / "older.duckdb")) as connection:
        connection.execute("delete from ledger.cancellations")
        for column in ("file_bytes", "written_at_us"):
            connection.execute(f"alter table ledger.files_read drop column {column}")
        # of before there was such a table; what is in it stops nobody, though nobody can read it
        connection.execute("drop table staging.base_landing__assignments")
    people = story.place.query("select distinct user_id from ledger.dispatches")
    assignments = story.raw / "assignments.csv"
    rows = "".join(f"{user_id},sale,plain,soon\n" for (user_id,) in people)
    assignments.write_text(f"user_id,campaign_id,arm,assigned_at\n{rows}", encoding="utf-8")
    done = story.run("--db", tmp_path / "older.duckdb", "--out", tmp_path / "out")
    assignments.unlink()
    assert done.returncode == 0, done.stdout + done.stderr
    with duckdb.connect(str(tmp_path / "older.duckdb"), read_only=True) as connection:
        found = connection.execute("select dispatch_id, reasons from ledger.cancellations").fetchall()
    assert dict(found) == ledger(story)


def test_a_night_at_that_time_would_say_the_same(story: Story, tmp_path: Path) -> None:
    """The same models on everything, with as_of = now: of everybody with news, no reason more and none less."""
    now = "2026-06-01T06:00:00Z"
    root = Place(shutil.copytree(story.place.root, tmp_path / "project", symlinks=True))
    other = Story(root, prefix="more")
    chance = random.Random(11)
    people = [
        user
        for (user,) in root.query(
            "select distinct user_id from ledger.dispatches where send_at >= timestamp '2026-06-01 06:00:00' order by all"
        )
    ]
    for number, user in enumerate(chance.sample(people, 250)):
        at = f"2026-06-01 0{chance.randrange(7)}:{chance.randrange(60):02}:00"
        person = {"user_id": user}
        tell = chance.choice(
            [
                *(
                    other.event(name, at, order_id=f"r{number % 9}", score=chance.randrange(11))
                    for name in EVENTS
                ),
                *(other.report(kind, chance.choice(("email", "sms", "push")), at) for kind in REPORTS),
                other.ticket(
                    chance.choice(("open", "solved")), chance.choice(("complaint", "billing")), updated_at=at
                ),
                other.profile(at, email_opt_in=chance.choice((True, False, None)), topics_opted_out="offers"),
            ]
        )
        tell(person)
        if number % 3 == 0:
            other.event("order_refunded", at, order_id=f"r{number % 9}")(person)
    other.land("landed_on=2026-06-02/part-0000.csv")
    done = other.run("--json", now=now)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["people"] > 200

    # the night does not count what is in question, and does not know of the taking back
    shutil.copyfile(root.database, tmp_path / "night.duckdb")
    with duckdb.connect(str(tmp_path / "night.duckdb")) as connection:
        connection.execute("delete from ledger.dispatches where send_at >= timestamp '2026-06-01 06:00:00'")
        connection.execute("delete from ledger.cancellations")
    night = sendworthy(
        *("nightly", "--raw", "raw", "--as-of", now, "--db", tmp_path / "night.duckdb"),
        *("--out", tmp_path / "out", "--docs", tmp_path / "docs", "--allow-stale"),
        cwd=root.root,
    )
    assert night.returncode in (0, 3), night.stdout + night.stderr
    news = {user for rows in other.news.values() for user in {row["user_id"] for row in rows}}
    with duckdb.connect(str(root.database), read_only=True) as connection:
        connection.execute(f"attach '{tmp_path / 'night.duckdb'}' as night (read_only)")
        compared = connection.execute(
            """
            select
                dispatches.user_id,
                list_filter(coalesce(cancellations.reasons, []), lambda r: r not in ('expired', 'erased', 'address_changed')),
                list_filter(decisions.reasons, lambda r: not list_contains(?, r))
            from ledger.dispatches as dispatches
            inner join ledger.decisions as first_night using (as_of, user_id, campaign_id)
            inner join night.marts.campaign_decisions as decisions
                on dispatches.user_id = decisions.user_id
                and dispatches.campaign_id = decisions.campaign_id
                and first_night.trigger_at is not distinct from decisions.trigger_at
            left join ledger.cancellations as cancellations on dispatches.dispatch_id = cancellations.dispatch_id
            where
                dispatches.send_at >= timestamp '2026-06-01 06:00:00'
                and (cancellations.cancelled_at is null or cancellations.cancelled_at = timestamp '2026-06-01 06:00:00')
                and list_contains(?, dispatches.user_id)
            order by all
            """,
            [NO_NEWS, sorted(news)],
        ).fetchall()
    assert len(compared) > 200
    assert len([mine for _, mine, _ in compared if mine]) > 60
    assert not [row for row in compared if row[1] != row[2]]


def test_a_rerun_of_the_night_leaves_off_what_was_taken_back(story: Story) -> None:
    before = story.place.query("select * from ledger.cancellations order by all")
    assert story.place.night(FIRST, "--raw", "raw").returncode == 0
    assert story.place.query("select * from ledger.cancellations order by all") == before
    assert (
        story.place.query(
            "select dispatch_id from marts.send_list intersect select dispatch_id from ledger.cancellations"
        )
        == []
    )
    assert story.place.query("select count(*) from marts.send_list") > [(900,)]
    (user, campaign) = story.place.query(
        "select user_id, campaign_id from ledger.cancellations where reasons = ['address_changed']"
    )[0]
    assert story.place.query(
        "select decision, reasons from marts.campaign_decisions where user_id = ? and campaign_id = ?",
        [user, campaign],
    ) == [("suppress", ["cooldown"])]
    told = sendworthy("explain", user, campaign, "--json", cwd=story.place.root)
    assert json.loads(told.stdout)["campaigns"][0]["words"][-1] == (
        f"taken back at {NOW}: they have another address now"
    )
    # what was on the first lists is still told by its id
    assert story.run("--json", "--destination", "generic").returncode == 0
    named = {
        row["dispatch_id"]
        for name, content in _files(story.folder).items()
        if name.endswith(".csv")
        for row in csv.DictReader(content.decode().splitlines())
    }
    assert named == {row[1] for row in story.place.query("select * from ledger.cancellations")}


def test_the_next_night_does_not_count_it_as_sent(story: Story) -> None:
    """Neither in the cooldown of seven days nor in their own limit of one message a week."""
    (user, campaign) = story.place.query(
        "select user_id, campaign_id from ledger.cancellations where reasons = ['address_changed']"
    )[0]
    assert story.place.night(SECOND, "--raw", "raw").returncode == 0
    assert story.place.query(
        "select campaign_id, address from marts.send_list where user_id = ?", [user]
    ) == [(campaign, MOVED_TO)]
    erased = story.place.query("select count(*) from ledger.cancellations where user_id like 'erased:%'")
    assert erased == [(1,)], "who asked to be forgotten is renamed there too"
    assert not story.folder.exists(), "and the files that named them are gone"


def test_what_cannot_be_done_is_said(story: Story, tmp_path: Path) -> None:
    for options, now, code, words in (
        ((), "2026-06-01T23:59:59Z", 2, "lies before the published night"),
        ((), "2026-06-03T12:00:01Z", 1, "is 36 hours old, and 36 are allowed"),
        (("--db", tmp_path / "none.duckdb"), NOW, 2, "there is no published file"),
        (("--raw", tmp_path / "none"), NOW, 2, "is no folder"),
        (("--raw", tmp_path), "2026-06-02T05:00:00Z", 1, "found neither"),
    ):
        done = story.run(*options, now=now)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    done = story.run(now="2026-06-02T05:00:00Z")
    assert done.returncode == 0 and "nothing new has landed" in done.stdout


def test_a_killed_taking_back_is_not_taken_for_a_night(tmp_path: Path) -> None:
    for name in (f".{FIRST}.cancellations.writing", f".{FIRST}.writing"):
        assert unfinished(tmp_path, "run") is None
        (tmp_path / name).mkdir()
        (tmp_path / name / "manifest.json").write_text('{"run_id": "run"}', encoding="utf-8")
    assert unfinished(tmp_path, "run") == (tmp_path / f".{FIRST}.writing", {"run_id": "run"})
