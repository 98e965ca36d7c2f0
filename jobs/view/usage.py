"""How the subscription is used: sums of daily use in windows that end on the snapshot date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.segments import load_judgements
from conf.view import load_view_rules
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def counted_columns() -> list[str]:
    """Columns that count use; of a line without any they are 0."""
    return [*load_view_rules().usage.sums, "active_days_30d"]


def usage(snap: Snapshot, activations: DataFrame) -> DataFrame:
    """One row a subscription with any use in the window; `activations` gives subscription_id and activation_date."""
    sums_of, windows = load_view_rules().usage.sums, load_view_rules().windows
    rows = snap.standing("silver.usage_daily", since=snap.days_back(windows.usage.days))
    rows = rows.where(snap.in_last(windows.usage.days))
    recent, seconds = snap.in_last(windows.recent_usage.days), F.col("voice_mo_seconds") + F.col("voice_mt_seconds")
    sums = [_sum_of(F.col(each.measure), snap.in_last(each.days)).alias(name) for name, each in sums_of.items()]
    summed = rows.groupBy("subscription_id").agg(
        *sums,
        _sum_of(seconds, recent).alias("seconds_30d"),
        F.sum(seconds).alias("seconds_90d"),
        F.count_distinct(F.when(recent, F.col("event_date"))).alias("active_days_30d"),
        F.max("event_date").alias("last_use_date"),
    )
    summed = summed.join(activations, "subscription_id", "left")
    earlier_days = _earlier_days(snap)
    return summed.select(
        "subscription_id",
        *counted_columns(),
        "seconds_90d",
        (F.col("seconds_30d") / 60.0).alias("mou_minutes_30d"),
        _trend(F.col("seconds_30d"), F.col("seconds_90d"), earlier_days).alias("mou_trend"),
        _trend(F.col("voice_mo_cnt_30d"), F.col("voice_mo_cnt_90d"), earlier_days).alias("voice_mo_trend"),
        (F.col("mms_p2p_cnt_90d") > 0).alias("is_mms_user"),
        F.datediff(F.lit(snap.day), F.col("last_use_date")).alias("days_since_last_use"),
    )


def _earlier_days(snap: Snapshot) -> Column:
    """Days before the recent ones that the line lived, at most those of the window; all of them where activation is not known."""
    windows = load_view_rules().windows
    lived = F.datediff(F.lit(snap.day), "activation_date") + 1 - windows.recent_usage.days
    most = F.lit(windows.usage.days - windows.recent_usage.days)
    return F.coalesce(F.greatest(F.lit(0), F.least(most, lived)), most)


def _sum_of(measure: Column, condition: Column) -> Column:
    return F.sum(F.when(condition, measure).otherwise(0))


def _trend(now: Column, whole: Column, earlier_days: Column) -> Column:
    """A recent day against a day lived before them, minus 1; empty without an earlier level or a life long enough."""
    before = (whole - now) / F.greatest(earlier_days, F.lit(1)) * load_view_rules().windows.recent_usage.days
    old_enough = earlier_days >= load_judgements().usage.trend_min_earlier_days
    return F.when(old_enough & (before > 0), F.round(now / before - 1.0, 6))
