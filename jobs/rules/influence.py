"""Influence index (rule 4.2): who spreads value-added services among many contacts.

Three scores as ranks 0-1: A active diffusion, B activity, C breadth of reach. A subscription has a trait when it is among
the top 15 percent of it. The weights 7 : 2 : 1 are renormalised over the traits present, which gives formulas 1 to 4:
C; 2/3 B + 1/3 C; 0.875 A + 0.125 C; 0.7 A + 0.2 B + 0.1 C.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import InfluenceRule


def has_trait(rank: Column, rule: InfluenceRule) -> Column:
    """Whether a rank lies in the top share and stands for any activity at all."""
    return F.coalesce((rank >= F.lit(1.0 - rule.top_share)) & (rank > 0), F.lit(False))


def diffusion_score(gifts: Column, copied: Column, followers: Column, rule: InfluenceRule) -> Column:
    """A before ranking: gifts sent, tones copied from the user, contacts who adopted a service after the user."""
    weights = rule.a_weights
    none = F.lit(0)
    return (
        F.coalesce(gifts, none) * weights.gifts
        + F.coalesce(copied, none) * weights.copied
        + F.coalesce(followers, none) * weights.followers
    )


def influence_formula(a: Column, b: Column, c: Column, rule: InfluenceRule) -> Column:
    """Number of the formula that applies, 1 to 4; empty without wide reach (`require_c`), else without any trait."""
    spreads, active, wide = has_trait(a, rule), has_trait(b, rule), has_trait(c, rule)
    formula = F.when(spreads & active, 4).when(spreads, 3).when(active, 2).otherwise(1)
    return F.when(wide if rule.require_c else wide | spreads | active, formula)


def influence_index(formula: Column, a: Column, b: Column, c: Column, rule: InfluenceRule) -> Column:
    """Index 0-1 by formula; empty when no formula applies."""
    weights = rule.weights
    spreads, active = formula.isin(3, 4), formula.isin(2, 4)
    weight_a = F.when(spreads, weights.a).otherwise(0.0)
    weight_b = F.when(active, weights.b).otherwise(0.0)
    weight_c = F.lit(weights.c) if rule.require_c else F.when(has_trait(c, rule), weights.c).otherwise(0.0)
    parts = ((weight_a, a), (weight_b, b), (weight_c, c))
    weighted = sum((weight * F.coalesce(rank, F.lit(0.0)) for weight, rank in parts), F.lit(0.0))
    return F.when(formula.isNotNull(), weighted / (weight_a + weight_b + weight_c))
