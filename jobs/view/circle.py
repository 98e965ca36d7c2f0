"""Calling circle: with whom the subscription is in touch, and how its services spread there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from conf.segments import load_judgements
from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def partners(snap: Snapshot) -> DataFrame:
    """One row a subscription and counterparty over the last closed months."""
    months = snap.closed_months(load_judgements().circle.months)
    edges = snap.standing("silver.contact_edge_month").where(F.col("month_id").isin(months))
    return edges.groupBy("subscription_id", "other_token").agg(
        F.max_by("other_subscription_id", "month_id").alias("other_id"),
        F.sum("contact_cnt").alias("contact_cnt"),
        F.sum("mt_cnt").alias("mt_cnt"),
        F.sum("gift_cnt").alias("gift_cnt"),
        F.sum("copy_cnt").alias("copy_cnt"),
    )


def circle(snap: Snapshot, pairs: DataFrame, services: DataFrame) -> DataFrame:
    """Measures of the circle; `services` has of every subscription what its counterparties may follow.

    Columns of `services`: subscription_id, has_crbt, has_newspaper, left_on.
    """
    rule = load_judgements().circle
    known = pairs.join(_others(services), "other_id", "left").withColumn("place", _place())
    counterparty = F.col("contact_cnt") >= rule.min_contacts
    inside = counterparty & F.col("other_id").isNotNull()
    mutual = (F.col("mt_cnt") > 0) & (F.col("mt_cnt") < F.col("contact_cnt"))
    left = snap.in_last(load_view_rules().windows.partners_left.days, "other_left_on")
    top = counterparty & (F.col("place") <= rule.most_contacted)
    contacts = F.sum(F.when(counterparty, F.col("contact_cnt")))
    with_crbt = F.sum(F.when(inside & F.col("other_crbt"), F.col("contact_cnt")).otherwise(0))
    return known.groupBy("subscription_id").agg(
        F.count_if(counterparty).alias("partner_cnt_3m"),
        F.try_divide(F.count_if(inside), F.count_if(counterparty)).alias("in_network_partner_share"),
        F.try_divide(F.count_if(top & inside), F.count_if(top)).alias("in_network_top10_share"),
        F.count_if(inside & F.col("other_crbt")).alias("partners_with_crbt_cnt"),
        F.try_divide(with_crbt, contacts).alias("crbt_contact_share"),
        F.count_if(inside & F.col("other_newspaper")).alias("partners_with_newspaper_cnt"),
        F.count_if(inside & left).alias("partners_churned_90d_cnt"),
        F.sum(F.when(counterparty, F.when(mutual, 2).otherwise(1)).otherwise(0)).alias("reach_score"),
        F.sum("gift_cnt").alias("gift_cnt"),
        F.sum("copy_cnt").alias("copied_cnt"),
    )


def _place() -> Column:
    """Place of a counterparty by contacts, the most contacted first."""
    order = Window.partitionBy("subscription_id").orderBy(F.col("contact_cnt").desc(), "other_token")
    return F.row_number().over(order)


def _others(services: DataFrame) -> DataFrame:
    return services.select(
        F.col("subscription_id").alias("other_id"),
        F.col("has_crbt").alias("other_crbt"),
        F.col("has_newspaper").alias("other_newspaper"),
        F.col("left_on").alias("other_left_on"),
    )


def followers(snap: Snapshot, pairs: DataFrame, adoptions: DataFrame) -> DataFrame:
    """Counterparties who took up a service soon after the subscription did, in the window."""
    rule, days = load_judgements().circle, load_view_rules().windows.followers.days
    since = snap.day - timedelta(days=days + rule.follow_days)
    recent = adoptions.where(F.col("adopted_on").between(F.lit(since), F.lit(snap.day)))
    theirs = recent.select(
        F.col("subscription_id").alias("other_id"), "product_id", F.col("adopted_on").alias("followed_on")
    )
    near = pairs.where((F.col("contact_cnt") >= rule.min_contacts) & F.col("other_id").isNotNull())
    near = near.select("subscription_id", "other_id")
    after = F.datediff("followed_on", "adopted_on")
    followed = near.join(recent, "subscription_id").join(theirs, ["other_id", "product_id"])
    followed = followed.where(
        after.between(1, rule.follow_days) & (F.col("followed_on") >= F.lit(snap.days_back(days)))
    )
    return followed.groupBy("subscription_id").agg(F.count_distinct("other_id").alias("follower_cnt"))
