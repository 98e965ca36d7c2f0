"""Who held a number on a day, as each night knew it: the one rule by which records named by a number are bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_HOLDER = (
    "ARRAY<STRUCT<valid_from: DATE, subscription_id: STRING, known_from: DATE, superseded_on: DATE, "
    "ends: ARRAY<STRUCT<known_from: DATE, valid_to: DATE>>>>"
)


def register_holder_at(spark: SparkSession) -> None:
    """Function holder_at(holders, day, known): who held the number on a day; `holders` as sql/work/msisdn_holder.sql has them.

    `known` is the load date of the record to bind, so a record is bound by what that night knew. The newest holder that
    had begun by then and had not been ended counts; nobody before the first.
    """
    spark.sql(
        f"CREATE OR REPLACE TEMPORARY FUNCTION holder_at(holders {_HOLDER}, day DATE, known DATE) RETURNS STRING RETURN "
        "get(filter(holders, h -> h.valid_from <= day AND h.known_from <= known AND h.superseded_on > known AND "
        "NOT exists(h.ends, e -> e.known_from <= known AND e.valid_to <= day)), 0).subscription_id"
    )
