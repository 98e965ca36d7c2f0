"""How Spark plans work of many small steps: once, and without generated code where the rows are few."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from conf.settings import Settings

# Every subject is summed by subscription_id, so without re-planning all of them meet in one step and nothing is shuffled
# twice. With it, Spark plans (and prints) the whole tree again after each of some thirty stages: minutes on a small base.
STATIC_PLAN = {
    "spark.sql.adaptive.enabled": "false",
    "spark.sql.ui.explainMode": "simple",
    "spark.sql.maxPlanStringLength": "2048",
    # Columns that travel through joins as one struct (jobs/view/assemble.py) are not to be taken apart below them.
    "spark.sql.optimizer.nestedSchemaPruning.enabled": "false",
    "spark.sql.optimizer.expression.nestedPruning.enabled": "false",
}
# Java written and compiled for each query is won back from some hundred thousand rows on; below, it is a third of a night's CPU.
COMPILED_FROM_ROWS = 100_000
INTERPRETED = {"spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN"}
ONE_TASK_A_STEP = {
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.files.minPartitionNum": "1",
    "spark.sql.files.openCostInBytes": "65536",
}
COMPILED = {"spark.sql.codegen.wholeStage": "true", "spark.sql.codegen.factoryMode": "FALLBACK"}


def is_long_work(rows: int) -> bool:
    """Whether reading so many rows is worth generated code."""
    return rows >= COMPILED_FROM_ROWS


@contextmanager
def static_plans(spark: SparkSession, settings: Settings, rows: int) -> Iterator[None]:
    """Plan once for the work inside, which reads about so many rows; the session is as before afterwards."""
    wanted = STATIC_PLAN | (_long_work(settings) if is_long_work(rows) else INTERPRETED | ONE_TASK_A_STEP)
    before = {name: spark.conf.get(name, None) for name in wanted}
    _set_all(spark, wanted)
    try:
        yield
    finally:
        _set_all(spark, before)


def _long_work(settings: Settings) -> dict[str, str | None]:
    """Generated code on as many tasks as the profile says, also inside short work, which runs on one."""
    spread: dict[str, str | None] = dict.fromkeys(ONE_TASK_A_STEP)
    return spread | COMPILED | {"spark.sql.shuffle.partitions": str(settings.spark.shuffle_partitions)}


def _set_all(spark: SparkSession, values: Mapping[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            spark.conf.unset(name)
        else:
            spark.conf.set(name, value)
