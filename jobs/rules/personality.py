"""Fourteen personality segments (rule 4.1) from conf/segments/personality.yaml: each of the 54 cells in exactly one."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import Column

    from conf.segments import Personality, PersonalityRow

UNSEGMENTED = "UNSEGMENTED"
INPUTS = ("pay", "value", "fashion", "learning")


def personality_segment(
    personality: Personality, pay: Column, value: Column, fashion: Column, learning: Column
) -> Column:
    """Code of the segment; a row whose named input is empty does not apply, and then it is UNSEGMENTED."""
    columns = {"pay": pay, "value": value, "fashion": fashion, "learning": learning}

    def applies(row: PersonalityRow) -> Column:
        named = [columns[name].isin(*getattr(row, name)) for name in INPUTS if getattr(row, name) is not None]
        return F.coalesce(reduce(lambda a, b: a & b, named), F.lit(False))

    matches = [
        F.when(reduce(lambda a, b: a | b, [applies(row) for row in segment.rows]), segment.code)
        for segment in personality.segments
    ]
    return F.coalesce(*matches, F.lit(UNSEGMENTED))
