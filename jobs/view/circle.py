"""Calling circle: with whom the subscription is in touch, and how its services spread there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MONTHS = 3
MIN_CONTACTS = 2  # contacts in three months that make a counterparty (5.1)
TOP = 10  # the most contacted
RECENT_TONE_DAYS = 60  # who downloaded, set or gave a tone within these days is heard with it
FOLLOW_DAYS = 30  # a contact who adopts within these days after the subscription counts as brought about


def partners(snap: Snapshot) -> DataFrame:
    """One row a subscription and counterparty over the last three closed months."""
    edges = snap.standing("silver.contact_edge_month").where(F.col("month_id").isin(snap.closed_months(MONTHS)))
    return edges.groupBy("subscription_id", "other_token").agg(
        F.max_by("other_subscription_id", "month_id").alias("other_id"),
        F.sum("contact_cnt").alias("contact_cnt"),
        F.sum("mt_cnt").alias("mt_cnt"),
        F.sum("gift_cnt").alias("gift_cnt"),
        F.sum("copy_cnt").alias("copy_cnt"),
    )


def circle(snap: Snapshot, pairs: DataFrame, services: DataFrame) -> DataFrame:
    """Measures of the circle; `services` has of every subscription what its counterparties may follow.

    Columns of `services`: subscription_id, has_crbt, has_newspaper, left_on, crbt_days_since_event.
    """
    others = services.select(
        F.col("subscription_id").alias("other_id"), F.col("has_crbt").alias("other_crbt"),
        F.col("has_newspaper").alias("other_newspaper"), F.col("left_on").alias("other_left_on"),
        (F.col("has_crbt") & (F.col("crbt_days_since_event") <= RECENT_TONE_DAYS)).alias("other_plays_tones"),
    ).join(reach_of_others(pairs), "other_id", "left")  # fmt: skip
    most = Window.partitionBy("subscription_id").orderBy(F.col("contact_cnt").desc(), "other_token")
    known = pairs.join(others, "other_id", "left").withColumn("place", F.row_number().over(most))
    counterparty = F.col("contact_cnt") >= MIN_CONTACTS
    inside = counterparty & F.col("other_id").isNotNull()
    mutual = (F.col("mt_cnt") > 0) & (F.col("mt_cnt") < F.col("contact_cnt"))
    left = F.col("other_left_on").between(F.lit(snap.days_back(90)), F.lit(snap.day))
    top = counterparty & (F.col("place") <= TOP)
    return known.groupBy("subscription_id").agg(
        F.count_if(counterparty).alias("partner_cnt_3m"),
        F.try_divide(F.count_if(inside), F.count_if(counterparty)).alias("in_network_partner_share"),
        F.try_divide(F.count_if(top & inside), F.count_if(top)).alias("in_network_top10_share"),
        F.count_if(inside & F.col("other_crbt")).alias("partners_with_crbt_cnt"),
        F.count_if(top & inside & F.col("other_crbt")).alias("close_partners_with_crbt_cnt"),
        F.sum(F.when(top & inside & F.col("other_plays_tones"), F.col("other_partner_cnt")).otherwise(0)).alias(
            "close_tone_reach"
        ),
        F.count_if(inside & F.col("other_newspaper")).alias("partners_with_newspaper_cnt"),
        F.count_if(inside & left).alias("partners_churned_90d_cnt"),
        F.sum(F.when(counterparty, F.when(mutual, 2).otherwise(1)).otherwise(0)).alias("reach_score"),
        F.sum("gift_cnt").alias("gift_cnt"),
        F.sum("copy_cnt").alias("copied_cnt"),
    )


def reach_of_others(pairs: DataFrame) -> DataFrame:
    """With how many people each counterparty is in touch itself."""
    near = pairs.where(F.col("contact_cnt") >= MIN_CONTACTS).groupBy(F.col("subscription_id").alias("other_id"))
    return near.agg(F.count(F.lit(1)).alias("other_partner_cnt"))


def followers(snap: Snapshot, pairs: DataFrame, adoptions: DataFrame) -> DataFrame:
    """Counterparties who took up a service within 30 days after the subscription did, in the last three months."""
    since = snap.day - timedelta(days=90 + FOLLOW_DAYS)
    recent = adoptions.where(F.col("adopted_on").between(F.lit(since), F.lit(snap.day)))
    theirs = recent.select(
        F.col("subscription_id").alias("other_id"), "product_id", F.col("adopted_on").alias("followed_on")
    )
    near = pairs.where((F.col("contact_cnt") >= MIN_CONTACTS) & F.col("other_id").isNotNull())
    near = near.select("subscription_id", "other_id")
    after = F.datediff("followed_on", "adopted_on")
    followed = near.join(recent, "subscription_id").join(theirs, ["other_id", "product_id"])
    followed = followed.where(after.between(1, FOLLOW_DAYS) & (F.col("followed_on") >= F.lit(snap.days_back(90))))
    return followed.groupBy("subscription_id").agg(F.count_distinct("other_id").alias("follower_cnt"))
