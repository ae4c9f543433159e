"""Polars: the features of each customer as of the night."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import polars as pl

from benchmarks.rivals.polars_landing import newest_versions
from benchmarks.rivals.settings import (
    AT_THE_ENDS,
    BAD_DOTS,
    CHANNELS,
    EMAIL,
    INVISIBLE,
    LETTER_OR_DIGIT,
    MERGE_FIELDS,
    PHONE,
    TEMPLATE,
    UNSAFE,
    Settings,
)

Tables = Mapping[str, pl.DataFrame]

EARTH_M = 6371008.8


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def describe_customers(tables: Tables, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """A row a customer: features, is_<segment>, merge fields, and for each channel the address and what is known of it."""
    contract = settings.contract
    erased = tables["erasure_requests"].filter(pl.col("requested_at") < as_of)
    users = newest_versions(tables["users"], "user_id", contract["users"], as_of).join(
        erased, on="user_id", how="anti"
    )
    events = tables["events"].filter(pl.col("occurred_at") < as_of)
    messages = tables["message_events"].filter(pl.col("occurred_at") < as_of)
    sent = messages_sent(messages)
    places = nearest_places(events, settings, as_of)
    parts = [
        activity(events, as_of),
        interest(events, as_of),
        refunds(events, as_of),
        onboarding(events, users, as_of),
        places,
        tickets(tables["support_tickets"], settings, as_of),
        mentions(tables["social_mentions"], as_of),
        sends(sent, settings, as_of),
        engagement(messages),
        named_events(events, messages, settings),
        last_sent(sent),
        *(products(events, name, field) for name, field in PRODUCT_FIELDS.items()),
    ]
    customers = users.lazy()
    for part in parts:
        customers = customers.join(part.lazy(), on="user_id", how="left")
    known = customers.with_columns(
        signed_up_at=pl.when(pl.col("signed_up_at") < as_of)
        .then(pl.col("signed_up_at"))
        .otherwise(pl.col("first_signed_up_at")),
        timezone=known_zone(settings),
    ).collect()
    known = merge_fields(segments(known, as_of), settings)
    return channels(known, settings, by_channel(messages))


# ---- events

PRODUCT_FIELDS = {
    "product_viewed": "last_viewed_product_name",
    "cart_item_added": "cart_product_name",
    "order_completed": "last_order_product_name",
}


def activity(events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """When they were seen, and when what happened last."""

    def last(name: str) -> pl.Expr:
        return pl.col("occurred_at").filter(pl.col("event_name") == name).max()

    active = pl.col("occurred_at").filter(pl.col("event_name") != "location_ping")
    scores = (
        events.filter(pl.col("event_name") == "feedback_submitted")
        .with_columns(
            score=pl.col("properties").str.json_path_match("$.score").cast(pl.Float64, strict=False)
        )
        .filter(pl.col("score").is_between(0, 10))
        .sort("occurred_at", "event_id")
        .group_by("user_id")
        .agg(
            last_low_score_at=pl.col("occurred_at").filter(pl.col("score") <= 6).max(),
            last_feedback_score=pl.col("score").last(),
        )
    )
    return (
        events.lazy()
        .group_by("user_id")
        .agg(
            first_signed_up_at=pl.col("occurred_at").filter(pl.col("event_name") == "signed_up").min(),
            last_active_at=active.max(),
            active_days_30=active.filter(active >= as_of - days(30)).dt.date().n_unique(),
            orders_365=(
                (pl.col("event_name") == "order_completed") & (pl.col("occurred_at") >= as_of - days(365))
            ).sum(),
            last_order_at=last("order_completed"),
            last_refunded_at=last("order_refunded"),
            last_payment_failed_at=last("payment_failed"),
            last_installed_at=last("app_installed"),
            last_cancelled_at=last("subscription_cancelled"),
            last_subscribed_at=last("subscription_started"),
        )
        .collect()
        .join(scores, on="user_id", how="left")
    )


def products(events: pl.DataFrame, name: str, field: str) -> pl.DataFrame:
    """The product's name in the newest event of a name."""
    return (
        events.lazy()
        .filter(pl.col("event_name") == name)
        .group_by("user_id")
        .agg(pl.col("properties").sort_by("occurred_at", "event_id").last())
        .select("user_id", pl.col("properties").str.json_path_match("$.product_name").alias(field))
        .collect()
    )


