"""Polars: for each campaign and customer the reasons against the message, the variant, and who gets the place."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import polars as pl
import polars_hash as plh

from benchmarks.rivals.polars_customers import days
from benchmarks.rivals.polars_landing import MICROSECONDS
from benchmarks.rivals.settings import Campaign, Settings, send_times

NO_TEXTS = pl.lit([], dtype=pl.List(pl.String))


def decide(customers: pl.DataFrame, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """A row a campaign and candidate, with all reasons, and what the lists need of both."""
    hours = {campaign.send_hour for campaign in settings.campaigns}
    times = pl.DataFrame(
        send_times(as_of, customers["timezone"].unique().to_list(), hours),
        schema={"timezone": pl.String, "hour": pl.Int64, "send_at": MICROSECONDS},
        orient="row",
    )
    in_force = [campaign for campaign in settings.campaigns if campaign.is_in_force(as_of)]
    judged = pl.concat(
        pl.collect_all([judge(customers, campaign, settings, times, as_of) for campaign in in_force])
    )
    lost = arbitrate(judged.filter(pl.col("reasons").list.len() == 0))
    reasons = pl.when(pl.col("lost_by").is_not_null()).then(pl.concat_list("lost_by")).otherwise("reasons")
    return (
        judged.join(lost, on=["user_id", "campaign_id"], how="left")
        .with_columns(reasons=reasons, lost_to=pl.col("lost_to").fill_null(NO_TEXTS))
        .with_columns(primary_reason=pl.col("reasons").list.first())
        .with_columns(
            as_of=pl.lit(as_of, dtype=MICROSECONDS),
            decision=pl.when(pl.col("primary_reason").is_null())
            .then(pl.lit("send"))
            .when((pl.col("reasons").list.len() == 1) & (pl.col("primary_reason") == "holdout"))
            .then(pl.lit("control"))
            .otherwise(pl.lit("suppress")),
        )
    )


def judge(
    customers: pl.DataFrame, campaign: Campaign, settings: Settings, times: pl.DataFrame, as_of: datetime
) -> pl.LazyFrame:
    """The candidates of a campaign, with everything that speaks against each, in the order of the gates."""
    candidates = customers.lazy()
    trigger = pl.lit(None, dtype=MICROSECONDS)
    if campaign.audience:
        candidates = candidates.filter(f"is_{campaign.audience}")
    if campaign.trigger:
        trigger = pl.col(f"newest {campaign.trigger}")
        candidates = candidates.filter(trigger.is_between(as_of - days(90), as_of, closed="left"))
    age_from = pl.col("signed_up_at") if campaign.is_aged_from_signup else trigger
    channel = campaign.channel
    return (
        candidates.join(
            times.lazy().filter(pl.col("hour") == campaign.send_hour).drop("hour"), on="timezone", how="left"
        )
        .with_columns(trigger_at=trigger, age_from=age_from, variant=fitting(campaign))
        .select(
            "user_id",
            "trigger_at",
            "variant",
            "send_at",
            "last_active_at",
            "max_messages_per_week",
            "sends_7",
            campaign_id=pl.lit(campaign.id),
            channel=pl.lit(channel),
            priority=pl.lit(campaign.priority, dtype=pl.Int32),
            content_key=pl.lit(campaign.content_key),
            is_transactional=pl.lit(campaign.is_transactional),
            address=f"address_{channel}",
            address_key=f"key_{channel}",
            expires_at=pl.col("age_from") + campaign.max_age
            if campaign.max_age is not None
            else pl.lit(None, dtype=MICROSECONDS),
            channel_room=room(settings, channel),
            all_room=room(settings, "all"),
            reasons=pl.concat_list(list(gates(customers, campaign, as_of))).list.drop_nulls(),
        )
    )


def gates(customers: pl.DataFrame, campaign: Campaign, as_of: datetime) -> Iterator[pl.Expr]:
    """The reasons not to send, each null where it does not hold."""
    channel = campaign.channel

    def when(condition: pl.Expr, reason: str) -> pl.Expr:
        return pl.when(condition).then(pl.lit(reason)).otherwise(pl.lit(None, dtype=pl.String))

    yield when(pl.col(f"address_{channel}").is_null(), "unreachable")
    yield when(pl.col(f"hard_bounced_{channel}"), "hard_bounced")
    yield when(pl.col(f"complained_{channel}"), "complained")
    if not campaign.is_transactional:
        yield when(~pl.col(f"opted_in_{channel}"), "channel_opt_out")
        yield when(pl.col(f"opted_in_{channel}").is_null(), "consent_unknown")
        if campaign.topic:
            topics = pl.col("topics_opted_out").str.to_lowercase().str.split(";")
            refused = topics.list.eval(pl.element().str.strip_chars()).list.contains(campaign.topic)
            yield when(refused, "topic_opt_out")
    yield when(pl.col(f"suppressed_{channel}"), "globally_suppressed")
    for segment in campaign.excluded:
        yield when(pl.col(f"is_{segment}"), f"excluded:{segment}")
    for name in campaign.cancel_on:
        since = pl.col("trigger_at") if campaign.trigger else None
        if since is None and campaign.cooldown is not None:
            since = pl.lit(as_of - campaign.cooldown, dtype=MICROSECONDS)
        if since is not None:
            yield when(pl.col(f"newest {name}") >= since, f"exception:{name}")
    if campaign.is_aged_from_signup:
        yield when(pl.col("signed_up_at").is_null(), "signup_unknown")
    if campaign.min_age is not None:
        yield when(pl.col("age_from") > as_of - campaign.min_age, "too_soon")
    if campaign.max_age is not None:
        yield when(pl.col("age_from") < as_of - campaign.max_age, "too_late")
    if campaign.cooldown is not None and f"sent {campaign.id}" in customers.columns:
        yield when(pl.col(f"sent {campaign.id}") >= as_of - campaign.cooldown, "cooldown")
    yield when(pl.col("variant").is_null(), "incomplete_personalization")
    if campaign.pilot_percent < 100:
        yield when(bucket(f"pilot:{campaign.id}") >= campaign.pilot_percent * 100, "outside_pilot")
    if campaign.holdout_percent > 0 and not campaign.is_transactional:
        yield when(bucket(f"holdout:{campaign.id}") < campaign.holdout_percent * 100, "holdout")


def bucket(salt: str) -> pl.Expr:
    """The part of an experiment that a user is in, 0 to 9999."""
    hashed = plh.concat_str(pl.lit(f"{salt}:"), "user_id").nchash.md5()
    number: pl.Expr = hashed.str.slice(0, 8).str.to_integer(base=16) % 10000
    return number


def fitting(campaign: Campaign) -> pl.Expr:
    """The first variant of whose required fields none is blank."""
    found: list[pl.Expr] = []
    for variant in campaign.variants:
        can_be_filled = pl.all_horizontal(
            pl.lit(True), *(pl.col(name).is_not_null() for name in variant.required)
        )
        found.append(pl.when(can_be_filled).then(pl.lit(variant.name)))
    return pl.coalesce(found)


def room(settings: Settings, channel: str) -> pl.Expr:
    """How many messages the caps of a channel leave room for; null where it has none."""
    most = [messages for cap, _, messages in settings.caps if cap == channel]
    # whoever was sent nothing has all of it
    return pl.col(f"room_{channel}").fill_null(min(most)) if most else pl.lit(None, dtype=pl.Int64)


def arbitrate(passed: pl.DataFrame) -> pl.DataFrame:
    """Of those who passed every gate, who loses a place, why, and to whom: user_id, campaign_id, lost_by, lost_to."""
    has_room = pl.col("is_transactional")
    placed = (
        passed.sort(pl.col("last_active_at"), "user_id", descending=[True, False], nulls_last=True)
        .with_columns(
            has_address=has_room | (pl.int_range(pl.len()).over("campaign_id", "address_key") == 0),
            user_room=pl.min_horizontal(
                "all_room", pl.col("max_messages_per_week") - pl.col("sends_7").fill_null(0)
            ),
        )
        .sort("is_transactional", "priority", "campaign_id", descending=[True, True, False])
    )
    holders = (
        placed.filter("is_transactional")
        .group_by("user_id", "content_key", maintain_order=True)
        .agg(held_by=pl.col("campaign_id"))
    )
    placed = placed.join(
        holders, on=["user_id", "content_key"], how="left", maintain_order="left"
    ).with_columns(
        content_winner=pl.col("campaign_id")
        .first()
        .over("user_id", "content_key", "is_transactional", "has_address")
    )
    placed = placed.with_columns(
        has_content=has_room
        | (
            pl.col("has_address")
            & pl.col("held_by").is_null()
            & (pl.col("content_winner") == pl.col("campaign_id"))
        )
    )
    for have, before, among, limit in (
        ("has_channel", "has_content", "channel", "channel_room"),
        ("has_place", "has_channel", None, "user_room"),
    ):
        keys = ["user_id", *([among] if among else []), before]
        place = pl.int_range(1, pl.len() + 1).over(keys)
        placed = placed.with_columns(
            (has_room | (pl.col(before) & (place <= pl.col(limit)).fill_null(True))).alias(have)
        )
    losers = placed.filter(~pl.col("has_place"))
    by_priority = placed.sort("priority", "campaign_id", descending=[True, False])
    winners = {
        have: by_priority.filter(have)
        .group_by(keys, maintain_order=True)
        .agg(pl.col("campaign_id").alias(have + "_to"))
        for have, keys in (("has_channel", ["user_id", "channel"]), ("has_place", ["user_id"]))
    }
    return (
        losers.join(winners["has_channel"], on=["user_id", "channel"], how="left")
        .join(winners["has_place"], on="user_id", how="left")
        .select(
            "user_id",
            "campaign_id",
            lost_by=pl.when(~pl.col("has_address"))
            .then(pl.lit("duplicate_address"))
            .when(~pl.col("has_content"))
            .then(pl.lit("same_content"))
            .when(~pl.col("has_channel"))
            .then(pl.lit("channel_cap"))
            .otherwise(pl.lit("total_cap")),
            lost_to=pl.when(~pl.col("has_address"))
            .then(NO_TEXTS)
            .when(~pl.col("has_content"))
            .then(pl.coalesce("held_by", pl.concat_list("content_winner")))
            .when(~pl.col("has_channel") & (pl.col("channel_room") > 0))
            .then("has_channel_to")
            .when(pl.col("has_channel") & (pl.col("user_room") > 0))
            .then("has_place_to")
            .otherwise(NO_TEXTS)
            .fill_null(NO_TEXTS),
        )
    )
