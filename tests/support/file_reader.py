"""Somebody who queries a published file in a loop until a file says stop, and looks whether it is whole each time.

`python reader.py <database> <stop file> <loop | hold>`: with `hold`, one connection is never closed.
"""

from __future__ import annotations

import json
import sys
import time
from contextlib import closing
from pathlib import Path

import duckdb

# one row: the run, its night, and how many messages stand on only one of the list and the ledger
WHOLE = """
    with
        night as (select as_of from intermediate.int_nights__as_of),
        dispatched as (select dispatch_id from ledger.dispatches where as_of = (select as_of from night)),
        listed as (select dispatch_id from marts.send_list)
    select
        (select run_id from ops.audited),
        (select as_of from night)::varchar,
        (select count(distinct as_of) from ops.runs where run_id = (select run_id from ops.audited)),
        (select max(as_of) from ops.runs where run_id = (select run_id from ops.audited))::varchar,
        (select count(*) from listed),
        (select count(*) from dispatched),
        (select count(*) from dispatched semi join listed using (dispatch_id))
"""


def read_run(connection: duckdb.DuckDBPyConnection) -> str:
    """The run that is published; AssertionError where what it says of itself does not fit."""
    ((run_id, as_of, nights, night, listed, dispatched, both),) = connection.execute(WHOLE).fetchall()
    assert nights == 1 and night == as_of, f"{run_id}: the marts are of {as_of}, its record of {night}"
    assert listed == dispatched == both, f"{run_id}: {listed} listed, {dispatched} dispatched, {both} both"
    return str(run_id)


def read_run_in(database: Path) -> str:
    with closing(duckdb.connect(str(database), read_only=True)) as connection:
        return read_run(connection)


def main() -> None:
    database, stop, how = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    seen: dict[str, int] = {}
    errors: list[str] = []
    held = duckdb.connect(str(database), read_only=True) if how == "hold" else None
    Path(f"{stop}.{sys.argv[4]}").touch()
    while not stop.exists():
        try:
            run = read_run(held) if held else read_run_in(database)
            seen[run] = seen.get(run, 0) + 1
        except Exception as error:
            errors.append(f"{type(error).__name__}: {error}")
        # eight of them must leave the night something to compute with
        time.sleep(0.5)
    print(json.dumps({"how": how, "seen": seen, "errors": errors}))


if __name__ == "__main__":
    main()
