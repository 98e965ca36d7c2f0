"""What the subscription is worth: bills, payments, balance, complaints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def bills(snap: Snapshot, activations: DataFrame) -> DataFrame:
    """Measures of the last bills known (a bill comes on the 8th of the next month).

    Trends look at whole months only: the bill of the month of activation (`activations`: subscription_id, activation_date)
    is left out of them, unless the line began on the first.
    """
    rules, months = load_view_rules().bills, load_view_rules().windows.bills.months
    since = snap.since_months(months + 2)
    items = dict.fromkeys(("total_fen", "local_fen", "discount_fen", *rules.services))
    rows = snap.standing("silver.bill_month", since=since)
    monthly = rows.groupBy("subscription_id", "month_id").agg(
        *(F.sum(item).alias(item) for item in items),
        F.sum(sum((F.col(item) for item in rules.metered), F.lit(0))).alias("metered_fen"),
    )
    newest_first = Window.partitionBy("subscription_id").orderBy(F.col("month_id").desc())
    recent = monthly.withColumn("place", F.row_number().over(newest_first)).where(F.col("place") <= months)
    begun_in = F.date_format(F.date_sub("activation_date", 1), "yyyyMM")
    recent = recent.join(activations, "subscription_id", "left").withColumn(
        "whole", F.coalesce(F.col("month_id") > begun_in, F.lit(True))
    )
    service_fees = sum((F.col(item) for item in rules.services), F.lit(0))
    summed = recent.groupBy("subscription_id").agg(
        F.max(F.when(F.col("place") == 1, F.col("total_fen"))).alias("arpu_fen"),
        F.round(F.avg("total_fen")).cast("bigint").alias("arpu_3m_fen"),
        F.sum(service_fees).alias("vas_fee_3m_fen"),
        F.sum("discount_fen").alias("discounts"),
        F.sum(F.col("total_fen") - F.col("discount_fen")).alias("gross"),
        _slope("total_fen").alias("arpu_slope_3m"),
        _change("total_fen").alias("arpu_change_3m"),
        _slope("local_fen").alias("local_fee_trend_3m"),
        _slope("metered_fen").alias("metered_fee_trend_3m"),
    )
    share = F.when(
        F.col("gross") > 0, F.least(F.lit(1.0), F.greatest(F.lit(0.0), -F.col("discounts") / F.col("gross")))
    )
    return summed.withColumn("discount_share_3m", share).drop("discounts", "gross")


def _slope(item: str) -> Column:
    """Change per month from the oldest whole month to the newest, as a share of their mean; empty with fewer than two."""
    newest, oldest, steps = _ends(item)
    mean = F.avg(F.when(F.col("whole"), F.col(item)))
    return F.when((steps > 0) & (mean > 0), (newest - oldest) / steps / mean)


def _change(item: str) -> Column:
    """Newest of all whole months of the window over the oldest, minus 1, to six places (8,000 on 10,000 is -0.2); empty with fewer."""
    newest, oldest, steps = _ends(item)
    return F.when(
        (steps == load_view_rules().windows.bills.months - 1) & (oldest > 0), F.round(newest / oldest - 1.0, 6)
    )


def _ends(item: str) -> tuple[Column, Column, Column]:
    """Newest and oldest whole month of the bills, and the bills between them."""
    place = F.when(F.col("whole"), F.col("place"))
    return F.min_by(item, place), F.max_by(item, place), F.max(place) - F.min(place)


def payments(snap: Snapshot) -> DataFrame:
    """Payments of the window, net of reversals."""
    days, recent_days = load_view_rules().windows.payments.days, load_view_rules().windows.recent_payments.days
    rows = snap.standing("silver.payment", since=snap.days_back(days)).where(snap.in_last(days, "pay_date"))
    paid = F.col("payment_cnt") > 0
    return rows.groupBy("subscription_id").agg(
        F.sum("payment_cnt").alias("topup_cnt_90d"),
        F.sum(F.when(snap.in_last(recent_days, "pay_date"), F.col("payment_cnt")).otherwise(0)).alias("topup_cnt_30d"),
        F.sum("amount_fen").alias("payment_fen_90d"),
        F.datediff(F.lit(snap.day), F.max(F.when(paid, F.col("pay_date")))).alias("days_since_last_payment"),
    )


def balances(snap: Snapshot) -> DataFrame:
    """Balance and arrears of the newest snapshot."""
    return snap.newest_delivery("silver.balance").select(
        "subscription_id", "balance_fen", F.col("owe_fen").alias("arrears_fen")
    )


def complaints(snap: Snapshot) -> DataFrame:
    """Complaints of the present owner: those of the window, and those open on the snapshot date."""
    rows = snap.latest("silver.complaint", "complaint_id")
    rows = rows.withColumn("created_on", F.to_date("created_at")).where(F.col("created_on") <= F.lit(snap.day))
    rows = snap.of_present_owner(rows, "created_on")
    recent = F.col("created_on") >= F.lit(snap.days_back(load_view_rules().windows.complaints.days))
    return rows.groupBy("subscription_id").agg(
        F.count_if(recent).alias("complaint_cnt_90d"), F.count_if(F.col("status") == "OPEN").alias("complaint_open_cnt")
    )
