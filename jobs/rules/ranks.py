"""Percentile ranks among the people a rule compares, as the influence and value rules use them (5.1, 5.19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import Window
from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column


def rank_above_zero(score: Column) -> Column:
    """Share of the others whose score is not higher, 0 for a score of zero or none; ties share the best place.

    Of 1,000 distinct scores exactly 150 have a rank of 0.85 or more.
    """
    ordered = Window.orderBy(F.coalesce(score, F.lit(0.0)))
    everyone = F.count(F.lit(1)).over(Window.partitionBy())
    place = F.round(F.cume_dist().over(ordered) * everyone)
    return F.when(score > 0, (place - 1) / everyone).otherwise(F.lit(0.0))


def rank_of_all(score: Column) -> Column:
    """Share of the others with a lower score, empty scores lowest; for cuts such as the top fifth."""
    ordered = Window.orderBy(score.asc_nulls_first())
    everyone = F.count(F.lit(1)).over(Window.partitionBy())
    return (F.rank().over(ordered) - 1) / everyone
