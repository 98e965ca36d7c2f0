"""Anomaly by rule (5.21): use breaks down, competitors are called, calls are forwarded to another network, the balance is run down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import AnomalyRule


def anomaly_reasons(
    minutes_trend: Column,
    calls_trend: Column,
    competitor_calls: Column,
    forwarded: Column,
    balance_days: Column,
    topups_30d: Column,
    rule: AnomalyRule,
) -> Column:
    """Array of the parts of the rule that hold, in fixed order; empty when none does."""
    drop = (minutes_trend <= rule.usage_drop) | (calls_trend <= rule.usage_drop)
    run_down = (balance_days <= rule.balance_days_left) & (F.coalesce(topups_30d, F.lit(0)) == 0)
    parts = {
        "USAGE_DROP": drop,
        "COMPETITOR_HOTLINE": competitor_calls >= rule.competitor_hotline_calls,
        "FORWARDING": forwarded >= rule.forwarded_calls,
        "BALANCE_RUNDOWN": run_down,
    }
    named = [F.when(F.coalesce(holds, F.lit(False)), reason) for reason, holds in parts.items()]
    return F.array_compact(F.array(*named))


def anomaly_level(reasons: Column) -> Column:
    """YES when any part of the rule holds, else NO."""
    return F.when(F.size(reasons) > 0, "YES").otherwise("NO")
