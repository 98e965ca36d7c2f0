"""Nights of a bronze table for Spark, from the files that delta-rs finds: Spark's own reading of the log is a query a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.dates import DateRange
from conf.tables import table_of
from jobs.lakehouse.places import is_there, open_table, table_place

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lakehouse.tables import Tables


def read_nights(tables: Tables, name: str, nights: DateRange) -> DataFrame:
    """Rows of a bronze table loaded in these nights, in the contract's columns; one the files do not have yet is empty."""
    table, version = table_of(name), tables.version(name)
    schema = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
    place = table_place(tables.settings, name)
    files: list[str] = []
    if is_there(tables.settings, name):
        found = open_table(tables.settings, name, version)
        files = found.file_uris(file_pruning_predicate=nights.predicate(str(table.date_column)))
    if not files:
        return tables.spark.createDataFrame([], schema)
    reader = tables.spark.read.schema(schema).option(
        "basePath", place.for_spark
    )  # tables of before have a folder a night
    return reader.parquet(*(uri.removeprefix("file://") for uri in files)).where(
        nights.predicate(str(table.date_column))
    )
