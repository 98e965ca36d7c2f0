"""Stickiness (rule 5.20): mean of shared account, services, closed group and circle, plus a bonus for a bundle that still runs.

Rule 5.20 asks for convergent products (fixed line, broadband) where the closed group (mobile VPN) stands: no feed tells of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import StickinessRule


def stickiness_score(
    shared_account: Column,
    services: Column,
    closed_group: Column,
    circle_share: Column,
    bundle_days_left: Column,
    rule: StickinessRule,
) -> Column:
    """0 to 1.2: `shared_account` (the rule's family) and `closed_group` are yes/no, `services` a count, `circle_share` a share."""
    none = F.lit(0.0)
    parts = (
        F.when(F.coalesce(shared_account, F.lit(False)), 1.0).otherwise(none)
        + F.least(F.lit(1.0), F.coalesce(services, F.lit(0)) / F.lit(rule.sticky_vas_full_at))
        + F.when(F.coalesce(closed_group, F.lit(False)), 1.0).otherwise(none)
        + F.coalesce(circle_share, none)
    )
    bonus = F.when(F.coalesce(bundle_days_left > rule.bundle_days, F.lit(False)), rule.bundle_bonus).otherwise(none)
    return parts / 4.0 + bonus


def stickiness_level(score: Column, rule: StickinessRule) -> Column:
    """HIGH, MID or NONE."""
    return F.when(score >= rule.high_from, "HIGH").when(score >= rule.mid_from, "MID").otherwise("NONE")
