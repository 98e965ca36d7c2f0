"""Gives tables their names in Spark's catalog, so that people may write gold.customer_360; the names survive a restart."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from conf.settings import Settings
from conf.tables import load_tables
from jobs.lakehouse.logs import fact
from jobs.lakehouse.places import table_place

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

log = logging.getLogger("closedloop")


def register_tables(spark: SparkSession, settings: Settings, names: Iterable[str] | None = None) -> list[str]:
    """Name tables that have no name yet (about a second each, once for each home); returns which.

    Only with the catalog that outlives the session; the jobs themselves read and write by path and need no names.
    """
    if settings.spark.catalog != "hive":
        return []
    marks = settings.path("metastore", "named")
    marks.mkdir(parents=True, exist_ok=True)
    missing = [name for name in (names if names is not None else sorted(load_tables())) if not (marks / name).exists()]
    for layer in sorted({name.split(".")[0] for name in missing}):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {layer}")
    for name in missing:
        spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING delta LOCATION '{table_place(settings, name).for_spark}'")
        (marks / name).touch()
    return missing


def name_published(spark: SparkSession, settings: Settings, names: Iterable[str]) -> None:
    """Name what was just published; a catalog that does not answer is told in the log and costs nobody the night."""
    from pyspark.errors import PySparkException

    try:
        register_tables(spark, settings, names)
    except PySparkException as error:
        fact(log, logging.WARNING, "CATALOG_NAMES_MISSING", {"reason": str(error).splitlines()[0]})
