"""What the landing zone may look like, and what becomes of a file that nobody could read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.support.model_harness import Warehouse

NIGHT = datetime(2026, 6, 1)
HEADERS = {
    "users": "user_id,updated_at",
    "events": "event_id,user_id,event_name,occurred_at",
    "support_tickets": "ticket_id,user_id,status,created_at,updated_at",
    "message_events": "message_event_id,user_id,channel,event_type,occurred_at",
}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """A landing zone with nothing but headers, in a folder whose name could be taken for a pattern."""
    folder = tmp_path / "it's a [1] landing*zone"
    folder.mkdir()
    for table, header in HEADERS.items():
        (folder / f"{table}.csv").write_text(header + "\n", encoding="utf-8")
    return folder


def parquet(path: Path, query: str) -> None:
    """Write a query's rows; the folder may be new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        name = str(path).replace("'", "''")
        connection.execute(f"copy ({query}) to '{name}' (format parquet)")


def staged(warehouse: Warehouse, raw: Path, table: str, query: str) -> list[tuple[Any, ...]]:
    """Land, make the table's base model, and ask it; `base` stands for it in the query."""
    with warehouse.open() as connection:
        warehouse.land(connection, raw)
        warehouse.run_model(connection, f"base_landing__{table}", as_of=NIGHT)
        return connection.execute(
            query.replace("from base", f"from staging.base_landing__{table}")
        ).fetchall()


def test_the_header_of_a_long_file_is_its_first_line(warehouse: Warehouse, raw: Path) -> None:
    # so long that several threads read each: whichever is done first must not say what the columns are called
    lines = "".join(f"t{n},u{n},open,2026-05-31,2026-05-31\n" for n in range(500_000))
    (raw / "support_tickets.csv").unlink()
    long = raw / "support_tickets" / "landed_on=2026-05-30" / "part-0000.csv"
    long.parent.mkdir(parents=True)
    long.write_text(f"{HEADERS['support_tickets']}\n{lines}", encoding="utf-8")
    for number in range(1, 8):
        long.with_name(f"part-000{number}.csv").hardlink_to(long)
    for _ in range(5):
        with warehouse.open() as connection:
            warehouse.land(connection, raw)
            found = connection.execute(
                "select file, unknown_columns from landing.landing_files where table_name = 'support_tickets'"
            ).fetchall()
        assert len(found) == 8 and not any(unknown for _, unknown in found)


TIMES = {
    "2026-05-31": "2026-05-31 00:00:00",
    "2026-05-31 10:00:00": "2026-05-31 10:00:00",
    "2026-05-31T10:00:00.25": "2026-05-31 10:00:00.25",
    "2026-05-31T10:00:00Z": "2026-05-31 10:00:00",
    "2026-05-31 10:00:00 UTC": "2026-05-31 10:00:00",
    "2026-05-31T10:00:00+02:00": "2026-05-31 08:00:00",
    "2026-05-31 10:00:00 -0230": "2026-05-31 12:30:00",
    "2026-05-31 10:00:00 Europe/Oslo": None,
    "31.05.2026": None,
    "2026-13-01": None,
    "epoch": None,
    "infinity": None,
}


def test_a_time_as_text_is_utc_unless_it_names_an_offset(warehouse: Warehouse, raw: Path) -> None:
    # over and over, in one file: what one text says must not change how the next is read
    rows = [(f"e{n}-{i}", text) for n in range(40) for i, text in enumerate(TIMES)]
    lines = [f"{event},u1,page_viewed,{text}" for event, text in rows]
    (raw / "events.csv").write_text("\n".join([HEADERS["events"], *lines]) + "\n", encoding="utf-8")
    found: dict[str, tuple[str | None, str | None]] = dict(
        staged(
            warehouse, raw, "events", "select event_id, (occurred_at::varchar, quarantine_reason) from base"
        )
    )
    expected = {event: (TIMES[text], None if TIMES[text] else "bad_occurred_at") for event, text in rows}
    assert found == expected


def test_times_of_every_type_of_parquet(warehouse: Warehouse, raw: Path) -> None:
    (raw / "events.csv").unlink()
    for i, value in enumerate(
        [
            "timestamp_ns '2026-05-31 10:00:00.5'",
            "timestamp_ms '2026-05-31 10:00:00.5'",
            "timestamptz '2026-05-31 12:00:00.5+02'",
            "timestamp '2026-05-31 10:00:00.5'",
            "'2026-05-31 10:00:00.5'",
        ]
    ):
        for other in (raw / "events").glob("*/*"):
            other.unlink()
        query = f"select 'e' as event_id, 17 as user_id, 'x' as event_name, {value} as occurred_at"
        parquet(raw / "events" / f"landed_on=2026-05-0{i + 1}" / "part.parquet", query)
        found = staged(warehouse, raw, "events", "select user_id, occurred_at, quarantine_reason from base")
        assert found == [("17", datetime(2026, 5, 31, 10, 0, 0, 500000), None)], value


def test_a_column_that_a_later_parquet_drop_lacks_is_not_given(warehouse: Warehouse, raw: Path) -> None:
    # read in one go, the files would have all columns of all, and null would read as nothing opted out of
    (raw / "users.csv").unlink()
    for day, more in ((10, ", 'offers' as topics_opted_out, 0 as max_messages_per_week"), (20, "")):
        query = f"select 'u' as user_id, timestamp '2026-05-{day}' as updated_at, true as email_opt_in{more}"
        parquet(raw / "users" / f"landed_on=2026-05-{day}" / "part.parquet", query)
    query = "select list_sort(given_columns) from base order by updated_at"
    with_all, without = (set(row[0]) for row in staged(warehouse, raw, "users", query))
    assert with_all - without == {"topics_opted_out", "max_messages_per_week"}
    assert "email_opt_in" in without


