"""What was known when: the one place that says which rows of a file stand as of a night.

Every delivered row has two times: its load date (the night that picked the file up) and, when a corrected file of the
same feed and data date comes later, the load date of that resend (`superseded_on`, else 9999-12-31). A row stands as of
night V when load_date <= V < superseded_on. So an earlier night keeps what it saw, later nights see the correction, and
the order in which dates are loaded does not matter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache, reduce
from typing import TYPE_CHECKING

from deltalake import DeltaTable
from pyspark.sql import functions as F

from conf.dates import DateRange
from conf.errors import ClosedLoopError
from conf.feeds import Feed, load_feeds
from jobs.lakehouse import delta_rs, published
from jobs.lakehouse.expiry import first_kept_in_bronze
from jobs.lakehouse.file_states import LOADED
from jobs.lakehouse.night_files import read_nights
from jobs.lakehouse.places import is_there, table_place

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from conf.settings import Settings
    from jobs.lakehouse.tables import Tables

FOREVER = date(9999, 12, 31)
MANY_NIGHTS = 31  # enough to give every task nights of its own
DUPLICATE_ROW, LEDGER = "ops.duplicate_row", "ops.file_ledger"


class RowsExpired(ClosedLoopError):
    """A rebuild begins at nights whose bronze rows maintenance has removed."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of a feed for a data date, as the file ledger has it."""

    feed: str
    data_date: date
    resend_no: int
    load_date: date
    rows: int


def deliveries(settings: Settings) -> list[Delivery]:
    """All accepted deliveries of feeds, from ops.file_ledger; read once for each version of it."""
    if not is_there(settings, LEDGER):
        return []
    return list(_deliveries(table_place(settings, LEDGER).for_delta_rs, delta_rs.head_version(settings, LEDGER)))


@lru_cache(maxsize=2)
def _deliveries(place: str, version: int) -> tuple[Delivery, ...]:
    columns = ["feed", "data_date", "resend_no", "load_date", "status", "rows_good"]
    found = DeltaTable(place, version=version).to_pyarrow_table(columns=columns)
    rows: Counter[tuple[str, date, int, date]] = Counter()
    for feed, about, resend_no, loaded, status, good in zip(*(found[c].to_pylist() for c in columns), strict=True):
        if status in LOADED and about:
            rows[feed, about, resend_no or 0, loaded] += good or 0
    return tuple(Delivery(*delivery, rows=count) for delivery, count in sorted(rows.items()))


def resends_of(all_deliveries: list[Delivery], feed: str) -> list[Delivery]:
    """Deliveries of a feed that replace an earlier one of the same data date."""
    return [delivery for delivery in all_deliveries if delivery.feed == feed and delivery.resend_no > 0]


def dates_to_rebuild(settings: Settings, dates: DateRange, table: str) -> DateRange:
    """The range widened to every date whose result may differ now.

    Backwards to the load date of a file that a resend inside the range replaces, forwards to the newest date `table` was
    built for: what is known as of a later night includes what is loaded now. Never behind the nights of which bronze holds
    all rows: silver outlives them, and would be emptied. Raises RowsExpired when the range itself begins there.
    """
    known = deliveries(settings)
    replaced = [
        old.load_date
        for new in known
        if new.resend_no > 0 and new.load_date in dates
        for old in known
        if (old.feed, old.data_date) == (new.feed, new.data_date) and old.resend_no < new.resend_no
    ]
    built = newest_built(settings, table)
    first_kept = first_kept_in_bronze(settings) or date.min
    if dates.first < first_kept:
        raise RowsExpired(
            f"rebuild from {dates.first}: bronze holds all rows from {first_kept} on, those before have expired\n"
            f"  to do:  begin on {first_kept}; what silver holds of the days before stays as it is"
        )
    return DateRange(max(min([dates.first, *replaced]), first_kept), max(dates.last, built or dates.last))


def newest_built(settings: Settings, table: str) -> date | None:
    """Newest business date `table` was published for, None before the first."""
    return max(
        (row["business_date"] for row in published.newest_rows(settings) if row["table_name"] == table), default=None
    )


def superseded_on(resends: list[Delivery]) -> Column:
    """Load date of the first better delivery of the row's data date, 9999-12-31 while there is none."""
    never = F.lit(FOREVER)
    better = [
        F.when((F.col("data_date") == F.lit(r.data_date)) & (F.col("resend_no") < r.resend_no), F.lit(r.load_date))
        for r in resends
    ]
    return reduce(lambda earliest, other: F.least(earliest, other), better, never) if better else never


