"""How Spark plans work of many small steps: once, because planning again after each step only costs time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Every subject is summed by subscription_id, so without re-planning all of them meet in one step and nothing is shuffled
# twice. With it, Spark plans (and prints) the whole tree again after each of some thirty stages: minutes on a small base.
STATIC_PLAN = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "2048",
}


@contextmanager
def static_plans(spark: SparkSession) -> Iterator[None]:
    """Plan once for the work inside; the session is as before afterwards."""
    before = {name: spark.conf.get(name, None) for name in STATIC_PLAN}
    for name, value in STATIC_PLAN.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, value)
