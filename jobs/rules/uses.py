"""What counts as use of a day (conf/view.yaml, uses), as functions a query calls with the measures of the day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.view import COUNTABLE, USAGE, VAS, Use, load_view_rules

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

FUNCTIONS = {VAS: "vas_uses", USAGE: "network_uses"}


def register_uses(spark: SparkSession) -> None:
    """Functions vas_uses and network_uses: the uses of a day by name, from its measures in the order of conf.view.COUNTABLE."""
    for table, name in FUNCTIONS.items():
        spark.sql(function_text(name, COUNTABLE[table], load_view_rules().uses_of(table)))


def function_text(name: str, measures: tuple[str, ...], uses: dict[str, Use]) -> str:
    """The statement that makes one of these functions."""
    arguments = ", ".join(f"{measure} BIGINT" for measure in measures)
    cases = ", ".join(f"CASE WHEN {' + '.join(use.measures)} > 0 THEN '{kind}' END" for kind, use in uses.items())
    return (
        f"CREATE OR REPLACE TEMPORARY FUNCTION {name}({arguments}) RETURNS ARRAY<STRING> "
        f"RETURN array_compact(CAST(array({cases}) AS ARRAY<STRING>))"
    )
