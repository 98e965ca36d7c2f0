"""Removes rows older than their table's retention and compacts small files; what is younger stays as it is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from conf.dates import DateRange
from conf.errors import AlreadyRunning
from conf.settings import Settings
from conf.tables import Table, load_tables
from jobs.lakehouse import ledger, published
from jobs.lakehouse.logs import remove_old
from jobs.lakehouse.run import exclusive

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

STAGE = "maintenance"
MIN_FILES = 8  # a table of fewer files gains nothing from compaction


def run(spark: SparkSession, settings: Settings, dates: DateRange) -> dict:
    """Expire, compact and vacuum every table; versions of the last `retention.replay_days` days stay readable.

    Retention counts from the last date of the range, or from the newest published night if that is earlier. Returns how
    many tables lost old rows, were compacted, and were left for the next week because their stage was at work or had an
    unpublished write, and how many log files went.
    """
    today = _counted_from(settings, dates.last)
    found = [
        _care_for_ledger(settings, table, today)
        if table.is_ledger
        else _care_for_stage_table(spark, settings, table, today)
        for _, table in sorted(load_tables().items())
        if ledger.table_path(settings, table.name).exists()
    ]
    done = [word for words in found for word in words]
    removed = remove_old(settings, today - timedelta(days=settings.retention.log_days))
    return {f"{word}_tables": done.count(word) for word in ("expired", "compacted", "left")} | {"removed_logs": removed}


def _counted_from(settings: Settings, wanted: date) -> date:
    """No later than the newest night there is: a mistyped year must not empty the tables."""
    newest = max((row["business_date"] for row in published.newest_rows(settings)), default=wanted)
    return min(wanted, newest)


def old_rows(table: Table, today: date) -> tuple[str, date] | None:
    """Date column and first date to keep of a table with a retention; None for a table that is kept for good."""
    if table.retention_days is None or table.date_column is None:
        return None
    return table.date_column, today - timedelta(days=table.retention_days)


def _has_old_rows(settings: Settings, table: Table, today: date) -> bool:
    old = old_rows(table, today)
    return old is not None and ledger.read(settings, table.name, [(old[0], "<", old[1])], columns=[old[0]]).num_rows > 0


def _predicate(table: Table, today: date) -> str:
    column, first_kept = old_rows(table, today) or ("", today)
    return f"{column} < DATE '{first_kept}'"


def _care_for_stage_table(spark: SparkSession, settings: Settings, table: Table, today: date) -> list[str]:
    """One table under its stage's lock; its new version is published at once, so that no night takes it for a dead run's."""
    owner = _published_row(settings, table.name)
    if owner is None:
        return []
    try:
        with exclusive(settings, owner["stage"]):
            return _expire_and_compact(spark, settings, table, today)
    except AlreadyRunning:
        return ["left"]


def _published_row(settings: Settings, name: str) -> dict | None:
    """Newest publication of a table by the stage that writes it."""
    rows = ledger.read(settings, published.PUBLISHED, [("table_name", "=", name), ("stage", "!=", STAGE)]).to_pylist()
    return max(rows, key=lambda row: row["published_seq"], default=None)


def _expire_and_compact(spark: SparkSession, settings: Settings, table: Table, today: date) -> list[str]:
    seen = published.published_versions(settings)[table.name]
    if not ledger.holds_version(settings, table.name, seen):
        return ["left"]  # a dead run's unpublished write: its stage's to undo
    path, done = ledger.table_path(settings, table.name), []
    if _has_old_rows(settings, table, today):
        spark.sql(f"DELETE FROM delta.`{path}` WHERE {_predicate(table, today)}").collect()
        done.append("expired")
    if spark.sql(f"DESCRIBE DETAIL delta.`{path}`").collect()[0]["numFiles"] >= MIN_FILES:
        spark.sql(f"OPTIMIZE delta.`{path}`").collect()
        done.append("compacted")
    head = ledger.head_version(settings, table.name)
    if head != seen:
        # The date stays that of the stage's own publication: it says up to which night the table is built.
        built = _published_row(settings, table.name)
        published.publish(settings, STAGE, (built or {})["business_date"], f"{STAGE}-{today}", {table.name: head})
    ledger.remove_files(settings, table.name)
    return done


def _care_for_ledger(settings: Settings, table: Table, today: date) -> list[str]:
    done = []
    if _has_old_rows(settings, table, today):
        ledger.delete(settings, table.name, _predicate(table, today), f"{STAGE}-{today}")
        done.append("expired")
    ledger.compact(settings, table.name)
    ledger.remove_files(settings, table.name)
    return done
