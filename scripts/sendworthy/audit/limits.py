"""Limits: what holds a campaign back because tonight is too far from the last night, whatever the gate says of its list.

A campaign's last night is the newest one on which it was in force and released. It counts while the campaign itself has
run, released or held back, within `last_night_max_hours` before tonight; so a swing does not heal by itself because
the campaign was held back for it. Without a last night there is nothing to compare with. A table of which too much cannot be
read holds every campaign back, on a first night too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import duckdb

from sendworthy.audit.gate import FailedExpectation
from sendworthy.foundation.clock import iso
from sendworthy.foundation.errors import Problem, SettingsError
from sendworthy.foundation.project import Project
from sendworthy.warehouse.database import rows

MAX_HOURS = "last_night_max_hours"
# of a smaller table, nobody can say that it shrank
LEAST_ROWS = 100

Found = dict[str, list[FailedExpectation]]
"""What went over a limit, by campaign."""

# ops.runs holds what these say, as JSON
_SOURCES = '[{"table": "varchar", "rows": "bigint", "newest_at": "timestamp"}]'
_COVERAGE = '[{"merge_field": "varchar", "users": "bigint", "blank_users": "bigint"}]'


def read_window(project: Project) -> timedelta:
    """How long a last night counts; SettingsError where the variable is no number of hours."""
    hours = project.variable(MAX_HOURS)
    if isinstance(hours, bool) or not isinstance(hours, (int, float)) or not 0 < hours <= 8760:
        raise SettingsError(
            f"dbt_project.yml: {MAX_HOURS} is {hours!r}, which is no number of hours.",
            "write a number above 0 and up to 8760, such as 72.",
        )
    return timedelta(hours=hours)


def check_window(project: Project) -> list[Problem]:
    """The same as `read_window`, as problems of the settings."""
    try:
        read_window(project)
    except SettingsError as error:
        return [Problem("dbt_project.yml", f"vars.{MAX_HOURS}", error.what, error.fix)]
    return []


def read_landed(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """What the next night compares its sources with: [{table, rows, newest_at}], as the run keeps it."""
    found = rows(
        connection,
        """
        select table_name as "table", rows_staged as rows, newest_at
        from intermediate.int_nights__sources
        order by table_name
        """,
    )
    return [{**row, "newest_at": row["newest_at"] and iso(row["newest_at"])} for row in found]


def judge_limits(
    connection: duckdb.DuckDBPyConnection,
    campaigns: Sequence[dict[str, Any]],
    as_of: datetime,
    window: timedelta,
) -> Found:
    """What went over a limit tonight, by campaign.

    Needs the build file with ops.runs. Each campaign gets `in_force`, `compared_with` (its last night: run_id and as_of,
    or None) and `coverage` (per merge field that it prints, how many people were looked at and had it blank): what
    the next night compares itself with.
    """
    _find_last_nights(connection, as_of, window)
    _describe(connection, campaigns)
    found: Found = {}
    for campaign_id, failed in (
        *_unreadable_tables(connection, campaigns),
        *_stale_and_shrunk(connection, as_of),
        *_swings(connection),
        *_coverage_falls(connection),
    ):
        found.setdefault(campaign_id, []).append(failed)
    return found


def _find_last_nights(connection: duckdb.DuckDBPyConnection, as_of: datetime, window: timedelta) -> None:
    """Make `last_nights`: for each campaign that is in force tonight and has one, the run that it is compared with."""
    connection.execute(
        """
        create or replace temp table last_nights as
        with
            -- of a night that ran more than once, the last run counts: it is what the ledger holds
            nights as (
                select *
                from ops.runs
                where as_of < $as_of
                qualify row_number() over (partition by campaign_id, as_of order by finished_at desc, run_id desc) = 1
            ),

            -- a campaign out of season has nobody, and says nothing of the night on which it begins
            in_force as (
                select nights.*
                from nights
                inner join intermediate.int_campaigns__settings as campaigns using (campaign_id)
                where campaigns.is_in_force and try_cast(nights.details ->> 'in_force' as boolean)
            )

        select
            campaign_id,
            max(as_of) filter (where status = 'released') as as_of,
            max_by(run_id, as_of) filter (where status = 'released') as run_id,
            max_by(candidates, as_of) filter (where status = 'released') as candidates,
            max_by(run, as_of) filter (where status = 'released') as run,
            max_by(details, as_of) filter (where status = 'released') as details
        from in_force
        group by campaign_id
        having max(as_of) >= $earliest and count(*) filter (where status = 'released') > 0
        """,
        {"as_of": as_of, "earliest": as_of - window},
    )


def _describe(connection: duckdb.DuckDBPyConnection, campaigns: Sequence[dict[str, Any]]) -> None:
    in_force = {
        row["campaign_id"]
        for row in rows(
            connection, "select campaign_id from intermediate.int_campaigns__settings where is_in_force"
        )
    }
    last = {
        row["campaign_id"]: {"run_id": row["run_id"], "as_of": iso(row["as_of"])}
        for row in rows(connection, "select campaign_id, run_id, as_of from last_nights")
    }
    # how many lack a field does not depend on the variant that prints it
    connection.execute(
        """
        create or replace temp table coverage as
        select campaign_id, merge_field, max(users) as users, max(blank_users) as blank_users
        from marts.personalization_completeness
        group by campaign_id, merge_field
        """
    )
    coverage: dict[str, list[dict[str, Any]]] = {}
    for row in rows(connection, "from coverage order by campaign_id, merge_field"):
        coverage.setdefault(row.pop("campaign_id"), []).append(row)
    for campaign in campaigns:
        name = campaign["campaign_id"]
        campaign["in_force"] = name in in_force
        campaign["compared_with"] = last.get(name)
        campaign["coverage"] = coverage.get(name, [])


def _unreadable_tables(
    connection: duckdb.DuckDBPyConnection, campaigns: Sequence[Mapping[str, Any]]
) -> list[tuple[str, FailedExpectation]]:
    """Every campaign, for each table of which too much cannot be read."""
    tables = rows(connection, "from intermediate.int_limits__quarantined_tables order by table_name")
    return [(campaign["campaign_id"], _unreadable(table)) for table in tables for campaign in campaigns]


def _stale_and_shrunk(
    connection: duckdb.DuckDBPyConnection, as_of: datetime
) -> list[tuple[str, FailedExpectation]]:
    """The sources, each compared with what it was on the campaign's last night; on a campaign's first, on the newest one of the others."""
    found = rows(
        connection,
        f"""
        with
            nights as (
                select
                    campaigns.campaign_id,
                    campaigns.audience_segment is not null or campaigns.also_segments is not null or campaigns.excluded_segments is not null as has_segments,
                    coalesce(own.as_of, newest.as_of) as as_of,
                    coalesce(own.run, newest.run) as run
                from settings.campaigns as campaigns
                inner join intermediate.int_campaigns__settings as tonight using (campaign_id)
                left join last_nights as own using (campaign_id)
                cross join
                    (select max(as_of) as as_of, max_by(run, struct_pack(as_of, campaign_id)) as run from last_nights) as newest
                where tonight.is_in_force
            ),

            before as (
                select campaign_id, has_segments, as_of, unnest(from_json(run -> 'landed', '{_SOURCES}')) as source
                from nights
            ),

            compared as (
                select
                    before.campaign_id,
                    before.as_of as last_night,
                    limits.table_name,
                    limits.max_age_hours,
                    limits.max_shrink_percent,
                    before.source.rows as rows_before,
                    tonight.rows_staged as rows_tonight,
                    before.source.newest_at as newest_before,
                    tonight.newest_at as newest_tonight
                from before
                inner join settings.source_limits as limits on before.source.table = limits.table_name
                inner join intermediate.int_nights__sources as tonight on limits.table_name = tonight.table_name
                where limits.holds_back = 'all' or before.has_segments
            )

        select
            *,
            coalesce(
                rows_before >= {LEAST_ROWS}
                and (rows_before - rows_tonight) * 100 > max_shrink_percent * rows_before,
                false
            ) as has_shrunk,
            -- where there never was a row, nothing has gone stale
            coalesce(
                newest_before is not null
                and coalesce(newest_tonight <= newest_before, true)
                and coalesce(newest_tonight < ? - to_hours(max_age_hours), max_age_hours is not null),
                false
            ) as is_stale
        from compared
        where has_shrunk or is_stale
        order by campaign_id, table_name
        """,
        [as_of],
    )
    failed = []
    for row in found:
        if row["is_stale"]:
            failed.append((row["campaign_id"], _stale(row)))
        if row["has_shrunk"]:
            failed.append((row["campaign_id"], _shrank(row)))
    return failed


def _swings(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, FailedExpectation]]:
    found = rows(
        connection,
        """
        with
            tonight as (
                select campaign_id, count(*) as candidates from marts.campaign_decisions group by campaign_id
            ),

            compared as (
                select
                    last_nights.campaign_id,
                    last_nights.as_of as last_night,
                    last_nights.candidates as people_before,
                    coalesce(tonight.candidates, 0) as people_tonight,
                    greatest(people_before, people_tonight) as larger,
                    campaigns.max_swing_percent
                from last_nights
                inner join settings.campaigns as campaigns using (campaign_id)
                left join tonight using (campaign_id)
                where larger >= campaigns.min_audience
            )

        select *
        from compared
        where abs(people_tonight - people_before) * 100 > max_swing_percent * larger
        order by campaign_id
        """,
    )
    return [(row["campaign_id"], _swung(row)) for row in found]


def _coverage_falls(connection: duckdb.DuckDBPyConnection) -> list[tuple[str, FailedExpectation]]:
    found = rows(
        connection,
        f"""
        with
            before as (
                select campaign_id, as_of, unnest(from_json(details -> 'coverage', '{_COVERAGE}')) as field
                from last_nights
            ),

            compared as (
                select
                    before.campaign_id,
                    before.as_of as last_night,
                    coverage.merge_field,
                    before.field.users::hugeint as users_before,
                    before.field.blank_users::hugeint as blank_before,
                    coverage.users::hugeint as users_tonight,
                    coverage.blank_users::hugeint as blank_tonight,
                    campaigns.max_coverage_fall_points
                from before
                inner join
                    coverage
                    on before.campaign_id = coverage.campaign_id
                    and before.field.merge_field = coverage.merge_field
                inner join settings.campaigns as campaigns on before.campaign_id = campaigns.campaign_id
                where greatest(before.field.users, coverage.users) >= campaigns.min_audience
            )

        select *
        from compared
        -- the shares multiplied out, so that what lies on the limit is not over it; without people on one side, nothing is
        where
            (blank_tonight * users_before - blank_before * users_tonight) * 10000
            > (max_coverage_fall_points * 100)::hugeint * users_before * users_tonight
        order by campaign_id, merge_field
        """,
    )
    return [(row["campaign_id"], _fell(row)) for row in found]


# --- in words -----------------------------------------------------------------------------------------

_MEANT = "if it is meant, run the night again with --accept and --reason"


def _unreadable(row: Mapping[str, Any]) -> FailedExpectation:
    table, unreadable, rows_in = row["table_name"], row["rows_unreadable"], row["rows_in"]
    return FailedExpectation(
        f"limit_source_unreadable_{table}",
        f"of the rows of {table} no more than {_plain(row['max_quarantined_percent'])} percent may be unreadable: "
        f"{unreadable:,} of {rows_in:,} were quarantined, {_percent(unreadable, rows_in)}",
        f"see why in ops.input_problems and ops.quarantine, and deliver {table} again, or add its words to the seeds "
        f"(docs/your-own-data.md); {_MEANT}",
        None,
    )


def _stale(row: Mapping[str, Any]) -> FailedExpectation:
    table, newest = row["table_name"], row["newest_tonight"]
    return FailedExpectation(
        f"limit_source_stale_{table}",
        f"{table} has rows newer than {row['max_age_hours']} hours, or newer ones than on {iso(row['last_night'])}: "
        + (f"the newest is of {iso(newest)}" if newest else "it has none from before this night"),
        f"see why nothing new has landed in {table}, and run the night again when it has; {_MEANT}",
        None,
    )


def _shrank(row: Mapping[str, Any]) -> FailedExpectation:
    table, before, tonight = row["table_name"], row["rows_before"], row["rows_tonight"]
    return FailedExpectation(
        f"limit_source_shrank_{table}",
        f"{table} has lost at most {_plain(row['max_shrink_percent'])} percent of its rows since {iso(row['last_night'])}: "
        f"{before:,} then, {tonight:,} now, {_percent(before - tonight, before)} fewer",
        f"see what is missing (ops.source_counts, ops.quarantine), and run the night again when it has landed; {_MEANT}",
        None,
    )


def _swung(row: Mapping[str, Any]) -> FailedExpectation:
    before, tonight = row["people_before"], row["people_tonight"]
    way = "more" if tonight > before else "fewer"
    return FailedExpectation(
        "limit_audience_swing",
        f"the audience differs by at most {_plain(row['max_swing_percent'])} percent of the larger from that of {iso(row['last_night'])}: "
        f"{before:,} people then, {tonight:,} now, {_percent(abs(tonight - before), row['larger'])} {way}",
        f"see what has changed: the segment, the trigger event, the sources; {_MEANT}",
        None,
    )


def _fell(row: Mapping[str, Any]) -> FailedExpectation:
    field = row["merge_field"]
    return FailedExpectation(
        f"limit_coverage_fall_{field}",
        f"{field} is blank for at most {_plain(row['max_coverage_fall_points'])} percentage points more of the audience than on {iso(row['last_night'])}: "
        f"{_percent(row['blank_before'], row['users_before'])} then, {_percent(row['blank_tonight'], row['users_tonight'])} now",
        f"see where {field} comes from (seeds/merge_fields.csv) and why it is missing; {_MEANT}",
        None,
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} percent"


def _plain(number: Any) -> str:
    return f"{number.normalize():f}"
