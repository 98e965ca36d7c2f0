"""Contacts and answers, do-not-disturb and lists, and which channel suits the customer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from jobs.rules.channel_preference import preference_scores
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

MONTHS = 6


def history(snap: Snapshot) -> DataFrame:
    """Contacts of gold.contact_history as known on the snapshot date; controls are no contacts."""
    rows = snap.lake.read("gold.contact_history").where(F.col("snapshot_date") == F.lit(snap.day))
    rows = rows.where(~F.col("is_control") & (F.col("planned_date") <= F.lit(snap.day)))
    return rows.withColumn("response", F.col("response_code"))


def contact_measures(snap: Snapshot, contacts: DataFrame) -> DataFrame:
    """Contacts of the month and the week, last contact and answer, accepts and refusals of six months."""
    month_start: date = snap.day.replace(day=1)
    counted = F.coalesce("counts_to_cap", F.lit(False))
    half_year = F.col("planned_date") > F.lit(snap.since_months(MONTHS))
    newest = F.struct("planned_date", "contact_id")
    return contacts.groupBy("subscription_id").agg(
        F.count_if(counted & (F.col("planned_date") >= F.lit(month_start))).alias("contacts_this_month"),
        F.count_if(counted & snap.in_last(7, "planned_date")).alias("contacts_7d"),
        F.max(F.when(F.col("is_contacted"), F.col("planned_date"))).alias("last_contact_at"),
        F.max_by("response", newest).alias("last_response_code"),
        F.count_if(half_year & (F.col("response") == "ACCEPT")).alias("accept_cnt_6m"),
        F.count_if(half_year & (F.col("response") == "REFUSE")).alias("refuse_cnt_6m"),
    )


def own_visits(snap: Snapshot) -> DataFrame:
    """Contacts the customer began in three months, by channel, and how many asked for the balance or bill."""
    since = snap.since_months(3)
    rows = snap.standing("silver.cs_contact", since=since).where(
        F.col("contact_date").between(F.lit(since), F.lit(snap.day)) & F.col("subscription_id").isNotNull()
    )
    began = F.coalesce("direction", F.lit("IN")) != "OUT"

    def visits(channel: str, name: str) -> Column:
        return F.count_if(began & (F.col("channel_code") == channel)).alias(name)

    return rows.groupBy("subscription_id").agg(
        visits("HOTLINE", "hotline_calls_3m"), visits("STORE", "store_visits_3m"), visits("WEB", "web_visits_3m"),
        F.count_if(began & F.col("reason_l1").isin("BALANCE", "BILL", "BILLING")).alias("balance_enquiries_3m"),
    )  # fmt: skip


def orders(snap: Snapshot) -> DataFrame:
    """Plan changes of twelve months and promotions taken up (orders that name a campaign)."""
    since = snap.since_months(12)
    rows = snap.standing("silver.product_order", since=since)
    rows = rows.where(F.col("order_date").between(F.lit(since), F.lit(snap.day))).dropDuplicates(["order_id"])
    return rows.groupBy("subscription_id").agg(
        F.count_if(F.col("product_id").startswith("PLAN_") & F.col("action").isin("CHANGE", "ADD")).alias("plan_changes_12m"),
        F.count_if((F.col("action") == "ADD") & F.col("campaign_id").isNotNull()).alias("promotions_12m"),
    )


def suppressions(snap: Snapshot) -> DataFrame:
    """Do-not-disturb levels (complaint classes included) and list colours, from gold.suppression of that night."""
    rows = snap.lake.read("gold.suppression").where(F.col("snapshot_date") == F.lit(snap.day))
    level = F.when(F.col("scope_type") == "SYSTEM", F.lit("SYSTEM")).otherwise(F.concat_ws(":", "scope_type", "scope_value"))
    listed = F.col("reason").startswith("LIST_")
    no_disturb = ~listed & (F.col("reason") != "SENSITIVE_CHANNEL")
    return rows.groupBy("subscription_id").agg(
        F.array_sort(F.collect_set(F.when(no_disturb, level))).alias("dnd_levels"),
        F.array_sort(F.collect_set(F.when(listed, F.substring_index("reason", "_", -1)))).alias("list_colours"),
    )


def channel_preference(snap: Snapshot, contacts: DataFrame, groups: DataFrame, channels: list[str]) -> DataFrame:
    """Chance of an accept by channel: own answers of six months, backed off to the group, then to all (5.31).

    `groups` has subscription_id and segment; orders the customer began on a channel count as one accept there.
    """
    since = snap.since_months(MONTHS)
    asked = contacts.where(F.col("planned_date") > F.lit(since)).select(
        "subscription_id", "channel_code", (F.col("response") == "ACCEPT").cast("int").alias("accepted"), F.lit(1).alias("asked")
    )
    ordered = snap.standing("silver.product_order", since=since).where(
        F.col("order_date").between(F.lit(since), F.lit(snap.day))
        & F.col("channel_id").isin(channels) & F.col("campaign_id").isNull() & (F.col("action") == "ADD")
    ).select("subscription_id", F.col("channel_id").alias("channel_code"), F.lit(1).alias("accepted"), F.lit(1).alias("asked"))  # fmt: skip
    answers = asked.unionByName(ordered).where(F.col("channel_code").isin(channels))
    answers = answers.groupBy("subscription_id", "channel_code").agg(
        F.sum(F.coalesce("accepted", F.lit(0))).alias("accepted"), F.sum("asked").alias("asked")
    )
    return preference_scores(answers, groups, channels)
