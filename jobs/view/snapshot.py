"""One snapshot date and what was known on it: silver rows as of that night, and the windows the view counts in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pyarrow.compute as pc
from pyarrow.dataset import field
from pyspark.sql import functions as F

from conf.tables import table_of
from conf.view import load_view_rules
from jobs.view.conform import CLOSING_DAY

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from jobs.lakehouse.tables import Tables


def months_before(day: date, months: int) -> date:
    """First day of the calendar month that lies `months` before the month of `day`."""
    number = day.year * 12 + day.month - 1 - months
    return date(number // 12, number % 12 + 1, 1)


def month_id(day: date) -> str:
    """Month of a day as YYYYMM."""
    return f"{day:%Y%m}"


@dataclass(frozen=True)
class Snapshot:
    """The tables as of the night of `day`: loaded by then, not yet replaced by a resend, and not about a later day."""

    lake: Tables
    day: date

    def standing(self, table: str, since: date | None = None) -> DataFrame:
        """Rows that stood on the night; `since` leaves out rows loaded before it."""
        rows = self.lake.read(table).where(F.col("load_date") <= F.lit(self.day))
        rows = rows.where(F.col("superseded_on") > F.lit(self.day)).drop("superseded_on")
        return rows.where(F.col("load_date") >= F.lit(since)) if since else rows

    def latest(self, table: str, *key: str) -> DataFrame:
        """The newest state of each key: by the date the file is about, then by the night it came."""
        rows = self.standing(table)
        dated = (*key, "load_date", "data_date", "superseded_on")
        values = [name for name in table_of(table).column_names if name not in dated]
        newest = F.max_by(F.struct(*values), F.struct("data_date", "load_date")).alias("newest")
        return rows.groupBy(*key).agg(newest).select(*key, "newest.*")

    def newest_delivery(self, table: str) -> DataFrame:
        """Rows of the newest daily snapshot that was loaded (a feed carried over keeps yesterday's)."""
        since = self.days_back(load_view_rules().windows.daily_snapshot.days)
        loaded = (field("load_date") >= since) & (field("load_date") <= self.day)
        dates = self.lake.dataset(table).to_table(["data_date"], filter=loaded & (field("superseded_on") > self.day))
        newest = pc.max(dates["data_date"]).as_py()
        return self.standing(table, since=since).where(F.col("data_date") == F.lit(newest))

    def of_present_owner(self, rows: DataFrame, day: str) -> DataFrame:
        """Rows since the present owner has the line (D6); transfers are as gold.channel_preference of the night knows them.

        `day` names the date column of the rows. Few lines change hands, so the transfers go to every worker.
        """
        known = self.lake.read("gold.channel_preference").where(F.col("snapshot_date") == F.lit(self.day))
        transfers = known.where(F.col("owner_since").isNotNull()).select("subscription_id", "owner_since")
        joined = rows.join(F.broadcast(transfers), "subscription_id", "left")
        return joined.where(F.col("owner_since").isNull() | (F.col(day) >= F.col("owner_since"))).drop("owner_since")

    def days_back(self, days: int) -> date:
        """First day of the window of `days` days that ends on the snapshot date."""
        return self.day - timedelta(days=days - 1)

    def in_last(self, days: int, column: str = "event_date") -> Column:
        """Whether a date lies in the window of `days` days that ends on the snapshot date."""
        return F.col(column).between(F.lit(self.days_back(days)), F.lit(self.day))

    def since_months(self, months: int) -> date:
        """The same day of the month `months` earlier (its last day when it is shorter)."""
        first = months_before(self.day, months)
        last = months_before(first, -1) - timedelta(days=1)
        return first.replace(day=min(self.day.day, last.day))

    def closed_months(self, count: int) -> list[str]:
        """The last `count` calendar months whose call graph was closed by this night, newest first."""
        back = 1 if self.day.day >= CLOSING_DAY else 2
        return [month_id(months_before(self.day, back + step)) for step in range(count)]
