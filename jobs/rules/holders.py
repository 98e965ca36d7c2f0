"""Who held a number on a day, as each night knew it: the one rule by which records named by a number are bound."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FOREVER = date(9999, 12, 31)
_HOLDER = (
    "ARRAY<STRUCT<valid_from: DATE, subscription_id: STRING, known_from: DATE, superseded_on: DATE, "
    "ends: ARRAY<STRUCT<known_from: DATE, valid_to: DATE>>>>"
)


def register_holders(spark: SparkSession, assignment: DataFrame) -> None:
    """View msisdn_holder (one row a number) and function holder_at(holders, day, known): who held the number on a day.

    `known` is the load date of the record to bind, so a record is bound by what that night knew. The newest holder that
    had begun by then and had not been ended counts; nobody before the first.
    """
    spark.sql(
        f"CREATE OR REPLACE TEMPORARY FUNCTION holder_at(holders {_HOLDER}, day DATE, known DATE) RETURNS STRING RETURN "
        "get(filter(holders, h -> h.valid_from <= day AND h.known_from <= known AND h.superseded_on > known AND "
        "NOT exists(h.ends, e -> e.known_from <= known AND e.valid_to <= day)), 0).subscription_id"
    )
    held = assignment.groupBy("msisdn_token", "subscription_id", "valid_from").agg(
        F.min("load_date").alias("known_from"),
        F.max("superseded_on").alias("superseded_on"),
        F.array_sort(
            F.collect_list(
                F.when(
                    F.col("valid_to") < F.lit(FOREVER),
                    F.struct(F.col("load_date").alias("known_from"), F.col("valid_to")),
                )
            )
        ).alias("ends"),
    )
    holder = F.struct("valid_from", "subscription_id", "known_from", "superseded_on", "ends")
    held.groupBy("msisdn_token").agg(
        F.reverse(F.array_sort(F.collect_list(holder))).alias("holders")
    ).createOrReplaceTempView("msisdn_holder")