def standing_rows(
    lake: Tables, feed: Feed, dates: DateRange, resends: list[Delivery], has_copies: bool = False
) -> DataFrame:
    """Bronze rows of a feed loaded in the range that stood for at least one night, each key once a load date.

    With `has_copies`, a later copy of an event stands from the night on which no earlier file with it does; that night is
    its `load_date`. Rows that ask for protection are kept whatever replaced their file, the wishes among the rows of one key
    each for itself (`nth_row` above 1): no file takes a wish away.
    """
    rows = read_nights(lake, feed.table, dates)
    rows = rows.withColumn("superseded_on", superseded_on(resends)).where(_stands(feed))
    if has_copies:
        rows = _without_copies(rows, lake.read(DUPLICATE_ROW), feed, dates, resends)
    if not feed.key:
        return rows
    # A night lies in one place for what follows: choosing the newest line, sums by night.
    return _once_per_night(rows.repartition("load_date") if dates.days > MANY_NIGHTS else rows, feed)


def _without_copies(
    rows: DataFrame, copies: DataFrame, feed: Feed, dates: DateRange, resends: list[Delivery]
) -> DataFrame:
    listed = copies.where(
        (F.col("feed") == feed.feed) & F.col("load_date").between(F.lit(dates.first), F.lit(dates.last))
    )
    stands_from = (
        listed.select(
            "file_id",
            "line_number",
            F.col("earlier_data_date").alias("data_date"),
            F.col("earlier_resend_no").alias("resend_no"),
        )
        .groupBy("file_id", "line_number")
        .agg(F.max(superseded_on(resends)).alias("stands_from"))
    )
    joined = rows.join(stands_from, ["file_id", "line_number"], "left")
    moved = joined.withColumn("load_date", F.greatest("load_date", F.coalesce("stands_from", "load_date")))
    return moved.where(_stands(feed)).select(*rows.columns)


def _stands(feed: Feed) -> Column:
    """Whether a row stood for at least one night, or asks for protection."""
    return (F.col("superseded_on") > F.col("load_date")) | _asks_for_protection(feed)


def _asks_for_protection(feed: Feed) -> Column:
    """Whether a row is somebody's wish: of a feed with a wish field those that fill it, else all rows that protect."""
    if feed.keeps_wishes and feed.wish_field:
        return F.coalesce(F.col(feed.wish_field), F.lit("")) != ""
    return F.lit(feed.keeps_wishes)


def _once_per_night(rows: DataFrame, feed: Feed) -> DataFrame:
    from pyspark.sql import Window

    personal = {field.name for field in feed.fields if field.personal}
    names = [f"{name}_token" if name in personal else name for name in feed.key]
    # A row whose identifier cannot be read is nobody else's row.
    own = F.when(F.col(names[0]).isNull(), F.concat_ws(":", "file_id", "line_number"))
    key = [*names, own] if feed.keeps_wishes else names
    newest = [F.col(name).desc() for name in ("data_date", "resend_no", "loaded_at", "file_id", "line_number")]
    # The hash comes first: rows are sorted by it, and keys of a feed look alike in their first letters.
    window = Window.partitionBy(F.xxhash64("load_date", *key), "load_date", *key).orderBy(*newest)
    if feed.keeps_wishes:
        is_kept = F.col("nth_row") == 1
        if feed.wish_field:
            is_kept |= _asks_for_protection(feed)
        return rows.withColumn("nth_row", F.row_number().over(window)).where(is_kept)
    # Not by row_number() = 1: Spark would sort all rows once more before they are spread, to drop those that hardly ever are.
    rows = rows.withColumn("has_newer", F.lag(F.lit(True)).over(window))
    return rows.where(F.col("has_newer").isNull()).drop("has_newer")


def feeds_with_copies(settings: Settings, dates: DateRange) -> set[str]:
    """Feeds of which a record loaded in the range is the later copy of another; most nights none, and reading costs nothing."""
    nights = [("load_date", ">=", dates.first), ("load_date", "<=", dates.last)]
    return set(delta_rs.read(settings, DUPLICATE_ROW, filters=nights, columns=["feed"])["feed"].to_pylist())


def register_feeds(lake: Tables, feeds: Iterable[str], dates: DateRange, prefix: str = "as_of") -> None:
    """Temporary views as_of_<feed>: what silver queries read instead of bronze tables."""
    known, copied = deliveries(lake.settings), feeds_with_copies(lake.settings, dates)
    for name in sorted(feeds):
        frame = standing_rows(lake, load_feeds()[name], dates, resends_of(known, name), name in copied)
        frame.createOrReplaceTempView(f"{prefix}_{name}")
