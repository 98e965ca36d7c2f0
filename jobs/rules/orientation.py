"""The four inputs of the personality segments (rules 5.5 to 5.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import FashionRule, LearningRule, PayRule, ValueRule


def pay_ability(arpu: Column, mid_from: Column, high_from: Column, price_class: Column, rule: PayRule) -> Column:
    """HIGH, MID or LOW by the city's cut amounts; a top handset raises the level by one; empty without a bill (5.5)."""
    top = F.coalesce(price_class == rule.top_price_class, F.lit(False))
    level = F.when(arpu >= high_from, 2).when(arpu >= mid_from, 1).otherwise(0) + F.when(top, 1).otherwise(0)
    named = F.when(level >= 2, "HIGH").when(level == 1, "MID").otherwise("LOW")
    return F.when(arpu.isNotNull() & mid_from.isNotNull(), named)


def price_sensitivity(
    discount_rank: Column, plan_changes: Column, balance_enquiries: Column, promotions: Column, rule: ValueRule
) -> Column:
    """Score 0-1 from discounts taken, plan switching, balance enquiries and promotions; empty without a bill (5.6)."""
    parts = {"plan_changes": plan_changes, "balance_enquiries": balance_enquiries, "promotions": promotions}
    score = discount_rank * rule.weights.discount_rank
    for name, count in parts.items():
        filled = F.least(F.lit(1.0), F.coalesce(count, F.lit(0)) / F.lit(getattr(rule.full_at, name)))
        score = score + filled * getattr(rule.weights, name)
    return score


def value_orientation(score: Column, rule: ValueRule) -> Column:
    """INSENSITIVE, ECONOMICAL or THRIFTY by the price-sensitivity score (5.6)."""
    named = F.when(score < rule.economical_from, "INSENSITIVE").when(score < rule.thrifty_from, "ECONOMICAL")
    return F.when(score.isNotNull(), named.otherwise("THRIFTY"))


def fashion_orientation(adoption_rank: Column, rule: FashionRule) -> Column:
    """LEAD, FOLLOW or CONSERVATIVE by the rank of adoption times among adopters; no service: CONSERVATIVE (5.7)."""
    late = adoption_rank.isNull() | (adoption_rank >= 1.0 - rule.conservative_share)
    return F.when(late, "CONSERVATIVE").when(adoption_rank < rule.lead_share, "LEAD").otherwise("FOLLOW")


def complexity(
    services: Column, self_service: Column, settings: Column, handsets: Column, rule: LearningRule
) -> Column:
    """Distinct services, self-service channels used, own tone settings (capped) and handset changes (5.8)."""
    none = F.lit(0)
    return (
        F.coalesce(services, none)
        + F.coalesce(self_service, none)
        + F.least(F.coalesce(settings, none), F.lit(rule.max_settings))
        + F.coalesce(handsets, none)
    )


def learning_ability(score: Column, high_from: Column) -> Column:
    """HIGH from the median complexity on, else LOW (5.8)."""
    return F.when(score >= high_from, "HIGH").otherwise("LOW")
