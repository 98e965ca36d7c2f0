"""Contacts and answers, do-not-disturb and lists, and which channel suits the customer."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def history(snap: Snapshot) -> DataFrame:
    """Contacts with the present owner as gold.contact_history knows them on the snapshot date; controls are no contacts."""
    rows = snap.lake.read("gold.contact_history").where(F.col("snapshot_date") == F.lit(snap.day))
    present = F.coalesce("is_present_owner", F.lit(True))
    return rows.where(present & ~F.col("is_control") & (F.col("planned_date") <= F.lit(snap.day)))


def contact_measures(snap: Snapshot) -> DataFrame:
    """Contacts of the month and the week, last contact and answer, accepts and refusals of the window."""
    month_start: date = snap.day.replace(day=1)
    counted = F.coalesce("counts_to_cap", F.lit(False))
    windows = load_view_rules().windows
    half_year = F.col("planned_date") > F.lit(snap.since_months(windows.answers.months))
    newest = F.struct("planned_date", "contact_id")
    return (
        history(snap)
        .groupBy("subscription_id")
        .agg(
            F.count_if(counted & (F.col("planned_date") >= F.lit(month_start))).alias("contacts_this_month"),
            F.count_if(counted & snap.in_last(windows.contacts.days, "planned_date")).alias("contacts_7d"),
            F.max(F.when(F.col("is_contacted"), F.col("planned_date"))).alias("last_contact_at"),
            F.max_by("response_code", newest).alias("last_response_code"),
            F.count_if(half_year & (F.col("response_code") == "ACCEPT")).alias("accept_cnt_6m"),
            F.count_if(half_year & (F.col("response_code") == "REFUSE")).alias("refuse_cnt_6m"),
        )
    )


def own_visits(snap: Snapshot) -> DataFrame:
    """Contacts the customer began in the window, by channel, and how many asked for the balance or bill."""
    rules = load_view_rules().own_visits
    since = snap.since_months(load_view_rules().windows.own_visits.months)
    rows = snap.standing("silver.cs_contact", since=since).where(
        F.col("contact_date").between(F.lit(since), F.lit(snap.day)) & F.col("subscription_id").isNotNull()
    )
    rows = snap.of_present_owner(rows, "contact_date")
    began = F.coalesce("direction", F.lit("IN")) != "OUT"

    visits = [
        F.count_if(began & (F.col("channel_code") == channel)).alias(name) for name, channel in rules.channels.items()
    ]
    enquiries = F.count_if(began & F.col("reason_l1").isin(*rules.balance_enquiries)).alias("balance_enquiries_3m")
    return rows.groupBy("subscription_id").agg(*visits, enquiries)


def orders(snap: Snapshot) -> DataFrame:
    """Plan changes of the window and promotions taken up (orders that name a campaign)."""
    rules = load_view_rules().orders
    since = snap.since_months(load_view_rules().windows.orders.months)
    rows = snap.standing("silver.product_order", since=since)
    rows = rows.where(F.col("order_date").between(F.lit(since), F.lit(snap.day))).dropDuplicates(["order_id"])
    rows = snap.of_present_owner(rows, "order_date")
    return rows.groupBy("subscription_id").agg(
        F.count_if(F.col("product_id").startswith(rules.plan_prefix) & F.col("action").isin(*rules.plan_changes)).alias(
            "plan_changes_12m"
        ),
        F.count_if((F.col("action") == "ADD") & F.col("campaign_id").isNotNull()).alias("promotions_12m"),
    )


def suppressions(snap: Snapshot) -> DataFrame:
    """Do-not-disturb levels (complaint classes included) and list colours, from gold.suppression of that night."""
    rows = snap.lake.read("gold.suppression").where(F.col("snapshot_date") == F.lit(snap.day))
    level = F.when(F.col("scope_type") == "SYSTEM", F.lit("SYSTEM")).otherwise(
        F.concat_ws(":", "scope_type", "scope_value")
    )
    listed = F.col("reason").startswith("LIST_")
    no_disturb = ~listed & (F.col("reason") != "SENSITIVE_CHANNEL")
    return rows.groupBy("subscription_id").agg(
        F.array_sort(F.collect_set(F.when(no_disturb, level))).alias("dnd_levels"),
        F.array_sort(F.collect_set(F.when(listed, F.substring_index("reason", "_", -1)))).alias("list_colours"),
    )


def channel_preference(snap: Snapshot) -> DataFrame:
    """Chance of a yes by channel, as the responses stage worked it out for this date (gold.channel_preference)."""
    rows = snap.lake.read("gold.channel_preference").where(F.col("snapshot_date") == F.lit(snap.day))
    return rows.select("subscription_id", "channel_preference_score", "preferred_channel")
