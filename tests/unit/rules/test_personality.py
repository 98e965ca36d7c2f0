"""Rule 4.1: the 54 cells are covered exactly once; unknown inputs give UNSEGMENTED only where the segment names them."""

from __future__ import annotations

from collections import Counter
from itertools import product

from conf.segments import Personality, PersonalityRow, load_personality
from jobs.rules.personality import INPUTS, UNSEGMENTED, personality_segment

PAY, VALUE = ("HIGH", "MID", "LOW"), ("INSENSITIVE", "ECONOMICAL", "THRIFTY")
FASHION, LEARNING = ("LEAD", "FOLLOW", "CONSERVATIVE"), ("HIGH", "LOW")
CELLS = [
    dict(zip(("pay", "value", "fashion", "learning"), cell, strict=True))
    for cell in product(PAY, VALUE, FASHION, LEARNING)
]
# Cells of each segment as the domain table counts them, by number.
CELL_COUNTS = {1: 2, 2: 2, 3: 2, 4: 4, 5: 1, 6: 4, 7: 1, 8: 4, 9: 12, 10: 2, 11: 1, 12: 1, 13: 8, 14: 10}


def matches(row: PersonalityRow, **inputs: str | None) -> bool:
    """Whether a row covers these inputs; an unknown input never meets one the row names."""
    return all(getattr(row, name) is None or inputs[name] in getattr(row, name) for name in INPUTS)


def segment_of(personality: Personality, **inputs: str | None) -> str:
    """Code of the segment of one customer (inputs pay, value, fashion, learning), UNSEGMENTED when none applies."""
    for segment in personality.segments:
        if any(matches(row, **inputs) for row in segment.rows):
            return segment.code
    return UNSEGMENTED


def test_every_cell_belongs_to_exactly_one_segment():
    rows = [row for segment in load_personality().segments for row in segment.rows]
    assert len(CELLS) == 54
    assert all(sum(matches(row, **cell) for row in rows) == 1 for cell in CELLS)


def test_segments_have_the_cells_of_the_table():
    numbers = {segment.code: segment.number for segment in load_personality().segments}
    counted = Counter(numbers[segment_of(load_personality(), **cell)] for cell in CELLS)
    assert dict(counted) == CELL_COUNTS


def test_unknown_inputs_matter_only_where_the_segment_names_them():
    find = lambda **inputs: segment_of(load_personality(), **inputs)  # noqa: E731
    assert find(pay="HIGH", value="INSENSITIVE", fashion="CONSERVATIVE", learning=None) == "TRADITIONAL"
    assert find(pay="LOW", value="THRIFTY", fashion=None, learning=None) == "LOW_POTENTIAL"
    assert find(pay="MID", value="THRIFTY", fashion=None, learning=None) == "VERY_THRIFTY"
    assert find(pay="HIGH", value="INSENSITIVE", fashion="LEAD", learning=None) == UNSEGMENTED
    assert find(pay=None, value="THRIFTY", fashion="LEAD", learning="HIGH") == UNSEGMENTED


def test_the_column_says_what_the_table_says(spark):
    from pyspark.sql import functions as F

    inputs = product((*PAY, None), (*VALUE, None), (*FASHION, None), (*LEARNING, None))
    rows = spark.createDataFrame(
        [tuple(cell) for cell in inputs], "pay string, value string, fashion string, learning string"
    )
    segment = personality_segment(load_personality(), *(F.col(name) for name in rows.columns))
    for row in rows.withColumn("segment", segment).collect():
        wanted = segment_of(load_personality(), **{name: row[name] for name in ("pay", "value", "fashion", "learning")})
        assert row["segment"] == wanted, row
