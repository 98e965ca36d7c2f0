"""Value tier (rule 5.19): weighted ranks of the bill, the return rate and the circle, and a bonus for key persons."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import ValueTierRule


def value_score(
    arpu_rank: Column, return_rank: Column, circle_rank: Column, key_person: Column, rule: ValueTierRule
) -> Column:
    """0.7 rank of the bill + 0.1 rank of the return rate + 0.15 rank of the circle + 0.05 for a key person."""
    weights, none = rule.weights, F.lit(0.0)
    return (
        F.coalesce(arpu_rank, none) * weights.arpu
        + F.coalesce(return_rank, none) * weights.return_rate
        + F.coalesce(circle_rank, none) * weights.circle
        + F.when(F.coalesce(key_person, F.lit(False)), weights.key_person).otherwise(none)
    )


def value_tier(score_rank: Column, rule: ValueTierRule) -> Column:
    """HIGH for the top share, MID for the next, LOW for the rest; `score_rank` is the rank 0-1 of the value score."""
    high_from, mid_from = 1.0 - rule.high_share, 1.0 - rule.high_share - rule.mid_share
    named = F.when(score_rank >= high_from, "HIGH").when(score_rank >= mid_from, "MID").otherwise("LOW")
    return F.when(score_rank.isNotNull(), named)
