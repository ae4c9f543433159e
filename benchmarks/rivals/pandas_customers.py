"""pandas: the features of each customer as of the night."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.rivals.pandas_landing import newest_versions
from benchmarks.rivals.settings import CHANNELS, MERGE_FIELDS, Settings
from benchmarks.rivals.words import address, printable, trim

Tables = Mapping[str, pd.DataFrame]

EARTH_M = 6371008.8

PRODUCT_FIELDS = {
    "product_viewed": "last_viewed_product_name",
    "cart_item_added": "cart_product_name",
    "order_completed": "last_order_product_name",
}


def days(number: float) -> timedelta:
    """So many times 24 hours."""
    return timedelta(days=number)


def mapped(values: pd.Series, function: Callable[[str], Any]) -> pd.Series:
    """A function of texts, asked once for each different text."""
    known = {value: function(value) for value in values.dropna().unique()}
    return values.map(known)


def number(value: Any) -> float:
    """A JSON number; not-a-number for anything else."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else float("nan")


def text(value: Any) -> str | None:
    """A JSON text; None for anything else."""
    return value if isinstance(value, str) else None


def property_of(rows: pd.DataFrame, name: str, kind: Callable[[Any], Any]) -> pd.Series:
    """A property of events, None where it is not there or of another type."""
    found = [kind(item.get(name)) if isinstance(item, dict) else kind(None) for item in rows["properties"]]
    return pd.Series(found, index=rows.index, dtype=float if kind is number else object)


