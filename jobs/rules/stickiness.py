"""Stickiness (rule 5.20): mean of family, services, convergent and circle, plus a bonus for a bundle that still runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import StickinessRule


def stickiness_score(
    family: Column,
    services: Column,
    convergent: Column,
    circle_share: Column,
    bundle_days_left: Column,
    rule: StickinessRule,
) -> Column:
    """0 to 1.2: `family` and `convergent` are yes/no, `services` a count, `circle_share` the share of own contacts."""
    none = F.lit(0.0)
    parts = (
        F.when(F.coalesce(family, F.lit(False)), 1.0).otherwise(none)
        + F.least(F.lit(1.0), F.coalesce(services, F.lit(0)) / F.lit(rule.sticky_vas_full_at))
        + F.when(F.coalesce(convergent, F.lit(False)), 1.0).otherwise(none)
        + F.coalesce(circle_share, none)
    )
    bonus = F.when(F.coalesce(bundle_days_left > rule.bundle_days, F.lit(False)), rule.bundle_bonus).otherwise(none)
    return parts / 4.0 + bonus


def stickiness_level(score: Column, rule: StickinessRule) -> Column:
    """HIGH, MID or NONE."""
    return F.when(score >= rule.high_from, "HIGH").when(score >= rule.mid_from, "MID").otherwise("NONE")
