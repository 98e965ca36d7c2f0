"""Values of the vault whose token no table holds any more: people long gone, and numbers that were only ever called."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from conf.settings import Settings
from conf.tables import EVENT_ID, load_tables
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.places import is_there, table_place
from jobs.people.vault import IDENTITY, KINDS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FEWEST_TABLES = 5  # with hardly any table there, everybody would look gone


def remove_unnamed(spark: SparkSession, settings: Settings, run_id: str) -> int:
    """Remove the vault's values that no row of any table names by token, in the version readers see; returns how many.

    The caller holds ingest's lock: nothing is loaded meanwhile, so no value comes between its row and its token.
    """
    named = [frame for table in sorted(load_tables()) for frame in _tokens_of(spark, settings, table)]
    if len(named) < FEWEST_TABLES:
        return 0
    vault = spark.read.format("delta").load(table_place(settings, IDENTITY).for_spark).select("token")
    everybody = reduce(lambda one, other: one.union(other), named).distinct()
    gone = vault.join(everybody, "token", "left_anti").toArrow()["token"].combine_chunks()
    for kind in KINDS if len(gone) else ():
        rows = delta_rs.read(settings, IDENTITY, [("kind", "=", kind)])
        kept = rows.filter(pc.invert(pc.is_in(rows["token"], gone)))
        if kept.num_rows < rows.num_rows:
            delta_rs.replace(settings, IDENTITY, kept, f"kind = '{kind}'", run_id)
    return len(gone)


def _tokens_of(spark: SparkSession, settings: Settings, name: str) -> list[DataFrame]:
    """The token columns of one table, as `token`; the vault names nobody itself."""
    table = load_tables()[name]
    columns = [column.name for column in table.columns if column.pii == "token" and column.name != EVENT_ID.name]
    path = table_place(settings, name).for_spark
    if table.layer == "vault" or not columns or not is_there(settings, name):
        return []
    version = published.reader_version(settings, name)
    reader = spark.read.format("delta")
    frame = (reader if version is None else reader.option("versionAsOf", version)).load(path)
    return [frame.select(frame[column].alias("token")).where(frame[column].isNotNull()) for column in columns]