def describe_customers(tables: Tables, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """A row a customer (by user_id): features, is_<segment>, merge fields, and of each channel the address and what is known of it."""
    requests = tables["erasure_requests"]
    erased = requests.loc[requests["requested_at"] < as_of, "user_id"]
    users = newest_versions(tables["users"], "user_id", settings.contract["users"], as_of)
    users = users[~users["user_id"].isin(erased)].set_index("user_id")
    events = tables["events"][tables["events"]["occurred_at"] < as_of]
    messages = tables["message_events"][tables["message_events"]["occurred_at"] < as_of]
    sent = messages_sent(messages)
    parts = [
        activity(events, as_of),
        interest(events, as_of),
        refunds(events, as_of),
        onboarding(events, users, as_of),
        nearest_places(events, settings, as_of),
        tickets(tables["support_tickets"], settings, as_of),
        mentions(tables["social_mentions"], as_of),
        sends(sent, settings, as_of),
        messages[messages["event_type"].isin(["opened", "clicked"])]
        .groupby("user_id")["occurred_at"]
        .max()
        .rename("last_engaged_at"),
        named_events(events, messages, settings),
        last_sent(sent),
    ]
    known = users.join(parts)
    known["signed_up_at"] = known["signed_up_at"].where(
        known["signed_up_at"] < as_of, known["first_signed_up_at"]
    )
    zones = mapped(known["timezone"], trim)
    known["timezone"] = zones.where(zones.isin(settings.zones), "UTC")
    known = merge_fields(segments(known.copy(), as_of), settings)
    return channels(known.copy(), settings, messages)


def activity(events: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """When they were active, and when what happened last."""
    names = events["event_name"]
    active = events[names != "location_ping"]
    recent = active[active["occurred_at"] >= as_of - days(30)]
    year = events[(names == "order_completed") & (events["occurred_at"] >= as_of - days(365))]
    feedback = events[names == "feedback_submitted"]
    feedback = feedback.assign(score=property_of(feedback, "score", number))
    feedback = feedback[feedback["score"].between(0, 10)].sort_values(["occurred_at", "event_id"])
    found = {
        "first_signed_up_at": events[names == "signed_up"].groupby("user_id")["occurred_at"].min(),
        "last_active_at": active.groupby("user_id")["occurred_at"].max(),
        "active_days_30": recent["occurred_at"].dt.normalize().groupby(recent["user_id"]).nunique(),
        "orders_365": year.groupby("user_id").size(),
        "last_low_score_at": feedback[feedback["score"] <= 6].groupby("user_id")["occurred_at"].max(),
        "last_feedback_score": feedback.groupby("user_id")["score"].last(),
    }
    for column, name in {
        "last_order_at": "order_completed",
        "last_refunded_at": "order_refunded",
        "last_payment_failed_at": "payment_failed",
        "last_installed_at": "app_installed",
        "last_cancelled_at": "subscription_cancelled",
        "last_subscribed_at": "subscription_started",
    }.items():
        found[column] = events[names == name].groupby("user_id")["occurred_at"].max()
    for name, field in PRODUCT_FIELDS.items():
        newest = (
            events[names == name]
            .sort_values(["occurred_at", "event_id"])
            .drop_duplicates("user_id", keep="last")
        )
        found[field] = property_of(newest, "product_name", text).set_axis(newest["user_id"])
    return pd.DataFrame(found)


def interest(events: pd.DataFrame, as_of: datetime) -> pd.Series:
    """How many products they looked at for two minutes and have not ordered since."""
    views = events[(events["event_name"] == "product_viewed") & (events["occurred_at"] >= as_of - days(14))]
    views = views.assign(
        product_id=property_of(views, "product_id", text), dwell=property_of(views, "dwell_seconds", number)
    )
    looked = views.groupby(["user_id", "product_id"]).agg(
        dwell=("dwell", "sum"), viewed_at=("occurred_at", "max")
    )
    orders = events[events["event_name"] == "order_completed"].groupby("user_id")["occurred_at"].max()
    looked = looked.reset_index("product_id").join(orders.rename("ordered_at"))
    is_interesting = (looked["dwell"] >= 120) & (
        looked["ordered_at"].isna() | (looked["ordered_at"] < looked["viewed_at"])
    )
    return looked[is_interesting].groupby("user_id").size().rename("products_of_interest")


def refunds(events: pd.DataFrame, as_of: datetime) -> pd.Series:
    """How many returns wait for their refund."""
    told = events[events["event_name"].isin(["return_requested", "order_refunded"])]
    told = told.assign(order_id=property_of(told, "order_id", text))
    refunded = told[(told["event_name"] == "order_refunded") & told["order_id"].notna()]
    newest = refunded.groupby(["user_id", "order_id"])["occurred_at"].max().rename("refunded_at")
    asked = told[(told["event_name"] == "return_requested") & (told["occurred_at"] >= as_of - days(90))]
    asked = asked.merge(newest.reset_index(), on=["user_id", "order_id"], how="left")
    is_pending = asked["refunded_at"].isna() | (asked["refunded_at"] < asked["occurred_at"])
    return asked[is_pending].groupby("user_id").size().rename("pending_refunds")


def onboarding(events: pd.DataFrame, users: pd.DataFrame, as_of: datetime) -> pd.Series:
    """Whether the onboarding took twice as long as it usually does."""
    mine = events[events["user_id"].isin(users.index)]
    started = mine[mine["event_name"] == "onboarding_started"].groupby("user_id")["occurred_at"].min()
    completed = mine[mine["event_name"] == "onboarding_completed"].join(
        started.rename("started_at"), on="user_id"
    )
    completed = (
        completed[completed["occurred_at"] > completed["started_at"]].groupby("user_id")["occurred_at"].min()
    )
    took = pd.DataFrame({"started_at": started, "completed_at": completed})
    seconds = (took["completed_at"].fillna(as_of) - took["started_at"]).dt.total_seconds()
    usual = seconds[took["completed_at"].notna()].median()
    return (seconds >= 2 * usual).rename("is_slow") & bool(usual > 0)


def nearest_places(events: pd.DataFrame, settings: Settings, as_of: datetime) -> pd.Series:
    """The place that they are at, by their newest ping of the last day."""
    pings = events[(events["event_name"] == "location_ping") & (events["occurred_at"] >= as_of - days(1))]
    pings = pings.assign(
        latitude=property_of(pings, "latitude", number), longitude=property_of(pings, "longitude", number)
    )
    pings = pings[pings["latitude"].between(-90, 90) & pings["longitude"].between(-180, 180)]
    pings = pings.sort_values(["occurred_at", "event_id"]).drop_duplicates("user_id", keep="last")
    places = pd.DataFrame(settings.rows("places"))
    places = places.assign(
        place_latitude=places["latitude"].astype(float),
        place_longitude=places["longitude"].astype(float),
        radius_m=places["radius_m"].replace("", "50").astype(float),
    )[["place_id", "name", "place_latitude", "place_longitude", "radius_m"]]
    near = pings[["user_id", "latitude", "longitude"]].merge(places, how="cross")
    north = np.radians(near["place_latitude"] - near["latitude"]) / 2
    east = np.radians(near["place_longitude"] - near["longitude"]) / 2
    across = (
        np.sin(north) ** 2
        + np.cos(np.radians(near["latitude"]))
        * np.cos(np.radians(near["place_latitude"]))
        * np.sin(east) ** 2
    )
    near["metres"] = 2 * EARTH_M * np.arcsin(np.minimum(1.0, np.sqrt(across)))
    near = near[near["metres"] <= near["radius_m"]].sort_values(["metres", "place_id"])
    return near.drop_duplicates("user_id").set_index("user_id")["name"].rename("place_name")


def named_events(events: pd.DataFrame, messages: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Of each event that a setting names, when it happened last: a column each."""
    reports = messages[messages["campaign_id"].notna()]
    reports = reports.assign(event_name="message_" + reports["event_type"] + ":" + reports["campaign_id"])
    columns = ["user_id", "event_name", "occurred_at"]
    told = pd.concat([events[columns], reports[columns]])
    told = told[told["event_name"].isin(settings.event_names)]
    newest = told.groupby(["user_id", "event_name"])["occurred_at"].max().unstack("event_name")
    return newest.reindex(columns=settings.event_names).astype("datetime64[us]").add_prefix("newest ")


def tickets(versions: pd.DataFrame, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """Open tickets, and when which were opened last."""
    newest = newest_versions(versions, "ticket_id", settings.contract["support_tickets"], as_of)
    category = newest["category"].str.strip(" ").str.lower()
    is_past = newest["created_at"] < as_of
    rated = newest[newest["satisfaction"].notna()].sort_values(["updated_at", "ticket_id"])
    return pd.DataFrame(
        {
            "open_tickets": newest[newest["status"].isin(["new", "open", "pending", "hold"])]
            .groupby("user_id")
            .size(),
            "last_complaint_at": newest[is_past & (category == "complaint")]
            .groupby("user_id")["created_at"]
            .max(),
            "last_billing_ticket_at": newest[is_past & (category == "billing")]
            .groupby("user_id")["created_at"]
            .max(),
            "last_bad_satisfaction_at": rated[rated["satisfaction"] == "bad"]
            .groupby("user_id")["updated_at"]
            .max(),
            "last_satisfaction": rated.groupby("user_id")["satisfaction"].last(),
        }
    )


def mentions(rows: pd.DataFrame, as_of: datetime) -> pd.Series:
    """When they last said something bad in public."""
    bad = rows[rows["user_id"].notna() & (rows["sentiment"] == "negative") & (rows["posted_at"] < as_of)]
    return bad.groupby("user_id")["posted_at"].max().rename("last_negative_mention_at")


def messages_sent(messages: pd.DataFrame) -> pd.DataFrame:
    """Each message that was sent, once: the same dispatch reported twice is one."""
    rows = messages[messages["event_type"] == "sent"]
    message = ("dispatch:" + rows["dispatch_id"]).fillna("report:" + rows["message_event_id"])
    return (
        rows.assign(message=message)
        .groupby(["user_id", "message"], sort=False)
        .agg(campaign_id=("campaign_id", "max"), channel=("channel", "max"), sent_at=("occurred_at", "max"))
        .reset_index()
    )


def sends(sent: pd.DataFrame, settings: Settings, as_of: datetime) -> pd.DataFrame:
    """How many they were sent, and how many more the caps leave room for by channel (room_<channel>)."""
    people = pd.Index(sent["user_id"].unique(), name="user_id")

    def count(channel: str, number: int) -> pd.Series:
        rows = sent[sent["sent_at"] >= as_of - days(number)]
        rows = rows if channel == "all" else rows[rows["channel"] == channel]
        return rows.groupby("user_id").size().reindex(people, fill_value=0)

    found = {"sends_7": count("all", 7), "sends_90": count("all", 90)}
    for channel in sorted({cap[0] for cap in settings.caps}):
        rooms = [most - count(cap, window) for cap, window, most in settings.caps if cap == channel]
        found[f"room_{channel}"] = pd.concat(rooms, axis=1).min(axis=1)
    return pd.DataFrame(found)


def last_sent(sent: pd.DataFrame) -> pd.DataFrame:
    """When each campaign was sent to them last: a column each."""
    return (
        sent.groupby(["user_id", "campaign_id"])["sent_at"].max().unstack("campaign_id").add_prefix("sent ")
    )


def segments(known: pd.DataFrame, as_of: datetime) -> pd.DataFrame:
    """The customers with is_<segment>."""

    def in_last(number: int, *times: str) -> pd.Series:
        newest = known[list(times)].max(axis=1) if len(times) > 1 else known[times[0]]
        return (newest >= as_of - days(number)) & (newest < as_of)

    active_30, active_90 = in_last(30, "last_active_at"), in_last(90, "last_active_at")
    stage = np.select(
        [
            known["signed_up_at"].isna() & known["last_active_at"].isna(),
            in_last(14, "signed_up_at"),
            active_30,
            active_90,
        ],
        ["unknown", "new", "active", "lapsing"],
        "lapsed",
    )
    level = np.select(
        [(known["orders_365"] >= 3) & active_30, known["active_days_30"] >= 4, active_90],
        ["loyal", "engaged", "casual"],
        "dormant",
    )
    flags = {f"is_{name}": stage == name for name in ("new", "active", "lapsing", "lapsed")}
    flags |= {f"is_{name}": level == name for name in ("loyal", "engaged", "casual", "dormant")}
    complaint = in_last(
        30, "last_complaint_at", "last_bad_satisfaction_at", "last_low_score_at", "last_negative_mention_at"
    )
    billing = in_last(60, "last_payment_failed_at", "last_billing_ticket_at")
    slow = known["is_slow"].fillna(False).astype(bool)
    pending = known["pending_refunds"] > 0
    flags |= {
        "is_has_open_ticket": known["open_tickets"] > 0,
        "is_recent_complaint": complaint,
        "is_negative_on_social": in_last(30, "last_negative_mention_at"),
        "is_refund_pending": pending,
        "is_refunded_recently": in_last(14, "last_refunded_at") & ~pending,
        "is_billing_trouble": billing,
        "is_slow_onboarding": slow,
        "is_interested_not_bought": known["products_of_interest"] > 0,
        "is_near_place": known["place_name"].notna(),
        "is_recently_installed": in_last(7, "last_installed_at"),
        "is_satisfied": ((known["last_satisfaction"] == "good") | (known["last_feedback_score"] >= 9))
        & ~complaint,
        "is_cancelled": known["last_cancelled_at"].notna()
        & ~(known["last_subscribed_at"] >= known["last_cancelled_at"]),
        "is_unengaged": (known["sends_90"] >= 10) & ~in_last(90, "last_engaged_at"),
        "is_churn_risk": billing.astype(int) + slow + (stage == "lapsing") + complaint >= 2,
        "is_signup_date_missing": known["signed_up_at"].isna(),
    }
    return known.assign(
        **{
            name: pd.Series(flag, index=known.index).fillna(False).astype(bool)
            for name, flag in flags.items()
        }
    )


def merge_fields(known: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The customers with each merge field as it may be printed: None where it is blank or unsafe."""
    attributes = [item if isinstance(item, dict) else {} for item in known["attributes"]]
    known["loyalty_points"] = pd.Series(
        [
            str(points) if isinstance(points, (str, int, float)) and not isinstance(points, bool) else None
            for points in (item.get("loyalty_points") for item in attributes)
        ],
        index=known.index,
        dtype=object,
    )
    known["favorite_category"] = pd.Series(
        [text(item.get("favorite_category")) for item in attributes], index=known.index, dtype=object
    )
    placeholders = frozenset(settings.placeholders)
    for name in MERGE_FIELDS:
        known[name] = mapped(known[name], lambda value: printable(value, placeholders)).astype(object)
        known[name] = known[name].where(known[name].notna(), None)
    return known


def channels(known: pd.DataFrame, settings: Settings, messages: pd.DataFrame) -> pd.DataFrame:
    """The customers with, for each channel, address_, key_, opted_in_, hard_bounced_, complained_ and suppressed_."""
    placeholders = frozenset(settings.placeholders)
    suppressions = settings.rows("global_suppressions")
    boxes = {
        channel: mapped(known[column], lambda value: trim(value).lower())
        for channel, column in CHANNELS.items()
    }
    for channel, column in CHANNELS.items():
        mine = messages[messages["channel"] == channel]
        usable = known[column].map(
            lambda value, channel=channel: address(value, channel, placeholders), na_action="ignore"
        )
        known[f"address_{channel}"] = usable.astype(object).where(usable.notna(), None)
        known[f"key_{channel}"] = known[f"address_{channel}"].map(str.lower, na_action="ignore")
        unsubscribed = mine[mine["event_type"] == "unsubscribed"].groupby("user_id")["occurred_at"].max()
        left = unsubscribed.reindex(known.index) > known["updated_at"]
        known[f"opted_in_{channel}"] = known[f"{channel}_opt_in"].astype("boolean").mask(left, False)
        for name, kind in (("hard_bounced", "bounced_hard"), ("complained", "complained")):
            known[f"{name}_{channel}"] = known.index.isin(mine.loc[mine["event_type"] == kind, "user_id"])
        told = [row for row in suppressions if row["channel"] in (channel, "all")]
        named = pd.Series(
            known.index.isin([row["user_id"] for row in told if row["user_id"]]), index=known.index
        )
        listed = [row["address"].strip().lower() for row in told if row["address"].strip()]
        for box in boxes.values():
            named |= box.isin(listed)
        known[f"suppressed_{channel}"] = named
    return known
