"""Value tier (rule 5.19): weighted ranks of the bill, the return rate and the circle, and a bonus for key accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import UnitCost, ValueTierRule


def return_rate(
    monthly_bill_fen: Column,
    seconds: Column,
    messages: Column,
    mms: Column,
    volume_kb: Column,
    days: Column,
    cost: UnitCost,
) -> Column:
    """Share of the mean bill that serving leaves: use of the window and its `days` lived give the cost of 30 days, in fen.

    Null without a bill; below 0 where serving costs more than it brings.
    """
    none = F.lit(0)
    used = (
        F.coalesce(seconds, none) / 60.0 * cost.voice_minute_fen
        + F.coalesce(messages, none) * cost.message_fen
        + F.coalesce(mms, none) * cost.mms_fen
        + F.coalesce(volume_kb, none) / 1024.0 * cost.data_mb_fen
    )
    monthly = used / F.greatest(F.coalesce(days, F.lit(1)), F.lit(1)) * 30.0 + cost.line_month_fen
    return F.when(monthly_bill_fen > 0, (monthly_bill_fen - monthly) / monthly_bill_fen)


def value_score(
    arpu_rank: Column, return_rank: Column, circle_rank: Column, key_account: Column, rule: ValueTierRule
) -> Column:
    """0.7 rank of the bill + 0.1 rank of the return rate + 0.15 rank of the circle + 0.05 for a key account."""
    weights, none = rule.weights, F.lit(0.0)
    return (
        F.coalesce(arpu_rank, none) * weights.arpu
        + F.coalesce(return_rank, none) * weights.return_rate
        + F.coalesce(circle_rank, none) * weights.circle
        + F.when(F.coalesce(key_account, F.lit(False)), weights.key_account).otherwise(none)
    )


def value_tier(score_rank: Column, rule: ValueTierRule) -> Column:
    """HIGH for the top share, MID for the next, LOW for the rest; `score_rank` is the rank 0-1 of the value score."""
    high_from, mid_from = 1.0 - rule.high_share, 1.0 - rule.high_share - rule.mid_share
    named = F.when(score_rank >= high_from, "HIGH").when(score_rank >= mid_from, "MID").otherwise("LOW")
    return F.when(score_rank.isNotNull(), named)
