"""Which snapshot dates a run writes, and how another stage reads a snapshot table as of its own date."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from conf.dates import DateRange
from conf.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from jobs.lakehouse.tables import Tables

HISTORY = "gold.contact_history"


def snapshots_of(settings: Settings, dates: DateRange) -> list[date]:
    """Snapshot dates of a range: every night, and of the initial load only the dates its settings name.

    A range of one date always gives that date, so that any day of the history can be looked at by hand.
    """
    if dates.days == 1:
        return [dates.first]
    wanted = set(settings.initial_load.snapshot_dates)
    return [day for day in dates if day not in settings.history or day in wanted]


def later_snapshots(tables: Tables, dates: DateRange) -> list[date]:
    """Snapshots already written for dates after the range: what is loaded now is known to them too."""
    found = tables.arrow(HISTORY, [("snapshot_date", ">", dates.last)], ["snapshot_date"])["snapshot_date"]
    return sorted(found.unique().to_pylist())


def as_of(tables: Tables, name: str, day: date) -> DataFrame:
    """Rows of a snapshot table as known on a date: its newest snapshot not after that date."""
    from pyspark.sql import functions as F

    rows = tables.read(name).where(F.col("snapshot_date") <= F.lit(day))
    newest = rows.agg(F.max("snapshot_date").alias("snapshot_date"))
    return rows.join(newest, on="snapshot_date", how="left_semi")
