"""Which snapshot dates a run of responses writes."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from conf.dates import DateRange
from conf.settings import Settings

if TYPE_CHECKING:
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
