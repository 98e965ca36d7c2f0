"""How the subscription is used: measures of the windows that end on the snapshot date, from their sums."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from conf.segments import load_judgements
from conf.view import load_view_rules
from jobs.view.usage_window import ACTIVE_DAYS, LAST_USE, RECENT_SECONDS, WINDOW, WINDOW_SECONDS

if TYPE_CHECKING:
    from datetime import date

    from pyspark.sql import Column, DataFrame

    from jobs.view.snapshot import Snapshot


def counted_columns() -> list[str]:
    """Columns that count use; of a line without any they are 0."""
    return [*load_view_rules().usage.sums, "active_days_30d"]


def usage(snap: Snapshot, activations: DataFrame) -> DataFrame:
    """One row a subscription with any use in the window; `activations` gives subscription_id and activation_date."""
    sums = snap.lake.read(WINDOW).where(F.col("snapshot_date") == F.lit(snap.day))
    return measures(sums, snap.day, activations)


def measures(sums: DataFrame, day: date, activations: DataFrame) -> DataFrame:
    """What the view says of use, from rows of gold.usage_window of one snapshot date."""
    summed = sums.join(activations, "subscription_id", "left")
    earlier_days, recent, whole = _earlier_days(day), F.col(RECENT_SECONDS), F.col(WINDOW_SECONDS)
    return summed.select(
        "subscription_id",
        *load_view_rules().usage.sums,
        F.bit_count(ACTIVE_DAYS).alias("active_days_30d"),
        whole.alias("seconds_90d"),
        (recent / 60.0).alias("mou_minutes_30d"),
        _trend(recent, whole, earlier_days).alias("mou_trend"),
        _trend(F.col("voice_mo_cnt_30d"), F.col("voice_mo_cnt_90d"), earlier_days).alias("voice_mo_trend"),
        (F.col("mms_p2p_cnt_90d") > 0).alias("is_mms_user"),
        F.datediff(F.lit(day), F.col(LAST_USE)).alias("days_since_last_use"),
    )


def _earlier_days(day: date) -> Column:
    """Days before the recent ones that the line lived, at most those of the window; all of them where activation is not known."""
    windows = load_view_rules().windows
    lived = F.datediff(F.lit(day), "activation_date") + 1 - windows.recent_usage.days
    most = F.lit(windows.usage.days - windows.recent_usage.days)
    return F.coalesce(F.greatest(F.lit(0), F.least(most, lived)), most)


def _trend(now: Column, whole: Column, earlier_days: Column) -> Column:
    """A recent day against a day lived before them, minus 1; empty without an earlier level or a life long enough."""
    before = (whole - now) / F.greatest(earlier_days, F.lit(1)) * load_view_rules().windows.recent_usage.days
    old_enough = earlier_days >= load_judgements().usage.trend_min_earlier_days
    return F.when(old_enough & (before > 0), F.round(now / before - 1.0, 6))