def interest(events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Whether they looked at a product for two minutes and have not ordered since."""
    orders = (
        events.filter(pl.col("event_name") == "order_completed")
        .group_by("user_id")
        .agg(ordered_at=pl.col("occurred_at").max())
    )
    return (
        events.lazy()
        .filter((pl.col("event_name") == "product_viewed") & (pl.col("occurred_at") >= as_of - days(14)))
        .select(
            "user_id",
            "occurred_at",
            product_id=pl.col("properties").str.json_path_match("$.product_id"),
            dwell=pl.col("properties").str.json_path_match("$.dwell_seconds").cast(pl.Float64, strict=False),
        )
        .filter(pl.col("product_id").is_not_null())
        .group_by("user_id", "product_id")
        .agg(pl.col("dwell").sum(), viewed_at=pl.col("occurred_at").max())
        .join(orders.lazy(), on="user_id", how="left")
        .filter(
            (pl.col("dwell") >= 120)
            & (pl.col("ordered_at").is_null() | (pl.col("ordered_at") < pl.col("viewed_at")))
        )
        .group_by("user_id")
        .agg(products_of_interest=pl.len())
        .collect()
    )


def refunds(events: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """How many returns wait for their refund."""
    told = events.filter(pl.col("event_name").is_in(["return_requested", "order_refunded"])).with_columns(
        order_id=pl.col("properties").str.json_path_match("$.order_id")
    )
    refunded = (
        told.filter((pl.col("event_name") == "order_refunded") & pl.col("order_id").is_not_null())
        .group_by("user_id", "order_id")
        .agg(refunded_at=pl.col("occurred_at").max())
    )
    return (
        told.filter(
            (pl.col("event_name") == "return_requested") & (pl.col("occurred_at") >= as_of - days(90))
        )
        .join(refunded, on=["user_id", "order_id"], how="left")
        .filter(pl.col("refunded_at").is_null() | (pl.col("refunded_at") < pl.col("occurred_at")))
        .group_by("user_id")
        .agg(pending_refunds=pl.len())
    )


def onboarding(events: pl.DataFrame, users: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """Whether the onboarding took twice as long as it usually does."""
    started = (
        events.filter(pl.col("event_name") == "onboarding_started")
        .join(users.select("user_id"), on="user_id", how="semi")
        .group_by("user_id")
        .agg(started_at=pl.col("occurred_at").min())
    )
    completed = (
        events.filter(pl.col("event_name") == "onboarding_completed")
        .join(started, on="user_id")
        .filter(pl.col("occurred_at") > pl.col("started_at"))
        .group_by("user_id")
        .agg(completed_at=pl.col("occurred_at").min())
    )
    took = started.join(completed, on="user_id", how="left").with_columns(
        seconds=(pl.col("completed_at").fill_null(as_of) - pl.col("started_at")).dt.total_microseconds() / 1e6
    )
    usual = took.filter(pl.col("completed_at").is_not_null())["seconds"].median()
    is_slow = pl.col("seconds") >= 2 * usual if isinstance(usual, float) and usual > 0 else pl.lit(False)
    return took.select("user_id", is_slow=is_slow)


def nearest_places(events: pl.DataFrame, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """The place that they are at, by their newest ping of the last day."""
    places = pl.DataFrame(
        [
            (
                row["place_id"],
                row["name"],
                float(row["latitude"]),
                float(row["longitude"]),
                float(row["radius_m"] or 50),
            )
            for row in settings.rows("places")
        ],
        schema=["place_id", "place_name", "place_latitude", "place_longitude", "radius_m"],
        orient="row",
    )
    pings = (
        events.filter((pl.col("event_name") == "location_ping") & (pl.col("occurred_at") >= as_of - days(1)))
        .with_columns(
            pl.col("properties").str.json_path_match(f"$.{name}").cast(pl.Float64, strict=False).alias(name)
            for name in ("latitude", "longitude")
        )
        .filter(pl.col("latitude").is_between(-90, 90) & pl.col("longitude").is_between(-180, 180))
        .sort("occurred_at", "event_id")
        .unique("user_id", keep="last", maintain_order=True)
    )
    north = (pl.col("place_latitude") - pl.col("latitude")).radians() / 2
    east = (pl.col("place_longitude") - pl.col("longitude")).radians() / 2
    across = (
        north.sin() ** 2
        + pl.col("latitude").radians().cos() * pl.col("place_latitude").radians().cos() * east.sin() ** 2
    )
    return (
        pings.select("user_id", "latitude", "longitude")
        .join(places, how="cross")
        .with_columns(metres=2 * EARTH_M * pl.min_horizontal(pl.lit(1.0), across.sqrt()).arcsin())
        .filter(pl.col("metres") <= pl.col("radius_m"))
        .sort("metres", "place_id")
        .unique("user_id", keep="first", maintain_order=True)
        .select("user_id", "place_name")
    )


def named_events(events: pl.DataFrame, messages: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """Of each event that a setting names, when it happened last: a column each."""
    reports = messages.filter(pl.col("campaign_id").is_not_null()).select(
        "user_id",
        event_name=pl.concat_str(pl.lit("message_"), "event_type", pl.lit(":"), "campaign_id"),
        occurred_at="occurred_at",
    )
    names = settings.event_names
    return (
        pl.concat([events.select("user_id", "event_name", "occurred_at"), reports])
        .lazy()
        .filter(pl.col("event_name").is_in(names))
        .group_by("user_id")
        .agg(
            pl.col("occurred_at").filter(pl.col("event_name") == name).max().alias(f"newest {name}")
            for name in names
        )
        .collect()
    )


# ---- support, social networks, messages


def tickets(versions: pl.DataFrame, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """Open tickets, and when which were opened last."""
    newest = newest_versions(versions, "ticket_id", settings.contract["support_tickets"], as_of)
    category = pl.col("category").str.strip_chars(" ").str.to_lowercase()
    opened = pl.col("created_at").filter(pl.col("created_at") < as_of)
    return (
        newest.sort("updated_at", "ticket_id")
        .group_by("user_id", maintain_order=True)
        .agg(
            open_tickets=pl.col("status").is_in(["new", "open", "pending", "hold"]).sum(),
            last_complaint_at=opened.filter(
                category.filter(pl.col("created_at") < as_of) == "complaint"
            ).max(),
            last_billing_ticket_at=opened.filter(
                category.filter(pl.col("created_at") < as_of) == "billing"
            ).max(),
            last_bad_satisfaction_at=pl.col("updated_at").filter(pl.col("satisfaction") == "bad").max(),
            last_satisfaction=pl.col("satisfaction").drop_nulls().last(),
        )
    )


def mentions(rows: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """When they last said something bad in public."""
    return (
        rows.filter(
            pl.col("user_id").is_not_null()
            & (pl.col("sentiment") == "negative")
            & (pl.col("posted_at") < as_of)
        )
        .group_by("user_id")
        .agg(last_negative_mention_at=pl.col("posted_at").max())
    )


def messages_sent(messages: pl.DataFrame) -> pl.DataFrame:
    """Each message that was sent, once: the same dispatch reported twice is one."""
    return (
        messages.lazy()
        .filter(pl.col("event_type") == "sent")
        .with_columns(
            message=pl.coalesce(
                pl.lit("dispatch:") + pl.col("dispatch_id"), pl.lit("report:") + pl.col("message_event_id")
            )
        )
        .group_by("user_id", "message")
        .agg(pl.col("campaign_id").max(), pl.col("channel").max(), sent_at=pl.col("occurred_at").max())
        .collect()
    )


def sends(sent: pl.DataFrame, settings: Settings, as_of: datetime) -> pl.DataFrame:
    """How many they were sent, and how many more the caps leave room for by channel (room_<channel>)."""

    def count(channel: str, number: int) -> pl.Expr:
        is_in = pl.col("sent_at") >= as_of - days(number)
        return (is_in if channel == "all" else is_in & (pl.col("channel") == channel)).sum().cast(pl.Int64)

    rooms = [
        pl.min_horizontal(
            (pl.lit(most, dtype=pl.Int64) - count(cap, window))
            for cap, window, most in settings.caps
            if cap == channel
        ).alias(f"room_{channel}")
        for channel in sorted({cap[0] for cap in settings.caps})
    ]
    return sent.group_by("user_id").agg(*rooms, sends_7=count("all", 7), sends_90=count("all", 90))


def last_sent(sent: pl.DataFrame) -> pl.DataFrame:
    """When each campaign was sent to them last, as a list of structs would be clumsy: a column each."""
    named = sent.filter(pl.col("campaign_id").is_not_null())
    found = (
        named.group_by("user_id", "campaign_id")
        .agg(pl.col("sent_at").max())
        .pivot(on="campaign_id", index="user_id", values="sent_at")
    )
    return found.rename({name: f"sent {name}" for name in found.columns if name != "user_id"})


def engagement(messages: pl.DataFrame) -> pl.DataFrame:
    """When they last opened or clicked."""
    return (
        messages.filter(pl.col("event_type").is_in(["opened", "clicked"]))
        .group_by("user_id")
        .agg(last_engaged_at=pl.col("occurred_at").max())
    )


def by_channel(messages: pl.DataFrame) -> pl.DataFrame:
    """What the reports of a channel say against sending there."""
    return messages.group_by("user_id", "channel").agg(
        has_hard_bounced=(pl.col("event_type") == "bounced_hard").any(),
        has_complained=(pl.col("event_type") == "complained").any(),
        unsubscribed_at=pl.col("occurred_at").filter(pl.col("event_type") == "unsubscribed").max(),
    )


# ---- what follows from it


def segments(known: pl.DataFrame, as_of: datetime) -> pl.DataFrame:
    """The customers with is_<segment>."""

    def in_last(number: int, *times: str) -> pl.Expr:
        newest = pl.max_horizontal(*times) if len(times) > 1 else pl.col(times[0])
        return newest.is_between(as_of - days(number), as_of, closed="left").fill_null(False)

    stage = (
        pl.when(pl.col("signed_up_at").is_null() & pl.col("last_active_at").is_null())
        .then(pl.lit("unknown"))
        .when(in_last(14, "signed_up_at"))
        .then(pl.lit("new"))
        .when(in_last(30, "last_active_at"))
        .then(pl.lit("active"))
        .when(in_last(90, "last_active_at"))
        .then(pl.lit("lapsing"))
        .otherwise(pl.lit("lapsed"))
    )
    level = (
        pl.when((pl.col("orders_365").fill_null(0) >= 3) & in_last(30, "last_active_at"))
        .then(pl.lit("loyal"))
        .when(pl.col("active_days_30").fill_null(0) >= 4)
        .then(pl.lit("engaged"))
        .when(in_last(90, "last_active_at"))
        .then(pl.lit("casual"))
        .otherwise(pl.lit("dormant"))
    )
    complaint = in_last(
        30, "last_complaint_at", "last_bad_satisfaction_at", "last_low_score_at", "last_negative_mention_at"
    )
    pending = pl.col("pending_refunds").fill_null(0) > 0
    return (
        known.with_columns(stage=stage, level=level)
        .with_columns(
            *(
                (pl.col("stage") == name).alias(f"is_{name}")
                for name in ("new", "active", "lapsing", "lapsed")
            ),
            *(
                (pl.col("level") == name).alias(f"is_{name}")
                for name in ("loyal", "engaged", "casual", "dormant")
            ),
            is_has_open_ticket=pl.col("open_tickets").fill_null(0) > 0,
            is_recent_complaint=complaint,
            is_negative_on_social=in_last(30, "last_negative_mention_at"),
            is_refund_pending=pending,
            is_refunded_recently=in_last(14, "last_refunded_at") & ~pending,
            is_billing_trouble=in_last(60, "last_payment_failed_at", "last_billing_ticket_at"),
            is_slow_onboarding=pl.col("is_slow").fill_null(False),
            is_interested_not_bought=pl.col("products_of_interest").fill_null(0) > 0,
            is_near_place=pl.col("place_name").is_not_null(),
            is_recently_installed=in_last(7, "last_installed_at"),
            is_cancelled=pl.col("last_cancelled_at").is_not_null()
            & (pl.col("last_subscribed_at") < pl.col("last_cancelled_at")).fill_null(True),
            is_unengaged=(pl.col("sends_90").fill_null(0) >= 10) & ~in_last(90, "last_engaged_at"),
            is_signup_date_missing=pl.col("signed_up_at").is_null(),
        )
        .with_columns(
            is_satisfied=(
                (pl.col("last_satisfaction") == "good").fill_null(False)
                | (pl.col("last_feedback_score") >= 9).fill_null(False)
            )
            & ~pl.col("is_recent_complaint"),
            is_churn_risk=pl.sum_horizontal(
                "is_billing_trouble", "is_slow_onboarding", "is_lapsing", "is_recent_complaint"
            )
            >= 2,
        )
    )


def trimmed(text: pl.Expr) -> pl.Expr:
    """Without white space and what is invisible at both ends."""
    return text.str.replace_all(AT_THE_ENDS, "")


def is_blank(text: pl.Expr, settings: Settings) -> pl.Expr:
    """Whether a value says nothing."""
    return (
        text.is_null()
        | ~text.str.contains(LETTER_OR_DIGIT)
        | trimmed(text).str.to_lowercase().is_in(settings.placeholders)
        | text.str.contains(TEMPLATE)
    ).fill_null(True)


def merge_fields(known: pl.DataFrame, settings: Settings) -> pl.DataFrame:
    """The customers with each merge field as it may be printed: null where it is blank or unsafe."""
    points = pl.col("attributes").str.json_path_match("$.loyalty_points")
    category = pl.col("attributes").str.json_path_match("$.favorite_category")
    is_text = pl.col("attributes").str.contains(r'"favorite_category"\s*:\s*"')
    found = known.with_columns(
        loyalty_points=pl.when(~points.str.contains(r"^[\[{]|^(true|false)$")).then(points),
        favorite_category=pl.when(is_text).then(category),
    )
    return found.with_columns(
        pl.when(
            ~is_blank(pl.col(name), settings)
            & ~pl.col(name).str.contains(UNSAFE)
            & (pl.col(name).str.len_chars() <= 255)
        )
        .then(trimmed(pl.col(name)))
        .alias(name)
        for name in MERGE_FIELDS
    )


def known_zone(settings: Settings) -> pl.Expr:
    """The time zone, or UTC where it is none."""
    zone = trimmed(pl.col("timezone"))
    return pl.when(zone.is_in(settings.zones)).then(zone).otherwise(pl.lit("UTC"))


def channels(known: pl.DataFrame, settings: Settings, reports: pl.DataFrame) -> pl.DataFrame:
    """The customers with, for each channel, address_, key_, opted_in_, hard_bounced_, complained_ and suppressed_."""
    plain = known.with_columns(
        trimmed(pl.col(column)).alias(f"plain_{channel}") for channel, column in CHANNELS.items()
    )
    suppressions = settings.rows("global_suppressions")
    for channel in CHANNELS:
        mine = reports.filter(pl.col("channel") == channel).drop("channel")
        address = pl.col(f"plain_{channel}")
        is_valid = pl.lit(True)
        if channel == "email":
            is_valid = (
                (address.str.len_chars() <= 254)
                & ~address.str.contains(INVISIBLE)
                & address.str.contains(EMAIL)
                & ~address.str.contains(BAD_DOTS)
            )
        elif channel == "sms":
            is_valid = address.str.contains(PHONE)
        usable = pl.when(is_valid & ~is_blank(address, settings)).then(address)
        told = [row for row in suppressions if row["channel"] in (channel, "all")]
        ids = [row["user_id"] for row in told if row["user_id"]]
        boxes = [row["address"].strip().lower() for row in told if row["address"].strip()]
        named = pl.col("user_id").is_in(ids)
        for other in CHANNELS:
            named = named | pl.col(f"plain_{other}").str.to_lowercase().is_in(boxes).fill_null(False)
        plain = (
            plain.join(mine, on="user_id", how="left")
            .with_columns(
                usable.alias(f"address_{channel}"),
                usable.str.to_lowercase().alias(f"key_{channel}"),
                pl.when(pl.col("unsubscribed_at") > pl.col("updated_at"))
                .then(pl.lit(False))
                .otherwise(pl.col(f"{channel}_opt_in"))
                .alias(f"opted_in_{channel}"),
                pl.col("has_hard_bounced").fill_null(False).alias(f"hard_bounced_{channel}"),
                pl.col("has_complained").fill_null(False).alias(f"complained_{channel}"),
                named.alias(f"suppressed_{channel}"),
            )
            .drop("has_hard_bounced", "has_complained", "unsubscribed_at")
        )
    return plain
