"""Tells people about files that were refused, parts that are missing, and feeds that did not come in time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conf.dates import DateRange
from conf.settings import Settings
from jobs.ingest.feeds import CARRIED, LATE, MISSING
from jobs.ingest.landing import REJECTED, Delivered
from jobs.ingest.verify import sequence_gaps
from jobs.lakehouse.alerts import raise_alert


def raise_alarms(
    settings: Settings, dates: DateRange, files: Sequence[Delivered], statuses: Sequence[dict[str, Any]]
) -> None:
    """One alert for each refused file and each feed that was missing or late on a date of the range; gaps are warnings."""
    for file in files:
        if file.status == REJECTED:
            raise_alert(
                settings, "FILE_REJECTED", file.load_date, file.reason or "", feed=file.feed.feed, file=file.path.name
            )
    for gap in sequence_gaps(files):
        raise_alert(settings, "SEQUENCE_GAP", dates.last, gap)
    for row in statuses:
        if row["business_date"] in dates and row["status"] in (MISSING, LATE, CARRIED):
            raise_alert(settings, f"FEED_{row['status']}", row["business_date"], row["detail"], feed=row["feed"])
