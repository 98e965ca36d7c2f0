"""Life-cycle stage (rule 5.22), first match in the order CHURNED, SAVE, ENTRY, DECLINE, GROWTH, STABLE."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import LifecycleRule


def lifecycle_stage(
    is_live: Column,
    anomaly: Column,
    tenure_days: Column,
    arpu_slope: Column,
    arpu_change: Column,
    minutes_trend: Column,
    bundle_days_left: Column,
    termination_requested: Column,
    rule: LifecycleRule,
) -> Column:
    """Stage of a subscription; `arpu_change` is over three bills, as the limit is, `arpu_slope` (only its sign) per month."""
    no = F.lit(False)
    save = (
        F.coalesce(anomaly == "YES", no)
        | F.coalesce(bundle_days_left <= rule.commitment_days, no)
        | F.coalesce(termination_requested, no)
    )
    declines = F.coalesce(arpu_change <= rule.decline_slope, no) | F.coalesce(minutes_trend <= rule.decline_slope, no)
    grows = F.coalesce((tenure_days <= rule.growth_days) & (arpu_slope > 0), no)
    return (
        F.when(~F.coalesce(is_live, no), "CHURNED")
        .when(save, "SAVE")
        .when(F.coalesce(tenure_days <= rule.entry_days, no), "ENTRY")
        .when(declines, "DECLINE")
        .when(grows, "GROWTH")
        .otherwise("STABLE")
    )
