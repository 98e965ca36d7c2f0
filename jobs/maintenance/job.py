"""Compacts small files and removes what is older than its retention; content and published versions stay as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conf.dates import DateRange
from conf.settings import Settings
from conf.tables import Table, load_tables
from jobs.lakehouse import ledger, published

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

MIN_FILES = 8  # a table of fewer files gains nothing from compaction


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict:
    """Compact and vacuum every table; versions of the last `retention.replay_days` days stay readable.

    A compaction is a new version with the same rows; it is published at once, so that the next run does not take it for
    an unpublished write. Returns the number of tables looked at and compacted.
    """
    compacted: dict[str, int] = {}
    for name, table in sorted(load_tables().items()):
        if not ledger.table_path(settings, name).exists():
            continue
        if table.is_ledger:
            _care_for_ledger(settings, table)
        elif _care_for_spark_table(spark, settings, table):
            compacted[name] = ledger.head_version(settings, name)
    if compacted:
        published.publish(settings, "maintenance", dates.last, f"maintenance-{dates.last}", compacted)
    return {"compacted_tables": len(compacted)}


def _care_for_spark_table(spark: SparkSession, settings: Settings, table: Table) -> bool:
    path = ledger.table_path(settings, table.name)
    if ledger.head_version(settings, table.name) != published.reader_version(settings, table.name):
        return False  # somebody's unpublished write: theirs to restore
    was_compacted = False
    if spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["numFiles"] >= MIN_FILES:
        before = ledger.head_version(settings, table.name)
        spark.sql(f"OPTIMIZE delta.`{path}`").collect()
        was_compacted = ledger.head_version(settings, table.name) != before
    spark.sql(f"VACUUM delta.`{path}` RETAIN {settings.retention.replay_days * 24} HOURS").collect()
    return was_compacted


def _care_for_ledger(settings: Settings, table: Table) -> None:
    from deltalake import DeltaTable

    delta = DeltaTable(str(ledger.table_path(settings, table.name)))
    delta.optimize.compact()
    delta.vacuum(retention_hours=settings.retention.replay_days * 24, dry_run=False)
