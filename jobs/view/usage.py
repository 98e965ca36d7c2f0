"""How the subscription is used: sums of daily use in windows that end on the snapshot date."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.segments import load_judgements
from jobs.view.snapshot import Snapshot

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

WINDOW_DAYS = 90
RECENT_DAYS = 30
# output column -> (daily measure, days)
SUMS = {
    "voice_mo_cnt_30d": ("voice_mo_cnt", 30),
    "voice_mo_cnt_90d": ("voice_mo_cnt", 90),
    "voice_mt_cnt_30d": ("voice_mt_cnt", 30),
    "voice_mo_seconds_30d": ("voice_mo_seconds", 30),
    "calls_to_competitor_30d": ("calls_to_competitor_cnt", 30),
    "hotline_competitor_90d": ("hotline_competitor_cnt", 90),
    "hotline_10086_90d": ("hotline_10086_cnt", 90),
    "forward_cnt_30d": ("forward_cnt", 30),
    "forward_other_network_30d": ("forward_other_network_cnt", 30),
    "toll_seconds_90d": ("toll_seconds", 90),
    "roam_seconds_90d": ("roam_seconds", 90),
    "sms_mo_cnt_30d": ("sms_mo_cnt", 30),
    "sms_mo_cnt_90d": ("sms_mo_cnt", 90),
    "sms_mt_cnt_30d": ("sms_mt_cnt", 30),
    "sms_sp_cnt_90d": ("sms_sp_cnt", 90),
    "gprs_sessions_30d": ("gprs_sessions", 30),
    "data_volume_kb_30d": ("data_volume_kb", 30),
    "data_volume_kb_90d": ("data_volume_kb", 90),
    "mms_p2p_cnt_90d": ("mms_p2p_cnt", 90),
    "mms_sp_cnt_90d": ("mms_sp_cnt", 90),
}
COUNTS = [*SUMS, "active_days_30d"]


def usage(snap: Snapshot, activations: DataFrame) -> DataFrame:
    """One row a subscription with any use in 90 days; `activations` gives subscription_id and activation_date."""
    rows = snap.standing("silver.usage_daily", since=snap.days_back(WINDOW_DAYS)).where(snap.in_last(WINDOW_DAYS))
    recent, seconds = snap.in_last(RECENT_DAYS), F.col("voice_mo_seconds") + F.col("voice_mt_seconds")
    sums = [_sum_of(F.col(measure), snap.in_last(days)).alias(name) for name, (measure, days) in SUMS.items()]
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
        "subscription_id", *COUNTS, "seconds_90d",
        (F.col("seconds_30d") / 60.0).alias("mou_minutes_30d"),
        _trend(F.col("seconds_30d"), F.col("seconds_90d"), earlier_days).alias("mou_trend"),
        _trend(F.col("voice_mo_cnt_30d"), F.col("voice_mo_cnt_90d"), earlier_days).alias("voice_mo_trend"),
        (F.col("mms_p2p_cnt_90d") > 0).alias("is_mms_user"),
        F.datediff(F.lit(snap.day), F.col("last_use_date")).alias("days_since_last_use"),
    )  # fmt: skip


def _earlier_days(snap: Snapshot) -> Column:
    """Days before the last 30 that the line lived, at most the 60 of the window; all 60 where activation is not known."""
    lived = F.datediff(F.lit(snap.day), "activation_date") + 1 - RECENT_DAYS
    most = F.lit(WINDOW_DAYS - RECENT_DAYS)
    return F.coalesce(F.greatest(F.lit(0), F.least(most, lived)), most)


def _sum_of(measure: Column, condition: Column) -> Column:
    return F.sum(F.when(condition, measure).otherwise(0))


def _trend(now: Column, whole: Column, earlier_days: Column) -> Column:
    """A day of the last 30 against a day lived before them, minus 1; empty without an earlier level or a life long enough."""
    before = (whole - now) / F.greatest(earlier_days, F.lit(1)) * RECENT_DAYS
    old_enough = earlier_days >= load_judgements().usage.trend_min_earlier_days
    return F.when(old_enough & (before > 0), F.round(now / before - 1.0, 6))
