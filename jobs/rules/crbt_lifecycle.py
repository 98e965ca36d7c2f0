"""CRBT life cycle (rule 4.4 with the thresholds of 5.2 to 5.4); PROSPECT and AT_RISK need scores and are laid over later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import CrbtRule


def crbt_lifecycle_state(
    day: Column,
    has_crbt: Column,
    open_date: Column,
    close_date: Column,
    trial_end: Column,
    last_event: Column,
    rule: CrbtRule,
) -> Column:
    """NONE, NEW, ACTIVE, SEMI_SILENT, SILENT, CHURNED or LAPSED on `day`.

    Silence is counted in complete calendar months before the month of `day`, and only for those subscribed that long;
    `last_event` is the last event that ends silence (download, gift, copy, setting, music box).
    """
    is_new = (F.datediff(day, open_date) <= rule.new_days) | F.coalesce(trial_end >= day, F.lit(False))
    subscribed = (
        F.when(is_new, "NEW")
        .when(_quiet_since(day, open_date, last_event, rule.silent_months), "SILENT")
        .when(_quiet_since(day, open_date, last_event, rule.semi_silent_months), "SEMI_SILENT")
        .otherwise("ACTIVE")
    )
    left = F.when(close_date >= F.add_months(day, -rule.lapsed_months), "CHURNED").otherwise("LAPSED")
    return F.when(F.coalesce(has_crbt, F.lit(False)), subscribed).when(close_date.isNotNull(), left).otherwise("NONE")


def _quiet_since(day: Column, open_date: Column, last_event: Column, months: int) -> Column:
    """No qualifying event since the first day of the last `months` complete calendar months."""
    start = F.add_months(F.trunc(day, "month"), -months)
    return (open_date <= start) & F.coalesce(last_event < start, F.lit(True))
