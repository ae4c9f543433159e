"""The lists of a first night as a Polars program.

python -m benchmarks.rivals.polars_night PROJECT ZONE OUT
"""

from __future__ import annotations

import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

import polars as pl
import polars_hash as plh

from benchmarks.rivals.polars_customers import describe_customers
from benchmarks.rivals.polars_decisions import decide
from benchmarks.rivals.polars_landing import stage
from benchmarks.rivals.settings import (
    DECISIONS,
    DESTINATIONS,
    FORMULA,
    ISO,
    MERGE_FIELDS,
    NUMBER,
    OVERRIDES,
    Settings,
)


def main() -> None:
    """Read, decide, write."""
    project, zone, out = (Path(argument) for argument in sys.argv[1:4])
    settings = Settings(project)
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    tables, apart = {}, []
    for table, columns in settings.contract.items():
        tables[table], bad = stage(zone, table, columns, now)
        apart.append(bad)
    tables["message_events"] = tidy_messages(tables["message_events"])
    newest = tables["events"]["occurred_at"].max()
    assert isinstance(newest, datetime)
    as_of = datetime(newest.year, newest.month, newest.day) + timedelta(days=1)
    customers = describe_customers(tables, settings, as_of)
    del tables
    decisions = decide(customers, settings, as_of)
    messages = list_messages(decisions, customers, settings, as_of)
    out.mkdir(parents=True)
    pl.concat(apart).write_parquet(out / "quarantine.parquet")
    decisions.select(DECISIONS).write_parquet(out / "campaign_decisions.parquet")
    columns_of_list = [name for name in messages.columns if name not in MERGE_FIELDS]
    messages.select(columns_of_list).write_parquet(out / "send_list.parquet")
    write_lists(messages, settings, out / "lists")


def tidy_messages(rows: pl.DataFrame) -> pl.DataFrame:
    """Reports on messages: an empty id is none, and channels are in lower case."""
    ids = ("campaign_id", "variant", "dispatch_id")
    return rows.with_columns(
        *(pl.col(name).str.strip_chars(" ").replace("", None) for name in ids),
        pl.col("channel").str.strip_chars(" ").str.to_lowercase(),
    )


def list_messages(
    decisions: pl.DataFrame, customers: pl.DataFrame, settings: Settings, as_of: datetime
) -> pl.DataFrame:
    """The send list, and the merge values of each message by field: null where the variant does not print it."""
    sends = decisions.filter(pl.col("decision") == "send").join(
        customers.select("user_id", *MERGE_FIELDS), on="user_id"
    )
    parts = []
    for campaign in settings.campaigns:
        for variant in campaign.variants:
            mine = sends.filter((pl.col("campaign_id") == campaign.id) & (pl.col("variant") == variant.name))
            printed = sorted(variant.printed)
            parts.append(
                mine.with_columns(
                    cancel_on=pl.lit(list(campaign.cancel_on), dtype=pl.List(pl.String)),
                    merge_values=json_object(printed),
                    blank_fields=blank_fields(printed),
                    **{name: pl.lit(None, dtype=pl.String) for name in MERGE_FIELDS if name not in printed},
                )
            )
    return pl.concat(parts).select(
        plh.concat_str("campaign_id", pl.lit(":"), "user_id", pl.lit(f":{as_of:%Y-%m-%d}"))
        .nchash.md5()
        .alias("dispatch_id"),
        "user_id",
        "campaign_id",
        "channel",
        "address",
        "variant",
        "send_at",
        pl.min_horizontal("expires_at", pl.col("send_at") + timedelta(days=1)).alias("valid_until"),
        "cancel_on",
        "merge_values",
        "blank_fields",
        *MERGE_FIELDS,
    )


def json_object(names: list[str]) -> pl.Expr:
    """The merge fields as a JSON object."""
    parts: list[pl.Expr] = []
    for name in names:
        text = (
            pl.col(name).str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
        )
        value = pl.concat_str(pl.lit('"'), text, pl.lit('"')).fill_null("null")
        parts.append(pl.concat_str(pl.lit(f'"{name}": '), value))
    return pl.concat_str(pl.lit("{"), *([pl.concat_str(parts, separator=", ")] if parts else []), pl.lit("}"))


def blank_fields(names: list[str]) -> pl.Expr:
    """The fields that are printed and blank, joined by semicolons; `none` where there is none."""
    blank = [pl.when(pl.col(name).is_null()).then(pl.lit(name)) for name in names]
    if not blank:
        return pl.lit("none")
    return pl.concat_str(blank, separator=";", ignore_nulls=True).replace("", "none")


def write_lists(messages: pl.DataFrame, settings: Settings, folder: Path) -> None:
    """A file for each destination and campaign."""
    timed = messages.with_columns(pl.col("send_at", "valid_until").dt.strftime(ISO)).sort("dispatch_id")
    shapes = {"generic": generic(timed), "braze": braze(timed, settings)}
    for destination in DESTINATIONS:
        (folder / destination).mkdir(parents=True)
        rows = shapes[destination]
        for campaign in settings.campaigns:
            mine = rows.filter(pl.col("list") == campaign.id).drop("list")
            mine.write_csv(folder / destination / f"{campaign.id}.csv", quote_style="necessary")


def generic(messages: pl.DataFrame) -> pl.DataFrame:
    """The rows of the generic CSV."""
    return messages.select(
        "dispatch_id",
        "user_id",
        "campaign_id",
        "channel",
        "address",
        "variant",
        "send_at",
        "valid_until",
        pl.col("cancel_on").list.join(";"),
        pl.col("merge_values").str.replace_all(OVERRIDES, ""),
        list="campaign_id",
    )


def braze(messages: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The rows of a CSV for Braze: a column for each merge field, safe for spreadsheets."""

    def safe(name: str) -> pl.Expr:
        text = pl.col(name).str.replace_all(OVERRIDES, "")
        is_formula = text.str.contains(FORMULA) & ~text.str.contains(NUMBER)
        return pl.when(is_formula).then(pl.concat_str(pl.lit("'"), text)).otherwise(text)

    return messages.select(
        external_id="user_id",
        sendworthy_campaign_id="campaign_id",
        sendworthy_dispatch_id="dispatch_id",
        sendworthy_variant="variant",
        sendworthy_send_at="send_at",
        sendworthy_valid_until="valid_until",
        sendworthy_blank_fields="blank_fields",
        **{settings.braze_names.get(name, name): safe(name) for name in MERGE_FIELDS},
        list="campaign_id",
    )


if __name__ == "__main__":
    main()
