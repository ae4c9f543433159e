"""Landing zones that fill drop by drop."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.oracle import random_settings
from tests.oracle.landing import TABLES
from tests.oracle.world import AS_OF
from tests.oracle.world_files import write_file
from tests.oracle.world_rows import Maker

DAY = timedelta(days=1)
# two deliveries of an id are no further apart
WINDOW = 14


@dataclass
class Drops:
    """A world by the days on which its rows land; `raw` is its landing zone."""

    raw: Path
    waiting: dict[str, dict[date, list[dict[str, Any]]]]
    # messages of nights long ago, whose success is still looked for
    ledger: list[dict[str, Any]]

    def land(self, until: date) -> None:
        """Let everything land that lands before a day."""
        for table in TABLES:
            days = self.waiting[table.name]
            for day in sorted(day for day in days if day < until):
                path = self.raw / table.name / f"landed_on={day}" / "part-0.parquet"
                write_file(random.Random(len(days[day]) % 2), path, table, days.pop(day))

    def land_again(self, table: str, before: date) -> Path:
        """Let the newest drop before a day land again, without one of its rows."""
        path = max(
            path
            for path in (self.raw / table).glob("landed_on=*/*")
            if path.parent.name < f"landed_on={before}"
        )
        with duckdb.connect() as connection:
            rewritten = path.with_name("rewritten")
            connection.execute(
                f"copy (select * exclude (file_row_number) from read_parquet('{path}', hive_partitioning = false, file_row_number = true) where file_row_number > 0) "
                f"to '{rewritten}' (format parquet)"
            )
            rewritten.replace(path)
        return path


def make_drops(raw: Path, seed: int, users: int = 60) -> Drops:
    """The world of a seed, with more looking about than usual, landing day by day."""
    rng = random.Random(f"drops:{seed}")
    maker = Maker(seed, users, [c.campaign_id for c in random_settings(seed, users=users).campaigns])
    for number, user_id in enumerate(maker.ids, start=1):
        maker.user(number)
        maker.behaviour(user_id)
        maker.support(user_id)
        maker.mentions(user_id)
        maker.messages(user_id, maker.rows["users"][-1]["updated_at"])
        maker.dispatch(user_id)
        for _ in range(rng.choice((0, 5, 25))):
            name = rng.choice(("page_viewed", "product_viewed", "cart_item_added", "location_ping"))
            at = AS_OF - timedelta(seconds=rng.randint(1, 420 * 86400))
            maker.event(user_id, name, at, {**maker.product(), "dwell_seconds": rng.randint(0, 200)})
        for _ in range(rng.choice((0, 10))):
            what = rng.choice(("sent", "delivered", "opened", "opened", "clicked", "unsubscribed"))
            maker.message(user_id, what, AS_OF - timedelta(seconds=rng.randint(1, 420 * 86400)))
        if rng.random() < 0.3:
            # once without a time that can be read, and once again with the right one, of long ago: nobody is stopped
            maker.event(user_id, "page_viewed", AS_OF - rng.randint(100, 400) * DAY, {})
            readable = maker.rows["events"][-1]
            maker.rows["events"].insert(-1, {**readable, "occurred_at": "soon", "received_at": None})
    maker.spoil()
    waiting: dict[str, dict[date, list[dict[str, Any]]]] = {}
    for table in TABLES:
        days = waiting.setdefault(table.name, {})
        landed: dict[Any, date] = {}
        for row in maker.rows[table.name]:
            key = row[table.unique[0]] if table.unique else None
            when = row.get(table.time)
            if table.name not in ("events", "message_events"):
                # before the first of the nights
                day = date(2025, 1, 1)
            elif key is not None and key in landed:
                day = landed[key] + rng.randint(0, WINDOW - 1) * DAY
            elif isinstance(when, date) and when.year < 2099:
                day = (when.date() if isinstance(when, datetime) else when) + rng.choice(
                    (0, 0, 0, 0, 1, 2, 9, 40, 100)
                ) * DAY
            else:
                day = (AS_OF - rng.randint(1, 80) * DAY).date()
            landed.setdefault(key, day)
            # long ago, they came by the month
            day = day if day > date(2026, 3, 1) else day.replace(day=1)
            days.setdefault(day, []).append(row)
    ledger = [
        {
            "as_of": AS_OF - days * DAY,
            "dispatch_id": maker.next_id("long_ago"),
            "user_id": user_id,
            "campaign_id": rng.choice(maker.campaign_ids),
            "channel": "email",
            "decision": "send",
            "send_at": AS_OF - days * DAY + timedelta(hours=9),
        }
        for user_id in maker.ids
        for days in rng.sample((400, 250, 180, 130, 100, 40), 3)
    ]
    return Drops(raw, waiting, [*maker.ledger, *ledger])
