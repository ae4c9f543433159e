"""The lists of a first night as a pandas program.

python -m benchmarks.rivals.pandas_night PROJECT ZONE OUT
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pandas as pd

from benchmarks.rivals.pandas_customers import describe_customers
from benchmarks.rivals.pandas_decisions import decide
from benchmarks.rivals.pandas_landing import stage
from benchmarks.rivals.settings import DECISIONS, DESTINATIONS, ISO, MERGE_FIELDS, Settings

_OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FORMULA = re.compile("[=+\\-@\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?[0-9]+([.,][0-9]+)*")

LISTED = (
    *("dispatch_id", "user_id", "campaign_id", "channel", "address", "variant", "send_at", "valid_until"),
    *("cancel_on", "merge_values"),
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
    as_of = (tables["events"]["occurred_at"].max().normalize() + timedelta(days=1)).to_pydatetime()
    customers = describe_customers(tables, settings, as_of)
    del tables
    decisions = decide(customers, settings, as_of)
    messages = list_messages(decisions, customers, settings, as_of)
    out.mkdir(parents=True)
    pd.concat(apart).to_parquet(out / "quarantine.parquet", index=False)
    decisions[list(DECISIONS)].to_parquet(out / "campaign_decisions.parquet", index=False)
    messages[list(LISTED)].to_parquet(out / "send_list.parquet", index=False)
    write_lists(messages, settings, out / "lists")


def tidy_messages(rows: pd.DataFrame) -> pd.DataFrame:
    """Reports on messages: an empty id is none, and channels are in lower case."""
    rows = rows.assign(channel=rows["channel"].str.strip(" ").str.lower())
    for name in ("campaign_id", "variant", "dispatch_id"):
        trimmed = rows[name].str.strip(" ")
        rows[name] = trimmed.where(trimmed != "")
    return rows


def list_messages(
    decisions: pd.DataFrame, customers: pd.DataFrame, settings: Settings, as_of: datetime
) -> pd.DataFrame:
    """The send list, with the merge values of each message as a dictionary beside their JSON."""
    sends = decisions[decisions["decision"] == "send"].join(customers[list(MERGE_FIELDS)], on="user_id")
    printed = {
        (campaign.id, variant.name): sorted(variant.printed)
        for campaign in settings.campaigns
        for variant in campaign.variants
    }
    cancel_on = {campaign.id: list(campaign.cancel_on) for campaign in settings.campaigns}
    values = [
        {
            name: value if isinstance(value := row[name], str) else None
            for name in printed[row["campaign_id"], row["variant"]]
        }
        for row in sends[["campaign_id", "variant", *MERGE_FIELDS]].to_dict("records")
    ]
    ids = [
        hashlib.md5(f"{campaign}:{user}:{as_of:%Y-%m-%d}".encode()).hexdigest()
        for campaign, user in zip(sends["campaign_id"], sends["user_id"], strict=True)
    ]
    day_after = sends["send_at"] + timedelta(days=1)
    return sends.assign(
        dispatch_id=ids,
        valid_until=sends["expires_at"].where(sends["expires_at"] < day_after, day_after),
        cancel_on=sends["campaign_id"].map(cancel_on),
        values=pd.Series(values, index=sends.index, dtype=object),
        merge_values=[json.dumps(item, ensure_ascii=False) for item in values],
    )


def write_lists(messages: pd.DataFrame, settings: Settings, folder: Path) -> None:
    """A file for each destination and campaign."""
    timed = messages.assign(
        send_at=messages["send_at"].dt.strftime(ISO), valid_until=messages["valid_until"].dt.strftime(ISO)
    ).sort_values("dispatch_id")
    by_campaign = dict(list(timed.groupby("campaign_id")))
    for destination, shape in zip(DESTINATIONS, (generic, braze), strict=True):
        (folder / destination).mkdir(parents=True)
        for campaign in settings.campaigns:
            mine = by_campaign.get(campaign.id, timed.iloc[:0])
            write_csv(shape(mine, settings), folder / destination / f"{campaign.id}.csv")


def generic(messages: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows of the generic CSV."""
    return messages[list(LISTED)].assign(
        cancel_on=messages["cancel_on"].map(";".join),
        merge_values=[_OVERRIDES.sub("", text) for text in messages["merge_values"]],
    )


def braze(messages: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows of a CSV for Braze: a column for each merge field, safe for spreadsheets."""
    blank = [
        ";".join(name for name, value in item.items() if value is None) or "none"
        for item in messages["values"]
    ]
    found = {
        "external_id": messages["user_id"],
        "sendworthy_campaign_id": messages["campaign_id"],
        "sendworthy_dispatch_id": messages["dispatch_id"],
        "sendworthy_variant": messages["variant"],
        "sendworthy_send_at": messages["send_at"],
        "sendworthy_valid_until": messages["valid_until"],
        "sendworthy_blank_fields": blank,
    }
    for name in MERGE_FIELDS:
        found[settings.braze_names.get(name, name)] = [safe(item.get(name)) for item in messages["values"]]
    return pd.DataFrame(found)


def safe(value: str | None) -> str | None:
    """A value for a cell that no spreadsheet takes for a formula."""
    if value is None:
        return None
    text = _OVERRIDES.sub("", value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def write_csv(rows: pd.DataFrame, path: Path) -> None:
    """A CSV in which an empty text is not the same as none: pandas would write both alike."""
    lines = [list(rows.columns), *rows.astype(object).where(rows.notna(), None).to_numpy().tolist()]
    path.write_text(
        "".join(",".join(map(_cell, line)) + "\n" for line in lines), encoding="utf-8", newline=""
    )


def _cell(value: str | None) -> str:
    if value is None:
        return ""
    return (
        '"' + value.replace('"', '""') + '"' if not value or any(mark in value for mark in _QUOTED) else value
    )


_QUOTED: Sequence[str] = (",", '"', "\n", "\r")


if __name__ == "__main__":
    main()
