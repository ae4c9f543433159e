"""pandas: for each campaign and customer the reasons against the message, the variant, and who gets the place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pandas as pd

from benchmarks.rivals.pandas_customers import days
from benchmarks.rivals.pandas_landing import MICROSECONDS
from benchmarks.rivals.settings import Campaign, Settings, send_times
from benchmarks.rivals.words import bucket


def decide(customers: pd.DataFrame, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """A row a campaign and candidate, with all reasons, and what the lists need of both."""
    hours = {campaign.send_hour for campaign in settings.campaigns}
    times = {
        (zone, hour): time for zone, hour, time in send_times(as_of, customers["timezone"].unique(), hours)
    }
    in_force = [campaign for campaign in settings.campaigns if campaign.is_in_force(as_of)]
    judged = pd.concat(
        [judge(customers, campaign, settings, times, as_of) for campaign in in_force], ignore_index=True
    )
    lost = arbitrate(judged[judged["reasons"].str.len() == 0])
    judged = judged.join(lost)
    has_lost = judged["lost_by"].notna()
    judged.loc[has_lost, "reasons"] = judged.loc[has_lost, "lost_by"].map(lambda reason: [reason])
    judged["lost_to"] = [item if isinstance(item, list) else [] for item in judged["lost_to"]]
    judged["primary_reason"] = [reasons[0] if reasons else None for reasons in judged["reasons"]]
    judged["as_of"] = pd.Series(as_of, index=judged.index, dtype=MICROSECONDS)
    judged["decision"] = [
        "send" if not reasons else "control" if reasons == ["holdout"] else "suppress"
        for reasons in judged["reasons"]
    ]
    return judged


def judge(
    customers: pd.DataFrame,
    campaign: Campaign,
    settings: Settings,
    times: dict[tuple[str, int], datetime],
    as_of: datetime,
) -> pd.DataFrame:
    """The candidates of a campaign, with everything that speaks against each, in the order of the gates."""
    rows = customers[customers[f"is_{campaign.audience}"]] if campaign.audience else customers
    trigger = pd.Series(pd.NaT, index=rows.index, dtype=MICROSECONDS)
    if campaign.trigger:
        trigger = rows[f"newest {campaign.trigger}"]
        is_recent = (trigger >= as_of - days(90)) & (trigger < as_of)
        rows, trigger = rows[is_recent], trigger[is_recent]
    age_from = rows["signed_up_at"] if campaign.is_aged_from_signup else trigger
    variant = fitting(rows, campaign)
    reasons: list[list[str]] = [[] for _ in range(len(rows))]
    for reason, holds in gates(rows, campaign, trigger, age_from, variant, as_of):
        for place in np.flatnonzero(holds.fillna(False).to_numpy(dtype=bool)):
            reasons[place].append(reason)
    zone_times = {zone: time for (zone, hour), time in times.items() if hour == campaign.send_hour}
    channel = campaign.channel
    expires = pd.Series(pd.NaT, index=rows.index, dtype=MICROSECONDS)
    return pd.DataFrame(
        {
            "user_id": rows.index,
            "trigger_at": trigger.to_numpy(),
            "variant": variant.to_numpy(),
            "send_at": rows["timezone"].map(zone_times).astype(MICROSECONDS).to_numpy(),
            "last_active_at": rows["last_active_at"].to_numpy(),
            "campaign_id": campaign.id,
            "channel": channel,
            "priority": campaign.priority,
            "content_key": campaign.content_key,
            "is_transactional": campaign.is_transactional,
            "address": rows[f"address_{channel}"].to_numpy(),
            "address_key": rows[f"key_{channel}"].to_numpy(),
            "expires_at": (expires if campaign.max_age is None else age_from + campaign.max_age).to_numpy(),
            "channel_room": room(rows, settings, channel).to_numpy(),
            "user_room": np.fmin(
                room(rows, settings, "all"),
                rows["max_messages_per_week"].astype("Float64").astype(float) - rows["sends_7"].fillna(0),
            ).to_numpy(),
            "reasons": pd.Series(reasons, dtype=object).to_numpy(),
        }
    )


def gates(
    rows: pd.DataFrame,
    campaign: Campaign,
    trigger: pd.Series,
    age_from: pd.Series,
    variant: pd.Series,
    as_of: datetime,
) -> Iterator[tuple[str, pd.Series]]:
    """The reasons not to send, each with whom it holds for."""
    channel = campaign.channel
    yield "unreachable", rows[f"address_{channel}"].isna()
    yield "hard_bounced", rows[f"hard_bounced_{channel}"]
    yield "complained", rows[f"complained_{channel}"]
    if not campaign.is_transactional:
        yield "channel_opt_out", rows[f"opted_in_{channel}"] == False  # noqa: E712 (what is unknown is neither)
        yield "consent_unknown", rows[f"opted_in_{channel}"].isna()
        if campaign.topic:
            yield (
                "topic_opt_out",
                rows["topics_opted_out"].map(lambda topics: refuses(topics, campaign.topic)),
            )
    yield "globally_suppressed", rows[f"suppressed_{channel}"]
    for segment in campaign.excluded:
        yield f"excluded:{segment}", rows[f"is_{segment}"]
    for name in campaign.cancel_on:
        if campaign.trigger:
            yield f"exception:{name}", rows[f"newest {name}"] >= trigger
        elif campaign.cooldown is not None:
            yield f"exception:{name}", rows[f"newest {name}"] >= as_of - campaign.cooldown
    if campaign.is_aged_from_signup:
        yield "signup_unknown", rows["signed_up_at"].isna()
    if campaign.min_age is not None:
        yield "too_soon", age_from > as_of - campaign.min_age
    if campaign.max_age is not None:
        yield "too_late", age_from < as_of - campaign.max_age
    if campaign.cooldown is not None and f"sent {campaign.id}" in rows:
        yield "cooldown", rows[f"sent {campaign.id}"] >= as_of - campaign.cooldown
    yield "incomplete_personalization", variant.isna()
    if campaign.pilot_percent < 100:
        yield "outside_pilot", buckets(rows, f"pilot:{campaign.id}") >= campaign.pilot_percent * 100
    if campaign.holdout_percent > 0 and not campaign.is_transactional:
        yield "holdout", buckets(rows, f"holdout:{campaign.id}") < campaign.holdout_percent * 100


def refuses(topics: object, topic: str | None) -> bool:
    """Whether a list of topics, separated by semicolons, holds the topic."""
    return isinstance(topics, str) and topic in [item.strip() for item in topics.lower().split(";")]


def buckets(rows: pd.DataFrame, salt: str) -> pd.Series:
    """The part of an experiment that each user is in."""
    return pd.Series([bucket(salt, user_id) for user_id in rows.index], index=rows.index)


def fitting(rows: pd.DataFrame, campaign: Campaign) -> pd.Series:
    """The first variant of whose required fields none is blank."""
    found = pd.Series(None, index=rows.index, dtype=object)
    for variant in campaign.variants:
        can_be_filled = rows[list(variant.required)].notna().all(axis=1)
        found[can_be_filled & found.isna()] = variant.name
    return found


def room(rows: pd.DataFrame, settings: Settings, channel: str) -> pd.Series:
    """How many messages the caps of a channel leave room for; not-a-number where it has none."""
    most = [messages for cap, _, messages in settings.caps if cap == channel]
    # whoever was sent nothing has all of it
    return rows[f"room_{channel}"].fillna(min(most)) if most else pd.Series(np.nan, index=rows.index)


def arbitrate(passed: pd.DataFrame) -> pd.DataFrame:
    """Of those who passed every gate, who loses a place, why, and to whom: lost_by, lost_to, by the rows of `passed`."""
    stands_outside = passed["is_transactional"]
    placed = passed.sort_values(
        ["last_active_at", "user_id"], ascending=[False, True], na_position="last", kind="stable"
    )
    is_first = placed.groupby(["campaign_id", "address_key"], dropna=False).cumcount() == 0
    placed = placed.assign(has_address=is_first | stands_outside).sort_values(
        ["is_transactional", "priority", "campaign_id"], ascending=[False, False, True], kind="stable"
    )
    outside = placed["is_transactional"]
    holders = placed[outside].groupby(["user_id", "content_key"])["campaign_id"].agg(list).rename("held_by")
    placed = placed.join(holders, on=["user_id", "content_key"])
    groups = ["user_id", "content_key", "is_transactional", "has_address"]
    placed["content_winner"] = placed.groupby(groups)["campaign_id"].transform("first")
    placed["has_content"] = outside | (
        placed["has_address"] & placed["held_by"].isna() & (placed["content_winner"] == placed["campaign_id"])
    )
    for have, before, among, limit in (
        ("has_channel", "has_content", ["channel"], "channel_room"),
        ("has_place", "has_channel", [], "user_room"),
    ):
        place = placed.groupby(["user_id", *among, before]).cumcount() + 1
        placed[have] = outside | (placed[before] & ((place <= placed[limit]) | placed[limit].isna()))
    by_priority = placed.sort_values(["priority", "campaign_id"], ascending=[False, True], kind="stable")
    channel_to = (
        by_priority[by_priority["has_channel"]].groupby(["user_id", "channel"])["campaign_id"].agg(list)
    )
    place_to = by_priority[by_priority["has_place"]].groupby("user_id")["campaign_id"].agg(list)
    losers = placed[~placed["has_place"]]
    losers = losers.join(channel_to.rename("channel_to"), on=["user_id", "channel"])
    losers = losers.join(place_to.rename("place_to"), on="user_id")
    lost_by, lost_to = [], []
    for row in losers.itertuples(index=False):
        winners: object = []
        if not row.has_address:
            reason = "duplicate_address"
        elif not row.has_content:
            reason = "same_content"
            winners = row.held_by if isinstance(row.held_by, list) else [row.content_winner]
        elif not row.has_channel:
            reason = "channel_cap"
            winners = row.channel_to if row.channel_room > 0 else []
        else:
            reason = "total_cap"
            winners = row.place_to if row.user_room > 0 else []
        lost_by.append(reason)
        lost_to.append(winners if isinstance(winners, list) else [])
    return pd.DataFrame(
        {
            "lost_by": pd.Series(lost_by, index=losers.index, dtype=object),
            "lost_to": pd.Series(lost_to, index=losers.index, dtype=object),
        }
    )
