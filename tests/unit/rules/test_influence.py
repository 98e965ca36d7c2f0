"""Rule 4.2: four formulas, one rule of renormalised weights, and traits of exactly the top 15 percent."""

from __future__ import annotations

import pytest

from conf.segments import load_judgements
from jobs.rules.influence import has_trait, influence_formula, influence_index
from jobs.rules.ranks import rank_above_zero, rank_of_all

RULE = load_judgements().influence


def test_formulas_give_the_indices_of_the_table(spark):
    from pyspark.sql import functions as F

    rows = spark.createDataFrame(
        [(number, 0.9, 0.6, 0.3) for number in (1, 2, 3, 4)], "f int, a double, b double, c double"
    )
    index = influence_index(F.col("f"), F.col("a"), F.col("b"), F.col("c"), RULE)
    found = {row["f"]: row["i"] for row in rows.select("f", index.alias("i")).collect()}
    assert found == pytest.approx({1: 0.300, 2: 0.500, 3: 0.825, 4: 0.780})


def test_weights_of_each_formula_add_up_to_one(spark):
    from pyspark.sql import functions as F

    rows = spark.createDataFrame(
        [(number, 1.0, 1.0, 1.0) for number in (1, 2, 3, 4)], "f int, a double, b double, c double"
    )
    index = influence_index(F.col("f"), F.col("a"), F.col("b"), F.col("c"), RULE)
    assert [row["i"] for row in rows.select(index.alias("i")).collect()] == pytest.approx([1.0] * 4)


def test_formula_follows_the_traits_and_needs_wide_reach(spark):
    from pyspark.sql import functions as F

    cases = {
        (0.1, 0.1, 0.9): 1,
        (0.1, 0.9, 0.9): 2,
        (0.9, 0.1, 0.9): 3,
        (0.9, 0.9, 0.9): 4,
        (0.9, 0.9, 0.1): None,
        (None, None, 0.85): 1,
    }
    rows = spark.createDataFrame(
        [(*case, wanted) for case, wanted in cases.items()], "a double, b double, c double, wanted int"
    )
    formula = influence_formula(F.col("a"), F.col("b"), F.col("c"), RULE)
    for row in rows.withColumn("formula", formula).collect():
        assert row["formula"] == row["wanted"], row


def test_only_the_traits_present_are_weighed_given_that_wide_reach_is_not_required(spark):
    from pyspark.sql import functions as F

    rule = RULE.model_copy(update={"require_c": False})
    cases = {
        (0.9, 0.9, 0.1): (4, 0.9),
        (1.0, 0.1, 0.5): (3, 1.0),
        (0.9, 0.1, 0.9): (3, 0.9),
        (0.1, 0.1, 0.1): (None, None),
    }
    rows = spark.createDataFrame(list(cases), "a double, b double, c double")
    traits = (F.col("a"), F.col("b"), F.col("c"))
    judged = rows.withColumn("formula", influence_formula(*traits, rule))
    judged = judged.withColumn("index", influence_index(F.col("formula"), *traits, rule))
    for row in judged.collect():
        formula, index = cases[row["a"], row["b"], row["c"]]
        assert (row["formula"], row["index"]) == (formula, index and pytest.approx(index)), row


def test_a_thousand_distinct_scores_give_exactly_150_holders(spark):
    from pyspark.sql import functions as F

    ranked = spark.range(1, 1001).select(rank_above_zero(F.col("id").cast("double")).alias("rank"))
    assert ranked.where(has_trait(F.col("rank"), RULE)).count() == 150


def test_ties_share_the_trait_and_zero_has_none(spark):
    from pyspark.sql import functions as F

    scores = [0.0] * 90 + [1.0] * 10
    ranked = spark.createDataFrame([(score,) for score in scores], "score double").select(
        "score", rank_above_zero(F.col("score")).alias("rank")
    )
    found = ranked.withColumn("held", has_trait(F.col("rank"), RULE)).collect()
    assert [row["held"] for row in found if row["score"] == 1.0] == [True] * 10
    assert not any(row["held"] or row["rank"] for row in found if row["score"] == 0.0)


def test_rank_of_all_puts_the_unknown_lowest(spark):
    from pyspark.sql import functions as F

    rows = spark.createDataFrame([(None,), (5,), (7,), (7,)], "v int").select(
        "v", rank_of_all(F.col("v")).alias("rank")
    )
    assert sorted(row["rank"] for row in rows.collect()) == [0.0, 0.25, 0.5, 0.5]