def test_numbers_that_tools_write_for_booleans_and_integers(warehouse: Warehouse, raw: Path) -> None:
    (raw / "users.csv").unlink()
    parquet(
        raw / "users.parquet",
        """
        select * from (
            values
                ('a', 1.0::double, 1, 3.00::decimal(5, 2)),
                ('b', 0.0, 0, null),
                ('c', null, null, 3.5),
                ('d', 2.0, 1, 3)
        ) as t(user_id, email_opt_in, sms_opt_in, max_messages_per_week), (values (timestamp '2026-05-01')) as u(updated_at)
        """,
    )
    query = "select user_id, email_opt_in, sms_opt_in, max_messages_per_week, unreadable_columns from base order by 1"
    # a limit that nobody can read allows nothing
    assert staged(warehouse, raw, "users", query) == [
        ("a", True, True, 3, None),
        ("b", False, False, None, None),
        ("c", None, None, 0, ["max_messages_per_week"]),
        ("d", None, True, 3, ["email_opt_in"]),
    ]


def test_an_empty_id_is_no_id(warehouse: Warehouse, raw: Path) -> None:
    (raw / "message_events.csv").unlink()
    parquet(
        raw / "message_events.parquet",
        "select 'm' || i as message_event_id, 'u1' as user_id, 'email' as channel, 'sent' as event_type,"
        " timestamp '2026-05-30' as occurred_at, '' as dispatch_id, ' ' as campaign_id from range(9) as r(i)",
    )
    query = (
        "select count(*), count(dispatch_id), count(campaign_id) from base where quarantine_reason is null"
    )
    assert staged(warehouse, raw, "message_events", query) == [(9, 0, 0)]


def test_the_id_of_a_dispatch_is_read_as_we_write_it(warehouse: Warehouse, raw: Path) -> None:
    ours = "0123456789abcdef0123456789abcdef"
    as_uuid = "01234567-89AB-CDEF-0123-456789ABCDEF"
    given = [ours, ours.upper(), as_uuid, as_uuid.lower(), "ESP-7", ours.upper()[1:], ""]
    with (raw / "message_events.csv").open("w", encoding="utf-8") as file:
        file.write(f"{HEADERS['message_events']},dispatch_id\n")
        for number, dispatch in enumerate(given):
            file.write(f"m{number},{as_uuid},email,sent,2026-05-31,{dispatch}\n")
    query = "select user_id, dispatch_id from base order by message_event_id"
    assert staged(warehouse, raw, "message_events", query) == [
        (as_uuid, dispatch) for dispatch in (ours, ours, ours, ours, "ESP-7", ours.upper()[1:], None)
    ]


def test_what_is_inside_a_column_is_no_column(warehouse: Warehouse, raw: Path) -> None:
    (raw / "users.csv").unlink()
    parquet(
        raw / "users.parquet",
        "select 'u1' as user_id, timestamp '2026-05-01' as updated_at, {'a': 1, 'email': 'x'} as nested, [1, 2] as more",
    )
    with warehouse.open() as connection:
        warehouse.land(connection, raw)
        found = connection.execute(
            "select unknown_columns from landing.landing_files where table_name = 'users'"
        ).fetchall()
        assert found == [("nested,more",)]
    query = "select raw_row from base"
    assert staged(warehouse, raw, "users", query) == [(None,)]


def test_drops_in_a_folder_whose_name_looks_like_a_pattern_are_found(warehouse: Warehouse, raw: Path) -> None:
    parquet(
        raw / "erasure_requests" / "landed_on=2026-05-01" / "part.parquet",
        "select 'u1' as user_id, timestamp '2026-05-01' as requested_at",
    )
    query = "select user_id, file from base"
    assert staged(warehouse, raw, "erasure_requests", query) == [
        ("u1", "erasure_requests/landed_on=2026-05-01/part.parquet")
    ]


def upper_case(raw: Path) -> None:
    (raw / "erasure_requests.CSV").write_text("user_id,requested_at\nu1,2026-05-01\n", encoding="utf-8")


def compressed(raw: Path) -> None:
    (raw / "erasure_requests.csv.gz").write_bytes(b"\x1f\x8b")


def without_a_byte(raw: Path) -> None:
    (raw / "erasure_requests.csv").write_bytes(b"")


def without_a_top_level_column(raw: Path) -> None:
    (raw / "users.csv").unlink()
    parquet(raw / "users.parquet", "select {'user_id': 'u1'} as user, timestamp '2026-05-01' as updated_at")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (upper_case, ["erasure_requests", "erasure_requests.CSV", "nobody reads it"]),
        (compressed, ["erasure_requests", "erasure_requests.csv.gz", "nobody reads it"]),
        (without_a_byte, ["erasure_requests", "erasure_requests.csv", "not even a header"]),
        (without_a_top_level_column, ["users", "users.parquet", "column user_id is missing"]),
    ],
)
def test_a_file_that_would_be_lost_stops_the_night(
    warehouse: Warehouse,
    raw: Path,
    spoil: Callable[[Path], None],
    words: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    spoil(raw)
    with warehouse.open() as connection, pytest.raises(AssertionError):
        warehouse.land(connection, raw)
    said = capfd.readouterr().out
    assert all(word in said for word in words), said
